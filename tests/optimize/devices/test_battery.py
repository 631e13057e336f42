"""Batteries: arbitrage by pencil, losses, the band, both directions at once, and reasons."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from gridloop.errors import OutOfRange
from gridloop.optimize.check import ScheduleCase, check_solution
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.load import Load
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.schedule import schedule

LOSSLESS = {"charge_efficiency": 1.0, "discharge_efficiency": 1.0, "degradation_cost": 0.0, "early_cost": 0.0}


def _why(plan: Plan, device: str = "battery") -> tuple[str, str]:
    row = plan.setpoints().set_index("device").loc[device]
    return str(row["reason"]), str(row["binding"])


def test_buys_cheap_and_sells_dear(prices):
    """1 MWh moves from 10 to 100 per MWh: it costs 10, earns 100 and wears 2."""
    battery = Battery(1.0, 1.0, 1.0, **LOSSLESS | {"degradation_cost": 2.0}, initial_soc=0.0, end_value_per_mwh=0.0)
    plan = schedule([battery], prices([10, 100]))
    assert plan.of("battery", "p_mw").tolist() == approx([1.0, -1.0])
    assert plan.of("battery", "soc").tolist() == approx([1.0, 0.0])
    assert plan.cost == approx(10 - 100 + 2)
    assert plan.parts["battery_wear"] == approx(2.0)
    assert _why(plan) == ("charge_low_price", "")


def test_a_spread_below_its_losses_is_not_worth_moving(prices):
    """Buying at 90 and selling 0.9 · 0.9 of it at 100 earns 81: stay."""
    battery = Battery(1.0, 1.0, 1.0, 0.9, 0.9, initial_soc=0.5, end_value_per_mwh=91.0)
    plan = schedule([battery], prices([90, 100]))
    assert plan.of("battery", "p_mw").tolist() == approx([0.0, 0.0], abs=1e-7)
    assert _why(plan) == ("wait_for_spread", "")


def test_self_discharge_is_a_share_per_day(prices):
    """Of 10 MWh a tenth is lost in a day: after 12 hours 10 · 0.9 ** 0.5 are left."""
    battery = Battery(10.0, 0.0, 0.0, initial_soc=1.0, self_discharge_per_day=0.1)
    plan = schedule([battery], prices([50] * 12))
    assert plan.of("battery", "soc").iloc[-1] == approx(0.9**0.5)


@pytest.mark.parametrize("price", [20.0, 80.0])
def test_a_flat_price_moves_nothing(prices, price):
    """What is left at the end is worth what its sale would bring: neither hoard nor empty."""
    plan = schedule([Battery(1.0, 1.0, 1.0)], prices([price] * 3))
    assert plan.of("battery", "p_mw").tolist() == approx([0.0] * 3, abs=1e-7)


def test_ties_break_early(prices):
    """Two hours are equally cheap, two equally dear: it fills 0.95 + 0.05 MWh, and empties in the first dear one."""
    battery = Battery(1.0, 1.0, 1.0, initial_soc=0.0, end_value_per_mwh=0.0)
    plan = schedule([battery], prices([10, 10, 100, 100]))
    assert plan.of("battery", "p_mw").tolist() == approx([1.0, 0.05 / 0.95, -0.95, 0.0], abs=1e-6)


@pytest.mark.parametrize(("initial", "price"), [(0.05, 200.0), (0.95, 5.0)])
def test_found_outside_its_band_it_comes_back_at_once(prices, initial, price):
    """It stands at 5 % (or 95 %) of a band of 20 … 80 %, and comes back although the price says the opposite."""
    battery = Battery(1.0, 1.0, 1.0, initial_soc=initial, min_soc=0.2, max_soc=0.8, end_value_per_mwh=price)
    plan = schedule([battery], prices([price] * 3))
    soc = plan.of("battery", "soc").to_numpy()
    assert (soc > 0.2 - 1e-7).all()
    assert (soc < 0.8 + 1e-7).all()


def test_outside_its_band_and_too_weak_it_comes_back_as_far_as_it_can(prices):
    """15 % of 1 MWh are missing; 0.1 MW brings 0.095 in an hour."""
    battery = Battery(1.0, 0.1, 0.1, initial_soc=0.05, min_soc=0.2)
    plan = schedule([battery], prices([50.0, 50.0, 50.0]))
    assert plan.of("battery", "soc").tolist() == approx([0.145, 0.2, 0.2], abs=1e-6)


@pytest.mark.parametrize("initial", [0.1, 0.2])
def test_a_battery_that_cannot_hold_its_least_charge_is_no_contradiction(prices, initial):
    battery = Battery(1.0, 0.0, 0.5, initial_soc=initial, min_soc=0.2, self_discharge_per_day=0.5)
    plan = schedule([battery], prices([500.0, 400.0]))
    assert plan.status == "optimal"
    assert plan.of("battery", "soc").tolist() == approx([initial * 0.5 ** (1 / 24), initial * 0.5 ** (2 / 24)])


@pytest.mark.parametrize("values", [[-50, -20, -80, -10], [-300, 40, -300, 20], [-5] * 4])
def test_negative_prices_never_make_it_burn_energy(prices, values):
    """The linear plan would charge and discharge at once to lose energy: the state of charge has to follow the net."""
    battery = Battery(1.0, 1.0, 1.0, 0.8, 0.8, initial_soc=0.5, degradation_cost=0.0)
    plan = schedule([battery], prices(values))
    power = plan.of("battery", "p_mw").to_numpy()
    change = np.where(power > 0, 0.8 * power, power / 0.8)
    assert plan.of("battery", "soc").to_numpy() == approx(0.5 + np.cumsum(change), abs=1e-6)


def test_a_full_and_an_empty_battery_say_so(prices):
    full = Battery(1.0, 1.0, 1.0, initial_soc=1.0, end_value_per_mwh=500.0, id="full")
    empty = Battery(1.0, 1.0, 1.0, initial_soc=0.0, end_value_per_mwh=0.0, id="empty")
    plan = schedule([full, empty], prices([50, 50]))
    assert _why(plan, "full") == ("full", "max_soc")
    assert _why(plan, "empty") == ("empty", "min_soc")


def test_it_shaves_a_contracted_peak_and_says_that_it_does(prices):
    """Load 3 MW in the first hour, 1 MW in the second; 2 MW are contracted: the missing one comes from the battery."""
    battery = Battery(2.0, 1.0, 1.0, **LOSSLESS, initial_soc=0.5, end_value_per_mwh=60.0)
    connection = Connection(contracted_peak_mw=2.0, peak_price_per_mw=1_000.0)
    plan = schedule([battery, Load(np.array([3.0, 1.0]))], prices([50, 50]), connection=connection)
    assert plan.wide("import_mw")["connection"].iloc[0] == approx(2.0)
    assert plan.parts["peak"] == approx(0.0)
    assert _why(plan) == ("relieve_limit", "contracted_peak:connection")


def test_it_waits_for_a_limit_and_says_which(prices):
    """It would charge at 10, but the import stands at its limit."""
    battery = Battery(1.0, 1.0, 1.0, initial_soc=0.5, end_value_per_mwh=60.0)
    plan = schedule([battery, Load(np.full(2, 2.0))], prices([10, 55]), connection=Connection(import_limit_mw=2.0))
    assert plan.of("battery", "p_mw").iloc[0] == approx(0.0, abs=1e-6)
    assert _why(plan) == ("wait_for_limit", "import_limit:connection")


def test_wrong_numbers_are_named_all_at_once():
    with pytest.raises(OutOfRange) as caught:
        Battery(0.0, -1.0, 1.0, charge_efficiency=1.2, min_soc=0.9, max_soc=0.2, id="b7")
    message = str(caught.value)
    assert "b7" in message
    assert all(word in message for word in ("capacity_mwh", "max_charge_mw", "charge_efficiency", "min_soc 0.9"))
    assert len(caught.value.facts["problems"]) == 4


def test_a_plan_knows_its_time_in_utc(prices):
    table = prices([10, 100]).tz_convert("Europe/Berlin")
    table.index = table.index.as_unit("s")
    plan = schedule([Battery(1.0, 1.0, 1.0)], table)
    assert str(plan.table["valid_at"].dtype) == "datetime64[ns, UTC]"
    assert plan.table["valid_at"].min() == pd.Timestamp("2016-07-25", tz="UTC")


@pytest.mark.parametrize("worth", [np.nan, np.inf])
def test_a_worth_that_is_no_number_is_refused(worth):
    with pytest.raises(OutOfRange, match="end_value_per_mwh is"):
        Battery(1.0, 1.0, 1.0, end_value_per_mwh=worth)


def test_a_band_that_is_left_on_both_sides_costs_the_same_alone_and_beside_a_load(prices):
    """Full above its band at first, it loses what it cannot charge, and may end below: both sides are priced."""
    battery = Battery(10.0, 0.0, 5.0, min_soc=0.2, max_soc=0.8, initial_soc=1.0, self_discharge_per_day=0.9)
    table = prices([50.0] * 24)
    alone, beside = schedule([battery], table), schedule([battery, Load(np.zeros(24))], table)
    soc = beside.of("battery", "soc").to_numpy()
    assert soc.min() < 0.2
    outside = 10.0 * np.maximum(np.maximum(0.2 - soc, soc - 0.8), 0.0).sum()
    assert beside.parts["battery_band"] == approx(100.0 * outside)
    assert beside.cost == approx(alone.cost)
    assert check_solution(ScheduleCase([battery, Load(np.zeros(24))], table), beside).ok
