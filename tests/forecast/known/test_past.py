"""Past: only what was over at issue, on a regular clock, whatever the table holds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridloop.errors import MissingColumn, OutOfRange
from gridloop.forecast.known.moments import Moments, days_back, look
from gridloop.forecast.known.past import known_past, slots_of, usual_step

STEP = pd.Timedelta("15min")
NOON = pd.Timestamp("2021-06-01 12:00", tz="UTC")


def table(periods: int = 8) -> pd.DataFrame:
    """0, 1, 2, … from 11:00 on."""
    index = pd.date_range("2021-06-01 11:00", periods=periods, freq=STEP, tz="UTC")
    return pd.DataFrame({"a": np.arange(periods, dtype=float), "b": -1.0}, index=index)


def test_an_interval_counts_once_it_is_over():
    """At 12:00 the interval 11:45–12:00 is the newest; at 12:14 still; at 12:15 it is 12:00–12:15."""
    for at, newest in (("12:00", 3.0), ("12:14", 3.0), ("12:15", 4.0)):
        past = known_past(table(), ("a",), pd.Timestamp(f"2021-06-01 {at}", tz="UTC"), step=STEP)
        assert past.values[-1, 0] == newest


def test_rows_may_come_in_any_order_and_absent_ones_are_gaps():
    rows = table().drop(index=NOON - 2 * STEP).sample(frac=1.0, random_state=3)
    past = known_past(rows, ("b", "a"), NOON, step=STEP)
    assert past.points == ("b", "a")
    np.testing.assert_array_equal(past.values[:, 1], [0.0, 1.0, np.nan, 3.0])


def test_a_history_that_stopped_ends_in_gaps():
    past = known_past(table(2), ("a",), NOON, step=STEP)
    np.testing.assert_array_equal(past.values[:, 0], [0.0, 1.0, np.nan, np.nan])
    assert past.last().tolist() == [past.end - 3]


def test_only_the_last_days_when_asked():
    past = known_past(table(), ("a",), NOON, step=STEP, days=0.5 / 24.0)
    np.testing.assert_array_equal(past.values[:, 0], [2.0, 3.0])


def test_nothing_known_is_an_empty_past():
    past = known_past(table(), ("a",), NOON - pd.Timedelta("1D"), step=STEP)
    assert past.values.shape == (0, 1)
    assert past.last().tolist() == [past.first - 1]


def test_bad_stamps_are_counted():
    twice = pd.concat([table(), table().iloc[[1]]])
    with pytest.raises(OutOfRange, match="1 stamps come twice"):
        known_past(twice, ("a",), NOON, step=STEP)
    shifted = table().set_axis(table().index + pd.Timedelta("1min"))
    with pytest.raises(OutOfRange, match="4 of 4 stamps do not lie on the"):
        known_past(shifted, ("a",), NOON, step=STEP)
    with pytest.raises(OutOfRange, match="zone"):
        known_past(table().tz_localize(None), ("a",), NOON, step=STEP)
    with pytest.raises(OutOfRange, match="zone"):
        usual_step(pd.RangeIndex(3))


def test_a_missing_point_is_named():
    with pytest.raises(MissingColumn, match=r"1 of 2 points have no column \(c\)"):
        known_past(table(), ("a", "c"), NOON, step=STEP)


def test_usual_step_survives_a_gap():
    assert usual_step(table().drop(index=NOON).index) == STEP
    with pytest.raises(OutOfRange, match="1 rows"):
        usual_step(table(1).index)


def test_asked_times_lie_on_the_clock():
    assert slots_of(pd.DatetimeIndex([NOON]), STEP.value)[0] * STEP.value == NOON.value
    with pytest.raises(OutOfRange, match="1 of 2 times"):
        slots_of(pd.DatetimeIndex([NOON, NOON + pd.Timedelta("1min")]), STEP.value)


def test_look_sees_nothing_at_or_after_issue():
    past = known_past(table(), ("a",), NOON + 4 * STEP, step=STEP)
    known = np.array([past.first + 2])
    slots = past.first + np.array([[-1, 0, 1, 2, 3]])
    np.testing.assert_array_equal(look(past, slots, known)[0, :, 0], [np.nan, 0.0, 1.0, np.nan, np.nan])


@given(st.integers(0, 10_000), st.integers(0, 191), st.sampled_from([1, 7]))
def test_the_same_time_of_an_earlier_day_is_known_and_the_newest(known: int, lead: int, every: int):
    moments = Moments(np.array([known]), np.array([known + lead]))
    back = days_back(moments, 96, every)[0]
    assert back % every == 0
    assert known + lead - 96 * back < known
    assert known + lead - 96 * (back - every) >= known
