"""Robust plans: two futures that a pencil can follow, a chance for a limit, and laws of any scenarios."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx
from scipy.optimize import linprog

from gridloop.errors import BadInput, GapInSeries, OutOfRange
from gridloop.optimize.check import ScheduleCase, check_solution
from gridloop.optimize.devices import kinds
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.battery_group import BatteryGroup
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.devices.kinds import Device
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.devices.services import Reserve
from gridloop.optimize.devices.shiftable_run import ShiftableRun
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.labelled_model import LabelledModel
from gridloop.optimize.linear import add_rows
from gridloop.optimize.problems.schedule import schedule
from gridloop.optimize.robust.measure import cvar
from gridloop.optimize.robust.scenario import Scenario, mean_scenario, scenarios_from
from gridloop.optimize.robust.schedule import schedule_robust
from gridloop.testing import moment

# The solver keeps rows and bounds to 1e-7 per unit; bills of a few MWh at tens of money stay below this.
MONEY = 1e-4


def hours(count: int) -> pd.DatetimeIndex:
    return pd.date_range(moment(), periods=count, freq="1h")


def table(buy: list[float], sell: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"import_eur_per_mwh": buy, "export_eur_per_mwh": sell}, index=hours(len(buy)), dtype=float)


def series(values: list[float]) -> pd.Series:
    return pd.Series(values, index=hours(len(values)), dtype=float)


def battery(energy: float = 1.0, soc: float = 0.0, eta: float = 1.0) -> Battery:
    """1 MW each way without wear or habits, and without losses but those asked for: a pencil is enough."""
    return Battery(
        energy, 1.0, 1.0, eta, eta, initial_soc=soc, degradation_cost=0.0, early_cost=0.0, end_value_per_mwh=0.0, id="b"
    )


def two_futures() -> list[Scenario]:
    """A MWh costs 20 now. Later it sells for 50, or would cost 20 to get rid of and is kept."""
    return [
        Scenario([battery()], table([20, 60], [20, 50]), name="dear"),
        Scenario([battery()], table([20, 60], [20, -20]), name="cheap"),
    ]


# ----- pencil ------------------------------------------------------------------------------------


def test_two_futures_by_pencil() -> None:
    """Charging costs 20, and earns 50 or nothing: −30 and +20, −5 in the mean. The mean price of 15 does not."""
    plan = schedule_robust(two_futures(), level=0.5)
    assert plan.status == "optimal"
    assert plan.setpoints().set_index("device")["value"]["b"] == approx(1.0)
    assert plan.scenarios["cost"].to_dict() == approx({"dear": -30.0, "cheap": 20.0})
    assert plan.scenarios["cost_knowing"].to_dict() == approx({"dear": -30.0, "cheap": 0.0})
    assert (plan.mean, plan.cvar) == approx((-5.0, 20.0))
    assert (plan.knowing, plan.on_the_mean) == approx((-15.0, 0.0))
    assert (plan.value_of_stochastic, plan.value_of_information) == approx((5.0, 10.0))
    assert plan.plans["dear"].of("b", "p_mw").to_list() == approx([1.0, -1.0])
    assert plan.plans["cheap"].of("b", "p_mw").to_list() == approx([1.0, 0.0])


@pytest.mark.parametrize(("risk", "charged", "objective"), [(0.1, 1.0, -2.5), (0.5, 0.0, 0.0), (0.99, 0.0, 0.0)])
def test_whoever_minds_the_tail_does_not_bet(risk: float, charged: float, objective: float) -> None:
    """(1 − r) · (−5) + r · 20 per MWh charged: worth it below r = 0.2."""
    plan = schedule_robust(two_futures(), risk=risk, level=0.5)
    assert plan.setpoints()["value"].to_list() == approx([charged], abs=1e-6)
    assert plan.objective == approx(objective, abs=MONEY)


def test_the_reason_is_that_of_the_mean_of_the_scenarios() -> None:
    """A MWh costs 20 and is worth 25 in the mean; each scenario's plan says the same of what is decided for all."""
    plan = schedule_robust(two_futures())
    row = plan.setpoints().iloc[0]
    assert (row["reason"], row["shadow_price"]) == ("charge_low_price", approx(20.0))
    for name in ("dear", "cheap"):
        assert plan.plans[name].setpoints()["reason"].to_list() == ["charge_low_price"]


def test_weights_are_relative() -> None:
    """Three to one for the cheap future: 0.25 · 50 is below 20, so nobody charges."""
    dear, cheap = two_futures()
    plan = schedule_robust([replace(dear, weight=2.0), replace(cheap, weight=6.0)])
    assert plan.setpoints()["value"].to_list() == approx([0.0], abs=1e-6)
    assert plan.scenarios["weight"].to_list() == [0.25, 0.75]


@pytest.mark.parametrize(("chance", "charged"), [(0.25, 0.5), (0.5, 0.25), (0.9, 0.125 / 0.9)])
def test_chance_of_exceeding_the_limit(chance: float, charged: float) -> None:
    """Loads of 1, 1, 1 and 1.5 MW at a limit of 1 MW: the mean excess of the worst `chance` of the weight is none.

    Charging q now costs 50 and saves 10. The worst future exceeds by 0.5 − q, the others by −q. For the worst quarter
    q is 0.5; for the worst half (0.5 − q) − q = 0; for nine tenths 0.25 (0.5 − q) − 0.65 q = 0, where q = 0 would keep
    the chance itself: the approximation is conservative.
    """
    loads = np.array([[0, 1.0], [0, 1.0], [0, 1.0], [0, 1.5]])
    devices: list[Device] = [battery(), Load(np.zeros(2), id="town")]
    made = scenarios_from(devices, series([50, 10]), {("town", "p_mw"): loads})
    plan = schedule_robust(made, connection=Connection(import_limit_mw=1.0), chance=chance)
    assert plan.table.set_index("device")["value"]["b"] == approx(charged, abs=1e-6)
    assert plan.kept_weight >= 1 - chance
    assert plan.gave_way == {}


def test_a_chance_that_cannot_be_kept_is_missed_and_named() -> None:
    loads = np.array([[0, 3.0], [0, 4.0]])
    devices: list[Device] = [battery(), Load(np.zeros(2), sheddable=0.0, id="town")]
    made = scenarios_from(devices, series([50, 10]), {("town", "p_mw"): loads})
    plan = schedule_robust(made, connection=Connection(import_limit_mw=1.0), chance=0.5)
    assert plan.gave_way == approx({"chance:connection": 2.0})  # 4 MW less the battery's 1 MW less the limit
    assert plan.kept_weight == 0.0
    assert plan.objective == approx(plan.mean + 2.0 * 20_000.0 * 2)


def test_two_intervals_in_common() -> None:
    """With both intervals decided now the energy is sold blindly: 20 − 15 in the mean, so nobody charges."""
    plan = schedule_robust(two_futures(), common=2)
    assert plan.table["value"].to_list() == approx([0.0, 0.0], abs=1e-6)
    assert plan.objective == approx(0.0, abs=MONEY)
    assert plan.value_of_stochastic == approx(0.0, abs=MONEY)


def test_cvar_is_the_mean_of_the_dearest() -> None:
    costs, weights = np.array([1.0, 4.0, 2.0]), np.array([0.5, 0.2, 0.3])
    assert cvar(costs, weights, 0.8) == approx(4.0)
    assert cvar(costs, weights, 0.5) == approx((0.2 * 4 + 0.3 * 2) / 0.5)
    assert cvar(costs, weights, 0.0) == approx(weights @ costs)


# ----- laws --------------------------------------------------------------------------------------

money = st.floats(-30, 120, allow_nan=False).map(lambda v: round(v, 1))


@st.composite
def futures(draw: st.DrawFn) -> list[Scenario]:
    count, steps = draw(st.integers(2, 4)), draw(st.integers(2, 5))
    first = draw(money)
    prices = [series([first, *draw(st.lists(money, min_size=steps - 1, max_size=steps - 1))]) for _ in range(count)]
    sun = np.array([[1.0, *draw(st.lists(st.floats(0, 2), min_size=steps - 1, max_size=steps - 1))] for _ in prices])
    devices: list[Device] = [
        battery(2.0, draw(st.sampled_from([0.0, 0.5, 1.0])), 0.9),
        Renewable(np.zeros(steps), id="roof"),
        Load(np.full(steps, 0.7), id="house"),
    ]
    weights = draw(st.lists(st.sampled_from([1.0, 2.0, 5.0]), min_size=count, max_size=count))
    return scenarios_from(devices, prices, {("roof", "available_mw"): sun}, weights)


def positive(scenarios: list[Scenario]) -> bool:
    """No price below zero: settling which way a battery runs then never changes the optimum of the linear program."""
    return all((scenario.prices >= 0).all() for scenario in scenarios)


@settings(max_examples=6, deadline=None)
@given(futures(), st.sampled_from([0.0, 0.3, 0.8]))
def test_knowing_is_best_and_the_mean_alone_is_worst(scenarios: list[Scenario], risk: float) -> None:
    scenarios = [replace(s, prices=s.prices.clip(lower=0.0)) for s in scenarios]
    plan = schedule_robust(scenarios, risk=risk, level=0.7)
    slack = MONEY * (1 + abs(plan.objective))
    assert plan.knowing <= plan.objective + slack
    assert plan.objective <= plan.on_the_mean + slack
    assert plan.cvar >= plan.mean - slack
    assert plan.objective == approx((1 - risk) * plan.mean + risk * plan.cvar, abs=slack)
    assert plan.counts.sum() == approx(1.0)


@settings(max_examples=5, deadline=None)
@given(futures())
def test_more_care_never_raises_the_tail_nor_lowers_the_mean(scenarios: list[Scenario]) -> None:
    scenarios = [replace(s, prices=s.prices.clip(lower=0.0)) for s in scenarios]
    plans = [schedule_robust(scenarios, risk=risk, level=0.6) for risk in (0.0, 0.8)]
    for less, more in pairwise(plans):
        slack = 10 * MONEY * (1 + abs(less.objective))  # the solver's optimum over 1 − risk
        assert more.cvar <= less.cvar + slack
        assert more.mean >= less.mean - slack


@settings(max_examples=6, deadline=None)
@given(futures())
def test_every_scenario_has_a_plan_that_keeps_all_rules_and_the_common_decision(scenarios: list[Scenario]) -> None:
    """Checked by the rules of `optimize.check`, which share no code with the model; prices may be negative."""
    limits = Connection(import_limit_mw=1.5)
    plan = schedule_robust(scenarios, connection=limits, risk=0.5, level=0.5)
    decided = plan.setpoints().set_index("device")["value"]
    for scenario, (name, own) in zip(scenarios, plan.plans.items(), strict=True):
        found = check_solution(ScheduleCase(scenario.devices, scenario.prices, limits), own)
        assert found.ok, found.findings
        assert own.of("b", "p_mw").iloc[0] == approx(decided["b"], abs=1e-6)
        assert own.cost == approx(plan.scenarios["cost"][name])


@settings(max_examples=5, deadline=None)
@given(futures())
def test_one_scenario_and_the_same_twice_are_a_schedule(scenarios: list[Scenario]) -> None:
    one = scenarios[0]
    best = schedule(one.devices, one.prices)
    for several in ([one], [replace(one, name="a", weight=0.3), replace(one, name="b", weight=0.7)]):
        plan = schedule_robust(several, risk=0.2)
        assert plan.objective == approx(best.cost, abs=MONEY)
        if positive([one]):
            assert plan.value_of_stochastic == approx(0.0, abs=MONEY)
            assert plan.value_of_information == approx(0.0, abs=MONEY)


@pytest.mark.parametrize("risk", [0.0, 0.6])
def test_the_same_as_the_equations_written_down_by_hand(risk: float) -> None:
    """Three scenarios of one battery as a plain program in SciPy: (charge, discharge) per scenario and step, z, η."""
    steps, count, level, eta = 4, 3, 0.6, 0.9
    prices = np.array([[30, 10, 80, 50], [30, 60, 20, 90], [30, 25, 35, 45.0]])
    weights = np.array([0.5, 0.3, 0.2])
    own, n = 2 * steps, 2 * steps * count + count + 1
    costs = np.zeros((count, n))
    upper, room, same, nothing = [], [], [], []
    for s in range(count):
        costs[s, s * own : s * own + steps], costs[s, s * own + steps : (s + 1) * own] = prices[s], -prices[s]
        tail = -costs[s]
        tail[-1 - count + s], tail[-1] = 1.0, 1.0
        upper.append(-tail)  # z + η ≥ C
        room.append(0.0)
        for k in range(steps):
            stored = np.zeros(n)
            stored[s * own : s * own + k + 1], stored[s * own + steps : s * own + steps + k + 1] = eta, -1 / eta
            upper += [stored, -stored]
            room += [2.0 - 1.0, 1.0]  # from 1 MWh up to 2 and down to 0
        tie = np.zeros(n)
        tie[[0, steps]] += [1.0, -1.0]
        tie[[s * own, s * own + steps]] -= [1.0, -1.0]
        same.append(tie)
        nothing.append(0.0)
    objective = (1 - risk) * weights @ costs
    objective[-1 - count : -1], objective[-1] = risk * weights / (1 - level), risk
    bounds = [(0, 1)] * (own * count) + [(0, None)] * count + [(None, None)]
    by_hand = linprog(objective, np.array(upper), np.array(room), np.array(same), np.array(nothing), bounds)
    made = [Scenario([battery(2.0, 0.5, eta)], series(list(p)), w) for p, w in zip(prices, weights, strict=True)]
    plan = schedule_robust(made, risk=risk, level=level)
    assert plan.objective == approx(by_hand.fun, abs=MONEY)
    assert plan.setpoints()["value"].to_list() == approx([by_hand.x[0] - by_hand.x[steps]], abs=1e-6)


def test_the_same_input_gives_the_same_plan() -> None:
    first, again = (schedule_robust(two_futures(), risk=0.1, level=0.5) for _ in range(2))
    pd.testing.assert_frame_equal(first.table, again.table)
    assert first.facts() == again.facts()


def test_vehicles_that_come_in_one_scenario_only_are_not_here_yet() -> None:
    """The car that is here decides with the battery's rule; the one that may come has no decision in common."""
    at = hours(4)
    here = pd.DataFrame(
        {"bus": "", "arrival": at[0], "departure": at[3], "energy_mwh": 1.0, "max_charge_mw": 1.0}, index=["here"]
    )
    comes = pd.DataFrame(
        {"bus": "", "arrival": at[1], "departure": at[3], "energy_mwh": 1.0, "max_charge_mw": 1.0}, index=["comes"]
    )
    prices = series([30, 20, 40, 40])
    plan = schedule_robust([
        Scenario([EVFleet(here)], prices, name="alone"),
        Scenario([EVFleet(pd.concat([here, comes]))], prices, name="both"),
    ])  # fmt: skip
    assert plan.status == "optimal"
    assert plan.table["device"].to_list() == ["here"]
    assert np.isnan(plan.on_the_mean)
    assert plan.plans["both"].of("comes", "p_mw").sum() == approx(1.0)


def test_a_scenario_without_a_plan_is_named_by_its_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """The battery is made to hold 5 MWh wherever it starts full; it can hold 1."""

    class Sick(BatteryGroup):
        def add(self, model: LabelledModel, horizon: Horizon) -> None:
            super().add(model, horizon)
            if self.start[0] > 0:
                sick = pd.Index(["b"], name="battery")
                add_rows(model, "must_hold", [sick], [(self.energy.labels.values[:1, 1], 1.0)], ">=", 5.0)

    monkeypatch.setattr(kinds, "GROUPS", [(Battery, lambda batteries, market: Sick(batteries, market))])
    dear, cheap = two_futures()
    plan = schedule_robust([dear, replace(cheap, devices=[battery(soc=1.0)])])
    assert plan.status == "infeasible"
    assert plan.setpoints().empty
    assert np.isnan(plan.objective)
    assert plan.diagnosis is not None
    assert plan.diagnosis.facts["devices"] == ["b"]
    assert "must_hold[b]" in plan.diagnosis.facts["conflict"]


# ----- scenarios and what is refused -------------------------------------------------------------


def test_mean_scenario_is_the_weighted_mean_of_every_number() -> None:
    devices: list[Device] = [battery(), Load(np.zeros(2), id="town")]
    made = scenarios_from(
        devices, [series([10, 20]), series([10, 60])], {("town", "p_mw"): np.array([[1, 2], [1, 6]])}, [3, 1]
    )
    mean = mean_scenario(made)
    assert mean.devices[1].p_mw == approx([1.0, 3.0])  # type: ignore[union-attr]
    assert mean.devices[0] == battery()
    assert isinstance(mean.prices, pd.DataFrame)
    assert mean.prices["import_eur_per_mwh"].to_list() == approx([10.0, 30.0])


def test_refused_in_words() -> None:
    dear, cheap = two_futures()
    with pytest.raises(OutOfRange, match="There is no scenario"):
        schedule_robust([])
    with pytest.raises(OutOfRange, match="Weights of scenarios must be positive; the smallest is -1"):
        schedule_robust([dear, replace(cheap, weight=-1.0)])
    with pytest.raises(OutOfRange, match="used twice: dear"):
        schedule_robust([dear, replace(cheap, name="dear")])
    with pytest.raises(OutOfRange, match=r"risk is 1\.0; allowed is 0"):
        schedule_robust([dear, cheap], risk=1.0)
    with pytest.raises(OutOfRange, match="level is 1"):
        schedule_robust([dear, cheap], level=1)
    with pytest.raises(OutOfRange, match="chance is 0"):
        schedule_robust([dear, cheap], chance=0)
    with pytest.raises(OutOfRange, match="common is 3; allowed is 1 … 2"):
        schedule_robust([dear, cheap], common=3)
    with pytest.raises(OutOfRange, match="Scenario cheap: its prices are for other intervals than those of dear"):
        schedule_robust([dear, replace(cheap, prices=table([1, 1, 1], [1, 1, 1]))])
    with pytest.raises(GapInSeries, match="1 of 2 prices are missing"):
        schedule_robust([dear, replace(cheap, prices=series([20, np.nan]))])


def test_whole_decisions_and_services_beside_a_chance_are_refused() -> None:
    run = ShiftableRun(np.array([1.0]), pd.Timedelta("1h"), id="wash")
    with pytest.raises(BadInput, match=r"no whole decisions, and these devices ask for \d+ \(ShiftableRun\)"):
        schedule_robust([Scenario([run], series([1, 2, 3]))])
    paid = table([20, 60], [20, 50]).assign(reserve_eur_per_mw=5.0)
    ready = Scenario([replace(battery(2.0, 0.5), reserve=Reserve(energy_h=0.5))], paid)
    assert schedule_robust([ready]).status == "optimal"
    with pytest.raises(BadInput, match="keeps no room for calls of services"):
        schedule_robust([ready], connection=Connection(import_limit_mw=1.0), chance=0.1)


def test_scenarios_need_rows_for_ids_that_are_there() -> None:
    with pytest.raises(BadInput, match=r"series are given for .*roof.*the devices are .*b"):
        scenarios_from([battery()], series([1, 2]), {("roof", "available_mw"): np.zeros((2, 2))})
    with pytest.raises(BadInput, match=r"b has no .*soc.*; a Battery has .*initial_soc"):
        scenarios_from([battery()], series([1, 2]), {("b", "soc"): np.zeros(2)})
    with pytest.raises(OutOfRange, match=r"one row per scenario; there are: b\.initial_soc 2, weights 3"):
        scenarios_from([battery()], series([1, 2]), {("b", "initial_soc"): np.zeros(2)}, [1, 2, 3])
