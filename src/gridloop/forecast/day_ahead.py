"""DayAheadForecaster: whole local days of load, issued at one fixed hour; several experts, weighted online.

Fit: the features of every past day as its issue saw it; a linear model whose coefficients drift, trees, trees on what
the linear model leaves; weights and band from the newest weeks, by models that had not seen them. A point with months
of positive load is modelled in logarithms, as `experts`; one whose net load comes near zero or below, or with weeks
of history only, in megawatts added up, as `experts:additive`. Predict: the days
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

from gridloop.errors import MissingColumn, OutOfRange, listed
from gridloop.forecast.blend.experts import weights_table
from gridloop.forecast.days import net_experts
from gridloop.forecast.days.experts import LEAST_DAYS, OWN, DayExperts
from gridloop.forecast.days.net_experts import NetExperts
from gridloop.forecast.days.net_rows import NetRowMaker
from gridloop.forecast.days.rows import DAYS, LEAST_KNOWN, RowMaker
from gridloop.forecast.features.lags import Recent, earlier_days, same_time
from gridloop.forecast.features.transform import Scene
from gridloop.forecast.features.weather import TEMPERATURE
from gridloop.forecast.known.checks import must_be_fitted, nobody_lost, same_inputs
from gridloop.forecast.known.moments import Moments, look
from gridloop.forecast.known.past import Past, known_past, slots_of, usual_step
from gridloop.forecast.known.routine import Routine
from gridloop.forecast.value import QUANTILES, Forecast
from gridloop.units import FloatArray, IntArray

MODEL, ADDITIVE, FALLBACK = DayExperts.model, NetExperts.model, "persistence:week"
LAGS_DAYS = 35
"""Days of history before the first interval: 28 of lags and a week."""

NET_LAGS_DAYS = 8
"""The same for the additive model, whose lags go back a week from the issue."""

NEAR_ZERO = 0.02
"""Share of the mean below which a load is too near to zero for logarithms."""

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

        history  UTC valid_at × point [MW], evenly spaced; NaN is a gap. Net load may be negative: generation is.
        weather  UTC valid_at × column, on the clock of the history; None: without. `temperature` [°C] is needed where
                 a point is modelled in logarithms; net load also makes use of `radiation` and `wind_speed` [m/s]
        outside  forecasts made elsewhere, name → UTC valid_at × point [MW], each as known at the routine's issue

        Raises `OutOfRange` where the history is too short, empty, known too seldom or off its clock, `MissingColumn`
        where an outside forecast lacks a point, `GapInSeries` where the weather does not cover it.
        """
        self.points = tuple(str(p) for p in history.columns)
        self._step = usual_step(history.index)
        self._weather_columns = None if weather is None else tuple(str(c) for c in weather.columns)
        self._outside_names = tuple(outside or ())
        past = known_past(history, self.points, until, step=self._step)
        empty = [p for k, p in enumerate(self.points) if not np.isfinite(past.values[:, k]).any()]
        if empty:
            raise OutOfRange(
                f"history: {len(empty)} points have no known value before {until} ({listed(empty)}). Leave them out.",
                points=empty,
            )
        begin, end = (int(self.routine.day(past, np.array([slot]))[0]) for slot in (past.first, past.end))
        last = end - 1
        back = NET_LAGS_DAYS + int(self.routine.before.days)
        if last - begin - back < net_experts.LEAST_DAYS:
            needed = back + net_experts.LEAST_DAYS
            raise OutOfRange(
                f"history: {max(0, last - begin)} days; a day-ahead model needs {needed}, and one of positive load in "
                f"logarithms {LAGS_DAYS + LEAST_DAYS}. Until there are more, take LoadForecaster, which falls back to "
                "persistence by name.",
                needed_days=needed,
            )
        low = np.nanmin(past.values, axis=0)
        logs = (low > NEAR_ZERO * np.nanmean(np.abs(past.values), axis=0)) & (
            last - begin - LAGS_DAYS - self.routine.before.days >= LEAST_DAYS
        )
        self._logs = dict(zip(self.points, logs.tolist(), strict=True))
        self._flat = {p for k, p in enumerate(self.points) if np.nanmax(past.values[:, k]) == low[k]}
        ahead = self._weather(weather)
        first = {p: begin + (LAGS_DAYS + self.routine.before.days if self._logs[p] else back) for p in self.points}
        weak = [p for p in self.points if not self._can_learn(past, p, self.routine.moments(past, first[p], last))]
        if weak:
            raise OutOfRange(
                f"history: {len(weak)} points are known on too few of the {last - begin} days before {until} "
                f"({listed(weak)}): nothing is left to learn from. Leave them out, or take LoadForecaster, which falls "
                "back to persistence by name.",
                points=weak,
            )
        self._makers: dict[str, RowMaker | NetRowMaker] = {}
        self._experts: dict[str, DayExperts] = {}
        for k, point in enumerate(self.points):
            moments = self.routine.moments(past, first[point], last)
            own = past.only((point,))
            values = past.values[:, k]
            maker: RowMaker | NetRowMaker
            if self._logs[point]:
                unit = float(np.nanmean(values))
                maker = RowMaker(self.holidays, unit, weather=ahead is not None)
                experts = DayExperts(unit, past.per_day, self._outside_names, trees=self.trees, seed=self.seed)
            else:
                unit = float(np.nanstd(values)) or max(1e-3, abs(float(low[k])))
                maker = NetRowMaker(self.holidays, unit, self._weather_columns or ())
                experts = NetExperts(unit, past.per_day, self._outside_names, trees=self.trees, seed=self.seed)
            rows = maker.fit(Scene(own, moments, self.routine.zone, ahead))
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
        must_be_fitted(self.points)
        past = known_past(history, self.points, issued_at, step=self._step)
        valid = slots_of(valid_at, past.step_ns)
        days = self.routine.day(past, valid)
        last = self.routine.last_of(days, issued_at)
        self._go_on(past, last, self._weather(weather), outside)
        values = np.full((len(QUANTILES), len(valid), len(self.points)), np.nan)
        models = {point: FALLBACK if point in self._flat else self._experts[point].model for point in self.points}
        for k, point in enumerate(self.points):
            for day in np.unique(days):
                found = self._experts[point].quantiles(int(day))
                if found is None:
                    raise self.routine.settled(int(day), self._next)
                rows, quantiles = found
                here = days == day
                row = valid[here] - rows.moments.valid[0]
                answer = quantiles[:, row]
                if np.isnan(answer).any():
                    models[point] = FALLBACK
                    answer = np.where(np.isnan(answer), self._experts[point].fallback(rows.week[row]), answer)
                values[:, here, k] = answer
        nobody_lost(self.points, values, "no value in the last weeks ({}).")
        return Forecast.from_arrays(issued_at, self.points, valid_at, values, models)

    def go_on(self, past: Past, last: int, weather: pd.DataFrame | None) -> None:
        """Go through the days up to the local day `last`, asking for none; it must be issued by the end of `past`.

        past, weather  as `predict` makes and takes them
        """
        self._go_on(past, last, self._weather(weather), None)

    def copy(self) -> Self:
        """The same forecaster in the same state; going on with one leaves the other."""
        return copy.deepcopy(self)

    def additive(self, point: str) -> bool:
        """True where a point is modelled in megawatts added up, not in logarithms: it may be negative."""
        return not self._logs[point]

    def unit(self, point: str) -> float:
        """Mean of a positive load, or spread of a net load, over the training. [MW]"""
        return self._makers[point].unit

    def blind(self, point: str) -> tuple[IntArray, FloatArray, FloatArray]:
        """Slots [row], quantiles [quantile, row] and what came [row] MW of the newest training days, by models that had
        not seen them."""
        return self._experts[point].blind

    def said(self, point: str, past: Past, slot: int) -> float:
        """The median of an interval of a day that was forecast and is not settled; else NaN. [MW]"""
        found = self._experts[point].quantiles(int(self.routine.day(past, np.array([slot]))[0]))
        if found is None:
            return float("nan")
        rows, quantiles = found
        return float(quantiles[1, slot - int(rows.moments.valid[0])])

    def importance(self, point: str) -> pd.DataFrame:
        """What the experts' answers hang on: column × expert, each adding up to one.

        Of the linear model the size of the coefficients of standardised columns, of trees the gain of their splits.
        Zero where an expert does not see a column; the level of the linear model is left out.
        """
        maker, experts = self._makers[point], self._experts[point]
        shares = zip((maker.linear_names, maker.tree_names, maker.tree_names), experts.importance(), strict=True)
        columns = [pd.Series(values, index=list(names)) for names, values in shares]
        return pd.concat(columns, axis=1, keys=list(OWN)).fillna(0.0)

    def weights(self, point: str) -> pd.DataFrame:
        """Weights of the experts now: (quantile, part of the day) × expert."""
        return weights_table(self._experts[point].weights(), self._experts[point].names)

    def _can_learn(self, past: Past, point: str, moments: Moments) -> bool:
        """Whether training days of the point are known, and the week before them."""
        own = past.only((point,))
        came = look(own, moments.valid, moments.valid + 1)[:, 0]
        sound = Recent(own).known_share(moments.known, DAYS * past.per_day)[:, 0] >= LEAST_KNOWN
        days = earlier_days(own, moments, DAYS, zone=self.routine.zone)
        sound &= np.isfinite(same_time(own, moments, days)[:, [0, 6], 0]).all(axis=1)
        experts = DayExperts if self._logs[point] else NetExperts
        return experts.can_learn(self.routine.day(past, moments.valid), np.isfinite(came) & sound)

    def _go_on(self, past: Past, last: int, weather: Past | None, outside: Mapping[str, pd.DataFrame] | None) -> None:
        """Go through the days up to `last`; each sees what was over at its own issue."""
        while self._next <= last:
            moments = self.routine.moments(past, self._next, self._next)
            begin = int(moments.valid[0]) - MEMORY_DAYS * past.per_day
            near = past.since(begin)
            air = None if weather is None else weather.since(begin)
            day = {}
            for point in self.points:  # all inputs before any step: a refused ask must leave no trace
                own = near.only((point,))
                rows = self._makers[point].make(Scene(own, moments, self.routine.zone, air))
                day[point] = own, rows, self._given(outside, point, past, moments.valid)
            for point, seen in day.items():
                self._experts[point].step(*seen)
            self._next += 1

    def _weather(self, weather: pd.DataFrame | None) -> Past | None:
        """Weather on the clock of the history, as far ahead as it reaches. Raises `MissingColumn`, `OutOfRange`."""
        same_inputs(self._weather_columns is not None, weather is not None, "weather", "weather")
        if weather is None or self._weather_columns is None:
            return None
        wanted = {*self._weather_columns, *([TEMPERATURE] if any(self._logs.values()) else [])}
        missing = [c for c in wanted if c not in weather.columns]
        if missing:
            raise MissingColumn(
                f"weather: column {listed(sorted(missing))} is missing. Needed are those of the fit, and for positive "
                f"load `{TEMPERATURE}` in °C.",
                missing=missing,
            )
        end = pd.Timestamp(weather.index.max()) + self._step
        return known_past(weather, self._weather_columns, end, step=self._step)

    def _given(self, outside: Mapping[str, pd.DataFrame] | None, point: str, past: Past, valid: IntArray) -> FloatArray:
        """[row, expert] MW; NaN where an expert says nothing. Raises `MissingColumn` where one is not there at all."""
        missing = [name for name in self._outside_names if name not in (outside or {})]
        if missing:
            raise MissingColumn(f"outside: {listed(missing)} were there at the fit and are not now.", missing=missing)
        without = [name for name in self._outside_names if outside and point not in outside[name].columns]
        if without:
            raise MissingColumn(
                f"outside: {listed(without)} have no column {point}. Give it, NaN where nothing is said.",
                missing=without,
            )
        times = past.times(valid)
        columns = [outside[name][point].reindex(times).to_numpy(dtype=float) for name in self._outside_names if outside]
        return np.column_stack(columns) if columns else np.empty((len(valid), 0))
