"""Minimal conflicting sets: of systems by pencil, models with labels, whole numbers, and commitments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx
from scipy.optimize import linprog
from scipy.sparse import csr_array
from tests.support.linopy_twin import LinopyTwin

from gridloop.optimize.conflict import LinearSystem, Rule, conflicting_rules
from gridloop.optimize.conflict.iis import minimal_set
from gridloop.optimize.conflict.relax import least_relaxation
from gridloop.optimize.conflict.words import in_words, slacks_in_words
from gridloop.optimize.labelled_model import LabelledModel
from gridloop.optimize.linear import Sum, add_rows, add_variables, minimize

INF = np.inf


def made(
    rows: list[list[float]], low: list[float], high: list[float], lower: list[float], upper: list[float], **more
) -> LinearSystem:
    rules = more.pop("rules", [Rule("rule", f"row {k}") for k in range(len(rows))])
    columns = more.pop("columns", [Rule("output", f"x{k}") for k in range(len(lower))])
    numbers = (np.array(x, dtype=float) for x in (low, high, lower, upper))
    return LinearSystem(csr_array(np.array(rows, dtype=float)), *numbers, rules, columns, **more)


def members(system: LinearSystem, **more) -> set[tuple[str, str]]:
    found = minimal_set(system, **more)
    assert found.minimal
    return {(system.rule(int(side))[0].element, system.rule(int(side))[1]) for side in found.sides}


def test_demand_above_two_generators():
    """x0 + x1 = 10 with x0 ≤ 4, x1 ≤ 5: the sum and both upper bounds; x2 and the lower bounds have no part in it."""
    system = made([[1, 1, 0], [0, 1, 1]], [10, 0], [10, 50], [0, 0, 0], [4, 5, 20])
    assert members(system) == {("row 0", "equal"), ("x0", "upper"), ("x1", "upper")}
    assert sum(least_relaxation(system).values()) == approx(1.0)


def test_the_solver_s_tolerance_is_no_conflict():
    system = made([[1, 1]], [9 + 1e-9], [INF], [0, 0], [4, 5])
    found = minimal_set(system)
    assert found.feasible
    assert not found.sides.size


def test_crossed_bounds_are_a_set_of_two():
    system = made([[1, 1]], [0], [INF], [0, 7], [4, 5])
    assert members(system) == {("x1", "lower"), ("x1", "upper")}
    assert list(least_relaxation(system).values()) == [approx(2.0)]
    system = made([[1, 1]], [3], [2], [0, 0], [4, 5])
    assert members(system) == {("row 0", "lower"), ("row 0", "upper")}


def test_of_two_conflicts_one_is_told():
    system = made([[1, 0], [0, 1]], [5, 5], [INF, INF], [0, 0], [4, 4])
    assert members(system) in ({("row 0", "lower"), ("x0", "upper")}, {("row 1", "lower"), ("x1", "upper")})
    assert sum(least_relaxation(system).values()) == approx(2.0)  # but both have to give


def test_load_is_shed_only_where_no_limit_helps():
    """10 MW are needed and 4 come in: the limit gives its 6, though load could be shed; a law does not give at all."""
    rules = [Rule("balance", "bus"), Rule("flow_law", "line")]
    system = made([[1.0], [1.0]], [10, -INF], [10, 12], [0], [4], rules=rules)
    assert {system.rule(side)[0].kind: much for side, much in least_relaxation(system).items()} == {
        "output": approx(6.0)
    }
    held = made([[1.0], [1.0]], [10, -INF], [10, 4], [0], [12], rules=rules)
    assert {held.rule(side)[0].kind for side in least_relaxation(held)} == {"balance"}


def test_kinds_are_left_out_first():
    """x ≥ 5 contradicts a law and, apart from it, a limit: the limit is easier to read."""
    rules = [Rule("flow_law", "law"), Rule("rule", "limit"), Rule("rule", "need")]
    system = made([[1], [1], [1]], [-INF, -INF, 5], [3, 4, INF], [-INF], [INF], rules=rules)
    assert members(system, left_out_first=("flow_law",)) == {("limit", "upper"), ("need", "lower")}
    assert members(system, left_out_first=("rule",)) in (
        {("law", "upper"), ("need", "lower")},
        {("limit", "upper"), ("need", "lower")},
    )


def test_a_conflict_of_whole_numbers_says_so():
    """2 x = 3 has no whole x; in fractions it has."""
    system = made([[2.0], [1.0]], [3, -INF], [3, 100], [0], [10], integer=np.array([True]))
    diagnosis = conflicting_rules(system)
    assert diagnosis.facts["whole_numbers"]
    assert diagnosis.facts["minimal"]
    assert {member["element"] for member in diagnosis.facts["conflict"]} == {"row 0"}
    assert "In fractions they could" in str(diagnosis)


def test_a_feasible_system_says_so():
    diagnosis = conflicting_rules(made([[1]], [1], [1], [0], [2]))
    assert diagnosis.status == "feasible"
    assert diagnosis.facts["conflict"] == []


@pytest.mark.parametrize("kind", [LabelledModel, LinopyTwin])
def test_a_model_is_named_by_its_coordinates(kind: Any):
    model = kind()
    devices, steps = pd.Index(["home", "depot"], name="device"), pd.RangeIndex(3, name="step")
    x = add_variables(model, "charge", [devices, steps], 0.0, 2.0)
    need = np.array([5.0, 7.0])
    add_rows(model, "energy", [devices], [(x.labels.values, 1.0)], ">=", need)
    minimize(model, [Sum.of((x, 1.0))])
    diagnosis = conflicting_rules(LinearSystem.of_model(model))
    named = {(m["kind"], m["element"], m["hour"], m["side"]) for m in diagnosis.facts["conflict"]}
    assert named == {("energy", "depot", "", "lower"), *(("charge", "depot", str(k), "upper") for k in range(3))}
    assert "energy of depot: at least 7" in str(diagnosis)


@settings(deadline=None, max_examples=80)
@given(data=st.data())
def test_random_systems(data: st.DataObject):
    """Feasible exactly where scipy finds a point; else the set is infeasible, and without any member it is not."""
    n, m = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 5))
    whole = st.integers(-3, 3)
    a = np.array([[data.draw(whole) for _ in range(m)] for _ in range(n)], dtype=float)
    low = np.array([data.draw(st.one_of(whole, st.just(-INF))) for _ in range(n)], dtype=float)
    wide = np.array([data.draw(st.sampled_from([0.0, 1.0, INF])) for _ in range(n)])
    alone = np.array([float(data.draw(whole)) for _ in range(n)])
    high = np.array([a if np.isinf(b) else b + w for a, b, w in zip(alone, low, wide, strict=True)])
    lower, upper = np.full(m, -float(data.draw(st.integers(0, 2)))), np.full(m, float(data.draw(st.integers(0, 2))))
    system = made(a.tolist(), low.tolist(), high.tolist(), lower.tolist(), upper.tolist())

    def feasible(on: np.ndarray) -> bool:
        parts = np.split(on, [n, 2 * n, 2 * n + m])
        matrix = np.vstack([a[parts[1]], -a[parts[0]]])
        right = np.concatenate([high[parts[1]], -low[parts[0]]])
        bounds = np.stack([np.where(parts[2], lower, -INF), np.where(parts[3], upper, INF)], axis=1)
        return bool(linprog(np.zeros(m), A_ub=matrix, b_ub=right, bounds=bounds).status == 0)

    every = np.isfinite(system.bounds().values)
    found = minimal_set(system)
    assert found.feasible == feasible(every)
    if found.feasible:
        return
    assert found.minimal
    on = np.zeros(every.size, dtype=bool)
    on[found.sides] = True
    assert not feasible(on)
    for side in found.sides:
        on[side] = False
        assert feasible(on)
        on[side] = True
    assert least_relaxation(system)


def test_words():
    rows = [Rule("balance", "7"), Rule("flow_law", "line-1"), Rule("reserve", "", "3")]
    system = LinearSystem(
        csr_array(np.array([[1.0, 1.0, 0], [0, 1.0, -2.0], [1.0, 0, 0]])),
        np.array([1.5, 0, 1]), np.array([1.5, 0, INF]), np.array([0.2, -0.5, -INF]), np.array([0.8, 0.5, INF]),
        rows, [Rule("output", "gen-1"), Rule("flow", "line-1"), Rule("angle", "7")], power_mw=100.0,
    )  # fmt: skip
    said = in_words(system, [0, 1, 2, 6, 9, 7])
    assert said == [
        "the reserve of 100 MW in hour 3",
        "gen-1 gives at least 20 MW",
        "gen-1 gives at most 80 MW",
        "line-1 carries at most 50 MW",
        "the power balance of bus 7",
        "line-1 follows Kirchhoff's voltage law",
    ]


def test_slacks_in_words():
    slacks = pd.DataFrame(
        [("q_short", "12", 3.0), ("rating", "line-4", 40.0), ("v_min", "9", 0.02), ("p_over", "1", 0.0)],
        columns=["kind", "element", "excess"],
    )
    assert slacks_in_words(slacks) == [
        "line-4 would have to carry 40 MVA more than it may",
        "bus 12 lacks 3 Mvar",
        "the voltage of bus 9 would have to fall 0.02 pu below its limit",
    ]
    assert slacks_in_words(slacks, most=1)[-1] == "2 more"


@pytest.mark.parametrize("too_much", [True, False])
def test_a_commitment_s_conflict_names_units_and_hours(too_much: bool):
    """Coal 50 … 150 MW and gas 10 … 40 MW: 260 MW are too much, and 45 MW lie in the gap between them."""
    from pencil_units import two_units

    from gridloop.optimize.commitment.model import base_case, build
    from gridloop.optimize.conflict.commitment import commitment_conflict

    demand = [120.0, 120.0, 260.0, 120.0] if too_much else [100.0, 45.0, 100.0, 100.0]
    system = two_units(demand)
    diagnosis = commitment_conflict(build(system, [base_case(system)]))
    assert diagnosis.status == "infeasible"
    assert diagnosis.facts["minimal"]
    assert diagnosis.facts["whole_numbers"] == (not too_much)
    hours = {member["hour"] for member in diagnosis.facts["conflict"] if member["kind"] == "demand"}
    assert hours == ({"2"} if too_much else {"1"})
    if too_much:
        gives = [r["excess"] for r in diagnosis.facts["relaxation"] if r["kind"] == "demand"]
        assert gives == [approx(260.0 - 150.0 - 40.0)]
