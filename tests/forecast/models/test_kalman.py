"""AdaptiveLinear: ridge regression solved online, and what drift adds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridloop.forecast.models.kalman import TOO_FAR, AdaptiveLinear

ZERO = np.zeros(1, dtype=int)


def model(columns: int, *, prior: float = 4.0, drift: float = 0.0, noise: float = 100.0) -> AdaptiveLinear:
    return AdaptiveLinear.start(1, columns, level=0.0, noise=noise, prior=prior, drift=drift)


def test_one_observation_of_a_mean():
    """Prior variance 4, noise 1: the gain is 4 / (1 + 4); of a 10 the mean becomes 8 and keeps the variance 4 / 5."""
    mean = model(1)
    mean.learn(np.ones((1, 1)), np.array([10.0]), ZERO)
    assert mean.theta[0, 0] == pytest.approx(8.0)
    assert mean.cover[0, 0, 0] == pytest.approx(0.8)


def test_a_day_adds_its_drift_to_the_variance():
    mean = model(1, drift=0.5)
    mean.learn(np.ones((1, 1)), np.array([10.0]), ZERO)
    assert mean.cover[0, 0, 0] == pytest.approx(1.3)


@given(st.integers(1, 4), st.integers(1, 12), st.integers(0, 2**31))
def test_without_drift_it_is_ridge_regression(columns: int, rows: int, seed: int):
    """The plain twin: (XᵀX + I / prior)⁻¹ Xᵀy."""
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((rows, columns)), rng.standard_normal(rows)
    online = model(columns)
    for k in range(rows):
        online.learn(x[k : k + 1], y[k : k + 1], ZERO)
    plain = np.linalg.solve(x.T @ x + np.eye(columns) / 4.0, x.T @ y)
    np.testing.assert_allclose(online.theta[0], plain, atol=1e-8)  # condition times rounding of a few updates


def test_slots_learn_apart_and_gaps_teach_nothing():
    two = AdaptiveLinear.start(2, 1, level=1.0, noise=1.0, prior=1.0, drift=0.0)
    two.learn(np.array([[1.0], [np.nan]]), np.array([3.0, 5.0]), np.array([0, 1]))
    assert two.theta[:, 0].tolist() == [2.0, 1.0]


def test_the_hour_that_comes_twice_is_learned_twice():
    """Prior 1, twice a 3: after the first 1.5, after the second 2: the mean of 0, 3, 3."""
    mean = model(1, prior=1.0)
    mean.learn(np.ones((2, 1)), np.array([3.0, 3.0]), np.array([0, 0]))
    assert mean.theta[0, 0] == pytest.approx(2.0)


def test_a_strike_pulls_no_more_than_its_limit():
    mean = model(1, prior=1.0, noise=0.01)
    mean.learn(np.ones((1, 1)), np.array([1000.0]), ZERO)
    assert mean.theta[0, 0] == pytest.approx(0.5 * TOO_FAR * 0.1)


def test_with_drift_it_follows_a_change():
    rng = np.random.default_rng(0)
    y = np.r_[np.zeros(200), np.ones(60)] + 0.1 * rng.standard_normal(260)
    still, moving = model(1), model(1, drift=0.01)
    for value in y:
        for each in (still, moving):
            each.learn(np.ones((1, 1)), np.array([value]), ZERO)
    assert abs(moving.theta[0, 0] - 1.0) < 0.15 < abs(still.theta[0, 0] - 1.0)
