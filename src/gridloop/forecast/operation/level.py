"""Levels: values that are too large or too small for their point, as a wrong unit makes them, or below zero.

A point that is never near zero and keeps its hours is compared with the median of the same hour of the week. Any other
(sun, wind) is compared with the largest value it ever had, and its highest values of a day, of three days and of a week
with the lowest such ones.
"""

from __future__ import annotations

from typing import Self

import numpy as np

from gridloop.forecast.known.local import local_slots
from gridloop.forecast.known.past import Past
from gridloop.units import BoolArray, FloatArray, IntArray

STEADY = 0.05
"""A point whose values are nearly all above this share of their mean is steady: a ratio says how far off one is."""

FEW = 0.001
"""Share of the history that may lie outside of what is usual, on either side."""

MOST, TIMES, MORE = 0.02, 3.0, 0.1
"""What all but the outermost 2 % on a side keep is taken so many times from the median, and so much more, in logarithms
(10 %): a week of nonsense in two years of training changes nothing."""

TOO_LARGE, TOO_SMALL = 1.5, 0.3
"""Of points that are not steady: times the largest value, and times the lowest highest value of a window."""

WINDOW_DAYS = (1, 3, 7)
LEAST_WINDOWS = 60
"""Windows, side by side, below which their lowest is no habit: what rests for three days may do so once a season."""

LEAST_DAYS = 28
"""Days of training below which the habit of a point is not known, and its values are not judged."""

NEGATIVE = 0.05
"""Share of the mean below zero that is a plant's own consumption."""


class Level:
    """What is usual for each point, in logarithms of the ratio to the same hour of the week, or by its extremes.

    blind  points whose history is too short: their values are not judged
    """

    kind = "unit"

    def __init__(self, zone: str) -> None:
        self.zone = zone
        self.blind: tuple[str, ...] = ()

    def fit(self, past: Past) -> Self:
        """Learn what is usual. Points without a value are never found."""
        points = len(past.points)
        hour = self._hour(past)
        self._profile = np.full((168, points), np.nan)
        self._low, self._high = np.full(points, -np.inf), np.full(points, np.inf)
        self._largest = np.full(points, np.inf)
        self._least = np.zeros((len(WINDOW_DAYS), points))
        short = len(past.values) < LEAST_DAYS * past.per_day
        self.blind = past.points if short else ()
        for p in range(0 if short else points):
            x = past.values[:, p]
            known = np.isfinite(x)
            if not known.any():
                continue
            steady = np.quantile(x[known], MOST) > STEADY * np.median(x[known])
            if not (steady and self._fit_ratio(p, x, hour)):
                self._largest[p] = TOO_LARGE * max(np.quantile(x[known], 1.0 - FEW / 10.0), 0.0)
                for k, days in enumerate(WINDOW_DAYS):
                    highest = _highest(x, days * past.per_day)
                    highest = highest[np.isfinite(highest)]
                    if len(highest) > LEAST_WINDOWS * days * past.per_day:
                        self._least[k, p] = TOO_SMALL * max(np.quantile(highest, FEW), 0.0)
        return self

    def _fit_ratio(self, p: int, x: FloatArray, hour: IntArray) -> bool:
        """Whether the ratio tells: whether a factor of ten stands out."""
        every = np.nanmedian(x)
        for h in range(168):
            here = x[hour == h]
            here = here[np.isfinite(here)]
            self._profile[h, p] = np.median(here) if len(here) else every
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.log(x / self._profile[hour, p])
        low, middle, high = np.quantile(ratio[np.isfinite(ratio)], [MOST, 0.5, 1.0 - MOST])
        low, high = middle - TIMES * (middle - low) - MORE, middle + TIMES * (high - middle) + MORE
        if max(-low, high) > np.log(10.0):
            self._profile[:, p] = np.nan
            return False
        self._low[p], self._high[p] = low, high
        return True

    def rows(self, past: Past) -> BoolArray:
        """The rows [time, point] that are too large or too small."""
        x = past.values
        known = np.isfinite(x)
        bad: BoolArray = x > self._largest
        steady = np.isfinite(self._low)
        if steady.any():
            own, profile = x[:, steady], self._profile[self._hour(past)][:, steady]
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = np.where(
                    own > 0.0, np.log(own / profile), np.where(np.isfinite(own + profile), -np.inf, np.nan)
                )
            bad[:, steady] |= (ratio < self._low[steady]) | (ratio > self._high[steady])
        for k, days in enumerate(WINDOW_DAYS):
            for p in np.flatnonzero(self._least[k] > 0.0):
                left = np.where(bad[:, p], np.nan, x[:, p])
                bad[:, p] |= _in_low_window(left, days * past.per_day, self._least[k, p])
        return np.asarray(bad & known)

    def text(self, past: Past, point: int, rows: BoolArray) -> str:
        """What was seen, in a sentence; the factor where the point is steady."""
        values = past.values[rows, point]
        profile = self._profile[self._hour(past)[rows], point]
        said = f"{past.points[point]}: {int(rows.sum())} values around {np.median(values):.3g} MW"
        if not np.isfinite(profile).all():
            return f"{said} are too large or too small for this point."
        return f"{said} are {np.median(values / profile):.3g} times what is usual at these hours."

    def _hour(self, past: Past) -> IntArray:
        """Hour of the local week of every row. [time]"""
        local = local_slots(past, past.first + np.arange(len(past.values)), self.zone)
        return np.asarray(local * 24 // past.per_day % 168)


class Negative:
    """Values below zero, of points that were never much below it."""

    kind = "negative"

    def fit(self, past: Past) -> Self:
        """Learn how far below zero each point may be."""
        known = np.isfinite(past.values)
        mean = np.abs(np.where(known, past.values, 0.0)).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        lowest = np.where(known, past.values, 0.0).min(axis=0, initial=0.0)
        self._lowest = np.where(lowest < -NEGATIVE * mean, -np.inf, -NEGATIVE * mean)
        return self

    def rows(self, past: Past) -> BoolArray:
        """The rows [time, point] below what may be."""
        return np.asarray(past.values < self._lowest)

    def text(self, past: Past, point: int, rows: BoolArray) -> str:
        """What was seen, in a sentence."""
        lowest = past.values[rows, point].min()
        return f"{past.points[point]}: {int(rows.sum())} values below zero, down to {lowest:.3g} MW."


def _highest(x: FloatArray, steps: int) -> FloatArray:
    """The largest known value of every window of `steps` rows; NaN where more than a tenth is a gap. [time − steps]"""
    if len(x) < steps:
        return np.empty(0)
    window = np.where(np.isfinite(x), x, -np.inf)
    width = 1
    while 2 * width <= steps:  # the largest of twice as many rows is the larger of two
        window = np.maximum(window[:-width], window[width:])
        width *= 2
    last = len(x) - steps + 1
    highest = np.maximum(window[:last], window[steps - width : steps - width + last])
    count = np.cumsum(np.r_[0, ~np.isfinite(x)])
    gaps = count[steps:] - count[:-steps]
    return np.where(gaps <= steps // 10, highest, np.nan)


def _in_low_window(x: FloatArray, steps: int, least: float) -> BoolArray:
    """Rows within a window whose largest value is below `least`. [time]"""
    inside = np.zeros(len(x) + 1, dtype=np.int64)
    low = np.flatnonzero(_highest(x, steps) < least)
    np.add.at(inside, low, 1)
    np.add.at(inside, low + steps, -1)
    return np.asarray(np.cumsum(inside)[:-1] > 0)
