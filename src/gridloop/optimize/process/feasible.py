"""What cannot be done in time, said before a solve: by the longest path to a task, and by the capacity of a resource.

Capacity by energetic reasoning: of all tasks whose windows lie within [a, b), the work (duration · units) may not be
more than capacity · (b − a). It is necessary, not sufficient: what it lets pass the solver may still refuse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from gridloop.errors import listed
from gridloop.optimize.devices.given_numbers import clock
from gridloop.optimize.devices.power_profile import HOUR
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.process.task import Task
from gridloop.optimize.process.windows import SAME_H, Windows, windows


def problems_of(tasks: Sequence[Task], capacity: Mapping[str, float], horizon: Horizon) -> list[str]:
    """A sentence for every task that cannot end in time, and for every resource that is asked for too much."""
    found = windows(tasks, horizon)
    free = windows(tasks, horizon, dues=False)
    late = [k for k in range(len(tasks)) if tasks[k].started is None and _misses(tasks[k], found, free, k, horizon)]
    if late:
        own = [k for k in late if _own(tasks[k], free, k, horizon)]
        return [_too_late(tasks, free, k, horizon) for k in (own or late)[:3]]
    return [said for name in capacity for said in _crowded(tasks, name, capacity[name], found, horizon)]


def _misses(task: Task, found: Windows, free: Windows, k: int, horizon: Horizon) -> bool:
    return bool(found.earliest[k] > found.latest[k] + SAME_H)


def _due(task: Task, horizon: Horizon) -> pd.Timestamp:
    return horizon.ends[-1] if task.due is None or task.late_cost is not None else task.due


def _own(task: Task, free: Windows, k: int, horizon: Horizon) -> bool:
    """True where its own due time is before its earliest end."""
    end = horizon.starts[0] + (float(free.earliest[k]) + task.hours) * HOUR
    return bool(end > _due(task, horizon) + SAME_H * HOUR)


def _too_late(tasks: Sequence[Task], free: Windows, k: int, horizon: Horizon) -> str:
    task, zero = tasks[k], horizon.starts[0]
    begin = zero + float(free.earliest[k]) * HOUR
    end = begin + task.hours * HOUR
    due = _due(task, horizon)
    chain = [tasks[i].id for i in free.chain(k)]
    path = f" by {' → '.join(chain)}" if len(chain) > 1 else ""
    if not _own(task, free, k, horizon):
        return (
            f"task {task.id}: no begin from {clock(begin)} on keeps all waiting limits and due times of the tasks it "
            "is linked with. Later due times there, or a longer `most`, would do"
        )
    first = tasks[free.chain(k)[0]]
    opens = zero if first.release is None else max(first.release, zero)
    change = f"due {clock(end)} would do"
    if first.release is not None and first.release > zero:
        change += f", or a release of {first.id} that is {(end - due) / HOUR:g} h earlier"
    named = "the end of the plan" if task.due is None or task.late_cost is not None else f"due {clock(due)}"
    return (
        f"task {task.id} ({task.hours:g} h) cannot end between {clock(opens)} and {named}{path}: the earliest end is "
        f"{clock(end)}. {change}, or a late_cost for a task that may be late"
    )


def _crowded(tasks: Sequence[Task], name: str, capacity: float, found: Windows, horizon: Horizon) -> list[str]:
    """The interval in which a resource is asked for most beyond what it has."""
    mine = [k for k, task in enumerate(tasks) if task.holds.get(name, 0.0) > 0]
    finite = [k for k in mine if np.isfinite(found.latest[k])]
    zero = horizon.starts[0]
    worst: tuple[float, float, float, list[int]] | None = None
    begins = sorted({max(0.0, float(found.earliest[k])) for k in finite})
    ends = sorted({float(found.latest[k]) + tasks[k].hours for k in finite})
    for a in begins:
        for b in ends:
            inside = [
                k for k in finite if found.earliest[k] >= a - SAME_H and found.latest[k] + tasks[k].hours <= b + SAME_H
            ]
            work = sum(tasks[k].hours * tasks[k].holds[name] for k in inside)
            over = work - capacity * (b - a)
            if b > a and over > SAME_H and (worst is None or over > worst[0] + SAME_H):
                worst = (over, a, b, inside)
    if worst is None:
        return []
    over, a, b, inside = worst
    needed = (over + capacity * (b - a)) / (b - a)
    last = max(inside, key=lambda k: found.latest[k] + tasks[k].hours)
    return [
        f"resource {name}: tasks {listed([tasks[k].id for k in inside])} need {over + capacity * (b - a):g} hours of "
        f"it between {clock(zero + a * HOUR)} and {clock(zero + b * HOUR)}, where {capacity:g} has "
        f"{capacity * (b - a):g}. A capacity of {np.ceil(needed - SAME_H):g} would do, or due times of task "
        f"{tasks[last].id} and its like that are {over / capacity:.4g} h later"
    ]
