"""Lanes: rows of scenarios as values of numba, against numpy row by row."""

import numpy as np
import pytest
from numba import njit

from gridloop.kernel.lanes import LANES, bounded, double, fma, largest, load, root, single, splat, store, where


@njit
def _all(a, b, out):
    x, y = load(a, 0), load(b, 0)
    store(out, 0, x + y)
    store(out, 1, x - y * 2.0)
    store(out, 2, x / y)
    store(out, 3, fma(x, y, 3.0 * y))
    store(out, 4, root(x))
    store(out, 5, largest(x, y))
    store(out, 6, where(y, x, 7.0))
    store(out, 7, bounded(y, 0.5))
    store(out, 8, double(single(x)))
    store(out, 9, splat(1.25))


def test_every_operation_is_numpys():
    rng = np.random.default_rng(0)
    a, b, out = rng.random((2, LANES)), rng.normal(size=(2, LANES)), np.empty((10, LANES))
    _all(a, b, out)
    x, y = a[0], b[0]
    expected = [x + y, x - 2 * y, x / y, x * y + 3 * y, np.sqrt(x), np.maximum(x, np.abs(y)), np.where(y > 0, x, 7)]
    expected += [np.clip(y, -0.5, 0.5), x.astype(np.float32), np.full(LANES, 1.25)]
    # Sums of products are rounded once here and twice there.
    np.testing.assert_allclose(out, np.array(expected), rtol=4e-16, atol=1e-15)


@njit
def _largest(a, b, out):
    store(out, 0, largest(load(a, 0), load(b, 0)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_not_a_number_shows_and_stays_in_its_lane(dtype):
    a, b, out = (np.ones((1, LANES), dtype=dtype) for _ in range(3))
    a[0, 3], b[0, 5], b[0, 6], b[0, 7] = np.nan, np.nan, -np.inf, -4
    _largest(a, b, out)
    assert np.isnan(out[0, [3, 5]]).all() and out[0, 6] == np.inf and out[0, 7] == 4
    assert (np.delete(out[0], [3, 5, 6, 7]) == 1).all()
