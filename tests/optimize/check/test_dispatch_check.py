"""The checker of dispatches: pencil, each rule broken once, planted errors, and the dispatch of a network."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

import gridloop as gl
from gridloop.optimize.check import Checked, DispatchCase, check_solution

STEPS = 3
UNITS = pd.DataFrame(
    {
        "p_min_mw": [10.0, 0.0], "p_max_mw": [100.0, 40.0], "cost_linear_per_mwh": [20.0, 0.0],
        "cost_quadratic_per_mw2h": [0.1, 0.0], "cost_fixed_per_h": [5.0, 0.0], "ramp_mw_per_h": [30.0, np.nan],
        "p_before_mw": [50.0, np.nan], "kind": ["thermal", "wind"], "reserve_cost_per_mwh": [1.0, 0.0],
    },
    index=["steam", "wind"],
)  # fmt: skip
DEMAND = pd.Series([80.0, 90.0, 70.0])
FORECAST = pd.DataFrame({"wind": [20.0, 10.0, 5.0]})
CASE = DispatchCase(UNITS, DEMAND, 5.0, FORECAST)


def answer() -> SimpleNamespace:
    """Steam 60, 80, 65 beside all the wind; 5 MW of reserve at 1: by pencil 3 · 5 + 20 · 205 + 0.1 · 14225 + 15."""
    index = pd.MultiIndex.from_product([range(STEPS), UNITS.index], names=["time", "unit"])
    p = np.array([60.0, 20, 80, 10, 65, 5])
    unit = pd.DataFrame(
        {"p_mw": p, "available_mw": [100.0, 20, 100, 10, 100, 5], "reserve_mw": [5.0, 0] * 3}, index=index
    )
    step = pd.DataFrame({"hours": 1.0, "demand_mw": DEMAND, "losses_mw": 0.0, "reserve_mw": 5.0})
    cost = 15 + 20 * 205 + 0.1 * (60**2 + 80**2 + 65**2) + 15
    return SimpleNamespace(status="optimal", cost=cost, unit=unit, step=step)


def kinds(found: Checked) -> set[tuple[str, str, Any]]:
    return set(zip(found.findings["kind"], found.findings["element"], found.findings["hour"], strict=True))


def test_the_answer_by_pencil_passes():
    found = check_solution(CASE, answer())
    assert found.findings.empty
    assert found.cost == approx(answer().cost)


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("p_max_mw", 79.0, ("output", "steam", 1)),
        ("p_max_mw", 84.0, ("output with reserve", "steam", 1)),
        ("p_min_mw", 61.0, ("output", "steam", 0)),
        ("ramp_mw_per_h", 19.0, ("ramp up", "steam", 1)),
        ("ramp_mw_per_h", 14.0, ("ramp down", "steam", 2)),
        ("p_before_mw", 25.0, ("ramp up", "steam", 0)),
        ("reserve_max_mw", 4.0, ("reserve held", "steam", 2)),
    ],
)
def test_each_rule_is_checked(column: str, value: float, expected: tuple[str, str, int]):
    units = UNITS.assign(reserve_max_mw=np.nan) if column == "reserve_max_mw" else UNITS.copy()
    units.loc["steam", column] = value
    assert expected in kinds(check_solution(DispatchCase(units, DEMAND, 5.0, FORECAST), answer()))


def test_demand_reserve_and_forecast_are_the_case_s_not_the_solution_s():
    assert ("balance", "demand", 2) in kinds(
        check_solution(DispatchCase(UNITS, DEMAND + pd.Series([0, 0, 1.0])), answer())
    )
    assert ("reserve", "all units", 0) in kinds(check_solution(DispatchCase(UNITS, DEMAND, 6.0), answer()))
    less = FORECAST - pd.DataFrame({"wind": [0.0, 2.0, 0.0]})
    assert ("output", "wind", 1) in kinds(check_solution(DispatchCase(UNITS, DEMAND, 5.0, less), answer()))


@settings(deadline=None, max_examples=80)
@given(data=st.data())
def test_every_planted_error_is_found_and_named(data: st.DataObject):
    wrong = answer()
    place = data.draw(st.sampled_from(list(wrong.unit.index)))
    wrong.unit.loc[place, "p_mw"] += data.draw(st.floats(1e-3, 50.0)) * data.draw(st.sampled_from([-1.0, 1.0]))
    found = check_solution(CASE, wrong)
    assert not found.ok
    assert {(place[1], place[0]), ("demand", place[0])} & {(e, h) for _, e, h in kinds(found)}


def test_a_gap_is_refused_and_the_cost_recomputed():
    wrong = answer()
    wrong.unit.loc[(1, "steam"), "p_mw"] = np.nan
    found = check_solution(CASE, wrong)
    assert not found.ok
    assert np.isnan(found.worst_pu)
    wrong = answer()
    wrong.cost += 1.0
    assert {kind for kind, _, _ in kinds(check_solution(CASE, wrong))} == {"cost"}


def test_dispatches_pass():
    from gridloop.optimize.problems.dispatch import dispatch

    solution = dispatch(UNITS, DEMAND, available_mw=FORECAST, reserve_mw=5.0)
    found = check_solution(CASE, solution)
    assert found.ok, found.findings
    assert found.cost == approx(solution.cost)
    assert solution.cost <= answer().cost + 1e-6


@pytest.mark.data
def test_the_dispatch_of_a_network_passes_and_its_loads_count(data_dir: Path):
    from gridloop.optimize.problems.dispatch import dispatch

    net = gl.read_network(data_dir / "networks" / "pglib_opf" / "pglib_opf_case118_ieee.m")
    solution = dispatch(net)
    found = check_solution(net, solution)
    assert found.ok, found.findings
    solution.unit.iloc[0, solution.unit.columns.get_loc("p_mw")] += 1.0
    assert "balance" in {kind for kind, _, _ in kinds(check_solution(net, solution))}
