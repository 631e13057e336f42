"""WeekAheadForecaster: load from the next interval to a week ahead, at any hour of issue.

One day-ahead forecaster for each day of the week to come, every one fitted for what is known so long before: a day is
forecast by the one that was issued last. Within a day the newest error moves the forecast, less and less the further
ahead, and the band narrows as far as that helped on weeks the models had not seen.
"""

from __future__ import annotations

import copy
import datetime as dt
import math
from collections.abc import Callable, Iterable
from typing import Self

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.forecast.bands.band import Band, learn_band
from gridloop.forecast.blend.feedback import Memory, learn_memory
from gridloop.forecast.day_ahead import DayAheadForecaster
from gridloop.forecast.known.checks import must_be_fitted
from gridloop.forecast.known.leads import BUCKETS, bucket
from gridloop.forecast.known.past import Past, known_past, slots_of, usual_step
from gridloop.forecast.known.routine import Routine
from gridloop.forecast.value import QUANTILES, Forecast
from gridloop.units import BoolArray, FloatArray, IntArray

LONGEST_H = 193.0
CLOCK_CHANGE = pd.Timedelta(hours=1)
NEAR_H = 24.0
"""Leads at which the newest error may still tell something."""

OLDEST_H = 2.0
"""An error older than this moves nothing."""

SAMPLES = 4000


class WeekAheadForecaster:
    """Quantiles of load, up to a week ahead. [MW]

    zone, holidays, trees, seed  as for `DayAheadForecaster`
    before   how long before its midnight a day is forecast anew: 12 h is at noon of the day before
    horizon  the longest lead that is asked for, at most 193 h: 181 h reach from noon to the end of the seventh day,
             were its night an hour longer
    """

    def __init__(
        self,
        *,
        zone: str = "UTC",
        holidays: Iterable[dt.date] = (),
        before: pd.Timedelta | str = "12h",
        horizon: pd.Timedelta | str = "181h",
        trees: int = 400,
        seed: int = 0,
    ) -> None:
        first, self.horizon = pd.Timedelta(before), pd.Timedelta(horizon)
        day = pd.Timedelta(days=1)
        if not (pd.Timedelta(0) <= first <= day and pd.Timedelta(0) < self.horizon <= pd.Timedelta(hours=LONGEST_H)):
            raise OutOfRange(
                f"horizon {self.horizon}, before {first}: the longest is {LONGEST_H:g} h, and a day is forecast "
                "anew 0 … 24 h before it begins.",
                horizon=self.horizon,
                before=first,
            )
        count = 1 + max(0, math.ceil((self.horizon - CLOCK_CHANGE - first) / day))
        days = frozenset(holidays)
        self.members = tuple(
            DayAheadForecaster(zone=zone, holidays=days, before=first + k * day, trees=trees, seed=seed)
            for k in range(count)
        )

    @property
    def routine(self) -> Routine:
        """When the next day is forecast."""
        return self.members[0].routine

    @property
    def points(self) -> tuple[str, ...]:
        """Ids of the points, as fitted."""
        return self.members[0].points

    def fit(
        self,
        history: pd.DataFrame,
        *,
        until: pd.Timestamp,
        weather: pd.DataFrame | None = None,
        say: Callable[[str], None] = lambda text: None,
    ) -> Self:
        """Learn from the days that were over at `until`; arguments and errors as `DayAheadForecaster.fit`."""
        for k, member in enumerate(self.members):
            say(f"fit {k + 1} of {len(self.members)}: issued {member.routine.before} before the day")
            member.fit(history, until=until, weather=weather)
        self._step = usual_step(history.index)
        self._memory: dict[str, Memory] = {}
        self._band: dict[str, Band] = {}
        for point in self.points:
            self._memory[point], self._band[point] = self._within_the_day(point, known_past(
                history, (point,), until, step=self._step))  # fmt: skip
        return self

    def predict(
        self,
        history: pd.DataFrame,
        issued_at: pd.Timestamp,
        valid_at: pd.DatetimeIndex,
        *,
        weather: pd.DataFrame | None = None,
    ) -> Forecast:
        """Quantiles of every fitted point for intervals that begin from `issued_at` to the horizon after it.

        history, weather  known at `issued_at`; back to 70 days before. Weather must reach to the end of the last day
        that is asked for: a forecast service's next week.

        Raises `OutOfRange` where an interval is not ahead or beyond the horizon, else as `DayAheadForecaster.predict`.
        """
        must_be_fitted(self.points)
        past = known_past(history, self.points, issued_at, step=self._step)
        valid = slots_of(valid_at, past.step_ns)
        lead_h = past.hours(valid - past.end)
        # an issue between two stamps knows as much as the stamp before
        member, issued = self._member(past, valid, issued_at)
        outside = np.asarray((valid_at > issued_at + self.horizon) | (lead_h < 0.0) | ~issued)
        if outside.any():
            raise OutOfRange(
                f"valid_at: {int(outside.sum())} of {len(valid)} intervals do not begin within {self.horizon} from the "
                f"issue at {issued_at}; first {valid_at[outside][0]}. Ask for those only, or make a new forecaster "
                f"with a longer horizon, at most {LONGEST_H:g} h.",
                count=int(outside.sum()),
                issued_at=issued_at,
            )
        # all go on together: one that rested for months would need the months again
        for one in self.members:
            last = int(self.routine.day(past, valid).max())
            while one.routine.issue(last) > issued_at:
                last -= 1
            one.go_on(past, last, weather)
        values = np.empty((len(QUANTILES), len(valid), len(self.points)))
        models: dict[str, set[str]] = {point: set() for point in self.points}
        for k in np.unique(member):
            here = member == k
            said = self.members[k].predict(history, issued_at, valid_at[here], weather=weather)
            values[:, here] = _in_order(said, valid_at[here], self.points)
            for point, model in said.model.items():
                models[str(point)].add(str(model))
        if (lead_h < NEAR_H).any():
            values = self._moved(values, lead_h, past)
        names = {point: "+".join(sorted(found)) for point, found in models.items()}
        return Forecast.from_arrays(issued_at, self.points, valid_at, values, names)

    def copy(self) -> Self:
        """The same forecaster in the same state; going on with one leaves the other."""
        return copy.deepcopy(self)

    def _member(self, past: Past, valid: IntArray, issued_at: pd.Timestamp) -> tuple[IntArray, BoolArray]:
        """For every interval the forecaster that was issued last, and whether any was. [moment]"""
        days, of = np.unique(self.routine.day(past, valid), return_inverse=True)
        issued = np.array([[m.routine.issue(int(day)) <= issued_at for m in self.members] for day in days])
        return np.asarray(issued.argmax(axis=1)[of]), np.asarray(issued.any(axis=1))[of]

    def _moved(self, values: FloatArray, lead_h: FloatArray, past: Past) -> FloatArray:
        """The forecast after the newest errors. [quantile, moment, point]"""
        newest = past.last()
        known = past.hours(past.end - 1 - newest) < OLDEST_H
        result = values.copy()
        where = bucket(lead_h)
        for k, point in enumerate(self.points):
            memory = self._memory[point]
            if not known[k] or memory.gain == 0.0:
                continue
            error = float(past.values[newest[k] - past.first, k]) - self.members[0].said(point, past, int(newest[k]))
            if not np.isfinite(error):  # fitted only just now: nothing has been forecast yet
                continue
            moved = values[:, :, k] + error * memory.remains(lead_h)
            if not self.members[0].additive(point):
                moved = np.maximum(moved, 0.0)
            unit = np.array([self.members[0].unit(point)])
            banded = self._band[point].adjust(moved[:, :, None], where, unit)[:, :, 0]
            result[:, :, k] = np.where(lead_h < NEAR_H, banded, values[:, :, k])
        return result

    def _within_the_day(self, point: str, past: Past) -> tuple[Memory, Band]:
        """What newest errors are worth, from days that the models of member 0 had not seen."""
        slots, quantiles, came = self.members[0].blind(point)
        row = np.full(int(slots.max() - slots.min()) + 1, -1)
        row[slots - slots.min()] = np.arange(len(slots))
        rng = np.random.default_rng(0)
        ahead = int(NEAR_H / 24.0 * past.per_day)
        if len(row) <= ahead + 1:
            return Memory(), Band(np.zeros((BUCKETS, 2)))
        at = rng.integers(1, len(row) - ahead, SAMPLES)
        lead = np.minimum((ahead * rng.random(SAMPLES) ** 2).astype(int), ahead - 1)
        now, then = row[at - 1], row[at + lead]
        fine = (now >= 0) & (then >= 0)
        now, then, lead_h = now[fine], then[fine], past.hours(lead[fine])
        unit = np.array([self.members[0].unit(point)])
        error = (came - quantiles[1])[:, None]
        memory = learn_memory(error[now], error[then], lead_h, unit)
        moved = np.sort(quantiles[:, then] + np.nan_to_num(error[now, 0]) * memory.remains(lead_h), axis=0)
        known = np.isfinite(error[now]) & np.isfinite(error[then])
        return memory, learn_band(moved[:, :, None], came[then][:, None], bucket(lead_h), unit, known)


def _in_order(forecast: Forecast, valid_at: pd.DatetimeIndex, points: tuple[str, ...]) -> FloatArray:
    """[quantile, moment, point], in the order in which they were asked for."""
    time = forecast.valid_at.get_indexer(valid_at)
    column = [forecast.points.index(p) for p in points]
    return forecast.arrays()[:, time][:, :, column]
