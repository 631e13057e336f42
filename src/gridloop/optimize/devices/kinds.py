"""Kinds of devices that a schedule plans. A new kind adds a file here, a line below and one in `check/devices`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.battery_group import BatteryGroup
from gridloop.optimize.devices.building import Building
from gridloop.optimize.devices.building_group import BuildingGroup
from gridloop.optimize.devices.compressor_group import CompressorGroup
from gridloop.optimize.devices.compressor_station import CompressorStation
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.devices.ev_group import EVGroup
from gridloop.optimize.devices.group import Group
from gridloop.optimize.devices.heat_pump import HeatPump, HeatPumpGroup
from gridloop.optimize.devices.island_reserve import IslandReserve, IslandReserveGroup
from gridloop.optimize.devices.load import Load, LoadGroup
from gridloop.optimize.devices.market import Market
from gridloop.optimize.devices.process import Process
from gridloop.optimize.devices.process_group import ProcessGroup
from gridloop.optimize.devices.pump import Pump, PumpGroup
from gridloop.optimize.devices.reducible import Reducible, ReducibleGroup
from gridloop.optimize.devices.renewable import Renewable, RenewableGroup
from gridloop.optimize.devices.sheddable import Sheddable, SheddableGroup
from gridloop.optimize.devices.shiftable import Shiftable, ShiftableGroup
from gridloop.optimize.devices.shiftable_run import ShiftableRun, ShiftableRunGroup
from gridloop.optimize.devices.tap_changer import TapChanger, TapGroup
from gridloop.optimize.devices.water_heater import WaterHeater, WaterHeaterGroup

DemandDevice = Shiftable | ShiftableRun | Reducible | Sheddable | WaterHeater | HeatPump | Pump
Device = (
    Battery
    | EVFleet
    | Renewable
    | Load
    | TapChanger
    | IslandReserve
    | DemandDevice
    | Process
    | Building
    | CompressorStation
)

GROUPS: list[tuple[type, Callable[[Sequence[Any], Market], Group]]] = [
    (Battery, lambda batteries, market: BatteryGroup(batteries, market)),
    (EVFleet, EVGroup),
    (Renewable, lambda renewables, _: RenewableGroup(renewables)),
    (Load, lambda loads, _: LoadGroup(loads)),
    (TapChanger, lambda changers, _: TapGroup(changers)),
    (Shiftable, ShiftableGroup),
    (ShiftableRun, ShiftableRunGroup),
    (Reducible, lambda loads, _: ReducibleGroup(loads)),
    (Sheddable, lambda loads, _: SheddableGroup(loads)),
    (WaterHeater, lambda heaters, _: WaterHeaterGroup(heaters)),
    (HeatPump, lambda pumps, _: HeatPumpGroup(pumps)),
    (Pump, lambda pumps, _: PumpGroup(pumps)),
    (Building, lambda buildings, _: BuildingGroup(buildings)),
    (Process, ProcessGroup),
    (CompressorStation, lambda stations, _: CompressorGroup(stations)),
    (IslandReserve, lambda reserves, _: IslandReserveGroup(reserves)),  # after the batteries, whose energy it binds
]


def groups_of(devices: Sequence[Device], market: Market) -> list[Group]:
    """The groups that plan these devices; a fleet without sessions has nothing to plan."""
    groups = []
    for kind, make in GROUPS:
        mine = [device for device in devices if isinstance(device, kind)]
        mine = [device for device in mine if not isinstance(device, EVFleet) or len(device.sessions)]
        if mine:
            groups.append(make(mine, market))
    return groups
