"""Persistence as a forecaster: by pencil, with its band, and refusing what is not ahead."""

import numpy as np
import pandas as pd
import pytest

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.forecast import Record, backtest
from gridloop.forecast.known.routine import Routine
from gridloop.forecast.naive import PersistenceForecaster

NOON = Routine("UTC", pd.Timedelta("12h"))


def hours(days: int) -> pd.DatetimeIndex:
    return pd.date_range("2020-01-06", periods=24 * days, freq="h", tz="UTC", name="valid_at")


def test_week_and_day_by_pencil():
    """The value is the number of the day: tomorrow is said to be as a week before, or as the newest known day."""
    index = hours(30)
    table = pd.DataFrame({"x": np.arange(len(index)) // 24}, index=index, dtype=float)
    issue = index[24 * 20 + 12]
    ahead = pd.date_range(issue + pd.Timedelta("12h"), periods=24, freq="h")
    week = PersistenceForecaster(NOON).fit(table, until=issue).predict(table, issue, ahead)
    day = PersistenceForecaster(NOON, which="day").fit(table, until=issue).predict(table, issue, ahead)
    assert week.p50()["x"].tolist() == [14.0] * 24 and set(week.model) == {"persistence:week"}
    assert day.p50()["x"].tolist() == [20.0] * 12 + [19.0] * 12


def test_the_band_covers_what_it_says():
    """Independent noise: eight of ten fall between P10 and P90. 60 days × 24: ± 3 standard deviations are 3.2 %."""
    index = hours(300)
    table = pd.DataFrame({"x": 50 + np.random.default_rng(0).standard_normal(len(index))}, index=index)
    result = backtest(
        lambda: PersistenceForecaster(NOON), Record.measured(table), first="2020-08-01", last="2020-09-29"
    )
    assert result.scores()["coverage"] == pytest.approx(0.8, abs=0.032)


def test_values_below_zero_are_kept_and_zero_is_the_least_of_what_never_was_below():
    index = hours(40)
    noise = np.random.default_rng(1).standard_normal(len(index))
    table = pd.DataFrame({"price": noise, "load": np.maximum(noise, 0.0)}, index=index)
    issue = index[24 * 35]
    made = PersistenceForecaster(NOON).fit(table, until=issue).predict(table, issue, index[24 * 35 :])
    assert made.wide("p10")["price"].min() < 0 and made.wide("p10")["load"].min() == 0


def test_a_gap_a_week_before_is_filled_by_the_day_before_and_a_long_one_by_usual_values():
    index = hours(40)
    table = pd.DataFrame({"x": np.arange(len(index)) // 24}, index=index, dtype=float)
    issue = index[24 * 36]
    gone = table.copy()
    gone.iloc[[k * 24 for k in (8, 15, 22, 29)]] = np.nan
    made = PersistenceForecaster(NOON).fit(table, until=issue).predict(gone, issue, index[24 * 36 : 24 * 36 + 2])
    assert made.p50()["x"].tolist() == [35.0, 29.0]
    with pytest.raises(GapInSeries, match="1 points have no known value"):
        PersistenceForecaster(NOON).fit(table * np.nan, until=issue).predict(table * np.nan, issue, index[-24:])


def test_what_is_not_ahead_is_refused():
    index = hours(30)
    table = pd.DataFrame({"x": 1.0}, index=index)
    forecaster = PersistenceForecaster(NOON)
    with pytest.raises(OutOfRange, match="not fitted"):
        forecaster.predict(table, index[400], index[400:424])
    with pytest.raises(OutOfRange, match="4 of 24 intervals begin before"):
        forecaster.fit(table, until=index[400]).predict(table, index[400], index[396:420])
    with pytest.raises(OutOfRange, match="no 'month'"):
        PersistenceForecaster(NOON, which="month")  # type: ignore[arg-type]


def test_published_prices_of_today_are_yesterday_of_tomorrow():
    """Issued at 10:00 with all of today known, in a clean backtest: the number of the day is one short, not two."""
    index = hours(60)
    table = pd.DataFrame({"x": np.arange(len(index)) // 24}, index=index, dtype=float)
    ahead = pd.Timedelta("11h")
    result = backtest(
        lambda: PersistenceForecaster(Routine("UTC", pd.Timedelta("14h")), which="day", published_before=ahead),
        Record.issued(table, index.normalize() - ahead), first="2020-02-10", last="2020-02-12",
    )  # fmt: skip
    assert (result.rows["actual"] - result.rows["p50"]).unique().tolist() == [1.0]


def test_published_until_through_a_change_of_the_clock():
    """Madrid: at 12:59 today is out, at 13:00 tomorrow too; on the longer day tomorrow is out at 13:00 as well."""
    routine = Routine("Europe/Madrid", pd.Timedelta("14h"))
    for day in ("2020-06-10", "2020-03-28", "2020-03-29", "2020-10-24", "2020-10-25"):
        begin = pd.Timestamp(day, tz="Europe/Madrid")
        noon, out = begin.replace(hour=12, minute=59), begin.replace(hour=13)
        ends = [routine.published_until(at, pd.Timedelta("11h")) for at in (noon, out)]
        assert ends == [begin + pd.DateOffset(days=1), begin + pd.DateOffset(days=2)]
