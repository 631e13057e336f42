"""The search of an interior point: barrier, step, filter and second-order correction, one iteration at a time.

The method is Ipopt's (Wächter and Biegler 2006; its equations are named at their place) without the restoration phase.
A problem comes as a `System`, which factorizes its own Newton system: one that knows its structure does so an order of
magnitude faster than a general solver.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from gridloop.units import BoolArray, FloatArray

# Names and values of the paper.
KAPPA_PUSH = 1e-2  # how far from its bounds a start is pushed, absolute and as a share of their distance
KAPPA_EPS, KAPPA_MU, THETA_MU, TAU_MIN = 10.0, 0.2, 1.5, 0.99
GAMMA_THETA, GAMMA_PHI, GAMMA_ALPHA = 1e-5, 1e-8, 0.05
DELTA, S_THETA, S_PHI, ETA_PHI = 1.0, 1.1, 2.3, 1e-8
KAPPA_SOC, MOST_SOC = 0.99, 4
KAPPA_SIGMA, S_MAX = 1e10, 100.0
DELTA_W_FIRST, DELTA_W_MIN, DELTA_W_MAX, DELTA_C = 1e-4, 1e-20, 1e40, 1e-8
KAPPA_W_FIRST, KAPPA_W_UP, KAPPA_W_DOWN = 100.0, 8.0, 1 / 3
# Multipliers of a first guess beyond this say nothing: zero is better.
MOST_GUESSED = 1e3
MU_FIRST = 0.1
# The same for a start that is an earlier answer: it stays where it is, but for a little.
MU_NEAR, PUSH_NEAR = 1e-4, 1e-4
_EPS = float(np.finfo(float).eps)


class NewtonStep(Protocol):
    """Parts of a step; a named tuple of these."""

    @property
    def x(self) -> FloatArray: ...
    @property
    def s(self) -> FloatArray: ...
    @property
    def balance(self) -> FloatArray: ...
    @property
    def limit(self) -> FloatArray: ...


class System(Protocol):
    """A problem and its linear algebra; see `optimize.physics.ac_system`."""

    low: FloatArray
    high: FloatArray
    fixed: BoolArray
    at_fixed: FloatArray
    has_low: BoolArray
    has_high: BoolArray

    def at(self, x: FloatArray) -> Any:
        """Values at x: attributes x, c, h."""

    def cost(self, x: FloatArray) -> float: ...

    def gradient(self, x: FloatArray) -> FloatArray: ...

    def pull(self, at: Any, balance: FloatArray, limit: FloatArray) -> FloatArray: ...

    def factorize(
        self, at: Any, balance: FloatArray, limit: FloatArray, bound: FloatArray, stiff: FloatArray, more: float,
        soft: float, *, flat: bool = False,
    ) -> int: ...  # fmt: skip

    def solve(
        self, at: Any, down: FloatArray, slack: FloatArray, miss: FloatArray, over: FloatArray
    ) -> NewtonStep | None: ...


@dataclass(frozen=True, eq=False)
class Near:
    """Multipliers of an earlier answer, of the scaled cost: of balances, limits, and bounds [column]."""

    balance: FloatArray
    limit: FloatArray
    low: FloatArray
    high: FloatArray


class Stop(Exception):
    """The search ends here: status and reason."""


class Search:
    """The state of one solve; every method is a part of the paper's algorithm A."""

    def __init__(self, system: System, x: FloatArray, tolerance: float, near: Near | None) -> None:
        self.y = system
        self.tolerance, self.mu = tolerance, MU_NEAR if near else MU_FIRST
        self.push = PUSH_NEAR if near else KAPPA_PUSH
        self.lo, self.hi = np.flatnonzero(system.has_low), np.flatnonzero(system.has_high)
        self.x = self._inside(x)
        self.at = system.at(self.x)
        self.s = np.maximum(-self.at.h, self.push)
        if near is not None:
            self.zl = np.maximum(near.low[self.lo], self.mu / (self.x[self.lo] - system.low[self.lo]))
            self.zu = np.maximum(near.high[self.hi], self.mu / (system.high[self.hi] - self.x[self.hi]))
            self.zs = np.maximum(near.limit, self.mu / self.s)
        else:
            self.zl, self.zu, self.zs = np.ones(self.lo.size), np.ones(self.hi.size), np.ones(self.s.size)
        self.last_more = 0.0
        self.gradient = system.gradient(self.x)
        self.lam, self.mult = self._guess() if near is None else (near.balance, near.limit)
        self.filter: list[tuple[float, float]] = []
        self.theta = self._infeasibility(self.at, self.s)
        self.theta_max, self.theta_min = 1e4 * max(1.0, self.theta), 1e-4 * max(1.0, self.theta)

    def _inside(self, x: FloatArray) -> FloatArray:
        """x pushed from its bounds (section 3.6)."""
        y = self.y
        low, high = np.where(y.has_low, y.low, -1e20), np.where(y.has_high, y.high, 1e20)
        span = self.push * (high - low)
        push_low = np.minimum(self.push * np.maximum(1.0, np.abs(low)), span)
        push_high = np.minimum(self.push * np.maximum(1.0, np.abs(high)), span)
        inside = np.array(x, dtype=float)
        inside[self.lo] = np.maximum(inside[self.lo], (low + push_low)[self.lo])
        inside[self.hi] = np.minimum(inside[self.hi], (high - push_high)[self.hi])
        return np.where(y.fixed, y.at_fixed, inside)

    def _guess(self) -> tuple[FloatArray, FloatArray]:
        """Multipliers that fit the gradient best (equation 36)."""
        y, no_c, no_h = self.y, np.zeros(self.at.c.size), np.zeros(self.at.h.size)
        down = self._with_bounds(self.gradient, self.zl, self.zu)
        if y.factorize(self.at, no_c, no_h, np.zeros(self.x.size), np.ones(no_h.size), 0.0, 0.0, flat=True) >= 0:
            step = y.solve(self.at, down, -self.zs, no_c, no_h)
            if step is not None and np.abs(step.balance).max(initial=0.0) <= MOST_GUESSED:
                return step.balance, step.limit
        return no_c, no_h

    def _with_bounds(self, gradient: FloatArray, zl: FloatArray, zu: FloatArray) -> FloatArray:
        r = gradient.copy()
        r[self.lo] -= zl
        r[self.hi] += zu
        r[self.y.fixed] = 0.0
        return r

    def _infeasibility(self, at: Any, s: FloatArray) -> float:
        return float(np.abs(at.c).sum() + np.abs(at.h + s).sum())

    def _barrier(self, x: FloatArray, s: FloatArray) -> float:
        room = np.concatenate([x[self.lo] - self.y.low[self.lo], self.y.high[self.hi] - x[self.hi], s])
        # Rounding may leave nothing of a distance that is a billionth of its bound: such a point is refused.
        return math.inf if not (room > 0).all() else float(self.y.cost(x) - self.mu * np.log(room).sum())

    def residuals(self) -> None:
        """Gradients and distances at the present point."""
        self.dl, self.dh = self.x[self.lo] - self.y.low[self.lo], self.y.high[self.hi] - self.x[self.hi]
        self.gradient = self.y.gradient(self.x)
        self.lagrangian = self.gradient + self.y.pull(self.at, self.lam, self.mult)
        self.rest_x = self._with_bounds(self.lagrangian, self.zl, self.zu)
        count = self.lam.size + self.mult.size
        bounds = self.zl.sum() + self.zu.sum() + self.zs.sum()
        n_bounds = max(self.zl.size + self.zu.size + self.zs.size, 1)
        total = np.abs(self.lam).sum() + np.abs(self.mult).sum() + bounds
        self.s_d = max(S_MAX, total / (count + n_bounds)) / S_MAX
        self.s_c = max(S_MAX, bounds / n_bounds) / S_MAX
        self.dual = max(_largest(self.rest_x), _largest(self.mult - self.zs))
        self.primal = max(_largest(self.at.c), _largest(self.at.h + self.s))

    def error(self, mu: float) -> float:
        """E_μ (equation 5)."""
        gaps = max(_largest(self.zl * self.dl - mu), _largest(self.zu * self.dh - mu), _largest(self.zs * self.s - mu))
        return float(max(self.dual / self.s_d, self.primal, gaps / self.s_c))

    def solved(self) -> bool:
        """True at an optimum: E₀ within the tolerance, where the gradient is measured against the largest multiplier.
        Beside multipliers of 100 and admittances of 10⁴ its rounding alone exceeds 1e-8."""
        gaps = max(_largest(self.zl * self.dl), _largest(self.zu * self.dh), _largest(self.zs * self.s)) / self.s_c
        dual = self.dual / (self.s_d * max(1.0, _largest(self.lam)))
        return bool(max(dual, self.primal, gaps) <= self.tolerance)

    def lower_barrier(self) -> None:
        """Next barrier parameters, for as long as the present one is solved (equation 7)."""
        least = self.tolerance / (KAPPA_EPS + 1)
        while self.mu > least and self.error(self.mu) <= KAPPA_EPS * self.mu:
            self.mu = max(least, min(KAPPA_MU * self.mu, self.mu**THETA_MU))
            self.filter = []

    def direction(self) -> NewtonStep:
        """The step, with the second derivatives raised until it leads down (algorithm IC)."""
        y = self.y
        bound = np.zeros(self.x.size)
        bound[self.lo] += self.zl / self.dl
        bound[self.hi] += self.zu / self.dh
        self.down = self.lagrangian.copy()
        self.down[self.lo] -= self.mu / self.dl
        self.down[self.hi] += self.mu / self.dh
        self.down[y.fixed] = 0.0
        self.slack = self.mult - self.mu / self.s
        stiff, wanted = self.zs / self.s, self.lam.size
        more, soft = 0.0, 0.0
        while True:
            negative = y.factorize(self.at, self.lam, self.mult, bound, stiff, more, soft)
            if negative == wanted:
                step = y.solve(self.at, self.down, self.slack, self.at.c, self.at.h + self.s)
                if step is not None and np.isfinite(step.x).all():
                    break
            if negative < 0 or negative == wanted:
                soft = DELTA_C * self.mu**0.25
            if more == 0.0:
                more = DELTA_W_FIRST if self.last_more == 0 else max(DELTA_W_MIN, KAPPA_W_DOWN * self.last_more)
            else:
                more *= KAPPA_W_FIRST if self.last_more == 0 else KAPPA_W_UP
            if more > DELTA_W_MAX:
                raise Stop("not_converged", "no step leads down")
        if more:
            self.last_more = more
        self.more = more
        return step

    def longest(self, step: NewtonStep) -> float:
        """How far x and s may go (equation 15)."""
        tau = max(TAU_MIN, 1 - self.mu)
        return min(
            _to_boundary(self.dl, step.x[self.lo], tau),
            _to_boundary(self.dh, -step.x[self.hi], tau),
            _to_boundary(self.s, step.s, tau),
        )

    def search(self, step: NewtonStep) -> float:
        """Go along the step as far as the filter lets it (algorithm A, steps 5 to 8); the length gone."""
        y, x, s = self.y, self.x, self.s
        phi, theta = self._barrier(x, s), self.theta
        slope = float(self.gradient @ step.x - self.mu * (
            (step.x[self.lo] / self.dl).sum() - (step.x[self.hi] / self.dh).sum() + (step.s / s).sum()
        ))  # fmt: skip
        longest = alpha = self.longest(step)
        shortest = self._shortest(slope, theta)
        tiny = max(_largest(step.x / (1 + np.abs(x))), 0.0) < 10 * _EPS
        first = True
        while True:
            trial_x, trial_s = x + alpha * step.x, s + alpha * step.s
            at = y.at(trial_x)
            # A slack that a limit has already left room for grows at no cost (section 3.6 of the paper's successor
            # codes).
            new_theta = self._infeasibility(at, trial_s)
            new_phi = self._barrier(trial_x, trial_s) if np.isfinite(new_theta) else math.inf
            taken = self._accepts(theta, phi, slope, alpha, new_theta, new_phi)
            if taken or tiny:
                break
            if first and new_theta >= theta and np.isfinite(new_theta):
                corrected = self._second_order(step, at, trial_s, alpha, theta, phi, slope, new_theta)
                if corrected is not None:
                    step, alpha, trial_x, trial_s, at, new_theta, new_phi = corrected
                    break
            first = False
            alpha *= 0.5
            if alpha < shortest:
                raise Stop("not_converged", "the line search found no better point")
        armijo = slope < 0 and new_phi <= phi + ETA_PHI * alpha * slope + 10 * _EPS * abs(phi)
        switching = slope < 0 and alpha * (-slope) ** S_PHI > DELTA * theta**S_THETA
        if not (armijo and switching):
            self.filter.append(((1 - GAMMA_THETA) * theta, phi - GAMMA_PHI * theta))
        self._move(step, alpha, longest, trial_x, trial_s, at, new_theta)
        return alpha

    def _shortest(self, slope: float, theta: float) -> float:
        """Steps below this would need restoration (equation 23)."""
        least = GAMMA_THETA
        if slope < 0:
            least = min(least, GAMMA_PHI * theta / -slope)
            if theta <= self.theta_min:
                least = min(least, DELTA * theta**S_THETA / (-slope) ** S_PHI)
        return max(GAMMA_ALPHA * least, 1e-14)

    def _accepts(self, theta: float, phi: float, slope: float, alpha: float, new_theta: float, new_phi: float) -> bool:
        """Equations 18 to 20, and the filter."""
        if not (math.isfinite(new_theta) and math.isfinite(new_phi)) or new_theta > self.theta_max:
            return False
        round_off = 10 * _EPS * abs(phi)
        if any(new_theta >= t and new_phi - round_off >= p for t, p in self.filter):
            return False
        if theta <= self.theta_min and slope < 0 and alpha * (-slope) ** S_PHI > DELTA * theta**S_THETA:
            return new_phi - phi <= ETA_PHI * alpha * slope + round_off
        return new_theta <= (1 - GAMMA_THETA) * theta or new_phi - phi <= -GAMMA_PHI * theta + round_off

    def _second_order(
        self,
        step: NewtonStep,
        at: Any,
        s: FloatArray,
        alpha: float,
        theta: float,
        phi: float,
        slope: float,
        last: float,
    ) -> tuple[NewtonStep, float, FloatArray, FloatArray, Any, float, float] | None:
        """Steps that correct what the balances' curvature made of a full one (section 2.4)."""
        miss, over = alpha * self.at.c + at.c, alpha * (self.at.h + self.s) + at.h + s
        for _ in range(MOST_SOC):
            corrected = self.y.solve(self.at, self.down, self.slack, miss, over)
            if corrected is None:
                return None
            far = self.longest(corrected)
            x, s = self.x + far * corrected.x, self.s + far * corrected.s
            at = self.y.at(x)
            new_theta = self._infeasibility(at, s)
            if not math.isfinite(new_theta):
                return None
            new_phi = self._barrier(x, s)
            if self._accepts(theta, phi, slope, alpha, new_theta, new_phi):
                return corrected, far, x, s, at, new_theta, new_phi
            if new_theta > KAPPA_SOC * last:
                return None
            last = new_theta
            miss, over = far * miss + at.c, far * over + at.h + s
        return None

    def _move(
        self, step: NewtonStep, alpha: float, longest: float, x: FloatArray, s: FloatArray, at: Any, theta: float
    ) -> None:
        """Take the step; multipliers of bounds go their own length and stay near μ over the distance (equation 16)."""
        mu = self.mu
        dzl = mu / self.dl - self.zl - self.zl / self.dl * step.x[self.lo]
        dzu = mu / self.dh - self.zu + self.zu / self.dh * step.x[self.hi]
        dzs = mu / self.s - self.zs - self.zs / self.s * step.s
        tau = max(TAU_MIN, 1 - mu)
        dual = min(_to_boundary(self.zl, dzl, tau), _to_boundary(self.zu, dzu, tau), _to_boundary(self.zs, dzs, tau))
        self.x, self.s, self.at, self.theta = x, s, at, theta
        self.lam = self.lam + alpha * step.balance
        self.mult = self.mult + alpha * step.limit
        dl, dh = x[self.lo] - self.y.low[self.lo], self.y.high[self.hi] - x[self.hi]
        self.zl = _near(self.zl + dual * dzl, mu, dl)
        self.zu = _near(self.zu + dual * dzu, mu, dh)
        self.zs = _near(self.zs + dual * dzs, mu, s)


def _largest(values: FloatArray) -> float:
    return float(np.abs(values).max(initial=0.0))


def _to_boundary(room: FloatArray, step: FloatArray, tau: float) -> float:
    """The longest share of a step that keeps (1 − τ) of the room. At most 1"""
    closing = step < 0
    if not closing.any():
        return 1.0
    return min(1.0, float((-tau * room[closing] / step[closing]).min()))


def _near(z: FloatArray, mu: float, room: FloatArray) -> FloatArray:
    return np.clip(z, mu / (KAPPA_SIGMA * room), KAPPA_SIGMA * mu / room)
