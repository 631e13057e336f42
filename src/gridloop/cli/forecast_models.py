"""Models by name: what `--model` takes, how each is made, and how far ahead it sees."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from gridloop.errors import BadInput
from gridloop.forecast.corrected import CorrectedForecaster
from gridloop.forecast.known.record import Record
from gridloop.forecast.known.routine import Routine
from gridloop.forecast.models.day_model import DayModel
from gridloop.forecast.models.lstm import LstmForecaster
from gridloop.forecast.models.prophet import ProphetForecaster
from gridloop.forecast.models.sarimax import SarimaxForecaster
from gridloop.forecast.naive import PersistenceForecaster

Forecaster = Any
"""What `gridloop.forecast.backtest` asks of a forecaster; each names the inputs that it takes."""


@dataclass(frozen=True)
class Task:
    """What a model is made for.

    points    columns to forecast
    zone      of the local days
    before    how long before its midnight a day is issued
    holidays  local dates
    capacity  per point [MW], where it is known
    place     latitude, longitude [°]
    step      of the values
    trees     of boosted models; None: as many as they have
    days      local days that each issue covers
    weather   with the times at which it was known; for models that want these
    published_before  how long before its local midnight a day becomes known as a whole; None: each interval when over
    """

    points: tuple[str, ...]
    zone: str
    before: pd.Timedelta
    holidays: frozenset[dt.date] = frozenset()
    capacity: Mapping[str, float] = field(default_factory=dict)
    place: tuple[float, float] | None = None
    step: pd.Timedelta = field(default_factory=lambda: pd.Timedelta(hours=1))
    trees: int | None = None
    seed: int = 0
    days: int = 1
    weather: Record | None = None
    published_before: pd.Timedelta | None = None

    @property
    def routine(self) -> Routine:
        """When a day is issued."""
        return Routine(self.zone, self.before)


@dataclass(frozen=True)
class Model:
    """A way to forecast.

    make     an untrained forecaster
    says     what it is, in a few words
    days     local days ahead that it can be asked for
    by_day   True where each day ahead is a model of its own
    weather  True where it makes use of weather
    outside  True where it takes forecasts made elsewhere, "needed" where it has nothing without
    """

    make: Callable[[Task], Forecaster]
    says: str
    days: int = 1
    by_day: bool = False
    weather: bool = False
    outside: bool | Literal["needed"] = False


def _persistence(task: Task) -> PersistenceForecaster:
    return PersistenceForecaster(task.routine, which="week", published_before=task.published_before)


def _persistence_day(task: Task) -> PersistenceForecaster:
    return PersistenceForecaster(task.routine, which="day", published_before=task.published_before)


def _day_model(kind: type[DayModel], **settings: Any) -> Callable[[Task], Forecaster]:
    """A model of whole local days, as all of its kind are made."""

    def make(task: Task) -> Forecaster:
        return kind(zone=task.zone, holidays=task.holidays, before=task.before, seed=task.seed, **settings)

    return make


def _lstm(task: Task) -> Forecaster:
    hours = int(min(72, max(24, task.before / pd.Timedelta(hours=1) + 25)))
    return _day_model(LstmForecaster, hours_out=hours)(task)


def _corrected(task: Task) -> Forecaster:
    least = None if task.published_before is None else -math.inf
    return CorrectedForecaster(zone=task.zone, before=task.before, trees=task.trees or 300, least=least, seed=task.seed)


ANY_KIND: dict[str, Model] = {
    "persistence": Model(_persistence, "the same time of the newest known week", days=7),
    "persistence-day": Model(_persistence_day, "the same time of the newest known day", days=7),
    "corrected": Model(_corrected, "somebody else's forecast (--outside) with its habits mended", outside="needed"),
    "sarimax": Model(_day_model(SarimaxForecaster), "a SARIMAX per time of day", days=7, by_day=True, weather=True),
    "prophet": Model(_day_model(ProphetForecaster), "trend and seasons; extra prophet", weather=True),
    "lstm": Model(_lstm, "a recurrent network; extra deep", weather=True),
}
"""Models that serve every kind; a further one is a line here."""


def chosen(models: Mapping[str, Model], name: str, kind: str) -> Model:
    """A model by its name. Raises `BadInput`."""
    if name not in models:
        told = "; ".join(f"{n}: {m.says}" for n, m in models.items())
        raise BadInput(f"no model {name!r} for {kind}; there are {told}.", model=name)
    return models[name]
