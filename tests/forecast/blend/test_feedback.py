"""Feedback: the newest error moves the forecast, less the further ahead."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridloop.forecast import Forecast, Memory, correct, newest_errors
from gridloop.forecast.blend.feedback import learn_memory

AT = pd.Timestamp("2021-06-01 12:00", tz="UTC")
AHEAD = pd.date_range(AT, periods=5, freq="1h")


def flat(level: float, at: pd.Timestamp = AT, points: tuple[str, ...] = ("a", "b")) -> Forecast:
    """`level` ± 1 at all points for five hours."""
    ahead = pd.date_range(at, periods=5, freq="1h")
    values = np.broadcast_to(np.array([level - 1.0, level, level + 1.0])[:, None, None], (3, 5, len(points)))
    return Forecast.from_arrays(at, points, ahead, values, dict.fromkeys(points, "boosting"))


def test_half_of_an_error_is_left_after_a_half_life():
    assert Memory(0.8, 2.0).remains(np.array([0.0, 2.0, 4.0])) == pytest.approx([0.8, 0.4, 0.2])


def test_the_newest_error_is_that_of_the_last_interval_that_is_over():
    """Forecast 5 at 10:00. At 12:30 the intervals from 10:00 and 11:00 are over: a came 6, 7; b 4 and a gap."""
    came = pd.DataFrame(
        {"a": [6.0, 7.0, 99.0], "b": [4.0, np.nan, 99.0]},
        index=pd.date_range("2021-06-01 10:00", periods=3, freq="1h", tz="UTC"),
    )
    errors = newest_errors(flat(5.0, AT - pd.Timedelta("2h")), came, AT + pd.Timedelta("30min"))
    assert errors.to_dict() == {"a": 2.0, "b": -1.0}


def test_nothing_known_moves_nothing():
    errors = newest_errors(flat(5.0), pd.DataFrame({"a": [1.0]}, index=AHEAD[:1]), AT)
    assert errors.isna().all()
    pd.testing.assert_frame_equal(correct(flat(5.0), errors, {"a": Memory(1.0)}).quantiles, flat(5.0).quantiles)


def test_correct_moves_the_whole_band():
    """An error of 2 MW at a, with gain ½ and a half-life of one hour: +1, +½, +¼ … b has no memory."""
    moved = correct(flat(5.0), pd.Series({"a": 2.0, "b": 2.0}), {"a": Memory(0.5, 1.0)})
    assert moved.at("a")["p50"].tolist() == pytest.approx([6.0, 5.5, 5.25, 5.125, 5.0625])
    assert (moved.at("a")["p90"] - moved.at("a")["p10"]).tolist() == pytest.approx([2.0] * 5)
    assert moved.at("b")["p50"].tolist() == [5.0] * 5
    assert moved.model.equals(flat(5.0).model)


def test_the_sun_does_not_rise_by_feedback():
    dark = Forecast.from_arrays(AT, ["a"], AHEAD, np.zeros((3, 5, 1)), {"a": "boosting"})
    assert (correct(dark, pd.Series({"a": 2.0}), {"a": Memory(1.0)}).arrays() == 0.0).all()


@given(st.floats(-20.0, 20.0), st.floats(0.0, 1.2), st.floats(0.1, 16.0))
def test_bounds_and_order_hold_after_any_correction(error: float, gain: float, half_life: float):
    moved = correct(flat(5.0), pd.Series({"a": error}), {"a": Memory(gain, half_life)}, {"a": 8.0}).at("a")
    assert (moved["p10"] >= 0.0).all()
    assert (moved["p10"] <= moved["p50"]).all()
    assert (moved["p50"] <= moved["p90"]).all()
    assert (moved["p90"] <= 8.0).all()


def test_the_memory_of_a_decaying_error_is_found():
    """Errors that halve every two hours, with a little noise: gain 1, half-life 2 h."""
    rng = np.random.default_rng(0)
    error = rng.standard_normal((2000, 1))
    lead_h = rng.integers(0, 24, 2000) / 4.0
    later = error * np.exp2(-lead_h / 2.0)[:, None] + 0.05 * rng.standard_normal((2000, 1))
    memory = learn_memory(error, later, lead_h, np.ones(1))
    assert memory.half_life_h == 2.0
    assert memory.gain == pytest.approx(1.0, abs=0.051)


def test_errors_that_do_not_last_are_not_remembered():
    rng = np.random.default_rng(0)
    error, later = rng.standard_normal((2, 5000, 1))
    memory = learn_memory(error, later, rng.integers(0, 24, 5000) / 4.0, np.ones(1))
    assert memory.gain <= 0.1
