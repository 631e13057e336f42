"""Day models: what forecasters of whole local days share whose own part is a fit and an answer per point."""

from __future__ import annotations

import copy
import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar, Self

import numpy as np
import pandas as pd

from gridloop.errors import GapInSeries, MissingColumn, OutOfRange, listed
from gridloop.forecast.features.weather import TEMPERATURE
from gridloop.forecast.known.checks import must_be_fitted, nobody_lost, same_inputs
from gridloop.forecast.known.moments import Moments
from gridloop.forecast.known.past import Past, known_past, slots_of, usual_step
from gridloop.forecast.known.routine import Routine
from gridloop.forecast.models import persistence
from gridloop.forecast.value import QUANTILES, Forecast
from gridloop.units import FloatArray, IntArray

FALLBACK = "persistence:week"


class DayModel(ABC):
    """Quantiles of whole local days, as `backtest` asks for them. [MW]

    zone      of the local clock
    holidays  local dates
    before    how long before its midnight a day is forecast
    seed      of whatever is drawn

    With weather, its column `temperature` [°C] is used, for the days ahead as well: give forecasts, or say that they
    are observations.
    """

    name: ClassVar[str]
    """What `Forecast.model` says."""

    published_ahead: ClassVar[bool] = True
    """It serves prices too; what is over at issue is all that it looks at."""

    least_days: ClassVar[int]
    """Days of history below which nothing is learned."""

    def __init__(
        self,
        *,
        zone: str = "UTC",
        holidays: Iterable[dt.date] = (),
        before: pd.Timedelta | str = "12h",
        seed: int = 0,
    ) -> None:
        self.routine = Routine(zone, pd.Timedelta(before))
        self.holidays = frozenset(holidays)
        self.seed = seed
        self.points: tuple[str, ...] = ()

    @abstractmethod
    def _learn(self, past: Past, k: int, air: Past | None) -> None:
        """Learn point number k."""

    @abstractmethod
    def _say(self, past: Past, k: int, valid: IntArray, air: Past | None) -> FloatArray:
        """Quantiles [quantile, time] of point number k at slots; NaN where nothing can be said. [MW]"""

    def fit(self, history: pd.DataFrame, *, until: pd.Timestamp, weather: pd.DataFrame | None = None) -> Self:
        """Learn from what was over at `until`.

        history  UTC valid_at × point [MW], evenly spaced; NaN is a gap
        weather  UTC valid_at × column, `temperature` [°C] among them; None: without

        Raises `OutOfRange` where the history is too short or off its clock, `MissingColumn` without a temperature.
        """
        points = tuple(str(p) for p in history.columns)
        self._step = usual_step(history.index)
        past = known_past(history, points, until, step=self._step)
        days = len(past.values) // past.per_day
        if days < self.least_days:
            raise OutOfRange(
                f"history: {days} days; {self.name} needs {self.least_days}. Until there are more, take "
                "LoadForecaster, which falls back to persistence by name.",
                needed_days=self.least_days,
            )
        anything = np.asarray(np.isfinite(past.values).any(axis=0))
        empty = [p for p, known in zip(points, anything, strict=True) if not known]
        if empty:
            raise GapInSeries(f"history: {len(empty)} points have no value ({listed(empty)}).", points=empty)
        self._with_weather = weather is not None
        air = self._air(weather)
        for k in range(len(points)):
            self._learn(past, k, air)
        self._fallback_off = [_week_off(past, k, self.routine) for k in range(len(points))]
        self.points = points
        return self

    def predict(
        self,
        history: pd.DataFrame,
        issued_at: pd.Timestamp,
        valid_at: pd.DatetimeIndex,
        *,
        weather: pd.DataFrame | None = None,
    ) -> Forecast:
        """Quantiles of every fitted point.

        history, weather  as in `fit`, known at `issued_at`

        Raises `OutOfRange` where it was not fitted, was fitted with other inputs, or an interval has begun,
        `GapInSeries` where nothing is known of a point.
        """
        must_be_fitted(self.points)
        past = known_past(history, self.points, issued_at, step=self._step)
        valid = slots_of(valid_at, past.step_ns)
        begun = int((valid < past.end).sum())
        if begun:
            raise OutOfRange(f"valid_at: {begun} of {len(valid)} intervals begin before the issue at {issued_at}.")
        same_inputs(self._with_weather, weather is not None, "weather", "weather")
        air = self._air(weather)
        values = np.stack([self._say(past, k, valid, air) for k in range(len(self.points))], axis=2)
        models = dict.fromkeys(self.points, self.name)
        gaps = ~np.isfinite(values).all(axis=0)
        if gaps.any():
            moments = Moments(np.full(len(valid), past.end), valid)
            week = persistence.week(past, moments, self.routine.zone)
            stands_in = week * np.stack(self._fallback_off, axis=1)[:, None, :]
            values = np.where(gaps, stands_in, values)
            models |= {self.points[k]: FALLBACK for k in np.flatnonzero(gaps.any(axis=0))}
        nobody_lost(self.points, values, "no value in the last weeks ({}).")
        return Forecast.from_arrays(issued_at, self.points, valid_at, values, models)

    def copy(self) -> Self:
        """The same forecaster in the same state."""
        return copy.deepcopy(self)

    def rests(self, days: IntArray) -> FloatArray:
        """1 on holidays, else 0; local days since 1970. Same shape."""
        off = np.array([day.toordinal() - dt.date(1970, 1, 1).toordinal() for day in self.holidays], dtype=np.int64)
        return np.isin(days, off).astype(float)

    def _air(self, weather: pd.DataFrame | None) -> Past | None:
        if weather is None:
            return None
        if TEMPERATURE not in weather.columns:
            raise MissingColumn(f"weather: column `{TEMPERATURE}` [°C] is missing.", missing=[TEMPERATURE])
        return known_past(weather, (TEMPERATURE,), pd.Timestamp(weather.index.max()) + self._step, step=self._step)


def temperature_at(air: Past, slots: IntArray) -> FloatArray:
    """Temperatures [°C] at slots; NaN where there is none. Same shape."""
    row = slots - air.first
    inside = (row >= 0) & (row < len(air.values))
    return np.where(inside, air.values[np.clip(row, 0, max(0, len(air.values) - 1)), 0], np.nan)


def _week_off(past: Past, k: int, routine: Routine) -> FloatArray:
    """Quantiles of what came over what the same time a week before had: the band of the fallback. [quantile]"""
    x = past.values[:, k]
    week = 7 * past.per_day
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = x[week:] / x[:-week]
    ratio = ratio[np.isfinite(ratio)]
    off = np.quantile(ratio, list(QUANTILES.values())) if len(ratio) else np.ones(len(QUANTILES))
    off[1] = 1.0  # persistence is what it is
    return np.asarray(np.sort(off))
