"""What a study of heating and cooling saved, by `market.savings`: the span, and a year like it with what that assumes.

Both sides of the difference are known, so that the span has no error of its own. How far other days like these would
have differed is told by drawing whole days (`HvacStudy.interval`); a year has no ends until all seasons were seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from gridloop.market.savings.result import Savings
from gridloop.market.savings.savings import savings
from gridloop.operate.studies.hvac_result import BASELINE, PLANNED, HvacStudy

KINDS = ("energy_mwh", "cost", "carbon_t")


@dataclass(frozen=True, eq=False)
class HvacSavings:
    """Of a study of one span, planned against another way.

    saved   `market.savings`: table, days, yearly, assumptions; cost is that of energy at its prices
    ends    shares of saving between which 90 % of drawn days lie, by what was saved; empty for fewer than three days
    """

    saved: Savings
    ends: dict[str, tuple[float, float]]

    def of(self, name: str, part: str, *, yearly: bool = False) -> float:
        """A number of the table, or of the yearly one; NaN where there is none."""
        table = self.saved.yearly if yearly else self.saved.table
        if name not in table.index:
            return float("nan")
        return float(table[part].to_numpy(dtype=float)[table.index.get_loc(name)])

    def facts(self) -> dict[str, Any]:
        """For JSON: as of `Savings`, with `of_drawn_days`."""
        return self.saved.facts() | {"of_drawn_days": {name: list(ends) for name, ends in self.ends.items()}}


def hvac_savings(study: HvacStudy, zone: str, *, against: str = BASELINE) -> HvacSavings:
    """Energy, money and carbon saved by the plan against another way in the first span; zone: of its days."""
    week = study.weeks[0]
    now, before = (week.ways[way].table["p_mw"] for way in (PLANNED, against))
    carbon = None if week.carbon_t_per_mwh is None else week.carbon_t_per_mwh.reindex(pd.DatetimeIndex(now.index))
    found = savings(now, before, prices=week.prices, carbon=carbon, zone=zone)
    # Drawn days share out the demand charge, which is not in the cost of energy: with one it has no ends of its own.
    kinds = [
        what for what in KINDS if what in found.table.index and not (what == "cost" and week.peak_eur_per_mw_month)
    ]
    ends = {what: study.interval(what, against=against) for what in kinds}
    return HvacSavings(found, {what: pair for what, pair in ends.items() if pair[0] == pair[0]})
