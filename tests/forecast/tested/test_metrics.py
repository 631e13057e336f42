"""Metrics with numbers from a pencil."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridloop.errors import OutOfRange
from gridloop.forecast.tested.metrics import coverage, mape_pct, nmae_pct, pinball, pinball_of, r2, rmse, skill

NAN = float("nan")


def test_nmae_weighs_points_by_their_norm():
    """Errors of 1 and 3 MW at points of 10 and 30 MW: 4 of 40 is 10 %."""
    actual = np.array([[5.0, 5.0], [5.0, 5.0]])
    forecast = np.array([[6.0, 8.0], [4.0, 2.0]])
    assert nmae_pct(actual, forecast, np.array([10.0, 30.0])) == pytest.approx(10.0)


def test_gaps_are_left_out():
    actual = np.array([[5.0, NAN], [NAN, NAN]])
    assert nmae_pct(actual, np.full((2, 2), 6.0), np.array([10.0, 30.0])) == pytest.approx(10.0)
    assert math.isnan(nmae_pct(np.full((2, 1), NAN), np.ones((2, 1)), np.array([1.0])))
    assert pinball(np.array([2.0, NAN]), np.array([1.0, 1.0]), 0.9) == pytest.approx(0.9)
    assert coverage(np.array([1.0, NAN]), np.zeros(2), np.ones(2)) == 1.0


def test_a_norm_of_nothing_is_refused():
    with pytest.raises(OutOfRange, match="add up to 0 MW"):
        nmae_pct(np.ones((1, 1)), np.ones((1, 1)), np.zeros(1))


def test_pinball_of_the_median_is_half_the_absolute_error():
    assert pinball(np.array([4.0]), np.array([1.0]), 0.5) == 1.5
    assert pinball(np.array([1.0]), np.array([4.0]), 0.9) == pytest.approx(0.3)


@given(st.floats(0.01, 0.99), st.lists(st.floats(0.0, 10.0), min_size=20, max_size=20))
def test_the_quantile_itself_has_the_least_pinball_loss(level: float, values: list[float]):
    actual = np.array(values)
    best = pinball(actual, np.full(20, np.quantile(actual, level, method="inverted_cdf")), level)
    for other in (0.0, 2.5, 5.0, 10.0):
        assert best <= pinball(actual, np.full(20, other), level) + 1e-9


def test_coverage_counts_the_ends():
    actual = np.array([0.0, 1.0, 2.0, 3.0])
    assert coverage(actual, np.ones(4), np.full(4, 2.0)) == 0.5


def test_skill():
    assert skill(1.0, 2.0) == 0.5
    assert skill(3.0, 2.0) == -0.5
    assert math.isnan(skill(1.0, 0.0))


def test_relative_and_squared_errors_with_a_pencil():
    """Came 2, 4, 10, a gap and 0; forecast 1, 5, 10: off by a half, a quarter, nothing."""
    actual, forecast = np.array([2.0, 4.0, 10.0, np.nan, 0.0]), np.array([1.0, 5.0, 10.0, 7.0, np.nan])
    assert mape_pct(actual, forecast) == pytest.approx(25.0)
    assert np.isnan(mape_pct(np.zeros(1), np.ones(1))), "no share of zero"
    assert rmse(actual, forecast) == pytest.approx(np.sqrt(2.0 / 3.0))
    assert r2(actual, forecast) == pytest.approx(1.0 - 2.0 / np.sum((np.array([2, 4, 10]) - 16 / 3) ** 2))


def test_r2_of_the_mean_is_zero_and_of_a_constant_unknown():
    y = np.array([1.0, 2.0, 3.0])
    assert r2(y, np.full(3, 2.0)) == pytest.approx(0.0)
    assert r2(y, y) == 1.0
    assert np.isnan(r2(np.ones(3), y))


def test_pinball_of_many_levels_is_their_mean():
    """1 above P10 costs 0.1, 1 below P90 (of 3) costs 0.1 · 1: actual 2, quantiles 1 and 3."""
    loss = pinball_of(np.array([[2.0]]), np.array([[[1.0]], [[3.0]]]), np.array([0.1, 0.9]))
    assert loss == pytest.approx((0.1 + 0.1) / 2)
