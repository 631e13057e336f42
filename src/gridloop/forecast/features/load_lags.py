"""Load lags: what a load did at the same time of earlier days and just before issue, in its own megawatts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gridloop.forecast.features.lags import Recent, earlier_days, known_mean, ranked, same_time
from gridloop.forecast.known.local import day_type, local_slots
from gridloop.forecast.known.moments import Moments, look
from gridloop.forecast.known.past import Past
from gridloop.units import FloatArray, IntArray

DAYS = 28
SMOOTH_STEPS = 2
"""Yesterday and last week are also seen as means with so many neighbours on either side: a quarter-hour is noise."""


def load_lags(
    past: Past,
    moments: Moments,
    zone: str,
    sort: Callable[[IntArray, int], IntArray] = day_type,
) -> dict[str, FloatArray]:
    """Name → [moment, point] MW; `month` is the mean over the newest `DAYS` days.

    sort  (local slots, intervals per day) → sort of day, for the mean over days of the same sort
    """
    recent = Recent(past)
    day = past.per_day
    hour = max(1, day // 24)
    slots = earlier_days(past, moments, DAYS, zone=zone)
    days = same_time(past, moments, slots)
    ordered = np.sort(days, axis=1)
    local = local_slots(past, slots, zone)
    same_type = sort(local, day) == sort(local_slots(past, moments.valid, zone), day)[:, None]
    week_slots = earlier_days(past, moments, 4, zone=zone, every=7)
    weeks = same_time(past, moments, week_slots)
    return {
        "day": days[:, 0],
        "week": weeks[:, 0],
        "day_smooth": _around(past, moments, slots[:, 0]),
        "week_smooth": _around(past, moments, week_slots[:, 0]),
        "mean_3": known_mean(days[:, :3]),
        "mean_7": known_mean(days[:, :7]),
        "mean_28": known_mean(days),
        "mean_weeks": known_mean(weeks),
        "mean_type": known_mean(days, same_type),
        "low": ranked(ordered, 0.1),
        "middle": ranked(ordered, 0.5),
        "high": ranked(ordered, 0.9),
        "newest": recent.last(moments.known),
        "newest_1h": recent.mean(moments.known, hour),
        "newest_4h": recent.mean(moments.known, 4 * hour),
        "newest_24h": recent.mean(moments.known, day),
        "newest_7d": recent.mean(moments.known, 7 * day),
        "unusual_1h": recent.mean(moments.known, hour) - _usual(recent, moments, hour, day),
        "unusual_4h": recent.mean(moments.known, 4 * hour) - _usual(recent, moments, 4 * hour, day),
        "month": recent.mean(moments.known, DAYS * day),
    }


def _around(past: Past, moments: Moments, slots: IntArray) -> FloatArray:
    """Mean over `SMOOTH_STEPS` neighbours on either side of slots. [moment, point]"""
    near = slots[:, None] + np.arange(-SMOOTH_STEPS, SMOOTH_STEPS + 1)
    return known_mean(look(past, near, moments.known))


def _usual(recent: Recent, moments: Moments, steps: int, per_day: int) -> FloatArray:
    """What the newest `steps` intervals brought on each of the last 7 days, on average. [moment, point]"""
    days = [recent.mean(moments.known, steps, back=k * per_day) for k in range(1, 8)]
    return np.asarray(np.mean(days, axis=0))
