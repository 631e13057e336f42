"""The AC optimal power flow as its interior point sees it: values, gradients, and the condensed Newton system.

Unknowns x = (θ [node], v [node], p [gen], q [gen]) within bounds; balances c(x) = 0; limits h(x) + s = 0, s > 0: of
|S|² at both ends, divided by the rating (so that a violation is in per unit of power, doubled), and of the angle on
both sides. Outputs, slacks and multipliers of limits are eliminated: what is left has four unknowns per node
(docs/math/ac.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gridloop.kernel import optimal_flow as flow
from gridloop.optimize.case import Moment
from gridloop.optimize.physics.ac_block import AcBlock
from gridloop.optimize.solve.mumps import SymmetricFactors
from gridloop.units import BASE_MVA, FloatArray, IntArray

# Bounds closer than this leave no choice; per unit.
NO_CHOICE = 1e-9
# A generator without bounds and with a linear cost has no curvature of its own; this much keeps its elimination defined
# and is made good by the next iterations.
LEAST_CURVATURE = 1e-8
# Refinements of a solution of the linear system; the relative residual at which they stop, and the most that is taken.
REFINEMENTS = 8
SMALL_RESIDUAL = 1e-10
LARGE_RESIDUAL = 1e-5
# A limit whose square adds more than this many times the admittance of its branch to the matrix gets a row of its own.
MOST_SQUARED, AHEAD = 1e5, 1e-2


@dataclass(frozen=True, eq=False)
class Point:
    """Values at x: s [branch, 4] powers of the branches, c [2 node] balances, h [limit] limits."""

    x: FloatArray
    powers: FloatArray
    c: FloatArray
    h: FloatArray


class Step(NamedTuple):
    """A Newton step: of x, slacks, multipliers of balances and of limits."""

    x: FloatArray
    s: FloatArray
    balance: FloatArray
    limit: FloatArray


class AcSystem:
    """One moment, ready to be solved again and again. scale: of the cost, so that its gradient is of a modest size."""

    def __init__(self, m: Moment, block: AcBlock, angle_limited: FloatArray) -> None:
        self.m, self.block, self.n, self.gens = m, block, m.n, m.gen_id.size
        n, size = m.n, 2 * m.n + 2 * m.gen_id.size
        free = np.full(n, np.inf)
        low = np.concatenate([-free, m.v_min, m.p_min, m.q_min])
        high = np.concatenate([free, m.v_max, m.p_max, m.q_max])
        low[m.reference] = high[m.reference] = m.reference_angle
        self.low, self.high = low, high
        with np.errstate(invalid="ignore"):
            self.fixed = high - low <= NO_CHOICE
        self.at_fixed = np.where(self.fixed, (np.where(self.fixed, low, 0) + np.where(self.fixed, high, 0)) / 2, 0.0)
        self.has_low, self.has_high = np.isfinite(low) & ~self.fixed, np.isfinite(high) & ~self.fixed
        self.p, self.q = slice(2 * n, 2 * n + self.gens), slice(2 * n + self.gens, size)
        rate = m.rate[block.limited]
        self.limits = 2 * rate.size
        self.square = np.concatenate([rate, rate]) ** 2
        self.weigh = 1.0 / np.maximum(np.concatenate([rate, rate]), 1e-3)
        angled = np.flatnonzero(angle_limited)
        self.above = angled[np.isfinite(m.angle_max[angled])]
        self.below = angled[np.isfinite(m.angle_min[angled])]
        self.size, self.rows = size, self.limits + self.above.size + self.below.size
        self._limit_branch = np.concatenate([block.limited, block.limited, self.above, self.below])
        # A limit adds its stiffness times the square of its own derivatives (for |S|² over the rating about twice the
        # admittance) to entries of the size of the admittance.
        y = np.maximum(np.abs(m.y_th), 1.0)
        gradient = np.concatenate([2 * y[block.limited], 2 * y[block.limited], np.ones(self.rows - self.limits)])
        self._most_stiff = MOST_SQUARED * y[self._limit_branch] / gradient**2
        linear, quadratic = m.cost_linear * BASE_MVA, m.cost_quadratic * BASE_MVA**2
        self.scale = 1.0
        self.linear, self.quadratic = linear, quadratic
        self._lay_out(np.zeros(0, dtype=np.int64))

    def _lay_out(self, held: IntArray) -> None:
        """Places of the matrix: θ, v, multipliers of the balances of P and of Q, and of the limits `held` in rows of
        their own."""
        m, b, n, many = self.m, self.block, self.n, held.size
        self.held, self._in_row = held, np.isin(np.arange(self.rows), held)
        h_row, h_col = (
            np.empty(3 * n + 4 * m.tail.size, dtype=np.int64),
            np.empty(3 * n + 4 * m.tail.size, dtype=np.int64),
        )
        flow.hessian_places(n, b.tail, b.head, h_row, h_col)
        j_row, j_col = (
            np.empty(4 * n + 8 * m.tail.size, dtype=np.int64),
            np.empty(4 * n + 8 * m.tail.size, dtype=np.int64),
        )
        flow.jacobian_places(n, b.tail, b.head, np.zeros(0, dtype=np.int64), j_row, j_col)
        e = 2 * n + np.arange(2 * n + many)
        t, h = b.tail[self._limit_branch[held]], b.head[self._limit_branch[held]]
        g_col = np.stack([t, h, n + t, n + h], axis=1).ravel()
        g_row = np.repeat(4 * n + np.arange(many), 4)
        row, col = np.concatenate([h_row, 2 * n + j_row, e, g_row]), np.concatenate([h_col, j_col, e, g_col])
        fixed = np.concatenate([self.fixed[: 2 * n], np.zeros(2 * n + many, dtype=bool)])
        self._moves = (~(fixed[row] | fixed[col])).astype(float)
        self._ends = h_row.size, h_row.size + j_row.size, h_row.size + j_row.size + e.size
        self._factors = SymmetricFactors(4 * n + many, row, col)
        self._still = np.flatnonzero(self.fixed[: 2 * n])

    def scale_cost(self, x: FloatArray, most: float = 100.0) -> None:
        """Scale the cost so that its gradient at x is `most` at the most."""
        steepest = float(np.abs(self.linear + 2 * self.quadratic * x[self.p]).max(initial=0.0))
        self.scale = min(1.0, most / steepest) if steepest > 0 else 1.0

    def cost(self, x: FloatArray) -> float:
        """Scaled cost without its constant."""
        p = x[self.p]
        return self.scale * float((self.linear + self.quadratic * p) @ p)

    def at(self, x: FloatArray) -> Point:
        """Values at x."""
        m, b, n = self.m, self.block, self.n
        drawn = np.empty((n, 2))
        drawn[:, 0] = m.p_load - np.bincount(m.gen_node, weights=x[self.p], minlength=n)
        drawn[:, 1] = m.q_load - np.bincount(m.gen_node, weights=x[self.q], minlength=n)
        powers, out = np.empty((m.tail.size, 4)), np.empty(2 * n + self.limits)
        flow.rows(x[:n], x[n : 2 * n], b.tail, b.head, b.y, b.shunt, drawn, b.limited, powers, out)
        h = np.empty(self.rows)
        h[: self.limits] = (out[2 * n :] - self.square) * self.weigh
        d = x[m.tail] - x[m.head]
        h[self.limits : self.limits + self.above.size] = d[self.above] - m.angle_max[self.above]
        h[self.limits + self.above.size :] = m.angle_min[self.below] - d[self.below]
        return Point(x, powers, out[: 2 * n], h)

    def pull(self, at: Point, balance: FloatArray, limit: FloatArray) -> FloatArray:
        """Jᵀ balance + ∇hᵀ limit. [column]"""
        m, n, out = self.m, self.n, np.empty(self.size)
        out[: 2 * n] = self._pull_voltages(at, balance, limit)
        out[self.p], out[self.q] = -balance[:n][m.gen_node], -balance[n:][m.gen_node]
        return out

    def _pull_limits(self, at: Point, limit: FloatArray) -> FloatArray:
        return self._pull_voltages(at, np.zeros(2 * self.n), limit)

    def _pull_voltages(self, at: Point, balance: FloatArray, limit: FloatArray) -> FloatArray:
        """The same for θ and v alone. [2 node]"""
        m, b, n = self.m, self.block, self.n
        out = np.empty(2 * n)
        weight = limit[: self.limits] * self.weigh
        x = at.x
        flow.pull(
            x[:n], x[n : 2 * n], b.tail, b.head, b.y, b.shunt, b.limited, at.powers, balance, weight, out
        )  # fmt: skip
        turn = self._angle(limit)
        if turn is not None:
            out[:n] += np.bincount(m.tail, weights=turn, minlength=n) - np.bincount(m.head, weights=turn, minlength=n)
        return out

    def _angle(self, limit: FloatArray, sign: float = -1.0) -> FloatArray | None:
        """Limits of angles summed by branch, those from below with a sign. [branch]"""
        if not (self.above.size or self.below.size):
            return None
        total = np.zeros(self.m.tail.size)
        total[self.above] = limit[self.limits : self.limits + self.above.size]
        total[self.below] += sign * limit[self.limits + self.above.size :]
        return total

    def _push(self, at: Point, step: FloatArray) -> FloatArray:
        """∇h step, of a step of θ and v [2 node]. [limit]"""
        m, b, n, out = self.m, self.block, self.n, np.empty(self.rows)
        x = at.x
        flow.push(
            x[:n], x[n : 2 * n], b.tail, b.head, b.y, b.limited, at.powers, step, out[: self.limits]
        )  # fmt: skip
        out[: self.limits] *= self.weigh
        d = step[m.tail] - step[m.head]
        out[self.limits : self.limits + self.above.size] = d[self.above]
        out[self.limits + self.above.size :] = -d[self.below]
        return out

    def gradient(self, x: FloatArray) -> FloatArray:
        """Of the scaled cost. [column]"""
        g = np.zeros(self.size)
        g[self.p] = self.scale * (self.linear + 2 * self.quadratic * x[self.p])
        return g

    # ----- the Newton system ---------------------------------------------------------------------------------------

    def factorize(
        self, at: Point, balance: FloatArray, limit: FloatArray, bound: FloatArray, stiff: FloatArray, more: float,
        soft: float, *, flat: bool = False,
    ) -> int:  # fmt: skip
        """Factors at a point; how many eigenvalues are negative beyond those that limits bring (2 node where the step
        leads down), below 0 where singular.

        bound [column]  what the barriers of bounds add to the diagonal;  stiff [limit]  the same of the slacks
        more, soft      regularization of the second derivatives, and of the balances
        flat            leave out the second derivatives: 1 in the place of each (for a first guess of the multipliers)
        """
        m, b, n = self.m, self.block, self.n
        self._hold(stiff)
        self._yield = 1.0 / (stiff + more)
        self._stiff = np.where(self._in_row, 0.0, stiff + more)
        curve = np.full(2 * self.gens, 1.0) if flat else bound[2 * n :] + more
        if not flat:
            curve[: self.gens] += 2 * self.scale * self.quadratic
        curve = np.maximum(curve, LEAST_CURVATURE)
        self._give = np.where(self.fixed[2 * n :], 0.0, 1.0 / curve)
        weight = np.zeros_like(balance) if flat else balance
        limit_weight = np.zeros(self.limits) if flat else limit[: self.limits] * self.weigh
        angle = self._angle(self._stiff, 1.0)
        x, (h, j, e) = at.x, self._ends
        values = np.empty(self._moves.size)
        flow.hessian(
            x[:n], x[n : 2 * n], b.tail, b.head, b.y, b.shunt, b.limit_of, weight, limit_weight,
            self._stiff[: self.limits] * self.weigh**2, np.zeros(m.tail.size) if angle is None else angle,
            np.empty((m.tail.size, 4)), values[:h],
        )  # fmt: skip
        values[: 2 * n] += 1.0 if flat else bound[: 2 * n] + more
        flow.jacobian(
            x[:n], x[n : 2 * n], b.tail, b.head, b.y, b.shunt, np.zeros(0, dtype=np.int64), at.powers, values[h:j]
        )  # fmt: skip
        values[j : j + n] = -soft - np.bincount(m.gen_node, weights=self._give[: self.gens], minlength=n)
        values[j + n : j + 2 * n] = -soft - np.bincount(m.gen_node, weights=self._give[self.gens :], minlength=n)
        values[j + 2 * n : e] = -self._yield[self.held]
        values[e:] = self._gradients(at).ravel()
        values *= self._moves
        values[self._still] = 1.0
        negative = self._factors.factorize(values)
        return negative if negative < 0 else negative - self.held.size

    def _gradients(self, at: Point) -> FloatArray:
        """Derivatives of the held limits by θ_t, θ_h, v_t, v_h. [held, 4]"""
        b, n, out = self.block, self.n, np.zeros((self.held.size, 4))
        of_flow = self.held < self.limits
        if of_flow.any():
            slots = np.empty(4 * n + 8 * b.tail.size + 4 * self.limits)
            x = at.x
            flow.jacobian(x[:n], x[n : 2 * n], b.tail, b.head, b.y, b.shunt, b.limited, at.powers, slots)
            of_limits = slots[4 * n + 8 * b.tail.size :].reshape(-1, 4) * self.weigh[:, None]
            out[of_flow] = of_limits[self.held[of_flow]]
        sign = np.where(self.held < self.limits + self.above.size, 1.0, -1.0)[~of_flow]
        out[~of_flow, 0], out[~of_flow, 1] = sign, -sign
        return out

    def _hold(self, stiff: FloatArray) -> None:
        """Give rows of their own to limits that have become stiff: squared into the voltages' entries they would drown
        what stands there. Once in a row a limit stays."""
        now = stiff > self._most_stiff
        if (now & ~self._in_row).any():
            # Those that are about to become so come along: every change of the rows costs an analysis.
            self._lay_out(np.flatnonzero((stiff > AHEAD * self._most_stiff) | self._in_row))

    def solve(self, at: Point, down: FloatArray, slack: FloatArray, miss: FloatArray, over: FloatArray) -> Step | None:
        """Newton step from the residuals: down [column] of the gradient, slack [limit] of the slacks' gradient, miss [2
        node] of the balances, over [limit] of the limits. None where the system is too ill-conditioned."""
        n, m, held = self.n, self.m, self.held
        give = self._give * down[2 * n :]
        given = [np.bincount(m.gen_node, weights=part, minlength=n) for part in (give[: self.gens], give[self.gens :])]
        goal = self._yield * slack - over
        rhs = np.concatenate(
            [self._pull_limits(at, self._stiff * goal) - down[: 2 * n], -miss - np.concatenate(given), goal[held]]
        )
        rhs[self._still] = 0.0
        u = self._refined(rhs)
        if u is None:
            return None
        along = self._push(at, u[: 2 * n])
        limit = (along - goal) / self._yield
        limit[held] = u[4 * n :]
        step = np.empty(self.size)
        step[: 2 * n] = u[: 2 * n]
        step[self.p] = self._give[: self.gens] * u[2 * n : 3 * n][m.gen_node] - give[: self.gens]
        step[self.q] = self._give[self.gens :] * u[3 * n : 4 * n][m.gen_node] - give[self.gens :]
        step[self.fixed] = 0.0
        return Step(step, -over - along, u[2 * n : 4 * n], limit)

    def _refined(self, rhs: FloatArray) -> FloatArray | None:
        """Solution with what rounding left solved again; None where that does not settle."""
        x, size = self._factors.solve(rhs), _largest(rhs)
        best, left = x, np.inf
        for _ in range(REFINEMENTS):
            rest = rhs - self._factors.multiply(x)
            worst = _largest(rest)
            if not worst < 0.5 * left:
                break
            best, left = x, worst
            if worst <= SMALL_RESIDUAL * size:
                break
            x = x + self._factors.solve(rest)
        return best if left <= LARGE_RESIDUAL * size else None


def _largest(values: FloatArray) -> float:
    return float(np.abs(values).max(initial=0.0))
