"""Local clock: slots by the clock of a zone, its changes included, and the day of the week."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd

from gridloop.forecast.known.past import NS_PER_DAY, Past
from gridloop.units import IntArray

NS_PER_S = 1_000_000_000
KNOWN = range(100 * 365 * NS_PER_DAY)
"""Times [ns since 1970] whose changes of the clock are looked up once; what lies outside is asked one by one."""


def local_slots(past: Past, slots: IntArray, zone: str) -> IntArray:
    """Slots on the local clock: the UTC slot plus the offset of the zone at that time. Same shape."""
    utc = np.asarray(slots, dtype=np.int64) * past.step_ns
    if utc.size and (utc.min() < KNOWN.start or utc.max() >= KNOWN.stop):
        offset = _offset(utc.ravel(), zone).reshape(utc.shape)
    else:
        changes, offsets = _changes(zone)
        offset = offsets[np.searchsorted(changes, utc, side="right")]
    return slots + offset // past.step_ns


@lru_cache(maxsize=64)
def _changes(zone: str) -> tuple[IntArray, IntArray]:
    """When the zone's offset changes within `KNOWN`, and the offset before the first and after each change. [ns]

    Asking pandas for the offset of every slot costs more than all else that a day's forecast does.
    """
    days = np.append(np.arange(KNOWN.start, KNOWN.stop, NS_PER_DAY), KNOWN.stop)
    offsets = _offset(days, zone)
    at = np.flatnonzero(offsets[1:] != offsets[:-1])
    before, after = days[at], days[at + 1]
    while len(at) and (after - before > NS_PER_S).any():
        middle = (before + after) // 2 // NS_PER_S * NS_PER_S
        moved = _offset(middle, zone) == offsets[at]
        before, after = np.where(moved, middle, before), np.where(moved, after, middle)
    return after, np.append(offsets[:1], offsets[at + 1])


def _offset(utc: IntArray, zone: str) -> IntArray:
    """Local clock minus UTC at times since 1970. [ns]"""
    local = pd.DatetimeIndex(utc, tz="UTC").tz_convert(zone).tz_localize(None).as_unit("ns")
    return np.asarray(local.asi8 - utc)


def weekday(local: IntArray, per_day: int) -> IntArray:
    """Monday 0 … Sunday 6 of local slots. 1 January 1970 was a Thursday."""
    return (local // per_day + 3) % 7


def day_type(local: IntArray, per_day: int) -> IntArray:
    """Working day 0, Saturday 1, Sunday 2 of local slots."""
    return np.clip(weekday(local, per_day) - 4, 0, 2)
