"""Sessions of vehicles as arrays: what is needed at the plug, what a car may give, from when on it is plugged in.

Where a station has fewer ports than cars, ports go to whoever came first and stay theirs until they leave: a car that
finds none waits, plugged in nowhere, until one is free, and may have to leave without ever having had one.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.units import BoolArray, FloatArray, IntArray


def numbers(table: pd.DataFrame, name: str, default: float = np.nan) -> FloatArray:
    """A column as floats; the default where it is missing, or the column is. [session]"""
    if name not in table:
        return np.full(len(table), default)
    values = pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=float)
    return np.where(np.isnan(values), default, values)


def flags(table: pd.DataFrame, name: str) -> BoolArray:
    """A column of yes and no; no where it is missing. [session]"""
    if name not in table:
        return np.zeros(len(table), dtype=np.bool_)
    told = table[name].notna().to_numpy()
    return np.array([bool(value) for value in table[name].where(told, False)], dtype=np.bool_)


def words(table: pd.DataFrame, name: str) -> list[str]:
    """A column of names; "" where it is missing. [session]"""
    if name not in table:
        return [""] * len(table)
    return [str(value) if told else "" for value, told in zip(table[name], table[name].notna(), strict=True)]


def energy_at_plug(table: pd.DataFrame) -> FloatArray:
    """What a session asks for, measured at the plug: its `energy_mwh`, else from where it is to where it wants to be.

    [session], MWh; NaN where neither is told.
    """
    wanted = numbers(table, "soc_desired") - numbers(table, "soc_arrival")
    by_soc = np.maximum(wanted, 0.0) * numbers(table, "capacity_mwh") / numbers(table, "charge_efficiency", 1.0)
    asked = numbers(table, "energy_mwh")
    return np.where(np.isnan(asked), by_soc, asked)


def giving_power(table: pd.DataFrame) -> FloatArray:
    """What a car may give at most: `max_discharge_mw` where told, else its charging power where `v2g`. [session], MW"""
    told = numbers(table, "max_discharge_mw")
    able = np.where(flags(table, "v2g"), numbers(table, "max_charge_mw"), 0.0)
    if "v2g" in table:  # who says no gives nothing, whatever its charger could
        told = np.where(flags(table, "v2g"), told, 0.0)
    return np.where(np.isnan(told), able, told)


@dataclass(frozen=True)
class Plugged:
    """From when on every session holds a port. [session]

    since  where no port came free before the car left: its departure
    never  True there
    """

    since: pd.Series
    never: BoolArray


def plug_in(
    ids: Sequence[str], arrival: pd.Series, departure: pd.Series, station: Sequence[str], ports: Mapping[str, int]
) -> Plugged:
    """Ports in the order of arrival (then of the id), each held until departure. ports  station → how many"""
    never = np.zeros(len(ids), dtype=bool)
    if not ports:
        return Plugged(arrival, never)
    come = pd.DatetimeIndex(arrival).as_unit("ns").asi8
    go = pd.DatetimeIndex(departure).as_unit("ns").asi8
    since = come.copy()
    for name, count in ports.items():
        mine = sorted((k for k in range(len(ids)) if station[k] == name), key=lambda k: (come[k], ids[k]))
        free_at: list[int] = []  # when each port that is taken, or waited for, comes free
        for k in mine:
            while free_at and free_at[0] <= come[k]:
                heapq.heappop(free_at)
            if len(free_at) >= count:
                since[k] = free_at[0] if free_at else go[k]
            if since[k] >= go[k]:
                never[k], since[k] = True, go[k]
                continue
            if since[k] > come[k]:
                heapq.heappop(free_at)
            heapq.heappush(free_at, int(go[k]))
    return Plugged(pd.Series(pd.DatetimeIndex(since, tz="UTC"), index=arrival.index), never)


def ranks(priority: FloatArray) -> IntArray:
    """0 for the lowest priority there is, 1 for the next. [session]"""
    return np.unique(priority, return_inverse=True)[1].astype(np.int64).reshape(priority.shape)
