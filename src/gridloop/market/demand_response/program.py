"""Programmes: how often, when, with what notice and for what money customers may be called."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.series.clock import zone as known_zone

HOUR = pd.Timedelta(hours=1)


@dataclass(frozen=True)
class DRProgram:
    """The rules of a demand-response programme.

    notice_h                  hours between the call and the event, at least
    min_hours, max_hours      how long an event lasts
    max_events                events in a calendar year
    max_calls                 calls of one customer in a calendar year: what nobody is asked for more often than
    begin_h, end_h            local clock hours between which events lie
    weekdays_only, holidays   local days on which nobody is called: weekends, and these
    payment_per_mwh           money for what was delivered
    penalty_per_mwh           money for what was expected and not delivered
    zone                      of the local clock and calendar
    """

    notice_h: float = 4.0
    min_hours: float = 1.0
    max_hours: float = 4.0
    max_events: int = 15
    max_calls: int = 10
    begin_h: float = 0.0
    end_h: float = 24.0
    weekdays_only: bool = True
    holidays: Sequence[dt.date] = ()
    payment_per_mwh: float = 500.0
    penalty_per_mwh: float = 0.0
    zone: str = "UTC"
    id: str = "demand response"

    def __post_init__(self) -> None:
        known_zone(self.zone)
        problems = [
            f"{name} is {getattr(self, name)}; it must not be negative"
            for name in ("notice_h", "min_hours", "max_events", "max_calls", "payment_per_mwh", "penalty_per_mwh")
            if not 0 <= getattr(self, name) < np.inf
        ]
        if not self.max_hours > 0 or not self.min_hours <= self.max_hours:
            problems.append(f"min_hours {self.min_hours} … max_hours {self.max_hours} is no range above zero")
        if not 0 <= self.begin_h < self.end_h <= 24:
            problems.append(f"begin_h {self.begin_h} … end_h {self.end_h}; allowed is 0 ≤ begin_h < end_h ≤ 24")
        if problems:
            raise OutOfRange(f"DRProgram {self.id}: {'; '.join(problems)}.", program=self.id, problems=problems)

    def local(self, time: pd.Timestamp) -> pd.Timestamp:
        """A moment on the programme's clock."""
        return time.tz_convert(self.zone)

    def is_off(self, day: dt.date) -> bool:
        """Whether a local day is one on which nobody is called."""
        return self.weekdays_only and (day.weekday() >= 5 or day in set(self.holidays))

    def problems(self, start: pd.Timestamp, hours: float, issued_at: pd.Timestamp, events_so_far: int) -> list[str]:
        """Rules that an event would break, each with what is allowed."""
        begin, end = self.local(start), self.local(start + hours * HOUR)
        found = []
        notice = (start - issued_at) / HOUR
        if notice < self.notice_h:
            earliest = self.local(issued_at + self.notice_h * HOUR)
            found.append(
                f"{notice:g} h of notice are given and {self.notice_h:g} h are due: it can begin at "
                f"{earliest:%Y-%m-%d %H:%M} or later"
            )
        if not self.min_hours <= hours <= self.max_hours:
            found.append(f"{hours:g} h are asked for; allowed are {self.min_hours:g} … {self.max_hours:g} h")
        first, last = _clock_hour(begin, begin), _clock_hour(end, begin)
        if first < self.begin_h or last > self.end_h:
            found.append(
                f"it would last from {begin:%H:%M} to {end:%H:%M}; calls lie between {self.begin_h:g} and "
                f"{self.end_h:g} o'clock"
            )
        if self.is_off(begin.date()):
            found.append(f"{begin:%A %Y-%m-%d} is a weekend or a holiday, when nobody is called")
        if events_so_far >= self.max_events:
            found.append(f"{events_so_far} events were called in {begin.year}; allowed are {self.max_events}")
        return found


def _clock_hour(time: pd.Timestamp, day: pd.Timestamp) -> float:
    """Hours on the clock since the local midnight of a day."""
    return float((time.tz_localize(None) - day.tz_localize(None).normalize()) / HOUR)
