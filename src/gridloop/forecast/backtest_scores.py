"""Backtest scores: forecasts, what came and what persistence had said; errors by horizon and month."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.forecast import metrics
from gridloop.forecast.models import persistence
from gridloop.forecast.moments import Moments, look
from gridloop.forecast.past import Past, slots_of
from gridloop.forecast.value import QUANTILES, Forecast

REFERENCES = ("day", "week")
ROWS = ["issued_at", "valid_at", "point", *QUANTILES, "model", "actual", *REFERENCES]


@dataclass(frozen=True)
class Backtest:
    """What a backtest found.

    rows   one per issue, interval and point: `ROWS`, powers in MW; `day` and `week` are the persistences that were
           known at the same issue; actual NaN where nothing came
    zone   of the local months
    notes  what was taken as known that was not
    """

    rows: pd.DataFrame
    zone: str
    notes: tuple[str, ...] = ()

    def scores(self) -> dict[str, float]:
        """Over everything: mape_pct, mae_mw, rmse_mw, r2, pinball_mw, coverage, week_mape_pct, day_mape_pct, skill.

        Skill is 1 − MAPE over that of the better persistence. Pinball is the mean over P10, P50, P90.
        """
        return _scores(self.rows)

    def table(self, by: str = "month") -> pd.DataFrame:
        """The same scores by "month" (local, as YYYY-MM), "lead_h" (whole hours ahead), "hour" (local) or "point"."""
        local = pd.DatetimeIndex(self.rows["valid_at"]).tz_convert(self.zone)
        lead_s = (self.rows["valid_at"] - self.rows["issued_at"]).dt.total_seconds().to_numpy()
        keys = {
            "month": np.asarray(local.strftime("%Y-%m")),
            "lead_h": np.floor(lead_s / 3600.0).astype(int),
            "hour": np.asarray(local.hour),
            "point": self.rows["point"].to_numpy(),
        }
        if by not in keys:
            raise OutOfRange(f"table: no scores by {by!r}; there are {', '.join(keys)}.", by=by)
        parts = {key: _scores(rows) for key, rows in self.rows.groupby(keys[by], sort=True)}
        return pd.DataFrame.from_dict(parts, orient="index").rename_axis(by)

    def to_dict(self) -> dict[str, Any]:
        """Scores of everything, by month and by lead, and the notes; plain values for JSON."""
        return {
            "scores": self.scores(),
            "by_month": self.table("month").to_dict(orient="index"),
            "by_lead_h": {str(k): v for k, v in self.table("lead_h").to_dict(orient="index").items()},
            "issues": int(self.rows["issued_at"].nunique()),
            "rows": len(self.rows),
            "notes": list(self.notes),
        }


def references(made: list[Forecast], past: Past, zone: str) -> pd.DataFrame:
    """The rows of a backtest. past: everything that came, of the forecasts' points in their order."""
    tables = []
    for forecast in made:
        valid = slots_of(forecast.valid_at, past.step_ns)
        moments = Moments(np.full(len(valid), forecast.issued_at.as_unit("ns").value // past.step_ns), valid)
        columns = {
            "actual": look(past, valid, valid + 1),
            "day": persistence.day(past, moments, zone),
            "week": persistence.week(past, moments, zone),
        }
        flat = {name: values.T.ravel() for name, values in columns.items()}  # point by point, as `table` has them
        tables.append(forecast.table().assign(**flat))
    return pd.concat(tables, ignore_index=True)[ROWS]


def _scores(rows: pd.DataFrame) -> dict[str, float]:
    y = rows["actual"].to_numpy(dtype=float)
    q = {name: rows[name].to_numpy(dtype=float) for name in QUANTILES}
    mape = metrics.mape_pct(y, q["p50"])
    naive = {name: metrics.mape_pct(y, rows[name].to_numpy(dtype=float)) for name in REFERENCES}
    return {
        "mape_pct": mape,
        "mae_mw": float(metrics.mae(y[:, None], q["p50"][:, None])[0]),
        "rmse_mw": metrics.rmse(y, q["p50"]),
        "r2": metrics.r2(y, q["p50"]),
        "pinball_mw": float(np.mean([metrics.pinball(y, q[name], level) for name, level in QUANTILES.items()])),
        "coverage": metrics.coverage(y, q["p10"], q["p90"]),
        **{f"{name}_mape_pct": value for name, value in naive.items()},
        "skill": metrics.skill(mape, min(naive.values())),
    }
