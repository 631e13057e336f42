"""Benchmark of compressor stations: a week of six machines planned to half a per cent, and what sequences save.

Synthetic throughout: no open recording of a station is at hand. The machines, the factory and the rules that the
sequence stands beside are those of `gridloop study compressors`.
"""

from __future__ import annotations

import time

import pandas as pd

from benchmarks.forecast_data import verdict
from benchmarks.harness import Bench
from benchmarks.result import Rates, Row
from gridloop.operate.studies.compressors import CASCADE, FORECAST, TRUTH, CompressorStudy, study
from gridloop.optimize.compressors.demand import demo_station, synthetic_week
from gridloop.optimize.problems.schedule import schedule

NAME = "flexibility"
CASES = ("compressors: 6 machines × 672", "compressors: 10 synthetic weeks")
GAP, MOST_S = 0.005, 20.0
TRUTH_PCT, FORECAST_PCT = 8.0, 5.0
WEEKS, QUICK_WEEKS = 10, 1
QUICK_STEPS = 192


def rows(bench: Bench) -> list[Row]:
    """The week's plan (quick: two days), and the study (quick: one week)."""
    made = {CASES[0]: _planned, CASES[1]: _studied}
    return [row(bench, case) for case, row in made.items() if bench.asks_for(case)]


def _planned(bench: Bench, case: str) -> Row:
    """`schedule` from nothing to a plan with its proven gap, on one core."""
    week = synthetic_week(0, 8)
    steps = QUICK_STEPS if bench.quick else len(week.mean)
    station = demo_station(week.mean.to_numpy()[:steps], reserve_m3_per_min=2.5)
    prices = pd.Series(100.0, index=week.mean.index[:steps])
    schedule([demo_station(week.mean.to_numpy()[:4])], prices.iloc[:4])  # kernels are compiled
    started = time.process_time()
    plan = schedule([station], prices, mip_gap=GAP)
    took = time.process_time() - started
    kept = plan.solved and plan.gap <= GAP and took <= MOST_S
    notes = (
        f"{verdict(kept, quick=bench.quick)}: {took:.2f} s of processor for {steps} intervals, at most "
        f"{plan.gap:.3%} from the best; promised are {GAP:.1%} within {MOST_S:g} s.",
    )
    return Row(
        NAME, case, bench.threads, Rates((1.0 / max(took, 1e-9),), "plan"), scenarios=steps,
        facts={"seconds": took, "gap_pct": 100.0 * plan.gap, "status": plan.status, "cost": plan.cost}, notes=notes,
    )  # fmt: skip


def _studied(bench: Bench, case: str) -> Row:
    """Energy saved beside the tuned cascade, with the true demand and with its forecast."""
    started = time.process_time()
    found = study(QUICK_WEEKS, tune_weeks=1) if bench.quick else study(WEEKS)
    took = time.process_time() - started
    truth, forecast = (100.0 * found.saving(way) for way in (TRUTH, FORECAST))
    outside = sum(float(found.weeks[f"{way} outside_s"].sum()) for way in (TRUTH, FORECAST))
    notes = (
        f"{verdict(truth.mean() >= TRUTH_PCT, quick=bench.quick)}: {truth.mean():.2f} % of energy saved beside the "
        f"tuned cascade with the true demand, {TRUTH_PCT:g} % are asked; by week {_listed(truth)}.",
        f"{verdict(forecast.mean() >= FORECAST_PCT, quick=bench.quick)}: {forecast.mean():.2f} % with the forecast, "
        f"{FORECAST_PCT:g} % are asked; by week {_listed(forecast)}.",
        f"{verdict(outside == 0.0, quick=bench.quick)}: {outside:.0f} s outside the band of pressure, none is allowed.",
        f"The cascade was outside the band for {found.weeks[f'{CASCADE} outside_s'].sum():.0f} s.",
        f"90 % of such means: {_ends(found, TRUTH)} with the true demand, {_ends(found, FORECAST)} with the forecast.",
        "Synthetic weeks and machines; Volkswagen Poznań reported 12 % for its own.",
    )
    return Row(
        NAME, case, bench.threads, Rates((1.0 / max(took, 1e-9),), "study"), scenarios=len(found.weeks),
        facts={**found.facts(), "seconds": took}, notes=notes,
    )  # fmt: skip


def _ends(found: CompressorStudy, way: str) -> str:
    return " … ".join(f"{100.0 * end:.2f}" for end in found.interval(way))


def _listed(values: pd.Series) -> str:
    return ", ".join(f"{v:.1f}" for v in values)
