"""`[[scenario]]` and `[robust]` of a site file: futures that differ in prices and series, and how a plan minds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, get_type_hints

import pandas as pd

from gridloop.cli.schedule_around import Around
from gridloop.cli.schedule_building import in_weather
from gridloop.cli.schedule_values import entries_of, number, only, table_of, text
from gridloop.errors import BadInput, listed
from gridloop.optimize.devices.building import OWN_SERIES, Building
from gridloop.optimize.devices.connection import PRICES
from gridloop.optimize.devices.kinds import Device
from gridloop.optimize.robust.scenario import Scenario

KEYS = {"scenario": ("name", "weight", "prices", "series"), "robust": ("risk", "level", "chance", "common")}
ONE_PRICE = "eur_per_mwh"


@dataclass(frozen=True)
class Futures:
    """Scenarios of a site, and `how` a plan minds them: arguments of `schedule_robust`."""

    scenarios: list[Scenario]
    how: dict[str, Any]


def futures_of(
    data: Mapping[str, Any], devices: Sequence[Device], prices: pd.DataFrame, around: Around
) -> Futures | None:
    """What a file says of several futures; None where it says nothing. Raises `BadInput`, `OutOfRange`."""
    where = around.where("robust")
    how = table_of(around.name, "robust", data.get("robust", {}))
    only(where, how, KEYS["robust"])
    entries = entries_of(around.name, "scenario", data.get("scenario", []))
    if not entries:
        if how:
            raise BadInput(f"{where} needs scenarios; add a section [[scenario]] for each.", key="robust")
        return None
    if "weights" in data:
        raise BadInput(f"{around.name} has [weights] and [[scenario]]; a plan has one of them.", key="weights")
    given: dict[str, Any] = {key: number(value, f"{where} {key}") for key, value in how.items()}
    if "common" in given:
        if not isinstance(how["common"], int):
            raise BadInput(f"{where} common is {how['common']!r}; a whole number is needed.", key="common")
        given["common"] = how["common"]
    buildings = [str(device.id) for device in devices if isinstance(device, Building)]
    tables = dict(zip(buildings, entries_of(around.name, "building", data.get("building", [])), strict=True))
    scenarios = [_scenario(entry, k, devices, tables, prices, around) for k, entry in enumerate(entries)]
    return Futures(scenarios, given)


def _scenario(
    given: Mapping[str, Any], place: int, devices: Sequence[Device], tables: Mapping[str, Mapping[str, Any]],
    prices: pd.DataFrame, around: Around,
) -> Scenario:  # fmt: skip
    """One future. tables: those of the file's buildings by id, whose machines are made anew in other weather"""
    name = str(given.get("name", place + 1))
    where = f"{around.name}: [[scenario]] {name}"
    only(where, given, KEYS["scenario"])
    changed = {str(device.id): device for device in devices}
    for reference, value in table_of(where, "scenario.series", given.get("series", {})).items():
        ident, _, key = str(reference).rpartition(".")
        if ident not in changed:
            raise BadInput(
                f"{where} series {reference!r}: its device is none of this file; there are "
                f'{listed(list(changed), 20)}. Write "ID.key".',
                key="series",
            )
        device = changed[ident]
        hints = get_type_hints(type(device))
        # What rooms are given stands in their zones, where a building's own fields no longer count.
        known = OWN_SERIES if isinstance(device, Building) else [f.name for f in fields(device) if f.init]
        if key not in known:
            raise BadInput(f"{where} series {reference!r}: {ident} has no {key} of that kind; allowed are "
                           f"{listed(list(known), 20)}.", key="series")  # fmt: skip
        if isinstance(device, Building) and key == "outdoor_c":
            changed[ident] = in_weather(device, tables[ident], value, replace(around, name=where))
            continue
        built = around.value(hints[key], value, f"{where} {reference}")
        changed[ident] = around.made(where, replace, device, **{key: built})
    table = _prices(text(given["prices"], f"{where} prices"), prices, where, around) if "prices" in given else prices
    weight = number(given.get("weight", 1.0), f"{where} weight")
    return Scenario(list(changed.values()), table, weight, name)


def _prices(file: str, prices: pd.DataFrame, where: str, around: Around) -> pd.DataFrame:
    """Prices of a scenario over the same intervals; a column that it lacks is that of [prices]."""
    there = around.tables.timed(file).columns
    names = {c: (ONE_PRICE if ONE_PRICE in there and c in PRICES else c) for c in prices.columns}
    found = {c: n for c, n in names.items() if n in there}
    if not found:
        raise BadInput(f"{where} prices: {file} has none of {', '.join((ONE_PRICE, *prices.columns))}.", key="prices")
    values = {c: around.tables.over(f"{file}:{n}", around.horizon, f"{where} prices") for c, n in found.items()}
    return prices.assign(**values)
