"""Buildings: zones of identified temperatures with a common plant, kept within a band of comfort."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from gridloop.errors import BadInput
from gridloop.optimize.building.model import BuildingModel
from gridloop.optimize.devices.building_plant import COOLING, HEATING, HvacMachine
from gridloop.optimize.devices.building_problems import building_problems
from gridloop.optimize.devices.given_numbers import not_negative, over_steps, refuse, without_gaps
from gridloop.optimize.horizon import Horizon
from gridloop.units import BoolArray, FloatArray

ZONE_SERIES = ("min_c", "max_c", "sun_w_m2", "occupancy", "gains_mw", "margin_low_k", "margin_high_k")
OWN_SERIES = ("outdoor_c", "carbon_t_per_mwh")


@dataclass(frozen=True)
class Zone:
    """Rooms that share a temperature.

    model         their resistances and capacities
    min_c, max_c  [step]  band of comfort of the air at the end of every interval
    initial_c     air temperature now, or one of each of the model's states
    occupied      [step]  whether anybody is there: hours in which leaving the band counts in reports
    sun_w_m2, occupancy, gains_mw  [step]  what else acts: sun and people as the model takes them, heat as it is
    max_heat_mw, max_cool_mw       what its radiators, ducts or coils pass on at most
    heating, cooling  loops of machines that serve it; None: none does
    margin_low_k, margin_high_k    [step]  room kept inside the band for the forecast (`building.margins`)
    """

    model: BuildingModel
    min_c: FloatArray | float = 20.0
    max_c: FloatArray | float = 24.0
    initial_c: Sequence[float] | FloatArray | float = 21.0
    occupied: BoolArray | bool = True
    sun_w_m2: FloatArray | float = 0.0
    occupancy: FloatArray | float = 0.0
    gains_mw: FloatArray | float = 0.0
    max_heat_mw: float = float("inf")
    max_cool_mw: float = float("inf")
    heating: str | None = HEATING
    cooling: str | None = COOLING
    margin_low_k: FloatArray | float = 0.0
    margin_high_k: FloatArray | float = 0.0
    id: str = "room"

    @property
    def start(self) -> FloatArray:
        """Temperatures of all its states now. [state]"""
        given = np.asarray(self.initial_c, dtype=float)
        return np.array(np.broadcast_to(given, (self.model.structure.order,)))

    def band(self, steps: int) -> tuple[FloatArray, FloatArray]:
        """Lower and upper end with the room kept for the forecast; where both meet, the middle. [step]"""
        low, high = (over_steps(getattr(self, name), steps) for name in ("min_c", "max_c"))
        inner = low + over_steps(self.margin_low_k, steps), high - over_steps(self.margin_high_k, steps)
        crossed = inner[0] > inner[1]
        middle = np.clip((inner[0] + inner[1]) / 2, low, high)
        return np.where(crossed, middle, inner[0]), np.where(crossed, middle, inner[1])


@dataclass(frozen=True)
class Building:
    """Zones with a common plant.

    model         a `BuildingModel` (one zone, described by the fields below), or zones
    machines      what heats and cools; powers in between are means of on and off
    outdoor_c     [step]  outside temperature
    coupling      (zone, zone, MW/K): heat that passes between zones
    outside_cost  money per K beyond the band and hour, per zone; well above what a kelvin costs
    returns       every zone ends no colder (one that is warmed) or warmer (cooled) than it begins, at `outside_cost`
                  per K where it cannot
    carbon_t_per_mwh  [step]  carbon dioxide of the grid's energy, at carbon_eur_per_t
    early_cost    money per MWh of heat or cold and hour of waiting: breaks ties towards moving early
    min_c … gains_mw  of the one zone; zones have their own
    """

    model: BuildingModel | Sequence[Zone]
    machines: Sequence[HvacMachine]
    outdoor_c: FloatArray | float
    min_c: FloatArray | float = 20.0
    max_c: FloatArray | float = 24.0
    initial_c: Sequence[float] | FloatArray | float = 21.0
    occupied: BoolArray | bool = True
    sun_w_m2: FloatArray | float = 0.0
    occupancy: FloatArray | float = 0.0
    gains_mw: FloatArray | float = 0.0
    coupling: Sequence[tuple[str, str, float]] = ()
    outside_cost: float = 10.0
    returns: bool = True
    carbon_t_per_mwh: FloatArray | float = 0.0
    carbon_eur_per_t: float = 0.0
    early_cost: float = 0.0001
    id: str = "building"
    bus: str = ""
    zones: tuple[Zone, ...] = field(init=False)

    def __post_init__(self) -> None:
        given = self.model
        if isinstance(given, BuildingModel):
            own = {f.name for f in fields(Zone)} & {f.name for f in fields(self)} - {"id", "model"}
            zones: tuple[Zone, ...] = (Zone(given, **{name: getattr(self, name) for name in own}),)
        else:
            zones = tuple(given)
        object.__setattr__(self, "zones", zones)
        object.__setattr__(self, "machines", tuple(self.machines))
        object.__setattr__(self, "coupling", tuple((str(a), str(b), float(k)) for a, b, k in self.coupling))
        without_gaps("Building", self, OWN_SERIES)
        for zone in zones:
            without_gaps("Building", _named(self, zone), ZONE_SERIES)
        refuse("Building", self, self._structural())

    def _structural(self) -> list[str]:
        """What no horizon is needed to see."""
        problems = not_negative(self, ("outside_cost", "carbon_eur_per_t", "early_cost"))
        if not self.zones:
            problems.append("it has no zone; give at least one")
        for what, names in (("zone", [z.id for z in self.zones]), ("machine", [m.id for m in self.machines])):
            doubled = sorted({name for name in names if names.count(name) > 1})
            if doubled:
                problems.append(f"two {what}s have the id {', '.join(doubled)}")
        if {z.id for z in self.zones} & {m.id for m in self.machines}:
            problems.append("a zone and a machine have the same id")
        for zone in self.zones:
            if not zone.model.absolute:
                problems.append(
                    f"the model of zone {zone.id} knows a boiler's temperature only, no heat in MW: fit it with heat_mw"
                )
            if np.size(zone.initial_c) not in (1, zone.model.structure.order):
                problems.append(
                    f"zone {zone.id}: initial_c has {np.size(zone.initial_c)} values; its states are "
                    f"{zone.model.structure.name}"
                )
            elif not np.isfinite(zone.start).all():
                problems.append(f"zone {zone.id}: initial_c is missing")
            problems += [f"zone {zone.id}: {p}" for p in _negative(zone)]
        served = {zone.heating for zone in self.zones} | {zone.cooling for zone in self.zones}
        for machine in self.machines:
            mine = {z.cooling if machine.cooling else z.heating for z in self.zones}
            if machine.loop not in mine:
                problems.append(
                    f"machine {machine.id} serves loop {machine.loop!r}, which no zone is "
                    f"{'cooled' if machine.cooling else 'heated'} by (loops: {sorted(str(s) for s in served if s)})"
                )
        known = {zone.id for zone in self.zones}
        for a, b, conductance in self.coupling:
            if a not in known or b not in known or a == b:
                problems.append(f"coupling {a} – {b} needs two of its zones")
            elif not 0 <= conductance < np.inf:
                problems.append(f"coupling {a} – {b} is {conductance}; it must not be negative")
        return problems

    def problems(self, horizon: Horizon) -> list[str]:
        """Series of the wrong length, bands upside down, COPs that cannot be; with the interval and what would help."""
        return building_problems(self, horizon)

    def at(self, rows: slice, initial_c: Sequence[FloatArray] | None = None) -> Building:
        """The same in some of its intervals, from other temperatures on: one array of states per zone."""
        cut: list[Zone] = []
        for k, zone in enumerate(self.zones):
            series = _cut(zone, (*ZONE_SERIES, "occupied"), rows)
            if initial_c is not None:
                series["initial_c"] = initial_c[k]
            cut.append(replace(zone, **series))
        machines = [machine.at(rows) for machine in self.machines]
        return replace(self, model=tuple(cut), machines=machines, **_cut(self, OWN_SERIES, rows))


def _cut(device: Any, names: Sequence[str], rows: slice) -> dict[str, Any]:
    return {name: np.asarray(getattr(device, name))[rows] for name in names if np.size(getattr(device, name)) > 1}


def _negative(zone: Zone) -> list[str]:
    return [
        f"{name} is {getattr(zone, name)}; it must not be negative"
        for name in ("max_heat_mw", "max_cool_mw")
        if not getattr(zone, name) >= 0
    ]


def _named(building: Building, zone: Zone) -> Zone:
    """The zone with its building's name, for messages."""
    if not isinstance(zone, Zone):
        raise BadInput(f"Building {building.id}: give a BuildingModel or zones, not {type(zone).__name__}.")
    return replace(zone, id=f"{building.id}/{zone.id}")
