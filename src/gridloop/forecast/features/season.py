"""Season: where in the year and in the day an interval lies."""

from __future__ import annotations

from typing import Self

import numpy as np

from gridloop.forecast.features.calendar import calendar
from gridloop.forecast.features.transform import Scene
from gridloop.forecast.known.local import local_slots
from gridloop.units import FloatArray

DAYS_OF_YEAR = 365.2425
WAVES = 2


class Season:
    """Hour, weekday, and the year as `WAVES` pairs of sine and cosine."""

    def fit(self, scene: Scene) -> Self:
        """Nothing to learn."""
        return self

    def transform(self, scene: Scene) -> dict[str, FloatArray]:
        """Name → [moment]."""
        columns = calendar(scene.past, scene.moments, scene.zone)
        day = local_slots(scene.past, scene.moments.valid, scene.zone) / scene.past.per_day
        for k in range(1, WAVES + 1):
            turn = 2.0 * np.pi * k * day / DAYS_OF_YEAR
            columns |= {f"year_sin_{k}": np.sin(turn), f"year_cos_{k}": np.cos(turn)}
        return columns
