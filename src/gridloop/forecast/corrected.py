"""CorrectedForecaster: somebody else's forecast as an expert, beside the same forecast with its habits of error mended.

An operator's forecast knows the weather and its fleet; what it has left is habit: too high at one hour, late in the
morning, the same side as yesterday. Trees learn the error from the forecast itself, the calendar and the newest errors
known at issue. The forecast as it came and the mended one are two experts; weights per quantile and part of the day are
learned online, on weeks that the trees had not seen. Nothing here asks what is forecast: sun, wind or load.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import pandas as pd

from gridloop.errors import GapInSeries, MissingColumn, OutOfRange, listed
from gridloop.forecast.bands.band import Band, learn_band
from gridloop.forecast.bands.conformal import part_of_day
from gridloop.forecast.blend.experts import ExpertWeights
from gridloop.forecast.features.lags import Recent, earlier_days, known_mean
from gridloop.forecast.known.asked import asked
from gridloop.forecast.known.leads import BUCKETS
from gridloop.forecast.known.local import local_slots
from gridloop.forecast.known.moments import Moments, look
from gridloop.forecast.known.past import Past, known_past, usual_step
from gridloop.forecast.known.routine import Routine
from gridloop.forecast.models.boosting import QuantileBoosting
from gridloop.forecast.value import QUANTILES, Forecast
from gridloop.units import BoolArray, FloatArray, IntArray

MODEL = "corrected"
LAGS_DAYS = 16
LEAST_DAYS = 90
WARM_SHARE, MOST_WARM_DAYS = 0.25, 120
"""The newest days, which the trees of the trial leave out: they teach the weights and the band."""

BESIDE_H = (-3, -2, -1, 1, 2, 3)
DAYS = 14
MEMORY_DAYS = 40.0


@dataclass(frozen=True)
class _Learned:
    trees: QuantileBoosting
    weights: ExpertWeights
    band: Band
    habit: FloatArray  # [quantile, part of the day] of the error of the forecast as it came, in units


class CorrectedForecaster:
    """Quantiles of whole local days from another's forecast. [MW]

    zone    of the local clock; before: how long before its midnight a day is forecast
    trees   per quantile
    least   lowest value that there can be [MW]; None: zero for points that never were below it, else none
    """

    published_ahead: ClassVar[bool] = True
    """It serves prices too; of the history, what is over at issue is all that it looks at."""

    def __init__(
        self,
        *,
        zone: str = "UTC",
        before: pd.Timedelta | str = "12h",
        trees: int = 300,
        least: float | None = 0.0,
        seed: int = 0,
    ) -> None:
        self.routine = Routine(zone, pd.Timedelta(before))
        self.trees, self.least, self.seed = trees, least, seed
        self.points: tuple[str, ...] = ()

    def fit(self, history: pd.DataFrame, *, until: pd.Timestamp, outside: Mapping[str, pd.DataFrame]) -> Self:
        """Learn from the days that were over at `until`.

        history  UTC valid_at × point [MW], evenly spaced; NaN is a gap
        outside  name → UTC valid_at × point [MW]: the first is the forecast that is mended, further ones are only
                 looked at; of each day what was known at the routine's issue

        Raises `OutOfRange` where the history is too short, `MissingColumn` where a point has no forecast.
        """
        self.points = tuple(str(p) for p in history.columns)
        self._step = usual_step(history.index)
        self._names = tuple(outside)
        past = known_past(history, self.points, until, step=self._step)
        first = int(self.routine.day(past, np.array([past.first]))[0]) + LAGS_DAYS
        last = int(self.routine.day(past, np.array([past.end]))[0]) - 1
        if last - first < LEAST_DAYS:
            raise OutOfRange(
                f"history: {max(0, last - first + LAGS_DAYS)} days; to mend another's forecast "
                f"{LEAST_DAYS + LAGS_DAYS} are needed. Until then use it as it is.",
                needed_days=LEAST_DAYS + LAGS_DAYS,
            )
        others = self._others(past, outside)
        moments = self.routine.moments(past, first, last)
        self._unit = np.nanmax(np.abs(past.values), axis=0)
        spread = np.nanmax(past.values, axis=0) - np.nanmin(past.values, axis=0)
        constant = [p for p, width in zip(self.points, spread, strict=True) if not width > 0.0]
        if constant:
            raise OutOfRange(f"history: {listed(constant)} never change; there is nothing to learn.", points=constant)
        never = np.nanmin(past.values, axis=0) >= 0.0
        self._least = np.where(never, 0.0, -np.inf) if self.least is None else np.full(len(never), self.least)
        self._learned = {p: self._learn(past, others, moments, k) for k, p in enumerate(self.points)}
        return self

    def predict(
        self,
        history: pd.DataFrame,
        issued_at: pd.Timestamp,
        valid_at: pd.DatetimeIndex,
        *,
        outside: Mapping[str, pd.DataFrame],
    ) -> Forecast:
        """Quantiles of every fitted point; inputs as in `fit`, as known at `issued_at`.

        Raises `GapInSeries` where the forecast that is mended does not cover `valid_at`, `OutOfRange` where the names
        or the step are not those of the fit.
        """
        if not self.points:
            raise OutOfRange("forecaster: not fitted yet. Call fit(history, until=..., outside=...) first.")
        if tuple(outside) != self._names:
            raise OutOfRange(f"outside: {listed(list(outside))}, fitted with {listed(list(self._names))}.")
        past = known_past(history, self.points, issued_at, step=self._step, days=MEMORY_DAYS)
        moments = asked(past, issued_at, valid_at)
        others = self._others(past, outside)
        values = np.empty((len(QUANTILES), len(moments), len(self.points)))
        for k, point in enumerate(self.points):
            x, said = self._rows(past, others, moments, k)
            gaps = ~np.isfinite(said)
            if gaps.any():
                raise GapInSeries(
                    f"outside: {self._names[0]} has no value of {point} for {int(gaps.sum())} of {len(said)} intervals,"
                    f" first {valid_at[gaps][0]}. Give it for the whole horizon, or take another forecaster.",
                    count=int(gaps.sum()),
                )
            learned = self._learned[point]
            part = self._part(past, moments)
            mixed = self._mixed(learned.weights, self._said(learned.trees, learned.habit, x, said, part), part)
            values[:, :, k] = self._unit[k] * learned.band.adjust(mixed[:, :, None], part, np.ones(1))[:, :, 0]
        models = dict.fromkeys(self.points, MODEL)
        return Forecast.from_arrays(issued_at, self.points, valid_at, np.maximum(values, self._least), models)

    def copy(self) -> Self:
        """The same forecaster in the same state."""
        return copy.deepcopy(self)

    # ------------------------------------------------------------- the parts

    def _learn(self, past: Past, others: list[Past], moments: Moments, k: int) -> _Learned:
        x, said = self._rows(past, others, moments, k)
        came = look(past, moments.valid, moments.valid + 1)[:, k] / self._unit[k]
        fine = np.isfinite(came) & np.isfinite(said)
        x, said, came, moments = x[fine], said[fine], came[fine], moments[fine]
        whole = len(np.unique(self.routine.day(past, moments.valid)))
        if whole < LEAST_DAYS:
            raise OutOfRange(
                f"history: on {whole} days {self.points[k]} and its forecast in {self._names[0]} are both known; "
                f"{LEAST_DAYS} are needed. Give more of both, or use the forecast as it is.",
                needed_days=LEAST_DAYS,
                days=whole,
            )
        day, part = self.routine.day(past, moments.valid), self._part(past, moments)
        warm = day > day[-1] - min(MOST_WARM_DAYS, int(WARM_SHARE * (day[-1] - day[0])))
        levels = list(QUANTILES.values())

        def fitted(use: BoolArray) -> QuantileBoosting:
            model = QuantileBoosting(
                trees=self.trees, leaves=15, learning_rate=0.04, least_rows=60, seed=self.seed + 1 + k, share=0.6
            )
            return model.fit(x[use], came[use] - said[use], np.ones(int(use.sum())))

        def habit(use: BoolArray) -> FloatArray:
            error = came - said
            here = [error[use & (part == b)] for b in range(BUCKETS)]
            of = [np.quantile(found, levels) if len(found) else np.zeros(len(levels)) for found in here]
            table: FloatArray = np.stack(of, axis=1)
            table[1] = 0.0  # the expert is the forecast as it came
            return np.stack([np.minimum(table[0], 0.0), table[1], np.maximum(table[2], 0.0)])

        blind, before = fitted(~warm), habit(~warm)
        weights = ExpertWeights(len(QUANTILES) * BUCKETS, 2)
        experts = self._said(blind, before, x[warm], said[warm], part[warm])
        for one in np.unique(day[warm]):
            now = day[warm] == one
            for q, level in enumerate(levels):
                cell = q * BUCKETS + part[warm][now]
                weights.learn(experts[q, now], came[warm][now], np.full(int(now.sum()), level), cell)
        mixed = self._mixed(weights, experts, part[warm])[:, :, None]
        actual = came[warm][:, None]
        band = learn_band(mixed, actual, part[warm], np.ones(1), np.ones(actual.shape, dtype=bool))
        every = np.ones(len(came), dtype=bool)
        return _Learned(fitted(every), weights, band, habit(every))

    def _said(
        self, trees: QuantileBoosting, habit: FloatArray, x: FloatArray, said: FloatArray, part: IntArray
    ) -> FloatArray:
        """What the two experts say. [quantile, row, expert]"""
        return np.stack([said + habit[:, part], said + trees.predict(x)], axis=2)

    def _mixed(self, weights: ExpertWeights, experts: FloatArray, part: IntArray) -> FloatArray:
        """[quantile, row], ordered"""
        parts = [weights.mix(experts[q], q * BUCKETS + part) for q in range(len(QUANTILES))]
        return np.sort(np.stack(parts), axis=0)

    def _part(self, past: Past, moments: Moments) -> IntArray:
        return part_of_day(local_slots(past, moments.valid, self.routine.zone) % past.per_day, past.per_day)

    def _others(self, past: Past, outside: Mapping[str, pd.DataFrame]) -> list[Past]:
        if not outside:
            raise MissingColumn("outside: no forecast to mend. Give at least one, name → table.", missing=[])
        end = max(table.index.max() for table in outside.values()) + self._step
        return [known_past(table, past.points, end, step=self._step) for table in outside.values()]

    def _rows(self, past: Past, others: list[Past], moments: Moments, k: int) -> tuple[FloatArray, FloatArray]:
        """[row, column], and what the forecast says [row] in units; nothing of a later day's forecast is looked at."""
        unit, valid, day_steps = self._unit[k], moments.valid, past.per_day
        hour = max(1, day_steps // 24)
        local = local_slots(past, valid, self.routine.zone)
        dates, of = np.unique(local // day_steps, return_inverse=True)
        begin, end = (self.routine.starts(past, dates + after)[of] for after in (0, 1))

        def at(other: Past, slots: IntArray) -> FloatArray:
            # up to the end of the forecast day: the next day's forecast is not out when this one is issued
            shares: FloatArray = look(other, slots, end)[..., k] / unit
            return shares

        theirs = others[0]
        said = at(theirs, valid)
        whole = at(theirs, begin[:, None] + np.arange(day_steps + hour))  # a night may be an hour longer
        known = np.isfinite(whole)
        mean = np.where(known, whole, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        angle = 2.0 * np.pi * valid / day_steps / 365.2422
        columns = [
            said, mean, np.where(known, whole, -np.inf).max(axis=1), said - at(theirs, valid - day_steps),
            (local % day_steps) / day_steps, ((local // day_steps + 3) % 7).astype(float), np.sin(angle), np.cos(angle),
            *(at(theirs, valid + h * hour) for h in BESIDE_H), *(at(other, valid) for other in others[1:]),
        ]  # fmt: skip
        error = self._errors(past, theirs, k)
        recent, known_at = Recent(error), moments.known
        columns += [recent.mean(known_at, steps)[:, 0] for steps in (hour, 6 * hour, day_steps, 7 * day_steps)]
        slots = earlier_days(past, moments, DAYS, zone=self.routine.zone)
        days = look(error, slots, known_at)
        columns += [days[:, 0, 0], known_mean(days[:, :3])[:, 0], known_mean(days[:, :7])[:, 0], known_mean(days)[:, 0]]
        columns += [known_mean(look(error, slots[:, :3] + shift, known_at))[:, 0] for shift in (-hour, hour)]
        columns += [look(past, slots[:, :1], known_at)[:, 0, k] / unit]
        return np.stack(columns, axis=1).astype(np.float32), said

    def _errors(self, past: Past, theirs: Past, k: int) -> Past:
        """What came minus what was said, of the past. In units"""
        slots = past.first + np.arange(len(past.values))
        said = look(theirs, slots, slots + 1)[:, k]
        return Past((past.points[k],), ((past.values[:, k] - said) / self._unit[k])[:, None], past.first, past.step_ns)
