"""Violations: which voltage leaves its band and which branch exceeds its rating, in one state or in many."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from gridloop.network.model import Network
from gridloop.units import FloatArray

COLUMNS = ["kind", "id", "quantity", "value", "limit", "excess", "severity_pct"]

# A limit counts as broken beyond these: rounding of the power flow's own tolerance, nothing more.
V_TOLERANCE_PU = 1e-6
LOADING_TOLERANCE_PCT = 1e-4


def find_violations(net: Network, bus: pd.DataFrame, line: pd.DataFrame, transformer: pd.DataFrame) -> pd.DataFrame:
    """Every limit that does not hold, the worst first.

    kind          bus, line or transformer
    quantity      v_pu or loading_pct
    value, limit, excess   in the unit of the quantity; excess is positive
    severity_pct  excess as a share of the limit, to compare kinds
    """
    v, low, high = bus["v_pu"], net.bus["v_min_pu"], net.bus["v_max_pu"]
    rows = [
        *_broken("bus", "v_pu", v, low, low - v, V_TOLERANCE_PU),
        *_broken("bus", "v_pu", v, high, v - high, V_TOLERANCE_PU),
    ]
    for kind, table in (("line", line), ("transformer", transformer)):
        loading = table["loading_pct"]
        full = pd.Series(100.0, index=loading.index)
        rows += _broken(kind, "loading_pct", loading, full, loading - full, LOADING_TOLERANCE_PCT)
    found = pd.DataFrame(rows, columns=COLUMNS)
    return found.sort_values("severity_pct", ascending=False, kind="stable").reset_index(drop=True)


def _broken(
    kind: str, quantity: str, value: pd.Series, limit: pd.Series, excess: pd.Series, tolerance: float
) -> list[tuple[str, str, str, float, float, float, float]]:
    at = (excess > tolerance).to_numpy()
    return [
        (kind, str(identity), quantity, float(v), float(most), float(over), 100.0 * over / most if most else np.inf)
        for identity, v, most, over in zip(value.index[at], value[at], limit[at], excess[at], strict=True)
    ]


def find_violations_of_many(net: Network, v_pu: xr.DataArray, loading_pct: xr.DataArray) -> pd.DataFrame:
    """Every limit that does not hold in any of many scenarios, the worst first: `scenario`, then the columns of
    `find_violations`.

    v_pu         [bus, scenario]
    loading_pct  [branch, scenario], lines first
    """
    low, high = (net.bus[name].to_numpy(dtype=float)[:, None] for name in ("v_min_pu", "v_max_pu"))
    v, loading = v_pu.to_numpy(), loading_pct.to_numpy()
    full, n_lines = np.full((loading.shape[0], 1), 100.0), len(net.line)
    names = v_pu["scenario"].to_index()
    found = [
        _broken_of_many("bus", "v_pu", net.bus.index, v, low, low - v, V_TOLERANCE_PU),
        _broken_of_many("bus", "v_pu", net.bus.index, v, high, v - high, V_TOLERANCE_PU),
    ]
    for kind, rows in (("line", slice(None, n_lines)), ("transformer", slice(n_lines, None))):
        ids, value, most = loading_pct["branch"].to_index()[rows], loading[rows], full[rows]
        found.append(_broken_of_many(kind, "loading_pct", ids, value, most, value - most, LOADING_TOLERANCE_PCT))
    table = pd.concat([part for part in found if len(part)] or found[:1], ignore_index=True)
    table["scenario"] = names[table["scenario"]]
    order = ["scenario", *COLUMNS]
    return table.sort_values("severity_pct", ascending=False, kind="stable").reset_index(drop=True)[order]


def _broken_of_many(
    kind: str, quantity: str, ids: pd.Index, value: FloatArray, limit: FloatArray, excess: FloatArray, tolerance: float
) -> pd.DataFrame:
    scenario, row = np.nonzero((excess > tolerance).T)
    most, over = limit[row, 0], excess[row, scenario]
    with np.errstate(divide="ignore"):
        severity = np.where(most != 0, 100.0 * over / np.where(most != 0, most, 1.0), np.inf)
    return pd.DataFrame(
        {
            "scenario": scenario,
            "kind": kind,
            "id": ids[row].astype(str),
            "quantity": quantity,
            "value": value[row, scenario],
            "limit": most,
            "excess": over,
            "severity_pct": severity,
        }
    )
