"""`[[compressor_station]]` of a site file, with a `[[compressor_station.machine]]` for each machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, get_type_hints

from gridloop.cli.compressor_tables import MACHINE, compressor_of
from gridloop.cli.schedule_around import Around
from gridloop.cli.schedule_values import entries_of, need, only
from gridloop.optimize.devices.compressor_station import CompressorStation

SECTION = "compressor_station"
STATE = ("hours_run", "on_before", "since_h")
"""What a machine of a plan has beyond one of a study: its state now."""
OWN = tuple(f.name for f in fields(CompressorStation) if f.init and f.name != "machines")
NEEDED = tuple(
    f.name for f in fields(CompressorStation) if f.default is MISSING and f.default_factory is MISSING and f.name in OWN
)
KEYS = {SECTION: ("machine", *OWN), f"{SECTION}.machine": (*MACHINE, *STATE)}


def station_of(given: Mapping[str, Any], section: str, around: Around) -> CompressorStation:
    """A station with its machines. Raises `BadInput` and `OutOfRange`, each with section and key."""
    where = around.where(section)
    only(where, given, KEYS[SECTION])
    need(where, given, ("machine", *NEEDED))
    machines = [
        compressor_of(around.name, f"[[{SECTION}.machine]]", entry, k, more=STATE)
        for k, entry in enumerate(entries_of(where, f"{SECTION}.machine", given["machine"]))
    ]
    hints = get_type_hints(CompressorStation)
    built = {k: around.value(hints[k], value, f"{where} {k}") for k, value in given.items() if k != "machine"}
    return around.made(where, CompressorStation, machines, **built)
