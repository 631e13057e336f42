"""Pooled linear model: one ridge regression for all times of day, with a memory that fades; for short histories.

With G = Σ λᵃ x xᵀ and b = Σ λᵃ x y over past days of age a, the coefficients are (G + ρ I)⁻¹ b. Equations in
docs/math/forecast-net-load.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridloop.units import FloatArray, IntArray

MEMORY = 0.95
"""Share of the old noise variance that stays when a new error comes in: about twenty days count."""

TOO_FAR = 6.0
"""Errors beyond so many standard deviations pull no more than these."""

SETTLED_DAYS = 7
"""Days before which nothing is too far: the model still knows nothing."""


@dataclass
class PooledLinear:
    """State of the regression.

    gram, moment  [column, column], [column]: the sums G and b
    noise         [slot] variance of the errors one sees, by time of day
    forget        λ, share of a day's weight that stays after another day
    ridge         ρ
    days          learned so far
    """

    gram: FloatArray
    moment: FloatArray
    noise: FloatArray
    forget: float
    ridge: float
    days: int = 0
    theta: FloatArray | None = None

    @classmethod
    def start(cls, slots: int, columns: int, *, noise: float, forget: float, ridge: float) -> PooledLinear:
        """Knows nothing."""
        return cls(np.zeros((columns, columns)), np.zeros(columns), np.full(slots, noise), forget, ridge)

    def predict(self, x: FloatArray, slot: IntArray) -> FloatArray:
        """x [row, column], slot [row] → [row]; NaN where a column is."""
        answer: FloatArray = x @ self.coefficients()
        return answer

    def coefficients(self) -> FloatArray:
        """(G + ρ I)⁻¹ b. [column]"""
        if self.theta is None:
            self.theta = np.asarray(
                np.linalg.solve(self.gram + self.ridge * np.eye(len(self.moment)), self.moment), float
            )
        return self.theta

    def sizes(self) -> FloatArray:
        """Size of each coefficient. [column]"""
        return np.abs(self.coefficients())

    def spread(self, slot: IntArray) -> FloatArray:
        """Standard deviation of the errors. [row]"""
        return np.sqrt(self.noise[slot])

    def learn(self, x: FloatArray, y: FloatArray, slot: IntArray) -> None:
        """Take in one day; rows with a gap teach nothing. x [row, column], y, slot [row]"""
        keep = np.isfinite(y) & np.isfinite(x).all(axis=1)
        x, y, slot = x[keep], y[keep], slot[keep]
        said = self.predict(x, slot)
        error = y - said
        if self.days >= SETTLED_DAYS:
            limit = TOO_FAR * np.sqrt(self.noise.mean())
            error = np.clip(error, -limit, limit)
        self.gram = self.forget * self.gram + x.T @ x
        self.moment = self.forget * self.moment + x.T @ (said + error)
        self.noise[slot] = MEMORY * self.noise[slot] + (1.0 - MEMORY) * error**2
        self.days += 1
        self.theta = None
