"""One equivalent machine: its step response by pencil, in closed form and in simulation; limits and shedding."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloop.errors import OutOfRange
from gridloop.optimize.microgrid.machine import Stage, SwingMachine

# 10 MVA that lose 1 MW: 0.1 per unit. H = 5 s, D = 1, R = 5 %, T = 1 s.
PENCIL = SwingMachine(10.0, 5.0, 1.0, 0.05, 1.0)


def test_the_first_moment_and_the_steady_state_by_pencil():
    """df/dt = −0.1 · 50 / (2 · 5) = −0.5 Hz/s;  Δf = −0.1 · 50 / (1 + 20) = −0.238 Hz."""
    assert PENCIL.rocof_hz_per_s(1.0) == pytest.approx(-0.5)
    assert PENCIL.steady_hz(1.0) == pytest.approx(-5 / 21)
    begin = PENCIL.response_hz(1.0, np.array([0.0, 1e-4]))
    assert begin[0] == pytest.approx(0.0, abs=1e-12)
    assert begin[1] / 1e-4 == pytest.approx(-0.5, rel=1e-3)
    assert PENCIL.response_hz(1.0, np.array([200.0]))[0] == pytest.approx(-5 / 21, rel=1e-9)


def test_the_nadir_is_that_of_the_textbook():
    """Second order, ω_n² = 21/10, ζ = (10 + 1)/(20 ω_n): tan(ω_d t) = T ω_d / (T ζ ω_n − 1) at the nadir.

    (Anderson and Mirheydar, A low-order system frequency response model, 1990, their eq. 15 in these letters.)
    """
    omega = math.sqrt(2.1)
    zeta = 11.0 / (20.0 * omega)
    damped = omega * math.sqrt(1 - zeta**2)
    t = math.atan2(damped, zeta * omega - 1.0) / damped
    low, at = PENCIL.nadir_hz(1.0)
    assert at == pytest.approx(t, rel=1e-12)
    times = np.linspace(0.0, 20.0, 200_001)
    curve = PENCIL.response_hz(1.0, times)
    assert low == pytest.approx(curve.min(), rel=1e-7)  # a grid of 0.1 ms around a flat minimum
    assert at == pytest.approx(times[curve.argmin()], abs=1e-3)


def test_an_inverter_with_droop_is_of_first_order():
    """2H = τ/R, D = 1/R: f falls by R · p with the time constant of its filter, and never below."""
    inverter = SwingMachine.of_inverter(10.0, droop=0.02, filter_s=0.1)
    at = np.array([0.1])
    assert inverter.response_hz(1.0, at)[0] == pytest.approx(-0.1 * 0.02 * 50 * (1 - math.exp(-1.0)))
    assert inverter.nadir_hz(1.0) == (inverter.steady_hz(1.0), math.inf)


machines = st.builds(
    SwingMachine,
    s_mva=st.floats(0.5, 100),
    inertia_s=st.floats(0.5, 8),
    damping=st.floats(0, 5),
    droop=st.floats(0.01, 0.1),
    response_s=st.floats(0.02, 5),
)


@settings(max_examples=25, deadline=None)
@given(machine=machines, step=st.floats(-5, 5))
def test_the_simulation_is_the_closed_form(machine: SwingMachine, step: float):
    """Without limits every step is exact: rounding over 4,000 of them is what is left."""
    swing = machine.simulate(step, seconds=20.0)
    exact = 50.0 + machine.response_hz(step, swing.times)
    assert np.abs(swing.hz - exact).max() < 1e-8 * max(1.0, abs(step) * 50 / machine.s_mva)
    furthest = machine.nadir_hz(step)[0]
    assert np.abs(swing.hz - 50.0).max() <= abs(furthest) + 1e-8


@settings(max_examples=25, deadline=None)
@given(machine=machines, step=st.floats(0.01, 5))
def test_the_response_is_linear_and_more_inertia_is_slower(machine: SwingMachine, step: float):
    at = np.array([0.05, 0.5, 3.0])
    assert machine.response_hz(2 * step, at) == pytest.approx(2 * machine.response_hz(step, at))
    assert machine.response_hz(-step, at) == pytest.approx(-machine.response_hz(step, at))
    heavy = SwingMachine(machine.s_mva, 2 * machine.inertia_s, machine.damping, machine.droop, machine.response_s)
    assert abs(heavy.rocof_hz_per_s(step)) == pytest.approx(abs(machine.rocof_hz_per_s(step)) / 2)
    assert abs(heavy.nadir_hz(step)[0]) <= abs(machine.nadir_hz(step)[0]) + 1e-12


def test_stages_act_in_their_order_and_only_as_far_as_needed():
    """4 MW are lost, 2 MW are there: stages of 1 MW go until the rest is covered, the highest first."""
    machine = SwingMachine(6.0, 2.0, 1.0, 0.02, 0.05, up_mw=2.0)
    stages = [Stage(48.6, 1.0), Stage(49.0, 1.0), Stage(48.8, 1.0)]
    swing = machine.simulate(4.0, stages)
    numbers = [number for number, _ in swing.shed]
    times = [at for _, at in swing.shed]
    assert numbers[:2] == [1, 2]
    assert times == sorted(times)
    assert swing.at_limit
    assert swing.settled_hz > 49.0
    assert swing.lowest_hz < 49.0
    alone = machine.simulate(4.0)
    assert alone.settled_hz < 45.0  # without stages nothing holds it but the damping of loads


def test_the_first_rate_of_a_simulation_is_near_that_of_the_first_moment():
    """Over 0.1 s, a fiftieth of 2H/K: within a tenth of it, and falling whatever comes later."""
    swing = PENCIL.simulate(1.0)
    assert swing.rocof_hz_per_s == pytest.approx(-0.5, rel=0.1)


def test_a_step_within_the_headroom_sheds_nothing():
    machine = SwingMachine(6.0, 2.0, 1.0, 0.02, 0.05, up_mw=2.0)
    swing = machine.simulate(1.0, [Stage(49.0, 1.0)])
    assert swing.shed == ()
    assert not swing.at_limit


def test_generation_that_gives_way_bounds_the_rise():
    machine = SwingMachine(6.0, 2.0, 1.0, 0.02, 0.05, down_mw=3.0)
    free = machine.simulate(-10.0)
    bound = machine.simulate(-10.0, over_hz=50.2, over_mw_per_hz=20.0, over_max_mw=12.0)
    assert bound.highest_hz < 51.0 < free.highest_hz
    # 3 MW more are taken, what damping does not take of the other 7 is given up
    assert bound.curtailed_mw == pytest.approx(7.0 - 6.0 * (bound.settled_hz - 50) / 50, rel=1e-3)


def test_a_limit_of_the_lag_is_the_limit_of_what_is_given():
    """At its headroom the machine gives that and no more: the frequency ends where damping takes the rest."""
    machine = SwingMachine(10.0, 3.0, 2.0, 0.04, 0.2, up_mw=0.5)
    swing = machine.simulate(1.0, seconds=60.0)
    assert swing.settled_hz - 50 == pytest.approx(-(0.1 - 0.05) / 2.0 * 50, rel=1e-4)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"inertia_s": 0.0}, "inertia_s"),
        ({"droop": 0.0}, "droop"),
        ({"up_mw": -1.0}, "up_mw"),
        ({"damping": 0.0, "droop": math.inf}, "no frequency would hold"),
        ({"s_mva": math.nan}, "s_mva"),
    ],
)
def test_bad_machines_are_refused(wrong: dict[str, float], word: str):
    with pytest.raises(OutOfRange, match=word):
        SwingMachine(**{"s_mva": 5.0, "inertia_s": 2.0, **wrong})
