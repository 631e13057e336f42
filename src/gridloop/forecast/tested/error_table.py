"""Error table: a backtest's errors beside both persistences, group by group, whatever the sign of what is forecast."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.forecast.tested import metrics
from gridloop.forecast.tested.backtest_scores import REFERENCES, Backtest
from gridloop.forecast.tested.reliability import judged
from gridloop.units import FloatArray

GROUPS = ("all", "month", "lead_h", "day_ahead", "hour", "weekday", "point")


def error_table(
    result: Backtest, by: str, *, capacity: dict[str, float] | None = None, error: str = "mae"
) -> pd.DataFrame:
    """Errors by "month" (local), "lead_h" (whole hours ahead), "day_ahead" (local days from the issue), "hour" (local),
    "weekday" (0 Monday), "point" or "all".

    capacity  per point: errors are also given in percent of it, averaged over the points
    error     that skill is of: mae, rmse, mape_pct, or nmae_pct where there are capacities

    Columns: those of `Backtest.scores`, without the unit at their end; bias (forecast less actual); for each
    persistence P also P_rmse; nmae_pct and P_nmae_pct where there are capacities; rows with an actual; skill is
    1 − error over that of the better persistence; coverage leaves out what was known for sure, such as the night.
    """
    rows = result.rows
    local = pd.DatetimeIndex(rows["valid_at"]).tz_convert(result.zone)
    issued = pd.DatetimeIndex(rows["issued_at"]).tz_convert(result.zone)
    lead_s = (rows["valid_at"] - rows["issued_at"]).dt.total_seconds().to_numpy()
    keys = {
        "all": np.zeros(len(rows), dtype=int),
        "month": np.asarray(local.strftime("%Y-%m")),
        "lead_h": np.floor(lead_s / 3600.0).astype(int),
        "day_ahead": np.asarray((local.tz_localize(None).normalize() - issued.tz_localize(None).normalize()).days),
        "hour": np.asarray(local.hour),
        "weekday": np.asarray(local.weekday),
        "point": rows["point"].to_numpy(),
    }
    if error not in ("mae", "rmse", "mape_pct", *(("nmae_pct",) if capacity else ())):
        raise OutOfRange(
            f"error table: no error {error!r}; there are mae, rmse, mape_pct, and nmae_pct with capacities."
        )
    if by not in keys:
        raise OutOfRange(f"error table: no errors by {by!r}; there are {', '.join(GROUPS)}.", by=by)
    unit: FloatArray | None = np.array([capacity[p] for p in rows["point"]], dtype=float) if capacity else None
    parts = {
        key: _errors(rows.iloc[here], result.zone, None if unit is None else unit[here], error)
        for key, here in rows.groupby(keys[by], sort=True).indices.items()
    }
    return pd.DataFrame.from_dict(parts, orient="index").rename_axis(by)


def _errors(rows: pd.DataFrame, zone: str, unit: FloatArray | None, error: str) -> dict[str, float]:
    """The backtest's own scores of some rows, and what it does not have."""
    y = rows["actual"].to_numpy(dtype=float)
    middle = rows["p50"].to_numpy(dtype=float)
    found = {name.removesuffix("_mw"): value for name, value in Backtest(rows, zone).scores().items()}
    found["bias"] = _mean(middle - y)
    open_rows = judged(rows)
    found["coverage"] = metrics.coverage(*(open_rows[c].to_numpy(dtype=float) for c in ("actual", "p10", "p90")))
    said = {name: rows[name].to_numpy(dtype=float) for name in REFERENCES}
    found |= {f"{name}_rmse": metrics.rmse(y, values) for name, values in said.items()}
    if unit is not None:
        found["nmae_pct"] = 100.0 * _mean(np.abs(middle - y) / unit)
        found |= {f"{name}_nmae_pct": 100.0 * _mean(np.abs(values - y) / unit) for name, values in said.items()}
    known = [found[f"{name}_{error}"] for name in REFERENCES if np.isfinite(found[f"{name}_{error}"])]
    found["skill"] = metrics.skill(found[error], min(known)) if known else float("nan")
    found["rows"] = float(np.isfinite(y).sum())
    return found


def _mean(values: FloatArray) -> float:
    known = np.isfinite(values)
    return float(values[known].mean()) if known.any() else float("nan")
