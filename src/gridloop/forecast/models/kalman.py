"""Adaptive linear model: one ridge regression per time of day, whose coefficients a Kalman filter lets drift.

Equations in docs/math/forecast.md: θ(t+1) = θ(t) + noise of variance σ²·drift, y(t) = x(t)·θ(t) + noise of variance σ².
Started at zero with variance σ²·prior it is ridge regression, solved online; with drift it forgets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridloop.units import FloatArray, IntArray

MEMORY = 0.98
"""Share of the old noise variance that stays when a new error comes in: about fifty days count."""

TOO_FAR = 8.0
"""Errors beyond so many standard deviations pull no more than these: a strike is no new habit."""


@dataclass
class AdaptiveLinear:
    """State of the filter.

    theta    [slot, column] coefficients
    cover    [slot, column, column] their covariance, in units of the noise variance
    noise    [slot] variance of the errors one sees
    drift    variance that a day adds to each coefficient, in units of the noise variance
    """

    theta: FloatArray
    cover: FloatArray
    noise: FloatArray
    drift: float

    @classmethod
    def start(
        cls, slots: int, columns: int, *, level: float, noise: float, prior: float, drift: float
    ) -> AdaptiveLinear:
        """Coefficients 0, but for the first column (ones), which starts at `level`."""
        theta = np.zeros((slots, columns))
        theta[:, 0] = level
        cover = np.tile(np.eye(columns) * prior, (slots, 1, 1))
        return cls(theta, cover, np.full(slots, noise), drift)

    def predict(self, x: FloatArray, slot: IntArray) -> FloatArray:
        """x [row, column], slot [row] → [row]"""
        answer: FloatArray = np.einsum("ij,ij->i", x, self.theta[slot])
        return answer

    def spread(self, slot: IntArray) -> FloatArray:
        """Standard deviation of the errors. [row]"""
        return np.sqrt(self.noise[slot])

    def sizes(self) -> FloatArray:
        """Mean size of each coefficient over the slots. [column]"""
        return np.asarray(np.abs(self.theta).mean(axis=0))

    def learn(self, x: FloatArray, y: FloatArray, slot: IntArray) -> None:
        """Take in one day: every slot once at most; rows with a gap teach nothing. x [row, column], y, slot [row]"""
        keep = np.isfinite(y) & np.isfinite(x).all(axis=1)
        x, y, slot = x[keep], y[keep], slot[keep]
        again = np.ones(len(slot), dtype=bool)
        again[np.unique(slot, return_index=True)[1]] = False
        if again.any():  # the hour that comes twice when summer time ends
            self.learn(x[~again], y[~again], slot[~again])
            x, y, slot = x[again], y[again], slot[again]
        error = y - self.predict(x, slot)
        limit = TOO_FAR * self.spread(slot)
        reach = np.einsum("sij,sj->si", self.cover[slot], x)
        gain = reach / (1.0 + np.einsum("si,si->s", x, reach))[:, None]
        self.theta[slot] += gain * np.clip(error, -limit, limit)[:, None]
        self.cover[slot] -= gain[:, :, None] * reach[:, None, :]
        self.cover[slot] += np.eye(x.shape[1]) * self.drift
        self.noise[slot] = MEMORY * self.noise[slot] + (1.0 - MEMORY) * np.minimum(error**2, limit**2)
