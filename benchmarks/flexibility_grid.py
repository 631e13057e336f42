"""Benchmark of plans on real grids: the homes of Fontana on the IEEE European low-voltage feeder, and on SimBench.

Seventeen of the feeder's 55 loads (every third, from the first on) become the homes with their recorded loads, roofs
and batteries; the others follow the feeder's own profiles, hour by hour. Bands are the statutory 216.2 … 253 V. Cars,
heat pumps and loads that wait are synthetic. The day is the one with most sun. Every plan, with the network and
without, is judged by a three-phase flow of the checker's own; seconds are those of the processor.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.forecast_data import verdict
from benchmarks.harness import Bench
from benchmarks.result import Rates, Row
from gridloop.io.citylearn import Homes, read_citylearn
from gridloop.io.read import read_network
from gridloop.network.feeder.model import Feeder
from gridloop.network.model import Network
from gridloop.optimize.devices.load import Load
from gridloop.optimize.problems.schedule import schedule
from gridloop.optimize.studies.community_grid import CommunityGrid, Equipment, community_grid

NAME = "flexibility"
CASES = ("homes on the IEEE European feeder", "homes on a SimBench low-voltage grid")
ZONE = "Etc/GMT+8"
START = pd.Timestamp("2016-08-01 00:00-08:00")
SUNNIEST_DAY, HOURS, QUICK_HOURS = 285, 24, 12
HOMES, EVERY = 17, 3
LOW_V, HIGH_V = 216.2, 253.0
POWER_FACTOR_SHARE = 0.33  # reactive per active power of the feeder's own loads, 0.95 lagging
SIMBENCH, SIMBENCH_BAND, SIMBENCH_ROOFS = "1-LV-semiurb4--0-sw", (0.95, 1.03), 3.0
MOST_S = 10.0

Standing = tuple[Network | Feeder, Mapping[str, str], Sequence[Load]]
Make = Callable[[Path, Homes], Standing]


def rows(bench: Bench) -> list[Row]:
    """The day (quick: twelve hours from the morning on) on both grids."""
    made: dict[str, Make] = {CASES[0]: european, CASES[1]: simbench}
    asked = {case: make for case, make in made.items() if bench.asks_for(case)}
    if not asked:
        return []
    homes = read_citylearn(bench.data_folder / "homes" / "fontana", start=START)
    first = 24 * SUNNIEST_DAY + (6 if bench.quick else 0)
    span = slice(first, first + (QUICK_HOURS if bench.quick else HOURS))
    weather = pd.read_csv(bench.data_folder / "homes" / "fontana" / "weather.csv")
    outdoor = weather["Outdoor Drybulb Temperature [C]"].to_numpy(dtype=float)[span]
    found = []
    for case, make in asked.items():
        bench.say(f"{case}: planning on the copper plate, with losses, with limits")
        network, places, others = make(bench.data_folder, homes.of(span))
        how = Equipment(roof_scale=1.0 if isinstance(network, Feeder) else SIMBENCH_ROOFS)
        run = community_grid(
            homes.of(span), network, places, others=others, equipment=how, outdoor_c=outdoor, zone=ZONE
        )
        found.append(_row(bench, case, run, network))
    return found


def european(data: Path, homes: Homes) -> Standing:
    """The feeder with its statutory band, where the homes stand, and the other loads by its own profiles."""
    feeder = read_network(data / "feeders" / "LVTestCase" / "Master.dss")
    assert isinstance(feeder, Feeder)
    low_voltage = feeder.bus.index[feeder.bus["v_nom_kv"] < 1]
    band = {
        bus: {
            "v_min_pu": LOW_V / 1000 * np.sqrt(3) / feeder.bus["v_nom_kv"][bus],
            "v_max_pu": HIGH_V / 1000 * np.sqrt(3) / feeder.bus["v_nom_kv"][bus],
        }
        for bus in low_voltage
    }
    feeder = feeder.edit("bus", band)
    at = {str(i): f"{row['bus']}.{row['phases'].split('.')[0]}" for i, row in feeder.load.iterrows()}
    names = list(at)
    mine = names[::EVERY][:HOMES]
    clock = pd.DatetimeIndex(homes.load_mw.index).tz_convert(ZONE).hour.to_numpy()
    others = []
    for k, name in enumerate(names):
        if name in mine:
            continue
        file = data / "feeders" / "LVTestCase" / "Daily_1min_100profiles" / f"load_profile_{k + 1}.txt"
        p = 1e-3 * np.loadtxt(file).reshape(24, 60).mean(axis=1)[clock]
        others.append(Load(p, POWER_FACTOR_SHARE * p, sheddable=0.0, id=name, bus=at[name]))
    return feeder, dict(zip(homes.load_mw.columns, [at[name] for name in mine], strict=True)), others


def simbench(data: Path, homes: Homes) -> Standing:
    """A balanced grid in a narrower band: the homes on every second of its loads, the others by their profiles.

    With the recorded roofs no limit of these grids is near: here they are three times as large.
    """
    from gridloop.io.simbench import read_simbench_with_profiles

    net, recorded = read_simbench_with_profiles(SIMBENCH)
    low = [bus for bus in net.bus.index if net.bus["v_nom_kv"][bus] < 1]
    band = {bus: dict(zip(("v_min_pu", "v_max_pu"), SIMBENCH_BAND, strict=True)) for bus in low}
    net = net.edit("bus", band, author="benchmark", time=START, reason="a narrower band")
    names = list(recorded.load_mw.columns)
    mine = names[::2][:HOMES]
    starts = pd.DatetimeIndex(homes.load_mw.index)
    day = pd.date_range("2016-05-14", periods=24, freq="1h", tz="UTC")
    hour = starts.tz_convert(ZONE).hour.to_numpy()
    others = [
        Load(
            recorded.load_mw.loc[day, i].to_numpy()[hour], recorded.load_mvar.loc[day, i].to_numpy()[hour],
            sheddable=0.0, id=str(i), bus=str(net.load.at[i, "bus"]),
        )
        for i in names
        if i not in mine
    ]  # fmt: skip
    places = dict(zip(homes.load_mw.columns, [str(net.load.at[i, "bus"]) for i in mine], strict=False))
    return net, places, others


def _row(bench: Bench, case: str, run: CommunityGrid, network: Network | Feeder) -> Row:
    facts = run.facts()
    devices, prices = run.devices, run.prices
    started, wall = time.process_time(), time.perf_counter()
    schedule(devices, prices, network=network)
    seconds, wall = time.process_time() - started, time.perf_counter() - wall
    held = facts["settled"] == 1.0 and facts["grid_hours_broken"] == 0.0 and facts["check_ok"] == 1.0
    hours = len(run.plans["grid"].horizon)
    notes = (
        f"Copper plate: {facts['copper_hours_broken']:.0f} of {hours} hours break a limit "
        f"({facts['copper_v_min_pu']:.3f} … {facts['copper_v_max_pu']:.3f} pu, {facts['copper_loading_pct']:.0f} % of "
        f"a rating); left alone {facts['alone_hours_broken']:.0f}.",
        f"{verdict(held, quick=bench.quick)}: with the network {facts['grid_hours_broken']:.0f} hours do "
        f"({facts['grid_v_min_pu']:.3f} … {facts['grid_v_max_pu']:.3f} pu), by a flow of the checker's own.",
        f"Cost {facts['copper_cost']:.2f} on the copper plate, {facts['losses_cost']:+.2f} for losses, "
        f"{facts['limits_cost']:+.2f} for limits: {facts['grid_cost']:.2f}. "
        f"{1e3 * facts['curtailed_grid_mwh']:.1f} kWh of sun are thrown away, "
        f"{1e3 * facts['curtailed_copper_mwh']:.1f} on the copper plate.",
        f"Local prices at homes {facts['price_low']:.0f} … {facts['price_high']:.0f} per MWh (tariff 210 … 540).",
        f"{verdict(seconds <= MOST_S, quick=bench.quick)}: {seconds:.1f} s of processor for {len(devices)} devices, "
        f"{len(network.bus)} buses and {hours} hours, at most {MOST_S:.0f} s.",
    )
    return Row(
        NAME, case, bench.threads, Rates((1.0 / wall,), "a day planned on the grid"), scenarios=hours,
        facts=facts | {"seconds": seconds}, notes=notes,
    )  # fmt: skip
