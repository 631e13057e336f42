"""The outlook of a run: what is expected of every group, corrected by the newest errors, with a fallback by name."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from gridloop.forecast.direct import MODEL
from gridloop.forecast.feeder import FeederForecaster
from gridloop.forecast.place import Place
from gridloop.forecast.value import Forecast
from gridloop.operate.decide.known import Groups
from gridloop.operate.settings import SiteSettings

Note = tuple[str, str, str]
A_WEEK = pd.Timedelta(days=7)
# One thread: two cores are soon shared with something else, and waiting threads then cost far more than they save.
THREADS = 1


class Outlook:
    """Forecasts of all groups of a site; it keeps nothing between ticks, so that a resumed run sees the same.

    capacity  rated power of the generator groups [MW]; place: latitude and longitude [°]
    """

    def __init__(
        self, settings: SiteSettings, groups: Groups, capacity: Mapping[str, float], place: tuple[float, float]
    ) -> None:
        self._step = pd.Timedelta(minutes=settings.loop.step_min)
        self._delay = pd.Timedelta(seconds=settings.readings.delay_s)
        self._learns = settings.forecast.model == "lightgbm"
        self._model = FeederForecaster(
            groups.kind, capacity, Place(*place, settings.timezone), seed=settings.seed, threads=THREADS
        )

    def fit(self, power: pd.DataFrame, until: pd.Timestamp) -> None:
        """Learn from the past of every group. [time, group], MW"""
        # A week is too little to learn from: the forecasters then stand by their fallbacks, persistence by name.
        self._model.fit(power if self._learns else power[power.index >= until - A_WEEK], until=until)

    def forecast(self, power: pd.DataFrame, at: pd.Timestamp, valid_at: pd.DatetimeIndex) -> Forecast:
        """What is expected, from what was known at `at`; readings that were still on their way are left out."""
        known = power[pd.DatetimeIndex(power.index) + self._step + self._delay <= at]
        return self._model.predict(known, at, valid_at)

    def notes(self, forecast: Forecast) -> list[Note]:
        """A note for every point whose model had to be replaced."""
        if not self._learns:
            return []
        return [("degraded", str(p), f"forecast by {model}") for p, model in forecast.model.items() if model != MODEL]
