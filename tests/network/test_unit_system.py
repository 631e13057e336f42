"""The demand of a unit system by bus, when another one is asked for: by pencil, and what always holds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_units import small_system

from gridloop.errors import BadInput


def drawn(by_bus: dict[str, list[float]]):
    """A system whose buses draw this."""
    load = pd.DataFrame(by_bus, dtype=float)
    return small_system(load.sum(axis=1).tolist()).with_(load_mw=load)


def by_bus(system, *demand):
    return system.with_demand(pd.Series(demand, dtype=float)).load_mw.to_dict("list")


def test_shares_of_the_hour_are_kept():
    assert by_bus(drawn({"a": [10, 30], "b": [30, 10]}), 80, 20) == {"a": [20, 15], "b": [60, 5]}


def test_the_same_demand_leaves_loads_that_cancel_as_they_are():
    """-8 MW at a and +8 at b is a demand of nothing, and a flow of 8 MW all the same."""
    assert by_bus(drawn({"a": [-8, 10], "b": [8, 30]}), 0, 80) == {"a": [-8, 20], "b": [8, 60]}


def test_what_comes_in_addition_to_loads_of_both_signs_is_spread_by_their_sizes():
    """6 MW more on -4 and +8: a takes a third, b two thirds; a ratio of 10/4 would have b draw 20 and a give 10."""
    assert by_bus(drawn({"a": [-4], "b": [8]}), 10) == {"a": [-2], "b": [12]}
    assert by_bus(drawn({"a": [-8], "b": [8]}), 4) == {"a": [-6], "b": [10]}


def test_more_is_given_back_in_the_same_shares():
    assert by_bus(drawn({"a": [-10, -1], "b": [-30, -3]}), -80, -2) == {"a": [-20, -0.5], "b": [-60, -1.5]}


def test_an_hour_without_load_takes_the_shares_of_all_hours():
    assert by_bus(drawn({"a": [0, 10], "b": [0, 30]}), 8, 40) == {"a": [2, 10], "b": [6, 30]}


def test_demand_where_no_bus_ever_draws_anything_is_refused():
    nothing = drawn({"a": [0, 0], "b": [0, 0]})
    assert by_bus(nothing, 0, 0) == {"a": [0, 0], "b": [0, 0]}
    with pytest.raises(BadInput, match="no bus draws"):
        by_bus(nothing, 0, 5)


def test_two_columns_of_one_bus_are_refused():
    load = pd.DataFrame([[10.0, 20.0]], columns=["b", "b"])
    with pytest.raises(BadInput, match="more than one column: b"):
        small_system([30]).with_(load_mw=load)


@given(
    st.lists(st.tuples(*[st.floats(-100, 100)] * 3), min_size=1, max_size=4),
    st.lists(st.floats(-100, 100), min_size=4, max_size=4),
)
def test_buses_draw_the_demand_and_never_more_in_change_than_it_changes(rows, demand):
    """Shares are of sizes, so what all buses change together is the change of the demand, and no bus exceeds it."""
    load = np.array(rows)
    load[:, 0] += 1.0 * (np.abs(load).sum(axis=1) < 1.0)  # sizes that are not rounding
    system = drawn({name: load[:, k].tolist() for k, name in enumerate("abc")})
    asked = np.array(demand[: len(load)])
    moved = system.with_demand(pd.Series(asked)).load_mw.to_numpy()
    # sums of three numbers of up to 200, of which each is rounded to 1e-16 of its size
    assert moved.sum(axis=1) == pytest.approx(asked, abs=1e-9)
    change = np.abs(moved - load).sum(axis=1)
    assert change == pytest.approx(np.abs(asked - load.sum(axis=1)), abs=1e-9)
