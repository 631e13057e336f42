"""Persistence band: P10 and P90 of weekly persistence from its earlier errors, so that quantiles meet quantiles."""

from __future__ import annotations

import numpy as np

from gridloop.forecast.bands.conformal import part_of_day
from gridloop.forecast.known.leads import BUCKETS
from gridloop.forecast.known.local import local_slots
from gridloop.forecast.known.moments import Moments, look
from gridloop.forecast.known.past import Past
from gridloop.forecast.models import persistence
from gridloop.forecast.value import QUANTILES
from gridloop.units import FloatArray, IntArray

DAYS = 56
"""Days whose errors make the band."""

LEAST = 20
"""Fewer errors at a part of the day make none there: the band is as wide as the number itself."""


class PersistenceBand:
    """Errors of weekly persistence of all points, at the leads of the issues that are asked for, day after day.

    Issues are asked in the order of time. Before the first one come `DAYS` days at the same leads, as far as the
    history goes. Each error is computed once.
    """

    def __init__(self, past: Past, zone: str) -> None:
        self._past, self._zone = past, zone
        self._days: list[tuple[Moments, FloatArray]] = []

    def around(self, moments: Moments, week: FloatArray) -> FloatArray:
        """P10 and P90 [2, moment, point] MW of an issue whose weekly persistence is `week` [moment, point] MW."""
        if not self._days:
            day = self._past.per_day
            for k in range(DAYS, 0, -1):
                earlier = Moments(moments.known - k * day, moments.valid - k * day)
                self._keep(earlier, persistence.week(self._past, earlier, self._zone))
        known = int(moments.known[0])
        seen = [(m, e) for m, e in self._days if int(m.valid[0]) < known]
        band = np.stack([week, week])
        if seen:
            valid = np.concatenate([m.valid for m, _ in seen])
            error = np.concatenate([e for _, e in seen])[valid < known]
            part, parts = self._part(moments.valid), self._part(valid[valid < known])
            for b in range(BUCKETS):
                for p in range(error.shape[1]):
                    found = error[parts == b, p]
                    found = found[np.isfinite(found)]
                    if len(found) >= LEAST:
                        ends = np.quantile(found, [QUANTILES["p10"], QUANTILES["p90"]])
                        here = part == b
                        band[0, here, p] += min(ends[0], 0.0)
                        band[1, here, p] += max(ends[1], 0.0)
        self._keep(moments, week)
        self._days = self._days[-DAYS:]
        return band

    def _part(self, slots: IntArray) -> IntArray:
        per_day = self._past.per_day
        return part_of_day(local_slots(self._past, slots, self._zone) % per_day, per_day)

    def _keep(self, moments: Moments, week: FloatArray) -> None:
        self._days.append((moments, look(self._past, moments.valid, moments.valid + 1) - week))
