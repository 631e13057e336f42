"""What `gridloop flows` says of many scenarios: gathered piece by piece, so that voltages need not all be kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gridloop.diagnosis import Diagnosis
from gridloop.network.model import Network
from gridloop.powerflow.diagnosis.groups import Causes, group_causes
from gridloop.powerflow.flow import power_flow
from gridloop.powerflow.flows import Flows
from gridloop.powerflow.scenarios import Scenarios, edited

_LIMIT = ["kind", "id", "quantity", "limit"]


class Report:
    """Scenarios as they come in: a row for each, and for every limit how often it does not hold."""

    def __init__(self, net: Network, limited: bool) -> None:
        self.net, self.limited = net, limited
        self.cut_off = 0
        self._rows: list[pd.DataFrame] = []
        self._broken: list[pd.DataFrame] = []
        self._nodes: list[Any] = []

    def add(self, flows: Flows) -> None:
        """Take in the next scenarios."""
        found = flows.violations()
        count = found["scenario"].value_counts().reindex(flows.index, fill_value=0)
        summary = flows.summary.astype({"v_min_bus": "string", "v_max_bus": "string"})
        self._rows.append(summary.assign(violations=count.to_numpy()))
        self._broken.append(_by_limit(found))
        self._nodes.append(flows.outcome.worst_node)
        self.cut_off += len(flows.unsupplied)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """A row per scenario: `Flows.summary`, and violations."""
        return pd.concat(self._rows)

    @property
    def failed(self) -> int:
        return int((self.summary["status"] != "converged").sum())

    def violations(self) -> pd.DataFrame:
        """A row per limit that does not hold somewhere: kind, id, quantity, limit, scenarios (how many), worst,
        worst_scenario and severity_pct; the most frequent first."""
        every = pd.concat([part for part in self._broken if len(part)] or self._broken[:1], ignore_index=True)
        every = every.sort_values("severity_pct", ascending=False, kind="stable")
        grouped = every.groupby(_LIMIT, sort=False)
        found = grouped.first().drop(columns="scenarios")
        found["scenarios"] = grouped["scenarios"].sum()
        order = ["scenarios", "severity_pct"]
        return found.reset_index().sort_values(order, ascending=False, kind="stable").reset_index(drop=True)

    def causes(self, between: Callable[[int, int], Scenarios]) -> Causes | None:
        """Failures in groups, with the diagnosis of the first of each; None where there are none.

        between  gives scenarios again by their numbers
        """
        if not self.failed:
            return None

        def diagnose(row: int) -> Diagnosis | None:
            cases = between(row, row + 1)
            if cases.missing().any():
                return None
            alone = Network.from_tables(edited(self.net, cases, 0), name=self.net.name)
            return power_flow(alone, reactive_limits=self.limited).diagnosis

        status, mismatch = self.summary["status"].to_numpy(dtype=object), self.summary["mismatch_mva"].to_numpy()
        return group_causes(self.net, status, np.concatenate(self._nodes), mismatch, diagnose=diagnose)

    def as_json(self, causes: Causes | None) -> dict[str, Any]:
        summary = self.summary
        good = summary[summary["status"] == "converged"]
        found: dict[str, Any] = {
            "scenarios": len(summary),
            "converged": len(good),
            "status": summary["status"].value_counts().to_dict(),
            "cut_off": self.cut_off,
            "diagnosis": None if causes is None else str(causes),
            "groups": [] if causes is None else [_group(group) for group in causes.groups],
            "violating": int((good["violations"] > 0).sum()),
            "violations": self.violations().to_dict("records"),
        }
        for end, pick in (("min", "idxmin"), ("max", "idxmax")):
            at = None if good.empty else getattr(good[f"v_{end}_pu"], pick)()
            where = {} if at is None else good.loc[at].to_dict()
            found[f"v_{end}_pu"], found[f"v_{end}_bus"] = where.get(f"v_{end}_pu"), where.get(f"v_{end}_bus")
            found[f"v_{end}_scenario"] = at
        for name in ("min", "mean", "max"):
            found[f"losses_{name}_mw"] = None if good.empty else float(getattr(good["losses_mw"], name)())
        return found

    def write(self, path: Path) -> None:
        """The row of every scenario, as CSV or Parquet."""
        if path.suffix == ".csv":
            self.summary.to_csv(path)
        else:
            self.summary.reset_index().to_parquet(path, index=False)


def _by_limit(found: pd.DataFrame) -> pd.DataFrame:
    """Limits of one piece with how often they do not hold, and the worst of it; `found` has the worst first."""
    grouped = found.groupby(_LIMIT, sort=False)
    table = grouped[["value", "scenario", "severity_pct"]].first()
    table = table.rename(columns={"value": "worst", "scenario": "worst_scenario"})
    return table.assign(scenarios=grouped.size()).reset_index()


def _group(group: Any) -> dict[str, Any]:
    return {
        "status": group.status,
        "bus": group.bus,
        "count": group.count,
        "examples": list(group.examples),
        "diagnosis": None if group.diagnosis is None else str(group.diagnosis),
    }
