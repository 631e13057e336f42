"""How surely a saving is known: ASHRAE's formula, the covariance of what is left, and a bootstrap of whole blocks.

Days follow each other: what is left of today (a cold spell, an order that runs) is left tomorrow too. With such
residuals u, n days of the baseline and m of the reporting period, the error of the sum of predictions is

    Σ_new u  −  z · (β̂ − β),        z the sum of the new days' rows of the design

*Covariance.* Var = Σ_{|j|<B} (m − |j|)⁺ k_j γ_j  +  z (XᵀX)⁻¹ S (XᵀX)⁻¹ zᵀ with Bartlett weights k_j = 1 − |j| / B,
autocovariances γ_j of u and S the same sum over x_t u_t. B = 1.3 √n days and critical values that know how little B
leaves to estimate from (Kiefer & Vogelsang 2005, Econometric Theory 21, table 1; the rule is that of Lazarus, Lewis,
Stock & Watson 2018, J. Business & Economic Statistics 36). Both are divided by 1 − k / n for the k parameters used up.

*ASHRAE Guideline 14.* Half width = t · 1.26 · CV(RMSE) · √( n / n' · (1 + 2 / n') / m ) · predicted energy, with
n' = n (1 − ρ) / (1 + ρ) and ρ the correlation of neighbours (Reddy & Claridge 2000).

*Blocks.* Baselines are drawn anew as prediction plus blocks of residuals, fitted, and held against new days that are
made in the same way; the ends are quantiles of the errors.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from gridloop.units import FloatArray

# Kiefer & Vogelsang (2005), table 1, Bartlett: quantile → value at b = 0 and coefficients of b, b², b³ (b = B / n).
_FIXED_B = {
    0.90: (1.2816, 1.3040, 0.5135, -0.3386),
    0.95: (1.6449, 2.1859, 0.3142, -0.3427),
    0.975: (1.9600, 2.9694, 0.4160, -0.5324),
    0.99: (2.3263, 4.1618, 0.5368, -0.9060),
}


def bandwidth(n: int) -> int:
    """Days over which what is left is taken to hang together."""
    return max(1, min(n - 1, int(np.ceil(1.3 * np.sqrt(n)))))


def critical(level: float, b: float) -> float:
    """Two-sided critical value for a covariance estimated with a bandwidth of b · n days.

    Between the tabulated quantiles the widening over the normal value is interpolated, beyond them kept.
    """
    p = (1 + level) / 2
    known = sorted(_FIXED_B)
    wider = [np.polyval(_FIXED_B[q][::-1], b) / _FIXED_B[q][0] for q in known]
    return float(stats.norm.ppf(p) * np.interp(p, known, wider))


def autocovariances(u: FloatArray, lags: int) -> FloatArray:
    """γ_0 … γ_lags of residuals. [lag]"""
    return np.array([float(u[: u.size - j] @ u[j:]) / u.size for j in range(lags + 1)])


def lag_one(u: FloatArray) -> float:
    """Correlation of what is left on neighbouring days."""
    gamma = autocovariances(u, 1)
    return float(gamma[1] / gamma[0]) if gamma[0] > 0 else 0.0


def variance_of_sum(u: FloatArray, m: int, used: int) -> float:
    """Variance of a sum of m new residuals, from those of the baseline. used: parameters of the fit"""
    lags = bandwidth(u.size)
    gamma = autocovariances(u, lags) / (1 - used / u.size)
    j = np.arange(1, lags + 1)
    weight = (1 - j / (lags + 1)) * np.clip(m - j, 0, None)
    return float(max(m * gamma[0] + 2 * weight @ gamma[1:], m * gamma[0] / 4))


def covariance(x: FloatArray, u: FloatArray) -> FloatArray:
    """Covariance of coefficients that knows of autocorrelation and unequal spread. x [day, column], u [day]"""
    n, k = x.shape
    size = np.maximum(np.abs(x).max(axis=0), 1e-12)
    scaled = x / size
    bread = np.linalg.pinv(scaled.T @ scaled)
    score = scaled * u[:, None]
    meat = score.T @ score
    lags = bandwidth(n)
    for j in range(1, lags + 1):
        cross = score[j:].T @ score[:-j]
        meat += (1 - j / (lags + 1)) * (cross + cross.T)
    return np.asarray(bread @ meat @ bread / (1 - k / n) / np.outer(size, size))


def half_width(x: FloatArray, u: FloatArray, z: FloatArray, level: float) -> float:
    """Half width of the interval of Σ_new y − z · β̂. z [day, column] the new days' rows"""
    n, k = x.shape
    total = z.sum(axis=0)
    variance = variance_of_sum(u, len(z), k) + float(total @ covariance(x, u) @ total)
    return critical(level, bandwidth(n) / n) * float(np.sqrt(variance))


def ashrae(cv_rmse: float, rho: float, n: int, k: int, m: int, predicted: float, level: float) -> float:
    """Half width by the formula of ASHRAE Guideline 14, in the unit of `predicted` (the sum of m days)."""
    fewer = max(n * (1 - max(rho, 0.0)) / (1 + max(rho, 0.0)), 2.0)
    t = float(stats.t.ppf((1 + level) / 2, max(fewer - k, 1.0)))
    return t * 1.26 * cv_rmse * float(np.sqrt(n / fewer * (1 + 2 / fewer) / m)) * abs(predicted)


def of_blocks(
    x: FloatArray, u: FloatArray, z: FloatArray, level: float, rng: np.random.Generator, draws: int = 500
) -> tuple[float, float]:
    """Ends of the error Σ_new y − z · β̂ from blocks of residuals drawn with replacement."""
    n, m = u.size, len(z)
    # What is left was made small by the fit: stretched to the size it has among days that were not fitted to.
    stretched = u * np.sqrt(n / max(n - x.shape[1], 1))
    length = min(bandwidth(n), n)
    solve = np.linalg.pinv(x)
    total = z.sum(axis=0)
    errors = np.empty(draws)
    for k in range(draws):
        old, new = _blocks(stretched, n, length, rng), _blocks(stretched, m, length, rng)
        errors[k] = new.sum() - total @ (solve @ old)
    ends = np.quantile(errors, [(1 - level) / 2, (1 + level) / 2])
    return float(ends[0]), float(ends[1])


def _blocks(u: FloatArray, n: int, length: int, rng: np.random.Generator) -> FloatArray:
    """n residuals in blocks, the record bent to a circle so that every day counts alike."""
    first = rng.integers(0, u.size, size=-(-n // length))
    return np.asarray(u[(first[:, None] + np.arange(length)).ravel()[:n] % u.size])
