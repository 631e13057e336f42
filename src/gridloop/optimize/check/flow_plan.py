"""Plans over time on a DC network: every bus, flow, unit and storage in every step, and the cost, from the tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.linalg import splu

from gridloop.network.model import Network
from gridloop.optimize.check.checked import Checked, Ledger
from gridloop.optimize.check.dispatch import DispatchCase, check_limits_and_cost, units_of_network
from gridloop.optimize.check.flow import branch_stiffness
from gridloop.optimize.check.grid import Grid, column, read_grid
from gridloop.units import BoolArray, FloatArray


@dataclass(frozen=True, eq=False)
class FlowPlanCase:
    """What a plan over time was asked: the arguments of `plan_dispatch`, and the rule of its DC model.

    Limits after outages are not checked.
    """

    net: Network
    load_mw: pd.DataFrame | pd.Series
    available_mw: pd.DataFrame | pd.Series | None = None
    reserve_mw: float | pd.Series = 0.0
    dc_rule: str = "series"


def check_flow_plan(case: FlowPlanCase, plan: Any, tolerance_pu: float) -> Checked:
    """Check a `FlowPlan`."""
    ledger, times = Ledger(tolerance_pu), list(plan.dispatch.step.index)
    hours = plan.dispatch.step["hours"].to_numpy(dtype=float)
    load = _loads(case, times)
    peak = case.net.load.assign(p_mw=np.abs(load).max(axis=1, initial=0.0))  # what is fed in any of the steps
    idle = case.net.storage.assign(p_mw=0.0, q_mvar=0.0)
    net = Network({**case.net.tables, "load": peak, "storage": idle}, case.net.name)
    grid = read_grid(net)
    units, rows = units_of_network(net, grid)
    asked = DispatchCase(units, None, case.reserve_mw, case.available_mw)
    p, cost = check_limits_and_cost(asked, units, plan.dispatch, ledger)
    flow = plan.flow_mw.reindex(index=times, columns=list(grid.branch)).to_numpy(dtype=float).T
    whole = grid.at_tail & grid.at_head & grid.fed[grid.tail] & (grid.group[grid.tail] != grid.group[grid.head])
    ledger.missing("flow", _named(grid.branch, whole), ~np.isfinite(flow[whole]), times)
    stored = grid.active("storage") & grid.fed[grid.rows_of("storage")]
    charge, discharge = _storage(net.storage[stored], plan.storage, times, hours, ledger)
    if ledger.refused:
        return ledger.verdict(float("nan"))
    out = _out_of_buses(grid, load, len(times))
    np.add.at(out, grid.group[rows], -p)
    np.add.at(out, grid.group[grid.rows_of("storage")[stored]], charge - discharge)
    np.add.at(out, grid.group[grid.tail[whole]], flow[whole])
    np.add.at(out, grid.group[grid.head[whole]], -flow[whole])
    groups, first = np.unique(grid.group, return_index=True)
    served = grid.fed[first]
    names = list(net.bus.index[first[served]])
    ledger.equal("active balance", names, out[groups[served]], 0.0, "MW", times)
    _flows(grid, case.dc_rule, whole, flow, times, ledger)
    ledger.same_cost("cost", ["all units"], float(plan.cost), cost)
    return ledger.verdict(cost)


def _loads(case: FlowPlanCase, times: list[Any]) -> FloatArray:
    """Power of every load. [load, step], MW"""
    load, grid = case.net.load, read_grid(case.net)
    own = load["p_mw"].to_numpy(dtype=float)
    if isinstance(case.load_mw, pd.Series):
        total = own[grid.active("load")].sum()
        return np.asarray(np.outer(own / total, case.load_mw.reindex(times).to_numpy(dtype=float)))
    values = pd.DataFrame(np.tile(own, (len(times), 1)), index=times, columns=load.index)
    given = case.load_mw.reindex(times)
    values[list(given.columns)] = given
    return values.to_numpy(dtype=float).T


def _out_of_buses(grid: Grid, load: FloatArray, steps: int) -> FloatArray:
    """What loads and shunts take. [group, step], MW"""
    out = np.zeros((int(grid.group.max(initial=-1)) + 1, steps))
    on = grid.active("load")
    np.add.at(out, grid.group[grid.rows_of("load")[on]], load[on])
    on = grid.active("shunt")
    np.add.at(out, grid.group[grid.rows_of("shunt")[on]], column(grid.net.shunt, "g_mw")[on][:, None])
    return out


def _storage(
    table: pd.DataFrame, told: pd.DataFrame, times: list[Any], hours: FloatArray, ledger: Ledger
) -> tuple[FloatArray, FloatArray]:
    """Charging and discharging [storage, step], checked with the energy that they leave."""
    names = list(table.index)

    def given(name: str) -> FloatArray:
        if not names:
            return np.zeros((0, len(times)))
        return told[name].unstack("storage").reindex(index=times, columns=names).to_numpy(dtype=float).T

    def own(name: str) -> FloatArray:
        return column(table, name)[:, None]

    charge, discharge, size = given("charge_mw"), given("discharge_mw"), own("capacity_mwh")
    energy = np.where(size > 0, given("soc") * size, 0.0)
    for kind, value in (("charging", charge), ("discharging", discharge), ("state of charge", energy)):
        ledger.missing(kind, names, ~np.isfinite(value), times)
    for kind, value, most in (("charging", charge, "max_charge_mw"), ("discharging", discharge, "max_discharge_mw")):
        ledger.at_least(kind, names, value, 0.0, "MW", times)
        ledger.at_most(kind, names, value, own(most), "MW", times)
    ledger.at_most("charge and discharge at once", names, np.minimum(charge, discharge), 0.0, "MW", times)
    ledger.at_least("state of charge", names, energy, own("min_soc") * size, "MWh", times)
    ledger.at_most("state of charge", names, energy, own("max_soc") * size, "MWh", times)
    start = own("soc") * size
    before = np.hstack([start, energy[:, :-1]])
    kept = (1 - own("self_discharge_per_day")) ** (hours[None, :] / 24)
    moved = own("charge_efficiency") * charge - discharge / own("discharge_efficiency")
    ledger.equal("energy", names, energy, kept * before + hours[None, :] * moved, "MWh", times)
    least = np.minimum(start, own("max_soc") * size)[:, 0]
    ledger.at_least("energy at the end", names, energy[:, -1], least, "MWh")
    return charge, discharge


def _flows(grid: Grid, rule: str, whole: BoolArray, flow: FloatArray, times: list[Any], ledger: Ledger) -> None:
    """Ratings; and angles exist that drive these flows, within the limits and with the angles of the sources."""
    names = _named(grid.branch, whole)
    ledger.at_most("flow", names, np.abs(flow[whole]), grid.limit_mva[whole][:, None], "MW", times)
    stiffness, shift = (values[whole] for values in branch_stiffness(grid, rule))
    tail, head = grid.group[grid.tail[whole]], grid.group[grid.head[whole]]
    wanted = flow[whole] + (stiffness * shift)[:, None]  # stiffness (θ_tail − θ_head)
    # Angles by the flows' own divergence; one group of every island stays at zero.
    size = int(grid.group.max(initial=-1)) + 1
    island = np.zeros(size, dtype=np.int64)
    island[grid.group] = grid.island
    pinned = np.zeros(size, dtype=bool)
    pinned[np.unique(island, return_index=True)[1]] = True
    free = np.flatnonzero(~pinned)
    place = np.concatenate([np.arange(tail.size)] * 2)
    ends = coo_array((np.r_[np.ones(tail.size), -np.ones(tail.size)], (place, np.r_[tail, head])), (tail.size, size))
    ends = ends.tocsr()[:, free]
    angle = np.zeros((size, len(times)))
    if free.size and tail.size:
        laplacian = (ends.T @ (ends * stiffness[:, None])).tocsc()
        angle[free] = splu(laplacian).solve(ends.T @ wanted)
    over = angle[tail] - angle[head]
    ledger.equal("flow by the angles", names, wanted, stiffness[:, None] * over, "MW", times)
    for check, limit in ((ledger.at_least, grid.angle_min), (ledger.at_most, grid.angle_max)):
        check("angle difference", names, np.rad2deg(over), np.rad2deg(limit[whole])[:, None], "deg", times)
    source, rows, on = grid.net.source, grid.rows_of("source"), grid.active("source")
    here, held = angle[grid.group[rows[on]]], np.deg2rad(column(source, "angle_deg")[on])
    apart = here - held[:, None]
    first = np.unique(grid.island[rows[on]], return_index=True, return_inverse=True)
    same = apart[first[1]][first[2]]
    ledger.equal("angle of the reference", list(source.index[on]), np.rad2deg(apart), np.rad2deg(same), "deg", times)


def _named(names: tuple[str, ...], chosen: BoolArray) -> list[str]:
    return [names[k] for k in np.flatnonzero(chosen)]
