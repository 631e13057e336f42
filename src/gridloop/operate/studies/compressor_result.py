"""What a study of a compressor station found: weeks run in all ways, what they took and cost, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import stats

from gridloop.market.savings.savings import Savings, savings
from gridloop.operate.studies.compressor_trim import Trim
from gridloop.operate.studies.compressor_weeks import Demand
from gridloop.optimize.compressors.demand import Week
from gridloop.optimize.compressors.rules import Cascade, EqualShares
from gridloop.optimize.compressors.simulation import Simulated
from gridloop.optimize.devices.compressor_station import CompressorStation
from gridloop.units import BoolArray

CASCADE, EQUAL, TRUTH, FORECAST = "cascade", "equal shares", "true demand", "forecast"
WAYS = (CASCADE, EQUAL, TRUTH, FORECAST)
LEVEL = 0.9
"""Chance with which an interval holds the mean saving of weeks like these."""
LEAST_WEEKS = 3
"""From fewer weeks nothing is said of how they differ."""


@dataclass(frozen=True, eq=False)
class CompressorStudy:
    """What the weeks came to.

    weeks     by week: MWh of each way, starts, lowest and highest pressure, seconds outside the band, the gap of the
              sequence and how much of the air was forecast wrongly; money of each way where there are prices
    power_mw  by quarter of an hour of all judged weeks, UTC: mean power of each way
    prices    money per MWh on the same quarters; None: not given, and the sequence was planned for energy
    station, cascade, equal, trim   what was compared
    forecast  mae_m3_per_min, last_week_mae_m3_per_min, coverage of the band from p10 to p90, all of the judged weeks
    shown     way → simulation of the first week; planned: machines of its sequence [machine, interval]
    """

    weeks: pd.DataFrame
    power_mw: pd.DataFrame
    prices: pd.Series | None
    station: CompressorStation
    cascade: Cascade
    equal: EqualShares
    trim: Trim
    forecast: Mapping[str, float]
    shown: Mapping[str, Simulated]
    demand: Demand
    planned: BoolArray = field(repr=False)

    @property
    def first(self) -> Week:
        """The first week that is judged."""
        return self.demand.weeks[self.demand.learn]

    def saving(self, way: str, beside: str = CASCADE, what: str = "mwh") -> pd.Series:
        """Share that a way saves beside another, by week: of energy (mwh), or of money (cost)."""
        return 1.0 - self.weeks[f"{way} {what}"] / self.weeks[f"{beside} {what}"]

    def interval(self, way: str, what: str = "mwh") -> tuple[float, float]:
        """Ends of the mean saving beside the cascade, from how the weeks differ (Student's t, 90 %).

        NaN below three weeks.
        """
        return interval_of(self.saving(way, what=what))

    def savings(self, way: str) -> Savings:
        """Energy saved beside the cascade, and money where there are prices, as `gl.savings` has it: by day, and a year
        as if it were made of weeks like these.
        """
        return savings(
            self.power_mw[way], self.power_mw[CASCADE], prices=self.prices, level=LEVEL, zone=self.demand.zone
        )

    def facts(self) -> dict[str, object]:
        """The figures as plain values."""
        found: dict[str, object] = {"weeks": len(self.weeks), **self.demand.facts()}
        for way in WAYS:
            name = way.replace(" ", "_")
            found[f"{name}_mwh"] = float(self.weeks[f"{way} mwh"].sum())
            found[f"{name}_outside_s"] = float(self.weeks[f"{way} outside_s"].sum())
            found[f"{name}_low_bar"] = float(self.weeks[f"{way} low_bar"].min())
            found[f"{name}_high_bar"] = float(self.weeks[f"{way} high_bar"].max())
            found[f"{name}_starts"] = int(self.weeks[f"{way} starts"].sum())
            if self.prices is not None:
                found[f"{name}_cost"] = float(self.weeks[f"{way} cost"].sum())
            if way != CASCADE:
                found |= self._saved(name, way)
        found["savings"] = {way.replace(" ", "_"): self.savings(way).facts() for way in (TRUTH, FORECAST)}
        found["largest_gap_pct"] = 100.0 * float(self.weeks["gap"].max())
        return found | dict(self.forecast)

    def _saved(self, name: str, way: str) -> dict[str, object]:
        found: dict[str, object] = {}
        for what, key in (("mwh", "saving"), ("cost", "cost_saving")):
            if what == "cost" and self.prices is None:
                continue
            by_week = 100.0 * self.saving(way, what=what)
            found[f"{name}_{key}_pct"] = float(by_week.mean())
            found[f"{name}_{key}_by_week_pct"] = [round(float(s), 2) for s in by_week]
            ends = interval_of(by_week)
            found[f"{name}_{key}_interval_pct"] = None if np.isnan(ends[0]) else [round(end, 2) for end in ends]
        return found


def interval_of(values: pd.Series) -> tuple[float, float]:
    """Ends of the mean of values that are alike and independent; NaN for fewer than three."""
    n = len(values)
    if n < LEAST_WEEKS:
        return float("nan"), float("nan")
    half = float(stats.t.ppf((1.0 + LEVEL) / 2.0, n - 1) * values.std(ddof=1) / np.sqrt(n))
    mean = float(values.mean())
    return mean - half, mean + half
