"""Solving the arrays of a network: its supplied nodes, many scenarios at once, and what follows from the voltages.

Everything here has the scenario as its last axis, so that one call serves one state or a whole horizon.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridloop.network.arrays import Branches, NetworkArrays
from gridloop.network.topology import NO_NODE
from gridloop.powerflow.admittance import supplied_admittance
from gridloop.powerflow.newton import NewtonResult, Pattern, solve_newton
from gridloop.powerflow.start import starts
from gridloop.units import BoolArray, ComplexArray, FloatArray, IntArray

# A solution with a voltage below this is suspected to be one of the low ones that no grid runs at.
LOW_PU = 0.5
# What stands where a node is not supplied: both parts are missing.
UNKNOWN = complex(np.nan, np.nan)


@dataclass(frozen=True)
class Solution:
    """What Newton found; per unit, and NaN at nodes that are not supplied.

    v, injected  [node, scenario]  voltages, and the powers injected there: the last ones tried where not converged
    wanted       [node, scenario]  the powers asked for
    converged, iterations, mismatch  [scenario]  how it went
    lit          nodes that are supplied
    pattern, y   equations of the nodes `lit`, in their order: what sensitivities need
    """

    v: ComplexArray
    injected: ComplexArray
    wanted: ComplexArray
    converged: BoolArray
    iterations: IntArray
    mismatch: FloatArray
    lit: IntArray
    pattern: Pattern
    y: ComplexArray

    def mismatch_at(self, scenario: int) -> FloatArray:
        """Size of the mismatch of every supplied node, zero where a source balances. [lit], per unit"""
        difference = (self.injected - self.wanted)[self.lit, scenario]
        p, q = np.zeros(self.lit.size), np.zeros(self.lit.size)
        p[self.pattern.angle] = difference.real[self.pattern.angle]
        q[self.pattern.magnitude] = difference.imag[self.pattern.magnitude]
        return np.hypot(p, q)


def solve(
    arrays: NetworkArrays,
    injection: ComplexArray,
    *,
    start: ComplexArray | None = None,
    admittances: ComplexArray | None = None,
    tolerance: float = 1e-8,
    max_iterations: int = 30,
) -> Solution:
    """AC power flow of the supplied nodes.

    injection    [node] or [node, scenario], per unit
    start        [node] or [node, scenario], voltages to start from; those of `starts` otherwise
    admittances  [entry, scenario] values of `supplied_admittance` where it differs between scenarios
    tolerance    largest mismatch of active or reactive power at a node, per unit
    """
    s = injection[:, None] if injection.ndim == 1 else injection
    matrix, lit = supplied_admittance(arrays)
    place = np.full(arrays.n_nodes, -1, dtype=np.int64)
    place[lit] = np.arange(lit.size)
    regulated = place[arrays.regulated]
    pattern = Pattern.of(matrix, place[arrays.source], regulated[regulated >= 0])
    y = matrix.data[:, None] if admittances is None else admittances

    def newton(v: ComplexArray, scenarios: IntArray) -> NewtonResult:
        some_y, here = (y[:, scenarios] if y.shape[1] > 1 else y), np.ix_(lit, scenarios)
        v0 = _held(arrays, v, s.shape)[here]
        return solve_newton(pattern, some_y, s[here], v0, tolerance=tolerance, max_iterations=max_iterations)

    every = np.arange(s.shape[1])
    if start is not None:
        result = newton(start, every)
    else:
        # The further starts are there for what fails, and for a solution so low that there is likely a better one.
        first, *others = starts(arrays, s)
        result = newton(first(), every)
        for other in others:
            doubtful = np.flatnonzero(~result.converged | (result.lowest < LOW_PU))
            if not doubtful.size:
                break
            result = result.improved(doubtful, newton(other(), doubtful))
    v = np.full(s.shape, UNKNOWN)
    v[lit] = result.v
    injected = np.full(s.shape, UNKNOWN)
    injected[lit] = pattern.power(np.broadcast_to(y, (y.shape[0], s.shape[1])), result.v)[1]
    return Solution(v, injected, s, result.converged, result.iterations, result.mismatch, lit, pattern, y)


def _held(arrays: NetworkArrays, v: ComplexArray, shape: tuple[int, ...]) -> ComplexArray:
    """Voltages to start from [node] or [node, scenario], with those that are held put in. [node, scenario]"""
    v0 = np.broadcast_to(v[:, None] if v.ndim == 1 else v, shape).astype(complex, copy=True)
    v0[arrays.source] = arrays.v_source[:, None]
    v0[arrays.regulated] *= (arrays.v_set / np.abs(v0[arrays.regulated]).T).T
    return v0


def branch_currents(b: Branches, v: ComplexArray) -> tuple[ComplexArray, ComplexArray]:
    """Currents that enter every branch at tail and head. [branch, scenario], per unit; zero at an open end"""
    v_tail, v_head = _at_ends(b, v)
    i_tail = b.y_tt[:, None] * v_tail + b.y_th[:, None] * v_head
    i_head = b.y_ht[:, None] * v_tail + b.y_hh[:, None] * v_head
    return i_tail, i_head


def branch_powers(b: Branches, v: ComplexArray) -> tuple[ComplexArray, ComplexArray]:
    """Complex powers that enter every branch at tail and head. [branch, scenario], per unit"""
    v_tail, v_head = _at_ends(b, v)
    i_tail, i_head = branch_currents(b, v)
    return v_tail * np.conj(i_tail), v_head * np.conj(i_head)


def _at_ends(b: Branches, v: ComplexArray) -> tuple[ComplexArray, ComplexArray]:
    """Voltages at tail and head of every branch; zero at an open end. [branch, scenario]"""
    v_tail = np.where((b.tail == NO_NODE)[:, None], 0, v[b.tail])
    v_head = np.where((b.head == NO_NODE)[:, None], 0, v[b.head])
    return v_tail, v_head
