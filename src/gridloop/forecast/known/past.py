"""Past: the values that were known at the moment of issue, on a regular clock; the only door of a model to history."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import MissingColumn, OutOfRange, listed
from gridloop.units import FloatArray, IntArray

NS_PER_DAY = 86_400_000_000_000


@dataclass(frozen=True)
class Past:
    """Values of every point up to a moment.

    points    [point]
    values    [time, point] MW; NaN is a gap
    first     slot of the first row; a slot is the time since 1970 in steps
    step_ns   length of an interval [ns]; a day is a whole number of steps
    """

    points: tuple[str, ...]
    values: FloatArray
    first: int
    step_ns: int

    @property
    def per_day(self) -> int:
        """Intervals in 24 hours."""
        return NS_PER_DAY // self.step_ns

    @property
    def end(self) -> int:
        """The slot after the last known one."""
        return self.first + len(self.values)

    def hours(self, steps: IntArray) -> FloatArray:
        """Steps as hours. Same shape."""
        return np.asarray(steps * (24.0 / self.per_day), dtype=float)

    def last(self) -> IntArray:
        """Slot of the last known value of every point; `first - 1` where there is none. [point]"""
        row = np.where(np.isfinite(self.values), np.arange(len(self.values))[:, None], -1)
        return np.asarray(self.first + row.max(axis=0, initial=-1))

    def at_least_zero(self) -> Past:
        """The same with negative values as zero; gaps stay."""
        return Past(self.points, np.maximum(self.values, 0.0), self.first, self.step_ns)

    def since(self, slot: int) -> Past:
        """The same without the rows before `slot`."""
        skip = max(0, slot - self.first)
        return Past(self.points, self.values[skip:], self.first + skip, self.step_ns)

    def only(self, points: tuple[str, ...]) -> Past:
        """The same for some of the points."""
        column = {p: k for k, p in enumerate(self.points)}
        return Past(points, self.values[:, [column[p] for p in points]], self.first, self.step_ns)

    def times(self, slots: IntArray) -> pd.DatetimeIndex:
        """UTC starts of slots."""
        return pd.DatetimeIndex(np.asarray(slots, dtype=np.int64) * self.step_ns, tz="UTC")


def known_past(
    history: pd.DataFrame,
    points: tuple[str, ...],
    until: pd.Timestamp,
    *,
    step: pd.Timedelta,
    days: float | None = None,
) -> Past:
    """The part of `history` that is over at `until`: intervals that end at or before it, whatever the table holds.

    history  UTC valid_at × point [MW]; NaN and absent rows are gaps, rows may come in any order
    days     only that many days before `until`, for speed
    Returns a `Past` that ends exactly at the last interval before `until`.

    Raises `MissingColumn` where a point has no column, `OutOfRange` where stamps have no zone, come twice, do not lie
    on the clock of `step`, or all lie further apart than it: another step than was fitted.
    """
    if until.tz is None:
        raise OutOfRange(f"issue: {until} has no time zone. Give it in UTC, such as pd.Timestamp(..., tz='UTC').")
    missing = [p for p in points if p not in history.columns]
    if missing:
        raise MissingColumn(
            f"history: {len(missing)} of {len(points)} points have no column ({listed(missing)}). "
            "Give all points the forecaster was fitted on.",
            missing=missing,
        )
    step_ns = step.value
    if step_ns <= 0 or NS_PER_DAY % step_ns:
        raise OutOfRange(f"history: a day is not a whole number of steps of {step}.", step=step)
    stamps = _stamps(history.index)
    end = until.tz_convert("UTC").as_unit("ns").value // step_ns
    keep = stamps < end * step_ns
    if days is not None:
        keep &= stamps >= end * step_ns - int(days * NS_PER_DAY)
    stamps = stamps[keep]
    slots = stamps // step_ns
    off = stamps != slots * step_ns
    if off.any():
        at = pd.Timestamp(int(stamps[off][0]), unit="ns", tz="UTC")
        raise OutOfRange(
            f"history: {int(off.sum())} of {len(slots)} stamps do not lie on the {step} clock, first {at}. Resample.",
            count=int(off.sum()),
            first=at,
        )
    gaps = np.diff(np.sort(slots))
    apart = int(gaps.min()) if len(slots) > 2 else 1
    if apart > 1:
        raise OutOfRange(
            f"history: the stamps lie {apart * step} apart or more, and the forecaster works in steps of {step}. Give "
            "it the step it was fitted with, or fit a new one.",
            step=step,
        )
    first = int(slots.min()) if len(slots) else end
    values = np.full((end - first, len(points)), np.nan)
    columns = history.columns.get_indexer(pd.Index(points))
    values[slots - first] = history.to_numpy(dtype=float)[np.flatnonzero(keep)][:, columns]
    twice = int((gaps == 0).sum())
    if twice:
        raise OutOfRange(
            f"history: {twice} stamps come twice. Keep one value per interval, such as the newest known.", count=twice
        )
    return Past(tuple(points), values, first, step_ns)


def slots_of(valid_at: pd.DatetimeIndex, step_ns: int) -> IntArray:
    """Slots of times. Raises `OutOfRange` where one does not lie on the clock or has no zone."""
    stamps = _stamps(valid_at)
    if (stamps % step_ns).any():
        off, step = int((stamps % step_ns > 0).sum()), pd.Timedelta(step_ns, "ns")
        raise OutOfRange(f"valid_at: {off} of {len(stamps)} times do not lie on the {step} clock.", count=off)
    return stamps // step_ns


def usual_step(index: pd.Index) -> pd.Timedelta:
    """The step of most of the stamps. Raises `OutOfRange` where there are fewer than two."""
    stamps = np.sort(_stamps(index))
    if len(stamps) < 2:
        raise OutOfRange(f"history: {len(stamps)} rows; at least two are needed to know the step.", rows=len(stamps))
    return pd.Timedelta(int(np.median(np.diff(stamps))), "ns")


def _stamps(index: pd.Index) -> IntArray:
    if not isinstance(index, pd.DatetimeIndex) or index.tz is None:
        raise OutOfRange("history: the index must hold times with a zone (UTC). Convert local times first.")
    return np.asarray(index.as_unit("ns").asi8)
