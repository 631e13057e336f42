"""Backtest scores: forecasts, what came and what persistence had said; errors by horizon and month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.forecast.bands.persistence_band import PersistenceBand
from gridloop.forecast.known.moments import Moments, look
from gridloop.forecast.known.past import Past, slots_of
from gridloop.forecast.models import persistence
from gridloop.forecast.tested import metrics
from gridloop.forecast.value import QUANTILES, Forecast
from gridloop.units import FloatArray, IntArray

REFERENCES = ("day", "week")
BAND = ("week_p10", "week_p90")
ROWS = ["issued_at", "valid_at", "point", *QUANTILES, "model", "actual", *REFERENCES, *BAND]


@dataclass(frozen=True)
class Backtest:
    """What a backtest found.

    rows   one per issue, interval and point: `ROWS`, powers in MW; `day` and `week` are the persistences that were
           known at the same issue, `week_p10` and `week_p90` the band of the errors that the latter had until then;
           actual NaN where nothing came
    zone   of the local months
    notes  what was taken as known that was not
    """

    rows: pd.DataFrame
    zone: str
    notes: tuple[str, ...] = ()

    def scores(self) -> dict[str, float]:
        """Over everything: mape_pct, mae_mw, rmse_mw, r2, pinball_mw, coverage, and what persistence had.

        Skill is 1 − MAPE over that of the better persistence (day_mape_pct, week_mape_pct), for loads well above zero;
        skill_mae is the same of the mean absolute error, for what may be zero or negative.
        Pinball is the mean over P10, P50, P90; week_pinball_mw is that of weekly persistence with the band of its own
        past errors, week_point_pinball_mw that of the bare number, and pinball_skill compares with the former.
        """
        return _scores(self.rows)

    def table(self, by: str = "month") -> pd.DataFrame:
        """The same scores by "month" (local, as YYYY-MM), "lead_h" (whole hours ahead), "hour" (local), "point" or
        "day_ahead" (local days from the issue to the interval: 0 today, 1 tomorrow)."""
        local = pd.DatetimeIndex(self.rows["valid_at"]).tz_convert(self.zone)
        lead_s = (self.rows["valid_at"] - self.rows["issued_at"]).dt.total_seconds().to_numpy()
        keys = {
            "month": np.asarray(local.strftime("%Y-%m")),
            "lead_h": np.floor(lead_s / 3600.0).astype(int),
            "hour": np.asarray(local.hour),
            "point": self.rows["point"].to_numpy(),
            "day_ahead": _days_between(self.rows["issued_at"], self.rows["valid_at"], self.zone),
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


def _days_between(issued_at: pd.Series, valid_at: pd.Series, zone: str) -> IntArray:
    days = [pd.DatetimeIndex(t).tz_convert(zone).tz_localize(None).normalize() for t in (issued_at, valid_at)]
    return np.asarray((days[1] - days[0]).days)


def references(
    made: list[Forecast], past: Past, zone: str, known: Sequence[pd.Timestamp] | None = None
) -> pd.DataFrame:
    """The rows of a backtest.

    past   everything that came, of the forecasts' points in their order
    known  up to when values were known at each issue, later than the issue for prices of days to come; None: the issue
    """
    tables = []
    band = PersistenceBand(past, zone)
    for forecast, until in zip(made, known or [f.issued_at for f in made], strict=True):
        valid = slots_of(forecast.valid_at, past.step_ns)
        moments = Moments(np.full(len(valid), until.as_unit("ns").value // past.step_ns), valid)
        columns = {
            "actual": look(past, valid, valid + 1),
            "day": persistence.day(past, moments, zone),
            "week": persistence.week(past, moments, zone),
        }
        columns |= dict(zip(BAND, band.around(moments, columns["week"]), strict=True))
        flat = {name: values.T.ravel() for name, values in columns.items()}  # point by point, as `table` has them
        tables.append(forecast.table().assign(**flat))
    return pd.concat(tables, ignore_index=True)[ROWS]


def _scores(rows: pd.DataFrame) -> dict[str, float]:
    y = rows["actual"].to_numpy(dtype=float)
    q = {name: rows[name].to_numpy(dtype=float) for name in QUANTILES}
    mape = metrics.mape_pct(y, q["p50"])
    naive = {name: metrics.mape_pct(y, rows[name].to_numpy(dtype=float)) for name in REFERENCES}
    off = _mae(y, q["p50"])
    naive_mae = {name: _mae(y, rows[name].to_numpy(dtype=float)) for name in REFERENCES}
    loss = float(np.mean([metrics.pinball(y, q[name], level) for name, level in QUANTILES.items()]))
    columns = (BAND[0], "week", BAND[1])
    week = {name: rows[column].to_numpy(dtype=float) for name, column in zip(QUANTILES, columns, strict=True)}
    week_loss = {
        name: float(np.mean([metrics.pinball(y, values[q], level) for q, level in QUANTILES.items()]))
        for name, values in {"week": week, "week_point": dict.fromkeys(QUANTILES, week["p50"])}.items()
    }
    return {
        "mape_pct": mape,
        "mae_mw": off,
        "rmse_mw": metrics.rmse(y, q["p50"]),
        "r2": metrics.r2(y, q["p50"]),
        "pinball_mw": loss,
        "coverage": metrics.coverage(y, q["p10"], q["p90"]),
        **{f"{name}_mape_pct": value for name, value in naive.items()},
        "skill": metrics.skill(mape, min(naive.values())),
        **{f"{name}_mae_mw": value for name, value in naive_mae.items()},
        "skill_mae": metrics.skill(off, min(naive_mae.values())),
        **{f"{name}_pinball_mw": value for name, value in week_loss.items()},
        "pinball_skill": metrics.skill(loss, week_loss["week"]),
    }


def _mae(y: FloatArray, forecast: FloatArray) -> float:
    return float(metrics.mae(y[:, None], forecast[:, None])[0])
