"""The counting kernel against a plain twin that follows the standard's text with lists."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloop.kernel.rainflow import count_cycles

# Steps of a quarter, so that equal values, plateaus and equal ranges come often.
HISTORIES = st.lists(st.integers(-8, 8).map(lambda k: k / 4.0), min_size=0, max_size=40)


def counted(x: list[float]) -> list[tuple[int, int, float]]:
    start, end = np.empty(len(x), dtype=np.int64), np.empty(len(x), dtype=np.int64)
    whole = np.empty(len(x))
    found = count_cycles(np.array(x, dtype=float), start, end, whole)
    return [(int(start[k]), int(end[k]), float(whole[k])) for k in range(found)]


def plain(x: list[float]) -> list[tuple[int, int, float]]:
    """Turning points first (the first step of a plateau), then step by step as the standard has it."""
    steps = [i for i in range(len(x)) if i == 0 or x[i] != x[i - 1]]
    turning = [
        i
        for k, i in enumerate(steps)
        if k in (0, len(steps) - 1) or (x[i] - x[steps[k - 1]]) * (x[steps[k + 1]] - x[i]) < 0
    ]
    found, read = [], []
    while True:
        if len(read) >= 3 and abs(x[read[-1]] - x[read[-2]]) >= abs(x[read[-2]] - x[read[-3]]):
            if len(read) == 3:
                found.append((read[0], read[1], 0.5))
                read = read[1:]
            else:
                found.append((read[-3], read[-2], 1.0))
                read = [*read[:-3], read[-1]]
        elif turning:
            read.append(turning.pop(0))
        else:
            return found + [(a, b, 0.5) for a, b in pairwise(read)]


@given(HISTORIES)
@settings(max_examples=300, deadline=None)
def test_the_kernel_and_its_plain_twin_find_the_same_cycles(x):
    assert counted(x) == plain(x)


def test_nothing_and_one_point_have_no_cycle():
    assert counted([]) == counted([1.0]) == counted([1.0, 1.0]) == []
