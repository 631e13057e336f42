"""Persistence and climatology: what was, goes on."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from gridloop.forecast.known.moments import Moments
from gridloop.forecast.known.past import Past
from gridloop.forecast.models import persistence
from gridloop.forecast.models.climatology import fit_climatology

HOUR_NS = pd.Timedelta("1h").value
DAYS = 21


def periodic(hours: int, seed: int) -> Past:
    """Whole weeks in 2021 (UTC) of any pattern that repeats after `hours`, hourly."""
    pattern = np.random.default_rng(seed).random(hours)
    first = pd.Timestamp("2021-05-03", tz="UTC").value // HOUR_NS
    return Past(("a",), np.resize(pattern, DAYS * 24)[:, None], first, HOUR_NS)


def all_moments(past: Past, lead: int) -> Moments:
    """Every issue after two weeks from which `lead` is still within the series."""
    known = np.arange(past.first + 14 * 24, past.end - lead)
    return Moments(known, known + lead)


def actual(past: Past, moments: Moments) -> np.ndarray:
    return past.values[moments.valid - past.first]


@given(st.integers(0, 47), st.integers(0, 1000))
def test_day_is_exact_on_a_daily_pattern(lead: int, seed: int):
    past = periodic(24, seed)
    moments = all_moments(past, lead)
    assert (persistence.day(past, moments) == actual(past, moments)).all()


@given(st.integers(0, 47), st.integers(0, 1000))
def test_week_is_exact_on_a_weekly_pattern(lead: int, seed: int):
    past = periodic(168, seed)
    moments = all_moments(past, lead)
    assert (persistence.week(past, moments) == actual(past, moments)).all()


@given(st.integers(0, 47))
def test_last_is_exact_on_a_constant(lead: int):
    past = periodic(1, 0)
    moments = all_moments(past, lead)
    assert (persistence.last(past, moments, oldest=1) == actual(past, moments)).all()


def test_a_last_value_grows_old():
    """Known up to 4 steps ago: good for an oldest of 4, not of 3."""
    values = np.r_[np.ones(20), np.full(4, np.nan)]
    past = Past(("a",), values[:, None], 0, HOUR_NS)
    moments = Moments(np.array([24]), np.array([25]))
    assert persistence.last(past, moments, oldest=5)[0, 0] == 1.0
    assert np.isnan(persistence.last(past, moments, oldest=4)[0, 0])


def test_a_gap_yesterday_stays_a_gap():
    past = Past(("a",), np.r_[np.full(24, np.nan), np.ones(24)][:, None], 0, HOUR_NS)
    known = np.array([24, 48])
    assert np.isnan(persistence.day(past, Moments(known, known))[0, 0])
    assert persistence.day(past, Moments(known, known))[1, 0] == 1.0


def test_climatology_knows_the_local_hour():
    """Ten days: k MW at local hour k on even days and k + 10 on odd ones; in summer Berlin is two hours ahead."""
    first = pd.Timestamp("2021-05-31 22:00", tz="UTC").value // HOUR_NS
    hours = np.arange(240)
    past = Past(("a",), (hours % 24 + 10.0 * (hours // 24 % 2))[:, None], first, HOUR_NS)
    noon = pd.Timestamp("2021-07-01 12:00", tz="Europe/Berlin").value // HOUR_NS
    low, middle, high = fit_climatology(past, "Europe/Berlin").predict(past, np.array([noon]))[:, 0, 0]
    assert (low, middle, high) == (12.0, 17.0, 22.0)


def test_climatology_of_an_hour_never_seen_is_that_of_the_day():
    past = Past(("a", "b"), np.column_stack([np.r_[np.nan, np.full(23, 7.0)], np.full(24, np.nan)]), 0, HOUR_NS)
    values = fit_climatology(past, "UTC").predict(past, np.array([0]))
    assert values[:, 0, 0].tolist() == [7.0, 7.0, 7.0]
    assert np.isnan(values[:, 0, 1]).all()
