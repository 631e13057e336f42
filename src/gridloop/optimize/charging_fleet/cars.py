"""Cars: a table of sessions as arrays on the intervals of a horizon, checked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from gridloop.errors import MissingColumn, OutOfRange, listed
from gridloop.optimize.horizon import Horizon
from gridloop.units import FloatArray, IntArray

COLUMNS = ("arrival", "departure", "energy_mwh", "max_charge_mw")
NS_PER_HOUR = 3.6e12
# Share by which an energy may exceed its stay and still be one that just fits: rounding of power times hours.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Cars:
    """Sessions on a regular horizon. All [session]

    first, length  first interval of the stay and how many intervals it touches; 1 where there is no stay
    alpha, beta    shares of the first and the last of them that the car is there; with a length of 1 only alpha counts
    step_mwh       most energy in a whole interval
    need_mwh       to charge within the horizon: what is asked for, less what fits in after it
    fits_mwh       of that, what fits into the stay at full power
    priority       greater is served first
    """

    ids: pd.Index
    first: IntArray
    length: IntArray
    alpha: FloatArray
    beta: FloatArray
    step_mwh: FloatArray
    need_mwh: FloatArray
    fits_mwh: FloatArray
    priority: FloatArray

    def __len__(self) -> int:
        return int(self.first.size)

    @property
    def depth(self) -> int:
        """Longest stay, in intervals."""
        return int(self.length.max(initial=1))

    @cached_property
    def place(self) -> IntArray:
        """Where the values of a car begin in a row of all cars' stays, and their number at the end. [session + 1]"""
        return np.concatenate([[0], np.cumsum(self.length)]).astype(np.int64)

    def wanting(self, energy_mwh: FloatArray) -> FloatArray:
        """An energy of every car, in whole intervals of its own. [session]"""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.step_mwh > 0.0, energy_mwh / self.step_mwh, 0.0)

    def most_in(self, chosen: FloatArray) -> FloatArray:
        """Energy that fits in some of the intervals at full power, whatever is needed. chosen [step], 1 or 0; MWh"""
        last = self.first + self.length - 1
        before = np.concatenate([[0.0], np.cumsum(chosen)])
        inside = np.where(self.length > 2, before[last] - before[np.minimum(self.first + 1, last)], 0.0)
        ends = self.alpha * chosen[self.first] + np.where(self.length > 1, self.beta * chosen[last], 0.0)
        return np.asarray(self.step_mwh * (inside + ends))

    def rows(self, begin: int, end: int) -> Cars:
        """Some of the cars, in a row."""
        names = ("first", "length", "alpha", "beta", "step_mwh", "need_mwh", "fits_mwh", "priority")
        return replace(self, ids=self.ids[begin:end], **{name: getattr(self, name)[begin:end] for name in names})


def cars_of(sessions: pd.DataFrame, horizon: Horizon) -> Cars:
    """The sessions of a table, as `charge_fleet` takes it.

    Raises `MissingColumn`, and `OutOfRange` for the first thing that is wrong, with the sessions' names.
    """
    _check(sessions)
    start, end = horizon.starts.asi8[0], horizon.ends.as_unit("ns").asi8[-1]
    width = round(float(horizon.hours[0]) * NS_PER_HOUR)
    steps = len(horizon)
    arrival, departure = (pd.DatetimeIndex(sessions[name]).as_unit("ns").asi8 for name in ("arrival", "departure"))
    power = sessions["max_charge_mw"].to_numpy(dtype=float)
    asked = sessions["energy_mwh"].to_numpy(dtype=float)
    come = np.clip(arrival, start, end) - start
    gone = np.clip(departure, start, end) - start
    there = gone > come
    first = np.where(there, np.minimum(come // width, steps - 1), 0)
    last = np.where(there, np.minimum((gone - 1) // width, steps - 1), 0)
    length = last - first + 1
    alpha = np.where(there, (np.minimum(gone, (first + 1) * width) - come) / width, 0.0)
    beta = np.where(there, (gone - np.maximum(come, last * width)) / width, 0.0)
    later = np.clip(departure - np.maximum(arrival, end), 0, None) / NS_PER_HOUR
    need = np.clip(asked - power * later, 0.0, None)
    within = power * (gone - come) / NS_PER_HOUR
    step_mwh = power * (width / NS_PER_HOUR)
    priority = sessions["priority"].fillna(0.0).to_numpy(dtype=float) if "priority" in sessions else np.zeros(len(need))
    return Cars(
        ids=sessions.index,
        first=first,
        length=length,
        alpha=alpha,
        beta=beta,
        step_mwh=step_mwh,
        need_mwh=need,
        fits_mwh=np.where(within >= need * (1.0 - ROUNDING), need, within),
        priority=priority,
    )


def _check(sessions: pd.DataFrame) -> None:
    missing = [name for name in COLUMNS if name not in sessions.columns]
    if missing:
        raise MissingColumn(f"EV sessions lack {listed(missing)}; needed are {', '.join(COLUMNS)}.", missing=missing)
    for name in ("arrival", "departure"):
        if len(sessions) and pd.DatetimeIndex(sessions[name]).tz is None:
            raise OutOfRange(f"EV sessions: {name} has no time zone; give UTC (convention 4).")
    doubled = np.zeros(len(sessions), dtype=bool) if sessions.index.is_unique else sessions.index.duplicated()
    laws = [
        (doubled, "have a name that stands more than once; every session needs its own"),
        (~(sessions["departure"] > sessions["arrival"]).to_numpy(), "leave before they arrive"),
    ]
    for name in ("energy_mwh", "max_charge_mw"):
        values = sessions[name].to_numpy(dtype=float)
        laws.append((~((values >= 0) & np.isfinite(values)), f"have {name} negative or missing"))
    for wrong, what in laws:
        if wrong.any():
            ids = [str(i) for i in sessions.index[wrong]]
            raise OutOfRange(f"{len(ids)} of {len(sessions)} EV sessions {what} ({listed(ids)}).", sessions=ids)
