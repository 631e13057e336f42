"""Vehicles: power while they are there, energy by departure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridloop.optimize.check.checked import Ledger
from gridloop.optimize.check.devices.base import Found, Kind, Owners, Span, Values, hours_from
from gridloop.optimize.devices.ev import EVFleet


def _check(fleets: Sequence[EVFleet], values: Values, span: Span, ledger: Ledger, found: Found) -> None:
    sessions = _sessions(fleets)
    if not len(sessions):
        return
    names, p, h = [str(i) for i in sessions.index], values["ev", "p_mw"], span.hours
    power, energy = (sessions[n].to_numpy(dtype=float)[:, None] for n in ("max_charge_mw", "energy_mwh"))
    arrival, departure = (hours_from(span, sessions[n])[:, None] for n in ("arrival", "departure"))
    begin = np.cumsum(h) - h
    there = np.clip(np.minimum(departure, begin + h) - np.maximum(arrival, begin), 0, None)  # [session, step], hours
    ledger.at_least("charging", names, p, 0.0, "MW", span.starts)
    ledger.at_most("charging", names, p, power * there / h, "MW", span.starts)
    delivered = p @ h
    ledger.at_most("energy of a session", names, delivered, energy[:, 0], "MWh")
    later = np.clip(departure - np.maximum(arrival, h.sum()), 0, None)
    short = np.clip((energy - power * later)[:, 0] - delivered, 0, None)
    found.taken_mw += p.sum(axis=0)
    found.cost["ev_unserved"] = float(sessions["lost"].to_numpy(dtype=float) @ short)
    found.cost["ev_waiting"] = float((sessions["early"].to_numpy(dtype=float)[:, None] * p * (begin * h)).sum())
    here = (power * there)[:, 0] > 0
    found.sent |= {(name, "p_mw"): float(p[k, 0]) for k, name in enumerate(names) if here[k]}


def _sessions(fleets: Sequence[EVFleet]) -> pd.DataFrame:
    """All sessions of all fleets with `lost` and `early`, the money of their fleet; empty where there is none."""
    tables = [
        fleet.sessions.assign(lost=fleet.value_of_lost_charge, early=fleet.early_cost)
        for fleet in fleets
        if len(fleet.sessions)
    ]
    return pd.concat(tables) if tables else pd.DataFrame({"bus": []})


def _owners(fleets: Sequence[EVFleet]) -> Owners:
    return [(str(i), str(bus)) for i, bus in _sessions(fleets)["bus"].items()]


KIND = Kind(EVFleet, "ev", (("p_mw", True),), _check, _owners)
