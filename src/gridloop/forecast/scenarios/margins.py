"""Margins: the whole distribution of a value from a few quantiles, and the place of a value within it.

Between two quantiles the value is straight in the normal score z of the probability: three quantiles of a normal
distribution give it back exactly. Beyond the outer ones the slope of the outer piece goes on, times `tail`: normal
tails. What falls outside the bounds lies on them, as a windless hour and a farm at its rating do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from gridloop.errors import OutOfRange
from gridloop.units import FloatArray

FARTHEST = 6.0
"""Scores beyond this count as this: one in a billion."""


@dataclass(frozen=True)
class Margins:
    """Distributions of many values.

    levels     [level] probabilities, rising, within 0 … 1, two or more
    values     [level, variable] quantiles, not falling
    low, high  [variable] bounds; infinite where there are none
    tail       slope beyond the outer quantiles, in slopes of the outer pieces; 0: nothing lies beyond them
    """

    levels: FloatArray
    values: FloatArray
    low: FloatArray
    high: FloatArray
    tail: float = 1.0

    def __post_init__(self) -> None:
        inside = len(self.levels) >= 2 and self.levels[0] > 0.0 and self.levels[-1] < 1.0
        if not inside or (np.diff(self.levels) <= 0.0).any():
            raise OutOfRange("margins: levels must rise within 0 … 1, and be two or more.", levels=list(self.levels))
        if not np.isfinite(self.values).all() or (np.diff(self.values, axis=0) < 0.0).any():
            raise OutOfRange("margins: quantiles must be known and must not cross. Sort them.")
        crossed = int((self.low > self.high).sum())
        if crossed or self.tail < 0.0:
            raise OutOfRange(
                f"margins: {crossed} lower bounds above the upper ones, tail {self.tail:g}.", count=crossed
            )

    def value(self, score: FloatArray) -> FloatArray:
        """Values at normal scores [variable, …]. Same shape."""
        z, q = ndtri(self.levels), self.values
        shape = (q.shape[1],) + (1,) * (score.ndim - 1)
        piece = np.clip(np.searchsorted(z, score, side="right") - 1, 0, len(z) - 2)
        row = np.arange(q.shape[1]).reshape(shape)
        below, above = q[piece, row], q[piece + 1, row]
        share = (score - z[piece]) / (z[piece + 1] - z[piece])
        share = np.where(share < 0.0, self.tail * share, np.where(share > 1.0, 1.0 + self.tail * (share - 1.0), share))
        found: FloatArray = below + share * (above - below)
        return np.clip(found, self.low.reshape(shape), self.high.reshape(shape))

    def score(self, came: FloatArray, rng: np.random.Generator | None = None) -> FloatArray:
        """Normal scores of what came [variable]; NaN where nothing did. Same shape.

        Where a value has a probability of its own, such as zero at night, its score is drawn from those it could have
        had; without `rng` it is the one in the middle.
        """
        found = np.full(came.shape, np.nan)
        for k in np.flatnonzero(np.isfinite(came)):
            low, high = (
                self._place(int(k), float(came[k]), first=True),
                self._place(int(k), float(came[k]), first=False),
            )
            share = 0.5 if rng is None else float(rng.random())
            found[k] = ndtri(ndtr(low) + share * (ndtr(high) - ndtr(low)))
        return np.asarray(np.clip(found, -FARTHEST, FARTHEST))

    def _place(self, k: int, value: float, *, first: bool) -> float:
        """The first or last score at which the variable has a value."""
        z, q = ndtri(self.levels), self.values[:, k]
        if (value <= self.low[k] and first) or value < self.low[k]:
            return -np.inf
        if (value >= self.high[k] and not first) or value > self.high[k]:
            return float(np.inf)
        if value < q[0] or value > q[-1]:
            a, b, end = (0, 1, 0) if value < q[0] else (-2, -1, -1)
            slope = self.tail * (q[b] - q[a]) / (z[b] - z[a])
            far = np.inf if slope <= 0.0 else abs(value - q[end]) / slope
            return float(z[end] + (far if value > q[-1] else -far))
        at = int(np.searchsorted(q, value, side="left" if first else "right"))
        if first:
            if q[at] == value:  # the first of equal quantiles
                return -np.inf if at == 0 and q[0] == q[1] else float(z[at])
            return float(z[at - 1] + (value - q[at - 1]) / (q[at] - q[at - 1]) * (z[at] - z[at - 1]))
        if q[at - 1] == value:
            return float(np.inf) if at == len(q) and q[-1] == q[-2] else float(z[at - 1])
        return float(z[at - 1] + (value - q[at - 1]) / (q[at] - q[at - 1]) * (z[at] - z[at - 1]))
