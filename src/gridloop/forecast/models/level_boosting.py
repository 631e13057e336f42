"""Boosted levels: trees for a few quantiles, and every other quantile by a straight line between them.

Ninety-nine models of ninety-nine levels know little more than fifteen of fifteen: neighbours see the same rows and
cross. The levels that are learned stand closer in the tails, where the distribution bends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gridloop.units import FloatArray

LEARNED = (0.01, 0.03, 0.07, 0.13, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.87, 0.93, 0.97, 0.99)
FEW = (0.03, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97)
"""Where P10, P50 and P90 are all that is asked for: these, and room on both sides for their calibration."""

TAIL = 0.5
"""Beyond the outermost level the quantile goes on to probability 0 and 1 by this share of the step before it."""


@dataclass
class LevelBoosting:
    """LightGBM by the pinball loss, one model per learned level.

    Deterministic as `QuantileBoosting`: fixed seed, one thread, histograms by rows. Each tree sees a part of the rows
    and columns, so that the sum is smooth.

    path  trees times learning rate: fewer trees take longer steps, and are coarser
    """

    trees: int = 200
    leaves: int = 20
    path: float = 8.0
    least_rows: int = 40
    rows_share: float = 0.6
    columns_share: float = 0.4
    seed: int = 1
    levels: Sequence[float] = LEARNED
    _boosters: list[Any] = field(default_factory=list, init=False, repr=False)

    def fit(self, x: FloatArray, y: FloatArray) -> LevelBoosting:
        """x [row, column] may hold NaN; y [row]."""
        import lightgbm

        common = {
            "objective": "quantile",
            "num_leaves": self.leaves,
            "learning_rate": min(1.0, self.path / self.trees),
            "min_data_in_leaf": max(1, min(self.least_rows, len(y) // 20)),
            "feature_fraction": self.columns_share,
            "bagging_fraction": self.rows_share,
            "bagging_freq": 1,
            "max_bin": 63,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "seed": self.seed,
            "verbosity": -1,
        }
        rows = lightgbm.Dataset(x, y, params=common, free_raw_data=False)
        self._boosters = [lightgbm.train({**common, "alpha": a}, rows, self.trees) for a in self.levels]
        return self

    def predict(self, x: FloatArray) -> Curve:
        """The distribution of every row."""
        values = np.stack([b.predict(x, num_threads=1) for b in self._boosters], axis=1)
        return Curve.through(np.asarray(self.levels), np.sort(values, axis=1))


@dataclass(frozen=True)
class Curve:
    """Quantile functions, straight between knots.

    levels  [knot] rising from 0 to 1
    values  [row, knot] never falling
    """

    levels: FloatArray
    values: FloatArray

    @classmethod
    def through(cls, levels: FloatArray, values: FloatArray) -> Curve:
        """Knots at `levels`, and ends at 0 and 1 a little beyond. levels [knot], values [row, knot] ordered"""
        low = values[:, :1] - TAIL * (values[:, 1:2] - values[:, :1])
        high = values[:, -1:] + TAIL * (values[:, -1:] - values[:, -2:-1])
        return cls(np.r_[0.0, levels, 1.0], np.hstack([low, values, high]))

    def at(self, levels: FloatArray) -> FloatArray:
        """Quantiles at levels. [level, row]"""
        cell = np.clip(np.searchsorted(self.levels, levels, side="right") - 1, 0, len(self.levels) - 2)
        part = (levels - self.levels[cell]) / (self.levels[cell + 1] - self.levels[cell])
        below, above = self.values[:, cell], self.values[:, cell + 1]
        answer: FloatArray = (below + part * (above - below)).T
        return answer

    def rank(self, came: FloatArray) -> FloatArray:
        """Probability below what came, 0 … 1; in the middle of a step; NaN where nothing came. [row]"""
        known = np.isfinite(came)
        y = np.where(known, came, 0.0)[:, None]
        sides = []
        for below in ((self.values < y).sum(axis=1), (self.values <= y).sum(axis=1)):
            cell = np.clip(below - 1, 0, len(self.levels) - 2)
            left = np.take_along_axis(self.values, cell[:, None], axis=1)[:, 0]
            width = np.take_along_axis(self.values, cell[:, None] + 1, axis=1)[:, 0] - left
            part = np.clip(np.divide(y[:, 0] - left, width, out=np.zeros(len(y)), where=width > 0.0), 0.0, 1.0)
            rank = self.levels[cell] + part * (self.levels[cell + 1] - self.levels[cell])
            sides.append(np.where(below == 0, 0.0, np.where(below == len(self.levels), 1.0, rank)))
        return np.where(known, 0.5 * (sides[0] + sides[1]), np.nan)
