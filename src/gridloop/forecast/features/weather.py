"""Weather: heating and cooling degrees, temperatures as a building feels them, and the extremes of the day."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd

from gridloop.forecast.features.lags import earlier_days
from gridloop.forecast.features.transform import Scene, seen
from gridloop.forecast.known.local import local_slots
from gridloop.forecast.known.past import Past
from gridloop.units import FloatArray

TEMPERATURE = "temperature"
HALF_LIVES_H = (2.0, 6.0, 24.0, 72.0)
"""How slowly walls follow the air: the smoothed temperatures."""

KNOTS: dict[str, tuple[float, ...]] = {
    "air": (0.15, 0.35, 0.55, 0.75, 0.87, 0.94, 0.98),
    "slow_2h": (0.93,),
    "slow_6h": (0.5, 0.75, 0.9, 0.96),
    "slow_24h": (0.5, 0.75, 0.9),
    "slow_72h": (0.85,),
    "day_high": (0.7, 0.93),
    "day_high_before": (0.7,),
    "air_then": (0.35, 0.6, 0.8, 0.92, 0.97),
}
"""Shares of each temperature's training values at which the response may bend; denser where cooling sets in."""

ABOVE = "_above_"


class Temperature:
    """Temperature now, before, smoothed, and the degrees by which each exceeds its knots; the day's extremes.

    The degrees above the lower knots, less the temperature, are heating degrees; those above the upper ones cooling
    degrees. A linear model that sees both draws any broken line. The knots are learned from the training weather.
    """

    def fit(self, scene: Scene) -> Self:
        """Learn the knots. Raises `GapInSeries` where the weather does not cover a moment."""
        plain = _temperatures(scene)
        self._knots = {name: np.nanquantile(plain[name], shares) for name, shares in KNOTS.items()}
        return self

    def transform(self, scene: Scene) -> dict[str, FloatArray]:
        """Name → [moment]; degrees above a knot have `ABOVE` in their names. Raises as `fit` does."""
        columns = _temperatures(scene)
        for name, knots in self._knots.items():
            columns |= {f"{name}{ABOVE}{k}": np.maximum(columns[name] - knot, 0.0) for k, knot in enumerate(knots)}
        return columns


def _temperatures(scene: Scene) -> dict[str, FloatArray]:
    """The temperatures without bends: name → [moment]."""
    weather, past, valid = scene.weather, scene.past, scene.moments.valid
    assert weather is not None
    hour = past.per_day // 24
    then = earlier_days(past, scene.moments, 1, zone=scene.zone)[:, 0]
    week = earlier_days(past, scene.moments, 1, zone=scene.zone, every=7)[:, 0]
    slots = {"air": valid, "air_then": then, "air_week": week}
    slots |= {f"air_{back}h_ago": valid - back * hour for back in (1, 3, 6)}
    columns = {name: seen(weather, TEMPERATURE, at) for name, at in slots.items()}
    air = pd.Series(weather.values[:, weather.points.index(TEMPERATURE)])
    smooth = {h: _with(weather, air.ewm(halflife=h * hour).mean().to_numpy()) for h in HALF_LIVES_H}
    columns |= {f"slow_{h:g}h": seen(slow, TEMPERATURE, valid) for h, slow in smooth.items()}
    columns["slow_then"] = seen(smooth[24.0], TEMPERATURE, then)
    day, high, low, mean = _days(weather, past, scene.zone)
    row = local_slots(past, valid, scene.zone) // past.per_day - day
    columns |= {"day_high": high[row], "day_low": low[row], "day_mean": mean[row]}
    columns |= {"day_high_before": high[row - 1], "day_mean_before": mean[row - 1]}
    return columns


def _with(weather: Past, values: FloatArray) -> Past:
    return Past((TEMPERATURE,), values[:, None], weather.first, weather.step_ns)


def _days(weather: Past, past: Past, zone: str) -> tuple[int, FloatArray, FloatArray, FloatArray]:
    """First local day, and the highest, lowest and mean temperature of every local day from there on."""
    air = weather.values[:, weather.points.index(TEMPERATURE)]
    day = local_slots(past, weather.first + np.arange(len(air)), zone) // past.per_day
    start = np.flatnonzero(np.r_[True, day[1:] != day[:-1]])
    count = np.diff(np.r_[start, len(air)])
    mean = np.add.reduceat(air, start) / count
    return int(day[0]), np.maximum.reduceat(air, start), np.minimum.reduceat(air, start), mean
