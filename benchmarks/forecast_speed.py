"""How long forecasts take, and a week ahead: three years of hours trained, one day asked, ten thousand meters at once.

Times are of the process, on one core; they are facts and not judged by tests. The meters are 22 real ones (5 of
Australia with their gaps, 17 homes of Fontana), and ten thousand made from them: a real one drawn, moved by whole
weeks, scaled and multiplied by noise. Skill is stated on the real ones only.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.forecast_data import MELBOURNE, NAME, read, verdict, victoria
from benchmarks.harness import Bench
from benchmarks.result import Rates, Row
from gridloop.forecast import DayAheadForecaster, Record, backtest
from gridloop.forecast.bands.persistence_band import PersistenceBand
from gridloop.forecast.known.moments import Moments
from gridloop.forecast.known.past import known_past, slots_of
from gridloop.forecast.meters import MeterForecaster
from gridloop.forecast.models import persistence
from gridloop.forecast.tested import metrics
from gridloop.forecast.value import QUANTILES
from gridloop.forecast.week_ahead import WeekAheadForecaster

TRAIN, ASK, METERS, WEEK = (
    "speed: three years of hours trained",
    "speed: one day of hours asked",
    "speed: next day of 10,000 meters",
    "victoria 2014, hourly, a week ahead, temperature known",
)
TRAIN_S, ASK_MS, METERS_S = 60.0, 20.0, 60.0
MANY, QUICK_MANY = 10_000, 1000
METER_DAYS = 40
HOMES = 17
# Rows that the model of all meters learns from.
ROWS, QUICK_ROWS = 60_000, 15_000
WEEK_TREES = 100
ZONE_OF_METERS = "Etc/GMT-10"


def rows(bench: Bench) -> list[Row]:
    """One row per speed, and one for the week ahead."""
    made: list[Row] = []
    if bench.asks_for(TRAIN) or bench.asks_for(ASK):
        made += _one_load(bench)
    if bench.asks_for(METERS):
        made.append(_meters(bench))
    if bench.asks_for(WEEK) and not bench.quick:
        made.append(_week(bench))
    return made


# ------------------------------------------------------------------ one load


def _hourly(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame, list]:
    load, air, holidays = victoria(folder)
    return load.resample("1h").mean(), air.resample("1h").mean(), holidays


def _one_load(bench: Bench) -> list[Row]:
    bench.say(TRAIN)
    load, air, holidays = _hourly(bench.data_folder)
    until = pd.Timestamp("2014-12-01", tz=MELBOURNE).tz_convert("UTC")
    trees = 100 if bench.quick else 400
    began = time.process_time()
    forecaster = DayAheadForecaster(zone=MELBOURNE, holidays=holidays, trees=trees, seed=bench.seed)
    forecaster.fit(load, until=until, weather=air)
    fit_s = time.process_time() - began
    bench.say(ASK)
    took = []
    for k in range(1, 28):
        midnight = pd.Timestamp("2014-12-01", tz=MELBOURNE) + pd.DateOffset(days=k)
        valid = pd.date_range(midnight, midnight + pd.DateOffset(days=1), freq="h", inclusive="left").tz_convert("UTC")
        issue = valid[0] - pd.Timedelta(hours=12)
        near = [t[t.index > issue - pd.Timedelta(days=70)] for t in (load, air)]
        began = time.process_time()
        forecaster.predict(near[0], issue, valid, weather=near[1])
        took.append(1000.0 * (time.process_time() - began))
    ask_ms = float(np.median(took))
    word, asked = (verdict(kept, quick=bench.quick, part="quick") for kept in (fit_s <= TRAIN_S, ask_ms <= ASK_MS))
    return [
        Row(NAME, TRAIN, 1, Rates((1.0 / fit_s,), "fits"), facts={"seconds": fit_s, "hours": len(load)},
            notes=(f"{word}: {fit_s:.1f} s of one core for {len(load)} hours of load and temperature, {trees} trees, "
                   f"promised ≤ {TRAIN_S:g} s on two.",)),
        Row(NAME, ASK, 1, Rates((1000.0 / ask_ms,), "days"), facts={"median_ms": ask_ms, "worst_ms": max(took)},
            notes=(f"{asked}: 24 hours in {ask_ms:.1f} ms (median of {len(took)} days, "
                   f"worst {max(took):.1f} ms), learning from the day before included, promised ≤ {ASK_MS:g} ms.",)),
    ]  # fmt: skip


def _week(bench: Bench) -> Row:
    """All of 2014, hourly, issued every noon for the next seven days; eight fits of a quarter of the usual trees."""
    bench.say(WEEK)
    load, air, holidays = _hourly(bench.data_folder)
    began = time.process_time()
    result = backtest(
        lambda: WeekAheadForecaster(zone=MELBOURNE, holidays=holidays, trees=WEEK_TREES, seed=bench.seed),
        Record.measured(load), first="2014-01-01", last="2014-12-24", weather=Record.foreseen(air, "10D"), days_ahead=7,
        say=bench.say,
    )  # fmt: skip
    took = time.process_time() - began
    table = result.table("day_ahead")
    shown = ["mape_pct", "week_mape_pct", "skill", "pinball_skill", "coverage"]
    words = ", ".join(f"D+{day}: {row.mape_pct:.2f} % ({row.week_mape_pct:.2f} %)" for day, row in table.iterrows())
    return Row(
        NAME, WEEK, 1, Rates((result.rows["issued_at"].nunique() / took,), "weeks, with one fit"),
        facts={"scores": result.scores(), "by_day_ahead": table[shown].to_dict(orient="index"), "seconds": took},
        notes=(f"MAPE, weekly persistence in brackets: {words}.", *result.notes),
    )  # fmt: skip


# -------------------------------------------------------------------- meters


def real_meters(folder: Path) -> pd.DataFrame:
    """Hourly kWh of 22 meters on one clock: weekdays stand where they were, years do not."""
    paths = {
        "australia": folder / "meters" / "australia" / "half_hourly_5_customers.csv",
        "fontana": folder / "homes" / "fontana",
    }
    table = read(paths["australia"])
    table["reading_datetime"] = pd.to_datetime(table["reading_datetime"])
    wide = table.drop_duplicates(["customer_id", "reading_datetime"]).pivot(
        index="reading_datetime", columns="customer_id", values="general_supply_kwh"
    )
    # an hour counts where both its halves are known
    hourly = wide.resample("1h").sum(min_count=2).add_prefix("australia ")
    clock = pd.date_range("2013-01-07", periods=24 * 364, freq="h")
    columns = {name: hourly[name].reindex(clock).to_numpy() for name in hourly.columns}
    for number in range(1, 1 + HOMES):
        path = paths["fontana"] / f"Building_{number}.csv"
        home = read(path)["Equipment Electric Power [kWh]"].to_numpy(dtype=float)
        # the first row is hour 24 of a Sunday, 31 July 2016; the clock begins on a Monday
        columns[f"fontana {number}"] = home[1 : 1 + len(clock)]
    return pd.DataFrame(columns, index=clock.tz_localize(ZONE_OF_METERS).tz_convert("UTC").rename("valid_at"))


def many_meters(real: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    """Meters made of real ones: `METER_DAYS` days of one of them, from a Monday, scaled and multiplied by noise."""
    rng = np.random.default_rng(seed)
    length = 24 * METER_DAYS
    values = real.to_numpy()
    weeks = (len(values) - length) // 168
    which, week = rng.integers(values.shape[1], size=count), rng.integers(weeks, size=count)
    row = 168 * week[None, :] + np.arange(length)[:, None]
    made = values[row, which[None, :]] * np.exp(0.5 * rng.standard_normal(count))
    made *= np.exp(0.2 * rng.standard_normal(made.shape))
    # a piece of a meter that was out of work for all its last weeks is no meter
    dead = ~np.isfinite(made[-24 * 28 :]).any(axis=0)
    made[:, dead] = made[:, [int(np.flatnonzero(~dead)[0])]]
    return pd.DataFrame(made, index=real.index[:length], columns=[f"m{k:05d}" for k in range(count)])


def meter_skill(real: pd.DataFrame, *, days: int, rows: int, seed: int) -> dict[str, float]:
    """Rolling day-ahead over the newest `days` days, issued at noon; one fit before them."""
    zone, step = ZONE_OF_METERS, pd.Timedelta("1h")
    midnights = pd.date_range(
        real.index[-1].tz_convert(zone).normalize() - pd.Timedelta(days=days - 1), periods=days, freq="D"
    )
    first = midnights[0].tz_convert("UTC") - pd.Timedelta(hours=12)
    forecaster = MeterForecaster(zone=zone, rows=rows, seed=seed).fit(real, until=first)
    past = known_past(real, tuple(real.columns), real.index[-1] + step, step=step)
    band = PersistenceBand(past, zone)
    made: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for midnight in midnights:
        issue = midnight.tz_convert("UTC") - pd.Timedelta(hours=12)
        valid = pd.date_range(midnight.tz_convert("UTC"), periods=24, freq="h")
        recent = real[(real.index < issue) & (real.index >= issue - pd.Timedelta(days=32))]
        seen = recent.columns[recent.notna().any().to_numpy()]
        said = forecaster.predict(recent[seen], issue, valid)
        ours = np.full((3, 24, real.shape[1]), np.nan)
        ours[:, :, real.columns.get_indexer(pd.Index(said.points))] = said.arrays()
        slots = slots_of(valid, past.step_ns)
        moments = Moments(np.full(24, issue.value // past.step_ns), slots)
        last = persistence.week(past, moments, zone)
        low, high = band.around(moments, last)
        theirs = np.stack([low, last, high])
        came = np.where(np.isfinite(ours[1]) & np.isfinite(last), real.reindex(valid).to_numpy(), np.nan)
        made.append((ours, theirs, came))
    ours, theirs = (np.concatenate([m[k] for m in made], axis=1) for k in (0, 1))
    came = np.concatenate([m[2] for m in made])

    def loss(said: np.ndarray) -> float:
        return float(np.mean([metrics.pinball(came, said[k], level) for k, level in enumerate(QUANTILES.values())]))

    return {
        "pinball_skill": 1.0 - loss(ours) / loss(theirs),
        "pinball_skill_over_the_bare_week": 1.0 - loss(ours) / loss(np.stack([theirs[1]] * 3)),
        "mae_skill": 1.0 - float(np.nanmean(np.abs(ours[1] - came)) / np.nanmean(np.abs(theirs[1] - came))),
        "coverage": metrics.coverage(came, ours[0], ours[2]),
    }


def _meters(bench: Bench) -> Row:
    bench.say(METERS)
    real = real_meters(bench.data_folder)
    learned = QUICK_ROWS if bench.quick else ROWS
    skill = meter_skill(real, days=7 if bench.quick else 60, rows=learned, seed=bench.seed)
    many = many_meters(real, QUICK_MANY if bench.quick else MANY, bench.seed)
    issue = many.index[-1] + pd.Timedelta(hours=1)
    valid = pd.date_range(issue, periods=24, freq="h")
    began = time.process_time()
    forecaster = MeterForecaster(zone=ZONE_OF_METERS, rows=learned, seed=bench.seed).fit(many, until=issue)
    fit_s = time.process_time() - began
    began = time.process_time()
    said = forecaster.predict(many, issue, valid)
    ask_s = time.process_time() - began
    whole = fit_s + ask_s
    word = verdict(whole <= METERS_S, quick=bench.quick, part="quick")
    models = said.model.value_counts().to_dict()
    return Row(
        NAME, METERS, 1, Rates((many.shape[1] / whole,), "meters, trained and asked"),
        facts={"fit_s": fit_s, "ask_s": ask_s, "meters": many.shape[1], "models": models, "real": skill},
        notes=(
            f"{word}: {many.shape[1]} meters in {whole:.1f} s of one core "
            f"({fit_s:.1f} s to train on {forecaster.meters} of them, {ask_s:.1f} s to ask all), "
            f"promised ≤ {METERS_S:g} s on two.",
            "These meters are made of 22 real ones with noise. On the real ones: pinball "
            f"{100 * skill['pinball_skill']:.1f} % below weekly persistence with the band of its past errors, MAE "
            f"{100 * skill['mae_skill']:.1f} % below, P10–P90 covers {100 * skill['coverage']:.1f} %.",
        ),
    )  # fmt: skip
