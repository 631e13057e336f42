"""Which of the rows and columns that are blamed for an infeasible system are to blame."""

from __future__ import annotations

import numpy as np

from gridloop.optimize.solve.feasibility import Bounds, Feasibility
from gridloop.units import IntArray


def needed(bounds: Bounds, rows: IntArray, columns: IntArray) -> tuple[IntArray, IntArray]:
    """Of rows and columns that are said to contradict each other those that do: without any one, the rest can be met.

    Where they do not, the whole system is searched; empty where it can be met.
    """
    n, m = bounds.n_rows, bounds.n_columns
    solver, every = Feasibility(bounds), np.isfinite(bounds.values)
    on = np.zeros(every.size, dtype=bool)
    for places in (rows, n + rows, 2 * n + columns, 2 * n + m + columns):
        on[places] = True
    on &= every
    answer = solver.ask(on)
    if answer.status != "infeasible":
        on, answer = every, solver.ask(every)
    if answer.status != "infeasible":
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    if answer.support is not None:
        on = answer.support & on
    for side in np.flatnonzero(on):
        if not on[side]:
            continue
        fewer = on.copy()
        fewer[side] = False
        answer = solver.ask(fewer)
        if answer.status == "infeasible":
            on = fewer if answer.support is None else answer.support & fewer
    low, high, left, right = bounds.parts(on)
    return np.flatnonzero(low | high), np.flatnonzero(left | right)
