"""The horizontal axis of a day: UTC inside, the site's own clock on the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from gridloop.operate.report import style


@dataclass(frozen=True)
class LocalClock:
    """Draws UTC times of [`start`, `end`) in a zone.

    Positions are UTC plus the offset of `start`, so that an hour is an hour on both days on which the clock changes;
    on those days the labels, not the positions, carry the local time.
    """

    zone: str
    start: pd.Timestamp
    end: pd.Timestamp

    @property
    def offset(self) -> pd.Timedelta:
        """Local time less UTC at the start."""
        return _offset(self.start, self.zone)

    @property
    def changes(self) -> bool:
        """True where the clock is put forward or back between start and end."""
        return _offset(self.end, self.zone) != self.offset

    def x(self, times: pd.Series | pd.DatetimeIndex) -> list[str]:
        """Positions of UTC times on the axis."""
        moved = pd.DatetimeIndex(times).tz_convert("UTC").tz_localize(None) + self.offset
        return [moment.strftime("%Y-%m-%d %H:%M") for moment in moved]

    def steps(self, times: pd.Series | pd.DatetimeIndex, hours: float) -> list[str]:
        """Positions of the starts of intervals, and of the end of the last one, which lasts `hours`."""
        index = pd.DatetimeIndex(times)
        if not len(index):
            return []
        return self.x(pd.DatetimeIndex([*index, index[-1] + pd.Timedelta(hours=hours)]))

    def says(self, moment: pd.Timestamp) -> str:
        """`13:15`, in local time."""
        return moment.tz_convert(self.zone).strftime("%H:%M")

    def axis(self, **more: Any) -> dict[str, Any]:
        """The plotly axis, labelled in local time and titled with the zone."""
        title = f"local time, {self.zone}"
        axis: dict[str, Any] = {
            "type": "date",
            "range": self.x(pd.DatetimeIndex([self.start, self.end])),
            "tickfont": {"size": 12, "color": style.MUTED},
            "gridcolor": style.GRID,
            "showspikes": True,
            "spikemode": "across",
            "spikethickness": 1,
            "spikedash": "dot",
            "spikecolor": style.UNCONTROLLED,
            "hoverformat": "%H:%M",
            "ticks": "outside",
            "tickcolor": style.GRID,
        }
        if self.changes:
            marks = self._three_hourly()
            axis |= {"tickmode": "array", "tickvals": self.x(marks), "ticktext": [self.says(m) for m in marks]}
            title += "; the clock changes today: labels are local, the hover keeps the offset of the morning"
        else:
            axis |= {"tickformat": "%H:%M", "nticks": 13}
        axis["title"] = {"text": title, "font": {"size": 12, "color": style.MUTED}, "standoff": 6}
        return axis | more

    def _three_hourly(self) -> pd.DatetimeIndex:
        hours = pd.date_range(self.start, self.end, freq="h")
        return hours[hours.tz_convert(self.zone).hour % 3 == 0]


def _offset(moment: pd.Timestamp, zone: str) -> pd.Timedelta:
    offset = moment.tz_convert(zone).utcoffset()
    return pd.Timedelta(offset) if offset is not None else pd.Timedelta(0)


def day_clock(ticks: pd.DataFrame, zone: str) -> LocalClock:
    """The clock of a run's ticks: from the first start to the end of the last interval."""
    if ticks.empty:
        epoch = pd.Timestamp(0, tz="UTC")
        return LocalClock(zone, epoch, epoch + pd.Timedelta(days=1))
    ends = ticks["valid_at"] + pd.to_timedelta(ticks["hours"].astype(float), unit="h")
    return LocalClock(zone, ticks["valid_at"].min(), ends.max())
