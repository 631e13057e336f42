"""OptimalFlow: the cheapest state of a network that an optimal power flow found, its prices, and why."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from gridloop.diagnosis import Diagnosis
from gridloop.network.model import Network
from gridloop.units import finite_or_none

GENERATOR = ["p_mw", "q_mvar", "cost_per_h", "reason", "binding", "shadow_price"]
BUS = ["v_pu", "angle_deg", "lmp_per_mwh", "energy_per_mwh", "loss_per_mwh", "congestion_per_mwh", "lmq_per_mvarh"]
BRANCH = ["p_tail_mw", "q_tail_mvar", "p_head_mw", "q_head_mvar", "loading_pct", "shadow_price_per_mwh"]

STATUSES = (
    "optimal",
    "infeasible",
    "unbounded",
    "time_limit",
    "interrupted",
    "not_converged",
    "solver_failed",
    "refused",
)


@dataclass(frozen=True)
class OptimalFlow:
    """One optimized moment of a network; tables are NaN where nothing was found.

    status       optimal; infeasible; unbounded; time_limit; interrupted; not_converged (the solver gave up);
                 solver_failed (it crashed or answered nonsense); refused (the checker refused its answer)
    cost         money per hour; NaN without an answer
    generator    per generator, and "source:ID" for a grid connection that gives power: p_mw, q_mvar, cost_per_h, reason
                 (a code of optimize.explain_flow), binding (the limit), shadow_price (what one more MW of it saves, per
                 h)
    bus          v_pu, angle_deg; lmp_per_mwh, the worth of one more MWh there, which is the sum of energy_per_mwh (at
                 the reference), loss_per_mwh and congestion_per_mwh; lmq_per_mvarh the same for reactive power
    line, transformer  p_tail_mw, q_tail_mvar, p_head_mw, q_head_mvar, loading_pct (apparent power over the rating),
                 shadow_price_per_mwh (what one more MVA, or MW in DC, of rating saves, per h)
    losses_mw    active power of all branches and shunts
    emissions_t  per hour, of the generators whose emissions are known; NaN where none is
    diagnosis    None where it is optimal; otherwise why not
    warnings     what looks wrong with the tables although it can be solved, such as costs that are all zero
    violations_max_pu  largest violation of any balance or limit, recomputed apart from the solver, per unit
    """

    network: Network
    physics: str
    status: str
    cost: float
    generator: pd.DataFrame
    bus: pd.DataFrame
    line: pd.DataFrame
    transformer: pd.DataFrame
    losses_mw: float
    emissions_t: float
    diagnosis: Diagnosis | None = None
    build_s: float = 0.0
    solve_s: float = 0.0
    iterations: int = 0
    violations_max_pu: float = math.nan
    warnings: tuple[str, ...] = ()
    state: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def solved(self) -> bool:
        """True where there is an optimum to read."""
        return self.status == "optimal"

    @property
    def lmp(self) -> pd.Series:
        """Worth of one more MWh at every bus."""
        return self.bus["lmp_per_mwh"]

    def to_dict(self) -> dict[str, Any]:
        """What `gridloop opf --json` prints: numbers that are missing are None."""
        return {
            "objective": finite_or_none(self.cost),
            "status": self.status,
            "physics": self.physics,
            "solve_s": self.solve_s,
            "build_s": self.build_s,
            "iterations": self.iterations,
            "losses_mw": finite_or_none(self.losses_mw),
            "emissions_t": finite_or_none(self.emissions_t),
            "lmp": {str(bus): finite_or_none(price) for bus, price in self.lmp.items()},
            "violations_max_pu": finite_or_none(self.violations_max_pu),
            "diagnosis": None if self.diagnosis is None else str(self.diagnosis),
            "warnings": list(self.warnings),
        }


def empty_table(index: pd.Index, columns: Sequence[str]) -> pd.DataFrame:
    """A table of an answer that there is none of: all numbers missing, no words."""
    words = ("reason", "binding")
    data = {c: np.full(len(index), "" if c in words else np.nan, object if c in words else float) for c in columns}
    return pd.DataFrame(data, index=index)


def without_answer(
    net: Network, physics: str, status: str, diagnosis: Diagnosis, *, build_s: float = 0.0, solve_s: float = 0.0,
    iterations: int = 0,
) -> OptimalFlow:  # fmt: skip
    """An `OptimalFlow` that says why there is none: all numbers missing."""
    return OptimalFlow(
        network=net,
        physics=physics,
        status=status,
        cost=math.nan,
        generator=empty_table(net.generator.index, GENERATOR),
        bus=empty_table(net.bus.index, BUS),
        line=empty_table(net.line.index, BRANCH),
        transformer=empty_table(net.transformer.index, BRANCH),
        losses_mw=math.nan,
        emissions_t=math.nan,
        diagnosis=diagnosis,
        build_s=build_s,
        solve_s=solve_s,
        iterations=iterations,
    )
