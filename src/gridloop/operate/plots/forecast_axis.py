"""The horizontal axis of several local days: a label per midnight, right on days on which the clock changes too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from gridloop.operate.report import style
from gridloop.operate.report.clock import LocalClock
from gridloop.series.clock import day_start

MOST_LABELS = 10
"""Midnights that are named; of more every second, third, … is."""


MONTH = 31
"""Days of a month, at most; of more than two the first days of months are named."""


@dataclass(frozen=True)
class Days:
    """Local days from `start` to `end` (UTC) on the clock of a zone."""

    zone: str
    start: pd.Timestamp
    end: pd.Timestamp

    @property
    def clock(self) -> LocalClock:
        """Positions of times."""
        return LocalClock(self.zone, self.start, self.end)

    def x(self, times: pd.DatetimeIndex) -> list[str]:
        """Positions of UTC times."""
        return self.clock.x(times)

    def steps(self, times: pd.DatetimeIndex, step: pd.Timedelta) -> list[str]:
        """Positions of interval starts, and of the end of the last."""
        return self.clock.steps(times, step / pd.Timedelta(hours=1))

    def axis(self, **more: Any) -> dict[str, Any]:
        """Midnights as `Mon 5 Jan`; of at most three days every sixth hour as well, of months their first."""
        first = self.start.tz_convert(self.zone).date()
        last = self.end.tz_convert(self.zone).date()
        days = pd.date_range(first, last)
        midnights = [day_start(day, self.zone) for day in days]
        marks = {m: f"{m.tz_convert(self.zone):%a} {m.tz_convert(self.zone).day} {m.tz_convert(self.zone):%b}"
                 for m in midnights if self.start <= m < self.end}  # fmt: skip
        if len(days) <= 4:
            hours = pd.date_range(self.start, self.end, freq="h")
            local = hours.tz_convert(self.zone)
            whole = (local.hour % 6 == 0) & (local.hour != 0) & (local.minute == 0)
            marks |= {m: f"{m.tz_convert(self.zone):%H:%M}" for m in hours[whole]}
        elif len(days) > 2 * MONTH:
            firsts = {m: m.tz_convert(self.zone) for m in marks if m.tz_convert(self.zone).day == 1}
            marks = {
                m: f"{t:%b}" + (f" {t:%Y}" if k == 0 or t.month == 1 else "") for k, (m, t) in enumerate(firsts.items())
            }
            every = -(-len(marks) // (MOST_LABELS + 4))
            marks = {m: text for k, (m, text) in enumerate(marks.items()) if k % every == 0}
        else:
            every = -(-len(marks) // MOST_LABELS)
            marks = {m: text for k, (m, text) in enumerate(marks.items()) if k % every == 0}
        at = pd.DatetimeIndex(sorted(marks))
        axis: dict[str, Any] = {
            "type": "date",
            "range": self.x(pd.DatetimeIndex([self.start, self.end])),
            "tickmode": "array",
            "tickvals": self.x(at) if len(at) else [],
            "ticktext": [marks[m] for m in at],
            "tickfont": {"size": 12, "color": style.MUTED},
            "gridcolor": style.GRID,
            "ticks": "outside",
            "tickcolor": style.GRID,
            "hoverformat": "%a %-d %b %H:%M",
            "title": {
                "text": f"local time, {self.zone}",
                "font": {"size": 12, "color": style.MUTED},
                "standoff": 6,
            },
        }
        return axis | more
