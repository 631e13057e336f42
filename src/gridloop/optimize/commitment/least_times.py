"""Least times: how on, start and stop of a machine hang together, for thermal units and whatever else is switched.

u on, v started, w stopped, by interval:

    u_t − u_{t−1} = v_t − w_t,     Σ_{k < up} v_{t−k} ≤ u_t,     Σ_{k < down} w_{t−k} ≤ 1 − u_t

The two sums are the convex hull of the schedules of one machine (Rajan and Takriti, "Minimum up/down polytopes of the
unit commitment problem with start-up costs", IBM Research Report RC23628, 2005). Rows come as plain families, so that
every kind of model can take them; `states` are the same rules for a search that goes interval by interval.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gridloop.units import BoolArray, FloatArray, IntArray

# One term of a family of rows: columns (−1: none) and their coefficients.
Term = tuple[IntArray, float | FloatArray]


@dataclass(frozen=True, eq=False)
class Rows:
    """A family of rows, one per interval: lower ≤ Σ terms ≤ upper. Bounds are numbers or [step]."""

    name: str
    terms: list[Term]
    lower: float | FloatArray
    upper: float | FloatArray


@dataclass(frozen=True, eq=False)
class States:
    """What a machine can be: on or off, and for how long as far as that matters.

    on      [state]       whether it runs
    after   [state, 2]    the state one interval later where it is then off (0) or on (1); −1: it may not
    start   [state]       whether this is the first interval of a run
    """

    on: BoolArray
    after: IntArray
    start: BoolArray


def later(columns: IntArray, steps: int) -> IntArray:
    """The columns of `steps` intervals later (earlier where negative), −1 beyond the horizon. [step]"""
    found = np.full(columns.size, -1)
    at = np.arange(columns.size) + steps
    inside = (at >= 0) & (at < columns.size)
    found[inside] = columns[at[inside]]
    return found


def switching_rows(u: IntArray, v: IntArray, w: IntArray, on_before: float, up: int, down: int) -> Iterator[Rows]:
    """The rows of one machine whose columns are u, v, w [step]; up, down: least times in intervals, 1 or more."""
    before = np.zeros(u.size)
    before[0] = on_before
    yield Rows("state", [(u, 1.0), (later(u, -1), -1.0), (v, -1.0), (w, 1.0)], before, before)
    yield Rows("least_up", [*((later(v, -k), 1.0) for k in range(min(up, u.size))), (u, -1.0)], -np.inf, 0.0)
    yield Rows("least_down", [*((later(w, -k), 1.0) for k in range(min(down, u.size))), (u, 1.0)], -np.inf, 1.0)


def held_before(
    on: BoolArray, since: FloatArray, up: FloatArray, down: FloatArray, steps: int
) -> tuple[BoolArray, BoolArray]:
    """Where least times that began before the horizon keep machines on, and off. [machine, step]

    on     [machine]  state before the horizon; since: for how many intervals; up, down: least times in intervals
    """
    step = np.arange(steps)[None, :]
    left_up = np.where(on, up - since, 0.0)[:, None]
    left_down = np.where(on, 0.0, down - since)[:, None]
    return step < left_up, step < left_down


def states(up: int, down: int) -> States:
    """The states of a machine with least times in intervals: `up` of running, then `down` of standing.

    State k < up has run for k + 1 intervals (the last: or longer); state up + k has stood so long likewise.
    """
    n = up + down
    on = np.arange(n) < up
    after = np.full((n, 2), -1, dtype=np.int64)
    after[:up, 1] = np.minimum(np.arange(up) + 1, up - 1)
    after[up - 1, 0] = up
    after[up:, 0] = up + np.minimum(np.arange(down) + 1, down - 1)
    after[n - 1, 1] = 0
    start = np.zeros(n, dtype=bool)
    start[0] = True
    return States(on, after, start)


def state_now(on: bool, since: float, up: int, down: int) -> int:
    """The state of `states` in which a machine is that has been on (or off) for so many intervals, 1 or more."""
    past = int(np.clip(np.floor(since + 1e-9), 1, up if on else down)) - 1
    return past if on else up + past
