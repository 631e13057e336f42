"""Distributions of inputs: how unlike the newest values are those of the training, by the population stability index.

PSI = Σ (a − b) ln(a / b) over the tenths of the training's values, a and b the shares of the two sets in each. The
usual bounds (0.1, 0.25) are for customers, not for weather: a month is never like a year. The limit here is the largest
index that a window of the same length had within the training, and a quarter more.
"""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd

from gridloop.units import FloatArray

BINS = 10
DAYS = 28
LEAST, BEYOND = 0.25, 1.25
LEAST_SHARE = 1e-3
"""Share that an empty tenth counts as, so that the index stays finite."""

STEP_DAYS = 7


class Distribution:
    """The tenths of each column of the training, and how far a window of `days` was from them at most."""

    days = DAYS

    def fit(self, inputs: pd.DataFrame) -> Self:
        """inputs: UTC valid_at × column; columns without two different values are not watched."""
        self._edges: dict[str, FloatArray] = {}
        self._usual: dict[str, FloatArray] = {}
        self.limits: dict[str, float] = {}
        index = pd.DatetimeIndex(inputs.index)
        for column in inputs.columns:
            x = inputs[column].to_numpy(dtype=float)
            known = x[np.isfinite(x)]
            edges = np.unique(np.quantile(known, np.arange(1, BINS) / BINS)) if len(known) else np.empty(0)
            if len(edges) < 2:
                continue
            name = str(column)
            self._edges[name], self._usual[name] = edges, _shares(known, edges)
            largest = 0.0
            for end in pd.date_range(index.min() + pd.Timedelta(days=DAYS), index.max(), freq=f"{STEP_DAYS}D"):
                window = x[np.asarray((index >= end - pd.Timedelta(days=DAYS)) & (index < end))]
                largest = max(largest, self._index(name, window))
            self.limits[name] = max(LEAST, BEYOND * largest)
        return self

    def changed(self, inputs: pd.DataFrame, at: pd.Timestamp) -> list[tuple[str, float, float]]:
        """Column, index and limit, where the `days` before a moment are further from the training than ever there."""
        index = pd.DatetimeIndex(inputs.index)
        newest = inputs[(index >= at - pd.Timedelta(days=DAYS)) & (index < at)]
        found = []
        for name, limit in self.limits.items():
            if name in newest.columns and (value := self._index(name, newest[name].to_numpy(dtype=float))) > limit:
                found.append((name, value, limit))
        return found

    def _index(self, name: str, x: FloatArray) -> float:
        """The population stability index; 0 where too little is known to say."""
        known = x[np.isfinite(x)]
        if len(known) < 2 * BINS:
            return 0.0
        a, b = _shares(known, self._edges[name]), self._usual[name]
        return float(((a - b) * np.log(a / b)).sum())


def _shares(x: FloatArray, edges: FloatArray) -> FloatArray:
    count = np.bincount(np.searchsorted(edges, x, side="right"), minlength=len(edges) + 1)
    return np.maximum(count / len(x), LEAST_SHARE)
