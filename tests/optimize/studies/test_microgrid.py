"""The study of a microgrid: what keeping energy costs and is worth, by pencil and as laws on a small town."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from gridloop.errors import GapInSeries, OutOfRange, OutsideData
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.studies.microgrid import KEEP, REST, TRADE, WAYS, IslandPlan, island_days

DAYS = 33
TIMES = pd.date_range("2026-01-01", periods=24 * DAYS, freq="h", tz="UTC")
HOUR = np.arange(24 * DAYS) % 24
STORE = Battery(4.0, 1.5, 1.5, degradation_cost=1.0, id="battery")
LOAD = pd.Series(0.6 + 0.3 * (HOUR >= 17), index=TIMES)
SUN = pd.Series(np.clip(1.5 * np.sin((HOUR - 6) / 12 * np.pi), 0, None) * (HOUR < 18), index=TIMES)
PRICE = pd.Series(np.where((HOUR >= 17) & (HOUR < 21), 300.0, 100.0), index=TIMES)


@pytest.fixture(scope="module")
def study():
    return island_days(LOAD, SUN, PRICE, STORE, IslandPlan(3.0, 0.5), days=3)


def test_days_alike_are_foreseen_and_lived_through(study):
    """Every day is the same: what is kept is enough in every hour but the first, before which nothing was planned."""
    facts = study.facts()
    assert facts[KEEP]["lived_share"] >= 71 / 72
    assert facts[TRADE]["lived_share"] < facts[KEEP]["lived_share"]
    assert facts[KEEP]["foreseen_share"] == pytest.approx(facts[KEEP]["lived_share"])
    assert facts[KEEP]["brier"] == pytest.approx(0.0)


def test_security_costs_and_resting_costs_more(study):
    facts = study.facts()
    assert facts[TRADE]["cost"] <= facts[KEEP]["cost"] + 1e-6 <= facts[REST]["cost"] + 2e-6
    assert facts[REST]["survived_mean_h"] >= facts[KEEP]["survived_mean_h"] >= facts[TRADE]["survived_mean_h"]


def test_what_is_stored_is_what_is_kept(study):
    """At the beginning of every hour but those of the first, at least what the end of the one before had to keep."""
    hours = study.hours
    for day in range(3):
        here = hours.iloc[24 * day : 24 * (day + 1)]
        assert (here[f"{KEEP}/soc"].to_numpy()[1:] * 4.0 >= here["reserve_mwh"].to_numpy()[:-1] - 1e-6).all()


def test_unserved_energy_fits_the_time_it_lived(study):
    """An island of 3 h that lives t goes without its priority load for 3 − t hours."""
    hours = study.hours
    for way in WAYS:
        lived = hours[f"{way}/survived_h"] >= 3.0 - 1e-9
        assert (hours.loc[lived, f"{way}/unserved_mwh"] < 1e-9).all()
        short = 3.0 - np.minimum(3.0, hours[f"{way}/survived_h"])
        assert (hours[f"{way}/unserved_mwh"] <= 0.45 * short + 1e-9).all()
        assert (hours[f"{way}/unserved_mwh"] >= 0.30 * short - 1e-9).all()


def test_the_same_input_gives_the_same_study():
    one, other = (island_days(LOAD, SUN, PRICE, STORE, IslandPlan(3.0, 0.5), days=1) for _ in range(2))
    pd.testing.assert_frame_equal(one.hours, other.hours)


def test_a_larger_battery_lives_longer(study):
    large = island_days(LOAD, SUN, PRICE, replace(STORE, capacity_mwh=8.0), IslandPlan(3.0, 0.5), days=3)
    assert (large.survived[REST].hours >= study.survived[REST].hours - 1e-9).all()


def test_bad_input_is_named():
    with pytest.raises(OutsideData, match="28 are learned from before the first"):
        island_days(LOAD.iloc[: 24 * 20], SUN.iloc[: 24 * 20], PRICE.iloc[: 24 * 20], STORE, days=1)
    with pytest.raises(GapInSeries, match="1 of 792 values of solar_mw"):
        island_days(LOAD, SUN.where(SUN.index != TIMES[3]), PRICE, STORE, days=1)
    with pytest.raises(OutOfRange, match="price is for other hours"):
        island_days(LOAD, SUN, PRICE.iloc[1:], STORE, days=1)
    with pytest.raises(OutOfRange, match="priority_share is 0"):
        IslandPlan(priority_share=0.0)
    with pytest.raises(OutOfRange, match="survive_h is 20"):
        IslandPlan(survive_h=20.0)
