"""Features: local days, the newest known values, the sun."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridloop.forecast.features.calendar import calendar
from gridloop.forecast.features.clear_sky_index import UNKNOWN, envelope, newest_index
from gridloop.forecast.features.lags import Recent, earlier_days, known_mean, same_time
from gridloop.forecast.features.sun import sun
from gridloop.forecast.known.local import day_type, local_slots
from gridloop.forecast.known.moments import Moments
from gridloop.forecast.known.past import Past

STEP_NS = pd.Timedelta("15min").value
DAY = 96


def slot(time: str, zone: str = "UTC") -> int:
    return pd.Timestamp(time, tz=zone).value // STEP_NS


def series(values: list[float] | np.ndarray, first: int = 0) -> Past:
    return Past(("a",), np.asarray(values, dtype=float)[:, None], first, STEP_NS)


def at(known: int, valid: int) -> Moments:
    return Moments(np.array([known]), np.array([valid]))


def test_calendar_is_local():
    """22:30 UTC on Sunday 24 July 2016 is 00:30 on Monday in Berlin."""
    valid = slot("2016-07-24 22:30")
    columns = calendar(series([0.0]), at(valid, valid), "Europe/Berlin")
    assert columns["hour"].tolist() == [0.5]
    assert columns["weekday"].tolist() == [0.0]


def test_day_types():
    days = np.array([slot(f"2016-07-{d} 12:00") for d in (22, 23, 24, 25)])
    assert day_type(days, DAY).tolist() == [0, 1, 2, 0]


@pytest.mark.parametrize("day", ["2026-03-29", "2026-03-30", "2026-10-25", "2026-10-26", "2026-06-01"])
def test_yesterday_keeps_the_local_time_over_a_clock_change(day: str):
    valid = slot(f"{day} 18:00", "Europe/Berlin")
    yesterday = earlier_days(series([0.0]), at(valid - 40, valid), 2, zone="Europe/Berlin")
    times = series([0.0]).times(yesterday[0]).tz_convert("Europe/Berlin")
    assert [t.strftime("%H:%M") for t in times] == ["18:00", "18:00"]
    assert [t.day for t in times] == [(pd.Timestamp(day) - pd.Timedelta(days=k)).day for k in (1, 2)]


def test_local_slots_move_by_the_offset():
    winter, summer = slot("2026-01-01 12:00"), slot("2026-07-01 12:00")
    moved = local_slots(series([0.0]), np.array([[winter, summer]]), "Europe/Berlin")
    assert (moved - [[winter, summer]]).tolist() == [[4, 8]]


def test_a_gap_in_a_day_takes_the_mean_of_the_others():
    """The same time on the last three days was 1, a gap, 3."""
    values = np.zeros(3 * DAY)
    values[[0, DAY, 2 * DAY]] = 3.0, np.nan, 1.0
    past, moments = series(values), at(3 * DAY, 3 * DAY)
    days = same_time(past, moments, earlier_days(past, moments, 3))
    assert days[0, :, 0].tolist() == [1.0, 2.0, 3.0]


def test_mean_of_what_is_known():
    values = np.array([[[1.0], [np.nan], [3.0]], [[np.nan]] * 3])
    np.testing.assert_array_equal(known_mean(values)[:, 0], [2.0, np.nan])
    np.testing.assert_array_equal(known_mean(values, np.array([[False, True, True]] * 2))[:, 0], [3.0, np.nan])


def test_windows_end_at_the_last_known_value():
    """1 2 3 4 gap | issue: the newest two are 3 and 4, and the lead counts from there."""
    recent = Recent(series([1.0, 2.0, 3.0, 4.0, np.nan]))
    known = np.array([5])
    assert recent.newest(known)[0, 0] == 4
    assert recent.mean(known, 2)[0, 0] == 3.5
    assert recent.mean(known, 2, back=2)[0, 0] == 1.5
    assert recent.spread(known, 2)[0, 0] == 0.5
    assert recent.known_share(known, 5)[0, 0] == 0.8
    assert np.isnan(recent.mean(np.array([0]), 3)[0, 0])


@given(st.lists(st.floats(0.0, 100.0) | st.just(float("nan")), min_size=1, max_size=30), st.integers(1, 8), st.data())
def test_windows_agree_with_a_plain_loop(values: list[float], steps: int, data: st.DataObject):
    known = data.draw(st.integers(0, len(values)))
    seen = np.array(values[:known])
    ends = np.flatnonzero(np.isfinite(seen))
    window = seen[max(0, ends[-1] + 1 - steps) : ends[-1] + 1] if len(ends) else np.array([np.nan])
    plain = np.nan if np.isnan(window).all() else np.nanmean(window)
    np.testing.assert_allclose(Recent(series(values)).mean(np.array([known]), steps)[0, 0], plain, atol=1e-9)


def test_sun_at_noon_and_midnight():
    """At the equinox on the equator the sun passes overhead at noon, within the equation of time (7 minutes)."""
    slots = np.array([[slot("2021-03-20 12:00"), slot("2021-03-20 00:00")]])
    now = sun(series([0.0]), slots, 0.0, 0.0)
    assert now.elevation_deg.shape == (1, 2)
    assert now.elevation_deg[0, 0] > 87.0
    assert now.highest_deg[0, 1] < -85.0
    assert now.clear_w_per_m2[0, 0] == pytest.approx(1098 * np.exp(-0.057), rel=0.01)  # Haurwitz at the zenith
    assert now.clear_w_per_m2[0, 1] == 0.0


def test_clear_sky_index_is_the_share_of_the_best_days():
    """28 equal days of a block from slot 40 to 60, then a day at half of it; at slot 52 of that day the index is ½."""
    block = np.zeros(DAY)
    block[40:60] = 2.0
    past = series(np.r_[np.tile(block, 28), 0.5 * block])
    noon = at(28 * DAY + 52, 28 * DAY + 55)
    assert envelope(past, noon)[0, 0] == 2.0
    index = newest_index(past, noon, 12, np.array([0.01]))
    assert index.own[0, 0] == pytest.approx(0.5)
    assert index.fleet[0, 0] == pytest.approx(0.5)
    night = newest_index(past, at(28 * DAY + 30, 28 * DAY + 31), 12, np.array([0.01]))
    assert night.own[0, 0] == UNKNOWN
