"""Commitments on a network: the limits that the relaxation breaks before a search begins, and plans that keep all."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np

from gridloop.kernel import unit_columns as kernel
from gridloop.optimize.commitment.dispatch import dispatch_units
from gridloop.optimize.commitment.lagrangian import UnitBound, paid_to_units, solve_alone
from gridloop.optimize.commitment.model import CommitmentModel
from gridloop.optimize.commitment.network_rows import grown
from gridloop.optimize.commitment.node import Node
from gridloop.optimize.commitment.relaxation import Relaxation
from gridloop.optimize.commitment.repair import plan_near
from gridloop.optimize.commitment.search import Search
from gridloop.units import BoolArray, FloatArray


def with_first_limits(model: CommitmentModel, *, time_limit_s: float) -> CommitmentModel:
    """The model with all limits that its relaxation breaks, round by round, as rows; as it is without a network.

    A search that began without them would leave choices out by prices that know no network.
    """
    if model.grid is None:
        return model
    until = time.perf_counter() + time_limit_s
    relaxation = Relaxation(model, grown)
    relaxation.charge(model.program.cost[np.concatenate([output.pieces for output in model.outputs])])  # slopes
    free = np.zeros((model.arrays.n, model.arrays.hours))
    every = UnitBound(-np.inf, free, free, free, free, free > 0.0)
    relaxation.set_open(every, np.inf)
    node = Node.root(-np.inf, np.zeros(0), every)
    while (left := until - time.perf_counter()) > 0.0:
        relaxed, basis, part = relaxation.solve(node, left)
        if not relaxed.solved or not relaxation.add_rows(part.whole(relaxed.x)):
            break
        node.basis = (basis, part)
    return relaxation.model


def plan_on_grid(search: Search, node: Node) -> tuple[float, FloatArray] | None:
    """A plan near a node as `plan_near` finds it, its outputs moved to where all limits of the network hold."""
    found = plan_near(search, node)
    if found is None or not search.add_rows(found[1]):
        return found
    u = found[1][search.model.on_off.u] > 0.5
    while True:
        moved = dispatch_units(search.model, u, time_limit_s=max(search.left_s, 0.1))
        if not moved.solved:
            return None
        if not search.add_rows(moved.x):
            return moved.objective, moved.x


def joined_where_short(model: CommitmentModel, u: BoolArray) -> tuple[CommitmentModel, BoolArray]:
    """More units on where the network makes power dear for those on as u [unit, hour] says; the model with its limits.

    Limits and balances give way at a high price; units that would run at the prices of their buses join.
    """
    while True:
        loose = dispatch_units(model, u, loose=True)
        more = grown(model, loose.x) if loose.solved else None
        if more is None:
            break
        model = more
    if not loose.solved:
        return model, u
    arrays, cases = model.arrays, len(model.cases)
    none = np.zeros((arrays.n, arrays.hours))
    price, held = paid_to_units(model, loose.dual), np.zeros((arrays.hours, cases))
    alone = solve_alone(model, price, held, none, none, none, arrays.may_on, arrays.may_off)[5]
    return model, _without_short_stops(model, u | alone)


def _without_short_stops(model: CommitmentModel, u: BoolArray) -> BoolArray:
    """Stays on where it would be off for less than its least time, or has been off for less."""
    arrays, filled = model.arrays, u.copy()
    for g in range(arrays.n):
        least, on = int(arrays.unit[g, kernel.DOWN_MIN]), np.flatnonzero(u[g])
        for a, b in pairwise(on.tolist()):
            if b - a - 1 < least:
                filled[g, a:b] = True
        if on.size and arrays.unit[g, kernel.ON_BEFORE] > 0.0 and on[0] < least:
            filled[g, : on[0]] = True
    return np.asarray(filled & arrays.may_on)
