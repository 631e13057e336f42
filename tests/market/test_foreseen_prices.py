"""Expected prices of a replayed past: the day before, a forecaster once there is enough, and never the day itself."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from gridloop.errors import OutOfRange
from gridloop.market.foreseen_prices import DAY_BEFORE, FORECASTER, foreseen_prices


def _prices(days: int, start: str = "2020-01-01 08:00") -> pd.DataFrame:
    index = pd.date_range(start, periods=24 * days, freq="h", tz="UTC", name="valid_at")
    hour = np.arange(len(index)) % 24
    money = 30 + 10 * np.sin(hour / 4) + np.random.default_rng(1).normal(0, 3, len(index))
    table = pd.DataFrame({"import_eur_per_mwh": money, "export_eur_per_mwh": money}, index=index)
    return table.assign(regulation_up_eur_per_mw=5 + 0.1 * money)


def test_a_day_is_expected_to_be_as_the_day_before():
    prices = _prices(3)
    expected, by = foreseen_prices(prices, "Etc/GMT+8")
    assert expected.iloc[:24].isna().all().all() and (by.iloc[:24] == "").all()
    assert expected.iloc[24:].to_numpy() == approx(prices.iloc[:-24].to_numpy())
    assert (by.iloc[24:] == DAY_BEFORE).all()
    assert list(expected.columns) == list(prices.columns)


def test_where_the_clock_changes_the_time_since_midnight_counts():
    """29 March 2020 has 23 hours in Amsterdam; the day after has 24, whose last is expected as its last."""
    index = pd.date_range("2020-03-28", "2020-03-31", freq="h", inclusive="left", tz="Europe/Amsterdam")
    local = pd.DataFrame({"import_eur_per_mwh": np.arange(71.0)}, index=index.tz_convert("UTC"))
    local["export_eur_per_mwh"] = local["import_eur_per_mwh"]
    expected, _ = foreseen_prices(local, "Europe/Amsterdam")
    column = expected["import_eur_per_mwh"].to_numpy()
    assert column[24:47] == approx(np.arange(23.0))
    assert column[47:71] == approx([*np.arange(24.0, 47.0), 46.0])


def test_once_there_is_enough_a_forecaster_takes_over_and_sees_no_day_before_it_comes():
    """The last day changed wholly: what was expected of it, and of all days before, stays to the last bit."""
    prices = _prices(123)
    expected, by = foreseen_prices(prices, "Etc/GMT+8", learn_days=120, trees=5)
    assert (by.iloc[-3 * 24 :] == FORECASTER).all() and (by.iloc[24 : -3 * 24] == DAY_BEFORE).all()
    assert np.isfinite(expected.iloc[24:].to_numpy()).all()
    spoilt = prices.copy()
    spoilt.iloc[-24:] = 7000.0
    again, _ = foreseen_prices(spoilt, "Etc/GMT+8", learn_days=120, trees=5)
    pd.testing.assert_frame_equal(expected, again, check_exact=True)
    off = (expected - prices).abs().iloc[-3 * 24 :].mean()
    assert off["import_eur_per_mwh"] < 5.0
    assert (expected["import_eur_per_mwh"] == expected["export_eur_per_mwh"]).iloc[24:].all()


def test_too_few_days_to_learn_from_are_refused():
    with pytest.raises(OutOfRange, match="learn_days: 30; a price model needs 120"):
        foreseen_prices(_prices(2), "UTC", learn_days=30)
