"""`[[island_reserve]]` of a site file: energy kept for an island, by the ids of the batteries that carry it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_type_hints

from gridloop.cli.schedule_around import Around
from gridloop.cli.schedule_values import need, only, text
from gridloop.errors import BadInput, listed
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.island_reserve import IslandReserve

KEYS = {"island_reserve": tuple(f.name for f in fields(IslandReserve) if f.init)}
NEEDED = ("batteries", "duration_h", "priority_mw")


def reserve_of(given: Mapping[str, Any], section: str, around: Around) -> IslandReserve:
    """A reserve with the batteries of the file. Where the connection is open anyway, none is needed.

    Raises `BadInput` and `OutOfRange`, each with section and key.
    """
    where = around.where(section)
    only(where, given, KEYS["island_reserve"])
    need(where, given, NEEDED)
    there = {device.id: device for device in around.devices if isinstance(device, Battery)}
    names = given["batteries"] if isinstance(given["batteries"], list) else [given["batteries"]]
    ids = [text(name, f"{where} batteries") for name in names]
    unknown = [name for name in ids if name not in there]
    if unknown:
        known = listed(list(there)) or "none"
        raise BadInput(
            f"{where} batteries names {listed(unknown)}, which is no [[battery]] of this file; there are {known}.",
            key="batteries",
        )
    hints = get_type_hints(IslandReserve)
    built = {k: around.value(hints[k], value, f"{where} {k}") for k, value in given.items() if k != "batteries"}
    open_ = around.connection.open_in(around.horizon)
    if open_.any():
        built.setdefault("needed", ~open_)
    return around.made(where, IslandReserve, [there[name] for name in ids], **built)
