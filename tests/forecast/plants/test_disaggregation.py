"""Disaggregation: parts that add up to the net load, none negative, and the planted ones found."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloop.errors import GapInSeries, MissingColumn, OutOfRange
from gridloop.forecast.features.renewables import power_curves
from gridloop.forecast.plants.disaggregation import disaggregate

DAYS = 42
INDEX = pd.date_range("2021-06-01", periods=24 * DAYS, freq="h", tz="UTC", name="valid_at")
HOUR = np.asarray(INDEX.hour)


def weather(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    sun = np.maximum(np.sin(np.pi * (HOUR - 6) / 12), 0.0) * np.repeat(rng.uniform(0.1, 1.0, DAYS), 24)
    return pd.DataFrame({"radiation": sun, "wind_speed": rng.uniform(0.0, 16.0, len(INDEX))}, index=INDEX)


def test_power_curves_by_hand():
    """Rated at 10 m/s: half way from 3 to 10 m/s is an eighth of the power; above 27 m/s nothing turns."""
    np.testing.assert_allclose(power_curves(np.array([3.0, 6.5, 10.0, 30.0]))[:, 1], [0.0, 0.125, 1.0, 0.0])


def test_planted_parts_are_found():
    air = weather(0)
    load = 6.0 + 2.0 * np.sin(2 * np.pi * (HOUR - 9) / 24)
    solar = 5.0 * air["radiation"] / air["radiation"].max()
    wind = 4.0 * power_curves(air["wind_speed"].to_numpy())[:, 2]
    parts = disaggregate(pd.Series(load - solar - wind, index=INDEX), air)
    # the load's hours are drawn linearly, exact at whole hours: what is left is rounding and the ridge of 1e-9
    np.testing.assert_allclose(parts["solar"], solar, atol=1e-3)
    np.testing.assert_allclose(parts["wind"], wind, atol=1e-3)
    np.testing.assert_allclose(parts["load"], load, atol=1e-3)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31), st.floats(-20.0, 20.0), st.floats(0.1, 30.0))
def test_parts_always_add_up_and_none_is_negative(seed: int, level: float, size: float):
    """Whatever the net load is, noise or all generation."""
    net = pd.Series(level + size * np.random.default_rng(seed).standard_normal(len(INDEX)), index=INDEX)
    parts = disaggregate(net, weather(1))
    assert (parts >= 0.0).all(axis=None)
    rounding = 1e-12 * (abs(level) + 50 * size)
    np.testing.assert_allclose(parts["load"] - parts["solar"] - parts["wind"], net, atol=rounding)


def test_a_gap_stays_a_gap_and_one_kind_of_weather_is_enough():
    net = pd.Series(3.0 + np.sin(HOUR), index=INDEX)
    net.iloc[100:110] = np.nan
    parts = disaggregate(net, weather(2)[["wind_speed"]])
    assert parts.isna().all(axis=1).sum() == 10
    assert (parts["solar"].dropna() == 0.0).all()


@pytest.mark.parametrize(("kind", "other"), [("radiation", "wind"), ("wind_speed", "solar")])
def test_a_part_without_weather_is_zero_whatever_is_fed_in(kind: str, other: str):
    """Net load below zero at midnight in a calm: the part that has weather gave it."""
    net = pd.Series(3.0 + np.sin(HOUR), index=INDEX)
    net.iloc[::24] = -5.0
    parts = disaggregate(net, weather(2)[[kind]] * (HOUR[:, None] > 0))
    assert (parts[other] == 0.0).all()
    np.testing.assert_allclose(parts["load"] - parts["solar"] - parts["wind"], net, atol=1e-9)  # rounding of sums


def test_bad_input():
    net = pd.Series(1.0, index=INDEX)
    with pytest.raises(MissingColumn, match="neither `radiation` nor `wind_speed`"):
        disaggregate(net, weather(0)[["radiation"]].rename(columns={"radiation": "x"}))
    with pytest.raises(OutOfRange, match=r"10.0 days are known; 14 are needed"):
        disaggregate(net.iloc[:240], weather(0))
    with pytest.raises(GapInSeries, match="weather: missing for 24 of 1008"):
        disaggregate(net, weather(0).iloc[24:])
