"""An interior point for problems that solve their own Newton systems.

    min f(x)   with   c(x) = 0,   h(x) + s = 0,   s ≥ 0,   low ≤ x ≤ high

Where a step is refused down to nothing it gives up, and the caller asks Ipopt: there is no restoration phase here.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from gridloop.optimize.solve.barrier import Near, Search, Stop, System
from gridloop.units import FloatArray


@dataclass(frozen=True)
class InteriorOutcome:
    """Where it ended. status: optimal, time_limit, interrupted or not_converged; multipliers of the scaled cost."""

    status: str
    said: str
    x: FloatArray = field(repr=False)
    balance: FloatArray = field(repr=False)
    limit: FloatArray = field(repr=False)
    low_dual: FloatArray = field(repr=False)
    high_dual: FloatArray = field(repr=False)
    iterations: int = 0
    seconds: float = 0.0
    trace: list[tuple[float, ...]] = field(default_factory=list, repr=False)


def interior_point(
    system: System,
    start: FloatArray,
    *,
    near: Near | None = None,
    tolerance: float = 1e-8,
    most: int = 400,
    time_limit_s: float | None = None,
    progress: Callable[[int, float, float], bool] | None = None,
) -> InteriorOutcome:
    """A local optimum near a start, or where the search gave up.

    near      multipliers, where the start is an answer to a similar problem
    progress  is told iteration, scaled cost and largest violation; False stops
    """
    began = time.perf_counter()
    found = Search(system, start, tolerance, near)
    status, said, iteration, alpha = "not_converged", "too many iterations", 0, 0.0
    trace: list[tuple[float, ...]] = []
    try:
        for iteration in range(most + 1):
            found.residuals()
            error = found.error(0.0)
            trace.append((error, found.primal, found.dual, found.mu, alpha, found.last_more))
            if found.solved():
                status, said = "optimal", "solved"
                break
            if not math.isfinite(error):
                raise Stop("not_converged", "numbers ran away")
            if progress is not None and not progress(iteration, system.cost(found.x), found.primal):
                raise Stop("interrupted", "stopped from outside")
            if time_limit_s is not None and time.perf_counter() - began > time_limit_s:
                raise Stop("time_limit", "time is up")
            found.lower_barrier()
            alpha = found.search(found.direction())
    except Stop as stop:
        status, said = stop.args
    low_dual, high_dual = np.zeros(found.x.size), np.zeros(found.x.size)
    low_dual[found.lo], high_dual[found.hi] = found.zl, found.zu
    return InteriorOutcome(
        status, said, found.x, found.lam, found.mult, low_dual, high_dual, iteration, time.perf_counter() - began, trace
    )
