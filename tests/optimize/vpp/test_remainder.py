"""Remainders: sums that are the promise to the last digits, and nobody asked for more than there is room for."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pytest import approx

from gridloop.optimize.vpp.remainder import take_remainder


def test_the_device_with_the_most_room_takes_it():
    injection = np.array([[1.0], [2.0]])
    exact, left = take_remainder(injection, np.array([3.0 + 5e-8]), np.array([[0.1], [0.5]]), np.zeros((2, 1)))
    assert exact[:, 0] == approx([1.0, 2.0 + 5e-8], abs=1e-15)
    assert left[0] == approx(0.0, abs=1e-15)
    assert injection[1, 0] == 2.0  # what came in stays as it was


def test_who_is_told_nothing_takes_nothing():
    exact, left = take_remainder(np.array([[1.0]]), np.array([1.0 + 1e-8]), np.full((1, 1), -1.0), np.ones((1, 1)))
    assert exact[0, 0] == 1.0
    assert left[0] == approx(1e-8, rel=1e-6)


def test_at_its_bound_a_device_goes_beyond_by_no_more_than_the_solver_would():
    at_bound = np.zeros((1, 1))
    exact, left = take_remainder(np.array([[1.0]]), np.array([1.0 + 5e-8]), at_bound, at_bound)
    assert (exact[0, 0], left[0]) == (approx(1.0 + 5e-8, abs=1e-15), approx(0.0, abs=1e-15))
    assert take_remainder(np.array([[1.0]]), np.array([1.0 + 5e-7]), at_bound, at_bound)[0][0, 0] == 1.0


def test_more_than_the_room_is_left():
    _, left = take_remainder(np.array([[1.0]]), np.array([1.5]), np.full((1, 1), 0.2), np.ones((1, 1)))
    assert left[0] == approx(0.5)


@given(
    st.lists(st.floats(-3, 3), min_size=1, max_size=30),
    st.floats(-1e-7, 1e-7),
)
def test_sums_are_exact_to_the_rounding_of_doubles(values: list[float], off: float):
    injection = np.array(values)[:, None]
    target = math.fsum(values) + off
    exact, left = take_remainder(injection, np.array([target]), np.ones_like(injection), np.ones_like(injection))
    assert abs(math.fsum(exact[:, 0]) - target) <= 1e-14
    assert abs(left[0]) <= 1e-14
    assert (exact != injection).sum() <= 1
