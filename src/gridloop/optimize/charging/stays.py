"""Stays: sessions of a fleet on the intervals of a horizon, as arrays that baselines and fast models share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.devices.ev_limits import Shared, shared_limits
from gridloop.optimize.devices.ev_sessions import energy_at_plug, numbers, plug_in, words
from gridloop.optimize.horizon import Horizon
from gridloop.units import BoolArray, FloatArray


@dataclass(frozen=True)
class Stays:
    """Who is there when, and what they need.

    since, until   hours from the start of the horizon between which a car holds a port. [session]
    energy_mwh     asked for at the plug; within_mwh  of that what cannot wait until after the horizon. [session]
    power_mw       at most. [session]
    most_mwh       at most in each interval. [session, step]
    never          True where a car found no port. [session]
    shared         limits of stations and of the fleet
    """

    ids: list[str]
    horizon: Horizon
    since: FloatArray
    until: FloatArray
    energy_mwh: FloatArray
    within_mwh: FloatArray
    power_mw: FloatArray
    priority: FloatArray
    most_mwh: FloatArray
    never: BoolArray
    shared: list[Shared]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def alone_mwh(self) -> FloatArray:
        """What each could have within the horizon were no other car there. [session]"""
        return np.asarray(np.minimum(self.within_mwh, self.most_mwh.sum(axis=1)))


def as_fleet(fleet: EVFleet | pd.DataFrame) -> EVFleet:
    """A table of sessions is a fleet with the usual numbers."""
    return fleet if isinstance(fleet, EVFleet) else EVFleet(fleet)


def stays_of(fleet: EVFleet | pd.DataFrame, horizon: Horizon) -> Stays:
    """The stays of all sessions of a fleet. Raises as `EVFleet` does."""
    fleet = as_fleet(fleet)
    table = fleet.sessions
    ids = [str(i) for i in table.index]
    plugged = plug_in(ids, table["arrival"], table["departure"], words(table, "station"), fleet.ports)
    since, until = (_hours(times, horizon) for times in (plugged.since, table["departure"]))
    begin, end = horizon.waiting, horizon.waiting + horizon.hours
    there = np.clip(np.minimum(until[:, None], end) - np.maximum(since[:, None], begin), 0.0, None)
    power, energy = table["max_charge_mw"].to_numpy(dtype=float), energy_at_plug(table)
    later = np.clip(until - np.maximum(since, end[-1]), 0.0, None)
    within = np.clip(energy - power * later, 0.0, None)
    priority = numbers(table, "priority", 0.0)
    shared = shared_limits([fleet])
    most = power[:, None] * there
    return Stays(ids, horizon, since, until, energy, within, power, priority, most, plugged.never, shared)


def each_step(values: float | Sequence[float] | FloatArray | pd.Series, horizon: Horizon, name: str) -> FloatArray:
    """One number per interval, from one for all or one each. Raises `OutOfRange`. [step]"""
    if isinstance(values, pd.Series) and not same_times(values.index, horizon):
        raise OutOfRange(f"{name} is a series with times other than those of the intervals; give it on their index.")
    found = np.asarray(values, dtype=float)
    if found.ndim and found.size not in (1, len(horizon)):
        raise OutOfRange(
            f"{name} has {found.size} values for {len(horizon)} intervals; give one, or one each.", name=name
        )
    if np.isnan(found).any():
        raise OutOfRange(f"{name} has {int(np.isnan(found).sum())} missing values; fill them by name.", name=name)
    return np.array(np.broadcast_to(found.ravel() if found.ndim else found, (len(horizon),)))


def same_times(index: pd.Index, horizon: Horizon) -> bool:
    """Whether these are the starts of the intervals, in whatever zone."""
    times = isinstance(index, pd.DatetimeIndex) and index.tz is not None
    return times and np.array_equal(pd.DatetimeIndex(index).as_unit("ns").asi8, horizon.starts.asi8)


def _hours(times: pd.Series, horizon: Horizon) -> FloatArray:
    since = pd.DatetimeIndex(times).as_unit("ns").asi8 - horizon.starts.asi8[0]
    return np.asarray(since / 3.6e12)
