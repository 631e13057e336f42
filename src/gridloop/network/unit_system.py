"""Generating units and what is asked of them hour by hour, as tables: the question of a unit commitment.

Hours are counted from 0; which hour of which day that is, is the caller's business. All powers are means over an hour.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, GapInSeries, MissingColumn, OutOfRange, listed

UNIT_COLUMNS = (
    "p_min_mw",
    "p_max_mw",
    "ramp_up_mw_per_h",
    "ramp_down_mw_per_h",
    "start_max_mw",
    "stop_max_mw",
    "min_up_h",
    "min_down_h",
    "on_before",
    "hours_before",
    "p_before_mw",
    "must_run",
)
STORAGE_COLUMNS = (
    "charge_max_mw",
    "discharge_max_mw",
    "energy_max_mwh",
    "energy_before_mwh",
    "energy_end_mwh",
    "charge_efficiency",
    "discharge_efficiency",
)
FLEXIBLE_COLUMNS = ("curtail_max_mw", "curtail_cost_per_mwh", "shift_max_mw", "shift_within_h")
# How a start is priced. "hours_off": by the hours since the unit stopped. "pglib": as the reference model of PGLib-UC
# does, in which a unit that was off before the horizon is restarted from its coldest tier for that tier's whole time.
START_RULES = ("hours_off", "pglib")
_BY_HOUR = ("demand_mw", "reserve_mw", "regulation_mw", "renewable_min_mw", "renewable_max_mw", "available", "load_mw")
# Relative: slopes of a cost curve may fall by this much, for files round their costs.
_CONVEX = 1e-6
# Relative: loads by bus sum to the demand up to the rounding of files.
_ROUNDED = 1e-6


def _no_table(columns: Iterable[str]) -> pd.DataFrame:
    return pd.DataFrame(columns=list(columns), dtype=float, index=pd.Index([], name="id", dtype=object))


@dataclass(frozen=True, eq=False)
class UnitSystem:
    """Units, renewables, storage and flexible load, with demand and reserves per hour.

    unit          by id: `UNIT_COLUMNS`; start_max_mw and stop_max_mw limit the first and the last hour of a run,
                  hours_before says how long the unit has been on or off; optional regulation_max_mw (0 where missing)
    cost          corners of the cost curves: unit, p_mw, cost_per_h; from p_min_mw to p_max_mw, convex
    start         start-up tiers, hottest first: unit, off_h (hours off from which it counts), cost
    demand_mw     [hour]
    reserve_mw    [hour]  spinning reserve that is wanted, upwards
    regulation_mw [hour]  regulation that is wanted, up and down at once
    renewable_min_mw, renewable_max_mw  [hour × id]  what has to be taken, and what there is
    available     [hour × unit]  False where a unit is out for maintenance; empty: always there
    storage       by id: `STORAGE_COLUMNS`; energy_end_mwh is the least that has to be left
    flexible      by id: `FLEXIBLE_COLUMNS`; load that may be shed at a price, or moved within blocks of hours
    start_rule    one of `START_RULES`
    load_mw       [hour × bus]  the demand by bus, which sums to demand_mw; empty: nobody asks where it is

    On a network everything has its place: units, storage and flexible load in a column `bus` of their tables,
    renewables in `renewable_bus` [id], demand in load_mw. Without a network these are not read.
    """

    unit: pd.DataFrame
    cost: pd.DataFrame
    start: pd.DataFrame
    demand_mw: pd.Series
    reserve_mw: pd.Series
    regulation_mw: pd.Series
    renewable_min_mw: pd.DataFrame
    renewable_max_mw: pd.DataFrame
    available: pd.DataFrame = field(default_factory=pd.DataFrame)
    storage: pd.DataFrame = field(default_factory=lambda: _no_table(STORAGE_COLUMNS))
    flexible: pd.DataFrame = field(default_factory=lambda: _no_table(FLEXIBLE_COLUMNS))
    start_rule: str = "hours_off"
    name: str = ""
    load_mw: pd.DataFrame = field(default_factory=pd.DataFrame)
    renewable_bus: pd.Series = field(default_factory=lambda: pd.Series(dtype=object))

    def __post_init__(self) -> None:
        _check(self)

    @property
    def hours(self) -> int:
        """How many hours there are."""
        return len(self.demand_mw)

    def with_(self, **changes: Any) -> UnitSystem:
        """The same system with other tables or series; they are checked."""
        return replace(self, **changes)

    def of_units(self, ids: Sequence[str]) -> UnitSystem:
        """The same with these units only."""
        missing = [str(i) for i in ids if i not in self.unit.index]
        if missing:
            raise BadInput(f"{len(missing)} units are not in the system: {listed(missing)}.", units=missing)
        kept = list(ids)
        return replace(
            self,
            unit=self.unit.loc[kept],
            cost=self.cost[self.cost["unit"].isin(kept)],
            start=self.start[self.start["unit"].isin(kept)],
            available=self.available[kept] if len(self.available) else self.available,
        )

    def with_demand(self, demand_mw: pd.Series) -> UnitSystem:
        """The same with another demand [hour]: what it is more or less, buses draw more or less by the size of theirs.

        Where all draw, that keeps their shares; loads of both signs may sum to any demand, which has no shares. An
        hour in which no bus draws anything takes sizes of all hours together; one of the same demand stays as it is.
        Raises `BadInput` where no bus draws anything in any hour.
        """
        given = demand_mw.reset_index(drop=True)
        if not len(self.load_mw) or len(given) != self.hours:
            return replace(self, demand_mw=given)
        load, asked = self.load_mw.to_numpy(dtype=float), given.to_numpy(dtype=float)
        more = np.where(asked == self.demand_mw.to_numpy(dtype=float), 0.0, asked - load.sum(axis=1))
        size = np.abs(load)
        size = np.where(size.any(axis=1)[:, None], size, size.sum(axis=0))
        total = size.sum(axis=1)
        if ((total == 0.0) & (more != 0.0)).any():
            raise BadInput("no bus draws anything in load_mw, which could say where the demand is; give load_mw too.")
        moved = load + size * (more / np.where(total > 0.0, total, 1.0))[:, None]
        return replace(self, demand_mw=given, load_mw=pd.DataFrame(moved, columns=self.load_mw.columns))

    def between(self, first: int, end: int) -> UnitSystem:
        """The hours first … end − 1 as a system of their own, counted from 0; the state before is left as it is."""
        cut = slice(first, end)
        return replace(
            self,
            demand_mw=self.demand_mw.iloc[cut].reset_index(drop=True),
            reserve_mw=self.reserve_mw.iloc[cut].reset_index(drop=True),
            regulation_mw=self.regulation_mw.iloc[cut].reset_index(drop=True),
            renewable_min_mw=self.renewable_min_mw.iloc[cut].reset_index(drop=True),
            renewable_max_mw=self.renewable_max_mw.iloc[cut].reset_index(drop=True),
            available=self.available.iloc[cut].reset_index(drop=True),
            load_mw=self.load_mw.iloc[cut].reset_index(drop=True),
        )


def _check(system: UnitSystem) -> None:
    """Raise the first thing that is wrong, by name."""
    for table, wanted, name in (
        (system.unit, UNIT_COLUMNS, "unit"),
        (system.cost, ("unit", "p_mw", "cost_per_h"), "cost"),
        (system.start, ("unit", "off_h", "cost"), "start"),
        (system.storage, STORAGE_COLUMNS, "storage"),
        (system.flexible, FLEXIBLE_COLUMNS, "flexible"),
    ):
        missing = [c for c in wanted if c not in table.columns]
        if missing:
            raise MissingColumn(f"table {name} has no column {listed(missing)}; needed are {', '.join(wanted)}.")
    if system.start_rule not in START_RULES:
        raise OutOfRange(f"start_rule {system.start_rule!r} is unknown; allowed are {', '.join(START_RULES)}.")
    if not len(system.unit):
        raise BadInput("table unit is empty; a commitment decides on one unit at least that can give power.")
    if system.unit.index.has_duplicates:
        twice = sorted(set(system.unit.index[system.unit.index.duplicated()].astype(str)))
        raise BadInput(f"{len(twice)} unit ids are there more than once: {listed(twice)}.", units=twice)
    _check_series(system)
    _check_units(system.unit)
    _check_curves(system)
    _check_starts(system)


def _check_series(system: UnitSystem) -> None:
    hours = system.hours
    if hours == 0:
        raise BadInput("demand_mw has no hours; a commitment needs one at least.")
    for name in _BY_HOUR:
        table = getattr(system, name)
        if name in ("available", "load_mw") and table.empty:
            continue
        if len(table) != hours:
            raise BadInput(f"{name} has {len(table)} hours, demand_mw {hours}; they must be the same.")
        values = np.asarray(table, dtype=float).reshape(hours, -1)
        gaps = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if gaps.size:
            raise GapInSeries(
                f"{name} has {gaps.size} hours without a finite value, the first is hour {gaps[0]}. Fill them by name.",
                hours=gaps.tolist(),
            )
    low, high = system.renewable_min_mw, system.renewable_max_mw
    if list(low.columns) != list(high.columns):
        raise BadInput("renewable_min_mw and renewable_max_mw have different columns; they must be the same.")
    wrong = np.argwhere(np.asarray(low, dtype=float) > np.asarray(high, dtype=float) + 1e-9)  # rounding of files
    if wrong.size:
        hour, column = (int(k) for k in wrong[0])
        raise OutOfRange(
            f"{len(wrong)} values of renewable_min_mw are above renewable_max_mw, the first at hour {hour} of "
            f"{low.columns[column]}; swap or correct them.",
        )
    if len(system.available) and set(system.available.columns) != set(system.unit.index):
        raise BadInput("the columns of `available` must be the ids of all units.")
    _check_loads(system)
    for name in ("reserve_mw", "regulation_mw"):
        below = np.flatnonzero(np.asarray(getattr(system, name), dtype=float) < 0.0)
        if below.size:
            raise OutOfRange(
                f"{name} is negative in {below.size} hours, the first is {below[0]}; allowed is 0 or more."
            )


def _check_loads(system: UnitSystem) -> None:
    """What buses draw is the demand, to the rounding of files, and stands in one column each."""
    if not len(system.load_mw):
        return
    buses = system.load_mw.columns.astype(str)
    twice = sorted(set(buses[buses.duplicated()]))
    if twice:
        raise BadInput(f"{len(twice)} buses of load_mw have more than one column: {listed(twice)}. Add them up.")
    drawn = system.load_mw.to_numpy(dtype=float).sum(axis=1)
    asked = system.demand_mw.to_numpy(dtype=float)
    off = np.flatnonzero(np.abs(drawn - asked) > _ROUNDED * np.maximum(np.abs(asked), 1.0))
    if off.size:
        t = int(off[0])
        raise BadInput(
            f"load_mw sums to {drawn[t]:,.6g} MW in hour {t} and demand_mw is {asked[t]:,.6g} MW ({off.size} such "
            "hours). Change both, or scale load_mw by `with_demand`.",
            hours=off.tolist(),
        )


def _check_units(unit: pd.DataFrame) -> None:
    numbers = unit[[c for c in UNIT_COLUMNS if c not in ("on_before", "must_run")]].astype(float)
    bad = numbers.isna().any(axis=1)
    if bad.any():
        ids = [str(i) for i in unit.index[bad]]
        column = str(numbers.columns[numbers.isna().any()][0])
        raise OutOfRange(f"{len(ids)} units have NaN, the first in {column}: {listed(ids)}. Give a number.", units=ids)
    for what, wrong, allowed in (
        ("p_min_mw above p_max_mw", numbers["p_min_mw"] > numbers["p_max_mw"] + 1e-9, "p_min_mw ≤ p_max_mw"),
        ("p_min_mw below 0", numbers["p_min_mw"] < 0.0, "0 or more"),
        ("ramps below 0", (numbers[["ramp_up_mw_per_h", "ramp_down_mw_per_h"]] < 0.0).any(axis=1), "0 or more"),
        ("start_max_mw below p_min_mw", numbers["start_max_mw"] < numbers["p_min_mw"] - 1e-9, "p_min_mw or more"),
        ("stop_max_mw below p_min_mw", numbers["stop_max_mw"] < numbers["p_min_mw"] - 1e-9, "p_min_mw or more"),
        ("hours below 0", (numbers[["min_up_h", "min_down_h", "hours_before"]] < 0).any(axis=1), "0 or more"),
        (
            "hours that are not whole",
            (numbers[["min_up_h", "min_down_h", "hours_before"]] % 1 != 0).any(axis=1),
            "whole hours",
        ),
    ):
        if wrong.any():
            ids = [str(i) for i in unit.index[wrong]]
            raise OutOfRange(f"{len(ids)} units have {what}: {listed(ids)}; allowed is {allowed}.", units=ids)


def _check_curves(system: UnitSystem) -> None:
    curves = {str(k): t for k, t in system.cost.groupby("unit", sort=False)}
    missing = [str(i) for i in system.unit.index if str(i) not in curves]
    if missing:
        raise BadInput(f"{len(missing)} units have no cost curve: {listed(missing)}. Give one corner at least.")
    for i, p_min, p_max in zip(system.unit.index, system.unit["p_min_mw"], system.unit["p_max_mw"], strict=True):
        p = curves[str(i)]["p_mw"].to_numpy(dtype=float)
        cost = curves[str(i)]["cost_per_h"].to_numpy(dtype=float)
        if not (np.isfinite(p).all() and np.isfinite(cost).all()):
            raise OutOfRange(f"the cost curve of unit {i} has NaN or infinity; give numbers.", units=[str(i)])
        if abs(p[0] - p_min) > 1e-6 or abs(p[-1] - p_max) > 1e-6 or (np.diff(p) < 0.0).any():
            raise OutOfRange(
                f"the cost curve of unit {i} runs from {p[0]:g} to {p[-1]:g} MW; it must rise from p_min_mw {p_min:g} "
                f"to p_max_mw {p_max:g}.",
                units=[str(i)],
            )
        width = np.diff(p)
        slope = np.diff(cost)[width > 0] / width[width > 0]
        if (np.diff(slope) < -_CONVEX * np.abs(slope[:-1]) - 1e-9).any():
            raise OutOfRange(
                f"the cost curve of unit {i} is not convex; its slopes must not fall. Use its convex hull.",
                units=[str(i)],
            )


def _check_starts(system: UnitSystem) -> None:
    tiers = {str(k): t for k, t in system.start.groupby("unit", sort=False)}
    missing = [str(i) for i in system.unit.index if str(i) not in tiers]
    if missing:
        raise BadInput(f"{len(missing)} units have no start-up tier: {listed(missing)}. Give one, with cost 0 if free.")
    for i in system.unit.index:
        off, cost = (tiers[str(i)][c].to_numpy(dtype=float) for c in ("off_h", "cost"))
        if not (np.isfinite(off).all() and np.isfinite(cost).all()) or (np.diff(off) <= 0).any():
            raise OutOfRange(f"the start-up tiers of unit {i} must have numbers, and off_h that rise.", units=[str(i)])
        if (cost < 0.0).any() or (np.diff(cost) < 0.0).any():
            raise OutOfRange(
                f"the start-up tiers of unit {i} must cost 0 or more, and no less the colder it is.", units=[str(i)]
            )
