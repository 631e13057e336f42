"""Suspicious impedances: branches unlike those of their own voltage level, the first to look at when nothing solves."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.network.model import Network
from gridloop.units import FloatArray

COLUMNS = ["kind", "id", "what", "value", "typical", "suspicion"]

# How many times the median of its voltage level (or its inverse) an impedance must be to stand out. Published grids
# spread over two orders of magnitude around it.
_ODD_RATIO = 300.0
# Overhead lines have r/x of 0.1 … 2, low-voltage cables up to 10.
_ODD_R_OVER_X = 20.0
# A level with fewer branches has no typical one.
_FEWEST = 4


def suspicious_impedances(net: Network) -> pd.DataFrame:
    """Branches in service whose impedance stands out, the oddest first.

    kind, id   of the branch
    what       impedance (|z| in Ω/km of a line, in pu on its rating of a transformer), r_over_x, negative_x, negative_r
    value, typical   of it, and of the branches of its voltage level (NaN where there is no typical one)
    suspicion  orders of magnitude away; negative values count 1

    Negative reactances are legal (series capacitors, star equivalents); here they are named, not judged.
    """
    line, transformer = net.line, net.transformer
    kv = net.bus["v_nom_kv"]
    level = kv.reindex(line["tail_bus"]).to_numpy(dtype=float)
    rows = _odd("line", line, "r_ohm_per_km", "x_ohm_per_km", level)
    rows += _odd("transformer", transformer, "r_pu", "x_pu", np.ones(len(transformer)))
    found = pd.DataFrame(rows, columns=COLUMNS)
    return found.sort_values("suspicion", ascending=False, kind="stable").reset_index(drop=True)


def _odd(
    kind: str, table: pd.DataFrame, r_column: str, x_column: str, level: FloatArray
) -> list[tuple[str, str, str, float, float, float]]:
    on = table["in_service"].to_numpy(dtype=bool)
    r, x = (table[c].to_numpy(dtype=float)[on] for c in (r_column, x_column))
    z, level = np.hypot(r, x), level[on]
    ids = [str(i) for i in table.index[on]]
    typical = np.full(z.size, np.nan)
    for kv in np.unique(level):
        mine = level == kv
        if mine.sum() >= _FEWEST:
            typical[mine] = np.median(z[mine])
    with np.errstate(divide="ignore", invalid="ignore"):
        away = np.abs(np.log10(z / typical))
        r_over_x = np.abs(r) / np.abs(x)
    rows = [
        (kind, ids[k], "impedance", float(z[k]), float(typical[k]), float(away[k]))
        for k in np.flatnonzero(away > np.log10(_ODD_RATIO))
    ]
    rows += [
        (kind, ids[k], "r_over_x", float(r_over_x[k]), np.nan, float(np.log10(r_over_x[k])))
        for k in np.flatnonzero((r_over_x > _ODD_R_OVER_X) & (x != 0))
    ]
    for what, values in (("negative_x", x), ("negative_r", r)):
        rows += [(kind, ids[k], what, float(values[k]), np.nan, 1.0) for k in np.flatnonzero(values < 0)]
    return rows
