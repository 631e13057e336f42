"""Linear models given as arrays: handed to HiGHS as they are, and kept there while rows are added.

Labels are for models that people read; at ten thousand buses they cost more than the solve.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import highspy
import numpy as np
from scipy.sparse import csr_array

from gridloop.optimize.solve.highs import SIMPLEX, STATUS
from gridloop.units import FloatArray, IntArray

# What an answer may break a row or bound by and still be one: ten times the solver's own tolerance.
HONEST = 1e-6

_METHODS: Mapping[str, Mapping[str, bool | int | str]] = {
    "simplex": {},
    "interior": {"solver": "ipm", "presolve": "on", "run_crossover": "off"},
}


@dataclass(frozen=True)
class LinearModel:
    """minimize cost·x with lower ≤ x ≤ upper and row_lower ≤ A x ≤ row_upper. [column], [row, column], [row]"""

    cost: FloatArray
    lower: FloatArray
    upper: FloatArray
    matrix: csr_array
    row_lower: FloatArray
    row_upper: FloatArray


@dataclass(frozen=True)
class Answer:
    """What a solve found.

    status    optimal, infeasible, unbounded, time_limit, solver_failed
    row_dual  change of the objective per unit of a row's bound, [row]; reduced_cost of a column's, [column]; NaN where
              there is no solution
    """

    status: str
    objective: float
    x: FloatArray
    row_dual: FloatArray
    reduced_cost: FloatArray
    iterations: int
    seconds: float


class ArraySession:
    """A linear model inside the solver. One thread and a fixed seed: the same model gives the same answer.

    method  simplex: starts from the last basis. interior: for a large sparse model that is solved once; no basis, and
            values at the accuracy of its own convergence
    """

    def __init__(self, model: LinearModel, *, time_limit_s: float = 60.0, method: str = "simplex") -> None:
        self.model, self.method = model, method
        self.highs = highspy.Highs()  # type: ignore[no-untyped-call]  # highspy types its core, not this class
        for option, value in SIMPLEX.items():
            self.highs.setOptionValue(option, value)
        for option, value in _METHODS[method].items():
            self.highs.setOptionValue(option, value)
        self.highs.setOptionValue("time_limit", time_limit_s)
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = model.cost.size, model.row_lower.size
        lp.col_cost_, lp.col_lower_, lp.col_upper_ = model.cost, model.lower, model.upper
        lp.row_lower_, lp.row_upper_ = model.row_lower, model.row_upper
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        a = csr_array(model.matrix)
        lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = a.indptr, a.indices, a.data
        self.highs.passModel(lp)

    def add_rows(self, matrix: csr_array, lower: FloatArray, upper: FloatArray) -> None:
        """Further rows; the next solve starts from the last basis."""
        a, m = csr_array(matrix), self.model
        self.highs.addRows(
            lower.size, lower, upper, a.nnz, a.indptr[:-1].astype(np.int32), a.indices.astype(np.int32), a.data
        )
        stacked = csr_array(
            (
                np.concatenate([m.matrix.data, a.data]),
                np.concatenate([m.matrix.indices, a.indices]),
                np.concatenate([m.matrix.indptr, m.matrix.indptr[-1] + a.indptr[1:]]),
            ),
            shape=(m.row_lower.size + lower.size, m.cost.size),
        )
        rows = (np.concatenate([m.row_lower, lower]), np.concatenate([m.row_upper, upper]))
        self.model = LinearModel(m.cost, m.lower, m.upper, stacked, *rows)

    def run(self) -> Answer:
        """Solve from the last basis. Whatever the solver does, the answer has a status; "optimal" has been checked.

        A simplex that gives up, or whose answer is none, is asked once more from the start and with presolve: a basis
        that carried over badly is what makes it fail.
        """
        started = time.perf_counter()
        found = self._once(started)
        if found.status == "solver_failed" and self.method == "simplex":
            again = self._once(started, afresh=True)
            found = replace(again, iterations=found.iterations + again.iterations)
        return found

    def _once(self, started: float, *, afresh: bool = False) -> Answer:
        try:
            if afresh:
                self.highs.clearSolver()
                self.highs.setOptionValue("presolve", "on")
            self.highs.run()
            if afresh:
                self.highs.setOptionValue("presolve", SIMPLEX["presolve"])
            status = STATUS.get(self.highs.getModelStatus(), "solver_failed")
            solution, info = self.highs.getSolution(), self.highs.getInfo()
            found = (solution.col_value, solution.col_dual, solution.row_dual)
            x, reduced, dual = (np.asarray(values, dtype=float) for values in found)
            iterations = int(max(info.simplex_iteration_count, 0) + max(info.ipm_iteration_count, 0))
        except Exception:  # a solver that is killed or breaks raises whatever it likes
            status, iterations = "solver_failed", 0
            x = reduced = dual = np.zeros(0)
        if status == "optimal" and not self._holds(x, dual, reduced):
            status = "solver_failed"
        if status != "optimal":
            x, dual = np.full(self.model.cost.size, np.nan), np.full(self.model.row_lower.size, np.nan)
            reduced = x.copy()
        objective = float(self.model.cost @ x)
        return Answer(status, objective, x, dual, reduced, iterations, time.perf_counter() - started)

    def _holds(self, x: FloatArray, dual: FloatArray, reduced: FloatArray) -> bool:
        """Whether an answer has the right shape, is finite and keeps all rows and bounds."""
        m = self.model
        if x.size != m.cost.size or dual.size != m.row_lower.size or reduced.size != m.cost.size:
            return False
        if not (np.isfinite(x).all() and np.isfinite(dual).all() and np.isfinite(reduced).all()):
            return False
        at = m.matrix @ x
        # Rounding of a long row grows with its terms.
        size = 1.0 + np.abs(m.matrix) @ np.abs(x) * 1e-3
        worst = max(
            float(((m.row_lower - at) / size).max(initial=0.0)),
            float(((at - m.row_upper) / size).max(initial=0.0)),
            float((m.lower - x).max(initial=0.0)),
            float((x - m.upper).max(initial=0.0)),
        )
        return worst <= HONEST

    def conflict(self) -> tuple[IntArray, IntArray]:
        """Columns whose bounds, and rows, that cannot hold together; empty where the solver finds none."""
        strategy = highspy.IisStrategy.kIisStrategyFromLp.value | highspy.IisStrategy.kIisStrategyIrreducible.value
        self.highs.setOptionValue("solver", "simplex")
        self.highs.setOptionValue("iis_strategy", int(strategy))
        _, found = self.highs.getIis()
        return np.asarray(found.col_index_, dtype=np.int64), np.asarray(found.row_index_, dtype=np.int64)
