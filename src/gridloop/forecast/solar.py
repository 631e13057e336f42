"""SolarForecaster: output of solar plants from the sun's place, the newest sky and the last days."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from gridloop.errors import OutOfRange
from gridloop.forecast.design import Design
from gridloop.forecast.direct import DirectForecaster, Persistence
from gridloop.forecast.features.clear_sky_index import envelope, newest_index
from gridloop.forecast.features.lags import Recent, earlier_days, known_mean, ranked, same_time
from gridloop.forecast.features.sun import sun
from gridloop.forecast.models import persistence
from gridloop.forecast.moments import Moments, look
from gridloop.forecast.past import Past
from gridloop.units import BoolArray, FloatArray

DAYS = 28

DARKEST_DEG = -15.0
"""Below this the sun is down whatever the history says."""

LEAST_OUTPUT = 0.002
"""Share of capacity that counts as output when the darkest hour of a plant is learned."""

DAYLIGHT = 0.01
"""Share of capacity below which the envelope counts as night for the clear-sky index."""

BRIGHTEST = 1.2
"""The index of persistence goes no higher: at a cloud's edge it briefly does."""


class SolarForecaster(DirectForecaster):
    """Quantiles of solar power. [MW]

    capacity  per point [MW]
    Answers are shares of the point's own clear-sky envelope. Zero while the sun is down: lower than whenever the
    point gave power in its history, or at a time of day at which none of the last 28 days gave any.
    Fallbacks: yesterday, the clear-sky index of the last hours, climatology.
    """

    kind = "solar"

    def __init__(
        self,
        latitude_deg: float,
        longitude_deg: float,
        capacity: Mapping[str, float],
        *,
        zone: str = "UTC",
        seed: int = 0,
        threads: int = 2,
    ) -> None:
        if not (-90.0 <= latitude_deg <= 90.0 and -180.0 <= longitude_deg <= 180.0):
            raise OutOfRange(
                f"place: latitude {latitude_deg:g}, longitude {longitude_deg:g}; allowed are ±90 and ±180 degrees.",
                latitude_deg=latitude_deg,
                longitude_deg=longitude_deg,
            )
        super().__init__(capacity=capacity, zone=zone, seed=seed, threads=threads)
        self.latitude_deg = latitude_deg
        self.longitude_deg = longitude_deg

    def _prepare(self, past: Past) -> None:
        highest = self._sun(past, past.first + np.arange(len(past.values))).highest_deg
        gives = np.nan_to_num(past.values) > LEAST_OUTPUT * self._unit
        lowest = np.where(gives, highest[:, None], np.inf).min(axis=0, initial=0.0)
        self._dark_below_deg = np.maximum(lowest, DARKEST_DEG)

    def _sun(self, past: Past, slots: np.ndarray):  # type: ignore[no-untyped-def]
        return sun(past, slots, self.latitude_deg, self.longitude_deg)

    def _dark(self, past: Past, moments: Moments) -> BoolArray:
        highest = self._sun(past, moments.valid).highest_deg
        return np.asarray(highest[:, None] < self._dark_below_deg) | self._never_lit(past, moments)

    def _never_lit(self, past: Past, moments: Moments) -> BoolArray:
        """Where the last days gave nothing at this time nor a step before or after it. [moment, point]"""
        slots = earlier_days(past, moments, DAYS)
        best = [look(past, slots + shift, moments.known) for shift in (-1, 0, 1)]
        least = LEAST_OUTPUT * self._unit
        gave, known = (np.any([f(b).any(axis=1) for b in best], axis=0) for f in (lambda b: b > least, np.isfinite))
        return np.asarray(known & ~gave)

    def _persistence(self) -> dict[str, Persistence]:
        return {"day": persistence.day, "clear_sky_index": self._index_goes_on}

    def _index_goes_on(self, past: Past, moments: Moments) -> FloatArray:
        """The clear-sky index of the last 3 hours of daylight on the envelope of the interval."""
        hour = max(1, past.per_day // 24)
        index = newest_index(past, moments, 3 * hour, DAYLIGHT * self._unit).own
        return np.where(index >= 0.0, np.minimum(index, BRIGHTEST), np.nan) * envelope(past, moments)

    def _design(self, past: Past, moments: Moments) -> Design:
        recent = Recent(past)
        day = past.per_day
        hour = max(1, day // 24)
        unit = self._unit
        mean = partial(recent.mean, moments.known)
        slots = earlier_days(past, moments, DAYS)
        days = same_time(past, moments, slots)
        ordered = np.sort(days, axis=1)
        clear = ranked(ordered, 0.9)
        now = self._sun(past, moments.valid)
        before = self._sun(past, slots[:, DAYS // 2]).clear_w_per_m2
        one, three = (newest_index(past, moments, h * hour, DAYLIGHT * unit) for h in (1, 3))
        month = mean(28 * day)
        values = {
            "clear": clear,
            "best": ordered[:, -1],
            "day": days[:, 0],
            "mean_3": known_mean(days[:, :3]),
            "mean_7": known_mean(days[:, :7]),
            "mean_28": known_mean(days),
            "middle": ranked(ordered, 0.5),
            "low": ranked(ordered, 0.1),
            "spread": days.std(axis=1),
            "newest": recent.last(moments.known),
            "newest_1h": mean(hour),
            "newest_24h": mean(day),
            "before_24h": mean(day, back=day),
            "newest_7d": mean(7 * day),
        }
        columns = {
            "lead": (moments.valid[:, None] - recent.newest(moments.known)).astype(float),
            "elevation": now.elevation_deg,
            "azimuth": now.azimuth_deg,
            "clear_sky": now.clear_w_per_m2,
            "season": now.clear_w_per_m2 / np.maximum(before, 20.0),
            "index_1h": one.own,
            "index_3h": three.own,
            "index_1h_fleet": one.fleet,
            "index_3h_fleet": three.fleet,
        }
        columns |= {name: value / unit for name, value in values.items()}
        share = mean(day) / np.maximum(month, 1e-3 * unit)
        columns["day_index"] = share
        columns["day_index_fleet"] = share.mean(axis=1)
        age = moments.known[:, None] - recent.newest(moments.known)
        sound = np.isfinite(clear) & np.isfinite(share) & (age <= 2 * hour)
        sound &= recent.known_share(moments.known, 7 * day) >= 0.7
        scale = np.maximum(np.nan_to_num(clear), 0.02 * unit)
        lit = (now.highest_deg[:, None] >= self._dark_below_deg) & ~self._never_lit(past, moments)
        return Design(columns, np.zeros_like(scale), scale, scale / unit, lit, sound)
