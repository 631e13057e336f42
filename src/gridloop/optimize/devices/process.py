"""Process loads: production in batches with precedence, resources, stocks and due times, planned against prices.

A resource-task network in discrete time (Pantelides 1994; Castro, Harjunkoski & Grossmann 2009): batches are tasks, and
furnaces, lines, cranes and crews are resources that they hold. What is decided is whether a task has begun by an
interval, not when: such cumulative begins Z make precedence and waiting limits rows of two entries, whose linear
relaxation has whole corners. Equations: docs/math/process.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gridloop.errors import listed
from gridloop.optimize.devices.given_numbers import refuse
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.process.feasible import problems_of
from gridloop.optimize.process.task import After, Task
from gridloop.optimize.process.windows import cycle

__all__ = ["After", "Process", "Stock", "Task"]


@dataclass(frozen=True)
class Stock:
    """A material between stages: units there at the start, and between which ends it must stay."""

    start: float = 0.0
    least: float = 0.0
    most: float = float("inf")


@dataclass(frozen=True)
class Process:
    """A plant that works in batches.

    tasks      its batches, with ids of their own
    resources  name → units there are: {"furnace": 1, "crane": 2, "crew": 6}
    stocks     name → `Stock` of what tasks give and take

    Tasks begin with an interval of the plan and hold what they hold in every interval that they touch. A task that
    may end after the plan may be left for later; its energy is then priced at the mean price to import.
    """

    tasks: Sequence[Task]
    resources: Mapping[str, float] = field(default_factory=dict)
    stocks: Mapping[str, Stock] = field(default_factory=dict)
    id: str = "process"
    bus: str = ""

    def __post_init__(self) -> None:
        ids = [task.id for task in self.tasks]
        problems = [f"task {name} stands {many} times" for name, many in Counter(ids).items() if many > 1]
        problems += [] if ids else ["it has no tasks"]
        problems += [
            f"resource {name} has {units} units; it must be positive"
            for name, units in self.resources.items()
            if not 0 < units < np.inf
        ]
        problems += [
            f"stock {name} starts at {stock.start:g}, outside {stock.least:g} … {stock.most:g}"
            for name, stock in self.stocks.items()
            if not stock.least <= stock.start <= stock.most
        ]
        for task in self.tasks:
            problems += self._of(task, set(ids))
        circle = cycle(self.tasks) if not problems else []
        if circle:
            problems.append(f"tasks follow each other in a circle: {' → '.join(reversed(circle))}")
        refuse("Process", self, problems)

    def _of(self, task: Task, ids: set[str]) -> list[str]:
        """What a task asks for that is not there."""
        problems = []
        for name, units in task.holds.items():
            if name not in self.resources:
                known = listed(sorted(self.resources)) or "none"
                problems.append(f"task {task.id} holds {name}, which is no resource (there are: {known})")
            elif units > self.resources[name]:
                problems.append(
                    f"task {task.id} holds {units:g} of {name}, of which there are {self.resources[name]:g}; "
                    f"{units:g} would do"
                )
        strange = sorted({*task.takes, *task.gives} - set(self.stocks))
        problems += [f"task {task.id} takes or gives {name}, which is no stock" for name in strange]
        unknown = [stage.task for stage in task.stages if stage.task not in ids]
        if unknown:
            problems.append(f"task {task.id} follows {listed(unknown)}, which is no task of this process")
        return problems

    def problems(self, horizon: Horizon) -> list[str]:
        """Why its tasks cannot all be done in time, with the smallest change that would let them."""
        return problems_of(self.tasks, self.resources, horizon)
