"""Clocks: stamps that went off by an hour, seen in the shape of the days by a likelihood ratio and Page's test.

Equations in docs/math/forecast-operation.md. The newest values are cut into blocks of a local day each.
A block's shape is compared with that of the same times in the weeks before, once as stamped and once an hour earlier
and later; how unlike each is, is measured with the covariance that differences had in training. The evidence adds up
over the blocks until it passes a bar that it never came near in training.
"""

from __future__ import annotations

from collections.abc import Collection
from hashlib import blake2b
from typing import Self

import numpy as np

from gridloop.forecast.known.past import Past
from gridloop.forecast.operation.clock_days import WEEKS, Blocks, Days
from gridloop.units import BoolArray, FloatArray, IntArray

LEAST_DAYS = 42
"""Days of training below which the habit of a point is not known, and its clock is not judged."""

LEAST_BAR, MOST_BAR, BEYOND = 10.0, 40.0, 1.5
"""Evidence, in natural logarithms, that is asked for: `BEYOND` times the most ever seen in training, within bounds."""

SEEN_SHARE = 0.9
"""A clock is judged only where so many of the training's days, shifted by an hour, would pass the bar in two days."""

LEAST_KNOWN = 0.8
"""Share of a block's intervals that must be known, with those they are compared with, to be evidence."""

LATE, EARLY = 1, -1
"""Hours by which the stamps are off."""

OPEN = -1
"""End of a stretch that goes on beyond the newest whole day."""

Stretch = tuple[int, int, int]
"""First row, row after the last (or `OPEN`), and hours by which the stamps are off."""


class Clock:
    """How the days of each point look, and how much they differ.

    zone    of the local clock
    by_utc  points that do not know summer time, as the sun does not
    blind   points whose days look too alike an hour off, or whose history is too short: their clocks are not judged
    """

    kind = "shifted"

    def __init__(self, zone: str, *, by_utc: Collection[str] = ()) -> None:
        self.zone = zone
        self.by_utc = tuple(sorted(by_utc))
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
        self._judged: dict[int, tuple[str, list[Stretch]]] = {}
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
        view = self._days(past, p)
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
        if len(past.values) < (WEEKS[0] + 1) * past.per_day:
            return bad
        for p in np.flatnonzero(np.isfinite(self._bar)).tolist():
            for start, end, hours in self._stretches(past, p):
                bad[start : len(bad) if end == OPEN else end, p] = True
                self._hours[p] = hours
        return bad

    def text(self, past: Past, point: int, rows: BoolArray) -> str:
        """What was seen, in a sentence."""
        first = past.times(past.first + np.flatnonzero(rows)[:1])[0]
        word = "late" if self._hours.get(point, LATE) == LATE else "early"
        return f"{past.points[point]}: since about {first:%Y-%m-%d %H:%M} UTC the stamps look an hour {word}."

    def _days(self, past: Past, p: int) -> Days:
        return Days(past, p, "UTC" if past.points[p] in self.by_utc else self.zone, self._floor[p])

    def _stretches(self, past: Past, p: int) -> list[Stretch]:
        """Stretches of one point whose stamps are off.

        They hang on whole days alone, so that all issues of a day share them: what was found is kept with a digest of
        what it was found in, and looked for again when that differs.
        """
        view = self._days(past, p)
        known = np.flatnonzero(np.isfinite(view.x))
        blocks = view.blocks(int(known[-1]) + 1 if len(known) else 0)
        if not len(blocks.rows):
            return []
        end = int(blocks.rows[-1, -1]) + 1
        seen = blake2b(np.ascontiguousarray(view.x[:end]).tobytes(), digest_size=16, salt=b"%d" % past.first)
        if self._judged.get(p, ("", []))[0] != seen.hexdigest():
            self._judged[p] = (seen.hexdigest(), self._found(view, blocks, p))
        return self._judged[p][1]

    def _found(self, view: Days, blocks: Blocks, p: int) -> list[Stretch]:
        """Found stretch by stretch, each time without those found before as a template."""
        bad = np.zeros(len(view.x), dtype=bool)
        stretches: list[Stretch] = []
        for _ in range(len(blocks.rows)):
            before = view.without(bad)
            new = np.zeros_like(bad)
            for hours in (LATE, EARLY):
                evidence = self._evidence(view, blocks, p, hours, of=before)
                for first, last in _passed(evidence, self._bar[p]):
                    start = self._start(view, before, blocks, first, p, hours)
                    # the day that is not over yet goes with the newest one that is
                    end = OPEN if last == len(blocks.rows) - 1 else int(blocks.rows[last, -1]) + 1
                    new[start : len(new) if end == OPEN else end] = True
                    stretches.append((start, end, hours))
            if not (new & ~bad).any():
                break
            bad |= new
        return stretches

    def _evidence(self, view: Days, blocks: Blocks, p: int, hours: int, of: Days | None = None) -> FloatArray:
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
                distances.append(((e @ self._inverse[p]) * e).sum(axis=1))
            return np.asarray(np.min(distances, axis=0))

        return np.where(weak, 0.0, (unlike(right) - unlike(wrong)) / 2.0)

    def _start(self, view: Days, before: Days, blocks: Blocks, first: int, p: int, hours: int) -> int:
        """The likeliest row at which stamps went off: within the first block that shows it, or the one before."""
        n = len(self._variance[p])
        near = np.arange(max(0, first - 1), first + 1)
        part = Blocks(blocks.rows[near], blocks.order[near])
        right = view.differences(part, 0, self._turn[p], before)[0].ravel()
        wrong = view.differences(part, hours * n // 24, self._turn[p], before)[0].ravel()
        variance = np.empty((len(near), n))
        np.put_along_axis(variance, part.order, np.broadcast_to(self._variance[p], variance.shape), axis=1)
        gain = np.nan_to_num((right**2 - wrong**2) / variance.ravel())
        rest = np.cumsum(gain[::-1])[::-1]
        return int(part.rows.ravel()[int(np.argmax(rest))])


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


def _passed(evidence: FloatArray, bar: float) -> list[tuple[int, int]]:
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
