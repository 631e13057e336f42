"""A minimal set of bounds and rows that cannot hold together, each member proved by leaving it out.

1. Kinds of rules are left out whole, the hardest to read first (Kirchhoff's voltage law before angle limits before
   ratings): what is infeasible without them is explained without them.
2. What the least relaxation would stretch most is where the conflict is: rules near it, by steps from row to column to
   row, are tried before all others, so that the set is local and short.
3. The solver's proof of infeasibility (a dual ray, or its own search for an irreducible set) names candidates.
4. Every candidate is left out once. Still infeasible: it goes for good, and so does what the new proof does not use.
   Feasible: it belongs to the set. Each member is needed in the end, for what was needed in a larger set is needed in a
   smaller one. Source: Chinneck, Feasibility and Infeasibility in Optimization (2008), the deletion filter.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

from gridloop.optimize.conflict.relax import LAWS
from gridloop.optimize.conflict.system import LinearSystem
from gridloop.optimize.solve.feasibility import Bounds, Feasibility
from gridloop.units import BoolArray, IntArray

# The search of the solver itself is worth its time up to this many rows and columns; above, its ray alone names a set.
_OWN_SEARCH = 4_000
# A set of this many members is short; one of all kinds of rules is preferred where it is this many times shorter. It is
# looked for among this many sides at most.
_SHORT, _SHORTER, _NEAR_BY = 12, 3, 400


@dataclass(frozen=True)
class MinimalSet:
    """Sides of a system that contradict each other.

    sides    their numbers, as in solve.feasibility
    minimal  True where leaving out any one of them was seen to make the rest feasible
    whole    True where the rules contradict each other only because some columns take whole numbers
    solves   how often the solver was asked
    feasible True where the solver found that there is no contradiction
    """

    sides: IntArray
    minimal: bool
    whole: bool
    solves: int
    feasible: bool = False


def minimal_set(
    system: LinearSystem,
    *,
    left_out_first: Sequence[str] = (),
    near: Sequence[int] = (),
    time_limit_s: float = 10.0,
) -> MinimalSet:
    """A minimal conflicting set; without sides where the system is feasible or nothing was decided in time.

    left_out_first  kinds of rules in the order in which to try to explain the conflict without them
    near            sides around which to look first
    """
    crossed = _crossed(system)
    if crossed.size:
        return MinimalSet(crossed, True, False, 0)
    started = time.perf_counter()
    search = Search(system, started + time_limit_s)
    on = np.isfinite(system.bounds().values)
    status, _ = search.ask(on)
    if status == "infeasible":
        fewer = search.without_kinds(on, left_out_first)
        near_by = search.around(on, near)
        if (fewer == on).all() or near_by.sum() > _NEAR_BY:
            return search.filtered(search.candidates(search.around(fewer, near)))
        # Few kinds of rules are no gain where they take many members, so that a set of all kinds near by competes.
        local = search.filtered(search.candidates(near_by))
        other = Search(system, started + time_limit_s)
        readable = other.candidates(other.around(fewer, near))
        if local.minimal and readable.sum() > max(_SHORT, _SHORTER * local.sides.size):
            found = local
        else:
            found = other.filtered(readable)
        return replace(found, solves=search.solves + other.solves)
    if system.integer is not None and system.integer.any():
        return _whole_numbers(system, left_out_first, search)
    return MinimalSet(np.zeros(0, dtype=np.int64), False, False, search.solves, status == "feasible")


def _crossed(system: LinearSystem) -> IntArray:
    """The two sides of the first row or column whose lower bound is above its upper one, or the one side of a row
    without entries that zero does not keep; empty where there is none."""
    n, m = len(system.rows), len(system.columns)
    vain = np.flatnonzero(np.asarray(abs(csr_array(system.matrix)).sum(axis=1)).ravel() == 0.0)
    for first, broken in ((0, system.row_lower[vain] > _ROUNDING), (n, system.row_upper[vain] < -_ROUNDING)):
        if broken.any():
            return first + vain[broken][:1]
    row = np.flatnonzero(system.row_lower > system.row_upper)
    if row.size:
        return np.array([row[0], n + row[0]])
    column = np.flatnonzero(system.lower > system.upper)
    return 2 * n + np.array([column[0], m + column[0]]) if column.size else np.zeros(0, dtype=np.int64)


# A sum of nothing is zero, to the primal tolerance of the solver.
_ROUNDING = 1e-7


class Search:
    """One search: the clock, the solver, and the count of solves."""

    def __init__(self, system: LinearSystem, deadline: float, *, whole: bool = False) -> None:
        self.system, self.deadline, self.whole = system, deadline, whole
        self.bounds = system.bounds()
        self.solver = self._solver(self.bounds)
        self.kept_rows = np.arange(self.bounds.n_rows)
        self.kept_columns = np.arange(self.bounds.n_columns)
        self.solves = 0
        self.kinds = np.array(system.kinds(), dtype=object)
        self.soft = ~np.isin(self.kinds.astype(str), LAWS)

    def _solver(self, bounds: Bounds) -> Feasibility:
        left = max(self.deadline - time.perf_counter(), 0.1)
        return Feasibility(bounds, whole_numbers=self.whole, time_limit_s=left)

    @property
    def late(self) -> bool:
        return time.perf_counter() > self.deadline

    def ask(self, on: BoolArray) -> tuple[str, BoolArray | None]:
        """Status, and what the proof uses, by the numbers of the whole system."""
        self.solves += 1
        answer = self.solver.ask(on[self._local()])
        if answer.support is None:
            return answer.status, None
        support = np.zeros(on.size, dtype=bool)
        support[self._local()] = answer.support
        return answer.status, support

    def _local(self) -> IntArray:
        """Sides of the whole system that the solver holds."""
        n, m = self.bounds.n_rows, self.bounds.n_columns
        rows, columns = self.kept_rows, self.kept_columns
        return np.concatenate([rows, n + rows, 2 * n + columns, 2 * n + m + columns])

    def shrink(self, on: BoolArray) -> None:
        """Keep the rows that have a side on, and the columns in them, in the solver: the rest cannot matter."""
        low, high, left, right = self.bounds.parts(on)
        rows = np.flatnonzero(low | high)
        matrix = self.bounds.matrix.tocsr()[rows]
        columns = np.unique(np.concatenate([matrix.indices, np.flatnonzero(left & right)]))
        b = self.bounds
        small = Bounds(
            matrix[:, columns], b.row_lower[rows], b.row_upper[rows], b.lower[columns], b.upper[columns],
            b.integer[columns],
        )  # fmt: skip
        self.kept_rows, self.kept_columns = rows, columns
        self.solver = self._solver(small)

    def without_kinds(self, on: BoolArray, kinds: Sequence[str]) -> BoolArray:
        for kind in kinds:
            fewer = on & (self.kinds != kind)
            if self.late or (fewer == on).all():
                continue
            if self.ask(fewer)[0] == "infeasible":
                on = fewer
        return on

    def around(self, on: BoolArray, near: Sequence[int]) -> BoolArray:
        """The sides within the fewest steps of these that are infeasible on their own."""
        seeds = [side for side in near if on[side]]
        if not seeds:
            return on
        steps = steps_from(self.bounds, seeds[0])
        few, many = (
            0,
            int(steps[on].max(initial=0)),
        )  # all sides within `many` are infeasible; within `few` is not known
        while few < many and not self.late:
            middle = (few + many) // 2
            if self._holds(on & (steps <= middle)):
                many = middle
            else:
                few = middle + 1
        return on & (steps <= many)

    def candidates(self, on: BoolArray) -> BoolArray:
        """A smaller set that is still infeasible."""
        status, support = self.ask(on)
        if status != "infeasible":  # too late to know; it was so before
            return on
        if support is None and not self.whole:
            proof = self.solver.certificate(on[self._local()], self.soft[self._local()])
            if proof is not None:
                support = np.zeros(on.size, dtype=bool)
                support[self._local()] = proof
        if support is not None and self._holds(support & on):
            on = support & on
        self.shrink(on)
        size = self.kept_rows.size + self.kept_columns.size
        if size > _OWN_SEARCH or self.late or self.whole:
            return on
        named = self.solver.irreducible(on[self._local()], max(self.deadline - time.perf_counter(), 0.1) / 2)
        self.solver = self._solver(self.solver.bounds)  # the search leaves its traces in the solver
        if named is not None:
            smaller = np.zeros(on.size, dtype=bool)
            smaller[self._local()] = named
            if self._holds(smaller):
                on = smaller
                self.shrink(on)
        return on

    def _holds(self, on: BoolArray) -> bool:
        """True where these sides alone contradict each other."""
        return self.ask(on)[0] == "infeasible"

    def filtered(self, on: BoolArray) -> MinimalSet:
        """Leave out one after the other."""
        proved = True
        order = self._order(on)
        for side in order:
            if not on[side]:
                continue
            if self.late:
                proved = False
                break
            fewer = on.copy()
            fewer[side] = False
            status, support = self.ask(fewer)
            if status == "infeasible":
                on = fewer if support is None or not self._holds(support & fewer) else support & fewer
            elif status == "unknown":
                proved = False
        proved = proved and self._holds(on)
        return MinimalSet(np.flatnonzero(on), proved, self.whole, self.solves)

    def _order(self, on: BoolArray) -> IntArray:
        """Candidates of kinds that have many members first: what can go in numbers should go."""
        sides = np.flatnonzero(on)
        _, inverse, counts = np.unique(self.kinds[sides].astype(str), return_inverse=True, return_counts=True)
        return sides[np.argsort(-counts[inverse], kind="stable")]


def steps_from(bounds: Bounds, seed: int) -> IntArray:
    """Steps from row to column to row from the side `seed` to every side; what is never reached is farthest. [side]"""
    n, m = bounds.n_rows, bounds.n_columns
    matrix, across = bounds.matrix.tocsr(), bounds.matrix.tocsc()
    rows, columns = np.full(n, -1), np.full(m, -1)
    is_row = seed < 2 * n
    front = np.array([seed % n if is_row else (seed - 2 * n) % m])
    (rows if is_row else columns)[front] = 0
    step = 0
    while front.size:
        step += 1
        source, target = (matrix, columns) if is_row else (across, rows)
        near = [source.indices[source.indptr[k] : source.indptr[k + 1]] for k in front]
        reached = np.unique(np.concatenate(near))
        front = reached[target[reached] < 0]
        target[front] = step
        is_row = not is_row
    far = step + 1
    rows[rows < 0], columns[columns < 0] = far, far
    return np.concatenate([rows, rows, columns, columns])


def _whole_numbers(system: LinearSystem, kinds: Sequence[str], relaxed: Search) -> MinimalSet:
    """Feasible in fractions: search with whole numbers. Groups first (kinds, hours, elements), then members."""
    search = Search(system, relaxed.deadline, whole=True)
    search.solves = relaxed.solves
    on = np.isfinite(search.bounds.values)
    status, _ = search.ask(on)
    if status != "infeasible":
        return MinimalSet(np.zeros(0, dtype=np.int64), False, True, search.solves, status == "feasible")
    on = search.without_kinds(on, kinds)
    both = [*system.rows, *system.rows, *system.columns, *system.columns]
    for group in ([r.kind for r in both], [r.hour for r in both], [r.element for r in both]):
        labels = np.array(group, dtype=object)
        for label in sorted({str(x) for x in labels[on]}):
            fewer = on & (labels != label)
            if not search.late and not (fewer == on).all() and search.ask(fewer)[0] == "infeasible":
                on = fewer
    return search.filtered(on)
