"""Sample: the issues and intervals that a model learns from, drawn from the history."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridloop.forecast.known.leads import LONGEST_H
from gridloop.forecast.known.moments import Moments
from gridloop.forecast.known.past import Past
from gridloop.units import IntArray

FIRST_DAYS = 8
"""Days before the first issue: a week of lags must be there."""

LEADS = 2
"""Intervals drawn for each issue."""

SHARE_NEAR, SHARE_FAR = 0.1, 0.1
"""Shares of leads below two hours and up to the longest; the others are within a day."""


@dataclass(frozen=True)
class Sample:
    """Issues, for each: the interval just over as it looked one step before, then `LEADS` intervals ahead.

    moments  [issue · (1 + LEADS)], issue by issue
    issues   number of issues
    """

    moments: Moments
    issues: int

    @property
    def newest(self) -> IntArray:
        """For every moment the row of its issue's interval that is just over. [moment]"""
        return (1 + LEADS) * (np.arange(len(self.moments)) // (1 + LEADS))


def draw(past: Past, issues: int, seed: int) -> Sample:
    """Issues at any time of the history, and leads, more of the near ones; none beyond the history.

    Empty where the history is shorter than `FIRST_DAYS` and two days.
    """
    rng = np.random.default_rng(seed)
    day = past.per_day
    first, last = past.first + FIRST_DAYS * day, past.end - day
    if last - first < day:
        return Sample(Moments(np.empty(0, np.int64), np.empty(0, np.int64)), 0)
    issue = rng.integers(first, last, issues)
    shape = (issues, LEADS)
    near, usual = rng.integers(0, max(1, day // 12), shape), rng.integers(0, day, shape)
    far = rng.integers(0, max(1, int(day * LONGEST_H / 24.0)), shape)
    which = rng.random(shape)
    lead = np.where(which < SHARE_NEAR, near, np.where(which < 1.0 - SHARE_FAR, usual, far))
    lead = np.minimum(lead, past.end - 1 - issue[:, None])
    known = np.column_stack([issue - 1, np.repeat(issue[:, None], LEADS, axis=1)])
    valid = np.column_stack([issue - 1, issue[:, None] + lead])
    return Sample(Moments(known.ravel(), valid.ravel()), issues)
