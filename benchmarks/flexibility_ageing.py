"""Ageing: how long that of a fleet takes, and what the wear in a plan is worth over a project.

The fleet is drawn, not recorded: a daily cycle of random depth with random steps on it, which has about fifty times the
turning points of a plan. Times are of the process, on one core.

The project is 20 MWh and 5 MW in California's day-ahead market of 2020, arbitrage alone. Every day is planned on the
prices of the day before, the plainest forecast there is, and settled at its own; beside it perfect foresight. What a
plan is told that a MWh wears is tried at several prices, 0.50 being the baseline. The verdict is not on the best of
them, for the best is never below the baseline: the price is chosen on the first half of the year, by net present value,
and judged on the second, each half standing for all years of its project.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pandas as pd

from benchmarks.flexibility_battery_year import ZONE, battery, caiso
from benchmarks.forecast_data import verdict
from benchmarks.harness import Bench
from benchmarks.result import Rates, Row
from gridloop.optimize.ageing.report import fleet_ageing
from gridloop.optimize.economics import Economics, battery_economics
from gridloop.optimize.studies.battery_year import BatteryYear, battery_study

NAME = "flexibility"
FLEET = "ageing: 1,000 batteries, a year of quarter hours"
BATTERIES, QUICK_BATTERIES = 1_000, 50
STEPS = 35_040
PROMISED_S = 10.0
AT_ONCE = 100  # batteries in memory: 28 MB
PROJECT = "ageing: caiso 2020, what wear in a plan is worth"
WEARS = (0.50, 10.0, 20.0, 30.0, 40.0, 55.0)
QUICK_WEARS, QUICK_DAYS = (0.50, 20.0), 14


def rows(bench: Bench) -> list[Row]:
    """The fleet, with both large cells; the project, where the data are."""
    made = [_fleet(bench)] if bench.asks_for(FLEET) else []
    return [*made, _project(bench)] if bench.asks_for(PROJECT) else made


def _fleet(bench: Bench) -> Row:
    bench.say(FLEET)
    many = QUICK_BATTERIES if bench.quick else BATTERIES
    took = {"nmc": 0.0, "lfp": 0.0}
    kept = []
    fleet_ageing(_profiles(1, bench.seed), hours=0.25)  # compiled, or read from where it is kept
    for first in range(0, many, AT_ONCE):
        soc = _profiles(min(AT_ONCE, many - first), bench.seed + first)
        for chemistry in took:
            began = time.process_time()
            table = fleet_ageing(soc, chemistry=chemistry, hours=0.25)
            took[chemistry] += time.process_time() - began
            kept.append(float(table["capacity_retention_pct"].mean()))
    slowest = max(took.values())
    said = verdict(slowest <= PROMISED_S, quick=bench.quick, part="the fleet is not whole")
    return Row(
        NAME,
        FLEET,
        1,
        ours=Rates((many / slowest,), "batteries per second: numba counts, numpy fades"),
        facts={
            "batteries": many,
            "steps": STEPS,
            **{f"{chemistry}_s": round(seconds, 3) for chemistry, seconds in took.items()},
            "mean_capacity_after_10_years_pct": round(float(np.mean(kept)), 2),
        },
        notes=(f"{said}: {many} batteries in {slowest:.1f} s of process, promised {PROMISED_S:.0f} s for 1,000.",),
    )


def _project(bench: Bench) -> Row:
    bench.say(PROJECT)
    prices = caiso(bench.data_folder)[["import_eur_per_mwh", "export_eur_per_mwh"]]
    prices = prices.iloc[: 24 * QUICK_DAYS] if bench.quick else prices
    found, halves, began = {}, {}, time.process_time()
    for wear in QUICK_WEARS if bench.quick else WEARS:
        study = battery_study(replace(battery(), degradation_cost=wear), prices, prices.shift(24), zone=ZONE)
        found[wear] = battery_economics(study, chemistry="nmc")
        halves[wear] = _halves(study.forecast)
    took = time.process_time() - began
    chosen = max(halves, key=lambda wear: halves[wear][0])
    gain = halves[chosen][1] - halves[WEARS[0]][1]
    facts = {
        f"wear {wear:g}": {
            "forecast": {**_told(money), **money.table()["forecast"].to_dict()},
            "foresight": {**_told(money.foresight), **money.table()["perfect foresight"].to_dict()},
        }
        for wear, money in found.items()
        if money.foresight is not None
    }
    facts["chosen on the first half"] = {"wear": chosen, "npv on the second": halves[chosen][1]}
    facts["npv by half"] = {f"wear {wear:g}": {"first": one, "second": two} for wear, (one, two) in halves.items()}
    said = verdict(gain > 0, quick=bench.quick)
    return Row(
        NAME,
        PROJECT,
        1,
        ours=Rates((len(prices) / 24 * len(found) / took,), "days planned, settled and aged per second"),
        facts=facts,
        notes=(
            f"{said}: wear told as {chosen:g} instead of {WEARS[0]:g} per MWh, chosen on the first half of the year, "
            f"is worth {gain:,.0f} on the second over 20 years at 8 % (net present value {halves[chosen][1]:,.0f} "
            f"instead of {halves[WEARS[0]][1]:,.0f}).",
        ),
    )


def _halves(year: BatteryYear) -> tuple[float, float]:
    """Net present value where only the first, and only the second half of the year is known."""
    middle = len(year.table) // 2
    first, second = (
        battery_economics(replace(year, table=part), chemistry="nmc").npv
        for part in (year.table.iloc[:middle], year.table.iloc[middle:])
    )
    return first, second


def _told(money: Economics) -> dict[str, float]:
    """How the battery ages."""
    ageing = money.ageing
    assert ageing is not None  # a year brings its own
    return {
        "full_cycles_per_year": ageing.cycles_per_year,
        "life_years": ageing.life_years,
        "marginal_cost_per_mwh": ageing.marginal_cost_per_mwh,
    }


def _profiles(many: int, seed: int) -> pd.DataFrame:
    """States of charge, step × battery."""
    chance = np.random.default_rng(seed)
    hours = np.arange(STEPS)[:, None] / 4.0
    depth, late = chance.uniform(0.2, 0.8, many), chance.uniform(0.0, 24.0, many)
    swing = 0.5 + 0.5 * depth * np.sin(2.0 * np.pi * (hours - late) / 24.0)
    return pd.DataFrame(np.clip(swing + chance.normal(0.0, 0.01, (STEPS, many)), 0.0, 1.0))
