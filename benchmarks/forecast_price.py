"""Forecasts of day-ahead prices of the Netherlands and of Spain, beside the prices of a week before.

One fit on the years before, then each local day issued at 10:00 of the day before, two hours before the auction
closes, from published prices alone: no forecasts of load, sun and wind, no fuel. Settings were chosen on 2018; 2019
is the test. Spain's prices of 2017 are forecast with the operator's forecasts of load, sun and wind as drivers; no
promise is made about them.
"""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.forecast_data import NAME, read, spain_table, spanish_holidays, verdict
from benchmarks.harness import Bench
from benchmarks.result import Rates, Row
from gridloop.forecast import Backtest, Record, backtest
from gridloop.forecast.price import PUBLISHED, PriceForecaster
from gridloop.forecast.tested.metrics import skill

CASE = "nl prices 2019, issued at 10:00 of the day before"
DRIVEN = "spain prices 2017, with forecasts of load, sun and wind"
AMSTERDAM, MADRID = "Europe/Amsterdam", "Europe/Madrid"
BEFORE = pd.Timedelta("14h")
LEAST_SKILL = 0.25
QUICK_DAYS = 14


def rows(bench: Bench) -> list[Row]:
    """The cases that are asked for; a quick run has the Netherlands alone."""
    found = [_row(bench, CASE, 2019)] if bench.asks_for(CASE) else []
    return found + ([_row(bench, DRIVEN, 2017)] if bench.asks_for(DRIVEN) and not bench.quick else [])


def _row(bench: Bench, case: str, year: int) -> Row:
    bench.say(case)
    began = time.perf_counter()
    last = str((pd.Timestamp(f"{year}-01-01") + pd.Timedelta(days=QUICK_DAYS - 1)).date())
    run = tested if case == CASE else driven
    result = run(bench, f"{year}-01-01", last if bench.quick else f"{year}-12-31")
    took = time.perf_counter() - began
    facts = scores(result)
    word = verdict(facts["skill"] >= LEAST_SKILL, quick=bench.quick)
    promise = f"{word}: skill over the week before {facts['skill']:.3f}, promised {LEAST_SKILL:g} … 1."
    if case != CASE:
        promise = f"skill over the week before {facts['skill']:.3f}; no promise is made."
    notes = (
        f"{case}: MAE {facts['mae_eur_per_mwh']:.2f} €/MWh, a week before {facts['week_mae_eur_per_mwh']:.2f}, a day "
        f"before {facts['day_mae_eur_per_mwh']:.2f}, the day before or, on Mondays and weekends, the week before "
        f"{facts['similar_mae_eur_per_mwh']:.2f}; P10–P90 covers {100.0 * facts['coverage']:.1f} %.",
        promise,
        *result.notes,
    )
    return Row(
        NAME, case, 1, Rates((result.rows["issued_at"].nunique() / took,), "days, LEAR learned anew every day"),
        facts=facts | {"by_month": by(result, "month"), "by_hour": by(result, "hour"), "seconds": took}, notes=notes,
    )  # fmt: skip


def netherlands(folder: Path) -> pd.DataFrame:
    """Hourly day-ahead prices of 2015 … 2024. [€/MWh]

    The file is two tables, one below the other: until September 2023 with dates as 2015-01-01 00:00:00, then from the
    end of 2022 with 31/12/2022 23:00, day first. Where they overlap they agree; each is read by its own format.
    """
    table = read(folder / "prices" / "Netherlands_day-ahead-2015-2024.csv").dropna()
    stamps = table["Datetime (UTC)"]
    slashed = stamps.str.contains("/")
    times = pd.concat(
        [
            pd.to_datetime(stamps[~slashed], format="%Y-%m-%d %H:%M:%S", utc=True),
            pd.to_datetime(stamps[slashed], format="%d/%m/%Y %H:%M", utc=True),
        ]
    )
    prices = pd.DataFrame(
        {"NL/energy_eur_per_mwh": table["Price (EUR/MWhe)"].to_numpy()}, index=pd.DatetimeIndex(times)
    )
    return prices[~prices.index.duplicated()].sort_index().rename_axis("valid_at")


def dutch_holidays(years: range) -> list[dt.date]:
    """Days off in the Netherlands: New Year, Easter, King's Day, Ascension, Whit Monday, Christmas."""
    from dateutil.easter import easter

    fixed = ((1, 1), (4, 27), (12, 25), (12, 26))
    moving = (-2, 1, 39, 50)
    return [dt.date(year, *day) for year in years for day in fixed] + [
        easter(year) + dt.timedelta(days=days) for year in years for days in moving
    ]


def tested(bench: Bench, first: str, last: str, *, since: str = "2015") -> Backtest:
    """The Netherlands, from prices alone."""
    prices = netherlands(bench.data_folder)[since:]

    def make() -> PriceForecaster:
        holidays = dutch_holidays(range(2015, 2026))
        return PriceForecaster(zone=AMSTERDAM, holidays=holidays, before=BEFORE, seed=bench.seed)

    return backtest(make, _published(prices, AMSTERDAM), first=first, last=last, say=bench.say)


def driven(bench: Bench, first: str, last: str) -> Backtest:
    """Spain, with the operator's forecasts taken as out at the issue; a gap of theirs keeps the value before it."""
    table = spain_table(bench.data_folder)
    price = table[["price day ahead"]].set_axis(["ES/energy_eur_per_mwh"], axis=1).asfreq("h")
    columns = ["total load forecast", "forecast solar day ahead", "forecast wind onshore day ahead"]
    drivers = table[columns].reindex(price.index).ffill()

    def make() -> PriceForecaster:
        holidays = spanish_holidays(range(2015, 2019))
        return PriceForecaster(zone=MADRID, holidays=holidays, before=BEFORE, windows=(84, 364, 728), seed=bench.seed)

    known = Record.issued(drivers, _midnight(price, MADRID) - BEFORE)
    return backtest(make, _published(price, MADRID), first=first, last=last, weather=known, say=bench.say)


def _published(prices: pd.DataFrame, zone: str) -> Record:
    return Record.issued(prices, _midnight(prices, zone) - PUBLISHED)


def _midnight(table: pd.DataFrame, zone: str) -> pd.DatetimeIndex:
    """Begins of the local days of rows. [row] UTC"""
    return pd.DatetimeIndex(table.index).tz_convert(zone).normalize().tz_convert("UTC")


def scores(result: Backtest) -> dict[str, float]:
    """Mean absolute errors [€/MWh] of ours and of what anyone could have said, all known at the issue."""
    table = result.rows
    price = table.set_index("valid_at")["actual"]
    local = pd.DatetimeIndex(table["valid_at"]).tz_convert(result.zone)
    mae = {
        "mae_eur_per_mwh": table["p50"] - table["actual"],
        "week_mae_eur_per_mwh": table["week"] - table["actual"],
    }
    # the day before is published as a whole, unlike a load of which half the day is still to come
    clock = (local.tz_localize(None) - pd.Timedelta(days=1)).tz_localize(
        result.zone, ambiguous=np.ones(len(local), dtype=bool), nonexistent="shift_forward"
    )
    day = price.reindex(clock.tz_convert("UTC")).to_numpy()
    similar = np.where(np.isin(local.weekday, (0, 5, 6)), table["week"], day)
    mae |= {
        "day_mae_eur_per_mwh": pd.Series(day - table["actual"].to_numpy()),
        "similar_mae_eur_per_mwh": pd.Series(similar - table["actual"].to_numpy()),
    }
    found = {name: float(np.nanmean(np.abs(error))) for name, error in mae.items()}
    inside = (table["actual"] >= table["p10"]) & (table["actual"] <= table["p90"])
    week = found["week_mae_eur_per_mwh"]
    return found | {"skill": skill(found["mae_eur_per_mwh"], week), "coverage": float(inside.mean())}


def by(result: Backtest, what: str) -> dict[str, float]:
    """MAE [€/MWh] by local month or hour."""
    table = result.table(what)["mae_mw"]
    return {str(k): float(v) for k, v in table.items()}
