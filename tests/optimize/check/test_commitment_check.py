"""The checker of commitments: two units by pencil, each rule broken once, starts by both rules, the reference data."""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from gridloop.errors import BadInput
from gridloop.network.unit_system import UnitSystem
from gridloop.optimize.check import Checked, CommitmentCase, check_solution
from gridloop.optimize.check.starts import start_costs

HOURS = 6


def system(**changes: Any) -> UnitSystem:
    """Coal on for 5 h (least 4 on, 3 off) and gas off for 2 h (least 2 on, 2 off), some wind, 10 MW of reserve."""
    unit = pd.DataFrame(
        {
            "p_min_mw": [50.0, 10.0], "p_max_mw": [150.0, 60.0],
            "ramp_up_mw_per_h": [40.0, 50.0], "ramp_down_mw_per_h": [40.0, 50.0],
            "start_max_mw": [80.0, 40.0], "stop_max_mw": [80.0, 40.0],
            "min_up_h": [4.0, 2.0], "min_down_h": [3.0, 2.0],
            "on_before": [True, False], "hours_before": [5.0, 2.0], "p_before_mw": [100.0, 0.0],
            "must_run": [False, False],
        },
        index=pd.Index(["coal", "gas"], name="id"),
    )  # fmt: skip
    cost = [
        ("coal", 50.0, 1000.0),
        ("coal", 100.0, 1500.0),
        ("coal", 150.0, 2500.0),
        ("gas", 10.0, 400.0),
        ("gas", 60.0, 2900.0),
    ]
    start = [("coal", 3.0, 500.0), ("coal", 8.0, 900.0), ("gas", 2.0, 100.0), ("gas", 5.0, 250.0)]
    wind = pd.DataFrame({"wind": [20.0, 30.0, 30.0, 10.0, 0.0, 20.0]})
    given = {
        "unit": unit,
        "cost": pd.DataFrame(cost, columns=["unit", "p_mw", "cost_per_h"]),
        "start": pd.DataFrame(start, columns=["unit", "off_h", "cost"]),
        "demand_mw": pd.Series([120.0, 140.0, 170.0, 180.0, 150.0, 120.0]),
        "reserve_mw": pd.Series(np.full(HOURS, 10.0)),
        "regulation_mw": pd.Series(np.zeros(HOURS)),
        "renewable_min_mw": wind * 0.0,
        "renewable_max_mw": wind,
        **changes,
    }
    return UnitSystem(**given)


def plan() -> SimpleNamespace:
    """Coal runs all day: 100 110 120 130 120 100. Gas runs from hour 2 to 4: 20 40 30. Wind gives all it can."""
    frame = lambda **columns: pd.DataFrame(columns, index=range(HOURS), dtype=float)  # noqa: E731
    coal, gas = np.array([100.0, 110, 120, 130, 120, 100]), np.array([0.0, 0, 20, 40, 30, 0])
    # Coal: 1500 at 100 MW, then 20 per MW. Gas: 400 at 10 MW, then 50 per MW. A start of gas, 2 + 2 h off: 100.
    cost = (1500 + 20 * (coal - 100)).sum() + (400 + 50 * (gas[2:5] - 10)).sum() + 100
    return SimpleNamespace(
        status="optimal",
        objective=float(cost),
        on=frame(coal=np.ones(HOURS), gas=[0, 0, 1, 1, 1, 0]),
        p_mw=frame(coal=coal, gas=gas),
        reserve_mw=frame(coal=[10.0] * HOURS, gas=np.zeros(HOURS)),
        regulation_mw=pd.DataFrame(),
        renewable_mw=frame(wind=[20.0, 30, 30, 10, 0, 20]),
    )


def kinds(found: Checked) -> set[tuple[str, str, Any]]:
    return set(zip(found.findings["kind"], found.findings["element"], found.findings["hour"], strict=True))


def test_the_plan_by_pencil_passes():
    found = check_solution(system(), plan())
    assert found.findings.empty
    assert found.ok
    assert found.cost == approx(9000 + 20 * 80 + 1200 + 50 * 60 + 100)


def test_hours_may_stand_across():
    turned = plan()
    for name in ("on", "p_mw", "reserve_mw", "renewable_mw"):
        setattr(turned, name, getattr(turned, name).T)
    assert check_solution(system(), turned).ok


RULES: dict[str, tuple[dict[tuple[str, str], Any], tuple[str, str, int]]] = {
    # what is broken → changes of the table of units, what has to be found
    "output above most": ({("gas", "p_max_mw"): 39.0}, ("output with reserve", "gas", 3)),
    "output below least": ({("gas", "p_min_mw"): 21.0}, ("output", "gas", 2)),
    "reserve eats the room": ({("coal", "p_max_mw"): 139.0}, ("output with reserve", "coal", 3)),
    "ramp up": ({("coal", "ramp_up_mw_per_h"): 19.0}, ("ramp up", "coal", 1)),
    "ramp up into the first hour": ({("coal", "p_before_mw"): 60.0}, ("ramp up", "coal", 0)),
    "ramp down": ({("coal", "ramp_down_mw_per_h"): 19.0}, ("ramp down", "coal", 5)),
    "first hour of a run": ({("gas", "start_max_mw"): 19.0}, ("output in the first hour", "gas", 2)),
    "last hour of a run": ({("gas", "stop_max_mw"): 29.0}, ("output in the last hour", "gas", 4)),
    "least time on": ({("gas", "min_up_h"): 4.0}, ("least time on", "gas", 5)),
    "least time off, from before": ({("gas", "min_down_h"): 5.0}, ("least time off", "gas", 2)),
    "must run": ({("gas", "must_run"): True}, ("must run", "gas", 0)),
}


@pytest.mark.parametrize("rule", list(RULES))
def test_each_rule_is_checked(rule: str):
    changes, expected = RULES[rule]
    base = system()
    unit = base.unit.copy()
    for (name, column), value in changes.items():
        unit.loc[name, column] = value
    # A curve has to run from p_min to p_max; what it costs is not the point here.
    corners = [
        (name, float(unit.at[name, end]), cost)
        for name in unit.index
        for end, cost in (("p_min_mw", 0.0), ("p_max_mw", 9.0))
    ]
    cost = pd.DataFrame(corners, columns=["unit", "p_mw", "cost_per_h"])
    found = check_solution(base.with_(unit=unit, cost=cost), plan())
    assert not found.ok
    assert expected in kinds(found)


def test_a_stop_before_its_time_and_at_too_much_power():
    """Coal has been on for 5 h at 100 MW, and stops at once: more than its 80 MW. On for 2 h: not allowed at all."""
    unit = system().unit
    unit.loc["coal", "hours_before"] = 2.0
    off = plan()
    off.on["coal"] = 0.0
    off.p_mw["coal"] = off.reserve_mw["coal"] = 0.0
    found = kinds(check_solution(system(unit=unit), off))
    assert ("least time on", "coal", 0) in found
    assert ("least time on", "coal", 1) in found
    assert ("least time on", "coal", 2) not in found
    assert {kind for kind, _, _ in found} >= {"output before a stop at once", "balance", "reserve", "objective"}


def test_maintenance_is_kept():
    there = pd.DataFrame({"coal": [True] * 6, "gas": [True, True, True, False, True, True]})
    assert ("on in maintenance", "gas", 3) in kinds(check_solution(system(available=there), plan()))


def test_maintenance_comes_before_a_least_time():
    """Coal, on for 1 h at 60 MW, has to stay on for 3 h more; in hour 0 it is out all the same, in hours 1 and 2 it is
    there again, and should run."""
    unit = system().unit
    unit.loc["coal", ["hours_before", "p_before_mw", "min_down_h"]] = [1.0, 60.0, 1.0]
    there = pd.DataFrame({"coal": [False] + [True] * 5, "gas": [True] * 6})
    off = plan()
    off.on["coal"] = 0.0
    found = {(kind, hour) for kind, element, hour in kinds(check_solution(system(unit=unit, available=there), off))}
    assert {hour for kind, hour in found if kind == "least time on"} == {1, 2}


def test_starts_cost_by_the_hours_off_before():
    """Gas was off for 2 h: a start in hour 0 costs 100, and so does one after 2 h off; one after 2 + 3 h costs 250."""
    on = np.ones((HOURS, 2), dtype=bool)
    on[2:4, 1] = False
    assert start_costs(system(), on).tolist() == [0.0, 200.0]
    on[:3, 1], on[3:, 1] = False, True
    assert start_costs(system(), on).tolist() == [0.0, 250.0]


def test_starts_cost_as_in_the_reference_model():
    """Off before for 2 h, tier of 5 h next: a hot start is allowed up to hour 3 (t ≤ 5 − 2), whatever happened since;
    in hours 4 and 5 (t = 4) it is not, though the unit may have stopped 2 h ago."""
    pglib = system(start_rule="pglib")
    on = np.zeros((HOURS, 2), dtype=bool)
    on[:, 0] = True
    on[2, 1] = True  # t = 3
    assert start_costs(pglib, on)[1] == 100.0
    on[2, 1], on[3, 1] = False, True  # t = 4
    assert start_costs(pglib, on)[1] == 250.0
    on[:, 1] = [True, False, False, True, True, True]  # t = 1 hot; t = 4: stopped 2 h ago, but before hour 5
    assert start_costs(pglib, on)[1] == 100.0 + 250.0
    assert start_costs(system(), on)[1] == 100.0 + 100.0
    on[:, 1] = [True, True, False, False, True, True]  # t = 5: the stop 2 h ago counts
    assert start_costs(pglib, on)[1] == 100.0 + 100.0


def test_storage_and_flexible_load():
    """A battery takes 10 MW, stores 9 and gives 8.1; 5 MW of load move from hour 3 to 5, and 2 MW are shed at 300."""
    storage = pd.DataFrame(
        {
            "charge_max_mw": [10.0], "discharge_max_mw": [10.0], "energy_max_mwh": [20.0], "energy_before_mwh": [1.0],
            "energy_end_mwh": [1.0], "charge_efficiency": [0.9], "discharge_efficiency": [0.9],
        },
        index=["battery"],
    )  # fmt: skip
    flexible = pd.DataFrame(
        {"curtail_max_mw": [4.0], "curtail_cost_per_mwh": [300.0], "shift_max_mw": [6.0], "shift_within_h": [6]},
        index=["works"],
    )
    more = plan()
    frame = lambda values, name: pd.DataFrame({name: np.array(values, dtype=float)})  # noqa: E731
    more.charge_mw = frame([10, 0, 0, 0, 0, 0], "battery")
    more.discharge_mw = frame([0, 0, 0, 8.1, 0, 0], "battery")
    more.energy_mwh = frame([10, 10, 10, 1, 1, 1], "battery")
    more.curtailed_mw = frame([0, 0, 0, 0, 2, 0], "works")
    more.left_out_mw = frame([0, 0, 0, 5, 0, 0], "works")
    more.made_up_mw = frame([0, 0, 0, 0, 0, 5], "works")
    demand = system().demand_mw + pd.Series([-10.0, 0, 0, 8.1 + 5.0, 2.0, -5.0])
    more.objective += 600.0
    case = system(storage=storage, flexible=flexible, demand_mw=demand)
    assert check_solution(case, more).ok, check_solution(case, more).findings
    for name, column, hour, kind in (
        ("charge_mw", "battery", 0, "stored energy"),
        ("energy_mwh", "battery", 5, "energy at the end"),
        ("made_up_mw", "works", 5, "load still owed"),
        ("curtailed_mw", "works", 4, "balance"),
    ):
        wrong = copy.deepcopy(more)
        getattr(wrong, name).loc[hour, column] -= 0.5
        assert kind in {k for k, _, _ in kinds(check_solution(case, wrong))}


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_every_planted_error_is_found_and_named(data: st.DataObject):
    """One value off by ten times the tolerance or more: found, with its unit or the hour's balance, in its hour."""
    wrong = plan()
    name = data.draw(st.sampled_from(["p_mw", "renewable_mw", "on", "reserve_mw"]))
    frame = getattr(wrong, name)
    column, hour = data.draw(st.sampled_from(list(frame.columns))), data.draw(st.integers(0, HOURS - 1))
    if name == "on":
        frame.loc[hour, column] = 1.0 - frame.loc[hour, column] if data.draw(st.booleans()) else 0.4
    elif name == "reserve_mw":
        frame.loc[hour, column] -= data.draw(st.floats(1e-3, 20.0))
    else:
        frame.loc[hour, column] += data.draw(st.floats(1e-3, 20.0)) * data.draw(st.sampled_from([-1.0, 1.0]))
    found = check_solution(system(), wrong)
    assert not found.ok
    places = {(element, place) for _, element, place in kinds(found)}
    assert places & {(column, hour), ("demand", hour), ("all units", hour)}


@pytest.mark.parametrize("name", ["on", "p_mw", "reserve_mw", "renewable_mw"])
def test_a_gap_is_refused(name: str):
    wrong = plan()
    getattr(wrong, name).iloc[2, 0] = np.nan
    found = check_solution(system(), wrong)
    assert not found.ok
    assert np.isnan(found.worst_pu)
    assert 2 in set(found.findings["hour"])
    wrong = plan()
    setattr(wrong, name, getattr(wrong, name).iloc[:, :0])
    assert not check_solution(system(), wrong).ok


def test_the_objective_is_recomputed():
    wrong = plan()
    wrong.objective *= 0.999
    assert {kind for kind, _, _ in kinds(check_solution(system(), wrong))} == {"objective"}


def test_scenarios_are_checked_each_with_its_own_demand():
    """Two futures, one of 5 MW more, which coal gives at 20: half as likely, the objective rises by 6 · 5 · 20 / 2."""
    more = plan()
    more.p_mw["coal"] += 5.0
    both = plan()
    both.outcomes = [plan(), more]
    both.objective = plan().objective + 300.0
    scenarios = [
        SimpleNamespace(probability=0.5, demand_mw=None, renewable_max_mw=None),
        SimpleNamespace(probability=0.5, demand_mw=system().demand_mw + 5.0, renewable_max_mw=None),
    ]
    found = check_solution(CommitmentCase(system(), scenarios), both)
    assert found.ok, found.findings
    both.outcomes = [plan(), plan()]
    assert "balance" in {kind for kind, _, _ in kinds(check_solution(CommitmentCase(system(), scenarios), both))}
    with pytest.raises(BadInput, match="serves 2 scenarios and the case has 1"):
        check_solution(system(), both)


def test_commitments_pass():
    from gridloop.optimize.problems.commitment import commit_units

    solution = commit_units(system(), gap=1e-6)
    found = check_solution(system(), solution)
    assert found.ok, found.findings
    assert found.cost == approx(solution.objective)
    assert solution.objective <= plan().objective + 1e-6


@pytest.mark.data
def test_a_commitment_of_the_reference_data_passes(data_dir: Path):
    """A day of fifty units, with ramps, tiers and reserve, priced as PGLib's reference model does."""
    from gridloop.io.pglib_uc import read_units
    from gridloop.optimize.problems.commitment import commit_units

    case = read_units(next((data_dir / "networks" / "pglib_uc" / "rts_gmlc").glob("2020-02-09*.json"))).between(0, 24)
    case = case.of_units(list(case.unit.index[:50]))
    case = case.with_(demand_mw=case.demand_mw * 0.6, reserve_mw=case.reserve_mw * 0.6)
    solution = commit_units(case, gap=0.02, time_limit_s=30.0)
    assert solution.solved
    found = check_solution(case, solution)
    assert found.ok, found.findings
    assert found.worst_pu < 1e-6
