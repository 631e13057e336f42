"""Sensitivities of voltages, currents and losses to what is injected, by the adjoint of the power flow.

With the equations F(x) = S(x) − S_given = 0 in the unknowns x = (θ, ln v), a quantity h(x) answers to the given powers
by

    ∂h/∂(P, Q)_given = λ      where      Jᵀ λ = ∂h/∂x,

one transposed solve per quantity, whatever the number of nodes. A change of the admittances (a tap that moves one
step) enters as ∂F: the quantity moves by its own direct change less λ·ΔF.
Source: standard adjoint (see e.g. Giles and Pierce 2000); derivation in docs/math/sensitivity.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse.linalg import SuperLU

from gridloop.network.arrays import Branches, NetworkArrays
from gridloop.network.topology import NO_NODE
from gridloop.powerflow.newton import factorize
from gridloop.powerflow.solve import Solution, branch_currents
from gridloop.units import ComplexArray, FloatArray, IntArray


@dataclass(frozen=True)
class Rows:
    """Sensitivity of several quantities, each at its own scenario.

    to_p, to_q  [row, node]  change per unit of active or reactive injection; zero at nodes not supplied, for P where
                a source balances it, and for Q where the voltage is held
    """

    to_p: FloatArray
    to_q: FloatArray


class Linearization:
    """The power flow equations around solved states; answers for any quantity at any scenario."""

    def __init__(self, arrays: NetworkArrays, solution: Solution, branches: Sequence[Branches] | None = None) -> None:
        """branches [scenario]: where taps differ between scenarios; those of `arrays` otherwise.

        Raises `ValueError` where a scenario did not converge: there is nothing to differentiate.
        """
        if not solution.converged.all():
            raise ValueError("a sensitivity needs converged states")
        self.arrays = arrays
        self.solution = solution
        self.pattern = solution.pattern
        self._v = solution.v[solution.lit]
        self._admittance = _admittances([arrays.branches] if branches is None else branches)
        y = np.broadcast_to(solution.y, (solution.y.shape[0], self._v.shape[1]))
        self._e, self._s = self.pattern.power(y, self._v)
        factors = factorize(self.pattern.jacobian(self._e, self._s))
        if factors is None:
            raise ValueError("a state at the very edge of solvability has no sensitivity")
        self._factors: SuperLU = factors
        # Position of every node's θ and ln v among the unknowns; −1 where it is held or not supplied.
        self._theta_at, self._log_v_at = np.full((2, arrays.n_nodes), -1, dtype=np.int64)
        self._theta_at[solution.lit], self._log_v_at[solution.lit] = self.pattern.positions

    def losses(self) -> Rows:
        """Total active losses of every scenario, shunts included. [scenario, node], per unit / per unit"""
        pattern = self.pattern
        # The losses are Σ Re S over all nodes, sources included: column sums of ∂P/∂θ and ∂P/∂ln v.
        by_theta, by_log_v = (1j * self._s).real, self._s.real.copy()
        np.add.at(by_theta, pattern.col, self._e.imag)
        np.add.at(by_log_v, pattern.col, self._e.real)
        gradient = np.concatenate([by_theta[pattern.angle], by_log_v[pattern.magnitude]]).T
        return self._solve(gradient, np.arange(self._v.shape[1]))

    def voltage(self, node: IntArray, scenario: IntArray) -> Rows:
        """Voltage magnitude of a node, one row per (node, scenario). per unit / per unit"""
        gradient = np.zeros((node.size, self.pattern.size))
        position = self._log_v_at[node]
        known = np.flatnonzero(position >= 0)
        gradient[known, position[known]] = np.abs(self.solution.v[node, scenario])[known]
        return self._solve(gradient, scenario)

    def current(self, branch: IntArray, end: IntArray, scenario: IntArray) -> Rows:
        """Current magnitude at the tail (0) or head (1) of a branch, one row per (branch, end, scenario).

        per unit / per unit; zero where no current flows, which has no direction to grow in
        """
        node, v, y = self._seen_from(branch, end, scenario)
        # dI = Σ y v · (j dθ + d ln v) over both ends, and d|I| is its share along I.
        slopes = y * v * _along((y * v).sum(axis=0))
        gradient = np.zeros((branch.size, self.pattern.size))
        for position, slope in ((self._theta_at[node], -slopes.imag), (self._log_v_at[node], slopes.real)):
            side, row = np.nonzero((node != NO_NODE) & (position >= 0))
            np.add.at(gradient, (row, position[side, row]), slope[side, row])
        return self._solve(gradient, scenario)

    def current_step(
        self,
        branch: IntArray,
        end: IntArray,
        scenario: IntArray,
        before: Sequence[Branches],
        after: Sequence[Branches],
    ) -> FloatArray:
        """Change of these current magnitudes at fixed voltages, to first order in the change of admittances. [row]

        before, after  [scenario]  the branches where a tap moves from and to, such as half a step to either side

        This is the direct part of what a tap does to the current of its own transformer. It is large, and the voltages
        take most of it back: −λ·ΔF with the rows of `current`.
        """
        _, v, y = self._seen_from(branch, end, scenario)
        change = _of_rows(_admittances(after) - _admittances(before), branch, end, scenario)
        return np.asarray(((change * v).sum(axis=0) * _along((y * v).sum(axis=0))).real)

    def _seen_from(
        self, branch: IntArray, end: IntArray, scenario: IntArray
    ) -> tuple[IntArray, ComplexArray, ComplexArray]:
        """Node, voltage, and the admittance it drives by, at a current's own end (0) and the other one (1).

        [2, row] each
        """
        b = self.arrays.branches
        tail, head = b.tail[branch], b.head[branch]
        node = np.stack([np.where(end == 0, tail, head), np.where(end == 0, head, tail)])
        v = np.where(node == NO_NODE, 0.0, self.solution.v[node, scenario])
        return node, v, _of_rows(self._admittance, branch, end, scenario)

    def state_change(self, injected: ComplexArray) -> ComplexArray:
        """Relative change of the voltages, d ln v + j dθ, for a small change of what is injected. [node, scenario]

        injected  [node, scenario], per unit
        """
        n_angle, lit = self.pattern.angle.size, self.solution.lit
        right = self.pattern.residual(injected[lit])
        step = self._factors.solve(right.ravel()).reshape(right.shape)
        change = np.zeros(injected.shape, dtype=complex)
        change[lit[self.pattern.angle]] += 1j * step[:, :n_angle].T
        change[lit[self.pattern.magnitude]] += step[:, n_angle:].T
        return change

    def _solve(self, gradient: FloatArray, scenario: IntArray) -> Rows:
        """Rows of different scenarios share a solve: each right-hand side takes one row of every scenario."""
        n_scenarios, size, n_angle = self._v.shape[1], self.pattern.size, self.pattern.angle.size
        rank = _rank_within(scenario)
        right = np.zeros((n_scenarios, size, int(rank.max(initial=-1)) + 1))
        right[scenario, :, rank] = gradient
        if right.size:
            right = self._factors.solve(right.reshape(n_scenarios * size, -1), trans="T").reshape(right.shape)
        rows = right[scenario, :, rank]
        to_p, to_q = np.zeros((2, scenario.size, self.arrays.n_nodes))
        to_p[:, self.solution.lit[self.pattern.angle]] = rows[:, :n_angle]
        to_q[:, self.solution.lit[self.pattern.magnitude]] = rows[:, n_angle:]
        return Rows(to_p, to_q)


def current_magnitudes(b: Branches, v: ComplexArray) -> FloatArray:
    """Current at tail and head of every branch. [branch, 2, scenario], per unit"""
    return np.abs(np.stack(branch_currents(b, v), axis=1))


def _along(current: ComplexArray) -> ComplexArray:
    """conj(I) / |I|, which turns a change of I into one of its magnitude; zero where no current flows."""
    size = np.abs(current)
    return np.asarray(np.conj(current) / np.where(size == 0.0, 1.0, size))


def _admittances(branches: Sequence[Branches]) -> ComplexArray:
    """Admittances that drive the current at an end by the voltage there (0) and at the other end (1).

    [end, 2, branch, scenario], where a single scenario stands for all
    """
    return np.stack([np.array([[b.y_tt, b.y_th], [b.y_hh, b.y_ht]]) for b in branches], axis=-1)


def _of_rows(admittances: ComplexArray, branch: IntArray, end: IntArray, scenario: IntArray) -> ComplexArray:
    """Those of every row. [2, row]"""
    return admittances[end, :, branch, scenario if admittances.shape[-1] > 1 else 0].T


def _rank_within(group: IntArray) -> IntArray:
    """0, 1, 2 … among the rows of the same group."""
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    starts = np.searchsorted(ordered, ordered)
    rank = np.empty(group.size, dtype=np.int64)
    rank[order] = np.arange(group.size) - starts
    return rank
