"""What batches cost at least beside one peak: begins that cannot go together, by their stages, lines and power."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from gridloop.optimize.devices.one_of_many import Choices
from gridloop.optimize.devices.one_of_many_bound import Bound
from gridloop.optimize.devices.rest import Rest
from gridloop.optimize.process.windows import SAME_H
from gridloop.units import BoolArray, IntArray

if TYPE_CHECKING:
    from gridloop.optimize.devices.process_group import ProcessGroup


def least_cost(group: ProcessGroup, rest: Rest, best: float, gap: float) -> float:
    """Money that no plan is under, −inf where nothing is known. best: money of a plan; everything else as in `rest`.

    Of the rules those that two begins break by themselves are minded, so that the bound holds for all of them.
    """
    free = np.flatnonzero(~group.fixed)
    if not free.size:
        return -np.inf
    choices, task, begin = [], [], []
    for k in free.tolist():
        at = np.flatnonzero(group.could_begin[k])
        power, own = group.power_of[k, at], group.own_cost[k, at]
        if np.isinf(group.latest_h[k]):  # it may be left for later
            power = np.vstack([power, np.zeros(power.shape[1])])
            own = np.append(own, group.later_price * group.energy[k])
            at = np.append(at, -1)
        choices.append(Choices(power, own))
        task.append(np.full(at.size, k))
        begin.append(at)
    given = replace(rest, taken_mw=rest.taken_mw + group.under_way.sum(axis=0))
    bound = Bound(choices, given)
    if not bound.useful:
        return -np.inf
    bound.excluded = _excluded(group, np.concatenate(task), np.concatenate(begin))
    return bound.least(best, gap, rest.seconds)


def _excluded(group: ProcessGroup, task: IntArray, begin: IntArray) -> BoolArray:
    """Pairs of begins that break a rule by themselves. task, begin [choice], begin −1 for later; [choice, choice]"""
    later = begin < 0
    waiting = group.horizon.waiting
    at = np.where(later, np.inf, waiting[np.maximum(begin, 0)])
    apart: BoolArray = np.zeros((task.size, task.size), dtype=bool)
    for i, j, least, most in group.links():
        first, second = np.flatnonzero(task == i), np.flatnonzero(task == j)
        if not first.size or not second.size:
            continue
        with np.errstate(invalid="ignore"):
            a, b = at[first][:, None], at[second][None, :]
            early = (b < a + least - SAME_H) & np.isfinite(b)
            # What is left for later begins after the plan: too late only where the last moment lies within.
            late = np.where(np.isinf(b), a + most < group.whole_h - SAME_H, b > a + most + SAME_H)
        wrong = early | (late & np.isfinite(a))
        apart[np.ix_(first, second)] |= wrong
        apart[np.ix_(second, first)] |= wrong.T
    present = np.where(later[:, None], 0.0, group.holding[task, np.maximum(begin, 0)])
    together = present @ present.T > 0
    for units, capacity in group.resource_units():
        over = units[task][:, None] + units[task][None, :] > capacity + SAME_H
        apart |= together & over & (units[task][:, None] > 0) & (units[task][None, :] > 0)
    return apart
