"""Water heaters: a mixed tank that loses heat to its room and is drawn from."""

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
from gridloop.optimize.devices.thermal import one_mass
from gridloop.optimize.horizon import Horizon
from gridloop.units import FloatArray

# Heat of one litre of water and one kelvin: 4.186 kJ.
MWH_PER_LITRE_K = 4.186 / 3.6e6


@dataclass(frozen=True)
class WaterHeater:
    """A tank of hot water with an electric heater.

    volume_l, max_mw     its water, and its heater
    draw_l               [step]  litres of mixed water at `use_c` that are taken in every interval
    min_c, max_c         band of the tank at the end of every interval
    initial_c            its temperature now
    loss_mw_per_k        through its insulation; 1.5 W/K is a household tank of today
    ambient_c, inlet_c, use_c   of its room, of the cold water, and of what is taken [°C]
    cop                  heat per electric energy: 1 for an element, about 3 for a heat-pump heater
    outside_cost         money per K beyond the band and hour, well above what a kelvin costs; None: the band is hard
    end_value            money per K at the end; None: it ends no colder than it begins, as far as it can
    """

    volume_l: float
    max_mw: float
    draw_l: FloatArray | float = 0.0
    min_c: float = 45.0
    max_c: float = 65.0
    initial_c: float = 55.0
    loss_mw_per_k: float = 1.5e-6
    ambient_c: float = 20.0
    inlet_c: float = 12.0
    use_c: float = 40.0
    cop: float = 1.0
    outside_cost: float | None = 10.0
    end_value: float | None = None
    early_cost: float = 0.0001
    id: str = "water heater"
    bus: str = ""

    def __post_init__(self) -> None:
        without_gaps("WaterHeater", self, ("draw_l",))
        problems = positive(self, ("volume_l", "cop"))
        problems += not_negative(self, ("max_mw", "loss_mw_per_k", "early_cost"))
        problems += finite(self, ("initial_c", "ambient_c", "inlet_c", "use_c", "end_value"))
        problems += not_negative(self, ("outside_cost",)) if self.outside_cost is not None else []
        if not self.min_c <= self.max_c:
            problems.append(f"min_c {self.min_c} is above max_c {self.max_c}")
        if not self.inlet_c <= self.use_c:
            problems.append(f"inlet_c {self.inlet_c} is above use_c {self.use_c}")
        if not (np.asarray(self.draw_l, dtype=float) >= 0).all():
            problems.append("draw_l must not be negative")
        refuse("WaterHeater", self, problems)

    def problems(self, horizon: Horizon) -> list[str]:
        """Series of the wrong length; a hard band that cannot be kept."""
        return wrong_lengths(self, ("draw_l",), len(horizon)) or store_problems(self, horizon, "min_c", "max_c", "K")

    def steps(self, hours: FloatArray) -> StoreSteps:
        """Its tank. Mixing cold water in takes as much heat as the water that is used carries above the inlet."""
        n = hours.size
        drawn = over_steps(self.draw_l, n) * MWH_PER_LITRE_K * (self.use_c - self.inlet_c)
        kept, per_mw = one_mass(self.volume_l * MWH_PER_LITRE_K, self.loss_mw_per_k, hours)
        drift = (1 - kept) * self.ambient_c - per_mw * drawn / hours
        low, high = (np.full(n, end) for end in (self.min_c, self.max_c))
        return StoreSteps(kept, self.cop * per_mw, drift, low, high, self.initial_c)


class WaterHeaterGroup(StoreGroup):
    """Many water heaters in one problem."""

    kind, quantity = "water_heater", "temperature_c"
