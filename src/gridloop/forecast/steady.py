"""SteadyForecaster: plants that keep a habit, as hydro and biomass do: yesterday, and how today departs from it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from gridloop.forecast.direct.design import Design
from gridloop.forecast.direct.forecaster import DirectForecaster, Persistence
from gridloop.forecast.features.calendar import calendar
from gridloop.forecast.features.lags import Recent, earlier_days, known_mean, same_time
from gridloop.forecast.known.moments import Moments, look
from gridloop.forecast.known.past import Past
from gridloop.forecast.models import persistence

DAYS = 7
LEAST_KNOWN = 0.7


class SteadyForecaster(DirectForecaster):
    """Quantiles of power that changes slowly from day to day. [MW]

    capacity  per point [MW]; answers are departures from yesterday plus what today was off it, in shares of it
    Fallbacks: yesterday, the last known value, climatology.
    """

    kind = "other"

    def __init__(self, capacity: Mapping[str, float], *, zone: str = "UTC", seed: int = 0, threads: int = 2) -> None:
        super().__init__(capacity=capacity, zone=zone, seed=seed, threads=threads)

    def _persistence(self) -> dict[str, Persistence]:
        return {"day": partial(persistence.day, zone=self.zone), "last": persistence.last_of_day}

    def _design(self, past: Past, moments: Moments) -> Design:
        recent = Recent(past)
        day = past.per_day
        hour = max(1, day // 24)
        unit = self._unit
        mean = partial(recent.mean, moments.known)
        newest = recent.newest(moments.known)
        last = recent.last(moments.known)
        days = same_time(past, moments, earlier_days(past, moments, DAYS, zone=self.zone))
        yesterday = days[:, 0]
        then = look(past, newest.max(axis=1) - 1 - day, moments.known)
        values = {
            "drift": last - then,
            "drift_1h": mean(hour) - mean(hour, back=day),
            "drift_24h": mean(day) - mean(day, back=day),
            "ahead": yesterday - last,
            "change": yesterday - days[:, 1],
            "yesterday": yesterday,
            "mean_7": known_mean(days),
            "spread": days.std(axis=1),
            "rise_1h": mean(hour) - mean(hour, back=hour),
        }
        columns = calendar(past, moments, self.zone)
        columns["lead"] = (moments.valid[:, None] - newest).astype(float)
        columns |= {name: value / unit for name, value in values.items()}
        age = moments.known[:, None] - newest
        sound = np.isfinite(last) & np.isfinite(yesterday) & (age <= 2 * hour)
        sound &= recent.known_share(moments.known, 7 * day) >= LEAST_KNOWN
        shape = last.shape
        return Design(
            columns,
            base=np.nan_to_num(yesterday + values["drift"]),
            scale=np.broadcast_to(unit, shape),
            weight=np.ones(shape),
            active=np.ones(shape, dtype=bool),
            sound=sound,
        )
