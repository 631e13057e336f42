"""PersistenceBand: quantiles of weekly persistence from its own errors, and only from those that were over."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gridloop.forecast.bands.persistence_band import DAYS, PersistenceBand
from gridloop.forecast.known.moments import Moments
from gridloop.forecast.known.past import Past, known_past
from gridloop.forecast.models import persistence

INDEX = pd.date_range("2021-01-04", periods=24 * 80, freq="h", tz="UTC")
WEEK = np.arange(len(INDEX)) // 168


def past_of(values: np.ndarray) -> Past:
    table = pd.DataFrame({"a": values}, index=INDEX)
    return known_past(table, ("a",), INDEX[-1] + pd.Timedelta("1h"), step=pd.Timedelta("1h"))


def asked(past: Past, day: int) -> Moments:
    """The day `day` of the history, issued at noon of the day before."""
    first = past.first + 24 * day
    return Moments(np.full(24, first - 12), first + np.arange(24))


def test_errors_by_hand():
    """Ten weeks that rise by 1 MW each and one by 2 MW: nine errors in ten are 1. So P90 is 1 above, P10 no lower."""
    past = past_of(np.where(WEEK < 6, WEEK, WEEK + 1).astype(float))
    moments = asked(past, 73)
    week = persistence.week(past, moments, "UTC")
    low, high = PersistenceBand(past, "UTC").around(moments, week)
    np.testing.assert_array_equal(low, week)
    # of the 54 days that were over, 7 rose by 2: 13 %, more than one in ten
    np.testing.assert_allclose(high, week + 2.0)


def test_nothing_that_is_not_over_is_looked_at():
    rng = np.random.default_rng(0)
    values = rng.standard_normal(len(INDEX))
    past = past_of(values)
    poisoned = past_of(np.where(np.arange(len(INDEX)) < 24 * 70 - 12, values, 1e6))
    moments = asked(past, 70)
    week = persistence.week(past, moments, "UTC")
    np.testing.assert_array_equal(
        PersistenceBand(past, "UTC").around(moments, week), PersistenceBand(poisoned, "UTC").around(moments, week)
    )


def test_it_covers_what_it_says_day_after_day():
    """Independent normal values: an error's standard deviation is √2; 20 days of 24 values, of 56 days learned."""
    past = past_of(np.random.default_rng(1).standard_normal(len(INDEX)))
    band, inside = PersistenceBand(past, "UTC"), []
    for day in range(60, 80):
        moments = asked(past, day)
        low, high = band.around(moments, persistence.week(past, moments, "UTC"))
        came = past.values[moments.valid - past.first]
        inside.append((came >= low) & (came <= high))
    assert np.mean(inside) == pytest.approx(0.8, abs=0.06)
    assert len(band._days) <= DAYS


def test_without_a_past_the_number_stands_alone():
    past = past_of(np.random.default_rng(1).standard_normal(len(INDEX)))
    moments = asked(past, 8)
    week = persistence.week(past, moments, "UTC")
    low, high = PersistenceBand(past, "UTC").around(moments, week)
    np.testing.assert_array_equal(np.stack([low, high]), np.stack([week, week]))
