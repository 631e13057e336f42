"""LinDistFlow of balanced networks: pencil first, then what holds on every radial grid, then the checker."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opf_grids import bus, generator, line
from pytest import approx

from gridloop.network.model import Network
from gridloop.optimize.check import check_solution
from gridloop.optimize.physics.lindistflow_ac import AcCheck
from gridloop.optimize.problems.opf import optimal_power_flow
from gridloop.testing import moment, ring, two_bus, village

# Rows hold to 1e-7 in the solver; voltages are square roots of what it finds.
CLOSE = 1e-6
HELD = (1.0, 1.0)


def solve(net: Network):
    flow = optimal_power_flow(net, physics="lindistflow")
    assert flow.status == "optimal", flow.diagnosis
    return flow


def sunny(v_max: float = 1.05, pv: float = 1000.0) -> Network:
    """source (40) held at 1 pu ──[ 0.1 ]── b, load 0.1 ──[ 0.1 ]── c with sun for nothing; no reactive power."""
    source = [{"id": "s", "bus": "a", "cost_linear_per_mwh": 40.0}]
    return Network.from_tables(
        {
            "bus": [bus("a", *HELD), bus("b", 0.9, 1.2), bus("c", 0.9, v_max)],
            "line": [line("a", "b", 0.1, 0.0), line("b", "c", 0.1, 0.0)],
            "generator": [generator("sun", "c", 0.0, p_max_mw=pv, q_min_mvar=0.0, q_max_mvar=0.0)],
            "load": [{"id": "load", "bus": "b", "p_mw": 10.0}],
            "source": source,
        },
        owner="operator",
    )


def test_two_buses():
    """w = 1 − 2 (0.1 · 0.1 + 0.1 · 0.05) = 0.97; θ = −(x P − r Q) = −0.005; r (P² + Q²) / w = 0.1 · 0.0125 / 1."""
    flow = solve(two_bus(r=0.1, x=0.1, load=0.1, load_q=0.05))
    assert flow.bus.v_pu.to_dict() == approx({"a": 1.0, "b": math.sqrt(0.97)}, abs=CLOSE)
    assert flow.bus.angle_deg["b"] == approx(-math.degrees(0.005), abs=CLOSE)
    row = flow.line.loc["a-b", ["p_tail_mw", "q_tail_mvar", "p_head_mw", "q_head_mvar"]]
    assert row.tolist() == approx([10.0, 5.0, -10.0, -5.0], abs=CLOSE)
    assert flow.losses_mw == approx(0.125, abs=CLOSE)


def test_a_voltage_limit_curtails_and_prices():
    """w_c = 1 − 2·0.1 (0.1 − p) + 2·0.1 p = 1.05² where p = 0.30625. One MW more at b lets 0.5 MW more sun in."""
    flow = solve(sunny())
    assert flow.generator.p_mw.to_dict() == approx({"sun": 30.625, "source:s": -20.625}, abs=1e-4)
    assert flow.cost == approx(-825.0, abs=1e-2)
    assert flow.bus.v_pu["c"] == approx(1.05, abs=CLOSE)
    assert flow.bus.lmp_per_mwh.to_dict() == approx({"a": 40.0, "b": 20.0, "c": 0.0}, abs=1e-4)
    assert flow.bus.congestion_per_mwh.to_dict() == approx({"a": 0.0, "b": -20.0, "c": -40.0}, abs=1e-4)
    sun = flow.generator.loc["sun"]
    assert (sun.reason, sun.binding) == ("constrained_down", "voltage_high:c")


def test_a_ratio_divides_and_a_shunt_draws():
    """b = 0.02 pu of charging, half at the far end: w = 1 / (1 − 2·0.1·0.01) without load."""
    flow = solve(two_bus(r=0.0, x=0.1, load=0.0, b=0.02))
    ratio = flow.bus.v_pu["b"] / flow.bus.v_pu["a"]
    assert ratio == approx(1 / math.sqrt(1 - 2 * 0.1 * 0.01), abs=CLOSE)
    tapped = tapped_village()
    flow = solve(tapped)
    assert flow.bus.angle_deg["busbar"] == approx(-150.0, abs=1.0)
    # Three steps of 1.5 % on the tail's side lower what comes out; a small drop and the charging are left.
    assert flow.bus.v_pu["busbar"] * 1.045 == approx(flow.bus.v_pu["grid"], abs=0.01)
    check = flow.state["ac_check"]
    assert check.v_difference_pu < 1e-3  # of second order in drops of 2 %
    assert check_solution(tapped, flow).ok


def tapped_village() -> Network:
    """The village with its tap changer moved and a capacitor and a leak at the farm."""
    net = village()
    tables = {name: table.reset_index() for name, table in net.tables.items()}
    tables["transformer"] = tables["transformer"].assign(tap_pos=3)
    tables["shunt"] = pd.DataFrame([{"id": "c", "bus": "farm", "b_mvar": 0.5, "g_mw": 0.05}])
    return Network.from_tables(tables, name="tapped", owner="operator")


def test_a_rating_is_a_circle():
    """Rated 5 MVA, with 3 Mvar through it: 4 MW come from the cheap source, 4 of 8 from the dear generator."""
    net = Network.from_tables(
        {
            "bus": [bus("a", *HELD), bus("b")],
            "line": [line("a", "b", 0.01, 0.01, 0.05)],
            "generator": [generator("dear", "b", 100.0, q_min_mvar=0.0, q_max_mvar=0.0)],
            "load": [{"id": "load", "bus": "b", "p_mw": 8.0, "q_mvar": 3.0}],
            "source": [{"id": "s", "bus": "a", "cost_linear_per_mwh": 10.0}],
        },
        owner="operator",
    )
    flow = solve(net)
    # Tangents stop at an excess of 2e-7 pu: 2e-5 MVA.
    assert flow.generator.p_mw.to_dict() == approx({"dear": 4.0, "source:s": 4.0}, abs=1e-4)
    assert flow.line.loading_pct["a-b"] == approx(100.0, abs=1e-3)
    assert flow.bus.lmp_per_mwh["b"] == approx(100.0, abs=1e-3)
    # One MVA more of rating is 5/4 MW more of the cheap, each saving 90; one Mvar less is 3/4.
    assert flow.line.shadow_price_per_mwh["a-b"] == approx(112.5, abs=0.1)
    assert flow.bus.lmq_per_mvarh["b"] == approx(67.5, abs=0.1)


def test_a_ring_divides_as_impedances_do():
    flow = solve(ring(4))
    assert flow.line.p_tail_mw.tolist() == approx([7.5, 2.5, -2.5, -7.5], abs=CLOSE)


def test_what_cannot_be_is_named():
    net = sunny(pv=0.0).edit(
        "bus", {"c": {"v_min_pu": 1.02}}, author="test", time=moment(), reason="low"
    )  # nothing lifts c above b, which is below 1
    flow = optimal_power_flow(net, physics="lindistflow")
    assert flow.status == "infeasible"
    assert flow.diagnosis is not None and flow.diagnosis.facts["minimal"]
    named = {(fact["kind"], fact["element"]) for fact in flow.diagnosis.facts["conflict"]}
    assert {("squared_voltage", "a"), ("squared_voltage", "c")} <= named


@pytest.mark.parametrize("row", ["voltage", "flow", "output", "cost"])
def test_the_checker_refuses_what_is_wrong(row: str):
    flow, net = solve(sunny()), sunny()
    assert check_solution(net, flow).ok
    off = {
        "voltage": {"bus": flow.bus.assign(v_pu=flow.bus.v_pu + np.array([0.0, 1e-4, 0.0]))},
        "flow": {"line": flow.line.assign(p_tail_mw=flow.line.p_tail_mw + 1e-2)},
        "output": {"generator": flow.generator.assign(p_mw=flow.generator.p_mw * 1.001)},
        "cost": {"cost": flow.cost * 0.99},
    }[row]
    assert not check_solution(net, replace(flow, **off)).ok


def test_an_open_line_and_every_table_of_the_village_pass_the_checker():
    net = village()
    flow = solve(net)
    assert check_solution(net, flow).ok
    opened = ring(closed=False)
    assert check_solution(opened, solve(opened)).ok


@st.composite
def radial(draw: st.DrawFn) -> Network:
    """A tree of up to eight buses with loads, held at its root at 1 pu, and a generator that may give up to 60 MW."""
    n = draw(st.integers(2, 8))
    parents = [draw(st.integers(0, k - 1)) for k in range(1, n)]
    small = st.floats(0.001, 0.05)
    lines = [line(f"n{p}", f"n{k}", draw(small), draw(small)) for k, p in enumerate(parents, start=1)]
    power = st.floats(0.0, 5.0)
    loads = [{"id": f"d{k}", "bus": f"n{k}", "p_mw": draw(power), "q_mvar": draw(power)} for k in range(1, n)]
    at = f"n{draw(st.integers(1, n - 1))}"
    sun = generator("sun", at, 1.0, p_max_mw=60.0, q_min_mvar=0.0, q_max_mvar=0.0)
    buses = [bus("n0", *HELD), *(bus(f"n{k}", 0.5, 1.5) for k in range(1, n))]
    source = [{"id": "s", "bus": "n0", "cost_linear_per_mwh": 40.0}]
    return Network.from_tables(
        {"bus": buses, "line": lines, "load": loads, "generator": [sun], "source": source}, owner="operator"
    )


@given(net=radial())
@settings(max_examples=25, deadline=None)
def test_without_generation_no_voltage_is_below_that_of_the_ac_flow(net: Network):
    """Losses only add to what flows and to what drops: Gan, Li, Topcu and Low (2015), lemma 1."""
    without = replace(net, tables={**net.tables, "generator": net.generator.iloc[:0]})
    flow = solve(without)
    check = flow.state["ac_check"]
    assert isinstance(check, AcCheck) and check.converged
    assert (flow.bus.v_pu >= check.v_pu - CLOSE).all()


@given(net=radial(), room=st.floats(0.0, 0.05), less=st.floats(0.0, 0.02))
@settings(max_examples=25, deadline=None)
def test_a_tighter_limit_never_lowers_the_cost_and_the_checker_agrees(net: Network, room: float, less: float):
    costs = []
    for v_max in (1.0 + room, 1.0 + room - less):
        table = net.bus.copy()
        table.loc[table.index != "n0", "v_max_pu"] = max(v_max, 1.0)
        limited = replace(net, tables={**net.tables, "bus": table})
        flow = solve(limited)
        assert check_solution(limited, flow).ok
        assert flow.bus.v_pu.max() <= max(v_max, 1.0) + CLOSE
        costs.append(flow.cost)
    assert costs[1] >= costs[0] - 1e-4  # 1e-7 pu of rows at 40 per MWh
