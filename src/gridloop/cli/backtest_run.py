"""A backtest under way: the days that are tested, a bar that moves, and what is remembered of the models."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import pandas as pd

from gridloop.cli.forecast_days import recorded
from gridloop.cli.forecast_models import Forecaster
from gridloop.cli.forecast_options import Asked
from gridloop.errors import BadInput, OutsideData
from gridloop.forecast.days.daily import names
from gridloop.forecast.known.routine import Routine
from gridloop.forecast.tested.backtest import backtest
from gridloop.forecast.tested.backtest_scores import Backtest
from gridloop.forecast.value import Forecast
from gridloop.series.clock import day_start

Told = Callable[[str, float], None]

NO_VALUES = ("issued_at", "valid_at", "point", "model")
"""Columns of a backtest's rows that have no unit."""

SHARE, MOST_DAYS, LEAST_DAYS = 0.25, 365, 7
"""Part of the days that is tested where nobody says which, at most and at least so many."""


@dataclass
class Seen:
    """What is remembered while a backtest goes on.

    weights  per point: issue → weight of each expert in the median
    """

    days: int
    all_fits: int
    told: Told
    fits: int = 0
    forecasts: int = 0
    fit_s: float = 0.0
    predict_s: float = 0.0
    weights: dict[str, dict[pd.Timestamp, dict[str, float]]] = field(default_factory=dict)
    last: Any = None


class Watched:
    """A forecaster whose work is told and whose weights are kept."""

    def __init__(self, inner: Forecaster, seen: Seen) -> None:
        self._inner, self._seen = inner, seen

    @property
    def routine(self) -> Routine:
        """That of the forecaster."""
        routine: Routine = self._inner.routine
        return routine

    @property
    def published_ahead(self) -> bool:
        """That of the forecaster."""
        return bool(getattr(self._inner, "published_ahead", False))

    def fit(self, history: pd.DataFrame, *, until: pd.Timestamp, **inputs: Any) -> Self:
        """As the forecaster does."""
        seen = self._seen
        seen.fits += 1
        share = float("nan") if seen.all_fits == 1 else (seen.fits - 1) / seen.all_fits
        seen.told(f"Learning from {len(history):,} intervals", share)
        began = time.perf_counter()
        self._inner.fit(history, until=until, **inputs)
        seen.fit_s += time.perf_counter() - began
        seen.last = self._inner
        return self

    def predict(
        self, history: pd.DataFrame, issued_at: pd.Timestamp, valid_at: pd.DatetimeIndex, **inputs: Any
    ) -> Forecast:
        """As the forecaster does."""
        seen = self._seen
        began = time.perf_counter()
        made: Forecast = self._inner.predict(history, issued_at, valid_at, **inputs)
        seen.predict_s += time.perf_counter() - began
        seen.forecasts += 1
        seen.told("Testing day by day", seen.forecasts / seen.days)
        self._keep_weights(issued_at, made.points)
        return made

    def copy(self) -> Forecaster:
        """A copy that nobody watches: it is asked to probe for leaks."""
        return self._inner.copy()

    def _keep_weights(self, issued_at: pd.Timestamp, points: list[str]) -> None:
        weigh = getattr(self._inner, "weights", None)
        if weigh is None:
            return
        for point in points:
            table = weigh(point)
            if "quantile" in table.index.names and "p50" in table.index.get_level_values("quantile"):
                mean = table.xs("p50", level="quantile").mean()
                self._seen.weights.setdefault(point, {})[issued_at] = {
                    str(k): float(v) for k, v in mean.fillna(0.0).items()
                }


@dataclass(frozen=True)
class Tested:
    """A backtest in the user's unit, and what its models were like."""

    asked: Asked
    result: Backtest
    first: str
    last: str
    fits: int
    fit_s: float
    predict_s: float
    wall_s: float
    importance: dict[str, pd.DataFrame]
    weights: dict[str, pd.DataFrame]

    @property
    def capacity(self) -> dict[str, float] | None:
        """Per point, in the user's unit."""
        own = self.asked.task.capacity
        return {p: self.asked.unit.outwards(v) for p, v in own.items()} if own else None


def tested_days(asked: Asked, first: str | None, last: str | None) -> tuple[str, str, list[str]]:
    """Local days from first to last, as texts, and what was decided. Raises `BadInput`, `OutsideData`."""
    zone = asked.zone
    begin = pd.Timestamp(asked.values.index.min()).tz_convert(zone)
    end = asked.end.tz_convert(zone)
    whole_last = end.tz_localize(None).normalize() - pd.Timedelta(days=1)
    whole_first = begin.tz_localize(None).normalize() + pd.Timedelta(
        days=0 if begin == day_start(begin.date(), zone) else 1
    )
    notes = []
    latest = _latest(asked, whole_last)
    until = latest if last is None else _day(last, "--last")
    if first is None:
        days = int((latest - whole_first).days) + 1
        count = max(LEAST_DAYS, min(MOST_DAYS, int(SHARE * days)))
        since = until - pd.Timedelta(days=count - 1)
        notes.append(f"Tested is the newest part, {count} days; --first and --last say otherwise.")
    else:
        since = _day(first, "--first")
    if since > until:
        raise BadInput(f"--first {since.date()} is after --last {until.date()}.")
    if since <= whole_first or until > whole_last:
        raise OutsideData(
            f"the days {since.date()} to {until.date()} are not all within the file, whose whole days in {zone} are "
            f"{whole_first.date()} to {whole_last.date()}; something must come before the first to learn from.",
            first=str(whole_first.date()),
            last=str(whole_last.date()),
        )
    if until > latest:
        raise OutsideData(
            f"--last {until.date()}: --days {asked.task.days} need weather to the end of "
            f"{(until + pd.Timedelta(days=asked.task.days - 1)).date()}, and it ends before that. The last day that "
            f"can be tested is {latest.date()}.",
            last=str(latest.date()),
        )
    return str(since.date()), str(until.date()), notes


def _latest(asked: Asked, whole_last: pd.Timestamp) -> pd.Timestamp:
    """The last day (local, without zone) that can be tested: several days ahead need weather for all of them."""
    if asked.weather is None or asked.task.days == 1:
        return whole_last
    end = (pd.Timestamp(asked.weather.values.index.max()) + asked.step).tz_convert(asked.zone).tz_localize(None)
    return min(whole_last, end.normalize() - pd.Timedelta(days=asked.task.days))


def _day(text: str, option: str) -> pd.Timestamp:
    try:
        day = pd.Timestamp(text)
    except ValueError:
        day = pd.NaT  # type: ignore[assignment]
    if pd.isna(day) or day.tzinfo is not None or day != day.normalize():
        raise BadInput(f"{option} {text!r} is no day; write it like 2014-07-01.")
    return day


def tested(asked: Asked, first: str, last: str, *, retrain_days: int | None, told: Told) -> Tested:
    """Run the backtest. Raises what the forecaster raises."""
    days = len(pd.date_range(first, last))
    seen = Seen(days, 1 if retrain_days is None else -(-days // retrain_days), told)
    began = time.perf_counter()

    def make() -> Forecaster:
        return Watched(asked.model.make(asked.task), seen)

    result = backtest(
        make, recorded(asked), first=first, last=last, weather=asked.weather, outside=asked.outside or None,
        retrain_days=retrain_days, days_ahead=asked.task.days,
    )  # fmt: skip
    rows = result.rows.copy()
    columns = [c for c in rows.columns if c not in NO_VALUES]
    rows[columns] = rows[columns] / asked.unit.inside
    weights = {point: pd.DataFrame.from_dict(by_issue, orient="index") for point, by_issue in seen.weights.items()}
    return Tested(
        asked, Backtest(rows, result.zone, result.notes), first, last, seen.fits, seen.fit_s, seen.predict_s,
        time.perf_counter() - began, _importance(seen.last, asked.task.points), weights,
    )  # fmt: skip


def _importance(forecaster: Any, points: tuple[str, ...]) -> dict[str, pd.DataFrame]:
    """Feature × model of the last fitted forecaster, per point or for all of them; nothing where it does not say."""
    inner = getattr(forecaster, "inner", forecaster)
    weigh = getattr(inner, "importance", None)
    if weigh is None:
        return {}
    return {point: weigh(point) for point in points} if names(weigh, "point") else {"": weigh()}
