"""Renewables: given as they come, curtailed for a price or for a limit, and reactive power."""

from __future__ import annotations

import numpy as np
import pytest
from pytest import approx

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.schedule import schedule


def why(plan: Plan, quantity: str = "p_mw", device: str = "sun") -> tuple[str, str]:
    rows = plan.setpoints()
    row = rows[(rows["device"] == device) & (rows["quantity"] == quantity)].iloc[0]
    return str(row["reason"]), str(row["binding"])


@pytest.mark.parametrize(("price", "power", "reason"), [(-19, 2.0, "available"), (-21, 0.0, "curtail_price")])
def test_it_is_curtailed_where_selling_costs_more_than_the_owner_gets(prices, price, power, reason):
    plan = schedule([Renewable(np.full(2, 2.0), curtailment_cost=20.0, id="sun")], prices([price, 30]))
    assert plan.of("sun", "p_mw").tolist() == approx([power, 2.0])
    assert why(plan) == (reason, "")
    assert plan.parts["curtailment"] == approx(20.0 * (2.0 - power))


def test_what_cannot_be_told_is_not_curtailed(prices):
    plan = schedule([Renewable(np.full(2, 2.0), curtailable=False, id="sun")], prices([-500, -500]))
    assert plan.of("sun", "p_mw").tolist() == approx([2.0, 2.0])
    assert why(plan) == ("available", "")


def test_an_export_limit_curtails_and_is_named(prices):
    """2 MW of sun, 0.5 MW of load, 1 MW may leave: half a MW is too much."""
    devices = [Renewable(np.full(2, 2.0), 20.0, id="sun"), Load(np.full(2, 0.5))]
    plan = schedule(devices, prices([50, 50]), connection=Connection(export_limit_mw=1.0))
    assert plan.of("sun", "p_mw").tolist() == approx([1.5, 1.5])
    assert why(plan) == ("curtail_limit", "export_limit:connection")
    assert plan.local_price[""].tolist() == approx([-20.0, -20.0])


def test_reactive_power_lowers_a_voltage_before_anything_is_curtailed(sunny_village, sunny_prices):
    """At noon the sun lifts the farm above its limit; its inverter takes reactive power; only the rest is cut."""
    sun = Renewable(np.full(6, 4.0), 20.0, 0.3, id="sun", bus="farm")
    plan = schedule([sun], sunny_prices, network=sunny_village)
    assert plan.of("sun", "q_mvar").tolist() == approx([-0.3] * 6)
    assert why(plan, "q_mvar") == ("lower_voltage", "voltage_high:farm")
    assert why(plan) == ("curtail_limit", "voltage_high:farm")
    assert (plan.check["v_max_pu"] <= 1.025).all()


def test_without_need_reactive_power_is_left_alone_or_saves_losses(sunny_village, sunny_prices):
    sun = Renewable(np.full(6, 0.1), 20.0, 0.3, reactive_cost=1.0, id="sun", bus="farm")
    load = Load(np.full(6, 0.1), id="load", bus="mill")
    plan = schedule([sun, load], sunny_prices, network=sunny_village)
    assert plan.of("sun", "q_mvar").tolist() == approx([0.0] * 6, abs=1e-7)
    assert why(plan, "q_mvar") == ("hold_unity", "")
    heavy = Load(np.full(6, 3.0), np.full(6, 2.0), id="load", bus="farm")
    cheap = Renewable(np.full(6, 0.1), 20.0, 0.3, reactive_cost=0.01, id="sun", bus="farm")
    plan = schedule([cheap, heavy], sunny_prices, network=sunny_village)
    assert plan.of("sun", "q_mvar").tolist() == approx([0.3] * 6)
    assert why(plan, "q_mvar") == ("lower_losses", "")


def test_gaps_and_wrong_signs_are_refused():
    with pytest.raises(GapInSeries, match="sun: 1 of 2"):
        Renewable(np.array([1.0, np.nan]), id="sun")
    with pytest.raises(OutOfRange, match="sun: available_mw falls to -1"):
        Renewable(np.array([1.0, -1.0]), id="sun")
    with pytest.raises(OutOfRange, match="q_limit_mvar"):
        Renewable(np.array([1.0]), q_limit_mvar=-0.1)
    with pytest.raises(OutOfRange, match="curtailment_cost is nan"):
        Renewable(np.array([1.0]), curtailment_cost=np.nan)


def test_one_interval_may_be_given_as_a_number(prices):
    assert schedule([Renewable(0.5)], prices([50])).status == "optimal"
