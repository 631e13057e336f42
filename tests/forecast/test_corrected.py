"""CorrectedForecaster: a habit of another's forecast is mended, a good one is left alone, nothing unknown is used."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gridloop.errors import GapInSeries, MissingColumn, OutOfRange
from gridloop.forecast import CorrectedForecaster, Record, backtest

DAYS = 200
INDEX = pd.date_range("2021-01-01", periods=24 * DAYS, freq="h", tz="UTC", name="valid_at")
HOUR = np.asarray(INDEX.hour)
UNTIL = pd.Timestamp("2021-07-05 12:00", tz="UTC")
DAY = pd.date_range("2021-07-06", periods=24, freq="h", tz="UTC")


def world(habit: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Output of a level that changes from day to day, and a forecast of it that is too high in the morning."""
    rng = np.random.default_rng(0)
    level = np.repeat(rng.uniform(20.0, 80.0, DAYS), 24) * (1.0 + 0.3 * np.sin(2.0 * np.pi * HOUR / 24.0))
    came = level * (1.0 + 0.01 * rng.standard_normal(len(INDEX)))
    said = level * (1.0 + habit * ((HOUR >= 6) & (HOUR < 10)))
    return pd.DataFrame({"sea": came}, index=INDEX), pd.DataFrame({"sea": said}, index=INDEX)


def make() -> CorrectedForecaster:
    return CorrectedForecaster(zone="UTC", trees=40)


@pytest.fixture(scope="module")
def fitted() -> CorrectedForecaster:
    came, said = world(0.3)
    return make().fit(came, until=UNTIL, outside={"operator": said})


def test_the_habit_is_mended_and_the_rest_is_left(fitted: CorrectedForecaster):
    came, said = world(0.3)
    middle = fitted.predict(came, UNTIL, DAY, outside={"operator": said}).p50()["sea"]
    true, theirs = came.loc[DAY, "sea"], said.loc[DAY, "sea"]
    morning = (DAY.hour >= 6) & (DAY.hour < 10)
    assert (middle - true)[morning].abs().mean() < 0.3 * (theirs - true)[morning].abs().mean()
    assert (middle - true)[~morning].abs().mean() < 1.5 * (theirs - true)[~morning].abs().mean()


def test_a_backtest_finds_no_leak_and_a_better_forecast():
    came, said = world(0.3)
    published = pd.DatetimeIndex(INDEX).normalize() - pd.Timedelta("14h")
    result = backtest(
        make,
        Record.measured(came),
        first="2021-07-06",
        last="2021-07-12",
        outside={"operator": Record.issued(said, published)},
    )
    rows = result.rows
    theirs = said["sea"].reindex(rows["valid_at"]).to_numpy()
    assert (rows["p50"] - rows["actual"]).abs().mean() < 0.6 * np.abs(theirs - rows["actual"]).mean()
    assert (rows["p10"] <= rows["p90"]).all()


def test_tomorrows_forecast_and_later_output_are_not_looked_at(fitted: CorrectedForecaster):
    came, said = world(0.3)
    honest = fitted.predict(came, UNTIL, DAY, outside={"operator": said})
    late, later = came.copy(), said.copy()
    late[late.index >= UNTIL] = 1e3
    later[later.index >= DAY[-1] + pd.Timedelta("1h")] = 1e3
    again = fitted.predict(late, UNTIL, DAY, outside={"operator": later})
    pd.testing.assert_frame_equal(again.quantiles, honest.quantiles, check_exact=True)


def test_a_forecast_without_habits_stays_what_it_is():
    came, said = world(0.0)
    fitted = make().fit(came, until=UNTIL, outside={"operator": said})
    middle = fitted.predict(came, UNTIL, DAY, outside={"operator": said}).p50()["sea"]
    # the noise is 1 %: what the trees make of it stays below
    assert np.abs(middle / said.loc[DAY, "sea"] - 1.0).mean() < 0.01


def test_bad_input_is_named(fitted: CorrectedForecaster):
    came, said = world(0.3)
    with pytest.raises(OutOfRange, match="to mend another's forecast 106 are needed"):
        make().fit(came[came.index < "2021-03-01"], until=pd.Timestamp("2021-03-01", tz="UTC"), outside={"a": said})
    with pytest.raises(MissingColumn, match="no forecast to mend"):
        make().fit(came, until=UNTIL, outside={})
    with pytest.raises(OutOfRange, match="sea never change"):
        make().fit(came * 0.0, until=UNTIL, outside={"operator": said})
    with pytest.raises(OutOfRange, match="fitted with operator"):
        fitted.predict(came, UNTIL, DAY, outside={"other": said})
    with pytest.raises(GapInSeries, match="operator has no value of sea for 12 of 24"):
        fitted.predict(came, UNTIL, DAY, outside={"operator": said[said.index < DAY[12]]})
    with pytest.raises(OutOfRange, match="not fitted"):
        make().predict(came, UNTIL, DAY, outside={"operator": said})


def test_a_day_of_23_hours_does_not_look_into_the_next():
    zone = "Europe/Madrid"
    came, said = world(0.3)
    begin = pd.DatetimeIndex(INDEX - pd.Timedelta("400D")).tz_convert(zone)  # the 200 days end in June 2020
    came, said = came.set_axis(begin.tz_convert("UTC")), said.set_axis(begin.tz_convert("UTC"))
    published = begin.normalize().tz_convert("UTC") - pd.Timedelta("14h")
    result = backtest(
        lambda: CorrectedForecaster(zone=zone, trees=5), Record.measured(came), first="2020-03-29", last="2020-03-29",
        outside={"operator": Record.issued(said, published)},
    )  # fmt: skip
    assert len(result.rows) == 23


def test_nights_without_a_value_and_values_below_zero():
    came, said = world(0.3)
    dark = came.where(((HOUR >= 6) & (HOUR < 20))[:, None])
    made = make().fit(dark, until=UNTIL, outside={"operator": said}).predict(
        dark, UNTIL, DAY, outside={"operator": said})  # fmt: skip
    assert np.isfinite(made.arrays()).all()
    low = CorrectedForecaster(zone="UTC", trees=5, least=None).fit(
        came - 60.0, until=UNTIL, outside={"operator": said - 60.0}
    )
    assert low.predict(came - 60.0, UNTIL, DAY, outside={"operator": said - 60.0}).arrays().min() < 0.0
    with pytest.raises(OutOfRange, match="on 0 days sea and its forecast in operator are both known"):
        make().fit(came, until=UNTIL, outside={"operator": said * np.nan})
    with pytest.raises(MissingColumn, match="sea"):
        make().fit(came, until=UNTIL, outside={"operator": said.rename(columns={"sea": "land"})})
