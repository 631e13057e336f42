"""Lasso paths against the closed answer, a plain twin, and the conditions of the optimum."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloop.kernel.lasso import lasso_path


def paths(
    x: np.ndarray, y: np.ndarray, shares: np.ndarray, *, most: int = 1000, tolerance: float = 1e-10
) -> np.ndarray:
    theta = np.empty((len(shares), x.shape[1], y.shape[1]))
    lasso_path(x.T @ x / len(x), x.T @ y / len(x), shares, most, 2000, tolerance, theta)
    return theta


def plain(gram: np.ndarray, right: np.ndarray, penalty: float) -> np.ndarray:
    """One column at a time, a thousand times."""
    theta = np.zeros(len(right))
    for _ in range(1000):
        for j in range(len(theta)):
            if gram[j, j] > 0.0:
                pull = right[j] - gram[j] @ theta + gram[j, j] * theta[j]
                theta[j] = np.sign(pull) * max(abs(pull) - penalty, 0.0) / gram[j, j]
    return theta


def test_orthogonal_columns_shrink_by_the_penalty():
    """Columns at right angles with xᵀx / n = 1 and xᵀy / n = 3, −1: at half of the largest penalty 1.5 and 0."""
    x = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    y = x @ np.array([[3.0], [-1.0]])
    theta = paths(x, y, np.array([1.0, 0.5, 0.1]))
    assert theta[0, :, 0].tolist() == [0.0, 0.0]
    assert theta[1, :, 0] == pytest.approx([1.5, 0.0])
    assert theta[2, :, 0] == pytest.approx([2.7, -0.7])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.05, 0.9))
def test_paths_are_those_of_the_twin_and_optimal(seed: int, share: float):
    """The slope is the penalty where a coefficient is not zero, and within it where it is. 1e-6: the twin's sweeps."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((40, 6)) @ (np.eye(6) + 0.3 * rng.standard_normal((6, 6)))
    x[:, 2] = 0.0  # a column without variance
    y = rng.standard_normal((40, 2))
    theta = paths(x, y, np.array([1.0, share]))[1]
    gram, right = x.T @ x / 40, x.T @ y / 40
    for k in range(2):
        penalty = share * np.abs(right[:, k]).max()
        assert theta[:, k] == pytest.approx(plain(gram, right[:, k], penalty), abs=1e-6)
        slope = right[:, k] - gram @ theta[:, k]
        assert np.abs(slope).max() <= penalty + 1e-6
        used = theta[:, k] != 0.0
        assert slope[used] == pytest.approx(penalty * np.sign(theta[used, k]), abs=1e-6)
    assert (theta[2] == 0.0).all()


def test_a_path_stops_where_too_many_columns_are_in_use():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((50, 8)), rng.standard_normal((50, 1))
    theta = paths(x, y, np.geomspace(1.0, 1e-3, 20), most=3)
    used = (theta[:, :, 0] != 0.0).sum(axis=1)
    assert used.max() <= 3
    last = int(np.argmax((theta == theta[-1]).all(axis=(1, 2))))
    assert 0 < last < 19
    assert (paths(x, y, np.geomspace(1.0, 1e-3, 20))[last + 1] != 0.0).sum() > 3
