"""RobustPlan: what to do now, what it costs in every scenario, and what knowing more would be worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from gridloop.diagnosis import Diagnosis
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.plan import Plan


@dataclass(frozen=True)
class RobustPlan:
    """One decision for many futures.

    table       decisions in common: rows as of `Plan.table` for the first intervals, reason, binding and shadow price
                at the first; prices in them are means over the scenarios, by how much each counts
    scenarios   index = name; weight, cost, cost_knowing (had it been known that this one comes), within_limits
    mean, cvar  of the costs of the scenarios, in money
    objective   (1 − risk) · mean + risk · cvar, and what a missed chance costs; what was minimized
    knowing, on_the_mean  the same measure with perfect information, and of planning on the mean of the scenarios and
                making the best of it; infinite where that leaves a scenario without a plan, NaN where there is no mean
    kept_weight weight of the scenarios within the connection's limits
    plans       name → the whole plan of a scenario
    gave_way    what the chance was missed by [MW], by name
    status      as of a `Plan`; diagnosis says why there is none
    """

    horizon: Horizon
    table: pd.DataFrame
    scenarios: pd.DataFrame
    mean: float
    cvar: float
    objective: float
    knowing: float
    on_the_mean: float
    kept_weight: float
    plans: Mapping[str, Plan]
    gave_way: Mapping[str, float]
    status: str
    diagnosis: Diagnosis | None = None
    rounds: int = 0
    solver_s: float = 0.0
    counts: pd.Series = field(default_factory=lambda: pd.Series(dtype=float))

    @property
    def value_of_stochastic(self) -> float:
        """VSS: what looking at all scenarios saves over planning on their mean, in money."""
        return self.on_the_mean - self.objective

    @property
    def value_of_information(self) -> float:
        """EVPI: what knowing which scenario comes would save on top, in money."""
        return self.objective - self.knowing

    def setpoints(self) -> pd.DataFrame:
        """What is sent now, with its reasons."""
        return self.table[self.table["valid_at"] == self.horizon.starts[0]]

    def facts(self) -> dict[str, float]:
        """The figures in one place."""
        return {
            "mean": self.mean,
            "cvar": self.cvar,
            "objective": self.objective,
            "knowing": self.knowing,
            "on_the_mean": self.on_the_mean,
            "value_of_stochastic": self.value_of_stochastic,
            "value_of_information": self.value_of_information,
            "kept_weight": self.kept_weight,
        }


def without_solution(horizon: Horizon, table: pd.DataFrame, why: Diagnosis) -> RobustPlan:
    """What is left where the scenarios have no plan together."""
    nan = float(np.nan)
    return RobustPlan(horizon, table, pd.DataFrame(), nan, nan, nan, nan, nan, nan, {}, {}, why.status, why)
