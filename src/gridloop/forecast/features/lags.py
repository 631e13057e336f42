"""Lags: values at the same time of earlier days, means of the newest intervals, and their spread, as known at issue."""

from __future__ import annotations

import numpy as np

from gridloop.forecast.known.local import local_slots
from gridloop.forecast.known.moments import Moments, days_back, look
from gridloop.forecast.known.past import Past
from gridloop.units import BoolArray, FloatArray, IntArray


def earlier_days(past: Past, moments: Moments, days: int, *, zone: str | None = None, every: int = 1) -> IntArray:
    """Slots of the same time of day on the newest `days` known days, newest first. [moment, day]

    zone   of the local clock; on a day after a clock change it keeps the local time. None: the UTC time
    every  7 takes the same weekday
    """
    back = days_back(moments, past.per_day, every)[:, None] + every * np.arange(days)
    slots: IntArray = moments.valid[:, None] - back * past.per_day
    if zone is None:
        return slots
    drift = (local_slots(past, moments.valid, zone) - moments.valid)[:, None] - (local_slots(past, slots, zone) - slots)
    return slots + drift


def same_time(past: Past, moments: Moments, slots: IntArray) -> FloatArray:
    """Values at `slots`; a gap takes the mean of the other days, NaN where all are gaps. [moment, day, point]"""
    values = look(past, slots, moments.known)
    gaps = np.isnan(values)
    return np.where(gaps, known_mean(values)[:, None, :], values) if gaps.any() else values


def known_mean(values: FloatArray, where: BoolArray | None = None) -> FloatArray:
    """Mean over axis 1 of what is known (and `where` it is wanted); NaN where nothing is. [moment, point]"""
    use = np.isfinite(values) if where is None else np.isfinite(values) & where[:, :, None]
    count = use.sum(axis=1)
    total = np.where(use, values, 0.0).sum(axis=1)
    mean: FloatArray = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return mean


def ranked(values: FloatArray, share: float) -> FloatArray:
    """The value of rank `share` over axis 1, without interpolation; `values` sorted along axis 1 and without gaps."""
    ranks: FloatArray = values[:, round(share * (values.shape[1] - 1))]
    return ranks


class Recent:
    """Means over the newest known intervals of each point, from running sums.

    The windows of a point end at its own last known value, so that a reading that comes late makes the lead
    longer and changes nothing else.
    """

    def __init__(self, past: Past) -> None:
        self._values = past.values
        known = np.isfinite(past.values)
        zero = np.zeros((1, len(past.points)))
        filled = np.where(known, past.values, 0.0)
        self._sum = np.vstack([zero, np.cumsum(filled, axis=0)])
        self._square = np.vstack([zero, np.cumsum(filled**2, axis=0)])
        self._count = np.vstack([zero, np.cumsum(known, axis=0)])
        row = np.where(known, np.arange(1, len(known) + 1)[:, None], 0)
        self._end = np.vstack([zero.astype(np.int64), np.maximum.accumulate(row, axis=0)])
        self._first = past.first
        self._point = np.arange(len(past.points))

    def newest(self, known: IntArray) -> IntArray:
        """Slot after the last known value of each point at issue slots; `first` where there is none. [moment, point]"""
        return self._first + self._end[np.clip(known - self._first, 0, len(self._end) - 1)]

    def last(self, known: IntArray) -> FloatArray:
        """The last known value of each point at issue slots; NaN where there is none. [moment, point]"""
        row = self.newest(known) - self._first - 1
        if not len(self._values):
            return np.full(row.shape, np.nan)
        return np.where(row >= 0, self._values[row, self._point], np.nan)

    def known_share(self, known: IntArray, steps: int) -> FloatArray:
        """Share of the `steps` intervals before issue that are known. [moment, point]"""
        stop = np.clip(known - self._first, 0, len(self._count) - 1)
        start = np.clip(known - self._first - steps, 0, len(self._count) - 1)
        share: FloatArray = (self._count[stop] - self._count[start]) / steps
        return share

    def mean(self, known: IntArray, steps: int, *, back: int = 0) -> FloatArray:
        """Mean over `steps` intervals that end `back` intervals before the newest; NaN where none is known."""
        return self._window(self._sum, known, steps, back)

    def spread(self, known: IntArray, steps: int) -> FloatArray:
        """Standard deviation over the newest `steps` intervals. [moment, point]"""
        square = self._window(self._square, known, steps, 0) - self.mean(known, steps) ** 2
        deviation: FloatArray = np.sqrt(np.maximum(square, 0.0))
        return deviation

    def _window(self, running: FloatArray, known: IntArray, steps: int, back: int) -> FloatArray:
        stop = np.maximum(self.newest(known) - self._first - back, 0)
        start = np.maximum(stop - steps, 0)
        total = running[stop, self._point] - running[start, self._point]
        count = self._count[stop, self._point] - self._count[start, self._point]
        mean: FloatArray = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
        return mean
