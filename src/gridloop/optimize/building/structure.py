"""Which resistances and capacities a building has, and the equations they make: C dT/dt = Σ K (T' − T) + heat.

The indoor air is always the first state. A `mass` (floors, furniture) exchanges heat with the air alone; an `envelope`
(walls) with the air and the outside; a `heater` (radiators, a slab) takes the heat that is put in and passes it on.
Bacher & Madsen (2011), Energy and Buildings 43(7), compare such models; the names here are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.units import FloatArray

INDOOR, MASS, ENVELOPE, HEATER = "indoor", "mass", "envelope", "heater"
W_PER_MW = 1e6

# What may act on a building: outside temperature [°C], heat put in [MW], sun [W/m²], people (a share or a number),
# heat of things that always run [1], and the temperature of a boiler's water [°C].
OUTDOOR, HEAT, SUN, PEOPLE, ALWAYS, BOILER = range(6)
# What a day has in common with others, by its hour: two harmonics of it. Nobody gives these columns.
HABITS = ("habit_cos_mw", "habit_sin_mw", "habit_cos_2_mw", "habit_sin_2_mw")
INPUTS = ("outdoor_c", "heat_mw", "sun_w_m2", "occupancy", "always", "boiler_c", *HABITS)
HABIT = slice(6, 10)


@dataclass(frozen=True)
class Structure:
    """The states of a model, indoor first, and what acts on it.

    boiler      heat comes from a boiler whose temperature is known, not its power
    sun, people, always  gains that are there
    habit       a gain by the hour of the day, in the local time of `zone`: of people and sun that no column tells
    """

    states: tuple[str, ...] = (INDOOR,)
    boiler: bool = False
    sun: bool = False
    people: bool = False
    always: bool = False
    habit: bool = False
    zone: str = "UTC"

    def __post_init__(self) -> None:
        known = {MASS, ENVELOPE, HEATER}
        others = self.states[1:]
        if self.states[:1] != (INDOOR,) or set(others) - known or len(set(others)) != len(others) or len(others) > 2:
            raise OutOfRange(
                f"states are {', '.join(self.states)}; they are indoor, then at most two of mass, envelope, heater."
            )

    @property
    def order(self) -> int:
        """Number of states."""
        return len(self.states)

    @property
    def name(self) -> str:
        """`indoor + mass + heater`, `+ habit` where the hour of the day adds heat"""
        return " + ".join((*self.states, "habit") if self.habit else self.states)

    @property
    def capacities(self) -> tuple[str, ...]:
        """Names of the capacities [MWh/K]."""
        return tuple(f"{state}_mwh_per_k" for state in self.states)

    @property
    def links(self) -> tuple[tuple[str, str, str], ...]:
        """Conductances: name, and the two that they join; `outdoor` is the outside. [MW/K]"""
        found = [("indoor_outdoor_mw_per_k", INDOOR, "outdoor")]
        if MASS in self.states:
            found.append(("indoor_mass_mw_per_k", INDOOR, MASS))
        if ENVELOPE in self.states:
            found.append(("indoor_envelope_mw_per_k", INDOOR, ENVELOPE))
            found.append(("envelope_outdoor_mw_per_k", ENVELOPE, "outdoor"))
        if HEATER in self.states:
            found.append(("heater_indoor_mw_per_k", HEATER, INDOOR))
        if self.boiler:
            found.append(("boiler_mw_per_k", self.heated, "boiler"))
        return tuple(found)

    @property
    def heated(self) -> str:
        """The state that takes the heat."""
        return HEATER if HEATER in self.states else INDOOR

    @property
    def gains(self) -> tuple[str, ...]:
        """Names of what sun [m²], people [MW each] and things that always run [MW] give."""
        named = (("sun_m2", self.sun), ("occupancy_mw", self.people), ("always_mw", self.always))
        return tuple(name for name, there in named if there) + (HABITS if self.habit else ())

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of all that makes the equations."""
        return (*self.capacities, *(name for name, _, _ in self.links), *self.gains)

    def equations(self, values: Mapping[str, float]) -> tuple[FloatArray, FloatArray]:
        """dx/dt = a x + b u per hour: a [state, state], b [state, input] with the columns of `INPUTS`."""
        n = self.order
        a, b = np.zeros((n, n)), np.zeros((n, len(INPUTS)))
        place = {state: k for k, state in enumerate(self.states)}
        outside = {"outdoor": OUTDOOR, "boiler": BOILER}
        capacity = [values[name] for name in self.capacities]
        for name, one, other in self.links:
            i = place[one]
            a[i, i] -= values[name] / capacity[i]
            if other in outside:
                b[i, outside[other]] += values[name] / capacity[i]
            else:
                j = place[other]
                a[i, j] += values[name] / capacity[i]
                a[j, j] -= values[name] / capacity[j]
                a[j, i] += values[name] / capacity[j]
        b[place[self.heated], HEAT] = 0.0 if self.boiler else 1.0 / capacity[place[self.heated]]
        gains = (("sun_m2", SUN, 1.0 / W_PER_MW), ("occupancy_mw", PEOPLE, 1.0), ("always_mw", ALWAYS, 1.0))
        for name, column, unit in gains:
            if name in self.gains:
                b[0, column] = values[name] * unit / capacity[0]
        if self.habit:
            b[0, HABIT] = [values[name] / capacity[0] for name in HABITS]
        return a, b


def habit_waves(index: pd.DatetimeIndex, zone: str) -> FloatArray:
    """Harmonics of the local day at the middle of intervals that begin at index, in the order of `HABITS`. [step, 4]"""
    local = index.tz_convert(zone)
    length = float((index[1] - index[0]) / pd.Timedelta(hours=1)) if len(index) > 1 else 1.0
    turn = 2 * np.pi * (np.asarray(local.hour + local.minute / 60.0, dtype=float) + length / 2) / 24.0
    return np.column_stack([np.cos(turn), np.sin(turn), np.cos(2 * turn), np.sin(2 * turn)])
