"""Routine: local days, each forecast at one fixed moment before it begins."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.forecast.known.local import local_slots
from gridloop.forecast.known.moments import Moments
from gridloop.forecast.known.past import NS_PER_DAY, Past
from gridloop.units import IntArray

LONGEST_LEAD = pd.Timedelta(days=8)
"""A week ahead, whatever the hour of the issue."""


@dataclass(frozen=True)
class Routine:
    """Every local day of a zone, forecast `before` its midnight: 12 h is noon of the day before.

    Raises `OutOfRange` where `before` is negative or longer than `LONGEST_LEAD`.
    """

    zone: str
    before: pd.Timedelta

    def __post_init__(self) -> None:
        if not pd.Timedelta(0) <= self.before <= LONGEST_LEAD:
            raise OutOfRange(
                f"before: a day is forecast 0 … {LONGEST_LEAD} before it begins, not {self.before}.", before=self.before
            )

    def day(self, past: Past, slots: IntArray) -> IntArray:
        """Local days, since 1970, of slots. Same shape."""
        return local_slots(past, slots, self.zone) // past.per_day

    def midnight(self, day: int) -> pd.Timestamp:
        """UTC begin of a local day."""
        stamp = pd.Timestamp(day, unit="D").tz_localize(self.zone, ambiguous=True, nonexistent="shift_forward")
        return stamp.tz_convert("UTC")

    def issue(self, day: int) -> pd.Timestamp:
        """When the day is forecast (UTC)."""
        return self.midnight(day) - self.before

    def published_until(self, moment: pd.Timestamp, ahead: pd.Timedelta) -> pd.Timestamp:
        """End (UTC) of the last local day that is out at a moment, where each is published `ahead` of its midnight."""
        day = int((moment.tz_convert(self.zone) + ahead).tz_localize(None).normalize().value // NS_PER_DAY) + 1
        while self.midnight(day) - ahead > moment:  # where the clock changes on the way
            day -= 1
        return self.midnight(day + 1)

    def last_of(self, days: IntArray, issued_at: pd.Timestamp) -> int:
        """The last of some days. Raises `OutOfRange` where it is forecast only after `issued_at`."""
        last = int(days.max())
        if self.issue(last) > issued_at:
            raise OutOfRange(
                f"valid_at: the day that begins at {self.midnight(last)} is forecast at {self.issue(last)}, after the "
                f"issue at {issued_at}. Ask for earlier days, or fit with another `before`.",
                issued_at=issued_at,
            )
        return last

    def settled(self, day: int, following: int) -> OutOfRange:
        """The error of asking for a local day that a forecaster has left behind; `following` is its next one."""
        begin = self.midnight(day)
        return OutOfRange(
            f"valid_at: the day that begins at {begin} was settled before {self.midnight(following)}. A forecaster "
            "goes forward only; fit a new one.",
            day=str(begin),
        )

    def starts(self, past: Past, days: Iterable[int]) -> IntArray:
        """Slots at which local days begin. [day]"""
        return np.array([self.midnight(int(day)).as_unit("ns").value // past.step_ns for day in days], dtype=np.int64)

    def known(self, past: Past, day: int) -> int:
        """Slot of the first interval that is not over at issue."""
        return int(self.issue(day).as_unit("ns").value // past.step_ns)

    def moments(self, past: Past, first: int, last: int) -> Moments:
        """All intervals of the local days `first` … `last`, each as its issue sees it."""
        starts = self.starts(past, range(first, last + 2))
        known = starts[:-1] - self.before.value // past.step_ns
        return Moments(np.repeat(known, np.diff(starts)), np.arange(starts[0], starts[-1]))
