"""Models with labels as HiGHS takes them, and whether what it hands back is a solution of them."""

from __future__ import annotations

import highspy
import numpy as np
from scipy.sparse import csc_array, csr_array

from gridloop.optimize.labelled_model import Matrices
from gridloop.optimize.solve.highs import SIMPLEX
from gridloop.optimize.solve.outcome import GAVE_WAY
from gridloop.units import FloatArray, IntArray

# The cost that the solver tells and that of its values agree to its own tolerance, relative to the terms.
_SAME_COST = 1e-7


def load(matrices: Matrices, time_limit_s: float, mip_gap: float) -> highspy.Highs:
    """A solver that has the model."""
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
        # "simplex" would forget that some numbers are whole; presolve pays where there is a search. The first
        # relaxation of many shiftable runs under a shared peak takes the simplex 80,000 steps and an interior point 20.
        highs.setOptionValue("solver", "choose")
        highs.setOptionValue("presolve", "choose")
        highs.setOptionValue("mip_lp_solver", "ipm")
        highs.setOptionValue("mip_rel_gap", mip_gap)
        # ten times finer than its default, and as fine as the linear model is solved: else what the search finds to be
        # feasible is not, once the decisions are held
        highs.setOptionValue("mip_feasibility_tolerance", 1e-7)
    highs.setOptionValue("time_limit", time_limit_s)
    highs.passModel(lp)
    return highs


def keeps(lp: highspy.HighsLp, x: FloatArray, objective: float) -> bool:
    """Whether what the solver calls a solution is finite, keeps all rows and bounds, and costs what it says."""
    cost = np.asarray(lp.col_cost_, dtype=float)
    if x.size != cost.size or not (np.isfinite(x).all() and np.isfinite(objective)):
        return False
    a = matrix(lp)
    activity, size = a @ x, 1.0 + abs(a) @ np.abs(x) * 1e-3  # rounding of a long row grows with its terms
    bounds = (
        (lp.row_lower_ - activity) / size,
        (activity - lp.row_upper_) / size,
        lp.col_lower_ - x,
        x - lp.col_upper_,
    )
    broken = max(float(np.max(part, initial=0.0)) for part in bounds)
    mine = float(cost @ x) + float(lp.offset_)
    return broken <= GAVE_WAY and abs(mine - objective) <= _SAME_COST * max(1.0, float(np.abs(cost) @ np.abs(x)))


def matrix(lp: highspy.HighsLp) -> csr_array:
    """The rows of a model inside the solver."""
    a, shape = lp.a_matrix_, (lp.num_row_, lp.num_col_)
    stored = (np.asarray(a.value_), np.asarray(a.index_), np.asarray(a.start_))
    by_column = a.format_ == highspy.MatrixFormat.kColwise
    return csr_array(csc_array(stored, shape=shape)) if by_column else csr_array(stored, shape=shape)


def inverse(labels: IntArray) -> IntArray:
    """Place by label; −1 where there is none."""
    position = np.full(int(labels.max(initial=-1)) + 1, -1, dtype=np.int64)
    position[labels] = np.arange(labels.size)
    return position
