"""Violations: how often every voltage leaves its band, and which share of the scenarios has any violation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from gridloop.powerflow.study.reducers.base import State
from gridloop.powerflow.study.reducers.limits import Limits, broken, start_counts
from gridloop.powerflow.study.solver import Chunk, Grid


@dataclass(frozen=True, eq=False)
class Violations(Limits):
    """Counts of voltages outside their band, and of loadings above a limit where one is given.

    low_pu, high_pu  None for the grid's own band, a number, or a Series by node; NaN for no limit
    loading_pct      limit of every branch, such as 100; None leaves loadings out

    Over the scenarios that converged. A limit counts as broken from 1e-6 pu (1e-4 %) beyond it, as in
    `Flow.violations`.
    """

    low_pu: Any = None
    high_pu: Any = None
    loading_pct: Any = None

    @property
    def name(self) -> str:
        return "violations"

    def start(self, grid: Grid) -> State:
        limits = self.start_limits(grid)
        return limits | start_counts(limits) | {"seen": np.zeros(1, np.int64), "violating": np.zeros(1, np.int64)}

    def update(self, state: State, chunk: Chunk, first: int) -> None:
        flag = broken(state, chunk, state)
        state["seen"][0] += flag.size
        state["violating"][0] += int(flag.sum())

    def result(self, state: State, grid: Grid) -> xr.Dataset:
        """`below`, `above` [node] and `over` [branch] in scenarios; `scenarios`, `violating`, and `share` with any."""
        seen, violating = int(state["seen"][0]), int(state["violating"][0])
        counts = {"below": (("node",), state["below"]), "above": (("node",), state["above"])}
        labels: dict[str, Any] = {"node": np.asarray(grid.nodes, dtype=object)}
        if self.loading_pct is not None:
            counts["over"] = (("branch",), state["over"])
            labels["branch"] = np.asarray(grid.branches, dtype=object)
        scalars = {"scenarios": seen, "violating": violating, "share": violating / seen if seen else np.nan}
        return xr.Dataset({**counts, **scalars}, coords=labels)
