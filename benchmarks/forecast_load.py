"""Forecasts of recorded loads, day-ahead, beside persistence and the operator's own forecast.

Every row is a backtest of a whole year: one fit on the years before, then each local day issued once from what was
known, and learned from only afterwards. The rate is forecast days per second; what is promised is about errors and
stands in `CASES`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from benchmarks.forecast_data import (
    MADRID,
    MELBOURNE,
    NAME,
    OPERATOR_BEFORE_H,
    spain,
    spanish_holidays,
    verdict,
    victoria,
)
from benchmarks.harness import Bench
from benchmarks.result import Rates, Row
from gridloop.forecast import Backtest, DayAheadForecaster, Record, backtest

# Months that --quick tests instead of the whole year; what is promised is promised for the year.
QUICK_MONTHS = 2


@dataclass(frozen=True)
class Case:
    """A backtest, and the bounds that its scores are promised to keep: name of a score → (lowest, highest)."""

    run: Callable[[Bench, str, str], tuple[Backtest, dict[str, Any]]]
    year: int
    accuracy: dict[str, tuple[float, float]]


def rows(bench: Bench) -> list[Row]:
    """One row per case."""
    return [_row(bench, name, case) for name, case in CASES.items() if bench.asks_for(name)]


def _row(bench: Bench, name: str, case: Case) -> Row:
    bench.say(name)
    last = f"{case.year}-{QUICK_MONTHS:02d}-28" if bench.quick else f"{case.year}-12-31"
    began = time.perf_counter()
    result, facts = case.run(bench, f"{case.year}-01-01", last)
    took = time.perf_counter() - began
    scores = result.scores() | {k: v for k, v in facts.items() if isinstance(v, float)}
    notes = [
        f"{name}: MAPE {scores['mape_pct']:.3f} %, weekly persistence {scores['week_mape_pct']:.2f} %, skill over the "
        f"better persistence {100.0 * scores['skill']:.1f} %, P10–P90 covers {100.0 * scores['coverage']:.1f} %.",
        *result.notes,
    ]
    for score, (low, high) in case.accuracy.items():
        kept = low <= scores[score] <= high
        word = verdict(kept, quick=bench.quick)
        notes.append(f"{word}: {score} {scores[score]:.4g}, promised {low:g} … {high:g}.")
    return Row(
        NAME, name, 1, Rates((result.rows["issued_at"].nunique() / took,), "days, with one fit"),
        facts={**result.to_dict(), **facts, "seconds": took}, notes=tuple(notes),
    )  # fmt: skip


# ------------------------------------------------------------------ Victoria


def _victoria(before_h: int) -> Callable[[Bench, str, str], tuple[Backtest, dict[str, Any]]]:
    def run_it(bench: Bench, first: str, last: str) -> tuple[Backtest, dict[str, Any]]:
        load, air, holidays = victoria(bench.data_folder)
        make = _maker(zone=MELBOURNE, holidays=holidays, before=pd.Timedelta(hours=before_h), seed=bench.seed)
        foreseen = Record.foreseen(air, pd.Timedelta(hours=before_h + 25))
        return backtest(make, Record.measured(load), first=first, last=last, weather=foreseen, say=bench.say), {}

    return run_it


# --------------------------------------------------------------------- Spain


def _spain(*, operator: bool) -> Callable[[Bench, str, str], tuple[Backtest, dict[str, Any]]]:
    def run_it(bench: Bench, first: str, last: str) -> tuple[Backtest, dict[str, Any]]:
        load, theirs = spain(bench.data_folder)
        make = _maker(zone=MADRID, holidays=spanish_holidays(range(2015, 2019)), seed=bench.seed)
        midnight = pd.DatetimeIndex(theirs.index).tz_convert(MADRID).normalize()
        published = midnight.tz_convert("UTC") - pd.Timedelta(hours=OPERATOR_BEFORE_H)
        outside = {"operator": Record.issued(theirs, published)} if operator else None
        result = backtest(make, Record.measured(load), first=first, last=last, outside=outside, say=bench.say)
        rows = result.rows
        said = theirs["spain"].reindex(rows["valid_at"]).to_numpy()
        off = (rows["actual"] - said).abs() / rows["actual"] * 100.0
        facts = {"operator_mape_pct": float(off.mean())}
        return result, facts | {"mape_over_operator": result.scores()["mape_pct"] / facts["operator_mape_pct"]}

    return run_it


def _maker(**settings: Any) -> Callable[[], DayAheadForecaster]:
    return lambda: DayAheadForecaster(**settings)


_COVERS = {"coverage": (0.78, 0.82)}
CASES: dict[str, Case] = {
    "victoria 2014, issued at midnight": Case(_victoria(0), 2014, {"mape_pct": (0.0, 2.3), **_COVERS}),
    "victoria 2014, issued at noon of the day before": Case(_victoria(12), 2014, {"mape_pct": (0.0, 2.3), **_COVERS}),
    "spain 2017, issued at noon of the day before, no weather": Case(
        _spain(operator=False), 2017, {"skill": (0.4, 1.0)}
    ),
    "spain 2017, with the operator's forecast as an expert": Case(
        _spain(operator=True), 2017, {"mape_over_operator": (0.0, 1.0)}
    ),
}
