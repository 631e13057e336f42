"""What a study of heating and cooling found: weeks run three ways, savings and how sure they are.

`thermostats` switch on and off; `rule alone` modulates so that the band is kept, without a plan; `planned` is that rule
behind a plan. What is saved against thermostats is not all the plan's: against the rule alone it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gridloop.optimize.building.operation import Operated

BASELINE, RULE, PLANNED = "thermostats", "rule alone", "planned"
WAYS = (BASELINE, RULE, PLANNED)
MONTH_H = 730.5
DRAWS = 4000
LEAST_BLOCKS = 3


@dataclass(frozen=True, eq=False)
class Week:
    """A span run in all ways. prices: money per MWh; peaks in MW

    lead_h, rule_lead_h  hours before people come in which thermostats, and the rule alone, begin to make ready

    replans, elastic, failed  plans made, those that left a band, and those without a solution: the last stood in
    """

    start: pd.Timestamp
    ways: Mapping[str, Operated]
    prices: pd.Series
    carbon_t_per_mwh: pd.Series | None
    peak_eur_per_mw_month: float
    fuel_eur_per_mwh: float
    lead_h: float
    rule_lead_h: float
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

    def stored_more_mwh(self, way: str, against: str) -> float:
        """Heat left in air and masses at the end beyond that of another way; both began alike."""
        return self.ways[way].stored_mwh - self.ways[against].stored_mwh

    def mwh_per_heat(self, way: str) -> float:
        """Electricity per heat and cold that was made, over the span."""
        table = self.ways[way].table
        made = float((table["heat_mw"] + table["cold_mw"]).sum())
        return float(table["p_mw"].sum()) / made if made > 0 else float("nan")

    @property
    def _hours(self) -> float:
        index = pd.DatetimeIndex(self.prices.index)
        return len(index) * float((index[1] - index[0]) / pd.Timedelta(hours=1))

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        found: dict[str, Any] = {
            "start": str(self.start),
            "thermostat_lead_h": self.lead_h,
            "rule_lead_h": self.rule_lead_h,
            "replans": self.replans,
            "plans_failed": self.failed,
        }
        for way in self.ways:
            ran = self.ways[way]
            found[key_of(way)] = {
                "energy_mwh": self.energy_mwh(way),
                "cost": self.cost(way),
                "carbon_t": self.carbon_t(way),
                "peak_mw": self.peak_mw(way),
                "violation_share": ran.violation_share,
                "violation_kh": ran.violation_kh,
                "stored_more_mwh": self.stored_more_mwh(way, BASELINE),
            }
        return found


@dataclass(frozen=True, eq=False)
class HvacStudy:
    """Weeks of the same site, each run by thermostats, by the rule alone and by plans."""

    name: str
    weeks: Sequence[Week]

    def total(self, what: str, way: str) -> float:
        """Sum over the weeks of energy_mwh, cost or carbon_t."""
        return float(sum(getattr(week, what)(way) for week in self.weeks))

    def saving(self, what: str, *, against: str = BASELINE, way: str = PLANNED) -> float:
        """Share saved by a way against another."""
        before = self.total(what, against)
        return 1.0 - self.total(what, way) / before if before > 0 else float("nan")

    def interval(self, what: str, *, against: str = BASELINE, level: float = 0.9, seed: int = 0) -> tuple[float, float]:
        """Of the saving: blocks drawn with replacement, weeks where there are several, else days; NaN for too few."""
        pairs = np.array(
            [[getattr(week, what)(way) for way in (against, PLANNED)] for week in self.weeks]
            if len(self.weeks) > 1
            else self._days(what, (against, PLANNED))
        )
        if len(pairs) < LEAST_BLOCKS:
            return float("nan"), float("nan")
        picks = np.random.default_rng(seed).integers(len(pairs), size=(DRAWS, len(pairs)))
        drawn = pairs[picks].sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            saved = 1.0 - drawn[:, 1] / drawn[:, 0]
        low, high = np.nanquantile(saved, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)

    def _days(self, what: str, ways: tuple[str, str]) -> list[list[float]]:
        """Days from the start on, two ways; fuel and the demand charge are shared out evenly."""
        week = self.weeks[0]
        index = pd.DatetimeIndex(week.prices.index)
        unknown = pd.Series(np.nan, index=index)
        carbon = unknown if week.carbon_t_per_mwh is None else week.carbon_t_per_mwh.reindex(index)
        rates = {"energy_mwh": pd.Series(1.0, index=index), "cost": week.prices}
        day = np.asarray((index - index[0]) // pd.Timedelta(days=1))
        both = [week.ways[way].table["p_mw"] * rates.get(what, carbon) for way in ways]
        count = int(day[-1]) + 1
        rest = [
            (week.cost(way) - float(power.sum())) / count if what == "cost" else 0.0
            for way, power in zip(ways, both, strict=True)
        ]
        return [[float(v[day == k].sum()) + more for v, more in zip(both, rest, strict=True)] for k in range(count)]

    @property
    def violation_share(self) -> float:
        """Of occupied zone-hours, planned."""
        return float(np.mean([week.ways[PLANNED].violation_share for week in self.weeks]))

    def stored_more_mwh(self, against: str = BASELINE) -> float:
        """Heat that planned spans leave in the building beyond another way's, summed: in no saving."""
        return float(sum(week.stored_more_mwh(PLANNED, against) for week in self.weeks))

    def weekly(self) -> pd.DataFrame:
        """One row per week: costs, energies and violations of all ways, and what is saved against thermostats."""
        rows = []
        for week in self.weeks:
            row: dict[str, Any] = {"start": week.start}
            for way in WAYS:
                row |= {
                    f"{key_of(way)}_cost": week.cost(way),
                    f"{key_of(way)}_mwh": week.energy_mwh(way),
                    f"{key_of(way)}_violation_share": week.ways[way].violation_share,
                }
            row["saved_share"] = 1.0 - week.cost(PLANNED) / week.cost(BASELINE) if week.cost(BASELINE) > 0 else np.nan
            rows.append(row)
        return pd.DataFrame(rows).set_index("start")

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        found: dict[str, Any] = {"name": self.name, "weeks": [week.facts() for week in self.weeks]}
        for what in ("energy_mwh", "cost", "carbon_t"):
            found[what] = {
                **{key_of(way): self.total(what, way) for way in WAYS},
                "saved_share": self.saving(what),
                "interval_90": list(self.interval(what)) if np.isfinite(self.saving(what)) else None,
                "rule_alone_saved_share": self.saving(what, way=RULE),
                "plan_adds_share": self.saving(what, against=RULE),
                "plan_adds_interval_90": list(self.interval(what, against=RULE))
                if np.isfinite(self.saving(what, against=RULE)) else None,
            }  # fmt: skip
        found["violation_share"] = self.violation_share
        found["stored_more_mwh"] = self.stored_more_mwh()
        return found


def key_of(way: str) -> str:
    """As it is called in tables and JSON."""
    return way.replace(" ", "_")
