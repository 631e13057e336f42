"""What decides five minutes at a time: thermostats with set-back, and a plan corrected so that the band is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from gridloop.optimize.devices.building import Building
from gridloop.optimize.devices.given_numbers import over_steps
from gridloop.optimize.horizon import Horizon
from gridloop.units import FloatArray

PER_HOUR = 12


class Controller(Protocol):
    """Decides for every zone, five minutes at a time."""

    def ask(self, hour: int, part: int, air: FloatArray, alone: FloatArray, per_mw: FloatArray) -> FloatArray:
        """Heat per zone [MW], cold negative.

        hour, part  interval, and which five minutes of it
        air         now, as it is read; alone: expected at their end without heat; per_mw: K that a MW adds. [zone]
        """


@dataclass(frozen=True)
class Thermostat:
    """Two-point control with set-back: full heat below the band's lower end, full cold above its upper one.

    lead_h        hours before the band tightens in which it is kept already, so that rooms are ready: a fixed early
                  start, as time switches have; down to −1, later than that within its first hour
    dead_k        between on and off; the whole of it lies within the band
    """

    lead_h: float = 1.0
    dead_k: float = 0.5
    inside_k: float = 0.1

    def on(self, building: Building, horizon: Horizon) -> Switching:
        """Ready to run."""
        ahead = round(self.lead_h / float(horizon.hours[0]))
        low, high = _early(*bands_of(building, len(horizon)), ahead)
        most = most_of(building, len(horizon))
        parts = max(1, round(PER_HOUR * float(horizon.hours[0])))
        late = round(max(0.0, -self.lead_h) / float(horizon.hours[0]) * parts)
        return Switching(low, high, most[0], most[1], self.dead_k, self.inside_k, late)


@dataclass
class Switching:
    low: FloatArray
    high: FloatArray
    heat_mw: FloatArray
    cold_mw: FloatArray
    dead_k: float
    inside_k: float
    late_parts: int = 0
    state: FloatArray = field(default_factory=lambda: np.zeros(0))

    def ask(self, hour: int, part: int, air: FloatArray, alone: FloatArray, per_mw: FloatArray) -> FloatArray:
        if not self.state.size:
            self.state = np.zeros(air.size)
        low, high = self.low[:, hour], self.high[:, hour]
        if part < self.late_parts and hour > 0:  # a band that tightens here does so later in the hour
            low, high = np.minimum(low, self.low[:, hour - 1]), np.maximum(high, self.high[:, hour - 1])
        low, high = low + self.inside_k, high - self.inside_k
        middle = (low + high) / 2
        warm_off, cool_off = np.minimum(low + self.dead_k, middle), np.maximum(high - self.dead_k, middle)
        reach = np.maximum(per_mw, 1e-12)
        state = np.where(alone < low, 1.0, np.where(alone > high, -1.0, self.state))
        # Within five minutes it switches off as soon as it may, and on where it would have to.
        warm = np.clip((warm_off - alone) / reach, 0.0, self.heat_mw[:, hour])
        cool = np.clip((alone - cool_off) / reach, 0.0, self.cold_mw[:, hour])
        asked = np.where(state > 0, warm, np.where(state < 0, -cool, 0.0))
        done = ((state > 0) & (warm < self.heat_mw[:, hour])) | ((state < 0) & (cool < self.cold_mw[:, hour]))
        self.state = np.where(done, 0.0, state)
        return asked


@dataclass
class Following:
    """A plan's heat, corrected where the band would be left: the real-time rule between two plans, or without any.

    It modulates, so it has no dead band: alone, with no plan, it already takes less than a thermostat.

    heat_mw  [zone, interval]  as planned, cold negative
    """

    heat_mw: FloatArray
    low: FloatArray
    high: FloatArray
    parts: int = PER_HOUR
    inside_k: float = 0.05

    @classmethod
    def on(
        cls, building: Building, steps: int, parts: int = PER_HOUR, *, lead_h: float = 0.0, hours: float = 1.0
    ) -> Following:
        """Without a plan yet: only the band is kept, so many hours ahead; hours: of an interval."""
        low, high = _early(*bands_of(building, steps), round(lead_h / hours))
        return cls(np.zeros(low.shape), low, high, parts)

    def ask(self, hour: int, part: int, air: FloatArray, alone: FloatArray, per_mw: FloatArray) -> FloatArray:
        # The end of an interval has its band: on the way there from the one before the air moves evenly.
        before, way = max(0, hour - 1), (part + 1) / self.parts
        low = self.low[:, before] + way * (self.low[:, hour] - self.low[:, before])
        high = self.high[:, before] + way * (self.high[:, hour] - self.high[:, before])
        low = np.minimum(low + self.inside_k, (low + high) / 2)
        high = np.maximum(high - self.inside_k, (low + high) / 2)
        planned = self.heat_mw[:, hour]
        reach = np.maximum(per_mw, 1e-12)
        asked = np.clip(planned, (low - alone) / reach, (high - alone) / reach)
        # What would only undo a plan's own heat or cold is not made from the other loop.
        floor = np.where((planned < 0) | (alone > high), -np.inf, 0.0)
        roof = np.where((planned > 0) | (alone < low), np.inf, 0.0)
        return np.clip(asked, floor, roof)


def _early(low: FloatArray, high: FloatArray, ahead: int) -> tuple[FloatArray, FloatArray]:
    """Bands as tight as they get within so many intervals ahead. [zone, step]"""
    tight, roof = low.copy(), high.copy()
    for k in range(1, ahead + 1):
        tight[:, :-k] = np.maximum(tight[:, :-k], low[:, k:])
        roof[:, :-k] = np.minimum(roof[:, :-k], high[:, k:])
    return tight, roof


def bands_of(building: Building, steps: int) -> tuple[FloatArray, FloatArray]:
    """Comfort as it is, without room for forecasts. [zone, step]"""
    return (
        np.stack([over_steps(zone.min_c, steps) for zone in building.zones]),
        np.stack([over_steps(zone.max_c, steps) for zone in building.zones]),
    )


def most_of(building: Building, steps: int) -> tuple[FloatArray, FloatArray]:
    """Heat and cold that a zone can ask for: its own limit, and all that its loop has. [zone, step]"""
    found = []
    for cooling in (False, True):
        rows = []
        for zone in building.zones:
            loop = zone.cooling if cooling else zone.heating
            there = [over_steps(m.capacity_mw, steps) for m in building.machines
                     if m.cooling is cooling and m.loop == loop]  # fmt: skip
            total = np.sum(there, axis=0) if there else np.zeros(steps)
            rows.append(np.minimum(total, zone.max_cool_mw if cooling else zone.max_heat_mw))
        found.append(np.stack(rows))
    return found[0], found[1]
