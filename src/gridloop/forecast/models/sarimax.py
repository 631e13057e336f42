"""SARIMAX: every interval of the local day is a daily series of its own, with a weekly season and the weather outside.

A half-hourly load has a season of 336 steps, which no SARIMAX can hold; a daily series of one half-hour has one of 7.
ARMA(1, 1) on weekly differences with a weekly moving average, on logarithms where the load is positive; holidays and
the temperature's bends are regressors. Box, Jenkins; statsmodels' state space does the arithmetic.
"""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np

from gridloop.forecast.known.local import local_slots
from gridloop.forecast.known.past import Past
from gridloop.forecast.models.day_model import DayModel, temperature_at
from gridloop.units import FloatArray, IntArray

ORDER, SEASONAL = (1, 0, 1), (0, 1, 1, 7)
NORMAL = np.array([-1.2815515655446004, 0.0, 1.2815515655446004])
"""Quantiles 0.1, 0.5, 0.9 of the normal distribution."""

KNOTS = (0.3, 0.7, 0.9)
"""Shares of the training's temperatures at which the response bends."""

MOST_DAYS = 730
"""Newest days that are learned from: the fit takes a second per interval of the day and two years."""

MEMORY_DAYS = 65
"""Days that the filter runs through before it forecasts."""

FIRST_STEPS, NEXT_STEPS = 60, 20
"""Steps of the optimizer: for the first interval of the day, and for those that start from their neighbour's answer."""


class SarimaxForecaster(DayModel):
    """Quantiles by one SARIMAX(1, 0, 1)(0, 1, 1)₇ per interval of the day; nothing is drawn, the seed has no part."""

    name: ClassVar[str] = "sarimax"
    least_days: ClassVar[int] = 70

    def _learn(self, past: Past, k: int, air: Past | None) -> None:
        if k == 0:
            self._params: list[FloatArray] = []
            self._logs: list[bool] = []
            self._scales: list[FloatArray] = []
        known = past.values[np.isfinite(past.values[:, k]), k]
        self._logs.append(bool((known > 0.0).all()))
        if air is not None:
            self._bends = np.nanquantile(air.values[:, 0], KNOTS)
        first = max(past.first, past.end - MOST_DAYS * past.per_day)
        days, grid = self._grid(past, k, first, past.end)
        unit = np.nanstd(grid) or 1.0
        self._scales.append(np.array([np.nanmean(grid), unit]))
        params: list[FloatArray] = []
        for slot in range(past.per_day):
            model = self._model(self._scaled(grid[:, slot], k), self._outside(past, days, slot, air))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the optimizer may stop at its last step: what it has is good enough
                start = params[-1] if params else None
                fitted = model.fit(start, disp=False, maxiter=NEXT_STEPS if params else FIRST_STEPS, cov_type="none")
            params.append(np.asarray(fitted.params, dtype=float))
        self._params.append(np.stack(params))

    def _say(self, past: Past, k: int, valid: IntArray, air: Past | None) -> FloatArray:
        n = past.per_day
        local = local_slots(past, valid, self.routine.zone)
        first = max(past.first, past.end - MEMORY_DAYS * n)
        days, grid = self._grid(past, k, first, past.end)
        answer = np.full((len(NORMAL), len(valid)), np.nan)
        last = int((local // n).max())
        for slot in np.unique(local % n):
            series = self._scaled(grid[:, slot], k)
            seen = np.flatnonzero(np.isfinite(series))
            if len(seen) < 3 * SEASONAL[3]:
                continue
            end = int(seen[-1]) + 1
            ahead = np.arange(days[end - 1] + 1, last + 1)
            outside = self._outside(past, np.r_[days[:end], ahead], int(slot), air)
            if outside is not None and not np.isfinite(outside).all():
                continue
            model = self._model(series[:end], None if outside is None else outside[:end])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about the index, which is made up here
                result = model.filter(self._params[k][slot])
                said = result.get_forecast(len(ahead), exog=None if outside is None else outside[end:])
            middle, spread = np.asarray(said.predicted_mean), np.asarray(said.se_mean)
            here = local % n == slot
            step = (local[here] // n) - ahead[0]
            answer[:, here] = middle[step] + NORMAL[:, None] * spread[step]
        mean, unit = self._scales[k]
        answer = mean + unit * answer
        mw: FloatArray = np.exp(answer) if self._logs[k] else answer
        return mw

    def _grid(self, past: Past, k: int, first: int, end: int) -> tuple[IntArray, FloatArray]:
        """Local days, and values [day, interval of the day]; of an hour that comes twice the first."""
        n = past.per_day
        slots = np.arange(first, end)
        local = local_slots(past, slots, self.routine.zone)
        x = past.values[slots - past.first, k]
        if self._logs[k]:
            x = np.log(np.where(x > 0.0, x, np.nan))
        days = np.arange(local[0] // n, local[-1] // n + 1)
        grid = np.full((len(days), n), np.nan)
        grid[local[::-1] // n - days[0], local[::-1] % n] = x[::-1]
        return days, grid

    def _scaled(self, series: FloatArray, k: int) -> FloatArray:
        mean, unit = self._scales[k]
        scaled: FloatArray = (series - mean) / unit
        return scaled

    def _outside(self, past: Past, days: IntArray, slot: int, air: Past | None) -> FloatArray | None:
        """Regressors [day, column]: holiday, temperature and its bends, and those of the day's mean so far."""
        columns = [self.rests(days)] if self.holidays else []
        if air is not None:
            n = past.per_day
            near = days * n + slot
            # the offset of the zone at that time; within an hour of a clock change it may be the other one
            utc = 2 * near - local_slots(past, near, self.routine.zone)
            now = temperature_at(air, utc)
            before = np.nanmean(temperature_at(air, utc[:, None] - np.arange(n)), axis=1)
            for t in (now, before):
                columns += [t / 10.0, *(np.maximum(t - bend, 0.0) / 10.0 for bend in self._bends)]
        if not columns:
            return None
        table = np.column_stack(columns)
        # an old gap in the weather takes the mean; the filter takes no gaps there
        old = days * past.per_day + slot < past.end - past.per_day
        gaps = ~np.isfinite(table) & old[:, None]
        return np.where(gaps, np.nanmean(table, axis=0), table) if gaps.any() else table

    @staticmethod
    def _model(series: FloatArray, outside: FloatArray | None) -> Any:
        from statsmodels.tsa.statespace.sarimax import SARIMAX

        return SARIMAX(
            series, outside, order=ORDER, seasonal_order=SEASONAL, enforce_stationarity=False,
            enforce_invertibility=False,
        )  # fmt: skip
