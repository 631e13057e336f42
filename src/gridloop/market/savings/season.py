"""Seasons that a baseline has not seen: how far the days to judge lie from it, and what that adds to their spread.

IPMVP and ASHRAE Guideline 14 ask for a baseline that covers the range of a full cycle, for its model says nothing of
the rest. Where it does not, the level of the meter is taken to walk at random away from the nearest day of the year
that was seen, with a variance of κ σ² a day, σ² that of what is left of the fit. The record itself cannot tell κ:
its season has not come yet. Other meters can: κ was fitted to placebo measures on half-years of four sets (five
households of Australia, the demand of Victoria, a steel plant, 17 homes of Fontana), as the likeliest of each:

    0.0052      0.0022      0.00075      0.019

What a meter of another kind may have is the t-distribution with three degrees of freedom around the mean of their
logarithms, nine quantiles of it. docs/math/savings.md has the coverage, each set judged by the other three.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.units import FloatArray

YEAR_DAYS = 365.25
WALKS = (0.00012, 0.00062, 0.0013, 0.0022, 0.0036, 0.0057, 0.0097, 0.020, 0.106)
"""κ: variance of the walk per day, in units of that of what is left of the fit."""

UNSEEN_DAYS = 14
"""A day further than this from any day of the year in the baseline is said to be of a season that was not seen."""


def days_beyond(new: pd.DatetimeIndex, seen: pd.DatetimeIndex) -> FloatArray:
    """Days of the year from each new day to the nearest one of the baseline, around the turn of the year. [new day]"""
    of_new, of_seen = (index.dayofyear.to_numpy(dtype=float) for index in (new, seen))
    apart = np.abs(of_new[:, None] - np.unique(of_seen)[None, :])
    return np.asarray(np.minimum(apart, YEAR_DAYS - apart).min(axis=1))


def unseen_variances(beyond: FloatArray, variance: float) -> FloatArray:
    """Variance of the sum of the new days' level, for every κ. beyond [new day]; variance of what is left of the fit"""
    return np.asarray(np.array(WALKS) * variance * float(np.minimum(beyond[:, None], beyond[None, :]).sum()))
