"""Judge of the rules: the same station and the same use of air, second by second, whoever runs the machines."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridloop.errors import OutOfRange
from gridloop.kernel import compressor_rules as fields
from gridloop.kernel import compressor_simulation as kernel
from gridloop.optimize.compressors.rules import Cascade, EqualShares, FollowSequence, Rule, by_cost
from gridloop.optimize.devices.compressor_station import CompressorStation
from gridloop.units import BoolArray, FloatArray

CONTROLS = {"fixed": fields.FIXED, "variable": fields.VARIABLE, "modulating": fields.MODULATING}


@dataclass(frozen=True, eq=False)
class Simulated:
    """What a station did. pressure_bar [step] at the end of every step; flow_m3_per_min, p_kw, phase [step, machine]

    used     [step] m³/min; step_s: seconds of a step
    starts   of all machines
    low_bar, high_bar  the band that was to be kept
    dryer_kw taken all the time; in the energy
    phase    0 off, 1 starting, 2 running
    """

    used: FloatArray
    step_s: float
    pressure_bar: FloatArray
    flow_m3_per_min: FloatArray
    p_kw: FloatArray
    phase: NDArray[np.int8]
    starts: int
    low_bar: float
    high_bar: float
    dryer_kw: float = 0.0

    @property
    def hours(self) -> float:
        """How long it is."""
        return self.used.size * self.step_s / 3600.0

    @property
    def energy_mwh(self) -> float:
        """What machines and dryers took."""
        return float(self.p_kw.sum()) * self.step_s / 3.6e6 + self.dryer_kw * self.hours / 1000.0

    @property
    def outside_s(self) -> float:
        """How long the pressure was outside its band."""
        p = self.pressure_bar
        return float(((p < self.low_bar) | (p > self.high_bar)).sum()) * self.step_s

    def keeps(self, margin_bar: float = 0.0) -> bool:
        """Whether the band was kept all the time, so far above its lower end."""
        return self.outside_s == 0.0 and float(self.pressure_bar.min()) >= self.low_bar + margin_bar

    @property
    def run_h(self) -> FloatArray:
        """Hours of running. [machine]"""
        return np.asarray((self.phase > 0).sum(axis=0) * self.step_s / 3600.0)

    def means(self, step_s: float, start: pd.Timestamp) -> pd.DataFrame:
        """By longer intervals: power of each machine [kW], `used` [m³/min], lowest, mean and highest pressure [bar]."""
        many = round(step_s / self.step_s)
        n = self.used.size // many
        index = pd.date_range(start, periods=n, freq=pd.Timedelta(seconds=step_s), name="valid_at")

        def blocks(values: FloatArray) -> FloatArray:
            return np.asarray(values[: n * many].reshape(n, many, *values.shape[1:]))

        table = pd.DataFrame(blocks(self.p_kw).mean(axis=1), index=index)
        table.columns = [f"p_kw_{k}" for k in range(self.p_kw.shape[1])]
        bar = blocks(self.pressure_bar)
        return table.assign(
            p_kw=table.sum(axis=1) + self.dryer_kw,
            used=blocks(self.used).mean(axis=1),
            low_bar=bar.min(axis=1),
            mean_bar=bar.mean(axis=1),
            high_bar=bar.max(axis=1),
        )


@dataclass(eq=False)
class Simulator:
    """A station that goes on from where it is. `step_s` seconds of a step; pressure_bar: NaN begins where it does."""

    station: CompressorStation
    step_s: float = 10.0
    pressure_bar: float = float("nan")
    _state: FloatArray = field(init=False, repr=False)
    _estimate: FloatArray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        machines = self.station.machines
        if np.isnan(self.pressure_bar):
            self.pressure_bar = self.station.begins_bar
        self._table = np.zeros((len(machines), fields.FIELDS))
        for k, m in enumerate(machines):
            self._table[k] = (
                m.most_m3_per_min, m.least_m3_per_min, m.rated_bar, m.pressure_effect, m.start_s, m.blowdown_s,
                m.min_on_h * 3600.0, m.min_off_h * 3600.0, m.start_kwh, CONTROLS[m.control],
            )  # fmt: skip
        curves = [m.curve for m in machines]
        widest = max(flow.size for flow, _ in curves)
        self._flow, self._kw = np.zeros((len(machines), widest)), np.zeros((len(machines), widest))
        for k, (flow, kw) in enumerate(curves):
            self._flow[k, : flow.size], self._kw[k, : kw.size] = flow, kw
        self._points = np.array([flow.size for flow, _ in curves], dtype=np.int64)
        self._order = np.array(by_cost(self.station), dtype=np.int64)
        self._state = np.zeros((kernel.STATE_ROWS, len(machines)))
        on = np.array([m.on_before for m in machines])
        since = np.array([m.since_h for m in machines]) * 3600.0
        self._state[kernel.PHASE] = np.where(on, fields.RUNNING, fields.OFF)
        self._state[kernel.ON_S], self._state[kernel.OFF_S] = np.where(on, since, 0.0), np.where(on, 0.0, since)
        self._state[kernel.RUN] = self._state[kernel.LOAD] = on
        self._estimate = np.full(2, np.nan)

    @property
    def on(self) -> list[bool]:
        """Which machines run or start."""
        return [bool(phase > 0) for phase in self._state[kernel.PHASE]]

    @property
    def since_h(self) -> FloatArray:
        """For how long each has been on, or off. [machine]"""
        on = self._state[kernel.PHASE] > 0
        return np.asarray(np.where(on, self._state[kernel.ON_S], self._state[kernel.OFF_S]) / 3600.0)

    def run(self, used: FloatArray, rule: Rule, first_step: int = 0) -> Simulated:
        """Go on for as many steps as `used` [m³/min] has. first_step: of these in the sequence of the rule."""
        used = np.ascontiguousarray(used, dtype=float)
        s, n, machines = self.station, len(used), len(self.station.machines)
        if np.isnan(self._estimate).any():
            self._estimate[:] = used[0] + s.leak(self.pressure_bar)
        numbers, load, unload, planned, targets, steps, way = self._rule(rule, n + first_step)
        pressure = np.empty(n)
        flow, kw = np.empty((n, machines)), np.empty((n, machines))
        phase = np.empty((n, machines), dtype=np.int8)
        end, starts = kernel.simulate(
            used, self.step_s, s.volume_m3, s.leak_m3_per_min, s.min_bar, self._table, self._flow, self._kw,
            self._points, self._order, way, numbers, load, unload, planned, targets, steps, first_step,
            self._state,
            self._estimate, self.pressure_bar, pressure, flow, kw, phase,
        )  # fmt: skip
        self.pressure_bar = float(end)
        return Simulated(used, self.step_s, pressure, flow, kw, phase, int(starts), s.min_bar, s.max_bar, s.dryer_kw)

    def _rule(
        self, rule: Rule, steps: int
    ) -> tuple[FloatArray, FloatArray, FloatArray, BoolArray, FloatArray, int, int]:
        n = len(self.station.machines)
        numbers, none, nothing = np.zeros(fields.RULE_FIELDS), np.zeros(n), np.zeros((1, n), dtype=bool)
        no_target = np.zeros(1)
        numbers[fields.LOW] = self.station.min_bar
        if isinstance(rule, Cascade):
            numbers[fields.TARGET], numbers[fields.RUN_ON_S] = rule.target_bar, rule.run_on_s
            load, unload = (np.asarray(v, dtype=float) for v in (rule.load_bar, rule.unload_bar))
            if load.size != n:
                raise OutOfRange(f"Cascade: {load.size} pressures for {n} machines of {self.station.id}.")
            return numbers, load, unload, nothing, no_target, 1, kernel.CASCADE
        numbers[fields.HALF_BAND], numbers[fields.SPARE] = rule.half_band_bar, rule.spare_m3_per_min
        numbers[fields.SLOW_S] = rule.slow_s
        if isinstance(rule, EqualShares):
            numbers[fields.TARGET] = rule.target_bar
            return numbers, none, none, nothing, no_target, 1, kernel.EQUAL
        numbers[fields.PULL_S] = rule.pull_s
        numbers[fields.LIFT], numbers[fields.ROOM] = rule.lift_bar, rule.room_m3_per_min
        numbers[fields.LOW] = self.station.min_bar if rule.low_bar is None else rule.low_bar
        interval = round(rule.hours * 3600.0 / self.step_s)
        planned = np.ascontiguousarray(np.asarray(rule.planned, dtype=bool).T)
        if planned.shape[1] != n or planned.shape[0] * interval < steps:
            raise OutOfRange(
                f"FollowSequence: a sequence of {planned.shape[0]} intervals and {planned.shape[1]} machines for "
                f"{steps * self.step_s / 3600.0 / rule.hours:.4g} intervals and {n} machines."
            )
        if np.size(rule.target_bar) not in (1, len(planned)):
            raise OutOfRange(
                f"FollowSequence: target_bar has {np.size(rule.target_bar)} values for {len(planned)} intervals; one, "
                "or one for each."
            )
        targets = np.ascontiguousarray(np.broadcast_to(np.asarray(rule.target_bar, dtype=float).ravel(), len(planned)))
        return numbers, none, none, planned, targets, interval, kernel.SEQUENCE


def simulate(station: CompressorStation, used: FloatArray, step_s: float, rule: FollowSequence | Rule) -> Simulated:
    """A station from its beginning, run by one rule. used [step] m³/min, without leaks"""
    return Simulator(station, step_s).run(used, rule)
