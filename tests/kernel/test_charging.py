"""Pieces of a vehicle: what any intervals can give it, by pieces and by definition."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from gridloop.kernel import charging

STEPS = 5


def pieces(first: int, length: int, alpha: float, beta: float, kappa: float) -> dict[tuple[int, int, int], float]:
    """(first, length, slots) → weight of one vehicle that takes 1 per interval."""
    table = np.zeros(STEPS**3)
    one = [np.array([value]) for value in (first, length, alpha, beta, 1.0, kappa)]
    charging.count_pieces(*one, STEPS, table)
    cells = np.argwhere(table.reshape(STEPS, STEPS, STEPS) > 0.0)
    return {(int(a), int(n) + 1, int(k) + 1): float(table[(a * STEPS + n) * STEPS + k]) for a, n, k in cells}


def given_by_pieces(chosen: set[int], made: dict[tuple[int, int, int], float]) -> float:
    return sum(w * min(len(chosen & set(range(a, a + n))), slots) for (a, n, slots), w in made.items())


def given_by_definition(chosen: set[int], first: int, length: int, alpha: float, beta: float, kappa: float) -> float:
    there = dict.fromkeys(range(first, first + length), 1.0)
    there[first + length - 1] = beta
    there[first] = alpha
    return min(sum(there.get(t, 0.0) for t in chosen), kappa)


def subsets() -> list[set[int]]:
    return [{t for t, take in enumerate(bits) if take} for bits in product((0, 1), repeat=STEPS)]


def test_a_car_of_two_and_a_half_intervals_is_half_a_two_and_half_a_three():
    assert pieces(0, 4, 1.0, 1.0, 2.5) == {(0, 4, 2): 0.5, (0, 4, 3): 0.5}


def test_a_car_that_comes_late_is_in_two_windows():
    """There for a quarter of its first interval, and wants 1.25: 0.25 · min(k + 1, 2) + 0.75 · min(k, 1)."""
    assert pieces(1, 3, 0.25, 1.0, 1.25) == {(1, 3, 2): 0.25, (2, 2, 1): 0.75}


def test_a_stay_within_one_interval_has_no_choice():
    assert pieces(2, 1, 0.5, 0.0, 0.3) == {(2, 1, 1): 0.3}
    assert pieces(2, 1, 0.5, 0.0, 0.0) == {}


@settings(max_examples=300, deadline=None)
@given(
    first=st.integers(0, 1),
    length=st.integers(1, 4),
    alpha=st.floats(0.01, 1.0),
    beta=st.floats(0.01, 1.0),
    filled=st.floats(0.0, 1.0),
)
def test_whatever_the_intervals_pieces_give_what_the_vehicle_takes(first, length, alpha, beta, filled):
    """The theorem of the docstring, on all 32 sets of intervals."""
    beta = alpha if length == 1 else beta
    kappa = filled * (length - 2 + alpha + beta if length > 1 else alpha)
    made = pieces(first, length, alpha, beta, kappa)
    for chosen in subsets():
        want = given_by_definition(chosen, first, length, alpha, beta, kappa)
        assert given_by_pieces(chosen, made) == approx(want, abs=1e-12)  # rounding of eight products


@settings(max_examples=100, deadline=None)
@given(alpha=st.floats(0.01, 1.0), beta=st.floats(0.01, 1.0), filled=st.floats(0.01, 1.0), seed=st.integers(0, 999))
def test_a_charge_of_the_pieces_is_one_of_the_vehicle(alpha, beta, filled, seed):
    """Each piece takes l intervals of its window at random: powers, stay and energy are the vehicle's."""
    rng = np.random.default_rng(seed)
    kappa, length = filled * (2 + alpha + beta), 4
    made = pieces(0, length, alpha, beta, kappa)
    row, offset, share = np.full(STEPS**3, -1, dtype=np.int64), [0], []
    for number, (first, long, slots) in enumerate(made):
        row[(first * STEPS + long - 1) * STEPS + slots - 1] = number
        share.append(rng.permutation(np.arange(long) < slots).astype(float))
        offset.append(offset[-1] + long)
    out, total = np.zeros(length), np.zeros(STEPS)
    one = [np.array([value]) for value in (0, length, alpha, beta, 2.0, kappa)]
    place = np.array([0, length])
    charging.share_out(*one, STEPS, row, np.array(offset), np.concatenate(share), place, 0.5, out, total)
    there = np.array([alpha, 1.0, 1.0, beta])
    assert (out >= 0.0).all() and (out <= there + 1e-12).all()
    assert out.sum() == approx(kappa, abs=1e-12)
    assert total[:length] == approx(out)


def test_windows_keep_the_order_of_all():
    ordered = np.zeros((4, 3, 3), dtype=np.int64)
    charging.order_windows(np.array([2, 0, 3, 1]), 3, ordered)
    assert ordered[0, 2].tolist() == [2, 0, 1]
    assert ordered[1, 1, :2].tolist() == [2, 1]
    assert ordered[3, 0, 0] == 3


@pytest.mark.parametrize(("kappa", "cost"), [(0.0, 0.0), (0.3, 1.5), (1.0, 8.0), (1.5, 13.5), (2.0, 23.5)])
def test_the_cheapest_of_one_car_alone(kappa, cost):
    """There for half of a first interval at 5, a whole one at 20 and a full last one at 11 per unit."""
    price = np.array([5.0, 20.0, 11.0])
    ordered = np.zeros((3, 3, 3), dtype=np.int64)
    charging.order_windows(np.array([0, 2, 1]), 3, ordered)
    one = [np.array([value]) for value in (0, 3, 0.5, 1.0, 1.0, kappa)]
    assert charging.cheapest_cost(*one, price, ordered) == approx(cost)
