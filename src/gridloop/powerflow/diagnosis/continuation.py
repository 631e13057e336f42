"""The load margin: the solution followed as all injections grow, past the point where it turns back.

The power flow F(x, μ) = S(x) − s₀ − (μ − 1) s = 0 has one equation less than unknowns x, μ: its solutions are a curve.
Near the largest μ, the nose, the Jacobian ∂F/∂x is singular, but the bordered matrix

    ⎡ ∂F/∂x   −s ⎤
    ⎣   e_kᵀ     ⎦

is not, where e_k holds fixed the unknown that changes most along the curve (far from the nose μ, near it a voltage). A
predictor steps along the tangent, a corrector brings the point back to the curve with that unknown held; the step
doubles where this is easy and halves where it fails. Where the tangent's μ turns negative the nose lies behind; the
step is halved until μ gains no more.

Voltages that are held stay held: reactive limits are not followed.
Source: Ajjarapu and Christy (1992), The continuation power flow: a tool for steady state voltage stability analysis.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import csc_array, hstack, vstack
from scipy.sparse.linalg import splu

from gridloop.network.arrays import build_arrays
from gridloop.network.model import Network
from gridloop.network.validation import Findings, validate
from gridloop.powerflow.solve import Solution, solve
from gridloop.units import ComplexArray, FloatArray, IntArray

FIRST_STEP = 0.1
# A step of 1 is a voltage halved, an angle of 57° or a load doubled: longer ones leave the curve for another.
LONGEST_STEP = 1.0
SHORTEST_STEP = 1e-6
MOST_POINTS = 120
CORRECTIONS = 6
TOLERANCE_PU = 1e-8
# The nose is known when halving the step gains less than this share of μ.
_GAIN = 1e-6
# Beyond this many times the load it makes no sense to speak of a margin.
MOST_LOAD = 1e4
WORST = 5


@dataclass(frozen=True)
class Nose:
    """The end of what solves.

    scale   largest μ on the curve: 1 is where it began
    found   False where the curve was lost before it turned, or goes on beyond `MOST_LOAD`: scale is a lower bound then
    v       [lit] voltages there, per unit
    give    [lit] how much each node's voltage moves there, the largest 1
    curve   [point, 2] μ and the lowest voltage [pu], in the order they were met; past the nose too
    """

    scale: float
    found: bool
    v: ComplexArray
    give: FloatArray
    curve: FloatArray


@dataclass(frozen=True)
class LoadMargin:
    """How far all loads and generation can grow together.

    factor     of the present state at the nose; below 1 the present state has no solution; NaN where none has
    margin_mw  what loads could take more than now; negative: what is too much
    buses      those that give way first; v_pu their voltages at the nose
    curve      DataFrame: factor, lowest voltage v_min_pu; past the nose too
    """

    factor: float
    found: bool
    margin_mw: float
    buses: list[str]
    v_pu: list[float]
    curve: pd.DataFrame

    def __str__(self) -> str:
        if np.isnan(self.factor):
            return "No solution at any load."
        end = "Voltage collapse" if self.found else "Solves at least up to"
        return f"{end} at {self.factor:.4g} times the load ({self.margin_mw:+.1f} MW), near {', '.join(self.buses)}."


def load_margin(net: Network) -> LoadMargin:
    """The largest common factor of all injections that still has a solution, from the present state or from no load.

    Machines keep their voltages whatever reactive power that takes. Raises `InvalidNetwork` where tables are wrong.
    """
    from gridloop.powerflow.diagnose import find_edge

    Findings(tuple(f for f in validate(net).all if f.code != "unsupplied")).raise_errors(net.name)
    arrays = build_arrays(net)
    s = arrays.injection(net)
    base, scale = solve(arrays, s), 1.0
    if not base.converged.all():
        edge = find_edge(lambda k, v: solve(arrays, s * k, start=v, max_iterations=15))
        if edge.solution is None or edge.scale == 0.0:
            return LoadMargin(np.nan, False, np.nan, [], [], pd.DataFrame(columns=["factor", "v_min_pu"], dtype=float))
        base, scale = edge.solution, edge.scale
    nose = find_nose(base, s * scale)
    worst = np.argsort(-nose.give, kind="stable")[:WORST]
    worst = worst[nose.give[worst] > 0.0]
    ids = net.bus.index[arrays.topology.first_bus[base.lit[worst]]]
    load = arrays.element_on["load"] & arrays.topology.supplied[arrays.element_node["load"]]
    load_mw = float(net.load["p_mw"].to_numpy(dtype=float)[load].sum())
    return LoadMargin(
        factor=nose.scale * scale,
        found=nose.found,
        margin_mw=(nose.scale * scale - 1.0) * load_mw,
        buses=[str(i) for i in ids],
        v_pu=[float(x) for x in np.abs(nose.v[worst])],
        curve=pd.DataFrame({"factor": nose.curve[:, 0] * scale, "v_min_pu": nose.curve[:, 1]}),
    )


def find_nose(solution: Solution, injection: ComplexArray, *, beyond: int = 3) -> Nose:
    """Follow a converged solution of one scenario while `injection` is added to what it was asked for.

    injection  [node], per unit: at μ the flow is asked for solution.wanted + (μ − 1) · injection
    beyond     points to take past the nose
    """
    curve = _Curve(solution, injection)
    if not curve.grows:
        return Nose(1.0, False, curve.v, np.zeros(curve.v.size), np.array([curve.point]))
    step, passed, found = FIRST_STEP, 0, False
    tangent = curve.tangent(None)
    best, points = (curve.mu, curve.v.copy(), tangent), [curve.point]
    while tangent is not None and len(points) < MOST_POINTS and curve.mu < MOST_LOAD and step > SHORTEST_STEP:
        state = curve.state
        ease = curve.advance(tangent, step)
        new = curve.tangent(tangent) if ease else None
        if new is None:
            curve.state = state
            step /= 2
            continue
        turned = bool(tangent[-1] > 0 > new[-1])
        gain = curve.mu - best[0]
        if curve.mu > best[0]:
            best = (curve.mu, curve.v.copy(), new)
        if turned and step > SHORTEST_STEP * 4 and (passed == 0 and abs(gain) > _GAIN * best[0]):
            # The nose lies within this step: take it in halves, from the same point.
            curve.state = state
            step /= 2
            continue
        points.append(curve.point)
        found |= turned
        passed += found
        tangent = new
        if passed > beyond:
            break
        by_load = int(np.abs(tangent).argmax()) == tangent.size - 1
        longest = LONGEST_STEP * (curve.mu if by_load else 1.0)
        step = FIRST_STEP if turned else min(step * (2.0 if ease <= 3 else 1.0), longest)
    scale, v, direction = best
    give = np.zeros(v.size) if direction is None else curve.movement(direction)
    return Nose(float(scale), found, v, give, np.array(points))


class _Curve:
    """The point (V, μ) on the curve, and the two steps that move it."""

    def __init__(self, solution: Solution, injection: ComplexArray) -> None:
        self.pattern, self.y = solution.pattern, solution.y
        self.v: ComplexArray = solution.v[solution.lit, 0].copy()
        self.mu = 1.0
        self.wanted = solution.wanted[solution.lit, 0]
        self.injection = injection[solution.lit]
        self.border = self._residual(self.injection)
        self.allowed = np.maximum(TOLERANCE_PU, self.pattern.rounding(self.y)[0])

    @property
    def grows(self) -> bool:
        """Whether anything changes with μ at all."""
        return bool(np.abs(self.border).max(initial=0.0) > 0)

    @property
    def point(self) -> tuple[float, float]:
        return self.mu, float(np.abs(self.v).min(initial=np.inf))

    @property
    def state(self) -> tuple[ComplexArray, float]:
        return self.v.copy(), self.mu

    @state.setter
    def state(self, value: tuple[ComplexArray, float]) -> None:
        self.v, self.mu = value[0].copy(), value[1]

    def tangent(self, before: FloatArray | None) -> FloatArray | None:
        """Direction of the curve, the largest component 1, onwards from `before` (towards more load for None)."""
        held = self.pattern.size if before is None else int(np.abs(before).argmax())
        e, s = self.pattern.power(self.y, self.v[:, None])
        right = np.zeros(self.pattern.size + 1)
        right[-1] = 1.0
        t = self._solved(e, s, held, right)
        if t is None:
            return None
        # Along the unknown that was held at a new value the curve went on; all others may have turned back.
        onwards = 1.0 if before is None else float(np.sign(before[held]))
        return np.asarray(t * onwards / np.abs(t).max())

    def advance(self, tangent: FloatArray, step: float) -> int:
        """Predict and correct. Returns the number of corrections taken, 0 where the curve was not met again."""
        held = int(np.abs(tangent).argmax())
        self._move(tangent * step)
        for taken in range(1, CORRECTIONS + 1):
            e, s = self.pattern.power(self.y, self.v[:, None])
            f = self._residual(s[:, 0] - self.wanted - (self.mu - 1.0) * self.injection)
            if not np.isfinite(f).all():
                return 0
            if (np.abs(f) < self.allowed).all():
                return taken
            change = self._solved(e, s, held, np.append(-f, 0.0))
            if change is None or np.abs(change[:-1]).max(initial=0.0) > 4 * LONGEST_STEP:
                return 0
            self._move(change)
        return 0

    def movement(self, tangent: FloatArray) -> FloatArray:
        """How much every node's voltage moves along a tangent, the largest 1. [lit]"""
        theta, log_v = np.zeros(self.v.size), np.zeros(self.v.size)
        n = self.pattern.angle.size
        theta[self.pattern.angle], log_v[self.pattern.magnitude] = tangent[:n], tangent[n:-1]
        moved = np.hypot(theta, log_v) * np.abs(self.v)
        return np.asarray(moved / (moved.max(initial=0.0) or 1.0))

    def _move(self, change: FloatArray) -> None:
        n = self.pattern.angle.size
        self.v[self.pattern.angle] *= np.exp(1j * change[:n])
        self.v[self.pattern.magnitude] *= np.exp(change[n:-1])
        self.mu += float(change[-1])

    def _residual(self, power: ComplexArray) -> FloatArray:
        return np.asarray(self.pattern.residual(power[:, None])[0])

    def _solved(self, e: ComplexArray, s: ComplexArray, held: int, right: FloatArray) -> FloatArray | None:
        """Solution of the bordered equations, None where even they are singular."""
        n = self.pattern.size
        bottom = csc_array((np.ones(1), (np.zeros(1, dtype=np.int64), _one(held))), shape=(1, n + 1))
        top = hstack([self.pattern.jacobian(e, s), csc_array(-self.border[:, None])])
        matrix = csc_array(vstack([top, bottom]))
        if not np.isfinite(matrix.data).all():
            return None
        try:
            solved = splu(matrix).solve(right)
        except RuntimeError:  # SuperLU's word for an exactly singular matrix
            return None
        return np.asarray(solved) if np.isfinite(solved).all() else None


def _one(value: int) -> IntArray:
    return np.array([value], dtype=np.int64)
