"""Price days: prices and drivers as tables of local days, and the rows that models of a day see of them.

A local day has as many slots as 24 hours have intervals. Where summer time begins the missing hour is drawn straight
between its neighbours; where it ends the hour that comes twice is the mean of both.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gridloop.forecast.features.holidays import EPOCH
from gridloop.forecast.features.season import DAYS_OF_YEAR
from gridloop.forecast.known.local import local_slots
from gridloop.forecast.known.past import Past
from gridloop.units import BoolArray, FloatArray, IntArray

LAGS = (1, 2, 3, 7)
"""Days before whose prices LEAR sees, all hours of them."""

DRIVER_LAGS = (0, 1, 7)
"""Days of which it sees the drivers."""

WEEK, MONTH, SAME_DAYS = 7, 28, (1, 2, 3, 7, 14)
LEAST_KNOWN = 0.75
"""Share of a day that must be known: its gaps are then drawn straight, else the whole day is a gap."""

LEAST_SCALE = 1e-3
"""Least unit of errors, as a share of the level: prices that never move still have a unit."""


@dataclass(eq=False)
class DayTable:
    """Values of one column by local day.

    first   local day, since 1970, of the first row
    values  [day, slot]; a row is known as a whole, or NaN
    """

    first: int
    values: FloatArray

    @property
    def end(self) -> int:
        """The day after the last row."""
        return self.first + len(self.values)

    def rows(self, days: IntArray) -> FloatArray:
        """[day, slot]; NaN outside."""
        row = days - self.first
        inside = (row >= 0) & (row < len(self.values))
        found: FloatArray = np.where(inside[:, None], self.values[np.where(inside, row, 0)], np.nan)
        return found

    def put(self, days: IntArray, values: FloatArray) -> None:
        """Take in rows of days that are known; what was known before stays where the new row is a gap."""
        known = np.isfinite(values).all(axis=1) & (days >= self.first)
        days, values = days[known], values[known]
        if not len(days):
            return
        more = int(days.max()) + 1 - self.end
        if more > 0:
            self.values = np.vstack([self.values, np.full((more, self.values.shape[1]), np.nan)])
        self.values[days - self.first] = values


def by_day(past: Past, column: int, zone: str) -> tuple[IntArray, FloatArray]:
    """Local days, and their values [day, slot]; a day with less than `LEAST_KNOWN` of it is a gap."""
    local = local_slots(past, past.first + np.arange(len(past.values)), zone)
    first = int(local[0]) // past.per_day if len(local) else 0
    place = local - first * past.per_day
    days = int(place.max(initial=-1)) // past.per_day + 1
    value = past.values[:, column]
    known = np.isfinite(value)
    size = days * past.per_day
    count = np.bincount(place[known], minlength=size)
    total = np.bincount(place[known], weights=value[known], minlength=size)
    table = np.divide(total, count, out=np.full(size, np.nan), where=count > 0).reshape(days, past.per_day)
    slot = np.arange(past.per_day)
    for k in np.flatnonzero(np.isnan(table).any(axis=1)):
        there = np.isfinite(table[k])
        table[k] = np.interp(slot, slot[there], table[k, there]) if there.mean() >= LEAST_KNOWN else np.nan
    return first + np.arange(days), table


class PriceRowMaker:
    """Rows of any days, from the days before them alone; of the drivers, from the day itself too.

    holidays  local dates: they count as Sundays
    """

    def __init__(self, holidays: Iterable[dt.date]) -> None:
        self._holidays = np.array(sorted({(day - EPOCH).days for day in holidays}), dtype=np.int64)

    def lear(self, prices: DayTable, drivers: list[DayTable], days: IntArray) -> tuple[FloatArray, FloatArray]:
        """Prices and drivers [day, column], NaN where something is missing; and dummies [day, column]."""
        columns = [prices.rows(days - k) for k in LAGS]
        for table in drivers:
            wanted = slice(None) if _moves_within_days(table) else slice(1)
            columns += [table.rows(days - k)[:, wanted] for k in DRIVER_LAGS]
        return np.column_stack(columns), np.column_stack([np.eye(7)[self._sort(days)], np.isin(days, self._holidays)])

    def trees(self, prices: DayTable, drivers: list[DayTable], days: IntArray) -> FloatArray:
        """[day, slot, column]; prices as departures from the level in units of the scale."""
        month = _month(prices, days)
        level, scale = _unit(month)
        shape = month[:, 0].shape
        z = (month - level[:, None, None]) / scale[:, None, None]
        hour = np.arange(shape[1]) * (24.0 / shape[1])
        daily: list[FloatArray] = [self._sort(days).astype(float), np.isin(days - 1, self._holidays).astype(float)]
        for k in (1, 2):
            turn = 2.0 * np.pi * k * days / DAYS_OF_YEAR
            daily += [np.sin(turn), np.cos(turn)]
        daily += [f(z[:, k - 1], axis=1) for k in (1, 2, 7) for f in (np.mean, np.min, np.max)]
        daily += [z[:, 0, -1], level / scale]
        by_slot = [z[:, k - 1] for k in SAME_DAYS]
        by_slot += [np.roll(z[:, 0], shift, axis=1) for shift in (-2, -1, 1, 2)]
        known = np.isfinite(z)
        for back in (WEEK, MONTH):
            total, count = np.where(known, z, 0.0)[:, :back].sum(axis=1), known[:, :back].sum(axis=1)
            by_slot.append(np.divide(total, count, out=np.full(shape, np.nan), where=count > 0))
        for table in drivers:
            now = table.rows(days)
            by_slot += [now, now - table.rows(days - 1), now - table.rows(days - WEEK)]
            daily.append(now.mean(axis=1))
        columns = [np.broadcast_to(hour, shape), *(np.broadcast_to(c[:, None], shape) for c in daily)]
        return np.stack([*columns, *by_slot], axis=2)

    def unit(self, prices: DayTable, days: IntArray) -> tuple[FloatArray, FloatArray]:
        """Level: mean of the week before; scale: mean distance from it over the month before. [day]"""
        return _unit(_month(prices, days))

    def _sort(self, days: IntArray) -> IntArray:
        """Monday 0 … Sunday 6; holidays are Sundays."""
        return np.where(np.isin(days, self._holidays), 6, (days + 3) % 7)


def _month(prices: DayTable, days: IntArray) -> FloatArray:
    """Prices of the days before, the newest first: [day, back, slot]"""
    return np.stack([prices.rows(days - k) for k in range(1, MONTH + 1)], axis=1)


def _unit(month: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Level and scale [day] of the prices before [day, back, slot]; NaN where nothing is known."""
    known = np.isfinite(month)

    def mean(values: FloatArray, use: BoolArray) -> FloatArray:
        count = use.sum(axis=(1, 2))
        total = np.where(use, values, 0.0).sum(axis=(1, 2))
        found: FloatArray = np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)
        return found

    level = mean(month[:, :WEEK], known[:, :WEEK])
    level = np.where(np.isfinite(level), level, mean(month, known))
    away = mean(np.abs(month - level[:, None, None]), known)
    return level, np.maximum(away, LEAST_SCALE * np.maximum(np.abs(level), 1.0))


def _moves_within_days(table: DayTable) -> bool:
    """False where every day has one value, as the price of fuel has."""
    whole = table.values[np.isfinite(table.values).all(axis=1)]
    return bool((whole != whole[:, :1]).any())
