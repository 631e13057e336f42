"""Experts: weights of several forecasts, learned online from what came, by Bernstein Online Aggregation.

Equations in docs/math/forecast.md. Wintenberger 2017, "Optimal learning with Bernstein online aggregation", with the
pinball loss made linear at the mixture, so that the weights compete with the best convex combination.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridloop.forecast.value import QUANTILES
from gridloop.units import BoolArray, FloatArray, IntArray

CAUTION = 0.5
"""Largest learning rate times the largest regret seen: Bernstein's condition."""

FASTEST = 1e6
"""Learning rate before anything was seen; any large number gives equal weights then."""


def weights_table(weights: FloatArray, names: Sequence[str]) -> pd.DataFrame:
    """Weights [quantile, part of the day, expert] as a table: (quantile, part) × expert."""
    index = pd.MultiIndex.from_product([list(QUANTILES), range(weights.shape[1])], names=["quantile", "part"])
    return pd.DataFrame(weights.reshape(-1, weights.shape[2]), index=index, columns=list(names))


class ExpertWeights:
    """Weights of `experts` forecasts in each of `cells`; a cell is a quantile at a time of day.

    An expert without a value sleeps: its weight goes to the others, and it stands where the mixture stands. It ages
    with the others all the same, as if its steps had been as large as theirs on average: one that wakes late begins as
    one that was never better nor worse, not with the say of a first day, when rates are highest.
    """

    def __init__(self, cells: int, experts: int) -> None:
        self._regret = np.zeros((cells, experts))
        self._square = np.zeros((cells, experts))
        self._largest = np.zeros((cells, experts))

    def weights(self) -> FloatArray:
        """[cell, expert]; positive, adding up to one."""
        rate = self._rate()
        exponent = np.log(rate) - rate * self._regret
        share: FloatArray = np.exp(exponent - exponent.max(axis=1, keepdims=True))
        total: FloatArray = share.sum(axis=1, keepdims=True)
        return share / total

    def mix(self, values: FloatArray, cell: IntArray) -> FloatArray:
        """Weighted mean of the experts that are awake: values [row, expert], cell [row] → [row]; NaN if all sleep."""
        awake = np.isfinite(values)
        weight = np.where(awake, self.weights()[cell], 0.0)
        total = weight.sum(axis=1)
        mixed = (weight * np.where(awake, values, 0.0)).sum(axis=1)
        result: FloatArray = np.divide(mixed, total, out=np.full(len(total), np.nan), where=total > 0.0)
        return result

    def learn(self, values: FloatArray, came: FloatArray, level: FloatArray, cell: IntArray) -> None:
        """Take in what came, all rows at once: the mixture is that of the weights before them.

        values [row, expert], came [row], level [row] probability of the quantile, cell [row]; all in one unit of
        order one. Rows without a value of `came` teach nothing.
        """
        mixed = self.mix(values, cell)
        known: BoolArray = np.isfinite(came) & np.isfinite(mixed)
        slope = np.where(np.nan_to_num(came) < np.nan_to_num(mixed), 1.0, 0.0) - level
        step = np.where(np.isfinite(values) & known[:, None], slope[:, None] * (values - mixed[:, None]), 0.0)
        cells = len(self._regret)
        count = np.maximum(np.bincount(cell[known], minlength=cells), 1)
        mean = np.zeros_like(self._regret)
        np.add.at(mean, cell, step)
        mean /= count[:, None]
        spoke, square, largest = np.zeros(mean.shape, dtype=bool), mean**2, np.abs(mean)
        np.logical_or.at(spoke, cell, np.isfinite(values) & known[:, None])
        sleeps = ~spoke & spoke.any(axis=1, keepdims=True)
        if sleeps.any():
            voices = np.maximum(spoke.sum(axis=1, keepdims=True), 1)
            square = np.where(sleeps, np.where(spoke, square, 0.0).sum(axis=1, keepdims=True) / voices, square)
            largest = np.where(sleeps, np.where(spoke, largest, 0.0).sum(axis=1, keepdims=True) / voices, largest)
        self._largest = np.maximum(self._largest, largest)
        self._square += square
        self._regret += mean + self._rate() * square

    def _rate(self) -> FloatArray:
        """Learning rates [cell, expert]."""
        experts = max(2, self._regret.shape[1])
        tiny = np.finfo(float).tiny
        steady = np.sqrt(np.log(experts) / np.maximum(self._square, tiny))
        rate: FloatArray = np.minimum(np.minimum(CAUTION / np.maximum(self._largest, tiny), steady), FASTEST)
        return rate
