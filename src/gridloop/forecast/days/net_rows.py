"""Net rows: the numbers that the experts of a net load see; generation behind the meter may turn it negative."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator

import numpy as np

from gridloop.forecast.days.rows import BEYOND, DAYS, LEAST_KNOWN, DayRows
from gridloop.forecast.features.holidays import DayKinds
from gridloop.forecast.features.lags import Recent, earlier_days, known_mean, same_time
from gridloop.forecast.features.renewables import RADIATION, RATED_M_PER_S, WIND_SPEED, panels, power_curves
from gridloop.forecast.features.transform import Scene, seen
from gridloop.forecast.features.weather import TEMPERATURE
from gridloop.forecast.known.local import local_slots
from gridloop.forecast.known.moments import look
from gridloop.forecast.models import persistence
from gridloop.units import FloatArray, IntArray

WAVES = 5
"""Pairs of sine and cosine of the day."""

WARM_C = (5.0, 16.0)
"""Temperatures at which heating and cooling may begin."""


class NetRowMaker:
    """Rows of a net load, in units of its spread; the scale is the same for all rows.

    unit     MW
    weather  columns of the weather; `temperature`, `radiation` and `wind_speed` have columns made of them, any other
             goes to the trees as it is
    """

    def __init__(self, holidays: Iterable[dt.date], unit: float, weather: tuple[str, ...]) -> None:
        self._kinds = DayKinds(holidays)
        self.unit, self._weather = unit, weather

    def fit(self, scene: Scene) -> DayRows:
        """Learn how the columns are standardised; the rows of the training scene."""
        self._top = {
            name: float(np.nanmax(np.abs(scene.weather.values[:, k]))) or 1.0
            for k, name in enumerate(self._weather)
            if scene.weather is not None
        }
        self._middle, self._spread = np.zeros(1), np.ones(1)
        self._low, self._high = np.full(1, -np.inf), np.full(1, np.inf)
        x = self.make(scene).linear
        self._middle = np.nanmean(x, axis=0)
        spread = np.nanstd(x, axis=0)
        self._middle[0], spread[0] = 0.0, 1.0
        self._spread = np.where(spread > 1e-9, spread, 1.0)
        low, high = (f((x - self._middle) / self._spread, axis=0) for f in (np.nanmin, np.nanmax))
        self._low, self._high = low - BEYOND * (high - low), high + BEYOND * (high - low)
        return self.make(scene)

    def make(self, scene: Scene) -> DayRows:
        """Rows of the scene's moments. Raises `GapInSeries` where weather does not cover them."""
        past, moments, per_day = scene.past, scene.moments, scene.past.per_day
        local = local_slots(past, moments.valid, scene.zone)
        then = earlier_days(past, moments, 1, zone=scene.zone)[:, 0]
        week_then = earlier_days(past, moments, 1, zone=scene.zone, every=7)[:, 0]
        days = same_time(past, moments, earlier_days(past, moments, DAYS, zone=scene.zone))[:, :, 0] / self.unit
        weeks = same_time(past, moments, earlier_days(past, moments, 2, zone=scene.zone, every=7))[:, :, 0] / self.unit
        recent = Recent(past)
        newest = recent.mean(moments.known, per_day)[:, 0] / self.unit
        lags = [days[:, 0], days[:, 1], weeks[:, 0], known_mean(days[:, :, None])[:, 0], newest]
        sound = recent.known_share(moments.known, DAYS * per_day)[:, 0] >= LEAST_KNOWN
        rest = self._kinds.rest(local, per_day)
        now = list(self._of_weather(scene, moments.valid))
        before = list(self._of_weather(scene, then))
        shape = list(_day_shape(local, rest, per_day))
        x = np.column_stack([np.ones(len(moments)), *shape, *now, *before, *lags])
        self.linear_names = (
            "level", *(f"day_{k}" for k in range(len(shape))), *self._names_of_weather(""),
            *self._names_of_weather("_then"), "day", "day_before", "week", f"mean_{DAYS}", "newest_24h",
        )  # fmt: skip
        self.tree_names = (
            "slot", "rest", "lead", *(f"{name}{when}" for when in ("", "_then", "_week") for name in self._weather),
            *("day" if k == 0 else f"{k}_days_before_day" for k in range(DAYS)), "week", "week_before", f"mean_{DAYS}",
            "newest_24h", "rest_then", "linear model",
        )  # fmt: skip
        trees = [(local % per_day).astype(float), rest.astype(float), moments.lead.astype(float)]
        trees += [*self._raw(scene, moments.valid), *self._raw(scene, then), *self._raw(scene, week_then)]
        trees += [*days.T, *weeks.T, *lags[3:], self._kinds.rest(local_slots(past, then, scene.zone), per_day)]
        week = persistence.week(past, moments, scene.zone)[:, 0]
        return DayRows(
            moments=moments,
            day=local // per_day,
            slot=local % per_day,
            linear=np.clip((x - self._middle) / self._spread, self._low, self._high),
            trees=np.column_stack(trees),
            scale=np.where(sound, self.unit, np.nan),
            came=look(past, moments.valid, moments.valid + 1)[:, 0],
            week=np.where(np.isfinite(week), week, persistence.day(past, moments, scene.zone)[:, 0]),
        )

    def _of_weather(self, scene: Scene, slots: IntArray) -> Iterator[FloatArray]:
        """Columns of what weather does: panels, turbines, heating and cooling. [row]"""
        weather = scene.weather
        if weather is None:
            return
        angle = 2.0 * np.pi * (local_slots(weather, slots, scene.zone) % weather.per_day) / weather.per_day
        if RADIATION in self._weather:
            share = seen(weather, RADIATION, slots) / self._top[RADIATION]
            yield from panels(share, angle).T
            yield np.maximum(share, 0.0) ** 2
        if WIND_SPEED in self._weather:
            yield from power_curves(seen(weather, WIND_SPEED, slots)).T
        if TEMPERATURE in self._weather:
            air = seen(weather, TEMPERATURE, slots)
            yield air
            yield from (np.maximum(air - knot, 0.0) for knot in WARM_C)

    def _names_of_weather(self, when: str) -> Iterator[str]:
        """Names of the columns of `_of_weather`."""
        if RADIATION in self._weather:
            yield from (f"{name}{when}" for name in ("sun_east", "sun_south", "sun_west", "sun_squared"))
        if WIND_SPEED in self._weather:
            yield from (f"turbine_{rated:g}{when}" for rated in RATED_M_PER_S)
        if TEMPERATURE in self._weather:
            yield from (f"{name}{when}" for name in ("air", *(f"air_above_{knot:g}" for knot in WARM_C)))

    def _raw(self, scene: Scene, slots: IntArray) -> Iterator[FloatArray]:
        if scene.weather is not None:
            yield from (seen(scene.weather, name, slots) for name in self._weather)


def _day_shape(local: IntArray, rest: IntArray, per_day: int) -> Iterator[FloatArray]:
    """Waves of the day, and others of fewer for Saturdays and for Sundays and holidays. [row]"""
    angle = 2.0 * np.pi * (local % per_day) / per_day
    for k in range(1, WAVES + 1):
        yield np.sin(k * angle)
        yield np.cos(k * angle)
    for kind in (1, 2):
        here = (rest == kind).astype(float)
        yield here
        for k in range(1, WAVES - 1):
            yield here * np.sin(k * angle)
            yield here * np.cos(k * angle)
