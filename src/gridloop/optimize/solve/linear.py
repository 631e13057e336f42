"""Solving linear models: the only file that knows which solver there is for them.

A model is written with linopy, handed to HiGHS once, and kept there: rows found violated later are added to the solved
model, so that the next solve starts from the last basis. One thread and a fixed seed: the same model gives the same
answer, bit for bit. Where a model has whole decisions they are settled by branch and bound to a gap of zero, and the
linear model with them held is solved once more, so that there are duals.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import highspy
import linopy
import numpy as np
from scipy.sparse import csc_array, csr_array

from gridloop.optimize.linear import Sum
from gridloop.optimize.solve.feasibility import Bounds
from gridloop.optimize.solve.highs import SIMPLEX, STATUS
from gridloop.optimize.solve.needed import needed
from gridloop.units import FloatArray, IntArray

# Slack below this is rounding of the solver (its primal feasibility tolerance is 1e-7), not a limit that gave way.
GAVE_WAY = 1e-6
# The cost that the solver tells and that of its values agree to its own tolerance, relative to the terms.
_SAME_COST = 1e-7


@dataclass(frozen=True)
class Excess:
    """By how much rows may be exceeded, at a price per unit; rows that name the same one share it."""

    name: str
    price: float


@dataclass(frozen=True)
class Row:
    """One constraint added to a solved model: lower ≤ Σ coefficient · variable ≤ upper.

    labels  linopy labels of the variables, each at most once
    excess  None for a hard row; otherwise how it may be exceeded; then one of the bounds is infinite
    """

    name: str
    labels: IntArray
    coefficients: FloatArray
    lower: float
    upper: float
    excess: Excess | None = None


@dataclass(frozen=True)
class Fix:
    """New bounds for variables: a decision taken between two solves."""

    labels: IntArray
    lower: FloatArray
    upper: FloatArray


@dataclass(frozen=True)
class Conflict:
    """A minimal set of bounds and constraints that cannot hold together: linopy labels, and names of added rows."""

    variables: IntArray
    constraints: IntArray
    rows: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What a solve found.

    status     optimal, infeasible, unbounded, time_limit; solver_failed where the solver broke, or called optimal what
               is no solution; else the solver's own word
    objective  NaN where there is no solution
    row_dual   change of the objective per unit of an added row's bound; rows added after this solve are not in it
    gave_way   excess by name, only where there is one; gave_way_cost is what all excess costs
    """

    status: str
    objective: float
    seconds: float
    iterations: int
    row_dual: Mapping[str, float]
    gave_way: Mapping[str, float]
    gave_way_cost: float
    _x: FloatArray = field(repr=False)
    _reduced_cost: FloatArray = field(repr=False)
    _dual: FloatArray = field(repr=False)
    _column_of: IntArray = field(repr=False)
    _row_of: IntArray = field(repr=False)

    @property
    def solved(self) -> bool:
        """True where there is a solution to read."""
        return self.status == "optimal"

    def value(self, variable: linopy.Variable) -> FloatArray:
        """Value of a variable, in its own shape; zero where it is masked."""
        return self.at(variable.labels.values)

    def at(self, labels: IntArray) -> FloatArray:
        """Values by linopy label, in the shape of the labels; zero for the label −1."""
        return _spread(self._x, self._column_of, labels)

    def total(self, part: Sum) -> float:
        """Value of a sum."""
        return float(part.coefficients @ self.at(part.labels))

    def dual(self, constraint: linopy.constraints.Constraint) -> FloatArray:
        """Change of the objective per unit of a constraint's right-hand side, in its own shape."""
        return _spread(self._dual, self._row_of, constraint.labels.values)

    def reduced_cost(self, variable: linopy.Variable) -> FloatArray:
        """Change of the objective per unit of a variable's binding bound, in its own shape; zero between bounds."""
        return _spread(self._reduced_cost, self._column_of, variable.labels.values)


class Session:
    """A linear model inside the solver, solved as often as rows are added to it."""

    def __init__(self, model: linopy.Model, *, time_limit_s: float = 60.0) -> None:
        matrices = model.matrices
        self._labels = np.asarray(matrices.vlabels, dtype=np.int64)
        self._row_labels = np.asarray(matrices.clabels, dtype=np.int64)
        self._column_of, self._row_of = _inverse(self._labels), _inverse(self._row_labels)
        self._whole = np.flatnonzero(np.asarray(matrices.vtypes) != "C").astype(np.int32)
        self._highs = _load(matrices, time_limit_s)
        self._rows: dict[str, int] = {}
        self._excess: dict[str, int] = {}
        self._price: dict[str, float] = {}

    def add_rows(self, rows: Sequence[Row]) -> None:
        """Add constraints; a name that is there already is refused."""
        if not rows:
            return
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
        self._highs.changeRowBounds(self._rows[name], -highspy.kHighsInf, highspy.kHighsInf)

    def fix(self, fixes: Sequence[Fix]) -> None:
        """Set new bounds of variables."""
        for part in fixes:
            columns = self._column_of[part.labels].astype(np.int32)
            self._highs.changeColsBounds(columns.size, columns, part.lower, part.upper)

    def run(self) -> Outcome:
        """Solve from the last basis. Whatever the solver does there is a status, and "optimal" has been checked."""
        started = time.perf_counter()
        n_columns, n_rows = self._highs.getNumCol(), self._highs.getNumRow()
        try:
            self._highs.run()
            bounds = self._hold_whole()
            status = STATUS.get(self._highs.getModelStatus(), str(self._highs.getModelStatus()))
            solution = self._highs.getSolution()
            values = [np.asarray(v, dtype=float) for v in (solution.col_value, solution.col_dual, solution.row_dual)]
            objective, iterations = self._claims()
            self._let_go(bounds)
        except Exception:  # a solver that breaks raises whatever it likes
            status, values, objective, iterations = "solver_failed", [np.zeros(0)] * 3, float("nan"), 0
        seconds = time.perf_counter() - started
        if status == "optimal" and not self._holds(values[0], objective):
            status = "solver_failed"
        solved = status == "optimal"
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
        )

    def _hold_whole(self) -> tuple[FloatArray, FloatArray] | None:
        """Hold whole decisions where they came out and solve for the rest; the bounds that they had before."""
        if not self._whole.size or self._highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        lp = self._highs.getLp()
        bounds = tuple(np.asarray(v, dtype=float)[self._whole].copy() for v in (lp.col_lower_, lp.col_upper_))
        x = np.round(np.asarray(self._highs.getSolution().col_value, dtype=float)[self._whole])
        self._highs.changeColsBounds(x.size, self._whole, x, x)
        self._highs.setOptionValue("solve_relaxation", True)
        self._highs.run()
        return bounds[0], bounds[1]

    def _let_go(self, bounds: tuple[FloatArray, FloatArray] | None) -> None:
        """Give whole decisions their bounds back: what is added to the model may move them."""
        if bounds is not None:
            self._highs.changeColsBounds(self._whole.size, self._whole, *bounds)
            self._highs.setOptionValue("solve_relaxation", False)

    def _claims(self) -> tuple[float, int]:
        """Objective and iterations as the solver tells them."""
        info = self._highs.getInfo()
        return float(info.objective_function_value), int(info.simplex_iteration_count)

    def _holds(self, x: FloatArray, objective: float) -> bool:
        """Whether what the solver calls optimal is finite, keeps all rows and bounds, and costs what it says."""
        lp = self._highs.getLp()
        cost = np.asarray(lp.col_cost_, dtype=float)
        if x.size != cost.size or not (np.isfinite(x).all() and np.isfinite(objective)):
            return False
        matrix = _matrix(lp)
        activity, size = matrix @ x, 1.0 + abs(matrix) @ np.abs(x) * 1e-3  # rounding of a long row grows with its terms
        bounds = (
            (lp.row_lower_ - activity) / size,
            (activity - lp.row_upper_) / size,
            lp.col_lower_ - x,
            x - lp.col_upper_,
        )
        broken = max(float(np.max(part, initial=0.0)) for part in bounds)
        mine = float(cost @ x) + float(lp.offset_)
        return broken <= GAVE_WAY and abs(mine - objective) <= _SAME_COST * max(1.0, float(np.abs(cost) @ np.abs(x)))

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
        return Bounds(_matrix(lp), low, high, left, right, np.zeros(left.size, dtype=bool))


_IRREDUCIBLE = highspy.IisStrategy.kIisStrategyFromLp.value | highspy.IisStrategy.kIisStrategyIrreducible.value


def _load(matrices: linopy.matrices.MatrixAccessor, time_limit_s: float) -> highspy.Highs:
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(matrices.vlabels), len(matrices.clabels)
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = matrices.c, matrices.lb, matrices.ub
    lp.row_lower_ = np.where(matrices.sense == "<", -np.inf, matrices.b)
    lp.row_upper_ = np.where(matrices.sense == ">", np.inf, matrices.b)
    if matrices.A is not None:  # None where there is no row
        a = matrices.A.tocsr()
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = a.indptr, a.indices, a.data
    mixed = bool((matrices.vtypes != "C").any())
    if mixed:
        whole = highspy.HighsVarType.kInteger
        lp.integrality_ = [highspy.HighsVarType.kContinuous if kind == "C" else whole for kind in matrices.vtypes]
    highs = highspy.Highs()  # type: ignore[no-untyped-call]  # highspy types its core, not this class
    for option, value in SIMPLEX.items():
        highs.setOptionValue(option, value)
    if mixed:
        # "simplex" would forget that some numbers are whole; presolve pays where there is a search
        highs.setOptionValue("solver", "choose")
        highs.setOptionValue("presolve", "choose")
        highs.setOptionValue("mip_rel_gap", 0.0)
    highs.setOptionValue("time_limit", time_limit_s)
    highs.passModel(lp)
    return highs


def _matrix(lp: highspy.HighsLp) -> csr_array:
    a, shape = lp.a_matrix_, (lp.num_row_, lp.num_col_)
    stored = (np.asarray(a.value_), np.asarray(a.index_), np.asarray(a.start_))
    by_column = a.format_ == highspy.MatrixFormat.kColwise
    return csr_array(csc_array(stored, shape=shape)) if by_column else csr_array(stored, shape=shape)


def _inverse(labels: IntArray) -> IntArray:
    position = np.full(int(labels.max(initial=-1)) + 1, -1, dtype=np.int64)
    position[labels] = np.arange(labels.size)
    return position


def _spread(values: FloatArray, place: IntArray, labels: IntArray) -> FloatArray:
    """Values by label, in the shape of the labels; zero for the label −1."""
    known = labels >= 0
    result = np.zeros(labels.shape)
    result[known] = values[place[labels[known]]]
    return result
