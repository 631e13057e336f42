"""Forecasts of recorded sun: GEFCom2014 with weather forecasts, and the Spanish operator's sun and wind as an expert.

GEFCom2014, zones 1 and 2, the last four months: issued each day at 00:00 UTC, when the day's weather run is dated, for
the next 24 hours; fitted anew at the beginning of each month. The score is the contest's: the mean pinball loss of the
99 percentiles over all hours, nights too, as a share of capacity. Climatology, the reference, is the percentiles of the
same hour of day within 30 days of the same day of the year, in all the data before the month.

Spain, 2017: the operator's day-ahead forecast is the first expert, a version with its habits mended the second; issued
at noon of the day before, fitted anew every 56 days. nMAE is the mean absolute error over the highest hour of 2017: by
this norm the operator has the 1.81 % and 0.64 % that are to be matched.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.forecast_data import MADRID, NAME, OPERATOR_BEFORE_H, read, spain_table, verdict
from benchmarks.harness import Bench
from benchmarks.result import Rates, Row
from gridloop.forecast import Forecast, Record, SolarForecaster, backtest
from gridloop.forecast.corrected import CorrectedForecaster
from gridloop.forecast.known.weather_runs import means_of_sums
from gridloop.forecast.tested.metrics import coverage, nmae_pct, pinball_of, skill

LEVELS = np.arange(1, 100) / 100.0
MONTHS = ("2014-02-01", "2014-03-01", "2014-04-01", "2014-05-01")
ZONES = ("zone 1", "zone 2")
# The plants stand near Canberra; the contest's description says where. Tilt and azimuth are fitted.
LATITUDE, LONGITUDE = -35.4, 149.1
SEASON_DAYS = 30
PROBES = 2
# --quick: one week, shorter history and fewer trees; nothing is judged.
QUICK_DAYS, QUICK_HISTORY_DAYS, QUICK_TREES = 7, 240, 60

WEATHER = {
    "VAR78": "cloud_water", "VAR79": "cloud_ice", "VAR134": "pressure", "VAR157": "humidity", "VAR164": "cloud_cover",
    "VAR165": "wind_east", "VAR166": "wind_north", "VAR167": "temperature", "VAR169": "ghi", "VAR175": "thermal",
    "VAR178": "top_net", "VAR228": "rain",
}  # fmt: skip
PROMISED_PINBALL = 0.0130


def rows(bench: Bench) -> list[Row]:
    """One row per case that is asked for."""
    return [run(bench, name) for name, run in CASES.items() if bench.asks_for(name)]


# ------------------------------------------------------------------- GEFCom


def gefcom(folder: Path) -> tuple[pd.DataFrame, Record]:
    """Power of the zones as shares of capacity, and their weather forecasts; stamps moved to the start of the hour.

    Radiation and rain add up over the run's day; they become means of each hour.
    """
    table = read(folder / "solar" / "gefcom2014" / "zones_1_2.csv.gz")
    power, weather = {}, {}
    for zone, rows_of in table.groupby("ZONEID"):
        start = pd.DatetimeIndex(pd.to_datetime(rows_of["TIMESTAMP"], utc=True)) - pd.Timedelta("1h")
        own = rows_of.set_index(start.rename("valid_at")).sort_index()
        run = pd.DatetimeIndex(own.index).normalize()
        seen = own[list(WEATHER)].rename(columns=WEATHER)
        seen = means_of_sums(seen, run, ["ghi", "thermal", "top_net"], unit_s=3600.0)
        seen = means_of_sums(seen, run, ["rain"], unit_s=1.0)
        seen["temperature"] -= 273.15
        seen["wind_speed"] = np.hypot(seen["wind_east"], seen["wind_north"])
        power[f"zone {zone}"], weather[f"zone {zone}"] = own["POWER"], seen
    shares = pd.DataFrame(power)
    return shares, Record.issued(pd.concat(weather, axis=1), pd.DatetimeIndex(shares.index).normalize())


def climatology(power: pd.DataFrame, until: pd.Timestamp, valid_at: pd.DatetimeIndex) -> np.ndarray:
    """Percentiles by hour of day and season, from what was over at `until`. [level, time, zone]"""
    known = power[power.index < until]
    stamps = pd.DatetimeIndex(known.index)
    values = known.to_numpy()
    answer = np.empty((len(LEVELS), len(valid_at), values.shape[1]))
    for k, at in enumerate(valid_at):
        apart = np.abs((stamps.dayofyear.to_numpy() - at.dayofyear + 182) % 365 - 182)
        answer[:, k] = np.quantile(values[(stamps.hour == at.hour) & (apart <= SEASON_DAYS)], LEVELS, axis=0)
    return answer


@dataclass
class _Month:
    quantiles: np.ndarray  # [level, time, zone]
    reference: np.ndarray
    came: np.ndarray  # [time, zone]
    facts: dict[str, Any]


def _month(bench: Bench, power: pd.DataFrame, weather: Record, first: pd.Timestamp, days: int) -> _Month:
    history = power if not bench.quick else power[power.index >= first - pd.Timedelta(days=QUICK_HISTORY_DAYS)]
    forecaster = SolarForecaster(
        LATITUDE, LONGITUDE, dict.fromkeys(ZONES, 1.0), levels=LEVELS.tolist(), seed=bench.seed, threads=1,
        trees=QUICK_TREES if bench.quick else 200,
    )  # fmt: skip
    bench.say(f"fit until {first:%Y-%m-%d}")
    began = time.perf_counter()
    forecaster.fit(history, until=first, weather=weather)
    facts: dict[str, Any] = {"fit_s": time.perf_counter() - began}
    made: list[Forecast] = []
    for k, issue in enumerate(pd.date_range(first, periods=days, freq="D")):
        ahead = pd.date_range(issue, periods=24, freq="h")
        valid_at = ahead[ahead <= power.index[-1]]
        forecast = forecaster.predict(history, issue, valid_at, weather=weather)
        if k < PROBES:
            _refuse_a_leak(forecaster, forecast, history, weather)
        made.append(forecast)
        if k % 10 == 0:
            bench.say(f"day {k + 1} of {days} from {first:%Y-%m-%d}")
    facts["predict_s"] = (time.perf_counter() - began - facts["fit_s"]) / days
    model = forecaster.by_weather
    assert model is not None
    facts["planes"] = {p: (plant.tilt_deg, plant.azimuth_deg) for p, plant in model.plants.items()}
    facts["masked"] = len(model.masked)
    facts["issues"] = len(made)
    valid_at = made[0].valid_at.append([f.valid_at for f in made[1:]])
    return _Month(
        np.concatenate([f.every() for f in made], axis=1),
        climatology(power, first, valid_at),
        power.reindex(valid_at).to_numpy(),
        facts,
    )


def _refuse_a_leak(forecaster: SolarForecaster, honest: Forecast, history: pd.DataFrame, weather: Record) -> None:
    """Ask again with all power and weather of later times present and turned to nonsense."""
    at = honest.issued_at
    later = np.asarray(history.index + pd.Timedelta("1h") > at)
    spoilt = history.copy()
    spoilt.loc[later] = 1.0 - spoilt.loc[later]
    wrong = Record.issued(weather.spoilt(at), weather.known_at)
    again = forecaster.predict(spoilt, at, honest.valid_at, weather=wrong)
    if not np.array_equal(again.every(), honest.every()):
        raise AssertionError(f"the forecast issued at {at} changes with what was not known then")


def _gefcom(bench: Bench, name: str) -> Row:
    power, weather = gefcom(bench.data_folder)
    began = time.perf_counter()
    firsts = [pd.Timestamp(day, tz="UTC") for day in (MONTHS[:1] if bench.quick else MONTHS)]
    parts = [
        _month(bench, power, weather, first, QUICK_DAYS if bench.quick else first.days_in_month) for first in firsts
    ]
    took = time.perf_counter() - began
    quantiles = np.concatenate([p.quantiles for p in parts], axis=1)
    reference = np.concatenate([p.reference for p in parts], axis=1)
    came = np.concatenate([p.came for p in parts])
    loss, usual = pinball_of(came, quantiles, LEVELS), pinball_of(came, reference, LEVELS)
    awake = np.where((quantiles[-1] > 0.0) | (came > 0.0), came, np.nan)
    months = {f"{f:%Y-%m}": pinball_of(p.came, p.quantiles, LEVELS) for f, p in zip(firsts, parts, strict=True)}
    facts = {
        "pinball": loss,
        "pinball_climatology": usual,
        "skill_over_climatology": skill(loss, usual),
        "pinball_by_month": months,
        "pinball_by_zone": {z: pinball_of(came[:, k], quantiles[:, :, k], LEVELS) for k, z in enumerate(ZONES)},
        "coverage_p10_p90": coverage(awake, quantiles[9], quantiles[89]),
        "climatology_coverage_p10_p90": coverage(awake, reference[9], reference[89]),
        "nmae_pct": nmae_pct(came, quantiles[49], np.ones(len(ZONES))),
        "fits": [p.facts for p in parts],
        "issues": sum(p.facts.pop("issues") for p in parts),
        "seconds": took,
    }  # fmt: skip
    notes = [
        f"{name}: mean pinball of 99 percentiles {loss:.5f} of capacity, climatology {usual:.5f}, skill "
        f"{100.0 * facts['skill_over_climatology']:.1f} %; P10–P90 covers {100.0 * facts['coverage_p10_p90']:.1f} % "
        "of the hours with light. Fitted anew each month; weather forecasts as published.",
        "The contest takes the run dated 00:00 as known at 00:00; in operation it is out hours later.",
        _judged(bench, "pinball", loss, 0.0, PROMISED_PINBALL),
    ]
    return Row(
        NAME, name, 1, Rates((facts["issues"] / took,), "days, with one fit a month"), facts=facts, notes=tuple(notes)
    )


# -------------------------------------------------------------------- Spain


def spanish(folder: Path, column: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Hourly output of 2015–2017 by a column of the file, and the operator's forecast of it. [MW]"""
    table = spain_table(folder)
    theirs = f"forecast {column} day ahead"
    return table[[f"generation {column}"]].set_axis(["spain"], axis=1), table[[theirs]].set_axis(["spain"], axis=1)


def _spain(column: str, other: str) -> Callable[[Bench, str], Row]:
    def run(bench: Bench, name: str) -> Row:
        came, theirs = spanish(bench.data_folder, column)
        _, aside = spanish(bench.data_folder, other)
        midnight = pd.DatetimeIndex(theirs.index).tz_convert(MADRID).normalize()
        published = midnight.tz_convert("UTC") - pd.Timedelta(hours=OPERATOR_BEFORE_H)
        outside = {"operator": Record.issued(theirs, published), "aside": Record.issued(aside, published)}
        began = time.perf_counter()
        result = backtest(
            lambda: CorrectedForecaster(zone=MADRID, trees=QUICK_TREES if bench.quick else 300, seed=bench.seed),
            Record.measured(came), first="2017-01-01", last="2017-01-14" if bench.quick else "2017-12-31",
            outside=outside, retrain_days=56, say=bench.say,
        )  # fmt: skip
        took = time.perf_counter() - began
        table = result.rows
        norm = np.array([float(came.loc["2017", "spain"].max())])
        said = theirs["spain"].reindex(table["valid_at"]).to_numpy()
        y = table["actual"].to_numpy()

        def off(forecast: np.ndarray) -> float:
            return nmae_pct(y[:, None], forecast[:, None], norm)

        facts: dict[str, Any] = {
            "nmae_pct": off(table["p50"].to_numpy()),
            "operator_nmae_pct": off(said),
            "day_persistence_nmae_pct": off(table["day"].to_numpy()),
            "coverage_p10_p90": coverage(y, table["p10"].to_numpy(), table["p90"].to_numpy()),
            "norm_mw": float(norm[0]),
            "seconds": took,
        }
        facts["nmae_over_operator"] = facts["nmae_pct"] / facts["operator_nmae_pct"]
        notes = (
            f"{name}: nMAE {facts['nmae_pct']:.3f} % of the highest hour of 2017 ({norm[0]:,.0f} MW), the operator "
            f"{facts['operator_nmae_pct']:.3f} %, yesterday {facts['day_persistence_nmae_pct']:.2f} %; P10–P90 covers "
            f"{100.0 * facts['coverage_p10_p90']:.1f} %.",
            _judged(bench, "nmae_over_operator", facts["nmae_over_operator"], 0.0, 1.0),
        )
        days = table["issued_at"].nunique()
        return Row(NAME, name, 1, Rates((days / took,), "days, fitted every 56"), facts=facts, notes=notes)

    return run


def _judged(bench: Bench, score: str, value: float, low: float, high: float) -> str:
    word = verdict(low <= value <= high, quick=bench.quick, part="the period is not whole")
    return f"{word}: {score} {value:.4g}, promised {low:g} … {high:g}."


CASES: dict[str, Callable[[Bench, str], Row]] = {
    "gefcom2014 solar, zones 1–2, last four months, 24 h ahead": _gefcom,
    "spain 2017 solar, with the operator's forecast as an expert": _spain("solar", "wind onshore"),
    "spain 2017 wind, with the operator's forecast as an expert": _spain("wind onshore", "solar"),
}
