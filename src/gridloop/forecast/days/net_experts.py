"""Net experts: the experts of one point whose net load may be zero or negative, or whose history is short."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from gridloop.forecast.days.experts import NORMAL, DayExperts, Line
from gridloop.forecast.days.rows import DayRows
from gridloop.forecast.known.past import Past
from gridloop.forecast.models.boosting import QuantileBoosting
from gridloop.forecast.models.pooled import PooledLinear
from gridloop.forecast.value import QUANTILES
from gridloop.units import FloatArray

SETTINGS = tuple((forget, ridge) for forget in (0.97, 0.985, 1.0) for ridge in (10.0, 100.0, 1000.0))
"""Memories and ridges that are tried."""

NOISE = 0.25
"""First guess of the errors' variance, in squares of the unit."""

LEAST_DAYS = 20
"""Training days below which there is too little to learn from."""


class NetExperts(DayExperts):
    """The same experts without logarithms: answers are added in units of the point's spread.

    One regression serves all times of day, so that weeks are enough. Weekly persistence is the first of the forecasts
    from outside: it costs nothing and bounds what can go wrong.
    """

    model: ClassVar[str] = "experts:additive"
    settings: ClassVar[tuple[tuple[float, ...], ...]] = SETTINGS
    warm: ClassVar[tuple[int, float]] = (60, 0.45)
    early: ClassVar[tuple[int, float]] = (10, 0.2)

    def __init__(self, unit: float, per_day: int, outside: tuple[str, ...], *, trees: int, seed: int) -> None:
        super().__init__(unit, per_day, ("week", *outside), trees=trees, seed=seed)
        self._noise[:] = NOISE

    def fit(self, rows: DayRows, outside: FloatArray) -> None:
        super().fit(rows, np.column_stack([rows.week, outside]))

    def step(self, past: Past, rows: DayRows, outside: FloatArray) -> None:
        super().step(past, rows, np.column_stack([rows.week, outside]))

    def _start(self, width: int, setting: tuple[float, ...]) -> Line:
        return PooledLinear.start(self._per_day, width, noise=NOISE, forget=setting[0], ridge=setting[1])

    def _trees_of(self, count: int, seed: int) -> QuantileBoosting:
        return QuantileBoosting(
            trees=max(1, count // 3), leaves=15, learning_rate=0.06, least_rows=60, seed=seed, share=0.5, middle="mean"
        )

    def _learn_fallback(self, rows: DayRows) -> None:
        off = rows.came - rows.week
        self.week_off = np.quantile(off[np.isfinite(off)], list(QUANTILES.values()))
        self.week_off[1] = 0.0

    def fallback(self, week: FloatArray) -> FloatArray:
        band: FloatArray = week + self.week_off[:, None]
        return band

    def _target(self, mw: FloatArray) -> FloatArray:
        return mw / self._unit

    def _straight(self, line: FloatArray, scale: FloatArray) -> FloatArray:
        straight: FloatArray = self._unit * line / scale
        return straight

    def _around_line(self, straight: FloatArray, spread: FloatArray) -> FloatArray:
        quantiles: FloatArray = straight + NORMAL[:, None] * spread
        return quantiles

    def _around_given(self, given: FloatArray, noise: float) -> FloatArray:
        quantiles: FloatArray = given + NORMAL[:, None] * np.sqrt(noise)
        return quantiles

    def _bounded(self, mw: FloatArray) -> FloatArray:
        return mw
