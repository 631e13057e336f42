"""HiGHS on the plain model of PGLib-UC: its reference formulation, row by row, with the solver's defaults.

The job names the file, the gap and the limit of time, which is that of the whole solve; building is timed apart.
"""

from __future__ import annotations

import itertools
import json
import math
import time
from pathlib import Path
from typing import Any

import highspy
import numpy as np
from job import serve


class Rows:
    """Columns and rows as plain lists."""

    def __init__(self) -> None:
        self.cost: list[float] = []
        self.low: list[float] = []
        self.high: list[float] = []
        self.whole: list[bool] = []
        self.starts, self.index, self.value = [0], [], []  # type: ignore[var-annotated]
        self.row_low: list[float] = []
        self.row_high: list[float] = []

    def var(self, cost: float = 0.0, low: float = 0.0, high: float = math.inf, whole: bool = False) -> int:
        self.cost.append(cost)
        self.low.append(low)
        self.high.append(1.0 if whole else high)
        self.whole.append(whole)
        return len(self.cost) - 1

    def row(self, terms: list[tuple[int, float]], low: float, high: float) -> None:
        self.index += [k for k, _ in terms]
        self.value += [v for _, v in terms]
        self.starts.append(len(self.index))
        self.row_low.append(low)
        self.row_high.append(high)


def build(data: dict[str, Any]) -> Rows:
    """The reference model; numbers in brackets are those of PGLib-UC's MODEL.pdf."""
    m, end, inf = Rows(), data["time_periods"], math.inf
    hours = range(1, end + 1)
    balance: dict[int, list[tuple[int, float]]] = {t: [] for t in hours}
    reserve: dict[int, list[tuple[int, float]]] = {t: [] for t in hours}
    for g in data["thermal_generators"].values():
        p_min, p_max = g["power_output_minimum"], g["power_output_maximum"]
        points, tiers, on = g["piecewise_production"], g["startup"], g["unit_on_t0"]
        before, span = on * (g["power_output_t0"] - p_min), p_max - p_min
        su, sd = max(p_max - g["ramp_startup_limit"], 0), max(p_max - g["ramp_shutdown_limit"], 0)
        up, down = min(g["time_up_minimum"], end), min(g["time_down_minimum"], end)
        u = {t: m.var(points[0]["cost"], whole=True) for t in hours}
        v, w = ({t: m.var(whole=True) for t in hours} for _ in range(2))
        p, r = ({t: m.var() for t in hours} for _ in range(2))
        for t in hours:
            tier = [m.var(part["cost"], whole=True) for part in tiers]
            share = [m.var(point["cost"] - points[0]["cost"], high=1.0) for point in points]
            balance[t] += [(p[t], 1.0), (u[t], p_min)]
            reserve[t].append((r[t], 1.0))
            if g["must_run"] or (on and t <= g["time_up_minimum"] - g["time_up_t0"]):
                m.low[u[t]] = 1.0  # (4), (11)
            if not on and t <= g["time_down_minimum"] - g["time_down_t0"]:
                m.high[u[t]] = 0.0  # (5)
            was, right = ([], on) if t == 1 else ([(u[t - 1], -1.0)], 0.0)
            m.row([(u[t], 1.0), (v[t], -1.0), (w[t], 1.0), *was], right, right)  # (6), (12)
            if t >= up:
                m.row([*((v[i], 1.0) for i in range(t - up + 1, t + 1)), (u[t], -1.0)], -inf, 0.0)  # (13)
            if t >= down:
                m.row([*((w[i], 1.0) for i in range(t - down + 1, t + 1)), (u[t], 1.0)], -inf, 1.0)  # (14)
            for s, (hot, cold) in enumerate(itertools.pairwise(tiers)):
                if t >= cold["lag"]:
                    stops = [(w[t - i], -1.0) for i in range(hot["lag"], cold["lag"])]
                    m.row([(tier[s], 1.0), *stops], -inf, 0.0)  # (15)
                elif t >= max(1, cold["lag"] - g["time_down_t0"] + 1):
                    m.high[tier[s]] = 0.0  # (7)
            m.row([(v[t], 1.0), *((k, -1.0) for k in tier)], 0.0, 0.0)  # (16)
            m.row([(p[t], 1.0), (r[t], 1.0), (u[t], -span), (v[t], su)], -inf, 0.0)  # (17)
            if t > 1:
                m.row([(p[t - 1], 1.0), (r[t - 1], 1.0), (u[t - 1], -span), (w[t], sd)], -inf, 0.0)  # (18)
                m.row([(p[t], 1.0), (r[t], 1.0), (p[t - 1], -1.0)], -inf, g["ramp_up_limit"])  # (19)
                m.row([(p[t - 1], 1.0), (p[t], -1.0)], -inf, g["ramp_down_limit"])  # (20)
            else:
                m.row([(p[t], 1.0), (r[t], 1.0)], -inf, g["ramp_up_limit"] + before)  # (8)
                m.row([(p[t], -1.0)], -inf, g["ramp_down_limit"] - before)  # (9)
                if on:
                    m.row([(w[t], sd)], -inf, span - before)  # (10)
            above = [(k, -(point["mw"] - p_min)) for k, point in zip(share, points, strict=True)]
            m.row([(p[t], 1.0), *above], 0.0, 0.0)  # (21), (22)
            m.row([(u[t], 1.0), *((k, -1.0) for k in share)], 0.0, 0.0)  # (23)
    for g in data["renewable_generators"].values():
        for t in hours:
            taken = m.var(low=g["power_output_minimum"][t - 1], high=g["power_output_maximum"][t - 1])  # (24)
            balance[t].append((taken, 1.0))
    for t in hours:
        m.row(balance[t], data["demand"][t - 1], data["demand"][t - 1])  # (2)
        m.row(reserve[t], data["reserves"][t - 1], inf)  # (3)
    return m


def work(facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    data = json.loads(Path(facts["file"]).read_text("utf-8"))
    began = time.perf_counter()
    m = build(data)
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(m.cost), len(m.row_low)
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = np.array(m.cost), np.array(m.low), np.array(m.high)
    lp.row_lower_, lp.row_upper_ = np.array(m.row_low), np.array(m.row_high)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_, lp.a_matrix_.index_ = np.array(m.starts), np.array(m.index)
    lp.a_matrix_.value_ = np.array(m.value, dtype=float)
    kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
    lp.integrality_ = [kinds[whole] for whole in m.whole]
    highs = highspy.Highs()
    options = {"output_flag": False, "threads": facts["threads"], "mip_rel_gap": facts["gap"]}
    for option, value in {**options, "time_limit": float(facts["time_limit_s"])}.items():
        highs.setOptionValue(option, value)
    highs.passModel(lp)
    built = time.perf_counter()
    highs.run()
    done = time.perf_counter()
    info = highs.getInfo()
    said = {
        "per_s": 1 / (done - began),
        "build_s": built - began,
        "solve_s": done - built,
        "objective": min(info.objective_function_value, 1e300),
        "bound": max(info.mip_dual_bound, -1e300),
        "gap": min(info.mip_gap, 1e300),
        "status": str(highs.getModelStatus()),
    }
    return said, {}


if __name__ == "__main__":
    serve(work, "highspy", "numpy")
