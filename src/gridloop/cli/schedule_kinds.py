"""Sections of a site file that are devices: named after their class, with its fields or a reader of their own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

from gridloop.cli import schedule_air, schedule_building, schedule_island, schedule_process
from gridloop.cli.schedule_around import Around
from gridloop.cli.schedule_values import device_of, entries_of
from gridloop.optimize.devices.kinds import GROUPS, Device

READERS: Mapping[str, Callable[[Mapping[str, Any], str, Around], Any]] = {
    "building": schedule_building.building_of,
    "compressor_station": schedule_air.station_of,
    "process": schedule_process.process_of,
    "island_reserve": schedule_island.reserve_of,
}
"""Kinds whose tables are more than the fields of one class."""
OWN_KEYS: Mapping[str, tuple[str, ...]] = (
    schedule_building.KEYS | schedule_air.KEYS | schedule_process.KEYS | schedule_island.KEYS
)


def kinds() -> dict[str, type]:
    """Section of the file → class of device, in the order in which they are read."""
    return {section_of(made): made for made, _ in GROUPS}


def section_of(made: type) -> str:
    """EVFleet → ev_fleet, WaterHeater → water_heater."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", made.__name__).lower()


def devices_of(section: str, given: Any, around: Around) -> list[Device]:
    """The devices of one kind in a file. Raises `BadInput` and what their classes raise."""
    made = kinds()[section]
    entries = entries_of(around.name, section, given)
    found: list[Device] = []
    for k, entry in enumerate(entries):
        place = f"{section}] [{k + 1}" if len(entries) > 1 else section
        if section in READERS:
            found.append(READERS[section](entry, place, around))
        else:
            found.append(device_of(made, entry, around.name, place, around.horizon, around.tables))
    return found


def keys() -> dict[str, tuple[str, ...]]:
    """Every section that a device may have → its keys; tables within a table are sections too."""
    found: dict[str, tuple[str, ...]] = {}
    for section, made in kinds().items():
        if section in READERS:
            found |= {name: own for name, own in OWN_KEYS.items() if name.split(".")[0] == section}
            continue
        found[section] = tuple(f.name for f in fields(made) if f.init)
        for name, hint in get_type_hints(made).items():
            nested = [part for part in get_args(hint) if is_dataclass(part)]
            found |= {f"{section}.{name}": tuple(f.name for f in fields(part)) for part in nested}
    return found
