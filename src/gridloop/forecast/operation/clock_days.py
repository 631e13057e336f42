"""Days as a clock is judged by them: blocks of local days, their shapes, and those of the weeks before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridloop.forecast.known.local import local_slots, weekday
from gridloop.forecast.known.past import Past
from gridloop.units import BoolArray, FloatArray, IntArray

WEEKS = (7, 14, 21, 28)
LEAST_WEEKS = 4
"""How many of them must be within the history."""

MOST_LEVEL = 4.0


@dataclass(frozen=True)
class Blocks:
    """Blocks of a day [block, time of day] of one point, the oldest first."""

    rows: IntArray
    order: IntArray


class Days:
    """The values of one point, and the same times of the weeks before on the local clock."""

    def __init__(self, past: Past, p: int, zone: str, floor: float, x: FloatArray | None = None) -> None:
        self._past, self._p, self._zone, self._floor = past, p, zone, floor
        self.x = past.values[:, p] if x is None else x
        rows = np.arange(len(self.x))
        self.local = local_slots(past, past.first + rows, zone)
        self._offset = self.local - past.first - rows

    def without(self, bad: BoolArray) -> Days:
        """The same with gaps."""
        return Days(self._past, self._p, self._zone, self._floor, np.where(bad, np.nan, self.x)) if bad.any() else self

    def stamped(self, late: int) -> Days:
        """The same with every value stamped `late` rows later; what falls off the ends is a gap."""
        x = np.full(len(self.x), np.nan)
        x[max(0, late) : len(x) + min(0, late)] = self.x[max(0, -late) : len(x) - max(0, late)]
        return Days(self._past, self._p, self._zone, self._floor, x)

    def blocks(self, end: int) -> Blocks:
        """All local days that are over before row `end` and for which there are weeks before."""
        n = self._past.per_day
        last = np.flatnonzero(self.local[:end] % n == n - 1)
        # of earlier days not all of the weeks before are within the history: they could be no evidence
        rows = last[last >= WEEKS[-1] * n][:, None] + np.arange(1 - n, 1)
        return Blocks(rows, np.argsort(self.local[rows] % n, axis=1, kind="stable"))

    def differences(self, blocks: Blocks, lag: int, turn: FloatArray, of: Days | None = None) -> FloatArray:
        """Shapes less those of two templates [template, block, time]: the same weekday, and the last Sundays.

        lag   rows by which the blocks may be stamped late: the template is taken so much earlier
        turn  [2, time of day]: what the week after a clock change adds, see `turn`
        """
        place = (self.local[blocks.rows] - lag) % self._past.per_day
        both = []
        for days in self._back(blocks):
            weeks, drift = (of or self)._weeks(blocks.rows - lag, days)
            added = np.where(drift < 0, turn[0][place], np.where(drift > 0, turn[1][place], 0.0))
            both.append(_median(self._off(blocks, weeks) - added))
        return np.stack(both)

    def turn(self, blocks: Blocks) -> FloatArray:
        """What a clock change between a week and the template adds to its shape, on average: [way, time of day]."""
        n = self._past.per_day
        weeks, drift = self._weeks(blocks.rows, self._back(blocks)[0])
        off = self._off(blocks, weeks)
        place = np.broadcast_to(self.local[blocks.rows] % n, off.shape)
        turn = np.zeros((2, n))
        for k, way in enumerate((-1, 1)):
            here = (np.sign(drift) == way) & np.isfinite(off)
            count = np.bincount(place[here], minlength=n)
            turn[k] = np.bincount(place[here], off[here], n) / np.maximum(count, 1)
        return turn

    def _off(self, blocks: Blocks, weeks: FloatArray) -> FloatArray:
        """Shapes of the blocks less those of weeks before, over the times that both have. [week, block, time]"""
        x = np.broadcast_to(self.x[blocks.rows], weeks.shape)
        gaps = ~(np.isfinite(x) & np.isfinite(weeks))
        return self._shape(np.where(gaps, np.nan, x)) - self._shape(np.where(gaps, np.nan, weeks))

    def _back(self, blocks: Blocks) -> tuple[IntArray, IntArray]:
        """How many days before a template is: the same weekday, and the Sundays. [week, block, time] each"""
        back = (weekday(self.local[blocks.rows], self._past.per_day) + 1) % 7
        weeks = np.asarray(WEEKS)[:, None, None]
        return weeks + 0 * blocks.rows, weeks - 7 + np.where(back == 0, 7, back)

    def _weeks(self, rows: IntArray, days: IntArray) -> tuple[FloatArray, IntArray]:
        """Values at the same local times `days` before, and by how many rows the clock changed since; all of a time
        are gaps where fewer than `LEAST_WEEKS` are within the history. [week, block, time]"""
        n = self._past.per_day
        target = rows - days * n
        offset = self._offset[np.clip(rows, 0, len(self.x) - 1)]
        drift = offset - self._offset[np.clip(target, 0, len(self.x) - 1)]
        at = target + drift
        inside = (at >= 0) & (at < len(self.x))
        values = np.where(inside, self.x[np.clip(at, 0, len(self.x) - 1)], np.nan)
        values[:, inside.sum(axis=0) < LEAST_WEEKS] = np.nan
        return values, drift

    def _shape(self, values: FloatArray) -> FloatArray:
        """Blocks […, time] over their means. Same shape."""
        known = np.isfinite(values)
        mean = np.where(known, values, 0.0).sum(axis=-1) / np.maximum(known.sum(axis=-1), 1)
        shape: FloatArray = (values - mean[..., None]) / np.maximum(np.abs(mean), self._floor)[..., None]
        return np.clip(shape, -MOST_LEVEL, MOST_LEVEL)


def _median(values: FloatArray) -> FloatArray:
    """Median over axis 0 of what is known; NaN where nothing is."""
    ordered = np.sort(values, axis=0)  # gaps go last
    count = np.isfinite(values).sum(axis=0)
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    pair = [np.take_along_axis(ordered, np.minimum(k, len(values) - 1)[None], axis=0)[0] for k in (low, high)]
    return np.asarray(np.where(count > 0, (pair[0] + pair[1]) / 2.0, np.nan))
