"""Holidays: days off of any country, the days beside them, bridge days and changes of the clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Self

import numpy as np

from gridloop.errors import MissingExtra
from gridloop.forecast.features.transform import Scene
from gridloop.forecast.known.local import local_slots, weekday
from gridloop.units import BoolArray, FloatArray, IntArray

SATURDAY = 5
QUIET = ((12, 24), (1, 6))
"""First and last (month, day) of the weeks in which working days are not quite working days."""

EPOCH = dt.date(1970, 1, 1)
WORKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def holidays_of(country: str, years: Iterable[int], subdivision: str | None = None) -> frozenset[dt.date]:
    """Public holidays of a country by its ISO code, such as "ES" or "AU" with subdivision "VIC".

    They come from the package `holidays`. Raises `MissingExtra` where it is not installed: any set of dates does too.
    """
    try:
        import holidays
    except ImportError as error:
        raise MissingExtra(
            f"holidays of {country}: the package `holidays` is not installed. `pip install holidays`, or give the "
            "dates yourself: any collection of datetime.date.",
            package="holidays",
        ) from error
    return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=list(years)))


class DayKinds:
    """Columns of 0 and 1: the weekday where it is no holiday, holidays, their neighbours, bridges, the quiet weeks.

    holidays  local dates, of any country
    """

    def __init__(self, holidays: Iterable[dt.date] = ()) -> None:
        self._days = np.array(sorted({(day - EPOCH).days for day in holidays}), dtype=np.int64)

    def fit(self, scene: Scene) -> Self:
        """Nothing to learn."""
        return self

    def holiday(self, day: IntArray) -> BoolArray:
        """Which local days (since 1970) are holidays. Same shape."""
        return np.isin(day, self._days)

    def rest(self, local: IntArray, per_day: int) -> IntArray:
        """1 on Saturdays, 2 on Sundays and holidays, else 0, for local slots. Same shape."""
        day = local // per_day
        sort = np.clip(weekday(local, per_day) - SATURDAY + 1, 0, 2)
        return np.where(self.holiday(day), 2, sort)

    def transform(self, scene: Scene) -> dict[str, FloatArray]:
        """Name → [moment]."""
        per_day = scene.past.per_day
        local = local_slots(scene.past, scene.moments.valid, scene.zone)
        day = local // per_day
        sort = weekday(local, per_day)
        off = {k: self.rest(local + k * per_day, per_day) > 0 for k in (-1, 0, 1)}
        date = day.astype("datetime64[D]")
        month = date.astype("datetime64[M]").astype(np.int64) % 12 + 1
        of_month = (date - date.astype("datetime64[M]")).astype(np.int64) + 1
        (first_month, first_day), (last_month, last_day) = QUIET
        quiet = ((month == first_month) & (of_month >= first_day)) | ((month == last_month) & (of_month <= last_day))
        holiday = self.holiday(day)
        columns = {name: (sort == k) & ~holiday for k, name in enumerate(WORKDAYS)}
        columns |= {
            "holiday": holiday,
            "holiday_before": self.holiday(day - 1),
            "holiday_after": self.holiday(day + 1),
            "bridge": ~off[0] & off[-1] & off[1],
            "quiet": quiet,
        }
        changed = {name: np.asarray(column, dtype=float) for name, column in columns.items()}
        changed["clock_h"] = (local - scene.moments.valid) * (24.0 / per_day)
        return changed
