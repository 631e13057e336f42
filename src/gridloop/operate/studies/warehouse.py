"""A warehouse of zones by their use: synthetic, its numbers from standards, per square metre of floor.

Heat stored: EN ISO 52016-1, air and furniture 10 kJ/(m² K), construction light 110, medium 165 kJ/(m² K); goods on
racks are estimated at 40 Wh/(m² K). Air and mass exchange 9 W/(m² K), as in the simple hourly method of EN ISO 13790.
Losses: insulation of about 0.25 W/(m² K) for roof and walls, and 0.34 Wh/(m³ K) of each air change (docks one in an
hour, halls a fifth). Gains of people, light and devices and bands of comfort: EN 16798-1 (offices category II);
chilled goods 2 … 8 °C. None of it was measured in a building.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange, listed
from gridloop.optimize.building.model import BuildingModel
from gridloop.optimize.devices.building import Building, Zone
from gridloop.optimize.devices.building_plant import COOLING, HEATING, HvacMachine
from gridloop.units import FloatArray

REFRIGERATION = "refrigeration"
W = 1e-6  # MW


@dataclass(frozen=True)
class Use:
    """What a square metre of floor does. Stored: Wh/K; losses and exchange: W/K; gains: W; sun: m² of opening"""

    air_wh_per_k: float
    mass_wh_per_k: float
    loss_w_per_k: float
    gains_w: float
    occupied_gains_w: float
    sun_m2: float
    min_c: float
    max_c: float
    unoccupied_min_c: float
    unoccupied_max_c: float
    power_w: float
    always: bool = False
    exchange_w_per_k: float = 9.0


USES: Mapping[str, Use] = {
    "office": Use(4.0, 46.0, 1.3, 3.0, 22.0, 0.04, 21.0, 25.0, 16.0, 29.0, 120.0),
    "dock": Use(5.0, 31.0, 2.7, 2.0, 8.0, 0.01, 16.0, 27.0, 10.0, 32.0, 100.0),
    "storage": Use(6.0, 70.0, 1.2, 2.0, 6.0, 0.01, 14.0, 26.0, 10.0, 29.0, 50.0),
    "cold": Use(5.0, 70.0, 0.7, 2.0, 4.0, 0.0, 2.0, 8.0, 2.0, 8.0, 60.0, always=True),
}


@dataclass(frozen=True)
class Room:
    """A zone of the site: how large, and what it is used for."""

    id: str
    use: str
    area_m2: float


@dataclass(frozen=True)
class Warehouse:
    """A site of rooms with one chiller, one heat pump, and refrigeration for cold rooms.

    between_w_per_k   heat that passes between a room and the next one in the list
    open_from, open_to, workdays   local hours and weekdays (Monday is 0) in which people are there
    scale             what each room's stored heat and loss is multiplied by: 1 in a model, others in a truth
    """

    rooms: Sequence[Room]
    zone: str = "America/Los_Angeles"
    open_from: int = 6
    open_to: int = 20
    workdays: tuple[int, ...] = (0, 1, 2, 3, 4, 5)
    between_w_per_k: float = 300.0
    outside_cost: float = 20.0
    uses: Mapping[str, Use] = field(default_factory=lambda: USES)
    scale: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    supply_c: float = 45.0
    id: str = "warehouse"

    def __post_init__(self) -> None:
        problems = [] if self.rooms else ["it has no rooms"]
        problems += [
            f"room {room.id} is used as {room.use!r}; known are {listed(list(self.uses))}"
            for room in self.rooms if room.use not in self.uses
        ]  # fmt: skip
        problems += [f"room {r.id} has {r.area_m2} m²; it must be positive" for r in self.rooms if not r.area_m2 > 0]
        if not 0 <= self.open_from < self.open_to <= 24:
            problems.append(f"open from {self.open_from} to {self.open_to}; allowed is 0 ≤ open_from < open_to ≤ 24")
        if problems:
            raise OutOfRange(f"Site {self.id}: {'; '.join(problems)}.", problems=problems)
        object.__setattr__(self, "_models", {room.id: self._model(room) for room in self.rooms})

    def uncertain(self, spread: float, seed: int) -> Warehouse:
        """A truth that a model does not know: stored heat and losses off by a spread (of a logarithm), room by room."""
        rng = np.random.default_rng(seed)
        scale = {room.id: tuple(np.exp(rng.normal(0.0, spread, 2)).tolist()) for room in self.rooms}
        return replace(self, scale=scale)

    def _model(self, room: Room) -> BuildingModel:
        use = self.uses[room.use]
        stored, lost = self.scale.get(room.id, (1.0, 1.0))
        area = room.area_m2 * W
        return BuildingModel.of(
            indoor_mwh_per_k=stored * use.air_wh_per_k * area,
            mass_mwh_per_k=stored * use.mass_wh_per_k * area,
            indoor_mass_mw_per_k=use.exchange_w_per_k * area,
            indoor_outdoor_mw_per_k=lost * use.loss_w_per_k * area,
            sun_m2=use.sun_m2 * room.area_m2,
        )

    def building(self, index: pd.DatetimeIndex, outdoor_c: FloatArray, sun_w_m2: FloatArray) -> Building:
        """The building in such weather."""
        local = index.tz_convert(self.zone)
        open_ = np.isin(local.dayofweek, self.workdays) & (local.hour >= self.open_from) & (local.hour < self.open_to)
        # The end of the hour before opening has to be comfortable already.
        soon = open_ | np.append(open_[1:], open_[-1])
        models: dict[str, BuildingModel] = self._models  # type: ignore[attr-defined]
        zones = []
        for room in self.rooms:
            use, area = self.uses[room.use], room.area_m2 * W
            people = np.ones(len(index), dtype=bool) if use.always else open_
            kept = np.ones(len(index), dtype=bool) if use.always else soon
            zones.append(
                Zone(
                    models[room.id],
                    min_c=np.where(kept, use.min_c, use.unoccupied_min_c),
                    max_c=np.where(kept, use.max_c, use.unoccupied_max_c),
                    initial_c=(use.min_c + use.max_c) / 2,
                    occupied=people,
                    sun_w_m2=sun_w_m2,
                    gains_mw=np.where(open_, use.occupied_gains_w, use.gains_w) * area,
                    max_heat_mw=use.power_w * area,
                    max_cool_mw=use.power_w * area,
                    heating=None if use.always else HEATING,
                    cooling=REFRIGERATION if use.always else COOLING,
                    id=room.id,
                )
            )
        coupling = [(a.id, b.id, self.between_w_per_k * W) for a, b in zip(self.rooms, self.rooms[1:], strict=False)]
        return Building(zones, self.machines(outdoor_c), outdoor_c, coupling=coupling, outside_cost=self.outside_cost,
                        id=self.id)  # fmt: skip

    def machines(self, outdoor_c: FloatArray) -> list[HvacMachine]:
        """A plant of three quarters of what all rooms can take at once."""
        warm = sum(self.uses[r.use].power_w * r.area_m2 for r in self.rooms if not self.uses[r.use].always) * W
        cold = sum(self.uses[r.use].power_w * r.area_m2 for r in self.rooms if self.uses[r.use].always) * W
        found = []
        if warm > 0:
            found += [
                HvacMachine.chiller(0.75 * warm, outdoor_c, supply_c=7.0),
                HvacMachine.heat_pump(0.75 * warm, outdoor_c, supply_c=self.supply_c),
            ]
        if cold > 0:
            found.append(
                HvacMachine.chiller(0.75 * cold, outdoor_c, supply_c=-8.0, id="refrigeration", loop=REFRIGERATION)
            )
        return found

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        return {"zones": len(self.rooms), "area_m2": float(sum(r.area_m2 for r in self.rooms)), "synthetic": True}


def example_warehouse() -> Warehouse:
    """20 zones: docks, halls, offices and cold rooms."""
    rooms = [Room(f"office {k}", "office", 400.0) for k in range(1, 5)]
    rooms += [Room(f"dock {k}", "dock", 800.0) for k in range(1, 5)]
    rooms += [Room(f"storage {k}", "storage", 1500.0) for k in range(1, 10)]
    rooms += [Room(f"cold {k}", "cold", 600.0) for k in range(1, 4)]
    return Warehouse(rooms)
