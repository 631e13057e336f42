"""Benchmark of process loads and of savings: a month of a steel plant, and placebo measures on recorded meters.

The plant's January 2018, read off its meter as `recorded_batches` says, is planned day by day against day-ahead prices
of the Netherlands (laid on its clock; the plant is Korean) and a peak of 10 money per kW. Baseline: as recorded, same
tariff. Quick: a week of four working days. Savings: 90 % intervals of measures that nobody took.
"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd

from benchmarks.forecast_data import verdict
from benchmarks.harness import Bench
from benchmarks.result import Rates, Row
from gridloop.io.prices import read_prices
from gridloop.io.steel_plant import read_steel_plant
from gridloop.market.savings.trial import savings_trial
from gridloop.optimize.process.recorded import recorded_batches
from gridloop.optimize.studies.process_month import process_month

NAME = "flexibility"
CASES = ("steel plant: a month in its shift", "steel plant: a month, day and night", "savings: placebo measures")
ZONE, QUARTER = "Etc/GMT-1", pd.Timedelta(minutes=15)
DAYS, QUICK_DAYS = 31, 4
PEAK_PRICE = 10_000.0
WINDOWS = {CASES[0]: (6.0, 22.0), CASES[1]: (0.0, 24.0)}
LEVEL = 0.90


def rows(bench: Bench) -> list[Row]:
    """A row per window of the batches, and one for the savings' intervals."""
    made = [_month(bench, case, window) for case, window in WINDOWS.items() if bench.asks_for(case)]
    return [*made, *([_placebo(bench, CASES[2])] if bench.asks_for(CASES[2]) else [])]


def _month(bench: Bench, case: str, window: tuple[float, float]) -> Row:
    days = QUICK_DAYS if bench.quick else DAYS
    folder = bench.data_folder
    plant = read_steel_plant(folder / "industry" / "steel_plant_2018.csv", zone=ZONE)["p_mw"].iloc[: 96 * days]
    book = recorded_batches(plant, zone=ZONE, window_h=window, source="steel plant 2018")
    file = folder / "prices" / "Netherlands_day-ahead-2015-2024.csv"
    table = read_prices(file, ZONE, start=plant.index[0], end=plant.index[-1] + QUARTER)
    price = table["import_eur_per_mwh"].reindex(plant.index, method="ffill")
    bench.say(case)
    started, wall = time.process_time(), time.perf_counter()
    limit = 2.0 if bench.quick else 10.0
    found = process_month(book, price, zone=ZONE, peak_price=PEAK_PRICE, time_limit_s=limit, say=bench.say)
    seconds, wall = time.process_time() - started, time.perf_counter() - wall
    facts = found.facts()
    saved = facts["saved_share"]
    lower = saved["energy_cost"] > 0 and saved["peak_mw"] > 0 and not facts["late"]
    kept = float(np.abs(found.book.load_mw().to_numpy() - plant.to_numpy()).max())
    notes = (
        f"{verdict(lower, quick=bench.quick, part='the month is not whole')}: cost {saved['cost']:.1%}, energy cost "
        f"{saved['energy_cost']:.1%} and peak {saved['peak_mw']:.1%} below the record; {facts['late']} of "
        f"{facts['batches']} batches late.",
        f"{facts['incumbents']} of {days} days not proven to 0.5 % within {limit:.0f} s; largest gap "
        f"{facts['largest_gap']:.1%}. {seconds:.0f} s of processor.",
        "Orders and base load are known as they came, prices of the next day only.",
        f"The record is kept to {kept:.0e} MW. Prices are Dutch, the plant is Korean; lines, order and windows are "
        "read off one meter; night work costs nothing.",
    )
    return Row(
        NAME, case, bench.threads, Rates((1.0 / wall,), "day by day"), scenarios=facts["batches"],
        facts={**facts, "seconds_cpu": seconds, "record_kept_mw": kept}, notes=notes,
    )  # fmt: skip


def _placebo(bench: Bench, case: str) -> Row:
    """Five households of two years, a year of baseline: how often a 90 % interval holds the zero that it should."""
    text = pd.read_csv(bench.data_folder / "meters" / "australia" / "half_hourly_5_customers.csv")
    at = pd.DatetimeIndex(pd.to_datetime(text["reading_datetime"])).tz_localize("Etc/GMT-10").tz_convert("UTC")
    kwh = text.assign(at=at).pivot_table(index="at", columns="customer_id", values="general_supply_kwh")
    meters = (kwh * 2e-3).reindex(pd.date_range(kwh.index[0], kwh.index[-1], freq="30min"))
    bench.say(case)
    started, wall = time.process_time(), time.perf_counter()
    trial = savings_trial(
        meters, None, baseline_days=365, reporting_days=90, every_days=90 if bench.quick else 30, level=LEVEL,
        zone="Etc/GMT-10", methods=("drift", "covariance", "ashrae"),
    )  # fmt: skip
    seconds, wall = time.process_time() - started, time.perf_counter() - wall
    found = trial.coverage()
    drift = float(found["coverage"].to_numpy()[found.index.get_loc("drift")])
    said = ", ".join(f"{name} {row['coverage']:.0%}" for name, row in found.iterrows())
    word = verdict(drift >= LEVEL - 0.05, quick=bench.quick, part="few trials")
    notes = (
        f"{word}: of {int(found['trials'].max())} placebo measures (90 days after a year of baseline, overlapping) the "
        f"intervals of {LEVEL:.0%} hold zero: {said}.",
        f"{seconds:.1f} s of processor.",
    )
    facts = {f"{name}_{key}": float(row[key]) for name, row in found.iterrows() for key in found.columns}
    return Row(NAME, case, bench.threads, Rates((1.0 / wall,), "trial"), scenarios=len(trial.table),
               facts={**facts, "seconds": seconds}, notes=notes)  # fmt: skip
