"""Gaps: stamps put in order, and whether enough of the newest values is there to forecast from."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd

from gridloop.forecast.known.past import Past
from gridloop.units import BoolArray, FloatArray

MOST_OF_DAY, MOST_OF_WEEK = 0.125, 0.3
"""Shares of the newest day and week that may be missing; more where the training's were missing more."""

MOST_EVER = 0.9
"""A point of which more is missing is not forecast, however usual that is."""

LATER_H = 3.0
"""Hours by which the newest value may be older than at the fit before the feed counts as stopped."""

USUAL_SHARE = 0.98


class Gaps:
    """How much of a point is usually missing, and how old its newest value usually is."""

    def fit(self, past: Past) -> Self:
        """Learn from the training history, which ends at the moment of the fit."""
        self._age = past.end - 1 - past.last()
        self._most = {}
        for days, most in ((1, MOST_OF_DAY), (7, MOST_OF_WEEK)):
            steps = days * past.per_day
            count = len(past.values) // steps
            usual = np.zeros(len(past.points))
            if count > 20 // days:
                gaps = np.isnan(past.values[len(past.values) - count * steps :])
                usual = np.quantile(gaps.reshape(count, steps, -1).mean(axis=1), USUAL_SHARE, axis=0)
            self._most[days] = np.clip(usual, most, MOST_EVER)
        return self

    def too_many(self, past: Past) -> BoolArray:
        """Points of whose newest day or week too much is missing, up to where values usually reach. [point]"""
        weak = np.zeros(len(past.points), dtype=bool)
        for age in np.unique(self._age):
            of_age = self._age == age
            end = max(0, len(past.values) - int(age))
            for days, most in self._most.items():
                steps = days * past.per_day
                newest = past.values[max(0, end - steps) : end, of_age]
                missing = steps - np.isfinite(newest).sum(axis=0)
                weak[of_age] |= missing > most[of_age] * steps
        return weak

    def stopped(self, past: Past) -> FloatArray:
        """Hours since the newest value, of points whose feed has stopped; else 0. [point]"""
        age = past.end - 1 - past.last()
        hours = past.hours(age)
        stale: FloatArray = np.where(hours > past.hours(self._age) + LATER_H, hours, 0.0)
        return stale


def tidied(history: pd.DataFrame, step: pd.Timedelta) -> tuple[pd.DataFrame, dict[str, BoolArray], dict[str, str]]:
    """The history with every stamp once and on the clock; where two values disagree, with a gap.

    Returns, besides, what was given up: point → rows [time] of the tidied history, and in words. Rows that come twice
    with the same values, and infinite values, are put right without a word: nothing is lost.
    """
    index = pd.DatetimeIndex(history.index)
    if index.tz is None:
        return history, {}, {}  # refused by whoever reads it
    values = history.to_numpy(dtype=float)
    on_clock = np.asarray(index.as_unit("ns").asi8 % step.value == 0)
    if not index.has_duplicates and on_clock.all():
        if not np.isinf(values).any():
            return history, {}, {}
        return history.replace([np.inf, -np.inf], np.nan), {}, {}
    whole = pd.DataFrame(values, index=index, columns=history.columns).replace([np.inf, -np.inf], np.nan)[on_clock]
    groups = whole.groupby(level=0)
    low, high = groups.min(), groups.max()
    disagree = (low != high) & low.notna()
    tidy = low.mask(disagree).sort_index()
    rows = {str(p): np.asarray(disagree[p].reindex(tidy.index)) for p in tidy.columns if disagree[p].any()}
    words = {p: f"{p}: {int(r.sum())} stamps came twice with different values." for p, r in rows.items()}
    return tidy, rows, words
