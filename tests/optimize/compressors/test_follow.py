"""How a sequence is followed: who loads, who is called, who takes over from whom, and what pressure is held."""

from __future__ import annotations

import numpy as np
import pytest

from gridloop.errors import OutOfRange
from gridloop.optimize.compressors.machine import Compressor
from gridloop.optimize.compressors.rules import FollowSequence
from gridloop.optimize.compressors.simulation import Simulator, simulate
from gridloop.optimize.devices.compressor_station import CompressorStation

LARGE = Compressor.fixed_speed("L", 23.0, 137.0, on_before=True)
MIDDLE = Compressor.fixed_speed("F", 15.5, 97.0)
SMALL = Compressor.fixed_speed("S", 9.5, 61.0, on_before=True)
TURNS = Compressor.variable_speed("V", 15.5, 97.0, on_before=True)


def station(*machines: Compressor, **more: object) -> CompressorStation:
    fields: dict[str, object] = {"volume_m3": 30.0, "min_bar": 6.2, "max_bar": 7.2, "start_bar": 6.4} | more
    return CompressorStation(list(machines), np.zeros(1), **fields)  # type: ignore[arg-type]


def always(*on: bool, intervals: int = 2, **more: object) -> FollowSequence:
    planned = np.tile(np.array(on)[:, None], (1, intervals))
    return FollowSequence(planned, 0.25, **{"target_bar": 6.4, "lift_bar": 0.0} | more)  # type: ignore[arg-type]


def test_the_set_that_holds_the_pressure_loads_though_a_cheaper_machine_is_there():
    """20 m³/min are 9.5 and 10.5 turned; 23 would have to load and unload."""
    run = simulate(station(LARGE, SMALL, TURNS), np.full(120, 20.0), 10.0, always(True, True, True))
    later = run.flow_m3_per_min[60:]
    assert (later[:, 0] == 0.0).all() and (later[:, 1] == 9.5).all()
    assert later[:, 2] == pytest.approx(10.5, abs=0.05)
    assert run.pressure_bar[60:] == pytest.approx(6.4, abs=0.01)


def test_where_no_set_holds_the_pressure_swings_between_two():
    """15.5 at most, or 23 at least."""
    quiet = Compressor.variable_speed("V", 15.5, 97.0, on_before=True)
    rule = always(True, True, half_band_bar=0.1)
    run = simulate(station(LARGE, quiet), np.full(180, 20.0), 10.0, rule)
    loads = run.flow_m3_per_min[30:, 0] > 0.0
    assert 0.05 < loads.mean() < 0.95
    assert run.pressure_bar.min() > 6.25 and run.pressure_bar.max() < 6.55


def test_one_machine_takes_over_from_another_without_a_dip():
    """At the quarter of an hour the large one stops and the middle one, warm by then, loads in the same step."""
    planned = np.array([[True, False, False], [False, True, True], [True, True, True]])
    rule = FollowSequence(planned, 0.25, 6.4, spare_m3_per_min=0.5)
    run = simulate(station(LARGE, MIDDLE, TURNS), np.full(180, 27.0), 10.0, rule)
    assert run.phase[89, 0] == 2 and run.phase[91, 0] == 0
    assert run.pressure_bar[80:120].min() > 6.35


def test_a_machine_whose_turn_comes_soon_is_called_first():
    """Two could help; the dearer one is planned in five minutes, and is started for the gap now."""
    dear = Compressor.fixed_speed("D", 15.5, 130.0)
    planned = np.array([[True, True], [False, False], [False, True]])
    runner = Simulator(station(TURNS, MIDDLE, dear), 10.0)
    used = np.r_[np.full(60, 12.0), np.full(30, 19.0)]
    runner.run(used, FollowSequence(planned, 0.25, 6.4))
    assert runner.on == [True, False, True]
    nobody = FollowSequence(np.array([[True, True], [False, False], [False, False]]), 0.25, 6.4)
    other = Simulator(station(TURNS, MIDDLE, dear), 10.0)
    other.run(used, nobody)
    assert other.on == [True, True, False]


def test_the_machine_that_is_called_takes_least_power_for_the_gap():
    """A throttling one is smaller and takes 70 % where it gives nothing: the one that loads is started."""
    throttles = Compressor.modulating("M", 12.5, 82.0)
    runner = Simulator(station(TURNS, throttles, MIDDLE), 10.0)
    runner.run(np.r_[np.full(60, 12.0), np.full(30, 18.0)], always(True, False, False))
    assert runner.on == [True, False, True]


def test_the_target_is_lifted_where_no_flow_is_left():
    """15 of 15.5 m³/min are used: what is stored has to carry a rise until another machine delivers."""
    rule = always(True, lift_bar=0.1, room_m3_per_min=5.0)
    tight = simulate(station(TURNS), np.full(180, 14.5), 10.0, rule)
    loose = simulate(station(TURNS), np.full(180, 8.0), 10.0, rule)
    assert tight.pressure_bar[-1] == pytest.approx(6.4 + 0.1 * (1 - 1.0 / 5.0), abs=0.01)
    assert loose.pressure_bar[-1] == pytest.approx(6.4, abs=0.01)


def test_a_target_of_every_interval_is_held():
    planned = np.ones((1, 2), dtype=bool)
    rule = FollowSequence(planned, 0.25, np.array([6.4, 6.6]), lift_bar=0.0)
    run = simulate(station(TURNS), np.full(180, 8.0), 10.0, rule)
    assert run.pressure_bar[[85, 175]] == pytest.approx([6.4, 6.6], abs=0.01)
    with pytest.raises(OutOfRange, match="target_bar has 3 values for 2 intervals"):
        simulate(station(TURNS), np.full(180, 8.0), 10.0, FollowSequence(planned, 0.25, np.full(3, 6.4)))
