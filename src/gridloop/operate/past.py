"""The past as the loop knows it: power per group, from history before the day and from readings as they arrive."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.network.model import Network
from gridloop.operate.decide.known import Groups
from gridloop.operate.groups import group_sums

MISSING = 3
NEWEST_DAY = pd.Timedelta(hours=25)  # a day, and what may be on its way


class Past:
    """Group power on the loop's intervals; a value appears when it becomes known, never earlier."""

    def __init__(self, network: Network, groups: Groups, power: pd.DataFrame, reactive: pd.DataFrame) -> None:
        """power, reactive: history before the day per element [time, id], MW and Mvar."""
        self.groups = groups
        self._loads = [str(i) for i in network.load.index]
        self._ids = [*self._loads, *(str(i) for i in network.generator.index)]
        self.power = group_sums(groups, power)
        self.reactive = group_sums(groups, reactive, "q_mvar")

    def learn(self, readings: pd.DataFrame) -> None:
        """Take readings in: one row per (point, valid_at); a missing value stays missing."""
        if readings.empty:
            return
        good = readings["value"].where(readings["quality"] != MISSING)
        wide = readings.assign(value=good).pivot(index="valid_at", columns="point", values="value")
        power = pd.DataFrame(
            {i: wide.get(f"{i}/p_mw", pd.Series(np.nan, index=wide.index)) for i in self._ids}, index=wide.index
        )
        reactive = pd.DataFrame(
            {i: wide.get(f"{i}/q_mvar", pd.Series(np.nan, index=wide.index)) for i in self._loads}, index=wide.index
        )
        self.power = _append(self.power, group_sums(self.groups, power))
        self.reactive = _append(self.reactive, group_sums(self.groups, reactive, "q_mvar"))

    def power_factors(self, at: pd.Timestamp) -> dict[str, float]:
        """Reactive over active power of every load group over the newest day that is known."""
        ratios = {}
        recent = self.power.index > at - NEWEST_DAY
        for point, kind in self.groups.kind.items():
            if kind != "load":
                continue
            p = self.power.loc[recent, point].to_numpy(dtype=float)
            q = self.reactive[point.replace("/p_mw", "/q_mvar")].reindex(self.power.index[recent]).to_numpy(dtype=float)
            known = np.isfinite(p) & np.isfinite(q)
            total = float(p[known].sum())
            ratios[point] = float(q[known].sum()) / total if total > 0 else 0.0
        return ratios


def _append(table: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows put in their place in time, new ones at the end."""
    rows = rows.reindex(columns=table.columns)
    index = table.index.union(rows.index)
    if len(index) != len(table):
        table = table.reindex(index)
    # stamps of one batch may differ: what a row does not hold is not gone
    new, known = rows.to_numpy(dtype=float), table.loc[rows.index].to_numpy(dtype=float)
    table.loc[rows.index] = np.where(np.isnan(new), known, new)
    return table
