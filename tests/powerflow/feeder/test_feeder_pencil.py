"""Feeders whose answer a pencil finds: 1 kV to ground and 1 MVA per phase make 1 Ω one per unit."""

import cmath
import math

import numpy as np
import pytest
from pytest import approx
from small_feeders import KV, code, constant, line, load, regulated, three_phase, transformer, two_nodes, winding

from gridloop.powerflow.feeder.flow import feeder_power_flow

# The solver's own tolerance is 1e-10; what is left of it is the last step.
EXACT = 1e-9


def v_at(flow, bus, phase=1):
    row = flow.bus.loc[(bus, phase)]
    return cmath.rect(row["v_pu"], math.radians(row["angle_deg"]))


@pytest.mark.parametrize(
    ("kind", "p_mw", "v_pu"),
    [
        ("impedance", 1.0, 1 / 1.1),  # 1 Ω behind 0.1 Ω
        ("current", 1.0, 0.9),  # 1 kA drops 0.1 kV
        ("power", 0.9, 0.9),  # 0.9 MW at 0.9 kV is 1 kA
    ],
)
def test_one_load_of_each_kind(kind, p_mw, v_pu):
    """source 1 kV ──[ 0.1 Ω ]── load"""
    flow = feeder_power_flow(two_nodes(0.1, [load("d", "b", p_mw, kind=kind)]))
    assert flow.converged and flow.diagnosis is None
    assert v_at(flow, "b") == approx(v_pu, abs=EXACT)
    current = (1 - v_pu) / 0.1
    assert flow.load.loc["d", "p_mw"] == approx(v_pu * current, abs=EXACT)
    assert flow.losses_mw == approx(0.1 * current**2, abs=EXACT)
    assert flow.source.loc["s", "p_mw"] == approx(current, abs=EXACT)
    assert flow.conductor.loc[("ab", 1), "i_tail_ka"] == approx(current, abs=EXACT)


def test_shares_add_up():
    """A third of each kind at 1 pu (no impedance to speak of) is the whole; at 0.9 pu 0.27 + 0.3 + 0.333."""
    shares = {"p_impedance": 1 / 3, "p_current": 1 / 3, "p_power": 1 / 3}
    source = [{"id": "s", "bus": "a", "phases": "1", "v_rated_kv": 1.0, "v_set_pu": 0.9}]
    flow = feeder_power_flow(two_nodes(1e-9, [load("d", "b", 0.3) | shares], source=source))
    assert flow.load.loc["d", "p_mw"] == approx(0.1 * (0.81 + 0.9 + 1.0), abs=1e-8)


@pytest.mark.parametrize(
    ("v_pu", "p_pu"),
    [
        (1.2, (1.2 / 1.05) ** 2),  # an impedance that meets constant power at 1.05
        (1.0, 1.0),
        (0.725, 0.725 * (0.5 + 0.5 * (1 / 0.95 - 0.5))),  # half way between 0.5 at 0.5 pu and 1/0.95 at 0.95 pu
        (0.4, 0.16),  # the rated impedance
    ],
)
def test_constant_power_outside_its_range(v_pu, p_pu):
    source = [{"id": "s", "bus": "a", "phases": "1", "v_rated_kv": 1.0, "v_set_pu": v_pu}]
    usual = {"v_low_pu": 0.95, "v_floor_pu": 0.5, "v_high_pu": 1.05}
    flow = feeder_power_flow(two_nodes(1e-9, [load("d", "b", 0.1, 0.05) | usual], source=source))
    assert flow.load.loc["d", "p_mw"] == approx(0.1 * p_pu, abs=1e-8)
    assert flow.load.loc["d", "q_mvar"] == approx(0.05 * p_pu, abs=1e-8)


def test_a_capacitor_lifts_the_voltage():
    """0.5 Mvar behind 0.1 Ω of reactance: 1 / (1 − 0.05)."""
    capacitor = [{"id": "c", "bus": "b", "phases": "1", "q_mvar": 0.5, "v_rated_kv": 1.0}]
    flow = feeder_power_flow(two_nodes(0.1j, capacitor=capacitor))
    assert v_at(flow, "b") == approx(1 / 0.95, abs=EXACT)
    off = two_nodes(0.1j, capacitor=[capacitor[0] | {"closed": False}])
    assert v_at(feeder_power_flow(off), "b") == approx(1.0, abs=EXACT)


def test_charging_is_half_at_each_end():
    """A whole siemens of charging, half of it behind the line's 0.1 Ω: 1 / (1 − 0.05)."""
    flow = feeder_power_flow(two_nodes(line_code=code("z", 0.1j, 1e6)))
    assert v_at(flow, "b") == approx(1 / 0.95, abs=EXACT)


def test_a_balanced_delta_is_a_balanced_wye():
    """3 × 1 kA through 0.1 Ω in each phase: 0.9 kV, whichever way the load is connected."""
    for connection, phases in (("delta", "1.2.3"), ("wye", "1.2.3"), ("wye", "1.2.3.0")):
        three = load("d", "b", 3.0, kind="current", phases=phases, connection=connection, v_rated_kv=KV)
        flow = feeder_power_flow(three_phase(np.eye(3) * 0.1, [three]))
        for phase in (1, 2, 3):
            turn = cmath.rect(1.0, -math.radians(120 * (phase - 1)))
            # A delta's current follows the voltage across it, not its size: rated at √3 kV, it draws 1 kA a phase.
            assert v_at(flow, "b", phase) / turn == approx(0.9, abs=EXACT)


def test_a_load_between_two_phases():
    """√3 Ω² of load across phases 1 and 2 and 0.1 Ω in each: the voltage across it divides 1 : 0.2."""
    across = load("d", "b", 3.0, kind="impedance", phases="1.2", connection="delta", v_rated_kv=KV)  # 1 Ω
    flow = feeder_power_flow(three_phase(np.eye(3) * 0.1, [across]))
    assert abs(v_at(flow, "b", 1) - v_at(flow, "b", 2)) == approx(KV / 1.2, abs=EXACT)
    assert v_at(flow, "b", 3) == approx(cmath.rect(1.0, math.radians(120)), abs=EXACT)


def test_mutual_impedance_of_a_balanced_line():
    """Self minus mutual counts for balanced currents: 0.3 − 0.2 = 0.1 Ω."""
    three = load("d", "b", 3.0, kind="current", phases="1.2.3", v_rated_kv=KV)
    flow = feeder_power_flow(three_phase(np.full((3, 3), 0.2) + np.eye(3) * 0.1, [three]))
    assert flow.bus.loc["b"]["v_pu"].to_numpy() == approx(0.9, abs=EXACT)


def test_a_regulator_raises_by_its_tap():
    flow = feeder_power_flow(regulated([], tap_pu=1.05), controls=False)
    assert v_at(flow, "b") == approx(1.05, abs=EXACT)
    assert flow.regulator.loc["c", ["tap", "ratio_pu"]].tolist() == [8, approx(1.05)]
    assert flow.regulator.loc["c", "v_measured_v"] == approx(126.0, abs=1e-6)


def test_a_regulator_hands_on_the_power_it_takes():
    """Behind 0.1 Ω and a ratio of 1.1, 1.21 Ω of load look like 1 Ω."""
    feeder = two_nodes(
        0.1,
        bus=[{"id": b, "phases": "1", "v_nom_kv": KV} for b in "abc"],
        loads=[load("d", "c", 1 / 1.21, kind="impedance")],
        transformer=[transformer("t", 1, 1e-6)],
        winding=[winding("t", 1, "b", "1", 1.0), winding("t", 2, "c", "1", 1.0, tap_pu=1.1)],
        regulator=[{"id": "r", "transformer": "t"}],
    )
    for regulates in (True, False):  # as a regulator that stays, and as a transformer with a fixed tap
        flow = feeder_power_flow(feeder.edit("regulator", {"r": {"in_service": regulates}}), controls=False)
        assert v_at(flow, "b") == approx(1 / 1.1, abs=1e-7)  # its reactance is 1e-8 pu
        assert v_at(flow, "c") == approx(1.0, abs=1e-7)
        assert flow.transformer.loc["t", "p_1_mw"] == approx(1 / 1.21, abs=1e-7)


@pytest.mark.parametrize(
    ("connections", "kvs", "lag"),
    [
        (("delta", "wye"), (KV, KV), 30.0),
        (("wye", "delta"), (KV, KV / 2), 30.0),
        (("delta", "wye"), (KV, 2 * KV), -30.0),  # seen from the lower voltage, the higher leads
        (("wye", "wye"), (KV, KV), 0.0),
        (("delta", "delta"), (KV, KV), 0.0),
    ],
)
def test_the_higher_voltage_leads(connections, kvs, lag):
    windings = [
        winding("t", k + 1, "ab"[k], "1.2.3", kvs[k], connection=connections[k], s_rated_mva=3.0) for k in (0, 1)
    ]
    # A floating side needs its millionths to have a potential.
    t = [transformer("t", 3, 1.0, antifloat_ppm=1.0)]
    buses = [{"id": "ab"[k], "phases": "1.2.3", "v_nom_kv": kvs[k]} for k in (0, 1)]
    flow = feeder_power_flow(three_phase(1, [], line=[], line_code=[], transformer=t, winding=windings, bus=buses))
    # The millionths that keep a floating side defined turn and lift by as much.
    assert flow.bus.loc[("b", 1), "angle_deg"] == approx(-lag, abs=1e-4)
    assert flow.bus.loc[("b", 1), "v_pu"] == approx(1.0, abs=1e-5)
    lead = feeder_power_flow(flow.feeder.edit("transformer", {"t": {"shift": "high_lags"}}))
    assert lead.bus.loc[("b", 1), "angle_deg"] == approx(lag, abs=1e-4)


def test_a_centre_tapped_transformer_has_two_halves():
    """7.2 kV to 120/240 V: terminals 1 and 2 stand at ±120 V, and a load between them sees 240 V."""
    windings = [
        winding("t", 1, "a", "1.0", 1.0),
        winding("t", 2, "b", "1.0", 0.12),
        winding("t", 3, "b", "0.2", 0.12),
    ]
    across = load("d", "b", 0.01, phases="1.2", connection="delta", v_rated_kv=0.24)
    flow = feeder_power_flow(
        two_nodes(
            bus=[{"id": "a", "phases": "1", "v_nom_kv": KV}, {"id": "b", "phases": "1.2", "v_nom_kv": 0.12 * KV}],
            line=[],
            line_code=[],
            loads=[across],
            transformer=[transformer("t", 1, 1e-4, x_13_pct=1e-4, x_23_pct=1e-4)],
            winding=windings,
        )
    )
    assert v_at(flow, "b", 1) == approx(1.0, abs=1e-6)  # its reactances are 1e-6 pu
    assert v_at(flow, "b", 2) == approx(-1.0, abs=1e-6)
    assert flow.load.loc["d", "v_low_pu"] == approx(1.0, abs=1e-6)


def test_two_ways_share_by_their_impedances():
    """A loop: 0.1 Ω beside 0.3 Ω carries three quarters of 1 kA, and drops 0.075 kV."""
    feeder = two_nodes(
        line_code=[*code("z", 0.1), *code("w", 0.3)],
        line=[line("ab", "a", "b", "z"), line("second", "a", "b", "w")],
        loads=[load("d", "b", 1.0, kind="current")],
    )
    flow = feeder_power_flow(feeder)
    assert v_at(flow, "b") == approx(1 - 0.075, abs=EXACT)
    assert flow.conductor["i_tail_ka"].tolist() == approx([0.75, 0.25], abs=EXACT)
    opened = feeder_power_flow(feeder.edit("line", {"ab": {"closed": False}}))
    assert v_at(opened, "b") == approx(0.7, abs=EXACT)


def test_a_generator_gives_what_a_load_takes():
    generator = [{"id": "g", "bus": "b", "phases": "1", "p_mw": 0.5, "v_rated_kv": 1.0}]
    flow = feeder_power_flow(two_nodes(0.1, [load("d", "b", 0.5)], generator=generator))
    assert v_at(flow, "b") == approx(1.0, abs=EXACT)
    assert flow.generator.loc["g", "p_mw"] == approx(0.5, abs=EXACT)
    assert flow.source.loc["s", "p_mw"] == approx(0.0, abs=EXACT)


def test_a_source_behind_its_impedance():
    """A source of 1 kV behind 0.1 Ω in each phase, loaded with 1 kA: its bus is at 0.9 kV."""
    source = [{"id": "s", "bus": "a", "v_rated_kv": KV, "r1_ohm": 0.1, "r0_ohm": 0.1}]
    three = load("d", "a", 3.0, kind="current", phases="1.2.3", v_rated_kv=KV)
    flow = feeder_power_flow(three_phase(np.eye(3), [three], source=source))
    assert flow.bus.loc["a"]["v_pu"].to_numpy() == approx(0.9, abs=EXACT)
    assert flow.source.loc["s", "p_mw"] == approx(2.7, abs=3 * EXACT)  # at the bus, of three phases


def test_a_neutral_that_is_a_node():
    """Phase 1 and neutral 4, both of 0.1 Ω, the neutral held at ground by the source's own bus: 1 / (1 + 0.2)."""
    feeder = two_nodes(
        bus=[{"id": b, "phases": "1.4", "v_nom_kv": KV} for b in "ab"],
        line_code=[*code("z", np.eye(2) * 0.1), *code("earth", 1e-9)],
        line=[
            line("ab", "a", "b", "z", "1.4"),
            line("earth", "a", "a", "earth", "4") | {"head_phases": "0"},
        ],
        loads=[load("d", "b", 1.0, kind="impedance", phases="1.4")],
    )
    flow = feeder_power_flow(feeder)
    assert v_at(flow, "b", 1) - v_at(flow, "b", 4) == approx(1 / 1.2, abs=1e-8)


def test_constant_is_every_share():
    assert constant("power")["p_power"] == 1.0 and constant("power")["q_impedance"] == 0.0
