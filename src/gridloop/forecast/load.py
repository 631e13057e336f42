"""LoadForecaster: demand of load groups from the same time of earlier days, the newest readings and the calendar."""

from __future__ import annotations

from functools import partial

import numpy as np

from gridloop.forecast.direct.design import Design
from gridloop.forecast.direct.forecaster import DirectForecaster, Persistence
from gridloop.forecast.features.calendar import calendar
from gridloop.forecast.features.lags import Recent
from gridloop.forecast.features.load_lags import load_lags
from gridloop.forecast.known.moments import Moments
from gridloop.forecast.known.past import Past
from gridloop.forecast.models import persistence

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
        values = load_lags(past, moments, self.zone)
        month = values.pop("month")
        scale = np.maximum(np.nan_to_num(month), 0.2 * self._unit)

        columns = calendar(past, moments, self.zone)
        columns["lead"] = (moments.valid[:, None] - recent.newest(moments.known)).astype(float)
        columns["point"] = np.arange(len(past.points), dtype=float)[None, :].repeat(len(moments), axis=0)
        columns |= {name: value / scale for name, value in values.items()}
        age = moments.known[:, None] - recent.newest(moments.known)
        sound = (
            np.isfinite(values["day"])
            & np.isfinite(month)
            & (age <= 2 * max(1, past.per_day // 24))
            & (recent.known_share(moments.known, 7 * past.per_day) >= LEAST_KNOWN)
        )
        weight = np.broadcast_to(np.sqrt(self._unit / self._unit.mean()), scale.shape)
        return Design(columns, np.zeros_like(scale), scale, weight, np.ones(scale.shape, dtype=bool), sound)
