"""Wind inputs: what a wind forecaster may see beside power — weather forecasts, and measurements as history.

A weather forecast is looked at where it is for, in the newest run known at issue. A measurement is looked at only when
its interval is over: its newest value, means and rises. Directions are made east and north parts, so that 359° and 1°
are neighbours; wind speeds also pass the power curve that was fitted to them.
"""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd

from gridloop.errors import MissingColumn, OutOfRange, listed
from gridloop.forecast.features.lags import Recent
from gridloop.forecast.known.checks import same_inputs
from gridloop.forecast.known.moments import Moments, look
from gridloop.forecast.known.past import Past, known_past
from gridloop.forecast.known.record import Record
from gridloop.forecast.known.weather_runs import Runs
from gridloop.forecast.plants.wind_curve import PowerCurve
from gridloop.units import BoolArray, FloatArray

SPEED, DIRECTION = "wind_speed", "wind_direction"
"""How columns of wind speed [m/s] and of the direction it comes from [°] begin; others are taken as they are."""

FORECAST = "weather"
"""How columns of the weather forecast are called here: measurements may bear the same names, and have other curves."""

MEANS_H = (1, 3, 6, 24)
OLDEST_H = 2
"""Measurements older than this at issue no longer count as known."""

Table = Record | pd.DataFrame


class WindInputs:
    """Columns of a design from weather and measurements, the same at fit and prediction.

    weather   UTC valid_at × column: a `Record` with the times of being known, or a table that was known at every issue
    measured  UTC valid_at × column, each known when its interval is over
    """

    def __init__(self, weather: Table | None, measured: pd.DataFrame | None, step: pd.Timedelta) -> None:
        self._runs = None if weather is None else Runs.of(weather, step.value)
        self._measured: Past | None = None
        if measured is not None:
            names = tuple(str(c) for c in measured.columns)
            end = pd.Timestamp(measured.index.max()) + step
            self._measured = _split(known_past(measured.set_axis(list(names), axis=1), names, end, step=step))
        self._curves: dict[str, PowerCurve] = {}

    @property
    def names(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Columns of the weather and of the measurements."""
        return () if self._runs is None else self._runs.columns, () if self._measured is None else self._measured.points

    def like(self, other: WindInputs) -> Self:
        """With the curves of the fit. Raises `OutOfRange` or `MissingColumn` where the columns are not those."""
        for what, mine, theirs in zip(("weather", "measured"), self.names, other.names, strict=True):
            same_inputs(theirs, mine, what)
            missing = [c for c in theirs if c not in mine]
            if missing:
                raise MissingColumn(
                    f"{what}: column {listed(missing)} is missing. Needed are those of the fit.", missing=missing
                )
        if self._runs is not None:
            self._runs = self._runs.ordered(other.names[0])
        if self._measured is not None:
            self._measured = self._measured.only(other.names[1])
        self._curves = other._curves
        return self

    def fit_curves(self, moments: Moments, came: FloatArray) -> None:
        """Fit the power curve of every wind speed. came [moment] share of capacity"""
        forecast = {f"{FORECAST} {name}": values for name, values in self._forecast(moments).items()}
        for name, values in {**forecast, **self._newest(moments, 1)}.items():
            if name.removeprefix(f"{FORECAST} ").startswith(SPEED):
                try:
                    self._curves[name] = PowerCurve.fit(values, came)
                except OutOfRange:  # a column that hardly moves is a column like any other
                    continue

    def columns(self, moments: Moments) -> dict[str, FloatArray]:
        """Name → [moment]."""
        found: dict[str, FloatArray] = {}
        for name, values in self._forecast(moments).items():
            key = f"{FORECAST} {name}"
            found[key] = values
            if key in self._curves:
                found[f"{key} as power"] = self._curves[key].at(values)
        for shift in (-1, 1):
            near = self._forecast(Moments(moments.known, np.maximum(moments.valid + shift, moments.known)))
            found |= {f"{FORECAST} {n} {shift:+d}": v for n, v in near.items() if n.startswith(SPEED)}
        if self._measured is None:
            return found
        hour = max(1, self._measured.per_day // 24)
        recent = Recent(self._measured)
        for k, name in enumerate(self._measured.points):
            found[name] = recent.last(moments.known)[:, k]
        for h in MEANS_H:
            mean, before = recent.mean(moments.known, h * hour), recent.mean(moments.known, h * hour, back=h * hour)
            for k, name in enumerate(self._measured.points):
                found[f"{name} mean {h} h"] = mean[:, k]
                found[f"{name} rise {h} h"] = mean[:, k] - before[:, k]
        for name, curve in self._curves.items():
            if name in self._measured.points:
                found[f"{name} as power"] = curve.at(found[f"{name} mean 1 h"])
        return found

    def sound(self, moments: Moments) -> BoolArray:
        """Where the inputs are known: the weather of the interval as a whole, the measurements not too old. [moment]"""
        fine = np.ones(len(moments), dtype=bool)
        if self._runs is not None:
            fine &= np.isfinite(np.stack(list(self._forecast(moments).values()))).all(axis=0)
        if self._measured is not None:
            age = moments.known[:, None] - Recent(self._measured).newest(moments.known)
            fine &= (age <= OLDEST_H * max(1, self._measured.per_day // 24)).all(axis=1)
        return fine

    def _forecast(self, moments: Moments) -> dict[str, FloatArray]:
        """Newest known weather of the intervals: name → [moment]."""
        if self._runs is None:
            return {}
        found = self._runs.at(moments.known * self._runs.step_ns, moments.valid)
        return _parts({name: found[:, k] for k, name in enumerate(self._runs.columns)})

    def _newest(self, moments: Moments, back: int) -> dict[str, FloatArray]:
        """Measurements of the interval itself, for the power curve alone: name → [moment]."""
        if self._measured is None:
            return {}
        found = look(self._measured, moments.valid, moments.valid + back)
        return {name: found[:, k] for k, name in enumerate(self._measured.points)}


def _split(past: Past) -> Past:
    """Directions as parts."""
    columns = _parts({name: past.values[:, k] for k, name in enumerate(past.points)})
    return Past(tuple(columns), np.column_stack(list(columns.values())), past.first, past.step_ns)


def _parts(columns: dict[str, FloatArray]) -> dict[str, FloatArray]:
    """Every direction [°] as east and north parts of one; the others as they are."""
    found: dict[str, FloatArray] = {}
    for name, values in columns.items():
        if name.startswith(DIRECTION):
            found |= {f"{name} east": np.sin(np.radians(values)), f"{name} north": np.cos(np.radians(values))}
        else:
            found[name] = values
    return found
