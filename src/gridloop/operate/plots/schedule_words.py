"""Set-points and powers of a schedule in a reader's words: kW where MW would be all zeros, yes and no for decisions."""

from __future__ import annotations

import math

from gridloop.operate.report.words import QUANTITIES, number, split_unit

SMALL_MW = 1.0
"""Below it powers are told in kW, energies in kWh."""
IN_KW = {"MW": "kW", "MWh": "kWh", "Mvar": "kvar"}
DECISIONS = {"on": "runs", "begins": "begins now"}
NAMED = {"unserved_mw": "not served", "reserve_mwh": "energy kept", "heat_mw": "heat", "soc": "state of charge"}

MONEY = {
    "battery_waiting": "waiting, which breaks ties towards acting early",
    "building_outside": "rooms outside their band of comfort",
    "building_end": "rooms that end colder or warmer than they began",
    "building_fuel": "fuel of boilers",
    "building_carbon": "carbon of heating and cooling",
    "building_waiting": "waiting of heat and cold, which breaks ties",
    "compressor_start": "starts of compressors",
    "compressor_hours": "wear of compressors by hours run",
    "process_waiting": "waiting of batches, which breaks ties",
    "process_late": "batches that are late",
    "island_short": "energy that an island would lack",
    "connection_limit": "import and export beyond their limits",
}
"""Parts of a cost that do not say themselves what they are."""


def money_part(name: str) -> str:
    """A part of a plan's cost in words."""
    return MONEY.get(name, name.replace("_", " "))


def in_words(mw: float, unit: str = "MW", digits: int = 3) -> str:
    """`0.851` → `851 kW`, `1.25` → `1.250 MW`; an en dash where it is missing."""
    if math.isnan(mw):
        return "–"
    if abs(mw) >= SMALL_MW or unit not in IN_KW:
        return f"{number(mw, digits)} {unit}"
    kw = 1e3 * mw
    return f"{number(kw, 0 if abs(kw) >= 100 else 1 if abs(kw) >= 10 else 2)} {IN_KW[unit]}"


def scale(most_mw: float) -> tuple[float, str]:
    """Factor and unit of an axis on which so many MW are the most."""
    return (1e3, "kW") if most_mw < SMALL_MW else (1.0, "MW")


def setpoint_in_words(quantity: str, value: float) -> tuple[str, str]:
    """What is set, and to what: `heat_mw`, −0.012 → "cold", "12.0 kW"."""
    if quantity in DECISIONS:
        return DECISIONS[quantity], "yes" if value > 0.5 else "no"
    if quantity == "heat_mw":
        return ("cold" if value < -1e-9 else "heat"), in_words(abs(value))
    name, unit = split_unit(quantity)
    name = NAMED.get(quantity, QUANTITIES.get(quantity, name))
    if quantity == "soc":
        return name, f"{number(100 * value, 1)} %"
    return name, in_words(value, unit).strip()
