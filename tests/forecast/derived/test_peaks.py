"""Peaks: pencil cases of size, time, excess and reserve."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridloop.errors import OutOfRange
from gridloop.forecast.derived.peaks import exceedance, peaks
from gridloop.forecast.value import Forecast

LEVELS = np.array([0.1, 0.5, 0.9])
START = pd.Timestamp("2021-03-01", tz="UTC")
WIDTH = 1.2815515655446004


def four_hours(freq: str = "h") -> Forecast:
    """10, 20, 15, 5 MW, P10 and P90 one standard normal quantile (1.28 MW) below and above."""
    middle = np.array([10.0, 20.0, 15.0, 5.0])
    values = (middle + WIDTH * np.array([-1.0, 0.0, 1.0])[:, None])[:, :, None]
    valid = pd.date_range(START, periods=4, freq=freq)
    return Forecast.from_arrays(START, ["a"], valid, values, {"a": "m"})


def test_peak_of_quantiles():
    """Above 20 MW: one in two in the second hour, 15 → 20 MW is five standard deviations: nothing more."""
    row = peaks(four_hours(), "a", capacity_mw=20.0).iloc[0]
    assert (row["p10"], row["p50"], row["p90"]) == pytest.approx((20 - WIDTH, 20.0, 20 + WIDTH))
    assert row["at"] == START + pd.Timedelta("1h")
    assert row["exceeds"] == pytest.approx(0.5)
    assert row["exceeds_most"] == pytest.approx(0.5, abs=1e-6)
    assert row["reserve_mw"] == pytest.approx(-WIDTH)


def test_every_day_has_its_own_peak_by_the_local_clock():
    """Every 12 h from midnight UTC: 0 and 12 h of 1 March, then of 2 March; in Tokyo the second pair is 3 March's."""
    days = peaks(four_hours("12h"), "a")
    assert days["p50"].tolist() == [20.0, 15.0]
    assert peaks(four_hours("12h"), "a", by_day=False)["p50"].tolist() == [20.0]
    assert [str(d) for d in peaks(four_hours("12h"), "a", zone="Asia/Tokyo").index] == ["2021-03-01", "2021-03-02"]


def test_peak_of_scenarios():
    """15 scenarios peak at 20 MW in hour 1, five at 30 MW in hour 2."""
    drawn = np.tile(np.array([[10.0], [20.0], [15.0], [5.0]]), (1, 20))
    drawn[2, :5] = 30.0
    row = peaks(four_hours(), "a", capacity_mw=25.0, scenarios=drawn).iloc[0]
    assert row["at"] == START + pd.Timedelta("1h")
    assert row["at_share"] == 0.75
    assert row["exceeds"] == row["exceeds_least"] == row["exceeds_most"] == 0.25
    assert row["p90"] == 30.0
    assert row["reserve_mw"] == -5.0


@given(st.floats(-10.0, 30.0), st.floats(0.0, 5.0), st.floats(0.0, 5.0), st.floats(-20.0, 40.0))
def test_probability_of_excess_agrees_with_the_quantiles(middle: float, down: float, up: float, threshold: float):
    """At a quantile it is what the quantile says; it never rises with the threshold."""
    values = np.array([[middle - down, middle, middle + up]])
    if down > 1e-3 and up > 1e-3:
        for k, level in enumerate(LEVELS):
            assert exceedance(values, LEVELS, values[0, k])[0] == pytest.approx(1.0 - level, abs=1e-6)
    here, further = (exceedance(values, LEVELS, t)[0] for t in (threshold, threshold + 1.0))
    assert 0.0 <= further <= here <= 1.0


def test_bad_input():
    with pytest.raises(OutOfRange, match=r"capacity: -1\.0 MW"):
        peaks(four_hours(), "a", capacity_mw=-1.0)
    with pytest.raises(OutOfRange, match="no point 'b'"):
        peaks(four_hours(), "b")
    with pytest.raises(OutOfRange, match=r"scenarios: \(4, 3\) values for 4 intervals"):
        peaks(four_hours(), "a", scenarios=np.zeros((4, 3)))
