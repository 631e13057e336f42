"""Horizon: the intervals a plan decides on, fine at first and coarser later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.units import FloatArray

SAME_TIME = pd.Timedelta(milliseconds=1)


@dataclass(frozen=True)
class Horizon:
    """Intervals that follow each other without a gap: `starts` in UTC, `hours` their lengths. [step]"""

    starts: pd.DatetimeIndex
    hours: FloatArray

    def __post_init__(self) -> None:
        n = len(self.starts)
        if n == 0 or n != len(self.hours):
            raise OutOfRange(f"A horizon needs one length per start: {n} starts, {len(self.hours)} lengths.")
        if self.starts.tz is None:
            raise OutOfRange("A horizon needs times with a zone; inside gridloop that is UTC (convention 4).")
        if not (np.asarray(self.hours) > 0).all():
            raise OutOfRange(f"Interval lengths must be positive; the shortest is {np.min(self.hours)} h.")
        object.__setattr__(self, "starts", self.starts.tz_convert("UTC").as_unit("ns"))
        apart = np.flatnonzero(np.abs((self.ends[:-1] - self.starts[1:]) / SAME_TIME) > 1)
        if apart.size:
            raise OutOfRange(
                f"Intervals must follow each other: {apart.size} end before or after the next begins "
                f"(first at {self.starts[int(apart[0])]}).",
                at=list(self.starts[apart]),
            )

    @classmethod
    def blocks(cls, start: pd.Timestamp, blocks: Sequence[tuple[int, pd.Timedelta]]) -> Horizon:
        """`[(8, 15 min), (10, 1 h)]`: so many intervals of that length, one block after the other."""
        lengths = [length for count, length in blocks for _ in range(count)]
        ends = pd.TimedeltaIndex(lengths).to_series().cumsum().to_numpy()
        starts = pd.DatetimeIndex([start, *(start + end for end in ends[:-1])])
        return cls(starts, np.array([length / pd.Timedelta(hours=1) for length in lengths]))

    @classmethod
    def regular(cls, starts: pd.DatetimeIndex) -> Horizon:
        """Equal intervals, from two or more starts; a single start is taken as one hour."""
        if len(starts) < 2:
            return cls(starts, np.ones(len(starts)))
        steps = np.diff(starts.as_unit("ns").asi8)
        if steps[0] <= 0 or (steps != steps[0]).any():
            raise OutOfRange("The index is not regular; give a `horizon` with the length of every interval.")
        hours = (starts[1] - starts[0]) / pd.Timedelta(hours=1)
        return cls(starts, np.full(len(starts), hours))

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def index(self) -> pd.RangeIndex:
        """The dimension that all variables over time share."""
        return pd.RangeIndex(len(self.starts), name="step")

    @property
    def waiting(self) -> FloatArray:
        """Hours from now to the start of every interval. [step]"""
        return np.cumsum(self.hours) - self.hours

    @property
    def ends(self) -> pd.DatetimeIndex:
        """End of every interval. [step]"""
        return self.starts + pd.to_timedelta(self.hours, unit="h")

    def overlap(self, begin: pd.Series, end: pd.Series) -> FloatArray:
        """Share of every interval that lies within [begin, end) of each row. [row, step]"""
        starts, ends = self.starts.asi8[None, :], self.ends.as_unit("ns").asi8[None, :]
        low = pd.DatetimeIndex(begin).as_unit("ns").asi8[:, None]
        high = pd.DatetimeIndex(end).as_unit("ns").asi8[:, None]
        shared = np.minimum(ends, high) - np.maximum(starts, low)
        return np.asarray(np.clip(shared, 0, None) / (ends - starts))
