"""LoadForecaster: demand of load groups from the same time of earlier days, the newest readings and the calendar."""

from __future__ import annotations

from functools import partial

import numpy as np

from gridloop.forecast.design import Design
from gridloop.forecast.direct import DirectForecaster, Persistence
from gridloop.forecast.features.calendar import calendar, day_type, local_slots
from gridloop.forecast.features.lags import Recent, earlier_days, known_mean, ranked, same_time
from gridloop.forecast.models import persistence
from gridloop.forecast.moments import Moments, look
from gridloop.forecast.past import Past
from gridloop.units import FloatArray, IntArray

DAYS = 28
SMOOTH_STEPS = 2
"""Yesterday and last week are also seen as means with so many neighbours on either side: a quarter-hour is noise."""

LEAST_KNOWN = 0.7
"""Share of the last 7 days that must be known for the model to be asked."""


class LoadForecaster(DirectForecaster):
    """Quantiles of consumption. [MW]

    Answers are in multiples of the point's own mean over the last 28 days, so that one model serves points of any size.
    Fallbacks: the same time a week ago, yesterday, climatology.
    """

    kind = "load"

    def _persistence(self) -> dict[str, Persistence]:
        return {
            "week": partial(persistence.week, zone=self.zone),
            "day": partial(persistence.day, zone=self.zone),
        }

    def _design(self, past: Past, moments: Moments) -> Design:
        recent = Recent(past)
        day = past.per_day
        hour = max(1, day // 24)
        slots = earlier_days(past, moments, DAYS, zone=self.zone)
        days = same_time(past, moments, slots)
        ordered = np.sort(days, axis=1)
        local = local_slots(past, slots, self.zone)
        same_type = day_type(local, day) == day_type(local_slots(past, moments.valid, self.zone), day)[:, None]
        week_slots = earlier_days(past, moments, 4, zone=self.zone, every=7)
        weeks = same_time(past, moments, week_slots)
        month = recent.mean(moments.known, DAYS * day)
        scale = np.maximum(np.nan_to_num(month), 0.2 * self._unit)

        columns = calendar(past, moments, self.zone)
        columns["lead"] = (moments.valid[:, None] - recent.newest(moments.known)).astype(float)
        columns["point"] = np.arange(len(past.points), dtype=float)[None, :].repeat(len(moments), axis=0)
        values = {
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
        }
        columns |= {name: value / scale for name, value in values.items()}
        age = moments.known[:, None] - recent.newest(moments.known)
        sound = (
            np.isfinite(days[:, 0])
            & np.isfinite(month)
            & (age <= 2 * hour)
            & (recent.known_share(moments.known, 7 * day) >= LEAST_KNOWN)
        )
        weight = np.broadcast_to(np.sqrt(self._unit / self._unit.mean()), scale.shape)
        return Design(columns, np.zeros_like(scale), scale, weight, np.ones(scale.shape, dtype=bool), sound)


def _around(past: Past, moments: Moments, slots: IntArray) -> FloatArray:
    """Mean over `SMOOTH_STEPS` neighbours on either side of slots. [moment, point]"""
    near = slots[:, None] + np.arange(-SMOOTH_STEPS, SMOOTH_STEPS + 1)
    return known_mean(look(past, near, moments.known))


def _usual(recent: Recent, moments: Moments, steps: int, per_day: int) -> FloatArray:
    """What the newest `steps` intervals brought on each of the last 7 days, on average. [moment, point]"""
    days = [recent.mean(moments.known, steps, back=k * per_day) for k in range(1, 8)]
    return np.asarray(np.mean(days, axis=0))
