"""Rolling shed: whole circuits, the last class first, and equals take turns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloop.errors import OutOfRange
from gridloop.optimize.microgrid.rolling import Circuit, Rota


def test_three_equals_take_turns_by_pencil():
    """One of three alike has to go for nine hours: each is off for three."""
    rota = Rota([Circuit(i) for i in "abc"])
    off = [rota.turn(1.0, np.ones(3), 1.0).off.tolist() for _ in range(9)]
    assert [row.index(True) for row in off] == [0, 1, 2] * 3
    assert rota.hours_off.tolist() == [3.0, 3.0, 3.0]


def test_who_is_off_stays_off_for_its_turn():
    rota = Rota([Circuit(i) for i in "abc"], least_h=1.0)
    off = [int(rota.turn(1.0, np.ones(3), 0.5).off.argmax()) for _ in range(6)]
    assert off == [0, 0, 1, 1, 2, 2]


def test_the_last_class_goes_first_and_as_a_whole_before_the_next():
    rota = Rota([Circuit("hospital", 0), Circuit("town", 1), Circuit("pool", 2), Circuit("park", 2)])
    load = np.array([1.0, 2.0, 0.5, 0.5])
    assert rota.turn(0.4, load, 1.0).off.tolist() == [False, False, True, False]
    assert rota.turn(1.5, load, 1.0).off.tolist() == [False, True, True, True]
    lost = rota.turn(9.0, load, 1.0)
    assert lost.off.all()
    assert lost.missing_mw == pytest.approx(5.0)


def test_nobody_is_off_who_is_not_needed():
    """0.9 MW: the small one was taken first for its turn, and comes back when the large one alone is enough."""
    rota = Rota([Circuit("small"), Circuit("large")])
    assert rota.turn(0.9, np.array([0.2, 1.0]), 1.0).off.tolist() == [False, True]


def test_the_memory_goes_on():
    circuits = [Circuit(i) for i in "abcd"]
    one = Rota(circuits, least_h=0.5)
    for _ in range(3):
        one.turn(1.0, np.ones(4), 0.25)
    other = Rota(circuits, least_h=0.5, **one.memory())
    assert [one.turn(1.0, np.ones(4), 0.25).off.tolist() for _ in range(5)] == [
        other.turn(1.0, np.ones(4), 0.25).off.tolist() for _ in range(5)
    ]


@settings(max_examples=60, deadline=None)
@given(
    ranks=st.lists(st.integers(0, 2), min_size=1, max_size=12),
    needs=st.lists(st.floats(0, 8), min_size=1, max_size=8),
    seed=st.integers(0, 1000),
)
def test_the_order_is_never_broken_and_the_need_is_met(ranks: list[int], needs: list[float], seed: int):
    rng = np.random.default_rng(seed)
    rota = Rota([Circuit(f"c{k}", rank) for k, rank in enumerate(ranks)], least_h=0.5)
    rank = np.array(ranks)
    for need in needs:
        load = rng.uniform(0.05, 1.0, len(ranks))
        turn = rota.turn(need, load, 0.25)
        assert turn.shed_mw >= min(need, load.sum()) - 1e-9
        assert turn.missing_mw == pytest.approx(max(0.0, need - load.sum()), abs=1e-9)
        for high in set(ranks):
            if turn.off[rank == high].any():
                assert turn.off[rank > high].all()


@settings(max_examples=30, deadline=None)
@given(count=st.integers(2, 9), need=st.floats(0.1, 8), turns=st.integers(1, 40))
def test_equals_are_treated_alike(count: int, need: float, turns: int):
    """Alike in all but name, nobody is without power for more than one interval longer than another."""
    rota = Rota([Circuit(f"c{k}") for k in range(count)])
    for _ in range(turns):
        rota.turn(need, np.ones(count), 0.25)
    assert rota.hours_off.max() - rota.hours_off.min() <= 0.25 + 1e-9


def test_bad_circuits_are_refused():
    with pytest.raises(OutOfRange, match="used twice: a"):
        Rota([Circuit("a"), Circuit("a")])
    with pytest.raises(OutOfRange, match="Ranks below zero: b"):
        Rota([Circuit("b", -1)])
