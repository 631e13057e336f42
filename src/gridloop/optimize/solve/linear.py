"""Solving linear models: the only file that knows which solver there is for them.

A model is handed to HiGHS once, and kept there: rows found violated later are added to the solved
model, so that the next solve starts from the last basis. One thread and a fixed seed: the same model gives the same
answer, bit for bit, where no limit of time cut a search short. Where a model has whole decisions they are settled by
branch and bound (`whole.py`), and the linear model with them held is solved once more, so that there are duals.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import highspy
import numpy as np

from gridloop.optimize.labelled_model import LabelledModel
from gridloop.optimize.solve.decisions import Decisions
from gridloop.optimize.solve.feasibility import Bounds
from gridloop.optimize.solve.handing import inverse, keeps, load, matrix
from gridloop.optimize.solve.highs import STATUS
from gridloop.optimize.solve.needed import needed
from gridloop.optimize.solve.outcome import GAVE_WAY, WITH_SOLUTION, Outcome
from gridloop.optimize.solve.rows import Conflict, Excess, Fix, Row
from gridloop.optimize.solve.whole import WholeSearch
from gridloop.units import FloatArray, IntArray

# From so many rows on the first solve of devices that are tied to each other is an interior point's: 100 rooms behind
# one plant take the simplex seven times longer. Batteries side by side take it a third less than an interior point.
LARGE = 400
# Pivots are at least this share of their column's largest entry where the usual tenth has lost digits.
LARGE_PIVOTS = 0.5


class Session(Decisions):
    """A linear model inside the solver, solved as often as rows are added to it.

    time_limit_s  of the solver, over all solves together; an answer with whole decisions may come `HELD_S` later
    mip_gap       how far from the best whole decisions may be, relative to the cost
    coupled       rows tie many devices to each other: then a large model begins with an interior point
    """

    def __init__(
        self, model: LabelledModel, *, time_limit_s: float = 60.0, mip_gap: float = 0.0, coupled: bool = False
    ) -> None:
        matrices = model.matrices
        self._labels = np.asarray(matrices.vlabels, dtype=np.int64)
        self._row_labels = np.asarray(matrices.clabels, dtype=np.int64)
        self._column_of, self._row_of = inverse(self._labels), inverse(self._row_labels)
        whole = np.flatnonzero(np.asarray(matrices.vtypes) != "C")
        self._search = WholeSearch(whole, time_limit_s, mip_gap) if whole.size else None
        self._highs = load(matrices, time_limit_s, mip_gap)
        self._interior_first = coupled and len(self._row_labels) > LARGE
        self._rows: dict[str, int] = {}
        self._excess: dict[str, int] = {}
        self._price: dict[str, float] = {}

    def add_rows(self, rows: Sequence[Row]) -> None:
        """Add constraints; a name that is there already is refused."""
        if not rows:
            return
        if self._search is not None:
            self._search.cost = np.inf
        self._add_excess([row.excess for row in rows if row.excess is not None])
        columns, values = [], []
        starts: list[int] = []
        entries = 0
        for row in rows:
            if row.name in self._rows:
                raise ValueError(f"row {row.name} is in the model already")
            self._rows[row.name] = self._highs.getNumRow() + len(starts)
            kept = row.coefficients != 0.0
            columns.append(self._column_of[row.labels[kept]])
            values.append(row.coefficients[kept])
            if row.excess is not None:  # it lowers the sum at an upper bound and raises it at a lower one
                columns[-1] = np.append(columns[-1], self._excess[row.excess.name])
                values[-1] = np.append(values[-1], -1.0 if np.isfinite(row.upper) else 1.0)
            starts.append(entries)
            entries += columns[-1].size
        self._highs.addRows(
            len(rows),
            np.array([row.lower for row in rows], dtype=float),
            np.array([row.upper for row in rows], dtype=float),
            entries,
            np.array(starts, dtype=np.int32),
            np.concatenate(columns).astype(np.int32),
            np.concatenate(values).astype(float),
        )

    def _add_excess(self, wanted: Sequence[Excess]) -> None:
        """A column, 0 or more at its price, for every name that has none yet."""
        new = list({excess.name: excess for excess in wanted if excess.name not in self._excess}.values())
        if not new:
            return
        n, first = len(new), self._highs.getNumCol()
        self._price.update({excess.name: excess.price for excess in new})
        self._excess.update({excess.name: first + k for k, excess in enumerate(new)})
        no_entry, no_index = np.zeros(0), np.zeros(0, dtype=np.int32)
        prices, upper = np.array([excess.price for excess in new]), np.full(n, highspy.kHighsInf)
        self._highs.addCols(n, prices, np.zeros(n), upper, 0, np.zeros(n, dtype=np.int32), no_index, no_entry)

    def relax(self, name: str) -> None:
        """Take an added row out of force; it keeps its place."""
        if self._search is not None:
            self._search.bound = -np.inf
        self._highs.changeRowBounds(self._rows[name], -highspy.kHighsInf, highspy.kHighsInf)

    def fix(self, fixes: Sequence[Fix]) -> None:
        """Set new bounds of variables: another question, of which nothing is proven yet."""
        self._set(fixes)
        if fixes and self._search is not None:
            self._search.ask_anew()

    def settle(self, fixes: Sequence[Fix]) -> None:
        """Hold decisions that the model leaves open, one way of several: no bound of the question is proven by it."""
        search = self._search
        if search is None or not fixes:
            self.fix(fixes)
            return
        bound = search.bound
        self.fix(fixes)
        search.bound, search.proves = bound, False

    @property
    def grows(self) -> bool:
        """True where rows were added: a physics then looks at every solution, and may add more."""
        return bool(self._rows)

    def bounds(self, labels: IntArray) -> tuple[FloatArray, FloatArray]:
        """Lower and upper bounds of variables, in the shape of their labels; zero for no variable."""
        lp, known = self._highs.getLp(), labels >= 0
        found = []
        for bound in (lp.col_lower_, lp.col_upper_):
            values = np.zeros(labels.shape)
            values[known] = np.asarray(bound, dtype=float)[self._column_of[labels[known]]]
            found.append(values)
        return found[0], found[1]

    def run(self, share: float = 1.0) -> Outcome:
        """Solve from the last basis. Whatever the solver does there is a status, and a solution has been checked.

        share  of the time that is left, for a search of whole decisions
        """
        outcome = self._once(share, self._run_linear)
        if outcome.status == "solver_failed" and self._search is None:
            # Either method may lose digits without a word, and call optimal what breaks rows: anew, by larger pivots.
            self._highs.setOptionValue("factor_pivot_threshold", LARGE_PIVOTS)
            for solve in (self._run_simplex, self._run_interior):
                self._highs.clearSolver()
                again = self._once(share, solve)
                outcome = replace(again, seconds=outcome.seconds + again.seconds)
                if outcome.status != "solver_failed":
                    break
        return outcome

    def _once(self, share: float, solve: Callable[[], None]) -> Outcome:
        started = time.perf_counter()
        n_columns, n_rows = self._highs.getNumCol(), self._highs.getNumRow()
        try:
            if self._search is None:
                solve()
                status = STATUS.get(self._highs.getModelStatus(), str(self._highs.getModelStatus()))
            else:
                status = self._search.settle(self._highs, share)
            solution = self._highs.getSolution()
            values = [np.asarray(v, dtype=float) for v in (solution.col_value, solution.col_dual, solution.row_dual)]
            objective, iterations = self._claims()
            if self._search is not None:
                self._search.let_go(self._highs)
        except Exception:  # a solver that breaks raises whatever it likes
            status, values, objective, iterations = "solver_failed", [np.zeros(0)] * 3, float("nan"), 0
        seconds = time.perf_counter() - started
        if status in WITH_SOLUTION and not keeps(self._highs.getLp(), values[0], objective):
            status = "solver_failed"
        solved = status in WITH_SOLUTION
        if solved and self._search is not None:
            status = self._search.judged(status, objective)
        x, reduced_cost, dual = (
            found if solved and found.size == n else np.full(n, np.nan)
            for found, n in zip(values, (n_columns, n_columns, n_rows), strict=True)
        )
        excess = {name: float(x[column]) for name, column in self._excess.items()} if solved else {}
        return Outcome(
            status=status,
            objective=objective if solved else float("nan"),
            seconds=seconds,
            iterations=iterations,
            row_dual={name: float(dual[row]) for name, row in self._rows.items()},
            gave_way={name: amount for name, amount in excess.items() if amount > GAVE_WAY},
            gave_way_cost=sum(self._price[name] * amount for name, amount in excess.items()),
            _x=x,
            _reduced_cost=reduced_cost,
            _dual=dual,
            _column_of=self._column_of,
            _row_of=self._row_of,
            bound=None if self._search is None else self._search.bound,
            time_up=self._search is not None and self._search.time_up,
        )

    def _run_linear(self) -> None:
        """From the last basis; a large model without one first by an interior point, whose crossover leaves a basis."""
        first, self._interior_first = self._interior_first, False
        if first:
            self._run_interior()
            if self._highs.getModelStatus() == highspy.HighsModelStatus.kOptimal:
                return
        self._run_simplex()

    def _run_simplex(self) -> None:
        self._highs.run()

    def _run_interior(self) -> None:
        self._highs.setOptionValue("solver", "ipm")
        self._highs.run()
        self._highs.setOptionValue("solver", "simplex")

    def _claims(self) -> tuple[float, int]:
        """Objective and iterations as the solver tells them."""
        info = self._highs.getInfo()
        return float(info.objective_function_value), int(info.simplex_iteration_count)

    def conflict(self) -> Conflict:
        """Why the model is infeasible: a set of which every member was left out once, and the rest could then be met.

        Empty where the solver finds none, as for a model that is infeasible in whole numbers alone.
        """
        self._highs.setOptionValue("iis_strategy", int(_IRREDUCIBLE))
        _, found = self._highs.getIis()
        columns = np.asarray(found.col_index_, dtype=np.int64)
        rows = np.asarray(found.row_index_, dtype=np.int64)
        rows, columns = needed(self._bounds(), rows, columns)
        n_rows = self._row_labels.size
        added = {place: name for name, place in self._rows.items()}
        return Conflict(
            self._labels[columns[columns < self._labels.size]],
            self._row_labels[rows[rows < n_rows]],
            tuple(added[int(row)] for row in rows if row >= n_rows),
        )

    def _bounds(self) -> Bounds:
        """Rows and bounds as they stand in the solver, whole numbers forgotten."""
        lp = self._highs.getLp()
        low, high, left, right = (
            np.asarray(v, dtype=float) for v in (lp.row_lower_, lp.row_upper_, lp.col_lower_, lp.col_upper_)
        )
        return Bounds(matrix(lp), low, high, left, right, np.zeros(left.size, dtype=bool))


_IRREDUCIBLE = highspy.IisStrategy.kIisStrategyFromLp.value | highspy.IisStrategy.kIisStrategyIrreducible.value
