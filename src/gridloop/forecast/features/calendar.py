"""Calendar: time of day and weekday of an interval, by the local clock."""

from __future__ import annotations

from gridloop.forecast.known.local import local_slots, weekday
from gridloop.forecast.known.moments import Moments
from gridloop.forecast.known.past import Past
from gridloop.units import FloatArray


def calendar(past: Past, moments: Moments, zone: str) -> dict[str, FloatArray]:
    """Columns [moment]: hour of the local day, weekday."""
    local = local_slots(past, moments.valid, zone)
    return {
        "hour": (local % past.per_day) * (24.0 / past.per_day),
        "weekday": weekday(local, past.per_day).astype(float),
    }
