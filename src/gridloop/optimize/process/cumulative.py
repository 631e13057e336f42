"""Rows over cumulative begins: factors of Z from what depends on the begin, and rows without their zeros."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gridloop.optimize.linear import NO_VARIABLE
from gridloop.units import FloatArray, IntArray


def by_begin(values: FloatArray, axis: int) -> FloatArray:
    """c(s) − c(s+1) along an axis of begins; the last one has no next."""
    following = np.roll(values, -1, axis=axis)
    last: list[slice | int] = [slice(None)] * values.ndim
    last[axis] = -1
    following[tuple(last)] = 0.0
    return values - following


def packed(labels: IntArray, factors: FloatArray) -> tuple[IntArray, FloatArray]:
    """Labels and factors without what is zero: [row, entry that counts]."""
    used = (np.abs(factors) > 1e-12) & (labels != NO_VARIABLE)  # rounding of a difference of equal powers
    width = max(1, int(used.sum(axis=1).max(initial=0)))
    order = np.argsort(~used, axis=1, kind="stable")[:, :width]
    kept = np.take_along_axis(used, order, axis=1)
    return (
        np.where(kept, np.take_along_axis(labels, order, axis=1), NO_VARIABLE),
        np.where(kept, np.take_along_axis(factors, order, axis=1), 0.0),
    )


def alike(rows: Sequence[tuple[IntArray, FloatArray]]) -> tuple[IntArray, FloatArray]:
    """Rows of several blocks with the same width. [block, row, entry]"""
    width = max(labels.shape[1] for labels, _ in rows)
    made = [
        (np.pad(labels, ((0, 0), (0, width - labels.shape[1])), constant_values=NO_VARIABLE),
         np.pad(factors, ((0, 0), (0, width - factors.shape[1]))))
        for labels, factors in rows
    ]  # fmt: skip
    return np.stack([labels for labels, _ in made]), np.stack([factors for _, factors in made])
