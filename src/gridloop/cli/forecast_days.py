"""The coming local days, forecast from the end of what is known: one model for all of them, or one for each."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import pandas as pd

from gridloop.cli.forecast_options import Asked
from gridloop.errors import BadInput, OutsideData
from gridloop.forecast.known.record import Record
from gridloop.series.clock import day_start

Told = Callable[[str, float], None]

LEAST_ROWS = 48
AUCTION = pd.Timedelta("14h")
"""How long before its midnight a day of prices is forecast."""


@dataclass(frozen=True)
class Coming:
    """The forecast of some days.

    known  the values that it was made from
    rows   issued_at, point, valid_at, p10, p50, p90, model; as the forecaster has them (MW)
    days   UTC midnights of the local days, and of the day after the last
    """

    asked: Asked
    issued_at: pd.Timestamp
    known: pd.DataFrame
    rows: pd.DataFrame
    days: tuple[pd.Timestamp, ...]
    fit_s: float
    predict_s: float


def first_midnight(issue: pd.Timestamp, zone: str) -> pd.Timestamp:
    """The first local midnight that is not before an issue (UTC)."""
    day = issue.tz_convert(zone).date()
    begin = day_start(day, zone)
    return begin if begin >= issue else day_start(day + pd.Timedelta(days=1), zone)


def coming(asked: Asked, at: pd.Timestamp | None, days: int, told: Told) -> Coming:
    """Fit on what was known, and forecast the whole local days that begin after it.

    at  when the forecast is issued (UTC); None: where the values end, or before the auction of the day after them

    Raises `BadInput` where the model does not see so far, `OutsideData` where nothing was known yet.
    """
    refuse_too_far(asked, days)
    record = recorded(asked)
    known = asked.values if at is None else record.at(at)
    if len(known) < LEAST_ROWS:
        raise OutsideData(
            f"{len(known)} rows are known at {at or asked.end:%Y-%m-%d %H:%M} UTC, at least {LEAST_ROWS} are needed; "
            f"the file has {asked.values.index.min():%Y-%m-%d %H:%M} to {asked.end:%Y-%m-%d %H:%M} UTC.",
            rows=len(known),
        )
    end = pd.Timestamp(known.index.max()) + asked.step
    begin = first_midnight(end if asked.kind.published_before is not None or at is None else at, asked.zone)
    issue = at or (end if asked.kind.published_before is None else begin - AUCTION)
    first = begin.tz_convert(asked.zone).date()
    starts = tuple(day_start(first + pd.Timedelta(days=k), asked.zone) for k in range(days + 1))
    spans = list(pairwise(starts)) if asked.model.by_day else [(starts[0], starts[-1])]
    parts, fit_s, predict_s = [], 0.0, 0.0
    for k, (begin, end) in enumerate(spans):
        told(f"Learning from {len(known):,} intervals", k / len(spans) if len(spans) > 1 else float("nan"))
        began = time.perf_counter()
        forecaster = asked.model.make(replace(asked.task, before=begin - issue, days=1))
        routine = forecaster.routine
        past = _inputs(asked, lambda record: record.as_issued(routine, issue))  # noqa: B023  # called at once
        forecaster.fit(known, until=issue, **past)
        inputs = _inputs(asked, lambda record: record.at(issue))
        between = time.perf_counter()
        valid = pd.date_range(begin, end, freq=asked.step, inclusive="left", name="valid_at")
        parts.append(forecaster.predict(known, issue, valid, **inputs).table())
        fit_s, predict_s = fit_s + between - began, predict_s + time.perf_counter() - between
    rows = pd.concat(parts, ignore_index=True).sort_values(["point", "valid_at"], kind="stable", ignore_index=True)
    return Coming(asked, issue, known, rows, starts, fit_s, predict_s)


def _inputs(asked: Asked, see: Callable[[Record], pd.DataFrame]) -> dict[str, Any]:
    """Weather and forecasts made elsewhere. see: what of them is known"""
    given: dict[str, Any] = {}
    if asked.weather is not None:
        given["weather"] = see(asked.weather)
    if asked.outside:
        given["outside"] = {name: see(record) for name, record in asked.outside.items()}
    return given


def refuse_too_far(asked: Asked, days: int) -> None:
    """Raises `BadInput` for a model that does not see so many days."""
    if days <= asked.model.days:
        return
    further = [n for n, m in asked.kind.models.items() if m.days >= days]
    hint = f" Further sees {', '.join(further)} (--model)." if further else " Ask for fewer by --days."
    raise BadInput(f"model {asked.model_name!r} sees {asked.model.days} whole days ahead, not {days}.{hint}", days=days)


def recorded(asked: Asked) -> Record:
    """The values with the time at which each was known."""
    if asked.kind.published_before is None:
        return Record.measured(asked.values)
    midnight = pd.DatetimeIndex(asked.values.index).tz_convert(asked.zone).normalize().tz_convert("UTC")
    return Record.issued(asked.values, midnight - asked.kind.published_before)
