"""A program without what is decided already: fixed columns put into the rows, rows that cannot bind left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridloop.optimize.commitment.program import Program
from gridloop.optimize.solve.milp import MixedSession
from gridloop.units import BoolArray, FloatArray, IntArray

# A row that its columns' bounds keep this far within its limits, relative to them, cannot bind.
_ROOM = 1e-9
_ROUNDS = 8


@dataclass(frozen=True, eq=False)
class Shrunk:
    """A smaller program; `columns` and `rows` are its places in the large one.

    fixed [column of the large one]  values of what is left out (those of `columns` count for nothing)
    constant  the cost of what is left out
    infeasible  True where the bounds alone cannot hold together
    """

    program: Program
    columns: IntArray
    rows: IntArray
    fixed: FloatArray
    constant: float
    infeasible: bool

    def whole(self, x: FloatArray) -> FloatArray:
        """Values of all columns of the large program."""
        full = self.fixed.copy()
        full[self.columns] = x
        return full

    def rows_at(self, rows: IntArray) -> IntArray:
        """Places of rows of the large program in the small one, −1 where left out."""
        place = np.full(int(max(self.rows.max(initial=-1), rows.max(initial=-1))) + 1, -1)
        place[self.rows] = np.arange(self.rows.size)
        return place[rows]

    def session(self, *, integer: bool) -> MixedSession:
        """The small program inside the solver."""
        part = self.program
        return MixedSession(
            part.a, part.cost, part.lower, part.upper, part.row_lower, part.row_upper, part.integer if integer else None
        )


def shrink(program: Program, keep: BoolArray) -> Shrunk:
    """Leave out columns whose bounds meet and rows that cannot bind; rows of one column become bounds.

    keep  [row]  rows that stay, whatever they can do
    """
    a = program.a
    lower, upper = program.lower.copy(), program.upper.copy()
    row_lower, row_upper = program.row_lower, program.row_upper
    by_row = np.repeat(np.arange(a.shape[0]), np.diff(a.indptr))
    column, value = a.indices, a.data
    whole = program.integer
    left = np.ones(a.shape[0], dtype=bool)
    infeasible = False
    for _ in range(_ROUNDS):
        low, high = _activity(by_row, column, value, lower, upper, a.shape[0])
        scale = 1.0 + np.maximum(
            np.abs(np.where(np.isfinite(row_lower), row_lower, 0.0)),
            np.abs(np.where(np.isfinite(row_upper), row_upper, 0.0)),
        )
        infeasible |= bool(((low > row_upper + 1e-6 * scale) | (high < row_lower - 1e-6 * scale)).any())
        left = keep | ~((low >= row_lower - _ROOM * scale) & (high <= row_upper + _ROOM * scale))
        open_ = upper - lower > _ROOM
        fixed_sum = np.bincount(
            by_row[~open_[column]], weights=(value * lower[column])[~open_[column]], minlength=a.shape[0]
        )
        free = open_[column]
        count = np.bincount(by_row[free], minlength=a.shape[0])
        single = free & (count[by_row] == 1) & left[by_row] & ~keep[by_row]
        if not single.any():
            break
        r, c, v = by_row[single], column[single], value[single]
        bound_low = np.where(v > 0, row_lower[r] - fixed_sum[r], row_upper[r] - fixed_sum[r]) / v
        bound_high = np.where(v > 0, row_upper[r] - fixed_sum[r], row_lower[r] - fixed_sum[r]) / v
        new_lower, new_upper = lower.copy(), upper.copy()
        np.maximum.at(new_lower, c, bound_low)
        np.minimum.at(new_upper, c, bound_high)
        # whole numbers, up to the tolerance of a solver
        new_lower = np.where(whole, np.ceil(new_lower - 1e-6), new_lower)
        new_upper = np.where(whole, np.floor(new_upper + 1e-6), new_upper)
        infeasible |= bool((new_lower > new_upper + 1e-6).any())
        met = new_lower > new_upper - _ROOM
        new_lower[met] = new_upper[met] = np.where(np.abs(new_upper) < np.abs(new_lower), new_upper, new_lower)[met]
        lower, upper = new_lower, new_upper
        left[r] = False
    open_ = upper - lower > _ROOM
    columns, rows = np.flatnonzero(open_), np.flatnonzero(left)
    fixed = np.where(open_, 0.0, lower)
    offset = a @ fixed
    part = a[rows][:, columns].tocsr()
    part.sort_indices()
    small = Program(
        part,
        program.cost[columns],
        lower[columns],
        upper[columns],
        row_lower[rows] - offset[rows],
        row_upper[rows] - offset[rows],
        whole[columns],
    )
    return Shrunk(small, columns, rows, fixed, float(program.cost @ fixed), infeasible)


def boxed(program: Program) -> Program:
    """The same program with every bound from above that its rows imply for columns without one.

    A column between two bounds is never dual infeasible: it stands at one or the other, and a dual simplex goes past
    such columns in long steps. It needs less than half as many.
    """
    a, upper = program.a, program.upper.copy()
    by_row = np.repeat(np.arange(a.shape[0]), np.diff(a.indptr))
    column, value = a.indices, a.data
    for _ in range(_ROUNDS):
        low, high = _activity(by_row, column, value, program.lower, upper, a.shape[0])
        at = np.flatnonzero(np.isinf(upper[column]) & np.isfinite(program.lower[column]))
        r, c, v = by_row[at], column[at], value[at]
        mine = v * program.lower[c]
        with np.errstate(invalid="ignore"):  # where both sides are without limit there is nothing to learn
            most = (
                np.where(v > 0.0, program.row_upper[r] - (low[r] - mine), program.row_lower[r] - (high[r] - mine)) / v
            )
        most = np.where(np.isnan(most), np.inf, most)
        found = upper.copy()
        np.minimum.at(found, c, most)
        if not np.isfinite(found[np.isinf(upper)]).any():
            break
        upper = np.maximum(found, program.lower)
    return program.within(program.lower, upper)


def _activity(
    by_row: IntArray, column: IntArray, value: FloatArray, lower: FloatArray, upper: FloatArray, n: int
) -> tuple[FloatArray, FloatArray]:
    """Least and most that every row can be. [row]"""
    at_low = np.where(value > 0, value * lower[column], value * upper[column])
    at_high = np.where(value > 0, value * upper[column], value * lower[column])
    low: FloatArray = np.bincount(by_row, weights=at_low, minlength=n).astype(float)
    high: FloatArray = np.bincount(by_row, weights=at_high, minlength=n).astype(float)
    return low, high
