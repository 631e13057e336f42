"""A commitment: which unit runs when, at what output, what it costs, and how far from the best it can be at most."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from gridloop.diagnosis import Diagnosis
from gridloop.network.unit_system import UnitSystem

REASONS = {
    "marginal": "is between its limits: its cost is the price",
    "at_p_max": "gives all it can: it costs less than the price",
    "at_p_min": "runs at its least: off would cost more later",
    "reserve": "holds back what it gives as reserve",
    "must_run": "has to run",
    "min_up": "has to stay on for its least time",
    "ramp_up": "rises as fast as it can",
    "ramp_down": "falls as fast as it can",
    "start_limit": "has just started, and is limited in its first hour",
    "stop_limit": "is about to stop, and has to be low enough for it",
    "off_costly": "is off: others are cheaper, its start and its least output counted",
    "min_down": "has to stay off for its least time",
    "maintenance": "is out for maintenance",
}


@dataclass(frozen=True, eq=False)
class Outcome:
    """Output of one scenario, tables [hour × id], MW (energy MWh); those of what the system does not have are empty.

    price_per_mwh, reserve_price_per_mw [hour]  what one more MW of demand or reserve would cost, units as committed;
                         on a network that is the price at its (first) reference

    On a network too, else empty:

    bus_price_per_mwh    [hour × bus]  what one more MW would cost there; NaN where a bus is out of service
    flow_mw, loading_pct [hour × branch]  of branches that a limit was written for, or loaded to 90 % or more
    congestion           limits that cost money: hour, branch, outage ("" without), flow_mw, limit_mw, and
                         shadow_price_per_mwh, what one more MW of the limit would save
    """

    weight: float
    p_mw: pd.DataFrame
    reserve_mw: pd.DataFrame
    regulation_mw: pd.DataFrame
    renewable_mw: pd.DataFrame
    charge_mw: pd.DataFrame
    discharge_mw: pd.DataFrame
    energy_mwh: pd.DataFrame
    curtailed_mw: pd.DataFrame
    left_out_mw: pd.DataFrame
    made_up_mw: pd.DataFrame
    price_per_mwh: pd.Series
    reserve_price_per_mw: pd.Series
    bus_price_per_mwh: pd.DataFrame = field(default_factory=pd.DataFrame)
    flow_mw: pd.DataFrame = field(default_factory=pd.DataFrame)
    loading_pct: pd.DataFrame = field(default_factory=pd.DataFrame)
    congestion: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass(frozen=True, eq=False)
class Commitment:
    """A plan for all units, with a certificate.

    status     optimal (within the gap asked for), time_limit (the plan holds, its gap is larger), infeasible,
               no_plan (time was up before any plan was found), solver_failed, refused (by the checker)
    source     where the plan is from: search, last (a plan of before), priority_list; "" where there is none
    objective  cost of the plan; bound: no plan costs less; gap: (objective − bound) / objective. NaN where unknown
    on, start, stop  [hour × unit] bool
    outcomes   one per scenario; `p_mw` and the like are those of the first
    parts      cost by part: no_load, energy, start, curtailed; expected values where there are several scenarios
    reasons    [hour × unit] codes of `REASONS`, for the first scenario
    """

    system: UnitSystem
    status: str
    source: str
    objective: float
    bound: float
    on: pd.DataFrame
    start: pd.DataFrame
    stop: pd.DataFrame
    outcomes: Sequence[Outcome]
    parts: pd.Series
    reasons: pd.DataFrame
    build_s: float
    solve_s: float
    nodes: int = 0
    diagnosis: Diagnosis | None = None
    history: Sequence[tuple[float, float, float]] = field(default_factory=tuple)

    @property
    def solved(self) -> bool:
        """True where there is a plan."""
        return bool(self.outcomes)

    @property
    def gap(self) -> float:
        """By which share of its cost the plan could be beaten at most; NaN where there is no plan."""
        if not self.solved or math.isnan(self.bound):
            return math.nan
        return max(self.objective - self.bound, 0.0) / max(abs(self.objective), 1e-9)

    def __getattr__(self, name: str) -> Any:
        # tables of the first scenario: p_mw, reserve_mw, renewable_mw, price_per_mwh, …
        if name.startswith("_") or name not in Outcome.__dataclass_fields__:
            raise AttributeError(f"a Commitment has no {name!r}")
        if not self.outcomes:
            raise AttributeError(f"there is no plan, and so no {name}; status is {self.status!r}")
        return getattr(self.outcomes[0], name)

    def congested(self) -> pd.DataFrame:
        """Branches whose limits cost money, the dearest first: hours, shadow_price_per_mwh (the highest).

        Of the first scenario; empty without a network, or where no limit costs anything.
        """
        table = self.outcomes[0].congestion if self.outcomes else pd.DataFrame()
        if not len(table):
            return pd.DataFrame(columns=["hours", "shadow_price_per_mwh"], index=pd.Index([], name="branch"))
        by_branch = table.groupby("branch", sort=True)
        found = pd.DataFrame(
            {"hours": by_branch["hour"].nunique(), "shadow_price_per_mwh": by_branch["shadow_price_per_mwh"].max()}
        )
        return found.sort_values("shadow_price_per_mwh", ascending=False, kind="stable")

    def to_dict(self) -> dict[str, Any]:
        """What `gridloop commit --json` prints."""
        return {
            "case": self.system.name,
            "status": self.status,
            "source": self.source,
            "objective": self.objective,
            "bound": self.bound,
            "gap": self.gap,
            "parts": {str(k): float(v) for k, v in self.parts.items()},
            "units": len(self.system.unit),
            "hours": self.system.hours,
            "starts": int(self.start.to_numpy().sum()) if self.solved else 0,
            "build_s": self.build_s,
            "solve_s": self.solve_s,
            "nodes": self.nodes,
            "diagnosis": None if self.diagnosis is None else str(self.diagnosis),
            **self._of_network(),
        }

    def _of_network(self) -> dict[str, Any]:
        if not self.outcomes or not len(self.outcomes[0].bus_price_per_mwh):
            return {}
        price = self.outcomes[0].bus_price_per_mwh.to_numpy()
        return {
            "congestion": [{"branch": str(i), **row} for i, row in self.congested().to_dict("index").items()],
            "bus_price_min_per_mwh": float(np.nanmin(price)),
            "bus_price_max_per_mwh": float(np.nanmax(price)),
        }
