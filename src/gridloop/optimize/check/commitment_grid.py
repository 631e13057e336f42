"""Flows of a commitment: the angles of every hour from what all buses inject, and the limits of all branches.

With B the susceptances between groups of buses, and d what a bus draws beyond what stands there gives:

    B θ = −d + what shifts drive,     flow = stiffness (θ_tail − θ_head − shift)

A source holds the angle of its bus; an island without one is held at one of its buses. What is held has to be in
balance too: nothing comes from anywhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import spsolve

from gridloop.network.model import Network
from gridloop.network.unit_system import UnitSystem
from gridloop.optimize.check.checked import Ledger
from gridloop.optimize.check.flow import branch_stiffness
from gridloop.optimize.check.grid import Grid, column, read_grid
from gridloop.units import BoolArray, FloatArray


def check_unit_flows(net: Network, system: UnitSystem, outcome: Any, physics: Any, ledger: Ledger) -> None:
    """Check the flows of one scenario; the outcome has been checked on the copper plate before.

    physics  says the `rule` of stiffness and the `security`: `outages` (ids, None: all) and `factor`; None: neither
    """
    grid, hours = read_grid(net), list(range(system.hours))
    rule = str(getattr(physics, "rule", "series"))
    injected = _injected(grid, system, outcome)
    whole = grid.at_tail & grid.at_head
    mw, shift = (np.where(whole, part, 0.0) for part in branch_stiffness(grid, rule))
    angle, unbalanced, places = _angles(grid, injected, mw, shift, whole)
    ledger.equal("balance of an island", places, unbalanced, 0.0, "MW", hours)
    over = angle[grid.group[grid.tail]] - angle[grid.group[grid.head]]
    flow = mw[:, None] * (over - shift[:, None])
    names = [grid.branch[k] for k in np.flatnonzero(whole)]
    ledger.at_most("flow", names, np.abs(flow[whole]), grid.limit_mva[whole][:, None], "MW", hours)
    ledger.at_least(
        "angle difference", names, np.rad2deg(over[whole]), np.rad2deg(grid.angle_min[whole])[:, None], "deg", hours
    )
    ledger.at_most(
        "angle difference", names, np.rad2deg(over[whole]), np.rad2deg(grid.angle_max[whole])[:, None], "deg", hours
    )
    _as_told(grid, outcome, flow, ledger, hours)
    security = getattr(physics, "security", None)
    if security is not None:
        _after_outages(grid, injected, (mw, shift, whole), security, ledger, hours)


def _after_outages(
    grid: Grid, injected: FloatArray, parts: tuple[FloatArray, FloatArray, BoolArray], security: Any, ledger: Ledger,
    hours: list[int],
) -> None:  # fmt: skip
    """Flows with one branch less, the same injections: solved again for every loss that cuts nothing off."""
    mw, shift, whole = parts
    wanted = set(grid.branch) if security.outages is None else {str(b) for b in security.outages}
    limit = security.factor * grid.limit_mva[:, None]
    for k in np.flatnonzero(whole):
        left = whole.copy()
        left[k] = False
        if grid.branch[k] not in wanted or _pieces(grid, left) > _pieces(grid, whole):
            continue
        angle, _, _ = _angles(grid, injected, np.where(left, mw, 0.0), shift, left)
        over = angle[grid.group[grid.tail]] - angle[grid.group[grid.head]]
        flow = np.abs(mw[:, None] * (over - shift[:, None]))
        names = [grid.branch[b] for b in np.flatnonzero(left)]
        ledger.at_most(f"flow after the loss of {grid.branch[k]}", names, flow[left], limit[left], "MW", hours)


def _pieces(grid: Grid, joined: BoolArray) -> int:
    """Into how many parts these branches join the groups of buses."""
    n = int(grid.group.max(initial=-1)) + 1
    ends = (grid.group[grid.tail[joined]], grid.group[grid.head[joined]])
    return int(connected_components(coo_array((np.ones(ends[0].size), ends), shape=(n, n)), directed=False)[0])


def _injected(grid: Grid, system: UnitSystem, outcome: Any) -> FloatArray:
    """What every group of buses injects. [group, hour], MW"""
    total = np.zeros((int(grid.group.max(initial=-1)) + 1, system.hours))

    def add(buses: Iterable[Any], table: pd.DataFrame, ids: Iterable[Any], sign: float) -> None:
        named = table.copy()
        named.columns = [str(c) for c in named.columns]
        values = named[[str(i) for i in ids]].to_numpy(dtype=float)
        rows = grid.net.bus.index.get_indexer(pd.Index([str(b) for b in buses]))
        np.add.at(total, grid.group[rows], sign * values.T)

    add(system.load_mw.columns, system.load_mw, system.load_mw.columns, -1.0)
    add(system.unit["bus"], outcome.p_mw, system.unit.index, 1.0)
    renewable = system.renewable_max_mw.columns
    if len(renewable):
        add(system.renewable_bus.reindex(renewable), outcome.renewable_mw, renewable, 1.0)
    if len(system.storage):
        for name, sign in (("discharge_mw", 1.0), ("charge_mw", -1.0)):
            add(system.storage["bus"], getattr(outcome, name), system.storage.index, sign)
    if len(system.flexible):
        for name, sign in (("curtailed_mw", 1.0), ("left_out_mw", 1.0), ("made_up_mw", -1.0)):
            add(system.flexible["bus"], getattr(outcome, name), system.flexible.index, sign)
    return total


def _angles(
    grid: Grid, injected: FloatArray, mw: FloatArray, shift: FloatArray, whole: BoolArray
) -> tuple[FloatArray, FloatArray, list[str]]:
    """Angles [group, hour], and what is missing or too much where an angle is held [held, hour], with its buses."""
    n, hours = injected.shape
    tail, head = grid.group[grid.tail[whole]], grid.group[grid.head[whole]]
    s, given = mw[whole], (mw * shift)[whole]
    entries = (np.concatenate([s, s, -s, -s]), _pairs(tail, head))
    matrix = coo_array(entries, shape=(n, n)).tocsc()
    wanted = injected.copy()
    np.add.at(wanted, tail, given[:, None])
    np.add.at(wanted, head, -given[:, None])
    held = np.full(n, np.nan)
    sources = grid.active("source")
    held[grid.group[grid.rows_of("source")[sources]]] = np.deg2rad(column(grid.net.source, "angle_deg")[sources])
    _, first, of_island = np.unique(grid.island, return_index=True, return_inverse=True)
    fixed = np.zeros(first.size, dtype=bool)
    fixed[of_island[np.isin(grid.group, np.flatnonzero(~np.isnan(held)))]] = True
    held[grid.group[first[~fixed]]] = 0.0
    free, kept = np.flatnonzero(np.isnan(held)), np.flatnonzero(~np.isnan(held))
    angle = np.repeat(np.where(np.isnan(held), 0.0, held)[:, None], hours, axis=1)
    if free.size:
        right = wanted[free] - matrix[free][:, kept] @ angle[kept]
        angle[free] = np.asarray(spsolve(matrix[free][:, free], right)).reshape(free.size, hours)
    rest = wanted[kept] - matrix[kept] @ angle
    _, at = np.unique(grid.group, return_index=True)
    return angle, np.asarray(rest), [str(grid.net.bus.index[at[k]]) for k in kept]


def _pairs(tail: Any, head: Any) -> tuple[Any, Any]:
    return np.concatenate([tail, head, tail, head]), np.concatenate([tail, head, head, tail])


def _as_told(grid: Grid, outcome: Any, flow: FloatArray, ledger: Ledger, hours: list[int]) -> None:
    """The flows that the plan tells are those of its injections."""
    told = getattr(outcome, "flow_mw", None)
    if told is None or not len(getattr(told, "columns", ())):
        return
    place = {name: k for k, name in enumerate(grid.branch)}
    names = [str(c) for c in told.columns]
    rows = [place[name] for name in names]
    ledger.equal("reported flow", names, told.to_numpy(dtype=float).T, flow[rows], "MW", hours)
