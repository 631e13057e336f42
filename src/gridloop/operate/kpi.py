"""Key figures of a day, the same for both runs, so that their difference means something.

Money is counted for the day alone. What is stored or still owed at midnight is put right by an inventory at the
marginal price of the uncontrolled day: the mean over its intervals of what one more MWh costs there, which is the price
to import where it imports and the price to export where it exports. A battery that ends emptier must take that energy
back, its losses with it; one that ends fuller has it for tomorrow; energy that plugged-in vehicles are still owed must
be bought. Without this a plan would shine by selling what the battery held in the morning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gridloop.operate.settings import SiteSettings

INTERVAL_PARTS = ("energy", "battery_wear", "curtailment", "reactive_power", "tap_moves", "unserved", "ev_short")


@dataclass(frozen=True)
class Inventory:
    """Energy held and owed at the start and end of the day [MWh], and what a MWh is worth; the same for both runs.

    efficiency  share of what is taken from the grid that a battery gives back
    """

    stored_start: float
    stored_end: float
    owed_start: float
    owed_end: float
    worth_eur_per_mwh: float
    efficiency: float = 0.9


def interval_cost(row: Mapping[str, Any], settings: SiteSettings) -> dict[str, float]:
    """Cost of one interval by part. [EUR]"""
    h, d = row["hours"], settings.devices
    return {
        "energy": h
        * (row["import_mw"] * row["price_import_eur_per_mwh"] - row["export_mw"] * row["price_export_eur_per_mwh"]),
        "battery_wear": d.degradation_cost * row["discharged_mwh"],
        "curtailment": d.curtailment_cost * h * row["curtailed_mw"],
        "reactive_power": d.reactive_cost * row["reactive_mvarh"],
        "tap_moves": d.tap_move_cost * row["tap_moves"],
        "unserved": d.value_of_lost_load * h * row["unserved_mw"],
        "ev_short": settings.ev.value_of_lost_charge * row["ev_short_mwh"],
    }


def key_figures(ticks: pd.DataFrame, settings: SiteSettings, inventory: Inventory) -> dict[str, float]:
    """The KPIs of one run from its ticks.

    ticks  one row per interval, columns of the store's table `ticks`
    """
    h = ticks["hours"].to_numpy(dtype=float)

    def energy(column: str) -> float:
        return float((ticks[column].to_numpy(dtype=float) * h).sum())

    parts = cost_parts(ticks, settings, inventory)
    return {
        "cost_eur": float(sum(parts.values())),
        "import_mwh": energy("import_mw"),
        "export_mwh": energy("export_mw"),
        "peak_import_mw": float(ticks["import_mw"].max()),
        "losses_mwh": energy("losses_mw"),
        "curtailed_mwh": energy("curtailed_mw"),
        "unserved_mwh": energy("unserved_mw"),
        "ev_short_mwh": float(ticks["ev_short_mwh"].sum()),
        "voltage_violations": int(ticks["voltage_violations"].sum()),
        "overloads": int(ticks["overloads"].sum()),
        "co2_t": float(ticks["co2_t"].sum()),
    }


def cost_parts(ticks: pd.DataFrame, settings: SiteSettings, inventory: Inventory) -> dict[str, float]:
    """Cost of a day by part. [EUR]"""
    records = ticks.to_dict("records")
    rows = [interval_cost({str(k): v for k, v in record.items()}, settings) for record in records]
    parts = {name: float(sum(row[name] for row in rows)) for name in INTERVAL_PARTS}
    c = settings.connection
    over = float(ticks["import_mw"].max()) - (c.contracted_peak_mw or 0.0)
    parts["peak"] = c.peak_price_per_mw * max(0.0, over) if c.contracted_peak_mw is not None else 0.0
    missing = inventory.stored_start - inventory.stored_end
    way = inventory.efficiency**0.5
    # To charge what is missing takes more than is stored; to discharge what is left brings less.
    stored = missing / way if missing > 0 else missing * way
    parts["inventory"] = inventory.worth_eur_per_mwh * (stored + inventory.owed_end - inventory.owed_start)
    return parts


def marginal_price(ticks: pd.DataFrame) -> float:
    """Mean over intervals of what one more MWh costs: the price to import where energy is imported, else to export."""
    importing = ticks["import_mw"].to_numpy(dtype=float) > 0
    price = np.where(importing, ticks["price_import_eur_per_mwh"], ticks["price_export_eur_per_mwh"])
    return float(np.average(price, weights=ticks["hours"].to_numpy(dtype=float)))
