"""Recorded homes: placebo events find about nothing, intervals hold at their rate, dead meters are missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from gridloop.errors import MissingColumn, MissingFile
from gridloop.market.demand_response.records import (
    AUSTRALIA_ZONE,
    FONTANA_ZONE,
    australia,
    fontana,
    without_dead,
)
from gridloop.market.demand_response.trial import placebo_trial

# Two standard errors of a share of 90 % over some 200 days.
WANDER = 0.045
# Of the load: what 10 of 10, by which is paid, may be off on the whole (benchmarks/flexibility_dr.py).
MOST_BIAS = 0.05


@pytest.mark.data
def test_fontana_without_an_event(data_dir: Path):
    load, price = fontana(data_dir / "homes" / "fontana")
    assert load.shape == (8760, 17) and price.index.equals(load.index)
    # The dear price is from 16 to 21 o'clock of the files' clock.
    dear = price[price > 500].index.tz_convert(FONTANA_ZONE).hour
    assert set(dear) == {16, 17, 18, 19, 20}
    trial = placebo_trial(load, begin_h=16, hours=4, zone=FONTANA_ZONE)
    assert trial.total["coverage"] == approx(0.9, abs=WANDER)
    assert abs(trial.total["bias_share"]) < MOST_BIAS


@pytest.mark.data
def test_australia_without_an_event(data_dir: Path):
    load = australia(data_dir / "meters" / "australia" / "half_hourly_5_customers.csv")
    assert load.isna().to_numpy().any()  # customers came and went, and meters fell silent
    trial = placebo_trial(load, begin_h=16, hours=4, zone=AUSTRALIA_ZONE)
    assert trial.total["coverage"] == approx(0.9, abs=WANDER)
    assert abs(trial.total["bias_share"]) < MOST_BIAS


def test_a_dead_meter_is_missing_and_not_zero():
    load = pd.DataFrame({"a": [1e-3, 1e-10, 0.0, 2e-3]})
    assert np.isnan(without_dead(load)["a"]).tolist() == [False, True, True, False]


def test_half_hours_become_powers_and_gaps_stay_gaps(tmp_path: Path):
    """0.5 kWh in half an hour is 1 kW."""
    file = tmp_path / "meters.csv"
    head = "customer_id,reading_datetime,general_supply_kwh\n"
    file.write_text(head + "7,2013-01-01 00:00:00,0.5\n7,2013-01-01 01:00:00,0.25\n", encoding="utf-8")
    table = australia(file)
    assert table["7"].to_numpy() == approx([0.001, np.nan, 0.0005], nan_ok=True)
    assert table.index[0] == pd.Timestamp("2012-12-31 14:00", tz="UTC")
    file.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(MissingColumn, match="customer_id"):
        australia(file)
    with pytest.raises(MissingFile):
        australia(tmp_path / "nowhere.csv")
