"""What a commitment says about its network: prices by bus, flows, loadings, and limits that cost money."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gridloop.optimize.commitment.model import CommitmentModel
from gridloop.optimize.commitment.network_rows import GridRows, flows_of, limits_of
from gridloop.units import BASE_MVA, FloatArray

CONGESTION = ("hour", "branch", "outage", "flow_mw", "limit_mw", "shadow_price_per_mwh")
# Branches that are told: those whose limits were rows at some time, and those loaded more than this, in %.
TOLD_PCT = 90.0
# A shadow price below this, money per MWh, is rounding of a solver.
_NO_PRICE = 1e-5


def grid_tables(model: CommitmentModel, x: FloatArray, dual: FloatArray, s: int) -> dict[str, Any]:
    """Tables of one scenario; nothing on a copper plate.

    x, dual  values of all columns and prices of all rows, the weight of the scenario taken out of the prices
    """
    grid = model.grid
    if grid is None:
        return {}
    moment, dc = grid.grid.moment, grid.grid.dc
    hours = pd.RangeIndex(model.arrays.hours, name="hour")
    flow = flows_of(grid, x, s)
    with np.errstate(divide="ignore", invalid="ignore"):
        loading = np.where(np.isfinite(moment.rate)[:, None], 100.0 * np.abs(flow) / moment.rate[:, None], np.nan)
    told = np.nanmax(loading, axis=1, initial=0.0) >= TOLD_PCT
    told[grid.branch[grid.scenario == s]] = True
    names = pd.Index(moment.branch_id[told], name="branch")
    at = moment.node_of_bus
    price = np.full((len(hours), at.size), np.nan)
    price[:, at >= 0] = bus_prices(model, grid, dual, s)[at[at >= 0]].T
    return {
        "bus_price_per_mwh": pd.DataFrame(price, index=hours, columns=grid.grid.net.bus.index.rename("bus")),
        "flow_mw": pd.DataFrame(BASE_MVA * flow[told].T, index=hours, columns=names),
        "loading_pct": pd.DataFrame(loading[told].T, index=hours, columns=names),
        "congestion": _congestion(grid, flow, dual, s, dc.high if dc.outages is None else dc.outages.high),
    }


def bus_prices(model: CommitmentModel, grid: GridRows, dual: FloatArray, s: int) -> FloatArray:
    """What one more MWh costs at every node. [node, hour]"""
    dc = grid.grid.dc
    energy = np.repeat(dual[model.balance[s]][None, :], dc.grid.n_nodes, axis=0)
    for row, (scenario, hour, reference) in zip(grid.held, grid.held_of, strict=True):
        if scenario == s:
            energy[:, hour] += dc.share[reference] * dual[row]
    mine = grid.scenario == s
    for hour in np.unique(grid.hour[mine]).tolist():
        here = mine & (grid.hour == hour)
        energy[:, hour] += dc.grid.weighted(limits_of(grid, s, hour).weights(dual[grid.rows[here]]))
    return np.asarray(energy)


def _congestion(grid: GridRows, flow: FloatArray, dual: FloatArray, s: int, after: FloatArray) -> pd.DataFrame:
    """Limits that cost money, by hour, the dearest first. The flow is that after the outage, where there is one."""
    dc, names = grid.grid.dc, grid.grid.moment.branch_id
    rows = []
    chosen = np.flatnonzero((grid.scenario == s) & (np.abs(dual[grid.rows]) > _NO_PRICE))
    for k in chosen.tolist():
        b, out, t = int(grid.branch[k]), int(grid.outage[k]), int(grid.hour[k])
        carried, limit = float(flow[b, t]), float(dc.high[b] if dual[grid.rows[k]] < 0 else -dc.low[b])
        if out >= 0:
            carried += float(dc.grid.lodf(np.array([out]))[b, 0] * flow[out, t])
            limit = float(after[b])
        price = abs(float(dual[grid.rows[k]]))
        lost = "" if out < 0 else str(names[out])
        rows.append((t, str(names[b]), lost, BASE_MVA * carried, BASE_MVA * limit, price))
    table = pd.DataFrame(rows, columns=list(CONGESTION))
    return table.sort_values(
        ["hour", "shadow_price_per_mwh", "branch", "outage"], ascending=[True, False, True, True], ignore_index=True
    )
