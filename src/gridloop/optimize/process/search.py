"""A good plan of batches to begin a search with: laid out one by one, then moved alone, in chains and at random.

The solver proves what is best; at a peak, where many batches weigh against each other, it is slow to find good plans by
itself. Moves keep every rule (windows, stages, resources, stocks), so that each plan on the way is one that could run.
The random moves are those of a fixed seed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from gridloop.optimize.devices.power_profile import HOUR
from gridloop.optimize.devices.rest import Rest
from gridloop.optimize.process.windows import SAME_H
from gridloop.units import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from gridloop.optimize.devices.process_group import ProcessGroup

ORDERS = 20  # orders in which tasks are laid out until one fits
KICKS = 200  # times that a plan is shaken, while there is time
# Money below which two plans cost the same, as a share: sums of doubles are no closer.
SAME_COST = 1e-9


def good_begins(group: ProcessGroup, rest: Rest) -> IntArray | None:
    """Begin of every task as an interval, the number of intervals for later; None where none was found. [task]"""
    board = _Board(group, rest)
    until = time.perf_counter() + rest.seconds
    rng = np.random.default_rng(0)
    begins = board.laid_out(rng)
    if begins is None:
        return None
    begins, cost = board.descended(begins, until)
    best, least = begins, cost
    for _ in range(KICKS):
        if time.perf_counter() > until:
            break
        shaken = board.shaken(best, rng)
        found, cost = board.descended(shaken, until)
        if cost < least - SAME_COST * abs(least):
            best, least = found, cost
    return best


class _Board:
    """Everything about tasks by the interval that they begin with; the last column is "later"."""

    def __init__(self, group: ProcessGroup, rest: Rest) -> None:
        self.rest, horizon = rest, rest.horizon
        n, many = len(horizon), len(group.tasks)
        self.n, self.free = n, np.flatnonzero(~group.fixed)
        self.at = np.append(horizon.waiting, np.inf)
        self.whole_h = float(horizon.hours.sum())
        self.power = np.concatenate([group.power_of, np.zeros((many, 1, n))], axis=1)
        later = group.later_price * group.energy
        self.own = np.concatenate([group.own_cost, later[:, None]], axis=1)
        self.allowed: BoolArray = np.concatenate(
            [group.could_begin, (np.isinf(group.latest_h) & ~group.fixed)[:, None]], axis=1
        )
        self.given = group.under_way.sum(axis=0)
        self.hours = np.array([task.hours for task in group.tasks])
        self.started = np.array([
            np.nan if task.started is None else (task.started - horizon.starts[0]) / HOUR for task in group.tasks
        ])  # fmt: skip
        self._links(group)
        self._resources(group)
        self._stocks(group)
        self.sets = self._sets()

    def _links(self, group: ProcessGroup) -> None:
        first, second, least, most = [], [], [], []
        for i, j, at_least, at_most in group.links():
            first.append(i)
            second.append(j)
            least.append(at_least)
            most.append(at_most)
        self.first, self.second = np.array(first, dtype=np.int64), np.array(second, dtype=np.int64)
        self.least, self.most = np.array(least), np.array(most)

    def _resources(self, group: ProcessGroup) -> None:
        """What is held of each resource by begin, and what there is left of it. Only those that can be short."""
        self.units, self.left = [], []
        holding = np.concatenate([group.holding, np.zeros((len(group.tasks), 1, self.n))], axis=1)
        self.holding = holding
        for units, capacity in group.resource_units():
            self.units.append(units)
            self.left.append(capacity - units @ group.held)
        self.unit = np.array(self.units).reshape(-1, len(group.tasks))
        self.room = np.array(self.left).reshape(-1, self.n)

    def _stocks(self, group: ProcessGroup) -> None:
        self.stock: list[tuple[FloatArray, FloatArray, float, float, float]] = []
        for p, process in enumerate(group.processes):
            mine = group.owner == p
            for name, stock in process.stocks.items():
                takes = np.array([task.takes.get(name, 0.0) for task in group.tasks]) * mine
                gives = np.array([task.gives.get(name, 0.0) for task in group.tasks]) * mine
                self.stock.append((takes, gives, stock.start, stock.least, stock.most))

    def _sets(self) -> list[IntArray]:
        """Tasks that are moved together: each alone, with all that follows it, with all before it, and hot ones."""
        found: dict[tuple[int, ...], None] = {}
        free = {int(k) for k in self.free}
        after: dict[int, list[int]] = {k: [] for k in free}
        before: dict[int, list[int]] = {k: [] for k in free}
        hot: dict[int, list[int]] = {k: [] for k in free}
        for i, j, most in zip(self.first, self.second, self.most, strict=True):
            if int(i) in free and int(j) in free:
                after[int(i)].append(int(j))
                before[int(j)].append(int(i))
                if np.isfinite(most):
                    hot[int(i)].append(int(j))
                    hot[int(j)].append(int(i))
        for k in sorted(free):
            for links in ({}, hot, after, before):
                found[tuple(sorted(_reached(k, links)))] = None
        return [np.array(each) for each in found]

    def times(self, begins: IntArray) -> FloatArray:
        """Hours from the start of the plan. begins [..., task]"""
        at = self.at[begins]
        return np.where(np.isnan(self.started), at, self.started)

    def possible(self, begins: IntArray) -> BoolArray:
        """Which of several plans keep every rule. begins [plan, task]"""
        ok: BoolArray = np.asarray(self.allowed[self.free[None, :], begins[:, self.free]].all(axis=1))
        t = self.times(begins)
        if self.first.size:
            a, b = t[:, self.first], t[:, self.second]
            with np.errstate(invalid="ignore"):
                waits = (b >= a + self.least - SAME_H) | (np.isinf(a) & np.isinf(b))
                soon = (b <= a + self.most + SAME_H) | (np.isinf(b) & (a + self.most >= self.whole_h - SAME_H))
            moves = np.isnan(self.started)[self.second]
            ok &= (waits & soon | ~moves).all(axis=1)
        rows = np.flatnonzero(ok)
        if self.unit.size and rows.size:
            ok[rows] = self._fits(begins[rows])
        for takes, gives, start, least, most in self.stock:
            rows = np.flatnonzero(ok)
            if rows.size:
                ok[rows] = self._stocked(t[rows], takes, gives, start, least, most)
        return ok

    def _fits(self, begins: IntArray) -> BoolArray:
        used = np.zeros((len(begins), len(self.room), self.n))
        for k in self.free:
            units = self.unit[:, k]
            if units.any():
                used += units[None, :, None] * self.holding[k, begins[:, k]][:, None, :]
        return np.asarray((used <= self.room[None] + SAME_H).all(axis=(1, 2)))

    def _stocked(
        self, t: FloatArray, takes: FloatArray, gives: FloatArray, start: float, least: float, most: float
    ) -> BoolArray:
        step = self.at[:-1]
        begun = (t[:, :, None] <= step + SAME_H) & (t[:, :, None] > -SAME_H)
        end = t + self.hours
        ended = (end[:, :, None] <= step + SAME_H) & (end[:, :, None] > SAME_H)
        level = start + np.einsum("k,pkt->pt", gives, ended) - np.einsum("k,pkt->pt", takes, begun)
        return np.asarray(((level >= least - SAME_H) & (level <= most + SAME_H)).all(axis=1))

    def load(self, begins: IntArray) -> FloatArray:
        """Power of all tasks. [step]"""
        return np.asarray(self.given + self.power[self.free, begins[self.free]].sum(axis=0))

    def cost(self, begins: IntArray) -> float:
        """Money, with a little for what is uneven."""
        load = self.load(begins)
        own = float(self.own[self.free, begins[self.free]].sum())
        return float(self.rest.cost(load)) + float(self.rest.even(load)) + own

    def laid_out(self, rng: np.random.Generator) -> IntArray | None:
        """Tasks one after the other, each as early as it can be; another order where one does not fit."""
        many = len(self.power)
        first = np.where(self.allowed.any(axis=1), self.allowed.argmax(axis=1), self.n)
        last = np.where(self.allowed.any(axis=1), self.n - self.allowed[:, ::-1].argmax(axis=1), self.n)
        rank = last + 1e-3 * first
        for _ in range(ORDERS):
            begins = np.full(many, self.n)
            room, placed = self.room.copy(), set(map(int, np.flatnonzero(~np.isnan(self.started))))
            todo = [int(k) for k in self.free]
            while todo:
                ready = [k for k in todo if all(int(i) in placed for i in self.first[self.second == k])]
                k = min(ready, key=lambda each: (rank[each], each), default=-1)
                at = -1 if k < 0 else self._earliest(k, begins, room)
                if at < 0:
                    break
                begins[k] = at
                room -= self.unit[:, k][:, None] * self.holding[k, at][None, :]
                placed.add(k)
                todo.remove(k)
            if not todo and self.possible(begins[None])[0]:
                return begins
            rank = last + rng.normal(0.0, 4.0, many)
        return None

    def _earliest(self, k: int, begins: IntArray, room: FloatArray) -> int:
        """The first begin that its stages and resources allow; −1 where there is none."""
        t = self.times(begins)
        mine = self.second == k
        opens = float(np.max(t[self.first[mine]] + self.least[mine], initial=-np.inf))
        closes = float(np.min(t[self.first[mine]] + self.most[mine], initial=np.inf))
        may = np.flatnonzero(self.allowed[k] & (self.at >= opens - SAME_H))
        for at in may:
            if at < self.n and self.at[at] > closes + SAME_H:
                return -1
            need = self.unit[:, k][:, None] * self.holding[k, at][None, :]
            if (need <= room + SAME_H).all():
                return int(at)
        return -1

    def neighbours(self, begins: IntArray, moved: IntArray) -> IntArray:
        """All plans in which some tasks begin so many intervals earlier or later, together. [plan, task]"""
        now = begins[moved]
        if (now == self.n).any():
            if moved.size > 1:
                return np.zeros((0, begins.size), dtype=np.int64)
            choices = np.flatnonzero(self.allowed[moved[0]])
            found = np.repeat(begins[None], choices.size, axis=0)
            found[:, moved[0]] = choices
            return found[self.possible(found)]
        shift = np.arange(-int(now.min()), self.n - int(now.max()))
        shift = shift[shift != 0]
        found = np.repeat(begins[None], shift.size, axis=0)
        found[:, moved] += shift[:, None]
        if moved.size == 1 and self.allowed[moved[0], self.n]:
            last = begins.copy()
            last[moved[0]] = self.n
            found = np.vstack([found, last])
        return found[self.possible(found)]

    def descended(self, begins: IntArray, until: float) -> tuple[IntArray, float]:
        """Moves that make it cheaper, until none does."""
        cost = self.cost(begins)
        better = True
        while better:
            better = False
            for moved in self.sets:
                if time.perf_counter() > until:
                    return begins, cost
                found = self.neighbours(begins, moved)
                if not len(found):
                    continue
                rest = self.load(begins) - self.power[moved, begins[moved]].sum(axis=0)
                loads = rest + self.power[moved[None, :], found[:, moved]].sum(axis=1)
                own = float(self.own[self.free, begins[self.free]].sum() - self.own[moved, begins[moved]].sum())
                money = self.rest.cost(loads) + self.rest.even(loads) + own
                money = money + self.own[moved[None, :], found[:, moved]].sum(axis=1)
                best = int(np.argmin(money))
                if money[best] < cost - SAME_COST * max(abs(cost), 1e-6):
                    begins, cost, better = found[best], float(money[best]), True
        return begins, cost

    def shaken(self, begins: IntArray, rng: np.random.Generator) -> IntArray:
        """A few moves at random."""
        for _ in range(int(rng.integers(2, 6))):
            moved = self.sets[int(rng.integers(len(self.sets)))]
            found = self.neighbours(begins, moved)
            if len(found):
                begins = found[int(rng.integers(len(found)))]
        return begins


def _reached(k: int, links: dict[int, list[int]]) -> set[int]:
    """Everything that links lead to."""
    found, todo = {k}, [k]
    while todo:
        for other in links.get(todo.pop(), []):
            if other not in found:
                found.add(other)
                todo.append(other)
    return found
