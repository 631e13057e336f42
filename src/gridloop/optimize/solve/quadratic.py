"""Convex quadratic models whose costs are separable, by an interior-point method of our own.

    minimize ½ Σ q_j x_j² + c·x     with   row_lower ≤ A x ≤ row_upper,   lower ≤ x ≤ upper,   q ≥ 0

A row that is no equation gets its own variable s, A x − s = 0, so that rows and columns have the same kind of bounds.
With the multipliers y of the rows and z_l, z_u ≥ 0 of the bounds, an optimum is where

    q v + c − Kᵀy − z_l + z_u = 0,    K v = b,    z_l (v − l) = z_u (u − v) = μ → 0        v = (x, s),  K = (A, −1)

Newton's step for these needs one factor of K D⁻¹ Kᵀ with the diagonal D = q + z_l / (v − l) + z_u / (u − v): as many
rows as the model has, dense where A is (transfer factors are), sparse otherwise. Steps are predicted and corrected as
Mehrotra does. Whether a model is infeasible this method cannot tell; the linear solver is asked.

Source: Mehrotra (1992), On the implementation of a primal-dual interior point method; Nocedal and Wright (2006),
Numerical Optimization, ch. 16.6.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from gridloop.optimize.solve.normal_matrix import NormalMatrix
from gridloop.units import BoolArray, FloatArray, IntArray

# Relative residuals and gap at the end: two digits more than the 1e-6 that costs are promised to, so that prices, which
# converge with its square root where units share a marginal cost, have their digits too.
TOLERANCE = 1e-9
MAX_ITERATIONS = 120
# Rows hold to this share of their largest bound: what a power balance has to keep is an absolute 1e-6 per unit.
_KEPT = 1e-11
# Columns and rows narrower than this are values, not ranges.
_FIXED = 1e-12
# Keeps D defined where a column is free; small beside its other entries.
_REGULARIZED = 1e-12
# Multipliers beyond this, where the largest cost is 1, mean that no point keeps all rows.
_NO_POINT = 1e9
# How far a step goes on the way to the next bound.
_TO_BOUND = 0.9995


@dataclass(frozen=True)
class Separable:
    """A model as in this module's head: curvature q, cost c, bounds [column]; A [row, column]; bounds [row]."""

    curvature: FloatArray
    cost: FloatArray
    lower: FloatArray
    upper: FloatArray
    matrix: csr_array
    row_lower: FloatArray
    row_upper: FloatArray

    def objective(self, x: FloatArray) -> float:
        """Cost of a point."""
        return float(0.5 * (self.curvature * x) @ x + self.cost @ x)


@dataclass(frozen=True)
class InteriorPoint:
    """What the iterations reached.

    converged     residuals and gap are below the tolerance; nothing else may be trusted
    row_dual      [row] change of the objective per unit of the row's bound; likewise reduced_cost [column]
    """

    converged: bool
    x: FloatArray
    row_dual: FloatArray
    reduced_cost: FloatArray
    objective: float
    iterations: int
    seconds: float


def minimize_separable(
    model: Separable, *, tolerance: float = TOLERANCE, max_iterations: int = MAX_ITERATIONS, time_limit_s: float = 60.0
) -> InteriorPoint:
    """Solve a separable quadratic model; `converged` is False where it is infeasible, unbounded or too hard."""
    started = time.perf_counter()
    reduced = _Reduced.of(model)
    with np.errstate(all="ignore"):  # a model without a point runs to infinity, and that is noticed
        v, y, iterations, converged = _iterate(reduced, tolerance, max_iterations, started + time_limit_s)
    x, row_dual = reduced.expand(v, y, model)
    reduced_cost = model.curvature * x + model.cost - model.matrix.T @ row_dual
    return InteriorPoint(
        converged, x, row_dual, reduced_cost, model.objective(x), iterations, time.perf_counter() - started
    )


@dataclass(frozen=True)
class _Reduced:
    """The model without fixed columns and empty rows, scaled, as min ½ q v² + c v, K v = b, l ≤ v ≤ u.

    free [column], kept [row], ranged [kept row] where a row has its own variable; scale of the cost
    """

    free: BoolArray
    kept: BoolArray
    ranged: BoolArray
    scale: float
    q: FloatArray
    c: FloatArray
    low: FloatArray
    high: FloatArray
    a: csr_array
    b: FloatArray

    @classmethod
    def of(cls, m: Separable) -> _Reduced:
        free = m.upper - m.lower > _FIXED
        held = np.where(free, 0.0, m.lower)
        at = m.matrix @ held
        kept = np.isfinite(m.row_lower) | np.isfinite(m.row_upper)
        row_low, row_high = (m.row_lower - at)[kept], (m.row_upper - at)[kept]
        ranged = row_high - row_low > _FIXED
        n_ranged = int(ranged.sum())
        scale = max(1.0, float(np.abs(m.cost[free]).max(initial=0.0)))
        return cls(
            free=free,
            kept=kept,
            ranged=ranged,
            scale=scale,
            q=np.concatenate([m.curvature[free] / scale, np.zeros(n_ranged)]),
            c=np.concatenate([m.cost[free] / scale, np.zeros(n_ranged)]),
            low=np.concatenate([m.lower[free], row_low[ranged]]),
            high=np.concatenate([m.upper[free], row_high[ranged]]),
            a=csr_array(m.matrix[kept][:, free]),
            b=np.where(ranged, 0.0, row_low),
        )

    def expand(self, v: FloatArray, y: FloatArray, m: Separable) -> tuple[FloatArray, FloatArray]:
        """x [column] and the multipliers of all rows, in the model's own units."""
        x, row_dual = m.lower.copy(), np.zeros(self.kept.size)
        x[self.free] = v[: int(self.free.sum())]
        row_dual[self.kept] = y * self.scale
        return x, row_dual


def _iterate(
    r: _Reduced, tolerance: float, max_iterations: int, deadline: float
) -> tuple[FloatArray, FloatArray, int, bool]:
    n, m = r.a.shape[1], r.a.shape[0]
    has_low, has_high = np.isfinite(r.low), np.isfinite(r.high)
    own = np.flatnonzero(r.ranged)  # rows that have a variable, in the order of these
    k = _Kkt(r, own)
    v = _inside(r.low, r.high)
    v[n:] = _pushed((r.a @ v[:n])[own], r.low[n:], r.high[n:])
    y = np.zeros(m)
    z_low, z_high = has_low.astype(float), has_high.astype(float)
    size_b, size_c = 1.0 + np.abs(r.b).max(initial=0.0), 1.0 + np.abs(r.c).max(initial=0.0)
    n_bounds = max(int(has_low.sum() + has_high.sum()), 1)

    # Distances to the bounds are carried along instead of recomputed: near the end they are smaller than v can resolve.
    to_low, to_high = np.where(has_low, v - r.low, 1.0), np.where(has_high, r.high - v, 1.0)

    for iteration in range(max_iterations + 1):
        short = r.b - k.times(v)
        steep = r.q * v + r.c - k.transposed(y) - z_low + z_high
        gap = float(z_low @ (to_low * has_low) + z_high @ (to_high * has_high))
        objective = float(0.5 * (r.q * v) @ v + r.c @ v)
        mu = gap / n_bounds
        if (
            np.abs(short).max(initial=0.0) <= _KEPT * size_b
            and np.abs(steep).max(initial=0.0) <= tolerance * size_c
            and gap <= tolerance * (1.0 + abs(objective))
        ):
            return v, y, iteration, True
        lost = not np.isfinite(gap + objective) or np.abs(y).max(initial=0.0) > _NO_POINT
        if lost or iteration == max_iterations or time.perf_counter() > deadline:
            break
        d = r.q + z_low / to_low + z_high / to_high
        solve = k.factorize(d)
        if solve is None:
            break

        def step(c_low: FloatArray, c_high: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
            h = -steep + c_low / to_low - c_high / to_high  # noqa: B023  # used in this iteration only
            dv, dy = solve(h, short)  # noqa: B023
            return dv, dy, (c_low - z_low * dv) / to_low, (c_high + z_high * dv) / to_high  # noqa: B023

        c_low, c_high = -z_low * to_low * has_low, -z_high * to_high * has_high
        dv, _, dz_low, dz_high = step(c_low, c_high)
        d_low, d_high = dv * has_low, -dv * has_high
        length = _length((to_low, d_low), (to_high, d_high), (z_low, dz_low), (z_high, dz_high))
        ahead = float(
            (z_low + length * dz_low) @ ((to_low + length * d_low) * has_low)
            + (z_high + length * dz_high) @ ((to_high + length * d_high) * has_high)
        )
        # No further down than the tolerance asks for: beyond, distances to bounds vanish and residuals cannot follow.
        least = 0.1 * tolerance * (1.0 + abs(objective)) / n_bounds
        target = max(mu * (max(ahead, 0.0) / max(gap, 1e-300)) ** 3, least)
        c_low = (target - z_low * to_low - dv * dz_low) * has_low
        c_high = (target - z_high * to_high + dv * dz_high) * has_high
        dv, dy, dz_low, dz_high = step(c_low, c_high)
        d_low, d_high = dv * has_low, -dv * has_high
        length = _length((to_low, d_low), (to_high, d_high), (z_low, dz_low), (z_high, dz_high))
        length = min(_TO_BOUND * length, 1.0)
        to_low, to_high = to_low + length * d_low, to_high + length * d_high
        v, y = v + length * dv, y + length * dy
        z_low, z_high = z_low + length * dz_low, z_high + length * dz_high
    return v, y, iteration, False


def _inside(low: FloatArray, high: FloatArray) -> FloatArray:
    """A start well inside the bounds: their middle, one beyond a single one, zero without."""
    both = np.isfinite(low) & np.isfinite(high)
    with np.errstate(invalid="ignore"):
        return np.where(
            both,
            0.5 * (low + high),
            np.where(np.isfinite(low), low + 1.0, np.where(np.isfinite(high), high - 1.0, 0.0)),
        )


def _pushed(s: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Values moved a tenth of the range, or one unit, inside their bounds."""
    with np.errstate(invalid="ignore"):
        room = np.where(np.isfinite(low) & np.isfinite(high), 0.1 * (high - low), 1.0)
    return np.minimum(np.maximum(s, low + room), high - room)


def _length(*parts: tuple[FloatArray, FloatArray]) -> float:
    """Longest step that keeps every distance and every multiplier at zero or more, at most 1 / _TO_BOUND."""
    longest = 1.0 / _TO_BOUND
    for at, change in parts:
        falling = change < 0
        if falling.any():
            longest = min(longest, float((-at[falling] / change[falling]).min()))
    return longest


class _Kkt:
    """K = (A, −1 for rows with a variable), and the factor of K D⁻¹ Kᵀ."""

    def __init__(self, r: _Reduced, own: IntArray) -> None:
        self.n, self.own, self.rows = r.a.shape[1], own, r.a.shape[0]
        self.normal = NormalMatrix(csr_array(r.a))
        dense = self.normal.dense
        self.a = self.normal.sparse if dense is None else dense
        self.at = csr_array(self.normal.sparse.T) if dense is None else dense.T

    def times(self, v: FloatArray) -> FloatArray:
        """K v."""
        total = np.asarray(self.a @ v[: self.n], dtype=float)
        total[self.own] -= v[self.n :]
        return total

    def transposed(self, y: FloatArray) -> FloatArray:
        """Kᵀ y."""
        return np.concatenate([self.at @ y, -y[self.own]])

    def factorize(self, d: FloatArray) -> Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]] | None:
        """How to solve D dv − Kᵀ dy = h, K dv = short; None where there is no factor."""
        d = d + _REGULARIZED
        own = np.zeros(self.rows)
        own[self.own] = 1.0 / d[self.n :]
        inner = self.normal.factorize(1.0 / d[: self.n], own)
        if inner is None:
            return None

        def solve(h: FloatArray, short: FloatArray) -> tuple[FloatArray, FloatArray]:
            dy = inner(short - self.times(h / d))
            dv = (h + self.transposed(dy)) / d
            missed = short - self.times(dv)  # one step of refinement: the matrix is badly scaled near the end
            more = inner(missed)
            return dv + self.transposed(more) / d, dy + more

        return solve
