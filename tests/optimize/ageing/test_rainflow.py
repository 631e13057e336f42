"""Rainflow: the standard's own example, histories that repeat, and laws."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.optimize.ageing.rainflow import rainflow

STANDARD = [-2.0, 1.0, -3.0, 5.0, -1.0, 3.0, -4.0, 4.0, -2.0]
HISTORIES = st.lists(st.floats(0.0, 1.0, width=16), min_size=2, max_size=60)


def by_depth(table: pd.DataFrame) -> dict[float, float]:
    return table.groupby("depth")["count"].sum().to_dict()


def test_the_example_of_the_standard():
    """ASTM E1049, figure 6: E–F closes, everything else is residue."""
    table = rainflow(np.array(STANDARD))
    assert by_depth(table) == {3.0: 0.5, 4.0: 1.5, 6.0: 0.5, 8.0: 1.0, 9.0: 0.5}
    closed = table[table["count"] == 1.0].iloc[0]
    assert (closed["depth"], closed["middle"], closed["start"], closed["end"]) == (4.0, 1.0, 4, 5)


def test_the_example_of_the_standard_when_it_repeats():
    """ASTM E1049, figure 7: the same history begun at its highest point has whole cycles of 3, 4, 7 and 9.

    There A follows I directly, as −2 does −2 here.
    """
    assert by_depth(rainflow(np.array(STANDARD), repeating=True)) == {3.0: 1.0, 4.0: 1.0, 7.0: 1.0, 9.0: 1.0}


def test_labels_are_those_of_the_series():
    hours = pd.date_range("2026-06-15", periods=4, freq="h", tz="UTC")
    table = rainflow(pd.Series([0.2, 0.8, 0.4, 0.9], index=hours))
    assert table.loc[table["count"] == 1.0, ["start", "end"]].iloc[0].tolist() == [hours[1], hours[2]]


@given(HISTORIES)
@settings(deadline=None)
def test_the_way_up_and_down_is_all_counted(values):
    x = np.array(values)
    table = rainflow(x)
    # Sums of up to 60 numbers of at most one.
    assert 2.0 * (table["depth"] * table["count"]).sum() == approx(np.abs(np.diff(x)).sum(), abs=1e-12)


@given(HISTORIES, st.integers(2, 5))
@settings(deadline=None)
def test_points_on_a_straight_line_change_nothing(values, parts):
    x = np.array(values)
    between = np.linspace(x[:-1], x[1:], parts, endpoint=False, axis=1).ravel()
    # What rounding puts beside the line would be a cycle of its own; here it may not leave the line's ends.
    low, high = np.minimum(x[:-1], x[1:]).repeat(parts), np.maximum(x[:-1], x[1:]).repeat(parts)
    fine = np.append(np.clip(between, low, high), x[-1])
    assert _counts(rainflow(fine)) == _counts(rainflow(x))


@given(HISTORIES, st.integers(0, 59))
@settings(deadline=None)
def test_a_repeating_history_has_no_beginning(values, shift):
    x = np.array(values)
    assert _counts(rainflow(np.roll(x, shift), repeating=True)) == _counts(rainflow(x, repeating=True))


@given(HISTORIES)
@settings(deadline=None)
def test_twice_the_history_has_every_cycle_twice(values):
    x = np.array(values)
    once, twice = (rainflow(h, repeating=True) for h in (x, np.tile(x, 2)))
    assert _counts(twice) == {key: 2 * count for key, count in _counts(once).items()}


def test_turned_upside_down_the_cycles_are_the_same():
    x = np.random.default_rng(3).random(500)
    up, down = rainflow(x), rainflow(-x)
    assert np.sort(up["depth"]).tolist() == np.sort(down["depth"]).tolist()
    assert up["count"].sum() == down["count"].sum()


def test_gaps_and_shapes_are_refused():
    with pytest.raises(GapInSeries, match=r"1 of 3 values of the history are missing"):
        rainflow(np.array([0.0, np.nan, 1.0]))
    with pytest.raises(OutOfRange, match=r"shape \(2, 2\)"):
        rainflow(np.zeros((2, 2)))


def _counts(table: pd.DataFrame) -> dict[float, float]:
    found: dict[float, float] = {}
    for depth, count in zip(table["depth"], table["count"], strict=True):
        found[depth] = found.get(depth, 0.0) + count
    return found
