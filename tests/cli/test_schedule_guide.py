"""The guide of devices in a file names every section and key that is read, with what is taken where it is left out."""

from __future__ import annotations

import math
import re
from dataclasses import MISSING, fields
from inspect import signature
from pathlib import Path

import pandas as pd
import pytest

from gridloop.cli.schedule_futures import KEYS as FUTURES
from gridloop.cli.schedule_kinds import keys, kinds
from gridloop.optimize.compressors.machine import Compressor
from gridloop.optimize.devices.building import Zone
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.process import After, Stock, Task
from gridloop.optimize.devices.services import Regulation, Reserve
from gridloop.optimize.robust.schedule import schedule_robust

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "schedule-devices.md"
TEXT = GUIDE.read_text(encoding="utf-8").split("## Every section and its keys")[1]
COMMON = {"id", "bus", "early_cost"}
"""Told once, above all tables."""
WITHIN = {
    "battery.regulation": Regulation, "battery.reserve": Reserve, "building.zone": Zone, "process.task": Task,
    "process.task.after": After, "process.stocks.NAME": Stock, "compressor_station.machine": Compressor,
}  # fmt: skip
READ = {**keys(), **FUTURES, "connection": tuple(f.name for f in fields(Connection))}
CLASSES = {**kinds(), **WITHIN, "connection": Connection}


def _told(section: str) -> dict[str, str]:
    """Key → what the guide says is taken where it is left out."""
    found = re.split(rf"^#+ `\[+{re.escape(section)}\]+`", TEXT, flags=re.MULTILINE)
    assert len(found) == 2, f"the guide has {len(found) - 1} sections {section}"
    rows = [line.split("|") for line in re.split(r"^#", found[1], flags=re.MULTILINE)[0].splitlines() if "|" in line]
    return {row[1].strip(" `"): row[2].strip() for row in rows[2:]}


def _spelt(value: object) -> str | None:
    """A default as the guide has it; None where it may say what that means."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return "no limit" if math.isinf(value) else f"{value:g}"
    if isinstance(value, pd.Timedelta):
        return {"0 days 00:15:00": "15min", "0 days 00:00:00": "0"}[str(value)]
    return None


@pytest.mark.parametrize("section", READ)
def test_every_key_is_told_and_none_that_is_not_read(section):
    if section == "building.zone":  # named in a sentence: most of them are the building's
        line = TEXT.split("#### `[[building.zone]]`")[1].split("#")[0]
        assert set(re.findall(r"`(\w+)`", line)) == set(READ[section])
        return
    assert set(_told(section)) - COMMON == set(READ[section]) - COMMON


@pytest.mark.parametrize("section", [name for name in READ if name in CLASSES and name != "building.zone"])
def test_what_is_taken_where_a_key_is_left_out(section):
    """Numbers, yes and no, lengths of time, and what has to be given. Others are told in words."""
    told = _told(section)
    for field in fields(CLASSES[section]):
        default = _spelt(field.default)
        if field.name not in told or told[field.name] in WORDS.get((section, field.name), ()):
            continue
        if default is not None:
            assert told[field.name] == default, field.name
        elif field.default is MISSING and field.default_factory is MISSING:
            assert told[field.name] == "needed", field.name


def test_defaults_of_several_futures_are_those_of_python():
    """Of `schedule_robust`, whose arguments they are."""
    told = _told("robust")
    for key, parameter in signature(schedule_robust).parameters.items():
        if key in told:
            assert told[key] == (_spelt(parameter.default) or "–"), key


WORDS = {
    ("building", "model"): ("this or zone",), ("building", "outdoor_c"): ("this or weather",),
    ("building", "initial_c"): ("21, or as readings end",), ("building", "occupancy"): ("1 while open, else 0",),
    ("building", "carbon_t_per_mwh"): ("that of [prices]",), ("process", "tasks"): ("this or task",),
    ("island_reserve", "needed"): ("true, but in outages",), ("compressor_station.machine", "idle_kw"): ("by kind",),
}  # fmt: skip
"""Where the reader of a file does more than the class."""
