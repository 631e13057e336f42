"""MeterForecaster: the next day of thousands of meters by one model, learned on a sample of them.

Every meter is seen in multiples of its own mean, with its own days and its own spread beside it, so that what was
learned on some homes serves those that the model has never met. The features of all meters are arrays, never loops.
"""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd

from gridloop.errors import GapInSeries, OutOfRange, listed
from gridloop.forecast.bands.band import Band, learn_band
from gridloop.forecast.features.calendar import calendar
from gridloop.forecast.features.lags import Recent
from gridloop.forecast.features.load_lags import load_lags
from gridloop.forecast.known.asked import asked
from gridloop.forecast.known.checks import must_be_fitted
from gridloop.forecast.known.leads import bucket
from gridloop.forecast.known.moments import Moments, look
from gridloop.forecast.known.past import Past, known_past, usual_step
from gridloop.forecast.known.sample import draw
from gridloop.forecast.models.boosting import QuantileBoosting
from gridloop.forecast.models.persistence import day, week
from gridloop.forecast.value import QUANTILES, Forecast
from gridloop.units import BoolArray, FloatArray

MODEL = "global boosting"
MEMORY_DAYS = 32.0
LEAST_DAYS = 14
"""Days of history below which there is nothing to draw from."""

LEAST_KNOWN = 0.3
"""Share of the newest week that must be known for the model to be asked; a meter with less is persistence, by name."""

CHUNK = 1000
"""Meters whose features are made at once: what fits into memory."""

FOLDS, BLOCK_DAYS = 3, 11
LEAST_ROWS = 500
UNIT = np.ones(1)


class MeterForecaster:
    """Quantiles of many meters, each up to 49 h ahead, in the unit of the readings (MW where a `Forecast` is one).

    zone    of the local clock
    meters  that the model is learned on, at most, drawn among those that are known best
    rows    that it is learned on, at most
    """

    def __init__(
        self, *, zone: str = "UTC", meters: int = 200, rows: int = 60_000, trees: int = 80, seed: int = 0
    ) -> None:
        self.zone, self.meters, self.rows, self.trees, self.seed = zone, meters, rows, trees, seed
        self._step = pd.Timedelta(0)  # not fitted yet

    def fit(self, history: pd.DataFrame, *, until: pd.Timestamp) -> Self:
        """Learn from what was over at `until`.

        history  UTC valid_at × meter, consumption ≥ 0; NaN is a gap

        Raises `OutOfRange` where there are less than 14 days, no meter has known readings for half of them, or stamps
        come twice or off the clock.
        """
        step = usual_step(history.index)
        past = known_past(history, tuple(str(p) for p in history.columns), until, step=step)
        days = len(past.values) / past.per_day
        share = np.isfinite(past.values).mean(axis=0) if len(past.values) else np.zeros(len(past.points))
        good = np.flatnonzero((share >= 0.5) & (np.nansum(np.maximum(past.values, 0.0), axis=0) > 0.0))
        if days < LEAST_DAYS or not len(good):
            raise OutOfRange(
                f"meters: {days:.1f} days of history, and {len(good)} of {len(past.points)} meters with readings above "
                f"zero for half of it. Needed are {LEAST_DAYS} days and one such meter.",
                needed_days=LEAST_DAYS,
            )
        rng = np.random.default_rng(self.seed)
        chosen = np.sort(rng.permutation(good)[: self.meters])
        past = past.only(tuple(past.points[k] for k in chosen)).at_least_zero()
        drawn = draw(past, min(4000, max(300, self.rows // len(chosen))), self.seed)
        if not len(drawn.moments):
            raise OutOfRange(f"meters: {days:.1f} days of history; needed are {LEAST_DAYS}.", needed_days=LEAST_DAYS)
        moments = drawn.moments[np.arange(len(drawn.moments)) != drawn.newest]
        columns, scale, sound = _columns(past, moments, self.zone)
        answer = look(past, moments.valid, moments.valid + 1) / scale
        use = sound & np.isfinite(answer)
        use &= rng.random(use.shape) * max(1, use.sum()) < self.rows
        if use.sum() < LEAST_ROWS:
            raise OutOfRange(
                f"meters: {int(use.sum())} rows to learn from; {LEAST_ROWS} are needed. Give more days or more meters.",
                rows=int(use.sum()),
            )
        x, y = columns[use], answer[use]
        row = np.broadcast_to(np.arange(len(moments))[:, None], use.shape)[use]
        fold = (moments.known[row] // (BLOCK_DAYS * past.per_day)) % FOLDS
        held_out = np.empty((len(QUANTILES), len(y)))
        for k in range(FOLDS):
            away = fold == k
            if away.any() and not away.all():
                held_out[:, away] = self._fitted(x[~away], y[~away]).predict(x[away])
            else:
                held_out[:, away] = np.nan
        where = bucket(past.hours(moments.lead[row]))
        ordered = np.sort(held_out, axis=0)[:, :, None]
        self._band: Band = learn_band(ordered, y[:, None], where, UNIT, np.isfinite(y)[:, None])
        self._model = self._fitted(x, y)
        self._step = step
        self.learned_on = past.points
        return self

    def predict(self, history: pd.DataFrame, issued_at: pd.Timestamp, valid_at: pd.DatetimeIndex) -> Forecast:
        """Quantiles of every meter of `history`, whether it was among those that were learned from or not.

        history   UTC valid_at × meter, known at `issued_at`; four weeks are looked at
        valid_at  starts of the intervals, from `issued_at` to 49 h ahead

        A meter whose newest week is mostly unknown is its own week before, or day before, with the band of its month.
        Raises `OutOfRange` where it is not fitted, history has another step or an interval is not ahead,
        `GapInSeries` where a meter has no reading in its last weeks.
        """
        must_be_fitted(self._step)
        points = tuple(str(p) for p in history.columns)
        past = known_past(history, points, issued_at, step=self._step, days=MEMORY_DAYS)
        moments = asked(past, issued_at, valid_at)
        parts, models = [], []
        for begin in range(0, len(points), CHUNK):
            some = Past(
                points[begin : begin + CHUNK], np.maximum(past.values[:, begin : begin + CHUNK], 0.0), past.first,
                past.step_ns,
            )  # fmt: skip
            values, names = self._some(some, moments)
            parts.append(values)
            models += names
        values = np.concatenate(parts, axis=2)
        lost = [points[k] for k in np.flatnonzero(np.isnan(values).any(axis=(0, 1)))]
        if lost:
            raise GapInSeries(
                f"meters: {len(lost)} of {len(points)} have no reading in their last weeks ({listed(lost)}). "
                "Leave them out.",
                points=lost,
            )
        return Forecast.from_arrays(issued_at, points, valid_at, values, dict(zip(points, models, strict=True)))

    def _some(self, past: Past, moments: Moments) -> tuple[FloatArray, list[str]]:
        """Quantiles [quantile, moment, meter] and the model of each meter."""
        columns, scale, sound = _columns(past, moments, self.zone)
        flat = columns.reshape(-1, columns.shape[-1])
        said = np.sort(self._model.predict(flat).reshape(len(QUANTILES), *scale.shape), axis=0)
        where = bucket(past.hours(moments.lead))
        values = np.maximum(self._band.adjust(said, where, np.ones(scale.shape[1])), 0.0) * scale
        models = [MODEL] * scale.shape[1]
        weak = np.flatnonzero(~sound.all(axis=0))
        if len(weak):
            values[:, :, weak], names = self._persistence(past.only(tuple(past.points[k] for k in weak)), moments)
            for k, name in zip(weak, names, strict=True):
                models[k] = name
        return values, models

    def _persistence(self, past: Past, moments: Moments) -> tuple[FloatArray, list[str]]:
        """Last week, else the newest day, else the mean of the month; low and high ranks of the month around it."""
        lags = load_lags(past, moments, self.zone)
        middle, names = np.full(lags["month"].shape, np.nan), np.full(lags["month"].shape[1], "", dtype=object)
        tried = {"persistence:week": week(past, moments, self.zone), "persistence:day": day(past, moments, self.zone),
                 "climatology": lags["month"]}  # fmt: skip
        for name, answer in tried.items():
            take = np.isnan(middle) & np.isfinite(answer)
            middle = np.where(take, answer, middle)
            for k in np.flatnonzero(take.any(axis=0)):
                names[k] = f"{names[k]}+{name}" if names[k] else name
        low = np.where(np.isfinite(lags["low"]), lags["low"], middle)
        high = np.where(np.isfinite(lags["high"]), lags["high"], middle)
        return np.stack([np.minimum(low, middle), middle, np.maximum(high, middle)]), list(names)

    def _fitted(self, x: FloatArray, y: FloatArray) -> QuantileBoosting:
        model = QuantileBoosting(trees=self.trees, leaves=31, learning_rate=0.1, least_rows=100, seed=self.seed)
        return model.fit(x, y, np.ones(len(y)))


def _columns(past: Past, moments: Moments, zone: str) -> tuple[FloatArray, FloatArray, BoolArray]:
    """What the model sees [moment, meter, column] float32, the scale [moment, meter], and where it may be asked."""
    recent = Recent(past)
    lags = load_lags(past, moments, zone)
    month = lags.pop("month")
    scale = np.where(month > 0.0, month, 1.0)
    spread = recent.spread(moments.known, 28 * past.per_day)
    shared = calendar(past, moments, zone) | {"lead": moments.lead.astype(float)}
    columns = np.empty((*scale.shape, len(lags) + len(shared) + 1), dtype=np.float32)
    for k, value in enumerate([*lags.values(), spread]):
        columns[:, :, k] = value / scale
    for k, value in enumerate(shared.values()):
        columns[:, :, len(lags) + 1 + k] = value[:, None]
    sound = np.isfinite(month) & (month > 0.0)
    sound &= recent.known_share(moments.known, 7 * past.per_day) >= LEAST_KNOWN
    return columns, scale, sound
