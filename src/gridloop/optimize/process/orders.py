"""Order books: batches with what the plant did by itself, beside a base load that goes on anyway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.optimize.devices.power_profile import HOUR
from gridloop.optimize.devices.process import Process, Stock, Task


@dataclass(frozen=True, eq=False)
class OrderBook:
    """What a plant has to make, and when it made it.

    tasks      batches, each with its release and due time
    base_mw    power of everything else, by start of the interval (UTC), regular
    began      task → when the plant began it by itself: the baseline
    resources, stocks  as of a `Process`
    source     where it comes from, in words
    """

    tasks: tuple[Task, ...]
    base_mw: pd.Series
    began: Mapping[str, pd.Timestamp]
    resources: Mapping[str, float] = field(default_factory=dict)
    stocks: Mapping[str, Stock] = field(default_factory=dict)
    source: str = ""

    @property
    def step(self) -> pd.Timedelta:
        """Length of its intervals."""
        return pd.Timedelta(self.base_mw.index[1] - self.base_mw.index[0])

    def load_mw(self, began: Mapping[str, pd.Timestamp] | None = None) -> pd.Series:
        """Power of the plant with its batches begun at these times; as it did by itself where none are given."""
        began = self.began if began is None else began
        power = self.base_mw.to_numpy(dtype=float).copy()
        index = pd.DatetimeIndex(self.base_mw.index)
        for task in self.tasks:
            first = int(index.get_indexer(pd.DatetimeIndex([began[task.id]]))[0])
            profile = np.asarray(task.profile_mw, dtype=float)
            if first < 0 or task.profile_step != self.step or first + profile.size > power.size:
                raise OutOfRange(
                    f"task {task.id}: {profile.size} parts of {task.profile_step} from {began[task.id]} do not lie on "
                    f"the {power.size} intervals of {self.step} of the base load."
                )
            power[first : first + profile.size] += profile
        return pd.Series(power, index=index, name="p_mw")

    def process(self, tasks: tuple[Task, ...], name: str = "plant") -> Process:
        """Some of its tasks as a device; links to tasks that are not among them are left out."""
        there = {task.id for task in tasks}
        kept = [replace(task, after=[stage for stage in task.stages if stage.task in there]) for task in tasks]
        return Process(kept, self.resources, self.stocks, id=name)

    def late(self, began: Mapping[str, pd.Timestamp]) -> list[str]:
        """Tasks that end after their due time, or begin before their release."""
        return [
            task.id
            for task in self.tasks
            if (task.due is not None and began[task.id] + task.hours * HOUR > task.due)
            or (task.release is not None and began[task.id] < task.release)
        ]

    def table(self, began: Mapping[str, pd.Timestamp] | None = None) -> pd.DataFrame:
        """One row per task: what it holds, hours, energy_mwh, release, due, recorded begin, and a plan's."""
        rows = {
            task.id: {
                "holds": " + ".join(task.holds), "hours": task.hours, "energy_mwh": task.energy_mwh,
                "release": task.release, "due": task.due, "recorded_begin": self.began[task.id],
                "planned_begin": pd.NaT if began is None else began[task.id],
            }
            for task in self.tasks
        }  # fmt: skip
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("task")
