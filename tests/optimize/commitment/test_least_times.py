"""Least times: the rows and the states of a search allow the same schedules, those that a pencil allows."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from gridloop.optimize.commitment.least_times import held_before, state_now, states, switching_rows

STEPS = 6


def by_pencil(u: tuple[int, ...], on: bool, since: int, up: int, down: int) -> bool:
    """Every run and rest that ends within the horizon lasts as long as it must; what is before counts."""
    state, lasted = on, since
    for now in u:
        if bool(now) == state:
            lasted += 1
            continue
        if lasted < (up if state else down):
            return False
        state, lasted = bool(now), 1
    return True


def by_rows(u: tuple[int, ...], on: bool, since: int, up: int, down: int) -> bool:
    value = np.array(u, dtype=float)
    change = np.diff(np.concatenate([[float(on)], value]))
    x = np.concatenate([value, np.maximum(change, 0), np.maximum(-change, 0)])
    columns = np.arange(3 * STEPS).reshape(3, STEPS)
    stays_on, stays_off = held_before(np.array([on]), np.array([float(since)]), np.array([up]), np.array([down]), STEPS)
    if (value[stays_on[0]] < 1).any() or (value[stays_off[0]] > 0).any():
        return False
    for rows in switching_rows(*columns, float(on), up, down):
        total = np.zeros(STEPS)
        for labels, factor in rows.terms:
            total += np.where(labels >= 0, factor * x[labels], 0.0)
        if (total > np.asarray(rows.upper) + 1e-12).any() or (total < np.asarray(rows.lower) - 1e-12).any():
            return False
    return True


def by_states(u: tuple[int, ...], on: bool, since: int, up: int, down: int) -> bool:
    machine, state = states(up, down), state_now(on, since, up, down)
    for now in u:
        state = int(machine.after[state, now])
        if state < 0:
            return False
        assert machine.on[state] == bool(now)
    return True


@pytest.mark.parametrize(("up", "down"), [(1, 1), (2, 1), (1, 3), (3, 2), (8, 2)])
@pytest.mark.parametrize(("on", "since"), [(True, 1), (True, 2), (False, 1), (False, 9)])
def test_rows_and_states_allow_what_a_pencil_allows(up: int, down: int, on: bool, since: int):
    for u in product((0, 1), repeat=STEPS):
        allowed = by_pencil(u, on, since, up, down)
        assert by_rows(u, on, since, up, down) == allowed
        assert by_states(u, on, since, up, down) == allowed


def test_a_run_begins_in_its_first_state():
    machine = states(2, 3)
    assert machine.on.tolist() == [True, True, False, False, False]
    assert machine.start.tolist() == [True, False, False, False, False]
