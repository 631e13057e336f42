"""PersistenceForecaster: what was, goes on, with a band from how far that was off; the model that others must beat.

P50 is the same local time of the newest known day or week. The band is made of the errors that this had in the newest
year of the history, by days ahead and local hour.
"""

from __future__ import annotations

import copy
from typing import ClassVar, Literal, Self

import numpy as np
import pandas as pd

from gridloop.errors import GapInSeries, OutOfRange, listed
from gridloop.forecast.known.checks import must_be_fitted
from gridloop.forecast.known.local import local_slots
from gridloop.forecast.known.moments import Moments, look
from gridloop.forecast.known.past import Past, known_past, slots_of, usual_step
from gridloop.forecast.known.routine import Routine
from gridloop.forecast.models import persistence
from gridloop.forecast.models.climatology import Climatology, fit_climatology
from gridloop.forecast.value import QUANTILES, Forecast
from gridloop.units import FloatArray, IntArray

LONGEST_DAYS = 8
"""Days ahead for which errors are learned apart; beyond they count as the last."""

NEWEST_DAYS = 365
"""Days of the history that the band is learned from, at most."""

MEMORY_DAYS = 40
"""Days that a prediction looks back: four weeks, and as far as it reaches ahead."""

LEAST_ERRORS = 20

Which = Literal["day", "week"]


class PersistenceForecaster:
    """Quantiles of anything that repeats itself; any sign, any unit.

    routine  when a local day is issued, for a backtest
    which    "day": the newest known day; "week": the newest known day of the same weekday
    published_before  how long before its midnight a day becomes known as a whole, as day-ahead prices do; None: each
              interval when it is over
    Where that is missing the other stands in, and then the usual values of the local hour.
    """

    published_ahead: ClassVar[bool] = True
    """It serves prices too; what is over at issue, or published, is all that it looks at."""

    def __init__(
        self, routine: Routine, *, which: Which = "week", published_before: pd.Timedelta | None = None
    ) -> None:
        if which not in ("day", "week"):
            raise OutOfRange(f"persistence: no {which!r}; there are day and week.", which=which)
        self.routine = routine
        self.which: Which = which
        self.published_before = published_before
        self.points: tuple[str, ...] = ()

    def fit(self, history: pd.DataFrame, *, until: pd.Timestamp) -> Self:
        """Learn the band. history: UTC valid_at × point, evenly spaced; NaN is a gap. Raises as `known_past` does."""
        self.points = tuple(str(p) for p in history.columns)
        self._step = usual_step(history.index)
        past = known_past(history, self.points, until, step=self._step)
        self._climate: Climatology = fit_climatology(past, self.routine.zone)
        self._least = np.where(np.nanmin(past.values, axis=0, initial=np.inf) >= 0.0, 0.0, -np.inf)
        slots = np.arange(max(past.first, past.end - NEWEST_DAYS * past.per_day), past.end)
        came = look(past, slots, slots + 1)
        hour = self._hour(past, slots)
        levels = list(QUANTILES.values())
        self._errors = np.zeros((LONGEST_DAYS, 24, len(levels), len(self.points)))
        for ahead in range(LONGEST_DAYS):
            # the middle of a day ahead: as far as the newest known day goes, its hours are all alike
            error = came - self._said(past, Moments(slots - ahead * past.per_day - past.per_day // 2, slots))
            for point in range(len(self.points)):
                known = np.isfinite(error[:, point])
                if known.sum() < LEAST_ERRORS:
                    continue
                self._errors[ahead, :, :, point] = np.quantile(error[known, point], levels)
                for h in range(24):
                    here = known & (hour == h)
                    if here.sum() >= LEAST_ERRORS:
                        self._errors[ahead, h, :, point] = np.quantile(error[here, point], levels)
        return self

    def predict(self, history: pd.DataFrame, issued_at: pd.Timestamp, valid_at: pd.DatetimeIndex) -> Forecast:
        """Quantiles of every fitted point.

        Raises `OutOfRange` where an interval has begun before the issue or is published, `GapInSeries` where a point
        never had a value.
        """
        must_be_fitted(self.points)
        until, what = issued_at, "begin before"
        if self.published_before is not None:
            until, what = self.routine.published_until(issued_at, self.published_before), "are published at"
        past = known_past(history, self.points, until, step=self._step, days=MEMORY_DAYS)
        valid = slots_of(valid_at, past.step_ns)
        begun = int((valid < past.end).sum())
        if begun:
            raise OutOfRange(f"valid_at: {begun} of {len(valid)} intervals {what} the issue at {issued_at}.")
        moments = Moments(np.full(len(valid), past.end), valid)
        middle = self._said(past, moments)
        climate = self._climate.predict(past, valid)
        ahead = np.minimum(moments.lead // past.per_day, LONGEST_DAYS - 1)
        off = self._errors[ahead, self._hour(past, valid)].transpose(1, 0, 2)
        # persistence is what it is, and within its own band, whatever has been growing lately
        off = np.stack([np.minimum(off[0], 0.0), np.zeros_like(off[1]), np.maximum(off[2], 0.0)])
        values = np.where(np.isfinite(middle), middle + off, climate)
        lost = [
            p for p, gap in zip(self.points, np.asarray(np.isnan(values).any(axis=(0, 1))).tolist(), strict=True) if gap
        ]
        if lost:
            raise GapInSeries(f"history: {len(lost)} points have no known value ({listed(lost)}).", points=lost)
        name = f"persistence:{self.which}"
        values = np.maximum(values, self._least)
        return Forecast.from_arrays(issued_at, self.points, valid_at, values, dict.fromkeys(self.points, name))

    def copy(self) -> Self:
        """The same forecaster in the same state."""
        return copy.deepcopy(self)

    def _said(self, past: Past, moments: Moments) -> FloatArray:
        """[moment, point]; NaN where neither day nor week is known."""
        both = {"day": persistence.day, "week": persistence.week}
        own = both.pop(self.which)(past, moments, self.routine.zone)
        (other,) = both.values()
        return np.where(np.isfinite(own), own, other(past, moments, self.routine.zone))

    def _hour(self, past: Past, slots: IntArray) -> IntArray:
        """Local hour. [slot]"""
        return local_slots(past, slots, self.routine.zone) % past.per_day * 24 // past.per_day
