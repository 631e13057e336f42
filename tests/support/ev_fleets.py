"""Small fleets for tests, and the linear program that they are an answer of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import linprog
from scipy.sparse import csr_array

START = pd.Timestamp("2026-03-02", tz="UTC")


def prices(values, minutes: int = 60) -> pd.Series:
    return pd.Series(
        np.asarray(values, dtype=float), index=pd.date_range(START, periods=len(values), freq=f"{minutes}min")
    )


def sessions(*rows: tuple[float, float, float, float], **columns) -> pd.DataFrame:
    """(arrival h, departure h, MWh, MW) per session, named a, b, c …"""
    table = pd.DataFrame(rows, columns=["arrival", "departure", "energy_mwh", "max_charge_mw"], dtype=float)
    for name in ("arrival", "departure"):
        table[name] = START + pd.to_timedelta(table[name], unit="h")
    table.index = pd.Index([chr(ord("a") + k) if k < 26 else f"s{k}" for k in range(len(table))], name="session")
    return table.assign(**columns)


def random_fleet(rng: np.random.Generator, cars: int, steps: int, *, grid: bool = False) -> pd.DataFrame:
    """Stays of any length, on the grid of hours or not, also out of the horizon; energies that fit mostly."""
    arrival = rng.uniform(-2.0, steps - 0.5, cars)
    stay = rng.uniform(0.2, 0.8 * steps, cars)
    if grid:
        arrival, stay = np.floor(arrival).clip(0), np.ceil(stay)
    power = rng.uniform(0.5, 3.0, cars)
    energy = power * stay * rng.uniform(0.05, 0.9, cars)
    return sessions(*zip(arrival, arrival + stay, energy, power, strict=True))


@dataclass(frozen=True)
class Answer:
    cost: float
    served_mwh: float
    total_mwh: np.ndarray


def by_linear_program(table: pd.DataFrame, price: pd.Series, room_mwh, *, early: float, lost: float) -> Answer:
    """The same problem as a linear program of HiGHS: charge of every car and interval, and what it lacks. One per hour.

    What fits in after the horizon is not asked for.
    """
    steps, hours = len(price), (price.index[1] - price.index[0]) / pd.Timedelta(hours=1)
    begin = price.index[0] + pd.to_timedelta(hours * np.arange(steps), unit="h")
    arrival, departure = (pd.DatetimeIndex(table[name]) for name in ("arrival", "departure"))
    columns, rows, cost, most = [], [], [], []
    need = np.zeros(len(table))
    for i in range(len(table)):
        power, end = table["max_charge_mw"].iloc[i], begin[-1] + pd.Timedelta(hours=hours)
        later = max(0.0, (departure[i] - max(arrival[i], end)) / pd.Timedelta(hours=1))
        need[i] = max(0.0, table["energy_mwh"].iloc[i] - power * later)
        for t in range(steps):
            there = (
                min(departure[i], begin[t] + pd.Timedelta(hours=hours)) - max(arrival[i], begin[t])
            ) / pd.Timedelta(hours=1)
            if there > 0:
                rows.append(i)
                columns.append(t)
                most.append(power * there)
                cost.append(price.iloc[t] + early * hours * t)
    entries, cars = len(rows), len(table)
    equal = csr_array(
        (np.ones(entries + cars), ([*rows, *range(cars)], np.arange(entries + cars))), shape=(cars, entries + cars)
    )
    most_of_all = csr_array((np.ones(entries), (columns, np.arange(entries))), shape=(steps, entries + cars))
    found = linprog(
        np.array([*cost, *([lost] * cars)]),
        A_ub=most_of_all,
        b_ub=np.asarray(room_mwh, dtype=float),
        A_eq=equal,
        b_eq=need,
        bounds=[*((0.0, u) for u in most), *((0.0, n) for n in need)],
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    assert found.status == 0, found.message
    total = np.bincount(columns, weights=found.x[:entries], minlength=steps)
    return Answer(float(found.fun), float(found.x[:entries].sum()), total)
