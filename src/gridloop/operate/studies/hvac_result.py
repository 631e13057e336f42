"""What a study of heating and cooling found: weeks run both ways, savings and how sure they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gridloop.optimize.building.operation import Operated

BASELINE, PLANNED = "thermostats", "planned"
MONTH_H = 730.5
DRAWS = 4000
LEAST_BLOCKS = 3


@dataclass(frozen=True, eq=False)
class Week:
    """A span run both ways. prices: money per MWh; peaks in MW

    replans, elastic, failed  plans made, those that left a band, and those without a solution: the last stood in
    """

    start: pd.Timestamp
    ways: Mapping[str, Operated]
    prices: pd.Series
    carbon_t_per_mwh: pd.Series | None
    peak_eur_per_mw_month: float
    fuel_eur_per_mwh: float
    lead_h: float
    expected: pd.Series
    outdoor_c: pd.Series
    bands: Mapping[str, tuple[pd.Series, pd.Series]]
    replans: int
    elastic: int
    failed: int

    def energy_mwh(self, way: str) -> float:
        return self.ways[way].energy_mwh()

    def peak_mw(self, way: str) -> float:
        return float(self.ways[way].table["p_mw"].max())

    def cost(self, way: str) -> float:
        """Energy, fuel, and the span's share of the month's demand charge."""
        share = self._hours / MONTH_H
        return self.ways[way].cost(
            self.prices, self.fuel_eur_per_mwh
        ) + self.peak_eur_per_mw_month * share * self.peak_mw(way)

    def carbon_t(self, way: str) -> float:
        if self.carbon_t_per_mwh is None:
            return float("nan")
        power = self.ways[way].table["p_mw"]
        return float((power * self.carbon_t_per_mwh.reindex(power.index)).sum()) * self._hours / len(power)

    @property
    def _hours(self) -> float:
        index = pd.DatetimeIndex(self.prices.index)
        return len(index) * float((index[1] - index[0]) / pd.Timedelta(hours=1))

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        found: dict[str, Any] = {
            "start": str(self.start),
            "thermostat_lead_h": self.lead_h,
            "replans": self.replans,
            "plans_failed": self.failed,
        }
        for way in self.ways:
            ran = self.ways[way]
            found[way] = {
                "energy_mwh": self.energy_mwh(way),
                "cost": self.cost(way),
                "carbon_t": self.carbon_t(way),
                "peak_mw": self.peak_mw(way),
                "violation_share": ran.violation_share,
                "violation_kh": ran.violation_kh,
            }
        return found


@dataclass(frozen=True, eq=False)
class HvacStudy:
    """Weeks of the same site, each run by thermostats and by plans."""

    name: str
    weeks: Sequence[Week]

    def total(self, what: str, way: str) -> float:
        """Sum over the weeks of energy_mwh, cost or carbon_t."""
        return float(sum(getattr(week, what)(way) for week in self.weeks))

    def saving(self, what: str) -> float:
        """Share saved against thermostats."""
        before = self.total(what, BASELINE)
        return 1.0 - self.total(what, PLANNED) / before if before > 0 else float("nan")

    def interval(self, what: str, *, level: float = 0.9, seed: int = 0) -> tuple[float, float]:
        """Of the saving: blocks drawn with replacement, weeks where there are several, else days; NaN for too few."""
        pairs = np.array(
            [[getattr(week, what)(way) for way in (BASELINE, PLANNED)] for week in self.weeks]
            if len(self.weeks) > 1
            else self._days(what)
        )
        if len(pairs) < LEAST_BLOCKS:
            return float("nan"), float("nan")
        picks = np.random.default_rng(seed).integers(len(pairs), size=(DRAWS, len(pairs)))
        drawn = pairs[picks].sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            saved = 1.0 - drawn[:, 1] / drawn[:, 0]
        low, high = np.nanquantile(saved, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)

    def _days(self, what: str) -> list[list[float]]:
        """Days from the start on, both ways; fuel and the demand charge are shared out evenly."""
        week = self.weeks[0]
        index = pd.DatetimeIndex(week.prices.index)
        unknown = pd.Series(np.nan, index=index)
        carbon = unknown if week.carbon_t_per_mwh is None else week.carbon_t_per_mwh.reindex(index)
        rates = {"energy_mwh": pd.Series(1.0, index=index), "cost": week.prices}
        day = np.asarray((index - index[0]) // pd.Timedelta(days=1))
        both = [week.ways[way].table["p_mw"] * rates.get(what, carbon) for way in (BASELINE, PLANNED)]
        count = int(day[-1]) + 1
        rest = [
            (week.cost(way) - float(power.sum())) / count if what == "cost" else 0.0
            for way, power in zip((BASELINE, PLANNED), both, strict=True)
        ]
        return [[float(v[day == k].sum()) + more for v, more in zip(both, rest, strict=True)] for k in range(count)]

    @property
    def violation_share(self) -> float:
        """Of occupied zone-hours, planned."""
        return float(np.mean([week.ways[PLANNED].violation_share for week in self.weeks]))

    def weekly(self) -> pd.DataFrame:
        """One row per week: costs, energies and violations of both ways, and the saving."""
        rows = []
        for week in self.weeks:
            row: dict[str, Any] = {"start": week.start}
            for way in (BASELINE, PLANNED):
                row |= {
                    f"{way}_cost": week.cost(way),
                    f"{way}_mwh": week.energy_mwh(way),
                    f"{way}_violation_share": week.ways[way].violation_share,
                }
            row["saved_share"] = 1.0 - week.cost(PLANNED) / week.cost(BASELINE) if week.cost(BASELINE) > 0 else np.nan
            rows.append(row)
        return pd.DataFrame(rows).set_index("start")

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        found: dict[str, Any] = {"name": self.name, "weeks": [week.facts() for week in self.weeks]}
        for what in ("energy_mwh", "cost", "carbon_t"):
            found[what] = {
                BASELINE: self.total(what, BASELINE), PLANNED: self.total(what, PLANNED),
                "saved_share": self.saving(what),
                "interval_90": list(self.interval(what)) if np.isfinite(self.saving(what)) else None,
            }  # fmt: skip
        found["violation_share"] = self.violation_share
        return found
