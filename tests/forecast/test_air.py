"""AirForecaster: the production plan decides, the fallback is named, and a bad plan is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.forecast.air import AirForecaster
from gridloop.forecast.operation.guard import GuardedForecaster

DAYS = 30


def factory(seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A plan of two lines that is drawn anew every day, and the air that follows from it, with noise. By the hour"""
    rng = np.random.default_rng(seed)
    index = pd.date_range("2026-01-05", periods=24 * DAYS, freq="h", tz="UTC", name="valid_at")
    works = ((index.hour >= 6) & (index.hour < 22)).astype(float)
    rate = np.repeat(rng.uniform(0.0, 1.0, (DAYS, 2)), 24, axis=0) * works[:, None]
    plan = pd.DataFrame(rate, index=index, columns=["press", "paint"])
    air = 5.0 + rate @ [20.0, 10.0] + 0.5 * rng.standard_normal(len(index))
    return plan, pd.DataFrame({"air": air}, index=index)


def test_the_plan_tells_a_day_that_no_day_before_was_like():
    plan, air = factory()
    until = air.index[24 * 28]
    valid = air.index[24 * 28 + 6 : 24 * 28 + 20]
    found = AirForecaster(plan, threads=1).fit(air, until=until).predict(air[air.index < until], until, valid)
    wrong = (found.quantiles.loc["air"]["p50"] - air["air"].reindex(valid)).abs()
    week = (air["air"].shift(24 * 7).reindex(valid) - air["air"].reindex(valid)).abs()
    assert found.model["air"] == "boosting"
    assert wrong.mean() < 1.0 < week.mean()


def test_nothing_but_the_plan_of_the_asked_time_counts():
    """Rows of the plan after what is asked for change nothing; those that are asked for do."""
    plan, air = factory()
    until, valid = air.index[24 * 28], air.index[24 * 28 : 24 * 28 + 12]
    made = AirForecaster(plan, threads=1).fit(air, until=until)
    before = made.predict(air[air.index < until], until, valid).quantiles
    later = plan.copy()
    later.loc[later.index > valid[-1]] = 0.0
    made.replan(later)
    assert made.predict(air[air.index < until], until, valid).quantiles.equals(before)
    later.loc[valid, "press"] = 1.0
    made.replan(later)
    assert made.predict(air[air.index < until], until, valid).quantiles["p50"].sum() > before["p50"].sum()


def test_without_a_plan_persistence_stands_in_and_says_so():
    plan, air = factory()
    until, valid = air.index[24 * 28], air.index[24 * 28 : 24 * 28 + 12]
    made = GuardedForecaster(AirForecaster(plan[plan.index < until], threads=1)).fit(air, until=until)
    assert made.predict(air[air.index < until], until, valid).model["air"].startswith("persistence:")


def test_bad_plans():
    plan, _ = factory()
    with pytest.raises(OutOfRange, match="no time zone"):
        AirForecaster(plan.tz_localize(None))
    with pytest.raises(GapInSeries, match="1 of 1440 values are missing"):
        AirForecaster(plan.mask((plan.index == plan.index[3])[:, None] & (plan.columns == "press")[None, :]))
    with pytest.raises(OutOfRange, match="it was fitted with"):
        AirForecaster(plan).replan(plan.rename(columns={"press": "body"}))
    with pytest.raises(OutOfRange, match="stand twice"):
        AirForecaster(pd.concat([plan, plan]))
