"""Bad histories of load: every forecaster says what is wrong, or goes on by the name of what stands in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gridloop.errors import MissingColumn, OutOfRange
from gridloop.forecast.day_ahead import DayAheadForecaster
from gridloop.forecast.load import LoadForecaster
from gridloop.forecast.week_ahead import WeekAheadForecaster

INDEX = pd.date_range("2021-06-01", periods=24 * 50, freq="h", tz="UTC", name="valid_at")
LOAD = pd.DataFrame({"town": 5.0 + np.sin(np.asarray(INDEX.hour) / 4.0), "mill": 3.0}, index=INDEX)
AT = INDEX[-36]
AHEAD = INDEX[-24:]


class FewRows(LoadForecaster):
    """The closed loop's forecaster on fewer rows: it takes a second instead of twenty."""

    least_issues = 400
    most_rows = 3000


MAKERS: dict[str, Callable[[], Any]] = {
    "direct": lambda: FewRows(threads=1),
    "day ahead": lambda: DayAheadForecaster(trees=3),
    "week ahead": lambda: WeekAheadForecaster(trees=3, horizon="48h"),
}
every = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


@every
def test_histories_that_no_forecaster_takes(make: Callable[[], Any]):
    cases = {
        "1 stamps come twice": pd.concat([LOAD, LOAD.iloc[5:6]]),
        "must hold times with a zone": LOAD.tz_localize(None),
        "do not lie on the": LOAD.set_axis([*INDEX[:9], INDEX[9] + pd.Timedelta("1min"), *INDEX[10:]]),
        "at least two are needed": LOAD.iloc[:1],
    }
    mixed = [t.tz_convert("Europe/Paris") if k % 2 else t for k, t in enumerate(INDEX)]
    cases["must hold times with a zone "] = LOAD.set_axis(pd.Index(mixed, dtype=object))
    for words, history in cases.items():
        with pytest.raises(OutOfRange, match=words.strip()):
            make().fit(history, until=AT)
    with pytest.raises(OutOfRange, match="has no time zone"):
        make().fit(LOAD, until=AT.tz_localize(None))


@every
def test_a_fitted_model_refuses_other_columns_and_steps(make: Callable[[], Any]):
    fitted = make().fit(LOAD, until=AT)
    with pytest.raises(MissingColumn, match=r"1 of 2 points have no column \(mill\)"):
        fitted.predict(LOAD[["town"]], AT, AHEAD)
    with pytest.raises(OutOfRange, match=r"stamps lie 0 days 02:00:00 apart .* steps of 0 days 01:00:00"):
        fitted.predict(LOAD.iloc[::2], AT, AHEAD)
    with pytest.raises(OutOfRange, match="do not lie on the"):
        fitted.predict(LOAD.resample("30min").ffill(), AT, AHEAD)
    with pytest.raises(OutOfRange, match="has no time zone"):
        fitted.predict(LOAD, AT.tz_localize(None), AHEAD)


@every
def test_gaps_and_a_constant_series_are_forecast(make: Callable[[], Any]):
    """A tenth of the readings lost, a day as a whole, rows that are not there: a forecast all the same."""
    dirty = LOAD.copy()
    dirty.loc[INDEX[::10], "town"] = np.nan
    dirty.loc[INDEX[400:424], "town"] = np.nan
    dirty = dirty.drop(index=INDEX[700:730])
    said = make().fit(dirty, until=AT).predict(dirty, AT, AHEAD)
    assert np.abs(said.p50()["mill"] - 3.0).max() < 0.05
    assert np.abs(said.p50()["town"] - LOAD["town"].reindex(AHEAD)).mean() < 0.3


def test_how_much_history_is_needed():
    with pytest.raises(OutOfRange, match="history: 9 days; a day-ahead model needs 28"):
        DayAheadForecaster().fit(LOAD, until=INDEX[240])
    # the closed loop's forecaster does with less, by name
    early = FewRows(threads=1).fit(LOAD, until=INDEX[120])
    assert early.predict(LOAD, INDEX[120], INDEX[120:130]).model.tolist() == ["persistence:day"] * 2
