"""Time at the edge: local clocks into UTC and back, local days, regular steps.

Inside the library every time is UTC (convention 4). A local day is as long as its zone makes it: 24 hours, less or
more where the clocks change, so 92, 96 or 100 quarter-hours where they change by an hour.
"""

from __future__ import annotations

import datetime as dt
from difflib import get_close_matches
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, OutOfRange, listed
from gridloop.units import BoolArray, IntArray

QUARTER_HOUR = pd.Timedelta(minutes=15)

Ambiguous = Literal["by order", "first", "second"]


def zone(name: str) -> ZoneInfo:
    """A time zone by its IANA name, such as "Europe/Berlin". Raises `BadInput` where there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # absent, malformed, or a folder of the zone data
        near = get_close_matches(name, available_timezones(), n=3, cutoff=0.5)
        hint = f"; did you mean {listed(near)}?" if near else "."
        raise BadInput(
            f"{name!r} is no time zone; allowed are IANA names such as Europe/Berlin or UTC{hint}", zone=name, near=near
        ) from None


def utc(time: str | dt.datetime | pd.Timestamp) -> pd.Timestamp:
    """One moment in UTC, from a text or a time that says its zone. Raises `BadInput` where it does not."""
    try:
        moment = pd.Timestamp(time)
    except (ValueError, TypeError):
        raise BadInput(f"{time!r} is no time. Write it like 2016-07-25T00:00+00:00.", time=time) from None
    if pd.isna(moment):
        raise BadInput("the time is missing (NaT). Give a moment with its zone.", time=time)
    if moment.tzinfo is None:
        raise BadInput(
            f"{time} has no zone. Write its offset, as in {moment.isoformat()}+00:00, or resolve it with to_utc.",
            time=time,
        )
    return moment.tz_convert("UTC").as_unit("ns")


def require_utc(times: pd.Index | pd.Series, what: str) -> pd.DatetimeIndex:
    """The times in UTC, in nanoseconds. Raises `BadInput` where they are no times, one is missing or has no zone.

    what   how the message names them, such as "readings: valid_at"
    """
    if not isinstance(times.dtype, pd.DatetimeTZDtype):
        if pd.api.types.is_datetime64_dtype(times.dtype):
            raise BadInput(
                f"{what}: the {len(times)} times have no zone. Local times become UTC by "
                "gridloop.series.to_utc(times, zone); UTC ones by .tz_localize('UTC').",
                count=len(times),
            )
        raise BadInput(f"{what}: needed are times with a zone, found {times.dtype}. Convert with pandas.to_datetime.")
    index = pd.DatetimeIndex(times)
    if index.hasnans:
        count = int(np.count_nonzero(index.isna()))
        raise BadInput(f"{what}: {count} of {len(index)} times are missing. Drop these rows or mend them.", count=count)
    return index.tz_convert("UTC").as_unit("ns")


def to_utc(local: pd.DatetimeIndex, zone_name: str, *, ambiguous: Ambiguous = "by order") -> pd.DatetimeIndex:
    """Times of a local clock, in order and without a zone, in UTC.

    local      one after the other in time; a clock that falls back shows an hour twice, order tells which is which
    ambiguous  for a time that the clock shows twice and that order does not decide (the hour is there only once):
               "by order" refuses it, "first" and "second" say which of the two it is

    Raises `BadInput` where times are undecided, `OutOfRange` where the clock never shows one (it jumped forward over
    it) or where they do not go forward.
    """
    name = zone_name
    if local.tz is not None:
        raise BadInput(
            f"to_utc: the times have the zone {local.tz} already. Use .tz_convert('UTC').", zone=str(local.tz)
        )
    if local.hasnans:
        count = int(np.count_nonzero(local.isna()))
        raise BadInput(f"to_utc: {count} of {len(local)} times are missing. Drop these rows or mend them.", count=count)
    first, second = _readings_of_clock(local, zone(name), name)
    earliest, latest = _in_order(first, second, local, name)
    undecided = earliest != latest
    if undecided.any() and ambiguous == "by order":
        raise BadInput(
            f"to_utc: {int(undecided.sum())} of {len(local)} times come once although the clocks of {name} show them "
            f"twice, first {_shown(local[undecided][0])}. Give both hours, times with an offset, or "
            "ambiguous='first' or 'second'.",
            count=int(undecided.sum()),
            first=local[undecided][0],
        )
    return pd.DatetimeIndex(latest if ambiguous == "second" else earliest, tz="UTC", name=local.name)


def to_local(times: pd.DatetimeIndex, zone_name: str) -> pd.DatetimeIndex:
    """UTC times on the clock of a zone, for people; they keep their offset."""
    return require_utc(times, "to_local").tz_convert(zone(zone_name)).rename(times.name)


def day_of(times: pd.DatetimeIndex, zone_name: str) -> pd.DatetimeIndex:
    """The local day of every UTC time: midnights without a zone."""
    return to_local(times, zone_name).tz_localize(None).normalize()


def day_start(day: str | dt.date | pd.Timestamp, zone_name: str) -> pd.Timestamp:
    """The first moment of a local day, in UTC; not always at 00:00, for some clocks change at midnight."""
    midnight, place = _midnight(day).to_pydatetime(), zone(zone_name)
    # Where the clock shows midnight twice this is the first; where it jumps over it, a moment after the jump.
    moment = midnight.replace(tzinfo=place, fold=0).astimezone(dt.UTC)
    minute = dt.timedelta(minutes=1)
    while (moment - minute).astimezone(place).replace(tzinfo=None) >= midnight:
        moment -= minute
    return pd.Timestamp(moment).as_unit("ns")


def local_day(day: str | dt.date | pd.Timestamp, zone_name: str, step: pd.Timedelta = QUARTER_HOUR) -> pd.DatetimeIndex:
    """UTC starts of the intervals of a local day: 96 quarter-hours, or 92 or 100 where the clocks change by an hour.

    Raises `BadInput` where the day is none or the zone is unknown, `OutOfRange` where the day is no whole number of
    steps (Lord Howe Island moves its clocks by half an hour) or the zone left the day out (Samoa, 30 December 2011).
    """
    start = day_start(day, zone_name)
    end = day_start(_midnight(day) + pd.Timedelta(days=1), zone_name)
    length = end - start
    if length <= pd.Timedelta(0):
        raise OutOfRange(
            f"{zone_name} had no {_midnight(day).date()}: its calendar jumped over it.", day=_midnight(day)
        )
    if step <= pd.Timedelta(0) or length % step != pd.Timedelta(0):
        hours = length / pd.Timedelta(hours=1)
        raise OutOfRange(
            f"{_midnight(day).date()} in {zone_name} has {hours:g} hours, which is no whole number of steps of {step}. "
            "Choose a step that divides it, such as 15 minutes.",
            day=_midnight(day),
            hours=hours,
            step=step,
        )
    return pd.date_range(start, end, freq=step, inclusive="left", name="valid_at")


def on_clock(times: pd.DatetimeIndex, step: pd.Timedelta) -> BoolArray:
    """Where times lie on the UTC clock of a step, such as whole quarter-hours."""
    return np.asarray(require_utc(times, "on_clock").asi8 % step.as_unit("ns").value == 0)


def is_quarter_hour(times: pd.DatetimeIndex) -> BoolArray:
    """Where times are whole quarter-hours."""
    return on_clock(times, QUARTER_HOUR)


def _midnight(day: str | dt.date | pd.Timestamp) -> pd.Timestamp:
    try:
        moment = pd.Timestamp(day)
    except (ValueError, TypeError):
        raise BadInput(f"{day!r} is no day. Write it like 2016-07-25.", day=day) from None
    if pd.isna(moment) or moment.tzinfo is not None or moment != moment.normalize():
        raise BadInput(f"{day!r} is no day: it has a time or a zone. Write it like 2016-07-25.", day=day)
    return moment


def _readings_of_clock(local: pd.DatetimeIndex, place: ZoneInfo, name: str) -> tuple[IntArray, IntArray]:
    """The one or two moments at which the clock shows each time, in nanoseconds UTC; first ≤ second."""
    unit = local.as_unit("ns")
    sides = [unit.tz_localize(place, ambiguous=np.full(len(unit), side), nonexistent="NaT") for side in (True, False)]
    never = sides[0].isna()
    if never.any():
        count = int(np.count_nonzero(never))
        raise OutOfRange(
            f"to_utc: {count} of {len(local)} times never are in {name}, first {_shown(local[never][0])}: "
            "the clocks went forward over it. Check the zone, or leave these rows out.",
            count=count,
            first=local[never][0],
        )
    return sides[0].asi8, sides[1].asi8


def _in_order(first: IntArray, second: IntArray, local: pd.DatetimeIndex, name: str) -> tuple[IntArray, IntArray]:
    """The earliest and the latest choice between first and second that goes forward all the way."""
    if len(first) == 0:
        return first, second
    earliest = first.copy()
    for i in _after_ambiguous(first, second):
        if earliest[i] <= earliest[i - 1]:
            earliest[i] = second[i]
    stuck = np.flatnonzero(np.diff(earliest) <= 0)
    if len(stuck):
        at = int(stuck[0])
        raise OutOfRange(
            f"to_utc: {len(stuck)} of {len(local)} times do not go forward in {name}: after {_shown(local[at])} comes "
            f"{_shown(local[at + 1])}. Sort them, keep one of each, and convert one point at a time.",
            count=len(stuck),
            first=local[at + 1],
        )
    latest = second.copy()
    for i in _after_ambiguous(first, second)[::-1]:
        if latest[i - 1] >= latest[i]:
            latest[i - 1] = first[i - 1]
    return earliest, latest


def _after_ambiguous(first: IntArray, second: IntArray) -> IntArray:
    """Rows whose order with the row before can be a matter of choice."""
    open_ = first != second
    return np.flatnonzero(open_[1:] | open_[:-1]) + 1


def _shown(time: pd.Timestamp) -> str:
    return f"{time:%Y-%m-%d %H:%M}"
