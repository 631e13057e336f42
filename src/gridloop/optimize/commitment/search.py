"""Branch and bound on sums of alike units: a small relaxation, exact bounds of single units, and plans on the way.

    1  the relaxation of the tight model, and the bound of every unit alone at its prices (`root`, `lagrangian`)
    2  a smaller relaxation, without choices that would cost much more than the best (`relaxation`, `bounding`)
    3  branches on sums over alike units (`sums`), then on single units (`branch`), the best bound first
    4  plans: whole models of the choices that are nearly free at a node, solved with a limit (`repair`)

The bound is that of the worst open node; nothing is ever cut off that could be better than the best plan by more than
the gap asked for.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gridloop.optimize.commitment.bounding import bound_node, bound_whole
from gridloop.optimize.commitment.branch import Branching
from gridloop.optimize.commitment.model import CommitmentModel
from gridloop.optimize.commitment.node import Node
from gridloop.optimize.commitment.relaxation import MoreRows, Relaxation, Solved
from gridloop.optimize.commitment.root import find_root
from gridloop.units import FloatArray

# Told while it searches: seconds, bound, best objective (infinite while there is none).
Told = Callable[[float, float, float], None]
# Looks for a plan near a node: objective and values of all columns, or None.
FindPlan = Callable[["Search", Node], tuple[float, FloatArray] | None]

# A balance that gives way by less than this is rounding of the solver.
_MISSING_MW = 1e-5
# Bounds and plans of a solver with tolerances of 1e-7 agree no better than this, relative.
LEAST_GAP = 1e-7
# Share of the time that may go into looking for plans.
_PLAN_SHARE = 0.3
# Share of the time that may go into measuring what branches would raise the bound by.
_MEASURE_SHARE = 0.4


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


class Search:
    """One search; `run` gives what it found. Read by whoever looks for plans: best, best_x, in_vain, plan_turn."""

    def __init__(
        self, model: CommitmentModel, settings: Settings, plan: FindPlan, more_rows: MoreRows = lambda model, x: None
    ) -> None:
        """plan(search, node) → (objective, x) or None: looks for a plan near a node.

        more_rows(model, x)  the model with the rows that x breaks, where some are only added when broken; else None
        """
        self.settings, self._plan = settings, plan
        self.started = settings.clock()
        self.best = np.inf
        self.best_x = np.zeros(0)
        self.plan_s = self._measured_s = 0.0
        self.in_vain = self.plan_turn = 0
        self.nodes = 0
        self._relaxation = Relaxation(model, more_rows)
        self._branching = Branching(model, self._cost)
        self._at_work = np.inf  # the bound of the node that is just looked at
        self._closed = np.inf  # the least bound of a node that was closed because it is within the gap
        self._heap: list[Node] = []

    @property
    def model(self) -> CommitmentModel:
        """The model, with all rows that were added so far."""
        return self._relaxation.model

    def add_rows(self, x: FloatArray) -> bool:
        """Add the rows that values of all columns break; True where there were any."""
        return self._relaxation.add_rows(x)

    @property
    def seconds(self) -> float:
        return self.settings.clock() - self.started

    @property
    def left_s(self) -> float:
        """Time that is left."""
        return self.settings.time_limit_s - self.seconds

    def _left(self) -> float:
        return self.left_s

    @property
    def bound(self) -> float:
        """What no plan can cost less than."""
        return min(self._heap[0].bound if self._heap else np.inf, self._closed, self._at_work, self.best)

    @property
    def _gap(self) -> float:
        """The gap asked for, but no smaller than what the solver's tolerances leave."""
        return max(self.settings.gap, LEAST_GAP)

    @property
    def _close_enough(self) -> float:
        """Nodes with at least this bound need no further look."""
        return self.best - self._gap * abs(self.best) if np.isfinite(self.best) else np.inf

    @property
    def enough(self) -> float:
        """A plan that costs no more ends the search: it is within the gap of the bound as it is now."""
        bound = self.bound
        return bound / (1.0 - self._gap) if 0.0 < bound < np.inf else -np.inf

    def _tell(self, bound: float | None = None) -> None:
        self.settings.told(self.seconds, self.bound if bound is None else bound, self.best)

    def run(self) -> Found:
        """Search until the gap is reached or time is up."""
        settings = self.settings
        root = find_root(
            self._relaxation, gap=settings.gap, keep=settings.keep, left_s=self._left,
            time_limit_s=settings.time_limit_s, told=self._tell,
        )  # fmt: skip
        if isinstance(root, str):
            return Found(root, np.inf, -np.inf, np.zeros(0), 0, self.seconds, -np.inf)
        heapq.heappush(self._heap, root)
        root_bound = root.bound
        self._tell()
        while self._heap and self.left_s > 0.0 and self._heap[0].bound < self._close_enough:
            node = heapq.heappop(self._heap)
            self._at_work = node.bound
            self._look_for_plan(node)
            children = [node] if node.bound >= self._close_enough else self._branch(node)
            self._at_work = np.inf
            if children is None:  # time is up: the node stays open
                heapq.heappush(self._heap, node)
                break
            for child in children:
                if child.bound >= self._close_enough:
                    self._closed = min(self._closed, child.bound)
                else:
                    heapq.heappush(self._heap, child)
            self._tell()
        return self._found(root_bound)

    def _found(self, root_bound: float) -> Found:
        bound = self.bound
        if not np.isfinite(self.best):
            status = "infeasible" if not self._heap and not np.isfinite(bound) else "time_limit"
        else:
            status = "optimal" if self.best - bound <= self._gap * abs(self.best) * (1 + 1e-9) else "time_limit"
        return Found(status, self.best, bound, self.best_x, self.nodes, self.seconds, root_bound)

    def _branch(self, node: Node) -> list[Node] | None:
        """The halves of a node that have solutions; none where it is a plan itself; None where time is up."""
        if not node.x.size:  # its relaxation was not solved in time
            return None
        self.nodes += 1
        if node.basis is not None and node.basis[1] is not self._relaxation.part and self._bound(node) is None:
            return None  # the halves begin at its basis, which has to be one of the relaxation as it is now
        halves = self._branching.halve(node)
        if halves is None:
            return self._whole(node)
        solved = self._relaxation.solve_together(halves.children, self.left_s)
        left = []
        for side, child in enumerate(halves.children):
            done = self._bound(child, solved[side])
            if done is None:
                return None
            if np.isfinite(done.bound):
                left.append(done)
                if np.isfinite(node.objective):
                    self._branching.learn(halves, side, done.objective - node.objective)
        return left

    def _cost(self, nodes: list[Node]) -> list[float]:
        """What the relaxations of halves cost; nothing where measuring has taken its share of the time."""
        began = self.seconds
        if self._measured_s > _MEASURE_SHARE * began:
            return []
        solved = self._relaxation.solve_together(nodes, self.left_s)
        self._measured_s += self.seconds - began
        return [relaxed.objective + part.constant for relaxed, _, part in solved]

    def _whole(self, node: Node) -> list[Node] | None:
        """A node in which nothing is open: a plan, where its balances hold without help."""
        if float(node.x[self.model.elastic].sum()) <= _MISSING_MW:
            if not self._relaxation.add_rows(node.x):
                self.take(float(self.model.program.cost @ node.x), node.x)
                self._closed = min(self._closed, node.bound)
                return []
            done = self._bound(node)
        elif node.basis is None:  # solved in earnest before, and the bounds of its decisions leave nothing to decide
            return []
        else:
            done = bound_whole(self._relaxation, node, best=self.best, left_s=self._left)
        if done is None:
            return None
        return [done] if np.isfinite(done.bound) else []

    def _bound(self, node: Node, solved: Solved | None = None) -> Node | None:
        return bound_node(
            self._relaxation, node, gap=self.settings.gap, best=self.best, left_s=self._left, solved=solved
        )

    def take(self, objective: float, x: FloatArray) -> None:
        """A plan that was found: keep it where it is the best."""
        if objective < self.best:
            self.best, self.best_x = objective, x
            self._tell()

    def _look_for_plan(self, node: Node) -> None:
        """Look near this node, where that has not taken more than its share of the time."""
        if self.nodes > 0 and self.plan_s > _PLAN_SHARE * self.seconds:
            return
        began, before = self.seconds, self.best
        found = self._plan(self, node)
        while found is not None and self._relaxation.add_rows(found[1]):  # it breaks rows that were not there
            found = self._plan(self, node) if self.left_s > 0.0 else None
        self.plan_turn += 1
        self.plan_s += self.seconds - began
        if found is not None:
            self.take(*found)
        self.in_vain = 0 if self.best < before else self.in_vain + 1
