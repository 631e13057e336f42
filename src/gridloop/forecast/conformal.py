"""Rolling calibration: P10 and P90 moved so that they covered the last weeks as their names say."""

from __future__ import annotations

from collections import deque

import numpy as np

from gridloop.forecast.band import Band, learn_band
from gridloop.forecast.leads import BUCKETS
from gridloop.units import FloatArray, IntArray

WINDOW_DAYS = 90


class RollingBand:
    """The band of `learn_band`, learned again every day from the last `WINDOW_DAYS` days, by part of the day."""

    def __init__(self) -> None:
        self._days: deque[tuple[FloatArray, FloatArray, IntArray]] = deque(maxlen=WINDOW_DAYS)
        self._band = Band(np.zeros((BUCKETS, 2)))

    def adjust(self, values: FloatArray, part: IntArray) -> FloatArray:
        """values [quantile, row] in units of the point, ordered, and stays so; part [row] of the day."""
        return self._band.adjust(values[:, :, None], part, np.ones(1))[:, :, 0]

    def learn(self, values: FloatArray, came: FloatArray, part: IntArray) -> None:
        """One day as it was forecast before `adjust`. values [quantile, row], came [row], part [row]"""
        self._days.append((values, came, part))
        parts = np.concatenate([p for _, _, p in self._days])
        actual = np.concatenate([y for _, y, _ in self._days])[:, None]
        whole = np.concatenate([q for q, _, _ in self._days], axis=1)[:, :, None]
        self._band = learn_band(whole, actual, parts, np.ones(1), np.isfinite(actual))


def part_of_day(slot: IntArray, per_day: int) -> IntArray:
    """As many parts of the day as there are buckets, 0 … BUCKETS − 1. Same shape."""
    return slot * BUCKETS // per_day
