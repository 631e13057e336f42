"""Pumps: a reservoir that is filled by a pump and drawn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridloop.optimize.devices.given_numbers import (
    finite,
    not_negative,
    over_steps,
    positive,
    refuse,
    without_gaps,
    wrong_lengths,
)
from gridloop.optimize.devices.store import StoreGroup, StoreSteps
from gridloop.optimize.devices.store_problems import store_problems
from gridloop.optimize.horizon import Horizon
from gridloop.units import FloatArray


@dataclass(frozen=True)
class Pump:
    """A pump that keeps a reservoir, such as a water tower, between two levels.

    max_mw           of the pump; power in between is the mean of on and off
    m3_per_mwh       water lifted per energy: 367,000 · efficiency / head [m]
    demand_m3_per_h  [step]  what is taken, less what flows in by itself
    min_m3, max_m3   band of the content at the end of every interval
    initial_m3       content now
    outside_cost     money per m³ beyond the band and hour; None: the band is hard
    end_value        money per m³ at the end; None: it ends no emptier than it begins, as far as it can
    """

    max_mw: float
    m3_per_mwh: float
    demand_m3_per_h: FloatArray | float
    max_m3: float
    min_m3: float = 0.0
    initial_m3: float = 0.0
    outside_cost: float | None = 10.0
    end_value: float | None = None
    early_cost: float = 0.0001
    id: str = "pump"
    bus: str = ""

    def __post_init__(self) -> None:
        without_gaps("Pump", self, ("demand_m3_per_h",))
        problems = positive(self, ("m3_per_mwh",))
        problems += not_negative(self, ("max_mw", "min_m3", "max_m3", "initial_m3", "early_cost"))
        problems += finite(self, ("end_value",))
        problems += not_negative(self, ("outside_cost",)) if self.outside_cost is not None else []
        if not self.min_m3 <= self.max_m3:
            problems.append(f"min_m3 {self.min_m3} is above max_m3 {self.max_m3}")
        refuse("Pump", self, problems)

    def problems(self, horizon: Horizon) -> list[str]:
        """Series of the wrong length; a hard band that cannot be kept."""
        lengths = wrong_lengths(self, ("demand_m3_per_h",), len(horizon))
        return lengths or store_problems(self, horizon, "min_m3", "max_m3", "m³")

    def steps(self, hours: FloatArray) -> StoreSteps:
        """Its reservoir."""
        n = hours.size
        low, high = (np.full(n, end) for end in (self.min_m3, self.max_m3))
        drift = -over_steps(self.demand_m3_per_h, n) * hours
        return StoreSteps(np.ones(n), self.m3_per_mwh * hours, drift, low, high, self.initial_m3)


class PumpGroup(StoreGroup):
    """Many pumps in one problem."""

    kind, quantity = "pump", "level_m3"
