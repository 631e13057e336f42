"""One-pass statistics against numpy, with NaN, both precisions, and row lengths that are no multiple of a vector."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloop.kernel.statistics import histogram, outside, summarize, worst

QUANTUM = 2.0**-32


@st.composite
def blocks(draw):
    """[row, lane] values near 1, some of them NaN, and a row without any."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = rng.normal(1.0, 0.1, (draw(st.integers(1, 4)), draw(st.integers(1, 70)))).astype(
        draw(st.sampled_from([np.float32, np.float64]))
    )
    x[rng.random(x.shape) < draw(st.sampled_from([0.0, 0.3]))] = np.nan
    if draw(st.booleans()):
        x[-1] = np.nan
    return x


def summary(x):
    low, high, total, count = np.empty(len(x)), np.empty(len(x)), np.empty(len(x)), np.empty(len(x), np.int64)
    summarize(x, QUANTUM, low, high, total, count)
    return low, high, total, count


@settings(deadline=None)
@given(x=blocks())
def test_summary_is_that_of_numpy(x):
    low, high, total, count = summary(x)
    y = x.astype(float)
    known = ~np.isnan(y)
    assert np.array_equal(count, known.sum(axis=1))
    assert np.array_equal(low, np.where(known, y, np.inf).min(axis=1))
    assert np.array_equal(high, np.where(known, y, -np.inf).max(axis=1))
    # np.round goes to the even one of two multiples at the same distance, and so does the processor.
    assert np.array_equal(total, np.where(known, np.round(y / QUANTUM) * QUANTUM, 0.0).sum(axis=1))


@settings(deadline=None)
@given(x=blocks(), seed=st.integers(0, 99))
def test_sums_do_not_depend_on_the_order(x, seed):
    order = np.random.default_rng(seed).permutation(x.shape[1])
    assert summary(x)[2].tobytes() == summary(np.ascontiguousarray(x[:, order]))[2].tobytes()


@settings(deadline=None)
@given(x=blocks(), bins=st.integers(1, 30))
def test_histogram_is_that_of_numpy(x, bins):
    count = np.zeros((len(x), bins + 2), np.int64)
    low, high = np.full(len(x), np.inf), np.full(len(x), -np.inf)
    histogram(x, 0.9, bins / 0.2, count, low, high)
    for row in range(len(x)):
        y = x[row].astype(float)
        y = y[~np.isnan(y)]
        at = np.clip(np.floor((y - 0.9) * (bins / 0.2)) + 1, 0, bins + 1).astype(int)
        assert np.array_equal(count[row], np.bincount(at, minlength=bins + 2))
        assert low[row] == y.min(initial=np.inf) and high[row] == y.max(initial=-np.inf)


@settings(deadline=None)
@given(x=blocks())
def test_outside_is_that_of_numpy(x):
    rows = len(x)
    low, high = np.full(rows, 0.95), np.full(rows, 1.05)
    low[0] = np.nan
    below, above, flag = np.ones(rows, np.int64), np.zeros(rows, np.int64), np.zeros(x.shape[1], np.uint8)
    outside(x, low, high, below, above, flag)
    y = x.astype(float)
    under, over = y < low[:, None], y > high[:, None]
    assert np.array_equal(below - 1, under.sum(axis=1)) and np.array_equal(above, over.sum(axis=1))
    assert np.array_equal(flag, (under | over).any(axis=0))


@settings(deadline=None)
@given(x=blocks(), sign=st.sampled_from([1.0, -1.0]))
def test_the_worst_is_that_of_numpy(x, sign):
    score, where = np.full(x.shape[1], -np.inf), np.zeros(x.shape[1], np.int64)
    worst(x, sign, score, where)
    y = np.where(np.isnan(x), -np.inf, sign * x.astype(float))
    assert np.array_equal(score, y.max(axis=0)) and np.array_equal(where, y.argmax(axis=0))


def test_of_equal_rows_the_first_is_the_worst():
    score, where = np.full(2, -np.inf), np.zeros(2, np.int64)
    worst(np.array([[0.9, 0.9], [0.8, 0.9], [0.8, 0.7]]), -1.0, score, where)
    assert score.tolist() == [-0.8, -0.7] and where.tolist() == [1, 2]


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_values_show(value):
    low, high, *_ = summary(np.array([[1.0, value]]))
    assert value in (low[0], high[0])
