"""PriceForecaster: day-ahead prices of whole local days, issued before the auction that makes them.

Prices of a day are published at one time of the day before, so at issue all prices up to the end of the running day are
known, hours of it that have not come yet included, and none of the day that is forecast. LEAR over several windows and
boosted trees are weighted online; days are gone through one by one, as in `DayAheadForecaster`.
Equations in docs/math/forecast-price.md.
"""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Iterable, Sequence
from typing import ClassVar, Self

import numpy as np
import pandas as pd

from gridloop.errors import GapInSeries, MissingColumn, OutOfRange, listed
from gridloop.forecast.blend.experts import weights_table
from gridloop.forecast.days.price_days import DayTable, PriceRowMaker, by_day
from gridloop.forecast.days.price_experts import LEAST_DAYS, WINDOWS, PriceExperts
from gridloop.forecast.known.checks import must_be_fitted, nobody_lost, same_inputs
from gridloop.forecast.known.local import local_slots
from gridloop.forecast.known.past import Past, known_past, slots_of, usual_step
from gridloop.forecast.known.routine import Routine
from gridloop.forecast.value import QUANTILES, Forecast
from gridloop.units import FloatArray

MODEL, FALLBACK = "experts", "persistence:week"
PUBLISHED = pd.Timedelta("11h")
"""Prices of a day are out so long before it begins: shortly before 13:00 in Europe's coupled auction."""

KEPT_DAYS = 10
"""Days that were forecast and can be asked for again."""


class PriceForecaster:
    """Quantiles of day-ahead prices of whole local days, in the money per MWh of the history.

    A `Forecast` carries no unit: the name of the point does, such as `NL/energy_eur_per_mwh`. Quantiles may be below
    zero.

    zone          of the local clock of the auction
    holidays      local dates, from `holidays_of` or any list: they count as Sundays
    before        how long before its midnight a day is forecast: 14 h is 10:00 of the day before; more than `PUBLISHED`
    windows       days from which LEAR learns, one expert each
    trees         of the boosted model; fitted again every `retrain_days`, while LEAR learns every day
    """

    published_ahead: ClassVar[bool] = True
    """What is forecast is known before its interval: a backtest is not to take that for a leak."""

    def __init__(
        self, *, zone: str = "UTC", holidays: Iterable[dt.date] = (), before: pd.Timedelta | str = "14h",
        windows: Sequence[int] = WINDOWS, trees: int = 200, retrain_days: int = 28, seed: int = 0,
    ) -> None:  # fmt: skip
        self.routine = Routine(zone, pd.Timedelta(before))
        if not PUBLISHED < self.routine.before <= PUBLISHED + pd.Timedelta("24h"):
            raise OutOfRange(
                f"before: {self.routine.before}. Prices are published {PUBLISHED} before their day begins: later there "
                "is nothing to forecast, and a day earlier those of the day before are not known yet.",
                before=self.routine.before,
            )
        short = [w for w in windows if w < 28]
        if short or not windows:
            raise OutOfRange(f"windows: {listed([str(w) for w in short])} days; LEAR needs 28 or more.", windows=short)
        self.holidays = frozenset(holidays)
        self.windows, self.trees, self.retrain_days, self.seed = tuple(windows), trees, retrain_days, seed
        self.points: tuple[str, ...] = ()

    def fit(self, history: pd.DataFrame, *, until: pd.Timestamp, weather: pd.DataFrame | None = None) -> Self:
        """Learn from the days whose prices were published at `until`.

        history  UTC valid_at × point [money/MWh], evenly spaced; NaN is a gap; prices may be negative
        weather  what moves prices, UTC valid_at × column: day-ahead forecasts of load, sun and wind, or the price of
                 fuel, each as known at the routine's issue, on the clock of the history; None: prices alone

        Raises `OutOfRange` where the history is too short, without any price or off its clock.
        """
        self.points = tuple(str(p) for p in history.columns)
        self._step = usual_step(history.index)
        self._columns = None if weather is None else tuple(str(c) for c in weather.columns)
        past, drivers = self._past(history), self._drivers(weather)
        last = self._published(until)
        self._experts: dict[str, PriceExperts] = {}
        self._said: dict[str, dict[int, tuple[FloatArray, FloatArray, FloatArray]]] = {}
        for k, point in enumerate(self.points):
            days, values = by_day(past, k, self.routine.zone)
            keep = (days <= last) & (np.cumsum(np.isfinite(values).all(axis=1)) > 0)
            found = int(np.isfinite(values[keep]).all(axis=1).sum())
            if found < LEAST_DAYS:
                raise OutOfRange(
                    f"history: {found} whole days of {point} were published at {until}; a price model needs "
                    f"{LEAST_DAYS}. Until there are more, take the price of a week before.",
                    needed_days=LEAST_DAYS,
                    days=found,
                )
            experts = PriceExperts(
                DayTable(int(days[keep][0]), values[keep]), drivers, PriceRowMaker(self.holidays),
                windows=self.windows, trees=self.trees, retrain_days=self.retrain_days, seed=self.seed,
            )  # fmt: skip
            experts.fit()
            self._experts[point], self._said[point] = experts, {}
        self._next = last + 1
        return self

    def predict(
        self,
        history: pd.DataFrame,
        issued_at: pd.Timestamp,
        valid_at: pd.DatetimeIndex,
        *,
        weather: pd.DataFrame | None = None,
    ) -> Forecast:
        """Quantiles of every fitted point for intervals of local days whose issue is not after `issued_at`.

        history  prices known at `issued_at`, back to the last day gone through; the table may hold later ones, which
                 are not looked at
        weather  as in `fit`, for the asked days too

        Raises `OutOfRange` where a day is not forecast yet or long over, `GapInSeries` where the drivers do not cover
        it or no price of the last four weeks is known. Where yesterday's prices are missing the price of a week
        before stands in, by name.
        """
        must_be_fitted(self.points)
        if usual_step(history.index) != self._step:
            raise OutOfRange(
                f"history: a step of {usual_step(history.index)}; it was {self._step} at the fit. Resample.",
                step=self._step,
            )
        past = self._past(history)
        valid = slots_of(valid_at, past.step_ns)
        days = self.routine.day(past, valid)
        last = self.routine.last_of(days, issued_at)
        self._go_on(past, last, self._drivers(weather))
        slot = local_slots(past, valid, self.routine.zone) % past.per_day
        values = np.full((len(QUANTILES), len(valid), len(self.points)), np.nan)
        models = dict.fromkeys(self.points, MODEL)
        for k, point in enumerate(self.points):
            for day in np.unique(days):
                found = self._said[point].get(int(day))
                if found is None:
                    raise self.routine.settled(int(day), self._next)
                here = days == day
                values[:, here, k] = found[0][:, slot[here]]
                if np.isnan(found[1]).any():
                    models[point] = FALLBACK
        nobody_lost(
            self.points, values, "no price in the last four weeks ({}). Give at least the prices of a week before."
        )
        return Forecast.from_arrays(issued_at, self.points, valid_at, values, models)

    def copy(self) -> Self:
        """The same forecaster in the same state; going on with one leaves the other."""
        return copy.deepcopy(self)

    def weights(self, point: str) -> pd.DataFrame:
        """Weights of the experts now: (quantile, part of the day) × expert."""
        return weights_table(self._experts[point].weights(), self._experts[point].names)

    # ------------------------------------------------------------- the parts

    def _go_on(self, past: Past, last: int, drivers: list[DayTable]) -> None:
        """Go through the days up to `last`; of each only the days before it are looked at."""
        for experts in self._experts.values():
            for mine, new in zip(experts.drivers, drivers, strict=True):
                mine.put(new.first + np.arange(len(new.values)), new.values)
            for day in range(self._next, last + 1):  # before anything is learned: a refused ask must leave no trace
                self._covered(experts.drivers, day)
        for k, point in enumerate(self.points):
            days, values = by_day(past, k, self.routine.zone)
            experts, said = self._experts[point], self._said[point]
            for day in range(self._next, last + 1):
                here = days == day - 1
                experts.prices.put(days[here], values[here])
                if day - 1 in said:
                    experts.settle(day - 1, said[day - 1][2], said[day - 1][1])
                answer, mixed, each = experts.say(day)
                if np.isnan(mixed).any():
                    answer = experts.week(day)
                said[day] = (answer, mixed, each)
                said.pop(day - KEPT_DAYS, None)
        self._next = max(self._next, last + 1)

    def _covered(self, drivers: list[DayTable], day: int) -> None:
        """Raises `GapInSeries` where drivers do not reach a day that is to be forecast."""
        gaps = [c for c, t in zip(self._columns or (), drivers, strict=True) if np.isnan(t.rows(np.array([day]))).any()]
        if gaps:
            raise GapInSeries(
                f"weather: {listed(gaps)} does not cover the day that begins at {self.routine.midnight(day)}. Give "
                "it for all days that are forecast, or fit without.",
                columns=gaps,
            )

    def _past(self, history: pd.DataFrame) -> Past:
        """All of the history; what may be looked at is decided by local days. Raises as `known_past` does."""
        end = pd.Timestamp(history.index.max()) + self._step
        past = known_past(history, self.points, end, step=self._step)
        if np.isinf(past.values).any():
            raise OutOfRange("history: some prices are infinite. Make false values NaN.")
        return past

    def _drivers(self, weather: pd.DataFrame | None) -> list[DayTable]:
        """One table per column. Raises `MissingColumn`, `OutOfRange` where they are not those of the fit."""
        same_inputs(self._columns is not None, weather is not None, "weather", "drivers")
        if weather is None or self._columns is None:
            return []
        missing = [c for c in self._columns if c not in weather.columns]
        if missing:
            raise MissingColumn(
                f"weather: column {listed(missing)} is missing. Needed are those of the fit.", missing=missing
            )
        end = pd.Timestamp(weather.index.max()) + self._step
        past = known_past(weather, self._columns, end, step=self._step)
        tables = [by_day(past, k, self.routine.zone) for k in range(len(self._columns))]
        return [DayTable(int(days[0]), values) for days, values in tables]

    def _published(self, moment: pd.Timestamp) -> int:
        """The last local day whose prices are out."""
        local = (moment.tz_convert(self.routine.zone) + PUBLISHED).tz_localize(None).normalize()
        day = int(local.value // pd.Timedelta("1D").value)
        while self.routine.midnight(day) - PUBLISHED > moment:
            day -= 1
        while self.routine.midnight(day + 1) - PUBLISHED <= moment:
            day += 1
        return day
