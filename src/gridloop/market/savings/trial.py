"""Trial of the measurement: savings of measures that were never taken, on recorded meters.

A baseline is fitted to some days of a record, the days after it are taken for the time after a measure, and so on
through the record. Nothing was done, so that what is measured is all error, and an interval is right where it holds
zero. That tells what a stated level is worth on meters of this kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.market.savings.days import days_of
from gridloop.market.savings.energy_baseline import EnergyBaseline
from gridloop.market.savings.savings import METHODS, savings

DAY = pd.Timedelta(days=1)


@dataclass(frozen=True, eq=False)
class SavingsTrial:
    """What placebo measures showed.

    table  one row per meter, first day and method: error_share (what was "saved", of the baseline), low_share,
           high_share, holds (zero), cv_rmse, r2, autocorrelation
    level  what coverage ought to be
    """

    table: pd.DataFrame
    level: float

    def coverage(self) -> pd.DataFrame:
        """By method: coverage, trials, and the mean half width as a share of the baseline."""
        table = self.table.assign(half_share=(self.table["high_share"] - self.table["low_share"]) / 2)
        grouped = table.groupby("method")
        return pd.DataFrame(
            {
                "coverage": grouped["holds"].mean(),
                "trials": grouped.size(),
                "half_share": grouped["half_share"].mean(),
                "error_share": grouped["error_share"].apply(lambda e: float(np.sqrt(np.mean(np.square(e))))),
            }
        )


def savings_trial(
    meters: pd.DataFrame,
    drivers: pd.DataFrame | None,
    *,
    baseline_days: int = 180,
    reporting_days: int = 30,
    every_days: int = 30,
    level: float = 0.90,
    methods: Sequence[str] = METHODS,
    zone: str = "UTC",
) -> SavingsTrial:
    """Try baselines and their intervals through a record.

    meters   interval × meter, mean power in MW, regular, UTC; NaN where missing
    drivers  as in `EnergyBaseline.fit`, the same for all meters

    A stretch of which more than a fifth of the days is missing is left out.
    Raises `OutOfRange` where the record is too short for one trial.
    """
    rows = []
    local = pd.DatetimeIndex(meters.index).tz_convert(zone).tz_localize(None).normalize()
    days = local.unique()
    if len(days) < baseline_days + reporting_days:
        raise OutOfRange(
            f"The record has {len(days)} days; a trial of {baseline_days} + {reporting_days} needs "
            f"{baseline_days + reporting_days}."
        )
    for first in range(0, len(days) - baseline_days - reporting_days + 1, every_days):
        ends = days[first], days[first + baseline_days], days[first + baseline_days + reporting_days - 1]
        before = (local >= ends[0]) & (local < ends[1])
        after = (local >= ends[1]) & (local <= ends[2])
        for name in meters.columns:
            meter = meters[name]
            enough = [
                len(days_of(meter[part], drivers, zone)) >= 0.8 * many
                for part, many in ((before, baseline_days), (after, reporting_days))
            ]
            if not all(enough):
                continue
            fit = EnergyBaseline.fit(meter[before], drivers, zone=zone)
            for method in methods:
                found = savings(meter[after], fit, drivers=drivers, level=level, method=method)
                row = found.table.loc["energy_mwh"]
                rows.append(
                    {
                        "meter": str(name), "first_day": ends[1], "method": method,
                        "error_share": row["saved"] / row["baseline"], "low_share": row["low"] / row["baseline"],
                        "high_share": row["high"] / row["baseline"], "holds": bool(row["low"] <= 0 <= row["high"]),
                        "cv_rmse": fit.cv_rmse, "r2": fit.r2, "autocorrelation": fit.autocorrelation,
                    }
                )  # fmt: skip
    if not rows:
        raise OutOfRange("No stretch of the record has enough whole days for a trial.")
    return SavingsTrial(pd.DataFrame(rows), level)
