"""Rooms that exchange heat: by definition, in the real-time rule, and in plans at negative prices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from gridloop.io.weather_file import read_weather
from gridloop.operate.studies.warehouse import example_warehouse
from gridloop.optimize.building.model import BuildingModel
from gridloop.optimize.building.operation import run_given
from gridloop.optimize.check.plan import ScheduleCase, check_plan
from gridloop.optimize.devices.building import Building, Zone
from gridloop.optimize.devices.building_plant import HvacMachine
from gridloop.optimize.devices.building_steps import states_of
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.problems.schedule import schedule

HOUSE = BuildingModel.of(
    indoor_mwh_per_k=0.004, mass_mwh_per_k=0.03, indoor_mass_mw_per_k=0.006, indoor_outdoor_mw_per_k=0.001
)


def test_the_rule_minds_its_neighbours():
    """A cold room beside a warm one: 6 kW come through the wall, a quarter of a kelvin in five minutes."""
    cold = BuildingModel.of(
        indoor_mwh_per_k=0.002, mass_mwh_per_k=0.028, indoor_mass_mw_per_k=0.0036, indoor_outdoor_mw_per_k=0.0003
    )
    rooms = [
        Zone(cold, 2.0, 8.0, 5.0, cooling="low", heating=None, id="cold"),
        Zone(HOUSE, 21.0, 25.0, 23.0, id="warm"),
    ]
    machines = [HvacMachine.heat_pump(0.05, 25.0), HvacMachine.chiller(0.05, 25.0),
                HvacMachine.chiller(0.05, 25.0, supply_c=-8.0, id="frost", loop="low")]  # fmt: skip
    horizon = Horizon.regular(pd.date_range("2026-01-15", periods=24, freq="h", tz="UTC"))
    both = Building(rooms, machines, 25.0, coupling=[("cold", "warm", 0.0003)])
    for model in (None, both):
        ran = run_given(both, horizon, None, model=model)
        assert ran.violation_share == 0.0
        assert ran.air_c["cold"].iloc[-1] == approx(7.95, abs=0.02)  # just inside its band


@given(links=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=8, unique=True),
       seed=st.integers(0, 999))  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_neighbours_exchange_what_their_mean_difference_says(links, seed):
    """Flow = K · mean difference over both ends, each zone by its own equations with it: the definition, put in."""
    rng = np.random.default_rng(seed)
    pairs = [(a, b) for a, b in links if a != b]
    rooms = [Zone(HOUSE, initial_c=float(rng.uniform(10, 30)), id=f"r{k}") for k in range(5)]
    k_of = rng.uniform(0.0001, 0.02, len(pairs))
    coupling = [(f"r{a}", f"r{b}", float(k)) for (a, b), k in zip(pairs, k_of, strict=True)]
    states = states_of([Building(rooms, [HvacMachine.heat_pump(0.05, 5.0)], 5.0, coupling=coupling)], np.ones(1))
    heat = rng.uniform(0, 0.01, 5)
    end = states.after(0, states.start, heat)
    mean = (states.start + end)[states.first] / 2
    given_mw = np.zeros(5)
    for (a, b), k in zip(pairs, k_of, strict=True):
        given_mw[a] -= k * (mean[a] - mean[b])
        given_mw[b] += k * (mean[a] - mean[b])
    right = states.alone(0, states.start) + states.per_mw[:, 0] * heat[states.zone]
    assert end == approx(right + states.to_air[:, 0] * given_mw[states.zone], abs=1e-9)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(("hour", "lower"), [(132, 30.0), (136, 0.0)])
def test_twenty_coupled_rooms_at_negative_prices(data_dir: Path, hour: int, lower: float):
    """Hours of a CAISO week in which the solver lost digits with small pivots and called the result optimal."""
    table = pd.read_csv(data_dir / "prices" / "caiso_2020_day_ahead_and_regulation.csv")
    first = pd.Timestamp("2020-03-28 23:00", tz="UTC") + pd.Timedelta(hours=hour)
    recorded = pd.Series(1000.0 * table.iloc[:, 1].to_numpy(dtype=float),
                         index=pd.date_range("2020-01-01 08:00", periods=len(table), freq="h", tz="UTC"))  # fmt: skip
    index = pd.date_range(first, periods=24, freq="h", tz="UTC")
    weather = read_weather(data_dir / "homes" / "fontana" / "weather.csv",
                           start=pd.Timestamp("2016-08-01 00:00-08:00"))  # fmt: skip
    then = weather.loc[pd.DatetimeIndex([t.replace(year=2017) for t in index])]
    building = example_warehouse().building(index, then["outdoor_c"].to_numpy(), then["sun_w_m2"].to_numpy())
    prices = recorded.reindex(index) - lower
    plan = schedule([building], prices)
    assert plan.solved, plan.diagnosis
    told = check_plan(ScheduleCase([building], prices), plan, 1e-6)
    assert told.ok, told.sentences()
