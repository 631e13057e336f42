"""Weighed goals: the exchange rates with a pencil, and that a weight moves its goal."""

from __future__ import annotations

import pytest
from cars import cars
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from gridloop.errors import BadInput, OutOfRange
from gridloop.optimize.charging.planning import plan_charging
from gridloop.optimize.charging.weights import weigh_charging
from gridloop.optimize.devices.ev import EVFleet

TEXT = {"minimize_cost": 0.5, "minimize_peak": 0.3, "maximize_convenience": 0.2}


def test_weights_become_prices(prices):
    """One car, 1 MWh at 1 MW within four hours from now. Uncontrolled: 1 MWh at 80, peak 1 MW beside 1 MW of base load,
    no hour waited; at the latest three. So a MW of peak is worth 0.3 / 0.5 · 80 / 2, an hour 0.2 / 0.5 · 80 / 3."""
    found = weigh_charging(cars(("car", 0, 4, 1.0, 1.0)), prices([80, 40, 20, 10]), TEXT, base_mw=1.0)
    assert found.peak_price_per_mw == approx(0.6 * 80 / 2)
    assert found.waiting_price == approx(0.4 * 80 / 3)
    assert found.fleet.early_cost == approx(0.4 * 80 / 3 + 0.01)
    assert sum(found.weights.values()) == approx(1.0)


def test_the_plan_follows_the_weights(prices):
    """With 10.67 for an hour waited the hours cost 80, 50.67, 41.33 and 42, and a MW of peak 24. All at once in the
    third comes to 65.33, in halves to 53.67, in thirds without the first hour to 52.67, in quarters to 59.5."""
    table, values = cars(("car", 0, 4, 1.0, 1.0)), prices([80, 40, 20, 10])
    weighed = plan_charging(table, values, weights=TEXT, base_mw=1.0)
    assert weighed.charging.p_mw["car"].tolist() == approx([0.0, 1 / 3, 1 / 3, 1 / 3], abs=1e-5)
    cheap = plan_charging(table, values, weights={"minimize_cost": 1.0})
    assert cheap.charging.p_mw["car"].tolist() == approx([0.0, 0.0, 0.0, 1.0], abs=1e-5)
    soon = plan_charging(table, values, weights={"minimize_cost": 0.01, "maximize_convenience": 0.99})
    assert soon.charging.p_mw["car"].tolist() == approx([1.0, 0.0, 0.0, 0.0], abs=1e-5)
    flat = plan_charging(table, values, weights={"minimize_cost": 0.01, "minimize_peak": 0.99})
    assert flat.charging.p_mw["car"].tolist() == approx([0.25] * 4, abs=1e-5)


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        ({"minimise_cost": 1.0}, BadInput, "There is no goal minimise_cost; goals are minimize_cost, minimize_peak"),
        ({"minimize_cost": 0.5, "minimize_peak": -0.1}, OutOfRange, "look at minimize_peak"),
        ({"minimize_peak": 1.0}, OutOfRange, "minimize_cost needs a weight above 0"),
    ],
)
def test_weights_that_cannot_be_are_refused(prices, weights, error, message):
    with pytest.raises(error, match=message):
        weigh_charging(cars(("car", 0, 4, 1.0, 1.0)), prices([80, 40]), weights)


@settings(max_examples=7, deadline=None)
@given(
    st.lists(st.integers(5, 120), min_size=6, max_size=6),
    st.sampled_from(["minimize_cost", "minimize_peak", "maximize_convenience"]),
    st.lists(st.tuples(st.integers(0, 3), st.integers(2, 6), st.sampled_from([0.5, 1.5])), min_size=2, max_size=4),
)
def test_more_weight_never_makes_a_goal_worse(prices, values, goal, rows):
    """The goals are parts of one minimum: raising one weight alone cannot raise its own part."""
    table, money = cars(*((f"car {k}", a, a + d, e, 1.0) for k, (a, d, e) in enumerate(rows))), prices(values)

    def worth(weights: dict[str, float]) -> float:
        found = plan_charging(EVFleet(table, early_cost=0.0), money, weights=weights).charging
        waited = float((found.p_mw.sum(axis=1).to_numpy() * range(6)).sum())
        return {"minimize_cost": found.cost(money), "minimize_peak": found.peak_mw, "maximize_convenience": waited}[
            goal
        ]

    # 1e-5 of 20 MWh · hours or 2,000 money: what the solver's tolerance moves.
    assert worth({**TEXT, goal: TEXT[goal] + 0.4}) <= worth(TEXT) * (1 + 1e-5) + 1e-4


def test_what_can_wait_until_after_the_horizon_takes_nothing_from_convenience(prices):
    """`night` must charge 0.5 MWh in its two hours here: at once in the first, at the latest in the second. What it can
    have after the horizon changes nothing; with that alone there is nothing to weigh, and it is said."""
    stays = cars(("night", 2, 4.5, 1.0, 1.0))
    money = prices([80, 40, 20, 10])
    found = weigh_charging(stays, money, TEXT)
    uncontrolled = 1.0 * 20
    assert found.waiting_price == approx(0.4 * uncontrolled / 0.5)
    assert found.without_effect == []
    later = weigh_charging(cars(("night", 2, 9, 1.0, 1.0)), money, TEXT)
    assert later.waiting_price == 0.0
    assert later.without_effect == ["maximize_convenience"]
