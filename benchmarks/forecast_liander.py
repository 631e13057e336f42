"""Net load of Dutch substations, day-ahead, beside weekly persistence with the band of its own past errors.

Eight substations of Liander, quarter-hours over three to four months; net load is what the substation draws from the
grid, so that sun and wind behind it turn it negative. Every row is a rolling backtest of the newest `TEST_DAYS` days,
fitted again every week. What is promised is the pinball loss.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.forecast_data import NAME, read, verdict
from benchmarks.harness import Bench
from benchmarks.result import Rates, Row
from gridloop.forecast import Backtest, DayAheadForecaster, Record, backtest
from gridloop.forecast.derived.hierarchy import Hierarchy, Reconciler
from gridloop.forecast.plants.disaggregation import disaggregate

AMSTERDAM = "Europe/Amsterdam"
TEST_DAYS, QUICK_DAYS = 40, 5
REFIT_DAYS = 7
DAYS_AND_FITS = f"days, with a fit every {REFIT_DAYS}"
PROMISED = 0.25
# Weather is taken as known so long before: the sets hold one forecast per quarter-hour and not when it was issued.
WEATHER_AHEAD = "37h"
PRICED = ("pid_287", "pid_307")
METERED = ("HAL", "HFDP", "LLS", "MNZL", "NRYN", "WHF")
# Written with the other sign: its net load is positive only while the sun shines.
REVERSED = ("HFDP",)
# What its file calls sun gives power at night and follows the wind.
WIND_CALLED_SUN = ("MNZL",)
SYSTEM = "liander, six substations and their sum, reconciled"
# Days of errors that the reconciling learns from before it is judged on the rest.
LEARNED_DAYS = 20
NAMES = {
    "temp": "temperature", "windspeed_100m": "wind_speed", "radiation": "radiation", "clouds": "clouds",
    "pressure": "pressure", "humidity": "humidity", "winddeg": "wind_direction", "mxlD": "mixing_layer",
}  # fmt: skip


@dataclass(frozen=True)
class Substation:
    """Net load [MW] and weather on one clock; sun and wind as metered behind it, in MW of generation, where they are.

    filled  quarter-hours of weather that were gaps
    """

    load: pd.DataFrame
    weather: pd.DataFrame
    metered: pd.DataFrame | None
    filled: int


def substation(folder: Path, name: str) -> Substation:
    """One of the eight. Gaps of the weather are filled from neighbours up to three hours away, then from yesterday."""
    file = f"get_model_input_{name}.csv" if name in PRICED else f"{name}.csv"
    table = read(folder / "load" / "liander" / file)
    stamps = table["index" if name in PRICED else "datetime"]
    table.index = pd.DatetimeIndex(pd.to_datetime(stamps, utc=True), name="valid_at")
    table = table.sort_index()
    column, metered = "load", None
    if name in METERED:
        column = "total_substation"
        metered = -table[["total_solar_part", "total_wind_part"]].set_axis(["solar", "wind"], axis=1)
        if name in WIND_CALLED_SUN:
            metered = metered.set_axis(["wind", "solar"], axis=1)
        if name in REVERSED:
            table[column] *= -1.0
    air = table[[c for c in NAMES if c in table.columns]].rename(columns=NAMES)
    # radiation comes as J/m² of an hour
    air["radiation"] = air["radiation"].clip(lower=0.0) / 3600.0
    full = air.interpolate(limit=12, limit_area="inside")
    for days in (1, 2, 3, 4, -1, -2, -3, -4):
        full = full.fillna(air.shift(days, freq="D").reindex(air.index))
    return Substation(
        table[[column]].set_axis([name], axis=1).dropna(), full.dropna(), metered, int(air.isna().any(axis=1).sum())
    )


def rolling(
    station: Substation, *, days: int, before: int = 0, seed: int = 0, say: Callable[[str], None] = lambda text: None
) -> Backtest:
    """Backtest of the newest whole `days` local days that weather covers, `before` days earlier."""
    last = pd.DatetimeIndex(station.load.index).max().tz_convert(AMSTERDAM).normalize() - pd.Timedelta(days=1 + before)
    first = last - pd.Timedelta(days=days - 1)
    return backtest(
        lambda: DayAheadForecaster(zone=AMSTERDAM, holidays=HOLIDAYS, before="12h", seed=seed),
        Record.measured(station.load), first=str(first.date()), last=str(last.date()),
        weather=_known(station.weather), retrain_days=REFIT_DAYS, say=say,
    )  # fmt: skip


def _known(weather: pd.DataFrame) -> Record:
    """Forecasts without the time of their issue: the newest before each quarter-hour, as far as one can tell."""
    known_at = pd.DatetimeIndex(weather.index) - pd.Timedelta(WEATHER_AHEAD)
    return Record(
        weather, known_at, f"forecasts whose issue times the set does not hold, taken as known {WEATHER_AHEAD} ahead"
    )


HOLIDAYS = [pd.Timestamp(day).date() for day in ("2020-12-25", "2020-12-26", "2021-01-01")]


def rows(bench: Bench) -> list[Row]:
    """One row per substation, and one of six of them and their sum."""
    names = [n for n in (*PRICED, *METERED) if bench.asks_for(_case(n))]
    if bench.quick:
        return [_row(bench, name)[0] for name in names[:2]]
    made = {name: _row(bench, name) for name in names}
    answer = [row for row, _ in made.values()]
    if bench.asks_for(SYSTEM) and set(METERED) <= set(made):
        answer.append(_system(bench, {name: result for name, (_, result) in made.items() if name in METERED}))
    return answer


def _case(name: str) -> str:
    return f"liander {name}, net load, issued at noon of the day before"


def _row(bench: Bench, name: str) -> tuple[Row, Backtest]:
    bench.say(_case(name))
    station = substation(bench.data_folder, name)
    began = time.perf_counter()
    result = rolling(station, days=QUICK_DAYS if bench.quick else TEST_DAYS, seed=bench.seed, say=bench.say)
    took = time.perf_counter() - began
    scores = result.scores()
    against_point = 1.0 - scores["pinball_mw"] / scores["week_point_pinball_mw"]
    word = verdict(scores["pinball_skill"] >= PROMISED, quick=bench.quick, part="the test is not whole")
    notes = [
        f"{word}: pinball {100.0 * scores['pinball_skill']:.1f} % below weekly persistence with the band of its "
        f"own past errors ({100.0 * against_point:.1f} % below its bare number), promised ≥ {100.0 * PROMISED:g} %.",
        f"MAE {scores['mae_mw']:.2f} MW, P10–P90 covers {100.0 * scores['coverage']:.1f} %, models "
        f"{', '.join(sorted(result.rows['model'].unique()))}; {station.filled} quarter-hours of weather filled.",
        *result.notes,
    ]
    facts = {**result.to_dict(), "seconds": took, "against_point": against_point}
    if station.metered is not None:
        facts["parts"] = _parts(station, name)
        notes += [
            f"Taken apart from the net load alone, {part} correlates {found['correlation']:.2f} with its meter, mean "
            f"{found['mean_mw']:.2f} MW (meter {found['metered_mean_mw']:.2f} MW, which does not see roofs)."
            for part, found in facts["parts"].items()
        ]
    row = Row(
        NAME, _case(name), 1, Rates((result.rows["issued_at"].nunique() / took,), DAYS_AND_FITS),
        facts=facts, notes=tuple(notes),
    )  # fmt: skip
    return row, result


def _system(bench: Bench, parts: dict[str, Backtest]) -> Row:
    """The sum of six substations forecast as a whole, then made to agree with the six."""
    bench.say(SYSTEM)
    stations = {name: substation(bench.data_folder, name) for name in METERED}
    load = pd.concat([s.load for s in stations.values()], axis=1).sum(axis=1, min_count=len(METERED)).to_frame("system")
    air = sum(s.weather[["radiation", "wind_speed"]] for s in stations.values()) / len(METERED)
    began = time.perf_counter()
    whole = rolling(Substation(load, air.dropna(), None, 0), days=TEST_DAYS, seed=bench.seed, say=bench.say)
    took = time.perf_counter() - began
    results = {**parts, "system": whole}
    said = pd.DataFrame({n: r.rows.set_index("valid_at")["p50"] for n, r in results.items()}).dropna()
    came = pd.DataFrame({n: r.rows.set_index("valid_at")["actual"] for n, r in results.items()}).reindex(said.index)
    later = np.asarray(said.index >= said.index[0] + pd.Timedelta(days=LEARNED_DAYS))
    hierarchy = Hierarchy(dict.fromkeys(METERED, "system"))
    nodes = list(hierarchy.nodes)
    facts: dict[str, dict[str, float]] = {"as forecast": _mae(said[later], came[later])}
    added = said.assign(system=said[list(METERED)].sum(axis=1))
    facts["added up"] = _mae(added[later], came[later])
    for weights in ("structural", "shrinkage"):
        reconciler = Reconciler.learn(hierarchy, (came - said)[~later], weights=weights)
        values = reconciler.arrays(said[later][nodes].to_numpy().T).T
        facts[weights] = _mae(pd.DataFrame(values, said.index[later], nodes), came[later])
    words = "; ".join(f"{k}: system {v['system']:.2f}, parts {v['parts']:.2f}" for k, v in facts.items())
    note = f"MAE [MW] of the last {TEST_DAYS - LEARNED_DAYS} days. {words}."
    return Row(
        NAME, SYSTEM, 1, Rates((TEST_DAYS / took,), DAYS_AND_FITS),
        facts={"mae_mw": facts}, notes=(note,),
    )  # fmt: skip


def _mae(said: pd.DataFrame, came: pd.DataFrame) -> dict[str, float]:
    """Of the system, and the mean over its parts. [MW]"""
    off = (said - came[said.columns]).abs().mean()
    return {"system": float(off["system"]), "parts": float(off.drop("system").mean())}


def _parts(station: Substation, name: str) -> dict[str, dict[str, float]]:
    """Sun and wind as taken out of the net load alone, beside the meters that know them."""
    parts = disaggregate(station.load[name], station.weather, zone=AMSTERDAM)
    found = {}
    assert station.metered is not None
    for kind in ("solar", "wind"):
        meter = station.metered[kind].reindex(parts.index)
        if meter.std() > 0.05:
            said = parts[kind]
            found[kind] = {
                "correlation": float(np.corrcoef(said, meter)[0, 1]) if said.std() > 0 else float("nan"),
                "mean_mw": float(said.mean()), "metered_mean_mw": float(meter.mean()),
            }  # fmt: skip
    return found
