"""Heat pumps: a building as one mass that a heat pump warms, or cools, within a band of comfort."""

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

SERIES = ("outdoor_c", "cop", "gains_mw", "min_c", "max_c")


@dataclass(frozen=True)
class HeatPump:
    """A heat pump in a building of one thermal mass.

    max_mw            electric power; power in between is the mean of on and off
    mwh_per_k         heat that warms the building by one kelvin; a house of 150 m²: about 0.01
    loss_mw_per_k     heat that it loses per kelvin; the same house: about 0.0002
    outdoor_c         [step]  outside temperature
    cop               [step]  heat (or cold) per electric energy
    gains_mw          [step]  sun and people
    min_c, max_c      [step]  band of comfort at the end of every interval
    initial_c         room temperature now
    cooling           True where it takes heat out
    outside_cost      money per K beyond the band and hour, well above what a kelvin costs; None: the band is hard
    end_value         money per K at the end; None: it ends no colder (cooling: no warmer) than it begins, if it can
    """

    max_mw: float
    mwh_per_k: float
    loss_mw_per_k: float
    outdoor_c: FloatArray | float
    cop: FloatArray | float = 3.0
    gains_mw: FloatArray | float = 0.0
    min_c: FloatArray | float = 20.0
    max_c: FloatArray | float = 23.0
    initial_c: float = 21.0
    cooling: bool = False
    outside_cost: float | None = 10.0
    end_value: float | None = None
    early_cost: float = 0.0001
    id: str = "heat pump"
    bus: str = ""

    def __post_init__(self) -> None:
        without_gaps("HeatPump", self, SERIES)
        problems = positive(self, ("mwh_per_k",))
        problems += not_negative(self, ("max_mw", "loss_mw_per_k", "early_cost"))
        problems += finite(self, ("initial_c", "end_value"))
        problems += not_negative(self, ("outside_cost",)) if self.outside_cost is not None else []
        if not (np.asarray(self.cop, dtype=float) > 0).all():
            problems.append("cop must be positive; a machine that takes heat out has cooling=True")
        least, most = np.asarray(self.min_c, dtype=float), np.asarray(self.max_c, dtype=float)
        if (least.size == 1 or most.size == 1 or least.size == most.size) and not (least <= most).all():
            problems.append(f"min_c is above max_c in {int((least > most).sum())} intervals")
        refuse("HeatPump", self, problems)

    def problems(self, horizon: Horizon) -> list[str]:
        """Series of the wrong length; a hard band that cannot be kept."""
        return wrong_lengths(self, SERIES, len(horizon)) or store_problems(self, horizon, "min_c", "max_c", "K")

    def steps(self, hours: FloatArray) -> StoreSteps:
        """Its building, turned over where it is cooled."""
        outdoor, cop, gains, least, most = (over_steps(getattr(self, name), hours.size) for name in SERIES)
        kept, per_mw = one_mass(self.mwh_per_k, self.loss_mw_per_k, hours)
        drift = (1 - kept) * outdoor + per_mw * gains
        if self.cooling:
            return StoreSteps(kept, cop * per_mw, -drift, -most, -least, -self.initial_c, -1.0)
        return StoreSteps(kept, cop * per_mw, drift, least, most, self.initial_c)


class HeatPumpGroup(StoreGroup):
    """Many heat pumps in one problem."""

    kind, quantity = "heat_pump", "temperature_c"
