"""The best sequence of a station that takes prices as they are: an exact search over machines, with a proven bound.

1. Search: dynamic programming over the states of all machines and a few levels of pressure. What it finds can be done.
2. Polish: its machines stay, a linear program finds the best pressures between the levels.
3. Bound: pressures at the begin of an interval and at the end of the one before are let differ, at the prices of stored
   air that the linear program found. Whatever the prices, no sequence costs less than the best of this looser problem,
   which a search over machines alone solves; prices are moved as long as the gap is too wide.

Derivation: docs/math/compressor.md.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from gridloop.kernel import compressor_sequence as kernel
from gridloop.optimize.commitment.program import Writer
from gridloop.optimize.compressors.air import Air, Joint, Sets
from gridloop.optimize.devices.compressor_station import CompressorStation
from gridloop.optimize.solve.milp import MixedSession
from gridloop.units import BoolArray, FloatArray, IntArray

LEVELS = 5
MOST_STATES = 300_000
"""More states of all machines together than this are left to branch and bound."""
# Values of all states that are kept at once on the way back, in numbers.
_KEPT = 12_000_000
_BOUND_ROUNDS = 12
# A round that leaves more of the gap than this was slow; after two such the bound stays as it is.
_PROGRESS = 0.97


@dataclass(frozen=True, eq=False)
class Sequence:
    """What a search found.

    on     [machine, step]; pressure_bar [step] at the end of every interval
    cost   money of energy, starts and hours; bound: no sequence costs less
    rounds how often the bound was sought
    """

    on: BoolArray
    pressure_bar: FloatArray
    cost: float
    bound: float
    rounds: int
    seconds: float

    @property
    def gap(self) -> float:
        """How much cheaper another sequence could be at most, as a share of the cost."""
        return max(0.0, self.cost - self.bound) / max(abs(self.cost), 1e-9)


def searchable(station: CompressorStation, hours: FloatArray) -> bool:
    """True where machines and least times are few enough to be searched."""
    up, down = station.least_times(hours)
    return bool(np.prod((up + down).astype(float)) <= MOST_STATES and len(station.machines) <= 8)


def best_sequence(
    station: CompressorStation,
    price: FloatArray,
    hours: FloatArray,
    *,
    gap: float | None = 0.005,
    levels: int = LEVELS,
) -> Sequence | None:
    """The cheapest sequence against prices [step, money per MWh], to a proven gap where the bound gets there.

    gap     None: no bound is sought
    levels  of pressure that the search distinguishes at first; where it finds nothing, more are taken

    For what `searchable` says. None where a demand can be met, but only between the levels; or not at all.
    """
    started = time.perf_counter()
    task = _Task(station, np.asarray(price, dtype=float), np.asarray(hours, dtype=float))
    for n in (levels, 4 * levels - 3, 16 * levels - 15):
        found_by_levels = task.search(np.linspace(task.air.low, task.air.high, n))
        if found_by_levels is not None:
            break
    else:
        return None
    best = _polished(task, *found_by_levels)
    bound, rounds = -np.inf, 0
    if gap is not None:
        best, bound, rounds = _proven(task, best, gap)
    return Sequence(best.on, best.pressure, best.cost, bound, rounds, time.perf_counter() - started)


def _proven(task: _Task, best: _Polished, gap: float) -> tuple[_Polished, float, int]:
    """A bound, and what is found on the way to it: rounds go on as long as each takes a part of the gap."""
    bound, rounds, step = -np.inf, 0, 1.0
    worth = kept = best.worth
    slow = 0
    while rounds < _BOUND_ROUNDS and slow < 2:
        rounds += 1
        found, apart, loose_on = task.loose(worth)
        other = _polished(task, loose_on, None)
        open_before = best.cost - bound
        best = other if other.cost < best.cost else best
        if found > bound:
            bound, kept = found, worth
        else:
            step *= 0.5
        slow = slow + 1 if best.cost - bound > _PROGRESS * open_before else 0
        if best.cost - bound <= gap * abs(best.cost):
            break
        # along the way in which pressures differ, as long as the rest of the gap asks
        length = step * (best.cost - found) / max(float(apart @ apart), 1e-12)
        worth = kept + length * np.concatenate([[0.0], apart, [0.0]])
    return best, bound, rounds


def cost_of(
    station: CompressorStation, price: FloatArray, hours: FloatArray, on: BoolArray, pressure_bar: FloatArray
) -> float:
    """Money of a sequence with these pressures at the ends of the intervals. on [machine, step]; price per MWh"""
    return _Task(station, np.asarray(price, dtype=float), hours).cost(on, pressure_bar)


@dataclass(frozen=True, eq=False)
class _Polished:
    on: BoolArray
    pressure: FloatArray
    cost: float
    worth: FloatArray


class _Task:
    """A station, prices and everything that is computed once for them."""

    def __init__(self, station: CompressorStation, price: FloatArray, hours: FloatArray) -> None:
        self.station = station
        self.air, self.joint = Air.of(station, hours), Joint.of(station, hours)
        self.sets = Sets.of(self.air)
        self.per_kw = price * hours / 1000.0
        machines = station.machines
        self.start_money = np.array([m.start_cost for m in machines])[None, :] + (price / 1000.0)[:, None] * np.array(
            [m.start_kwh for m in machines]
        )
        wear = station.wear_per_h()
        bits = (np.arange(self.sets.idle.size)[:, None] >> np.arange(len(machines))[None, :]) & 1
        # [step, set]: what a set costs that gives no air; infinite where one of it, or not of it, is held otherwise
        still = self.per_kw[:, None] * (self.sets.idle + station.dryer_kw)[None, :] + np.outer(hours, bits @ wear)
        on, off = (held.T.astype(np.int64) for held in station.held(hours))
        self.still = np.where(on @ (1 - bits).T + off @ bits.T > 0, np.inf, still)

    def search(self, level: FloatArray) -> tuple[BoolArray, FloatArray] | None:
        """The best machines and pressures of these levels. [machine, step], [step]; None where there are none."""
        air, n = self.air, level.size
        stage = np.repeat(self.still[:, :, None], n * n, axis=2).reshape(*self.still.shape, n, n)
        kernel.stage_costs(
            air.demand, air.reserve, self.sets.flow, self.sets.kw, self.sets.points, self.per_kw, air.grow, air.store,
            air.leak_per_bar, level, air.low, air.leak_constant, air.first, stage,
        )  # fmt: skip
        final = np.where(level >= air.end - 1e-9, 0.0, np.inf)
        found = self._best(stage, np.tile(final, (self.joint.pattern.size, 1)))
        return None if found is None else (found[0], level[found[1]])

    def _best(self, stage: FloatArray, value: FloatArray) -> tuple[BoolArray, IntArray] | None:
        """Backwards in blocks, of which only the first values are kept; then forwards, block by block again."""
        steps, joint = len(self.per_kw), self.joint
        block = max(1, min(steps, _KEPT // value.size))
        firsts = list(range(0, steps, block))
        before = {}
        none = np.zeros((0, *value.shape))
        tables = (stage, self.start_money, joint.after, joint.is_on, joint.count, joint.stride, joint.pattern)
        for first in reversed(firsts):
            before[first] = value.copy()
            if first:
                kernel.backwards(*tables, first, min(first + block, steps), value, none, False)
        on, levels = np.zeros((steps, joint.count.size), dtype=bool), np.zeros(steps, dtype=np.int64)
        state, level = joint.now, 0
        for first in firsts:
            last = min(first + block, steps)
            kept = np.empty((last - first, *value.shape))
            value = before.pop(first)
            kernel.backwards(*tables, first, last, value, kept, True)
            state, level = kernel.forwards(*tables, first, last, kept, state, level, on, levels)
            if state < 0:
                return None
        return on.T.copy(), levels

    def loose(self, worth: FloatArray) -> tuple[float, FloatArray, BoolArray]:
        """The best of the looser problem, by how much its pressures differ, and its machines."""
        air, joint = self.air, self.joint
        stage = self.still.copy()
        begin, end = np.zeros(stage.shape), np.zeros(stage.shape)
        kernel.loose_costs(
            air.demand, air.reserve, self.sets.flow, self.sets.kw, self.sets.points, self.per_kw, air.grow,
            air.of_begin, air.of_end, air.low, air.high, air.end, air.leak_constant, air.first, worth, stage, begin,
            end,
        )  # fmt: skip
        stage = stage[:, :, None, None]
        best = self._best(stage, np.zeros((joint.pattern.size, 1)))
        assert best is not None  # there is a sequence that is not even loose
        on = best[0]
        value = np.zeros((joint.pattern.size, 1))
        tables = (stage, self.start_money, joint.after, joint.is_on, joint.count, joint.stride, joint.pattern)
        kernel.backwards(*tables, 0, len(self.per_kw), value, np.zeros((0, *value.shape)), False)
        chosen = self.set_of(on)
        at = np.arange(chosen.size)
        apart = begin[at, chosen][1:] - end[at, chosen][:-1]
        return float(value[joint.now, 0]), apart, on

    def set_of(self, on: BoolArray) -> IntArray:
        """The set that runs in every interval. [step]"""
        return np.asarray((on.astype(np.int64) << np.arange(len(on))[:, None]).sum(axis=0))

    def cost(self, on: BoolArray, end: FloatArray) -> float:
        """Money of machines and pressures, each interval with its least power."""
        sets, air = self.set_of(on), self.air
        kw = self.sets.power(sets, air.needed(end)) - self.sets.idle[sets]
        kw += air.grow * (air.mean_bar(end) - air.low)
        before = np.concatenate([[[m.on_before] for m in self.station.machines], on[:, :-1]], axis=1)
        starts = float((self.start_money.T * (on & ~before)).sum())
        return float(self.still[np.arange(sets.size), sets].sum() + self.per_kw @ kw) + starts


def _polished(task: _Task, on: BoolArray, end: FloatArray | None) -> _Polished:
    """The best pressures for machines that are chosen, and what stored air is worth then.

    end  pressures that can be done, kept where the program does not get better; None: the machines may not do
    """
    air, sets, chosen = task.air, task.sets, task.set_of(on)
    steps = chosen.size
    price = np.maximum(task.per_kw, 1e-9)  # the least power also where power earns
    model = Writer()
    grow = price * air.grow
    most = np.array([sets.flow[s, -1] for s in chosen]) - air.reserve
    bar = model.add_columns(steps, cost=0.5 * (grow + np.append(grow[1:], 0.0)), lower=air.low, upper=air.high)
    counts = sets.points[chosen] - 1
    step = np.repeat(np.arange(steps), counts)
    place = np.arange(step.size) - np.repeat(np.cumsum(counts) - counts, counts)
    width = np.diff(sets.flow, axis=1)[chosen[step], place]
    x = model.add_columns(step.size, cost=price[step] * sets.slope[chosen[step], place], upper=width)
    right = air.demand + air.leak_constant
    right[0] += air.of_begin[0] * air.first
    before = np.concatenate([[-1], bar[:-1]])
    rows = model.add_rows([(bar, -air.of_end), (before, -air.of_begin)], lower=right, upper=right, n=steps)
    model.add_entries(rows[step], x, 1.0)
    kept = np.flatnonzero(air.reserve > 0.0)
    spare = model.add_rows([], upper=most[kept], n=kept.size)
    inside = np.isin(step, kept)
    model.add_entries(spare[np.searchsorted(kept, step[inside])], x[inside], 1.0)
    program = model.program()
    program.lower[bar[-1]] = air.end
    found = MixedSession(
        program.a, program.cost, program.lower, program.upper, program.row_lower, program.row_upper
    ).relax()  # fmt: skip
    if not found.solved:
        cost = np.inf if end is None else task.cost(on, end)
        return _Polished(on, np.zeros(0) if end is None else end, cost, np.zeros(steps + 1))
    pressure = np.clip(found.x[bar], air.low, air.high)
    dual = found.row_dual[rows]
    # at the end of t and at the begin of t + 1: the two differ where the pressure is at its limit
    left = dual * air.of_end + 0.5 * grow
    taken = -(dual * air.of_begin + 0.5 * grow)
    worth = np.concatenate([[0.0], 0.5 * (left[:-1] + taken[1:]), [0.0]])
    return _Polished(on, pressure, task.cost(on, pressure), worth)
