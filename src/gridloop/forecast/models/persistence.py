"""Persistence: what was, goes on. The references that a model has to beat and the fallbacks that stand in for it."""

from __future__ import annotations

import numpy as np

from gridloop.forecast.features.lags import Recent, earlier_days
from gridloop.forecast.known.moments import Moments, look
from gridloop.forecast.known.past import Past
from gridloop.units import FloatArray

DAYS = 7
WEEKS = 4
"""How far back a gap makes persistence look."""


def day(past: Past, moments: Moments, zone: str | None = None) -> FloatArray:
    """The same time on the newest day that is known, at most `DAYS` back; NaN where none is. [moment, point]"""
    return _newest(look(past, earlier_days(past, moments, DAYS, zone=zone), moments.known))


def week(past: Past, moments: Moments, zone: str | None = None) -> FloatArray:
    """The same time and weekday in the newest week that is known, at most `WEEKS` back; else NaN. [moment, point]"""
    return _newest(look(past, earlier_days(past, moments, WEEKS, zone=zone, every=7), moments.known))


def last(past: Past, moments: Moments, *, oldest: int) -> FloatArray:
    """The last known value, as long as it is at most `oldest` steps old at issue; else NaN. [moment, point]"""
    recent = Recent(past)
    age = moments.known[:, None] - recent.newest(moments.known)
    return np.where(age < oldest, recent.last(moments.known), np.nan)


def last_of_day(past: Past, moments: Moments) -> FloatArray:
    """The last known value, if it is of the last 24 hours. [moment, point]"""
    return last(past, moments, oldest=past.per_day)


def _newest(values: FloatArray) -> FloatArray:
    """The first known value along axis 1; NaN where there is none. [moment, point]"""
    first = np.isfinite(values).argmax(axis=1)
    newest: FloatArray = np.take_along_axis(values, first[:, None], axis=1)[:, 0]
    return newest
