"""The forecast benchmark's data: a file with swapped dates is mended, and days off are those of the calendar."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest
from benchmarks.forecast_data import MADRID, spain, spanish_holidays, victoria

from gridloop.errors import MissingFile


@pytest.mark.data
def test_spain_is_a_year_again_after_mending(data_dir: Path):
    """Sundays are quiet. Where day and month stay swapped, a third of them fall on other weekdays."""
    load, operator = spain(data_dir)
    assert (np.diff(load.index.asi8) == 3_600_000_000_000).all()
    assert load.index.equals(operator.index)
    daily = load["spain"].tz_convert(MADRID).resample("D").mean().loc["2017"]
    sundays = daily[daily.index.weekday == 6]
    weekdays = daily[daily.index.weekday == 2]
    assert (sundays.to_numpy()[:50] < weekdays.to_numpy()[:50]).mean() > 0.9
    week_off = (load - load.shift(168)).abs() / load
    assert week_off.loc["2017"].mean().iloc[0] == pytest.approx(0.050, abs=0.001)


@pytest.mark.data
def test_victoria_has_weather_for_every_half_hour(data_dir: Path):
    load, air, holidays = victoria(data_dir)
    assert load.index.equals(air.index)
    assert not air.isna().any(axis=None)
    assert dt.date(2014, 4, 18) in holidays


def test_easter_moves():
    days = spanish_holidays(range(2017, 2019))
    assert {dt.date(2017, 4, 14), dt.date(2018, 3, 30), dt.date(2017, 10, 12)} <= set(days)


def test_data_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(MissingFile, match="GRIDLOOP_DATA"):
        victoria(tmp_path)
