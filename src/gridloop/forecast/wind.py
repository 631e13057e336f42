"""WindForecaster: output of wind farms from where it is, where it was heading and how long such wind lasts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from gridloop.forecast.design import Design
from gridloop.forecast.direct import DirectForecaster, Persistence
from gridloop.forecast.features.calendar import calendar
from gridloop.forecast.features.lags import Recent, earlier_days, known_mean, same_time
from gridloop.forecast.models import persistence
from gridloop.forecast.moments import Moments
from gridloop.forecast.past import Past

OLDEST_H = 6
"""A last value older than this no longer stands for what comes."""


class WindForecaster(DirectForecaster):
    """Quantiles of wind power. [MW]

    capacity  per point [MW]; answers are departures from the last known value, in shares of it
    Fallbacks: the last known value, as long as it is at most 6 h old, then climatology.
    """

    kind = "wind"

    def __init__(self, capacity: Mapping[str, float], *, zone: str = "UTC", seed: int = 0, threads: int = 2) -> None:
        super().__init__(capacity=capacity, zone=zone, seed=seed, threads=threads)

    def _persistence(self) -> dict[str, Persistence]:
        return {"last": _last}

    def _design(self, past: Past, moments: Moments) -> Design:
        recent = Recent(past)
        day = past.per_day
        hour = max(1, day // 24)
        unit = self._unit
        mean = partial(recent.mean, moments.known)
        last = recent.last(moments.known)
        days = same_time(past, moments, earlier_days(past, moments, 28))
        values = {
            "last": last,
            **{f"mean_{h}h": mean(h * hour) for h in (1, 3, 6, 12, 24, 72)},
            "mean_28d": mean(28 * day),
            "rise_1h": mean(hour) - mean(hour, back=hour),
            "rise_3h": mean(3 * hour) - mean(3 * hour, back=3 * hour),
            "rise_6h": mean(6 * hour) - mean(6 * hour, back=6 * hour),
            "spread_4h": recent.spread(moments.known, 4 * hour),
            "day": days[:, 0],
            "same_time_28d": known_mean(days),
        }
        columns = calendar(past, moments, self.zone)
        del columns["weekday"]
        columns["lead"] = (moments.valid[:, None] - recent.newest(moments.known)).astype(float)
        columns |= {name: value / unit for name, value in values.items()}
        for name in ("last", "mean_1h", "rise_3h"):
            columns[f"{name}_fleet"] = known_mean(columns[name][:, :, None])[:, 0]
        age = moments.known[:, None] - recent.newest(moments.known)
        sound = np.isfinite(last) & np.isfinite(days[:, 0]) & (age <= 2 * hour)
        sound &= recent.known_share(moments.known, 7 * day) >= 0.5
        shape = last.shape
        return Design(
            columns,
            base=np.nan_to_num(last),
            scale=np.broadcast_to(unit, shape),
            weight=np.ones(shape),
            active=np.ones(shape, dtype=bool),
            sound=sound,
        )


def _last(past: Past, moments: Moments) -> np.ndarray:
    return persistence.last(past, moments, oldest=OLDEST_H * max(1, past.per_day // 24))
