"""Buildings: a recorded house a day ahead, its heating beside ways without a plan, a warehouse in summer, 100 zones.

House: identified on all but the last ten days, judged a day ahead from every hour of those, heat and outside
temperature as they came; then heated by a heat pump at the Dutch day-ahead prices of the very hours, planned every hour
on weather foretold from its own past, and run with the disturbances recorded. Heat pump and hours of use are assumed.

Warehouse: synthetic, 20 zones, numbers from standards, a truth that differs from the plan's model by 15 % room by room.
Weather of Fontana and the tariff recorded with it (its file's forecasts are the later rows themselves, without error,
and are not used). The thermostats beside them have the cheapest early start that keeps the band in that very week. Ten
weeks of the summers 2016 and 2017; the interval draws whole weeks.

Beside both stands the rule alone: it keeps the band as between two plans, by the plan's model and the air as it is
read, modulating, without a plan. Thermostats switch on and off with half a kelvin between: what is saved against them
is in part the rule's, and what the plan adds to the rule is told next to it.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.forecast_data import verdict
from benchmarks.harness import Bench
from benchmarks.result import Rates, Row
from gridloop.io.house import read_house
from gridloop.io.prices import read_prices
from gridloop.io.weather_file import read_weather
from gridloop.operate.studies.hvac import ALLOWED, run_week
from gridloop.operate.studies.hvac_house import house_study
from gridloop.operate.studies.hvac_result import BASELINE, PLANNED, RULE, HvacStudy
from gridloop.operate.studies.warehouse import example_warehouse
from gridloop.operate.studies.weather_ahead import WeatherAhead
from gridloop.optimize.building.model import BuildingModel
from gridloop.optimize.devices.building import Building, Zone
from gridloop.optimize.devices.building_plant import HvacMachine
from gridloop.optimize.problems.schedule import schedule

NAME = "flexibility"
HOUSE, WAREHOUSE = "building: recorded house, 10 days", "building: warehouse of 20 zones, summer weeks"
ZONES = "building: 100 zones × 24 h"
CASES = (HOUSE, WAREHOUSE, ZONES)
MOST_RMSE_K, MOST_S = 0.5, 2.0
FIRST_HOUR = pd.Timestamp("2016-08-01 00:00-08:00")
ZONE = "America/Los_Angeles"
WEEKS = ("2016-08-22", "2017-06-19", "2016-09-05", "2017-07-10", "2017-06-05", "2016-09-19", "2017-07-03", "2016-08-29",
         "2017-06-26", "2016-09-12")  # fmt: skip


def rows(bench: Bench) -> list[Row]:
    """One row each."""
    made = {HOUSE: house, WAREHOUSE: warehouse, ZONES: zones}
    return [make(bench) for case, make in made.items() if bench.asks_for(case)]


def house(bench: Bench) -> Row:
    """Identified, and in a run that is not quick heated all three ways."""
    bench.say(HOUSE)
    data = read_house(bench.data_folder / "buildings" / "house_hourly.csv")
    started = time.process_time()
    if bench.quick:
        given = data.drop(columns="boiler_c")
        model = BuildingModel.fit(given.iloc[:-240], habit=None, starts=1, seed=bench.seed)
        ahead = model.ahead(given, since=given.index[-240])
        notes: tuple[str, ...] = ()
        facts: dict[str, Any] = {}
    else:
        prices = read_prices(
            bench.data_folder / "prices" / "Netherlands_day-ahead-2015-2024.csv", "UTC", start=data.index[0],
            end=data.index[-1] + pd.Timedelta(hours=1),
        )["import_eur_per_mwh"]  # fmt: skip
        found = house_study(data, prices, seed=bench.seed, tell=bench.say)
        model, ahead, week = found.model, found.ahead, found.study.weeks[0]
        before, after = week.ways[BASELINE], week.ways[PLANNED]
        kept = week.cost(PLANNED) < week.cost(BASELINE) and after.violation_kh <= before.violation_kh
        low, high = found.study.interval("cost")
        notes = (
            f"{verdict(kept, quick=False)}: EUR {week.cost(PLANNED):.2f} instead of {week.cost(BASELINE):.2f} by a "
            f"thermostat {week.lead_h:g} h early, {found.study.saving('cost'):.1%} (90 %: {low:.1%} … {high:.1%}), "
            "energy "
            f"{found.study.saving('energy_mwh'):.1%}, {after.violation_kh:.2f} instead of {before.violation_kh:.2f} "
            "K·h beyond the band in occupied hours; promised lower at equal or better comfort.",
            _of_the_plan(found.study),
        )
        facts = found.study.facts()
    took = time.process_time() - started
    low, high = ahead.interval()
    assert model.fitted is not None
    white = model.fitted.whiteness
    facts |= {"rmse_24h_k": ahead.rmse_k, "interval_90": [low, high], "structure": model.structure.name,
              "ljung_box_p": white.p_value, "lags_beyond_band": white.beyond}  # fmt: skip
    first = (
        f"{verdict(ahead.rmse_k <= MOST_RMSE_K, quick=False)}: 24 h ahead {ahead.rmse_k:.2f} K (90 %: {low:.2f} … "
        f"{high:.2f}) on ten days not seen, {model.structure.name}; promised {MOST_RMSE_K:g} K. Residuals "
        f"{'white' if white.white else 'not white'}, Ljung-Box p {white.p_value:.1g}, lags beyond {white.beyond}.",
    )
    return Row(NAME, HOUSE, 1, Rates((1 / took,), "studies per second of CPU time"), facts=facts, notes=first + notes)


def warehouse(bench: Bench) -> Row:
    """Ten weeks; a day in a quick run."""
    folder = bench.data_folder / "homes" / "fontana"
    weather = read_weather(folder / "weather.csv", start=FIRST_HOUR)
    tariff = pd.read_csv(folder / "pricing.csv").iloc[:, 0].to_numpy(dtype=float) * 1000.0
    prices = pd.Series(tariff, index=weather.index)
    site, started, weeks = example_warehouse(), time.process_time(), []
    for day in WEEKS[:1] if bench.quick else WEEKS:
        bench.say(f"{WAREHOUSE}: {day}")
        start = pd.Timestamp(day, tz="Etc/GMT+8").tz_convert("UTC")
        ahead = WeatherAhead.fit(weather["outdoor_c"], weather["sun_w_m2"], start)
        truth = site.uncertain(0.15, int(start.dayofyear))
        days, every, lead = (1, 4, 4.0) if bench.quick else (7, 2, None)
        weeks.append(run_week(truth, site, ahead, prices, start, days, zone=ZONE, every_h=every, lead_h=lead))
    study = HvacStudy("warehouse", weeks)
    took = time.process_time() - started
    low, high = study.interval("cost")
    saved = study.saving("cost")
    wrong = [float(np.sqrt(((week.expected - week.outdoor_c) ** 2).mean())) for week in weeks]
    text = (
        f"{verdict(study.violation_share <= ALLOWED, quick=bench.quick)}: synthetic building; {saved:.1%} of the money "
        f"saved (90 % of drawn weeks: {low:.1%} … {high:.1%}), energy {study.saving('energy_mwh'):.1%}, "
        f"with the band left in {study.violation_share:.2%} of occupied zone-hours; promised at most {ALLOWED:.0%}.",
        _of_the_plan(study),
    )
    facts = study.facts() | {"weather_rmse_k": wrong}
    rates = Rates((len(weeks) / took,), "weeks per second of CPU time, all ways")
    return Row(NAME, WAREHOUSE, len(weeks), rates, facts=facts, notes=text)


def _of_the_plan(study: HvacStudy) -> str:
    """What of the saving is the rule's, what the plan adds, and what the building holds less or more in the end."""
    low, high = study.interval("cost", against=RULE)
    return (
        f"Of that the rule alone, modulating without a plan, saves {study.saving('cost', way=RULE):.1%} of the money "
        f"and {study.saving('energy_mwh', way=RULE):.1%} of the energy; the plan adds to it "
        f"{study.saving('cost', against=RULE):.1%} (90 %: {low:.1%} … {high:.1%}) and "
        f"{study.saving('energy_mwh', against=RULE):.1%}. Heat left in the end: "
        f"{study.stored_more_mwh():+.3f} MWh beside thermostats, {study.stored_more_mwh(RULE):+.3f} beside the rule."
    )


def zones(bench: Bench) -> Row:
    """A warm plan of 100 rooms behind one heat pump and one chiller, each room next to the one before."""
    bench.say(ZONES)
    hour = np.arange(24)
    outdoor = 24 + 8 * np.sin((hour - 9) / 12 * np.pi)
    model = BuildingModel.of(
        indoor_mwh_per_k=0.004,
        mass_mwh_per_k=0.03,
        indoor_mass_mw_per_k=0.006,
        indoor_outdoor_mw_per_k=0.001,
        sun_m2=10.0,
    )
    sun = np.clip(800 * np.sin((hour - 6) / 12 * np.pi), 0, None)
    low, high = np.where((hour > 6) & (hour < 19), 21.0, 16.0), np.where((hour > 6) & (hour < 19), 25.0, 30.0)
    rooms = [
        Zone(model, low, high, initial_c=23 + 0.02 * k, sun_w_m2=sun, gains_mw=0.002, id=f"r{k}") for k in range(100)
    ]
    plant = [HvacMachine.chiller(2.0, outdoor), HvacMachine.heat_pump(2.0, outdoor)]
    index = pd.date_range("2026-07-01", periods=24, freq="h", tz="UTC")
    prices = pd.Series(
        80 - 60 * np.exp(-(((hour - 13) / 3) ** 2)) + 80 * np.exp(-(((hour - 19) / 2) ** 2)), index=index
    )
    took = {}
    for name, links in (("apart", []), ("coupled", [(f"r{k}", f"r{k + 1}", 0.0001) for k in range(99)])):
        building = Building(rooms, plant, outdoor, coupling=links)
        schedule([building], prices)
        started = time.process_time()
        assert schedule([building], prices).solved
        took[name] = time.process_time() - started
    slowest = max(took.values())
    text = (
        f"{verdict(slowest <= MOST_S, quick=False)}: {took['apart']:.2f} s of CPU time, {took['coupled']:.2f} s where "
        f"neighbours exchange heat; promised {MOST_S:g} s.",
    )
    rates = Rates((1 / slowest,), "plans per second of CPU time")
    return Row(NAME, ZONES, 100, rates, facts={"cpu_s": took}, notes=text)
