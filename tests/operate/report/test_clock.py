"""The horizontal axis: local time on it, and an hour is an hour on the days on which the clock changes."""

from __future__ import annotations

import pandas as pd
import pytest

from gridloop.operate.report.clock import LocalClock, day_clock


def clock_of(day: str, zone: str = "Europe/Berlin") -> LocalClock:
    start = pd.Timestamp(day, tz=zone)
    return LocalClock(zone, start.tz_convert("UTC"), (start + pd.DateOffset(days=1)).tz_convert("UTC"))


def test_a_summer_day_in_berlin_begins_at_22_utc() -> None:
    clock = clock_of("2016-07-25")
    assert clock.x(pd.DatetimeIndex(["2016-07-24 22:00", "2016-07-25 10:15"], tz="UTC")) == [
        "2016-07-25 00:00",
        "2016-07-25 12:15",
    ]
    assert clock.says(pd.Timestamp("2016-07-25 10:15", tz="UTC")) == "12:15"
    assert clock.axis()["title"]["text"] == "local time, Europe/Berlin"


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_an_hour_is_an_hour_where_the_clock_changes(day: str, hours: int) -> None:
    clock = clock_of(day)
    positions = pd.DatetimeIndex(clock.x(pd.date_range(clock.start, clock.end, freq="h")))
    assert len(positions) == hours + 1
    assert set(positions[1:] - positions[:-1]) == {pd.Timedelta(hours=1)}


@pytest.mark.parametrize(("day", "noon"), [("2026-03-29", "11:00"), ("2026-10-25", "13:00")])
def test_labels_are_local_where_the_clock_changes(day: str, noon: str) -> None:
    """On the short day local noon comes 11 hours after midnight, on the long day 13 hours."""
    axis = clock_of(day).axis()
    labels = dict(zip(axis["ticktext"], axis["tickvals"], strict=True))
    assert labels["12:00"].endswith(noon)
    assert "the clock changes today" in axis["title"]["text"]


def test_steps_end_with_the_last_interval() -> None:
    clock = clock_of("2016-07-25")
    assert clock.steps(pd.DatetimeIndex(["2016-07-25 10:00"], tz="UTC"), 0.25) == [
        "2016-07-25 12:00",
        "2016-07-25 12:15",
    ]


def test_a_run_without_ticks_has_a_clock_all_the_same() -> None:
    ticks = pd.DataFrame({"valid_at": pd.DatetimeIndex([], tz="UTC"), "hours": []})
    assert day_clock(ticks, "Europe/Berlin").end > day_clock(ticks, "Europe/Berlin").start
