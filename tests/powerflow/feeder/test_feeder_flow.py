"""Tables, limits and diagnoses of a feeder's flow, and inputs that have no answer."""

import numpy as np
import pytest
from pytest import approx
from small_feeders import KV, code, line, load, three_phase, transformer, two_nodes, winding

from gridloop.errors import BadInput, InvalidNetwork, OutOfRange
from gridloop.powerflow.feeder.arrays import build_feeder_arrays
from gridloop.powerflow.feeder.flow import feeder_power_flow
from gridloop.powerflow.feeder.plain import FeederSolver


def heavy(p_mw):
    """Constant power at any voltage behind 0.1 Ω: 2.5 MW is the most that gets through."""
    return two_nodes(0.1, [load("d", "b", p_mw)])


def test_just_below_the_largest_load():
    """v (1 − v) / 0.1 = 2.4 at v = 0.6; the other root, 0.4, is not the one."""
    flow = feeder_power_flow(heavy(2.4), max_iterations=2000)
    assert flow.converged
    assert flow.bus.loc[("b", 1), "v_pu"] == approx(0.6, abs=1e-8)


@pytest.mark.parametrize("p_mw", [2.6, 10.0, 1e6])
def test_more_than_the_largest_load(p_mw):
    flow = feeder_power_flow(heavy(p_mw))
    assert not flow.converged and flow.diagnosis is not None
    assert flow.diagnosis.status in ("not_converged", "diverged")
    assert "b.1" in flow.diagnosis.facts["nodes"]
    for table in (flow.bus[["v_pu"]], flow.line, flow.load, flow.source, flow.conductor):
        assert table.drop(columns="loading_pct", errors="ignore").isna().all(axis=None)
    assert np.isnan(flow.losses_mw) and len(flow.violations()) == 0


def test_generation_beyond_what_the_line_would_short_circuit():
    """v (v − 1) / 0.1 = 20 at v = 2, the right way up: −1 solves it as well."""
    flow = feeder_power_flow(heavy(-20.0))
    assert flow.bus.loc[("b", 1), ["v_pu", "angle_deg"]].tolist() == approx([2.0, 0.0], abs=1e-8)


def test_a_negative_resistance_runs_away():
    flow = feeder_power_flow(two_nodes(0.1, [load("d", "b", -20.0, kind="impedance")]))
    assert flow.diagnosis is not None and flow.diagnosis.status == "diverged"
    assert "left all bounds" in str(flow.diagnosis)


def test_resonance_has_no_answer():
    """10 Mvar behind 0.1 Ω of reactance: the node's admittances add up to nothing."""
    capacitor = [{"id": "c", "bus": "b", "phases": "1", "q_mvar": 10.0, "v_rated_kv": 1.0}]
    flow = feeder_power_flow(two_nodes(0.1j, capacitor=capacitor))
    assert not flow.converged and flow.diagnosis is not None and flow.diagnosis.status == "singular"


def test_the_solver_hands_no_nan_on():
    arrays = build_feeder_arrays(heavy(1e6))
    assert np.isfinite(FeederSolver(arrays).solve().v).all()


def test_a_load_in_the_dark_is_named():
    feeder = two_nodes(0.1, [load("d", "b", 0.5)], line=[line("ab", "a", "b", "z", closed=False)])
    flow = feeder_power_flow(feeder)
    assert flow.converged and flow.diagnosis is not None
    assert (flow.diagnosis.status, flow.diagnosis.facts["ids"]) == ("unsupplied", ["d"])
    assert flow.bus["supplied"].tolist() == [True, False]
    assert np.isnan(flow.bus.loc[("b", 1), "v_pu"]) and np.isnan(flow.load.loc["d", "p_mw"])
    assert flow.source.loc["s", "p_mw"] == approx(0.0, abs=1e-9)
    assert flow.line["p_tail_mw"].isna().all()


def test_a_dead_conductor_beside_live_ones():
    """Phase 3 of the first line is open: downstream only 1 and 2 are supplied, and nobody takes harm."""
    feeder = three_phase(
        np.full((3, 3), 0.02j) + np.eye(3) * 0.1,
        [load(f"d{k}", "c", 0.2, phases=str(k)) for k in (1, 2, 3)],
        bus=[{"id": b, "phases": "1.2.3", "v_nom_kv": KV} for b in "abc"],
        line_code=[
            *code("z", np.full((3, 3), 0.02j) + np.eye(3) * 0.1),
            *code("y", np.full((2, 2), 0.02j) + np.eye(2) * 0.1),
        ],
        line=[line("ab", "a", "b", "y", "1.2"), line("bc", "b", "c", "z", "1.2.3")],
    )
    flow = feeder_power_flow(feeder)
    assert flow.bus["supplied"].tolist() == [True] * 3 + [True, True, False] * 2
    assert flow.diagnosis is not None and flow.diagnosis.facts["ids"] == ["d3"]
    # The dead conductor carries nothing: without it the two others have the same voltages.
    rows = {name: frame.reset_index().to_dict("records") for name, frame in feeder.tables.items()}
    rows["line"] = [line("ab", "a", "b", "y", "1.2"), line("bc", "b", "c", "y", "1.2")]
    rows["load"] = rows["load"][:2]
    without = feeder_power_flow(type(feeder).from_tables(rows))
    for bus in "bc":
        for phase in (1, 2):
            assert flow.bus.loc[(bus, phase), "v_pu"] == approx(without.bus.loc[(bus, phase), "v_pu"], abs=1e-8)


def test_limits_that_do_not_hold():
    feeder = two_nodes(
        0.1,
        [load("d", "b", 1.0, kind="current")],
        bus=[
            {"id": "a", "phases": "1", "v_nom_kv": KV, "v_max_pu": 0.99},
            {"id": "b", "phases": "1", "v_nom_kv": KV, "v_min_pu": 0.95},
        ],
        line=[line("ab", "a", "b", "z", i_max_ka=0.8)],
    )
    found = feeder_power_flow(feeder).violations()
    assert found[["kind", "id", "quantity"]].to_numpy().tolist() == [
        ["line", "ab", "loading_pct"],
        ["bus", "b.1", "v_pu"],
        ["bus", "a.1", "v_pu"],
    ]
    assert found["value"].tolist() == approx([125.0, 0.9, 1.0])
    assert found["excess"].tolist() == approx([25.0, 0.05, 0.01])


def test_loading_of_a_transformer():
    """2 kA through the 1 kV coil of a unit of 1 MVA."""
    feeder = two_nodes(
        loads=[load("d", "b", 2.0, kind="current")],
        line=[],
        line_code=[],
        transformer=[transformer("t", 1, 1e-6)],
        winding=[winding("t", 1, "a", "1", 1.0), winding("t", 2, "b", "1", 1.0)],
    )
    flow = feeder_power_flow(feeder)
    assert flow.transformer.loc["t", "loading_pct"] == approx(200.0, abs=1e-4)
    assert flow.violations()["kind"].tolist() == ["transformer"]


@pytest.mark.parametrize(
    ("table", "row", "values", "told"),
    [
        ("line", "ab", {"head_bus": "nowhere"}, "name"),
        ("line", "ab", {"length_km": float("nan")}, "finite"),
        ("load", "d", {"p_mw": float("nan")}, "finite"),
        ("load", "d", {"p_mw": float("inf")}, "finite"),
        ("load", "d", {"connection": "star"}, "allowed"),
        ("bus", "b", {"v_nom_kv": -1.0}, "range"),
        ("source", "s", {"v_set_pu": 0.0}, "positive"),
    ],
)
def test_tables_that_are_wrong(table, row, values, told):
    feeder = two_nodes(0.1, [load("d", "b", 1.0)]).edit(table, {row: values})
    with pytest.raises(InvalidNetwork, match=told):
        feeder_power_flow(feeder)


@pytest.mark.parametrize(
    ("table", "row", "values", "told"),
    [
        ("line", "ab", {"code": "unknown"}, "conductors"),
        ("line", "ab", {"head_phases": "1.2"}, "conductors"),
        ("line", "ab", {"length_km": 0.0}, "cannot be inverted"),
        ("line_code", "z:1.1", {"row": 2}, "lacks entries"),
        ("load", "d", {"phases": "2"}, "terminals"),
        ("load", "d", {"phases": "one"}, "numbers joined by dots"),
        ("source", "s", {"in_service": False}, "no source"),
    ],
)
def test_elements_that_contradict_themselves(table, row, values, told):
    feeder = two_nodes(0.1, [load("d", "b", 1.0)]).edit(table, {row: values})
    with pytest.raises(BadInput, match=told):
        feeder_power_flow(feeder)


def test_limits_of_a_load_out_of_order():
    with pytest.raises(OutOfRange, match="v_low_pu < v_high_pu"):
        feeder_power_flow(two_nodes(0.1, [load("d", "b", 1.0) | {"v_low_pu": 1.1, "v_high_pu": 1.0}]))


@pytest.mark.parametrize("windings", [[], [winding("t", 1, "a", "1", 1.0)]])
def test_a_transformer_without_its_windings(windings):
    with pytest.raises(BadInput, match="windings"):
        feeder_power_flow(two_nodes(transformer=[transformer("t", 1)], winding=windings))


def test_a_transformer_without_impedance():
    both = [winding("t", 1, "a", "1", 1.0), winding("t", 2, "b", "1", 1.0)]
    with pytest.raises(BadInput, match="short-circuit impedance"):
        feeder_power_flow(two_nodes(line=[], transformer=[transformer("t", 1, 0.0)], winding=both))


def test_a_feeder_without_load():
    flow = feeder_power_flow(two_nodes())
    assert flow.converged and flow.bus["v_pu"].tolist() == approx([1.0, 1.0])
