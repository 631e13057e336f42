"""FleetPlan: what every car of a fleet is to charge and when, what that costs, and how sure that is the cheapest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from gridloop.diagnosis import Diagnosis
from gridloop.errors import OutOfRange
from gridloop.optimize.horizon import Horizon
from gridloop.units import FloatArray, IntArray


@dataclass(frozen=True)
class FleetPlan:
    """The cheapest charging of a fleet.

    table      one row per interval: ev_mw (mean power of all cars), base_mw, limit_mw (infinite without one), price
               (money per MWh) and limit_price, what one more MWh of limit would save (money per MWh)
    sessions   one row per session: energy_mwh to charge within the horizon, served_mwh, short_mwh, and of that
               short_of_stay_mwh: what does not fit into the stay at full power, whatever the limit
    power_mw   [cell]  mean powers by interval of every stay, one car after the other
    first, place  [session], [session + 1]  first interval of a stay, and where its values begin in `power_mw`
    cost       money: `parts` has it as import, ev_waiting and ev_unserved, as in `gl.schedule`
    gap        how much cheaper a charge could be at most, as a share of what is paid: by the prices of the limit, at
               which every car alone can do no better. Zero up to rounding
    status     optimal, or short where not all could be served; `diagnosis` says who, when and what would help
    """

    horizon: Horizon
    table: pd.DataFrame
    sessions: pd.DataFrame
    power_mw: FloatArray
    first: IntArray
    place: IntArray
    cost: float
    parts: Mapping[str, float]
    gap: float
    status: str = "optimal"
    diagnosis: Diagnosis | None = None
    arrival: pd.DatetimeIndex = field(default_factory=lambda: pd.DatetimeIndex([], tz="UTC"), repr=False)
    departure: pd.DatetimeIndex = field(default_factory=lambda: pd.DatetimeIndex([], tz="UTC"), repr=False)

    @property
    def peak_mw(self) -> float:
        """Highest mean power of cars and base load together."""
        return float((self.table["ev_mw"] + self.table["base_mw"]).max())

    def of(self, session: object) -> pd.Series:
        """Power of one session over the horizon, MW; index valid_at. Raises `OutOfRange` for an unknown name."""
        return self.powers([session]).iloc[0].rename(str(session))

    def powers(self, sessions: list[object] | None = None) -> pd.DataFrame:
        """Powers [session × interval], MW: of some sessions, or of all. Of a million cars ask for some."""
        ids = self.sessions.index
        rows = np.arange(len(ids)) if sessions is None else ids.get_indexer(pd.Index(sessions))
        if (rows < 0).any():
            unknown = [str(name) for name, row in zip(sessions or [], rows, strict=True) if row < 0]
            raise OutOfRange(f"{len(unknown)} sessions are not in this plan ({', '.join(unknown[:5])}).", ids=unknown)
        dense = np.zeros((rows.size, len(self.horizon)))
        for k, row in enumerate(rows):
            begin, end = self.place[row], self.place[row + 1]
            dense[k, self.first[row] : self.first[row] + end - begin] = self.power_mw[begin:end]
        return pd.DataFrame(dense, index=ids[rows], columns=self.horizon.starts)
