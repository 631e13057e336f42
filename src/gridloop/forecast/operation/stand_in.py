"""Stand-ins: persistence and climatology with a band, for forecasts whose inputs are not sound."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from statistics import NormalDist
from typing import Self

import numpy as np

from gridloop.forecast.blend.ensemble import errors_by_lead
from gridloop.forecast.blend.ladder import climb
from gridloop.forecast.known.leads import bucket
from gridloop.forecast.known.moments import Moments, look
from gridloop.forecast.known.past import Past
from gridloop.forecast.known.sample import draw
from gridloop.forecast.models import persistence
from gridloop.forecast.models.climatology import fit_climatology
from gridloop.forecast.value import QUANTILES
from gridloop.units import FloatArray, IntArray

ISSUES = 1500
"""Issues drawn from the training to learn how far off each stand-in is."""

OLDEST_H = 6
"""A last value older than this does not stand for what comes."""

LADDERS = {"load": ("week", "day"), "solar": ("day",), "wind": ("last",)}
"""The stand-ins of each kind, the best first; then climatology. Other kinds: `OTHER`."""

OTHER = ("day", "last")

RATED = ("solar", "wind")
"""Kinds that cannot pass what the plant was built for."""


class StandIn:
    """Persistence that knows how far off it is.

    For sun the band is only where climatology has some: none at night. Sun and wind stay within the highest value of
    the training, or the one that persistence repeats.

    kind  of the forecaster: load, solar, wind, other
    zone  of the local clock
    """

    def __init__(self, kind: str, zone: str, *, seed: int = 0) -> None:
        self.kind = kind
        self.names = LADDERS.get(kind, OTHER)
        self.zone = zone
        self.seed = seed

    def fit(self, past: Past) -> Self:
        """Learn the errors by lead, and the climatology."""
        known = np.isfinite(past.values)
        mean = np.abs(np.where(known, past.values, 0.0)).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        self._unit = np.where(mean > 0.0, mean, 1.0)
        rated = self.kind in RATED
        self._top = np.where(known & rated, past.values, -np.inf if rated else np.inf).max(axis=0, initial=-np.inf)
        self._climatology = fit_climatology(past, self.zone)
        moments = draw(past, ISSUES, self.seed).moments
        where = bucket(past.hours(moments.lead))
        came = look(past, moments.valid, moments.valid + 1)
        said = {name: self._of(name, past)(past, moments) for name in self.names}
        self._error = {n: errors_by_lead(came, s, where, self._unit, np.isfinite(came)) for n, s in said.items()}
        return self

    def quantiles(self, past: Past, moments: Moments, points: IntArray) -> tuple[FloatArray, list[str]]:
        """Quantiles [quantile, moment, point] in MW of some of the points, and what was used for each.

        Interval by interval the best that has a value. NaN only where nothing was ever known of a point.
        """
        where = bucket(past.hours(moments.lead))
        climate = self._climatology.predict(past, moments.valid)[:, :, points]
        lowest = np.where(self._climatology.table[0].min(axis=0) >= 0.0, 0.0, -np.inf)[points]
        dark = (climate[-1] <= 0.0) & (self.kind == "solar")

        def steps() -> Iterator[tuple[str, FloatArray, FloatArray]]:
            for name in self.names:
                said = self._of(name, past)(past, moments)[:, points]
                band = np.where(dark, 0.0, self._error[name][where].T[:, :, None] * self._unit[points])
                yield name, said, np.clip(said + band, lowest, np.maximum(self._top[points], said))

        return climb(steps(), climate)

    def _of(self, name: str, past: Past) -> Callable[[Past, Moments], FloatArray]:
        if name == "last":
            return partial(persistence.last, oldest=OLDEST_H * max(1, past.per_day // 24))
        return partial({"day": persistence.day, "week": persistence.week}[name], zone=self.zone)


class StandIns:
    """A `StandIn` for every kind of point.

    kinds  kind by point
    """

    def __init__(self, kinds: Mapping[str, str], zone: str) -> None:
        self.kinds = dict(kinds)
        self._of = {kind: StandIn(kind, zone) for kind in sorted(set(self.kinds.values()))}

    def fit(self, past: Past) -> Self:
        """Learn each kind from its own points."""
        for kind, stand_in in self._of.items():
            stand_in.fit(self._own(past, kind))
        return self

    def quantiles(self, past: Past, moments: Moments, points: IntArray) -> tuple[FloatArray, list[str]]:
        """As `StandIn.quantiles`, of points of any kinds."""
        values = np.full((len(QUANTILES), len(moments), len(points)), np.nan)
        names = [""] * len(points)
        for kind, stand_in in self._of.items():
            own = self._own(past, kind)
            here = [k for k, p in enumerate(points) if past.points[p] in own.points]
            if here:
                column = np.array([own.points.index(past.points[points[k]]) for k in here])
                values[:, :, here], said = stand_in.quantiles(own, moments, column)
                for k, name in zip(here, said, strict=True):
                    names[k] = name
        return values, names

    def _own(self, past: Past, kind: str) -> Past:
        points = tuple(p for p in past.points if self.kinds[p] == kind)
        # the very same where there is one kind: a copy lies otherwise in memory, and its sums end in other bits
        return past if points == past.points else past.only(points)


def at_levels(values: FloatArray, levels: FloatArray) -> FloatArray:
    """P10, P50, P90 [quantile, …] at other probabilities: straight lines over the normal scores, on beyond the ends."""
    own = np.array(list(QUANTILES.values()))
    if np.array_equal(own, levels):
        return values
    score = [float(NormalDist().inv_cdf(level)) for level in levels]
    below, above = NormalDist().inv_cdf(own[0]), NormalDist().inv_cdf(own[2])
    low, middle, high = values
    return np.stack(
        [middle + (low - middle) * (z / below) if z < 0.0 else middle + (high - middle) * (z / above) for z in score]
    )
