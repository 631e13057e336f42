"""Weights: what they do to a plan, what they never do to its money, and which are refused."""

from __future__ import annotations

import pytest
from pytest import approx

from gridloop.errors import OutOfRange
from gridloop.optimize.check import ScheduleCase, check_solution
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.services import Regulation
from gridloop.optimize.problems.schedule import schedule

QUIET = Regulation(energy_h=1.0, called_up=0.0, called_down=0.0)


def _battery() -> Battery:
    """It can sell 1 MWh now for 50 more than it is worth later, or hold it ready."""
    return Battery(
        1.0, 0.0, 1.0, 1.0, 1.0, initial_soc=1.0, degradation_cost=0.0, end_value_per_mwh=10.0, regulation=QUIET
    )


def test_a_weight_is_a_factor_on_the_money_of_its_part(prices):
    """Selling brings 60 − 10 = 50, holding ready 70: weighted two to three it counts 46.7, and selling wins."""
    table = prices([60]).assign(regulation_up_eur_per_mw=70.0)
    held = schedule([_battery()], table)
    sold = schedule([_battery()], table, weights={"arbitrage": 0.6, "regulation": 0.4})
    assert held.of("battery", "regulation_up_mw").tolist() == approx([1.0])
    assert held.cost == approx(-70 - 10)
    assert sold.of("battery", "p_mw").tolist() == approx([-1.0])
    assert sold.cost == approx(-60)
    assert sum(sold.parts.values()) == approx(sold.cost)


def test_just_above_its_limit_the_service_wins(prices):
    """At 0.6 and 0.4 the service has to pay 50 · 0.6 / 0.4 = 75."""
    for price, held in ((74.0, 0.0), (76.0, 1.0)):
        table = prices([60]).assign(regulation_up_eur_per_mw=price)
        plan = schedule([_battery()], table, weights={"arbitrage": 0.6, "regulation": 0.4})
        assert plan.of("battery", "regulation_up_mw").tolist() == approx([held], abs=1e-6)
        assert check_solution(ScheduleCase([_battery()], table), plan).ok  # reported is money as it is


def test_only_the_ratio_counts(prices):
    table = prices([60, 20, 90]).assign(regulation_up_eur_per_mw=[20.0, 50.0, 20.0])
    plans = [
        schedule([_battery()], table, weights=weights)
        for weights in (None, {"arbitrage": 0.5, "regulation": 0.5}, {"arbitrage": 3.0, "regulation": 3.0}, {})
    ]
    assert all(plan.cost == approx(plans[0].cost) for plan in plans)
    assert all(plan.table["value"].to_numpy() == approx(plans[0].table["value"].to_numpy()) for plan in plans)


def test_a_peak_can_weigh_more(prices):
    """Keeping 1 MW of peak away costs 20 MWh-money and saves 15; weighted double it saves 30."""
    battery = Battery(1.0, 1.0, 1.0, 1.0, 1.0, initial_soc=1.0, degradation_cost=0.0, end_value_per_mwh=70.0)
    connection = Connection(contracted_peak_mw=1.0, peak_price_per_mw=15.0)
    case = [battery, Load([2.0])], prices([50])
    assert schedule(*case, connection=connection).parts["peak"] == approx(15.0)
    plan = schedule(*case, connection=connection, weights={"arbitrage": 1.0, "peak": 2.0})
    assert plan.parts["peak"] == approx(0.0, abs=1e-6)
    assert plan.cost == approx(50.0)


def test_wrong_weights_are_refused(prices):
    for weights, said in (
        ({"luck": 1.0}, "luck is no part.*arbitrage, regulation, reserve, peak"),
        ({"regulation": -1.0}, "regulation -1.0; a weight must not be negative"),
        ({"regulation": float("nan")}, "regulation nan"),
        ({"arbitrage": 0.0, "regulation": 1.0}, "arbitrage is 0"),
    ):
        with pytest.raises(OutOfRange, match=said):
            schedule([_battery()], prices([60]).assign(regulation_up_eur_per_mw=1.0), weights=weights)
