"""Tasks of a process: a batch with its power over time, what it holds while it runs, and what it must follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from gridloop.optimize.devices.given_numbers import not_negative, refuse, with_zone, without_gaps
from gridloop.optimize.devices.power_profile import PowerProfile
from gridloop.optimize.devices.shiftable_run import QUARTER, ShiftableRun
from gridloop.units import FloatArray

NOTHING = pd.Timedelta(0)


@dataclass(frozen=True)
class After:
    """A stage before: the task begins at least `least` and at most `most` after that one has ended.

    most  None: it may wait as long as it likes. A billet that must be rolled hot has a small one
    """

    task: str
    least: pd.Timedelta = NOTHING
    most: pd.Timedelta | None = None


@dataclass(frozen=True)
class Task(PowerProfile):
    """A batch that goes through once it is begun.

    profile_mw    mean power of each `profile_step` of the batch [part]; a setup is zeros at its head
    holds         resource → units that it occupies from its begin to its end: {"furnace": 1, "crew": 2}
    takes, gives  stock → units taken when it begins, and there when it has ended
    after         tasks that have to end before, by id or as `After`
    release, due  it begins no earlier and ends no later, UTC; None where the horizon alone bounds it
    started       when it began, for one that is under way or over: then nothing is left to decide
    late_cost     money per hour by which it may end after `due`; None: it must not
    early_cost    money per MWh and hour of waiting: breaks ties towards running early
    """

    id: str
    profile_mw: Sequence[float] | FloatArray
    profile_step: pd.Timedelta = QUARTER
    holds: Mapping[str, float] = field(default_factory=dict)
    takes: Mapping[str, float] = field(default_factory=dict)
    gives: Mapping[str, float] = field(default_factory=dict)
    after: Sequence[str | After] = ()
    release: pd.Timestamp | None = None
    due: pd.Timestamp | None = None
    started: pd.Timestamp | None = None
    late_cost: float | None = None
    early_cost: float = 0.0001

    def __post_init__(self) -> None:
        without_gaps("Task", self, ("profile_mw",))
        problems = not_negative(self, ("early_cost",))
        problems += not_negative(self, ("late_cost",)) if self.late_cost is not None else []
        problems += with_zone(self, ("release", "due", "started"))
        problems += self.wrong_profile()
        for what in ("holds", "takes", "gives"):
            problems += [
                f"{what} {units} of {name}; it must be a number that is not negative"
                for name, units in getattr(self, what).items()
                if not 0 <= units < np.inf
            ]
        for stage in self.stages:
            if stage.least < NOTHING or (stage.most is not None and stage.most < stage.least):
                problems.append(
                    f"it follows {stage.task} after at least {stage.least} and at most {stage.most}; these must rise "
                    "from 0"
                )
        refuse("Task", self, problems)

    @property
    def stages(self) -> tuple[After, ...]:
        """What it follows."""
        return tuple(After(each) if isinstance(each, str) else each for each in self.after)

    def run(self) -> ShiftableRun:
        """Its profile alone."""
        return ShiftableRun(self.profile_mw, self.profile_step, id=self.id)
