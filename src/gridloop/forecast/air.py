"""AirForecaster: the compressed air that a factory uses, from its production plan.

A line through the plan comes first (what each line takes at the rate that is planned for it, while it is on, and in a
break), then the trees learn what it leaves: the hour, the shift, what was usual at this time, what the newest readings
say. It is a forecaster like all others: quantiles, a fallback by name, and `GuardedForecaster` around it.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.forecast.direct.design import Design
from gridloop.forecast.direct.forecaster import DirectForecaster, Persistence
from gridloop.forecast.features.calendar import calendar
from gridloop.forecast.features.lags import Recent
from gridloop.forecast.features.load_lags import load_lags
from gridloop.forecast.known.moments import Moments, look
from gridloop.forecast.known.past import Past
from gridloop.forecast.models import persistence
from gridloop.units import FloatArray, IntArray

LEAST_KNOWN = 0.7
"""Share of the last 7 days that must be known for the model to be asked."""
USED = ("day_smooth", "week_smooth", "mean_7", "newest", "newest_1h", "newest_4h", "newest_24h")


class AirForecaster(DirectForecaster):
    """Quantiles of the use of air, in the unit of the history (m³/min).

    plan  the production plan: UTC valid_at × numbers (rates of lines, shift, share of a break), on the clock of the
          history, from its begin to the end of what is to be forecast. It is published before it holds; a newer one
          takes its place by `replan`
    Fallbacks, also where the plan has no row: the same time a week ago, yesterday, climatology.
    """

    kind = "load"

    def __init__(self, plan: pd.DataFrame, *, zone: str = "UTC", seed: int = 0, threads: int = 2) -> None:
        super().__init__(zone=zone, seed=seed, threads=threads)
        self._names: list[str] = []
        self.replan(plan)

    def replan(self, plan: pd.DataFrame) -> None:
        """Take a newer plan, with the same columns. Raises `OutOfRange`, `GapInSeries`."""
        index = plan.index
        if not isinstance(index, pd.DatetimeIndex) or index.tz is None:
            raise OutOfRange("plan: its index has no time zone. Give starts of intervals in UTC.")
        if index.has_duplicates:
            raise OutOfRange(f"plan: {int(index.duplicated().sum())} of {len(index)} times stand twice.")
        gaps = int(plan.isna().to_numpy().sum())
        if gaps:
            raise GapInSeries(f"plan: {gaps} of {plan.size} values are missing. Fill them by name.", missing=gaps)
        names = [str(c) for c in plan.columns]
        if self._names and self._names != names:
            raise OutOfRange(f"plan: columns {names}; it was fitted with {self._names}.")
        self._names = names
        self._stamps = index.tz_convert("UTC").as_unit("ns").asi8
        order = np.argsort(self._stamps)
        self._stamps, self._numbers = self._stamps[order], plan.to_numpy(dtype=float)[order]

    def _planned(self, past: Past, slots: IntArray) -> FloatArray:
        """The plan at slots; NaN where it has no row. [slot, column]"""
        stamps = np.asarray(slots) * past.step_ns
        at = np.clip(np.searchsorted(self._stamps, stamps), 0, len(self._stamps) - 1)
        found = self._numbers[at].copy()
        found[self._stamps[at] != stamps] = np.nan
        return found

    def _line_inputs(self, past: Past, slots: IntArray) -> FloatArray:
        """What the line through the plan sees: each number now and before, and whether it is above zero."""
        now, before = self._planned(past, slots), self._planned(past, slots - 1)
        before = np.where(np.isnan(before), now, before)
        on = np.where(np.isnan(now), np.nan, (now > 0.0).astype(float))
        return np.concatenate([np.ones((len(now), 1)), now, before, on], axis=1)

    def _prepare(self, past: Past) -> None:
        slots = past.first + np.arange(len(past.values))
        x = self._line_inputs(past, slots)
        # A little pull to zero: columns of a plan may say the same thing twice.
        pull = 1e-3 * np.eye(x.shape[1])
        self._line = np.zeros((x.shape[1], len(past.points)))
        for k in range(len(past.points)):
            y = past.values[:, k]
            known = np.isfinite(y) & np.isfinite(x).all(axis=1)
            if known.any():
                a = x[known]
                self._line[:, k] = np.linalg.solve(a.T @ a / len(a) + pull, a.T @ y[known] / len(a))

    def _persistence(self) -> dict[str, Persistence]:
        return {
            "week": partial(persistence.week, zone=self.zone),
            "day": partial(persistence.day, zone=self.zone),
        }

    def _averages(self) -> bool:
        # last week had another plan
        return False

    def _design(self, past: Past, moments: Moments) -> Design:
        recent = Recent(past)
        lags = load_lags(past, moments, self.zone)
        scale = np.maximum(np.nan_to_num(lags["month"]), 0.2 * self._unit)
        inputs = self._line_inputs(past, moments.valid)
        line = inputs @ self._line
        # How far the newest hour was from its line: a line that runs slower today does so in the next hours too.
        hour = max(1, past.per_day // 24)
        slots = moments.known[:, None] - 1 - np.arange(hour)
        seen = look(past, slots, moments.known)
        was = (self._line_inputs(past, slots.ravel()) @ self._line).reshape(seen.shape)
        apart = seen - was
        known = np.isfinite(apart)
        off = np.where(known, apart, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        columns = calendar(past, moments, self.zone)
        columns["lead"] = (moments.valid[:, None] - recent.newest(moments.known)).astype(float)
        columns |= {f"plan {name}": inputs[:, 1 + k] for k, name in enumerate(self._names)}
        columns |= {"line": line / scale, "off": off / scale}
        columns |= {name: lags[name] / scale for name in USED}
        sound = np.isfinite(line) & np.isfinite(lags["day"])
        sound &= recent.known_share(moments.known, 7 * past.per_day) >= LEAST_KNOWN
        return Design(
            columns, np.nan_to_num(line), scale, np.ones(scale.shape), np.ones(scale.shape, dtype=bool), sound
        )  # fmt: skip
