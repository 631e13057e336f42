"""Moments: for which interval a forecast is made and what is known by then; the looks into the past that respect it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridloop.forecast.known.past import Past
from gridloop.units import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class Moments:
    """Pairs of issue and interval. [moment]

    known  slot of the first interval that is not over at issue
    valid  slot of the forecast interval; never before `known`
    """

    known: IntArray
    valid: IntArray

    def __len__(self) -> int:
        return len(self.valid)

    def __getitem__(self, rows: IntArray | BoolArray) -> Moments:
        return Moments(self.known[rows], self.valid[rows])

    @property
    def lead(self) -> IntArray:
        """Steps from the issue to the interval; 0 for the one that begins at issue. [moment]"""
        return self.valid - self.known


def look(past: Past, slots: IntArray, known: IntArray) -> FloatArray:
    """Values at slots [moment, …]; NaN where the slot is not over at issue or before the history. [moment, …, point]"""
    known = known.reshape(known.shape + (1,) * (slots.ndim - known.ndim))
    row = slots - past.first
    allowed = (slots < known) & (row >= 0) & (row < len(past.values))
    if not len(past.values):
        return np.full((*slots.shape, len(past.points)), np.nan)
    values: FloatArray = past.values[np.where(allowed, row, 0)]
    values[~allowed] = np.nan
    return values


def days_back(moments: Moments, per_day: int, every: int = 1) -> IntArray:
    """The fewest days, in multiples of `every`, after which the same time of day is known. [moment]"""
    return every * (moments.lead // (per_day * every) + 1)
