"""Bounds of nodes: from the small relaxation, or from the whole one where the small one has no solution."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gridloop.optimize.commitment.node import Node
from gridloop.optimize.commitment.relaxation import INTERIOR_FROM, Relaxation, Solved, read
from gridloop.optimize.commitment.shrink import shrink

# How often choices may come back to one node, and by which share of the gap its relaxation may be above its bound.
_ROUNDS = 4
_LOST_SHARE = 0.05


def bound_node(
    relaxation: Relaxation,
    node: Node,
    *,
    gap: float,
    best: float,
    left_s: Callable[[], float],
    solved: Solved | None = None,
) -> Node | None:
    """Solve the small relaxation of a node whose limits are set; None where time is up.

    gap     asked for, relative; best: cost of the best plan
    left_s  time that is left
    solved  the relaxation, its basis and the model it is of, where that has been done
    """
    on, off = node.allowed(relaxation.model)
    rounds = 0
    while True:
        relaxed, basis, part = solved or relaxation.solve(node, left_s())
        solved = None
        if relaxed.status == "infeasible":
            # the small one may be infeasible where the whole one is not: its bound stays that of the parent
            return bound_whole(relaxation, node, best=best, left_s=left_s)
        if not relaxed.solved:
            return None
        x, choice = read(relaxation.model, part, relaxed, on, off)
        node.bound = max(node.bound, choice.bound)
        node.x, node.choice, node.basis = x, choice, (basis, part)
        node.objective = relaxed.objective + part.constant
        if relaxation.add_rows(x):
            continue
        rounds += 1
        lost = node.objective - choice.bound
        if rounds == _ROUNDS or lost <= _LOST_SHARE * gap * abs(choice.bound):
            return node
        if not relaxation.take_back(choice) and part is relaxation.part:
            return node


def bound_whole(relaxation: Relaxation, node: Node, *, best: float, left_s: Callable[[], float]) -> Node | None:
    """The relaxation with all that a plan cheaper than `best` could choose; its bound is infinite where there is none.

    None where time is up.
    """
    model = relaxation.model
    # What choices cost beyond the bound of their own prices; the node's bound may be that of other, better ones.
    room = best - node.choice.bound
    program = node.program(model)
    node.choice.leave_out(model.on_off, program.lower, program.upper, room)
    if (program.lower > program.upper).any():
        node.bound = np.inf
        return node
    part = shrink(program, relaxation.keep_rows)
    if part.infeasible:
        node.bound = np.inf
        return node
    interior = part.columns.size > INTERIOR_FROM
    relaxed = part.session(integer=False).relax(interior=interior, time_limit_s=left_s())
    if relaxed.status == "infeasible":
        node.bound = np.inf
        return node
    if not relaxed.solved:
        return None
    node.x, node.choice = read(model, part, relaxed, *node.allowed(model))
    node.bound = max(node.bound, node.choice.bound)
    node.basis = None
    if relaxation.add_rows(node.x):
        return bound_whole(relaxation, node, best=best, left_s=left_s)
    return node
