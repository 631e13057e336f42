"""Resampling keeps energy, constants and the order of coarsening; what is missing stays missing."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloop.errors import BadInput, OutOfRange
from gridloop.series import energy_mwh, mean_power, resample, step_of

START = pd.Timestamp("2016-07-25", tz="UTC")
MINUTE = pd.Timedelta(minutes=1)


def edges(minutes: list[int]) -> pd.DatetimeIndex:
    """Moments that many minutes after the start."""
    return pd.DatetimeIndex([START + m * MINUTE for m in minutes], tz="UTC").as_unit("ns")


def series(values: list[float], step: int) -> pd.Series:
    """A regular series of that many minutes per row."""
    return pd.Series(values, index=pd.date_range(START, periods=len(values), freq=f"{step}min"), dtype=float)


def test_four_quarters_make_an_hour():
    """(1 + 2 + 3 + 6) / 4 = 3 MW for one hour: 3 MWh, as before."""
    quarters = series([1.0, 2.0, 3.0, 6.0], 15)
    hours = mean_power(quarters, pd.Timedelta(hours=1))
    assert hours.tolist() == [3.0]
    assert energy_mwh(hours, step=pd.Timedelta(hours=1)).tolist() == energy_mwh(quarters).tolist() == [3.0]


def test_an_hour_makes_four_equal_quarters():
    assert mean_power(series([3.0, 5.0], 60), 15 * MINUTE).tolist() == [3.0] * 4 + [5.0] * 4


def test_unequal_intervals():
    """10 minutes at 6 MW, then 50 at 0: 1 MWh. Halves of the hour: 20·… → 2 MW and 0 MW."""
    power = pd.Series([6.0, 0.0], index=edges([0, 10]))
    halves = resample(power, edges([0, 30, 60]), edges=edges([0, 10, 60]))
    assert halves.tolist() == pytest.approx([2.0, 0.0], abs=1e-12)
    assert energy_mwh(power, edges=edges([0, 10, 60])).iloc[0] == pytest.approx(1.0, abs=1e-12)


def test_intervals_that_do_not_nest():
    """20-minute means on quarter-hours: the second quarter has 5 min of the first row and 10 of the second."""
    fine = resample(series([3.0, 6.0, 9.0], 20), edges([0, 15, 30, 45, 60]))
    assert fine.tolist() == pytest.approx([3.0, (5 * 3 + 10 * 6) / 15, (10 * 6 + 5 * 9) / 15, 9.0], abs=1e-12)


def test_missing_stays_missing_until_allowed_by_name():
    """Of four quarters the third is missing: 25 % of the hour."""
    power = series([1.0, 2.0, np.nan, 6.0], 15)
    hour = edges([0, 60])
    assert np.isnan(resample(power, hour).iloc[0])
    assert np.isnan(resample(power, hour, allow_missing=0.24).iloc[0])
    assert resample(power, hour, allow_missing=0.25).iloc[0] == pytest.approx(3.0)
    absent = power.dropna()
    assert np.isnan(resample(absent, hour, step=15 * MINUTE).iloc[0])
    assert resample(absent, hour, step=15 * MINUTE, allow_missing=0.25).iloc[0] == pytest.approx(3.0)
    # 13 of 24 are missing: the share that is nearest to 13/24 is a hair less.
    rest = pd.Series([np.nan] * 13 + [3.0] * 11, index=pd.date_range(START, periods=24, freq="150s"))
    assert resample(rest, hour, allow_missing=13 / 24).iloc[0] == pytest.approx(3.0)
    # No share allows a mean of nothing.
    assert np.isnan(resample(power, edges([30, 45]), allow_missing=0.99).iloc[0])


def test_time_without_rows_is_missing():
    out = resample(series([1.0], 15), edges([-15, 0, 15, 30]), step=15 * MINUTE)
    assert np.isnan(out.to_numpy()).tolist() == [True, False, True]


def test_one_column_missing_leaves_the_other():
    power = pd.DataFrame({"a": [1.0, np.nan], "b": [1.0, 3.0]}, index=series([0, 0], 30).index)
    out = mean_power(power, pd.Timedelta(hours=1))
    assert np.isnan(out["a"].iloc[0])
    assert out["b"].iloc[0] == 2.0


def test_the_clock_of_mean_power_is_utc():
    """Rows from 00:20 to 01:20 cover two thirds of the first hour and a third of the second."""
    power = pd.Series([1.0, 1.0, 1.0], index=edges([20, 40, 60]))
    assert mean_power(power, pd.Timedelta(hours=1)).isna().all()
    out = mean_power(power, pd.Timedelta(hours=1), allow_missing=0.67)
    assert out.tolist() == [1.0, 1.0]
    assert out.index[0] == START


def test_a_year_of_quarters_has_all_its_hours():
    """A float in the count of edges once lost the last hour of 8760."""
    power = pd.Series(1.0, index=pd.date_range("2015-01-01", periods=35040, freq="15min", tz="UTC"))
    assert len(mean_power(power, pd.Timedelta(hours=1))) == 8760


grids = st.lists(st.integers(0, 300), min_size=2, max_size=12, unique=True).map(sorted)
values = st.floats(-1e3, 1e3)


@given(source=grids, inner=st.lists(st.integers(0, 300), max_size=10), data=st.data())
@settings(deadline=None, max_examples=150)
def test_energy_is_kept_on_any_grid(source: list[int], inner: list[int], data: st.DataObject):
    """Whatever the old and the new intervals: as long as they span the same time, the energy is the same. [1e-9]"""
    target = sorted({source[0], source[-1], *(m for m in inner if source[0] < m < source[-1])})
    power = pd.Series(
        data.draw(st.lists(values, min_size=len(source) - 1, max_size=len(source) - 1)), edges(source[:-1])
    )
    out = resample(power, edges(target), edges=edges(source))
    before, after = energy_mwh(power, edges=edges(source)).sum(), energy_mwh(out, edges=edges(target)).sum()
    assert after == pytest.approx(before, rel=1e-9, abs=1e-9)
    assert out.min() >= power.min() - 1e-9
    assert out.max() <= power.max() + 1e-9


@given(source=grids, target=grids, value=values)
@settings(deadline=None, max_examples=80)
def test_a_constant_stays_itself(source: list[int], target: list[int], value: float):
    out = resample(pd.Series(value, index=edges(source[:-1])), edges(target), edges=edges(source))
    inside = np.array([source[0] <= a and b <= source[-1] for a, b in pairwise(target)])
    assert out[inside].to_numpy() == pytest.approx(np.full(inside.sum(), value), rel=1e-12, abs=1e-12)
    assert out[~inside].isna().all()


@given(source=grids, data=st.data())
@settings(deadline=None, max_examples=60)
def test_the_same_grid_changes_no_bit(source: list[int], data: st.DataObject):
    power = pd.Series(
        data.draw(st.lists(values, min_size=len(source) - 1, max_size=len(source) - 1)), edges(source[:-1])
    )
    out = resample(power, edges(source), edges=edges(source))
    assert out.to_numpy().tobytes() == power.to_numpy(dtype=float).tobytes()


@given(
    power=st.lists(values, min_size=24, max_size=24),
    steps=st.sampled_from([(10, 30), (20, 60), (15, 30), (5, 45), (30, 120)]),
)
@settings(deadline=None, max_examples=60)
def test_coarsening_in_two_steps_is_coarsening_in_one(power: list[float], steps: tuple[int, int]):
    """5 min → fine → coarse = 5 min → coarse, where fine divides coarse."""
    fine, coarse = (pd.Timedelta(minutes=m) for m in steps)
    five = series(power, 5)
    # Two hours are a whole number of every fine step; the coarse may stick out and is then missing in both.
    once = mean_power(five, coarse)
    twice = mean_power(mean_power(five, fine), coarse, every=fine)
    pd.testing.assert_series_equal(once, twice, rtol=1e-9, atol=1e-9, check_freq=False)


@given(power=st.lists(values, min_size=2, max_size=30), parts=st.sampled_from([1, 2, 3, 4, 5, 6, 10, 12, 30]))
@settings(deadline=None, max_examples=60)
def test_finer_and_back_is_exact(power: list[float], parts: int):
    hours = series(power, 60)
    fine = mean_power(hours, pd.Timedelta(minutes=60) / parts)
    back = mean_power(fine, pd.Timedelta(hours=1))
    assert back.to_numpy() == pytest.approx(hours.to_numpy(), rel=1e-12, abs=1e-12)


def test_linear():
    """resample(a x + y) = a resample(x) + resample(y)."""
    rng = np.random.default_rng(7)
    x, y = (series(list(rng.normal(size=24)), 20) for _ in range(2))
    to = edges([0, 7, 31, 200, 480])
    left = resample(3.0 * x + y, to)
    assert left.to_numpy() == pytest.approx((3.0 * resample(x, to) + resample(y, to)).to_numpy(), abs=1e-12)


def test_what_is_refused():
    irregular = pd.Series([1.0, 2.0, 3.0], index=edges([0, 15, 60]))
    hour = edges([0, 60])
    with pytest.raises(OutOfRange, match=r"do not tell how long an interval is.*Give step"):
        resample(irregular, hour)
    with pytest.raises(OutOfRange, match="do not tell"):
        resample(series([1.0], 15), hour)
    with pytest.raises(OutOfRange, match="1 of 3 rows begin less than"):
        resample(irregular, hour, step=20 * MINUTE)
    with pytest.raises(OutOfRange, match="3 rows need 4 edges"):
        resample(irregular, hour, edges=edges([0, 15, 60]))
    with pytest.raises(OutOfRange, match="not both"):
        resample(irregular, hour, edges=edges([0, 15, 60, 75]), step=MINUTE)
    with pytest.raises(OutOfRange, match="do not go forward"):
        resample(series([1.0, 2.0], 15), edges([0, 60, 60]))
    with pytest.raises(OutOfRange, match="do not go forward"):
        resample(irregular.iloc[::-1], hour, step=MINUTE)
    with pytest.raises(OutOfRange, match="allow_missing"):
        resample(series([1.0, 2.0], 15), hour, allow_missing=1.0)
    with pytest.raises(BadInput, match="have no zone"):
        resample(pd.Series([1.0], index=pd.DatetimeIndex(["2016-07-25"])), hour)
    with pytest.raises(OutOfRange, match="longer than nothing"):
        mean_power(series([1.0, 2.0], 15), pd.Timedelta(0))


def test_step_of():
    assert step_of(series([1, 2, 3], 15).index) == 15 * MINUTE
    with pytest.raises(OutOfRange):
        step_of(edges([0, 1, 3]))


def test_nothing_in_nothing_out():
    none = pd.Series([], index=pd.DatetimeIndex([], tz="UTC"), dtype=float)
    assert len(mean_power(none, MINUTE)) == 0
    assert resample(none, edges([0, 15])).isna().all()
    assert len(resample(series([1.0, 2.0], 15), edges([0]))) == 0
