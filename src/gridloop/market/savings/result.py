"""What was saved, as tables: the period, its days, and a year like it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from gridloop.market.savings.energy_baseline import EnergyBaseline
from gridloop.market.savings.uncertainty import autocovariances
from gridloop.units import FloatArray

YEAR_DAYS = 365.25
LEAST_REPORTED_DAYS = 7
SEASONS_DAYS = 330
"""Days from which a period has seen about all seasons: only then has a yearly figure ends."""
COLUMNS = ["baseline", "actual", "saved", "saved_share", "low", "high"]


@dataclass(frozen=True, eq=False)
class Savings:
    """What was saved. Positive is less than the baseline.

    table   index energy_mwh, cost, carbon_t, peak_mw (as far as known); baseline, actual, saved, saved_share, low, high
            (ends of what was saved). NaN ends: a plain difference of two series that are both known has none
    days    local day: baseline_mwh, actual_mwh, saved_mwh
    yearly  the same table scaled to a year; empty below a week, without ends below 330 days: what a season that was not
            seen would have saved, no spread of other days tells
    level   chance with which an interval holds what was truly saved
    method  how the ends were made: difference, drift, covariance, ashrae or blocks
    normal_mwh   saved under the drivers of a normal year (saved, low, high), where one was given
    assumptions  what has to hold for these figures, in sentences
    """

    table: pd.DataFrame
    days: pd.DataFrame
    yearly: pd.DataFrame
    level: float
    method: str
    assumptions: tuple[str, ...]
    normal_mwh: Mapping[str, float] = field(default_factory=dict)
    baseline: EnergyBaseline | None = None

    @property
    def saved_mwh(self) -> float:
        """Energy saved over the period."""
        return _number(self.table, "energy_mwh", "saved")

    @property
    def significant(self) -> bool:
        """True where the interval of the energy saved does not hold zero."""
        low, high = (_number(self.table, "energy_mwh", end) for end in ("low", "high"))
        return bool(low > 0 or high < 0)

    def facts(self) -> dict[str, Any]:
        """Everything in numbers, for programs."""
        found: dict[str, Any] = {"method": self.method, "level": self.level, "days": len(self.days)}
        for name, row in self.table.iterrows():
            found[str(name)] = {key: float(row[key]) for key in COLUMNS}
        if len(self.yearly):
            found["yearly"] = {
                str(name): {key: float(row[key]) for key in COLUMNS} for name, row in self.yearly.iterrows()
            }
        if self.normal_mwh:
            found["normal_mwh"] = dict(self.normal_mwh)
        if self.baseline is not None:
            fit = self.baseline
            found["fit"] = {
                "model": fit.model, "calendar": fit.calendar, "points_c": list(fit.points), "r2": fit.r2,
                "cv_rmse": fit.cv_rmse, "nmbe": fit.nmbe, "autocorrelation": fit.autocorrelation,
                "days": len(fit.days), "effective_days": fit.effective_days,
            }  # fmt: skip
        return found | {"assumptions": list(self.assumptions)}


def _number(table: pd.DataFrame, row: str, column: str) -> float:
    return float(table[column].to_numpy(dtype=float)[table.index.get_loc(row)])


def saved_table(rows: Mapping[str, tuple[float, float]], ends: Mapping[str, tuple[float, float]]) -> pd.DataFrame:
    made = {}
    for name, (base, now) in rows.items():
        low, high = ends.get(name, (float("nan"), float("nan")))
        made[name] = (base, now, base - now, (base - now) / base if base else float("nan"), low, high)
    return pd.DataFrame.from_dict(made, orient="index", columns=COLUMNS)


def yearly_of(
    table: pd.DataFrame,
    daily: Mapping[str, FloatArray],
    days: float,
    level: float,
    ends: Mapping[str, tuple[float, float]],
) -> pd.DataFrame:
    """The period as if it went on for a year. Where it is one, the ends grow with what days differ from each other.

    daily  saved by day, of every row where that is known; ends of the period, where it has any
    """
    if days < LEAST_REPORTED_DAYS:
        return table.iloc[:0]
    factor = YEAR_DAYS / days
    scaled = table.drop(index="peak_mw", errors="ignore").copy()
    for name in ("baseline", "actual", "saved"):
        scaled[name] *= factor
    for name in map(str, scaled.index):
        saved, half = _number(scaled, name, "saved"), float("nan")
        if name in daily and days >= SEASONS_DAYS:
            half = YEAR_DAYS * _half_of_mean(daily[name], level)
        if name in ends:
            half = float(np.hypot(half, factor * (ends[name][1] - ends[name][0]) / 2))
        scaled.loc[name, ["low", "high"]] = [saved - half, saved + half]
    return scaled


def _half_of_mean(saved: FloatArray, level: float) -> float:
    """Half width of the mean of days like these, each like its neighbours of a week as far as the record says."""
    n = saved.size
    gamma = autocovariances(saved - saved.mean(), min(n - 1, 7))
    alike = 2 * float((1 - np.arange(1, gamma.size) / 8) @ gamma[1:])
    variance = max(gamma[0] + alike, gamma[0]) / max(n - 1, 1)
    return float(stats.t.ppf((1 + level) / 2, max(n - 1, 1)) * np.sqrt(variance))


def about_the_year(yearly: pd.DataFrame, days: float) -> list[str]:
    if not len(yearly):
        return [f"No yearly figure: {days:.1f} days say nothing of a year."] if days < LEAST_REPORTED_DAYS else []
    said = [f"Yearly: {days:.0f} days stand for {YEAR_DAYS:g}, with their weather, prices and use."]
    if days < SEASONS_DAYS:
        said.append("Seasons that are not in these days are not in the yearly figure: it has no ends.")
    return said
