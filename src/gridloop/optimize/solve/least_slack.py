"""The smallest slack that all soft rows share, and the multipliers that prove it: a certificate of infeasibility."""

from __future__ import annotations

import highspy
import numpy as np
from scipy.sparse import csr_array

from gridloop.units import FloatArray


def least_t(
    matrix: csr_array, rows: list[FloatArray], left: FloatArray, right: FloatArray, time_limit_s: float
) -> tuple[FloatArray, FloatArray] | None:
    """Multipliers of rows and columns where t, the last column, is smallest; None where it could not be had."""
    n = left.size
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = n + 1, matrix.shape[0]
    lp.col_cost_ = np.concatenate([np.zeros(n), [1.0]])
    lp.col_lower_, lp.col_upper_ = np.append(left, 0.0), np.append(right, np.inf)
    lp.row_lower_, lp.row_upper_ = rows
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = matrix.indptr, matrix.indices, matrix.data
    highs = highspy.Highs()  # type: ignore[no-untyped-call]  # as elsewhere
    for option, value in (("output_flag", False), ("threads", 1), ("random_seed", 1), ("solver", "ipm")):
        highs.setOptionValue(option, value)
    highs.setOptionValue("time_limit", time_limit_s)
    highs.passModel(lp)
    try:
        highs.run()
        solution = highs.getSolution()
        row_dual, column_dual = (np.asarray(v, dtype=float) for v in (solution.row_dual, solution.col_dual))
    except Exception:  # a solver that breaks raises whatever it likes
        return None
    if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal or column_dual.size != n + 1:
        return None
    return row_dual, column_dual[:n]
