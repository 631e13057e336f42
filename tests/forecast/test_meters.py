"""MeterForecaster: many meters by one model, those it has never met and those that are mostly silent."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.forecast.meters import MODEL, MeterForecaster
from gridloop.forecast.tested import metrics

DAYS = 60
INDEX = pd.date_range("2021-06-07", periods=24 * DAYS, freq="h", tz="UTC", name="valid_at")


def homes(count: int, seed: int) -> pd.DataFrame:
    """Homes of any size whose evening peak is at 18 … 21 h, with gamma noise: mostly little, sometimes a kettle."""
    rng = np.random.default_rng(seed)
    peak, size = rng.uniform(18.0, 21.0, count), np.exp(0.7 * rng.standard_normal(count))
    hour = np.asarray(INDEX.hour)[:, None]
    shape = 0.3 + np.exp(-((hour - peak) ** 2) / 4.0)
    return pd.DataFrame(size * shape * rng.gamma(2.0, 0.5, (len(INDEX), count)), INDEX, [f"h{k}" for k in range(count)])


HOMES = homes(30, 0)
ISSUE = INDEX[-24]


@pytest.fixture(scope="module")
def fitted() -> MeterForecaster:
    return MeterForecaster(meters=20, rows=15_000, trees=40).fit(HOMES, until=ISSUE)


def test_homes_it_has_never_met(fitted: MeterForecaster):
    """Pinball loss of strangers is well below that of last week with its own quantiles of the month: noise averages."""
    strangers = homes(200, 1).add_prefix("new ")
    said = fitted.predict(strangers, ISSUE, INDEX[-24:])
    assert set(said.model) == {MODEL}
    came = strangers.loc[INDEX[-24:], said.points].to_numpy()
    week = strangers.loc[INDEX[-24 * 8 : -24 * 7], said.points].to_numpy()
    assert metrics.pinball(came, said.p50().to_numpy(), 0.5) < 0.8 * metrics.pinball(came, week, 0.5)
    assert metrics.coverage(came, *(said.wide(q).to_numpy() for q in ("p10", "p90"))) == pytest.approx(0.8, abs=0.05)


def test_size_does_not_matter_and_neither_do_neighbours(fitted: MeterForecaster):
    """A meter in watt hours, asked alone: a thousand times the answer it has among all."""
    among = fitted.predict(HOMES, ISSUE, INDEX[-24:]).at("h3")
    alone = fitted.predict(1000.0 * HOMES[["h3"]], ISSUE, INDEX[-24:]).at("h3")
    np.testing.assert_allclose(alone, 1000.0 * among, rtol=1e-6)


def test_nothing_after_the_issue_is_looked_at(fitted: MeterForecaster):
    poisoned = HOMES.copy()
    poisoned.loc[ISSUE:] = 1e6
    pd.testing.assert_frame_equal(
        fitted.predict(HOMES, ISSUE, INDEX[-24:]).quantiles, fitted.predict(poisoned, ISSUE, INDEX[-24:]).quantiles
    )


def test_silent_meters_are_persistence_by_name_and_dead_ones_an_error(fitted: MeterForecaster):
    dirty = HOMES.copy()
    dirty.loc[ISSUE - pd.Timedelta(days=6) :, "h1"] = np.nan
    dirty.loc[INDEX[::5], "h2"] = np.nan
    said = fitted.predict(dirty, ISSUE, INDEX[-24:])
    assert said.model["h1"].startswith("persistence:week")
    assert said.model["h2"] == MODEL
    dirty["h4"] = np.nan
    with pytest.raises(GapInSeries, match=r"1 of 30 have no reading in their last weeks \(h4\)"):
        fitted.predict(dirty, ISSUE, INDEX[-24:])


def test_bad_input(fitted: MeterForecaster):
    with pytest.raises(OutOfRange, match=r"10.0 days of history, and 30 of 30 meters"):
        MeterForecaster().fit(HOMES, until=INDEX[240])
    with pytest.raises(OutOfRange, match="0 of 30 meters"):
        MeterForecaster().fit(0.0 * HOMES, until=ISSUE)
    with pytest.raises(OutOfRange, match="not fitted yet"):
        MeterForecaster().predict(HOMES, ISSUE, INDEX[-24:])
    with pytest.raises(OutOfRange, match="works in steps of 0 days 01:00:00"):
        fitted.predict(HOMES.iloc[::2], ISSUE, INDEX[-24:])
    with pytest.raises(OutOfRange, match="do not begin within 49 h"):
        fitted.predict(HOMES, ISSUE, pd.date_range(ISSUE, periods=60, freq="h"))
