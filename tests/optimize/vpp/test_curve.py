"""Stairs of quantity by price: lines a pencil can cross, and random ones against trying every price."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pytest import approx

from gridloop.optimize.vpp.curve import Line, stair


def asks(lines: list[Line]):
    """The cheapest of some lines, as a solver would find it."""
    return lambda price: min(lines, key=lambda line: line.at(price))


def test_two_plans_change_places_where_they_cost_the_same():
    """Idle costs 0; 2 MWh cost 60 to make: from 30 per MWh on they are sold."""
    found = stair(asks([Line(0.0, 0.0), Line(60.0, 2.0)]), 0.0, 100.0)
    assert found.begin == (0.0, 30.0)
    assert [line.energy for line in found.lines] == [0.0, 2.0]


def test_a_plan_that_is_best_between_two_others_is_found():
    found = stair(asks([Line(0.0, -1.0), Line(10.0, 0.0), Line(60.0, 1.0)]), -20.0, 100.0)
    assert found.begin == (-20.0, 10.0, 50.0)


def test_outside_of_the_prices_nothing_is_asked():
    asked: list[float] = []

    def ask(price: float) -> Line:
        asked.append(price)
        return asks([Line(0.0, 0.0), Line(60.0, 2.0)])(price)

    found = stair(ask, 40.0, 100.0)
    assert (found.begin, found.lines[0].energy) == ((40.0,), 2.0)
    assert asked == [40.0, 100.0]


def test_a_solver_that_misses_the_best_leaves_a_stair_of_what_it_found():
    """At 30 it overlooks the 2 MWh that it found at 100: the stair goes by what was seen."""
    best, dear = Line(60.0, 2.0), Line(90.0, 2.0)
    found = stair(lambda price: Line(0.0, 0.0) if price < 50 else (best if price > 90 else dear), 0.0, 100.0)
    assert found.begin == (0.0, 30.0)
    assert found.lines[1] is best


@given(st.lists(st.tuples(st.integers(-200, 200), st.integers(-5, 5)), min_size=1, max_size=8))
def test_at_every_price_the_stair_is_the_cheapest_line(pairs: list[tuple[int, int]]):
    lines = [Line(float(cost), float(energy)) for cost, energy in pairs]
    found = stair(asks(lines), -50.0, 50.0)
    energies = [line.energy for line in found.lines]
    assert energies == sorted(energies)
    ends = [*found.begin[1:], found.end]
    assert found.begin[0] == -50.0
    for begin, end, line in zip(found.begin, ends, found.lines, strict=True):
        for price in np.linspace(begin, end, 5):
            assert line.at(price) == approx(min(other.at(price) for other in lines), abs=1e-6)
