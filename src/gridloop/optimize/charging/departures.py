"""When cars really leave: learned from past sessions, told as the chance that a car that is still here is gone by then.

Drivers say when they will leave and err. What counts is the quotient of their stay and the stay they had announced:
among past sessions whose quotient is above that of a car now, the share whose quotient is below that of a later time is
the chance that the car is gone by then. Where a driver said nothing, the stays themselves take the place of quotients.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import MissingColumn, OutOfRange, listed
from gridloop.units import FloatArray

NEEDED = ("arrival", "departure", "user_departure", "energy_mwh")
SHORTEST_H = 0.25  # an announced stay below this says nothing: quotients of it would be of any size


@dataclass(frozen=True)
class DepartureRisk:
    """Past sessions as two sorted samples, and what was usual where a driver told nothing.

    quotients  stay / announced stay, of drivers who said when they would leave
    stays_h    stays of all others; of all sessions where there are none
    energy_mwh  median energy of drivers who did not say how much they want
    """

    quotients: FloatArray
    stays_h: FloatArray
    energy_mwh: float

    @classmethod
    def fit(cls, past: pd.DataFrame) -> DepartureRisk:
        """From sessions that are over: arrival, departure, user_departure (NaT where not said), energy_mwh.

        Raises `MissingColumn`, and `OutOfRange` where there are none.
        """
        missing = [name for name in NEEDED if name not in past.columns]
        if missing:
            raise MissingColumn(
                f"Past sessions lack {listed(missing)}; needed are {', '.join(NEEDED)}.", missing=missing
            )
        if past.empty:
            raise OutOfRange("There are no past sessions to learn departures from; give some weeks of them.")
        stay = _hours(past["departure"] - past["arrival"])
        said = _hours(past["user_departure"] - past["arrival"])
        told = np.isfinite(said)
        quotients = stay[told] / np.maximum(said[told], SHORTEST_H)
        others = stay[~told] if (~told).any() else stay
        energy = past["energy_mwh"].to_numpy(dtype=float)
        return cls(np.sort(quotients), np.sort(others), float(np.median(energy[~told] if (~told).any() else energy)))

    def gone(self, been_h: FloatArray, said_h: FloatArray, ahead_h: FloatArray) -> FloatArray:
        """Chance that a car is gone by then, given that it is here now. [session, moment]

        been_h   hours since its arrival. [session]
        said_h   stay that its driver announced; NaN where not said. [session]
        ahead_h  hours from now. [moment]
        """
        told = np.isfinite(said_h)
        unit = np.where(told, np.maximum(np.nan_to_num(said_h, nan=1.0), SHORTEST_H), 1.0)
        now = been_h / unit
        then = (been_h[:, None] + ahead_h[None, :]) / unit[:, None]
        found = np.empty(then.shape)
        for sample, mine in ((self.quotients, told), (self.stays_h, ~told)):
            if not mine.any():
                continue
            before = np.searchsorted(sample, now[mine], side="right")
            left = sample.size - before
            gone = np.searchsorted(sample, then[mine], side="right") - before[:, None]
            # Of who stayed longer than anyone did nothing is known: within an hour he is gone by two thirds, say.
            unknown = np.broadcast_to(1.0 - np.exp(-ahead_h), gone.shape)
            found[mine] = np.where(left[:, None] > 0, gone / np.maximum(left, 1)[:, None], unknown)
        return found


def _hours(stay: pd.Series) -> FloatArray:
    return np.asarray(stay.dt.total_seconds().to_numpy(dtype=float) / 3600.0)
