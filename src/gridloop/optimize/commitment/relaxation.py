"""The small relaxation of a search: choices far dearer than the best are left out, and come back where they pay.

What the choices left out could still be worth at other prices is in every bound, for that lets each unit choose freely
(`lagrangian`). Where a relaxation is above that bound by too much, the choices in question come back.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from gridloop.kernel import unit_columns as kernel
from gridloop.optimize.commitment.lagrangian import UnitBound, bound_units
from gridloop.optimize.commitment.model import CommitmentModel
from gridloop.optimize.commitment.node import Node
from gridloop.optimize.commitment.shrink import Shrunk, boxed, shrink
from gridloop.optimize.solve.milp import AT_LOWER, AT_UPPER, BASIC, Basis, MixedSession, Relaxed, read_basis
from gridloop.units import BoolArray, FloatArray

# A solved relaxation, the solver's basis, and the model that both are of.
Solved = tuple[Relaxed, Any, Shrunk]
# The model with more rows at its end, for those that values of its columns break; None where they break none.
MoreRows = Callable[[CommitmentModel, FloatArray], CommitmentModel | None]

# From so many columns on, an interior point is faster from nothing; a simplex may not end at all.
INTERIOR_FROM = 50_000
# Price of what is missing in a balance of the small relaxation, in dearest prices of the whole one.
_PENALTY = 30.0


class Relaxation:
    """The relaxation with some choices open; the same one serves all nodes.

    penalty  price of what is missing in a balance: with choices left out there must still be a solution
    """

    def __init__(self, model: CommitmentModel, more_rows: MoreRows = lambda model, x: None) -> None:
        """more_rows(model, x) gives the model with rows that x breaks, where rows are only added when broken."""
        self.model, self._more_rows = model, more_rows
        self.penalty = np.inf
        self._made = False
        self._keep()

    def _keep(self) -> None:
        model = self.model
        self.keep_rows = model.kept_rows(model.sums.rows, *model.balance, *model.reserve, *model.regulation)

    def add_rows(self, x: FloatArray) -> bool:
        """Add the rows that values of all columns break; True where there were any."""
        longer = self._more_rows(self.model, x)
        if longer is None:
            return False
        self.model = longer
        self._keep()
        if self._made:
            self._make()
        return True

    @property
    def constant(self) -> float:
        """Cost of all that is decided in it."""
        return self.part.constant

    def charge(self, prices: FloatArray) -> None:
        """Let what is missing in a balance thirty times the dearest of these prices."""
        self.penalty = _PENALTY * max(float(np.abs(prices).max(initial=0.0)), 1.0)

    # -- which choices are open ------------------------------------------------------------------------------------

    def set_open(self, choice: UnitBound, most: float) -> None:
        """Leave choices open that cost no more than this beyond the best."""
        self._on = (choice.on <= most) & self.model.arrays.may_on
        self._off = (choice.off <= most) & self.model.arrays.may_off
        self._start = choice.start <= most
        self._stop = choice.stop <= most
        self._make()

    def take_back(self, choice: UnitBound) -> bool:
        """Bring back what the best schedules of single units would choose; True where there was something."""
        u = choice.u
        more_on, more_off = u & ~self._on, ~u & ~self._off
        before = np.column_stack([self.model.arrays.column(kernel.ON_BEFORE) > 0.0, u[:, :-1]])
        more_start, more_stop = u & ~before & ~self._start, ~u & before & ~self._stop
        if not (more_on.any() or more_off.any() or more_start.any() or more_stop.any()):
            return False
        self._on |= more_on
        self._off |= more_off
        self._start |= more_start
        self._stop |= more_stop
        self._make()
        return True

    def _make(self) -> None:
        self._made = True
        on_off, program, elastic = self.model.on_off, self.model.program, self.model.elastic
        lower, upper = program.lower.copy(), program.upper.copy()
        upper[on_off.u[~self._on]] = 0.0
        lower[on_off.u[~self._off]] = 1.0
        upper[on_off.v[~self._start]] = 0.0
        upper[on_off.w[~self._stop]] = 0.0
        upper[elastic] = np.inf
        cost = program.cost.copy()
        cost[elastic] = self.penalty
        part = shrink(replace(program, cost=cost, lower=np.minimum(lower, upper), upper=upper), self.keep_rows)
        self.part = replace(part, program=boxed(part.program))
        self._sessions = [self.part.session(integer=False)]
        self._place = np.full(program.a.shape[1], -1)
        self._place[self.part.columns] = np.arange(self.part.columns.size)
        self._sum_rows = self.part.rows_at(self.model.sums.rows)
        # what fixed columns contribute to the sums has gone into their rows
        self._sum_fixed = self.model.sums.member @ self.part.fixed

    # -- solving ---------------------------------------------------------------------------------------------------

    def solve(self, node: Node, time_limit_s: float, which: int = 0) -> Solved:
        """Solve within the limits of a node, in one of the sessions: every thread has its own."""
        session = self._sessions[which]
        self._set_limits(session, node)
        if node.basis is None:
            interior = self.part.columns.size > INTERIOR_FROM
            return session.relax(interior=interior, time_limit_s=time_limit_s), session.basis, self.part
        basis, part = node.basis
        grown = part.columns.size < self.part.columns.size
        start = basis if part is self.part else fit_basis(basis, part, self.part)
        return session.relax(basis=start, primal=grown, time_limit_s=time_limit_s), session.basis, self.part

    def solve_together(self, nodes: list[Node], time_limit_s: float) -> list[Solved]:
        """Several nodes at once, one per thread; what is found does not depend on there being several."""
        while len(self._sessions) < len(nodes):
            self._sessions.append(self.part.session(integer=False))
        with ThreadPoolExecutor(len(nodes)) as threads:
            limits = [time_limit_s] * len(nodes)
            return list(threads.map(self.solve, nodes, limits, range(len(nodes))))

    def read(self, solved: Solved, on: BoolArray, off: BoolArray) -> tuple[FloatArray, UnitBound]:
        """Values of all columns, and the bound with every unit at its best within on and off [unit, hour]."""
        return read(self.model, solved[2], solved[0], on, off)

    def _set_limits(self, session: MixedSession, node: Node) -> None:
        sums = self.model.sums.rows.size
        lower, upper = np.full(sums, -np.inf), np.full(sums, np.inf)
        for k, value in node.sum_lower.items():
            lower[k] = value - self._sum_fixed[k]
        for k, value in node.sum_upper.items():
            upper[k] = value - self._sum_fixed[k]
        session.change_rows(self._sum_rows, lower, upper)
        small = self.part.program
        cells = np.array([self.model.on_off.u[g, t] for g, t in node.fixed], dtype=np.int64)
        values = np.array(list(node.fixed.values()), dtype=float)
        at = self._place[cells] if cells.size else cells
        inside = at >= 0
        fixed_low, fixed_high = small.lower.copy(), small.upper.copy()
        fixed_low[at[inside]] = fixed_high[at[inside]] = values[inside]
        u_at = self._place[self.model.on_off.u.ravel()]
        u_at = u_at[u_at >= 0]
        session.change_columns(u_at, fixed_low[u_at], fixed_high[u_at])


def fit_basis(basis: Any, old: Shrunk, new: Shrunk) -> Basis:
    """A basis of one part of a program for another: what came back since begins where it was held."""
    known = read_basis(basis)
    at_upper = np.abs(old.fixed[new.columns] - new.program.upper) < np.abs(old.fixed[new.columns] - new.program.lower)
    column = np.full(old.fixed.size, AT_LOWER, dtype=np.int8)
    column[new.columns[at_upper]] = AT_UPPER
    column[old.columns] = known.columns
    row = np.full(int(max(old.rows.max(initial=0), new.rows.max(initial=0))) + 1, BASIC, dtype=np.int8)
    row[old.rows] = known.rows
    return Basis(column[new.columns], row[new.rows])


def read(
    model: CommitmentModel, part: Shrunk, relaxed: Relaxed, on: BoolArray, off: BoolArray
) -> tuple[FloatArray, UnitBound]:
    """What a solved relaxation says about the whole model: values of all columns, and the bound of free units."""
    x = part.whole(relaxed.x)
    dual = np.zeros(model.program.a.shape[0])
    dual[part.rows] = relaxed.row_dual
    return x, bound_units(model, relaxed.objective + part.constant, x, dual, on, off)
