"""Sessions as the checker of plans reads them from the tables of their owner: one row of numbers each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from gridloop.optimize.check.devices.base import Span, hours_from
from gridloop.optimize.devices.ev import EVFleet
from gridloop.units import FloatArray

# How much dearer the last part of a need is than the first, as a share of the step between two priorities.
GROWTH = 0.5


def sessions_of(fleets: Sequence[EVFleet], span: Span) -> pd.DataFrame:
    """All sessions of all fleets; `fleet` counts those that have any. Times are hours from the start of the plan."""
    tables = [_one(k, fleet, span) for k, fleet in enumerate(fleet for fleet in fleets if len(fleet.sessions))]
    return pd.concat(tables) if tables else pd.DataFrame({"bus": []})


def _one(k: int, fleet: EVFleet, span: Span) -> pd.DataFrame:
    table = fleet.sessions
    out = pd.DataFrame({"bus": table["bus"], "fleet": k}, index=table.index)
    out["max_charge_mw"] = table["max_charge_mw"].astype(float)
    out["capacity"], out["soc"] = _told(table, "capacity_mwh", np.nan), _told(table, "soc_arrival", np.nan)
    out["least"], out["given_before"] = _told(table, "min_soc", 0.0), _told(table, "given_mwh", 0.0)
    out["into"], out["out_of"] = _told(table, "charge_efficiency", 1.0), _told(table, "discharge_efficiency", 1.0)
    asked = _told(table, "energy_mwh", np.nan)
    missing = (_told(table, "soc_desired", np.nan) - out["soc"]).clip(lower=0.0) * out["capacity"] / out["into"]
    out["need"] = np.where(np.isnan(asked), missing, asked)
    out["give"] = _giving(table)
    levels = sorted(set(_told(table, "priority", 0.0)))
    rank = np.array([levels.index(value) for value in _told(table, "priority", 0.0)])
    out["lost"] = fleet.value_of_lost_charge * (1 + rank / len(levels))
    out["growth"] = GROWTH * fleet.value_of_lost_charge / len(levels) if fleet.fair_steps > 1 else 0.0
    out["parts"] = fleet.fair_steps
    out["early"], out["wear"] = fleet.early_cost, fleet.degradation_cost
    out["threshold"], out["deepest"] = fleet.discharge_price_threshold, fleet.max_discharge_share
    arrives, out["leaves"] = (hours_from(span, table[name]) for name in ("arrival", "departure"))
    out["plugged"] = _plugged(fleet, arrives, out["leaves"].to_numpy())
    return out


def _told(table: pd.DataFrame, name: str, otherwise: float) -> FloatArray:
    if name not in table:
        return np.full(len(table), otherwise)
    return pd.to_numeric(table[name], errors="coerce").fillna(otherwise).to_numpy(dtype=float)


def _giving(table: pd.DataFrame) -> list[float]:
    """A car that says no gives nothing; one that says yes gives as fast as it charges where it tells no power."""
    told = _told(table, "max_discharge_mw", np.nan)
    powers = []
    for own, charging, able in zip(
        told, table["max_charge_mw"], table["v2g"] if "v2g" in table else [None] * len(table), strict=True
    ):
        says: Any = None if "v2g" not in table else bool(pd.notna(able)) and bool(able)
        if says is False or (says is None and np.isnan(own)):
            powers.append(0.0)
        else:
            powers.append(float(charging) if np.isnan(own) else float(own))
    return powers


def _plugged(fleet: EVFleet, arrives: FloatArray, leaves: FloatArray) -> FloatArray:
    """Hours from when on each car holds a port: one car after the other, each takes the port that is free first."""
    table, stations = fleet.sessions, fleet.stations
    if stations is None or "ports" not in stations or "station" not in table:
        return arrives
    begin = arrives.copy()
    for name, ports in stations["ports"].items():
        if not np.isfinite(ports):
            continue
        free = [-np.inf] * int(ports)
        mine = np.flatnonzero((table["station"].astype(str) == str(name)).to_numpy()).tolist()
        ids = [str(i) for i in table.index]
        for k in sorted(mine, key=lambda k: (arrives[k], ids[k])):
            first = min(range(len(free)), key=free.__getitem__, default=None)
            start = np.inf if first is None else max(arrives[k], free[first])
            begin[k] = min(start, leaves[k])
            if first is not None and start < leaves[k]:
                free[first] = leaves[k]
    return begin
