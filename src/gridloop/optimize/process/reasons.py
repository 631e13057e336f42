"""Why a task begins now, or does not: the first thing that holds it or drives it, in a word of `explain.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gridloop.optimize.devices.group import LocalPrices
from gridloop.optimize.devices.power_profile import HOUR
from gridloop.optimize.explain import SAME_PRICE
from gridloop.optimize.process.windows import SAME_H
from gridloop.units import FloatArray, IntArray

if TYPE_CHECKING:
    from gridloop.optimize.devices.process_group import ProcessGroup

# What a code names as its limit.
BINDING = {"run_before_end": "window", "outside_window": "window", "charged": "energy", "run_hot": "stage",
           "wait_for_stage": "stage"}  # fmt: skip


def task_reasons(
    group: ProcessGroup, begins: FloatArray, prices: LocalPrices, at: IntArray
) -> tuple[list[str], list[str]]:
    """Code and limit of every task for the first interval. begins [task, step]; at [process] rows of the prices."""
    chosen = np.where(begins.max(axis=1) > 0.5, begins.argmax(axis=1), -1)
    codes, limits = [], []
    for k in range(len(group.tasks)):
        row = int(at[group.owner[k]])
        code, limit = _of(group, k, chosen, prices, row)
        codes.append(code)
        limits.append(limit or BINDING.get(code, ""))
    return codes, limits


def _of(group: ProcessGroup, k: int, chosen: IntArray, prices: LocalPrices, row: int) -> tuple[str, str]:
    task, waiting = group.tasks[k], group.horizon.waiting
    if task.started is not None:
        return ("run_under_way" if group.held[k].any() else "charged"), ""
    own = np.zeros(len(waiting)) if task.release is None else (task.release - group.horizon.starts[0]) / HOUR
    if np.max(own) > SAME_H:
        return "outside_window", ""
    ended = [_end(group, i, chosen) for i in _before(group, k)]
    if any(end + stage.least / HOUR > SAME_H for end, stage in zip(ended, task.stages, strict=True)):
        return "wait_for_stage", ""
    could = np.flatnonzero(group.could_begin[k])
    now = chosen[k] == 0
    if now:
        hot = [end + stage.most / HOUR for end, stage in zip(ended, task.stages, strict=True) if stage.most is not None]
        if hot and len(waiting) > 1 and min(hot) < waiting[1] - SAME_H:
            return "run_hot", ""
        if len(could) == 1 and could[0] == 0 and not np.isinf(group.latest_h[k]):
            return "run_before_end", ""
    # What every begin would cost at the worth of energy as it is, and were there no limits.
    costs = [
        np.einsum("st,t,t->s", group.power_of[k], worth, group.hours) + group.own_cost[k]
        for worth in (prices.p[row], prices.p[row] - prices.limit_effect[row])
    ]
    taken = int(chosen[k])
    here = costs[0][taken] if taken >= 0 else group.later_price * task.energy_mwh
    if could.size and here > costs[0][could].min() + SAME_PRICE:
        return "fit_whole", ""
    free = costs[1][taken] if taken >= 0 else group.later_price * task.energy_mwh
    if could.size and free > costs[1][could].min() + SAME_PRICE:
        other = int(could[np.argmin(costs[1][could])])
        apart = np.abs(prices.limit_share[row] * (group.power_of[k][max(taken, 0)] - group.power_of[k][other]))
        step = int(np.argmax(apart))
        if apart[step] > 0:
            return ("relieve_limit" if now else "wait_for_limit"), str(prices.limit[row, step])
    return ("run_low_price" if now else "wait_cheaper"), ""


def _before(group: ProcessGroup, k: int) -> list[int]:
    """Rows of the tasks that it follows."""
    process = group.processes[group.owner[k]]
    first = int(np.flatnonzero(group.owner == group.owner[k])[0])
    at = {task.id: first + i for i, task in enumerate(process.tasks)}
    return [at[stage.task] for stage in group.tasks[k].stages]


def _end(group: ProcessGroup, i: int, chosen: IntArray) -> float:
    """Hours from the start of the plan to the end of a task; infinite where it is left for later."""
    task = group.tasks[i]
    if task.started is not None:
        return float((task.started - group.horizon.starts[0]) / HOUR) + task.hours
    return float(group.horizon.waiting[chosen[i]]) + task.hours if chosen[i] >= 0 else np.inf
