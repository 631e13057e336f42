"""Commitments: every rule of the unit system hour by hour, written from its definition, and the recomputed objective.

With u on or off, P the output, a what is held for reserve and regulation, and q = P − p_min where on, else 0:

    p_min ≤ P and P + a ≤ p_max while on, P = a = 0 while off
    P + a ≤ start_max in the first hour of a run, ≤ stop_max in the last; p_before ≤ stop_max to stop at once
    q_t + a_t − q_(t−1) ≤ ramp_up,  q_(t−1) − q_t ≤ ramp_down

The state before the first hour counts: q before is p_before − p_min of a unit that was on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import BadInput
from gridloop.network.model import Network
from gridloop.network.unit_system import STORAGE_COLUMNS, UnitSystem
from gridloop.optimize.check.checked import Checked, Ledger
from gridloop.optimize.check.commitment_grid import check_unit_flows
from gridloop.optimize.check.starts import start_costs
from gridloop.units import BoolArray, FloatArray

# Further from 0 and 1 than this a unit is neither off nor on: the integrality tolerance of the solvers.
_WHOLE = 1e-6


@dataclass(frozen=True, eq=False)
class CommitmentCase:
    """What a commitment was asked beside its system: scenarios, each with `probability` and what differs, `demand_mw`,
    `renewable_max_mw` (None: as in the system); and the network that has to carry it, with what its DC model says:
    its `rule` and its `security` after outages (None: the rule "series", nothing after outages).
    """

    system: UnitSystem
    scenarios: Sequence[Any] = ()
    network: Network | None = None
    physics: Any = None

    def futures(self) -> list[tuple[float, UnitSystem]]:
        """Weight and system of every scenario."""
        if not self.scenarios:
            return [(1.0, self.system)]
        found = []
        for scenario in self.scenarios:
            future = self.system
            if scenario.demand_mw is not None:
                future = future.with_demand(scenario.demand_mw)
            if scenario.renewable_max_mw is not None:
                most = scenario.renewable_max_mw[list(future.renewable_max_mw.columns)].reset_index(drop=True)
                least = np.minimum(future.renewable_min_mw.to_numpy(dtype=float), most.to_numpy(dtype=float))
                future = future.with_(renewable_min_mw=pd.DataFrame(least, columns=most.columns), renewable_max_mw=most)
            found.append((float(scenario.probability), future))
        return found


def check_commitment(case: UnitSystem | CommitmentCase, solution: Any, tolerance_pu: float) -> Checked:
    """Check a `Commitment` against the tables of its unit system."""
    asked = case if isinstance(case, CommitmentCase) else CommitmentCase(case)
    system, futures = asked.system, asked.futures()
    outcomes = list(getattr(solution, "outcomes", [solution]))
    if len(outcomes) != len(futures):
        raise BadInput(
            f"the commitment serves {len(outcomes)} scenarios and the case has {len(futures)}; give a CommitmentCase "
            "with the scenarios that it was asked for."
        )
    ledger, hours = Ledger(tolerance_pu), list(range(system.hours))
    ids = [str(i) for i in system.unit.index]
    share = _table(solution, "on", ids, system.hours)
    ledger.missing("on", ids, ~np.isfinite(share).T, hours)
    if ledger.refused:
        return ledger.verdict(float("nan"))
    on = share > 0.5
    ledger.equal("on or off", ids, np.where(np.abs(share - on) > _WHOLE, share, on).T, on.T, "", hours)
    _times(system, ids, on, ledger)
    cost = float(start_costs(system, on).sum())
    for (weight, future), outcome in zip(futures, outcomes, strict=True):
        cost += weight * _outcome(future, ids, on, outcome, ledger)
        if asked.network is not None and not ledger.refused:
            check_unit_flows(asked.network, future, outcome, asked.physics, ledger)
    if not ledger.refused:
        ledger.same_cost("objective", ["all units"], float(solution.objective), cost)
    return ledger.verdict(cost)


def _outcome(system: UnitSystem, ids: list[str], on: BoolArray, outcome: Any, ledger: Ledger) -> float:
    """Check the output of one scenario; its cost without starts, NaN where values are missing."""
    hours = list(range(system.hours))
    told = {name: _table(outcome, name, ids, system.hours) for name in ("p_mw", "reserve_mw", "regulation_mw")}
    for name, needed in (
        ("p_mw", True),
        ("reserve_mw", bool(np.any(system.reserve_mw))),
        ("regulation_mw", bool(np.any(system.regulation_mw))),
    ):
        if needed:
            ledger.missing(name, ids, ~np.isfinite(told[name]).T, hours)
    if ledger.refused:
        return float("nan")
    p = told["p_mw"]
    reserve, regulation = (np.nan_to_num(told[name]) for name in ("reserve_mw", "regulation_mw"))
    _limits(system, ids, on, p, reserve, regulation, ledger)
    _ramps(system, ids, on, p, reserve + regulation, ledger)
    others, cost_of_others = _others(system, outcome, ledger)
    demand = system.demand_mw.to_numpy(dtype=float)
    ledger.equal("balance", ["demand"], (p.sum(axis=1) + others)[None, :], demand[None, :], "MW", hours)
    for name, held, wanted in (
        ("reserve", reserve, system.reserve_mw),
        ("regulation", regulation, system.regulation_mw),
    ):
        least = np.asarray(wanted, dtype=float)[None, :]
        ledger.at_least(name, ["all units"], held.sum(axis=1)[None, :], least, "MW", hours)
    return _energy(system, ids, on, p) + cost_of_others


def _table(solution: Any, name: str, ids: list[str], hours: int) -> FloatArray:
    """Values [hour, id] of a table of the solution, NaN where it has none; hours may stand across or down."""
    table = getattr(solution, name, None)
    if table is None or not isinstance(table, pd.DataFrame) or not table.size:
        return np.full((hours, len(ids)), np.nan)
    frame = table.copy()
    frame.columns, frame.index = [str(c) for c in frame.columns], [str(i) for i in frame.index]
    if not set(ids) & set(frame.columns) and set(ids) & set(frame.index):
        frame = frame.T
    values = frame.reindex(columns=ids).to_numpy(dtype=float)
    if len(values) != hours:
        return np.full((hours, len(ids)), np.nan)
    return values


def _column(system: UnitSystem, name: str) -> FloatArray:
    return system.unit[name].to_numpy(dtype=float)


def _before(on: BoolArray, first: BoolArray) -> BoolArray:
    """On in the hour before. [hour, unit]"""
    return np.vstack([first[None, :], on[:-1]])


def _limits(
    system: UnitSystem,
    ids: list[str],
    on: BoolArray,
    p: FloatArray,
    reserve: FloatArray,
    regulation: FloatArray,
    ledger: Ledger,
) -> None:
    hours = list(range(system.hours))
    low, high = _column(system, "p_min_mw"), _column(system, "p_max_mw")
    above = reserve + regulation
    ledger.at_least("output", ids, p.T, np.where(on, low, 0.0).T, "MW", hours)
    ledger.at_most("output with reserve", ids, (p + above).T, np.where(on, high, 0.0).T, "MW", hours)
    for name, held in (("reserve", reserve), ("regulation", regulation)):
        ledger.at_least(f"{name} held", ids, held.T, 0.0, "MW", hours)
    most = system.unit["regulation_max_mw"].fillna(0.0) if "regulation_max_mw" in system.unit else None
    ledger.at_most(
        "regulation held", ids, regulation.T, 0.0 if most is None else np.where(on, most, 0.0).T, "MW", hours
    )
    ledger.at_most("regulation held", ids, regulation.T, np.where(on, p - low, 0.0).T, "MW", hours)
    was = system.unit["on_before"].to_numpy(dtype=bool)
    starts = on & ~_before(on, was)
    none = np.full(on.shape, np.nan)
    start_max = np.where(starts, _column(system, "start_max_mw"), none)
    ledger.at_most("output in the first hour", ids, (p + above).T, start_max.T, "MW", hours)
    stops_next = np.vstack([on[:-1] & ~on[1:], np.zeros((1, on.shape[1]), dtype=bool)])
    stop_max = np.where(stops_next, _column(system, "stop_max_mw"), none)
    ledger.at_most("output in the last hour", ids, (p + above).T, stop_max.T, "MW", hours)
    at_once = was & ~on[0]
    limit = np.where(at_once, _column(system, "stop_max_mw"), np.nan)
    ledger.at_most("output before a stop at once", ids, _column(system, "p_before_mw"), limit, "MW")


def _ramps(system: UnitSystem, ids: list[str], on: BoolArray, p: FloatArray, above: FloatArray, ledger: Ledger) -> None:
    low = _column(system, "p_min_mw")
    was = system.unit["on_before"].to_numpy(dtype=bool)
    over = np.where(on, p - low, 0.0)
    over_before = np.vstack([np.where(was, _column(system, "p_before_mw") - low, 0.0)[None, :], over[:-1]])
    hours = list(range(system.hours))
    up, down = _column(system, "ramp_up_mw_per_h")[:, None], _column(system, "ramp_down_mw_per_h")[:, None]
    ledger.at_most("ramp up", ids, (over + above - over_before).T, up, "MW", hours)
    ledger.at_most("ramp down", ids, (over_before - over).T, down, "MW", hours)


def _times(system: UnitSystem, ids: list[str], on: BoolArray, ledger: Ledger) -> None:
    """Must-run, maintenance, and the least times on and off, from before the first hour on. Told as 0 or 1."""
    hours, table = system.hours, system.unit
    given = system.available[list(table.index)].to_numpy() if len(system.available) else np.ones(on.shape)
    there: BoolArray = np.asarray(given, dtype=bool)
    every = list(range(hours))
    ledger.at_most("on in maintenance", ids, on.T.astype(float), there.T.astype(float), "", every)
    must = table["must_run"].to_numpy(dtype=bool)[None, :] & there
    ledger.at_least("must run", ids, on.T.astype(float), must.T.astype(float), "", every)
    was = table["on_before"].to_numpy(dtype=bool)
    since = _column(system, "hours_before")
    least_up, least_down = _column(system, "min_up_h"), _column(system, "min_down_h")
    has_to_be, may_not_be = np.zeros(on.shape, dtype=bool), np.zeros(on.shape, dtype=bool)
    for g in range(len(ids)):
        if was[g]:
            has_to_be[: max(int(least_up[g] - since[g]), 0), g] = True
        else:
            may_not_be[: max(int(least_down[g] - since[g]), 0), g] = True
    has_to_be &= there  # a unit in maintenance cannot stay on, whatever came before
    before = _before(on, was)
    for hour, g in np.argwhere(on & ~before):
        has_to_be[hour : hour + int(least_up[g]), g] = True
    for hour, g in np.argwhere(~on & before):
        may_not_be[hour : hour + int(least_down[g]), g] = True
    ledger.at_least("least time on", ids, on.T.astype(float), has_to_be.T.astype(float), "", every)
    ledger.at_most("least time off", ids, on.T.astype(float), 1.0 - may_not_be.T.astype(float), "", every)


def _energy(system: UnitSystem, ids: list[str], on: BoolArray, p: FloatArray) -> float:
    """Cost of output: straight lines between the corners of each unit's curve, while it is on."""
    total = 0.0
    for k, (_, curve) in enumerate(_by_unit(system.cost, ids)):
        x, y = curve["p_mw"].to_numpy(dtype=float), curve["cost_per_h"].to_numpy(dtype=float)
        total += float(np.interp(p[on[:, k], k], x, y).sum())
    return total


def _by_unit(table: pd.DataFrame, ids: list[str]) -> list[tuple[str, pd.DataFrame]]:
    groups = {str(name): rows for name, rows in table.groupby("unit", sort=False)}
    return [(name, groups[name]) for name in ids]


def _others(system: UnitSystem, solution: Any, ledger: Ledger) -> tuple[FloatArray, float]:
    """Net injection of renewables, storage and flexible load [hour], and what curtailed load costs."""
    hours = list(range(system.hours))
    net, cost = np.zeros(system.hours), 0.0
    renewables = [str(c) for c in system.renewable_max_mw.columns]
    if renewables:
        given = _table(solution, "renewable_mw", renewables, system.hours)
        low, high = (np.asarray(t, dtype=float) for t in (system.renewable_min_mw, system.renewable_max_mw))
        ledger.at_least("renewable output", renewables, given.T, low.T, "MW", hours)
        ledger.at_most("renewable output", renewables, given.T, high.T, "MW", hours)
        net = net + given.sum(axis=1)
    if len(system.storage):
        net = net + _storage(system, solution, ledger)
    if len(system.flexible):
        more, cost = _flexible(system, solution, ledger)
        net = net + more
    return net, cost


def _storage(system: UnitSystem, solution: Any, ledger: Ledger) -> FloatArray:
    table, hours = system.storage, list(range(system.hours))
    ids = [str(i) for i in table.index]
    charge, discharge, energy = (
        _table(solution, name, ids, system.hours).T for name in ("charge_mw", "discharge_mw", "energy_mwh")
    )
    number = {name: table[name].to_numpy(dtype=float)[:, None] for name in STORAGE_COLUMNS}
    for name, value, most in (
        ("charging", charge, number["charge_max_mw"]),
        ("discharging", discharge, number["discharge_max_mw"]),
    ):
        ledger.at_least(name, ids, value, 0.0, "MW", hours)
        ledger.at_most(name, ids, value, most, "MW", hours)
    before = np.hstack([number["energy_before_mwh"], energy[:, :-1]])
    kept = before + number["charge_efficiency"] * charge - discharge / number["discharge_efficiency"]
    ledger.equal("stored energy", ids, energy, kept, "MWh", hours)
    ledger.at_least("stored energy", ids, energy, 0.0, "MWh", hours)
    ledger.at_most("stored energy", ids, energy, number["energy_max_mwh"], "MWh", hours)
    ledger.at_least("energy at the end", ids, energy[:, -1], number["energy_end_mwh"][:, 0], "MWh")
    return np.asarray((discharge - charge).sum(axis=0))


def _flexible(system: UnitSystem, solution: Any, ledger: Ledger) -> tuple[FloatArray, float]:
    table, hours = system.flexible, list(range(system.hours))
    ids = [str(i) for i in table.index]
    shed, less, more = (
        _table(solution, name, ids, system.hours).T for name in ("curtailed_mw", "left_out_mw", "made_up_mw")
    )
    shift = table["shift_max_mw"].to_numpy(dtype=float)[:, None]
    for name, value, most in (
        ("curtailed load", shed, table["curtail_max_mw"].to_numpy(dtype=float)[:, None]),
        ("load left out", less, shift),
        ("load made up for", more, shift),
    ):
        ledger.at_least(name, ids, value, 0.0, "MW", hours)
        ledger.at_most(name, ids, value, most, "MW", hours)
    for k, name in enumerate(ids):
        block = np.arange(system.hours) // max(int(table["shift_within_h"].iloc[k]), 1)
        owed = np.bincount(block, weights=less[k] - more[k])
        ledger.equal("load still owed", [name], owed[None, :], 0.0, "MWh", list(range(owed.size)))
    price = table["curtail_cost_per_mwh"].to_numpy(dtype=float)[:, None]
    return np.asarray((shed + less - more).sum(axis=0)), float((price * shed).sum())
