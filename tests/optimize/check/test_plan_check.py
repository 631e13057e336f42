"""The checker of plans: honest plans pass, every rule broken once is named, and one spoilt number is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

import gridloop as gl
from gridloop.errors import BadInput
from gridloop.network.model import Network
from gridloop.optimize.check import Checked, ScheduleCase, check_solution, refusal
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.devices.tap_changer import TapChanger
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.schedule import schedule
from gridloop.testing import moment, village

N = 6
STARTS = pd.date_range(moment(), periods=N, freq="1h")
PRICES = pd.DataFrame(
    {"import_eur_per_mwh": [60.0, 70, 90, 40, 30, 80], "export_eur_per_mwh": [50.0, 55, 70, 30, 20, 60]}, index=STARTS
)
CARS = pd.DataFrame(
    {
        "bus": "mill", "arrival": [moment(), moment(2)], "departure": [moment(5), moment(9)],
        "energy_mwh": [0.3, 0.9], "max_charge_mw": [0.2, 0.2],
    },
    index=["red car", "blue car"],
)  # fmt: skip
CONNECTION = Connection(import_limit_mw=3.0, export_limit_mw=4.0, contracted_peak_mw=1.0, peak_price_per_mw=50.0)


def devices(battery: Battery | None = None, cars: pd.DataFrame = CARS, sun: float = 5.0) -> list[Any]:
    shape = np.array([0.1, 0.3, 0.8, 1.0, 0.8, 0.2])
    return [
        Load(np.linspace(1.5, 2.5, N), 0.3, id="load", bus="mill", sheddable=0.8),
        Renewable(sun * shape, 20.0, 0.3, id="sun", bus="farm"),
        Renewable(np.full(N, 0.4), 20.0, curtailable=False, id="mill wheel", bus="mill"),
        battery or Battery(2.0, 0.7, 0.7, id="battery", bus="mill", min_soc=0.1, self_discharge_per_day=0.05),
        EVFleet(cars),
        TapChanger(("T1",), 0, -3, 3, id="tap", bus="busbar"),
    ]


def narrow(net: Network) -> Network:
    """A voltage limit at the far end that the sun can break."""
    return net.edit("bus", {"farm": {"v_max_pu": 1.02}}, author="test", time=moment(), reason="")


def made(what: list[Any], connection: Connection = CONNECTION, **options: Any) -> tuple[ScheduleCase, Plan]:
    plan = schedule(what, PRICES, connection=connection, **options)
    assert plan.status == "optimal"
    return ScheduleCase(what, PRICES, connection, previous=options.get("previous")), plan


@pytest.fixture(scope="module")
def copper() -> tuple[ScheduleCase, Plan]:
    return made(devices())


@pytest.fixture(scope="module")
def feeder(copper: tuple[ScheduleCase, Plan]) -> tuple[ScheduleCase, Plan]:
    """The same in the village, following the copper plate's plan."""
    return made(devices(), network=narrow(village()), previous=copper[1])


def kinds(found: Checked) -> set[tuple[str, str]]:
    return set(zip(found.findings["kind"], found.findings["element"], strict=True))


def with_value(plan: Plan, device: str, quantity: str, step: int, value: float) -> Plan:
    table = plan.table.copy()
    mine = (table["device"] == device) & (table["quantity"] == quantity) & (table["valid_at"] == STARTS[step])
    table.loc[mine, "value"] = value
    return replace(plan, table=table)


# ----- honest plans ----------------------------------------------------------------------------------------


def test_honest_plans_pass_and_cost_what_they_say(copper: Any, feeder: Any):
    for case, plan in (copper, feeder):
        found = gl.check_solution(case, plan)
        assert found.ok, found.sentences()
        assert found.cost == approx(plan.cost, rel=1e-9)
        assert found.worst_pu < 1e-7  # the solver's own tolerance, in MW
        assert refusal(case, plan) is None


OUTSIDE = Battery(2.0, 0.7, 0.7, id="battery", bus="mill", min_soc=0.4, max_soc=0.9, initial_soc=0.1)
CANNOT_HOLD = Battery(2.0, 0.0, 0.7, id="battery", bus="mill", min_soc=0.5, self_discharge_per_day=0.5)


@pytest.mark.parametrize(
    ("what", "connection"),
    [
        (devices(OUTSIDE), CONNECTION),
        (devices(CANNOT_HOLD), CONNECTION),
        (devices(replace(OUTSIDE, initial_soc=1.0, end_value_per_mwh=0.0)), CONNECTION),
        (devices(cars=CARS.assign(energy_mwh=2.0)), CONNECTION),  # more than fits: they leave short
        (devices(sun=30.0), CONNECTION),  # curtailed
        (devices(), Connection(0.2, 0.1, id="cable")),  # shed, curtailed, or the limit gives way
        (devices(), Connection(0.2, 0.1, limit_price=10.0, id="cable")),
        (devices()[:1], Connection()),
        (devices()[1:2], Connection()),
        ([], Connection()),
    ],
)  # fmt: skip
@pytest.mark.parametrize("network", [None, narrow(village())])
def test_hard_but_honest_plans_pass(what: list[Any], connection: Connection, network: Network | None):
    case, plan = made(what, connection, network=network)
    found = check_solution(case, plan)
    assert found.ok, found.sentences()
    assert found.cost == approx(plan.cost, rel=1e-7, abs=1e-6)
    assert sum(plan.parts.values()) == approx(plan.cost, rel=1e-7, abs=1e-6)


def test_free_energy_that_is_burnt_only_once_passes():
    """Below zero a linear plan would charge and discharge at once; the settled one does not."""
    prices = PRICES - 100.0
    plan = schedule(devices(), prices, connection=CONNECTION)
    assert check_solution(ScheduleCase(devices(), prices, CONNECTION), plan).ok


def test_what_limits_of_the_grid_cost_is_a_part_of_the_bill():
    """A limit that no measure can keep: its price is in the parts, and without it the plan is refused."""
    net = village().edit("bus", {"farm": {"v_max_pu": 0.99, "v_min_pu": 0.9}}, author="test", time=moment(), reason="")
    case, plan = made(devices()[:1], network=net)
    assert plan.gave_way and plan.parts["grid_limit"] > 0
    assert sum(plan.parts.values()) == approx(plan.cost)
    assert check_solution(case, plan).ok
    without = {name: money for name, money in plan.parts.items() if name != "grid_limit"}
    found = kinds(check_solution(case, replace(plan, parts=without)))
    assert {("cost of what gave way", name) for name in plan.gave_way} <= found


# ----- every rule broken once ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("device", "quantity", "step", "value", "expected"),
    [
        ("battery", "p_mw", 1, 0.8, ("charging", "battery")),
        ("battery", "p_mw", 1, -0.8, ("discharging", "battery")),
        ("battery", "soc", 5, 0.95, ("stored energy (more than was charged)", "battery")),
        ("battery", "soc", 2, 0.05, ("stored energy (below the band)", "battery")),
        ("battery", "soc", 2, 1.05, ("stored energy (above the band)", "battery")),
        ("red car", "p_mw", 5, 0.1, ("charging", "red car")),
        ("red car", "p_mw", 1, -0.1, ("charging", "red car")),
        ("blue car", "p_mw", 1, 0.1, ("charging", "blue car")),
        ("sun", "p_mw", 3, 5.1, ("output (more than there is)", "sun")),
        ("sun", "p_mw", 3, -0.1, ("output", "sun")),
        ("mill wheel", "p_mw", 3, 0.3, ("output", "mill wheel")),
        ("sun", "q_mvar", 3, -0.4, ("reactive power", "sun")),
        ("load", "unserved_mw", 3, -0.1, ("load not served", "load")),
        ("load", "unserved_mw", 0, 1.3, ("load not served", "load")),
        ("tap", "tap_pos", 2, 0.5, ("whole tap position", "tap")),
        ("tap", "tap_pos", 2, 4.0, ("tap position", "tap")),
        ("tap", "tap_pos", 2, -4.0, ("tap position", "tap")),
        ("tap", "tap_pos", 2, 3.0, ("tap moves", "tap")),
        ("connection", "import_mw", 0, 3.1, ("import", "connection")),
        ("connection", "export_mw", 0, 4.1, ("export", "connection")),
        ("connection", "import_mw", 0, -0.1, ("import", "connection")),
        ("connection", "export_mw", 0, 1.0, ("import and export at once", "connection")),
        ("connection", "import_mw", 4, 2.0, ("power balance", "connection")),
        ("load", "unserved_mw", 3, 0.2, ("power balance", "connection")),
        ("load", "unserved_mw", 3, 0.2, ("cost", "unserved_load")),
        ("sun", "p_mw", 3, np.nan, ("value", "sun p_mw")),
    ],
)
def test_each_rule_is_checked(
    device: str, quantity: str, step: int, value: float, expected: tuple[str, str], feeder: tuple[ScheduleCase, Plan]
):
    case, plan = feeder
    assert expected in kinds(check_solution(case, with_value(plan, device, quantity, step, value)))


def test_both_directions_at_once_show_as_lost_energy(copper: tuple[ScheduleCase, Plan]):
    """0.2 MW more both ways: the net power stays, 0.2 · (1 / 0.95 − 0.95) MWh are gone from then on."""
    case, plan = copper
    table = plan.table.copy()
    later = (table["device"] == "battery") & (table["quantity"] == "soc") & (table["valid_at"] >= STARTS[2])
    table.loc[later, "value"] -= 0.2 * (1 / 0.95 - 0.95) / 2.0
    found = check_solution(case, replace(plan, table=table))
    assert ("stored energy (lost, or both directions at once)", "battery") in kinds(found)


def test_a_session_gets_no_more_than_it_needs(copper: tuple[ScheduleCase, Plan]):
    case, plan = copper
    less = [EVFleet(CARS.assign(energy_mwh=[0.2, 0.9])) if isinstance(d, EVFleet) else d for d in case.devices]
    assert ("energy of a session", "red car") in kinds(check_solution(replace(case, devices=less), plan))


def test_what_a_driver_leaves_without_is_paid_for(copper: tuple[ScheduleCase, Plan]):
    case, plan = copper
    more = [EVFleet(CARS.assign(energy_mwh=[0.5, 0.9])) if isinstance(d, EVFleet) else d for d in case.devices]
    assert ("cost", "ev_unserved") in kinds(check_solution(replace(case, devices=more), plan))


def test_limits_give_way_by_name_and_no_further():
    case, plan = made(devices()[:1], Connection(1.0, 1.0, limit_price=10.0, id="cable"))
    assert plan.gave_way == {"import_limit:cable": approx(1.5)}
    assert check_solution(case, plan).ok
    for told, expected in (
        ({}, ("import", "cable")),
        ({"import_limit:cable": 1.4}, ("import", "cable")),
        ({"import_limit:cable": 1.6}, ("import limit that gave way", "cable")),
    ):
        assert expected in kinds(check_solution(case, replace(plan, gave_way=told)))


ROWS: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], tuple[str, str]]] = {
    "one is missing": (lambda t: t.drop(index=t.index[t["device"] == "battery"][2]), ("value", "battery p_mw")),
    "one is twice there": (lambda t: pd.concat([t, t.iloc[[0]]]), ("rows", "battery p_mw")),
    "one is nobody's": (
        lambda t: pd.concat([t, t.iloc[[0]].assign(device="ghost")]), ("row of nobody, or of no interval", "ghost")
    ),
    "another time": (
        lambda t: t.assign(valid_at=t["valid_at"] + pd.Timedelta(minutes=1)),
        ("row of nobody, or of no interval", "battery"),
    ),
    "another length": (lambda t: t.assign(hours=0.5), ("length of an interval", "sun p_mw")),
    "another bus": (
        lambda t: t.assign(bus=t["bus"].mask(t["device"] == "sun", "mill")), ("row of nobody, or of no interval", "sun")
    ),
    "no reason": (lambda t: t.assign(reason=t["reason"].mask(t["device"] == "tap", "")), ("reason", "tap tap_pos")),
    "no column": (lambda t: t.drop(columns="reason"), ("column", "reason")),
}  # fmt: skip


@pytest.mark.parametrize("how", list(ROWS))
def test_rows_are_all_there_once_with_a_reason(how: str, copper: tuple[ScheduleCase, Plan]):
    case, plan = copper
    change, expected = ROWS[how]
    found = check_solution(case, replace(plan, table=change(plan.table)))
    assert expected in kinds(found)


def test_the_order_of_rows_means_nothing(feeder: tuple[ScheduleCase, Plan]):
    case, plan = feeder
    assert check_solution(case, replace(plan, table=plan.table.sample(frac=1.0, random_state=3))).ok


def test_losses_are_those_of_the_ac_flow(feeder: tuple[ScheduleCase, Plan]):
    """5 kW and 5 % of them are allowed between plan and AC (docs/math/schedule.md), no more; and they must be there."""
    case, plan = feeder
    more = plan.check.assign(losses_mw=plan.check["losses_mw"] * 1.11 + 0.011)
    assert ("power balance", "connection") in kinds(check_solution(case, replace(plan, check=more)))
    assert ("losses", "AC flow") in kinds(check_solution(case, replace(plan, check=more.drop(columns="losses_mw"))))
    assert ("losses", "AC flow") in kinds(check_solution(case, replace(plan, check=more.iloc[:3])))


def test_a_plan_that_says_it_is_not_settled_may_differ_later_but_not_now(feeder: tuple[ScheduleCase, Plan]):
    case, plan = feeder
    for step in (0, 3):
        off = plan.check.assign(losses_mw=plan.check["losses_mw"] + 0.5 * (np.arange(N) == step))
        assert not check_solution(case, replace(plan, check=off)).ok
        assert check_solution(case, replace(plan, check=off, settled=False)).ok == (step == 3)


@pytest.mark.parametrize("spoil", [lambda x: x * 1.01, lambda x: x + 1.0, lambda x: np.nan])
def test_every_part_of_the_cost_is_compared(spoil: Callable[[float], float], feeder: tuple[ScheduleCase, Plan]):
    case, plan = feeder
    for name, money in plan.parts.items():
        if spoil(money) == money:
            continue
        found = kinds(check_solution(case, replace(plan, parts={**plan.parts, name: spoil(money)})))
        assert ("cost", "import and export" if name in ("import", "export") else name) in found
        left_out = {other: m for other, m in plan.parts.items() if other != name}
        assert ("cost", name) in kinds(check_solution(case, replace(plan, parts=left_out)))
    assert ("cost", "total") in kinds(check_solution(case, replace(plan, cost=spoil(plan.cost))))
    assert ("cost", "luck") in kinds(check_solution(case, replace(plan, parts={**plan.parts, "luck": -1.0})))


def test_what_leaving_the_last_plan_costs_is_recomputed(feeder: tuple[ScheduleCase, Plan]):
    case, plan = feeder
    assert plan.parts["changes"] > 0
    assert ("cost", "changes") in kinds(check_solution(replace(case, change_cost=0.1), plan))
    assert check_solution(replace(case, previous=None), plan).ok, "unknown: taken as told"


def test_a_plan_needs_its_case_and_one_without_solution_says_so(copper: tuple[ScheduleCase, Plan]):
    case, plan = copper
    with pytest.raises(BadInput, match="ScheduleCase"):
        check_solution(village(), plan)
    found = check_solution(case, replace(plan, status="infeasible"))
    assert not found.ok and list(found.findings["kind"]) == ["no solution"]


# ----- one spoilt number -----------------------------------------------------------------------------------

# Which parts of the bill, beside the device itself and the balance, may name a spoilt number of a kind.
PARTS = {
    "battery": {"battery_wear", "battery_waiting", "stored_energy", "changes"},
    "ev": {"ev_unserved", "ev_waiting", "changes"}, "renewable": {"curtailment", "reactive_power", "changes"},
    "load": {"unserved_load"}, "tap": {"tap_moves"}, "connection": {"import and export", "peak", "connection_limit"},
}  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_one_spoilt_number_is_found_and_named(data: st.DataObject, copper: Any, feeder: Any):
    """Any number of the table, off by 100 W or more, up or down.

    Within a network the balance leaves room for losses, and the bill decides: it is held to 1e-6 of some 300 EUR, which
    100 W for an hour exceed at every price above 3 EUR/MWh.
    """
    case, plan = data.draw(st.sampled_from([copper, feeder]))
    row = data.draw(st.integers(0, len(plan.table) - 1))
    size = data.draw(st.floats(1e-4, 10.0))
    off = data.draw(st.sampled_from([-size, size]))
    table = plan.table.copy()
    table.loc[row, "value"] += off
    found = check_solution(case, replace(plan, table=table))
    assert not found.ok, (table.loc[row].to_dict(), off)
    device, kind = str(table.loc[row, "device"]), str(table.loc[row, "kind"])
    named = set(found.findings["element"])
    assert named & {device, "connection", *PARTS[kind]}, named


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_plan_of_spoilt_numbers_never_breaks_the_checker(data: st.DataObject, feeder: Any):
    """With the network, as a tap that moves an hour later is as good a plan for everything else."""
    case, plan = feeder
    case = replace(case, network=narrow(village()))
    bad = st.sampled_from([np.nan, np.inf, -np.inf, 1e300, -1.0, 0.0])
    values = plan.table["value"].to_numpy().copy()
    for row in data.draw(st.lists(st.integers(0, len(values) - 1), min_size=1, max_size=5)):
        values[row] = data.draw(bad)
    found = check_solution(case, replace(plan, table=plan.table.assign(value=values)))
    # The checker forgives 1e-6 pu, 1e-4 MW: a solver's 1e-12 may as well be the 0 that was put in its place.
    spoilt = ~(np.abs(values - plan.table["value"].to_numpy()) <= 1e-4)
    assert found.ok == (not spoilt.any())
