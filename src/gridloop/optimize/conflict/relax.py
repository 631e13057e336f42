"""The least that limits have to give so that a problem has a solution: which limit, and by how much."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from gridloop.optimize.conflict.system import LinearSystem
from gridloop.optimize.solve.feasibility import Feasibility

# Nature's laws do not give.
LAWS = ("flow_law", "angle", "on_logic", "start_logic", "reference")
# Load that is not served, or power that has nowhere to go, is a last resort: a limit gives ten times as willingly.
_LAST_RESORT = {"balance": 10.0, "demand": 10.0}


def least_relaxation(
    system: LinearSystem,
    *,
    laws: Collection[str] = LAWS,
    weights: Mapping[str, float] = _LAST_RESORT,
    time_limit_s: float = 10.0,
) -> dict[int, float]:
    """By how much every side that gives has to give, in the units of the model; the weighted sum is the smallest.

    laws     kinds that may not give
    weights  by kind, what one unit costs; 1 for all others

    Empty where nothing that may give helps, or no answer came in time.
    """
    bounds = system.bounds()
    if (system.row_lower > system.row_upper).any() or (system.lower > system.upper).any():
        return _uncrossed(system)
    price = np.array([np.inf if kind in laws else weights.get(kind, 1.0) for kind in system.kinds()])
    solver = Feasibility(bounds, whole_numbers=bool(bounds.integer.any()), time_limit_s=time_limit_s)
    excess = solver.relaxed(np.where(np.isfinite(bounds.values), price, np.inf))
    return {} if excess is None else {int(side): float(excess[side]) for side in np.flatnonzero(excess)}


def _uncrossed(system: LinearSystem) -> dict[int, float]:
    """By how much upper bounds lie below their lower ones; no solver takes such a system."""
    n, m = len(system.rows), len(system.columns)
    gaps = ((n, system.row_lower - system.row_upper), (2 * n + m, system.lower - system.upper))
    return {first + int(k): float(gap[k]) for first, gap in gaps for k in np.flatnonzero(gap > 0)}
