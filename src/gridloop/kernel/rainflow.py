"""Rainflow counting: which closed cycles a history is made of, however they are nested.

A history is followed from turning point to turning point. Whenever the newest range is at least as large as the one
before it, that one is closed: it is counted and its two points are taken out, as if it had never been. What is never
closed is the residue, ranges that grow and then shrink; each of them counts half. (ASTM E1049-85, 5.4.4.)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gridloop.kernel.compiled import inner, outer


@inner
def _close(x: Any, stack: Any, top: int, start: Any, end: Any, whole: Any, found: int) -> tuple[int, int]:
    """Count what the newest point on the stack closes; the new height of the stack and number of cycles found."""
    while top >= 3:
        newest = abs(x[stack[top - 1]] - x[stack[top - 2]])
        before = abs(x[stack[top - 2]] - x[stack[top - 3]])
        if newest < before:
            break
        start[found], end[found] = stack[top - 3], stack[top - 2]
        if top == 3:  # it holds the first point: only half of it is there
            whole[found] = 0.5
            stack[0], stack[1] = stack[1], stack[2]
            top = 2
        else:
            whole[found] = 1.0
            stack[top - 3] = stack[top - 1]
            top -= 2
        found += 1
    return top, found


@outer
def count_cycles(x: Any, start: Any, end: Any, whole: Any) -> Any:
    """The cycles of one history, in the order in which they close; how many there are.

    x      [step]   the history; no NaN
    start  [cycle]  int64, written here: step of the turning point at which the cycle's range begins
    end    [cycle]  int64, written here: step at which it ends; range and mean are those of x[start] and x[end]
    whole  [cycle]  float64, written here: 1 for a closed cycle, 0.5 for a range of the residue

    `start`, `end` and `whole` have as many places as `x` has steps: more cycles there cannot be.
    """
    stack = np.empty(x.size, np.int64)
    top, found = 0, 0
    for i in range(x.size):
        if top == 0:
            stack[0], top = i, 1
            continue
        last = x[stack[top - 1]]
        if x[i] == last:
            continue
        if top >= 2 and (x[i] > last) == (last > x[stack[top - 2]]):
            stack[top - 1] = i  # further in the same direction: no turning point
            continue
        top, found = _close(x, stack, top, start, end, whole, found)
        stack[top] = i
        top += 1
    top, found = _close(x, stack, top, start, end, whole, found)
    for k in range(top - 1):
        start[found], end[found], whole[found] = stack[k], stack[k + 1], 0.5
        found += 1
    return found
