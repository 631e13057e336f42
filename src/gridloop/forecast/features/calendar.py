"""Calendar: time of day, weekday and working day of an interval, by the local clock."""

from __future__ import annotations

import numpy as np

from gridloop.forecast.moments import Moments
from gridloop.forecast.past import Past
from gridloop.units import FloatArray, IntArray

SUNDAY = 6


def local_slots(past: Past, slots: IntArray, zone: str) -> IntArray:
    """Slots on the local clock: the UTC slot plus the offset of the zone at that time. Same shape."""
    unique, inverse = np.unique(slots, return_inverse=True)
    utc = past.times(unique)
    offset = utc.tz_convert(zone).tz_localize(None).as_unit("ns").asi8 - utc.tz_localize(None).as_unit("ns").asi8
    return slots + (offset // past.step_ns)[inverse].reshape(slots.shape)


def weekday(local: IntArray, per_day: int) -> IntArray:
    """Monday 0 … Sunday 6 of local slots. 1 January 1970 was a Thursday."""
    return (local // per_day + 3) % 7


def day_type(local: IntArray, per_day: int) -> IntArray:
    """Working day 0, Saturday 1, Sunday 2 of local slots."""
    return np.clip(weekday(local, per_day) - 4, 0, 2)


def calendar(past: Past, moments: Moments, zone: str) -> dict[str, FloatArray]:
    """Columns [moment]: hour of the local day, weekday."""
    local = local_slots(past, moments.valid, zone)
    return {
        "hour": (local % past.per_day) * (24.0 / past.per_day),
        "weekday": weekday(local, past.per_day).astype(float),
    }
