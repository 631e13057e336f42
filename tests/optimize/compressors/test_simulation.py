"""The judge: air and energy by pencil, machines that keep their times, rules that keep the band."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from gridloop.errors import OutOfRange
from gridloop.optimize.compressors.demand import STEP_S, demo_station, synthetic_week
from gridloop.optimize.compressors.machine import ATMOSPHERE_BAR, Compressor
from gridloop.optimize.compressors.rules import Cascade, EqualShares, FollowSequence, tune_cascade
from gridloop.optimize.compressors.simulation import Simulator, simulate
from gridloop.optimize.devices.compressor_station import CompressorStation

WEEK = synthetic_week(11)
DAY = WEEK.used[: 2 * 8640]


def one(**more: object) -> CompressorStation:
    machine = Compressor.fixed_speed("F", 12.0, 72.0, idle_kw=18.0, blowdown_s=0.0, start_kwh=0.4, start_s=20.0)
    return CompressorStation([machine], np.zeros(1), 30.0, 6.0, 7.0, **more)


def test_the_pressure_follows_from_the_air():
    """12 m³/min into 30 m³ raise the pressure by 0.4 bar a minute; 6 that are used leave half of it."""
    cascade = Cascade(np.array([6.2]), np.array([6.8]), 6.5)
    run = simulate(one(), np.full(12, 6.0), 10.0, cascade)
    delivered = run.flow_m3_per_min[:, 0]
    steps = np.diff(np.concatenate([[6.0], run.pressure_bar]))
    assert steps == pytest.approx((delivered - 6.0) / 6.0 / 30.0, abs=1e-12)
    assert delivered[:2].max() == 0.0 and delivered[3] == 12.0  # 20 s to start


@pytest.mark.parametrize("way", ["cascade", "equal", "sequence"])
def test_air_and_energy_balance_whoever_rules(way: str):
    station = demo_station()
    n = -(-DAY.size // 90)
    rule = {
        "cascade": Cascade.staggered(station, lowest_bar=6.4, spacing_bar=0.1, width_bar=0.3),
        "equal": EqualShares(6.7),
        "sequence": FollowSequence(np.tile(np.array([[1], [1], [0], [1], [0], [1]], dtype=bool), n), 0.25, 6.5),
    }[way]
    run = simulate(station, DAY, STEP_S, rule)
    begin = np.concatenate([[station.begins_bar], run.pressure_bar[:-1]])
    leaks = station.leak_m3_per_min * (begin + ATMOSPHERE_BAR) / (station.min_bar + ATMOSPHERE_BAR)
    gained = (run.flow_m3_per_min.sum(axis=1) - DAY - leaks) * STEP_S / 60.0 / station.volume_m3
    assert np.diff(np.concatenate([[station.begins_bar], run.pressure_bar])) == pytest.approx(gained, abs=1e-9)
    full = np.array([m.most_m3_per_min for m in station.machines])
    assert (run.flow_m3_per_min <= full + 1e-12).all() and (run.flow_m3_per_min >= 0).all()
    assert (run.p_kw[run.phase == 0] == 0.0).all()
    _keeps_its_times(run.phase > 0, station)


def _keeps_its_times(on: np.ndarray, station: CompressorStation) -> None:
    for k, machine in enumerate(station.machines):
        change = np.flatnonzero(np.diff(on[:, k].astype(int)))
        for a, b in pairwise(change):
            least = machine.min_on_h if on[a + 1, k] else machine.min_off_h
            assert (b - a) * STEP_S >= least * 3600.0 - STEP_S


def test_a_sequence_that_is_wrong_is_helped():
    """Nothing but the variable machine is planned; the others are called before the air is short."""
    station = demo_station()
    planned = np.zeros((6, -(-DAY.size // 90)), dtype=bool)
    planned[5] = True
    run = simulate(station, DAY, STEP_S, FollowSequence(planned, 0.25, 6.7))
    assert DAY.max() + 8.0 > 15.5 and run.pressure_bar.min() > station.min_bar - 0.25


def test_two_halves_are_the_whole():
    station = demo_station()
    rule = Cascade.staggered(station, lowest_bar=6.4, spacing_bar=0.1, width_bar=0.3)
    whole = simulate(station, DAY, STEP_S, rule)
    runner = Simulator(station, STEP_S)
    parts = [runner.run(DAY[:5000], rule), runner.run(DAY[5000:], rule)]
    assert np.concatenate([p.pressure_bar for p in parts]) == pytest.approx(whole.pressure_bar, abs=0.0)
    assert sum(p.starts for p in parts) == whole.starts


def test_weeks_are_made_from_their_seed():
    again = synthetic_week(11)
    assert (again.used == WEEK.used).all() and again.plan.equals(WEEK.plan)
    assert not (synthetic_week(12).used == WEEK.used).all()
    assert WEEK.used.min() > 0 and WEEK.mean.max() < demo_station().most_m3_per_min
    late = synthetic_week(11, 11)  # clocks go forward in it
    assert len(late.mean) == 668


def test_rules_that_do_not_fit_are_refused():
    station = demo_station()
    with pytest.raises(OutOfRange, match="2 pressures for 6 machines"):
        simulate(station, DAY[:10], STEP_S, Cascade(np.array([6.3, 6.4]), np.array([6.6, 6.7]), 6.5))
    with pytest.raises(OutOfRange, match="higher unload_bar"):
        Cascade(np.array([6.5]), np.array([6.4]), 6.5)
    with pytest.raises(OutOfRange, match=r"sequence of 1 intervals and 6 machines for 1\.111 intervals"):
        simulate(station, DAY[:100], STEP_S, FollowSequence(np.ones((6, 1), dtype=bool), 0.25, 6.5))
    with pytest.raises(OutOfRange, match=r"None of .* settings keeps 6.2 … 6.35 bar"):
        tune_cascade(demo_station(max_bar=6.35, start_bar=None), [DAY[:1000]], STEP_S)
