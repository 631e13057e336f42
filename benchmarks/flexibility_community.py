"""Benchmark of a community and of a virtual power plant: the homes of Fontana, and splits that add up."""

from __future__ import annotations

import math
import time

import numpy as np
import pandas as pd

from benchmarks.forecast_data import verdict
from benchmarks.harness import Bench
from benchmarks.result import Rates, Row
from gridloop.io.citylearn import Homes, read_citylearn
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.studies.community import CommunityPlan, Expect, community_year, perfect, warm_day
from gridloop.optimize.vpp.plant import VirtualPowerPlant
from gridloop.units import FloatArray

NAME = "flexibility"
CASES = ("community of 17 homes", "plant of 17 homes")
MOST_S = 180.0
SUM_MW = 1e-9
ZONE = "America/Los_Angeles"
START = pd.Timestamp("2016-08-01 00:00-08:00")
QUICK_DAYS = 14
HOURS = 24


def rows(bench: Bench) -> list[Row]:
    """The year (quick: two weeks) of the community, and a day of the plant that its homes make."""
    made = {CASES[0]: _community, CASES[1]: _plant}
    asked = {case: row for case, row in made.items() if bench.asks_for(case)}
    if not asked:
        return []
    folder = bench.data_folder / "homes" / "fontana"
    homes = read_citylearn(folder, start=START)
    return [row(bench, case, homes) for case, row in asked.items()]


def _community(bench: Bench, case: str, homes: Homes) -> Row:
    """Plans every six hours on forecasts from the days before, settled on what came; beside rest and foresight."""
    days = QUICK_DAYS if bench.quick else None
    plan = CommunityPlan()
    started, wall = time.process_time(), time.perf_counter()
    year = community_year(homes, plan, days=days, expect=_told(bench, warm_day, "planned on forecasts"), zone=ZONE)
    seconds, wall = time.process_time() - started, time.perf_counter() - wall
    known = community_year(homes, plan, days=days, expect=_told(bench, perfect, "planned with foresight"), zone=ZONE)
    facts, bound = year.facts(), known.facts()
    lower = all(facts[what] < facts[f"baseline_{what}"] for what in ("cost", "carbon_t", "peak_kw"))
    word = verdict(lower, quick=bench.quick)
    saved = {what: 1 - facts[what] / facts[f"baseline_{what}"] for what in ("cost", "carbon_t", "peak_kw")}
    share = (facts["baseline_cost"] - facts["cost"]) / (facts["baseline_cost"] - bound["cost"])
    better = int((year.homes["saved"] > 0).sum())
    notes = (
        f"{word}: cost {saved['cost']:.1%}, carbon {saved['carbon_t']:.1%} and highest import {saved['peak_kw']:.1%} "
        "below the same homes with resting batteries (settled by the tariff; exports earn nothing).",
        f"Forecasts: the mean of seven days, bent by the last six hours; with foresight the cost falls by "
        f"{1 - bound['cost'] / bound['baseline_cost']:.1%}: {share:.0%} of that is reached.",
        f"{better} of {len(year.homes)} homes pay less; shares of bills saved: {year.homes['saved_share'].min():.1%} … "
        f"{year.homes['saved_share'].max():.1%}.",
        f"{verdict(seconds <= MOST_S, quick=bench.quick)}: {seconds:.0f} s of processor, at most {MOST_S:.0f} s.",
    )
    more = {f"foresight_{name}": bound[name] for name in ("cost", "carbon_t", "peak_kw", "monthly_peak_kw")}
    return Row(
        NAME, case, bench.threads, Rates((1.0 / wall,), "every six hours"), scenarios=len(year.hours),
        facts={**facts, **more, "seconds": seconds}, notes=notes,
    )  # fmt: skip


def _told(bench: Bench, expect: Expect, what: str) -> Expect:
    """The same expectation, which says how far the plans are."""

    def forecast(homes: Homes, now: int, hours: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        bench.say(f"community: {what}, day {now // HOURS + 1} of {len(homes.load_mw) // HOURS}")
        return expect(homes, now, hours)

    return forecast


def _plant(bench: Bench, case: str, homes: Homes) -> Row:
    """A day of the homes as one plant: its bids, a promise split to the homes, and a battery that drops out."""
    day = homes.of(slice(24 * 20, 24 * 20 + HOURS))
    plant = VirtualPowerPlant(plant_devices(day))
    prices = day.import_eur_per_mwh
    started = time.process_time()
    bids = plant.offer(prices, intervals=prices.index[16:21], low=0.0, high=1000.0)
    bid_s = time.process_time() - started
    promised = plant.blocks(prices.to_frame("tariff")).set_index("valid_at")["injection_mw"]
    started = time.process_time()
    split = plant.split(promised, prices)
    split_s = time.process_time() - started
    after = plant.replace(split, [f"{day.battery.index[0]} battery"], prices.index[18], prices)
    # The promise is a block of the plant's own: all of it can be kept, so that nothing may be missing.
    off = _off(split.injection_mw, split.promised_mw)
    notes = (
        f"{verdict(split.kept and off <= SUM_MW, quick=False)}: what the devices do adds up to the promise within "
        f"{off:.1e} MW, allowed are {SUM_MW:.0e} MW.",
        f"{bids.solves} plans for the bids of 5 hours ({len(bids.table)} steps) in {bid_s:.2f} s of processor; "
        f"a split in {split_s:.2f} s.",
        f"After a battery drops out at 18:00, {after.missing_mw.abs().sum() * 1e3:.2f} kWh of the promise are missing.",
    )
    return Row(
        NAME, case, bench.threads, Rates((1.0 / max(split_s, 1e-9),), "split"), scenarios=HOURS,
        facts={"off_mw": off, "bid_s": bid_s, "bid_steps": len(bids.table), "bid_solves": bids.solves,
               "split_s": split_s, "missing_mwh": float(after.missing_mw.abs().sum())},
        notes=notes,
    )  # fmt: skip


def plant_devices(day: Homes) -> list[Battery | Load | Renewable]:
    """The homes of a day as devices: what they take, what their roofs give, and their batteries, half full."""
    devices: list[Battery | Load | Renewable] = []
    for home, store in day.battery.iterrows():
        each = math.sqrt(float(store["round_trip_efficiency"]))
        power = float(store["power_mw"])
        devices += [
            Load(day.load_mw[home].to_numpy(), id=f"{home} load"),
            Renewable(day.solar_mw[home].to_numpy(), id=f"{home} roof"),
            Battery(float(store["capacity_mwh"]), power, power, each, each, id=f"{home} battery"),
        ]
    return devices


def _off(injection: pd.DataFrame, promised: pd.Series) -> float:
    """By how much sums differ from what was promised, at most. MW"""
    sums = np.array([math.fsum(row) for row in injection.to_numpy()])
    return float(np.abs(sums - promised.to_numpy()).max())
