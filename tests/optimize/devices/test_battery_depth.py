"""Wear by depth of cycle: by pencil, by rainflow counting of the plan, and by one number where layers cost alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from gridloop.errors import BadInput, OutOfRange
from gridloop.optimize.ageing.depth import cost_by_depth
from gridloop.optimize.ageing.rainflow import cycles_of
from gridloop.optimize.ageing.report import battery_ageing
from gridloop.optimize.check import ScheduleCase, check_solution
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.battery_depth import dearer, wear_money
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.services import Regulation
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems import price_taking
from gridloop.optimize.problems.schedule import schedule
from gridloop.testing import moment

DEPTH = [(0.25, 2.0), (0.5, 6.0), (1.0, 20.0)]
IDEAL = Battery(4.0, 4.0, 4.0, 1.0, 1.0, initial_soc=0.0, degradation_cost=DEPTH, end_value_per_mwh=0.0, early_cost=0.0)


def fades(depth: np.ndarray, cost: Sequence[tuple[float, float]]) -> np.ndarray:
    """Φ(depth): money per MWh of capacity for a discharge that goes so deep."""
    upper = [d for d, _ in cost[:-1]] + [1.0]
    lower = [0.0, *upper[:-1]]
    return np.sum([m * np.clip(depth - a, 0, b - a) for a, b, (_, m) in zip(lower, upper, cost, strict=True)], axis=0)


def by_rainflow(battery: Battery, plan: Plan) -> float:
    """Σ Φ over the falling ranges: each closed cycle has one, and the residue those that go down."""
    soc = np.append(battery.initial_soc, plan.of(battery.id, "soc").to_numpy())
    found = cycles_of(np.round(soc, 9))
    falls = (found.count == 1.0) | (soc[found.start] > soc[found.end])
    cost = battery.degradation_cost
    assert isinstance(cost, Sequence)
    return float(fades(found.depth[falls], cost).sum()) * battery.capacity_mwh * battery.discharge_efficiency


def test_only_as_deep_as_the_price_pays(prices):
    """10 and 20: a spread of 10 pays for 2 and for 6 per MWh, not for 20: half of 4 MWh is bought and sold."""
    plan = schedule([IDEAL], prices([10, 20]))
    assert plan.of("battery", "p_mw").tolist() == approx([2.0, -2.0], abs=1e-6)
    assert plan.parts["battery_wear"] == approx(1 * 2 + 1 * 6)
    assert plan.cost == approx(-20 + 8)


def test_a_cycle_within_a_cycle_is_counted_for_itself(prices):
    """Full at 0; 50 and 30 pay for 2 and 6, not for 20: 2 MWh out and in; all is sold at 100. Small 8, large 8 + 40."""
    plan = schedule([IDEAL], prices([0, 50, 30, 100]))
    assert plan.of("battery", "p_mw").tolist() == approx([4.0, -2.0, 2.0, -4.0], abs=1e-6)
    assert plan.parts["battery_wear"] == approx(8 + 48) == by_rainflow(IDEAL, plan)
    small = np.array([4.0, 0, 1.0, 0]), np.array([0, 1.0, 0, 4.0])
    assert wear_money(IDEAL, *small, np.ones(4)).tolist() == approx([0.0, 2.0, 0.0, 2 + 6 + 40])


def test_what_is_there_at_first_has_been_discharged_by_nobody(prices):
    """Half full: 2 MWh sold are a fall of one half, 2 + 6, whatever the layers were called."""
    plan = schedule([replace(IDEAL, initial_soc=0.5)], prices([90, 90]))
    assert plan.parts["battery_wear"] == approx(8.0)


def test_reasons_know_the_layer(prices):
    """Half full, nothing left in the first layer: 5 does not pay for the 6 of the second, 7 does."""
    drained = replace(IDEAL, initial_soc=0.25, degradation_cost=[(0.25, 6.0), (1.0, 20.0)])
    for price, reason in ((5.0, "wait_for_spread"), (7.0, "discharge_high_price")):
        plan = schedule([drained], prices([price, price]))
        assert plan.setpoints().set_index("device").loc["battery", "reason"] == reason


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        ([(0.5, 2.0), (0.4, 3.0)], "they must rise"),
        ([(0.5, 3.0), (1.0, 2.0)], "a deeper layer must not cost less"),
        ([(0.5, -1.0)], "they must not be negative"),
        ([(0.5, float("nan"))], "they must not be negative"),
        ([(1.5, 1.0)], "to 1 at most"),
        ([], "they must rise"),
        ([0.5, 1.0], "pairs"),
        (-1.0, "must not be negative"),
        (np.array([1.0, 2.0]), "one number, or pairs"),
    ],
)
def test_costs_that_are_none_are_refused(cost: object, words: str):
    with pytest.raises(OutOfRange, match=words):
        Battery(1.0, 1.0, 1.0, degradation_cost=cost, id="cell")  # type: ignore[arg-type]


def test_one_number_for_comparisons():
    assert IDEAL.wear_per_mwh == approx((2 + 6 + 40) / 4)
    assert replace(IDEAL, min_soc=0.5).wear_per_mwh == approx(4.0)
    assert Battery(1.0, 1.0, 1.0, degradation_cost=3.0).wear_per_mwh == 3.0
    assert dearer(DEPTH, 1.0) == [(0.25, 3.0), (0.5, 7.0), (1.0, 21.0)] and dearer(1.0, 2.0) == 3.0


def test_the_exact_schedule_of_one_cost_declines(prices, monkeypatch):
    monkeypatch.setattr(price_taking, "plan", lambda *_: pytest.fail("it knows one cost only"))
    assert schedule([IDEAL], prices([10, 20])).status == "optimal"


spots = st.lists(st.integers(-20, 120).map(float), min_size=6, max_size=14)
batteries = st.builds(
    replace,
    st.just(Battery(4.0, 2.0, 2.0)),
    charge_efficiency=st.sampled_from([1.0, 0.9]),
    discharge_efficiency=st.sampled_from([1.0, 0.95]),
    initial_soc=st.sampled_from([0.1, 0.5, 0.9, 1.0]),
    min_soc=st.sampled_from([0.0, 0.1]),
    max_soc=st.sampled_from([0.9, 1.0]),
    degradation_cost=st.sampled_from([DEPTH, [(0.1, 0.0), (0.3, 8.0), (0.7, 9.0)], [(1.0, 5.0)]]),
)


@settings(max_examples=25, deadline=None)
@given(spots, batteries)
def test_the_plan_costs_what_rainflow_counts(prices, values, battery):
    table = prices([max(v, 1.0) for v in values])
    plan = schedule([battery], table)
    assert check_solution(ScheduleCase([battery], table), plan).ok
    assert plan.parts["battery_wear"] == approx(by_rainflow(battery, plan), abs=1e-5)


@settings(max_examples=15, deadline=None)
@given(spots, batteries, st.sampled_from([0.0, 0.1]))
def test_layers_that_cost_alike_are_one_cost(prices, values, battery, loss):
    """Behind a peak, with services, self-discharge and negative prices: the same cost, to the solver's tolerance."""
    steps = len(values)
    table = prices(values).assign(regulation_up_eur_per_mw=4.0, regulation_down_eur_per_mw=3.0)
    battery = replace(battery, regulation=Regulation(0.2, 0.3), self_discharge_per_day=loss)
    rest = [Load(np.linspace(0.0, 3.0, steps))]
    link = Connection(contracted_peak_mw=1.0, peak_price_per_mw=30.0)
    plans = []
    for cost in (5.0, [(0.2, 5.0), (0.7, 5.0), (1.0, 5.0)], DEPTH):
        devices = [replace(battery, degradation_cost=cost), *rest]
        plans.append(schedule(devices, table, connection=link))
        assert check_solution(ScheduleCase(devices, table, link), plans[-1]).ok
    assert plans[1].cost == approx(plans[0].cost, abs=1e-5, rel=1e-7)


def test_two_batteries_one_by_depth_and_one_not(prices):
    other = replace(IDEAL, id="plain", degradation_cost=6.0)
    table = prices([10, 20, 12, 30])
    plan = schedule([IDEAL, other], table)
    alone = schedule([IDEAL], table).cost + schedule([other], table).cost
    assert plan.cost == approx(alone, abs=1e-6)
    assert check_solution(ScheduleCase([IDEAL, other], table), plan).ok


@pytest.mark.parametrize("chemistry", ["nmc", "lfp", "nmc_18650", "lfp_26650"])
def test_a_model_of_ageing_gives_layers_that_cost_its_own_profile_the_same(chemistry: str):
    """Cycles of 0.5 every day: the layers down to 0.5 cost its marginal cost in the mean, deeper ones no less."""
    day = np.r_[np.linspace(0.75, 0.25, 12), np.linspace(0.25, 0.75, 12)]
    soc = pd.Series(np.tile(day, 5), pd.date_range(moment(), periods=120, freq="1h"))
    ageing = battery_ageing(soc, chemistry=chemistry)
    layers = cost_by_depth(ageing, soc, depths=(0.1, 0.3, 0.5, 1.0))
    cell = Battery(1.0, 1.0, 1.0, min_soc=0.25, max_soc=0.75, degradation_cost=layers)
    assert cell.wear_per_mwh == approx(ageing.marginal_cost_per_mwh, rel=1e-9)
    with pytest.raises(OutOfRange, match="must rise"):
        cost_by_depth(ageing, soc, depths=(0.5, 0.4))
    still = soc * 0 + 0.5
    with pytest.raises(BadInput, match="no price of cycles"):
        cost_by_depth(battery_ageing(still), still)
