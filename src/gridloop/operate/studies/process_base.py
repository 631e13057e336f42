"""What a plant's base load is expected to be: day by day at midnight, and again when the day turns out otherwise.

A forecaster of days wants a month of history (`DayAheadForecaster`); until then the newest known day stands for the
next, with the band of its own past errors (`PersistenceForecaster`), and before a day is known nothing does. During the
day the meter tells how the base load came so far: where it is above what was planned beside, and by more than
`OFF_SHARE` of it, the rest of the day is expected to be above it by as much.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from gridloop.forecast.day_ahead import DayAheadForecaster
from gridloop.forecast.known.routine import Routine
from gridloop.forecast.naive import PersistenceForecaster
from gridloop.optimize.studies.process_day import local_days
from gridloop.units import FloatArray

DAY, NOW = pd.Timedelta(days=1), pd.Timedelta(0)
POINT = "base load"
LEAST_DAYS, MONTH_DAYS = 1, 30
# Hours of the local day at which the base load so far is looked at, and how many hours of it count.
LOOKS_H, SEEN_H = (6.0, 9.0, 12.0, 15.0, 18.0), 3.0
# Less than this share above what was planned beside is no news, and no reason to plan anew.
OFF_SHARE = 0.25
QUANTILES = ("p10", "p50", "p90")
# Base loads of one meter are a small thing to learn: more trees change nothing in the third digit.
TREES = 100
NOTHING = "nothing known"


def base_ahead(
    base_mw: pd.Series,
    first: pd.Timestamp,
    *,
    zone: str,
    holidays: Iterable[dt.date] = (),
    say: Callable[[str], None] = lambda text: None,
) -> pd.DataFrame:
    """Base load from `first` on as it was expected when its day began. p10, p50, p90 [MW], model, came; by interval.

    base_mw  as it came, of history and of the days asked for, by start of the interval (UTC), regular
    first    begin of a local day

    A day before which no day is known has no values; its model says so.
    """
    table = base_mw.to_frame(POINT)
    index = pd.DatetimeIndex(base_mw.index)
    routine, holidays = Routine(zone, NOW), tuple(holidays)
    days = local_days(index, zone)
    begin = index[days[0][0]]
    fitted: DayAheadForecaster | None = None
    parts = []
    for number, rows in enumerate(days):
        if index[rows[0]] < first:
            continue
        issued = index[rows[0]]
        known = table[index < issued]
        say(f"Base load of day {number + 1} of {len(days)}")
        if fitted is None and issued - begin >= MONTH_DAYS * DAY:
            fitted = DayAheadForecaster(zone=zone, holidays=holidays, before=NOW, trees=TREES)
            fitted.fit(known, until=issued)
        values, model = np.full((len(rows), len(QUANTILES)), np.nan), NOTHING
        if fitted is not None:
            values, model = _asked(fitted, known, issued, index[rows])
        elif issued - begin >= LEAST_DAYS * DAY:
            early = PersistenceForecaster(routine, which="day").fit(known, until=issued)
            values, model = _asked(early, known, issued, index[rows])
        parts.append(pd.DataFrame(values, index=index[rows], columns=list(QUANTILES)).assign(model=model))
    found = pd.concat(parts)
    return found.assign(came=base_mw.reindex(found.index))


def looked_at_again(base: pd.DataFrame, quantile: str, *, zone: str) -> pd.DataFrame:
    """A quantile of `base_ahead`, raised where a day comes in above it. interval × hour of the local day from which"""
    index = pd.DatetimeIndex(base.index)
    found = pd.DataFrame(np.nan, index=index, columns=[0.0, *LOOKS_H])
    found[0.0] = base[quantile]
    came, beside = base["came"].to_numpy(dtype=float), base[quantile].to_numpy(dtype=float).copy()
    for rows in local_days(index, zone):
        hours = np.asarray((index[rows] - index[rows[0]]) / pd.Timedelta(hours=1))
        for now in LOOKS_H:
            seen, rest = rows[(hours < now) & (hours >= now - SEEN_H)], rows[hours >= now]
            if not rest.size or not seen.size:
                continue
            if np.isnan(beside[rest]).any():  # nothing was known at midnight: the day so far is what there is
                beside[rest] = float(came[rows[hours < now]].max())
                found.loc[index[rest], now] = beside[rest]
                beside[seen] = came[seen]
                continue
            above = float(np.median(came[seen] - beside[seen]))
            if above > OFF_SHARE * float(np.median(beside[seen])):
                beside[rest] += above
                found.loc[index[rest], now] = beside[rest]
    return found


def _asked(
    forecaster: DayAheadForecaster | PersistenceForecaster,
    known: pd.DataFrame,
    issued: pd.Timestamp,
    valid_at: pd.DatetimeIndex,
) -> tuple[FloatArray, str]:
    forecast = forecaster.predict(known, issued, valid_at)
    values = forecast.quantiles.xs(POINT, level="point")[list(QUANTILES)].to_numpy(dtype=float)
    return np.maximum(values, 0.0), str(forecast.model[POINT])
