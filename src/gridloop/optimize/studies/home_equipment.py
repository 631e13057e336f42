"""What homes have beside their record, as devices at their places in a grid: cars, heat pumps, loads that can wait.

Loads, roofs and batteries are the record's; everything that is added here is synthetic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.io.citylearn import Homes
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.devices.heat_pump import HeatPump
from gridloop.optimize.devices.kinds import Device
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.reducible import Reducible
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.devices.shiftable import Shiftable
from gridloop.units import FloatArray


@dataclass(frozen=True)
class Equipment:
    """What homes have beside their record; every number but the first is synthetic. 0 leaves a kind out.

    roof_scale          recorded roofs times this
    car_every           every n-th home has a car: home from `car_hours` (local clock) to the next morning's
    heat_pump_every     every n-th home has a heat pump, against the outdoor temperature
    wash_every          every n-th home has a load that may wait within the day
    reducible_every     every n-th home answers a price by using less
    """

    roof_scale: float = 1.0
    car_every: int = 2
    car_mw: float = 0.0074
    car_mwh: float = 0.012
    car_hours: tuple[float, float] = (18.0, 7.0)
    heat_pump_every: int = 3
    heat_pump_mw: float = 0.003
    wash_every: int = 4
    wash_mwh: float = 0.002
    wash_mw: float = 0.002
    reducible_every: int = 5
    wear: float = 5.0

    def __post_init__(self) -> None:
        if not 0 <= self.roof_scale < float("inf"):
            raise OutOfRange(f"roof_scale is {self.roof_scale}; it must not be negative.")
        for name in ("car_every", "heat_pump_every", "wash_every", "reducible_every"):
            if getattr(self, name) < 0:
                raise OutOfRange(f"{name} is {getattr(self, name)}; give 0 for none, or n for every n-th home.")

    def devices(
        self,
        homes: Homes,
        places: Mapping[str, str],
        outdoor_c: FloatArray,
        zone: str,
    ) -> list[Device]:
        """The homes of these hours as devices, each at its place in the grid."""
        starts = pd.DatetimeIndex(homes.load_mw.index)
        made: list[Device] = []
        cars = []
        for k, (home, bus) in enumerate(places.items()):
            load = homes.load_mw[home].to_numpy(dtype=float)
            if _has(k, self.reducible_every):
                price = float(homes.import_eur_per_mwh.mean())
                made.append(Reducible(load, elasticity=-0.1, reference_price=price, id=f"{home} load", bus=bus))
            else:
                made.append(Load(load, sheddable=0.0, id=f"{home} load", bus=bus))
            sun = self.roof_scale * np.clip(homes.solar_mw[home].to_numpy(dtype=float), 0.0, None)
            made.append(Renewable(sun, id=f"{home} roof", bus=bus))
            capacity, power, round_trip = (
                float(homes.battery[name].to_dict()[home])
                for name in ("capacity_mwh", "power_mw", "round_trip_efficiency")
            )
            eta = float(np.sqrt(round_trip))
            made.append(
                Battery(
                    capacity, power, power, eta, eta, initial_soc=0.2,
                    degradation_cost=self.wear, end_value_per_mwh=float(homes.import_eur_per_mwh.min()),
                    id=f"{home} battery", bus=bus,
                )
            )  # fmt: skip
            if _has(k, self.heat_pump_every):
                made.append(HeatPump(self.heat_pump_mw, 0.01, 0.0002, outdoor_c, id=f"{home} heat pump", bus=bus))
            if _has(k, self.wash_every):
                made.append(Shiftable(self.wash_mwh, self.wash_mw, id=f"{home} wash", bus=bus))
            if _has(k, self.car_every):
                cars.append((f"{home} car", bus))
        sessions = [row for name, bus in cars for row in self._nights(name, bus, starts, zone)]
        if sessions:
            made.append(EVFleet(pd.DataFrame(sessions).set_index("session"), id="cars"))
        return made

    def _nights(self, name: str, bus: str, starts: pd.DatetimeIndex, zone: str) -> list[dict[str, object]]:
        """A stay for every evening that lies within the hours."""
        local = starts.tz_convert(zone)
        found = []
        for day in pd.unique(local.normalize()):
            arrival = day + pd.Timedelta(hours=self.car_hours[0])
            departure = day + pd.Timedelta(days=1, hours=self.car_hours[1])
            if local[0] <= arrival < local[-1]:
                found.append(
                    {
                        "session": f"{name} {day:%m-%d}", "bus": bus, "arrival": arrival.tz_convert("UTC"),
                        "departure": departure.tz_convert("UTC"), "energy_mwh": self.car_mwh,
                        "max_charge_mw": self.car_mw,
                    }
                )  # fmt: skip
        return found


def _has(k: int, every: int) -> bool:
    return every > 0 and k % every == 0
