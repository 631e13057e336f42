"""Processes: every task whole, once and in time; stages in their order, resources and stocks within their limits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridloop.optimize.check.checked import Ledger
from gridloop.optimize.check.devices.base import Found, Kind, Owners, Span, Values
from gridloop.optimize.check.devices.shiftable import mean_price
from gridloop.optimize.devices.process import Process, Task
from gridloop.units import FloatArray

HOUR = pd.Timedelta(hours=1)
# Two times closer than this, in hours, are one; begins closer to whole numbers than this are whole.
SAME_H, WHOLE = 1e-9, 1e-6


def _check(processes: Sequence[Process], values: Values, span: Span, ledger: Ledger, found: Found) -> None:
    """One process after the other, from the intervals in which its tasks begin."""
    power, begins = values["process", "p_mw"], values["process", "begins"]
    money = {"process_waiting": 0.0, "process_later": 0.0}
    if any(task.late_cost is not None for p in processes for task in p.tasks):
        money["process_late"] = 0.0
    row = 0
    for k, process in enumerate(processes):
        mine = begins[row : row + len(process.tasks)]
        row += len(process.tasks)
        at = _begins(process, mine, span, ledger)
        taken = np.zeros(span.hours.size)
        for task, begin in zip(process.tasks, at, strict=True):
            inside, after = _laid_out(task, begin, span)
            taken += inside
            if task.started is None:
                _cost(task, begin, after, span, money)
        ledger.equal("power of the tasks", [process.id], power[k : k + 1], taken[None, :], "MW", span.starts)
        _stages(process, at, span, ledger)
        _resources(process, at, span, ledger)
        _stocks(process, at, span, ledger)
        found.sent[process.id, "p_mw"] = float(power[k, 0])
    found.take([x.bus for x in processes], power)
    found.cost |= money


def _begins(process: Process, begins: FloatArray, span: Span, ledger: Ledger) -> list[float]:
    """Hours from the start of the plan to every task's begin; infinite where it is left for later."""
    waiting, whole = np.cumsum(span.hours) - span.hours, float(span.hours.sum())
    found = []
    for task, row in zip(process.tasks, begins, strict=True):
        name = f"{process.id}/{task.id}"
        ledger.at_most("distance of a begin from 0 or 1", [name], np.abs(row - np.round(row)).max(), WHOLE, "")
        ledger.at_most("begins of a task", [name], np.array([row.sum()]), 1.0, "")
        if task.started is not None:
            found.append((task.started - span.starts[0]) / HOUR)
            continue
        begin = float(waiting[int(row.argmax())]) if row.max() > 0.5 else np.inf
        due = whole if task.due is None or task.late_cost is not None else (task.due - span.starts[0]) / HOUR
        if np.isinf(begin):
            # Left for later: only where it can still begin after the plan and end in time.
            ledger.at_least(
                "due time of a task left for later", [name], np.array([due - task.hours]), whole - SAME_H, ""
            )
        else:
            ledger.at_most("end of a task (h)", [name], np.array([begin + task.hours]), max(due, 0.0) + SAME_H, "")
        if task.release is not None:
            opens = (task.release - span.starts[0]) / HOUR
            ledger.at_least("begin of a task (h)", [name], np.array([begin]), opens - SAME_H, "")
        found.append(begin)
    return found


def _laid_out(task: Task, begin: float, span: Span) -> tuple[FloatArray, float]:
    """Mean power of every interval, and energy after the last one."""
    first = np.cumsum(span.hours) - span.hours
    whole, step = float(span.hours.sum()), task.profile_step / HOUR
    power, after = np.zeros(first.size), 0.0
    if np.isinf(begin):
        return power, float(np.sum(task.profile_mw)) * step
    for part, mw in enumerate(task.profile_mw):
        left, right = begin + part * step, begin + (part + 1) * step
        power += float(mw) * np.clip(np.minimum(right, first + span.hours) - np.maximum(left, first), 0, None)
        after += float(mw) * max(0.0, right - max(left, whole))
    return power / span.hours, after


def _cost(task: Task, begin: float, after: float, span: Span, money: dict[str, float]) -> None:
    money["process_later"] += mean_price(span) * after
    if np.isinf(begin):
        return
    money["process_waiting"] += task.early_cost * float(np.sum(task.profile_mw)) * (task.profile_step / HOUR) * begin
    if task.late_cost is not None and task.due is not None:
        money["process_late"] += task.late_cost * max(0.0, begin + task.hours - (task.due - span.starts[0]) / HOUR)


def _stages(process: Process, at: list[float], span: Span, ledger: Ledger) -> None:
    """A stage begins after the one before it has ended, and no later than it may wait."""
    of = {task.id: k for k, task in enumerate(process.tasks)}
    whole = float(span.hours.sum())
    for task, begin in zip(process.tasks, at, strict=True):
        for stage in task.stages:
            before = process.tasks[of[stage.task]]
            if task.started is not None:
                continue
            ended = at[of[stage.task]] + before.hours
            name = f"{process.id}/{task.id} after {before.id}"
            if np.isinf(begin):
                if stage.most is not None and np.isfinite(ended):
                    most = ended + stage.most / HOUR
                    ledger.at_least("hours until a stage must begin", [name], np.array([most]), whole - SAME_H, "")
                continue
            if np.isinf(ended):
                ledger.missing("stage before", [name])
                continue
            wait = begin - ended
            ledger.at_least("wait between stages (h)", [name], np.array([wait]), stage.least / HOUR - SAME_H, "")
            if stage.most is not None:
                ledger.at_most("wait between stages (h)", [name], np.array([wait]), stage.most / HOUR + SAME_H, "")


def _resources(process: Process, at: list[float], span: Span, ledger: Ledger) -> None:
    """What is held in an interval is held by all tasks that touch it."""
    first = np.cumsum(span.hours) - span.hours
    for name, capacity in process.resources.items():
        used = np.zeros(first.size)
        for task, begin in zip(process.tasks, at, strict=True):
            if np.isfinite(begin):
                there = (first < begin + task.hours - SAME_H) & (first + span.hours > begin + SAME_H)
                used += task.holds.get(name, 0.0) * there
        ledger.at_most(f"use of {name}", [process.id], used[None, :], capacity, "", span.starts)


def _stocks(process: Process, at: list[float], span: Span, ledger: Ledger) -> None:
    """A stock after all that has ended, and been taken, by the begin of each interval."""
    first = np.cumsum(span.hours) - span.hours
    for name, stock in process.stocks.items():
        level = np.full(first.size, float(stock.start))
        touched = False
        for task, begin in zip(process.tasks, at, strict=True):
            takes, gives = task.takes.get(name, 0.0), task.gives.get(name, 0.0)
            touched |= bool(takes or gives) and task.started is None
            if np.isinf(begin):
                continue
            end = begin + task.hours
            # What was taken or given before the plan is in the start.
            level -= takes * (first >= begin - SAME_H) * (begin > -SAME_H)
            level += gives * (first >= end - SAME_H) * (end > SAME_H)
        if touched:
            ledger.at_least(f"stock of {name}", [process.id], level[None, :], stock.least, "", span.starts)
            ledger.at_most(f"stock of {name}", [process.id], level[None, :], stock.most, "", span.starts)


def _tasks_of(processes: Sequence[Process]) -> Owners:
    return [(f"{process.id}/{task.id}", str(process.bus)) for process in processes for task in process.tasks]


def _nothing(processes: Sequence[Process], values: Values, span: Span, ledger: Ledger, found: Found) -> None:
    """The begins of tasks are checked with their process."""


KIND = Kind(Process, "process", (("p_mw", True),), _check)
TASKS = Kind(Process, "process", (("begins", True),), _nothing, owners=_tasks_of)
