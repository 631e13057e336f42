"""Trial of the measurement: placebo events on recorded meters, where nothing was delivered and nothing should be seen.

Every working day counts as an event that nobody answered. What is measured is all error, and an interval is right where
it holds zero. Each day is judged by what was known before it, as a real event would be.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.market.demand_response.baseline import TEN_OF_TEN, BaselineMethod, EventWindows
from gridloop.market.demand_response.day_windows import local_days, tidy
from gridloop.market.demand_response.placebo import bias_of, ends_of, of_sum, placebo_errors
from gridloop.market.demand_response.program import HOUR
from gridloop.units import FloatArray


@dataclass(frozen=True, eq=False)
class Trial:
    """What placebo events showed. Powers in MW, means over the event's hours.

    customer  index customer; load_mw, bias_mw (mean error), bias_share (of the load), sd_mw, coverage, events (whose
              interval was there), unadjusted_bias_mw and unadjusted_sd_mw (the baseline without its adjustment),
              corrected_bias_mw and corrected_sd_mw (with the mean error of the days before taken off)
    total     the same of the sum over customers; bias_se_mw is the standard error of its bias, over days
    level     what coverage ought to be at least
    """

    customer: pd.DataFrame
    total: pd.Series
    level: float


def placebo_trial(
    meters: pd.DataFrame,
    *,
    begin_h: float,
    hours: float,
    zone: str = "UTC",
    holidays: Sequence[dt.date] = (),
    method: BaselineMethod = TEN_OF_TEN,
    level: float = 0.9,
    placebo_days: int = 60,
) -> Trial:
    """Try a baseline and its interval on every working day of a record.

    meters  interval × customer, mean power in MW, regular, UTC; NaN where missing
    begin_h, hours  of the events, on the local clock

    Raises `OutOfRange` where the record has too few days.
    """
    table = tidy(meters)
    days = local_days(table, zone)
    working = days[(days.weekday < 5) & ~days.isin([pd.Timestamp(day) for day in holidays])]
    if len(working) < method.days + placebo_days:
        raise OutOfRange(
            f"The record has {len(working)} working days; a trial needs {method.days + placebo_days} and more."
        )
    # The last day's windows are those of all days before it, too.
    start = (working[-1] + begin_h * HOUR).tz_localize(zone).tz_convert("UTC")
    windows = EventWindows.of(table, start, start + hours * HOUR, method, zone, holidays, ())
    errors = placebo_errors(windows, method, len(windows.days)).set_axis(table.columns, axis=1)
    plain = BaselineMethod(
        method.days, method.highest, "none", method.cap, method.adjust_from_h, method.adjust_to_h, method.min_days,
        method.look_back_days,
    )  # fmt: skip
    unadjusted = placebo_errors(windows, plain, len(windows.days)).set_axis(table.columns, axis=1)
    load = pd.Series(np.nanmean(windows.window, axis=(0, 1)), index=table.columns)
    rows = {
        name: _judged(errors[name].to_numpy(), unadjusted[name].to_numpy(), float(load[name]), level, placebo_days)
        for name in table.columns
    }
    total = _judged(of_sum(errors), of_sum(unadjusted), float(load.sum()), level, placebo_days)
    return Trial(pd.DataFrame.from_dict(rows, orient="index"), pd.Series(total, name="all"), level)


def _judged(
    errors: FloatArray, unadjusted: FloatArray, load: float, level: float, placebo_days: int
) -> dict[str, float]:
    """Bias, spread and coverage of a series of errors, each day's interval made of those before it. errors [day]"""
    held, corrected = [], []
    for day in range(placebo_days, errors.size):
        low, high = ends_of(errors[day - placebo_days : day], level)
        if np.isfinite(low) and np.isfinite(errors[day]):
            held.append(low <= errors[day] <= high)
            corrected.append(errors[day] - bias_of(errors[day - placebo_days : day]))
    known, before = errors[np.isfinite(errors)], unadjusted[np.isfinite(unadjusted)]
    if known.size < 2:
        return dict.fromkeys(NAMES, float("nan"))
    bias, sd = float(known.mean()), float(known.std(ddof=1))
    values = (
        load, bias, bias / load, sd, sd / np.sqrt(known.size), float(np.mean(held)) if held else np.nan,
        float(len(held)), float(before.mean()), float(before.std(ddof=1)),
        float(np.mean(corrected)) if held else np.nan, float(np.std(corrected)) if held else np.nan,
    )  # fmt: skip
    return dict(zip(NAMES, values, strict=True))


NAMES = (
    "load_mw", "bias_mw", "bias_share", "sd_mw", "bias_se_mw", "coverage", "events", "unadjusted_bias_mw",
    "unadjusted_sd_mw", "corrected_bias_mw", "corrected_sd_mw",
)  # fmt: skip
