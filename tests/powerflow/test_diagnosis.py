"""A flow without a solution says where it gives way and how much it carries; dark buses are named."""

import math

import pytest
from pytest import approx

from gridloop.errors import InvalidNetwork
from gridloop.network.arrays import build_arrays
from gridloop.network.model import Network
from gridloop.powerflow.diagnose import diagnose_divergence
from gridloop.powerflow.flow import power_flow
from gridloop.powerflow.solve import solve
from gridloop.testing import chain, moment, ring, two_bus

SAID = {"author": "ada", "time": moment(), "reason": "test"}


@pytest.mark.parametrize("load", [2.51, 3.0, 10.0, 4000.0])
def test_the_nose_of_a_resistive_feeder(load):
    """v (1 − v) = 0.1 p has a solution up to p = 2.5, at v = 0.5."""
    flow = power_flow(two_bus(r=0.1, load=load))
    assert not flow.converged and flow.diagnosis.status == "not_converged"
    facts = flow.diagnosis.facts
    assert facts["load_scale"] == approx(2.5 / load, rel=0.01) and facts["load_scale"] <= 2.5 / load
    assert facts["worst_buses"] == ["b"] and facts["worst_v_pu"] == approx([0.5], abs=0.03)
    assert facts["mismatch_bus"] == "b" and facts["mismatch_mva"] > 0.1
    assert flow.bus.drop(columns="supplied").isna().all(axis=None) and math.isnan(flow.losses_mw)
    assert flow.line.isna().all(axis=None) and flow.source.isna().all(axis=None)
    text = str(flow.diagnosis)
    assert f"scaled by {facts['load_scale']:.3g} still solve" in text and "b (0.5" in text


def test_the_nose_of_an_inductive_feeder():
    """Behind x = 0.1 a load without reactive power finds its nose at p = 5: v² = 1/2 and 45°."""
    flow = power_flow(two_bus(r=0.0, x=0.1, load=6.0))
    assert flow.diagnosis.facts["load_scale"] == approx(5 / 6, rel=0.01)
    assert flow.diagnosis.facts["worst_v_pu"] == approx([math.sqrt(0.5)], abs=0.05)


def test_the_nose_of_a_machine_that_cannot_send_its_power():
    """Held at 1 pu behind x = 0.1 it sends 10 pu at most. Its voltage is perfect: the angle is what gives way."""
    machine = [{"id": "g", "bus": "b", "p_mw": 1500.0, "regulates_voltage": True, "owner": "o"}]
    net = two_bus(r=0.0, x=0.1, load=0.0).add("generator", machine, **SAID)
    for reactive_limits in (False, True):
        facts = power_flow(net, reactive_limits=reactive_limits).diagnosis.facts
        assert facts["load_scale"] == approx(10 / 15, rel=0.01)
        assert facts["worst_buses"] == ["b"] and facts["worst_v_pu"] == approx([1.0])


def test_the_buses_that_give_way_first_are_those_of_the_overload():
    """A chain with one load far too large at its end: the end, then its neighbours."""
    net = chain(8).edit("load", {"load 7": {"p_mw": 900.0}}, **SAID)
    facts = power_flow(net).diagnosis.facts
    assert facts["worst_buses"] == ["7", "6", "5", "4", "3"] and facts["worst_v_pu"] == sorted(facts["worst_v_pu"])


def test_limits_of_reactive_power_count_in_the_largest_scale():
    """Held at 1 pu the far end can take 10 pu; a machine without reactive power leaves it the bare feeder's 5 pu."""
    machine = [{"id": "g", "bus": "b", "regulates_voltage": True, "q_min_mvar": 0.0, "q_max_mvar": 0.0, "owner": "o"}]
    net = two_bus(r=0.0, x=0.1, load=6.0).add("generator", machine, **SAID)
    assert power_flow(net).converged
    limited = power_flow(net, reactive_limits=True)
    assert limited.diagnosis.facts["load_scale"] == approx(5 / 6, rel=0.01)


def test_a_flow_that_a_flat_start_misses_is_followed_from_no_load():
    """Close to the nose four iterations are too few from a flat start, and plenty from a state nearby."""
    net = two_bus(r=0.1, load=2.4)
    arrays = build_arrays(net)
    assert not solve(arrays, arrays.injection(net), max_iterations=4).converged.any()
    flow = power_flow(net, max_iterations=4)
    assert flow.converged and flow.diagnosis is None
    assert flow.bus.loc["b", "v_pu"] == approx(0.6, abs=1e-8)


def test_only_the_island_that_fails_is_blamed():
    line = {"length_km": 1.0, "r_ohm_per_km": 0.1, "x_ohm_per_km": 0.0}
    tables = {
        "bus": [{"id": b, "v_nom_kv": 10.0} for b in "abcd"],
        "line": [{"id": x + y, "tail_bus": x, "head_bus": y, **line} for x, y in ("ab", "cd")],
        "source": [{"id": "s", "bus": "a"}, {"id": "other", "bus": "c"}],
        "load": [{"id": "b", "bus": "b", "p_mw": 90.0}, {"id": "d", "bus": "d", "p_mw": 500.0}],
    }
    facts = power_flow(Network.from_tables(tables, owner="o")).diagnosis.facts
    assert facts["failing_islands"] == ["d"] and facts["worst_buses"][0] == "d" and facts["mismatch_bus"] == "d"
    assert facts["load_scale"] == approx(0.5, rel=0.01)


def test_a_network_that_does_not_even_solve_without_load():
    """Behind r alone, 1.5 pu against 1 pu always sends power: v (v − cos θ) / r is never zero."""
    machine = [{"id": "g", "bus": "b", "regulates_voltage": True, "v_set_pu": 1.5, "owner": "o"}]
    flow = power_flow(two_bus(r=0.1, load=0.9).add("generator", machine, **SAID))
    assert flow.diagnosis.facts["load_scale"] == 0
    assert "Not even the network without load" in str(flow.diagnosis) and "set-points" in flow.diagnosis.advice


def test_dark_buses_with_load_are_named_and_the_others_solved():
    net = chain(5).edit("line", {"2-3": {"in_service": False}}, **SAID)
    flow = power_flow(net)
    assert flow.converged and flow.diagnosis.status == "unsupplied"
    assert flow.diagnosis.facts["buses"] == ["3", "4"] and flow.diagnosis.facts["islands"] == 1
    assert flow.diagnosis.facts["load_mw"] == approx(4)
    assert "2 buses have no path to a source (3, 4), in 1 island; the loads there take 4.000 MW." in str(flow.diagnosis)
    assert flow.bus["supplied"].tolist() == [True, True, True, False, False]
    assert flow.bus[["v_pu", "angle_deg", "p_mw", "q_mvar"]].isna().all(axis=1).tolist() == [False] * 3 + [True] * 2
    whole = power_flow(net.energized())
    assert whole.diagnosis is None
    assert whole.bus["v_pu"].tolist() == approx(flow.bus["v_pu"].tolist()[:3], abs=1e-12)
    assert whole.losses_mw == approx(flow.losses_mw, abs=1e-9)


def test_a_dark_bus_with_nothing_on_it_is_no_matter():
    net = (
        chain(3)
        .edit("line", {"1-2": {"in_service": False}}, **SAID)
        .edit("load", {"load 2": {"in_service": False}}, **SAID)
    )
    flow = power_flow(net)
    assert flow.diagnosis is None and flow.bus["supplied"].tolist() == [True, True, False]


def test_divergence_names_dark_buses_too():
    net = two_bus(r=0.1, load=3.0)
    net = net.add("bus", [{"id": "c", "v_nom_kv": 10.0, "owner": "o"}], **SAID)
    net = net.add("load", [{"id": "c", "bus": "c", "p_mw": 1.0, "owner": "o"}], **SAID)
    diagnosis = power_flow(net).diagnosis
    assert diagnosis.status == "not_converged" and diagnosis.facts["unsupplied_buses"] == ["c"]


def test_wrong_tables_raise_before_anything_is_solved():
    net = ring(4).edit("line", {"0-1": {"r_ohm_per_km": 0.0, "x_ohm_per_km": 0.0}}, **SAID)
    with pytest.raises(InvalidNetwork, match="no impedance"):
        power_flow(net)
    with pytest.raises(InvalidNetwork, match="no source"):
        power_flow(chain(3).edit("source", {"source": {"in_service": False}}, **SAID))


def test_a_diagnosis_without_a_known_edge_searches_it():
    """What others call with the flow that failed them: one scenario of a horizon."""
    net = two_bus(r=0.1, load=3.0)
    arrays = build_arrays(net)
    s = arrays.injection(net)
    diagnosis = diagnose_divergence(net, arrays, s, solve(arrays, s), 30)
    assert diagnosis.facts["load_scale"] == approx(2.5 / 3, rel=0.01) and diagnosis.facts["worst_buses"] == ["b"]
    # A flow that stopped too early does solve; the diagnosis says so.
    s = s * 0.8
    early = solve(arrays, s, max_iterations=2)
    assert not early.converged[0]
    assert "it does solve" in str(diagnose_divergence(net, arrays, s, early, 30))
