"""Kinds of devices that a schedule plans. A new kind adds a file here, a line below and one in `check/devices`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gridloop.optimize.devices.battery import Battery, BatteryGroup
from gridloop.optimize.devices.ev import EVFleet, EVGroup
from gridloop.optimize.devices.group import Group
from gridloop.optimize.devices.load import Load, LoadGroup
from gridloop.optimize.devices.market import Market
from gridloop.optimize.devices.renewable import Renewable, RenewableGroup
from gridloop.optimize.devices.tap_changer import TapChanger, TapGroup

Device = Battery | EVFleet | Renewable | Load | TapChanger

GROUPS: list[tuple[type, Callable[[Sequence[Any], Market], Group]]] = [
    (Battery, lambda batteries, market: BatteryGroup(batteries, market.mean_export)),
    (EVFleet, lambda fleets, _: EVGroup(fleets)),
    (Renewable, lambda renewables, _: RenewableGroup(renewables)),
    (Load, lambda loads, _: LoadGroup(loads)),
    (TapChanger, lambda changers, _: TapGroup(changers)),
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
