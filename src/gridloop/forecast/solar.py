"""SolarForecaster: output of solar plants from the sun's place, the newest sky and the last days, and from weather."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Self

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange, listed
from gridloop.forecast.direct.design import Design
from gridloop.forecast.direct.forecaster import DirectForecaster, Persistence
from gridloop.forecast.features.clear_sky_index import envelope, newest_index
from gridloop.forecast.features.lags import Recent, earlier_days, known_mean, ranked, same_time
from gridloop.forecast.features.sun import sun
from gridloop.forecast.known.asked import asked
from gridloop.forecast.known.moments import Moments, look
from gridloop.forecast.known.past import Past, known_past
from gridloop.forecast.known.record import Record
from gridloop.forecast.models import persistence
from gridloop.forecast.models.level_boosting import FEW, LEARNED, Curve
from gridloop.forecast.plants.solar_plant import Plant
from gridloop.forecast.plants.solar_weather import WeatherSolar
from gridloop.forecast.value import QUANTILES, Forecast, quantile_columns
from gridloop.units import BoolArray, FloatArray

DAYS = 28

DARKEST_DEG = -15.0
"""Below this the sun is down whatever the history says."""

LEAST_OUTPUT = 0.002
"""Share of capacity that counts as output when the darkest hour of a plant is learned."""

DAYLIGHT = 0.01
"""Share of capacity below which the envelope counts as night for the clear-sky index."""

BRIGHTEST = 1.2
"""The index of persistence goes no higher: at a cloud's edge it briefly does."""

WEATHER_MODEL = "weather boosting"

WEATHER_MEMORY_DAYS = 125.0
"""Days that a prediction by weather looks back: 90 of ranks, 28 of lags before them, and a week."""


class SolarForecaster(DirectForecaster):
    """Quantiles of solar power. [MW]

    capacity  per point [MW]
    plants    per point, where a plant is known better than by its capacity; with weather only, but for its rating,
              above which no answer is where there is no capacity
    levels    probabilities of the quantiles, such as 0.01 … 0.99; None: 0.1, 0.5, 0.9
    trees     of each level's model, with weather

    With `weather`, given to `fit` and to `predict`: physics, boosted trees per plant and calibrated levels, see
    `WeatherSolar`. Weather is a `Record` whose `known_at` says when each row was published (of several runs the
    newest known at issue is seen), or a table, taken as known at every issue. Columns: `ghi` [W/m²], and where there
    `temperature` [°C], `wind_speed` [m/s], `dni`, `dhi`, `cloud_cover` and any others; (point, column) where plants
    have weather of their own. What the weather does not cover comes from the model without it, by name.

    Without weather:
    Answers are shares of the point's own clear-sky envelope. Zero while the sun is down: lower than whenever the
    point gave power in its history, or at a time of day at which none of the last 28 days gave any.
    Fallbacks: yesterday, the clear-sky index of the last hours, climatology.
    """

    kind = "solar"

    def __init__(
        self,
        latitude_deg: float,
        longitude_deg: float,
        capacity: Mapping[str, float],
        *,
        zone: str = "UTC",
        plants: Mapping[str, Plant] | None = None,
        levels: Sequence[float] | None = None,
        trees: int = 200,
        seed: int = 0,
        threads: int = 2,
    ) -> None:
        if not (-90.0 <= latitude_deg <= 90.0 and -180.0 <= longitude_deg <= 180.0):
            raise OutOfRange(
                f"place: latitude {latitude_deg:g}, longitude {longitude_deg:g}; allowed are ±90 and ±180 degrees.",
                latitude_deg=latitude_deg,
                longitude_deg=longitude_deg,
            )
        super().__init__(capacity=capacity, zone=zone, seed=seed, threads=threads)
        if levels is not None:
            quantile_columns(levels)
        self.latitude_deg = latitude_deg
        self.longitude_deg = longitude_deg
        self.plants = dict(plants or {})
        self.levels = tuple(QUANTILES.values()) if levels is None else tuple(levels)
        self.trees = trees
        self.by_weather: WeatherSolar | None = None

    def fit(self, history: pd.DataFrame, *, until: pd.Timestamp, weather: Record | pd.DataFrame | None = None) -> Self:
        """As `DirectForecaster.fit`; with weather that was known at `until` also the models that see it.

        Raises `MissingColumn` where the weather has no `ghi`, `OutOfRange` where it lies off the clock of the history.
        """
        super().fit(history, until=until)
        rated = {p: plant.capacity_mw for p, plant in self.plants.items()} | self.capacity
        self._top = np.array([rated.get(p, np.inf) for p in self.points])
        self.by_weather = None
        if weather is None:
            return self
        lost = [p for p in self.points if p not in self.plants and p not in self.capacity]
        if lost:
            raise OutOfRange(f"capacity: {listed(lost)} have none. With weather every plant needs it.", points=lost)
        place = (self.latitude_deg, self.longitude_deg)
        plants = {p: self.plants[p] if p in self.plants else Plant(*place, self.capacity[p]) for p in self.points}
        past = known_past(history, self.points, until, step=self._step).at_least_zero()
        slots = past.first + np.arange(len(past.values))
        learned = FEW if len(self.levels) == len(QUANTILES) else LEARNED
        model = WeatherSolar(plants, seed=self.seed, trees=self.trees, levels=learned)
        model.fit(past, weather, self._dark(past, Moments(slots, slots)), _hours(weather, until))
        self.by_weather = model
        return self

    def predict(
        self,
        history: pd.DataFrame,
        issued_at: pd.Timestamp,
        valid_at: pd.DatetimeIndex,
        *,
        weather: Record | pd.DataFrame | None = None,
    ) -> Forecast:
        """As `DirectForecaster.predict`; weather whose `known_at` is after `issued_at` is not looked at.

        history  back to 125 days where the newest ranks shall count in full; less is fine
        Raises `OutOfRange` where the weather or the step is not what the fit had.
        """
        base = super().predict(history, issued_at, valid_at)
        if self.by_weather is None:
            if weather is not None:
                raise OutOfRange("weather: the forecaster was fitted without. Fit it with weather, or leave it out.")
            if len(self.levels) == len(QUANTILES):
                return base
        levels = np.asarray(self.levels)
        three = base.arrays()[:, :, [base.points.index(p) for p in self.points]]
        curve = Curve.through(np.array(list(QUANTILES.values())), three.reshape(len(QUANTILES), -1).T)
        spread = np.clip(curve.at(levels).reshape(len(levels), *three.shape[1:]), 0.0, self._top)
        models = {p: str(base.model[p]) for p in self.points}
        if self.by_weather is None or weather is None:
            return Forecast.from_arrays(issued_at, self.points, valid_at, spread, models, levels=self.levels)
        past = known_past(history, self.points, issued_at, step=self._step, days=WEATHER_MEMORY_DAYS).at_least_zero()
        moments = asked(past, issued_at, valid_at)
        issue_ns = int(issued_at.as_unit("ns").value)
        dark = self._dark(past, moments)
        found = self.by_weather.predict(past, weather, moments, issue_ns, dark, levels)
        for k, point in enumerate(self.points):
            seen = np.isfinite(found[:, :, k]).all(axis=0)
            if seen.all():
                models[point] = WEATHER_MODEL
            elif (seen & ~dark[:, k]).any():
                models[point] = f"{WEATHER_MODEL}+{models[point]}"
        values = np.clip(np.where(np.isfinite(found), found, spread), 0.0, self._top)
        values = np.where(dark, 0.0, values)
        return Forecast.from_arrays(issued_at, self.points, valid_at, values, models, levels=self.levels)

    def _prepare(self, past: Past) -> None:
        highest = self._sun(past, past.first + np.arange(len(past.values))).highest_deg
        gives = np.nan_to_num(past.values) > LEAST_OUTPUT * self._unit
        lowest = np.where(gives, highest[:, None], np.inf).min(axis=0, initial=0.0)
        self._dark_below_deg = np.maximum(lowest, DARKEST_DEG)

    def _sun(self, past: Past, slots: np.ndarray):  # type: ignore[no-untyped-def]
        return sun(past, slots, self.latitude_deg, self.longitude_deg)

    def _dark(self, past: Past, moments: Moments) -> BoolArray:
        highest = self._sun(past, moments.valid).highest_deg
        return np.asarray(highest[:, None] < self._dark_below_deg) | self._never_lit(past, moments)

    def _never_lit(self, past: Past, moments: Moments) -> BoolArray:
        """Where the last days gave nothing at this time nor a step before or after it. [moment, point]"""
        slots = earlier_days(past, moments, DAYS)
        best = [look(past, slots + shift, moments.known) for shift in (-1, 0, 1)]
        least = LEAST_OUTPUT * self._unit
        gave, known = (np.any([f(b).any(axis=1) for b in best], axis=0) for f in (lambda b: b > least, np.isfinite))
        return np.asarray(known & ~gave)

    def _persistence(self) -> dict[str, Persistence]:
        return {"day": persistence.day, "clear_sky_index": self._index_goes_on}

    def _index_goes_on(self, past: Past, moments: Moments) -> FloatArray:
        """The clear-sky index of the last 3 hours of daylight on the envelope of the interval."""
        hour = max(1, past.per_day // 24)
        index = newest_index(past, moments, 3 * hour, DAYLIGHT * self._unit).own
        return np.where(index >= 0.0, np.minimum(index, BRIGHTEST), np.nan) * envelope(past, moments)

    def _design(self, past: Past, moments: Moments) -> Design:
        recent = Recent(past)
        day = past.per_day
        hour = max(1, day // 24)
        unit = self._unit
        mean = partial(recent.mean, moments.known)
        slots = earlier_days(past, moments, DAYS)
        days = same_time(past, moments, slots)
        ordered = np.sort(days, axis=1)
        clear = ranked(ordered, 0.9)
        now = self._sun(past, moments.valid)
        before = self._sun(past, slots[:, DAYS // 2]).clear_w_per_m2
        one, three = (newest_index(past, moments, h * hour, DAYLIGHT * unit) for h in (1, 3))
        month = mean(28 * day)
        values = {
            "clear": clear,
            "best": ordered[:, -1],
            "day": days[:, 0],
            "mean_3": known_mean(days[:, :3]),
            "mean_7": known_mean(days[:, :7]),
            "mean_28": known_mean(days),
            "middle": ranked(ordered, 0.5),
            "low": ranked(ordered, 0.1),
            "spread": days.std(axis=1),
            "newest": recent.last(moments.known),
            "newest_1h": mean(hour),
            "newest_24h": mean(day),
            "before_24h": mean(day, back=day),
            "newest_7d": mean(7 * day),
        }
        columns = {
            "lead": (moments.valid[:, None] - recent.newest(moments.known)).astype(float),
            "elevation": now.elevation_deg,
            "azimuth": now.azimuth_deg,
            "clear_sky": now.clear_w_per_m2,
            "season": now.clear_w_per_m2 / np.maximum(before, 20.0),
            "index_1h": one.own,
            "index_3h": three.own,
            "index_1h_fleet": one.fleet,
            "index_3h_fleet": three.fleet,
        }
        columns |= {name: value / unit for name, value in values.items()}
        share = mean(day) / np.maximum(month, 1e-3 * unit)
        columns["day_index"] = share
        columns["day_index_fleet"] = share.mean(axis=1)
        age = moments.known[:, None] - recent.newest(moments.known)
        sound = np.isfinite(clear) & np.isfinite(share) & (age <= 2 * hour)
        sound &= recent.known_share(moments.known, 7 * day) >= 0.7
        scale = np.maximum(np.nan_to_num(clear), 0.02 * unit)
        lit = (now.highest_deg[:, None] >= self._dark_below_deg) & ~self._never_lit(past, moments)
        return Design(columns, np.zeros_like(scale), scale, scale / unit, lit, sound)


def _hours(weather: Record | pd.DataFrame, until: pd.Timestamp) -> list[float]:
    """Hours of the UTC day at which there will be an issue: when weather becomes known, else when `until` is."""
    known = pd.DatetimeIndex(weather.known_at) if isinstance(weather, Record) and not weather.note else None
    if known is None:
        known = pd.DatetimeIndex([until])
    utc = known.tz_convert("UTC")
    return sorted(set(((utc - utc.normalize()) / pd.Timedelta("1h")).to_numpy(dtype=float).tolist()))
