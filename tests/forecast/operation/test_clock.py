"""Clock: days that are an hour off, holidays and clock changes that are not, and points that cannot be judged."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gridloop.forecast.known.past import Past, known_past
from gridloop.forecast.operation.clock import Clock, _page, _passed

MADRID = "Europe/Madrid"
STEP = pd.Timedelta("1h")
FIT = pd.Timestamp("2021-03-01", tz="UTC")


def habits(seed: int = 0) -> pd.DataFrame:
    """Two years that keep local hours: peaks at 8 and 19, on Sundays an hour later and the first a third lower.

    Noise of 2 %, a level of each day of 5 %.
    """
    index = pd.date_range("2019-10-01", "2021-09-01", freq="h", tz="UTC", inclusive="left")
    local = index.tz_convert(MADRID)
    sunday = np.asarray(local.weekday) == 6
    hour = np.asarray(local.hour, dtype=float) - np.where(sunday, 1.0, 0.0)
    shape = (
        1.0
        + np.where(sunday, 0.33, 0.5) * np.exp(-((hour - 8.0) ** 2) / 6.0)
        + 0.8 * np.exp(-((hour - 19.0) ** 2) / 8.0)
    )
    rng = np.random.default_rng(seed)
    level = np.repeat(1.0 + 0.05 * rng.standard_normal(len(index) // 24), 24)
    return pd.DataFrame({"town": shape * level * (1.0 + 0.02 * rng.standard_normal(len(index)))}, index=index)


def past(load: pd.DataFrame, until: str, days: float | None = 70.0) -> Past:
    return known_past(load, ("town",), pd.Timestamp(until, tz="UTC"), step=STEP, days=days)


@pytest.fixture(scope="module")
def load() -> pd.DataFrame:
    return habits()


@pytest.fixture(scope="module")
def clock(load: pd.DataFrame) -> Clock:
    return Clock(MADRID).fit(known_past(load, ("town",), FIT, step=STEP))


def test_clean_days_are_clean_also_after_the_clock_changed(clock: Clock, load: pd.DataFrame):
    """28 March 2021 was the change: before, on, and in the four weeks after."""
    for until in pd.date_range("2021-03-20", "2021-05-01", freq="3D"):
        assert not clock.rows(past(load, f"{until:%Y-%m-%d} 11:00")).any()


@pytest.mark.parametrize("late", [1, -1])
@pytest.mark.parametrize("until", ["2021-03-26 11:00", "2021-04-03 11:00", "2021-07-10 11:00"])
def test_stamps_that_are_off_for_three_days(clock: Clock, load: pd.DataFrame, late: int, until: str):
    """The beginning is found to within half a day, and the end is the newest value."""
    seen = past(load, until)
    values = seen.values.copy()
    rows = np.arange(len(values) - 72, len(values)) - late
    values[-72:] = np.where(rows < len(values), seen.values[np.minimum(rows, len(values) - 1), 0], np.nan)[:, None]
    bad = clock.rows(Past(seen.points, values, seen.first, seen.step_ns))[:, 0]
    assert bad[-1]
    assert abs(int(np.flatnonzero(bad)[0]) - (len(values) - 72)) <= 12
    word = "late" if late > 0 else "early"
    assert f"look an hour {word}" in clock.text(Past(seen.points, values, seen.first, seen.step_ns), 0, bad)


def test_a_source_that_missed_the_clock_change(clock: Clock, load: pd.DataFrame):
    """From 28 March on local hours are stamped as if they were winter's: an hour late in UTC."""
    seen = past(load, "2021-03-31 11:00")
    start = int((pd.Timestamp("2021-03-28 01:00", tz="UTC").value // STEP.value) - seen.first)
    values = seen.values.copy()
    values[start:] = seen.values[start - 1 : -1]
    bad = clock.rows(Past(seen.points, values, seen.first, seen.step_ns))[:, 0]
    assert bad[start + 12 :].all()


def test_a_holiday_on_a_tuesday_is_no_shift(clock: Clock, load: pd.DataFrame):
    """It looks like a Sunday, whose peaks come an hour later: only a look at Sundays tells it from a shift."""
    seen = past(load, "2021-07-14 11:00")
    tuesday = np.flatnonzero(np.asarray(seen.times(seen.first + np.arange(len(seen.values))).tz_convert(MADRID).date) ==
                             pd.Timestamp("2021-07-13").date())  # fmt: skip
    values = seen.values.copy()
    values[tuesday] = values[tuesday - 48]
    assert not clock.rows(Past(seen.points, values, seen.first, seen.step_ns)).any()


def test_gaps_are_no_evidence(clock: Clock, load: pd.DataFrame):
    seen = past(load, "2021-07-14 11:00")
    values = seen.values.copy()
    values[np.random.default_rng(0).random(len(values)) < 0.1] = np.nan
    assert not clock.rows(Past(seen.points, values, seen.first, seen.step_ns)).any()
    assert not clock.rows(Past(seen.points, values * np.nan, seen.first, seen.step_ns)).any()
    assert not clock.rows(past(load, "2021-07-14 11:00", days=5)).any()


def test_what_keeps_no_hours_is_blind(load: pd.DataFrame):
    flat = load * 0.0 + 1.0 + 0.1 * np.random.default_rng(0).standard_normal(load.shape)
    assert Clock(MADRID).fit(known_past(flat, ("town",), FIT, step=STEP)).blind == ("town",)
    short = known_past(load, ("town",), FIT, step=STEP, days=60)
    assert Clock(MADRID).fit(short).blind == ("town",)


def test_pages_sum_and_its_stretches():
    evidence = np.array([-3.0, 4.0, 5.0, -2.0, 6.0, -9.0, -9.0, 1.0, 20.0])
    assert _page(evidence).tolist() == [0.0, 4.0, 9.0, 7.0, 13.0, 4.0, 0.0, 1.0, 21.0]
    assert _passed(evidence, 10.0) == [(1, 4), (7, 8)]
    assert _passed(evidence, 30.0) == []
