"""Factors of A diag(w) Aᵀ + diag(o): dense, sparse, or sparse with a dense border.

A row that touches many columns (the balance of a step, its reserve) couples all others, and an ordering that does not
keep it for last fills the factors. So such rows are the border: the sparse rest M is factored alone; B couples both.

    [ M  B ] [x]   [a]            S = C − Bᵀ M⁻¹ B,    y = S⁻¹ (b − Bᵀ M⁻¹ a),    x = M⁻¹ a − (M⁻¹ B) y
    [ Bᵀ C ] [y] = [b]
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.sparse import csc_array, csr_array, diags_array
from scipy.sparse.linalg import splu

from gridloop.units import FloatArray, IntArray

Solve = Callable[[FloatArray], FloatArray]

# A matrix with more than this share of entries is treated as dense.
_DENSE = 0.15
# A row with this many times the entries of the median row belongs to the border, if at most so many do, and the dense
# coupling M⁻¹ B stays below half a gigabyte.
_LONG, _MOST_BORDER, _MOST_ENTRIES = 10, 600, 6e7
# Keeps factors defined where rows repeat each other; small beside the entries of the matrix.
_REGULARIZED = 1e-12


class NormalMatrix:
    """The pattern of a matrix A, prepared once; `factorize` for other weights again and again. A [row, column]"""

    def __init__(self, a: csr_array) -> None:
        self.sparse, self.rows = a, a.shape[0]
        filled = a.nnz / max(self.rows * a.shape[1], 1)
        self.dense = a.toarray() if filled > _DENSE or self.rows <= 2 else None
        self.border, self.rest = np.zeros(0, dtype=np.int64), np.arange(self.rows)
        if self.dense is None:
            entries = np.diff(a.indptr)
            long = entries > _LONG * max(float(np.median(entries)), 1.0)
            if 0 < long.sum() <= _MOST_BORDER and long.sum() * (self.rows - long.sum()) <= _MOST_ENTRIES:
                self.border, self.rest = np.flatnonzero(long), np.flatnonzero(~long)
        self.part = csr_array(a[self.rest])
        self.across = csr_array(a[self.border])

    def factorize(self, weight: FloatArray, own: FloatArray) -> Solve | None:
        """How to solve with A diag(weight) Aᵀ + diag(own); None where it is singular. weight [column], own [row]"""
        if self.dense is not None:
            return _of_dense((self.dense * weight) @ self.dense.T + np.diag(own))
        rest = _of_sparse(self.part, weight, own[self.rest])
        if rest is None or not self.border.size:
            return rest
        coupling = (self.part @ diags_array(weight) @ csr_array(self.across.T)).toarray()
        inside = (self.across @ diags_array(weight) @ csr_array(self.across.T)).toarray()
        spread = rest(coupling)
        schur = _of_dense(inside + np.diag(own[self.border]) - coupling.T @ spread)
        if schur is None:
            return None

        def solve(right: FloatArray) -> FloatArray:
            first = rest(right[self.rest])
            last = schur(right[self.border] - coupling.T @ first)
            found = np.empty(self.rows)
            found[self.rest], found[self.border] = first - spread @ last, last
            return found

        return solve


def _of_dense(matrix: FloatArray) -> Solve | None:
    rows: IntArray = np.arange(matrix.shape[0])
    matrix[rows, rows] *= 1.0 + _REGULARIZED
    try:
        factor = cho_factor(matrix, lower=True, check_finite=False)
    except (LinAlgError, ValueError):
        return None
    return lambda right: np.asarray(cho_solve(factor, right, check_finite=False))


def _of_sparse(a: csr_array, weight: FloatArray, own: FloatArray) -> Solve | None:
    matrix = a @ diags_array(weight) @ csr_array(a.T) + diags_array(own)
    matrix = csc_array(matrix + diags_array(matrix.diagonal() * _REGULARIZED))
    try:
        lu = splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    except (RuntimeError, ValueError):
        return None
    return lambda right: np.asarray(lu.solve(right))
