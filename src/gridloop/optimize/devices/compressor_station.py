"""Compressor stations: machines that press air into a network, a receiver that stores it, and a band to keep.

The receiver and the pipes hold volume · pressure of free air (ideal gas at one temperature). Air leaks through holes in
which the flow is choked, so that it grows with the absolute pressure. Equations: docs/math/compressor.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridloop.optimize.commitment.least_times import held_before
from gridloop.optimize.compressors.machine import ATMOSPHERE_BAR, REFERENCE_BAR, Compressor
from gridloop.optimize.devices.given_numbers import clock, finite, not_negative, positive, refuse, without_gaps
from gridloop.optimize.horizon import Horizon
from gridloop.units import BoolArray, FloatArray, IntArray

# Least times are whole intervals; one that is longer by less than this share of an interval is not rounded up.
_WHOLE = 1e-6
# Air that is missing by less than this, m³/min, is rounding.
_SAME_FLOW = 1e-9


@dataclass(frozen=True)
class CompressorStation:
    """A station with its network and receiver.

    demand_m3_per_min  free air that is used, mean of every interval [step]; without leaks
    volume_m3          receiver and network together
    min_bar, max_bar   gauge pressure of the network, kept at the end of every interval
    start_bar          pressure now; None: min_bar. A plan ends no lower than it begins, as far as machines allow
    leak_m3_per_min    what leaks at min_bar
    reserve_m3_per_min flow that machines which run could give beyond what is used: one number or [step]; where all
                       machines together have less, what they have
    dryer_kw           what dryers and fans take all the time
    balance_cost       money per hour of running for each 1,000 h that a machine is ahead of the least used one
    """

    machines: Sequence[Compressor]
    demand_m3_per_min: FloatArray
    volume_m3: float
    min_bar: float
    max_bar: float
    start_bar: float | None = None
    leak_m3_per_min: float = 0.0
    reserve_m3_per_min: FloatArray | float = 0.0
    dryer_kw: float = 0.0
    balance_cost: float = 0.0
    id: str = "air"
    bus: str = ""

    def __post_init__(self) -> None:
        without_gaps("CompressorStation", self, ("demand_m3_per_min", "reserve_m3_per_min"))
        problems = not_negative(self, ("leak_m3_per_min", "dryer_kw", "balance_cost", "min_bar"))
        problems += finite(self, ("max_bar", "start_bar"))
        if positive(self, ("volume_m3",)):
            problems.append(
                f"volume_m3 is {self.volume_m3}; receiver and network hold some air: give the volume of both, which "
                "must be above zero"
            )
        if not self.min_bar < self.max_bar:
            problems.append(
                f"min_bar is {self.min_bar:g} and max_bar {self.max_bar:g}: the band is upside down or empty; max_bar "
                f"must be above {self.min_bar:g}"
            )
        elif self.start_bar is not None and not self.min_bar <= self.start_bar <= self.max_bar:
            nearest = float(np.clip(self.start_bar, self.min_bar, self.max_bar))
            problems.append(
                f"start_bar is {self.start_bar:g}, outside the band {self.min_bar:g} … {self.max_bar:g}; "
                f"{nearest:g} would do"
            )
        demand = np.atleast_1d(np.asarray(self.demand_m3_per_min, dtype=float))
        if demand.ndim != 1 or not (demand >= 0).all() or not np.isfinite(demand).all():
            problems.append("demand_m3_per_min must be flows that are not negative")
        if not (np.asarray(self.reserve_m3_per_min) >= 0).all() or not np.isfinite(self.reserve_m3_per_min).all():
            problems.append("reserve_m3_per_min must not be negative")
        if not self.machines:
            problems.append("it has no machine")
        names = [machine.id for machine in self.machines]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            problems.append(f"machines need ids of their own; used twice: {', '.join(doubled)}")
        problems += [self._beyond_its_curve(m) for m in self.machines if not m.at(self.min_bar) > 0.0]
        refuse("CompressorStation", self, problems)

    def _beyond_its_curve(self, machine: Compressor) -> str:
        """What is wrong with a machine that would take no power at min_bar."""
        effect, below = machine.pressure_effect, machine.rated_bar - self.min_bar
        off = 100.0 * effect * below
        return (
            f"{machine.id} would take nothing at min_bar: its pressure_effect of {effect:g} and rated_bar of "
            f"{machine.rated_bar:g} say that {below:g} bar less take {off:.0f} % off its power. Give it a "
            f"rated_bar below {self.min_bar + 1.0 / effect:.4g} or a pressure_effect below {1.0 / below:.4g}"
        )

    @property
    def begins_bar(self) -> float:
        """Pressure at the beginning."""
        return self.min_bar if self.start_bar is None else self.start_bar

    @property
    def most_m3_per_min(self) -> float:
        """What all machines deliver together."""
        return sum(machine.most_m3_per_min for machine in self.machines)

    @property
    def names(self) -> list[str]:
        """Its machines as a plan names them."""
        return [f"{self.id}/{machine.id}" for machine in self.machines]

    def leak(self, bar: float) -> float:
        """What leaks at a pressure. [m³/min]"""
        return self.leak_m3_per_min * (bar + ATMOSPHERE_BAR) / (self.min_bar + ATMOSPHERE_BAR)

    @property
    def leak_per_bar(self) -> float:
        """How much more leaks for each bar. [m³/min]"""
        return self.leak_m3_per_min / (self.min_bar + ATMOSPHERE_BAR)

    @property
    def kwh_per_m3_and_bar(self) -> float:
        """kWh for each m³ and bar above min_bar: what pressure costs, at the machines' full load."""
        grows = sum(m.pressure_effect * m.full_kw for m in self.machines)
        return grows / self.most_m3_per_min / 60.0

    def kw_per_bar(self) -> FloatArray:
        """Power that each bar above min_bar costs in every interval. [step]

        Of the power that the air of the interval takes at full load: linear, where the machines' own power times
        pressure is not; the two differ in the second order.
        """
        air = np.asarray(self.demand_m3_per_min, dtype=float) + self.leak_m3_per_min
        return np.asarray(60.0 * self.kwh_per_m3_and_bar * air)

    def wear_per_h(self) -> FloatArray:
        """Money for an hour of running, balancing included. [machine]"""
        run = np.array([m.hours_run for m in self.machines])
        own = np.array([m.wear_per_h for m in self.machines], dtype=float)
        return np.asarray(own + self.balance_cost * (run - run.min()) / 1000.0)

    def least_times(self, hours: FloatArray) -> tuple[IntArray, IntArray]:
        """Least times up and down in whole intervals. [machine] each"""
        up, down = (
            np.array([max(1, int(np.ceil(getattr(m, name) / hours[0] - _WHOLE))) for m in self.machines])
            for name in ("min_on_h", "min_off_h")
        )
        return up, down

    def held(self, hours: FloatArray) -> tuple[BoolArray, BoolArray]:
        """Where least times from before the plan keep machines on, and off. [machine, step]"""
        since, up, down = (
            np.array([getattr(m, name) for m in self.machines]) / hours[0]
            for name in ("since_h", "min_on_h", "min_off_h")
        )
        before = np.array([m.on_before for m in self.machines])
        return held_before(before, since + _WHOLE, up, down, len(hours))

    def available(self, hours: FloatArray) -> FloatArray:
        """What all machines together may deliver that least times do not keep off. [step], m³/min"""
        _, off = self.held(hours)
        return np.asarray(np.array([m.most_m3_per_min for m in self.machines]) @ ~off)

    def reserve(self, hours: FloatArray) -> FloatArray:
        """The reserve that is kept: what is wanted, as far as the machines have it at every pressure. [step]

        None at all where the receiver has to help out: then all that machines have is needed.
        """
        most, demand = self.available(hours), np.asarray(self.demand_m3_per_min, dtype=float)
        left = np.clip(most - demand - self.leak(self.max_bar), 0.0, None)
        kept = np.minimum(np.broadcast_to(np.asarray(self.reserve_m3_per_min, dtype=float), left.shape), left)
        _, lacks = self._reach(most - kept, hours)
        return np.asarray(kept * float((lacks <= _SAME_FLOW).all()))

    def end_bar(self, hours: FloatArray) -> float:
        """Least pressure at the end: that of the begin, or what machines reach that keep the reserve."""
        reached, _ = self._reach(self.available(hours) - self.reserve(hours), hours)
        return min(self.begins_bar, float(reached[-1]))

    def fullest(self, hours: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Highest pressure within the band at the end of every interval, and the flow that lacks for min_bar. [step]"""
        return self._reach(self.available(hours), hours)

    def _reach(self, most: FloatArray, hours: FloatArray) -> tuple[FloatArray, FloatArray]:
        demand = np.asarray(self.demand_m3_per_min, dtype=float)
        half, constant = 0.5 * self.leak_per_bar, self.leak_per_bar * ATMOSPHERE_BAR
        bar, found, lacks = self.begins_bar, np.empty(len(hours)), np.zeros(len(hours))
        for t, h in enumerate(hours):
            store = self.volume_m3 / REFERENCE_BAR / (60.0 * h)
            reach = (most[t] - demand[t] - constant + (store - half) * bar) / (store + half)
            if reach < self.min_bar - _SAME_FLOW:
                lacks[t] = (self.min_bar - reach) * (store + half)
            bar = found[t] = float(np.clip(reach, self.min_bar, self.max_bar))
        return found, lacks

    def problems(self, horizon: Horizon) -> list[str]:
        """Why a plan is impossible, with the smallest change that would let it be."""
        wrong = [] if np.size(self.demand_m3_per_min) == len(horizon) else ["demand_m3_per_min"]
        wrong += [] if np.size(self.reserve_m3_per_min) in (1, len(horizon)) else ["reserve_m3_per_min"]
        if wrong:
            return [f"{name} has {np.size(getattr(self, name))} values for {len(horizon)} intervals" for name in wrong]
        if np.ptp(horizon.hours) > _WHOLE * horizon.hours[0]:
            return [
                f"intervals from {horizon.hours.min():g} to {horizon.hours.max():g} h: a station is planned in "
                "intervals of one length, for machines stay on and off for whole ones"
            ]
        _, lacks = self.fullest(horizon.hours)
        short = np.flatnonzero(lacks > _SAME_FLOW)
        if not short.size:
            return []
        t = int(short[0])
        _, off = self.held(horizon.hours)
        waiting = [m.id for k, m in enumerate(self.machines) if off[k, t]]
        waits = f" ({', '.join(waiting)} must stay off until then)" if waiting else ""
        return [
            f"in {short.size} of {len(horizon)} intervals no set of machines meets the demand, first at "
            f"{clock(horizon.starts[t])}: {self.demand_m3_per_min[t]:.4g} m³/min and leaks of "
            f"{self.leak_m3_per_min:.4g} m³/min are wanted, all machines give {self.most_m3_per_min:.4g} m³/min"
            f"{waits}, and the receiver is at min_bar. {lacks[t]:.4g} m³/min are missing there; {lacks.max():.4g} "
            "m³/min more, or less demand, would do in all of them"
        ]
