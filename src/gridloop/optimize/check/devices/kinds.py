"""Kinds of devices that a plan can have, each with its rules. A new kind adds a file here and a line below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gridloop.optimize.check.checked import Ledger
from gridloop.optimize.check.devices import (
    battery,
    building,
    compressor_station,
    ev,
    island_reserve,
    load,
    process,
    renewable,
    shiftable,
    shiftable_run,
    stepped,
    store,
    tap_changer,
)
from gridloop.optimize.check.devices.base import Found, Kind, Span, Values

KINDS: tuple[Kind, ...] = (
    battery.KIND, ev.KIND, renewable.KIND, load.KIND, tap_changer.KIND,
    shiftable.KIND, shiftable_run.KIND, stepped.REDUCIBLE, stepped.SHEDDABLE,
    store.WATER_HEATER, store.HEAT_PUMP, store.PUMP, building.KIND,
    process.KIND, process.TASKS,
    compressor_station.STATIONS, compressor_station.MACHINES,
    island_reserve.KIND,
)  # fmt: skip


def check_devices(devices: Sequence[Any], values: Values, span: Span, ledger: Ledger) -> Found:
    """Check all devices, kind by kind."""
    found = Found(np.zeros(len(span.hours)))
    for kind in KINDS:
        if mine := kind.mine(devices):
            kind.check(mine, values, span, ledger, found)
    return found
