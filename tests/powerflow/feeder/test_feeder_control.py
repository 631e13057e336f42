"""Tap control by hand: how far a move goes, who moves first, what compensation adds, and where it ends."""

import numpy as np
import pytest
from pytest import approx
from small_feeders import KV, in_series, load, regulated, transformer, two_nodes, winding

from gridloop.errors import BadInput
from gridloop.powerflow.feeder.arrays import build_feeder_arrays
from gridloop.powerflow.feeder.control import first_to_move, measured_volts, solve_with_controls, wanted_steps
from gridloop.powerflow.feeder.flow import feeder_power_flow, tables_of
from gridloop.powerflow.feeder.plain import FeederSolver


def at_source(v_pu, tap=0, **control):
    """A regulator without load behind a source of v_pu: it measures 120 V at 1 pu, and a step is 0.75 V."""
    source = [{"id": "s", "bus": "a", "phases": "1", "v_rated_kv": 1.0, "v_set_pu": v_pu}]
    feeder = regulated([], tap_pu=1.0 + 0.00625 * tap, **control)
    return type(feeder).from_tables({**feeder.tables, "source": source})


def wanted(feeder):
    arrays = build_feeder_arrays(feeder)
    return wanted_steps(arrays, FeederSolver(arrays).solve().v, arrays.tap).tolist()


@pytest.mark.parametrize(
    ("v_pu", "steps"),
    [
        (1.0, 0),
        (0.992, 0),  # 0.96 V low: inside half a band of 1 V
        (0.99, 1),  # 1.2 V are 1.6 steps, rounded 2, of which seven tenths are 1
        (0.97, 3),  # 4.8 steps, 5, 3.5
        (0.95, 5),  # 8, 5.6
        (0.93, 7),  # 11.2, 11, 7.7
        (0.9, 11),  # 16, 11.2
        (1.03, -3),
        (1.06, -7),
    ],
)
def test_how_far_one_move_goes(v_pu, steps):
    assert wanted(at_source(v_pu)) == [steps]


def test_a_move_ends_at_the_limit_and_at_its_largest_change():
    assert wanted(at_source(0.85, tap=14)) == [2]
    assert wanted(at_source(0.85, tap=16)) == [0]
    assert wanted(at_source(0.9, max_tap_change=1)) == [1]


def test_all_rest_in_their_band():
    done = solve_with_controls(build_feeder_arrays(at_source(0.95)))
    assert done.settled and done.solution.taps.tolist() == [8]
    assert feeder_power_flow(at_source(0.95)).regulator.loc["c", "v_measured_v"] == approx(120 * 0.95 * 1.05, abs=1e-5)


def test_a_limit_is_reached_and_told():
    flow = feeder_power_flow(at_source(0.8))
    assert flow.diagnosis is None
    assert flow.regulator.loc["c", ["tap", "at_limit"]].tolist() == [16, 1]


def test_compensation_adds_the_drop_of_the_load():
    """0.9 MW at 1 kV is 900 A, three times the current transformer's 300 A: 3 × 2 V less."""
    feeder = regulated([load("d", "b", 0.9, kind="power")], r_v=2.0, ct_primary_a=300.0)
    arrays = build_feeder_arrays(feeder)
    volts = measured_volts(arrays, FeederSolver(arrays).solve().v, arrays.tap)
    assert volts == approx([114.0], abs=1e-4)
    assert wanted(feeder) == [5]  # 6 V are 8 steps, of which 5.6


def test_reactive_compensation_turns_the_drop():
    """With x alone and a load of reactive power alone the drop is in phase: 0.6 Mvar, 600 A, 2 × 3 V."""
    feeder = regulated([load("d", "b", 0.0, 0.6)], x_v=3.0, ct_primary_a=300.0)
    arrays = build_feeder_arrays(feeder)
    assert measured_volts(arrays, FeederSolver(arrays).solve().v, arrays.tap) == approx([114.0], abs=1e-4)


def test_the_shortest_delay_moves_first():
    arrays = build_feeder_arrays(in_series((15.0, 30.0)))
    assert first_to_move(arrays, np.array([5, 5])).tolist() == [5, 0]
    assert first_to_move(arrays, np.array([0, 5])).tolist() == [0, 5]
    # The first repairs all of it, and the second never moves.
    assert solve_with_controls(arrays).solution.taps.tolist() == [8, 0]


def test_equal_delays_move_together():
    arrays = build_feeder_arrays(in_series((15.0, 15.0)))
    assert first_to_move(arrays, np.array([5, -3])).tolist() == [5, -3]
    done = solve_with_controls(arrays)
    assert done.settled and done.solution.taps[1] != 0


def test_regulators_that_do_not_come_to_rest_are_diagnosed():
    arrays = build_feeder_arrays(at_source(0.9))
    flow = tables_of(arrays, solve_with_controls(arrays, max_rounds=1))
    assert flow.converged and flow.diagnosis is not None
    assert (flow.diagnosis.status, flow.diagnosis.facts) == ("controls_not_settled", {"ids": ["c"], "rounds": 1})
    assert flow.taps.tolist() == [11]


def test_a_control_of_a_remote_bus():
    """It measures the far end of the line instead of its winding: 0.1 Ω and 0.5 kA drop 6 V."""
    feeder = in_series((15.0, 15.0))
    rows = {name: frame.reset_index().to_dict("records") for name, frame in feeder.tables.items()}
    rows["regulator"] = [rows["regulator"][0] | {"monitored_bus": "c"}]
    feeder = type(feeder).from_tables(rows)
    arrays = build_feeder_arrays(feeder.edit("winding", {"u:2": {"tap_pu": 1.05}}))
    assert measured_volts(arrays, FeederSolver(arrays).solve().v, arrays.tap) == approx([120 * 0.95 * 1.05], abs=1e-4)


def test_a_bank_of_three_moves_as_one():
    three = two_nodes(
        bus=[{"id": b, "phases": "1.2.3", "v_nom_kv": KV} for b in "ab"],
        line=[],
        line_code=[],
        source=[{"id": "s", "bus": "a", "v_rated_kv": KV, "v_set_pu": 0.95}],
        transformer=[transformer("t", 3, 1e-6)],
        winding=[winding("t", k + 1, "ab"[k], "1.2.3", KV) for k in (0, 1)],
        regulator=[{"id": "c", "transformer": "t", "band_v": 2.0, "pt_ratio": 1000 / 120.0, "monitored_phase": 2}],
    )
    flow = feeder_power_flow(three)
    assert flow.taps.tolist() == [8]
    assert flow.bus.loc["b"]["v_pu"].to_numpy() == approx(0.95 * 1.05, abs=1e-7)  # its reactance is 1e-8 pu


@pytest.mark.parametrize(
    "wrong",
    [
        [{"id": "c", "transformer": "t"}, {"id": "d", "transformer": "t"}],
        [{"id": "c", "transformer": "t", "winding": 3}],
    ],
)
def test_a_control_that_cannot_control(wrong):
    feeder = regulated([])
    with pytest.raises(BadInput, match="regulator"):
        build_feeder_arrays(type(feeder).from_tables({**feeder.tables, "regulator": wrong}))


def test_out_of_service_is_left_alone():
    flow = feeder_power_flow(at_source(0.9, in_service=False))
    assert flow.taps.size == 0 and flow.regulator["tap"].isna().all()
