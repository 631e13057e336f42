"""Days of a meter: energy by local day beside what drives it, and how a day's energy lies over its hours.

A day counts where all of its values are there; what is missing is missing, and is not made up.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import GapInSeries, OutOfRange, listed
from gridloop.market.demand_response.day_windows import is_working, step_of, tidy
from gridloop.units import BoolArray, FloatArray

HOUR = pd.Timedelta(hours=1)
WORKING, SATURDAY, OFF = "working day", "saturday", "sunday or holiday"


@dataclass(frozen=True, eq=False)
class Days:
    """Whole local days of a meter.

    energy_mwh  [day]  by local midnight without a zone
    drivers     [day × driver]  means over the day, without gaps
    left_out    days of the span that lack a value
    """

    energy_mwh: pd.Series
    drivers: pd.DataFrame
    left_out: int

    def __len__(self) -> int:
        return len(self.energy_mwh)


def days_of(meter_mw: pd.Series, drivers: pd.DataFrame | None, zone: str) -> Days:
    """Energy and mean drivers of all whole local days.

    meter_mw  mean power, regular, UTC; NaN where missing
    drivers   rows of any regular length, UTC, or one per local day without a zone; numbers

    Raises `OutOfRange` where the meter is not regular, or a driver is no number.
    """
    table = tidy(meter_mw.to_frame("p_mw"))
    step = step_of(table)
    local = _midnights(pd.DatetimeIndex(table.index), zone)
    grouped = table["p_mw"].groupby(local)
    energy = grouped.sum(min_count=1) * (step / HOUR)
    # A clock change makes days of 23 and 25 hours: what a day must have follows from its own ends.
    known_days = pd.DatetimeIndex(energy.index)
    edges = pd.DatetimeIndex([*known_days, known_days[-1] + pd.Timedelta(days=1)])
    at = edges.tz_localize(zone, ambiguous=np.ones(len(edges), dtype=bool), nonexistent="shift_forward")
    whole = np.round(np.diff(at.tz_convert("UTC").as_unit("ns").asi8) / step.value).astype(int)
    energy = energy[grouped.count().to_numpy() >= whole]
    none = pd.DataFrame(index=energy.index)
    found = none if drivers is None else driver_days(drivers, zone).reindex(energy.index)
    known = found.notna().all(axis=1).to_numpy(dtype=bool) & np.isfinite(energy.to_numpy(dtype=float))
    return Days(energy[known], found[known], len(whole) - int(known.sum()))


def driver_days(drivers: pd.DataFrame, zone: str) -> pd.DataFrame:
    """Means of drivers by local day; a day of which more than a quarter is missing is missing."""
    words = [str(name) for name in drivers.columns if not pd.api.types.is_numeric_dtype(drivers[name])]
    if words:
        raise OutOfRange(f"drivers: {listed(words)} must be numbers; give one column of 0 and 1 per word.")
    index = pd.DatetimeIndex(drivers.index)
    local = index.normalize() if index.tz is None else _midnights(index, zone)
    grouped = drivers.astype(float).groupby(local)
    share = grouped.count().div(grouped.size(), axis=0)
    means: pd.DataFrame = grouped.mean().where(share >= 0.75)
    return means


def kinds_of(days: pd.DatetimeIndex, holidays: Sequence[dt.date]) -> np.ndarray:
    """Working day, Saturday, or Sunday and holidays. [day]"""
    working = is_working(days, holidays)
    saturday = (days.weekday == 5) & ~days.isin([pd.Timestamp(day) for day in holidays])
    return np.where(working, WORKING, np.where(saturday, SATURDAY, OFF)).astype(object)


def shape_of(meter_mw: pd.Series, zone: str, holidays: Sequence[dt.date]) -> pd.DataFrame:
    """Share of a day's energy by clock time, for each kind of day. clock [hours] × kind; every column sums to 1.

    A kind of day that the record lacks has the shape of all days.
    """
    values = meter_mw.dropna()
    local = pd.DatetimeIndex(values.index).tz_convert(zone)
    clock = np.asarray(local.hour + local.minute / 60)
    kind = kinds_of(local.tz_localize(None).normalize(), holidays)
    means = values.groupby([clock, kind]).mean().unstack()
    means = means.reindex(columns=[WORKING, SATURDAY, OFF])
    every = values.groupby(clock).mean()
    means = means.apply(lambda column: column.fillna(every))
    total = means.sum()
    flat = pd.Series(1.0 / len(means), index=means.index)
    shares: pd.DataFrame = means.div(total.where(total > 0)).apply(lambda column: column.fillna(flat))
    return shares


def spread(energy_mwh: pd.Series, index: pd.DatetimeIndex, shape: pd.DataFrame, zone: str,
           holidays: Sequence[dt.date]) -> pd.Series:  # fmt: skip
    """A day's energy over its intervals, MWh; days without energy are missing."""
    local = index.tz_convert(zone)
    clock = np.asarray(local.hour + local.minute / 60)
    day = local.tz_localize(None).normalize()
    if not set(clock) <= set(shape.index):
        raise OutOfRange(
            "The meter of the reporting period has other clock times than that of the baseline; "
            "give both in intervals of the same length."
        )
    weight = shape.stack().reindex(pd.MultiIndex.from_arrays([clock, kinds_of(day, holidays)])).to_numpy(dtype=float)
    share = pd.Series(weight, index=index)
    share = share / share.groupby(day).transform("sum")
    found: pd.Series = share * energy_mwh.reindex(day).to_numpy(dtype=float)
    return found


def require_gapless(series: pd.Series, what: str) -> FloatArray:
    """Values of a series. Raises `GapInSeries` where one is missing."""
    values = series.to_numpy(dtype=float)
    missing: BoolArray = ~np.isfinite(values)
    if missing.any():
        raise GapInSeries(
            f"{what}: {int(missing.sum())} of {values.size} values are missing (first at "
            f"{series.index[int(np.argmax(missing))]}). Fill them by name.",
            missing=int(missing.sum()),
        )
    return values


def _midnights(index: pd.DatetimeIndex, zone: str) -> pd.DatetimeIndex:
    return index.tz_convert(zone).tz_localize(None).normalize()
