"""Branch and bound on sums of alike units: a small relaxation, exact bounds of single units, and plans on the way.

    1  the relaxation of the tight model, and the bound of every unit alone at its prices (`lagrangian`)
    2  a smaller relaxation: choices of units that would cost much more than the best are left out. What they could
       still be worth at other prices is in the bound, for that lets every unit choose freely; where the two differ by
       too much, the choices in question come back
    3  branches on sums over alike units (`sums`), then on single units, the best bound first
    4  plans: whole models of the choices that are nearly free at a node, solved with a limit (`repair`)

The bound is that of the worst open node; nothing is ever cut off that could be better than the best plan by more than
the gap asked for.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gridloop.kernel import unit_columns as kernel
from gridloop.optimize.commitment.gains import Gains
from gridloop.optimize.commitment.lagrangian import UnitBound, above_best, applies, bound_units, solve_alone
from gridloop.optimize.commitment.model import CommitmentModel
from gridloop.optimize.commitment.program import Program
from gridloop.optimize.commitment.shrink import Shrunk, shrink
from gridloop.optimize.commitment.walk import walk_prices
from gridloop.optimize.solve.milp import AT_LOWER, BASIC, Basis, MixedSession, Relaxed, read_basis
from gridloop.units import BoolArray, FloatArray

# Told while it searches: seconds, bound, best objective (infinite while there is none).
Told = Callable[[float, float, float], None]

# A value this close to a whole number is one: the solver's own tolerance.
_WHOLE = 1e-6
# Models with more decisions than this begin from first prices instead of their whole relaxation; the share of decisions
# that is open at first, and how often others may come in.
_LARGE = 10_000
_FIRST_SHARE = 0.1
_ROUNDS = 12
# A balance that gives way by less than this is rounding of the solver.
_MISSING_MW = 1e-5
# Price of what is missing in a balance of the small relaxation, in dearest prices of the whole one.
_PENALTY = 30.0
_FRACTION = 1e-4  # of a sum: rounding of many of those
# Bounds and plans of a solver with tolerances of 1e-7 agree no better than this, relative.
LEAST_GAP = 1e-7
# Share of the time that may go into looking for plans.
_PLAN_SHARE = 0.3


@dataclass(frozen=True)
class Found:
    """What a search found.

    status  optimal (within the gap), time_limit, infeasible, solver_failed
    x       [column]  the best plan; empty where there is none
    """

    status: str
    objective: float
    bound: float
    x: FloatArray
    nodes: int
    seconds: float
    root_bound: float


@dataclass(frozen=True)
class Settings:
    """How to search: the gap asked for, a limit of time, and shares of the objective that steer it.

    keep   choices that cost more than this share of the objective beyond the best are left out of the relaxation
    """

    gap: float = 1e-3
    time_limit_s: float = 60.0
    keep: float = 1e-3
    told: Told = lambda seconds, bound, objective: None
    clock: Callable[[], float] = time.perf_counter


@dataclass(order=True)
class _Node:
    bound: float
    number: int
    sum_lower: dict[int, float] = field(compare=False)
    sum_upper: dict[int, float] = field(compare=False)
    fixed: dict[tuple[int, int], bool] = field(compare=False)
    x: FloatArray = field(compare=False)
    choice: UnitBound = field(compare=False)
    basis: tuple[Any, Shrunk] | None = field(compare=False)  # of the solver, and the relaxation that it is of
    objective: float = field(compare=False, default=np.nan)  # of the small relaxation


class Search:
    """One search; `run` gives what it found."""

    def __init__(self, model: CommitmentModel, settings: Settings, plan: Any) -> None:
        """plan(search, node) → (objective, x) or None: looks for a plan near a node."""
        self.model, self.settings, self._plan = model, settings, plan
        self.started = settings.clock()
        self.best = np.inf
        self.best_x = np.zeros(0)
        self.may_on, self.may_off = model.arrays.may_on.copy(), model.arrays.may_off.copy()
        self.program: Program = model.program
        self.keep_rows = np.zeros(model.program.a.shape[0], dtype=bool)
        for rows in (model.sums.rows, *model.balance, *model.reserve, *model.regulation):
            self.keep_rows[rows] = True
        self.plan_s = 0.0
        self.in_vain = self.plan_turn = 0
        self.nodes = 0
        self._version = 0
        self._gains = Gains(model.sums)
        self._at_work = np.inf  # the bound of the node that is just looked at
        self._closed = np.inf  # the least bound of a node that was closed because it is within the gap
        self._heap: list[_Node] = []

    # -- time and bounds ----------------------------------------------------------------------------------------

    @property
    def seconds(self) -> float:
        return self.settings.clock() - self.started

    @property
    def left_s(self) -> float:
        """Time that is left."""
        return self.settings.time_limit_s - self.seconds

    @property
    def bound(self) -> float:
        """What no plan can cost less than."""
        return min(self._heap[0].bound if self._heap else np.inf, self._closed, self._at_work, self.best)

    @property
    def _close_enough(self) -> float:
        """Nodes with at least this bound need no further look."""
        return self.best - self._gap * abs(self.best) if np.isfinite(self.best) else np.inf

    @property
    def _gap(self) -> float:
        """The gap asked for, but no smaller than what the solver's tolerances leave."""
        return max(self.settings.gap, LEAST_GAP)

    def take(self, objective: float, x: FloatArray) -> None:
        """A plan that was found: keep it where it is the best."""
        if objective < self.best:
            self.best, self.best_x = objective, x
            self.settings.told(self.seconds, self.bound, self.best)

    # -- the relaxation ----------------------------------------------------------------------------------------

    def run(self) -> Found:
        """Search until the gap is reached or time is up."""
        root = self._root()
        if isinstance(root, str):
            return Found(root, np.inf, -np.inf, np.zeros(0), 0, self.seconds, -np.inf)
        heapq.heappush(self._heap, root)
        root_bound = root.bound
        self.settings.told(self.seconds, self.bound, self.best)
        while self._heap and self.left_s > 0.0:
            if self._heap[0].bound >= self._close_enough:
                break
            node = heapq.heappop(self._heap)
            self._at_work = node.bound
            self._look_for_plan(node)
            if node.bound >= self._close_enough:
                self._closed, self._at_work = min(self._closed, node.bound), np.inf
                continue
            children = self._branch(node)
            self._at_work = np.inf
            if children is None:  # time is up: the node stays open
                heapq.heappush(self._heap, node)
                break
            for child in children:
                if child.bound >= self._close_enough:
                    self._closed = min(self._closed, child.bound)
                else:
                    heapq.heappush(self._heap, child)
            self.settings.told(self.seconds, self.bound, self.best)
        bound = self.bound
        if not np.isfinite(self.best):
            status = "infeasible" if not self._heap and not np.isfinite(bound) else "time_limit"
        else:
            status = "optimal" if self.best - bound <= self._gap * abs(self.best) * (1 + 1e-9) else "time_limit"
        return Found(status, self.best, bound, self.best_x, self.nodes, self.seconds, root_bound)

    def _root(self) -> _Node | str:
        if self.model.on_off.u.size > _LARGE and applies(self.model):
            return self._root_by_prices()
        return self._whole_root()

    def _whole_root(self) -> _Node | str:
        part = shrink(self.program, self.keep_rows)
        if part.infeasible:
            return "infeasible"
        session = part.session(integer=False)
        relaxed = session.relax(time_limit_s=self.left_s)
        if not relaxed.solved:
            return relaxed.status
        x, choice = self._read(part, relaxed.objective, relaxed.x, relaxed.row_dual, self.may_on, self.may_off)
        prices = relaxed.row_dual[part.rows_at(np.concatenate([*self.model.balance, *self.model.reserve]))]
        self._penalty = _PENALTY * max(float(np.abs(prices).max(initial=0.0)), 1.0)
        self._left_out(choice)
        node = _Node(choice.bound, 0, {}, {}, {}, x, choice, None)
        return self._relax(node) or node  # in the small relaxation, for its basis; without it where time is up

    def _root_by_prices(self) -> _Node | str:
        """The root of a large model without its whole relaxation: from first prices, choices come in as they pay."""
        model = self.model
        walked = walk_prices(model, time_limit_s=0.1 * self.settings.time_limit_s)
        choice = self._choices_at(walked.price)
        otherwise = np.maximum(choice.on, choice.off)
        most = np.partition(otherwise.ravel(), int(_FIRST_SHARE * otherwise.size))[int(_FIRST_SHARE * otherwise.size)]
        self._penalty = _PENALTY * max(float(np.abs(walked.price).max()), 1.0)
        self._set_open(choice, float(most))
        node = _Node(-np.inf, 0, {}, {}, {}, np.zeros(0), choice, None)
        for _ in range(_ROUNDS):
            node.basis = None  # from nothing: the solver's own reductions are worth more than a basis far away
            relaxed, basis, part = self._solve_small(node)
            if not relaxed.solved:
                return self._half_done(node, relaxed.status)
            objective = relaxed.objective + self._small.constant
            node.x, node.choice = self._read(
                self._small, relaxed.objective, relaxed.x, relaxed.row_dual, self.may_on, self.may_off
            )
            node.bound = max(node.bound, node.choice.bound)
            node.basis = (basis, part)
            self.settings.told(self.seconds, node.bound, self.best)
            lost = objective - node.bound
            if lost <= 0.2 * self.settings.gap * abs(objective) or not self._take_back(node.choice):
                break
        if (
            float(node.x[model.elastic].sum()) > 1e-6
        ):  # not even the relaxed units can cover it, at any price below the penalty
            return self._whole_root()
        return node

    def _half_done(self, node: _Node, status: str) -> _Node | str:
        """What to return where time ended a root: the node where it has a bound."""
        return node if node.x.size else status

    def _choices_at(self, price: FloatArray) -> UnitBound:
        none = np.zeros((self.model.arrays.n, self.model.arrays.hours))
        alone = solve_alone(self.model, price, np.zeros_like(price), none, none, none, self.may_on, self.may_off)
        return above_best(-np.inf, *alone)

    def _read(
        self, part: Shrunk, objective: float, small: FloatArray, small_dual: FloatArray, on: BoolArray, off: BoolArray
    ) -> tuple[FloatArray, UnitBound]:
        x = part.whole(small)
        dual = np.zeros(self.program.a.shape[0])
        dual[part.rows] = small_dual
        return x, bound_units(self.model, objective + part.constant, x, dual, on, off)

    def _left_out(self, choice: UnitBound) -> None:
        """Make the small relaxation: only choices that cost little more than the best, at the prices of the root."""
        self._set_open(choice, self.settings.keep * abs(choice.bound))

    def _set_open(self, choice: UnitBound, most: float) -> None:
        """Leave choices open that cost no more than this beyond the best."""
        self._on = (choice.on <= most) & self.may_on
        self._off = (choice.off <= most) & self.may_off
        self._start = choice.start <= most
        self._stop = choice.stop <= most
        self._make_small()

    def _make_small(self) -> None:
        on_off = self.model.on_off
        lower, upper = self.program.lower.copy(), self.program.upper.copy()
        upper[on_off.u[~self._on]] = 0.0
        lower[on_off.u[~self._off]] = 1.0
        upper[on_off.v[~self._start]] = 0.0
        upper[on_off.w[~self._stop]] = 0.0
        upper[self.model.elastic] = np.inf
        cost = self.program.cost.copy()
        cost[self.model.elastic] = self._penalty
        loose = replace(self.program, cost=cost, lower=np.minimum(lower, upper), upper=upper)
        self._small = shrink(loose, self.keep_rows)
        self._sessions = [self._small.session(integer=False)]
        self._place = np.full(self.program.a.shape[1], -1)
        self._place[self._small.columns] = np.arange(self._small.columns.size)
        self._sum_rows = self._small.rows_at(self.model.sums.rows)
        # what fixed columns contribute to the sums has gone into their rows
        self._sum_fixed = self.model.sums.member @ self._small.fixed
        self._version += 1

    def _take_back(self, choice: UnitBound) -> bool:
        """Bring back what the best schedules of single units would choose; True where there was something."""
        u = choice.u
        more_on, more_off = u & ~self._on, ~u & ~self._off
        before = np.column_stack([self.model.arrays.unit[:, 9] > 0.0, u[:, :-1]])
        more_start, more_stop = u & ~before & ~self._start, ~u & before & ~self._stop
        if not (more_on.any() or more_off.any() or more_start.any() or more_stop.any()):
            return False
        self._on |= more_on
        self._off |= more_off
        self._start |= more_start
        self._stop |= more_stop
        self._make_small()
        return True

    def _relax(self, node: _Node, solved: tuple[Relaxed, Any, Shrunk] | None = None) -> _Node | None:
        """Solve the small relaxation of a node whose limits are set; None where time is up.

        solved  the relaxation, its basis and the model it is of, where that has been done
        """
        on, off = self._allowed(node)
        for _ in range(4):
            if solved is None or solved[2] is not self._small:
                solved = self._solve_small(node)
            relaxed, basis = solved[0], solved[1:]
            if relaxed.status == "infeasible":
                # the small one may be infeasible where the whole one is not: its bound stays that of the parent
                return self._relax_whole(node, on, off)
            if not relaxed.solved:
                return None
            x, choice = self._read(self._small, relaxed.objective, relaxed.x, relaxed.row_dual, on, off)
            lost = relaxed.objective + self._small.constant - choice.bound
            if lost <= 0.05 * self.settings.gap * abs(choice.bound) or not self._take_back(choice):
                break
        node.bound = max(node.bound, choice.bound)
        node.x, node.choice = x, choice
        node.objective = relaxed.objective + self._small.constant
        node.basis = basis
        return node

    def _solve_small(self, node: _Node, which: int = 0) -> tuple[Relaxed, Any, Shrunk]:
        """Solve in one of the sessions: every thread has its own."""
        session = self._sessions[which]
        self._set_limits(session, node)
        start = None if node.basis is None else self._fitted(node.basis)
        return session.relax(basis=start, time_limit_s=self.left_s), session.basis, self._small

    def _solve_halves(self, nodes: list[_Node]) -> list[tuple[Relaxed, Any, Shrunk]]:
        """Both halves of a node at once, one per thread; what is found does not depend on there being two."""
        while len(self._sessions) < len(nodes):
            self._sessions.append(self._small.session(integer=False))
        with ThreadPoolExecutor(len(nodes)) as threads:
            return list(threads.map(self._solve_small, nodes, range(len(nodes))))

    def _set_limits(self, session: MixedSession, node: _Node) -> None:
        """Put the limits of a node into the small relaxation."""
        sums = self.model.sums.rows.size
        lower, upper = np.full(sums, -np.inf), np.full(sums, np.inf)
        for k, value in node.sum_lower.items():
            lower[k] = value - self._sum_fixed[k]
        for k, value in node.sum_upper.items():
            upper[k] = value - self._sum_fixed[k]
        session.change_rows(self._sum_rows, lower, upper)
        small = self._small.program
        cells = np.array([self.model.on_off.u[g, t] for g, t in node.fixed], dtype=np.int64)
        values = np.array(list(node.fixed.values()), dtype=float)
        at = self._place[cells] if cells.size else cells
        inside = at >= 0
        fixed_low, fixed_high = small.lower.copy(), small.upper.copy()
        fixed_low[at[inside]] = fixed_high[at[inside]] = values[inside]
        u_at = self._place[self.model.on_off.u.ravel()]
        u_at = u_at[u_at >= 0]
        session.change_columns(u_at, fixed_low[u_at], fixed_high[u_at])

    def _fitted(self, basis: tuple[Any, Shrunk]) -> Any:
        """A basis for the small relaxation as it is now: what came back since begins at its bound."""
        found, part = basis
        if part is self._small:
            return found
        read = read_basis(found)
        rows, columns = self.program.a.shape
        column, row = np.full(columns, AT_LOWER, dtype=np.int8), np.full(rows, BASIC, dtype=np.int8)
        column[part.columns], row[part.rows] = read.columns, read.rows
        return Basis(column[self._small.columns], row[self._small.rows])

    def _relax_whole(self, node: _Node, on: BoolArray, off: BoolArray) -> _Node | None:
        """The relaxation with all that a better plan could choose, where the small one has no solution."""
        program, on_off, room = self.node_program(node), self.model.on_off, self.best - node.bound
        program.upper[on_off.u[node.choice.on > room]] = 0.0
        program.lower[on_off.u[node.choice.off > room]] = 1.0
        program.upper[on_off.v[node.choice.start > room]] = 0.0
        program.upper[on_off.w[node.choice.stop > room]] = 0.0
        if (program.lower > program.upper).any():
            node.bound = np.inf
            return node
        part = shrink(program, self.keep_rows)
        if part.infeasible:
            node.bound = np.inf
            return node
        relaxed = part.session(integer=False).relax(time_limit_s=self.left_s)
        if relaxed.status == "infeasible":
            node.bound = np.inf
            return node
        if not relaxed.solved:
            return None
        node.x, node.choice = self._read(part, relaxed.objective, relaxed.x, relaxed.row_dual, on, off)
        node.bound = max(node.bound, node.choice.bound)
        node.basis = None
        return node

    def node_program(self, node: _Node) -> Program:
        """The whole program with the limits of a node."""
        p = self.program
        lower, upper = p.lower.copy(), p.upper.copy()
        for (g, t), is_on in node.fixed.items():
            (lower if is_on else upper)[self.model.on_off.u[g, t]] = float(is_on)
        row_lower, row_upper = p.row_lower.copy(), p.row_upper.copy()
        for k, least in node.sum_lower.items():
            row_lower[self.model.sums.rows[k]] = least
        for k, most in node.sum_upper.items():
            row_upper[self.model.sums.rows[k]] = most
        return Program(p.a, p.cost, lower, upper, row_lower, row_upper, p.integer)

    # -- branching ---------------------------------------------------------------------------------------------

    def _branch(self, node: _Node) -> list[_Node] | None:
        """The two halves of a node; a plan where nothing is fractional; None where time is up."""
        self.nodes += 1
        value = self.model.sums.member @ node.x
        part = value - np.floor(value)
        children = []
        k = self._sum_to_branch(part)
        if k >= 0:
            for up in (False, True):
                child = self._child(node)
                if up:
                    child.sum_lower[k] = float(np.ceil(value[k]))
                else:
                    child.sum_upper[k] = float(np.floor(value[k]))
                children.append(child)
        else:
            u = node.x[self.model.on_off.u]
            distance = np.minimum(u, 1.0 - u)
            if distance.max() <= _WHOLE:
                if float(node.x[self.model.elastic].sum()) > _MISSING_MW:
                    return self._without_help(node)
                self.take(float(self.program.cost @ node.x), node.x)
                self._closed = min(self._closed, node.bound)
                return []
            size = self.model.arrays.column(kernel.P_MAX)[:, None]
            g, t = np.unravel_index(int(np.argmax(np.where(distance > _WHOLE, distance * size, -1.0))), u.shape)
            for up in (False, True):
                child = self._child(node)
                child.fixed[int(g), int(t)] = up
                children.append(child)
        solved = []
        halves = self._solve_halves(children)
        for side, child in enumerate(children):
            done = self._relax(child, halves[side])
            if done is None:
                return None
            if np.isfinite(done.bound):
                solved.append(done)
                if k >= 0 and np.isfinite(node.objective):
                    width = 1.0 - part[k] if side else part[k]
                    self._gains.learn(k, side, (done.objective - node.objective) / width)
        return solved

    def _without_help(self, node: _Node) -> list[_Node] | None:
        """A node that is whole in the small relaxation, but only with balances that give way: solve it in earnest."""
        if node.basis is None:  # it has been, and the bounds of its decisions alone leave nothing to decide
            return []
        done = self._relax_whole(node, *self._allowed(node))
        if done is None:
            return None
        return [done] if np.isfinite(done.bound) else []

    def _allowed(self, node: _Node) -> tuple[BoolArray, BoolArray]:
        """Where units may be on and off in a node. [unit, hour]"""
        on, off = self.may_on.copy(), self.may_off.copy()
        for (g, t), is_on in node.fixed.items():
            (off if is_on else on)[g, t] = False
        return on, off

    def _sum_to_branch(self, part: FloatArray) -> int:
        """The open sum whose halves are expected to raise the bound most; −1: none is open."""
        distance = np.minimum(part, 1.0 - part)
        open_ = np.flatnonzero(distance > _FRACTION)
        if not open_.size:
            return -1
        return int(self._gains.ranked(open_, part[open_])[0])

    def _child(self, node: _Node) -> _Node:
        self._number = getattr(self, "_number", 0) + 1
        return _Node(
            node.bound, self._number, dict(node.sum_lower), dict(node.sum_upper), dict(node.fixed), node.x, node.choice,
            node.basis,
        )  # fmt: skip

    def _look_for_plan(self, node: _Node) -> None:
        """Look near this node, where that has not taken more than its share of the time."""
        if self.nodes > 0 and self.plan_s > _PLAN_SHARE * self.seconds:
            return
        began, before = self.seconds, self.best
        found = self._plan(self, node)
        self.plan_turn += 1
        self.plan_s += self.seconds - began
        if found is not None:
            self.take(*found)
        self.in_vain = 0 if self.best < before else self.in_vain + 1
