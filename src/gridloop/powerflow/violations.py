"""Violations: which voltage leaves its band and which branch exceeds its rating."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.network.model import Network

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
