"""Faults in the inputs of day-ahead forecasts: seen before the forecast, and what the fallback costs.

A year is gone through, an issue a day at noon of the day before. At each, every kind of fault is planted once in a copy
of what the forecaster is handed, of drawn length and strength and in force until the issue; the truth stays for the
scores. The reference is weekly persistence by somebody who knows which rows are false. On the same days the inputs as
they came are examined too: what falls back there is a false alarm.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.forecast_data import MADRID, MELBOURNE, NAME, spain, spanish_holidays, victoria
from benchmarks.harness import Bench
from benchmarks.result import Rates, Row
from gridloop.forecast import DayAheadForecaster, Forecast, Record
from gridloop.forecast.known.moments import Moments
from gridloop.forecast.known.past import known_past, slots_of, usual_step
from gridloop.forecast.models import persistence
from gridloop.forecast.operation import GuardedForecaster

# No worse than persistence by more than this share of its error.
ROOM = 0.02
# The trees do not matter for what the guard sees; a quarter of the usual number is fitted sooner.
TREES = 100
MEMORY = pd.Timedelta(days=70)
LONGEST_H = 14 * 24
FACTORS = (1e3, 1e-3, 1e6, 1e-6, 1e2, 1e-2, 10.0, 0.1)
# Days between those on which the forecaster without a guard is asked with the same faults.
UNGUARDED_EVERY = 20
ALARMS_PROMISED = 0.02
QUICK_DAYS = 10


@dataclass(frozen=True)
class Faulty:
    """What a forecaster is handed after a fault, and what somebody who knew all would leave of it."""

    load: pd.DataFrame
    honest: pd.DataFrame
    weather: pd.DataFrame | None


Plant = Callable[[np.random.Generator, pd.DataFrame, pd.DataFrame | None, pd.DatetimeIndex], Faulty]


def _newest(load: pd.DataFrame, hours: float) -> int:
    """First row of the newest so many hours."""
    return len(load) - max(1, round(hours / (usual_step(load.index) / pd.Timedelta("1h"))))


def _length_h(rng: np.random.Generator, shortest_h: float) -> float:
    """Hours, as many short ones as long ones."""
    return float(np.exp(rng.uniform(np.log(shortest_h), np.log(LONGEST_H))))


def _changed(load: pd.DataFrame, values: np.ndarray, start: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table with other values from a row on, and the table without them."""
    faulty, honest = load.copy(), load.copy()
    faulty.iloc[start:, 0] = values
    honest.iloc[start:, 0] = np.nan
    return faulty, honest


def missing(rng, load, weather, ahead):  # type: ignore[no-untyped-def]
    """30–100 % of the values of the newest hours are not there; all of them where it is less than a day."""
    hours = _length_h(rng, 6.0)
    start = _newest(load, hours)
    share = rng.uniform(0.3, 1.0) if hours >= 24.0 else 1.0
    gone = rng.random(len(load) - start) < share
    honest = load.copy()
    honest.iloc[start + np.flatnonzero(gone), 0] = np.nan
    return Faulty(honest if rng.random() < 0.5 else honest.dropna(), honest, weather)


def stale(rng, load, weather, ahead):  # type: ignore[no-untyped-def]
    """Nothing comes any more."""
    left = load.iloc[: _newest(load, _length_h(rng, 6.0))]
    return Faulty(left, left, weather)


def frozen(rng, load, weather, ahead):  # type: ignore[no-untyped-def]
    """One value is repeated."""
    start = _newest(load, _length_h(rng, 6.0))
    return Faulty(*_changed(load, load.iloc[start - 1, 0], start), weather)


def shifted(rng, load, weather, ahead, shortest_h=48.0):  # type: ignore[no-untyped-def]
    """Stamps are an hour late or early. What the source would have had to know of the future is a gap."""
    start = _newest(load, _length_h(rng, shortest_h))
    hour = len(load) - _newest(load, 1.0)
    late = hour * int(rng.choice([-1, 1]))
    rows = np.arange(start, len(load)) - late
    values = np.where(rows < len(load), load.iloc[np.minimum(rows, len(load) - 1), 0], np.nan)
    return Faulty(*_changed(load, values, start), weather)


def shifted_lately(rng, load, weather, ahead):  # type: ignore[no-untyped-def]
    """The same since one to two days: too young to be sure of on some days."""
    hours = rng.uniform(24.0, 48.0)
    start = _newest(load, hours)
    cut = load.copy()
    hour = len(load) - _newest(load, 1.0)
    rows = np.arange(start, len(load)) - hour * int(rng.choice([-1, 1]))
    values = np.where(rows < len(load), load.iloc[np.minimum(rows, len(load) - 1), 0], np.nan)
    return Faulty(*_changed(cut, values, start), weather)


def unit(rng, load, weather, ahead):  # type: ignore[no-untyped-def]
    """kW, W or GW for MW, or a power of ten lost."""
    start = _newest(load, _length_h(rng, 6.0))
    return Faulty(*_changed(load, load.iloc[start:, 0] * rng.choice(FACTORS), start), weather)


def negative(rng, load, weather, ahead):  # type: ignore[no-untyped-def]
    """The sign is turned."""
    start = _newest(load, _length_h(rng, 6.0))
    return Faulty(*_changed(load, -load.iloc[start:, 0], start), weather)


def duplicate(rng, load, weather, ahead):  # type: ignore[no-untyped-def]
    """Rows come twice, and the second time with other values."""
    start = _newest(load, _length_h(rng, 6.0))
    again = load.iloc[start:] * rng.uniform(0.8, 1.2, (len(load) - start, 1))
    honest = load.copy()
    honest.iloc[start:, 0] = np.nan
    return Faulty(pd.concat([load, again]), honest, weather)


def weather_gaps(rng, load, weather, ahead):  # type: ignore[no-untyped-def]
    """A part of the weather ahead is NaN, or all of it, or it ends too soon."""
    sky = weather.copy()
    which = rng.integers(3)
    if which == 0:
        sky.loc[ahead[rng.random(len(ahead)) < rng.uniform(0.05, 1.0)], "temperature"] = np.nan
        sky.loc[ahead[rng.integers(len(ahead))], "temperature"] = np.nan
    elif which == 1:
        sky["temperature"] = np.nan
    else:
        sky = sky[sky.index < ahead[rng.integers(len(ahead))]]
    return Faulty(load, load, sky)


FAULTS: dict[str, Plant] = {
    "missing": missing, "stale": stale, "frozen": frozen, "shifted": shifted, "unit": unit, "weather": weather_gaps,
    "negative": negative, "duplicate": duplicate, "shifted since 24 … 48 h": shifted_lately,
}  # fmt: skip
PROMISED = ("missing", "stale", "frozen", "shifted", "unit", "weather")


@dataclass
class Tally:
    """What came of one kind of fault."""

    planted: int = 0
    caught: int = 0
    named: int = 0
    within: int = 0
    error: list[float] = field(default_factory=list)
    reference: list[float] = field(default_factory=list)
    unguarded: list[float] = field(default_factory=list)
    going_on: list[float] = field(default_factory=list)
    models: dict[str, int] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """Shares, MAPEs [%], and what stood in how often."""
        error, reference = float(np.mean(self.error)), float(np.mean(self.reference))
        facts: dict[str, Any] = {
            "planted": self.planted,
            "caught": self.caught / self.planted,
            "named_rightly": self.named / self.planted,
            "each_within_2_pct": self.within / self.planted,
            "mape_pct": error,
            "persistence_mape_pct": reference,
            "over_persistence": error / reference - 1.0,
            "models": self.models,
        }
        if self.unguarded:
            facts["unguarded_mape_pct"] = float(np.mean(self.unguarded))
        if self.going_on:
            facts["going_on_mape_pct"] = float(np.mean(self.going_on))
        return facts


@dataclass(frozen=True)
class Place:
    """A recorded load, what forecasts it, and the year it is tested on."""

    load: pd.DataFrame
    weather: pd.DataFrame | None
    zone: str
    year: int
    make: Callable[[], DayAheadForecaster]


def at_victoria(bench: Bench) -> Place:
    """Half-hourly, temperature known."""
    load, air, holidays = victoria(bench.data_folder)
    return Place(
        load, air, MELBOURNE, 2014,
        lambda: DayAheadForecaster(zone=MELBOURNE, holidays=holidays, trees=TREES, seed=bench.seed),
    )  # fmt: skip


def in_spain(bench: Bench) -> Place:
    """Hourly, without weather."""
    load, _ = spain(bench.data_folder)
    days = spanish_holidays(range(2015, 2019))
    return Place(
        load, None, MADRID, 2017, lambda: DayAheadForecaster(zone=MADRID, holidays=days, trees=TREES, seed=bench.seed)
    )


def plant_a_year(place: Place, *, days: int, every: int, seed: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Facts of a year of faults: `faults` by kind, `clean` for the days as they came.

    days, every  how many days of the year from 1 January on, and on which of them faults are planted
    """
    guard = GuardedForecaster(place.make())
    routine = guard.routine
    record = Record.measured(place.load)
    sky = None if place.weather is None else Record.foreseen(place.weather, "37h")
    first = pd.Timestamp(f"{place.year}-01-01").value // 86_400_000_000_000
    issue = routine.issue(first)
    say("fit")
    given = {} if sky is None else {"weather": sky.at(issue)}
    guard.fit(record.at(issue), until=issue, **given)
    rng = np.random.default_rng(seed)
    step = usual_step(place.load.index)
    tallies = {kind: Tally() for kind in FAULTS if sky is not None or kind != "weather"}
    alarms: dict[str, str] = {}
    clean: list[float] = []
    took: list[float] = []
    for day in range(first, first + days):
        issue = routine.issue(day)
        ahead = pd.date_range(routine.midnight(day), routine.midnight(day + 1), freq=step, inclusive="left")
        came = place.load.reindex(ahead).iloc[:, 0].to_numpy()
        seen = _since(record.at(issue), issue)
        air = None if sky is None else _since(sky.at(issue), issue)
        inputs = {} if air is None else {"weather": air}
        if (day - first) % every == 0:
            bare = guard.forecaster.copy() if (day - first) % UNGUARDED_EVERY == 0 else None
            for kind, tally in tallies.items():
                fault = FAULTS[kind](rng, seen, air, ahead)
                _ask(guard, bare, fault, kind, tally, issue, ahead, came, place.zone)
        began = time.process_time()
        forecast = guard.predict(seen, issue, ahead, **inputs)
        took.append(time.process_time() - began)
        clean.append(_mape(forecast, came))
        name = str(forecast.model.iloc[0])
        if name.endswith("input)"):
            alarms[str(routine.midnight(day).tz_convert(place.zone).date())] = name
        if (day - first) % 30 == 0:
            say(f"day {day - first + 1} of {days}")
    return {
        "faults": {kind: tally.facts() for kind, tally in tallies.items() if tally.planted},
        "clean": {
            "days": days,
            "false_alarms": len(alarms) / days,
            "alarms": alarms,
            "mape_pct": float(np.nanmean(clean)),
            "predict_ms": 1e3 * float(np.median(took)),
        },
        "blind": {kind: list(points) for kind, points in guard.blind.items()},
    }


def _since(table: pd.DataFrame, issue: pd.Timestamp) -> pd.DataFrame:
    return table[table.index >= issue - MEMORY]


def _ask(guard, bare, fault, kind, tally, issue, ahead, came, zone) -> None:  # type: ignore[no-untyped-def]
    """One planted fault: who answers, and how far off that is."""
    inputs = {} if fault.weather is None else {"weather": fault.weather}
    caught = not guard.examine(fault.load, issue, ahead, **inputs).sound
    forecast = (guard if caught else guard.copy()).predict(fault.load, issue, ahead, **inputs)
    model = str(forecast.model.iloc[0])
    error = _mape(forecast, came)
    reference = _persistence_mape(fault.honest, issue, ahead, came, zone)
    if not np.isfinite(error + reference):
        return
    tally.planted += 1
    tally.caught += caught and model.endswith("input)")
    # where the newest values are missing, the feed has stopped as far as anyone can see
    tally.named += kind.split()[0] in model or (kind == "missing" and "stale" in model)
    tally.within += error <= (1.0 + ROOM) * reference
    tally.error.append(error)
    tally.reference.append(reference)
    tally.models[model] = tally.models.get(model, 0) + 1
    if bare is not None:
        bold = guard.copy()
        bold.go_on = True
        tally.going_on.append(_mape(bold.predict(fault.load, issue, ahead, **inputs), came))
        try:
            answer = bare.copy().predict(fault.load, issue, ahead, **inputs)
        except Exception:  # without a guard some faults end in an error and no forecast at all
            return
        tally.unguarded.append(_mape(answer, came))


def _mape(forecast: Forecast, came: np.ndarray) -> float:
    said = forecast.arrays()[1, :, 0]
    known = np.isfinite(came) & (came > 0.0)
    return float(100.0 * np.mean(np.abs(said[known] / came[known] - 1.0))) if known.any() else float("nan")


def _persistence_mape(honest: pd.DataFrame, issue: pd.Timestamp, ahead: pd.DatetimeIndex, came, zone) -> float:  # type: ignore[no-untyped-def]
    """Of the newest week that is true, and yesterday where none of four weeks is. [%]"""
    past = known_past(honest, tuple(honest.columns), issue, step=usual_step(ahead))
    valid = slots_of(ahead, past.step_ns)
    moments = Moments(np.full(len(valid), past.end), valid)
    week = persistence.week(past, moments, zone)[:, 0]
    said = np.where(np.isfinite(week), week, persistence.day(past, moments, zone)[:, 0])
    known = np.isfinite(came) & (came > 0.0) & np.isfinite(said)
    return float(100.0 * np.mean(np.abs(said[known] / came[known] - 1.0))) if known.any() else float("nan")


def rows(bench: Bench) -> list[Row]:
    """One row per place."""
    return [_row(bench, name, place) for name, place in CASES.items() if bench.asks_for(name)]


def _row(bench: Bench, name: str, place: Callable[[Bench], Place]) -> Row:
    bench.say(name)
    began = time.perf_counter()
    days = QUICK_DAYS if bench.quick else 365
    facts = plant_a_year(place(bench), days=days, every=2 if bench.quick else 1, seed=bench.seed, say=bench.say)
    took = time.perf_counter() - began
    planted = sum(tally["planted"] for tally in facts["faults"].values())
    clean = facts["clean"]
    # a mean over five faults is no measure of an error
    short = "Not judged, the year is not whole" if bench.quick else ""
    notes = [
        f"{name}: {planted} faults planted. As it came: {100.0 * clean['false_alarms']:.2f} % of {days} days fell "
        f"back, MAPE {clean['mape_pct']:.2f} % with {TREES} trees, {clean['predict_ms']:.0f} ms of processor time "
        "a forecast."
    ]
    for kind, tally in facts["faults"].items():
        unguarded = tally.get("unguarded_mape_pct")
        beside = "" if unguarded is None else f"; without a guard {unguarded:.3g} %"
        if "going_on_mape_pct" in tally:
            beside += (
                f", going on with what is sound {tally['going_on_mape_pct']:.3g} % (every {UNGUARDED_EVERY}th day)"
            )
        notes.append(
            f"{kind}: {tally['planted']} planted, {100.0 * tally['caught']:.1f} % fell back, MAPE "
            f"{tally['mape_pct']:.2f} %, persistence {tally['persistence_mape_pct']:.2f} %{beside}."
        )
        if kind in PROMISED:
            kept = tally["caught"] == 1.0 and tally["over_persistence"] <= ROOM
            notes.append(
                f"{'Kept' if kept else short or 'MISSED'}: {kind} caught {tally['caught']:.4g}, promised 1; error over "
                f"persistence {100.0 * tally['over_persistence']:.2f} %, promised at most 2 %."
            )
    kept = clean["false_alarms"] <= ALARMS_PROMISED
    notes.append(
        f"{'Kept' if kept else short or 'MISSED'}: false alarms {clean['false_alarms']:.4g} of the days, at most "
        f"{ALARMS_PROMISED:g}."
    )
    return Row(
        NAME, name, 1, Rates((planted / took,), "faults planted and answered"), facts=facts | {"seconds": took},
        notes=tuple(notes),
    )  # fmt: skip


CASES: dict[str, Callable[[Bench], Place]] = {
    "faults in victoria 2014": at_victoria,
    "faults in spain 2017": in_spain,
}
