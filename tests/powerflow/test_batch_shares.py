"""Distributed slack: who carries what is missing, by laws, by a dense twin and as pandapower has it."""

import warnings

import numpy as np
import pandas as pd
import plain
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx
from random_grids import random_grids

from gridloop.errors import BadInput
from gridloop.io.read import read_network
from gridloop.network.arrays import build_arrays
from gridloop.network.model import Network
from gridloop.powerflow.batch import power_flows
from gridloop.powerflow.flow import planned
from gridloop.testing import V_NOM_KV, chain

# Solved to 1e-10 pu: a sum over some elements in MW.
TIGHT, SAME, SAME_MW = 1e-10, 1e-8, 1e-5


def triangle(**columns):
    """a source, and two machines at b and c; no resistance, so that nothing is lost."""
    line = {"length_km": 1.0, "r_ohm_per_km": 0.0, "x_ohm_per_km": 0.1}
    return Network.from_tables(
        {
            "bus": [{"id": b, "v_nom_kv": V_NOM_KV} for b in "abc"],
            "line": [{"id": x + y, "tail_bus": x, "head_bus": y, **line} for x, y in ("ab", "bc", "ac")],
            "source": [{"id": "s", "bus": "a"}],
            "load": [{"id": "l", "bus": "c", "p_mw": 90.0}],
            "generator": [
                {"id": "b", "bus": "b", "regulates_voltage": True, "p_mw": 20.0, "p_max_mw": 100.0},
                {"id": "c", "bus": "c", "regulates_voltage": True, "p_mw": 10.0, "p_max_mw": 50.0},
            ],
        },
        owner="o",
    )


def test_without_losses_by_pencil():
    """90 MW less 30 planned: 60 are missing, of which b carries 40 and c 20 by their ratings; the source gives none."""
    flows = power_flows(triangle(), {"load.p_mw": [[90.0], [30.0], [0.0]]}, distributed_slack="p_max")
    assert flows.balance_mw.tolist() == approx([60, 0, -30], abs=1e-5)
    assert flows.generator_p_mw.values == approx(np.array([[60, 20, 0], [30, 10, 0]]), abs=1e-5)
    assert flows.source_p_mw.values[0] == approx([0, 0, 0], abs=1e-5)


def test_the_source_may_have_a_share():
    shares = pd.Series({"s": 0.5, "b": 0.5})
    flows = power_flows(triangle(), {"load.p_mw": [[90.0]]}, distributed_slack=shares)
    assert [*flows.source_p_mw.values[0], *flows.generator_p_mw.values[:, 0]] == approx([30, 50, 10], abs=1e-5)


def test_a_machine_beside_the_source_carries_its_own_share():
    """90 MW of load, 35 planned, 55 missing: d at the source's bus carries 11 of them and its plan of 5, b 44."""
    net = triangle()
    d = {"id": "d", "bus": "a", "p_mw": 5.0, "owner": "o"}
    net = Network.from_tables({**net.tables, "generator": [*net.generator.reset_index().to_dict("records"), d]})
    flows = power_flows(net, {"load.p_mw": [[90.0]]}, distributed_slack={"b": 0.8, "d": 0.2})
    assert flows.generator_p_mw.values[:, 0] == approx([64, 10, 16], abs=1e-5)
    assert flows.source_p_mw.values[0] == approx([0], abs=1e-5)


def test_who_is_gone_hands_its_share_to_the_others():
    """c out, b out, both out (the source is alone again), and b cut off."""
    on = np.array([[1, 0], [0, 1], [0, 0], [1, 1]])
    lines = np.array([[1, 1, 1], [1, 1, 1], [1, 1, 1], [0, 0, 1]])
    flows = power_flows(triangle(), {"generator.in_service": on, "line.in_service": lines}, distributed_slack="p_max")
    nan = np.nan
    assert flows.generator_p_mw.values == approx(
        np.array([[90, nan, nan, nan], [nan, 90, nan, 90]]), abs=1e-5, nan_ok=True
    )
    assert flows.source_p_mw.values[0] == approx([0, 0, 90, 0], abs=1e-5)
    assert flows.unsupplied == {3: ["b"]}


@settings(max_examples=20, deadline=None)
@given(net=random_grids, seed=st.integers(0, 999), part=st.floats(0.0, 1.0))
def test_a_dense_twin_agrees_and_power_is_conserved(net, seed, part):
    factor = np.random.default_rng(seed).uniform(0.5, 1.2, (3, len(net.load)))
    load = factor * net.load["p_mw"].to_numpy()
    shares = {"roof": part, "machine": 0.5 - part / 2, "source": 0.5 - part / 2}
    flows = power_flows(net, {"load.p_mw": load}, distributed_slack=shares, tolerance_pu=TIGHT)
    arrays = build_arrays(net)
    lit, place = np.flatnonzero(arrays.topology.supplied), np.full(arrays.n_nodes, -1)
    place[lit] = np.arange(lit.size)
    y, share = arrays.admittance().toarray()[np.ix_(lit, lit)], np.zeros(arrays.n_nodes)
    for table, name in (("generator", "roof"), ("generator", "machine"), ("source", "source")):
        share[arrays.element_node[table][net.tables[table].index.get_loc(name)]] += shares[name]
    for k in range(3):
        assert flows.converged[k]
        s = planned(net, arrays)
        np.add.at(s, arrays.element_node["load"], (net.load["p_mw"].to_numpy() - load[k]) / 100)
        v0 = flows.v_node[lit, k] * np.exp(0.01j * np.arange(lit.size))
        v0[place[arrays.source]] = arrays.v_source
        v, balance = plain.power_flow(
            y, s[lit], v0, place[arrays.source].tolist(), place[arrays.regulated].tolist(), share[lit]
        )
        assert flows.v_node[lit, k] == approx(v, abs=SAME) and flows.balance_mw[k] == approx(100 * balance, abs=SAME_MW)
    given_mw = flows.generator_p_mw.sum("generator").values + flows.source_p_mw.sum("source").values
    taken = load.sum(axis=1) + net.storage["p_mw"].sum() + flows.losses_mw.to_numpy()
    assert given_mw == approx(taken, abs=SAME_MW)


def test_a_share_of_one_for_the_source_is_no_share_at_all(matpower_dir):
    net = read_network(matpower_dir / "case14.m")
    load = net.load["p_mw"].to_numpy() * np.random.default_rng(0).uniform(0.8, 1.2, (8, len(net.load)))
    alone = power_flows(net, {"load.p_mw": load}, tolerance_pu=TIGHT)
    shared = power_flows(net, {"load.p_mw": load}, distributed_slack={net.source.index[0]: 1.0}, tolerance_pu=TIGHT)
    assert shared.v_node == approx(alone.v_node, abs=SAME)
    assert shared.source_p_mw.values == approx(alone.source_p_mw.values, abs=SAME_MW)


def test_pandapower_shares_out_the_same():
    """Five buses of its own making; its slack weights are our shares. It solves to 1e-8 MVA here, so 1e-8 pu."""
    import pandapower as pp

    peer = pp.create_empty_network(f_hz=50)
    bus = [pp.create_bus(peer, vn_kv=110.0) for _ in range(5)]
    pp.create_ext_grid(peer, bus[0], vm_pu=1.02, slack_weight=0.2)
    ends = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0), (1, 3)]
    for k, (a, b) in enumerate(ends):
        pp.create_line_from_parameters(peer, bus[a], bus[b], 10.0 + k, 0.06, 0.4, 0.0, 1.0)
    pp.create_gen(peer, bus[2], p_mw=40.0, vm_pu=1.01, slack_weight=0.5)
    pp.create_gen(peer, bus[4], p_mw=20.0, vm_pu=1.0, slack_weight=0.3)
    for b, p, q in ((1, 50.0, 10.0), (3, 60.0, 20.0)):
        pp.create_load(peer, bus[b], p, q)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pandapower's own making
        pp.runpp(
            peer,
            distributed_slack=True,
            calculate_voltage_angles=True,
            tolerance_mva=1e-8,
            numba=False,
            lightsim2grid=False,
        )
    cable = {"r_ohm_per_km": 0.06, "x_ohm_per_km": 0.4}
    net = Network.from_tables(
        {
            "bus": [{"id": str(b), "v_nom_kv": 110.0} for b in range(5)],
            "line": [
                {"id": f"l{k}", "tail_bus": str(a), "head_bus": str(b), "length_km": 10.0 + k, **cable}
                for k, (a, b) in enumerate(ends)
            ],
            "source": [{"id": "s", "bus": "0", "v_set_pu": 1.02}],
            "generator": [
                {"id": "g2", "bus": "2", "p_mw": 40.0, "regulates_voltage": True, "v_set_pu": 1.01},
                {"id": "g4", "bus": "4", "p_mw": 20.0, "regulates_voltage": True, "v_set_pu": 1.0},
            ],
            "load": [{"id": "l1", "bus": "1", "p_mw": 0.0}, {"id": "l3", "bus": "3", "p_mw": 0.0}],
        },
        owner="o",
    )
    given_mw = {"load.p_mw": [[50.0, 60.0]], "load.q_mvar": [[10.0, 20.0]]}
    flows = power_flows(net, given_mw, distributed_slack={"s": 0.2, "g2": 0.5, "g4": 0.3}, tolerance_pu=TIGHT)
    theirs = peer.res_bus["vm_pu"] * np.exp(1j * np.deg2rad(peer.res_bus["va_degree"]))
    assert flows.v.values[:, 0] == approx(theirs.to_numpy(), abs=1e-8)
    assert flows.generator_p_mw.values[:, 0] == approx(peer.res_gen["p_mw"].to_numpy(), abs=SAME_MW)
    assert flows.source_p_mw.values[:, 0] == approx(peer.res_ext_grid["p_mw"].to_numpy(), abs=SAME_MW)


def two_sources():
    net = triangle()
    rows = [{"id": "s", "bus": "a", "owner": "o"}, {"id": "t", "bus": "b", "owner": "o"}]
    return Network.from_tables({**net.tables, "source": rows})


def edited(**columns):
    net = triangle()
    return Network.from_tables({**net.tables, "generator": net.generator.assign(**columns)})


@pytest.mark.parametrize(
    ("net", "shares", "says"),
    [
        (two_sources(), "p_max", r"needs one source.*has 2 .*\(s, t\)"),
        (triangle(), {"b": 0.5}, "1 shares add up to 0.5, not to 1"),
        (triangle(), {"b": 0.5, "nobody": 0.5}, "1 ids name no generator and no source: nobody"),
        (triangle(), {"b": -0.5, "c": 1.5}, "1 shares are negative or missing: b"),
        (triangle(), {"b": np.nan, "c": 1.0}, "1 shares are negative or missing: b"),
        (triangle(), {"b": "half", "c": 0.5}, "shares are numbers, but"),
        (triangle(), pd.Series([0.5, 0.5], index=["b", "b"]), "twice"),
        (triangle(), "by size", "'by size' is not known; give 'p_max'"),
        (triangle(), 0.5, "got float"),
        (edited(in_service=[True, False]), {"b": 0.5, "c": 0.5}, "out of service or without supply: c"),
        (edited(p_max_mw=np.nan), "p_max", r"2 generators have no p_max_mw: b, c"),
        (edited(p_max_mw=0.0), "p_max", "no generator in service has a p_max_mw above 0"),
        (chain(3), "p_max", "no generator in service"),
    ],
)  # fmt: skip
def test_shares_that_make_no_sense(net, shares, says):
    with pytest.raises(BadInput, match=says) as error:
        power_flows(net, {"load.p_mw": np.ones((1, len(net.load)))}, distributed_slack=shares)
    assert "\n" not in str(error.value)


def test_persisting_knows_one_source_only():
    with pytest.raises(BadInput, match="leave out distributed_slack"):
        power_flows(triangle(), {"load.p_mw": [[90.0]]}, distributed_slack="p_max", persist=True)
