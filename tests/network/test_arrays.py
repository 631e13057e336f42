"""Per-unit arrays: admittances a pencil can check, injections by their signs, taps, and open ends."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from pytest import approx
from random_grids import random_grids

from gridloop.network.arrays import build_arrays
from gridloop.network.model import Network
from gridloop.network.topology import NO_NODE
from gridloop.testing import V_NOM_KV, chain, moment, ring, two_bus, village

SAID = {"author": "ada", "time": moment(), "reason": "test"}


def test_line():
    """z = 0.03 + 0.04j is y = 12 − 16j; b = 0.2 puts 0.1j at each end."""
    y = build_arrays(two_bus(r=0.03, x=0.04, b=0.2)).admittance().toarray()
    assert y == approx(np.array([[12 - 15.9j, -12 + 16j], [-12 + 16j, 12 - 15.9j]]))


def test_line_in_real_units():
    """2 km of 0.4 + 0.3j Ω/km at 20 kV, twice: 0.4 + 0.3j Ω on a base of 4 Ω; 2 × 2 × 500 µS are 0.008 pu."""
    line = {
        "id": "l", "tail_bus": "a", "head_bus": "b", "length_km": 2.0, "r_ohm_per_km": 0.4, "x_ohm_per_km": 0.3,
        "g_us_per_km": 500.0, "parallel": 2, "i_max_ka": 0.3,
    }  # fmt: skip
    net = Network.from_tables({"bus": [{"id": b, "v_nom_kv": 20.0} for b in "ab"], "line": [line]}, owner="o")
    b = build_arrays(net).branches
    assert b.y_th[0] == approx(-1 / (0.1 + 0.075j)) and b.y_ht[0] == approx(b.y_th[0])
    assert b.y_tt[0] == approx(1 / (0.1 + 0.075j) + 0.004) and b.y_hh[0] == approx(b.y_tt[0])
    assert b.ratio[0] == 1 and b.rating_ka[0].tolist() == [0.6, 0.6]
    assert b.base_ka[0] == approx([100 / math.sqrt(3) / 20] * 2)
    assert b.rating_pu[0] == approx([0.6 * math.sqrt(3) * 20 / 100] * 2)


def test_transformer():
    """x = 0.2 on 50 MVA is 0.4 on 100: y = −2.5j at the head. A ratio of 1.25 and 90° at the tail."""
    trafo = {
        "id": "t", "tail_bus": "a", "head_bus": "b", "s_rated_mva": 50.0, "v_tail_kv": 137.5, "v_head_kv": 20.0,
        "r_pu": 0.0, "x_pu": 0.2, "b_pu": -0.04, "shift_deg": 90.0, "s_max_mva": 60.0,
    }  # fmt: skip
    buses = [{"id": "a", "v_nom_kv": 110.0}, {"id": "b", "v_nom_kv": 20.0}]
    arrays = build_arrays(Network.from_tables({"bus": buses, "transformer": [trafo]}, owner="o"))
    b = arrays.branches
    assert b.ratio[0] == approx(1.25j) and b.n_lines == 0 and b.ids.tolist() == ["t"]
    assert b.y_hh[0] == approx(-2.5j - 0.01j) and b.y_tt[0] == approx(-2.51j / 1.25**2)
    assert b.y_th[0] == approx(2.5j / -1.25j) and b.y_ht[0] == approx(2.5j / 1.25j)
    assert b.rating_ka[0] == approx([60 / math.sqrt(3) / 137.5, 60 / math.sqrt(3) / 20])
    assert arrays.v_nom_kv.tolist() == [110, 20]


def test_a_transformer_is_rated_at_the_voltage_of_its_windings():
    """60 MVA at 115 and 21 kV, whatever the nominal voltages of the buses."""
    net = village().edit("transformer", {"T1": {"v_tail_kv": 115.0, "v_head_kv": 21.0, "s_max_mva": 60.0}}, **SAID)
    rating = build_arrays(net).branches.rating_ka[-1]
    assert rating == approx([60 / math.sqrt(3) / 115, 60 / math.sqrt(3) / 21])


def test_shunts_and_injections_by_their_signs():
    """A capacitor's susceptance is positive; generators inject, loads and storage take."""
    net = village().add("shunt", [{"id": "c", "bus": "busbar 2", "g_mw": 1.0, "b_mvar": 2.0, "owner": "o"}], **SAID)
    net = net.edit("storage", {"battery": {"p_mw": 0.25, "q_mvar": 0.125}}, **SAID)
    arrays = build_arrays(net)
    assert arrays.shunt.tolist() == approx([0, 0.01 + 0.02j, 0, 0])
    assert arrays.injection(net) * 100 == approx([0, -0.25 - 0.125j, -2 - 0.6j, -0.5 - 0.1j + 1.5 + 0.8])
    assert {kind: node.tolist() for kind, node in arrays.element_node.items()} == {
        "load": [2, 3], "generator": [3, 3], "storage": [1], "shunt": [1], "source": [0],
    }  # fmt: skip


def test_sums_leave_out_what_is_off_and_keep_further_axes():
    net = (
        chain(4)
        .edit("load", {"load 2": {"in_service": False}}, **SAID)
        .edit("bus", {"3": {"in_service": False}}, **SAID)
    )
    arrays = build_arrays(net)
    values = np.arange(6.0).reshape(3, 2) + 1
    assert arrays.sum_to_nodes("load", values).tolist() == [[0, 0], [1, 2], [0, 0]]
    assert arrays.element_on["load"].tolist() == [True, False, False]
    assert arrays.element_node["load"].tolist() == [1, 2, NO_NODE]


def test_the_first_holder_of_a_node_counts_and_a_source_before_any_machine():
    bus = [{"id": b, "v_nom_kv": 20.0} for b in "abcd"]
    machine = {"regulates_voltage": True}
    net = Network.from_tables(
        {
            "bus": bus,
            "switch": [{"id": "cb", "bus": "c", "element_kind": "bus", "element": "b"}],
            "source": [
                {"id": "off", "bus": "a", "in_service": False},
                {"id": "s", "bus": "a", "v_set_pu": 1.02, "angle_deg": 90.0},
                {"id": "second", "bus": "a", "v_set_pu": 1.05},
            ],
            "generator": [
                {"id": "free", "bus": "b"},
                {"id": "late", "bus": "c", "v_set_pu": 1.03, **machine},
                {"id": "later", "bus": "b", "v_set_pu": 0.99, **machine},
                {"id": "at source", "bus": "a", "v_set_pu": 0.9, **machine},
                {"id": "off", "bus": "d", "in_service": False, **machine},
            ],
        },
        owner="o",
    )
    arrays = build_arrays(net)
    assert arrays.source.tolist() == [0] and arrays.v_source == approx([1.02j])
    assert arrays.regulated.tolist() == [1] and arrays.v_set.tolist() == [1.03]
    assert arrays.holds.tolist() == [False, True, True, False, False]


@pytest.mark.parametrize("side", ["tail", "head"])
def test_taps_may_be_moved_without_a_new_network(side):
    """Whole positions are those of the edited network; half a step is half the change of turns."""
    net = village().edit("transformer", {"T1": {"tap_side": side, "tap_step_deg": 0.5}}, **SAID)
    arrays = build_arrays(net)
    edited = build_arrays(net.edit("transformer", {"T1": {"tap_pos": 4}}, **SAID))
    moved = arrays.with_taps(net, {"T1": 4})
    assert moved.admittance().toarray() == approx(edited.admittance().toarray(), abs=1e-12)
    assert moved.branches.ratio[-1] == approx(edited.branches.ratio[-1])
    half = arrays.with_taps(net, {"T1": 0.5}).branches.ratio[-1]
    change = 1 + 0.5 * 0.015
    assert abs(half) == approx(change if side == "tail" else 1 / change)
    assert np.rad2deg(np.angle(half)) == approx(150 + (0.25 if side == "tail" else -0.25))
    assert net.transformer.at["T1", "tap_pos"] == 0 and arrays.branches.ratio[-1] == approx(
        np.exp(1j * np.deg2rad(150))
    )


def test_a_tap_of_no_transformer_is_an_error():
    net = village()
    with pytest.raises(KeyError, match="T2"):
        build_arrays(net).with_taps(net, {"T2": 1.0})


def test_the_diagonal_is_stored_even_where_nothing_is():
    """Newton needs an entry for every node."""
    net = Network.from_tables({"bus": [{"id": b, "v_nom_kv": 20.0} for b in "abc"]}, owner="o")
    matrix = build_arrays(net).admittance()
    assert matrix.nnz == 3 and not matrix.toarray().any()


@settings(max_examples=25, deadline=None)
@given(net=random_grids)
def test_without_shunts_and_ratios_rows_add_up_to_zero(net):
    plain = Network.from_tables(
        {
            **net.tables,
            "line": net.line.assign(g_us_per_km=0.0, b_us_per_km=0.0),
            "transformer": net.transformer.iloc[:0],
            "shunt": net.shunt.iloc[:0],
        }
    )
    matrix = build_arrays(plain).admittance().toarray()
    # The stub's open end leaves what rounding leaves of y − y²/y.
    assert matrix.sum(axis=1) == approx(np.zeros(len(matrix)), abs=1e-12)
    assert matrix == approx(matrix.T)


@settings(max_examples=25, deadline=None)
@given(net=random_grids)
def test_an_open_end_is_a_bus_with_nothing_on_it(net):
    """The stub's open end as a bus of its own, eliminated by hand, gives the same matrix."""
    bus = net.bus.iloc[[0]].rename(index={"0": "end"})
    apart = Network.from_tables(
        {
            **net.tables,
            "bus": [{"id": i, **row} for table in (net.bus, bus) for i, row in table.to_dict("index").items()],
            "line": net.line.assign(tail_bus=net.line["tail_bus"].mask(net.line.index == "stub", "end")),
            "switch": net.switch[net.switch["closed"]],
        }
    )
    whole = build_arrays(apart).admittance().toarray()
    reduced = whole[:-1, :-1] - np.outer(whole[:-1, -1], whole[-1, :-1]) / whole[-1, -1]
    assert build_arrays(net).admittance().toarray() == approx(reduced, abs=1e-9)


def test_an_open_transformer_keeps_its_magnetising():
    """Open at the head, a tail of ratio 1.25 sees next to all of g = 0.02, divided by 1.25²."""
    net = village().edit(
        "transformer", {"T1": {"v_tail_kv": 137.5, "s_rated_mva": 100.0, "g_pu": 0.02, "b_pu": 0.0}}, **SAID
    )
    row = {"id": "X", "bus": "busbar", "element_kind": "transformer", "element": "T1", "closed": False, "owner": "o"}
    b = build_arrays(net.add("switch", [row], **SAID)).branches
    assert b.head[-1] == NO_NODE and b.y_th[-1] == b.y_ht[-1] == b.y_hh[-1] == 0
    assert b.y_tt[-1] == approx(0.02 / 1.25**2, rel=1e-2)


def test_open_at_both_ends_there_is_nothing():
    b = build_arrays(ring(4).edit("line", {"1-2": {"in_service": False}}, **SAID)).branches
    assert b.tail[1] == b.head[1] == NO_NODE
    assert [getattr(b, y)[1] for y in ("y_tt", "y_th", "y_ht", "y_hh")] == [0] * 4


def test_per_unit_voltage():
    assert build_arrays(two_bus()).v_nom_kv.tolist() == [V_NOM_KV, V_NOM_KV]
