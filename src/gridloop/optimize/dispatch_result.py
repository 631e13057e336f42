"""Dispatch: outputs of units over time, prices, reasons, and what is saved against the proportional baseline."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from gridloop.diagnosis import Diagnosis
from gridloop.units import finite_or_none

HOURS_A_YEAR = 8760.0


@dataclass(frozen=True)
class Dispatch:
    """The cheapest outputs that meet a demand.

    status    optimal, infeasible, unbounded, time_limit, solver_failed, not_converged (losses did not settle), refused
              (the independent checker does not agree)
    cost      money over all steps; NaN without an answer
    unit      [time, unit] → p_mw, available_mw, reserve_mw, cost_per_h, marginal_per_mwh, emissions_t_per_h,
              baseline_mw, reason, binding, shadow_price (per MWh), next_best (the unit that would give the next MWh
              instead), next_best_per_mwh (what that would cost more than this unit's own)
    step      [time] → hours, demand_mw, losses_mw, price_per_mwh, reserve_mw, reserve_price_per_mwh, cost_per_h,
              baseline_cost_per_h, savings_per_h, emissions_t_per_h, renewable_share, curtailed_mw
    baseline_cost  money over all steps where every unit gives in proportion to its capacity, within its limits
    emissions_t, renewable_share  over all steps; emissions of the units whose rate is known; NaN where none is, and
              where no unit says what drives it
    diagnosis  None where it is optimal
    """

    status: str
    cost: float
    unit: pd.DataFrame
    step: pd.DataFrame
    baseline_cost: float
    emissions_t: float
    renewable_share: float
    diagnosis: Diagnosis | None = None
    build_s: float = 0.0
    solve_s: float = 0.0
    iterations: int = 0
    name: str = field(default="", compare=False)

    @property
    def solved(self) -> bool:
        """True where there is an optimum to read."""
        return self.status == "optimal"

    @property
    def hours(self) -> float:
        """Length of all steps together."""
        return float(self.step["hours"].sum())

    @property
    def p_mw(self) -> pd.DataFrame:
        """Outputs. [time, unit]"""
        units = self.unit.index.get_level_values("unit")
        values = self.unit["p_mw"].to_numpy(dtype=float).reshape(len(self.step), -1)
        return pd.DataFrame(values, index=self.step.index, columns=units[: values.shape[1]])

    @property
    def price(self) -> pd.Series:
        """Worth of one more MWh in every step."""
        return self.step["price_per_mwh"]

    @property
    def savings(self) -> float:
        """Baseline less dispatch, money over all steps."""
        return self.baseline_cost - self.cost

    @property
    def savings_per_h(self) -> float:
        """Savings per hour on average."""
        return self.savings / self.hours

    @property
    def savings_per_year(self) -> float:
        """Savings of a year of such hours."""
        return self.savings_per_h * HOURS_A_YEAR

    def to_dict(self) -> dict[str, Any]:
        """What `gridloop dispatch --json` prints; what is missing is None."""
        units = self.unit.reset_index()
        units["time"] = units["time"].astype(str)
        steps = self.step.reset_index()
        steps["time"] = steps["time"].astype(str)
        numbers = {
            "objective": self.cost,
            "baseline_cost": self.baseline_cost,
            "savings": self.savings,
            "savings_per_h": self.savings_per_h if len(self.step) else math.nan,
            "savings_per_year": self.savings_per_year if len(self.step) else math.nan,
            "emissions_t": self.emissions_t,
            "renewable_share": self.renewable_share,
        }
        return {
            **{name: finite_or_none(value) for name, value in numbers.items()},
            "status": self.status,
            "solve_s": self.solve_s,
            "build_s": self.build_s,
            "iterations": self.iterations,
            "step": steps.to_dict("records"),
            "unit": units.to_dict("records"),
            "diagnosis": None if self.diagnosis is None else str(self.diagnosis),
        }
