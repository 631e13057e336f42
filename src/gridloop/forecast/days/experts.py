"""Day experts: several models of one load, weighted online by what came; each day in turn, as it would have been."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from gridloop.forecast.bands.conformal import WINDOW_DAYS, RollingBand, part_of_day
from gridloop.forecast.blend.experts import ExpertWeights
from gridloop.forecast.days.rows import DayRows
from gridloop.forecast.known.leads import BUCKETS
from gridloop.forecast.known.moments import look
from gridloop.forecast.known.past import Past
from gridloop.forecast.models.boosting import QuantileBoosting
from gridloop.forecast.models.kalman import AdaptiveLinear
from gridloop.forecast.value import QUANTILES
from gridloop.units import BoolArray, FloatArray, IntArray

OWN = ("linear", "boosting", "boosting of the rest")
NORMAL = np.array([-1.2815515655446004, 0.0, 1.2815515655446004])
"""Quantiles 0.1, 0.5, 0.9 of the normal distribution."""

DRIFTS = ((0.0,), (3e-6,), (3e-5,), (3e-4,))
"""Drifts that are tried; the one with the least error over the second half of the training stays."""

NOISE, PRIOR = 4e-4, 30.0
"""First guess of the errors' variance (2 % of the load), and the prior variance of a coefficient in units of it."""

WARM_DAYS, WARM_SHARE = 150, 0.4
"""The newest training days, on which models that have not seen them teach the weights and the band; at most."""

EARLY_DAYS, EARLY_SHARE = 60, 0.2
"""The first training days, which the trees leave out: the filter still finds its feet there; at most."""

LEAST_DAYS = 120
"""Training days below which there is too little to learn from."""

LEAST_KNOWN_DAYS = 3
"""Days known, of those that trees learn from: the linear model, whose answer they see, is silent on the first."""

MEMORY = 0.98

SPEED = 0.02
"""How fast the band follows misses: a week in which one side always misses moves its aim from 0.1 to the lowest."""


class Line(Protocol):
    """A linear model that goes on learning."""

    def predict(self, x: FloatArray, slot: IntArray) -> FloatArray: ...

    def spread(self, slot: IntArray) -> FloatArray: ...

    def learn(self, x: FloatArray, y: FloatArray, slot: IntArray) -> None: ...

    def sizes(self) -> FloatArray: ...


@dataclass
class _Open:
    """A day that is forecast and not over: its rows, what was learned of it, and what each expert said."""

    rows: DayRows
    learned: BoolArray
    said: FloatArray  # [quantile, row, expert] in units of the scale
    mixed: FloatArray  # [quantile, row]
    final: FloatArray  # [quantile, row] MW


class DayExperts:
    """The experts of one point whose load is positive: the linear model works in logarithms.

    unit     MW, as in `RowMaker`
    outside  names of forecasts made elsewhere, such as the operator's own

    `week_off` holds the quantiles of what came over weekly persistence: the band of the fallback. `blind` holds slots,
    quantiles [quantile, row] and what came [row] in MW of the newest training days, by models that had not seen them.
    """

    model: ClassVar[str] = "experts"
    """How `Forecast.model` calls it."""

    settings: ClassVar[tuple[tuple[float, ...], ...]] = DRIFTS
    """What is tried for the linear model."""

    warm: ClassVar[tuple[int, float]] = (WARM_DAYS, WARM_SHARE)
    early: ClassVar[tuple[int, float]] = (EARLY_DAYS, EARLY_SHARE)

    def __init__(self, unit: float, per_day: int, outside: tuple[str, ...], *, trees: int, seed: int) -> None:
        self._unit, self._per_day, self.names = unit, per_day, (*OWN, *outside)
        self._trees, self._seed = trees, seed
        self._weights = ExpertWeights(len(QUANTILES) * BUCKETS, len(self.names))
        self._band = RollingBand(SPEED)
        self._noise = np.full(len(outside), NOISE)
        self._open: list[_Open] = []

    # ------------------------------------------------------------------ fit

    def fit(self, rows: DayRows, outside: FloatArray) -> None:
        """rows  whole days, in order, all of them over; outside [row, expert] MW"""
        answers = {setting: self._filtered(rows, setting) for setting in self.settings}
        second = rows.day > np.median(rows.day)
        truth = self._target(rows.came)
        loss = {s: float(np.nanmean(np.abs(truth - a)[second])) for s, (_, a, _) in answers.items()}
        self.setting = min(loss, key=lambda s: loss[s])
        self._linear, line, spread = answers[self.setting]
        warm, early = self._ends(rows.day)
        self._boosted(rows, line, ~warm & ~early)
        newest = rows[warm]
        said = self._say(newest, line[warm], spread[warm], outside[warm])
        days = [newest.day == day for day in np.unique(newest.day)]
        for here in days:
            self._settle(newest[here], said[:, here], self._mix(newest[here], said[:, here]), newest.came[here])
        # the band is learned again from mixtures by the final weights: the first ones were further from what came
        self._band = RollingBand(SPEED)
        mixed = [self._mix(newest[here], said[:, here]) for here in days]
        for here, mixture in list(zip(days, mixed, strict=True))[-WINDOW_DAYS:]:
            self._widen(newest[here], mixture, newest.came[here])
        banded = self._band.adjust(np.concatenate(mixed, axis=1), part_of_day(newest.slot, self._per_day))
        self.blind = (newest.moments.valid, banded * newest.scale, newest.came)
        self._boosted(rows, line, ~early)
        self._learn_fallback(rows)

    @classmethod
    def can_learn(cls, day: IntArray, known: BoolArray) -> bool:
        """Whether enough is known for the trees, and for the choice of the linear model. [row], as in `fit`"""
        warm, early = cls._ends(day)
        whole, second = np.unique(day[known & ~warm & ~early]), day > np.median(day)
        return len(whole) >= LEAST_KNOWN_DAYS and bool((known & second).any())

    @classmethod
    def _ends(cls, day: IntArray) -> tuple[BoolArray, BoolArray]:
        """Which rows are of the newest training days, and which of the first. [row]"""
        days = day[-1] - day[0] + 1
        warm: BoolArray = day > day[-1] - min(cls.warm[0], int(cls.warm[1] * days))
        early: BoolArray = day < day[0] + min(cls.early[0], int(cls.early[1] * days))
        return warm, early

    def _learn_fallback(self, rows: DayRows) -> None:
        off = rows.came / rows.week
        self.week_off = np.quantile(off[np.isfinite(off)], list(QUANTILES.values()))
        self.week_off[1] = 1.0  # persistence is what it is

    def fallback(self, week: FloatArray) -> FloatArray:
        """Quantiles [quantile, row] MW around weekly persistence [row]."""
        band: FloatArray = week * self.week_off[:, None]
        return band

    def _start(self, width: int, setting: tuple[float, ...]) -> Line:
        """The linear model before it has seen anything."""
        return AdaptiveLinear.start(self._per_day, width, level=0.0, noise=NOISE, prior=PRIOR, drift=setting[0])

    def _filtered(self, rows: DayRows, setting: tuple[float, ...]) -> tuple[Line, FloatArray, FloatArray]:
        """The linear model after all rows, and what it said of each before it came, with its spread. [row]"""
        model = self._start(rows.linear.shape[1], setting)
        truth = self._target(rows.came)
        line, spread = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
        starts = np.flatnonzero(np.r_[True, rows.day[1:] != rows.day[:-1]])
        waiting = np.empty(0, dtype=np.int64)
        for begin, end in zip(starts, np.r_[starts[1:], len(rows)], strict=True):
            over = rows.moments.valid[waiting] < rows.moments.known[begin]
            for day in np.unique(rows.day[waiting[over]]):
                now = waiting[over & (rows.day[waiting] == day)]
                model.learn(rows.linear[now], truth[now], rows.slot[now])
            today = np.arange(begin, end)
            waiting = np.r_[waiting[~over], today]
            line[today] = model.predict(rows.linear[today], rows.slot[today])
            spread[today] = model.spread(rows.slot[today])
        for day in np.unique(rows.day[waiting]):
            now = waiting[rows.day[waiting] == day]
            model.learn(rows.linear[now], truth[now], rows.slot[now])
        return model, line, spread

    def _boosted(self, rows: DayRows, line: FloatArray, use: BoolArray) -> None:
        """Trees on the load, and on what the linear model leaves, both in units of the scale and told its answer."""
        use = use & np.isfinite(rows.came) & np.isfinite(rows.scale) & np.isfinite(line)
        scale, came = rows.scale[use], rows.came[use]
        straight = self._straight(line[use], scale)
        x = np.column_stack([rows.trees[use], straight])
        one = np.ones(len(came))

        def trees(answer: FloatArray, count: int, seed: int) -> QuantileBoosting:
            return self._trees_of(count, seed).fit(x, answer, one)

        self._whole = trees(came / scale, self._trees, self._seed + 1)
        self._rest = trees(came / scale - straight, self._trees // 2, self._seed + 2)

    def _trees_of(self, count: int, seed: int) -> QuantileBoosting:
        """Untrained trees."""
        return QuantileBoosting(
            trees=count, leaves=31, learning_rate=0.05, least_rows=40, seed=seed, share=0.6, middle="mean"
        )

    # ---------------------------------------------------------------- a day

    def step(self, past: Past, rows: DayRows, outside: FloatArray) -> None:
        """Go on by one day: learn what is over at its issue, then forecast it.

        past     values of the point; what is not over at the issue of `rows` is not looked at
        rows     of the day
        outside  [row, expert] MW, NaN where not known at issue
        """
        issue = rows.moments.known[0]
        still = []
        for day in self._open:
            came = look(past, day.rows.moments.valid, np.full(len(day.rows), issue))[:, 0]
            new = np.isfinite(came) & ~day.learned
            if new.any():
                fresh = day.rows[new]
                self._linear.learn(fresh.linear, self._target(came[new]), fresh.slot)
                day.learned |= new
            if day.rows.moments.valid[-1] < issue:
                self._settle(day.rows, day.said, day.mixed, came)
            else:
                still.append(day)
        line = self._linear.predict(rows.linear, rows.slot)
        said = self._say(rows, line, self._linear.spread(rows.slot), outside)
        mixed = self._mix(rows, said)
        final = self._band.adjust(mixed, part_of_day(rows.slot, self._per_day)) * rows.scale
        blank = np.zeros(len(rows), dtype=bool)
        self._open = [*still, _Open(rows, blank, said, mixed, self._bounded(final))]

    def quantiles(self, day: int) -> tuple[DayRows, FloatArray] | None:
        """Rows and quantiles [quantile, row] MW of a local day that is not over; None where it was not forecast."""
        return next(((o.rows, o.final) for o in self._open if o.rows.day[0] == day), None)

    def weights(self) -> FloatArray:
        """Weights of the experts: [quantile, part of the day, expert]."""
        return self._weights.weights().reshape(len(QUANTILES), BUCKETS, len(self.names))

    def importance(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Shares that columns have in the linear model (without the level), the trees, and the trees of the rest."""
        sizes = self._linear.sizes()
        sizes[0] = 0.0
        return sizes / max(float(sizes.sum()), 1e-300), self._whole.gains(), self._rest.gains()

    # ------------------------------------------------------------- the parts

    def _say(self, rows: DayRows, line: FloatArray, spread: FloatArray, outside: FloatArray) -> FloatArray:
        """What each expert says: [quantile, row, expert] in units of the scale."""
        straight = self._straight(line, rows.scale)
        said = np.full((len(QUANTILES), len(rows), len(self.names)), np.nan)
        said[:, :, 0] = self._around_line(straight, spread)
        x = np.column_stack([rows.trees, straight])
        said[:, :, 1] = self._whole.predict(x)
        said[:, :, 2] = straight + self._rest.predict(x)
        said[:, ~np.isfinite(rows.scale)] = np.nan
        for k, noise in enumerate(self._noise):
            said[:, :, len(OWN) + k] = self._around_given(outside[:, k] / rows.scale, float(noise))
        return said

    def _mix(self, rows: DayRows, said: FloatArray) -> FloatArray:
        """The experts as one: [quantile, row] in units of the scale, ordered; NaN where none speaks."""
        part = part_of_day(rows.slot, self._per_day)
        mixed = [self._weights.mix(said[q], q * BUCKETS + part) for q in range(len(QUANTILES))]
        return np.sort(np.stack(mixed), axis=0)

    def _settle(self, rows: DayRows, said: FloatArray, mixed: FloatArray, came_mw: FloatArray) -> None:
        """Weights, band and the spread of the outside experts learn from a day that is over."""
        self._widen(rows, mixed, came_mw)
        came = came_mw / rows.scale
        part = part_of_day(rows.slot, self._per_day)
        for q, level in enumerate(QUANTILES.values()):
            self._weights.learn(said[q], came, np.full(len(came), level), q * BUCKETS + part)
        for k in range(len(self._noise)):
            error = said[1, :, len(OWN) + k] - came
            known = np.isfinite(error)
            if known.any():
                self._noise[k] = MEMORY * self._noise[k] + (1.0 - MEMORY) * float((error[known] ** 2).mean())

    def _widen(self, rows: DayRows, mixed: FloatArray, came_mw: FloatArray) -> None:
        """The band learns from a day that is over."""
        self._band.learn(mixed, came_mw / rows.scale, part_of_day(rows.slot, self._per_day))

    # ------------------------------------- what logarithms make of it

    def _target(self, mw: FloatArray) -> FloatArray:
        """The linear model's answer; NaN where there is no load. Same shape."""
        logs: FloatArray = np.log(np.where(mw > 0.0, mw, np.nan) / self._unit)
        return logs

    def _straight(self, line: FloatArray, scale: FloatArray) -> FloatArray:
        """The linear model's answer in units of the scale. [row]"""
        straight: FloatArray = self._unit * np.exp(line) / scale
        return straight

    def _around_line(self, straight: FloatArray, spread: FloatArray) -> FloatArray:
        """Quantiles of the linear model. [quantile, row]"""
        quantiles: FloatArray = straight * np.exp(NORMAL[:, None] * spread)
        return quantiles

    def _around_given(self, given: FloatArray, noise: float) -> FloatArray:
        """Quantiles of a forecast made elsewhere, by the variance of its errors. [quantile, row]"""
        quantiles: FloatArray = given * (1.0 + NORMAL[:, None] * np.sqrt(noise))
        return quantiles

    def _bounded(self, mw: FloatArray) -> FloatArray:
        """Consumption is not negative."""
        return np.maximum(mw, 0.0)
