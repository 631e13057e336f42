"""Compressors: curves, what pressure costs, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from gridloop.errors import OutOfRange
from gridloop.optimize.compressors.machine import PRESSURE_EFFECT, Compressor


def test_a_machine_that_loads_half_the_time_takes_the_mean_of_full_and_idle():
    machine = Compressor.fixed_speed("F", 10.0, 60.0, idle_kw=20.0)
    assert machine.kw(5.0, 7.0) == pytest.approx(40.0)
    assert machine.kw(10.0, 8.0) == pytest.approx(60.0 * (1 + PRESSURE_EFFECT))


def test_pressure_costs_about_what_a_perfect_compressor_says():
    """W ∝ r^a − 1: at 7 bar one bar more is 8 % of it, and the rule of thumb of 1 % per 2 psi is 7.25 %."""
    a, r = 0.4 / 1.4, 8.01325 / 1.01325
    exact = a * r ** (a - 1) / (r**a - 1) / 1.01325
    assert exact == pytest.approx(0.08, abs=0.001)
    assert pytest.approx(PRESSURE_EFFECT, abs=0.004) == 0.01 / (2 * 0.0689476)


@pytest.mark.parametrize("make", [Compressor.fixed_speed, Compressor.variable_speed, Compressor.modulating])
def test_ready_made_curves_bend_upwards(make):
    flow, kw = make("M", 20.0, 125.0).curve
    slope = np.diff(kw) / np.diff(flow)
    assert (np.diff(slope) >= 0).all() and kw[-1] == 125.0 and flow[-1] == 20.0


def test_a_curve_that_bends_down_names_the_point_and_what_would_do():
    with pytest.raises(
        OutOfRange, match=r"bends down at 5 m³/min: alternating .* takes 40 kW there, the point says 50"
    ):
        Compressor("F", "fixed", [5.0, 10.0], [50.0, 60.0], idle_kw=20.0)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"flow_m3_per_min": [0.0, 10.0], "power_kw": [10.0, 60.0]}, "must rise from above zero"),
        ({"flow_m3_per_min": [10.0], "power_kw": [60.0, 70.0]}, "1 flows for 2 powers"),
        ({"idle_kw": 90.0}, "idle_kw may be no more"),
        ({"idle_kw": -1.0}, "idle_kw is -1.0; it must not be negative"),
        ({"control": "magic"}, "control is 'magic'"),
    ],
)
def test_what_no_machine_is(fields, said):
    given = {"control": "fixed", "flow_m3_per_min": [10.0], "power_kw": [60.0], "idle_kw": 15.0} | fields
    with pytest.raises(OutOfRange, match=said):
        Compressor("F", **given)
