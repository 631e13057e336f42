"""Windows of tasks: the earliest and latest begin of each, by all that it follows and all that follows it.

Longest paths over the interval starts of a plan. Begin b_j of a task j that follows i with duration d_i:

    b_i + d_i + least ≤ b_j ≤ b_i + d_i + most

Each inequality moves the earliest begin of one end and the latest of the other, until nothing moves. A window that is
empty cannot be met, and the chain that moved it is its reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.optimize.devices.power_profile import HOUR
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.process.task import Task
from gridloop.units import FloatArray

# Two times closer than this, in hours, are one: times come in nanoseconds.
SAME_H = 1e-9


@dataclass(frozen=True)
class Windows:
    """Begins of tasks in hours from the start of the horizon. [task]

    earliest, latest  latest is infinite where a task may begin after the horizon
    by                the task that moved the earliest begin, −1 where its own release or the plan's start did
    """

    earliest: FloatArray
    latest: FloatArray
    by: list[int]

    def chain(self, k: int) -> list[int]:
        """The tasks that lead to k's earliest begin, the first one first."""
        found = [k]
        while self.by[found[0]] >= 0 and self.by[found[0]] not in found:
            found.insert(0, self.by[found[0]])
        return found


def windows(tasks: Sequence[Task], horizon: Horizon, *, dues: bool = True) -> Windows:
    """Windows of all tasks. dues: False leaves due times out, for the earliest begin there is."""
    at = {task.id: k for k, task in enumerate(tasks)}
    starts = np.append(horizon.waiting, np.inf)
    end = float(horizon.hours.sum())
    zero = horizon.starts[0]
    early = np.array([first_begin(task, zero) for task in tasks])
    late = np.array([last_begin(task, zero, end) if dues else np.inf for task in tasks])
    fixed = np.array([task.started is not None for task in tasks])
    early = np.where(fixed, early, _next(starts, end, early))
    late = np.where(fixed, early, _before(starts, end, late))
    by = [-1] * len(tasks)
    links = [(at[stage.task], j, stage) for j, task in enumerate(tasks) for stage in task.stages if stage.task in at]
    # Every round carries a move one link further: there are no more links in a chain than tasks.
    for _ in range(2 * len(tasks) + 1):
        moved = False
        for i, j, stage in links:
            least = tasks[i].hours + stage.least / HOUR
            most = np.inf if stage.most is None else tasks[i].hours + stage.most / HOUR
            for k, value, source in ((j, early[i] + least, i), (i, early[j] - most, j)):
                value = float(_next(starts, end, np.array([value]))[0])
                if not fixed[k] and value > early[k] + SAME_H:
                    early[k], by[k], moved = value, source, True
            for k, value in ((i, late[j] - least), (j, late[i] + most if most < np.inf else np.inf)):
                value = float(_before(starts, end, np.array([value]))[0])
                if not fixed[k] and value < late[k] - SAME_H:
                    late[k], moved = value, True
        if not moved:
            break
    return Windows(early, late, by)


def first_begin(task: Task, zero: pd.Timestamp) -> float:
    """Hours from the start of the plan to a task's own release, or to when it began."""
    if task.started is not None:
        return float((task.started - zero) / HOUR)
    return 0.0 if task.release is None else max(0.0, float((task.release - zero) / HOUR))


def last_begin(task: Task, zero: pd.Timestamp, end: float) -> float:
    """Hours from the start of the plan to the latest begin by a task's own due time."""
    if task.late_cost is not None or (task.due is None):
        return end - task.hours
    return float((task.due - zero) / HOUR) - task.hours


def _next(starts: FloatArray, end: float, value: FloatArray) -> FloatArray:
    """The first begin of an interval at or after; a time beyond the horizon as it is."""
    place = np.searchsorted(starts[:-1], value - SAME_H)
    return np.where(place < starts.size - 1, starts[np.minimum(place, starts.size - 1)], np.maximum(value, end))


def _before(starts: FloatArray, end: float, value: FloatArray) -> FloatArray:
    """The last begin of an interval at or before; a time beyond the horizon as it is, one before it −∞."""
    place = np.searchsorted(starts[:-1], value + SAME_H, side="right") - 1
    inside = np.where(place >= 0, starts[np.maximum(place, 0)], -np.inf)
    return np.where(value >= end - SAME_H, value, inside)


def cycle(tasks: Sequence[Task]) -> list[str]:
    """Ids of tasks that follow each other in a circle; empty where there is none."""
    after: Mapping[str, list[str]] = {task.id: [stage.task for stage in task.stages] for task in tasks}
    state: dict[str, int] = {}
    for root in after:
        path: list[str] = []
        todo = [(root, False)]
        while todo:
            name, left = todo.pop()
            if left:
                state[name] = 2
                path.pop()
            elif state.get(name) == 1:
                return [*path[path.index(name) :], name]
            elif name not in state and name in after:
                state[name] = 1
                path.append(name)
                todo.append((name, True))
                todo.extend((other, False) for other in after[name])
    return []
