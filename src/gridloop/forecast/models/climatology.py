"""Climatology: the quantiles of all known values at the same local time of day; the last resort."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridloop.forecast.known.local import local_slots
from gridloop.forecast.known.past import Past
from gridloop.forecast.value import QUANTILES
from gridloop.units import FloatArray, IntArray


@dataclass(frozen=True)
class Climatology:
    """Quantiles by time of day.

    table  [quantile, interval of the day, point] MW; NaN for a point without any known value
    """

    table: FloatArray
    zone: str

    def predict(self, past: Past, slots: IntArray) -> FloatArray:
        """Quantiles at `slots`. [quantile, moment, point]"""
        return self.table[:, local_slots(past, slots, self.zone) % past.per_day]


def fit_climatology(past: Past, zone: str) -> Climatology:
    """Quantiles of the known values; a time of day that was never known takes those of the whole day."""
    levels = list(QUANTILES.values())
    clock = local_slots(past, past.first + np.arange(len(past.values)), zone) % past.per_day
    table = np.full((len(levels), past.per_day, len(past.points)), np.nan)
    for p in range(len(past.points)):
        known = np.isfinite(past.values[:, p])
        if not known.any():
            continue
        table[:, :, p] = np.quantile(past.values[known, p], levels)[:, None]
        order = np.argsort(clock[known], kind="stable")
        values, of = past.values[known, p][order], clock[known][order]
        starts = np.flatnonzero(np.r_[True, of[1:] != of[:-1]])
        for begin, end in zip(starts, np.r_[starts[1:], len(of)], strict=True):
            table[:, of[begin], p] = np.quantile(values[begin:end], levels)
    return Climatology(table, zone)
