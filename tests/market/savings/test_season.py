"""Seasons that a baseline has not seen: days by pencil, intervals that widen, and what is said of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from gridloop.market.savings.drift import ends_with_drift
from gridloop.market.savings.energy_baseline import EnergyBaseline
from gridloop.market.savings.savings import savings
from gridloop.market.savings.season import WALKS, days_beyond, unseen_variances


def test_days_from_the_nearest_season_by_pencil():
    """January to March were seen: April 10th is 10 days after, December 27th of any year 5 before."""
    seen = pd.date_range("2021-01-01", "2021-03-31")
    new = pd.DatetimeIndex(["2021-02-01", "2021-04-10", "2022-12-27", "2022-03-15"])
    assert days_beyond(new, seen).tolist() == approx([0.0, 10.0, 5.25, 0.0])
    year = pd.date_range("2021-01-01", periods=365)
    assert days_beyond(pd.date_range("2022-01-01", periods=365), year).max() == 0.0


def test_a_walk_by_pencil():
    """Days 1, 2 and 3 of a walk of one a day: Σ min(i, j) = 14."""
    assert unseen_variances(np.array([1.0, 2.0, 3.0]), 2.0) == approx(28.0 * np.array(WALKS))
    assert unseen_variances(np.zeros(5), 2.0).max() == 0.0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(0.0, 50.0))
def test_what_is_not_seen_only_widens(seed, more):
    rng = np.random.default_rng(seed)
    x, z = np.ones((40, 1)), np.ones((10, 1))
    y, day = rng.normal(10, 1, 40), np.arange(40.0)
    plain = ends_with_drift(x, y, day, z, 40 + np.arange(10.0), 0.9)
    wider = ends_with_drift(x, y, day, z, 40 + np.arange(10.0), 0.9, np.array([0.0, more]))
    assert wider[1] >= plain[1] * (1 - 1e-9) and wider[0] == approx(-wider[1])
    none = ends_with_drift(x, y, day, z, 40 + np.arange(10.0), 0.9, np.zeros(3))
    assert none[1] == approx(plain[1], rel=1e-9)


def meter(days: int) -> pd.Series:
    index = pd.date_range("2021-01-01", periods=24 * days, freq="h", tz="UTC")
    rng = np.random.default_rng(0)
    return pd.Series(1.0 + 0.05 * np.repeat(rng.normal(size=days), 24), index=index)


def half_width(known: pd.Series, baseline_days: int, method: str = "drift") -> tuple[float, str]:
    cut = known.index[24 * baseline_days]
    found = savings(known[known.index >= cut][: 24 * 60], EnergyBaseline.fit(known[known.index < cut]), method=method)
    row = found.table.loc["energy_mwh"]
    return float(row["high"] - row["low"]) / 2, " ".join(found.assumptions)


def test_half_a_year_is_wider_than_a_year_and_says_why():
    known = meter(430)
    year, nothing = half_width(known, 366)
    half, said = half_width(known, 180)
    assert half > 1.5 * year
    assert "46 of 60 days lie in a season that the baseline (2021-01-01 to 2021-06-29) has not seen" in said
    assert "up to 60 days from it" in said and "other meters" in said and "a season that" not in nothing


@pytest.mark.parametrize("method", ["ashrae", "covariance", "blocks"])
def test_a_formula_that_does_not_know_says_so(method):
    assert f"the interval by {method} does not know of it" in half_width(meter(250), 180, method)[1]


@pytest.mark.data
@pytest.mark.slow
def test_half_years_of_recorded_homes_hold_more_often(data_dir):
    """Placebo measures of 90 days on four homes: 56 % of 17 homes held zero before seasons counted."""
    from gridloop.io.citylearn import read_citylearn
    from gridloop.market.savings.trial import savings_trial

    homes = read_citylearn(data_dir / "homes" / "fontana", start=pd.Timestamp("2016-08-01", tz="Etc/GMT+8"))
    trial = savings_trial(
        homes.load_mw.iloc[:, :6], None, baseline_days=180, reporting_days=90, every_days=45, zone="Etc/GMT+8",
        methods=("drift", "covariance"),
    )  # fmt: skip
    found = trial.coverage()["coverage"]
    assert found["drift"] >= 0.7 > found["covariance"]
