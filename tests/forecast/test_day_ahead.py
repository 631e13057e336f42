"""DayAheadForecaster: the same answer however it is asked, nothing from the future, better than persistence."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gridloop.errors import GapInSeries, MissingColumn, OutOfRange
from gridloop.forecast.day_ahead import FALLBACK, MODEL, DayAheadForecaster
from gridloop.forecast.known.record import Record
from gridloop.forecast.tested.backtest import backtest

ZONE = "Europe/Madrid"
DAYS = 230
HOLIDAYS = [dt.date(2020, 2, 20), dt.date(2020, 4, 10), dt.date(2020, 5, 1), dt.date(2020, 8, 15)]
FIRST = "2020-07-25"


def hours() -> pd.DatetimeIndex:
    return pd.date_range("2020-01-01", periods=24 * DAYS, freq="h", tz="UTC", name="valid_at")


def made_up() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Load with two peaks, quiet Sundays and cooling above 18 °C, 1 % of noise; and its temperature."""
    index = hours()
    local = index.tz_convert(ZONE)
    hour, rng = np.asarray(local.hour), np.random.default_rng(0)
    drift = np.repeat(np.cumsum(rng.standard_normal(DAYS)) * 0.8, 24)
    air = 15.0 + 8.0 * np.sin(np.arange(24 * DAYS) / 24 / 58 - 1.5) + 4.0 * np.sin((hour - 9) / 3.8) + drift
    shape = 1.0 + 0.3 * np.exp(-((hour - 11.0) ** 2) / 9.0) + 0.4 * np.exp(-((hour - 20.0) ** 2) / 9.0)
    free = np.asarray(local.weekday == 6) | (np.isin(local.date, HOLIDAYS))
    load = 500.0 * shape * np.where(free, 0.8, 1.0) * (1.0 + 0.02 * np.maximum(air - 18.0, 0.0))
    load *= 1.0 + 0.01 * rng.standard_normal(len(index))
    return pd.DataFrame({"town": load}, index=index), pd.DataFrame({"temperature": air}, index=index)


LOAD, AIR = made_up()


def maker(**settings: Any) -> DayAheadForecaster:
    return DayAheadForecaster(zone=ZONE, holidays=HOLIDAYS, trees=40, **settings)


def issue(day: str) -> pd.Timestamp:
    """Noon of the day before."""
    return (pd.Timestamp(day, tz=ZONE) - pd.DateOffset(days=1) + pd.DateOffset(hours=12)).tz_convert("UTC")


def day_of(day: str) -> pd.DatetimeIndex:
    start = pd.Timestamp(day, tz=ZONE)
    return pd.date_range(start, start + pd.DateOffset(days=1), freq="h", inclusive="left").tz_convert("UTC")


@pytest.fixture(scope="module")
def fitted() -> DayAheadForecaster:
    return maker().fit(LOAD, until=issue(FIRST), weather=AIR)


def test_it_does_not_matter_how_often_one_asks(fitted: DayAheadForecaster):
    """Day by day, or once at the end: the same numbers. So a tick can be replayed."""
    daily, once = fitted.copy(), fitted.copy()
    for k in range(6):
        day = str((pd.Timestamp(FIRST) + pd.Timedelta(days=k)).date())
        last = daily.predict(LOAD, issue(day), day_of(day), weather=AIR)
        assert (last.model == MODEL).all()
    alone = once.predict(LOAD, issue(day), day_of(day), weather=AIR)
    pd.testing.assert_frame_equal(last.quantiles, alone.quantiles, check_exact=True)
    assert (daily.weights("town") != fitted.weights("town")).all(axis=None), (
        "the days that were over taught the weights"
    )


def test_nothing_after_the_issue_is_looked_at_and_what_was_known_is(fitted: DayAheadForecaster):
    at = issue(FIRST)
    over = LOAD.index + pd.Timedelta("1h") <= at
    poisoned, changed = LOAD.copy(), LOAD.copy()
    poisoned.loc[~over] = 1e6
    changed.loc[LOAD.index[over][-6:]] *= 0.8
    honest, leaky, other = (
        fitted.copy().predict(data, at, day_of(FIRST), weather=AIR) for data in (LOAD, poisoned, changed)
    )
    pd.testing.assert_frame_equal(honest.quantiles, leaky.quantiles, check_exact=True)
    assert (honest.p50() != other.p50()).all(axis=None)


def test_a_second_fit_gives_the_same_bits(fitted: DayAheadForecaster):
    again = maker().fit(LOAD, until=issue(FIRST), weather=AIR)
    first, second = (f.copy().predict(LOAD, issue(FIRST), day_of(FIRST), weather=AIR) for f in (fitted, again))
    pd.testing.assert_frame_equal(first.quantiles, second.quantiles, check_exact=True)


def test_it_beats_persistence_and_weather_and_experts_help():
    """Noise of 1 % costs a mean error of 0.8 %; the cooling that comes and goes is what persistence cannot know.

    The bounds have room: skill 0.73, MAPE 0.92 %, blind 1.50 %, told 0.24 % over the three weeks when they were set.
    """
    load = Record.measured(LOAD)
    span = {"first": FIRST, "last": "2020-08-16"}
    blind = backtest(maker, load, **span).scores()  # type: ignore[arg-type]
    seeing = backtest(maker, load, weather=Record.foreseen(AIR, "37h"), **span)  # type: ignore[arg-type]
    rng = np.random.default_rng(1)
    good = Record.foreseen(LOAD * (1.0 + 0.003 * rng.standard_normal(LOAD.shape)), "37h")
    told = backtest(maker, load, outside={"operator": good}, **span).scores()  # type: ignore[arg-type]
    scores = seeing.scores()
    assert scores["skill"] > 0.65
    assert scores["mape_pct"] < blind["mape_pct"]
    assert told["mape_pct"] < 0.3 * blind["mape_pct"]
    assert 0.7 < scores["coverage"] < 0.92


def test_gaps_fall_back_by_name(fitted: DayAheadForecaster):
    """Three days without readings: last week's values, by name, with a band; a month without: nothing can be said."""
    at = issue(FIRST)
    silent, dead = LOAD.copy(), LOAD.copy()
    silent.loc[at - pd.Timedelta(days=3) : at] = np.nan
    made = fitted.copy().predict(silent, at, day_of(FIRST), weather=AIR)
    assert made.model.tolist() == [FALLBACK]
    week = LOAD["town"].reindex(day_of(FIRST) - pd.Timedelta(days=7)).to_numpy()
    np.testing.assert_array_equal(made.p50()["town"], week)
    assert (made.wide("p10") < made.wide("p90")).all(axis=None)
    dead.loc[at - pd.Timedelta(days=35) : at] = np.nan
    with pytest.raises(GapInSeries, match="1 of 1 points have no value"):
        fitted.copy().predict(dead, at, day_of(FIRST), weather=AIR)


def test_bad_input_is_told(fitted: DayAheadForecaster):
    at = issue(FIRST)
    with pytest.raises(OutOfRange, match=r"history: 20 days; a day-ahead model needs 28, and .* logarithms 155"):
        maker().fit(LOAD.iloc[: 24 * 21], until=LOAD.index[24 * 21])
    with pytest.raises(OutOfRange, match=r"1 points have no known value before .* \(town\)"):
        maker().fit(LOAD * np.nan, until=at)
    with pytest.raises(OutOfRange, match="fitted with weather, and none is given"):
        fitted.copy().predict(LOAD, at, day_of(FIRST))
    with pytest.raises(GapInSeries, match="weather: temperature is missing"):
        fitted.copy().predict(LOAD, at, day_of(FIRST), weather=AIR[AIR.index <= at])
    with pytest.raises(MissingColumn, match=r"weather: column .*temperature"):
        maker().fit(LOAD, until=at, weather=AIR.rename(columns={"temperature": "wind"}))
    with pytest.raises(MissingColumn, match=r"weather: column .*temperature"):
        fitted.copy().predict(LOAD, at, day_of(FIRST), weather=AIR.rename(columns={"temperature": "wind"}))
    with pytest.raises(OutOfRange, match="after the issue"):
        fitted.copy().predict(LOAD, at - pd.Timedelta("1h"), day_of(FIRST), weather=AIR)
    with pytest.raises(OutOfRange, match="forward only"):
        fitted.copy().predict(LOAD, at, day_of("2020-07-01"), weather=AIR)
    with pytest.raises(OutOfRange, match="not fitted yet"):
        maker().predict(LOAD, at, day_of(FIRST))


def test_an_outside_forecast_that_is_gone(fitted: DayAheadForecaster):
    with_operator = maker().fit(LOAD, until=issue(FIRST), outside={"operator": LOAD})
    with pytest.raises(MissingColumn, match="operator were there at the fit"):
        with_operator.predict(LOAD, issue(FIRST), day_of(FIRST))
    weights = with_operator.weights("town")
    assert weights.columns.tolist() == ["linear", "boosting", "boosting of the rest", "operator"]
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)


def few_weeks() -> pd.DataFrame:
    """Two points of 60 days, which are modelled in megawatts added up."""
    index = hours()[: 24 * 60]
    rng = np.random.default_rng(2)
    wave = 10.0 * np.sin(np.asarray(index.hour) / 4)
    return pd.DataFrame({p: 50.0 + wave + rng.standard_normal(len(index)) for p in ("a", "b")}, index=index)


def test_a_refused_ask_leaves_no_trace():
    """The operator says nothing of the second point: the first one has not learned the day twice afterwards."""
    table = few_weeks()
    at = table.index[24 * 55 + 12]
    valid = pd.date_range(at + pd.Timedelta("12h"), periods=24, freq="h")
    once = DayAheadForecaster(trees=2).fit(table, until=at, outside={"operator": table})
    again = once.copy()
    with pytest.raises(MissingColumn, match="outside: operator have no column b"):
        again.predict(table, at, valid, outside={"operator": table[["a"]]})
    for days in (0, 1, 2):
        later = pd.Timedelta(days=days)
        one, two = (
            f.predict(table, at + later, valid + later, outside={"operator": table}).arrays() for f in (once, again)
        )
        assert np.array_equal(one, two)


@pytest.mark.parametrize(("first", "last"), [(54, 60), (30, 50), (0, 20)])
def test_a_point_known_too_seldom_is_told(first: int, last: int):
    """Known at the end only, on two days that the trees learn from, at the beginning only."""
    table = few_weeks()
    known = (np.arange(len(table)) >= 24 * first) & (np.arange(len(table)) < 24 * last)
    with pytest.raises(OutOfRange, match=r"1 points are known on too few of the 58 days before .* \(b\)"):
        DayAheadForecaster(trees=2).fit(table.assign(b=table["b"].where(known)), until=table.index[-1])


@pytest.mark.parametrize("with_weather", [True, False])
def test_what_the_experts_hang_on_adds_up_to_one(fitted: DayAheadForecaster, with_weather: bool):
    forecaster = fitted if with_weather else maker().fit(LOAD.iloc[: 24 * 100], until=LOAD.index[24 * 100])
    table = forecaster.importance("town")
    assert table.columns.tolist() == ["linear", "boosting", "boosting of the rest"]
    np.testing.assert_allclose(table.sum(), 1.0)
    assert table.index.is_unique
    assert (table.loc["air", "linear"] > 0.0) if with_weather else ("air" not in table.index)
