"""Vehicles: power while they are plugged in, energy by departure, what batteries and shared limits allow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridloop.optimize.check.checked import Ledger
from gridloop.optimize.check.devices.base import Found, Kind, Owners, Span, Values
from gridloop.optimize.check.devices.ev_sessions import sessions_of
from gridloop.optimize.devices.ev import EVFleet
from gridloop.units import BoolArray, FloatArray

# Money per MWh and hour below a reserve, as docs/math/flexibility-ev.md says.
BELOW_RESERVE = 100.0


def _check(fleets: Sequence[EVFleet], values: Values, span: Span, ledger: Ledger, found: Found) -> None:
    cars = sessions_of(fleets, span)
    if not len(cars):
        return
    names, p, h = [str(i) for i in cars.index], values["ev", "p_mw"], span.hours
    column = {str(name): cars[name].to_numpy(dtype=float)[:, None] for name in cars if name not in ("bus", "fleet")}
    there = np.clip(
        np.minimum(column["leaves"], np.cumsum(h)) - np.maximum(column["plugged"], np.cumsum(h) - h), 0, None
    )
    ledger.at_least("charging", names, p, -column["give"] * there / h, "MW", span.starts)
    ledger.at_most("charging", names, p, column["max_charge_mw"] * there / h, "MW", span.starts)
    taken, given = np.clip(p, 0, None) * h, np.clip(-p, 0, None) * h
    lost = column["into"] * column["out_of"]
    at_plug = (taken - given / lost).sum(axis=1)
    ledger.at_most("energy of a session", names, at_plug, column["need"][:, 0], "MWh")
    parts = _batteries(names, column, taken, given, there > 0, span, ledger)
    _shared(fleets, cars, p, span, ledger)
    later = np.clip(column["leaves"] - np.maximum(column["plugged"], h.sum()), 0, None)
    within = (column["need"] - column["max_charge_mw"] * later)[:, 0]
    short = np.clip(np.where(column["give"][:, 0] > 0, within, np.clip(within, 0, None)) - at_plug, 0, None)
    # A car may end no further below its need than the need itself: what it gave comes back.
    ledger.at_most("energy missing at departure", names, short, np.clip(within, 0, None), "MWh")
    found.take(list(cars["bus"]), p)
    found.cost["ev_unserved"] = _lost_charge(column, np.clip(within, 0, None), short)
    begin = np.cumsum(h) - h
    found.cost["ev_waiting"] = float((column["early"] * (taken + given) * begin).sum())
    found.cost |= parts
    here = (np.maximum(column["max_charge_mw"], column["give"]) * there)[:, 0] > 0
    found.sent |= {(name, "p_mw"): float(p[k, 0]) for k, name in enumerate(names) if here[k]}


def _batteries(
    names: Sequence[str], column: dict[str, FloatArray], taken: FloatArray, given: FloatArray, there: BoolArray,
    span: Span, ledger: Ledger,
) -> dict[str, float]:  # fmt: skip
    """What is in the batteries that may give, and in those that came below their reserve; what that costs."""
    start, reserve = (column[name] * column["capacity"] for name in ("soc", "least"))
    giver = (column["give"] > 0)[:, 0]
    watched = giver | (start < reserve)[:, 0]
    if not watched.any():
        return {}
    early = np.where(_import(span) < column["threshold"], given / span.hours, 0.0)
    ledger.at_most("giving below the threshold", names, early, 0.0, "MW", span.starts)
    out = given / column["out_of"]
    depth = np.clip(column["deepest"] * column["capacity"] - column["given_before"], 0, None)[:, 0]
    ledger.at_most("energy given", names, out.sum(axis=1), np.where(giver, depth, np.nan), "MWh")
    stored = start + np.cumsum(column["into"] * taken - out, axis=1)
    most = np.where(watched[:, None], column["capacity"], np.nan)
    least = np.where(watched[:, None], np.minimum(start, np.nan_to_num(reserve)), np.nan)
    ledger.at_most("stored energy (more than fits)", names, stored, most, "MWh", span.starts)
    ledger.at_least("stored energy (below the reserve)", names, stored, least, "MWh", span.starts)
    cost = {"ev_wear": float((column["wear"] * given).sum())}
    stays = giver & (column["leaves"][:, 0] > span.hours.sum() + 1e-9)
    worth = np.where(stays, span.mean_export * column["out_of"][:, 0], 0.0)
    cost["ev_stored"] = -float(np.where(stays, worth * stored[:, -1], 0.0).sum())
    under = there & (start < reserve)
    if under.any():
        below = np.where(under, np.clip(reserve - stored, 0, None), 0.0)
        cost["ev_reserve"] = BELOW_RESERVE * float((below * span.hours).sum())
    return cost


def _import(span: Span) -> FloatArray:
    return span.prices["import_eur_per_mwh"].to_numpy(dtype=float)


def _lost_charge(column: dict[str, FloatArray], need: FloatArray, short: FloatArray) -> float:
    """The first part of what is missing is the cheapest; each further part of a need is dearer by the same step."""
    value, growth, parts = (column[name][:, 0] for name in ("lost", "growth", "parts"))
    total, size = 0.0, need / parts
    for k in range(int(parts.max())):
        piece = np.clip(short - k * size, 0, size)
        # What goes beyond the last part, by rounding alone, is priced as that.
        piece = np.where(k == parts - 1, np.clip(short - k * size, 0, None), np.where(k < parts, piece, 0.0))
        total += float(((value + growth * k / parts) * piece).sum())
    return total


def _shared(fleets: Sequence[EVFleet], cars: pd.DataFrame, p: FloatArray, span: Span, ledger: Ledger) -> None:
    """What cars of one station, and of one fleet, take or give together."""
    for k, fleet in enumerate(fleet for fleet in fleets if len(fleet.sessions)):
        mine = (cars["fleet"] == k).to_numpy()
        ledger.at_most(
            "fleet's power", [fleet.id], np.abs(p[mine].sum(axis=0))[None, :], fleet.limit_mw, "MW", span.starts
        )
        if fleet.stations is None or "limit_mw" not in fleet.stations or "station" not in fleet.sessions:
            continue
        station = np.full(len(cars), "", dtype=object)
        station[mine] = fleet.sessions["station"].astype(str).to_numpy()
        for name, limit in fleet.stations["limit_mw"].items():
            power = np.abs(p[station == str(name)].sum(axis=0))
            ledger.at_most("station's power", [str(name)], power[None, :], float(limit), "MW", span.starts)


def _owners(fleets: Sequence[EVFleet]) -> Owners:
    return [(str(i), str(bus)) for fleet in fleets for i, bus in fleet.sessions["bus"].items()]


KIND = Kind(EVFleet, "ev", (("p_mw", True),), _check, _owners)
