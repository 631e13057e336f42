"""Day rows: the numbers that the experts of a day see, made from a scene by the transforms."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gridloop.forecast.features.holidays import WORKDAYS, DayKinds
from gridloop.forecast.features.lags import Recent, earlier_days, same_time
from gridloop.forecast.features.load_lags import load_lags
from gridloop.forecast.features.season import Season
from gridloop.forecast.features.transform import Scene, Transform
from gridloop.forecast.features.weather import ABOVE, Temperature
from gridloop.forecast.known.local import local_slots
from gridloop.forecast.known.moments import Moments, look
from gridloop.forecast.models import persistence
from gridloop.units import BoolArray, FloatArray, IntArray

LINEAR_LAGS = ("day", "week", "mean_type", "newest_4h", "newest_24h")
"""Lags that the linear model sees, as logarithms."""

BASE = ("wednesday", "clock_h", "hour", "weekday")
"""Columns that the linear model does without: the weekday that the others are measured against, and codes."""

DAYS = 7
"""Days whose values at the same time trees see one by one, and of which `LEAST_KNOWN` must be known."""

LEAST_KNOWN = 0.7

BEYOND = 0.1
"""How far beyond the training range, in widths of it, a linear column may go: what was never seen is not drawn on."""


@dataclass(frozen=True)
class DayRows:
    """Intervals of whole local days. [row]

    day, slot   local day since 1970, and interval of it
    linear      [row, column] standardised, the first column ones
    trees       [row, column]
    scale       MW: mean of the newest month; NaN where too little of the last week is known for any model
    came        MW: what came, NaN where the history ends before
    week        MW: weekly persistence, yesterday's value where that is unknown
    """

    moments: Moments
    day: IntArray
    slot: IntArray
    linear: FloatArray
    trees: FloatArray
    scale: FloatArray
    came: FloatArray
    week: FloatArray

    def __getitem__(self, rows: BoolArray | IntArray) -> DayRows:
        return DayRows(
            self.moments[rows], self.day[rows], self.slot[rows], self.linear[rows], self.trees[rows], self.scale[rows],
            self.came[rows], self.week[rows],
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.day)


class RowMaker:
    """The transforms of a load, fitted once; then rows of any days.

    unit  MW: the linear model's answer is the logarithm of load over unit
    """

    def __init__(self, holidays: Iterable[dt.date], unit: float, *, weather: bool) -> None:
        self._kinds = DayKinds(holidays)
        self.unit = unit
        self._transforms: list[Transform] = [self._kinds, Season()]
        if weather:
            self._transforms.append(Temperature())

    def fit(self, scene: Scene) -> DayRows:
        """Learn the transforms and how the columns are standardised; the rows of the training scene."""
        for transform in self._transforms:
            transform.fit(scene)
        self._middle, self._spread = np.zeros(1), np.ones(1)
        self._low, self._high = np.full(1, -np.inf), np.full(1, np.inf)
        rows = self.make(scene)
        self._middle = np.nanmean(rows.linear, axis=0)
        spread = np.nanstd(rows.linear, axis=0)
        self._middle[0], spread[0] = 0.0, 1.0
        self._spread = np.where(spread > 0.0, spread, 1.0)
        low, high = (f((rows.linear - self._middle) / self._spread, axis=0) for f in (np.nanmin, np.nanmax))
        self._low, self._high = low - BEYOND * (high - low), high + BEYOND * (high - low)
        return self.make(scene)

    def make(self, scene: Scene) -> DayRows:
        """Rows of the scene's moments. Raises `GapInSeries` where weather does not cover them."""
        past, moments = scene.past, scene.moments
        lags = {k: v[:, 0] for k, v in load_lags(past, moments, scene.zone, self._kinds.rest).items()}
        days = same_time(past, moments, earlier_days(past, moments, DAYS, zone=scene.zone))[:, 1:, 0]
        recent = Recent(past)
        sound = recent.known_share(moments.known, DAYS * past.per_day)[:, 0] >= LEAST_KNOWN
        scale = np.where(sound, lags["month"], np.nan)
        columns = {k: v for transform in self._transforms for k, v in transform.transform(scene).items()}
        for_line = [k for k in columns if k not in BASE]
        for_trees = [k for k in columns if ABOVE not in k and k not in WORKDAYS]
        linear = [np.ones(len(moments)), *(columns[k] for k in for_line)]
        with np.errstate(divide="ignore", invalid="ignore"):
            linear += [np.log(lags[k] / self.unit) for k in LINEAR_LAGS]
        trees = [columns[k] for k in for_trees]
        trees += [*(v / scale for v in lags.values()), *(days / scale[:, None]).T]
        trees += [moments.lead.astype(float), self._rest(scene, moments.valid), self._rest(scene, _then(scene))]
        self.linear_names = ("level", *for_line, *(f"log {k}" for k in LINEAR_LAGS))
        before = (f"{k + 1}_days_before_day" for k in range(days.shape[1]))
        self.tree_names = (*for_trees, *lags, *before, "lead", "rest", "rest_then", "linear model")
        local = local_slots(past, moments.valid, scene.zone)
        week = persistence.week(past, moments, scene.zone)[:, 0]
        x = np.column_stack(linear)
        x[~np.isfinite(x)] = np.nan
        return DayRows(
            moments=moments,
            day=local // past.per_day,
            slot=local % past.per_day,
            linear=np.clip((x - self._middle) / self._spread, self._low, self._high),
            trees=np.column_stack(trees),
            scale=scale,
            came=look(past, moments.valid, moments.valid + 1)[:, 0],
            week=np.where(np.isfinite(week), week, persistence.day(past, moments, scene.zone)[:, 0]),
        )

    def _rest(self, scene: Scene, slots: IntArray) -> FloatArray:
        """Sort of the local day of slots. [row]"""
        local = local_slots(scene.past, slots, scene.zone)
        return self._kinds.rest(local, scene.past.per_day).astype(float)


def _then(scene: Scene) -> IntArray:
    """The newest known interval at the same time of day. [row]"""
    return earlier_days(scene.past, scene.moments, 1, zone=scene.zone)[:, 0]
