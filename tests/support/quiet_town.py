"""A town whose load is known by heart, its weather, and a forecaster that always says the same."""

from __future__ import annotations

import copy
from typing import Any, Self

import numpy as np
import pandas as pd

from gridloop.forecast.known.routine import Routine
from gridloop.forecast.value import Forecast

HOURS = 24
FIT = pd.Timestamp("2021-06-01", tz="UTC")


def town(days: int = 250, seed: int = 0, *, level: float = 0.04) -> pd.DataFrame:
    """Hourly load of about 100 MW with two peaks, quiet weekends, a level of each day (4 %), 1.5 % of noise."""
    index = pd.date_range("2021-01-01", periods=HOURS * days, freq="h", tz="UTC", name="valid_at")
    hour = np.asarray(index.hour, dtype=float)
    shape = 1.0 + 0.5 * np.exp(-((hour - 8.0) ** 2) / 6.0) + 0.8 * np.exp(-((hour - 19.0) ** 2) / 8.0)
    weekend = np.where(np.asarray(index.weekday) >= 5, 0.8, 1.0)
    rng = np.random.default_rng(seed)
    levels = np.repeat(1.0 + level * rng.standard_normal(days), HOURS)
    noise = 1.0 + 0.015 * rng.standard_normal(len(index))
    return pd.DataFrame({"town": 80.0 * shape * weekend * levels * noise}, index=index)


def sky(days: int = 252, seed: int = 1) -> pd.DataFrame:
    """Temperature that follows the day, never twice the same."""
    index = pd.date_range("2021-01-01", periods=HOURS * days, freq="h", tz="UTC", name="valid_at")
    wave = 10.0 + 8.0 * np.sin(2.0 * np.pi * (np.asarray(index.hour) - 9) / 24.0)
    return pd.DataFrame({"temperature": wave + np.random.default_rng(seed).standard_normal(len(index))}, index=index)


class Steady:
    """Says 100 ± 5 MW whatever it is shown, and keeps what it was shown."""

    def __init__(self) -> None:
        self.routine = Routine("UTC", pd.Timedelta("12h"))
        self.points: tuple[str, ...] = ()
        self.shown: list[pd.DataFrame] = []

    def fit(self, history: pd.DataFrame, *, until: pd.Timestamp, **inputs: Any) -> Self:
        self.points = tuple(history.columns)
        self.learned = history
        return self

    def predict(
        self, history: pd.DataFrame, issued_at: pd.Timestamp, valid_at: pd.DatetimeIndex, **inputs: Any
    ) -> Forecast:
        self.shown.append(history)
        self.inputs = inputs
        values = np.broadcast_to(np.array([95.0, 100.0, 105.0])[:, None, None], (3, len(valid_at), len(self.points)))
        return Forecast.from_arrays(issued_at, self.points, valid_at, values, dict.fromkeys(self.points, "steady"))

    def copy(self) -> Self:
        return copy.deepcopy(self)
