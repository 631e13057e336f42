"""One direction of every storage at a time, where burning energy would pay: branch and bound over the steps.

Charging while discharging loses energy. Where energy costs something no optimum does it, so that the convex problem is
the right one; at negative prices it does, and then each such step and storage is tried in either direction.
"""

from __future__ import annotations

import heapq
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from gridloop.optimize.solve.arrays import Answer
from gridloop.optimize.solve.convex import ConvexSession
from gridloop.units import IntArray

if TYPE_CHECKING:
    from gridloop.optimize.problems.multi_period import NetworkProblem

# Charging and discharging more than this at once is refused, MW.
AT_ONCE_MW = 1e-6
# A cost nearer to the bound than this, relative to itself, is the optimum: costs are promised to it.
SAME_COST = 1e-6
# Problems that are solved until the best answer so far is taken as it is.
MAX_NODES = 200


def at_once(problem: NetworkProblem, answer: Answer) -> IntArray:
    """Places in charge and discharge, flattened, that do both; the most first."""
    both = np.minimum(answer.x[problem.charge], answer.x[problem.discharge]).ravel()
    found = np.flatnonzero(both > AT_ONCE_MW)
    return found[np.argsort(-both[found], kind="stable")]


def one_way(problem: NetworkProblem, root: Answer, deadline: float) -> tuple[Answer, float]:
    """The best answer without both at once, and the lowest cost that others could have; infinite without any answer.

    The session of the problem is that of the answer afterwards.
    """
    charge, discharge = problem.charge.ravel(), problem.discharge.ravel()

    def solved(off: tuple[int, ...]) -> Answer:
        model = problem.session.model
        upper = np.concatenate(problem.model.upper)
        upper[list(off)] = 0.0
        session = ConvexSession(
            replace(model, upper=upper),
            problem.session.quadratic,
            time_limit_s=max(deadline - time.perf_counter(), 0.0),
        )
        problem.session = session
        return problem.carried(deadline)

    def sides(answer: Answer, place: int) -> tuple[int, int]:
        """The column that is off where the storage does what it does on balance; and the other."""
        net = answer.x[charge[place]] - answer.x[discharge[place]]
        pair = (int(discharge[place]), int(charge[place]))
        return pair if net >= 0 else pair[::-1]

    best: tuple[int, ...] | None = None
    off: tuple[int, ...] = ()
    cost, nodes, answer = np.inf, 1, root
    while answer.status == "optimal":  # straight down first, every pair in the direction of its balance
        pairs = at_once(problem, answer)
        if not pairs.size:
            best, cost = off, answer.objective
            break
        off = tuple(sorted({*off, *(sides(answer, place)[0] for place in pairs.tolist())}))
        answer, nodes = solved(off), nodes + 1
    count, lowest = 0, root.objective
    waiting: list[tuple[float, int, tuple[int, ...], Answer]] = [(root.objective, 0, (), root)]
    while waiting:
        lowest = waiting[0][0]
        if cost - lowest <= SAME_COST * max(1.0, abs(cost)) or nodes >= MAX_NODES or time.perf_counter() > deadline:
            break
        _, _, off, answer = heapq.heappop(waiting)
        for column in sides(answer, int(at_once(problem, answer)[0])):
            child = tuple(sorted((*off, column)))
            found, nodes = solved(child), nodes + 1
            if found.status != "optimal" or found.objective >= cost:
                continue
            if not at_once(problem, found).size:
                best, cost = child, found.objective
            else:
                count += 1
                heapq.heappush(waiting, (found.objective, count, child, found))
    else:
        lowest = cost
    if best is None:
        out_of_time = waiting or answer.status == "time_limit"
        return replace(root, status="time_limit" if out_of_time else "infeasible"), np.inf
    return solved(best), min(lowest, cost)
