"""Plain causes without a solver: pockets by pencil, and that what they say is true for any network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

import gridloop as gl
from gridloop.network.model import Network
from gridloop.optimize.conflict import plain_causes
from gridloop.optimize.conflict.plain_units import plain_unit_causes
from gridloop.units import SQRT3


def net(loads: dict[str, float], gens: dict[str, tuple[float, float]], lines: dict[tuple[str, str], float]) -> Network:
    """Buses of 110 kV named by what hangs on them; lines by their ends, rated in MVA."""
    buses = sorted({*loads, *gens, *(end for pair in lines for end in pair)})
    line = {"length_km": 1.0, "r_ohm_per_km": 0.1, "x_ohm_per_km": 1.0}
    return Network.from_tables(
        {
            "bus": [{"id": b, "v_nom_kv": 110.0} for b in buses],
            "line": [
                {"id": f"{a}-{b}", "tail_bus": a, "head_bus": b, "i_max_ka": s / (SQRT3 * 110.0), **line}
                for (a, b), s in lines.items()
            ],
            "load": [{"id": f"load {b}", "bus": b, "p_mw": p} for b, p in loads.items()],
            "generator": [
                {"id": f"gen {b}", "bus": b, "p_min_mw": low, "p_max_mw": high} for b, (low, high) in gens.items()
            ],
        },
        owner="test",
    )


def test_a_pocket_by_pencil():
    """c takes 100 MW; 20 MW are made there, and 30 + 40 MW come in: 10 MW are missing."""
    case = net({"c": 100.0}, {"a": (0, 500), "c": (0, 20)}, {("a", "b"): 900, ("b", "c"): 30, ("a", "c"): 40})
    (cause,) = plain_causes(case)
    assert cause.kind == "pocket_short"
    assert set(cause.elements) == {"a-c", "b-c", "gen c", "c"}
    assert cause.facts["missing_mw"] == approx(10.0, abs=1e-6)
    assert cause.sentence == (
        "bus c takes 100 MW; generator gen c there gives at most 20 MW, and the 2 branches (b-c, a-c) into it "
        "carry at most 70 MW: 10 MW are missing"
    )


def test_what_cannot_get_out_by_pencil():
    """a must give 200 MW, takes 30 itself, and 50 + 60 MW get out: 60 MW too much."""
    case = net({"a": 30.0, "b": 400.0}, {"a": (200, 300), "b": (0, 400)}, {("a", "b"): 50, ("b", "a"): 60})
    (cause,) = plain_causes(case)
    assert cause.kind == "pocket_over"
    assert cause.facts["excess_mw"] == approx(60.0, abs=1e-6)
    assert set(cause.elements) == {"gen a", "a-b", "b-a", "a"}


def test_demand_above_capacity_and_must_run_above_demand():
    short = net({"b": 120.0}, {"a": (0, 100)}, {("a", "b"): 999})
    assert [(c.kind, c.facts["missing_mw"]) for c in plain_causes(short)] == [("demand_above_capacity", approx(20.0))]
    over = net({"b": 120.0}, {"a": (150, 200)}, {("a", "b"): 999})
    assert [(c.kind, c.facts["excess_mw"]) for c in plain_causes(over)] == [("must_run_above_demand", approx(30.0))]


def test_contradictions_come_alone():
    case = net({"b": 120.0}, {"a": (200, 100)}, {("a", "b"): 10})
    (cause,) = plain_causes(case)
    assert cause.kind == "min_above_max"
    assert cause.elements == ("gen a",)
    assert "200 MW" in str(cause)
    assert "100 MW" in str(cause)


def test_what_is_fine_has_no_cause():
    case = net({"c": 100.0}, {"a": (0, 500)}, {("a", "b"): 60, ("b", "c"): 60, ("a", "c"): 45})
    assert plain_causes(case) == []


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_cause_is_true_and_none_means_that_power_can_flow(data: st.DataObject):
    """The largest flow, recomputed as a linear program, lacks exactly what the causes say is missing in all."""
    from scipy.optimize import linprog

    n = data.draw(st.integers(2, 6))
    names = [f"b{k}" for k in range(n)]
    mw = st.integers(0, 100)
    loads = {b: float(data.draw(mw)) for b in names}
    gens = {b: (0.0, float(data.draw(mw) * 2)) for b in names}
    pairs = [
        (a, b) for i, a in enumerate(names) for b in names[i + 1 :] if b == names[i + 1] or data.draw(st.booleans())
    ]
    lines = {pair: float(data.draw(mw) + 1) for pair in pairs}
    causes = [c for c in plain_causes(net(loads, gens, lines)) if "missing_mw" in c.facts]
    # Columns: outputs, flows, served; maximize what is served.
    m = len(lines)
    balance = np.zeros((n, n + m + n))
    balance[:, :n], balance[:, n + m :] = np.eye(n), -np.eye(n)
    for k, (a, b) in enumerate(lines):
        balance[names.index(a), n + k], balance[names.index(b), n + k] = -1, 1
    bounds = [(0, gens[b][1]) for b in names] + [(-s, s) for s in lines.values()] + [(0, loads[b]) for b in names]
    served = -linprog(np.r_[np.zeros(n + m), -np.ones(n)], A_eq=balance, b_eq=np.zeros(n), bounds=bounds).fun
    lacking = sum(loads.values()) - served
    assert sum(c.facts["missing_mw"] for c in causes) == approx(lacking, abs=0.02)  # what counts as a finding: 0.01 MW
    for cause in causes:
        facts = cause.facts
        assert facts["missing_mw"] == approx(facts["load_mw"] - facts["generation_mw"] - facts["branches_mw"], abs=1e-6)


UNITS = pd.DataFrame(
    {"p_min_mw": [50.0, 10.0], "p_max_mw": [150.0, 60.0], "ramp_up_mw": [40.0, 30.0], "ramp_down_mw": [40.0, 30.0],
     "start_limit_mw": [50.0, 30.0], "stop_limit_mw": [50.0, 30.0]},
    index=["coal", "gas"],
)  # fmt: skip


@pytest.mark.parametrize(
    ("demand", "more", "kind", "hour", "facts"),
    [
        ([100, 230, 100], {}, "demand_above_capacity", "2", {"missing_mw": 20.0}),
        ([100, 200, 100], {"reserve_mw": 20.0}, "reserve_above_capacity", "2", {"missing_mw": 10.0}),
        ([100, 100, 200], {}, "ramp_too_slow", "3", {"missing_mw": 20.0, "up": True}),
        ([200, 100, 100], {}, "ramp_too_slow", "2", {"missing_mw": 20.0, "up": False}),
        (
            [100, 100, 100], {"other_min_mw": [0, 130, 0], "other_max_mw": 130.0},
            "must_run_above_demand", "2", {"excess_mw": 30.0},
        ),
    ],
)  # fmt: skip
def test_units_by_pencil(demand: list[float], more: dict, kind: str, hour: str, facts: dict):
    causes = plain_unit_causes(UNITS, np.array(demand, dtype=float), **{k: np.array(v) for k, v in more.items()})
    cause = next(c for c in causes if c.kind == kind)
    assert hour in cause.elements
    for name, value in facts.items():
        assert cause.facts[name] == approx(value)


def test_units_that_are_fine_have_no_cause():
    assert plain_unit_causes(UNITS, np.array([100.0, 150.0, 190.0]), other_max_mw=np.zeros(3)) == []


@pytest.mark.data
def test_solvable_cases_have_no_cause(data_dir: Path):
    for name in ("case14_ieee", "case118_ieee", "case300_ieee", "case1354_pegase"):
        case = gl.read_network(data_dir / "networks" / "pglib_opf" / f"pglib_opf_{name}.m")
        assert plain_causes(case) == []
