"""Ensemble and band: what held-out errors teach."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridloop.forecast.bands.band import Band, learn_band
from gridloop.forecast.blend.ensemble import SHARES, Ensemble, learn_ensemble
from gridloop.forecast.known.leads import BUCKETS, bucket

ONE = np.ones(1)
ROWS = 4000


def around(middle: np.ndarray, half: float) -> np.ndarray:
    """Quantiles [quantile, moment, 1] at half a width on either side."""
    return np.stack([middle - half, middle, middle + half])


def learned(model: np.ndarray, reference: np.ndarray, actual: np.ndarray) -> Ensemble:
    where, rows = np.zeros(len(actual), dtype=int), np.ones(actual.shape, dtype=bool)
    return learn_ensemble(model, reference, actual, where, ONE, rows)


def test_buckets_begin_at_their_hour():
    assert bucket(np.array([0.0, 0.75, 1.0, 23.75, 24.0, 47.75])).tolist() == [0, 0, 1, 4, 5, 5]


def test_a_perfect_model_stands_alone_and_a_useless_one_shares_the_most():
    rng = np.random.default_rng(0)
    actual = rng.random((ROWS, 1))
    noise = rng.random((ROWS, 1))
    assert learned(around(actual, 0.1), noise, actual).share[0] == 0.0
    assert learned(around(noise, 0.1), actual, actual).share[0] == SHARES[-1]


def test_where_both_are_as_good_persistence_gets_more():
    actual = np.random.default_rng(0).random((ROWS, 1))
    assert learned(around(actual + 0.1, 0.1), actual + 0.1, actual).share[0] == SHARES[-1]


def test_too_few_rows_teach_nothing():
    actual = np.zeros((50, 1))
    ensemble = learned(around(actual + 1.0, 0.1), actual, actual)
    assert not ensemble.share.any()
    assert not ensemble.error.any()


def test_combine_is_the_average_of_the_quantiles():
    """Model 1, 2, 3; persistence 10 with errors −4 … +4 MW; a quarter of persistence."""
    ensemble = Ensemble(np.full(BUCKETS, 0.25), np.tile([-2.0, 0.0, 2.0], (BUCKETS, 1)))
    model = np.array([1.0, 2.0, 3.0])[:, None, None]
    mixed = ensemble.combine(model, np.array([[10.0]]), np.array([3]), np.array([2.0]))
    assert mixed[:, 0, 0] == pytest.approx([0.75 + 0.25 * 6.0, 1.5 + 0.25 * 10.0, 2.25 + 0.25 * 14.0])


def test_without_persistence_the_model_stands_alone_and_in_order():
    ensemble = Ensemble(np.full(BUCKETS, 0.25), np.zeros((BUCKETS, 3)))
    model = np.array([3.0, 2.0, 1.0])[:, None, None]
    mixed = ensemble.combine(model, np.array([[np.nan]]), np.array([0]), ONE)
    assert mixed[:, 0, 0].tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("half", [0.01, 0.3, 3.0])
def test_the_band_covers_what_it_promises(half: float):
    """Normal errors, a band of any width: eight of ten are inside, one below and one above."""
    actual = np.random.default_rng(0).standard_normal((ROWS, 1))
    where, rows = np.zeros(ROWS, dtype=int), np.ones(actual.shape, dtype=bool)
    values = around(np.zeros((ROWS, 1)), half)
    band = learn_band(values, actual, where, ONE, rows)
    low, _, high = band.adjust(values, where, ONE)
    if half > 0.1:  # a band more than three widths too narrow is not opened at once
        assert (actual < low).mean() == pytest.approx(0.1, abs=0.002)
        assert (actual > high).mean() == pytest.approx(0.1, abs=0.002)
    else:
        assert (high - low).mean() > 3.0 * half


@given(st.lists(st.floats(-0.45, 3.0), min_size=2, max_size=2), st.lists(st.floats(0.0, 9.0), min_size=3, max_size=3))
def test_the_band_stays_in_order(widen: list[float], values: list[float]):
    ordered = np.sort(values)[:, None, None]
    low, middle, high = Band(np.tile(widen, (BUCKETS, 1))).adjust(ordered, np.array([2]), ONE)
    assert low <= middle <= high
    assert middle == ordered[1]
