"""Frozen values: one reading repeated for longer than its source ever did when all was well."""

from __future__ import annotations

from typing import Self

import numpy as np

from gridloop.forecast.known.past import Past
from gridloop.units import BoolArray, FloatArray, IntArray

LONGER, MORE = 1.5, 2
"""A run is frozen from so many times the longest usual run, and so many intervals more."""

USUAL_SHARE = 0.98
"""The longest usual run is that of all but the worst 2 % of the weeks: a history may hold a freeze itself."""


REST = 0.005
"""Share of a point's highest value at which it rests: the sun is down, or there is no wind. Rest may last a day at
least; what stands still at zero by day is found by its level."""


class Frozen:
    """How long each point repeats itself when all is well, at rest and else."""

    kind = "frozen"

    def fit(self, past: Past) -> Self:
        """Learn the longest usual runs of the points."""
        known = np.isfinite(past.values)
        high = [
            np.quantile(np.abs(x[k]), 0.999) if k.any() else 0.0 for x, k in zip(past.values.T, known.T, strict=True)
        ]
        self._rest = REST * np.array(high)
        self._limit = {rest: _limit(_longest(past, self._rest, rest=rest)) for rest in (True, False)}
        self._limit[True] = np.maximum(self._limit[True], past.per_day)
        return self

    def rows(self, past: Past) -> BoolArray:
        """The rows [time, point] that repeat for too long; the first of a run may be true and is not among them."""
        bad = np.zeros(past.values.shape, dtype=bool)
        changes = np.cumsum(past.values[1:] != past.values[:-1], axis=0)
        for p in range(len(past.points)):
            x = past.values[:, p]
            least = int(min(self._limit[True][p], self._limit[False][p]))
            if not (changes[least:, p] == changes[: max(0, len(changes) - least), p]).any():
                continue  # no run is that long
            start, length = runs(x)
            limit = np.where(np.abs(x[start]) <= self._rest[p], self._limit[True][p], self._limit[False][p])
            for k in np.flatnonzero(length > limit):
                bad[start[k] + 1 : start[k] + length[k], p] = True
        return bad

    def text(self, past: Past, point: int, rows: BoolArray) -> str:
        """What was seen, in a sentence."""
        last = np.flatnonzero(rows)[-1]
        hours = past.hours(np.array([rows.sum()]))[0]
        return f"{past.points[point]}: one value, {past.values[last, point]:g} MW, repeated for {hours:g} h."


def runs(x: FloatArray) -> tuple[IntArray, IntArray]:
    """First rows and lengths of runs of one value; a gap is a run of its own. x [time]"""
    if not len(x):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    start = np.flatnonzero(np.r_[True, x[1:] != x[:-1]])
    return start, np.diff(np.r_[start, len(x)])


def _longest(past: Past, at_most: FloatArray, *, rest: bool) -> FloatArray:
    """The longest run of nearly every week: [point]."""
    week = 7 * past.per_day
    weeks = max(1, len(past.values) // week)
    usual = np.zeros(len(past.points))
    for p in range(len(past.points)):
        x = past.values[:, p]
        start, length = runs(x)
        of_sort = (np.abs(x[start]) <= at_most[p]) == rest
        longest = np.zeros(weeks)
        np.maximum.at(longest, np.minimum(start[of_sort] // week, weeks - 1), length[of_sort])
        usual[p] = np.quantile(longest, USUAL_SHARE, method="higher") if weeks > 50 else longest.max()
    return usual


def _limit(usual: FloatArray) -> FloatArray:
    return np.asarray(np.ceil(LONGER * usual) + MORE)
