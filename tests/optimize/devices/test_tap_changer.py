"""Tap changers: whole steps, few moves, and the limit behind a move."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridloop.errors import OutOfRange
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.tap_changer import TapChanger, whole_positions
from gridloop.optimize.problems.schedule import schedule
from gridloop.testing import village


def whole(
    relaxed: list[float], pull: list[int], now: int = 0, low: int = -9, high: int = 9, most: int = 2
) -> list[int]:
    limits = [np.array([value]) for value in (now, low, high, most)]
    return whole_positions(np.array([relaxed]), np.array([pull]), *limits)[0].tolist()


def test_a_tenth_of_a_step_is_not_worth_a_move_more_is_taken_whole():
    assert whole([0.1, 0.1, 0.1], [1, 1, 1]) == [0, 0, 0]
    assert whole([0.11, 0.5, 1.0], [1, 1, 1]) == [1, 1, 1]
    assert whole([-0.2, -1.3, -1.3], [-1, -1, -1]) == [-1, -2, -2]


def test_it_stays_where_a_limit_holds():
    """A limit pulls up to 0.4 … 0.9: position 1 holds it all the time. Pulled down, 0 would be right, and is taken."""
    assert whole([0.4, 0.9, 0.4], [1, 1, 1]) == [1, 1, 1]
    assert whole([0.4, 0.4, 0.4], [-1, -1, -1], now=1) == [0, 0, 0]
    assert whole([0.95, 1.05, 0.6], [0, 0, 0], now=1) == [1, 1, 1]


def test_no_more_steps_than_allowed_between_two_intervals():
    """Relaxed positions may fall from 0.2 to −1.8 in two steps; whole ones would need three, and take two."""
    assert whole([0.2, -1.8, -1.8], [1, -1, -1]) == [1, -1, -2]
    assert whole([2.1, 2.1], [1, 1]) == [2, 2]


@given(
    st.lists(st.tuples(st.floats(-9, 9), st.integers(-1, 1)), min_size=1, max_size=8),
    st.integers(-9, 9),
    st.integers(1, 3),
)
def test_whole_positions_keep_every_limit(asked, now, most):
    relaxed, pull = [r for r, _ in asked], [p for _, p in asked]
    path = np.array([now, *whole(relaxed, pull, now=now, most=most)])
    assert (np.abs(path) <= 9).all()
    assert (np.abs(np.diff(path)) <= most).all()
    # Whole positions ask for nothing more: settling them again changes nothing, whatever pulls.
    again = path[1:].tolist()
    assert whole(again, pull, now=now, most=most) == again
    assert whole(again, [-p for p in pull], now=now, most=most) == again


def test_it_moves_for_the_limit_it_names(with_values, sunny_prices):
    """A heavy load at the mill pulls the voltage below its band; a step of 1.5 % at the transformer lifts it."""
    net = with_values(village(), "bus", {"mill": {"v_min_pu": 1.0}, "farm": {"v_min_pu": 1.0}})
    load = Load(np.full(6, 7.0), np.full(6, 2.0), id="load", bus="mill")
    tap = TapChanger(("T1",), 0, -9, 9, id="tap", bus="busbar")
    plan = schedule([load, tap], sunny_prices, network=net)
    row = plan.setpoints().set_index("device").loc["tap"]
    assert row["value"] == -1
    assert (row["reason"], row["binding"]) == ("tap_for_voltage", "voltage_low:mill")
    assert plan.of("tap", "tap_pos").tolist() == [-1.0] * 6
    assert plan.parts["tap_moves"] == pytest.approx(2.0)
    assert (plan.check["v_min_pu"] >= 1.0).all()
    assert not plan.gave_way
    without = schedule([load], sunny_prices, network=net)
    assert any(name.startswith("voltage_low:mill") for name in without.gave_way)


def test_without_need_it_stays(sunny_village, sunny_prices):
    tap = TapChanger(("T1",), 0, -9, 9, id="tap", bus="busbar")
    plan = schedule([Load(np.full(6, 1.0), bus="mill"), tap], sunny_prices, network=sunny_village)
    assert plan.of("tap", "tap_pos").tolist() == [0.0] * 6
    assert plan.setpoints().set_index("device").loc["tap", "reason"] == "hold_tap"


def test_two_changers_of_one_transformer_contradict_each_other(sunny_village, sunny_prices):
    taps = [TapChanger(("T1",), 0, -9, 9, id=name, bus="busbar") for name in ("a", "b")]
    with pytest.raises(OutOfRange, match=r"1 transformers are moved by two tap changers \(T1\)"):
        schedule(taps, sunny_prices, network=sunny_village)


def test_a_position_outside_its_range_is_refused():
    with pytest.raises(OutOfRange, match="stands at 3; allowed is -2 … 2"):
        TapChanger(("T1",), 3, -2, 2)
