"""Sums of decisions over units alike: whole numbers that say more than any single unit, and that are branched on first.

Whether two or three large units run through the peak hardly depends on which ones they are. In the relaxed model the
sums are fractional where that question is open, and a branch on a sum asks it once for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from gridloop.kernel import unit_columns as kernel
from gridloop.optimize.commitment.arrays import UnitArrays
from gridloop.optimize.commitment.program import Writer
from gridloop.optimize.commitment.tight import OnOff
from gridloop.units import FloatArray, IntArray

# Hours over which starts and stops are counted together.
_DAY_H = 24
# Units are alike where their outputs, ratios of least to most output and least times are close on these scales.
_SIZE_STEP = 1.25


@dataclass(frozen=True, eq=False)
class Sums:
    """Rows of sums of decisions.

    rows    [sum]  rows of the model, without limits as long as nothing is decided
    member  [sum, column]  sparse: which columns belong to a sum
    size    [sum]  MW behind one unit more or less
    kind    [sum]  0: units on in an hour, 1: starts in a day, 2: stops in a day
    """

    rows: IntArray
    member: sp.csr_matrix
    size: FloatArray
    kind: IntArray


def add_sums(model: Writer, arrays: UnitArrays, on_off: OnOff) -> Sums:
    """Units on by class and hour, starts and stops by class and day."""
    rows, members, sizes, kinds = [], [], [], []
    for units in classes(arrays):
        size = float(arrays.column(kernel.P_MAX)[units].mean())
        for kind, columns in ((0, on_off.u), (1, on_off.v), (2, on_off.w)):
            step = 1 if kind == 0 else _DAY_H
            for begin in range(0, arrays.hours, step):
                mine = columns[units, begin : begin + step].ravel()
                row = model.add_rows([], n=1)
                model.add_entries(np.full(mine.size, row[0]), mine, 1.0)
                rows.append(row[0])
                members.append(mine)
                sizes.append(size)
                kinds.append(kind)
    place = np.repeat(np.arange(len(members)), [m.size for m in members])
    at = np.concatenate(members) if members else np.zeros(0, dtype=np.int64)
    member = sp.csr_matrix((np.ones(at.size), (place, at)), shape=(len(members), model.columns))
    return Sums(np.array(rows, dtype=np.int64), member, np.array(sizes), np.array(kinds, dtype=np.int64))


def classes(arrays: UnitArrays) -> list[IntArray]:
    """Units that are alike, two or more each; steadily in the order of the units."""
    keys: dict[tuple[int, ...], list[int]] = {}
    for g in range(arrays.n):
        row = arrays.unit[g]
        size = round(float(np.log(max(row[kernel.P_MAX], 1.0))) / float(np.log(_SIZE_STEP)))
        ratio = round(4.0 * row[kernel.P_MIN] / max(row[kernel.P_MAX], 1.0))
        keys.setdefault((size, ratio, int(row[kernel.UP_MIN]), int(row[kernel.DOWN_MIN])), []).append(g)
    return [np.array(units) for units in keys.values() if len(units) > 1]
