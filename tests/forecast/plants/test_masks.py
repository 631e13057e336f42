"""Masks: planted curtailment, snow and outages are found, named and bounded; honest days are left alone."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.forecast.plants.solar_masks import find_masks, masked

DAYS = 10
INDEX = pd.date_range("2021-01-01", periods=DAYS * 96, freq="15min", tz="UTC")
HOUR = np.asarray(INDEX.hour + INDEX.minute / 60.0)
BRIGHT = 8.0 * np.maximum(np.sin(np.pi * (HOUR - 7.0) / 10.0), 0.0) * (np.abs(HOUR - 12.0) < 5.0)


def power(change: dict[str, object] | None = None) -> pd.Series:
    rng = np.random.default_rng(1)
    series = pd.Series(BRIGHT * (1.0 + 0.03 * rng.standard_normal(len(INDEX))), index=INDEX)
    for span, value in (change or {}).items():
        part = slice(*span.split(" to "))
        series[part] = value(series[part]) if callable(value) else value
    return series


def test_a_fluctuating_bright_week_is_left_alone():
    assert len(find_masks(power(), BRIGHT, 10.0)) == 0


def test_a_flat_top_below_what_is_expected_is_curtailment():
    came = power({"2021-01-03 09:30 to 2021-01-03 14:30": 3.0})
    found = find_masks(came, BRIGHT, 10.0)
    assert found["kind"].tolist() == ["curtailed"]
    sides = [str(found[side][0])[8:16] for side in ("start", "end")]
    assert sides == ["03 09:30", "03 14:45"]
    span = (found["start"][0] <= INDEX) & (found["end"][0] > INDEX)
    assert found["missing_mwh"][0] == np.maximum(BRIGHT[span] - 3.0, 0.0).sum() / 4.0


def test_the_inverters_own_flat_top_is_none():
    """Modules of twice the rating: 4 MW for hours, where the sky would give up to 8."""
    clipped = power().clip(upper=4.0)
    clipped[np.asarray(BRIGHT > 4.5)] = 4.0
    assert len(find_masks(clipped, BRIGHT, 4.0)) == 0


def test_a_flat_dull_day_is_no_curtailment():
    """Steady drizzle: the output stands still, but so does what is expected."""
    expected = BRIGHT.copy()
    dull = (INDEX >= "2021-01-04 10:00") & (INDEX < "2021-01-04 14:00")
    expected[dull] = 1.1
    assert len(find_masks(power({"2021-01-04 10:00 to 2021-01-04 13:45": 1.0}), expected, 10.0)) == 0


def test_nothing_in_the_cold_is_snow_and_in_the_warm_is_off():
    came = power({"2021-01-05 to 2021-01-06": 0.0})
    cold, warm = np.full(len(INDEX), -3.0), np.full(len(INDEX), 12.0)
    assert set(find_masks(came, BRIGHT, 10.0, temperature=cold)["kind"]) == {"snow"}
    assert set(find_masks(came, BRIGHT, 10.0, temperature=warm)["kind"]) == {"off"}
    assert set(find_masks(came, BRIGHT, 10.0)["kind"]) == {"off"}
    lying = np.where(INDEX < "2021-01-06 09:00", 5.0, 0.0)
    found = find_masks(came, BRIGHT, 10.0, temperature=warm, snow=lying)
    assert set(found["kind"]) == {"snow"}
    assert len(found) == 2  # one run a day: nights are nobody's


def test_an_hour_of_nothing_is_weather():
    assert len(find_masks(power({"2021-01-05 11:00 to 2021-01-05 12:45": 0.0}), BRIGHT, 10.0)) == 0


def test_gaps_are_nobodys_fault():
    assert len(find_masks(power({"2021-01-05 to 2021-01-06": np.nan}), BRIGHT, 10.0)) == 0


def test_masked_is_what_lies_inside():
    found = pd.DataFrame({"start": [INDEX[4]], "end": [INDEX[8]]})
    assert np.flatnonzero(masked(INDEX, found)).tolist() == [4, 5, 6, 7]
