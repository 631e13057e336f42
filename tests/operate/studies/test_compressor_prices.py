"""Prices and uncertainty of the study: weeks of other years, ends of a mean, settings in swings of the use of air."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from gridloop.errors import OutOfRange, OutsideData
from gridloop.operate.studies.compressor_prices import over_weeks
from gridloop.operate.studies.compressor_result import interval_of
from gridloop.operate.studies.compressor_trim import BEGIN, Trim, swing_of
from gridloop.operate.studies.compressor_weeks import Demand
from gridloop.optimize.compressors.demand import Week, demo_station, synthetic_week

DEMAND = Demand.synthetic(1)
WEEK = DEMAND.weeks[DEMAND.learn]
QUARTERS = pd.DatetimeIndex(WEEK.mean.index)


def hourly(first: str, days: int) -> pd.Series:
    index = pd.date_range(first, periods=24 * days, freq="h", tz="UTC")
    return pd.Series(100.0 * index.dayofweek + index.hour, index=index)


def test_made_up_weeks_take_the_prices_of_another_year_at_the_same_weekday_and_hour():
    found = over_weeks(hourly("2023-01-01", 365), QUARTERS, DEMAND)
    assert found.index.equals(QUARTERS)
    assert (found == 100.0 * QUARTERS.dayofweek + QUARTERS.hour).all()


def test_a_few_weeks_of_prices_do_and_fewer_than_asked_do_not():
    assert (over_weeks(hourly("2024-05-01", 20), QUARTERS, DEMAND) >= 0).all()
    with pytest.raises(OutsideData, match="need 1 weeks in a row"):
        over_weeks(hourly("2024-05-01", 6), QUARTERS, DEMAND)
    with pytest.raises(OutOfRange, match="1 values; two or more"):
        over_weeks(hourly("2024-05-01", 20).iloc[:1], QUARTERS, DEMAND)


def test_a_recording_has_the_prices_of_its_own_time():
    recorded = replace(DEMAND, recorded=True)
    with pytest.raises(OutsideData, match="the judged weeks from 2026-03-01"):
        over_weeks(hourly("2023-01-01", 365), QUARTERS, recorded)
    fine = pd.date_range(QUARTERS[0], periods=3 * QUARTERS.size, freq="5min")
    own = pd.Series(np.arange(float(fine.size)), index=fine)
    assert over_weeks(own, QUARTERS, recorded).iloc[:2].tolist() == [1.0, 4.0]


def test_ends_of_a_mean_by_hand():
    """1, 2, 3: mean 2, standard error 1 / √3, t of two degrees of freedom 2.92."""
    low, high = interval_of(pd.Series([1.0, 2.0, 3.0]))
    assert (low, high) == pytest.approx((2.0 - 2.920 / np.sqrt(3.0), 2.0 + 2.920 / np.sqrt(3.0)), abs=1e-3)
    assert np.isnan(interval_of(pd.Series([1.0, 2.0]))).all()


def test_settings_grow_with_the_swings_of_the_factory():
    station = demo_station()
    week = synthetic_week(3, 0)
    half = Week(week.plan, 0.5 * week.used, 0.5 * week.mean)
    swing = swing_of(station, [week])
    assert swing == pytest.approx(2.0 * swing_of(station, [half]))
    trim = Trim.of(station, swing, BEGIN)
    assert trim.spare_m3_per_min == pytest.approx(swing) and trim.reserve_m3_per_min == pytest.approx(0.5 * swing)
    even = Week(week.plan, np.repeat(week.mean.to_numpy(), 90), week.mean)
    assert swing_of(station, [even]) == pytest.approx(0.01 * station.most_m3_per_min)
