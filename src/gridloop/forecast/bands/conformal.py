"""Rolling calibration: P10 and P90 moved so that they covered the last weeks as their names say.

A window lags where errors grow or fade. With a speed, each side also aims lower or higher than its name as it missed
more or less often than that before: adaptive conformal inference (Gibbs and Candès 2021).
"""

from __future__ import annotations

from collections import deque

import numpy as np

from gridloop.forecast.bands.band import Band, learn_band
from gridloop.forecast.known.leads import BUCKETS
from gridloop.units import FloatArray, IntArray

WINDOW_DAYS = 90

RIGHT = np.array([0.1, 0.1])
"""Shares that should lie below P10 and above P90."""

FEWEST, MOST = 0.01, 0.25
"""Bounds of the shares that the band is made for."""


class RollingBand:
    """The band of `learn_band`, learned again every day from the last `WINDOW_DAYS` days, by part of the day.

    speed  how far a day of misses moves what the band aims at; 0: never
    """

    def __init__(self, speed: float = 0.0) -> None:
        self.speed = speed
        self._missed = RIGHT.copy()
        self._days: deque[tuple[FloatArray, FloatArray, IntArray]] = deque(maxlen=WINDOW_DAYS)
        self._band = Band(np.zeros((BUCKETS, 2)))

    def adjust(self, values: FloatArray, part: IntArray) -> FloatArray:
        """values [quantile, row] in units of the point, ordered, and stays so; part [row] of the day."""
        return self._band.adjust(values[:, :, None], part, np.ones(1))[:, :, 0]

    def learn(self, values: FloatArray, came: FloatArray, part: IntArray) -> None:
        """One day as it was forecast before `adjust`. values [quantile, row], came [row], part [row]"""
        known = np.isfinite(came) & np.isfinite(values).all(axis=0)
        if self.speed > 0.0 and known.any():
            low, _, high = self.adjust(values, part)
            off = np.array([(came < low)[known].mean(), (came > high)[known].mean()])
            self._missed = np.clip(self._missed + self.speed * (RIGHT - off), FEWEST, MOST)
        self._days.append((values, came, part))
        parts = np.concatenate([p for _, _, p in self._days])
        actual = np.concatenate([y for _, y, _ in self._days])[:, None]
        whole = np.concatenate([q for q, _, _ in self._days], axis=1)[:, :, None]
        self._band = learn_band(whole, actual, parts, np.ones(1), np.isfinite(actual), missed=self._aim())

    def _aim(self) -> tuple[float, float] | None:
        return (float(self._missed[0]), float(self._missed[1])) if self.speed > 0.0 else None


def part_of_day(slot: IntArray, per_day: int) -> IntArray:
    """As many parts of the day as there are buckets, 0 … BUCKETS − 1. Same shape."""
    return slot * BUCKETS // per_day
