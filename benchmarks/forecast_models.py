"""Further models of one load, day-ahead, beside persistence: SARIMAX, LSTM and Prophet on Victoria's 2014.

The protocol and the reference are those of `forecast.py`: issued at noon of the day before, temperature known, one fit
on 2012–2013. LSTM and Prophet need their extras; without them their rows say so. The last row gives the SARIMAX to the
day-ahead forecaster as one more expert. All were run as they were first written; nothing was tuned on 2014.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pandas as pd

from benchmarks.forecast_data import MELBOURNE, NAME, victoria
from benchmarks.harness import Bench
from benchmarks.result import Rates, Row
from gridloop.forecast import Backtest, DayAheadForecaster, Record, backtest

LAST, QUICK_LAST = "2014-12-31", "2014-01-05"
# --quick learns from the newest days only, and an LSTM of a tenth of the size.
QUICK_DAYS = 100
AHEAD = pd.Timedelta(hours=37)


def sarimax(bench: Bench, **settings: Any) -> Any:
    """One SARIMAX per half-hour of the day."""
    from gridloop.forecast.models.sarimax import SarimaxForecaster

    return SarimaxForecaster(**settings)


def lstm(bench: Bench, **settings: Any) -> Any:
    """The reference's layers; a small one in a hurry."""
    import torch

    from gridloop.forecast.models.lstm import LstmForecaster

    torch.set_num_threads(1)
    own: dict[str, Any] = {"layers": (16, 8), "epochs": 5} if bench.quick else {}
    return LstmForecaster(**settings, **own)


def prophet(bench: Bench, **settings: Any) -> Any:
    """Calendar and weather, no yesterday."""
    from gridloop.forecast.models.prophet import ProphetForecaster

    return ProphetForecaster(**settings)


MODELS: dict[str, tuple[Callable[..., Any], str]] = {
    "sarimax": (sarimax, "statsmodels"),
    "lstm": (lstm, "torch"),
    "prophet": (prophet, "prophet"),
}


def rows(bench: Bench) -> list[Row]:
    """One row per model that is installed, and one for the SARIMAX as an expert."""
    found = []
    said: pd.DataFrame | None = None
    for name, (make, package) in MODELS.items():
        case = f"victoria 2014, {name}"
        if not bench.asks_for(case):
            continue
        if find_spec(package) is None:
            found.append(Row(NAME, case, 1, Rates((float("nan"),), "days"), notes=(f"{case}: {package} is missing.",)))
            continue
        result, took = _tried(bench, name, make)
        found.append(_row(case, result, took, {}))
        if name == "sarimax":
            said = result.rows.pivot(index="valid_at", columns="point", values="p50")
    case = "victoria 2014, experts and sarimax"
    if said is not None and not bench.quick and bench.asks_for(case):
        result, took = _with_expert(bench, said)
        alone = float(
            (result.rows["actual"] - said["victoria"].reindex(result.rows["valid_at"]).to_numpy()).abs().mean()
        )
        found.append(_row(case, result, took, {"sarimax_mae_mw": alone}))
    return found


def _tried(bench: Bench, name: str, make: Callable[..., Any]) -> tuple[Backtest, float]:
    bench.say(name)
    load, air, holidays = victoria(bench.data_folder)
    if bench.quick:
        load = load[load.index >= pd.Timestamp("2014-01-01", tz=MELBOURNE) - pd.Timedelta(days=QUICK_DAYS)]
    began = time.perf_counter()
    result = backtest(
        lambda: make(bench, zone=MELBOURNE, holidays=holidays, seed=bench.seed),
        Record.measured(load), first="2014-01-01", last=QUICK_LAST if bench.quick else LAST,
        weather=Record.foreseen(air, AHEAD), say=bench.say,
    )  # fmt: skip
    return result, time.perf_counter() - began


def _with_expert(bench: Bench, said: pd.DataFrame) -> tuple[Backtest, float]:
    """The day-ahead forecaster with one more expert, which it meets on the first day of the year and not before."""
    bench.say("experts and sarimax")
    load, air, holidays = victoria(bench.data_folder)
    began = time.perf_counter()
    midnight = pd.DatetimeIndex(said.index).tz_convert(MELBOURNE).normalize().tz_convert("UTC")
    result = backtest(
        lambda: DayAheadForecaster(zone=MELBOURNE, holidays=holidays, seed=bench.seed),
        Record.measured(load), first="2014-01-01", last=LAST, weather=Record.foreseen(air, AHEAD),
        outside={"sarimax": Record.issued(said, midnight - pd.Timedelta(hours=12))}, say=bench.say,
    )  # fmt: skip
    return result, time.perf_counter() - began


def _row(case: str, result: Backtest, took: float, facts: dict[str, float]) -> Row:
    scores = result.scores()
    better = "Not promised" if "prophet" in case else "Kept" if scores["skill"] > 0.0 else "MISSED"
    notes = (
        f"{case}: MAPE {scores['mape_pct']:.3f} %, weekly persistence {scores['week_mape_pct']:.2f} %, P10–P90 covers "
        f"{100.0 * scores['coverage']:.1f} %, {took:.0f} s with its fit.",
        f"{better}: skill {scores['skill']:.3g}, above 0 is better than persistence.",
        *result.notes,
    )
    days = result.rows["issued_at"].nunique()
    return Row(
        NAME, case, 1, Rates((days / took,), "days, with one fit"),
        facts={**result.to_dict(), **facts, "seconds": took}, notes=notes,
    )  # fmt: skip
