"""Recorded prices and wind: files are read as they are meant, and a week is forecast better than by persistence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benchmarks.harness import Bench

from benchmarks import forecast_price, forecast_wind

pytestmark = pytest.mark.data


def test_both_tables_of_the_dutch_prices_are_one_series(data_dir: Path):
    """Every hour once, from 2015 on; 2019 cost 41.20 €/MWh on average, down to −9.02."""
    prices = forecast_price.netherlands(data_dir)
    assert prices.index.is_monotonic_increasing
    assert prices.index.is_unique
    year = prices["2018-12-31 23:00":"2019-12-31 22:00"].iloc[:, 0]
    assert len(year) == 8760
    assert year.mean() == pytest.approx(41.20, abs=0.01)
    assert year.min() == -9.02


@pytest.mark.slow
def test_prices_of_a_week_are_better_than_those_of_the_week_before(data_dir: Path):
    bench = Bench(data=str(data_dir))
    result = forecast_price.tested(bench, "2019-06-03", "2019-06-09", since="2018-10")
    assert forecast_price.scores(result)["skill"] > 0.0


def test_la_haute_borne_is_masked_as_the_operator_recorded(data_dir: Path):
    masked, measured, _ = forecast_wind.la_haute_borne(data_dir)
    report = masked.report()
    assert (report["curtailed"], report["unavailable"]) == (35, 1679)
    assert report["off the curve"] < 0.005 * len(masked.power)
    assert len(measured) == len(masked.power) == 365 * 144
    assert masked.curve is not None
    assert np.all(np.diff(masked.curve.share) >= 0.0)
    assert masked.curve.at(np.array([12.0]))[0] > 0.8
    assert measured["temperature"].min() > -20.0
    assert masked.power.index.equals(pd.DatetimeIndex(measured.index))
