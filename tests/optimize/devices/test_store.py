"""Water heaters, heat pumps and pumps: levels by a pencil, bands kept, and what cannot be kept named."""

from __future__ import annotations

from dataclasses import replace
from math import exp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.optimize.check import ScheduleCase, check_solution
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.heat_pump import HeatPump
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.pump import Pump
from gridloop.optimize.devices.water_heater import MWH_PER_LITRE_K, WaterHeater
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.schedule import schedule
from gridloop.testing import moment

MW = 1e-6  # ten times the solver's tolerance


def why(plan: Plan, device: str) -> tuple[str, str]:
    row = plan.setpoints().set_index("device").loc[device]
    return str(row["reason"]), str(row["binding"])


def test_a_tower_is_filled_before_the_dear_hour(prices):
    """100 m³ an hour are taken; 1 MWh lifts 100 m³; it holds 200, begins and ends with 100.

    Of 3 MWh, 2 fit into the hour at 10; the third is cheaper at 50 before than at 90 after.
    """
    pump = Pump(2.0, 100.0, 100.0, max_m3=200.0, initial_m3=100.0)
    plan = schedule([pump], prices([50, 10, 90]))
    assert plan.of("pump", "p_mw").tolist() == approx([1, 2, 0], abs=MW)
    assert plan.of("pump", "level_m3").tolist() == approx([100, 200, 100], abs=1e-4)
    assert plan.cost == approx(70.0, abs=1e-2)
    assert why(plan, "pump") == ("run_low_price", "")


def test_an_idle_tank_cools_towards_its_room(prices):
    """Insulation that loses the whole difference at its first rate in an hour keeps 1/e of it."""
    tank = WaterHeater(100.0, 0.0, loss_mw_per_k=100 * MWH_PER_LITRE_K, initial_c=60.0, end_value=0.0)
    plan = schedule([tank], prices([50, 50]))
    assert plan.of("water heater", "temperature_c").tolist() == approx([20 + 40 * exp(-1), 20 + 40 * exp(-2)], abs=1e-5)


def test_the_heat_of_what_is_drawn_is_put_back(prices):
    """60 litres at 40 °C from water of 12 °C carry 60 · 28 K: without losses that is what it takes, in a cheap hour."""
    tank = WaterHeater(200.0, 0.003, draw_l=np.array([0, 60.0, 0]), loss_mw_per_k=0.0)
    plan = schedule([tank], prices([50, 90, 20]))
    needed = 60 * 28 * MWH_PER_LITRE_K
    assert plan.of("water heater", "p_mw").tolist() == approx([0, 0, needed], abs=MW)
    assert plan.of("water heater", "temperature_c").iloc[1] == approx(55 - 60 * 28 / 200, abs=1e-5)
    assert why(plan, "water heater") == ("wait_cheaper", "")


def test_a_house_is_warmed_before_it_is_too_cold(prices):
    """No losses, 1 K an hour flows out; the band begins 1 K below: the first hour may be idle, the second not."""
    pump = HeatPump(
        1.0,
        1.0,
        0.0,
        0.0,
        cop=2.0,
        gains_mw=-1.0,
        min_c=20.0,
        max_c=30.0,
        initial_c=21.0,
        end_value=0.0,
        outside_cost=1000.0,
    )
    plan = schedule([pump], prices([90, 50, 10]))
    assert plan.of("heat pump", "p_mw").tolist() == approx([0, 0.5, 0.5], abs=MW)
    plan = schedule([replace(pump, initial_c=20.0)], prices([90, 50, 10]))
    assert plan.of("heat pump", "p_mw").iloc[0] == approx(0.5, abs=MW)
    assert why(plan, "heat pump") == ("run_for_comfort", "band")


def test_a_room_is_cooled_before_it_is_too_warm(prices):
    """The same turned over: 1 K an hour flows in, 1 K below the upper end of its band."""
    pump = HeatPump(
        1.0, 1.0, 0.0, 0.0, cop=2.0, gains_mw=1.0, min_c=10.0, max_c=26.0, initial_c=25.0, cooling=True, end_value=0.0,
        outside_cost=1000.0,
    )  # fmt: skip
    plan = schedule([pump], prices([90, 50, 10]))
    assert plan.of("heat pump", "p_mw").tolist() == approx([0, 0.5, 0.5], abs=MW)
    assert plan.of("heat pump", "temperature_c").tolist() == approx([26, 26, 26], abs=1e-5)


def test_at_the_end_of_its_band_it_rests(prices):
    pump = Pump(2.0, 100.0, 0.0, max_m3=200.0, initial_m3=200.0, end_value=10.0)
    assert why(schedule([pump], prices([50, 10])), "pump") == ("store_full", "band")


def test_it_waits_for_a_limit_and_says_which(prices):
    devices = [
        Pump(1.0, 100.0, 0.0, max_m3=200.0, min_m3=0.0, initial_m3=50.0, end_value=0.6),
        Load([2.0, 0.0], value_of_lost_load=50_000.0),
    ]
    plan = schedule(devices, prices([10, 30]), connection=Connection(import_limit_mw=2.0))
    assert plan.of("pump", "p_mw").tolist() == approx([0.0, 1.0], abs=MW)
    assert why(plan, "pump") == ("wait_for_limit", "import_limit:connection")


def test_time_outside_the_band_is_priced_where_it_cannot_be_kept(prices):
    """No power at all: 1 K colder every hour, from the lower end of the band."""
    house = HeatPump(0.0, 1.0, 0.0, 0.0, gains_mw=-1.0, min_c=20.0, initial_c=20.0, outside_cost=7.0, end_value=0.0)
    plan = schedule([house], prices([50, 50]))
    assert plan.parts["heat_pump_outside"] == approx(7 * (1 + 2))


COLD = HeatPump(
    0.5, 1.0, 0.1, np.array([0.0, -10.0, -20.0, 0.0]), min_c=20.0, max_c=22.0, initial_c=20.0, outside_cost=None,
    id="villa",
)  # fmt: skip


def test_a_hard_band_that_cannot_be_kept_is_refused_with_changes_that_each_would_do(prices):
    table = prices([50, 50, 50, 50])
    with pytest.raises(OutOfRange, match=r"villa: even at full power it misses min_c by .* K at 2016-") as caught:
        schedule([COLD], table)
    said = caught.value.args[0]
    lower, power = (float(said.split(word)[1].split()[0].rstrip(",")) for word in ("take min_c ", "max_mw "))
    assert lower < 20 and power > 0.5
    horizon = Horizon.regular(table.index)
    for enough, short in (
        ({"max_mw": power * 1.001}, {"max_mw": power * 0.99}),
        ({"min_c": lower - 0.01}, {"min_c": lower + 0.05}),
    ):
        assert replace(COLD, **enough).problems(horizon) == []
        assert schedule([replace(COLD, **enough)], table).status == "optimal"
        assert replace(COLD, **short).problems(horizon)
    assert schedule([replace(COLD, outside_cost=5.0)], table).status == "optimal"


def test_a_tank_that_overflows_by_itself_is_refused(prices):
    flooded = Pump(1.0, 100.0, -50.0, max_m3=120.0, initial_m3=100.0, outside_cost=None, id="pond")
    with pytest.raises(OutOfRange, match=r"pond: even without power it passes max_m3 by 80 m³ .* take max_m3 200"):
        schedule([flooded], prices([1, 2]))


def test_wrong_numbers_are_refused(prices):
    with pytest.raises(GapInSeries, match="1 of 2 values of outdoor_c"):
        HeatPump(1.0, 1.0, 0.1, np.array([0.0, np.nan]))
    with pytest.raises(OutOfRange, match=r"volume_l is 0.*min_c 70.0 is above max_c 65.0"):
        WaterHeater(0.0, 0.003, min_c=70.0)
    with pytest.raises(OutOfRange, match=r"initial_c is nan.*end_value is inf"):
        HeatPump(0.003, 0.01, 0.0002, -5.0, initial_c=np.nan, end_value=np.inf)
    with pytest.raises(OutOfRange, match=r"initial_c is nan.*ambient_c is nan"):
        WaterHeater(200.0, 0.003, initial_c=np.nan, ambient_c=np.nan)
    with pytest.raises(OutOfRange, match="end_value is nan"):
        Pump(1.0, 100.0, 1.0, 1.0, end_value=np.nan)
    with pytest.raises(OutOfRange, match="cop must be positive"):
        HeatPump(1.0, 1.0, 0.1, 0.0, cop=-3.0)
    with pytest.raises(OutOfRange, match="m3_per_mwh is 0"):
        Pump(1.0, 0.0, 1.0, 1.0)
    with pytest.raises(OutOfRange, match="draw_l has 3 values for 2 intervals"):
        schedule([WaterHeater(200.0, 0.003, draw_l=np.ones(3))], prices([1, 2]))


@st.composite
def houses(draw: st.DrawFn) -> HeatPump:
    low = draw(st.sampled_from([18.0, 20.0]))
    return HeatPump(
        draw(st.sampled_from([0.0, 0.002, 0.006])),
        draw(st.sampled_from([0.005, 0.02])),
        draw(st.sampled_from([0.0, 0.0002, 0.001])),
        np.array(draw(st.lists(st.integers(-15, 35), min_size=4, max_size=4)), dtype=float),
        cop=draw(st.sampled_from([1.0, 3.0])),
        min_c=low,
        max_c=low + draw(st.sampled_from([0.5, 4.0])),
        initial_c=draw(st.sampled_from([17.0, 20.0, 23.0])),
        cooling=draw(st.booleans()),
        outside_cost=draw(st.sampled_from([0.1, 2.0])),
        end_value=draw(st.sampled_from([None, 0.0, 0.05])),
        id="house",
    )


@settings(max_examples=25, deadline=None)
@given(houses(), st.lists(st.integers(-20, 200), min_size=4, max_size=4))
def test_plans_keep_the_physics_and_more_flexibility_never_costs_more(prices, house, values):
    table = prices(values)
    plan = schedule([house], table)
    found = check_solution(ScheduleCase([house], table), plan)
    assert found.ok, found.sentences()
    wider = replace(house, min_c=house.min_c - 1.0, max_c=house.max_c + 1.0)
    stronger = replace(house, max_mw=house.max_mw + 0.002)
    if house.end_value is not None:  # else where it should end moves along with what it can
        assert schedule([wider], table).cost <= plan.cost + 1e-5
        assert schedule([stronger], table).cost <= plan.cost + 1e-5


@settings(max_examples=10, deadline=None)
@given(houses(), st.lists(st.integers(-20, 200), min_size=4, max_size=4))
def test_cooling_is_heating_turned_over(prices, house, values):
    """All temperatures mirrored at 20 °C: the same power, the mirrored room."""
    other = replace(
        house,
        outdoor_c=40.0 - house.outdoor_c,
        min_c=40.0 - house.max_c,
        max_c=40.0 - house.min_c,
        initial_c=40.0 - house.initial_c,
        cooling=not house.cooling,
        end_value=None if house.end_value is None else -house.end_value,
    )
    plan, mirrored = schedule([house], prices(values)), schedule([other], prices(values))
    end = 0.0 if not house.end_value else 40.0 * house.end_value  # the worth of 20 °C, counted twice
    assert mirrored.cost == approx(plan.cost + end, abs=1e-4)
    assert moment() == plan.horizon.starts[0]
