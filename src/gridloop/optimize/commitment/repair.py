"""Plans near a relaxation: what costs much more than the best choice is decided, the rest is solved whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gridloop.kernel import unit_columns as kernel
from gridloop.optimize.commitment.model import CommitmentModel
from gridloop.optimize.commitment.node import Node
from gridloop.optimize.commitment.program import Program
from gridloop.optimize.commitment.shrink import shrink
from gridloop.units import FloatArray

if TYPE_CHECKING:
    from gridloop.optimize.commitment.search import Search

# Choices of units that stay open in a whole model, at most: what the solver does in a few seconds.
_OPEN = 120
_LIMIT_S = 3.0
_LIMIT_SHARE = 0.06  # of all the time there is, where that is more


def plan_near(search: Search, node: Node) -> tuple[float, FloatArray] | None:
    """The best plan near a node or near the best plan so far, in turns; None where none better was found."""
    turn = search.plan_turn
    if np.isfinite(search.best) and turn % 2 == 1:
        return _better_nearby(search, node, turn // 2)
    return _near_node(search, node)


def _near_node(search: Search, node: Node) -> tuple[float, FloatArray] | None:
    """Within the limits of the node: what costs little more than the best choice is open."""
    choice = node.choice
    otherwise = np.maximum(choice.on, choice.off)  # what deciding against the best schedule costs
    count = min(_OPEN * 2 ** min(search.in_vain // 6, 3), otherwise.size)
    most = np.partition(otherwise.ravel(), count - 1)[count - 1]
    program = node.program(search.model)
    lower, upper = program.lower.copy(), program.upper.copy()
    choice.leave_out(search.model.on_off, lower, upper, most)
    clash = lower > upper
    lower[clash] = search.model.program.lower[clash]
    upper[clash] = search.model.program.upper[clash]
    return _solve(search, program.within(lower, upper))


def _better_nearby(search: Search, node: Node, turn: int) -> tuple[float, FloatArray] | None:
    """Near the best plan: open is where the node's relaxation differs from it, and in turn one stretch of hours."""
    program, on_off, choice = search.model.program, search.model.on_off, node.choice
    best = search.best_x[on_off.u] > 0.5
    otherwise = np.where(best, choice.off, choice.on)  # what leaving the best plan costs here
    hours = best.shape[1]
    length = max(hours // 3, 1)
    first = (turn * length // 2) % hours
    inside = (np.arange(hours) - first) % hours < length
    open_ = np.abs(node.x[on_off.u] - best) > 0.01
    room = np.where(inside[None, :] & ~open_, otherwise, np.inf)
    count = min(max(2 * _OPEN - int(open_.sum()), _OPEN), room.size)
    most = np.partition(room.ravel(), count - 1)[count - 1]
    open_ |= room <= (most if np.isfinite(most) else 1e300)
    # a switch may move by an hour or two where it is open on one side of it
    lower, upper = program.lower.copy(), program.upper.copy()
    kept = on_off.u[~open_]
    lower[kept] = upper[kept] = best[~open_]
    return _solve(search, program.within(lower, upper))


def _solve(search: Search, program: Program) -> tuple[float, FloatArray] | None:
    part = shrink(_with_switches(search.model, program), np.zeros(program.a.shape[0], dtype=bool))
    if part.infeasible:
        return None
    settings = search.settings
    limit = max(_LIMIT_S, _LIMIT_SHARE * settings.time_limit_s)
    found = part.session(integer=True).solve(
        time_limit_s=min(limit, search.left_s),
        gap=0.2 * settings.gap,
        above=search.best - part.constant,
        enough=search.enough - part.constant,
    )
    if not found.x.size:
        return None
    x = part.whole(found.x)
    return float(search.model.program.cost @ x), x


def _with_switches(model: CommitmentModel, program: Program) -> Program:
    """Starts and stops decided where both hours beside them are; the bounds of the program are changed."""
    on_off, lower, upper = model.on_off, program.lower, program.upper
    on_before = model.arrays.column(kernel.ON_BEFORE)[:, None] > 0.0
    on, off = lower[on_off.u] > 0.5, upper[on_off.u] < 0.5
    was_on, was_off = np.column_stack([on_before, on[:, :-1]]), np.column_stack([~on_before, off[:, :-1]])
    for columns, yes, no in ((on_off.v, on & was_off, was_on | off), (on_off.w, off & was_on, was_off | on)):
        upper[columns[no]] = 0.0
        lower[columns[yes & ~no]] = 1.0
    return program
