"""Gradient boosting: one LightGBM model per quantile, the same for all points of a kind and all leads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from gridloop.forecast.value import QUANTILES
from gridloop.units import FloatArray

MIDDLE = QUANTILES["p50"]


@dataclass
class QuantileBoosting:
    """Trees for P10, P50 and P90 by the pinball loss.

    Deterministic: fixed seed, histograms built by rows, one thread per model; the same rows give the same trees
    bit for bit. Fit several models side by side instead: threads inside one wait for each other longer than they work
    where other programs want the cores.

    share   of the columns and of the rows that a tree sees; below 1 the trees differ and their sum is smoother
    middle  "median": the pinball loss throughout; "mean": the squared error in the middle, which learns faster where
            errors are symmetric
    """

    trees: int = 80
    leaves: int = 15
    learning_rate: float = 0.1
    least_rows: int = 500
    seed: int = 1
    share: float = 1.0
    middle: Literal["median", "mean"] = "median"
    _boosters: list[Any] = field(default_factory=list, init=False, repr=False)

    def fit(self, x: FloatArray, y: FloatArray, weight: FloatArray) -> QuantileBoosting:
        """x [row, column] may hold NaN; y, weight [row]."""
        import lightgbm

        common = {
            "num_leaves": self.leaves,
            "learning_rate": self.learning_rate,
            "min_data_in_leaf": max(1, min(self.least_rows, len(y) // 20)),
            "max_bin": 127,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "seed": self.seed,
            "verbosity": -1,
        }

        if self.share < 1.0:
            common |= {"feature_fraction": self.share, "bagging_fraction": self.share, "bagging_freq": 1}

        def booster(alpha: float) -> Any:
            loss = {"objective": "quantile", "alpha": alpha}
            if alpha == MIDDLE and self.middle == "mean":
                loss = {"objective": "regression"}
            rows = lightgbm.Dataset(x, y, weight=weight, params=common)
            return lightgbm.train({**common, **loss}, rows, self.trees)

        self._boosters = [booster(alpha) for alpha in QUANTILES.values()]
        return self

    def predict(self, x: FloatArray) -> FloatArray:
        """Quantiles [quantile, row]; they may cross. One thread: a tick asks for few rows."""
        return np.stack([booster.predict(x, num_threads=1) for booster in self._boosters])

    def gains(self) -> FloatArray:
        """How much the splits on each column lowered the loss of the middle model, as shares. [column]"""
        gain = np.asarray(
            self._boosters[list(QUANTILES.values()).index(MIDDLE)].feature_importance("gain"), dtype=float
        )
        return gain / max(float(gain.sum()), 1e-300)
