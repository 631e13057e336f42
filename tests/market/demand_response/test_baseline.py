"""Baselines by a pencil: which days count, how the day itself moves them, and what is missing."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from gridloop.errors import OutOfRange
from gridloop.market.demand_response.baseline import (
    FIVE_OF_TEN,
    TEN_OF_TEN,
    BaselineMethod,
    customer_baseline,
    estimate,
)

NONE = BaselineMethod(adjustment="none")
ADDED = BaselineMethod(adjustment="additive")
# Monday, 25 July 2016 in Los Angeles, 16 to 18 o'clock; the ten working days before are 11 … 15 and 18 … 22 July.
ZONE = "America/Los_Angeles"
START = pd.Timestamp("2016-07-25 16:00", tz=ZONE).tz_convert("UTC")
END = START + pd.Timedelta(hours=2)


def record(days: int = 40, **customers: float) -> pd.DataFrame:
    """Hourly, the same every hour: `record(a=1.0)`; ends with the event's day."""
    first = pd.Timestamp("2016-07-26", tz=ZONE) - pd.Timedelta(days=days)
    times = pd.date_range(first, periods=24 * days, freq="1h").tz_convert("UTC")
    return pd.DataFrame({name: np.full(len(times), mw) for name, mw in customers.items()}, index=times)


def hours_of(day: str, begin: int, end: int) -> pd.DatetimeIndex:
    return pd.date_range(f"{day} {begin:02}:00", f"{day} {end:02}:00", freq="1h", inclusive="left", tz=ZONE).tz_convert(
        "UTC"
    )


def at(table: pd.DataFrame, **options: object) -> tuple[list[float], pd.Series]:
    found = customer_baseline(table, START, END, **({"zone": ZONE} | options))
    return found.p_mw["a"].tolist(), found.customer.loc["a"]


def test_it_is_the_mean_of_the_ten_working_days_before():
    """1 MW everywhere, but 11 MW on one of the ten days at 17 o'clock, and 99 on days that do not count."""
    table = record(a=1.0)
    table.loc[hours_of("2016-07-20", 17, 18), "a"] = 11.0
    for other in ("2016-07-23", "2016-07-24", "2016-07-08", "2016-07-25"):  # weekend, the 11th day, the event itself
        table.loc[hours_of(other, 16, 18), "a"] = 99.0
    values, said = at(table, method=NONE)
    assert values == approx([1.0, 2.0])
    assert (said["days"], said["reason"]) == (10, "")


def test_five_of_ten_takes_the_days_with_the_most_energy():
    table = record(a=1.0)
    for k, day in enumerate(("2016-07-12", "2016-07-14", "2016-07-18", "2016-07-20", "2016-07-22")):
        table.loc[hours_of(day, 16, 18), "a"] = 2.0 + k
    assert at(table, method=BaselineMethod(highest=5, adjustment="none"))[0] == approx([4.0, 4.0])
    assert at(table, method=NONE)[0] == approx([2.5, 2.5])


def test_the_day_itself_moves_it_up_to_its_cap():
    """Before the event (12 to 15 o'clock) it takes 1.1 instead of 1: 10 % more; 1.5 is cut at 20 %."""
    table = record(a=2.0)
    table.loc[hours_of("2016-07-25", 12, 15), "a"] = 2.2
    values, said = at(table)
    assert values == approx([2.2, 2.2]) and said["adjustment"] == approx(1.1) and not said["capped"]
    table.loc[hours_of("2016-07-25", 12, 15), "a"] = 3.0
    values, said = at(table)
    assert values == approx([2.4, 2.4]) and said["capped"]
    values, said = at(table, method=ADDED)
    assert values == approx([2.4, 2.4]) and said["adjustment"] == approx(0.4) and said["capped"]
    table.loc[hours_of("2016-07-25", 15, 16), "a"] = 99.0  # the hour right before the event does not count
    assert at(table)[0] == approx([2.4, 2.4])


def test_other_events_and_holidays_are_no_days():
    table = record(a=1.0)
    table.loc[hours_of("2016-07-21", 16, 18), "a"] = 0.0
    assert at(table, method=NONE)[0] == approx([0.9, 0.9])
    assert at(table, method=NONE, event_days=[dt.date(2016, 7, 21)])[0] == approx([1.0, 1.0])
    assert at(table, method=NONE, holidays=[dt.date(2016, 7, 21)])[0] == approx([1.0, 1.0])


def test_a_day_with_a_gap_is_no_day_and_an_older_one_stands_in():
    """Missing is not zero: with a zero for the gap it would be 0.95."""
    table = record(a=1.0)
    table.loc[hours_of("2016-07-21", 17, 18), "a"] = np.nan
    table.loc[hours_of("2016-07-08", 16, 18), "a"] = 2.0
    values, said = at(table, method=NONE)
    assert values == approx([1.1, 1.1]) and said["days"] == 10


def test_with_too_few_days_there_is_none_and_it_says_how_many():
    table = record(days=6, a=1.0, b=1.0)
    table.loc[table.index < hours_of("2016-07-22", 0, 1)[0], "b"] = np.nan
    found = customer_baseline(table, START, END, zone=ZONE, method=BaselineMethod(min_days=3))
    assert found.customer["days"].tolist() == [3, 1]
    assert found.customer.loc["b", "reason"] == "fewer than 3 days have all values"
    assert found.p_mw["a"].tolist() == approx([1.0, 1.0]) and found.p_mw["b"].isna().all()


def test_a_gap_before_the_event_leaves_no_baseline_that_is_adjusted():
    table = record(a=1.0)
    table.loc[hours_of("2016-07-25", 13, 14), "a"] = np.nan
    values, said = at(table)
    assert np.isnan(values).all() and said["reason"] == "values before the event are missing"
    assert at(table, method=NONE)[0] == approx([1.0, 1.0])


def test_the_clock_counts_not_the_sun():
    """Summer time began on 13 March 2016: 16 o'clock is 16 o'clock on both sides of it."""
    times = pd.date_range("2016-02-20", "2016-03-22", freq="1h", tz=ZONE, inclusive="left")
    table = pd.DataFrame({"a": np.where(times.hour == 16, 5.0, 1.0)}, index=times.tz_convert("UTC"))
    start = pd.Timestamp("2016-03-16 16:00", tz=ZONE).tz_convert("UTC")
    found = customer_baseline(table, start, start + pd.Timedelta(hours=1), zone=ZONE, method=NONE)
    assert found.p_mw["a"].tolist() == approx([5.0])


def test_weekends_are_compared_with_weekends():
    table = record(a=1.0)
    saturdays = table.index.tz_convert(ZONE).weekday == 5
    table.loc[saturdays, "a"] = 3.0
    start = START - pd.Timedelta(days=2)
    found = customer_baseline(table, start, start + pd.Timedelta(hours=2), zone=ZONE, method=NONE)
    assert found.customer.loc["a", "days"] == 10
    assert found.p_mw["a"].tolist() == approx([2.0, 2.0])  # Saturdays and Sundays in turn


def test_hourly_meters_may_stand_at_half_past():
    """Whole hours of India are at half past in UTC; steps are counted from the meters' own times."""
    table = record(a=1.0)
    half = pd.Timedelta(minutes=30)
    table.index = table.index + half
    found = customer_baseline(table, START + half, END + half, zone=ZONE, method=NONE)
    assert found.p_mw["a"].tolist() == approx([1.0, 1.0])
    with pytest.raises(OutOfRange, match="no whole number of the meters' intervals"):
        customer_baseline(table, START, END, zone=ZONE)


def test_wrong_input_is_named():
    with pytest.raises(OutOfRange, match="no whole number of the meters' intervals"):
        customer_baseline(record(a=1.0), START, END + pd.Timedelta(minutes=7))
    with pytest.raises(OutOfRange, match="not regular"):
        customer_baseline(record(a=1.0).iloc[[0, 1, 3]], START, END)
    with pytest.raises(OutOfRange, match=r"highest is 20.*adjustment is 'guess'"):
        BaselineMethod(highest=20, adjustment="guess")
    with pytest.raises(OutOfRange, match="must rise from 1"):
        BaselineMethod(days=3)


def slow_twin(past: np.ndarray, before: np.ndarray, today: np.ndarray, method: BaselineMethod) -> np.ndarray:
    """One customer after the other, day by day. [step, customer]"""
    found = np.full(past.shape[1:], np.nan)
    for c in range(past.shape[2]):
        days = [d for d in reversed(range(len(past))) if not (np.isnan(past[d, :, c]).any() or np.isnan(before[d, c]))]
        days = days[: method.days]
        if len(days) < method.min_days:
            continue
        if method.highest is not None:
            days = sorted(days, key=lambda d: (-past[d, :, c].sum(), -d))[: method.highest]
        mean = np.mean([past[d, :, c] for d in days], axis=0)
        ratio = today[c] / np.mean([before[d, c] for d in days])
        found[:, c] = mean * np.clip(ratio, 1 - method.cap, 1 + method.cap)
    return found


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([TEN_OF_TEN, FIVE_OF_TEN, BaselineMethod(days=3, min_days=2, highest=2)]))
def test_all_at_once_is_one_by_one(seed, method):
    rng = np.random.default_rng(seed)
    days = int(rng.integers(1, 20))
    past = rng.choice([1.0, 2.0, 3.0, np.nan], (days, 3, 4), p=[0.4, 0.3, 0.28, 0.02])
    before, today = rng.choice([1.0, 2.0], (days, 4)), rng.choice([1.0, 1.1, np.nan], 4)
    assert estimate(past, before, today, method).adjusted == approx(slow_twin(past, before, today, method), nan_ok=True)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.01, 100), st.integers(0, 10**6))
def test_it_scales_with_the_load(factor, seed):
    """kW for MW changes no baseline but by that factor."""
    rng = np.random.default_rng(seed)
    past, before, today = rng.random((12, 2, 3)), rng.random((12, 3)) + 0.1, rng.random(3)
    for method in (TEN_OF_TEN, FIVE_OF_TEN, ADDED):
        one = estimate(past, before, today, method).adjusted
        assert estimate(factor * past, factor * before, factor * today, method).adjusted == approx(factor * one)
