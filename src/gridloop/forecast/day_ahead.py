"""DayAheadForecaster: whole local days of load, issued at one fixed hour; several experts, weighted online.

Fit: the features of every past day as its issue saw it; a linear model whose coefficients drift, trees, trees on what
the linear model leaves; weights and band from the newest weeks, by models that had not seen them. Predict: the days
since the fit are gone through one by one, each learned from only after it was forecast, so the answer depends on what
was known and not on how often anybody asked. Equations in docs/math/forecast.md.
"""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Self

import numpy as np
import pandas as pd

from gridloop.errors import GapInSeries, MissingColumn, OutOfRange, listed
from gridloop.forecast.day_experts import LEAST_DAYS, DayExperts
from gridloop.forecast.day_rows import RowMaker
from gridloop.forecast.features.transform import Scene
from gridloop.forecast.features.weather import TEMPERATURE
from gridloop.forecast.past import Past, known_past, slots_of, usual_step
from gridloop.forecast.routine import Routine
from gridloop.forecast.value import QUANTILES, Forecast
from gridloop.units import FloatArray, IntArray

MODEL, FALLBACK = "experts", "persistence:week"
LAGS_DAYS = 35
"""Days of history before the first interval: 28 of lags and a week."""

MEMORY_DAYS = 60
"""Days of history and weather that one step looks at: the lags, and the slowest smoothing."""


class DayAheadForecaster:
    """Quantiles of whole local days. [MW]

    zone      of the local clock
    holidays  local dates, from `holidays_of` or any list
    before    how long before its midnight a day is forecast: 12 h is noon of the day before
    trees     of the largest model
    """

    def __init__(
        self,
        *,
        zone: str = "UTC",
        holidays: Iterable[dt.date] = (),
        before: pd.Timedelta | str = "12h",
        trees: int = 400,
        seed: int = 0,
    ) -> None:
        self.routine = Routine(zone, pd.Timedelta(before))
        self.holidays = frozenset(holidays)
        self.trees, self.seed = trees, seed
        self.points: tuple[str, ...] = ()

    def fit(
        self,
        history: pd.DataFrame,
        *,
        until: pd.Timestamp,
        weather: pd.DataFrame | None = None,
        outside: Mapping[str, pd.DataFrame] | None = None,
    ) -> Self:
        """Learn from the days that were over at `until`.

        history  UTC valid_at × point [MW], positive, evenly spaced; NaN is a gap
        weather  UTC valid_at × column, among them `temperature` [°C], on the clock of the history; None: without
        outside  forecasts made elsewhere, name → UTC valid_at × point [MW], each as known at the routine's issue

        Raises `OutOfRange` where the history is too short, not positive or off its clock, `GapInSeries` where the
        weather does not cover it.
        """
        self.points = tuple(str(p) for p in history.columns)
        self._step = usual_step(history.index)
        self._weather_columns = None if weather is None else tuple(str(c) for c in weather.columns)
        self._outside_names = tuple(outside or ())
        past = known_past(history, self.points, until, step=self._step)
        known = np.isfinite(past.values)
        fine = np.asarray(((past.values > 0.0) | ~known).all(axis=0) & known.any(axis=0))
        low = [p for p, above in zip(self.points, fine, strict=True) if not above]
        if low:
            raise OutOfRange(
                f"history: {len(low)} points are not above zero throughout ({listed(low)}). Make false readings "
                "NaN; net load that turns negative is forecast as load and generation apart.",
                points=low,
            )
        first = int(self.routine.day(past, np.array([past.first]))[0]) + LAGS_DAYS
        last = int(self.routine.day(past, np.array([past.end]))[0]) - 1
        if last - first < LEAST_DAYS:
            needed = LAGS_DAYS + LEAST_DAYS
            raise OutOfRange(
                f"history: {max(0, last - first + LAGS_DAYS)} days; a day-ahead model needs {needed}. Until "
                "there are more, take LoadForecaster, which falls back to persistence by name.",
                needed_days=needed,
            )
        ahead = self._weather(weather)
        moments = self.routine.moments(past, first, last)
        self._makers: dict[str, RowMaker] = {}
        self._experts: dict[str, DayExperts] = {}
        for k, point in enumerate(self.points):
            own = past.only((point,))
            unit = float(np.nanmean(past.values[:, k]))
            maker = RowMaker(self.holidays, unit, weather=ahead is not None)
            rows = maker.fit(Scene(own, moments, self.routine.zone, ahead))
            experts = DayExperts(unit, past.per_day, self._outside_names, trees=self.trees, seed=self.seed)
            experts.fit(rows, self._given(outside, point, past, moments.valid))
            self._makers[point], self._experts[point] = maker, experts
        self._next = last + 1
        return self

    def predict(
        self,
        history: pd.DataFrame,
        issued_at: pd.Timestamp,
        valid_at: pd.DatetimeIndex,
        *,
        weather: pd.DataFrame | None = None,
        outside: Mapping[str, pd.DataFrame] | None = None,
    ) -> Forecast:
        """Quantiles of every fitted point for intervals of local days whose issue is not after `issued_at`.

        history, weather, outside  as in `fit`, known at `issued_at`; back to 60 days before the last day gone through

        Raises `OutOfRange` where a day is not forecast yet or long over, `GapInSeries` where weather does not cover it
        or nothing is known of a point.
        """
        if not self.points:
            raise OutOfRange("forecaster: not fitted yet. Call fit(history, until=...) first.")
        past = known_past(history, self.points, issued_at, step=self._step)
        valid = slots_of(valid_at, past.step_ns)
        days = self.routine.day(past, valid)
        last = int(days.max())
        if self.routine.issue(last) > issued_at:
            raise OutOfRange(
                f"valid_at: the day that begins at {self.routine.midnight(last)} is forecast at "
                f"{self.routine.issue(last)}, after the issue at {issued_at}. Ask for earlier days, or fit with "
                "another `before`.",
                issued_at=issued_at,
            )
        self._go_on(past, last, self._weather(weather), outside)
        values = np.full((len(QUANTILES), len(valid), len(self.points)), np.nan)
        models = dict.fromkeys(self.points, MODEL)
        for k, point in enumerate(self.points):
            for day in np.unique(days):
                found = self._experts[point].quantiles(int(day))
                if found is None:
                    raise OutOfRange(
                        f"valid_at: the day that begins at {self.routine.midnight(int(day))} was settled before "
                        f"{self.routine.midnight(self._next)}. A forecaster goes forward only; fit a new one.",
                        day=str(self.routine.midnight(int(day))),
                    )
                rows, quantiles = found
                here = days == day
                row = valid[here] - rows.moments.valid[0]
                answer = quantiles[:, row]
                if np.isnan(answer).any():
                    models[point] = FALLBACK
                    off = self._experts[point].week_off[:, None]
                    answer = np.where(np.isnan(answer), rows.week[row] * off, answer)
                values[:, here, k] = answer
        lost = [p for k, p in enumerate(self.points) if np.isnan(values[:, :, k]).any()]
        if lost:
            raise GapInSeries(
                f"history: {len(lost)} of {len(self.points)} points have no value in the last weeks ({listed(lost)}).",
                points=lost,
            )
        return Forecast.from_arrays(issued_at, self.points, valid_at, values, models)

    def copy(self) -> Self:
        """The same forecaster in the same state; going on with one leaves the other."""
        return copy.deepcopy(self)

    def weights(self, point: str) -> pd.DataFrame:
        """Weights of the experts now: (quantile, part of the day) × expert."""
        experts = self._experts[point]
        table = experts.weights()
        index = pd.MultiIndex.from_product([list(QUANTILES), range(table.shape[1])], names=["quantile", "part"])
        return pd.DataFrame(table.reshape(-1, table.shape[2]), index=index, columns=list(experts.names))

    def _go_on(self, past: Past, last: int, weather: Past | None, outside: Mapping[str, pd.DataFrame] | None) -> None:
        """Go through the days up to `last`; each sees what was over at its own issue."""
        while self._next <= last:
            moments = self.routine.moments(past, self._next, self._next)
            begin = int(moments.valid[0]) - MEMORY_DAYS * past.per_day
            near = past.since(begin)
            air = None if weather is None else weather.since(begin)
            for point in self.points:
                own = near.only((point,))
                rows = self._makers[point].make(Scene(own, moments, self.routine.zone, air))
                self._experts[point].step(own, rows, self._given(outside, point, past, moments.valid))
            self._next += 1

    def _weather(self, weather: pd.DataFrame | None) -> Past | None:
        """Weather on the clock of the history, as far ahead as it reaches. Raises `MissingColumn`, `OutOfRange`."""
        if (weather is None) != (self._weather_columns is None):
            has, lacks = ("with", "none is given") if weather is None else ("without", "some is given")
            raise OutOfRange(f"weather: fitted {has} weather, and {lacks}. Fit and predict with the same inputs.")
        if weather is None or self._weather_columns is None:
            return None
        missing = [c for c in {TEMPERATURE, *self._weather_columns} if c not in weather.columns]
        if missing:
            raise MissingColumn(
                f"weather: column {listed(sorted(missing))} is missing. Needed are those of the fit, and "
                f"`{TEMPERATURE}` in °C.",
                missing=missing,
            )
        end = pd.Timestamp(weather.index.max()) + self._step
        return known_past(weather, self._weather_columns, end, step=self._step)

    def _given(self, outside: Mapping[str, pd.DataFrame] | None, point: str, past: Past, valid: IntArray) -> FloatArray:
        """[row, expert] MW; NaN where an expert says nothing. Raises `MissingColumn` where one is not there at all."""
        missing = [name for name in self._outside_names if name not in (outside or {})]
        if missing:
            raise MissingColumn(f"outside: {listed(missing)} were there at the fit and are not now.", missing=missing)
        times = past.times(valid)
        columns = [outside[name][point].reindex(times).to_numpy(dtype=float) for name in self._outside_names if outside]
        return np.column_stack(columns) if columns else np.empty((len(valid), 0))
