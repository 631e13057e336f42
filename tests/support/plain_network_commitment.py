"""A commitment on a network written out in full: every angle, every flow and every limit of every hour; slow and plain.

From the definitions at the head of `optimize/check/commitment.py`; starts cost the same however cold they are.
"""

from __future__ import annotations

import highspy
import numpy as np

from gridloop.network.model import Network
from gridloop.network.unit_system import UnitSystem
from gridloop.optimize.check.flow import branch_stiffness
from gridloop.optimize.check.grid import read_grid

INF = float("inf")


class Plain:
    """Columns and rows, one at a time."""

    def __init__(self) -> None:
        self.columns: list[tuple[float, float, float, bool]] = []
        self.rows: list[tuple[dict[int, float], float, float]] = []

    def var(self, cost=0.0, low=0.0, high=INF, whole=False) -> int:
        self.columns.append((cost, low, high, whole))
        return len(self.columns) - 1

    def row(self, terms, low, high) -> None:
        merged: dict[int, float] = {}
        for v, c in terms:
            merged[v] = merged.get(v, 0.0) + float(c)
        self.rows.append((merged, low, high))

    def solve(self, *, gap=0.0, time_limit_s=INF) -> tuple[float, float]:
        """Objective and bound; infinite where there is no solution."""
        h = highspy.Highs()
        h.setOptionValue("output_flag", False)
        h.setOptionValue("threads", 1)
        h.setOptionValue("mip_rel_gap", gap)
        if np.isfinite(time_limit_s):
            h.setOptionValue("time_limit", time_limit_s)
        for cost, low, high, _ in self.columns:
            h.addCol(cost, low, high, 0, [], [])
        for terms, low, high in self.rows:
            h.addRow(low, high, len(terms), list(terms), list(terms.values()))
        for k, column in enumerate(self.columns):
            if column[3]:
                h.changeColIntegrality(k, highspy.HighsVarType.kInteger)
        h.run()
        info = h.getInfo()
        if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
            return INF, INF
        return float(info.objective_function_value), float(info.mip_dual_bound)


def solve_plain(
    system: UnitSystem, net: Network, *, gap: float = 0.0, time_limit_s: float = INF
) -> tuple[float, float]:
    """Objective and bound of the cheapest commitment that the network carries."""
    m, hours = Plain(), range(system.hours)
    grid = read_grid(net)
    whole = np.flatnonzero(grid.at_tail & grid.at_head)
    mw, _ = branch_stiffness(grid, "series")
    at = {bus: int(grid.group[k]) for k, bus in enumerate(net.bus.index)}
    balance = {(n, t): [] for n in set(at.values()) for t in hours}
    reserve = {t: [] for t in hours}
    for i, row in system.unit.iterrows():
        low, high = row["p_min_mw"], row["p_max_mw"]
        curve = system.cost[system.cost["unit"] == i]
        points, costs = curve["p_mw"].to_numpy(), curve["cost_per_h"].to_numpy()
        start = float(system.start[system.start["unit"] == i]["cost"].iloc[-1])
        on, q_before = bool(row["on_before"]), row["p_before_mw"] - low if row["on_before"] else 0.0
        left_up = row["min_up_h"] - row["hours_before"] if on else 0
        left_down = 0 if on else row["min_down_h"] - row["hours_before"]
        u = [m.var(costs[0], float(row["must_run"] or t < left_up), 0.0 if t < left_down else 1.0, True) for t in hours]
        v, w = [m.var(start, 0, 1, True) for _ in hours], [m.var(0, 0, 1, True) for _ in hours]
        q, r = [m.var() for _ in hours], [m.var() for _ in hours]
        for t in hours:
            before = [(u[t - 1], -1.0)] if t else []
            m.row([(u[t], 1), (v[t], -1), (w[t], 1), *before], 0.0 if t else float(on), 0.0 if t else float(on))
            for k in range(t + 1, min(t + int(row["min_up_h"]), system.hours)):
                m.row([(v[t], 1), (u[k], -1)], -INF, 0.0)
            for k in range(t + 1, min(t + int(row["min_down_h"]), system.hours)):
                m.row([(w[t], 1), (u[k], 1)], -INF, 1.0)
            m.row([(q[t], 1), (r[t], 1), (u[t], low - high)], -INF, 0.0)
            loss = max(high - row["start_max_mw"], 0.0)
            m.row([(q[t], 1), (r[t], 1), (u[t], low - high), (v[t], loss)], -INF, 0.0)
            loss = max(high - row["stop_max_mw"], 0.0)
            if t + 1 < system.hours:
                m.row([(q[t], 1), (r[t], 1), (u[t], low - high), (w[t + 1], loss)], -INF, 0.0)
            if t == 0 and on and row["p_before_mw"] > row["stop_max_mw"]:
                m.row([(w[0], 1)], 0.0, 0.0)
            past = [(q[t - 1], -1.0)] if t else []
            m.row([(q[t], 1), (r[t], 1), *past], -INF, row["ramp_up_mw_per_h"] + (0.0 if t else q_before))
            m.row([(q[t], 1), *past], (0.0 if t else q_before) - row["ramp_down_mw_per_h"], INF)
            parts = []
            for a, b, c, d in zip(points[:-1], points[1:], costs[:-1], costs[1:], strict=True):
                if b > a:
                    parts.append((m.var((d - c) / (b - a), 0.0, b - a), -1.0))
            m.row([(q[t], 1), *parts], 0.0, 0.0)
            balance[at[row["bus"]], t] += [(u[t], low), (q[t], 1.0)]
            reserve[t].append((r[t], 1.0))
    for i in system.renewable_max_mw.columns:
        for t in hours:
            given = m.var(0.0, system.renewable_min_mw[i].iloc[t], system.renewable_max_mw[i].iloc[t])
            balance[at[system.renewable_bus[i]], t].append((given, 1.0))
    for t in hours:
        theta = {n: m.var(0.0, -INF, INF) for n in set(at.values())}
        first = {int(grid.island[k]): int(grid.group[k]) for k in range(len(net.bus))}
        for n in first.values():
            m.row([(theta[n], 1.0)], 0.0, 0.0)
        for b in whole:
            tail, head = int(grid.group[grid.tail[b]]), int(grid.group[grid.head[b]])
            limit = grid.limit_mva[b] if np.isfinite(grid.limit_mva[b]) else INF
            flow = m.var(0.0, -limit, limit)
            m.row([(flow, 1.0), (theta[tail], -mw[b]), (theta[head], mw[b])], 0.0, 0.0)
            low, high = (limit if np.isfinite(limit) else s * INF for limit, s in
                         ((grid.angle_min[b], -1.0), (grid.angle_max[b], 1.0)))  # fmt: skip
            if np.isfinite(low) or np.isfinite(high):
                m.row([(theta[tail], 1.0), (theta[head], -1.0)], low, high)
            balance[tail, t].append((flow, -1.0))
            balance[head, t].append((flow, 1.0))
        drawn = dict.fromkeys(sorted(set(at.values())), 0.0)
        for bus in system.load_mw.columns:
            drawn[at[bus]] += float(system.load_mw[bus].iloc[t])
        for n, terms in ((n, balance[n, t]) for n in drawn):
            m.row(terms, drawn[n], drawn[n])
        m.row(reserve[t], float(system.reserve_mw.iloc[t]), INF)
    return m.solve(gap=gap, time_limit_s=time_limit_s)
