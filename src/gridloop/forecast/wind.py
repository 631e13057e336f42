"""WindForecaster: output of wind farms from where it is, where it was heading and how long such wind lasts.

With weather forecasts or measurements a linear model by lead comes first, fitted on what each part of the year leaves
out, and the trees learn what it leaves. Without them nothing of this is there.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import partial
from typing import Self

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange, listed
from gridloop.forecast.direct.design import Design
from gridloop.forecast.direct.forecaster import BLOCK_DAYS, FOLDS, DirectForecaster, Persistence
from gridloop.forecast.features.calendar import calendar
from gridloop.forecast.features.lags import Recent, earlier_days, known_mean, same_time
from gridloop.forecast.known.moments import Moments, look
from gridloop.forecast.known.past import Past, usual_step
from gridloop.forecast.known.sample import FIRST_DAYS
from gridloop.forecast.models import persistence
from gridloop.forecast.models.boosting import QuantileBoosting
from gridloop.forecast.models.lead_ridge import KNOTS_H, LEAST_ROWS, LeadRidge
from gridloop.forecast.plants.wind_inputs import Table, WindInputs
from gridloop.forecast.value import Forecast
from gridloop.units import FloatArray, IntArray

OLDEST_H = 6
"""A last value older than this no longer stands for what comes."""

MOST_ISSUES = 6000
"""Issues that the linear models learn from, at each lead."""


class WindForecaster(DirectForecaster):
    """Quantiles of wind power. [MW]

    capacity  per point [MW]; answers are departures from the last known value, in shares of it. With weather or
              measurements every point needs it.
    Fallbacks: the last known value, as long as it is at most 6 h old, then climatology; also where weather does not
    cover an interval or measurements are older than 2 h.
    """

    kind = "wind"

    def __init__(self, capacity: Mapping[str, float], *, zone: str = "UTC", seed: int = 0, threads: int = 2) -> None:
        super().__init__(capacity=capacity, zone=zone, seed=seed, threads=threads)
        self._inputs: WindInputs | None = None
        self._linear: list[list[LeadRidge]] = []
        self._fitting = False

    def fit(
        self,
        history: pd.DataFrame,
        *,
        until: pd.Timestamp,
        weather: Table | None = None,
        measured: pd.DataFrame | None = None,
    ) -> Self:
        """Learn from what was over at `until`; raises as `DirectForecaster.fit` does.

        history   UTC valid_at × point [MW]; NaN is a gap, and so is what `mask_wind` took out
        weather   forecasts, UTC valid_at × column: `wind_speed…` [m/s] at any heights, `wind_direction…` [°], others as
                  they are. A `Record` has the times of being known; a table is taken as known at every issue.
        measured  readings, UTC valid_at × column, named alike, known when their interval is over
        """
        self._inputs = None
        if weather is not None or measured is not None:
            lost = [str(p) for p in history.columns if str(p) not in self.capacity]
            if lost:
                raise OutOfRange(
                    f"capacity: {listed(lost)} have none. With weather or measurements every farm needs it: the linear "
                    "models say shares of it.",
                    points=lost,
                )
            known = measured if measured is None else measured[measured.index < until]
            self._inputs = WindInputs(weather, known, usual_step(history.index))
        self._fitting = True
        try:
            return super().fit(history, until=until)
        finally:
            self._fitting = False

    def predict(
        self,
        history: pd.DataFrame,
        issued_at: pd.Timestamp,
        valid_at: pd.DatetimeIndex,
        *,
        weather: Table | None = None,
        measured: pd.DataFrame | None = None,
    ) -> Forecast:
        """Quantiles of every fitted point; raises as `DirectForecaster.predict` does.

        weather, measured  as in `fit`; other columns or none at all are refused
        """
        if self._inputs is None and (weather is not None or measured is not None):
            raise OutOfRange("weather, measured: fitted without, and some is given. Fit with the same inputs.")
        if self._inputs is None:
            return super().predict(history, issued_at, valid_at)
        # a copy speaks: two threads may ask one forecaster, each with its own weather
        told = copy.copy(self)
        told._inputs = WindInputs(weather, measured, self._step).like(self._inputs)
        return super(WindForecaster, told).predict(history, issued_at, valid_at)

    def _booster(self) -> QuantileBoosting:
        if self._inputs is None:
            return super()._booster()
        # the linear model has said most of it: large trees would learn by heart what a year of wind did once
        return QuantileBoosting(trees=25, leaves=5, learning_rate=0.06, least_rows=1500, share=0.5, seed=self.seed + 1)

    def _averages(self) -> bool:
        # the linear model knows the last value, and how much of it stays
        return self._inputs is None

    def _persistence(self) -> dict[str, Persistence]:
        return {"last": _last}

    def _design(self, past: Past, moments: Moments) -> Design:
        recent = Recent(past)
        day = past.per_day
        hour = max(1, day // 24)
        unit = self._unit
        last = recent.last(moments.known)
        days = same_time(past, moments, earlier_days(past, moments, 28))
        columns = self._plain_columns(past, moments, last, days)
        age = moments.known[:, None] - recent.newest(moments.known)
        sound = np.isfinite(last) & np.isfinite(days[:, 0]) & (age <= 2 * hour)
        sound &= recent.known_share(moments.known, 7 * day) >= 0.5
        shape = last.shape
        base = np.nan_to_num(last)
        if self._inputs is not None:
            base = self._informed(self._inputs, past, moments, last)
            columns |= self._inputs.columns(moments)
            sound &= self._inputs.sound(moments)[:, None]
        return Design(
            columns,
            base=base,
            scale=np.broadcast_to(unit, shape),
            weight=np.ones(shape),
            active=np.ones(shape, dtype=bool),
            sound=sound,
        )

    def _plain_columns(self, past: Past, moments: Moments, last: FloatArray, days: FloatArray) -> dict[str, FloatArray]:
        """What power and calendar tell, in shares of the capacity."""
        recent = Recent(past)
        day = past.per_day
        hour = max(1, day // 24)
        unit = self._unit
        mean = partial(recent.mean, moments.known)
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
        return columns

    def _prepare(self, past: Past) -> None:
        """The power curves and the linear models, on issues of all the history; one for each fold of weeks left out."""
        inputs, self._linear = self._inputs, []
        stride = max(1, len(past.values) // MOST_ISSUES)
        issues = np.arange(past.first + FIRST_DAYS * past.per_day, past.end, stride)
        if inputs is None or len(issues) < LEAST_ROWS:
            return
        known = np.repeat(issues, len(KNOTS_H))
        knot = np.tile(np.arange(len(KNOTS_H)), len(issues))
        ahead = np.rint(np.array(KNOTS_H) * past.per_day / 24.0).astype(np.int64)
        moments = Moments(known, known + ahead[knot])
        came = look(past, moments.valid, moments.valid + 1) / self._unit
        inputs.fit_curves(moments, known_mean(came[:, :, None])[:, 0])
        x = self._linear_columns(inputs, past, moments)
        fold = _fold(past, moments)
        for k in range(len(past.points)):
            parts = [np.ones(len(moments), dtype=bool), *(fold != f for f in range(FOLDS))]
            self._linear.append([LeadRidge.fit(x[part, k], came[part, k], knot[part]) for part in parts])

    def _linear_columns(self, inputs: WindInputs, past: Past, moments: Moments) -> FloatArray:
        """[moment, point, column]"""
        last = Recent(past).last(moments.known)
        columns = self._plain_columns(past, moments, last, same_time(past, moments, earlier_days(past, moments, 28)))
        turn = 2.0 * np.pi * columns.pop("hour") / 24.0
        columns |= inputs.columns(moments) | {"hour_sin": np.sin(turn), "hour_cos": np.cos(turn)}
        shape = (len(moments), len(past.points))
        return np.stack([np.broadcast_to(c if c.ndim == 2 else c[:, None], shape) for c in columns.values()], axis=2)

    def _informed(self, inputs: WindInputs, past: Past, moments: Moments, last: FloatArray) -> FloatArray:
        """Answers of the linear models. [moment, point] MW

        In the fit every row is answered by a model that had not seen its weeks, so that the trees and the band meet
        errors as they will be.
        """
        if not self._linear:
            return np.nan_to_num(last)
        x, lead_h = self._linear_columns(inputs, past, moments), past.hours(moments.lead)
        answer = np.full(last.shape, np.nan)
        which = 1 + _fold(past, moments) if self._fitting else np.zeros(len(moments), dtype=np.int64)
        for k, models in enumerate(self._linear):
            for m in np.unique(which):
                here = which == m
                answer[here, k] = models[m].predict(x[here, k], lead_h[here])
        said = np.clip(answer, 0.0, 1.0) * self._unit
        return np.nan_to_num(np.where(np.isfinite(said), said, last))


def _fold(past: Past, moments: Moments) -> IntArray:
    """Which weeks a moment belongs to, as in the fit of the trees. [moment]"""
    return (moments.known // (BLOCK_DAYS * past.per_day)) % FOLDS


def _last(past: Past, moments: Moments) -> np.ndarray:
    return persistence.last(past, moments, oldest=OLDEST_H * max(1, past.per_day // 24))
