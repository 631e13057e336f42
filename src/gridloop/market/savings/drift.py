"""Uncertainty that knows of drift: what is left of a fit wanders for weeks, and the interval says so.

On recorded meters the residuals of a baseline do not forget within days: people move, orders come and go. Formulas that
take the last week for all there is (ASHRAE's, a covariance with a short bandwidth) then hold the truth far less often
than they say. Here what is left is a slow level beside daily noise,

    u = σ (√λ · level + √(1 − λ) · noise),        corr(level_i, level_j) = 2^(−|i − j| / H),

with its half-life H and share λ unknown. For every pair of a grid the restricted likelihood of the baseline's days says
how well it explains them (Patterson & Thompson 1971), and the error of the saving, a sum c·u over old and new days

    Σ_new u − z · (β̂ − β) = c · u,        c = (−Xᵀ⁺ z, 1 … 1),

is a t with n − k degrees of freedom and scale s √(cᵀ R c). The interval is that of the mixture of all pairs by their
likelihood: where the record cannot tell how long its drift lasts, that too is in its width.

A season that the baseline has not seen is another matter: no day of the record tells what people do in it. From the
nearest season that was seen the level is taken to walk at random (`season.py`), and its variance is added:

    scale² + κ · σ² · Σ_ij min(d_i, d_j),        d_i days of the year from the nearest day of the baseline,

for each of the κ that are told there, all as likely as each other.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg, stats

from gridloop.units import FloatArray

HALF_LIVES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)
"""Days; evenly apart in their logarithm, each as likely as the other before the record is seen."""

SHARES = (0.0, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95)


def ends_with_drift(
    x: FloatArray,
    y: FloatArray,
    day: FloatArray,
    z: FloatArray,
    new_day: FloatArray,
    level: float,
    unseen: FloatArray | None = None,
) -> tuple[float, float]:
    """Ends of the error Σ_new y − z · β̂ of a least-squares fit.

    x [day, column], y [day], day [day] numbers of the days; z [new day, column], new_day [new day]
    unseen  variances of the sum that a season beyond the baseline's adds, each as likely as the other; None: it adds
            none
    """
    n, k = x.shape
    size = np.maximum(np.abs(x).max(axis=0), 1e-12)
    x, z = x / size, z / size
    c = np.concatenate([-np.linalg.pinv(x).T @ z.sum(axis=0), np.ones(len(z))])
    every = np.concatenate([day, new_day])
    apart = np.abs(every[:, None] - every[None, :])
    found = []
    for half_life in HALF_LIVES:
        slow = np.exp2(-apart / half_life)
        for share in SHARES[1:] if half_life > HALF_LIVES[0] else SHARES:
            r = share * slow
            r[np.diag_indices_from(r)] = 1.0
            likelihood, variance = _restricted(x, y, r[:n, :n])
            found.append((likelihood, float(np.sqrt(variance * float(c @ r @ c)))))
    weight = np.exp(np.array([each[0] for each in found]) - max(each[0] for each in found))
    scale = np.array([each[1] for each in found])
    more = np.zeros(1) if unseen is None else unseen
    weight = np.repeat(weight / weight.sum() / more.size, more.size)
    scale = np.sqrt(scale[:, None] ** 2 + more[None, :]).ravel()
    return _quantiles(weight, scale, n - k, level)


def _restricted(x: FloatArray, y: FloatArray, r: FloatArray) -> tuple[float, float]:
    """Restricted log likelihood with the variance at its best, and that variance."""
    n, k = x.shape
    factor = linalg.cholesky(r, lower=True, check_finite=False)
    whitened = linalg.solve_triangular(factor, np.column_stack([x, y]), lower=True, check_finite=False)
    q, upper = np.linalg.qr(whitened[:, :k])
    left = whitened[:, k] - q @ (q.T @ whitened[:, k])
    squares = max(float(left @ left), 1e-300)
    freedom = n - k
    determinants = 2 * np.log(np.diag(factor)).sum() + 2 * np.log(np.maximum(np.abs(np.diag(upper)), 1e-300)).sum()
    return float(-0.5 * (determinants + freedom * np.log(squares))), squares / freedom


def _quantiles(weight: FloatArray, scale: FloatArray, freedom: int, level: float) -> tuple[float, float]:
    """Ends of a mixture of centred t's: symmetric, so that one is searched by halving."""
    low, high = 0.0, float(scale.max()) * float(stats.t.ppf((1 + level) / 2, freedom)) + 1e-300
    for _ in range(60):  # halves to rounding
        middle = (low + high) / 2
        inside = float(weight @ (2 * stats.t.cdf(middle / np.maximum(scale, 1e-300), freedom) - 1))
        low, high = (middle, high) if inside < level else (low, middle)
    return -high, high
