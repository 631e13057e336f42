"""Prices: LEAR by hand, days with clock changes, no look at the auction that is forecast, fallbacks, bad inputs."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloop.errors import GapInSeries, MissingColumn, OutOfRange
from gridloop.forecast import Record, backtest
from gridloop.forecast.days.price_days import DayTable, PriceRowMaker, by_day
from gridloop.forecast.known.past import known_past
from gridloop.forecast.models.lear import Squash, lear, sparse
from gridloop.forecast.price import FALLBACK, MODEL, PUBLISHED, PriceForecaster

ZONE, HOUR = "Europe/Amsterdam", pd.Timedelta("1h")
NAME = "NL/energy_eur_per_mwh"


def prices(days: int, *, seed: int = 0, start: str = "2020-09-01") -> pd.DataFrame:
    """Two peaks a day, quiet Sundays, a level that wanders, hours below zero and a spike now and then."""
    index = (
        pd.date_range(pd.Timestamp(start, tz=ZONE), periods=24 * days, freq="h").tz_convert("UTC").rename("valid_at")
    )
    local = index.tz_convert(ZONE)
    rng = np.random.default_rng(seed)
    level = 40.0 + np.cumsum(rng.standard_normal(days)).repeat(24)
    shape = 10.0 * np.sin(2 * np.pi * (local.hour - 5) / 12) - 12.0 * (local.weekday == 6)
    spike = np.where(rng.random(len(index)) < 0.003, rng.choice([-80.0, 250.0], len(index)), 0.0)
    return pd.DataFrame({NAME: level + shape + 2.0 * rng.standard_normal(len(index)) + spike}, index=index)


def small(**settings: object) -> PriceForecaster:
    return PriceForecaster(**({"zone": ZONE, "windows": (56,), "trees": 5} | settings))  # type: ignore[arg-type]


def asked(day: str) -> tuple[pd.Timestamp, pd.DatetimeIndex]:
    """10:00 of the day before, and the hours of the day."""
    begin = pd.Timestamp(day, tz=ZONE)
    end = begin + pd.DateOffset(days=1)
    valid = pd.date_range(begin, end, freq="h", inclusive="left").tz_convert("UTC")
    return (begin - pd.Timedelta("14h")).tz_convert("UTC"), valid


def published(table: pd.DataFrame, issue: pd.Timestamp) -> pd.DataFrame:
    """Prices of days that are out at the issue."""
    begin = pd.DatetimeIndex(table.index).tz_convert(ZONE).normalize()
    return table[np.asarray(begin - PUBLISHED <= issue)]


@pytest.fixture(scope="module")
def history() -> pd.DataFrame:
    return prices(215)


@pytest.fixture(scope="module")
def fitted(history: pd.DataFrame) -> PriceForecaster:
    issue, _ = asked("2021-03-20")
    return small().fit(published(history, issue), until=issue)


# --------------------------------------------------------------------- LEAR


def test_squash_by_hand():
    """Median 2, deviations 1, 0, 1: a spread of 1 / 0.6745; and back, negative prices and spikes included."""
    squash = Squash.of(np.array([[1.0], [2.0], [3.0]]))
    assert squash.middle[0] == 2.0
    assert squash.spread[0] == pytest.approx(1.0 / 0.67449, rel=1e-4)
    values = np.array([[-500.0], [0.0], [3000.0]])
    assert squash.up(squash.down(values)) == pytest.approx(values)


def test_lear_finds_the_one_column_that_matters():
    """The answer is the third column; the others are noise."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 12))
    y = np.column_stack([3.0 * x[:, 2], -x[:, 2]])
    theta = sparse((x - x.mean(0)) / x.std(0), y - y.mean(0))
    assert np.abs(theta[2]).min() > 0.9
    assert np.abs(np.delete(theta, 2, axis=0)).max() < 0.1
    said = lear(x[:-1], np.zeros((199, 1)), y[:-1], x[-1], np.zeros(1))
    assert said == pytest.approx(y[-1], abs=0.25)


def test_lear_of_prices_that_never_move_says_them():
    x, y = np.full((60, 4), 7.0), np.full((60, 2), 7.0)
    assert lear(x, np.zeros((60, 1)), y, x[0], np.zeros(1)) == pytest.approx([7.0, 7.0])


@settings(max_examples=20, deadline=None)
@given(st.floats(0.01, 100.0), st.floats(-200.0, 200.0), st.integers(0, 1000))
def test_lear_is_the_same_in_another_currency(factor: float, shift: float, seed: int):
    """Prices times a factor, plus a shift: so is the answer. 1e-3 of the spread: the sweeps of the lasso stop there."""
    rng = np.random.default_rng(seed)
    x, plain = rng.standard_normal((80, 6)), np.zeros((80, 1))
    y = x[:, :2] + 0.5 * rng.standard_normal((80, 2))
    one = lear(x[:-1], plain[:-1], y[:-1], x[-1], plain[-1])
    other = lear(factor * x[:-1] + shift, plain[:-1], factor * y[:-1] + shift, factor * x[-1] + shift, plain[-1])
    assert (other - shift) / factor == pytest.approx(one, abs=1e-2)


# --------------------------------------------------------------------- days


def test_clock_changes_make_days_of_24_hours():
    """29 March 2020 lacks 02:00: straight between its neighbours. 25 October has it twice: their mean."""
    spring = pd.date_range(pd.Timestamp("2020-03-29", tz=ZONE), periods=23, freq="h").tz_convert("UTC")
    past = known_past(pd.DataFrame({"a": np.arange(23.0)}, index=spring), ("a",), spring[-1] + HOUR, step=HOUR)
    _, table = by_day(past, 0, ZONE)
    assert table[0, :5].tolist() == [0.0, 1.0, 1.5, 2.0, 3.0]
    autumn = pd.date_range(pd.Timestamp("2020-10-25", tz=ZONE), periods=25, freq="h").tz_convert("UTC")
    past = known_past(pd.DataFrame({"a": np.arange(25.0)}, index=autumn), ("a",), autumn[-1] + HOUR, step=HOUR)
    _, table = by_day(past, 0, ZONE)
    assert table[0, :5].tolist() == [0.0, 1.0, 2.5, 4.0, 5.0]


def test_rows_see_no_price_of_their_own_day():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((60, 24))
    spoilt = values.copy()
    spoilt[50:] = 1e9
    maker, day = PriceRowMaker([dt.date(1970, 2, 1)]), np.array([50])
    for make in (maker.trees, maker.lear):
        one, two = (make(DayTable(0, v), [], day) for v in (values, spoilt))
        assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


# --------------------------------------------------------------- forecaster


def test_a_day_is_forecast_better_than_by_the_week(history: pd.DataFrame, fitted: PriceForecaster):
    forecaster, errors, week = fitted.copy(), [], []
    for day in pd.date_range("2021-03-20", "2021-04-01"):  # with the day that has 23 hours
        issue, valid = asked(str(day.date()))
        said = forecaster.predict(published(history, issue), issue, valid)
        assert said.model[NAME] == MODEL
        came = history[NAME].reindex(valid)
        errors.append((said.p50()[NAME] - came).abs().mean())
        week.append((history[NAME].reindex(valid - pd.Timedelta("7D")).to_numpy() - came).abs().mean())
    assert np.mean(errors) < 0.8 * np.mean(week)


def test_asking_twice_or_late_changes_nothing(history: pd.DataFrame, fitted: PriceForecaster):
    daily, late = fitted.copy(), fitted.copy()
    for day in ("2021-03-20", "2021-03-21", "2021-03-22"):
        issue, valid = asked(day)
        known = published(history, issue)
        once = daily.predict(known, issue, valid)
        assert np.array_equal(once.arrays(), daily.predict(known, issue, valid).arrays())
    assert np.array_equal(once.arrays(), late.predict(known, issue, valid).arrays())


def test_a_backtest_finds_no_leak(history: pd.DataFrame):
    """The probe spoils every price that is not out, the running auction's above all."""
    begin = pd.DatetimeIndex(history.index).tz_convert(ZONE).normalize()
    record = Record.issued(history, (begin - PUBLISHED).tz_convert("UTC"))
    result = backtest(small, record, first="2021-03-27", last="2021-03-29")
    assert len(result.rows) == 24 * 3 - 1
    assert set(result.rows["model"]) == {MODEL}


def test_without_yesterday_the_week_before_stands_in(history: pd.DataFrame, fitted: PriceForecaster):
    issue, valid = asked("2021-03-21")
    known = published(history, issue).copy()
    known.loc[known.index >= pd.Timestamp("2021-03-20", tz=ZONE)] = np.nan
    said = fitted.copy().predict(known, issue, valid)
    assert said.model[NAME] == FALLBACK
    week = history[NAME].reindex(valid - pd.Timedelta("7D")).to_numpy()
    assert said.p50()[NAME].to_numpy() == pytest.approx(week)
    assert (said.wide("p90")[NAME] > said.wide("p10")[NAME]).all()


@pytest.fixture(scope="module")
def windy() -> tuple[pd.DataFrame, pd.DataFrame]:
    """A price that follows the wind of its own day, which nobody can know from prices; a fuel that is one per day."""
    table = prices(170)
    wind = pd.Series(np.random.default_rng(1).standard_normal(170).repeat(24), index=table.index)
    hour = np.tile(np.linspace(0.8, 1.2, 24), 170)
    table[NAME] += 15.0 * wind * hour
    return table, pd.DataFrame({"wind": wind * hour, "gas": np.arange(170.0).repeat(24)}, index=table.index)


@pytest.fixture(scope="module")
def told(windy: tuple[pd.DataFrame, pd.DataFrame]) -> PriceForecaster:
    issue, valid = asked("2021-02-10")
    return small().fit(published(windy[0], issue), until=issue, weather=windy[1][: valid[-1]])


def test_drivers_help(windy: tuple[pd.DataFrame, pd.DataFrame], told: PriceForecaster):
    """Errors of five days by what trees and LEAR see of the wind; it moves prices by 15."""
    table, drivers = windy
    forecaster, off = told.copy(), []
    for day in pd.date_range("2021-02-10", "2021-02-14"):
        issue, valid = asked(str(day.date()))
        said = forecaster.predict(published(table, issue), issue, valid, weather=drivers[: valid[-1]])
        off.append(float((said.p50()[NAME] - table[NAME].reindex(valid)).abs().mean()))
    assert np.mean(off) < 8.0


def test_drivers_must_cover_the_day_and_be_those_of_the_fit(
    windy: tuple[pd.DataFrame, pd.DataFrame], told: PriceForecaster
):
    table, drivers = windy
    issue, valid = asked("2021-02-11")
    known = published(table, issue)
    with pytest.raises(GapInSeries, match="wind, gas does not cover the day that begins at 2021-02-10"):
        told.copy().predict(known, issue, valid, weather=drivers[: pd.Timestamp("2021-02-10 20:00", tz="UTC")])
    with pytest.raises(MissingColumn, match="gas is missing"):
        told.copy().predict(known, issue, valid, weather=drivers[["wind"]])
    with pytest.raises(OutOfRange, match="fitted with drivers, and none is given"):
        told.copy().predict(known, issue, valid)


def test_a_refused_ask_leaves_no_trace(windy: tuple[pd.DataFrame, pd.DataFrame], told: PriceForecaster):
    """Drivers end a day too early, then are there: as if nobody had asked before."""
    table, drivers = windy
    once, again = told.copy(), told.copy()
    issue, valid = asked("2021-02-13")
    known = published(table, issue)
    with pytest.raises(GapInSeries, match="the day that begins at 2021-02-12"):
        again.predict(known, issue, valid, weather=drivers[: valid[0] - HOUR])
    one, two = (f.predict(known, issue, valid, weather=drivers[: valid[-1]]) for f in (once, again))
    assert np.array_equal(one.arrays(), two.arrays())


# --------------------------------------------------------------- bad inputs


def test_too_little_history_says_how_much_is_needed(history: pd.DataFrame):
    issue, _ = asked("2020-11-01")
    with pytest.raises(OutOfRange, match=r"61 whole days of .* a price model needs 120"):
        small().fit(published(history, issue), until=issue)


def test_bad_settings_and_tables_are_refused(history: pd.DataFrame, fitted: PriceForecaster):
    issue, valid = asked("2021-03-20")
    with pytest.raises(OutOfRange, match="published 0 days 11:00:00 before"):
        PriceForecaster(before="6h")
    with pytest.raises(OutOfRange, match="LEAR needs 28"):
        PriceForecaster(windows=(7,))
    with pytest.raises(OutOfRange, match="not fitted"):
        PriceForecaster().predict(history, issue, valid)
    with pytest.raises(OutOfRange, match="a step of"):
        fitted.copy().predict(history.iloc[::2], issue, valid)
    with pytest.raises(OutOfRange, match="come twice"):
        small().fit(pd.concat([history, history.iloc[:1]]), until=issue)
    with pytest.raises(OutOfRange, match="infinite"):
        small().fit(history.replace(history.iloc[5, 0], np.inf), until=issue)
    with pytest.raises(OutOfRange, match="after the issue"):
        fitted.copy().predict(history, issue - HOUR, valid)
    with pytest.raises(OutOfRange, match="goes forward only"):
        fitted.copy().predict(history, issue, valid - pd.Timedelta("3D"))
    with pytest.raises(MissingColumn):
        fitted.copy().predict(history.rename(columns={NAME: "other"}), issue, valid)


def test_prices_that_never_move_are_forecast_as_they_are_and_may_be_negative(history: pd.DataFrame):
    issue, valid = asked("2021-01-20")
    same = published(history, issue) * 0.0 - 30.0
    said = small().fit(same, until=issue).predict(same, issue, valid)
    assert said.p50()[NAME].to_numpy() == pytest.approx(-30.0, abs=0.05)


def test_an_issue_the_very_moment_prices_are_out():
    """At 13:00 those of tomorrow are known, and the day after it is 35 h away."""
    assert small(before="35h").routine.before == pd.Timedelta("35h")
    with pytest.raises(OutOfRange, match="a day earlier"):
        small(before="36h")
