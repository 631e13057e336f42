"""DirectForecaster: one model for all points and all leads of a kind, with what it takes to trust it.

Fit: issues and intervals are drawn from the history; a kind's `_design` says what was known at each. The model learns
on two thirds of the weeks and is watched on the rest, in turn. From the watched weeks come, in this order: the share
of persistence, the memory of the feedback, the width of the band. Then a model learns on all weeks.

Predict: the design of the asked intervals, the model, the average with persistence, the newest error, the band, the
physical bounds. A point whose history is too thin falls back to persistence or climatology: `Forecast.model` names it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar, Self

import numpy as np
import pandas as pd

from gridloop.errors import GapInSeries, OutOfRange, listed
from gridloop.forecast.bands.band import learn_band
from gridloop.forecast.blend.ensemble import Ensemble, errors_by_lead, learn_ensemble
from gridloop.forecast.blend.feedback import Memory, learn_memory
from gridloop.forecast.blend.ladder import climb
from gridloop.forecast.direct.design import Design
from gridloop.forecast.direct.learned import Learned, held_out_scores
from gridloop.forecast.known.asked import asked
from gridloop.forecast.known.checks import must_be_fitted
from gridloop.forecast.known.leads import BUCKETS, bucket
from gridloop.forecast.known.moments import Moments, look
from gridloop.forecast.known.past import Past, known_past, usual_step
from gridloop.forecast.known.sample import draw
from gridloop.forecast.models.boosting import QuantileBoosting
from gridloop.forecast.models.climatology import fit_climatology
from gridloop.forecast.value import QUANTILES, Forecast
from gridloop.units import BoolArray, FloatArray, IntArray

MODEL = "boosting"

MEMORY_DAYS = 32.0
"""Days that a prediction looks back: 28 of lags, 2 of lead, and room for a clock change."""

NEGATIVE = 0.05
"""Share of the unit down to which a negative value is noise or a plant's own consumption, and counts as zero."""

NOTHING_MW = 1e-3
"""Unit of a point that never gave or took anything and has no capacity."""

LEAST_ROWS = 200
"""Fewer rows than this teach nothing; no model is learned."""

FOLDS = 3
BLOCK_DAYS = 11
"""Weeks are held out in blocks of this length; not a multiple of 7, so that no fold owns a weekday."""

Persistence = Callable[[Past, Moments], FloatArray]


class DirectForecaster(ABC):
    """What the forecasters of all kinds share; a kind says what it sees and what stands in.

    capacity  per point [MW]: upper bound and unit of the errors; where there is none, the mean of the point
    zone      of the local clock
    seed      of the draw of moments and of the trees
    threads   models fitted side by side; the result does not depend on it
    """

    kind: ClassVar[str]
    """Name of the kind."""

    least_issues: ClassVar[int] = 3000
    """Issues drawn from the history, at least; more where few points make few rows."""

    most_rows: ClassVar[int] = 40_000
    """Rows that a model learns from; with more moments × points a part of them, drawn: the fit takes seconds."""

    def __init__(
        self, *, capacity: Mapping[str, float] | None = None, zone: str = "UTC", seed: int = 0, threads: int = 2
    ) -> None:
        wrong = [p for p, mw in (capacity or {}).items() if not (np.isfinite(mw) and mw > 0.0)]
        if wrong:
            raise OutOfRange(
                f"capacity: {len(wrong)} points have none above 0 MW ({listed(wrong)}). Give the rated power in MW.",
                points=wrong,
            )
        self.capacity = dict(capacity or {})
        self.zone = zone
        self.seed = seed
        self.threads = threads
        self.backtest: dict[str, float] = {}
        self.points: tuple[str, ...] = ()
        self._learned: Learned | None = None

    @abstractmethod
    def _design(self, past: Past, moments: Moments) -> Design:
        """What the model sees."""

    @abstractmethod
    def _persistence(self) -> dict[str, Persistence]:
        """Fallbacks by name, the best first; the first one is averaged with the model."""

    def _dark(self, past: Past, moments: Moments) -> BoolArray:
        """Where the answer is zero whatever the model says. [moment, point]"""
        return np.zeros((len(moments), len(past.points)), dtype=bool)

    def _prepare(self, past: Past) -> None:  # noqa: B027  # most kinds have nothing to prepare
        """What a kind learns of its own before the model."""

    def _booster(self) -> QuantileBoosting:
        """The untrained trees."""
        return QuantileBoosting(seed=self.seed + 1)

    def _averages(self) -> bool:
        """Whether the model is averaged with persistence."""
        return True

    def importance(self) -> pd.DataFrame:
        """What the trees' median hangs on: column × "boosting", the gains of their splits, adding up to one.

        Raises `OutOfRange` where no model was learned.
        """
        if self._learned is None:
            raise OutOfRange("importance: no model was learned. Call fit with at least ten days of history.")
        return pd.DataFrame({"boosting": self._learned.model.gains()}, index=list(self._columns))

    @property
    def memory(self) -> Memory:
        """How long an error of this kind lasts."""
        return Memory() if self._learned is None else self._learned.memory

    # ------------------------------------------------------------------ fit

    def fit(self, history: pd.DataFrame, *, until: pd.Timestamp) -> Self:
        """Learn from what was over at `until`.

        history  UTC valid_at × point [MW], evenly spaced; NaN is a gap
        With less than ten days of history no model is learned: predictions are persistence, by name.
        Raises `OutOfRange` where the index is not UTC, has stamps twice or off the clock, or values are well
        below zero.
        """
        self.points = tuple(str(p) for p in history.columns)
        self._step = usual_step(history.index)
        past = known_past(history, self.points, until, step=self._step)
        self._unit = self._units(past)
        low = np.flatnonzero((past.values < -NEGATIVE * self._unit).any(axis=0))
        negative = [self.points[k] for k in low]
        if negative:
            raise OutOfRange(
                f"history: {len(negative)} points are well below zero somewhere ({listed(negative)}). Consumption and "
                "injection are both ≥ 0 here: forecast load and generation apart, or turn the sign.",
                points=negative,
            )
        past = past.at_least_zero()
        self._top = np.array([self.capacity.get(p, np.inf) for p in self.points])
        self._climatology = fit_climatology(past, self.zone)
        self._prepare(past)
        self._learn(past)
        return self

    def _units(self, past: Past) -> FloatArray:
        """[point] MW, positive: capacity, or the mean where no capacity is known."""
        known = np.isfinite(past.values)
        mean = np.where(known, past.values, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        unit = np.array([self.capacity.get(p, m) for p, m in zip(self.points, mean, strict=True)])
        return np.where(unit > 0.0, unit, NOTHING_MW)

    def _learn(self, past: Past) -> None:
        self._learned = None
        self._fallback_error = {name: np.zeros((BUCKETS, len(QUANTILES))) for name in self._persistence()}
        sample = draw(past, max(self.least_issues, self.most_rows // (2 * len(self.points))), self.seed)
        moments = sample.moments
        if not len(moments):
            return
        lead_h = past.hours(moments.lead)
        where = bucket(lead_h)
        actual = look(past, moments.valid, moments.valid + 1)
        design = self._design(past, moments)
        rows = design.active & design.sound & np.isfinite(actual)
        references = {name: of(past, moments) for name, of in self._persistence().items()}
        for name, reference in references.items():
            seen = design.active & np.isfinite(actual)
            self._fallback_error[name] = errors_by_lead(actual, reference, where, self._unit, seen)

        block = (moments.known // (BLOCK_DAYS * past.per_day)) % FOLDS
        folds = [block == fold for fold in range(FOLDS)]
        parts = [np.ones(len(moments), dtype=bool), *(~watched for watched in folds)]
        if not all((rows & part[:, None]).sum() > LEAST_ROWS for part in parts):
            return
        self._columns = tuple(design.columns)
        x, answer = design.matrix(), (actual - design.base) / design.scale

        # neighbours see the same weather: many moments with some of the points teach more than the reverse
        rng = np.random.default_rng(self.seed + 2)
        kept = rows & (rng.random(rows.shape) * rows.sum() < self.most_rows)

        def fitted(part: BoolArray) -> QuantileBoosting:
            use = (kept & part[:, None]).ravel()
            return self._booster().fit(x[use], answer.ravel()[use], design.weight.ravel()[use])

        with ThreadPoolExecutor(max(1, self.threads)) as pool:
            model, *watched_models = pool.map(fitted, parts)
        held_out = np.full((len(QUANTILES), *actual.shape), np.nan)
        for watched, blind in zip(folds, watched_models, strict=True):
            use = rows & watched[:, None]
            if use.any():
                held_out[:, use] = blind.predict(x[use.ravel()])
        held_out = design.base + design.scale * held_out

        first = next(iter(references.values()))
        ensemble = Ensemble(np.zeros(BUCKETS), np.zeros((BUCKETS, len(QUANTILES))))
        if self._averages():
            ensemble = learn_ensemble(held_out, first, actual, where, self._unit, rows)
        mixed = ensemble.combine(held_out, first, where, self._unit)
        later = actual - mixed[1]
        error = later[sample.newest]
        ahead = np.arange(len(moments)) != sample.newest
        memory = learn_memory(error[ahead], later[ahead], lead_h[ahead], self._unit)
        moved = mixed + np.nan_to_num(error) * memory.remains(lead_h)[:, None]
        band = learn_band(moved, actual, where, self._unit, rows & ahead[:, None])
        self._learned = Learned(model, ensemble, memory, band)
        final = np.clip(band.adjust(moved, where, self._unit), 0.0, self._top)
        self.backtest = held_out_scores(final, first, actual, rows & ahead[:, None], self._unit)

    # -------------------------------------------------------------- predict

    def predict(self, history: pd.DataFrame, issued_at: pd.Timestamp, valid_at: pd.DatetimeIndex) -> Forecast:
        """Quantiles of every fitted point.

        history   values known at `issued_at`, UTC valid_at × point [MW]; what is not over by then is not looked at
        valid_at  starts of the intervals, on the clock of the history, from `issued_at` to 49 h ahead

        Raises `OutOfRange` where an interval has begun before the issue or is too far ahead, `GapInSeries` where
        a point has no known value at all, neither now nor when the model was fitted.
        """
        past = self.known(history, issued_at)
        values, models = self.quantiles(past, asked(past, issued_at, valid_at))
        return Forecast.from_arrays(issued_at, self.points, valid_at, values, models)

    def known(self, history: pd.DataFrame, issued_at: pd.Timestamp) -> Past:
        """The part of the history that a prediction looks at."""
        must_be_fitted(self.points)
        return known_past(history, self.points, issued_at, step=self._step, days=MEMORY_DAYS)

    def quantiles(self, past: Past, moments: Moments) -> tuple[FloatArray, dict[str, str]]:
        """Quantiles [quantile, moment, point] in MW and the model of each point. All moments have one issue."""
        past = past.at_least_zero()
        values = np.full((len(QUANTILES), len(moments), len(self.points)), np.nan)
        sound = np.zeros(len(self.points), dtype=bool)
        if self._learned is not None:
            values, sound = self._modelled(past, moments, self._learned)
        models = dict.fromkeys(self.points, MODEL)
        if not sound.all():
            weak = np.flatnonzero(~sound)
            values[:, :, weak], names = self._fallback(past, moments, weak)
            models |= {self.points[k]: name for k, name in zip(weak, names, strict=True)}
        lost = [p for p, gap in zip(self.points, np.isnan(values).any(axis=(0, 1)), strict=True) if gap]
        if lost:
            raise GapInSeries(
                f"history: {len(lost)} of {len(self.points)} points have no known value ({listed(lost)}): nothing can "
                "be said about them. Give at least a day of readings, or leave them out.",
                points=lost,
            )
        return np.where(self._dark(past, moments), 0.0, np.clip(values, 0.0, self._top)), models

    def _modelled(self, past: Past, moments: Moments, learned: Learned) -> tuple[FloatArray, BoolArray]:
        """Quantiles [quantile, moment, point] and which points the model may speak for [point].

        The first moment is the newest known interval, as it looked one step before: its error is the feedback. It is
        recomputed from the readings instead of being remembered, so that a tick can be replayed from what was known.
        """
        newest = int(past.last().max(initial=past.first - 1))
        everything = Moments(np.r_[newest, moments.known], np.r_[newest, moments.valid])
        lead_h = past.hours(everything.lead)
        where = bucket(lead_h)
        design = self._design(past, everything)
        use = design.active & design.sound
        answer = np.zeros((len(QUANTILES), *use.shape))
        if use.any():
            answer[:, use] = learned.model.predict(design.matrix()[use.ravel()])
        reference = next(iter(self._persistence().values()))(past, everything)
        values = learned.ensemble.combine(design.base + design.scale * answer, reference, where, self._unit)
        came = look(past, everything.valid[:1], everything.valid[:1] + 1)[0]
        error = np.where(use[0], came - values[1, 0], 0.0)
        since_h = past.hours(moments.valid - newest - 1)
        values = values[:, 1:] + np.nan_to_num(error) * learned.memory.remains(since_h)[:, None]
        return learned.band.adjust(values, where[1:], self._unit), np.asarray(design.sound[1:].all(axis=0))

    def _fallback(self, past: Past, moments: Moments, weak: IntArray) -> tuple[FloatArray, list[str]]:
        """Persistence, interval by interval the best that has a value, then climatology; and the names used."""
        where = bucket(past.hours(moments.lead))
        climate = self._climatology.predict(past, moments.valid)[:, :, weak]

        def steps() -> Iterator[tuple[str, FloatArray, FloatArray]]:
            for name, of in self._persistence().items():
                reference = of(past, moments)[:, weak]
                error = self._fallback_error[name]
                band = error[where].T[:, :, None] * self._unit[weak] if error.any() else climate - climate[1]
                yield name, reference, reference + band

        return climb(steps(), climate)
