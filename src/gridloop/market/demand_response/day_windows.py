"""The same clock hours on many local days: values by day, interval and customer, NaN where there are none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.series.clock import require_utc
from gridloop.units import BoolArray, FloatArray

DAY = pd.Timedelta(days=1)


def step_of(meters: pd.DataFrame) -> pd.Timedelta:
    """Length of the intervals of a regular table. Raises `OutOfRange` where it is not regular."""
    times = require_utc(meters.index, "meters")
    gaps = np.diff(times.asi8)
    if not gaps.size or gaps[0] <= 0 or (gaps != gaps[0]).any():
        raise OutOfRange(
            "The meters' times are not regular. Give one row per interval, with NaN where a value is missing: "
            "meters.asfreq(step)."
        )
    return pd.Timedelta(int(gaps[0]), unit="ns")


def offsets_of(meters: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp, zone: str) -> pd.TimedeltaIndex:
    """Starts of the intervals in [start, end) on the local clock, since the local midnight of `start`.

    Raises `OutOfRange` where start and end do not lie on the meters' steps, counted from their own first time.
    """
    step, first = step_of(meters), meters.index[0]
    if (start - first) % step or (end - first) % step or end <= start:
        raise OutOfRange(
            f"{start} … {end} is no whole number of the meters' intervals of {step}.", start=start, end=end, step=step
        )
    times = pd.date_range(start, end, freq=step, inclusive="left").tz_convert(zone).tz_localize(None)
    return pd.TimedeltaIndex(times - times[0].normalize())


def on_days(meters: pd.DataFrame, days: pd.DatetimeIndex, offsets: pd.TimedeltaIndex, zone: str) -> FloatArray:
    """Values of clock hours on local days. [day, offset, customer]

    days     midnights without a zone
    offsets  since midnight on the clock; may be negative, or beyond a day
    A clock hour that a day does not have is missing; of one that it has twice the first is taken.
    """
    local = pd.DatetimeIndex((days.to_numpy()[:, None] + offsets.to_numpy()[None, :]).ravel())
    times = local.tz_localize(zone, ambiguous=np.ones(len(local), dtype=bool), nonexistent="NaT").tz_convert("UTC")
    row = meters.index.get_indexer(times.as_unit("ns"))
    values = meters.to_numpy(dtype=float)
    found = values[row]
    found[row < 0] = np.nan
    return np.asarray(found.reshape(len(days), len(offsets), values.shape[1]))


def local_days(meters: pd.DataFrame, zone: str) -> pd.DatetimeIndex:
    """All local days that the meters touch: midnights without a zone."""
    ends = pd.DatetimeIndex(meters.index[[0, -1]]).tz_convert(zone).tz_localize(None).normalize()
    return pd.date_range(ends[0], ends[1], freq="D")


def is_working(days: pd.DatetimeIndex, holidays: Sequence[dt.date]) -> BoolArray:
    """Where days are neither weekend nor holiday."""
    off = {pd.Timestamp(day) for day in holidays}
    return np.asarray((days.weekday < 5) & ~days.isin(list(off)))


def tidy(meters: pd.DataFrame) -> pd.DataFrame:
    """Meters with UTC times in nanoseconds and their customers' ids as text."""
    index = require_utc(meters.index, "meters")
    return pd.DataFrame(meters.to_numpy(dtype=float), index=index, columns=[str(name) for name in meters.columns])
