"""Clocks: stamps that went off by an hour, seen in the shape of the days by a likelihood ratio and Page's test.

Equations in docs/math/forecast-operation.md. The newest values are cut into blocks of a local day each.
A block's shape is compared with that of the same times in the weeks before, once as stamped and once an hour earlier
and later; how unlike each is, is measured with the covariance that differences had in training. The evidence adds up
over the blocks until it passes a bar that it never came near in training.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from gridloop.forecast.features.calendar import local_slots, weekday
from gridloop.forecast.past import Past
from gridloop.units import BoolArray, FloatArray, IntArray

WEEKS = (7, 14, 21, 28)
LEAST_WEEKS = 4
"""How many of them must be within the history."""

LEAST_DAYS = 42
"""Days of training below which the habit of a point is not known, and its clock is not judged."""

LEAST_BAR, MOST_BAR, BEYOND = 10.0, 40.0, 1.5
"""Evidence, in natural logarithms, that is asked for: `BEYOND` times the most ever seen in training, within bounds."""

SEEN_SHARE = 0.9
"""A clock is judged only where so many of the training's days, shifted by an hour, would pass the bar in two days."""

LEAST_KNOWN = 0.8
"""Share of a block's intervals that must be known, with those they are compared with, to be evidence."""

MOST_LEVEL = 4.0
LATE, EARLY = 1, -1
"""Hours by which the stamps are off."""


@dataclass(frozen=True)
class _Blocks:
    """Blocks of a day [block, time of day] of one point, the oldest first."""

    rows: IntArray
    order: IntArray


class Clock:
    """How the days of each point look, and how much they differ.

    blind  points whose days look too alike an hour off, or whose history is too short: their clocks are not judged
    """

    kind = "shifted"

    def __init__(self, zone: str) -> None:
        self.zone = zone
        self.blind: tuple[str, ...] = ()

    def fit(self, past: Past) -> Self:
        """Learn the shapes' covariance, the bar of each point, and what changes with summer time."""
        n = past.per_day
        points = len(past.points)
        self._inverse = np.zeros((points, n, n))
        self._turn = np.zeros((points, 2, n))
        self._variance = np.ones((points, n))
        self._bar = np.full(points, np.inf)
        self._floor = np.zeros(points)
        blind = []
        for p, point in enumerate(past.points):
            x = past.values[:, p]
            known = np.isfinite(x)
            self._floor[p] = 0.2 * np.abs(x[known]).mean() if known.any() else 1.0
            if len(x) < (LEAST_DAYS + WEEKS[-1]) * n or not self._learn(past, p):
                self._bar[p] = np.inf
                blind.append(point)
        self.blind = tuple(blind)
        return self

    def _learn(self, past: Past, p: int) -> bool:
        """Whether the clock of the point can be judged."""
        n = past.per_day
        view = _View(past, p, self.zone, self._floor[p])
        blocks = view.blocks(len(past.values))
        self._turn[p] = view.turn(blocks)
        off = view.differences(blocks, 0, self._turn[p])[0]
        whole = np.isfinite(off).mean(axis=1) >= LEAST_KNOWN
        if whole.sum() < LEAST_DAYS:
            return False
        ordered = _sorted(np.nan_to_num(off[whole]), blocks.order[whole])
        cover = ordered.T @ ordered / len(ordered)
        if not np.trace(cover) > 0.0:
            return False
        share = n / (n + whole.sum())
        cover = (1.0 - share) * cover + share * np.trace(cover) / n * np.eye(n)
        self._inverse[p], self._variance[p] = np.linalg.inv(cover), np.diag(cover)
        highest = 0.0
        for hours in (LATE, EARLY):
            highest = max(highest, _page(self._evidence(view, blocks, p, hours)).max(initial=0.0))
        self._bar[p] = np.clip(BEYOND * highest, LEAST_BAR, MOST_BAR)
        for hours in (LATE, EARLY):
            shifted = view.stamped(hours * n // 24)
            evidence = np.maximum(self._evidence(shifted, blocks, p, hours, of=view), -self._bar[p])[whole]
            if np.mean(evidence[1:] + evidence[:-1] > self._bar[p]) < SEEN_SHARE:
                return False
        return True

    def rows(self, past: Past) -> BoolArray:
        """The rows [time, point] whose stamps are an hour off."""
        bad = np.zeros(past.values.shape, dtype=bool)
        self._hours: dict[int, int] = {}
        for p in np.flatnonzero(np.isfinite(self._bar)):
            if len(past.values) >= (WEEKS[0] + 1) * past.per_day:
                bad[:, p] = self._shifted(past, int(p))
        return bad

    def text(self, past: Past, point: int, rows: BoolArray) -> str:
        """What was seen, in a sentence."""
        first = past.times(past.first + np.flatnonzero(rows)[:1])[0]
        word = "late" if self._hours.get(point, LATE) == LATE else "early"
        return f"{past.points[point]}: since about {first:%Y-%m-%d %H:%M} UTC the stamps look an hour {word}."

    def _shifted(self, past: Past, p: int) -> BoolArray:
        """Rows [time] of one point: found stretch by stretch, each time without those found before as a template."""
        view = _View(past, p, self.zone, self._floor[p])
        known = np.flatnonzero(np.isfinite(view.x))
        bad = np.zeros(len(view.x), dtype=bool)
        if not len(known):
            return bad
        blocks = view.blocks(int(known[-1]) + 1)
        for _ in range(len(blocks.rows)):
            before = view.without(bad)
            new = np.zeros_like(bad)
            for hours in (LATE, EARLY):
                evidence = self._evidence(view, blocks, p, hours, of=before)
                for first, last in _stretches(evidence, self._bar[p]):
                    start = self._start(view, before, blocks, first, p, hours)
                    # the day that is not over yet goes with the newest one that is
                    end = len(new) if last == len(blocks.rows) - 1 else blocks.rows[last, -1] + 1
                    new[start:end] = True
                    self._hours[p] = hours
            if not (new & ~bad).any():
                return bad
            bad |= new
        return bad

    def _evidence(self, view: _View, blocks: _Blocks, p: int, hours: int, of: _View | None = None) -> FloatArray:
        """How much more likely each block is with stamps `hours` off than as stamped, as a logarithm. [block]

        of  where the templates are taken from; None: the same
        """
        lag = hours * len(self._variance[p]) // 24
        right = view.differences(blocks, 0, self._turn[p], of)
        wrong = view.differences(blocks, lag, self._turn[p], of)
        gaps = ~(np.isfinite(right).all(axis=0) & np.isfinite(wrong).all(axis=0))
        weak = gaps.mean(axis=1) > 1.0 - LEAST_KNOWN

        def unlike(off: FloatArray) -> FloatArray:
            """The Mahalanobis distance to the nearest template. [block]"""
            distances = []
            for one in off:
                e = _sorted(np.where(gaps, 0.0, one), blocks.order)
                distances.append(np.einsum("bi,ij,bj->b", e, self._inverse[p], e))
            return np.asarray(np.min(distances, axis=0))

        return np.where(weak, 0.0, (unlike(right) - unlike(wrong)) / 2.0)

    def _start(self, view: _View, before: _View, blocks: _Blocks, first: int, p: int, hours: int) -> int:
        """The likeliest row at which stamps went off: within the first block that shows it, or the one before."""
        n = len(self._variance[p])
        near = np.arange(max(0, first - 1), first + 1)
        part = _Blocks(blocks.rows[near], blocks.order[near])
        right = view.differences(part, 0, self._turn[p], before)[0].ravel()
        wrong = view.differences(part, hours * n // 24, self._turn[p], before)[0].ravel()
        variance = np.empty((len(near), n))
        np.put_along_axis(variance, part.order, np.broadcast_to(self._variance[p], variance.shape), axis=1)
        gain = np.nan_to_num((right**2 - wrong**2) / variance.ravel())
        rest = np.cumsum(gain[::-1])[::-1]
        return int(part.rows.ravel()[int(np.argmax(rest))])


class _View:
    """The values of one point, and the same times of the weeks before on the local clock."""

    def __init__(self, past: Past, p: int, zone: str, floor: float, x: FloatArray | None = None) -> None:
        self._past, self._p, self._zone, self._floor = past, p, zone, floor
        self.x = past.values[:, p] if x is None else x
        rows = np.arange(len(self.x))
        self.local = local_slots(past, past.first + rows, zone)
        self._offset = self.local - past.first - rows

    def without(self, bad: BoolArray) -> _View:
        """The same with gaps."""
        return _View(self._past, self._p, self._zone, self._floor, np.where(bad, np.nan, self.x)) if bad.any() else self

    def stamped(self, late: int) -> _View:
        """The same with every value stamped `late` rows later; what falls off the ends is a gap."""
        x = np.full(len(self.x), np.nan)
        x[max(0, late) : len(x) + min(0, late)] = self.x[max(0, -late) : len(x) - max(0, late)]
        return _View(self._past, self._p, self._zone, self._floor, x)

    def blocks(self, end: int) -> _Blocks:
        """All local days that are over before row `end` and for which there are weeks before."""
        n = self._past.per_day
        last = np.flatnonzero(self.local[:end] % n == n - 1)
        rows = last[last >= (WEEKS[0] + 1) * n][:, None] + np.arange(1 - n, 1)
        return _Blocks(rows, np.argsort(self.local[rows] % n, axis=1, kind="stable"))

    def differences(self, blocks: _Blocks, lag: int, turn: FloatArray, of: _View | None = None) -> FloatArray:
        """Shapes less those of two templates [template, block, time]: the same weekday, and the last Sundays.

        lag   rows by which the blocks may be stamped late: the template is taken so much earlier
        turn  [2, time of day]: what the week after a clock change adds, see `turned`
        """
        place = (self.local[blocks.rows] - lag) % self._past.per_day
        both = []
        for days in self._days(blocks):
            weeks, drift = (of or self)._weeks(blocks.rows - lag, days)
            added = np.where(drift < 0, turn[0][place], np.where(drift > 0, turn[1][place], 0.0))
            both.append(_median(self._off(blocks, weeks) - added))
        return np.stack(both)

    def turn(self, blocks: _Blocks) -> FloatArray:
        """What a clock change between a week and the template adds to its shape, on average: [way, time of day]."""
        n = self._past.per_day
        weeks, drift = self._weeks(blocks.rows, self._days(blocks)[0])
        off = self._off(blocks, weeks)
        place = np.broadcast_to(self.local[blocks.rows] % n, off.shape)
        turn = np.zeros((2, n))
        for k, way in enumerate((-1, 1)):
            here = (np.sign(drift) == way) & np.isfinite(off)
            count = np.bincount(place[here], minlength=n)
            turn[k] = np.bincount(place[here], off[here], n) / np.maximum(count, 1)
        return turn

    def _off(self, blocks: _Blocks, weeks: FloatArray) -> FloatArray:
        """Shapes of the blocks less those of weeks before, over the times that both have. [week, block, time]"""
        x = np.broadcast_to(self.x[blocks.rows], weeks.shape)
        gaps = ~(np.isfinite(x) & np.isfinite(weeks))
        return self._shape(np.where(gaps, np.nan, x)) - self._shape(np.where(gaps, np.nan, weeks))

    def _days(self, blocks: _Blocks) -> tuple[IntArray, IntArray]:
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


def _sorted(blocks: FloatArray, order: IntArray) -> FloatArray:
    """Blocks from midnight to midnight of the local clock, whenever they began."""
    return np.take_along_axis(blocks, order, axis=1)


def _page(evidence: FloatArray) -> FloatArray:
    """Page's sum: evidence added up, never below zero. [block]"""
    total, sums = 0.0, np.zeros(len(evidence))
    for k, one in enumerate(evidence):
        total = max(0.0, total + one)
        sums[k] = total
    return sums


def _stretches(evidence: FloatArray, bar: float) -> list[tuple[int, int]]:
    """First and last blocks of every stretch whose sum passed the bar; it ends when as much speaks against it."""
    found = []
    total, first, sure, last = 0.0, 0, False, 0
    for k, one in enumerate(evidence):
        if total <= 0.0:
            total, first = 0.0, k
        total = min(total + one, 2.0 * bar)
        sure = sure or total > bar
        if one > 0.0:
            last = k
        if sure and total <= 0.0:
            found.append((first, last))
            sure = False
    if sure:
        found.append((first, len(evidence) - 1))
    return found
