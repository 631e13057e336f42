"""A plant's batches planned on what was known: a forecast of the base load, a peak target from earlier weeks.

Two ways stand beside the plant as recorded, on the same orders, prices and peak charge:

- ahead  each day is planned as it begins, with its prices, beside a forecast of the base load made of the days before,
         and again where the day's base load comes in above it; the month begins with a peak target of earlier weeks,
         which is raised when it is broken. This is what counts
- known  the same with the base load as it came, and with the lowest peak of the month sought beforehand: a ceiling

Both are settled on the base load that came. Orders (batches, their windows and what they take) are known beforehand
in both: they are the plant's own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gridloop.operate.studies.process_base import base_ahead, looked_at_again
from gridloop.optimize.process.orders import OrderBook
from gridloop.optimize.studies.process_day import local_days, lowest_peaks
from gridloop.optimize.studies.process_month import GAP, ProcessMonth, process_month

# Of the base load's quantiles the plan is made beside this one: energy costs the same whatever the base load is, so
# that only the peak asks for it, and a peak that is broken costs more than one that was not reached.
PLANNED_BESIDE = "p90"
# The target: this quantile of what the days of four weeks before needed at least, each for itself. A target that is too
# low is broken on the day that needs more, and costs some energy until then; one that is too high costs a peak.
TARGET_DAYS, TARGET_QUANTILE = 28, 0.25
# Of a day's seconds, what the lowest peak of an earlier day may take.
TARGET_SHARE = 0.25


@dataclass(frozen=True, eq=False)
class ProcessStudy:
    """What came of both ways.

    ahead   planned on what was known then; known: on the base load as it came, None where it was not asked for
    base    start (UTC); p10, p50, p90 [MW] of the base load as expected a day before, model, came
    target_days  days before the month that the target was taken from; 0: nothing was known, and it began at zero
    """

    ahead: ProcessMonth
    known: ProcessMonth | None
    base: pd.DataFrame
    target_days: int

    def facts(self) -> dict[str, Any]:
        """Everything in numbers; those of `ahead` first, the others' under `base_known` and `base_forecast`."""
        error = (self.base["came"] - self.base["p50"]).abs()
        known = self.base["p90"].notna()
        within = (self.base["came"] <= self.base["p90"])[known]
        forecast = {
            "mae_mw": float(error.mean()), "mean_mw": float(self.base["came"].mean()),
            "share_below_p90": float(within.mean()) if len(within) else float("nan"),
            "models": {str(name): int(many) for name, many in self.base["model"].value_counts().items()},
        }  # fmt: skip
        facts = self.ahead.facts() | {"target_days": self.target_days, "base_forecast": forecast}
        return facts | {"base_as_it_came": None if self.known is None else self.known.facts()}


def process_study(
    book: OrderBook,
    prices: pd.Series | pd.DataFrame,
    *,
    zone: str,
    before: OrderBook | None = None,
    peak_price: float = 0.0,
    holidays: Iterable[dt.date] = (),
    ceiling: bool = True,
    time_limit_s: float = 10.0,
    mip_gap: float = GAP,
    say: Callable[[str], None] = lambda text: None,
) -> ProcessStudy:
    """Plan an order book day by day on what was known, and beside it on the base load as it came.

    before    the plant until the book begins, read in the same way; None: nothing is known, and the first days are
              left to themselves
    holidays  local dates; ceiling: False leaves the second way out
    Others as in `process_month`, which says what is raised.
    """
    history = book.base_mw if before is None else pd.concat([before.base_mw, book.base_mw])
    base = base_ahead(history, book.base_mw.index[0], zone=zone, holidays=holidays, say=say)
    target, days = 0.0, 0
    if before is not None and peak_price > 0:
        newest = local_days(pd.DatetimeIndex(before.base_mw.index), zone)[-TARGET_DAYS:]
        peaks = lowest_peaks(before, newest, TARGET_SHARE * time_limit_s, say)
        target, days = float(np.quantile(peaks, TARGET_QUANTILE)), len(newest)
    beside = looked_at_again(base, PLANNED_BESIDE, zone=zone)
    ahead = process_month(
        book, prices, zone=zone, peak_price=peak_price, base_ahead_mw=beside, target_mw=target,
        time_limit_s=time_limit_s, mip_gap=mip_gap, say=say,
    )  # fmt: skip
    known = None
    if ceiling:
        known = process_month(
            book, prices, zone=zone, peak_price=peak_price, time_limit_s=time_limit_s, mip_gap=mip_gap,
            say=lambda text: say(f"Base load as it came: {text[0].lower()}{text[1:]}"),
        )  # fmt: skip
    return ProcessStudy(ahead, known, base, days)
