"""The outlook of a run: what is expected of every group, from readings that were looked at first; fallbacks by name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import numpy as np
import pandas as pd

from gridloop.forecast.direct.forecaster import MODEL
from gridloop.forecast.feeder import FeederForecaster
from gridloop.forecast.known.place import Place
from gridloop.forecast.operation.finding import Examination, Finding
from gridloop.forecast.operation.guard import GuardedForecaster
from gridloop.forecast.value import Forecast
from gridloop.operate.decide.known import Groups
from gridloop.operate.settings import SiteSettings
from gridloop.series.clock import day_start

Note = tuple[str, str, str]
A_WEEK = pd.Timedelta(days=7)
# One thread: two cores are soon shared with something else, and waiting threads then cost far more than they save.
THREADS = 1

SEEN_DAYS = 49
"""Whole local days of readings that are looked at: three weeks, and for each of their days the four weeks before."""

ASIDE_DAYS = 7
"""Newest days of the history from which is not learned what is usual: a fault may be there when a run begins."""


class Outlook:
    """Forecasts of all groups of a site behind a guard; nothing of one tick counts at the next, so that a resumed run
    sees the same.

    capacity  rated power of the generator groups [MW]; place: latitude and longitude [°]

    With `model = "persistence"` there is no guard: a week of the past says too little about what is usual.
    """

    def __init__(
        self, settings: SiteSettings, groups: Groups, capacity: Mapping[str, float], place: tuple[float, float]
    ) -> None:
        self._step = pd.Timedelta(minutes=settings.loop.step_min)
        self._delay = pd.Timedelta(seconds=settings.readings.delay_s)
        self._zone = settings.timezone
        self._model = FeederForecaster(
            groups.kind, capacity, Place(*place, settings.timezone), seed=settings.seed, threads=THREADS
        )
        learns = settings.forecast.model == "lightgbm"
        guard = GuardedForecaster(self._model, zone=settings.timezone, aside_days=ASIDE_DAYS)
        self._guard = guard if learns else None

    def fit(self, power: pd.DataFrame, until: pd.Timestamp) -> None:
        """Learn from the past of every group, and what is usual for it. [time, group], MW"""
        if self._guard is not None:
            self._guard.fit(power, until=until)
        else:
            # A week is too little to learn from: the forecasters then stand by their fallbacks, persistence by name.
            self._model.fit(power[power.index >= until - A_WEEK], until=until)

    def forecast(self, power: pd.DataFrame, at: pd.Timestamp, valid_at: pd.DatetimeIndex) -> Forecast:
        """What is expected, from what was known at `at`; readings that were still on their way are left out."""
        return self.look(power, at, valid_at)[0]

    def look(self, power: pd.DataFrame, at: pd.Timestamp, valid_at: pd.DatetimeIndex) -> tuple[Forecast, list[Note]]:
        """The forecast, and a note for every point whose model had to be replaced or whose newest readings are left
        out, with what was found in them."""
        known = power[pd.DatetimeIndex(power.index) + self._step + self._delay <= at]
        if self._guard is None:
            return self._model.predict(known, at, valid_at), []
        # from a midnight on, so that all issues of a day see the same whole days
        first = day_start(at.tz_convert(self._zone).date() - dt.timedelta(days=SEEN_DAYS), self._zone)
        forecast, seen = self._guard.predict_and_tell(known[known.index >= first], at, valid_at)
        return forecast, _notes(forecast, seen)


def _notes(forecast: Forecast, seen: Examination) -> list[Note]:
    notes = []
    for point, model in forecast.model.items():
        found = [f for f in seen.findings if f.point == point]
        if model != MODEL:
            why = [f for f in found if not f.mended] or [f for f in found if _goes_on(f, seen)]
            notes.append(("degraded", str(point), f"forecast by {model}{_said(why)}"))
        elif going_on := [f for f in found if _goes_on(f, seen)]:
            notes.append(("mended", str(point), f"forecast without its newest readings{_said(going_on)}"))
    return notes


def _goes_on(finding: Finding, seen: Examination) -> bool:
    """Whether nothing sound was known after the fault."""
    if not finding.rows.any():
        return False
    last = int(np.flatnonzero(finding.rows)[-1])
    return not np.isfinite(seen.past.values[last + 1 :, seen.past.points.index(finding.point)]).any()


def _said(findings: list[Finding]) -> str:
    text = " ".join(f.text.removeprefix(f"{f.point}: ") for f in findings)
    return f": {text}" if text else ""
