"""ExpertWeights: who is believed, and how much."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridloop.forecast.blend.experts import CAUTION, ExpertWeights

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
    """Experts say 0, 1 and 5, the mix is 2, 9 came: the median's slope is −½, the regrets are 1, ½ and −3/2.

    The rates are CAUTION over their sizes, ½, 1 and 1/3 (√(ln 3) = 1.05 over them is larger); the sums are 1 + ½,
    ½ + ¼ and −3/2 + 3/4.
    """
    weights = taught(np.array([[0.0, 1.0, 5.0]]), np.array([9.0]))
    assert CAUTION == 0.5
    share = np.array([np.exp(-0.5 * 1.5) / 2.0, np.exp(-0.75), np.exp(0.75 / 3.0) / 3.0])
    np.testing.assert_allclose(weights.weights()[0], share / share.sum())


def test_many_steps_beside_a_plain_loop():
    """The formulas of docs/math/forecast.md, one number at a time."""
    rng = np.random.default_rng(0)
    values, came = rng.standard_normal((40, 3)), rng.standard_normal(40)
    regret, square, largest, rate = [0.0] * 3, [0.0] * 3, [0.0] * 3, [1.0] * 3
    for said, y in zip(values, came, strict=True):
        share = [rate[k] * np.exp(-rate[k] * regret[k]) for k in range(3)]
        mixed = sum(share[k] * said[k] for k in range(3)) / sum(share)
        slope = (1.0 if y < mixed else 0.0) - 0.5
        for k in range(3):
            r = slope * (said[k] - mixed)
            largest[k], square[k] = max(largest[k], abs(r)), square[k] + r * r
            rate[k] = min(CAUTION / largest[k], np.sqrt(np.log(3) / square[k]))
            regret[k] += r + rate[k] * r * r
    share = [rate[k] * np.exp(-rate[k] * regret[k]) for k in range(3)]
    np.testing.assert_allclose(taught(values, came).weights()[0], np.array(share) / sum(share))


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


def test_who_wakes_late_does_not_begin_with_all_of_the_say():
    """Three alike, one of which sleeps for 400 days. Never better nor worse than the mixture, it has less to say than
    the luckier of the others, and a third at most on average; with the rate of its first day it would have all."""
    shares = []
    for seed in range(20):
        said = np.random.default_rng(seed).normal(0.0, 1.0, (400, 3))
        said[:, 2] = np.nan
        shares.append(taught(said, np.zeros(400)).weights()[0, 2])
    assert 0.05 < np.mean(shares) < 1 / 3


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
