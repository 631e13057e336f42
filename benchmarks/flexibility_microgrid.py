"""Benchmark of microgrids: an island in the closed loop, survival by scenarios, the price of security, step responses.

The island: the SimBench feeder of the built-in site, on its windy day and on a calm evening in November on which its
batteries do not hold energy for everybody. The connection opens unannounced for four hours (quick: a quarter of the
first day); kept means that every priority load is served, that balance, the source's limits, voltages and
loadings hold in every interval by AC flow, and that the breaker closes within IEEE Std 1547's window. Survival and the
price of security are those of `gridloop study microgrid` on the recorded homes of Fontana. Step responses of random
machines stand beside their closed form.
"""

from __future__ import annotations

import datetime as dt
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.forecast_data import verdict
from benchmarks.harness import Bench
from benchmarks.result import Rates, Row
from gridloop.io.citylearn import read_citylearn
from gridloop.operate.island_facts import island_table
from gridloop.operate.island_laws import broken
from gridloop.operate.island_settings import IslandSettings
from gridloop.operate.run import operate
from gridloop.operate.settings import EvSettings, ForecastSettings, read_site
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.microgrid.former import GridFormer
from gridloop.optimize.microgrid.machine import SwingMachine
from gridloop.optimize.microgrid.survival import survival
from gridloop.optimize.studies.microgrid import KEEP, REST, TRADE, island_days
from gridloop.telemetry.store import open_store

NAME = "flexibility"
CASES = (
    "island of 4 h on a feeder",
    "island of 4 h, calm evening",
    "survival: 10,000 scenarios",
    "homes as a microgrid",
    "step responses",
)
PRIORITY, IMPORTANT = "MV2.101 Load 1*", "MV2.101 Load 2*, MV2.101 Load 3*"
SURVIVAL_S, STEPS_HZ = 1.0, 1e-8
START = pd.Timestamp("2016-08-01 00:00-08:00")
LIVED = 0.95
CALM = dt.date(2016, 11, 16)


def rows(bench: Bench) -> list[Row]:
    """The rows of the cases that are asked for."""
    made = dict(zip(CASES, (_island, _island, _survival, _homes, _steps), strict=True))
    asked = {case: row for case, row in made.items() if bench.asks_for(case)}
    return [row(bench, case) for case, row in asked.items() if case != CASES[1] or not bench.quick]


def _island(bench: Bench, case: str) -> Row:
    start_h, hours, ticks = (0.25, 0.25, 4) if bench.quick else (17.0, 4.0, 90)
    horizon = ((4, 15), (7, 60)) if bench.quick else read_site().loop.horizon
    site = read_site() if case == CASES[0] else replace(read_site(), day=CALM)
    island = IslandSettings(start_h, hours, priority=PRIORITY, important=IMPORTANT, survive_h=4.0)
    site = replace(
        site, island=island, loop=replace(site.loop, ticks=ticks, horizon=horizon),
        forecast=ForecastSettings("persistence"), ev=EvSettings(0 if bench.quick else site.ev.sessions),
    )  # fmt: skip
    wall, started = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        run = operate(site, out=Path(folder), on_tick=lambda t: bench.say(f"island: {t.clock}"))
        with open_store(run.folder / "lake") as store:
            table = island_table(store.read("flows", run="controlled", kind="island"))
            told = store.read("ticks", run="controlled").set_index("valid_at")
    wall, seconds = time.perf_counter() - wall, time.process_time() - started
    facts = run.summary["island"]["controlled"]
    inside = told.loc[table.index[table["connection", "closed"] < 0.5]]
    laws = broken(table)
    outside = int(inside["voltage_violations"].sum() + inside["overloads"].sum())
    came_back = facts["closing_closed_s"] is not None
    kept = facts["priority_unserved_mwh"] < 1e-9 and not laws and not outside and came_back
    notes = (
        f"{verdict(kept, quick=False)}: {facts['priority_unserved_mwh']:.3f} MWh of "
        f"{facts['priority_wanted_mwh']:.1f} MWh priority load not served; {len(laws)} laws and {outside} limits "
        f"broken; balance to {facts['balance_max_mw']:.1e} MW; the source never below {facts['soc_min']:.1%} of its "
        f"charge; {facts['dark_h']:g} h dark.",
        f"Frequency {facts['hz_min']:.2f} … {facts['hz_max']:.2f} Hz; closed at "
        f"{facts['closing_frequency_hz']:+.3f} Hz, {facts['closing_voltage_pu']:+.4f} pu, "
        f"{facts['closing_angle_deg']:+.2f}°."
        if came_back
        else "It did not come back.",
        f"Forecasts by persistence; {seconds:.0f} s of processor for {ticks} ticks and the day without control.",
    )
    told_facts = {k: float(v) for k, v in facts.items() if isinstance(v, int | float)}
    return Row(NAME, case, bench.threads, Rates((ticks / wall,), "ticks"), scenarios=ticks,
               facts={**told_facts, "limits_broken": outside, "laws_broken": len(laws)}, notes=notes)  # fmt: skip


def _survival(bench: Bench, case: str) -> Row:
    rng = np.random.default_rng(7)
    need, sun = rng.uniform(0, 1.5, (96, 10_000)), np.clip(rng.normal(0.5, 0.8, (96, 10_000)), 0, None)
    store = GridFormer(2.0, 2.0, 2.0, 6.0)
    started = time.process_time()
    few = survival(store, need, sun, initial_soc=0.7)
    seconds = time.process_time() - started
    more = survival(replace(store, capacity_mwh=7.0), need, sun, initial_soc=0.7)
    law = bool((more.hours >= few.hours - 1e-9).all())
    notes = (
        f"{verdict(seconds <= SURVIVAL_S and law, quick=False)}: {seconds:.2f} s of processor, at most "
        f"{SURVIVAL_S:g} s; more storage shortens none of them: {law}.",
        f"P(≥ 12 h) = {few.probability(12):.1%}, median {few.quantile(0.5):.1f} h (synthetic forecasts).",
    )
    return Row(NAME, case, bench.threads, Rates((10_000 / seconds,), "scenarios of 96"), scenarios=10_000,
               facts={"seconds": seconds, "p12h": few.probability(12)}, notes=notes)  # fmt: skip


def _homes(bench: Bench, case: str) -> Row:
    days = 4 if bench.quick else 56
    homes = read_citylearn(bench.data_folder / "homes" / "fontana", start=START)
    capacity, power = (float(homes.battery[c].sum()) for c in ("capacity_mwh", "power_mw"))
    battery = Battery(capacity, power, power, degradation_cost=5.0, id="battery")
    bench.say("homes as a microgrid")
    started = time.process_time()
    found = island_days(
        homes.load_mw.sum(axis=1), homes.solar_mw.sum(axis=1), homes.import_eur_per_mwh, battery, days=days
    )
    seconds = time.process_time() - started
    facts = found.facts()
    keep, trade, rest = (facts[way] for way in (KEEP, TRADE, REST))
    stays = (rest["cost"] - keep["cost"]) / max(1e-9, rest["cost"] - trade["cost"])
    notes = (
        f"{verdict(keep['lived_share'] >= LIVED, quick=bench.quick)}: {keep['lived_share']:.1%} of {24 * days} islands "
        f"of 4 h lived through with half of the load, at least {LIVED:.0%}; where nothing is kept "
        f"{trade['lived_share']:.1%}.",
        f"Cost {keep['cost']:.0f}, of a battery that only trades {trade['cost']:.0f}, that rests full "
        f"{rest['cost']:.0f}: {stays:.0%} of the saving stays.",
        f"Scenarios foresaw {keep['foreseen_share']:.1%}, Brier score {keep['brier']:.4f}.",
    )
    flat = {f"{way}_{k}": v for way, side in zip(("rest", "trade", "keep"), (rest, trade, keep), strict=True)
            for k, v in side.items()}  # fmt: skip
    return Row(NAME, case, bench.threads, Rates((days / seconds,), "days"), scenarios=24 * days,
               facts={**flat, "seconds": seconds}, notes=notes)  # fmt: skip


def _steps(bench: Bench, case: str) -> Row:
    rng = np.random.default_rng(11)
    count = 20 if bench.quick else 200
    worst, nadir = 0.0, 0.0
    started = time.process_time()
    for _ in range(count):
        machine = SwingMachine(
            10.0, rng.uniform(0.5, 8), rng.uniform(0, 3), rng.uniform(0.01, 0.1), rng.uniform(0.02, 5)
        )
        swing = machine.simulate(1.0)
        worst = max(worst, float(np.abs(swing.hz - 50.0 - machine.response_hz(1.0, swing.times)).max()))
        fine = machine.response_hz(1.0, np.linspace(0, 40, 400_001))
        nadir = max(nadir, abs(float(fine.min()) - machine.nadir_hz(1.0)[0]))
    seconds = time.process_time() - started
    notes = (
        f"{verdict(worst <= STEPS_HZ, quick=False)}: {worst:.1e} Hz between simulation and closed form at most, "
        f"allowed are {STEPS_HZ:.0e}; nadirs to {nadir:.1e} Hz of a fine grid.",
    )
    return Row(NAME, case, bench.threads, Rates((count / seconds,), "machines"), scenarios=count,
               facts={"worst_hz": worst, "nadir_hz": nadir}, notes=notes)  # fmt: skip
