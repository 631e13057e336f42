"""Benchmark of process loads and of savings: months of a steel plant, and placebo measures on recorded meters.

The plant's January 2018, read off its meter as `recorded_batches` says, is planned day by day against day-ahead prices
of the Netherlands (laid on its clock; the plant is Korean) and a peak of 10 money per kW, beside a forecast of its base
load; three more months, and KEPCO's tariff, the same. Baseline: as recorded, same tariff. Beside it the ceiling: base
load known as it came. Quick: a week of four working days. Savings: 90 % intervals of measures that nobody took.
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
from gridloop.market.time_of_use import KRW_PER_MW_MONTH, korean_industrial_2012
from gridloop.operate.studies.process import process_study
from gridloop.optimize.process.recorded import recorded_batches

NAME = "flexibility"
SHIFT, DAY = (6.0, 22.0), (0.0, 24.0)
KEPCO = "steel plant: January, day and night, KEPCO's tariff"
MONTHS = {
    "steel plant: January in its shift": (1, SHIFT),
    "steel plant: January, day and night": (1, DAY),
    KEPCO: (1, DAY),
    "steel plant: April in its shift": (4, SHIFT),
    "steel plant: April, day and night": (4, DAY),
    "steel plant: July in its shift": (7, SHIFT),
    "steel plant: July, day and night": (7, DAY),
    "steel plant: October in its shift": (10, SHIFT),
    "steel plant: October, day and night": (10, DAY),
}
PLACEBO = "savings: placebo measures"
CASES = (*MONTHS, PLACEBO)
ZONE, QUARTER = "Etc/GMT-1", pd.Timedelta(minutes=15)
QUICK_DAYS, QUICK_CASES = 4, 2
PEAK_PRICE = 10_000.0
LIMIT_S, QUICK_LIMIT_S = 4.0, 0.8
LEVEL = 0.90


def rows(bench: Bench) -> list[Row]:
    """A row per month and window of the batches (quick: the first two), and one for the savings' intervals."""
    asked = [case for case in MONTHS if bench.asks_for(case)]
    made = [_month(bench, case) for case in (asked[:QUICK_CASES] if bench.quick else asked)]
    return [*made, *([_placebo(bench, PLACEBO)] if bench.asks_for(PLACEBO) else [])]


def _month(bench: Bench, case: str) -> Row:
    month, window = MONTHS[case]
    folder = bench.data_folder
    plant = read_steel_plant(folder / "industry" / "steel_plant_2018.csv", zone=ZONE)["p_mw"]
    first = pd.Timestamp(f"2018-{month:02d}-01", tz=ZONE)
    end = first + (pd.DateOffset(days=QUICK_DAYS) if bench.quick else pd.DateOffset(months=1))
    earlier, plant = plant[plant.index < first], plant[(plant.index >= first) & (plant.index < end)]
    book, before = (
        recorded_batches(part, zone=ZONE, window_h=window, source="steel plant 2018") if len(part) else None
        for part in (plant, earlier)
    )
    assert book is not None
    peak_price = PEAK_PRICE
    if case == KEPCO:
        price, peak_price = korean_industrial_2012(pd.DatetimeIndex(plant.index), ZONE), KRW_PER_MW_MONTH
    else:
        file = folder / "prices" / "Netherlands_day-ahead-2015-2024.csv"
        table = read_prices(file, ZONE, start=plant.index[0], end=plant.index[-1] + QUARTER)
        price = table["import_eur_per_mwh"].reindex(plant.index, method="ffill")
    bench.say(case)
    started, wall = time.process_time(), time.perf_counter()
    limit = QUICK_LIMIT_S if bench.quick else LIMIT_S
    study = process_study(
        book, price, zone=ZONE, before=before, peak_price=peak_price, time_limit_s=limit, say=bench.say
    )
    seconds, wall = time.process_time() - started, time.perf_counter() - wall
    facts = study.facts()
    saved, known = facts["saved_share"], facts["base_as_it_came"]
    best = known["saved_share"]
    lower = saved["cost"] > 0 and saved["energy_cost"] > 0 and saved["peak_mw"] > 0 and not facts["late"]
    kept = float(np.abs(book.load_mw().to_numpy() - plant.to_numpy()).max())
    base = facts["base_forecast"]
    notes = (
        f"{verdict(lower, quick=bench.quick, part='the month is not whole')}: cost {saved['cost']:.1%}, energy cost "
        f"{saved['energy_cost']:.1%} and peak {saved['peak_mw']:.1%} below the record; {facts['late']} of "
        f"{facts['batches']} batches late.",
        f"Base load known as it came: cost {best['cost']:.1%}, energy cost {best['energy_cost']:.1%}, peak "
        f"{best['peak_mw']:.1%}. Its forecast is off by {1e3 * base['mae_mw']:.1f} of {1e3 * base['mean_mw']:.1f} kW; "
        f"the peak target was raised on {facts['target_broken_days']} days.",
        f"{facts['incumbents']} of {facts['days']} days not proven to 0.5 % within {limit:g} s, "
        f"{known['incumbents']} with the base load known; {seconds:.0f} s of processor.",
        f"Orders are known beforehand, prices of the day only. The record is kept to {kept:.0e} MW. Prices are Dutch, "
        "the plant is Korean; lines, order and windows are read off one meter; night work costs nothing."
        if case != KEPCO
        else "Orders are known beforehand. KEPCO's tariff of 2012, without its milder weekends.",
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
