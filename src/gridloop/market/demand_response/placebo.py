"""Placebos: the baseline tried on days without an event, where its error can be seen.

On such a day nobody was called, so that baseline less meter is all error. The errors of many days say how far a
baseline is off on the whole (its bias) and between which ends it is on nine days of ten. Those ends are order
statistics, without a distribution assumed: with n errors that are as likely in any order, the next one lies between
the ⌊(n + 1) α / 2⌋-th and the ⌈(n + 1)(1 − α / 2)⌉-th smallest with a chance of at least 1 − α. Errors of a sum are the
sums of a day's errors, so that what customers have in common (a hot evening) is in them.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.market.demand_response.baseline import BaselineMethod, EventWindows
from gridloop.units import FloatArray


def placebo_errors(windows: EventWindows, method: BaselineMethod, days: int) -> pd.DataFrame:
    """Baseline less meter, mean of the event's hours, on the last so many days before the event. day × customer, MW

    NaN where a customer has no baseline or lacks a value.
    """
    last = len(windows.days) - 1
    at = range(max(0, last - days), last)
    errors = [(windows.estimate(day, method).adjusted - windows.window[day]).mean(axis=0) for day in at]
    empty = np.empty((0, windows.window.shape[2]))
    return pd.DataFrame(np.array(errors) if errors else empty, index=windows.days[list(at)])


def ends_of(errors: FloatArray, level: float) -> tuple[float, float]:
    """Ends between which the next error lies with a chance of at least `level`; NaN where there are too few errors.

    errors [day], NaN left out; two-sided 90 % takes at least 19 of them.
    """
    known = np.sort(errors[~np.isnan(errors)])
    n, tail = known.size, (1.0 - level) / 2
    # 1e-9: (n + 1) α / 2 may be a whole number that is told a little too small.
    low, high = int(np.floor((n + 1) * tail + 1e-9)), int(np.ceil((n + 1) * (1 - tail) - 1e-9))
    if low < 1 or high > n:
        return float("nan"), float("nan")
    return float(known[low - 1]), float(known[high - 1])


def bias_of(errors: FloatArray) -> float:
    """Mean error; NaN where there is none. errors [day], NaN left out"""
    known = errors[~np.isnan(errors)]
    return float(known.mean()) if known.size else float("nan")


def of_sum(errors: pd.DataFrame) -> FloatArray:
    """Errors of the sum over customers. [day]

    Where a customer has no error on a day, that of its nearest earlier (else later) day stands in, so that a gap in one
    meter does not cost the day; a day on which fewer than half have their own is left out.
    Who has no error on any day is left out of the sum.
    """
    known = errors.dropna(axis=1, how="all")
    if known.shape[1] == 0:
        return np.full(len(errors), np.nan)
    own = known.notna().mean(axis=1).to_numpy() >= 0.5
    filled = known.ffill().bfill().to_numpy(dtype=float)
    return np.where(own, filled.sum(axis=1), np.nan)
