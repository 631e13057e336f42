"""From equations in time to steps of an interval, exact where what acts is constant within it: the matrix exponential.

    x(h) = e^{ah} x + ∫₀ʰ e^{as} ds b u,     noise of the power s per hour adds up to ∫₀ʰ e^{as} s e^{aᵀs} ds

Both integrals are blocks of one exponential each: C. F. Van Loan (1978), IEEE Trans. Automatic Control 23(3).
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import expm

from gridloop.units import FloatArray


def step_of(a: FloatArray, b: FloatArray, hours: float) -> tuple[FloatArray, FloatArray]:
    """Matrices of one interval: kept [state, state], and gained [state, input] per unit of what acts."""
    n, m = b.shape
    both = np.zeros((n + m, n + m))
    both[:n, :n], both[:n, n:] = a * hours, b * hours
    found = np.asarray(expm(both))
    return found[:n, :n], found[:n, n:]


def noise_of(a: FloatArray, power: FloatArray, hours: float) -> FloatArray:
    """Covariance that noise adds in an interval. power [state]: variance per hour of each state's own noise

    Van Loan's block has e^{−ah} in it, which overflows for a fast state: it is taken over a short part of the interval,
    and doubled from there, cover(2h) = cover(h) + e^{ah} cover(h) e^{aᵀh}.
    """
    n = a.shape[0]
    doublings = max(0, int(np.ceil(np.log2(max(1.0, float(np.abs(a).sum(axis=1).max()) * hours)))))
    part = hours / 2.0**doublings
    both = np.zeros((2 * n, 2 * n))
    both[:n, :n], both[:n, n:], both[n:, n:] = -a * part, np.diag(power) * part, a.T * part
    found = np.asarray(expm(both))
    kept = found[n:, n:].T
    cover = kept @ found[:n, n:]
    for _ in range(doublings):
        cover = cover + kept @ cover @ kept.T
        kept = kept @ kept
    return np.asarray((cover + cover.T) / 2)
