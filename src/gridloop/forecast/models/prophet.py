"""Prophet: a trend that bends, Fourier series for year, week and day, holidays and temperature; extra `prophet`.

It looks at the clock and the weather and not at yesterday: a reference for what a calendar knows. The day has one shape
on working days and one on days of rest. Taylor, Letham 2018, "Forecasting at scale".
"""

from __future__ import annotations

import logging
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from gridloop.errors import MissingExtra
from gridloop.forecast.known.local import local_slots, weekday
from gridloop.forecast.known.past import Past
from gridloop.forecast.models.day_model import DayModel, temperature_at
from gridloop.forecast.value import QUANTILES
from gridloop.units import FloatArray, IntArray

KNOTS = (0.3, 0.7, 0.9)
"""Shares of the training's temperatures at which the response bends."""

DAY_ORDER = 10
"""Sines of the day's shape."""

LEAST_YEAR_DAYS = 500
"""Days of training below which a season of the year would be made up."""

WORK, REST = "work", "rest"


class ProphetForecaster(DayModel):
    """Quantiles by Prophet; the band is that of what it left in training, at the same time of day."""

    name: ClassVar[str] = "prophet"
    least_days: ClassVar[int] = 28

    def _learn(self, past: Past, k: int, air: Past | None) -> None:
        if k == 0:
            self._texts: list[str] = []
            self._logs: list[bool] = []
            self._bands: list[FloatArray] = []
        package = _package()
        known = past.values[np.isfinite(past.values[:, k]), k]
        self._logs.append(bool((known > 0.0).all()))
        if air is not None:
            self._bends = np.nanquantile(air.values[:, 0], KNOTS)
        slots = past.first + np.arange(len(past.values))
        table = self._table(past, slots, air)
        y = np.log(past.values[:, k]) if self._logs[k] else past.values[:, k]
        table["y"] = y
        table = table.dropna()
        model = package.Prophet(
            yearly_seasonality=len(y) > LEAST_YEAR_DAYS * past.per_day,
            weekly_seasonality=True,
            daily_seasonality=False,
            uncertainty_samples=0,  # the band is learned from what it leaves; nothing is drawn
        )
        for sort in (WORK, REST):
            model.add_seasonality(f"day_{sort}", period=1, fourier_order=DAY_ORDER, condition_name=sort)
        for column in self._regressors(air):
            model.add_regressor(column)
        model.fit(table, seed=self.seed + 1)
        from prophet.serialize import model_to_json

        self._texts.append(model_to_json(model))
        off = table["y"].to_numpy() - model.predict(table.drop(columns="y"))["yhat"].to_numpy()
        clock = local_slots(past, slots, self.routine.zone)[table.index] % past.per_day
        band = np.zeros((len(QUANTILES), past.per_day))
        for slot in range(past.per_day):
            here = off[clock == slot]
            if len(here):
                band[:, slot] = np.quantile(here, list(QUANTILES.values()))
        band[1] = 0.0
        self._bands.append(band)

    def _say(self, past: Past, k: int, valid: IntArray, air: Past | None) -> FloatArray:
        _package()
        from prophet.serialize import model_from_json

        table = self._table(past, valid, air)
        answer = np.full((len(QUANTILES), len(valid)), np.nan)
        sound = np.asarray(table.notna().all(axis=1))
        if sound.any():
            middle = model_from_json(self._texts[k]).predict(table[sound])["yhat"].to_numpy()
            clock = local_slots(past, valid, self.routine.zone)[sound] % past.per_day
            answer[:, sound] = middle + self._bands[k][:, clock]
        return np.exp(answer) if self._logs[k] else answer

    def _regressors(self, air: Past | None) -> list[str]:
        own = ["holiday"] if self.holidays else []
        if air is None:
            return own
        return [*own, *(f"{t}{b}" for t in ("air", "mean") for b in ("", *range(len(KNOTS))))]

    def _table(self, past: Past, slots: IntArray, air: Past | None) -> pd.DataFrame:
        """What Prophet sees at slots: the local clock, the sort of day, the regressors."""
        n = past.per_day
        local = local_slots(past, slots, self.routine.zone)
        holiday = self.rests(local // n)
        rest = (weekday(local, n) >= 5) | (holiday > 0.0)
        # on the local clock the hour that comes twice stands there twice, which Prophet does not mind
        columns: dict[str, Any] = {
            "ds": past.times(local).tz_localize(None), WORK: ~rest, REST: rest,
        }  # fmt: skip
        if self.holidays:
            columns["holiday"] = holiday
        if air is not None:
            now = temperature_at(air, slots)
            mean = np.mean([temperature_at(air, slots - back) for back in range(n)], axis=0)
            for name, t in (("air", now), ("mean", mean)):
                columns[name] = t
                columns |= {f"{name}{b}": np.maximum(t - bend, 0.0) for b, bend in enumerate(self._bends)}
        return pd.DataFrame(columns)


def _package() -> Any:
    """The package. Raises `MissingExtra` where it is not installed."""
    try:
        import prophet
    except ImportError as error:
        raise MissingExtra(
            "prophet is not installed. Install it with `pip install gridloop[prophet]`.", extra="prophet"
        ) from error
    logging.getLogger("cmdstanpy").disabled = True  # it tells of every fit, on the standard error
    logging.getLogger("prophet").setLevel(logging.ERROR)  # and this of two years that lack half a day
    return prophet
