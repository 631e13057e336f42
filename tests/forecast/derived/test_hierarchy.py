"""Hierarchy: reconciled forecasts add up, coherent ones stay, and better nodes move less."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloop.errors import MissingColumn, OutOfRange
from gridloop.forecast.derived.hierarchy import Hierarchy, Reconciler, shrunk_covariance
from gridloop.forecast.value import Forecast

TWO = Hierarchy({"a": "sum", "b": "sum"})
TREE = Hierarchy({"f1": "s1", "f2": "s1", "f3": "s2", "s1": "system", "s2": "system"})


def test_who_adds_up_to_whom():
    assert TREE.nodes == ("f1", "f2", "f3", "s1", "s2", "system")
    assert TREE.leaves == ("f1", "f2", "f3")
    np.testing.assert_array_equal(TREE.summing()[3:], [[1, 1, 0], [0, 0, 1], [1, 1, 1]])


def test_structural_by_hand():
    """a = 4, b = 4, sum = 12: 4 MW are missing. Variances 1, 1, 2: a quarter to each part, half from the sum."""
    made = Reconciler.learn(TWO, weights="structural").arrays(np.array([4.0, 4.0, 12.0]))
    np.testing.assert_allclose(made, [5.0, 5.0, 10.0], rtol=1e-8)


def test_who_is_usually_right_moves_less():
    """Independent errors of 0.1, 10 and 1 MW: nearly all of what is missing goes to b."""
    rng = np.random.default_rng(0)
    errors = pd.DataFrame(rng.standard_normal((4000, 3)) * [0.1, 10.0, 1.0], columns=["a", "b", "sum"])
    made = Reconciler.learn(TWO, errors).arrays(np.array([4.0, 4.0, 12.0]))
    np.testing.assert_allclose(made, [4.0, 8.0 - 0.04, 12.0 - 0.04], atol=0.1)  # shares 1e-4, 0.99, 0.01; 4000 draws


@settings(max_examples=40)
@given(st.integers(0, 2**31), st.sampled_from(["structural", "shrinkage"]))
def test_laws(seed: int, weights: str):
    """All adds up, over time and scenarios; what adds up already stays; twice is once."""
    rng = np.random.default_rng(seed)
    errors = pd.DataFrame(rng.standard_normal((30, 6)) @ rng.standard_normal((6, 6)), columns=list(TREE.nodes))
    reconciler = Reconciler.learn(TREE, errors, weights=weights)
    made = reconciler.arrays(100.0 * rng.standard_normal((6, 4, 5)))
    f1, f2, f3, s1, s2, system = made
    np.testing.assert_allclose(f1 + f2, s1, atol=1e-11)
    np.testing.assert_allclose(f3, s2, atol=1e-11)
    np.testing.assert_allclose(s1 + s2, system, atol=1e-11)
    scale = np.abs(made).max()
    np.testing.assert_allclose(reconciler.arrays(made), made, atol=1e-6 * scale)  # two solves of the covariance


def test_a_forecast_keeps_its_bands_around_medians_that_add_up():
    at = pd.Timestamp("2021-03-01", tz="UTC")
    values = np.array([[3.0, 3.0, 10.0, 1.0], [4.0, 4.0, 12.0, 2.0], [5.0, 6.0, 13.0, 3.0]])[:, None, :]
    points = ["a", "b", "sum", "other"]
    base = Forecast.from_arrays(at, points, pd.DatetimeIndex([at]), values, dict.fromkeys(points, "m"))
    made = Reconciler.learn(TWO, weights="structural").forecast(base)
    np.testing.assert_allclose(made.p50().iloc[0][["a", "b", "sum", "other"]], [5.0, 5.0, 10.0, 2.0], rtol=1e-8)
    np.testing.assert_allclose(made.at("b").iloc[0], [4.0, 5.0, 7.0], rtol=1e-8)
    assert made.model["a"] == "m, reconciled"
    assert made.model["other"] == "m"


def test_what_is_moved_down_may_go_below_zero():
    """a = 0, b = 5, sum = 4: 1 MW is too much, a quarter of it is a's. Net load may be negative: nothing is cut."""
    at = pd.Timestamp("2021-03-01", tz="UTC")
    values = np.tile([0.0, 5.0, 4.0], (3, 1, 1))
    base = Forecast.from_arrays(at, ["a", "b", "sum"], pd.DatetimeIndex([at]), values, dict.fromkeys(TWO.nodes, "m"))
    made = Reconciler.learn(TWO, weights="structural").forecast(base)
    np.testing.assert_allclose(made.p50().iloc[0][["a", "b", "sum"]], [-0.25, 4.75, 4.5], rtol=1e-8)


def test_covariance_by_hand():
    """Two nodes always off alike, ±1: correlation 1 without any doubt, so nothing is shrunk; a lone node is itself."""
    same = np.tile(np.array([[1.0, 1.0], [-1.0, -1.0]]), (20, 1))
    np.testing.assert_allclose(shrunk_covariance(same), np.ones((2, 2)))
    rng = np.random.default_rng(0)
    apart = shrunk_covariance(rng.standard_normal((50, 2)))
    assert abs(apart[0, 1]) < 0.05, "chance correlations of 50 draws shrink to nearly nothing"


def test_bad_input():
    with pytest.raises(OutOfRange, match="'b' is a part of itself"):
        Hierarchy({"a": "b", "b": "c", "c": "b"})
    with pytest.raises(MissingColumn, match="errors: sum have no column"):
        Reconciler.learn(TWO, pd.DataFrame({"a": [1.0] * 20, "b": [1.0] * 20}))
    with pytest.raises(OutOfRange, match="3 rows are known of all nodes; 10 are needed"):
        Reconciler.learn(TWO, pd.DataFrame(np.ones((3, 3)), columns=["a", "b", "sum"]))
    with pytest.raises(OutOfRange, match="errors"):
        Reconciler.learn(TWO)
    with pytest.raises(OutOfRange, match="2 rows for 3 nodes"):
        Reconciler.learn(TWO, weights="structural").arrays(np.zeros((2, 4)))
