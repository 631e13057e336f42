"""Reliability, error tables and issues by pencil."""

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from gridloop.errors import OutOfRange
from gridloop.forecast.days.daily import Daily, taken
from gridloop.forecast.known.record import Record
from gridloop.forecast.known.routine import Routine
from gridloop.forecast.tested.backtest_scores import ROWS, Backtest
from gridloop.forecast.tested.error_table import GROUPS, error_table
from gridloop.forecast.tested.reliability import bins, judged, reliability

UTC = "UTC"


def rows_of(actual, p10, p50, p90, *, per_issue=24, **more):
    valid = pd.date_range("2020-01-01", periods=len(actual), freq="h", tz=UTC)
    issued = pd.DatetimeIndex(np.repeat(valid[::per_issue], per_issue)[: len(valid)]) - pd.Timedelta("12h")
    table = pd.DataFrame({"issued_at": issued, "valid_at": valid, "point": "x", "model": "m", "actual": actual})
    given = {"p10": p10, "p50": p50, "p90": p90, "day": 0.0, "week": 0.0, "week_p10": 0.0, "week_p90": 0.0} | more
    return table.assign(**given)[ROWS].astype(dict.fromkeys(given, float))


def test_shares_by_pencil():
    """Ten values 0 … 9 under P10 = 0.5, P50 = 4.5, P90 = 8.5: one, five and nine of them stay below."""
    rows = rows_of(np.arange(10.0), 0.5, 4.5, 8.5)
    table = reliability(rows)
    assert table["observed"].tolist() == approx([0.1, 0.5, 0.9]) and table["rows"].tolist() == [10, 10, 10]
    assert table["low"].isna().all(), "one issue says nothing about chance"
    assert bins(rows).tolist() == approx([0.1, 0.4, 0.4, 0.1])


def test_the_band_of_chance_is_as_wide_as_days_are_few():
    """Whole days above or below P50: the share is a mean of 100 coins, spread 0.05, the band ± 1.645 of that."""
    rng = np.random.default_rng(0)
    sides = np.repeat(rng.permutation([-1.0, 1.0] * 50), 24)
    row = reliability(rows_of(sides, -2, 0, 2)).loc["p50"]
    assert row["observed"] == 0.5
    assert row["high"] - row["nominal"] == approx(1.6449 * 0.05, rel=0.01)


def test_a_calibrated_forecast_is_inside_nine_times_out_of_ten():
    rng = np.random.default_rng(2)
    inside = 0
    for _ in range(100):
        y = np.repeat(rng.standard_normal(60), 6)
        row = reliability(rows_of(y, -1.2816, 0.0, 1.2816, per_issue=6)).loc["p50"]
        inside += row["low"] <= row["observed"] <= row["high"]
    assert inside / 100 == approx(0.9, abs=0.09)  # three standard deviations of 100 trials


def test_the_night_does_not_count():
    rows = rows_of(np.r_[np.zeros(12), np.full(12, 5.0)], np.r_[np.zeros(12), np.full(12, 6.0)],
                   np.r_[np.zeros(12), np.full(12, 7.0)], np.r_[np.zeros(12), np.full(12, 8.0)])  # fmt: skip
    assert len(judged(rows)) == 12 and reliability(rows)["observed"].tolist() == [1, 1, 1]
    assert error_table(Backtest(rows, UTC), "all")["coverage"].tolist() == [0.0]


def test_errors_by_pencil():
    """Off by 1 upwards and 3 downwards; a day off by 4, a week off by 8; of a capacity of 10."""
    rows = rows_of([10.0, 20.0], [9, 15], [11, 17], [13, 19], day=[14, 16], week=[2, 12])
    every = error_table(Backtest(rows, UTC), "all", capacity={"x": 10.0}, error="mae").iloc[0]
    assert (every["mae"], every["bias"], every["day_mae"], every["week_mae"], every["rows"]) == (2, -1, 4, 8, 2)
    assert (every["skill"], every["nmae_pct"], every["day_nmae_pct"], every["coverage"]) == (0.5, 20, 40, 0.5)
    by_mape = error_table(Backtest(rows, UTC), "all", error="mape_pct").iloc[0]
    assert by_mape["mape_pct"] == approx(12.5) and by_mape["skill"] == approx(1 - 12.5 / 30)


def test_groups_and_what_is_none():
    rows = rows_of(np.arange(72.0), 0, 1, 2)
    for by in GROUPS:
        assert len(error_table(Backtest(rows, UTC), by)) == {"hour": 24, "lead_h": 24, "weekday": 3}.get(by, 1)
    with pytest.raises(OutOfRange, match="no errors by 'year'"):
        error_table(Backtest(rows, UTC), "year")
    with pytest.raises(OutOfRange, match="no error 'nmae_pct'"):
        error_table(Backtest(rows, UTC), "all", error="nmae_pct")


def test_of_several_issues_the_newest_known_one_is_seen():
    hours = pd.date_range("2020-01-02", periods=3, freq="h", tz=UTC)
    early, late = pd.Timestamp("2020-01-01 06:00", tz=UTC), pd.Timestamp("2020-01-01 18:00", tz=UTC)
    table = pd.DataFrame({"air": [1.0, 2, 3, 10, 20, 30]}, index=hours.append(hours))
    issues = Record.issued(table, pd.DatetimeIndex([early] * 3 + [late] * 3))
    assert issues.at(early)["air"].tolist() == [1, 2, 3] and issues.at(late)["air"].tolist() == [10, 20, 30]
    assert issues.at(early - pd.Timedelta("1h")).empty
    assert issues.spoilt(early)["air"].tolist() == [1, 2, 3]
    assert (issues.spoilt(early - pd.Timedelta("1h"))["air"] > 1000).all()


def test_inputs_that_nobody_names_are_not_given():
    class Plain:
        def fit(self, history, *, until):
            return self

        def predict(self, history, issued_at, valid_at, *, weather=None):
            return weather

    plain = Plain()
    daily = Daily(plain, Routine(UTC, pd.Timedelta("12h")))
    now = pd.Timestamp("2020-01-01", tz=UTC)
    assert daily.fit(pd.DataFrame(), until=now, weather=1, outside=2) is daily
    assert daily.predict(pd.DataFrame(), now, pd.DatetimeIndex([]), weather=1, outside=2) == 1  # type: ignore[comparison-overlap]
    assert daily.copy().inner is not plain and taken(plain.fit, {"weather": 1}) == {}
