"""Ridge regression by lead: a linear model at each of a few leads, and straight between their answers.

Wind without a forecast of it is mostly linear: what is now fades into what is usual. Few coefficients, held towards
zero, forget less of that than trees do where a farm has a year of history.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridloop.units import FloatArray, IntArray

KNOTS_H = (0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 9.0, 12.0, 18.0, 24.0, 36.0, 47.0)
"""Leads [h] that have a model of their own."""

PENALTY = 0.025
"""Ridge penalty per row, on standardised columns."""

REACH = 4.0
"""Columns count up to so many standard deviations: beyond, nothing is known about their slope."""

LEAST_ROWS = 200


@dataclass(frozen=True)
class LeadRidge:
    """middle, spread, theta [knot, column], level [knot]; a knot that had too few rows answers NaN."""

    middle: FloatArray
    spread: FloatArray
    theta: FloatArray
    level: FloatArray

    @classmethod
    def fit(cls, x: FloatArray, y: FloatArray, knot: IntArray) -> LeadRidge:
        """x [row, column], NaN counts as the mean; y [row], rows with a gap are left out; knot [row] of `KNOTS_H`"""
        shape = (len(KNOTS_H), x.shape[1])
        middle, spread, theta = np.zeros(shape), np.ones(shape), np.zeros(shape)
        level = np.full(len(KNOTS_H), np.nan)
        for b in range(len(KNOTS_H)):
            use = (knot == b) & np.isfinite(y)
            if use.sum() < LEAST_ROWS:
                continue
            here = x[use].astype(float)
            known = np.isfinite(here)
            count = np.maximum(known.sum(axis=0), 1)
            middle[b] = np.where(known, here, 0.0).sum(axis=0) / count
            away = np.where(known, here - middle[b], 0.0)
            deviation = np.sqrt((away**2).sum(axis=0) / count)
            spread[b] = np.where(deviation > 0.0, deviation, np.inf)
            z = np.clip(away / spread[b], -REACH, REACH)
            shift = z.mean(axis=0)
            z, level[b] = z - shift, y[use].mean()
            gram = z.T @ z + PENALTY * len(z) * np.eye(shape[1])
            theta[b] = np.linalg.solve(gram, z.T @ (y[use] - level[b]))
            level[b] -= shift @ theta[b]
        return cls(middle, spread, theta, level)

    def predict(self, x: FloatArray, lead_h: FloatArray) -> FloatArray:
        """x [row, column], lead_h [row] → [row]"""
        knots = np.array(KNOTS_H)
        below = np.clip(np.searchsorted(knots, lead_h, side="right") - 1, 0, len(knots) - 2)
        share = np.clip((lead_h - knots[below]) / (knots[below + 1] - knots[below]), 0.0, 1.0)
        low, high = self._at(x, below), self._at(x, below + 1)
        low, high = np.where(np.isfinite(low), low, high), np.where(np.isfinite(high), high, low)
        answer: FloatArray = (1.0 - share) * low + share * high
        return answer

    def _at(self, x: FloatArray, knot: IntArray) -> FloatArray:
        z = np.clip(np.nan_to_num((x.astype(float) - self.middle[knot]) / self.spread[knot]), -REACH, REACH)
        answer: FloatArray = self.level[knot] + np.einsum("ij,ij->i", z, self.theta[knot])
        return answer
