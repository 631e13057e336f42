"""From equations in time to steps of an interval, exact where what acts is constant within it: the matrix exponential.

    x(h) = e^{ah} x + ∫₀ʰ e^{as} ds b u,     noise of the power s per hour adds up to ∫₀ʰ e^{as} s e^{aᵀs} ds

Both integrals are blocks of one exponential each: C. F. Van Loan (1978), IEEE Trans. Automatic Control 23(3).

Resistances join two capacities both ways alike, so that C^{1/2} a C^{−1/2} is symmetric: with its eigenvalues λ and
vectors all three are sums of e^{λh} and (e^{λh} − 1) / λ (`Modes`). A search that asks for thousands of them takes
these; the exponential is the plain way beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import expm

from gridloop.units import FloatArray


def step_of(a: FloatArray, b: FloatArray, hours: float) -> tuple[FloatArray, FloatArray]:
    """Matrices of one interval: kept [state, state], and gained [state, input] per unit of what acts."""
    n = len(a)
    both = np.zeros((2 * n, 2 * n))
    both[:n, :n], both[:n, n:] = a * hours, np.eye(n) * hours
    found = np.asarray(expm(both))
    return found[:n, :n], found[:n, n:] @ b


def noise_of(a: FloatArray, power: FloatArray, hours: float) -> FloatArray:
    """Covariance that noise adds in an interval. power [state] or [kind, state]: variance per hour of each state's own

    Van Loan's block has e^{−ah} in it, which overflows for a fast state: it is taken over a short part of the interval,
    and doubled from there, cover(2h) = cover(h) + e^{ah} cover(h) e^{aᵀh}. Kinds of noise share the exponential.
    """
    n, kinds = len(a), np.atleast_2d(power)
    doublings = max(0, int(np.ceil(np.log2(max(1.0, float(np.abs(a).sum(axis=1).max()) * hours)))))
    part, own = hours / 2.0**doublings, np.arange(n)
    both = np.zeros((n * (1 + len(kinds)),) * 2)
    both[:n, :n] = -a * part
    for k, each in enumerate(kinds):
        rows = n * (1 + k) + own
        both[own, rows] = each * part
        both[rows[:, None], rows] = a.T * part
    found = np.asarray(expm(both))
    kept = found[n : 2 * n, n : 2 * n].T
    cover = kept @ found[:n, n:].reshape(n, len(kinds), n).swapaxes(0, 1)
    for _ in range(doublings):
        cover = cover + kept @ cover @ kept.T
        kept = kept @ kept
    cover = (cover + cover.swapaxes(1, 2)) / 2
    return np.asarray(cover.reshape((*np.shape(power)[:-1], n, n)))


@dataclass(frozen=True, eq=False)
class Modes:
    """a = out diag(rates) into, of an a that its capacities make symmetric. rates [state], out, into [state, state]"""

    rates: FloatArray
    out: FloatArray
    into: FloatArray

    @classmethod
    def of(cls, a: FloatArray, capacity: FloatArray) -> Modes:
        """capacity [state]: capacity · a is symmetric"""
        root = np.sqrt(capacity)
        same = root[:, None] * a / root
        rates, axes = np.linalg.eigh((same + same.T) / 2)
        return cls(rates, axes / root[:, None], axes.T * root)

    def step(self, b: FloatArray, hours: float) -> tuple[FloatArray, FloatArray]:
        """As `step_of`."""
        kept = (self.out * np.exp(self.rates * hours)) @ self.into
        return kept, (self.out * _grown(self.rates, hours)) @ (self.into @ b)

    def noise(self, power: FloatArray, hours: float) -> FloatArray:
        """As `noise_of`."""
        both = _grown(self.rates[:, None] + self.rates, hours)
        return np.asarray(self.out @ ((self.into * power[..., None, :]) @ self.into.T * both) @ self.out.T)


def _grown(rate: FloatArray, hours: float) -> FloatArray:
    """∫₀ʰ e^{rate s} ds"""
    x = rate * hours
    small = np.abs(x) < 1e-8
    return np.asarray(hours * np.where(small, 1.0 + x / 2, np.expm1(x) / np.where(small, 1.0, x)))
