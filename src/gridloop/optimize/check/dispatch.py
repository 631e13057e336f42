"""Dispatches: balance, limits, forecasts, ramps, reserve and cost in every step, read from the table of units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gridloop.network.model import Network
from gridloop.optimize.check.checked import Checked, Ledger
from gridloop.optimize.check.generators import output_cost
from gridloop.optimize.check.grid import Grid, column, read_grid
from gridloop.units import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class DispatchCase:
    """What a dispatch was asked: a table of units or a network, demand, reserve and forecasts.

    demand_mw, reserve_mw  one number or one per step; None takes what the solution tells, so that it is not checked
    available_mw           [time, unit] or one number per unit: the most that there was; None likewise
    """

    units: pd.DataFrame | Network
    demand_mw: float | pd.Series | None = None
    reserve_mw: float | pd.Series | None = None
    available_mw: pd.DataFrame | pd.Series | None = None


def check_dispatch(case: DispatchCase | pd.DataFrame | Network, solution: Any, tolerance_pu: float) -> Checked:
    """Check a `Dispatch`. A table or a network alone leaves demand and forecasts as the solution tells them."""
    asked = case if isinstance(case, DispatchCase) else DispatchCase(case)
    ledger, step = Ledger(tolerance_pu), solution.step
    units, total_load = _units(asked.units)
    p, cost = check_limits_and_cost(asked, units, solution, ledger)
    if ledger.refused:
        return ledger.verdict(float("nan"))
    times = list(step.index)
    demand = _series(asked.demand_mw, step["demand_mw"], times, total_load)
    needed = demand + step["losses_mw"].fillna(0.0).to_numpy(dtype=float)
    ledger.equal("balance", ["demand"], p.sum(axis=0)[None, :], needed[None, :], "MW", times)
    ledger.same_cost("cost", ["all units"], float(solution.cost), cost)
    return ledger.verdict(cost)


def check_limits_and_cost(
    asked: DispatchCase, units: pd.DataFrame, solution: Any, ledger: Ledger
) -> tuple[FloatArray, float]:
    """Outputs [unit, step] and their cost; limits, ramps and reserve are checked on the way."""
    step = solution.step
    ids, times = [str(i) for i in units.index], list(step.index)
    p, reserve = (_by_unit(solution.unit, name, ids, times) for name in ("p_mw", "reserve_mw"))
    ledger.missing("output", ids, ~np.isfinite(p), times)
    if not np.isfinite(p).all():
        return p, float("nan")
    told = _by_unit(solution.unit, "available_mw", ids, times)
    _limits(units, ids, times, p, reserve, _available(asked, told, ids, times), ledger)
    _ramps(units, ids, times, p, step["hours"].to_numpy(dtype=float), ledger)
    if asked.reserve_mw is not None:
        wanted = _series(asked.reserve_mw, step["reserve_mw"], times, None)
        ledger.at_least("reserve", ["all units"], reserve.sum(axis=0)[None, :], wanted[None, :], "MW", times)
    hours = step["hours"].to_numpy(dtype=float)
    return p, float((_cost(units, p, reserve).sum(axis=0) * hours).sum())


def _units(system: pd.DataFrame | Network) -> tuple[pd.DataFrame, float | None]:
    """The table of units, and of a network the load that it has to serve."""
    if not isinstance(system, Network):
        return system, None
    grid = read_grid(system)
    taken = sum(
        float(system.tables[table][name].to_numpy(dtype=float)[grid.active(table)].sum())
        for table, name in (("load", "p_mw"), ("storage", "p_mw"), ("shunt", "g_mw"))
    )
    return units_of_network(system, grid)[0], taken


def units_of_network(system: Network, grid: Grid) -> tuple[pd.DataFrame, IntArray]:
    """Generators and connections to the grid above that serve, and the row of the bus of each."""
    serving = grid.active("generator") & grid.fed[grid.rows_of("generator")]
    costs = {name: np.nan_to_num(column(system.source, name, 0.0)) for name in _COSTS}  # no cost said is none
    sources = system.source[["p_min_mw", "p_max_mw"]].assign(**costs)
    limits = system.source[["p_min_mw", "p_max_mw", "q_min_mvar", "q_max_mvar"]].to_numpy(dtype=float)
    gives = grid.active("source") & ~(limits == 0.0).all(axis=1)  # else a mere reference of angles
    above = sources[gives].rename(index=lambda name: f"source:{name}")
    units = system.generator[serving]
    rows = np.concatenate([grid.rows_of("generator")[serving], grid.rows_of("source")[gives]])
    return (pd.concat([units, above]) if len(above) else units), rows


_COSTS = ("cost_fixed_per_h", "cost_linear_per_mwh", "cost_quadratic_per_mw2h")


def _by_unit(table: pd.DataFrame, name: str, ids: list[str], times: list[Any]) -> FloatArray:
    """[unit, step], NaN where the table has nothing."""
    wide = table[name].unstack("unit")
    wide.columns = [str(c) for c in wide.columns]
    return np.asarray(wide.reindex(index=times, columns=ids).to_numpy(dtype=float).T)


def _series(asked: float | pd.Series | None, told: pd.Series, times: list[Any], known: float | None) -> FloatArray:
    if isinstance(asked, pd.Series):
        return asked.reindex(times).to_numpy(dtype=float)
    if asked is not None:
        return np.full(len(times), float(asked))
    return told.to_numpy(dtype=float) if known is None or len(times) > 1 else np.full(1, known)


def _available(case: DispatchCase, told: FloatArray, ids: list[str], times: list[Any]) -> FloatArray:
    """The most that there is of every unit, NaN where nothing is said. [unit, step]"""
    most = case.available_mw
    if most is None:
        return told
    if isinstance(most, pd.DataFrame):
        return most.rename(columns=str).reindex(index=times, columns=ids).to_numpy(dtype=float).T
    named = pd.Series(most).rename(index=str).reindex(ids).to_numpy(dtype=float)
    return np.repeat(named[:, None], len(times), axis=1)


def _limits(
    units: pd.DataFrame,
    ids: list[str],
    times: list[Any],
    p: FloatArray,
    reserve: FloatArray,
    available: FloatArray,
    ledger: Ledger,
) -> None:
    low, high = column(units, "p_min_mw", 0.0)[:, None], column(units, "p_max_mw")[:, None]
    most = np.fmin(available, high)
    # Less wind than a unit's least output is a fact, not a contradiction.
    ledger.at_least("output", ids, p, np.where(np.isnan(most), low, np.minimum(low, most)), "MW", times)
    ledger.at_most("output", ids, p, most, "MW", times)
    held = np.nan_to_num(reserve)
    ledger.at_least("reserve held", ids, held, 0.0, "MW", times)
    ledger.at_most("output with reserve", ids, p + held, most, "MW", times)
    kind = units["kind"].astype(str).to_numpy() if "kind" in units else np.full(len(ids), "")
    most_held = column(units, "reserve_max_mw")
    most_held = np.where(np.isnan(most_held) & np.isin(kind, ("solar", "wind")), 0.0, most_held)
    ledger.at_most("reserve held", ids, held, most_held[:, None], "MW", times)


def _ramps(
    units: pd.DataFrame, ids: list[str], times: list[Any], p: FloatArray, hours: FloatArray, ledger: Ledger
) -> None:
    before = np.hstack([column(units, "p_before_mw")[:, None], p[:, :-1]])
    most = column(units, "ramp_mw_per_h")[:, None] * hours[None, :]
    most = np.where(np.isnan(before), np.nan, most)
    change = np.where(np.isnan(before), 0.0, p - before)
    ledger.at_most("ramp up", ids, change, most, "MW", times)
    ledger.at_most("ramp down", ids, -change, most, "MW", times)


def _cost(units: pd.DataFrame, p: FloatArray, reserve: FloatArray) -> FloatArray:
    """Money per hour. [unit, step]"""
    output = np.stack([output_cost(units, p[:, t]) for t in range(p.shape[1])], axis=1)
    return np.asarray(output + column(units, "reserve_cost_per_mwh", 0.0)[:, None] * np.nan_to_num(reserve))
