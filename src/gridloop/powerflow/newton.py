"""Newton's method for the AC power flow, in polar coordinates, for many scenarios at once.

Unknowns are the angle θ of every node but the sources and the logarithm of the voltage magnitude, ln v, of every
node that nobody regulates. With E_ik = V_i conj(Y_ik V_k) and the injection S_i = Σ_k E_ik, the derivatives are

    ∂S_i/∂θ_k    = −j E_ik + δ_ik j S_i
    ∂S_i/∂ln v_k =    E_ik + δ_ik   S_i

so that one product per entry of Y gives all four blocks of the Jacobian. The Jacobians of all scenarios stand in one
block-diagonal matrix: one sparse factorization per iteration, and a singular block fails alone.

This is the readable twin of the compiled kernel: right first, fast enough second. Derivation: docs/math/powerflow.md.
Source: Tinney and Hart (1967), Power flow solution by Newton's method; Stott (1974) for the scaling by ln v.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csc_array, csr_array
from scipy.sparse.linalg import SuperLU, splu

from gridloop.units import BoolArray, ComplexArray, FloatArray, IntArray

# A factorization whose smallest pivot is this far below the largest is treated as singular.
SINGULAR = 1e-14
# Power flow Jacobians have strong diagonals and rows of a few entries. Taking the diagonal as pivot where it is within
# a hundredth of the largest keeps the fill low, and supernodes of such rows cost more than they save: together this
# factorizes in less than half of SuperLU's time with its own defaults. The symmetric mode keeps its elimination tree
# that of the pattern of A + Aᵀ: without it, a grid of 70 000 buses did not finish in a minute, and takes 0.4 s with it.
_FACTORIZATION = {
    "permc_spec": "MMD_AT_PLUS_A",
    "diag_pivot_thresh": 0.01,
    "relax": 1,
    "panel_size": 1,
    "options": {"SymmetricMode": True},
}
# A mismatch is a sum of terms of size |Y_ik|, each known to a rounding. Where a line has next to no impedance, this
# many roundings of that sum are more than a usual tolerance, and the node is solved as well as numbers can.
_ROUNDINGS = 4.0
# The largest change of ln v in one iteration. A larger one means divergence; bounding it keeps the numbers finite.
_LONGEST_STEP = 1.0


@dataclass(frozen=True)
class Pattern:
    """Where the entries of Y and of the Jacobian stand; shared by all scenarios of one topology.

    row, col   [entry]      node pair of every entry of Y, row by row, diagonal entries included
    angle      [angle]      nodes with unknown θ
    magnitude  [magnitude]  nodes with unknown ln v

    A scenario's unknowns stand in the order θ of `angle`, then ln v of `magnitude`.
    """

    n_nodes: int
    row: IntArray
    col: IntArray
    angle: IntArray
    magnitude: IntArray

    @classmethod
    def of(cls, admittance: csr_array, source: IntArray, regulated: IntArray) -> Pattern:
        """Pattern of an admittance matrix whose diagonal is stored, with the nodes that are held."""
        n = admittance.shape[0]
        row = np.repeat(np.arange(n), np.diff(admittance.indptr))
        angle = np.setdiff1d(np.arange(n), source)
        return cls(n, row, admittance.indices.astype(np.int64), angle, np.setdiff1d(angle, regulated))

    @property
    def size(self) -> int:
        """Number of unknowns of one scenario."""
        return int(self.angle.size + self.magnitude.size)

    @cached_property
    def positions(self) -> tuple[IntArray, IntArray]:
        """Position of every node's θ and ln v among the unknowns; −1 where it is held. [node] each"""
        theta, log_v = np.full(self.n_nodes, -1, dtype=np.int64), np.full(self.n_nodes, -1, dtype=np.int64)
        theta[self.angle] = np.arange(self.angle.size)
        log_v[self.magnitude] = self.angle.size + np.arange(self.magnitude.size)
        return theta, log_v

    def power(self, y: ComplexArray, v: ComplexArray) -> tuple[ComplexArray, ComplexArray]:
        """E [entry, scenario] and the injections S [node, scenario] at voltages V [node, scenario]."""
        e = v[self.row] * np.conj(y * v[self.col])
        return e, np.add.reduceat(e, self._row_starts, axis=0) if self.n_nodes else np.zeros_like(v)

    def jacobian(self, e: ComplexArray, s: ComplexArray) -> csc_array:
        """Block-diagonal Jacobian of all scenarios, from `power`. [scenario · size, scenario · size]"""
        by_angle, by_log_v = -1j * e, e.copy()
        by_angle[self._diagonal] += 1j * s
        by_log_v[self._diagonal] += s
        places, entries, row, starts = self._blocks
        n, count = e.shape[1], row.size
        values = np.empty((count, n))
        for place, entry, derivative in zip(
            places, entries, (by_angle.real, by_log_v.real, by_angle.imag, by_log_v.imag), strict=True
        ):
            values[place] = derivative[entry]
        indices = (row[None, :] + self.size * np.arange(n)[:, None]).ravel()
        indptr = np.append((starts[None, :-1] + count * np.arange(n)[:, None]).ravel(), n * count)
        return csc_array((values.T.ravel(), indices, indptr), shape=(n * self.size, n * self.size))

    def residual(self, mismatch: ComplexArray) -> FloatArray:
        """Mismatch S(V) − S [node, scenario] as the equations' left side. [scenario, size]"""
        return np.concatenate([mismatch.real[self.angle], mismatch.imag[self.magnitude]]).T

    def rounding(self, y: ComplexArray) -> FloatArray:
        """What rounding leaves of the mismatch near nominal voltage, in the order of `residual`. [scenario, size]"""
        whole = np.add.reduceat(np.abs(y), self._row_starts, axis=0) if self.n_nodes else np.abs(y)
        whole *= _ROUNDINGS * np.finfo(float).eps
        return np.concatenate([whole[self.angle], whole[self.magnitude]]).T

    @cached_property
    def _row_starts(self) -> IntArray:
        return np.searchsorted(self.row, np.arange(self.n_nodes))

    @cached_property
    def _diagonal(self) -> IntArray:
        """Position of every node's own entry. [node]"""
        return np.flatnonzero(self.row == self.col)

    @cached_property
    def _blocks(self) -> tuple[list[IntArray], list[IntArray], IntArray, IntArray]:
        """The Jacobian of one scenario, column by column.

        Per block ∂P/∂θ, ∂P/∂ln v, ∂Q/∂θ, ∂Q/∂ln v: which places it fills, and from which entries of Y. Then the row of
        every place, and where each column starts. Rows of P stand with θ, rows of Q with ln v.
        """
        theta, log_v = self.positions
        block, entry, row, col = [], [], [], []
        for number, (rows, cols) in enumerate(((theta, theta), (theta, log_v), (log_v, theta), (log_v, log_v))):
            kept = np.flatnonzero((rows[self.row] >= 0) & (cols[self.col] >= 0))
            block.append(np.full(kept.size, number))
            entry.append(kept)
            row.append(rows[self.row[kept]])
            col.append(cols[self.col[kept]])
        all_block, all_entry, all_row, all_col = map(np.concatenate, (block, entry, row, col))
        order = np.lexsort((all_row, all_col))
        places = [np.flatnonzero(all_block[order] == number) for number in range(4)]
        entries = [all_entry[order][place] for place in places]
        starts = np.searchsorted(all_col[order], np.arange(self.size + 1))
        return places, entries, all_row[order], starts


@dataclass(frozen=True)
class NewtonResult:
    """Voltages [node, scenario], and per scenario: converged, iterations, largest mismatch (per unit)."""

    v: ComplexArray
    converged: BoolArray
    iterations: IntArray
    mismatch: FloatArray

    @property
    def lowest(self) -> FloatArray:
        """Lowest voltage magnitude of every scenario."""
        return np.asarray(np.abs(self.v).min(axis=0, initial=np.inf))

    def improved(self, scenarios: IntArray, by: NewtonResult) -> NewtonResult:
        """This result, with `by` (one column per scenario named) where only that converged, or at higher voltages."""
        better = by.converged & (~self.converged[scenarios] | (by.lowest > self.lowest[scenarios]))
        at = scenarios[better]
        result = NewtonResult(self.v.copy(), self.converged.copy(), self.iterations.copy(), self.mismatch.copy())
        result.v[:, at], result.converged[at] = by.v[:, better], True
        result.iterations[at], result.mismatch[at] = by.iterations[better], by.mismatch[better]
        return result


def solve_newton(
    pattern: Pattern,
    y: ComplexArray,
    s: ComplexArray,
    v_start: ComplexArray,
    *,
    tolerance: float = 1e-8,
    max_iterations: int = 20,
) -> NewtonResult:
    """Voltages at which every node injects `s`.

    y        [entry, scenario] or [entry, 1]  admittances in the order of `pattern`
    s        [node, scenario]                 injections, per unit; ignored where a source holds the voltage
    v_start  [node, scenario]                 start; held voltages are taken from it

    A scenario has converged when every mismatch of active or reactive power is below `tolerance` (per unit), or below
    what rounding leaves of it. One whose Jacobian is singular stays where it is.
    """
    v = v_start.astype(complex, copy=True)
    n = v.shape[1]
    allowed = np.broadcast_to(np.maximum(tolerance, pattern.rounding(y)), (n, pattern.size))
    y = np.broadcast_to(y, (y.shape[0], n))
    open_ = np.ones(n, dtype=bool)
    worst = np.full(n, np.inf)
    iterations = np.zeros(n, dtype=np.int64)
    live = np.arange(n)
    for iteration in range(max_iterations + 1):
        with np.errstate(over="ignore", invalid="ignore"):
            e, injected = pattern.power(y[:, live], v[:, live])
            f = pattern.residual(injected - s[:, live])
            worst[live] = np.abs(f).max(axis=1, initial=0.0)
        open_[live] = ~(np.abs(f) < allowed[live]).all(axis=1)
        iterations[live] = iteration
        going = open_[live] & np.isfinite(worst[live])
        if iteration == max_iterations or not going.any():
            break
        live = live[going]
        step = _solve_blocks(pattern, e[:, going], injected[:, going], f[going])
        sound = np.isfinite(step).all(axis=1)
        live = live[sound]
        _move(pattern, v, live, step[sound])
    return NewtonResult(v, ~open_, iterations, worst)


def _move(pattern: Pattern, v: ComplexArray, live: IntArray, step: FloatArray) -> None:
    n_angle = pattern.angle.size
    v[np.ix_(pattern.angle, live)] *= np.exp(-1j * step[:, :n_angle].T)
    v[np.ix_(pattern.magnitude, live)] *= np.exp(-np.clip(step[:, n_angle:].T, -_LONGEST_STEP, _LONGEST_STEP))


def _solve_blocks(pattern: Pattern, e: ComplexArray, s: ComplexArray, f: FloatArray) -> FloatArray:
    """Newton steps of all scenarios; NaN where a scenario's Jacobian is singular. [scenario, size]"""
    factors = factorize(pattern.jacobian(e, s))
    if factors is not None:
        return np.asarray(factors.solve(f.ravel())).reshape(f.shape)
    if f.shape[0] == 1:
        return np.full_like(f, np.nan)
    # One singular scenario must not take the others with it: solve each alone.
    return np.concatenate([_solve_blocks(pattern, e[:, [k]], s[:, [k]], f[[k]]) for k in range(f.shape[0])])


def factorize(matrix: csc_array) -> SuperLU | None:
    """Sparse LU factors, or None where the matrix is singular to working precision."""
    if not np.all(np.isfinite(matrix.data)):
        return None
    try:
        factors = splu(matrix, **_FACTORIZATION)
    except RuntimeError:  # SuperLU's word for an exactly singular matrix
        return None
    pivots = np.abs(factors.U.diagonal())
    return factors if pivots.size == 0 or pivots.min() > SINGULAR * pivots.max() else None
