"""Weather foretold from a site's own past: what was known by then, and nothing else.

Temperature: the usual one of the hour (mean of the last two weeks) plus what is left of today's departure from it,
which fades by a factor fitted to the past. Sun: the brightest of the hour in two weeks, times how bright the last day
was of that, drawn towards the two weeks' mean. A weather service knows more; a site without one has at least this.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.units import FloatArray

DAY = 24
PAST_DAYS = 14
FADES = (0.80, 0.85, 0.90, 0.93, 0.95, 0.97, 0.98, 0.99)


@dataclass(frozen=True, eq=False)
class WeatherAhead:
    """Recorded hours of a site. outdoor_c, sun_w_m2 [step], hourly

    fade  share of a departure from the usual that is left an hour later
    """

    index: pd.DatetimeIndex
    outdoor_c: FloatArray
    sun_w_m2: FloatArray
    fade: float

    @classmethod
    def fit(cls, outdoor_c: pd.Series, sun_w_m2: pd.Series | None, until: pd.Timestamp) -> WeatherAhead:
        """The fade is the one that foretold best before `until`. Raises `OutOfRange` for less than 15 days of past."""
        index = pd.DatetimeIndex(outdoor_c.index)
        known = int(index.searchsorted(until))
        if known < DAY * (PAST_DAYS + 1):
            raise OutOfRange(
                f"{known} hours of weather before {until}; {DAY * (PAST_DAYS + 1)} are needed: two weeks say what is "
                "usual, a day what is left of a departure from it."
            )
        sun = np.zeros(len(index)) if sun_w_m2 is None else sun_w_m2.to_numpy(dtype=float)
        made = [cls(index, outdoor_c.to_numpy(dtype=float), sun, fade) for fade in FADES]
        origins = range(DAY * PAST_DAYS, known - DAY, 5)  # every hour of the day comes up
        errors = [sum(float((m._outdoor(k, DAY) - m.outdoor_c[k : k + DAY]) @ (m._outdoor(k, DAY)
                  - m.outdoor_c[k : k + DAY])) for k in origins) for m in made]  # fmt: skip
        return made[int(np.argmin(errors))] if len(origins) else made[3]

    def ahead(self, k: int, steps: int) -> tuple[FloatArray, FloatArray]:
        """Temperature and sun of the intervals from k on, from readings before k. [step]"""
        return self._outdoor(k, steps), self._sun(k, steps)

    def errors(self, k: int, steps: int, *, most: int = 60) -> FloatArray:
        """Errors of temperature that forecasts made before k would have had: came less expected. [path, step]"""
        first, last = DAY * PAST_DAYS, k - steps + 1
        origins = range(max(first, last - 6 * most), last, max(1, min(6, (last - first) // most)))
        return np.array([self.outdoor_c[j : j + steps] - self._outdoor(j, steps) for j in origins]).reshape(-1, steps)

    def _past(self, values: FloatArray, k: int) -> FloatArray:
        """The last two weeks before k, day by day backwards in its rows: [day, hour from k on]."""
        first = k - DAY * PAST_DAYS
        return values[first:k].reshape(PAST_DAYS, DAY)

    def _outdoor(self, k: int, steps: int) -> FloatArray:
        usual = self._past(self.outdoor_c, k).mean(axis=0)  # of the hours k, k + 1, … of a day
        departure = self.outdoor_c[k - 1] - usual[-1]
        lead = np.arange(1, steps + 1)
        return np.asarray(np.resize(usual, steps) + departure * self.fade**lead)

    def _sun(self, k: int, steps: int) -> FloatArray:
        past = self._past(self.sun_w_m2, k)
        brightest = past.max(axis=0)
        total = float(brightest.sum())
        if total <= 0:
            return np.zeros(steps)
        mean, last = float(past.mean(axis=0).sum()) / total, float(past[-1].sum()) / total
        return np.asarray(np.resize(brightest, steps) * (0.5 * mean + 0.5 * last))
