"""Benchmark of whole decisions: shiftable runs under a peak that all of them share, with a limit of time.

20 and 100 runs of half an hour to three hours over 96 intervals (synthetic, seed 0) and a base load, under a contracted
peak that the day's energy alone nearly fills, at 2,000 per MW: the hardest kind, for every start changes what all the
others cost. The gap is what the plan proves of itself. Beside it stands the baseline of the same day: each run where it
is cheapest by the prices, nobody looking at the others. Seconds are the wall's, as a limit of time is, CPU beside it.
"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd

from benchmarks.forecast_data import verdict
from benchmarks.harness import Bench
from benchmarks.result import Rates, Row
from gridloop.optimize.check import ScheduleCase, check_solution
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.shiftable_run import ShiftableRun
from gridloop.optimize.problems.schedule import schedule

NAME = "flexibility"
CASES = ("whole decisions: 20 runs × 96", "whole decisions: 100 runs × 96")
RUNS = dict(zip(CASES, (20, 100), strict=True))
LIMIT_S, QUICK_LIMIT_S = 60.0, 3.0
STEPS = 96
PEAK_PRICE = 2_000.0
# Beside its limit of time a plan is built and read, and its prices are solved for.
BESIDE_S = 6.0


def rows(bench: Bench) -> list[Row]:
    """Both crowds (quick: with three seconds each)."""
    return [_row(bench, case) for case in CASES if bench.asks_for(case)]


def crowd(n: int) -> tuple[list[ShiftableRun | Load], pd.Series, Connection]:
    """Runs with a base load, a price with two waves a day, and the contract. Synthetic."""
    rng = np.random.default_rng(0)
    starts = pd.date_range("2026-01-05", periods=STEPS, freq="15min", tz="UTC")
    hour = np.arange(STEPS) / 4
    price = pd.Series(60 + 30 * np.sin((hour - 9) / 12 * 2 * np.pi) + rng.normal(0, 5, STEPS), starts)
    runs = [ShiftableRun(rng.uniform(0.2, 1.5, int(rng.integers(2, 13))).round(2), id=f"run {k}") for k in range(n)]
    mean = sum(run.energy_mwh for run in runs) / 24
    base = Load(0.3 * mean * (1 + 0.5 * np.sin((hour - 6) / 24 * 2 * np.pi)), id="base")
    return [*runs, base], price, Connection(contracted_peak_mw=1.04 * mean, peak_price_per_mw=PEAK_PRICE)


def _row(bench: Bench, case: str) -> Row:
    n, limit_s = RUNS[case], QUICK_LIMIT_S if bench.quick else LIMIT_S
    bench.say(f"{case}: {limit_s:.0f} s")
    devices, price, connection = crowd(n)
    alone = schedule(devices, price)
    started, wall = time.process_time(), time.perf_counter()
    plan = schedule(devices, price, connection=connection, time_limit_s=limit_s)
    seconds, wall = time.process_time() - started, time.perf_counter() - wall
    over = float(alone.of("connection", "import_mw").max()) - float(connection.contracted_peak_mw or 0.0)
    baseline = alone.cost + PEAK_PRICE * max(over, 0.0)
    honest = check_solution(ScheduleCase(devices, price, connection), plan).ok
    kept = plan.solved and honest and wall <= limit_s + BESIDE_S
    told = (
        f"{verdict(kept, quick=bench.quick, part='the limit of time is shorter')}: {plan.status} after {wall:.0f} s "
        f"({seconds:.0f} s of processor), at most {100 * plan.gap:.1f} % dearer than the best.",
        f"{100 * (1 - plan.cost / baseline):.0f} % cheaper than every run at its own cheapest hours.",
    )
    facts = {
        "status": plan.status, "cost": plan.cost, "gap": plan.gap, "cost_each_alone": baseline,
        "saved_share": 1.0 - plan.cost / baseline, "wall_s": wall, "cpu_s": seconds, "check_ok": float(honest),
    }  # fmt: skip
    method = f"gl.schedule with {limit_s:.0f} s"
    return Row(NAME, case, bench.threads, Rates((1.0 / wall,), method), scenarios=n, facts=facts, notes=told)
