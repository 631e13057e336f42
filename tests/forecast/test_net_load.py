"""Net load: what sun and wind turn negative is forecast all the same, and the model's name says how."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gridloop.errors import GapInSeries
from gridloop.forecast.day_ahead import ADDITIVE, FALLBACK, MODEL, DayAheadForecaster
from gridloop.forecast.known.record import Record
from gridloop.forecast.models.pooled import PooledLinear
from gridloop.forecast.tested.backtest import backtest

DAYS = 60
INDEX = pd.date_range("2021-06-01", periods=24 * DAYS, freq="h", tz="UTC", name="valid_at")


def made_up() -> tuple[pd.DataFrame, pd.DataFrame]:
    """A load of about 5 MW less a field of 12 MW under a sky that changes every day; net load is negative at noon."""
    rng = np.random.default_rng(0)
    hour = np.asarray(INDEX.hour)
    sun = 800.0 * np.maximum(np.sin(np.pi * (hour - 6) / 12), 0.0) * np.repeat(rng.uniform(0.1, 1.0, DAYS), 24)
    wind = np.repeat(rng.uniform(2.0, 14.0, DAYS), 24) + rng.standard_normal(len(INDEX))
    load = 5.0 + 1.5 * np.sin(2 * np.pi * (hour - 9) / 24) + 0.2 * rng.standard_normal(len(INDEX))
    weather = pd.DataFrame({"radiation": sun, "wind_speed": wind}, index=INDEX)
    return pd.DataFrame({"edge": load - 12.0 * sun / 800.0}, index=INDEX), weather


NET, AIR = made_up()
LAST = INDEX[24 * 50 - 12]


def maker() -> DayAheadForecaster:
    return DayAheadForecaster(trees=60, before="12h")


def day_after(issue: pd.Timestamp) -> pd.DatetimeIndex:
    return pd.date_range(issue.normalize() + pd.Timedelta(days=1), periods=24, freq="h")


@pytest.fixture(scope="module")
def fitted() -> DayAheadForecaster:
    return maker().fit(NET, until=LAST, weather=AIR)


def test_negative_net_load_is_forecast_far_better_than_last_week():
    result = backtest(
        maker, Record.measured(NET), first="2021-07-20", last="2021-07-29", weather=Record.foreseen(AIR, "37h")
    )
    scores = result.scores()
    assert set(result.rows["model"]) == {ADDITIVE}
    assert (result.rows["p50"] < 0.0).any(), "noon of a clear day"
    assert scores["pinball_skill"] > 0.5, "the sky of last week says nothing; the set was made so"
    assert scores["skill_mae"] > 0.5


def test_a_month_of_positive_load_is_added_up_and_half_a_year_taken_in_logarithms():
    index = pd.date_range("2021-01-01", periods=24 * 170, freq="h", tz="UTC")
    load = pd.DataFrame({"town": 5.0 + np.sin(2 * np.pi * np.asarray(index.hour) / 24)}, index=index)
    for days, model in ((40, ADDITIVE), (170, MODEL)):
        until = index[24 * days - 12]
        said = DayAheadForecaster(trees=5).fit(load, until=until).predict(load, until, day_after(until))
        assert said.model.tolist() == [model]


def test_what_is_beside_weather_may_differ_from_temperature_and_must_cover_the_day(fitted: DayAheadForecaster):
    with pytest.raises(GapInSeries, match="weather: radiation is missing for 12 of 24"):
        fitted.copy().predict(NET, LAST, day_after(LAST), weather=AIR[AIR.index < LAST])


def test_the_same_answer_in_other_megawatts(fitted: DayAheadForecaster):
    """A thousand times the load is a thousand times the forecast: nothing in it knows a size."""
    plain = fitted.copy().predict(NET, LAST, day_after(LAST), weather=AIR).arrays()
    large = maker().fit(1000.0 * NET, until=LAST, weather=AIR)
    np.testing.assert_allclose(
        large.predict(1000.0 * NET, LAST, day_after(LAST), weather=AIR).arrays(), 1000.0 * plain, rtol=1e-3, atol=50.0
    )  # trees see float32 columns and add up in another order


def test_a_frozen_meter_goes_on_by_name():
    frozen = pd.DataFrame({"edge": np.full(len(NET), -3.0)}, index=INDEX)
    said = maker().fit(frozen, until=LAST).predict(frozen, LAST, day_after(LAST))
    assert said.model.tolist() == [FALLBACK]
    np.testing.assert_allclose(said.arrays(), -3.0, atol=0.05)


def test_a_silent_week_is_persistence_with_a_band_of_differences(fitted: DayAheadForecaster):
    silent = NET.copy()
    silent.loc[LAST - pd.Timedelta(days=5) :] = np.nan
    said = fitted.copy().predict(silent, LAST, day_after(LAST), weather=AIR)
    assert said.model.tolist() in ([FALLBACK], [ADDITIVE])
    assert (said.wide("p10") < said.wide("p90")).all(axis=None)


def test_pooled_ridge_beside_its_plain_twin():
    """λ = 0.9: the first day weighs 0.81, the second 0.9, the third 1."""
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((3, 5, 2)), rng.standard_normal((3, 5))
    model = PooledLinear.start(5, 2, noise=100.0, forget=0.9, ridge=0.5)
    for day in range(3):
        model.learn(x[day], y[day], np.arange(5))
    weight = np.repeat([0.81, 0.9, 1.0], 5)
    flat, answer = x.reshape(-1, 2), y.ravel()
    plain = np.linalg.solve((flat.T * weight) @ flat + 0.5 * np.eye(2), (flat.T * weight) @ answer)
    np.testing.assert_allclose(model.predict(np.eye(2), np.zeros(2, dtype=int)), plain, rtol=1e-10)
    model.learn(np.full((1, 2), np.nan), np.ones(1), np.zeros(1, dtype=int))
    assert model.days == 4, "a day of gaps passes and teaches nothing"


def test_the_sun_is_what_a_field_hangs_on(fitted: DayAheadForecaster):
    table = fitted.importance("edge")
    np.testing.assert_allclose(table.sum(), 1.0)
    assert table["boosting"].idxmax() in ("linear model", "radiation")
    assert table.loc[["sun_east", "sun_south", "sun_west", "sun_squared"], "linear"].sum() > table.loc["week", "linear"]
