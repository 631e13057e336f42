"""Forecast: quantiles in order, complete, and the same after a trip through its table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gridloop.errors import GapInSeries, MissingColumn, OutOfRange
from gridloop.forecast import Forecast, join

AT = pd.Timestamp("2021-06-01 12:00", tz="UTC")
AHEAD = pd.date_range(AT, periods=3, freq="15min")


def forecast(values: np.ndarray, points: tuple[str, ...] = ("b", "a")) -> Forecast:
    return Forecast.from_arrays(AT, points, AHEAD, values, dict.fromkeys(points, "boosting"))


def ramp() -> np.ndarray:
    """[quantile, time, point]: point b is 10, 20, 30 at P10, point a is 1, 2, 3; +1 for each further quantile."""
    low = np.array([[10.0, 1.0], [20.0, 2.0], [30.0, 3.0]])
    return np.stack([low, low + 1.0, low + 2.0])


def test_points_are_sorted_and_keep_their_values():
    made = forecast(ramp())
    assert made.points == ["a", "b"]
    assert made.at("a")["p50"].tolist() == [2.0, 3.0, 4.0]
    assert made.p50()["b"].tolist() == [11.0, 21.0, 31.0]
    assert made.wide("p90").loc[AHEAD[2], "a"] == 5.0
    assert list(made.valid_at) == list(AHEAD)


def test_arrays_are_the_way_back():
    made = forecast(ramp())
    assert (made.arrays()[:, :, made.points.index("b")] == ramp()[:, :, 0]).all()


@given(arrays(float, (3, 3, 2), elements=st.floats(0.0, 1e6)))
def test_quantiles_never_cross(values: np.ndarray):
    table = forecast(values).quantiles
    assert (table["p10"] <= table["p50"]).all()
    assert (table["p50"] <= table["p90"]).all()


def test_a_gap_is_refused_by_name():
    values = ramp()
    values[1, 2, 0] = np.nan
    with pytest.raises(GapInSeries, match=r"1 of 6 rows .*points b"):
        forecast(values)


def test_every_point_needs_every_interval():
    table = forecast(ramp()).quantiles
    for bad in (table.iloc[1:], table.iloc[::-1], pd.concat([table.iloc[:5], table.iloc[[4]]])):
        with pytest.raises(GapInSeries, match="every interval once"):
            Forecast(AT, bad, forecast(ramp()).model)


def test_crossing_quantiles_are_refused():
    table = forecast(ramp()).quantiles.copy()
    table.iloc[0, 0] = 99.0
    with pytest.raises(OutOfRange, match="fails in 1 of 6 rows"):
        Forecast(AT, table, forecast(ramp()).model)


def test_a_missing_quantile_is_named():
    with pytest.raises(MissingColumn, match="p90"):
        Forecast(AT, forecast(ramp()).quantiles.drop(columns="p90"), forecast(ramp()).model)


def test_the_table_brings_the_same_forecast_back():
    made = forecast(ramp() / 3.0)
    again = Forecast.from_table(made.table().sample(frac=1.0, random_state=1))
    assert again.issued_at == made.issued_at
    pd.testing.assert_frame_equal(again.quantiles, made.quantiles, check_exact=True)
    pd.testing.assert_series_equal(again.model, made.model)


def test_a_table_of_two_issues_is_refused():
    table = forecast(ramp()).table()
    later = table.assign(issued_at=AT + pd.Timedelta("15min"))
    with pytest.raises(OutOfRange, match="2 issue times"):
        Forecast.from_table(pd.concat([table, later]))


def test_an_unknown_point_is_named():
    with pytest.raises(OutOfRange, match="'c'; there are a, b"):
        forecast(ramp()).at("c")


def test_join_takes_different_points_of_one_issue():
    both = join([forecast(ramp()), forecast(ramp(), ("d", "c"))])
    assert both.points == ["a", "b", "c", "d"]
    assert both.at("c")["p10"].tolist() == [1.0, 2.0, 3.0]
    with pytest.raises(OutOfRange, match="2 points come twice"):
        join([forecast(ramp()), forecast(ramp())])


def percentiles() -> Forecast:
    """Ninety-nine quantiles of two points; quantile t of point a is 100 · t MW, of point b ten times as much."""
    levels = [k / 100.0 for k in range(1, 100)]
    low = 100.0 * np.broadcast_to(np.array(levels)[:, None, None], (99, 3, 2)) * np.array([10.0, 1.0])
    return Forecast.from_arrays(AT, ("b", "a"), AHEAD, low, dict.fromkeys("ab", "x"), levels=levels)


def test_a_forecast_may_have_ninety_nine_quantiles():
    made = percentiles()
    assert made.levels[[0, 49, 98]].tolist() == [0.01, 0.5, 0.99]
    assert made.every().shape == (99, 3, 2)
    assert made.wide("p07")["a"].tolist() == pytest.approx([7.0, 7.0, 7.0])
    assert made.arrays()[:, 0, 0] == pytest.approx([10.0, 50.0, 90.0])
    assert list(made.three().quantiles.columns) == ["p10", "p50", "p90"]
    again = Forecast.from_table(made.table())
    pd.testing.assert_frame_equal(again.quantiles, made.quantiles, check_exact=True)


def test_further_quantiles_may_not_cross_either():
    table = percentiles().quantiles.copy()
    table.iloc[2, 0] = 99.0
    with pytest.raises(OutOfRange, match="fails in 1 of 6 rows"):
        Forecast(AT, table, percentiles().model)
    with pytest.raises(OutOfRange, match="not in the order"):
        Forecast(AT, percentiles().quantiles.iloc[:, ::-1], percentiles().model)


@pytest.mark.parametrize(
    "wrong", [[0.1, 0.5], [0.1, 0.5, 0.9, 0.9], [0.1, 0.5, 0.905], [0.0, 0.1, 0.5, 0.9], [0.5, 0.1, 0.9]]
)
def test_levels_are_whole_percents_that_rise_and_hold_the_three(wrong: list[float]):
    with pytest.raises(OutOfRange, match="levels"):
        Forecast.from_arrays(AT, ("a",), AHEAD, np.zeros((len(wrong), 3, 1)), {"a": "x"}, levels=wrong)


def test_an_unknown_quantile_or_column_is_named():
    with pytest.raises(OutOfRange, match="no quantile 'p05'; there are p10, p50, p90"):
        forecast(ramp()).wide("p05")
    with pytest.raises(OutOfRange, match="q99 are no quantiles"):
        Forecast(AT, forecast(ramp()).quantiles.assign(q99=99.0), forecast(ramp()).model)


def test_join_keeps_the_quantiles_that_all_have():
    both = join([percentiles(), forecast(ramp(), ("d", "c"))])
    assert list(both.quantiles.columns) == ["p10", "p50", "p90"]
    assert both.at("c")["p90"].tolist() == [3.0, 4.0, 5.0]
