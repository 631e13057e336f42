"""A minimal conflicting set in a pocket of a large system: looked for in small neighbourhoods that grow.

What is infeasible within a few steps of a seed is infeasible, whatever the rest says; and asking a few hundred rows
takes a hundredth of asking them all. A pocket that is found is short, and says where to look.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from gridloop.optimize.conflict.iis import MinimalSet, Search, steps_from
from gridloop.optimize.conflict.system import LinearSystem
from gridloop.units import BoolArray, IntArray

# Sides up to which a neighbourhood is small, and how much more of them the next one has at least.
MOST_SIDES, GROWTH = 6_000, 1.5
# Seeds that are tried.
MOST_SEEDS = 12


def local_set(system: LinearSystem, seeds: Sequence[int], *, time_limit_s: float = 5.0) -> MinimalSet | None:
    """A minimal set near one of these sides; None where no small neighbourhood of them is infeasible, or it is late."""
    deadline = time.perf_counter() + time_limit_s
    bounds = system.bounds()
    on, solves = np.isfinite(bounds.values), 0
    for seed in list(seeds)[:MOST_SEEDS]:
        steps, asked = steps_from(bounds, seed), 0
        for radius in range(1, int(steps[on].max(initial=0)) + 1):
            inside = on & (steps <= radius)
            if inside.sum() > MOST_SIDES or time.perf_counter() > deadline:
                break
            if inside.sum() < GROWTH * asked:
                continue
            asked = int(inside.sum())
            part, sides = part_of(system, inside)
            search = Search(part, deadline)
            every = np.isfinite(part.bounds().values)
            solves += 1
            if search.ask(every)[0] == "infeasible":
                found = search.filtered(search.candidates(every))
                return MinimalSet(sides[found.sides], found.minimal, False, solves + found.solves)
    return None


def part_of(system: LinearSystem, inside: BoolArray) -> tuple[LinearSystem, IntArray]:
    """The rows that have a side inside, with these sides alone, and their columns; and its sides by their numbers in
    the whole system."""
    n, m = len(system.rows), len(system.columns)
    low, high, left, right = system.bounds().parts(inside)
    rows = np.flatnonzero(low | high)
    matrix = csr_array(system.matrix)[rows]
    columns = np.unique(np.concatenate([matrix.indices, np.flatnonzero(left | right)]))
    part = LinearSystem(
        csr_array(matrix[:, columns]),
        np.where(low, system.row_lower, -np.inf)[rows],
        np.where(high, system.row_upper, np.inf)[rows],
        np.where(left, system.lower, -np.inf)[columns],
        np.where(right, system.upper, np.inf)[columns],
        [system.rows[k] for k in rows.tolist()],
        [system.columns[k] for k in columns.tolist()],
        power_mw=system.power_mw,
    )
    return part, np.concatenate([rows, n + rows, 2 * n + columns, 2 * n + m + columns])
