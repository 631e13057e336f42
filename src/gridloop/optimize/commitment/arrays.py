"""A unit system as arrays: what the model and the kernel of single units read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.kernel import unit_columns as kernel
from gridloop.network.unit_system import UnitSystem
from gridloop.optimize.commitment.least_times import held_before
from gridloop.units import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class StartCosts:
    """What a start costs, by unit and hour.

    first   [unit, hour]  where the unit was off all the time before
    anyway  [unit, hour]  the most that a start after a stop within the horizon costs
    by_off  [unit, hour + 1]  after so many hours off; counts from hour counts_from [unit, hour + 1] on
    """

    first: FloatArray
    anyway: FloatArray
    by_off: FloatArray
    counts_from: IntArray

    def after(self, g: int, b: int, off: int) -> float:
        """Cost of a start of unit g in hour b, `off` hours after it stopped within the horizon."""
        cost = float(self.anyway[g, b])
        return min(cost, float(self.by_off[g, off])) if b >= self.counts_from[g, off] else cost


@dataclass(frozen=True, eq=False)
class UnitArrays:
    """Units as arrays; powers in MW, hours whole, `unit` as the kernel has it.

    points, costs [point], point_of [unit + 1]  cost curves, one after another
    may_on, may_off [unit, hour]  what availability, must-run and the state before allow
    regulation_max [unit]
    """

    ids: pd.Index
    hours: int
    unit: FloatArray
    points: FloatArray
    costs: FloatArray
    point_of: IntArray
    start: StartCosts
    may_on: BoolArray
    may_off: BoolArray
    regulation_max: FloatArray

    @property
    def n(self) -> int:
        """How many units there are."""
        return len(self.ids)

    def column(self, name: int) -> FloatArray:
        """A column of `unit`, by its place in the kernel's table."""
        return self.unit[:, name]

    def curve(self, g: int) -> tuple[FloatArray, FloatArray]:
        """Outputs and costs of the curve of unit g."""
        part = slice(self.point_of[g], self.point_of[g + 1])
        return self.points[part], self.costs[part]

    @classmethod
    def of(cls, system: UnitSystem) -> UnitArrays:
        """The arrays of a system."""
        table = system.unit
        hours = system.hours
        unit = np.zeros((len(table), kernel.COLUMNS))
        p_min, p_max = (table[c].to_numpy(dtype=float) for c in ("p_min_mw", "p_max_mw"))
        up, down = (table[c].to_numpy(dtype=float) for c in ("ramp_up_mw_per_h", "ramp_down_mw_per_h"))
        on = table["on_before"].to_numpy(dtype=bool)
        stop_cap = np.minimum(table["stop_max_mw"].to_numpy(dtype=float), p_max)
        for column, values in (
            (kernel.P_MIN, p_min),
            (kernel.P_MAX, p_max),
            (kernel.RAMP_UP, up),
            (kernel.RAMP_DOWN, down),
            # the step from or to zero is a ramp from or to p_min as well
            (kernel.START_MAX, np.minimum(np.minimum(table["start_max_mw"].to_numpy(dtype=float), p_max), p_min + up)),
            (kernel.STOP_MAX, np.minimum(stop_cap, p_min + down)),
            (kernel.STOP_CAP, stop_cap),
            (kernel.UP_MIN, np.clip(table["min_up_h"].to_numpy(dtype=float), 1, None)),
            (kernel.DOWN_MIN, np.clip(table["min_down_h"].to_numpy(dtype=float), 1, None)),
            (kernel.ON_BEFORE, on.astype(float)),
            (kernel.HOURS_BEFORE, table["hours_before"].to_numpy(dtype=float)),
            (kernel.P_BEFORE, np.where(on, table["p_before_mw"].to_numpy(dtype=float), 0.0)),
        ):
            unit[:, column] = values
        by_unit = {str(k): t for k, t in system.cost.groupby("unit", sort=False)}
        curves = [by_unit[str(i)] for i in table.index]
        may_on, may_off = _allowed(system, unit)
        regulation = table["regulation_max_mw"] if "regulation_max_mw" in table else pd.Series(0.0, table.index)
        return cls(
            ids=table.index,
            hours=hours,
            unit=unit,
            points=np.concatenate([c["p_mw"].to_numpy(dtype=float) for c in curves]),
            costs=np.concatenate([c["cost_per_h"].to_numpy(dtype=float) for c in curves]),
            point_of=np.concatenate([[0], np.cumsum([len(c) for c in curves])]).astype(np.int64),
            start=_start_costs(system, unit),
            may_on=may_on,
            may_off=may_off,
            regulation_max=np.asarray(regulation.fillna(0.0), dtype=float),
        )


def _allowed(system: UnitSystem, unit: FloatArray) -> tuple[BoolArray, BoolArray]:
    """Where a unit may be on and off. [unit, hour]

    Maintenance comes before must-run: a unit that is out cannot run. The least times left from before the horizon
    are only asked of hours in which the unit is available.
    """
    n, hours = len(unit), system.hours
    there = np.ones((n, hours), dtype=bool)
    if len(system.available):
        there = np.asarray(system.available[list(system.unit.index)], dtype=bool).T.copy()
    on, since = unit[:, kernel.ON_BEFORE] > 0.0, unit[:, kernel.HOURS_BEFORE]
    stays_on, stays_off = held_before(on, since, unit[:, kernel.UP_MIN], unit[:, kernel.DOWN_MIN], hours)
    must = system.unit["must_run"].to_numpy(dtype=bool)[:, None]
    return there & ~stays_off, ~((must | stays_on) & there)


def _start_costs(system: UnitSystem, unit: FloatArray) -> StartCosts:
    """Costs of starts by the rule of the system; see `START_RULES`.

    The rule "pglib" is that of its reference model, equations (7) and (15), hours from 1: a start in hour b may use
    tier s where b < off_h(s + 1) and b ≤ off_h(s + 1) − hours off before, or where b ≥ off_h(s + 1) and the unit
    stopped off_h(s) … off_h(s + 1) − 1 hours earlier.
    """
    n, hours = len(unit), system.hours
    first, anyway = np.zeros((n, hours)), np.zeros((n, hours))
    by_off, counts = np.zeros((n, hours + 1)), np.zeros((n, hours + 1), dtype=np.int64)
    tables = {str(k): t for k, t in system.start.groupby("unit", sort=False)}
    off = np.arange(hours + 1)
    for g, i in enumerate(system.unit.index):
        lag, cost = (tables[str(i)][c].to_numpy(dtype=float) for c in ("off_h", "cost"))
        tier = np.maximum(np.searchsorted(lag, off, side="right") - 1, 0)
        by_off[g] = cost[tier]
        anyway[g] = cost[-1]
        was_off = unit[g, kernel.ON_BEFORE] == 0.0
        before = unit[g, kernel.HOURS_BEFORE] if was_off else 0.0
        if system.start_rule == "pglib":
            hour = off[1:]
            for s in range(len(lag) - 2, -1, -1):
                free = (hour < lag[s + 1]) & (hour <= lag[s + 1] - before)
                anyway[g, free] = np.minimum(anyway[g, free], cost[s])
            counts[g] = np.append(lag, 1.0)[tier + 1] - 1  # the last tier counts from the first hour
            first[g] = anyway[g]
        else:
            began = before + off[:-1]
            first[g] = cost[np.maximum(np.searchsorted(lag, began, side="right") - 1, 0)]
    return StartCosts(first, anyway, by_off, counts)
