"""Transform: what every family of features offers, and the scene that it looks at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from gridloop.errors import GapInSeries
from gridloop.forecast.known.moments import Moments
from gridloop.forecast.known.past import Past
from gridloop.units import FloatArray, IntArray


@dataclass(frozen=True)
class Scene:
    """What may be looked at for a set of moments.

    past     values of one point; features reach them through `look`, which hides what is not over at issue
    moments  pairs of issue and interval
    zone     of the local clock
    weather  columns such as `temperature` [°C], ahead of the issue as far as it is forecast; None: no weather
    """

    past: Past
    moments: Moments
    zone: str
    weather: Past | None = None


class Transform(Protocol):
    """A family of features: learns what it needs from a training scene, then makes columns of any other."""

    def fit(self, scene: Scene) -> Self: ...

    def transform(self, scene: Scene) -> dict[str, FloatArray]:
        """Name → [moment]."""
        ...


def seen(weather: Past, column: str, slots: IntArray) -> FloatArray:
    """Weather at slots. Same shape. Raises `GapInSeries` where it does not reach so far, or has a gap."""
    values = weather.values[:, weather.points.index(column)]
    row = slots - weather.first
    outside = (row < 0) | (row >= len(values))
    found: FloatArray = np.where(outside, np.nan, values[np.clip(row, 0, max(0, len(values) - 1))])
    gaps = int(np.isnan(found).sum())
    if gaps:
        first = weather.times(np.atleast_1d(slots[np.isnan(found)])[:1])[0]
        raise GapInSeries(
            f"weather: {column} is missing for {gaps} of {found.size} intervals asked for, first {first}. Give "
            "weather for the whole horizon, fill its gaps by name, or fit without weather.",
            count=gaps,
            first=first,
        )
    return found
