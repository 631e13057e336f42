"""ExpertWeights: who is believed, and how much."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridloop.forecast.experts import CAUTION, ExpertWeights

HALF = np.array([0.5])
ZERO = np.zeros(1, dtype=int)


def taught(values: np.ndarray, came: np.ndarray) -> ExpertWeights:
    """After all rows, one at a time. values [row, expert]"""
    weights = ExpertWeights(1, values.shape[1])
    for k in range(len(came)):
        weights.learn(values[k : k + 1], came[k : k + 1], HALF, ZERO)
    return weights


def test_all_are_equal_before_anything_came():
    weights = ExpertWeights(2, 4)
    np.testing.assert_allclose(weights.weights(), 0.25)
    assert weights.mix(np.array([[1.0, 2.0, 3.0, 6.0]]), ZERO)[0] == pytest.approx(3.0)


def test_one_step_with_a_pencil():
    """Experts say 0 and 2, the mix is 1, 4 came: the median's slope is −½, the regrets are ½ and −½.

    Both rates are CAUTION / ½ = 1 (√(ln 2 / ¼) = 1.67 is larger), so the sums are ½ + ¼ and −½ + ¼ and the second
    expert weighs exp(¼) / (exp(¼) + exp(−¾)).
    """
    weights = taught(np.array([[0.0, 2.0]]), np.array([4.0]))
    assert CAUTION == 0.5
    assert weights.weights()[0, 1] == pytest.approx(np.exp(0.25) / (np.exp(0.25) + np.exp(-0.75)))


def test_the_best_expert_wins():
    rng = np.random.default_rng(0)
    came = rng.standard_normal(300)
    values = np.column_stack([came + 0.05 * rng.standard_normal(300), rng.standard_normal(300), came + 1.0])
    assert taught(values, came).weights()[0, 0] > 0.9


def test_a_mixture_can_beat_every_expert():
    """Two experts that are off by as much to either side: the weights stay near a half each."""
    came = np.random.default_rng(0).standard_normal(300)
    assert taught(np.column_stack([came - 1.0, came + 1.0]), came).weights()[0, 0] == pytest.approx(0.5, abs=0.15)


def test_who_has_no_value_sleeps():
    weights = ExpertWeights(1, 3)
    said = np.array([[1.0, np.nan, 3.0]])
    assert weights.mix(said, ZERO)[0] == pytest.approx(2.0)
    assert np.isnan(weights.mix(np.full((1, 3), np.nan), ZERO)[0])
    weights.learn(said, np.array([3.0]), HALF, ZERO)
    assert weights.weights()[0, 0] < weights.weights()[0, 2]


def test_gaps_in_what_came_teach_nothing():
    weights = ExpertWeights(1, 2)
    weights.learn(np.array([[0.0, 1.0]]), np.array([np.nan]), HALF, ZERO)
    np.testing.assert_allclose(weights.weights(), 0.5)


@given(st.integers(1, 5), st.integers(1, 20), st.floats(0.05, 0.95), st.integers(0, 2**31))
def test_weights_are_positive_and_add_up(experts: int, rows: int, level: float, seed: int):
    rng = np.random.default_rng(seed)
    weights = ExpertWeights(3, experts)
    values, cell = rng.standard_normal((rows, experts)) * 10.0, rng.integers(0, 3, rows)
    weights.learn(values, rng.standard_normal(rows), np.full(rows, level), cell)
    table = weights.weights()
    assert (table >= 0.0).all()
    np.testing.assert_allclose(table.sum(axis=1), 1.0)
    mixed = weights.mix(values, cell)
    assert (mixed <= values.max(axis=1) + 1e-9).all()
    assert (mixed >= values.min(axis=1) - 1e-9).all()
