"""Batteries: what is told of one, and whether that can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridloop.errors import OutOfRange
from gridloop.optimize.devices.battery_depth import ByDepth, depth_problems, layers_of
from gridloop.optimize.devices.given_numbers import finite
from gridloop.optimize.devices.services import PRICE, Regulation, Reserve

# Money per MWh and hour outside the band of the state of charge: above the spread of prices within an hour, so that a
# battery found there comes back soon, and below what it costs to exceed a grid limit for less than a day.
BAND_PRICE = 100.0


@dataclass(frozen=True)
class Battery:
    """A battery that may charge and discharge within its limits.

    capacity_mwh          energy between empty and full
    min_soc, max_soc      share of the capacity that may be used; a battery found outside is brought back
    degradation_cost      money per MWh discharged; or by the depth of cycles, [(0.2, 1.0), (0.6, 4.0), (1.0, 9.0)]: of
                          a discharge the first 0.2 of the capacity cost 1 per MWh, what goes on to 0.6 costs 4, what
                          goes deeper 9. A deeper layer costs no less (`battery_depth.py`)
    self_discharge_per_day  share of the stored energy lost in a day
    end_value_per_mwh     worth of a MWh stored at the end of the horizon; None takes the mean price to export over
                          the horizon, so that the plan neither empties the battery for nothing nor hoards
    early_cost            money per MWh moved and hour of waiting: breaks ties towards moving early
    regulation, reserve   services that it may sell where the prices have their columns (`devices/market.py`)
    band_price            money per MWh and hour outside its band, which is hard for one that is found within it. One
                          found below never has less than idling leaves of what it began with; what it has charged
                          since it may give again below the band where that is worth more than this price, as loads of
                          an island are that would be shed
    """

    capacity_mwh: float
    max_charge_mw: float
    max_discharge_mw: float
    charge_efficiency: float = 0.95
    discharge_efficiency: float = 0.95
    min_soc: float = 0.0
    max_soc: float = 1.0
    initial_soc: float = 0.5
    degradation_cost: float | ByDepth = 0.5
    self_discharge_per_day: float = 0.0
    end_value_per_mwh: float | None = None
    early_cost: float = 0.0001
    id: str = "battery"
    bus: str = ""
    regulation: Regulation | None = None
    reserve: Reserve | None = None
    band_price: float = BAND_PRICE

    def __post_init__(self) -> None:
        problems = []
        if not 0 < self.capacity_mwh < np.inf:
            problems.append(f"capacity_mwh is {self.capacity_mwh}; it must be positive")
        if not 0 <= self.min_soc <= self.max_soc <= 1:
            problems.append(f"min_soc {self.min_soc} … max_soc {self.max_soc}; allowed is 0 ≤ min_soc ≤ max_soc ≤ 1")
        if not 0 <= self.initial_soc <= 1:
            problems.append(f"initial_soc is {self.initial_soc}; allowed is 0 … 1")
        if not 0 <= self.self_discharge_per_day < 1:
            problems.append(f"self_discharge_per_day is {self.self_discharge_per_day}; allowed is 0 … below 1")
        problems += [
            f"{name} is {getattr(self, name)}; allowed is above 0 and at most 1"
            for name in ("charge_efficiency", "discharge_efficiency")
            if not 0 < getattr(self, name) <= 1
        ]
        problems += [
            f"{name} is {getattr(self, name)}; it must not be negative"
            for name in ("max_charge_mw", "max_discharge_mw", "early_cost", "band_price")
            if not 0 <= getattr(self, name) < np.inf
        ]
        if isinstance(self.degradation_cost, Sequence):
            problems += depth_problems(self.degradation_cost)
        elif not isinstance(self.degradation_cost, float | int | np.number):
            problems.append("degradation_cost must be one number, or pairs (depth, money per MWh discharged)")
        elif not 0 <= self.degradation_cost < np.inf:
            problems.append(f"degradation_cost is {self.degradation_cost}; it must not be negative")
        problems += finite(self, ("end_value_per_mwh",))
        if problems:
            raise OutOfRange(f"Battery {self.id}: {'; '.join(problems)}.", device=self.id, problems=problems)

    def paid_by(self) -> dict[str, tuple[str, ...]]:
        """Columns of the prices that pay its services, by service; empty where it offers none."""
        columns: dict[str, tuple[str, ...]] = {}
        if self.regulation is not None:
            columns["regulation"] = (PRICE["regulation_up"], PRICE["regulation_down"])
        return columns if self.reserve is None else columns | {"reserve": (PRICE["reserve"],)}

    @property
    def wear_per_mwh(self) -> float:
        """Money per MWh discharged in full cycles of its band: the mean over the layers that these go through."""
        widths, money = layers_of(self.degradation_cost)
        band = max(self.max_soc - self.min_soc, 1e-9)
        used = np.clip(band - (np.cumsum(widths) - widths), 0.0, widths)
        return float(used @ money / used.sum())
