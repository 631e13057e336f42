"""Dependence: which values are high together, over time and places; a Gaussian copula learned from past scores.

The correlations of normal scores, measured on the issues where both are known, are drawn towards a plain picture: those
of the places, times one that only depends on how far two hours are apart. How far is told by how uncertain they are
(Schäfer, Strimmer 2005). What is not positive definite then is made so. Equations in docs/math/forecast-scenarios.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridloop.errors import OutOfRange
from gridloop.units import BoolArray, FloatArray

LEAST_ISSUES = 30
"""Past issues below which correlations are noise."""

LEAST_SHARED = 15
"""Issues on which two values must both be known; else they are taken from the plain picture."""

SMALLEST = 1e-6
"""Least eigenvalue: rounding of a factorisation of a few hundred values stays far below."""


@dataclass(frozen=True)
class Dependence:
    """correlation [variable, variable], positive definite with ones on its diagonal; shrunk: share of the picture."""

    correlation: FloatArray
    shrunk: float

    @classmethod
    def learn(cls, scores: FloatArray, places: int = 1) -> Dependence:
        """Learn from normal scores [issue, variable], NaN where nothing came; variables place by place, each in time.

        Raises `OutOfRange` with fewer than `LEAST_ISSUES` issues, or where variables are not the same for all places.
        """
        issues, count = scores.shape
        if issues < LEAST_ISSUES:
            raise OutOfRange(
                f"scenarios: {issues} past issues; correlations need {LEAST_ISSUES}. Give more of them.",
                issues=issues,
                needed=LEAST_ISSUES,
            )
        if places < 1 or count % places:
            raise OutOfRange(f"scenarios: {count} values are not a whole number of times for {places} places.")
        known = np.isfinite(scores)
        measured, shared = _correlations(scores, known)
        picture = _picture(measured, shared, places)
        sure = (shared >= LEAST_SHARED) & ~np.eye(count, dtype=bool)
        variance = (1.0 - measured**2) ** 2 / np.maximum(shared - 1.0, 1.0)
        off = float(((measured - picture) ** 2)[sure].sum())
        share = 1.0 if off == 0.0 else float(np.clip(variance[sure].sum() / off, 0.0, 1.0))
        mixed = np.where(shared >= LEAST_SHARED, share * picture + (1.0 - share) * measured, picture)
        return cls(positive(mixed), share)

    def longer(self, places: int, before: int, after: int) -> Dependence:
        """With so many times more before and after those learned; how they go with others the plain picture tells."""
        times = len(self.correlation) // places
        whole = _picture(self.correlation, np.ones_like(self.correlation), places, before + after)
        learned = np.zeros((places, before + times + after), dtype=bool)
        learned[:, before : before + times] = True
        at = np.flatnonzero(learned)
        whole[np.ix_(at, at)] = self.correlation
        return Dependence(positive(whole), self.shrunk)

    def draw(self, count: int, rng: np.random.Generator) -> FloatArray:
        """Normal scores [variable, scenario]."""
        independent = rng.standard_normal((len(self.correlation), count))
        drawn: FloatArray = np.linalg.cholesky(self.correlation) @ independent
        return drawn


def positive(matrix: FloatArray) -> FloatArray:
    """The correlation matrix without negative eigenvalues: they are lifted, and the diagonal set back to one."""
    value, vector = np.linalg.eigh(0.5 * (matrix + matrix.T))
    lifted = (vector * np.maximum(value, SMALLEST)) @ vector.T
    size = np.sqrt(np.diag(lifted))
    whole: FloatArray = lifted / np.outer(size, size)
    np.fill_diagonal(whole, 1.0)
    return whole


def _correlations(scores: FloatArray, known: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Correlations around zero, where scores have their mean, and on how many issues. [variable, variable]"""
    z = np.where(known, scores, 0.0)
    both = known.astype(float)
    shared = both.T @ both
    product, own = z.T @ z, (z**2).T @ both  # own[i, j]: squares of i where j is known
    size = np.sqrt(own * own.T)
    measured = np.divide(product, size, out=np.zeros_like(product), where=size > 0.0)
    np.fill_diagonal(measured, 1.0)
    return measured, shared


def _picture(measured: FloatArray, shared: FloatArray, places: int, more: int = 0) -> FloatArray:
    """Correlation of places at the same time, times that of two times of the same place by their distance.

    more  times beside those measured; what is farther apart than any of these goes together as the farthest do
    """
    times = len(measured) // places
    blocks = measured.reshape(places, times, places, times)
    weight = shared.reshape(places, times, places, times)
    step = np.arange(times)
    apart = np.abs(step[:, None] - step[None])
    place = np.einsum("itjt->ij", blocks * weight) / np.maximum(np.einsum("itjt->ij", weight), 1.0)
    within = np.einsum("isit->st", blocks * weight)
    count = np.einsum("isit->st", weight)
    by_distance = np.bincount(apart.ravel(), within.ravel()) / np.maximum(
        np.bincount(apart.ravel(), count.ravel()), 1.0
    )
    np.fill_diagonal(place, 1.0)
    by_distance[0] = 1.0
    step = np.arange(times + more)
    apart = np.minimum(np.abs(step[:, None] - step[None]), times - 1)
    return np.asarray(np.kron(positive(place), positive(by_distance[apart])), dtype=float)
