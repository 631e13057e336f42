"""Solving mixed-integer models given as arrays: relaxed, again and again from the last basis, or whole with a limit.

One thread and a fixed seed: the same model gives the same answer, bit for bit, where no limit of time cut it short.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from gridloop.optimize.solve.highs import QUIET, STATUS
from gridloop.units import BoolArray, FloatArray, IntArray

# Told while a whole model is solved: seconds, best bound, best objective (infinite while there is none).
Told = Callable[[float, float, float], None]

_STATUS = {
    **STATUS,
    highspy.HighsModelStatus.kIterationLimit: "time_limit",
    highspy.HighsModelStatus.kInterrupt: "time_limit",
    highspy.HighsModelStatus.kObjectiveBound: "above_limit",
    highspy.HighsModelStatus.kObjectiveTarget: "optimal",
    highspy.HighsModelStatus.kSolutionLimit: "time_limit",
}


_KINDS = (
    highspy.HighsBasisStatus.kLower,
    highspy.HighsBasisStatus.kBasic,
    highspy.HighsBasisStatus.kUpper,
    highspy.HighsBasisStatus.kZero,
    highspy.HighsBasisStatus.kNonbasic,
)
_PLACE = {kind: k for k, kind in enumerate(_KINDS)}
AT_LOWER, BASIC, AT_UPPER = 0, 1, 2
# HiGHS's ways to weigh rows in its dual simplex.
_CHOOSE, _DEVEX = -1, 1
_DUAL, _PRIMAL = 1, 4


@dataclass(frozen=True)
class Basis:
    """Where a simplex stopped: AT_LOWER, BASIC, AT_UPPER or another small number. [column], [row]"""

    columns: NDArray[np.int8]
    rows: NDArray[np.int8]


@dataclass(frozen=True)
class Relaxed:
    """A solved relaxation: status, objective, x [column], row_dual [row], seconds; NaN where there is no solution."""

    status: str
    objective: float
    x: FloatArray
    row_dual: FloatArray
    seconds: float

    @property
    def solved(self) -> bool:
        return self.status == "optimal"


@dataclass(frozen=True)
class Whole:
    """A solved mixed-integer model: x is empty where no solution was found; bound is −inf where none was."""

    status: str
    objective: float
    bound: float
    x: FloatArray
    seconds: float


class MixedSession:
    """A model inside the solver. All arguments as in a linear program: min cost·x, lower ≤ x ≤ upper, rows likewise."""

    def __init__(
        self,
        a: sp.csr_matrix,
        cost: FloatArray,
        lower: FloatArray,
        upper: FloatArray,
        row_lower: FloatArray,
        row_upper: FloatArray,
        integer: BoolArray | None = None,
    ) -> None:
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = a.shape[1], a.shape[0]
        lp.col_cost_, lp.col_lower_, lp.col_upper_ = cost, lower, upper
        lp.row_lower_, lp.row_upper_ = row_lower, row_upper
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = a.indptr, a.indices, a.data
        if integer is not None:
            kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
            lp.integrality_ = [kinds[int(whole)] for whole in integer]
        self._highs = highspy.Highs()  # type: ignore[no-untyped-call]  # highspy types its core, not this class
        for option, value in QUIET.items():
            self._highs.setOptionValue(option, value)
        self._highs.passModel(lp)

    def change_columns(self, columns: IntArray, lower: FloatArray, upper: FloatArray) -> None:
        """New bounds of some columns."""
        self._highs.changeColsBounds(columns.size, columns.astype(np.int32), lower, upper)

    def change_rows(self, rows: IntArray, lower: FloatArray, upper: FloatArray) -> None:
        """New bounds of some rows."""
        highs: Any = self._highs  # its types leave this one out
        highs.changeRowsBounds(rows.size, rows.astype(np.int32), lower, upper)

    @property
    def basis(self) -> Any:
        """The last basis as the solver keeps it, to start this model from later; `read_basis` says what is in it."""
        return self._highs.getBasis()

    def _begin_at(self, basis: Any) -> None:
        if isinstance(basis, Basis):
            start = highspy.HighsBasis()
            start.col_status = [_KINDS[k] for k in basis.columns.tolist()]
            start.row_status = [_KINDS[k] for k in basis.rows.tolist()]
            start.valid, start.alien = (
                True,
                True,
            )  # it may come from a smaller model: the solver mends what does not fit
            basis = start
        self._highs.setBasis(basis)

    def relax(
        self, *, basis: Any = None, primal: bool = False, interior: bool = False, time_limit_s: float = np.inf
    ) -> Relaxed:
        """Solve without whole numbers, from a basis: one of its own, or a `Basis`.

        primal    the basis is feasible, but there are columns now that may improve on it
        interior  by an interior point, and a crossover to a basis: for large models without one
        """
        highs = self._highs
        self._limit(time_limit_s)
        highs.setOptionValue("solve_relaxation", True)
        highs.setOptionValue("solver", "ipm" if interior else "simplex")
        highs.setOptionValue("simplex_strategy", _PRIMAL if primal else _DUAL)
        # exact steepest-edge weights of a given basis cost more than the few steps from it
        highs.setOptionValue("simplex_dual_edge_weight_strategy", _CHOOSE if basis is None else _DEVEX)
        if basis is not None:
            self._begin_at(basis)
        started = time.perf_counter()
        highs.run()
        status = _STATUS.get(highs.getModelStatus(), "solver_failed")
        if status == "solver_failed" and (basis is not None or interior):
            # From nothing: a basis far away, or a crossover, may lead the simplex into numbers that it cannot mend.
            highs.clearSolver()
            self._limit(time_limit_s - (time.perf_counter() - started))
            highs.setOptionValue("solver", "simplex")
            highs.setOptionValue("simplex_strategy", _DUAL)
            highs.run()
            status = _STATUS.get(highs.getModelStatus(), "solver_failed")
        seconds = time.perf_counter() - started
        columns, rows = highs.getNumCol(), highs.getNumRow()
        if status != "optimal":
            return Relaxed(status, np.nan, np.full(columns, np.nan), np.full(rows, np.nan), seconds)
        solution = highs.getSolution()
        return Relaxed(
            status,
            float(highs.getInfo().objective_function_value),
            np.asarray(solution.col_value, dtype=float),
            np.asarray(solution.row_dual, dtype=float),
            seconds,
        )

    def solve(
        self,
        *,
        time_limit_s: float,
        gap: float,
        start: FloatArray | None = None,
        above: float = np.inf,
        enough: float = -np.inf,
        told: Told | None = None,
    ) -> Whole:
        """Solve with whole numbers, to a relative gap or a limit of time.

        start  [column]  a solution to begin with; above: leave out what costs more than this
        enough  stop at a solution that costs no more than this
        """
        highs = self._highs
        self._limit(time_limit_s)
        highs.setOptionValue("solve_relaxation", False)
        highs.setOptionValue("solver", "choose")
        highs.setOptionValue("mip_rel_gap", gap)
        highs.setOptionValue("objective_bound", float(min(above, 1e300)))
        highs.setOptionValue("objective_target", float(max(enough, -1e300)))
        if start is not None:
            solution = highspy.HighsSolution()
            solution.col_value = start.tolist()
            highs.setSolution(solution)
        if told is not None:
            _tell(highs, told)
        started = time.perf_counter()
        highs.run()
        seconds = time.perf_counter() - started
        status = _STATUS.get(highs.getModelStatus(), "solver_failed")
        info = highs.getInfo()
        found = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
        x = np.asarray(highs.getSolution().col_value, dtype=float) if found else np.zeros(0)
        objective = float(info.objective_function_value) if found and np.isfinite(x).all() else np.inf
        bound = float(info.mip_dual_bound)
        return Whole(status, objective, bound if np.isfinite(bound) else -np.inf, x, seconds)

    def _limit(self, time_limit_s: float) -> None:
        # HiGHS counts the time of all runs of one instance together.
        until = self._highs.getRunTime() + max(float(min(time_limit_s, 1e9)), 0.0)
        self._highs.setOptionValue("time_limit", until)


def read_basis(basis: Any) -> Basis:
    """What is in a basis of the solver."""
    columns, rows = ([_PLACE[kind] for kind in part] for part in (basis.col_status, basis.row_status))
    return Basis(np.array(columns, dtype=np.int8), np.array(rows, dtype=np.int8))


def _tell(highs: Any, told: Told) -> None:
    def heard(kind: Any, message: Any, data_out: Any, data_in: Any, user: Any) -> None:
        told(float(data_out.running_time), float(data_out.mip_dual_bound), float(data_out.mip_primal_bound))

    highs.setCallback(heard, None)
    highs.startCallback(highspy.cb.HighsCallbackType.kCallbackMipLogging)
