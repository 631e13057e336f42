"""WeekAheadForecaster: any lead to 168 h at any hour, nothing from the future, errors of now that fade."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.forecast.known.record import Record
from gridloop.forecast.tested.backtest import backtest
from gridloop.forecast.week_ahead import WeekAheadForecaster

DAYS = 60
INDEX = pd.date_range("2021-06-01", periods=24 * DAYS, freq="h", tz="UTC", name="valid_at")


def made_up() -> pd.DataFrame:
    """A load with two sorts of day, times a mood: ±15 %, half of it gone after 4 hours."""
    rng = np.random.default_rng(0)
    mood = np.zeros(len(INDEX))
    for k in range(1, len(INDEX)):
        mood[k] = 2 ** (-1 / 4) * mood[k - 1] + 0.15 * np.sqrt(1 - 2 ** (-1 / 2)) * rng.standard_normal()
    hour = np.asarray(INDEX.hour)
    shape = (1.0 + 0.4 * np.sin(2 * np.pi * (hour - 9) / 24)) * np.where(INDEX.weekday >= 5, 0.7, 1.0)
    return pd.DataFrame({"town": 50.0 * shape * np.exp(mood)}, index=INDEX)


LOAD = made_up()
UNTIL = INDEX[24 * 50]


def maker() -> WeekAheadForecaster:
    return WeekAheadForecaster(trees=15)


@pytest.fixture(scope="module")
def fitted() -> WeekAheadForecaster:
    return maker().fit(LOAD, until=UNTIL)


def test_all_leads_of_a_week_at_any_hour(fitted: WeekAheadForecaster):
    forecaster = fitted.copy()
    for hours in (0, 5, 11, 12, 13, 23, 24):
        at = UNTIL + pd.Timedelta(hours=hours)
        said = forecaster.predict(LOAD, at, pd.date_range(at, periods=169, freq="h"))
        assert len(said.quantiles) == 169
        assert (said.model == "experts:additive").all()


def test_only_what_is_over_is_looked_at_and_asking_between_changes_nothing(fitted: WeekAheadForecaster):
    at = UNTIL + pd.Timedelta("41h")
    valid = pd.date_range(at, periods=168, freq="h")
    poisoned = LOAD.copy()
    poisoned.loc[at:] = 1e6
    often, once = fitted.copy(), fitted.copy()
    for hours in range(0, 41, 8):
        earlier = UNTIL + pd.Timedelta(hours=hours)
        often.predict(LOAD, earlier, pd.date_range(earlier, periods=60, freq="h"))
    honest = once.predict(LOAD, at, valid)
    pd.testing.assert_frame_equal(often.predict(poisoned, at, valid).quantiles, honest.quantiles, check_exact=True)


def test_the_newest_error_fades(fitted: WeekAheadForecaster):
    """The last hour a fifth higher: the next hour rises by much of it, the day after by nothing."""
    at = UNTIL + pd.Timedelta("5h")
    valid = pd.date_range(at, periods=48, freq="h")
    higher = LOAD.copy()
    higher.loc[at - pd.Timedelta("1h")] *= 1.2
    plain, moved = (fitted.copy().predict(history, at, valid).p50()["town"] for history in (LOAD, higher))
    rise = (moved - plain) / (0.2 * float(LOAD.loc[at - pd.Timedelta("1h"), "town"]))
    assert 0.4 < rise.iloc[0] < 1.1
    assert rise.iloc[0] > rise.iloc[6] > 0.0
    assert abs(rise.iloc[30]) < 0.02


def test_it_beats_persistence_on_every_day_of_the_week():
    result = backtest(maker, Record.measured(LOAD), first="2021-07-18", last="2021-07-24", days_ahead=7)
    table = result.table("day_ahead")
    assert table.index.tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert (table["skill"] > 0.05).all()
    assert table["coverage"].mean() == pytest.approx(0.8, abs=0.12)


def test_what_is_beyond_the_week_or_over_is_refused(fitted: WeekAheadForecaster):
    def asked(first: str, hours: int) -> None:
        start = UNTIL + pd.Timedelta(first)
        fitted.copy().predict(LOAD, UNTIL, pd.date_range(start, periods=hours, freq="h"))

    with pytest.raises(OutOfRange, match="1 of 183 intervals do not begin within 7 days 13:00:00"):
        asked("0h", 183)
    with pytest.raises(OutOfRange, match="1 of 5 intervals"):
        asked("-1h", 5)
    with pytest.raises(OutOfRange, match="the longest is 193 h"):
        WeekAheadForecaster(horizon="200h")
    with pytest.raises(OutOfRange, match="not fitted yet"):
        maker().predict(LOAD, UNTIL, INDEX[-5:])
    with pytest.raises(OutOfRange, match=r"history: 29 days; a day-ahead model needs 3\d"):
        maker().fit(LOAD, until=INDEX[24 * 30])
    air = pd.DataFrame({"radiation": 1.0}, index=INDEX[: 24 * 52])
    with pytest.raises(GapInSeries, match="weather: radiation is missing"):
        WeekAheadForecaster(trees=2, horizon="72h").fit(LOAD, until=UNTIL, weather=air).predict(
            LOAD, UNTIL, pd.date_range(UNTIL, periods=72, freq="h"), weather=air
        )


def test_a_far_day_after_months_of_near_ones(fitted: WeekAheadForecaster):
    """All members go on together: what was handed on the way is enough, nobody needs the months again."""
    forecaster = fitted.copy()
    for day in range(3):
        at = UNTIL + pd.Timedelta(days=day)
        forecaster.predict(LOAD, at, pd.date_range(at, periods=12, freq="h"))
    steps = {member._next for member in forecaster.members}
    assert len(steps) == 1


def test_a_week_from_midnight_with_its_longer_night():
    """Issued 24 h before the first of seven days, one of 25 hours: 193 h, by the members of seven days and today."""
    assert len(WeekAheadForecaster(before="24h", horizon="193h").members) == 8
