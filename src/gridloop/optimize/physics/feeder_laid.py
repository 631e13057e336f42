"""A feeder at fixed taps, ready for any number of intervals: voltages, and how a quantity answers to injections.

With the voltages V⁰ without load, Z the inverse of the nodal matrix and Z_L = Aᵀ Z A between the places where devices
stand, the voltages u across these solve

    u = u⁰ − Z_L conj(s / u),        V = V⁰ − Z A conj(s / u)

for the consumption s: a small dense equation, iterated from the last answer. It contracts up to the largest load that
has a solution, by the factor |Z_L| |s| / |u|². A quantity with dh = Re(fᵀ dV) answers to a further injection dS at any
place by Re(y conj(dS / u)), y the difference there of

    y = Zᵀ (f + A conj(D Aᵀ y)),        D = s / u², conjugated,

in which what devices draw answers to the voltage: the same small equation, transposed.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array, csc_array, csr_array
from scipy.sparse.linalg import splu

from gridloop.errors import SolveFailed
from gridloop.optimize.physics.feeder_currents import RatedCurrents
from gridloop.powerflow.feeder.arrays import BASE_PHASE_MVA, FeederArrays
from gridloop.powerflow.feeder.nodes import GROUND
from gridloop.units import BoolArray, ComplexArray, FloatArray, IntArray

TOLERANCE_PU = 1e-11
MAX_ITERATIONS = 400
# Across a place of less than this there is no power to be had: an interval that comes there has no solution.
_COLLAPSED_PU = 0.05
_COLUMNS = 256  # solved for at once: right sides are dense


class LaidFeeder:
    """One feeder at one position of its taps.

    taps        [control]; fractions are allowed
    tail, head  [busy]  where devices stand
    """

    def __init__(self, arrays: FeederArrays, taps: FloatArray, tail: IntArray, head: IntArray) -> None:
        """Raises `SolveFailed` where the nodal matrix is singular."""
        self.arrays, self.taps = arrays, taps
        self.y = arrays.admittance(taps)  # type: ignore[arg-type]  # whole for the controls, fractions for tangents
        held = np.unique(arrays.source)
        self.free = np.setdiff1d(np.arange(arrays.n_nodes), held)
        try:
            self._factor = splu(csc_array(self.y[self.free][:, self.free]))
        except RuntimeError as error:
            raise SolveFailed(f"the nodal matrix of {arrays.feeder.name!r} is singular: {error}.") from error
        self.v0 = np.zeros(arrays.n_nodes, dtype=complex)
        self.v0[arrays.source] = arrays.v_source
        self.v0[self.free] = self._factor.solve(-(self.y[self.free][:, held] @ self.v0[held]))
        self.lossy = csr_array(self.y - _behind_sources(arrays))  # without the sources' own impedances
        self.rated = RatedCurrents.of(arrays, taps)
        self.across = incidence_of(arrays.n_nodes, tail, head)  # [busy, node]
        self._busy = csr_array(self.across[:, self.free])
        self.z = np.zeros((tail.size, tail.size), dtype=complex)
        for first in range(0, tail.size, _COLUMNS):
            some = slice(first, first + _COLUMNS)
            self.z[:, some] = self._busy @ self._factor.solve(self._busy[some].T.toarray().astype(complex))

    def solve(self, s: ComplexArray, start: ComplexArray | None = None) -> tuple[ComplexArray, BoolArray]:
        """Voltages of every node for consumption s [busy, step] in MVA; which steps converged. [node, step], [step]

        start  [busy, step]  voltages across the places to begin with; those without load otherwise
        """
        alone = self.across @ self.v0
        u0 = np.repeat(alone[:, None], s.shape[1], axis=1)
        u = u0.copy() if start is None else start.copy()
        done = np.zeros(s.shape[1], dtype=bool)
        lost = np.zeros(s.shape[1], dtype=bool)
        with np.errstate(all="ignore"):
            for _ in range(MAX_ITERATIONS):
                new = u0 - self.z @ np.conj(s / u)
                step = np.max(np.abs(new - u), axis=0, initial=0.0)
                lost |= ~(np.min(np.abs(new), axis=0, initial=1.0) > _COLLAPSED_PU)
                new[:, lost] = u0[:, lost]
                u, done = new, step <= TOLERANCE_PU
                if (done | lost).all():
                    break
        drawn = np.conj(s / u)
        v = np.repeat(self.v0[:, None], s.shape[1], axis=1)
        v[self.free] -= self._factor.solve(self._busy.T @ drawn)
        return v, done & ~lost

    def response(self, injected: ComplexArray) -> ComplexArray:
        """Z times injected currents, devices drawing none. [node, column]"""
        found = np.zeros(injected.shape, dtype=complex)
        found[self.free] = self._factor.solve(injected[self.free])
        return found

    def adjoint(self, functional: ComplexArray, s: ComplexArray, v: ComplexArray) -> ComplexArray:
        """y of functionals f [node, row], each at its own consumption s [busy, row] and voltages v [node, row]."""
        u = self.across @ v
        with np.errstate(all="ignore"):
            d = np.where(np.abs(u) > _COLLAPSED_PU, np.conj(s / u**2), 0.0)
        right = np.asarray(functional[self.free], dtype=complex)
        y = self._factor.solve(right, trans="T")
        seen = g = self._busy @ y
        size = np.max(np.abs(g), initial=0.0)
        for _ in range(MAX_ITERATIONS):
            new = g + self.z.T @ np.conj(d * seen)
            moved = np.max(np.abs(new - seen), initial=0.0)
            seen = new
            if moved <= 1e-12 * size:
                break
        found = np.zeros(functional.shape, dtype=complex)
        found[self.free] = y + self._factor.solve(self._busy.T @ np.conj(d * seen), trans="T")
        return found


def _behind_sources(arrays: FeederArrays) -> csr_array:
    """What the impedances of sources add to the nodal matrix, per unit. [node, node]"""
    found = csr_array(arrays.y.shape, dtype=complex)
    for group in arrays.groups:
        if group.table == "source":
            i, j, siemens = group.entries()
            values = siemens * arrays.v_base_kv[i] * arrays.v_base_kv[j] / BASE_PHASE_MVA
            found = found + csr_array(coo_array((values, (i, j)), shape=arrays.y.shape))
    return csr_array(found)


def incidence_of(n: int, tail: IntArray, head: IntArray) -> csr_array:
    """+1 at the tail and −1 at the head of every place. [place, node]"""
    k = np.arange(tail.size)
    inner = head != GROUND
    values = np.concatenate([np.ones(tail.size), -np.ones(int(inner.sum()))])
    rows, columns = np.concatenate([k, k[inner]]), np.concatenate([tail, head[inner]])
    return csr_array(coo_array((values, (rows, columns)), shape=(tail.size, n)))
