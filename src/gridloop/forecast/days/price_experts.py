"""Price experts: LEAR over several windows and boosted trees, weighted online; each day in turn, as it would have been.

The weights and the band are those of the load's experts (docs/math/forecast.md). LEAR says one number per hour; its
P10 and P90 are that number and the quantiles of its own errors over the last weeks, by part of the day.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from gridloop.forecast.bands.conformal import RollingBand, part_of_day
from gridloop.forecast.blend.experts import ExpertWeights
from gridloop.forecast.days.price_days import LAGS, DayTable, PriceRowMaker
from gridloop.forecast.known.leads import BUCKETS
from gridloop.forecast.models.boosting import QuantileBoosting
from gridloop.forecast.models.lear import lear
from gridloop.forecast.value import QUANTILES
from gridloop.units import BoolArray, FloatArray, IntArray

WINDOWS = (56, 84, 364, 1092, 1456)
"""Days from which LEAR learns: eight and twelve weeks, one, three and four years."""

SPEAKS = 0.7
"""A window speaks as soon as this share of it is there."""

LEAST_ROWS = 28
"""Days from which the shortest window speaks."""

WARM_DAYS = 90
"""The newest training days, at most: the weights, the errors and the band are learned on them."""

EARLY_DAYS = 30
"""Days that the trees leave out: their lags reach back so far."""

LEAST_DAYS = EARLY_DAYS + 90
"""Days below which there is too little to learn from."""

ERROR_DAYS = 60
"""Days of errors that make LEAR's own band."""

BOOSTING, MEMORY_ROWS = "boosting", 1100
"""Trees look back three years at most: older markets had other prices."""


class PriceExperts:
    """The experts of one price.

    prices, drivers  known days; both grow as days are gone through
    retrain_days     days between fits of the trees; LEAR learns every day
    """

    def __init__(
        self, prices: DayTable, drivers: list[DayTable], maker: PriceRowMaker, *,
        windows: Sequence[int] = WINDOWS, trees: int, retrain_days: int, seed: int,
    ) -> None:  # fmt: skip
        self.prices, self.drivers, self._maker = prices, drivers, maker
        self._windows, self._trees, self._seed = tuple(sorted(windows)), trees, seed
        self._retrain_days = retrain_days
        self.names = (*(f"lear {w} d" for w in self._windows), BOOSTING)
        self._weights = ExpertWeights(len(QUANTILES) * BUCKETS, len(self.names))
        self._band = RollingBand()
        self._errors: deque[FloatArray] = deque(maxlen=ERROR_DAYS)
        self._part = part_of_day(np.arange(prices.values.shape[1]), prices.values.shape[1])
        self._spoke = np.ones(len(self.names))
        self.week_off = np.zeros(len(QUANTILES))

    def fit(self) -> None:
        """Learn from the days in the tables; the newest are gone through as if each was forecast when it was."""
        days = np.arange(self.prices.first, self.prices.end)
        first = days[-1] + 1 - min(WARM_DAYS, len(days) - LEAST_DAYS + 30)
        self._fit_trees(first)
        for day in range(first, int(days[-1]) + 1):
            self.settle(day, self._say(day))
        self._fit_trees(int(days[-1]) + 1)
        off = (self.prices.values[7:] - self.prices.values[:-7])[-364:] / self._unit(days[7:][-364:])[1][:, None]
        if np.isfinite(off).any():
            self.week_off = np.quantile(off[np.isfinite(off)], list(QUANTILES.values()))
        self.week_off[1] = 0.0  # persistence is what it is

    def say(self, day: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Quantiles of a day [quantile, slot] in money, and in units before the band; what each expert says.

        NaN where too little of the days before is known: yesterday, above all.
        """
        if day >= self._retrain_at:
            self._fit_trees(day)
        said = self._say(day)
        mixed = self._mix(said)
        if np.isnan(mixed).any():
            return np.full_like(mixed, np.nan), mixed, said
        level, scale = self._unit(np.array([day]))
        return level + scale * self._band.adjust(mixed, self._part), mixed, said

    def settle(self, day: int, said: FloatArray, mixed: FloatArray | None = None) -> None:
        """Weights, errors and band learn from a day whose prices are known. said [quantile, slot, expert]"""
        level, scale = self._unit(np.array([day]))
        came = (self.prices.rows(np.array([day]))[0] - level) / scale
        if np.isnan(came).any():
            return
        before = self._mix(said) if mixed is None else mixed
        if np.isfinite(before).all():
            self._band.learn(before, came, self._part)
        for q, share in enumerate(QUANTILES.values()):
            self._weights.learn(said[q], came, np.full(len(came), share), q * BUCKETS + self._part)
        self._errors.append(came[:, None] - said[1])

    def week(self, day: int) -> FloatArray:
        """The price of a week before, or the newest before that, with the band of its errors. [quantile, slot]"""
        weeks = self.prices.rows(day - 7 * np.arange(1, 5))
        known = np.isfinite(weeks).all(axis=1)
        if not known.any():
            return np.full((len(QUANTILES), weeks.shape[1]), np.nan)
        _, scale = self._unit(np.array([day]))
        return np.asarray(weeks[known.argmax()] + self.week_off[:, None] * scale)

    def weights(self) -> FloatArray:
        """[quantile, part of the day, expert]; zero for those that did not speak on the last day gone through."""
        awake = self._weights.weights() * self._spoke
        shares: FloatArray = awake / awake.sum(axis=1, keepdims=True)
        return shares.reshape(len(QUANTILES), BUCKETS, len(self.names))

    # ------------------------------------------------------------- the parts

    def _unit(self, days: IntArray) -> tuple[FloatArray, FloatArray]:
        return self._maker.unit(self.prices, days)

    def _say(self, day: int) -> FloatArray:
        """What each expert says: [quantile, slot, expert] in units; NaN where it does not speak."""
        today = np.array([day])
        said = np.full((len(QUANTILES), self.prices.values.shape[1], len(self.names)), np.nan)
        if np.isnan(self.prices.rows(today - 1)).any():
            return said
        level, scale = self._unit(today)
        spread = self._spread()
        days = np.arange(max(self.prices.first + max(LAGS), day - self._windows[-1]), day + 1)
        x, plain = self._maker.lear(self.prices, self.drivers, days)
        y = self.prices.rows(days)
        whole: BoolArray = np.asarray(np.isfinite(x).all(axis=1))
        if whole[-1]:
            taught = whole & np.isfinite(y).all(axis=1) & (days < day)
            for k, window in enumerate(self._windows):
                use = taught & (days >= day - window)
                if use.sum() >= (SPEAKS * window if k else LEAST_ROWS):
                    price = lear(x[use], plain[use], y[use], x[-1], plain[-1])
                    said[:, :, k] = (price - level) / scale + spread[:, self._part, k]
        said[:, :, -1] = np.sort(self._boosting.predict(self._maker.trees(self.prices, self.drivers, today)[0]), axis=0)
        self._spoke = np.isfinite(said[1, 0]).astype(float)
        return said

    def _spread(self) -> FloatArray:
        """Quantiles of what came over what each expert had said. [quantile, part, expert]"""
        spread = np.zeros((len(QUANTILES), BUCKETS, len(self.names)))
        if len(self._errors) < 7:
            return spread + np.array([-1.0, 0.0, 1.0])[:, None, None] * 0.5  # a guess, for the first week
        errors = np.stack(list(self._errors))
        for part in range(BUCKETS):
            here = errors[:, self._part == part].reshape(-1, errors.shape[2])
            for k in np.flatnonzero(np.isfinite(here).any(axis=0)):
                column = here[:, k]
                spread[:, part, k] = np.quantile(column[np.isfinite(column)], list(QUANTILES.values()))
        spread[1] = 0.0
        return spread

    def _mix(self, said: FloatArray) -> FloatArray:
        """The experts as one: [quantile, slot] in units, ordered; NaN where none speaks."""
        mixed = [self._weights.mix(said[q], q * BUCKETS + self._part) for q in range(len(QUANTILES))]
        return np.sort(np.stack(mixed), axis=0)

    def _fit_trees(self, day: int) -> None:
        """Trees from all days before `day`."""
        days = np.arange(max(self.prices.first + EARLY_DAYS, day - MEMORY_ROWS), day)
        level, scale = self._unit(days)
        trees = self._maker.trees(self.prices, self.drivers, days)
        x = trees.reshape(-1, trees.shape[2])
        y = ((self.prices.rows(days) - level[:, None]) / scale[:, None]).ravel()
        use = np.isfinite(y)
        model = QuantileBoosting(
            trees=self._trees, leaves=15, learning_rate=0.05, least_rows=40, seed=self._seed + 1, share=0.6
        )
        self._boosting = model.fit(x[use], y[use], np.ones(int(use.sum())))
        self._retrain_at = day + self._retrain_days
