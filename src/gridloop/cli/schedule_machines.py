"""`[[building.machine]]` of a site file: heat pumps, chillers and boilers, their COP by number, by points or by Carnot.

A COP is told in one of three ways: `cop`, a number or a series; `cop_at`, points of a data sheet, outside temperature
and COP, with straight lines between them; or neither, and then it is a share of Carnot's at the temperatures of the
weather.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from itertools import pairwise
from typing import Any, get_type_hints

import numpy as np

from gridloop.cli.schedule_around import Around
from gridloop.cli.schedule_values import need, number, only
from gridloop.errors import BadInput, OutsideData, listed
from gridloop.optimize.devices.building_plant import BOILER, CHILLER, HEAT_PUMP, HvacMachine
from gridloop.optimize.devices.given_numbers import clock, over_steps
from gridloop.units import FloatArray

SECTION = "building.machine"
POINTS = {"cop_at": "cop", "capacity_at": "capacity_mw"}
"""Keys of points by outside temperature → what they tell."""
GIVEN = ("cop", "part_load", "cold_c", "hot_c", "fuel_eur_per_mwh", "fuel_t_per_mwh")
MAKERS: Mapping[str, Callable[..., HvacMachine]] = {
    HEAT_PUMP: HvacMachine.heat_pump,
    CHILLER: HvacMachine.chiller,
    BOILER: HvacMachine.boiler,
}
MADE = {
    kind: tuple(k for k in signature(maker).parameters if k not in ("capacity_mw", "outdoor_c", "id", "loop"))
    for kind, maker in MAKERS.items()
}
"""What shapes a COP that is neither a number nor points, and a boiler."""
COMMON = ("id", "kind", "loop", "capacity_mw")
HINTS = get_type_hints(HvacMachine)
KEYS = {SECTION: tuple(dict.fromkeys((*COMMON, *POINTS, *GIVEN, *(key for keys in MADE.values() for key in keys))))}


def machine_of(given: Mapping[str, Any], place: int, outdoor_c: FloatArray, around: Around) -> HvacMachine:
    """One machine of a building.

    place      counted from 0, for one that does not say its id
    outdoor_c  [step]

    Raises `BadInput` and `OutOfRange`, each with machine and key.
    """
    where = f"{around.name}: [[{SECTION}]] {given.get('id', place + 1)}"
    only(where, given, KEYS[SECTION])
    need(where, given, ["kind"])
    kind = str(given["kind"]).replace("_", " ")
    if kind not in MAKERS:
        raise BadInput(f"{where} kind is {given['kind']!r}; allowed are {', '.join(MAKERS)}.", key="kind")
    built: dict[str, Any] = {"id": kind}
    for key, value in given.items():
        if key == "part_load":
            built[key] = _pairs(value, f"{where} {key}", "share of the capacity, COP relative to that at full load")
        elif key in POINTS:
            tells = POINTS[key]
            if tells in given:
                raise BadInput(f"{where} gives {tells} and {key}; one of them is needed.", key=key)
            built[tells] = _by_outdoor(value, f"{where} {key}", outdoor_c, around)
        elif key != "kind":
            built[key] = around.value(HINTS.get(key, float), value, f"{where} {key}")
    if "capacity_mw" not in built:
        raise BadInput(f"{where} lacks capacity_mw (or capacity_at, by outside temperature).", keys=["capacity_mw"])
    return _made(kind, built, where, outdoor_c, around)


def _made(kind: str, built: dict[str, Any], where: str, outdoor_c: FloatArray, around: Around) -> HvacMachine:
    told = "cop" in built
    belong = (*COMMON, *(GIVEN if told else (*POINTS.values(), *MADE[kind])))
    strange = sorted(set(built) - set(belong))
    if strange:
        which = "whose COP is given" if told else "whose COP is not given by cop or cop_at"
        raise BadInput(
            f"{where} {listed(strange)}: not for a {kind} {which}; allowed are {', '.join(dict.fromkeys(belong))}.",
            keys=strange,
        )
    if told:
        return around.made(where, HvacMachine, kind=kind, **built)
    capacity = built.pop("capacity_mw")
    weather = () if kind == BOILER else (outdoor_c,)
    return around.made(where, MAKERS[kind], capacity, *weather, **built)


def _by_outdoor(given: Any, where: str, outdoor_c: FloatArray, around: Around) -> FloatArray:
    """Points (outside temperature, value) read at the temperatures of the weather; beyond them nothing is known."""
    points = _pairs(given, where, "outside temperature, value")
    at = [temperature for temperature, _ in points]
    if len(points) < 2 or not all(a < b for a, b in pairwise(at)):
        raise BadInput(f"{where} needs two points or more, their temperatures rising, such as [[-7, 2.7], [7, 4.2]].")
    outdoor = over_steps(outdoor_c, len(around.horizon))
    beyond = np.maximum(at[0] - outdoor, outdoor - at[-1])
    worst = int(np.argmax(beyond))
    if beyond[worst] > 0:
        raise OutsideData(
            f"{where} goes from {at[0]:g} to {at[-1]:g} °C; outside it is {outdoor[worst]:g} °C at "
            f"{clock(around.horizon.starts[worst])}. Add a point for {outdoor[worst]:g} °C."
        )
    return np.asarray(np.interp(outdoor, at, [value for _, value in points]))


def _pairs(given: Any, where: str, what: str) -> list[tuple[float, float]]:
    rows = given if isinstance(given, list) else []
    if not rows or not all(isinstance(row, list) and len(row) == 2 for row in rows):
        raise BadInput(f"{where} is {given!r}; a list of pairs is needed ({what}).")
    return [(number(a, where), number(b, where)) for a, b in rows]
