"""A station over a horizon as arrays: what every set of machines gives and takes, and what air and pressure cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridloop.optimize.commitment.least_times import state_now, states
from gridloop.optimize.compressors.machine import ATMOSPHERE_BAR, REFERENCE_BAR
from gridloop.optimize.devices.compressor_station import CompressorStation
from gridloop.units import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Pieces:
    """The curve of a machine at the station's least pressure: idle kW, and pieces of flow with kW per m³/min."""

    idle_kw: float
    width: FloatArray
    slope: FloatArray


@dataclass(frozen=True, eq=False)
class Air:
    """A station over a horizon. Flows in m³/min, pressure in bar gauge, powers in kW.

    hours, demand, reserve, grow, store  [step]  demand without leaks; flow to spare; kW per bar above low; m³/min that
                  raise the pressure by 1 bar within the interval
    leak_constant, leak_per_bar  leaks are constant + per_bar · mean pressure
    low, high, first, end        band, pressure at the begin, least pressure at the end
    pieces        by machine
    """

    hours: FloatArray
    demand: FloatArray
    reserve: FloatArray
    grow: FloatArray
    store: FloatArray
    leak_constant: float
    leak_per_bar: float
    low: float
    high: float
    first: float
    end: float
    pieces: list[Pieces]

    @classmethod
    def of(cls, station: CompressorStation, hours: FloatArray) -> Air:
        """The arrays of a station."""
        made = []
        for machine in station.machines:
            flow, kw = machine.curve
            at = machine.at(station.min_bar)
            made.append(Pieces(float(kw[0]) * at, np.diff(flow), at * np.diff(kw) / np.diff(flow)))
        return cls(
            hours=hours,
            demand=np.asarray(station.demand_m3_per_min, dtype=float),
            reserve=station.reserve(hours),
            grow=station.kw_per_bar(),
            store=station.volume_m3 / REFERENCE_BAR / (60.0 * hours),
            leak_constant=station.leak_per_bar * ATMOSPHERE_BAR,
            leak_per_bar=station.leak_per_bar,
            low=station.min_bar,
            high=station.max_bar,
            first=station.begins_bar,
            end=station.end_bar(hours),
            pieces=made,
        )

    @property
    def of_end(self) -> FloatArray:
        """Air that an interval needs for each bar at its end. [step]"""
        return 0.5 * self.leak_per_bar + self.store

    @property
    def of_begin(self) -> FloatArray:
        """The same for each bar at its begin: negative where the receiver is large. [step]"""
        return 0.5 * self.leak_per_bar - self.store

    def needed(self, end: FloatArray) -> FloatArray:
        """Air that machines have to give for pressures at the ends of the intervals. [step]"""
        begin = np.concatenate([[self.first], end[:-1]])
        return np.asarray(self.demand + self.leak_constant + self.of_begin * begin + self.of_end * end)

    def mean_bar(self, end: FloatArray) -> FloatArray:
        """Mean pressure of every interval. [step]"""
        return np.asarray(0.5 * (np.concatenate([[self.first], end[:-1]]) + end))


@dataclass(frozen=True, eq=False)
class Sets:
    """Every set of machines: bit k of its number is machine k.

    idle    [set]  kW at no air
    flow, kw  [set, point]  air from nothing to all, the cheapest first, and kW beyond idle; the last point is repeated
    points  [set]  how many there are
    slope   [set, point − 1]  kW per m³/min of each piece
    """

    idle: FloatArray
    flow: FloatArray
    kw: FloatArray
    points: IntArray
    slope: FloatArray

    @classmethod
    def of(cls, air: Air) -> Sets:
        """All sets of the machines of a station."""
        machines = len(air.pieces)
        owner = np.concatenate([np.full(p.width.size, k) for k, p in enumerate(air.pieces)])
        width = np.concatenate([p.width for p in air.pieces])
        slope = np.concatenate([p.slope for p in air.pieces])
        order = np.argsort(slope, kind="stable")
        n, most = 1 << machines, width.size + 1
        idle, points = np.zeros(n), np.ones(n, dtype=np.int64)
        flow, kw, slopes = np.zeros((n, most)), np.zeros((n, most)), np.zeros((n, most - 1))
        for s in range(n):
            mine = order[(s >> owner[order]) & 1 == 1]
            idle[s] = sum(air.pieces[k].idle_kw for k in range(machines) if (s >> k) & 1)
            points[s] = mine.size + 1
            flow[s, 1:], kw[s, 1:] = width[mine].sum(), (width * slope)[mine].sum()
            flow[s, 1 : points[s]], kw[s, 1 : points[s]] = width[mine].cumsum(), (width * slope)[mine].cumsum()
            slopes[s, : mine.size] = slope[mine]
        return cls(idle, flow, kw, points, slopes)

    def power(self, sets: IntArray, air: FloatArray) -> FloatArray:
        """Least kW of these sets for so much air, idle included. [step]"""
        return np.array([
            self.idle[s] + np.interp(a, self.flow[s, : self.points[s]], self.kw[s, : self.points[s]])
            for s, a in zip(sets, air, strict=True)
        ])  # fmt: skip


@dataclass(frozen=True, eq=False)
class Joint:
    """States of all machines together, as the search takes them.

    after, is_on  [machine, own state, …]; count, stride [machine]; pattern [state]  the set that runs; now: the state
    """

    after: IntArray
    is_on: BoolArray
    count: IntArray
    stride: IntArray
    pattern: IntArray
    now: int

    @classmethod
    def of(cls, station: CompressorStation, hours: FloatArray) -> Joint:
        """The states that least times make."""
        up, down = station.least_times(hours)
        own = [states(int(a), int(b)) for a, b in zip(up, down, strict=True)]
        count = np.array([s.on.size for s in own], dtype=np.int64)
        widest = int(count.max())
        after = np.full((count.size, widest, 2), -1, dtype=np.int64)
        is_on = np.zeros((count.size, widest), dtype=bool)
        for k, s in enumerate(own):
            after[k, : s.on.size], is_on[k, : s.on.size] = s.after, s.on
        stride = np.concatenate([[1], np.cumprod(count)[:-1]]).astype(np.int64)
        every = np.arange(int(np.prod(count)))
        pattern = np.zeros(every.size, dtype=np.int64)
        for k in range(count.size):
            pattern |= is_on[k, (every // stride[k]) % count[k]].astype(np.int64) << k
        # Of a least time that is not over, as much is past as what is left makes whole.
        left = np.sum(station.held(hours), axis=(0, 2))
        now = sum(
            state_now(m.on_before, float((up if m.on_before else down)[k] - left[k]), int(up[k]), int(down[k]))
            * int(stride[k])
            for k, m in enumerate(station.machines)
        )
        return cls(after, is_on, count, stride, pattern, int(now))
