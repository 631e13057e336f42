"""Rainflow: the cycles of a history with their depth, their middle and where they begin and end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.kernel.rainflow import count_cycles
from gridloop.units import FloatArray, IntArray


@dataclass(frozen=True)
class Cycles:
    """Cycles as arrays. [cycle]

    depth       range between the two turning points
    middle      half way between them
    count       1 for a closed cycle, 0.5 for a range of the residue
    start, end  steps at which the range begins and ends
    """

    depth: FloatArray
    middle: FloatArray
    count: FloatArray
    start: IntArray
    end: IntArray


def cycles_of(x: FloatArray) -> Cycles:
    """Cycles of a history [step] without gaps; the residue counts as half cycles."""
    x = np.ascontiguousarray(x, dtype=float)
    start, end = np.empty(x.size, dtype=np.int64), np.empty(x.size, dtype=np.int64)
    count = np.empty(x.size)
    found = int(count_cycles(x, start, end, count))
    start, end, count = start[:found].copy(), end[:found].copy(), count[:found].copy()
    first, second = x[start], x[end]
    return Cycles(np.abs(second - first), (first + second) / 2.0, count, start, end)


def rainflow(values: pd.Series | FloatArray, *, repeating: bool = False) -> pd.DataFrame:
    """Cycles of a history: one row each with `depth`, `middle`, `count`, `start` and `end`.

    values     the history, [step]; turning points or everything between them, which changes nothing
    repeating  the history comes again and again: it is read from its highest point round to the same point, so that
               every cycle closes (the largest comes as its two halves). Otherwise what does not close counts half

    `start` and `end` are labels of a series, positions in an array. The sum of 2 · depth · count is the way that the
    history goes up and down.
    Raises `GapInSeries` where values are missing, `OutOfRange` for more than one dimension or nothing at all.
    Source: ASTM E1049-85 (2017), 5.4.4 rainflow counting; 5.4.5 for repeating histories.
    """
    x = np.asarray(values, dtype=float)
    if x.ndim != 1 or x.size == 0:
        raise OutOfRange(f"Rainflow counts one history of values; this has the shape {x.shape}.", shape=x.shape)
    missing = int((~np.isfinite(x)).sum())
    if missing:
        raise GapInSeries(
            f"{missing} of {x.size} values of the history are missing. Fill them by name.", missing=missing
        )
    shift = int(np.argmax(x)) if repeating else 0
    found = cycles_of(np.append(np.roll(x, -shift), x[shift]) if repeating else x)
    labels = values.index if isinstance(values, pd.Series) else pd.RangeIndex(x.size)
    return pd.DataFrame(
        {
            "depth": found.depth,
            "middle": found.middle,
            "count": found.count,
            "start": labels[(found.start + shift) % x.size],
            "end": labels[(found.end + shift) % x.size],
        }
    )
