"""Features of whole days: holidays, season, temperatures."""

from __future__ import annotations

import builtins
import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloop.errors import GapInSeries, MissingExtra
from gridloop.forecast.features.holidays import DayKinds, holidays_of
from gridloop.forecast.features.season import Season
from gridloop.forecast.features.transform import Scene
from gridloop.forecast.features.weather import ABOVE, Temperature
from gridloop.forecast.known.local import local_slots
from gridloop.forecast.known.moments import Moments
from gridloop.forecast.known.past import Past

HOUR_NS = pd.Timedelta("1h").value
ZONE = "Europe/Madrid"


def slot(time: str, zone: str = ZONE) -> int:
    return pd.Timestamp(time, tz=zone).value // HOUR_NS


def scene(*times: str, weather: Past | None = None) -> Scene:
    valid = np.array([slot(t) for t in times])
    past = Past(("es",), np.zeros((1, 1)), int(valid.min()) - 24 * 40, HOUR_NS)
    return Scene(past, Moments(valid - 24, valid), ZONE, weather)


def test_a_bridge_is_a_working_day_between_two_of_rest():
    """8 December 2016 was a Thursday: the Friday is a bridge; the Wednesday lies between two free days only if the
    Tuesday is a holiday too."""
    days = ["2016-12-06 10:00", "2016-12-07 10:00", "2016-12-08 10:00", "2016-12-09 10:00", "2016-12-10 10:00"]
    columns = DayKinds([dt.date(2016, 12, 6), dt.date(2016, 12, 8)]).transform(scene(*days))
    assert columns["holiday"].tolist() == [1, 0, 1, 0, 0]
    assert columns["bridge"].tolist() == [0, 1, 0, 1, 0]
    assert columns["holiday_before"].tolist() == [0, 1, 0, 1, 0]
    assert columns["holiday_after"].tolist() == [0, 1, 0, 0, 0]
    assert columns["thursday"].tolist() == [0, 0, 0, 0, 0], "a holiday is no Thursday"
    assert DayKinds([dt.date(2016, 12, 8)]).transform(scene(*days))["bridge"].tolist() == [0, 0, 0, 1, 0]


def test_holidays_are_local_days():
    """23:30 UTC on 24 December is Christmas Day in Madrid."""
    columns = DayKinds([dt.date(2016, 12, 25)]).transform(scene("2016-12-25 00:00", "2016-12-24 23:00"))
    assert columns["holiday"].tolist() == [1, 0]


def test_the_clock_and_the_quiet_weeks():
    columns = DayKinds().transform(
        scene("2016-07-01 12:00", "2016-12-24 12:00", "2017-01-06 12:00", "2017-01-07 12:00")
    )
    assert columns["clock_h"].tolist() == [2.0, 1.0, 1.0, 1.0]
    assert columns["quiet"].tolist() == [0, 1, 1, 0]


def test_rest_days():
    local = np.array([slot(f"2016-12-{d:02d} 12:00", "UTC") for d in (7, 8, 10, 11)])
    assert DayKinds([dt.date(2016, 12, 8)]).rest(local, 24).tolist() == [0, 2, 1, 2]


def test_without_the_package_the_dates_can_be_given(monkeypatch: pytest.MonkeyPatch):
    plain = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:
        if name == "holidays":
            raise ImportError(name)
        return plain(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(MissingExtra, match=r"pip install holidays.*give the dates"):
        holidays_of("ES", [2016])


def test_the_year_is_a_circle():
    columns = Season().transform(scene("2015-01-01 00:00", "2016-01-01 06:00", "2015-07-02 12:00"))
    around = np.stack([columns["year_sin_1"], columns["year_cos_1"]])
    assert np.abs(around[:, 0] - around[:, 1]).max() < 0.01
    assert around[:, 0] @ around[:, 2] == pytest.approx(-1.0, abs=0.01)


def saw(days: int, first: str) -> Past:
    """Temperatures of every hour: the local hour plus ten times the day."""
    begin = slot(first)
    values = np.arange(24 * days) % 24 + 10.0 * (np.arange(24 * days) // 24)
    return Past(("temperature",), values[:, None], begin, HOUR_NS)


def test_temperatures_of_a_day():
    """On day 9 at 06:00 it is 96 °C on this sawtooth: extremes 90 and 113, an hour before 95, yesterday 86."""
    weather = saw(10, "2016-02-01")
    there = scene("2016-02-10 06:00", weather=weather)
    columns = Temperature().fit(scene("2016-02-08 00:00", "2016-02-09 00:00", weather=weather)).transform(there)
    known = {"air": 96, "air_1h_ago": 95, "day_high": 113, "day_low": 90, "day_high_before": 103, "air_week": 26}
    assert {name: columns[name][0] for name in known} == known
    assert columns["air_then"][0] == 76, "24 hours before the interval is the first that is not known at issue"
    assert columns[f"air{ABOVE}0"][0] == pytest.approx(96 - np.quantile([70, 80], 0.15)), "of 8 and 9 February"


def test_smoothing_forgets_half_in_a_half_life():
    """Half-hours: 30 days at 0 °C, then 20 °C; after 6 hours the walls with a half-life of 6 hours feel 10 °C."""
    step = HOUR_NS // 2
    first = 2 * slot("2016-01-02")
    values = np.r_[np.zeros(30 * 48), np.full(48, 20.0)]
    valid = np.array([first + 30 * 48 + 11])
    past = Past(("es",), np.zeros((1, 1)), first, step)
    there = Scene(past, Moments(valid - 48, valid), ZONE, Past(("temperature",), values[:, None], first, step))
    columns = Temperature().fit(there).transform(there)
    assert columns["slow_6h"][0] == pytest.approx(10.0)


def test_weather_that_ends_too_early_is_named():
    with pytest.raises(GapInSeries, match=r"temperature is missing for 1 of 2 intervals.*2016-02-11 05:00"):
        Temperature().fit(scene("2016-02-10 06:00", "2016-02-11 06:00", weather=saw(10, "2016-02-01")))


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(
        ["Europe/Madrid", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo", "Africa/Casablanca", "UTC"]
    ),
    st.lists(st.integers(-(10**6), 4 * 10**6), min_size=1, max_size=40),
)
def test_the_local_clock_is_that_of_pandas(zone: str, quarters: list[int]):
    """Quarter-hours of 1941 … 2084, one array for all: inside and outside of the changes that are looked up once."""
    slots = np.array(quarters)
    past = Past(("a",), np.empty((0, 1)), 0, 900_000_000_000)
    utc = pd.DatetimeIndex(slots * past.step_ns, tz="UTC")
    offset = utc.tz_convert(zone).tz_localize(None) - utc.tz_localize(None)
    np.testing.assert_array_equal(local_slots(past, slots, zone), slots + offset.asi8 // past.step_ns)
    for slot, answer in zip(slots, slots + offset.asi8 // past.step_ns, strict=True):
        assert local_slots(past, np.array([slot]), zone)[0] == answer
