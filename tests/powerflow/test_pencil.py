"""Flows that a pencil can check. Everything is in per unit on 100 MVA and 1 Ω unless a test says otherwise."""

import math

import numpy as np
import pytest
from pytest import approx

from gridloop.network.model import Network
from gridloop.powerflow.flow import power_flow
from gridloop.testing import V_NOM_KV, moment, ring, two_bus

EXACT = 1e-8  # the flow leaves a mismatch of 1e-8 pu, which moves voltages by less behind impedances below 1 pu
SAID = {"author": "ada", "time": moment(), "reason": "test"}
BATTERY = {"capacity_mwh": 1.0, "max_charge_mw": 100.0, "max_discharge_mw": 100.0}
LINE = {"id": "a-b", "tail_bus": "a", "head_bus": "b", "length_km": 1.0}
TRANSFORMER = {
    "id": "t", "tail_bus": "a", "head_bus": "b", "s_rated_mva": 100.0, "v_tail_kv": V_NOM_KV, "v_head_kv": V_NOM_KV,
    "tap_min": -10, "tap_max": 10,
}  # fmt: skip


def grid(buses="ab", **tables):
    """Buses of 1 Ω, a source of 1 pu at the first, and what is given."""
    bus = [{"id": b, "v_nom_kv": V_NOM_KV} for b in buses]
    return Network.from_tables({"bus": bus, "source": [{"id": "source", "bus": buses[0]}], **tables}, owner="o")


def taking(p=0.0, q=0.0, bus="b"):
    return [{"id": "load", "bus": bus, "p_mw": 100 * p, "q_mvar": 100 * q}]


def test_two_bus_feeder():
    """slack 1.0 pu ──[ r = 0.1 pu ]── load 0.9 pu

    A current of 1.0 pu drops 0.1 pu: the load sits at 0.9 pu and takes 0.9 pu. The line burns 0.1 pu.
    """
    flow = power_flow(two_bus(r=0.1, load=0.9))
    assert flow.converged and flow.diagnosis is None
    assert flow.bus["v_pu"].tolist() == approx([1.0, 0.9], abs=EXACT)
    assert flow.bus["angle_deg"].tolist() == approx([0, 0], abs=EXACT)
    assert flow.losses_mw == approx(10, abs=1e-6)
    assert flow.source.loc["source"].tolist() == approx([100, 0], abs=1e-6)
    line = flow.line.loc["a-b"]
    assert (line["p_tail_mw"], line["p_head_mw"], line["losses_mw"]) == approx((100, -90, 10), abs=1e-6)
    assert line["i_tail_ka"] == approx(100 / (math.sqrt(3) * V_NOM_KV), abs=1e-6)


def test_a_reactance_turns_the_voltage():
    """A machine at 1 pu behind x = 0.1 sends sin 30° / 0.1 = 5 pu; both ends give (1 − cos 30°) / 0.1 reactive."""
    machine = {"id": "g", "bus": "b", "p_mw": 500.0, "regulates_voltage": True}
    flow = power_flow(grid(line=[LINE | {"r_ohm_per_km": 0, "x_ohm_per_km": 0.1}], generator=[machine]))
    q = 1000 * (1 - math.cos(math.radians(30)))
    assert flow.bus.loc["b", ["v_pu", "angle_deg"]].tolist() == approx([1, 30], abs=1e-7)
    assert flow.generator.loc["g"].tolist() == approx([500, q, 0], abs=1e-5)
    assert flow.source.loc["source"].tolist() == approx([-500, q], abs=1e-5)


@pytest.mark.parametrize(
    ("shunt", "x", "r", "v"),
    [
        ({"g_mw": 100.0}, 0.0, 0.1, 1 / 1.1),  # a resistor of 1 pu behind r = 0.1
        ({"b_mvar": 100.0}, 0.1, 0.0, 1 / 0.9),  # a capacitor of 1 pu behind x = 0.1 raises the voltage
        ({"b_mvar": -100.0}, 0.1, 0.0, 1 / 1.1),  # a coil lowers it
    ],
)
def test_shunts(shunt, x, r, v):
    line = [LINE | {"r_ohm_per_km": r, "x_ohm_per_km": x}]
    flow = power_flow(grid(line=line, shunt=[{"id": "s", "bus": "b", **shunt}]))
    assert flow.bus.loc["b", "v_pu"] == approx(v, abs=EXACT)
    assert flow.losses_mw == approx(100 * r * (v * shunt.get("g_mw", 0) / 100) ** 2 + shunt.get("g_mw", 0) * v**2)


def test_transformer_between_two_voltages():
    """110 kV to 22 kV at a busbar of 20 kV: 1.1 pu in no load."""
    buses = [{"id": "a", "v_nom_kv": 110.0}, {"id": "b", "v_nom_kv": 20.0}]
    trafo = [TRANSFORMER | {"v_tail_kv": 110.0, "v_head_kv": 22.0, "r_pu": 0.01, "x_pu": 0.1}]
    net = Network.from_tables({"bus": buses, "source": [{"id": "s", "bus": "a"}], "transformer": trafo}, owner="o")
    assert power_flow(net).bus.loc["b", "v_pu"] == approx(1.1, abs=EXACT)


def test_transformer_impedance_is_on_its_own_rating():
    """r = 0.05 on 50 MVA is 0.1 on 100 MVA; two units in parallel at 25 MVA each have it too."""
    for rating, parallel in ((50.0, 1), (25.0, 2)):
        trafo = [TRANSFORMER | {"s_rated_mva": rating, "r_pu": 0.05, "x_pu": 0.0, "parallel": parallel}]
        flow = power_flow(grid(transformer=trafo, load=taking(0.9)))
        assert flow.bus.loc["b", "v_pu"] == approx(0.9, abs=EXACT)


def test_tap_at_the_tail():
    """+25 % turns at the tail: 0.8 pu in no load; r = 0.1 at the head drops 0.1 pu more at a current of 1 pu."""
    tap = {"r_pu": 0.1, "x_pu": 0.0, "tap_pos": 5, "tap_neutral": 3, "tap_step_pu": 0.125}
    assert power_flow(grid(transformer=[TRANSFORMER | tap])).bus.loc["b", "v_pu"] == approx(0.8, abs=EXACT)
    loaded = power_flow(grid(transformer=[TRANSFORMER | tap], load=taking(0.7)))
    assert loaded.bus.loc["b", "v_pu"] == approx(0.7, abs=EXACT)
    assert loaded.source.loc["source", "p_mw"] == approx(80, abs=1e-6)


def test_tap_at_the_head():
    """+25 % turns at the head: 1.25 pu in no load. The impedance is constant seen from the tail, so that at the head
    it is 0.1 · 1.25² = 0.15625: a current of 1 pu leaves 1.09375 pu."""
    tap = {"r_pu": 0.1, "x_pu": 0.0, "tap_side": "head", "tap_pos": 2, "tap_step_pu": 0.125}
    assert power_flow(grid(transformer=[TRANSFORMER | tap])).bus.loc["b", "v_pu"] == approx(1.25, abs=EXACT)
    loaded = power_flow(grid(transformer=[TRANSFORMER | tap], load=taking(1.09375)))
    assert loaded.bus.loc["b", "v_pu"] == approx(1.09375, abs=EXACT)
    assert loaded.source.loc["source", "p_mw"] == approx(125, abs=1e-6)


@pytest.mark.parametrize(
    ("settings", "degrees"),
    [
        ({"shift_deg": 150.0}, -150),
        ({"shift_deg": -30.0}, 30),
        ({"tap_pos": 3, "tap_step_deg": 2.0}, -6),
        ({"tap_pos": 3, "tap_step_deg": 2.0, "tap_side": "head"}, 6),
        ({"shift_deg": 30.0, "tap_pos": -1, "tap_step_deg": 5.0}, -25),
    ],
)
def test_phase_shift(settings, degrees):
    """The tail leads the head."""
    flow = power_flow(grid(transformer=[TRANSFORMER | {"r_pu": 0.01, "x_pu": 0.1} | settings]))
    assert flow.bus.loc["b"].tolist()[:2] == approx([1, degrees], abs=1e-7)


def test_magnetising_is_a_shunt_at_both_ends():
    """Behind next to no impedance g = 0.02 takes 2 MW, and b = −0.04 takes 4 Mvar."""
    trafo = TRANSFORMER | {"r_pu": 1e-6, "x_pu": 1e-6, "g_pu": 0.02, "b_pu": -0.04}
    assert power_flow(grid(transformer=[trafo])).source.loc["source"].tolist() == approx([2, 4], abs=1e-4)


def test_line_with_an_open_end_still_charges():
    """x = 0.1 with b = 2: 1 pu of charging here, and 1 / (1 − 0.1) behind the reactance: 211.11 Mvar come back."""
    line = LINE | {"r_ohm_per_km": 0.0, "x_ohm_per_km": 0.1, "b_us_per_km": 2e6}
    for end, at in (("b", "a"), ("a", "b")):
        other = {
            "id": "short",
            "tail_bus": "a",
            "head_bus": "b",
            "length_km": 1.0,
            "r_ohm_per_km": 1e-7,
            "x_ohm_per_km": 0,
        }
        net = grid(
            line=[line, other],
            switch=[{"id": "open", "bus": end, "element_kind": "line", "element": "a-b", "closed": False}],
        )
        flow = power_flow(net)
        assert flow.source.loc["source", "q_mvar"] == approx(-100 * (1 + 1 / 0.9), abs=1e-3)
        ends = {"a": "q_tail_mvar", "b": "q_head_mvar"}
        assert flow.line.loc["a-b", ends[at]] == approx(-100 * (1 + 1 / 0.9), abs=1e-3)
        assert flow.line.loc["a-b", ends[end]] == 0


def test_a_branch_open_at_both_ends_is_not_there():
    net = grid(
        line=[LINE | {"r_ohm_per_km": 0.1, "x_ohm_per_km": 0.1, "b_us_per_km": 1e6}],
        switch=[{"id": f"open {b}", "bus": b, "element_kind": "line", "element": "a-b", "closed": False} for b in "ab"],
    )
    flow = power_flow(net)
    assert flow.source.loc["source"].tolist() == approx([0, 0], abs=1e-9)
    assert flow.bus["supplied"].tolist() == [True, False] and np.isnan(flow.bus.loc["b", "v_pu"])


def test_closed_bus_switches_fuse():
    """c hangs on b by a switch, d on c: all three are one node, and draw as one."""
    net = grid(
        "abcd",
        line=[LINE | {"r_ohm_per_km": 0.1, "x_ohm_per_km": 0.0}],
        switch=[{"id": x + y, "bus": x, "element_kind": "bus", "element": y} for x, y in ("bc", "cd")],
        load=[{"id": bus, "bus": bus, "p_mw": 30.0} for bus in "bcd"],
    )
    flow = power_flow(net)
    assert flow.bus["v_pu"].tolist() == approx([1, 0.9, 0.9, 0.9], abs=EXACT)
    assert flow.bus["p_mw"].tolist() == approx([100, -90, -90, -90], abs=1e-6)
    opened = net.edit("switch", {"cd": {"closed": False}}, **SAID).edit("load", {"d": {"in_service": False}}, **SAID)
    flow = power_flow(opened)
    assert flow.bus["supplied"].tolist() == [True, True, True, False]
    assert flow.bus.loc["c", "v_pu"] == approx((1 + math.sqrt(1 - 0.24)) / 2, abs=EXACT)  # v(1 − v) = 0.1 · 0.6


def test_islands_are_solved_each_with_its_own_source():
    line = {"length_km": 1.0, "r_ohm_per_km": 0.1, "x_ohm_per_km": 0.0}
    net = grid(
        "abcd",
        line=[{"id": x + y, "tail_bus": x, "head_bus": y, **line} for x, y in ("ab", "cd")],
        source=[{"id": "s", "bus": "a"}, {"id": "other", "bus": "c", "v_set_pu": 1.1, "angle_deg": 120.0}],
        load=[{"id": "b", "bus": "b", "p_mw": 90.0}, {"id": "d", "bus": "d", "p_mw": 100.0}],
    )
    flow = power_flow(net)
    assert flow.bus["v_pu"].tolist() == approx([1, 0.9, 1.1, 1.0], abs=EXACT)
    assert flow.bus["angle_deg"].tolist() == approx([0, 0, 120, 120], abs=1e-7)
    assert flow.source["p_mw"].tolist() == approx([100, 110], abs=1e-6)


def test_what_is_out_of_service_is_not_there():
    off = {"in_service": False}
    net = two_bus(r=0.1, load=0.9)
    for table, row in (
        ("load", {"id": "x", "bus": "b", "p_mw": 50.0}),
        ("generator", {"id": "x", "bus": "b", "p_mw": 50.0, "regulates_voltage": True}),
        ("storage", {"id": "x", "bus": "b", "p_mw": 50.0, **BATTERY}),
        ("shunt", {"id": "x", "bus": "b", "g_mw": 50.0}),
        ("source", {"id": "x", "bus": "b"}),
        ("line", LINE | {"id": "x", "r_ohm_per_km": 0.1, "x_ohm_per_km": 0.1, "b_us_per_km": 1e6}),
        ("switch", {"id": "x", "bus": "a", "element_kind": "bus", "element": "b"}),
    ):
        net = net.add(table, [row | off | {"owner": "o"}], **SAID)
    flow = power_flow(net)
    assert flow.bus["v_pu"].tolist() == approx([1.0, 0.9], abs=EXACT)
    assert flow.generator.loc["x", ["p_mw", "q_mvar"]].isna().all() and flow.source.loc["x"].isna().all()
    assert flow.line.loc["x", "i_tail_ka"] == 0


def test_generation_storage_and_load_add_up_by_their_signs():
    """130 MW of load, 20 MW of generation and a battery that gives 20 MW: the feeder sees 90 MW."""
    net = grid(
        line=[LINE | {"r_ohm_per_km": 0.1, "x_ohm_per_km": 0.0}],
        load=taking(1.3),
        generator=[{"id": "g", "bus": "b", "p_mw": 20.0}],
        storage=[{"id": "s", "bus": "b", "p_mw": -20.0, **BATTERY}],
    )
    assert power_flow(net).bus.loc["b", "v_pu"] == approx(0.9, abs=EXACT)


def test_the_source_carries_what_hangs_on_its_own_bus():
    """90 MW, and a machine of 30 MW, 10 Mvar that would hold the voltage: the source has it, and gives the rest."""
    machine = {"id": "g", "bus": "a", "p_mw": 30.0, "q_mvar": 10.0, "regulates_voltage": True, "v_set_pu": 1.05}
    flow = power_flow(grid("a", load=taking(0.9, 0.2, bus="a"), generator=[machine]))
    assert flow.source.loc["source"].tolist() == approx([60, 10], abs=1e-6)
    assert flow.generator.loc["g"].tolist() == [30, 10, 0]


def test_sources_of_one_node_share_equally():
    net = grid(
        "ab",
        switch=[{"id": "s", "bus": "a", "element_kind": "bus", "element": "b"}],
        source=[{"id": "one", "bus": "a"}, {"id": "two", "bus": "b"}],
        load=taking(0.6, 0.2),
    )
    assert power_flow(net).source.to_numpy().tolist() == approx(np.array([[30, 10], [30, 10]]), abs=1e-6)


@pytest.mark.parametrize(
    ("ranges", "shares"),
    [
        # At the same height of both ranges: 90 Mvar are half of what they can do together.
        (((0.0, 120.0), (0.0, 60.0)), (60.0, 30.0)),
        # Together they reach from −60 to 240, and 90 is half of the way.
        (((-60.0, 60.0), (0.0, 180.0)), (0.0, 90.0)),
        # Where a range is missing, equally.
        (((None, 120.0), (0.0, 60.0)), (45.0, 45.0)),
    ],
)
def test_machines_of_one_node_share_by_their_range(ranges, shares):
    machines = [
        {"id": str(k), "bus": "b", "regulates_voltage": True, "q_min_mvar": low, "q_max_mvar": high, "q_mvar": 7.0}
        for k, (low, high) in enumerate(ranges)
    ]
    net = grid(line=[LINE | {"r_ohm_per_km": 0, "x_ohm_per_km": 0.1}], load=taking(0, 0.9), generator=machines)
    flow = power_flow(net)
    assert flow.generator["q_mvar"].tolist() == approx(list(shares), abs=1e-5)
    assert flow.source.loc["source"].tolist() == approx([0, 0], abs=1e-5)


def test_loading_is_current_over_rating():
    """1 pu is 5.774 kA: 60 % of two circuits of 4.811 kA each. No rating, no loading."""
    line = LINE | {"r_ohm_per_km": 0.2, "x_ohm_per_km": 0.0, "parallel": 2, "i_max_ka": 100 / math.sqrt(3) / 12}
    net = grid(line=[line], load=taking(0.9))
    assert power_flow(net).line.loc["a-b", "loading_pct"] == approx(60, abs=1e-6)
    free = net.edit("line", {"a-b": {"i_max_ka": float("nan")}}, **SAID)
    assert np.isnan(power_flow(free).line.loc["a-b", "loading_pct"])


def test_loading_is_that_of_the_end_that_is_loaded_more():
    """A cable in no load: b/2 = 0.1 charges at 1 pu here and at 1 / (1 − 0.1 · 0.1) there, and all of it enters at the
    fed end, be it tail or head."""
    amperes = 100 / math.sqrt(3) / V_NOM_KV
    cable = LINE | {"r_ohm_per_km": 0.0, "x_ohm_per_km": 0.1, "b_us_per_km": 2e5, "i_max_ka": amperes}
    for ends in ({}, {"tail_bus": "b", "head_bus": "a"}):
        line = power_flow(grid(line=[cable | ends])).line.loc["a-b"]
        v = 1 / (1 - 0.1 * 0.1)
        assert line["loading_pct"] == approx(100 * (0.1 + 0.1 * v), abs=1e-5)
        assert min(line["i_tail_ka"], line["i_head_ka"]) == approx(0, abs=1e-6)


def test_transformer_loading_is_on_the_current_of_its_plate():
    """A winding of 12.5 kV at a 10 kV bus: 80 MVA on the plate are 64 MVA there. 0.8 pu of current are 125 % of it."""
    trafo = TRANSFORMER | {"v_head_kv": 1.25 * V_NOM_KV, "r_pu": 1e-7, "x_pu": 0.0, "s_max_mva": 80.0}
    flow = power_flow(grid(transformer=[trafo], load=taking(1.0)))  # 1.25 pu at the head, so 0.8 pu of current
    assert flow.transformer.loc["t", "loading_pct"] == approx(125, abs=1e-4)


def test_a_ring_can_be_cut():
    """Three equal loads on a ring of four: the middle one is fed from both sides. With the tie open it is a chain."""
    closed, opened = power_flow(ring(4)), power_flow(ring(4, closed=False))
    assert closed.line.loc["0-1", "p_tail_mw"] == approx(closed.line.loc["3-0", "p_head_mw"], abs=1e-6)
    assert opened.line.loc["3-0"].tolist()[:7] == [0] * 7
    assert opened.bus.loc["3", "v_pu"] < closed.bus.loc["3", "v_pu"]
    assert opened.line.loc["2-3", "p_head_mw"] == approx(-5, abs=1e-6)
