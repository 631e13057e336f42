"""`[[building]]` of a site file: its weather, its rooms with their band of comfort, and its machines.

Rooms are one table, the building's own with [building.model], or a `[[building.zone]]` each; what stands in the
building's table then holds for every zone that does not say otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, get_type_hints

import numpy as np
import pandas as pd

from gridloop.cli.schedule_around import Around
from gridloop.cli.schedule_hours import HOURS, comfort
from gridloop.cli.schedule_machines import KEYS as MACHINES
from gridloop.cli.schedule_machines import machine_of
from gridloop.cli.schedule_model import KEYS as MODELS
from gridloop.cli.schedule_model import Known, model_of
from gridloop.cli.schedule_values import entries_of, need, number, only, table_of, text
from gridloop.errors import BadInput, OutsideData
from gridloop.io.weather_file import read_weather
from gridloop.optimize.devices.building import Building, Zone
from gridloop.optimize.devices.building_plant import HvacMachine
from gridloop.series.resample import resample
from gridloop.units import FloatArray

NOBODY = "none"
"""Of `heating` and `cooling`: no machine serves the zone."""
WEATHER = ("weather", "weather_start", "outdoor_c")
OF_ZONE = tuple(f.name for f in fields(Zone) if f.name not in ("model", "id"))
ZONE = (*OF_ZONE, *HOURS)
OWN = ("coupling", "outside_cost", "returns", "carbon_t_per_mwh", "carbon_eur_per_t", "early_cost", "bus")
KEYS = {
    "building": ("id", "model", "zone", "machine", *WEATHER, *ZONE, *OWN),
    "building.zone": ("id", "model", *ZONE),
    **MODELS,
    **MACHINES,
}
ZONE_HINTS, HINTS = get_type_hints(Zone), get_type_hints(Building)
TEXTS = ("heating", "cooling")


def building_of(given: Mapping[str, Any], section: str, around: Around) -> Building:
    """A building. Raises `BadInput`, `MissingFile`, `GapInSeries`, `OutOfRange`, each with section and key."""
    where = around.where(section)
    only(where, given, KEYS["building"])
    if ("model" in given) == ("zone" in given):
        raise BadInput(
            f"{where} needs its rooms, one way: [building.model] for all of it, or a [[building.zone]] for each.",
            key="model",
        )
    need(where, given, ["machine"])
    outdoor, sun = _weather(given, where, around)
    shared = {key: given[key] for key in ZONE if key in given}
    if "zone" in given:
        own = entries_of(where, "building.zone", given["zone"])
        for k, entry in enumerate(own):
            only(f"{where} zone {k + 1}", entry, KEYS["building.zone"])
            need(f"{where} zone {k + 1}", entry, ["id", "model"])
        zones = [_zone({**shared, **entry}, f"{where} zone {entry['id']}", sun, around) for entry in own]
    else:
        zones = [_zone({**shared, "model": given["model"], "id": Zone.id}, where, sun, around)]
    machines = _machines(given, where, outdoor, around)
    rest = {key: around.value(HINTS[key], given[key], f"{where} {key}") for key in OWN if key in given}
    _carbon(rest, where, around)
    named = {"id": text(given["id"], f"{where} id")} if "id" in given else {}
    return around.made(where, Building, zones, machines, outdoor, **rest, **named)


def in_weather(building: Building, given: Mapping[str, Any], outdoor_c: Any, around: Around) -> Building:
    """The same rooms at other outside temperatures, with what its machines make at them.

    given  the building's table. around: its name is how messages begin

    Raises as `building_of`.
    """
    value = around.value(HINTS["outdoor_c"], outdoor_c, f"{around.name} {building.id}.outdoor_c")
    outdoor = np.array(np.broadcast_to(value, (len(around.horizon),)))
    machines = _machines(given, around.name, outdoor, around)
    changed: Building = around.made(around.name, replace, building, outdoor_c=outdoor, machines=machines)
    return changed


def _machines(given: Mapping[str, Any], where: str, outdoor_c: FloatArray, around: Around) -> list[HvacMachine]:
    entries = entries_of(where, "building.machine", given["machine"])
    return [machine_of(entry, k, outdoor_c, around) for k, entry in enumerate(entries)]


def _weather(given: Mapping[str, Any], where: str, around: Around) -> tuple[FloatArray, FloatArray | None]:
    """Outside temperature [°C], and sun [W/m²] where the weather has it. [step] each"""
    if ("weather" in given) == ("outdoor_c" in given):
        raise BadInput(
            f'{where} needs the outside temperature, one way: weather = "weather.csv" (valid_at, outdoor_c, sun_w_m2), '
            "or outdoor_c.",
            key="outdoor_c",
        )
    n = len(around.horizon)
    if "outdoor_c" in given:
        found = around.value(HINTS["outdoor_c"], given["outdoor_c"], f"{where} outdoor_c")
        return np.array(np.broadcast_to(found, (n,))), None
    file = text(given["weather"], f"{where} weather")
    began = given.get("weather_start")
    start = None if began is None else around.value(pd.Timestamp, began, f"{where} weather_start")
    columns = around.tables.plain(file).columns
    table = read_weather(around.tables.path(file), start=start)
    ends = pd.DatetimeIndex(around.horizon.starts.append(around.horizon.ends[-1:]))
    over = resample(table, ends, step=pd.Timedelta(hours=1))
    missing = over["outdoor_c"].isna()
    if missing.any():
        raise OutsideData(
            f"{where} weather: {file} goes from {table.index[0]} to {table.index[-1] + pd.Timedelta(hours=1)}; "
            f"{int(missing.sum())} of {n} intervals of the plan lie outside, the first at {over.index[missing][0]}.",
            missing=int(missing.sum()),
        )
    there = "sun_w_m2" in columns or any("Solar" in str(name) for name in columns)
    return over["outdoor_c"].to_numpy(dtype=float), over["sun_w_m2"].to_numpy(dtype=float) if there else None


def _zone(given: Mapping[str, Any], where: str, sun: FloatArray | None, around: Around) -> Zone:
    """Rooms that share a temperature."""
    name = text(given["id"], f"{where} id")
    model, now = model_of(table_of(where, "building.model", given["model"]), f"{where} model", around)
    built = {
        key: around.value(ZONE_HINTS[key], given[key], f"{where} {key}")
        for key in OF_ZONE
        if key in given and key not in ("initial_c", *TEXTS)
    }
    for key in TEXTS:
        if key in given:
            named = text(given[key], f"{where} {key}")
            built[key] = None if named == NOBODY else named
    if sun is not None:
        built.setdefault("sun_w_m2", sun)
    built |= comfort(built, given, where, around)
    people = built.get("occupied")
    if people is not None and np.ndim(people):
        built.setdefault("occupancy", np.asarray(people, dtype=float))
    for gain, key in (("sun_m2", "sun_w_m2"), ("occupancy_mw", "occupancy")):
        if gain in model.structure.parameters and key not in built:
            raise BadInput(
                f"{where} lacks {key}: its model has {gain}, and missing is not zero. Give it, 0 where there is none.",
                key=key,
            )
    if model.structure.habit:
        built["gains_mw"] = built.get("gains_mw", 0.0) + model.habit_mw(around.horizon.starts)
    built["initial_c"] = _now(given, where, now, around)
    return around.made(where, Zone, model, id=name, **built)


def _now(given: Mapping[str, Any], where: str, now: Known | None, around: Around) -> Any:
    """Temperature now: given, or as the readings of the model have it where they reach the plan."""
    if "initial_c" in given:
        value = given["initial_c"]
        if isinstance(value, list):
            return [number(each, f"{where} initial_c") for each in value]
        return number(value, f"{where} initial_c")
    begin = around.horizon.starts[0]
    if now is None:
        return Zone.initial_c
    if not now.at <= begin <= now.until:
        raise BadInput(
            f"{where} lacks initial_c: the readings that are nearest to the plan's begin at {begin} are of {now.at}. "
            "Give the temperature at the begin.",
            key="initial_c",
        )
    return now.states


def _carbon(built: dict[str, Any], where: str, around: Around) -> None:
    """A price of carbon needs the carbon of the grid: the building's own, or that of [prices]."""
    if "carbon_eur_per_t" not in built or "carbon_t_per_mwh" in built:
        return
    if around.carbon is None:
        raise BadInput(
            f"{where} carbon_eur_per_t needs the carbon of the grid: give carbon_t_per_mwh, here or in [prices].",
            key="carbon_t_per_mwh",
        )
    built["carbon_t_per_mwh"] = around.carbon.to_numpy(dtype=float)
