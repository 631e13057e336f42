"""The checker's own power flow of a plan: what it finds of a grid's limits, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pytest import approx
from small_feeders import in_series
from three_phase_street import street

from gridloop.network.model import Network
from gridloop.optimize.check import ScheduleCase, check_solution
from gridloop.optimize.check.plan_flow import states_of
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.devices.tap_changer import TapChanger
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.schedule import schedule
from gridloop.testing import moment, village

STARTS = pd.date_range(moment(), periods=6, freq="1h")
PRICES = pd.Series([50.0, 50.0, 20.0, 20.0, 50.0, 50.0], index=STARTS)


@pytest.fixture(scope="module")
def net() -> Network:
    return village().edit("bus", {"farm": {"v_max_pu": 1.02}}, author="test", time=moment(), reason="")


@pytest.fixture(scope="module")
def devices() -> list[Any]:
    return [
        Load(np.linspace(1.5, 2.5, 6), 0.3, id="load", bus="mill"),
        Renewable(np.array([0.5, 1.5, 4.0, 5.0, 4.0, 1.0]), 20.0, 0.3, id="sun", bus="farm"),
        Battery(2.0, 0.7, 0.7, id="box", bus="mill"),
        TapChanger(("T1",), 0, -9, 9, id="tap", bus="busbar"),
    ]


@pytest.fixture(scope="module")
def plan(net: Network, devices: list[Any]) -> Plan:
    return schedule(devices, PRICES, network=net)


def moved(plan: Plan, device: str, quantity: str, by: float) -> Plan:
    at = (plan.table["device"] == device) & (plan.table["quantity"] == quantity)
    return replace(plan, table=plan.table.assign(value=plan.table["value"].where(~at, plan.table["value"] + by)))


def test_a_plan_on_a_balanced_grid_is_confirmed(net: Network, devices: list[Any], plan: Plan):
    found = check_solution(ScheduleCase(devices, PRICES, network=net), plan)
    assert found.ok, found.sentences()


def test_other_taps_than_those_planned_are_seen(net: Network, devices: list[Any], plan: Plan):
    said = check_solution(ScheduleCase(devices, PRICES, network=net), moved(plan, "tap", "tap_pos", 3.0)).sentences(40)
    assert any(text.startswith(("voltage_high of", "voltage_low of", "losses of")) for text in said)


def test_a_narrower_band_than_was_planned_for_is_seen(net: Network, devices: list[Any], plan: Plan):
    top = float(plan.check["v_max_pu"].max())
    narrow = net.edit(
        "bus", {b: {"v_max_pu": top - 0.002} for b in net.bus.index}, author="test", time=moment(), reason=""
    )
    said = check_solution(ScheduleCase(devices, PRICES, network=narrow), plan).sentences()
    assert said[0].startswith("voltage_high of") and "1.02 pu, 1.018" in said[0]


def test_losses_that_are_not_those_of_the_flow_are_seen(net: Network, devices: list[Any], plan: Plan):
    """The plan's own check says a tenth more: the balance still fits, the checker's flow does not."""
    lie = replace(plan, check=plan.check.assign(losses_mw=1.04 * plan.check["losses_mw"]))
    said = check_solution(ScheduleCase(devices, PRICES, network=net), lie).sentences(20)
    assert any(text.startswith("losses of AC flow") for text in said)


def test_states_of_a_pencil_on_one_phase():
    """9 MW on phase 2 behind 1 Ω at 10 kV: 0.9 per unit there, 1 MW lost, 1 kA in one conductor."""
    taken = {"home.2": np.array([9.0 + 0j]), "home.1-3": np.array([0j])}
    found = states_of(street(rating_ka=0.8), taken, {}, 1)
    at = dict(zip(found.nodes, found.v[:, 0], strict=True))
    assert (at["home.1"], at["home.2"], at["neighbour.2"]) == approx((1.0, 0.9, 0.9), abs=1e-9)
    assert found.losses[0] == approx(1.0, abs=1e-8)
    assert found.loading[found.branches.index("long"), 0] == approx(125.0, abs=1e-6)


def test_a_flow_without_a_solution_is_not_passed_over():
    load = Load(np.array([12.0]), sheddable=0.0, id="load", bus="home.2")
    plan = schedule([load], PRICES.iloc[:1], network=street())
    heavier = [replace(load, p_mw=np.array([50.0]))]
    said = check_solution(ScheduleCase(heavier, PRICES.iloc[:1], network=street()), plan).sentences(20)
    assert any("power flow of AC" in text for text in said)


def test_what_a_limit_gave_way_by_is_believed_only_as_far_as_it_is_so():
    load = Load(np.array([12.0]), sheddable=0.0, id="load", bus="home.2")
    feeder = street(band=(0.9, 1.1))
    plan = schedule([load], PRICES.iloc[:1], network=feeder)
    case = ScheduleCase([load], PRICES.iloc[:1], network=feeder)
    assert check_solution(case, plan).ok
    told_less = replace(plan, gave_way={name: amount - 0.5 for name, amount in plan.gave_way.items()})
    said = check_solution(case, told_less).sentences()
    assert any(text.startswith("voltage_low of home.2") for text in said)


@pytest.fixture(scope="module")
def hunt() -> tuple[ScheduleCase, Plan]:
    """Two regulators answer one voltage at once: 7 steps are missing, each takes 4, each takes 1 back, and again."""
    feeder = in_series((15.0, 15.0), band_v=0.5, v_set_v=119.25, monitored_bus="c")
    load = Load(np.array([0.0, 1e-3]), sheddable=0.0, id="load", bus="c.1")
    return ScheduleCase([load], PRICES.iloc[:2], network=feeder), schedule([load], PRICES.iloc[:2], network=feeder)


def test_regulators_that_never_rest_are_named_by_the_plan(hunt: tuple[ScheduleCase, Plan]):
    case, plan = hunt
    assert plan.status == "optimal" and not plan.settled and list(plan.check["hunting"]) == ["rt, ru"] * 2
    assert plan.diagnosis is not None and plan.diagnosis.status == "controls_not_settled"
    assert plan.diagnosis.facts["ids"] == ["rt", "ru"] and len(plan.diagnosis.facts["intervals"]) == 2
    assert list(plan.check["taps"]) in (["3 3"] * 2, ["4 4"] * 2)
    found = check_solution(case, plan)
    assert found.ok, found.sentences()


def test_a_plan_that_hides_them_is_refused_with_their_names(hunt: tuple[ScheduleCase, Plan]):
    case, plan = hunt
    for silent in (
        replace(plan, settled=True),
        replace(plan, check=plan.check.assign(hunting="")),
        replace(plan, check=plan.check.drop(columns="hunting")),
    ):
        said = check_solution(case, silent).sentences(9)
        assert sum(text.startswith(("steps still wanted of rt", "steps still wanted of ru")) for text in said) == 4


def test_voltages_of_regulators_that_hunt_are_those_of_the_taps_told(hunt: tuple[ScheduleCase, Plan]):
    """Without load the far end has 0.95 (1 + 0.00625 n)²."""
    _, plan = hunt
    steps = int(plan.check["taps"].iloc[0].split()[0])
    assert plan.check["v_max_pu"].iloc[0] == approx(0.95 * (1 + 0.00625 * steps) ** 2, abs=1e-6)


@pytest.mark.parametrize("spoilt", [1e300, -1e300, np.inf])
def test_a_tap_that_no_changer_has_is_refused(net: Network, devices: list[Any], plan: Plan, spoilt: float):
    found = check_solution(ScheduleCase(devices, PRICES, network=net), moved(plan, "tap", "tap_pos", spoilt))
    assert not found.ok and any("tap" in text for text in found.sentences(20))
