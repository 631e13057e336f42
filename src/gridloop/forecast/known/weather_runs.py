"""Weather runs: of every interval the newest weather that was known at an issue, and sums that run on made into means.

A weather forecast has two times: the interval it is for, and when it became known. The same interval is forecast again
by every later run; a model that is asked at an issue may see the newest run known by then, and no later one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import MissingColumn, OutOfRange, listed
from gridloop.forecast.known.moments import Moments
from gridloop.forecast.known.past import Past, slots_of
from gridloop.forecast.known.record import Record
from gridloop.units import FloatArray, IntArray

ALWAYS = np.iinfo(np.int64).min
"""Known time of weather whose issue is not told: it is taken as known at every issue."""


@dataclass(frozen=True)
class Runs:
    """Weather of one place, by interval and run.

    columns   names
    values    [row, column]; rows by interval, then by when they were known
    key       [row]: interval and run in one rising number
    known_ns  [run] times at which any row became known, rising
    first     slot of the first interval
    step_ns   length of an interval
    """

    columns: tuple[str, ...]
    values: FloatArray
    key: IntArray
    known_ns: IntArray
    first: int
    step_ns: int

    @property
    def dated(self) -> bool:
        """Whether the weather says when it was known."""
        return bool(len(self.known_ns)) and int(self.known_ns[0]) != ALWAYS

    @classmethod
    def of(cls, weather: Record | pd.DataFrame, step_ns: int) -> Runs:
        """weather  UTC valid_at × column; a table without known times is taken as known at every issue.

        Raises `OutOfRange` where stamps have no zone, lie off the clock, or an interval comes twice in one run.
        """
        table = weather.values if isinstance(weather, Record) else weather
        slots = slots_of(pd.DatetimeIndex(table.index), step_ns)
        known = np.full(len(slots), ALWAYS)
        if isinstance(weather, Record):
            known = np.asarray(weather.known_at.as_unit("ns").asi8)
        order = np.lexsort((known, slots))
        slots, known = slots[order], known[order]
        runs, run = np.unique(known, return_inverse=True)
        first = int(slots[0]) if len(slots) else 0
        key = (slots - first) * (len(runs) + 1) + run
        twice = int((np.diff(key) == 0).sum())
        if twice:
            raise OutOfRange(
                f"weather: {twice} of {len(slots)} rows come twice for the same interval and time of being known. Keep "
                "one; give each run its own known time with Record.issued.",
                count=twice,
            )
        names = tuple(str(c) for c in table.columns)
        return cls(names, table.to_numpy(dtype=float)[order], key, runs, first, step_ns)

    def ordered(self, columns: tuple[str, ...]) -> Runs:
        """The same with its columns in this order."""
        place = [self.columns.index(name) for name in columns]
        return Runs(columns, self.values[:, place], self.key, self.known_ns, self.first, self.step_ns)

    def at(self, issue_ns: IntArray, slots: IntArray) -> FloatArray:
        """Newest known weather: issue_ns [moment], slots [moment, …] → [moment, …, column]; NaN where none was."""
        found = np.full((*slots.shape, len(self.columns)), np.nan)
        if not len(self.key):
            return found
        width = len(self.known_ns) + 1
        run = np.searchsorted(self.known_ns, issue_ns, side="right") - 1
        run = run.reshape(run.shape + (1,) * (slots.ndim - run.ndim))
        interval = slots - self.first
        row = np.searchsorted(self.key, interval * width + run, side="right") - 1
        here = (row >= 0) & (run >= 0) & (interval >= 0)
        here &= self.key[np.maximum(row, 0)] // width == interval
        found[here] = self.values[row[here]]
        return found


def issues(past: Past, hours: Sequence[float]) -> Moments:
    """Every past interval, seen from an issue at most a day before it.

    hours  of the UTC day at which there are issues; where there are several, intervals take the newest, the one
           before it and so on in turn, so that every lead is seen as often
    """
    day = past.per_day
    slots = past.first + np.arange(len(past.values))
    starts = np.unique([round(h * day / 24.0) % day for h in hours])
    count = len(starts)
    back = (slots // day + slots) % count
    cell = np.searchsorted(starts, slots % day, side="right") - 1 - back
    return Moments(slots - slots % day + day * (cell // count) + starts[cell % count], slots)


def of_point(weather: Record | pd.DataFrame, point: str) -> Record | pd.DataFrame:
    """The weather of one point: columns (point, name), or plain names where all points share it.

    Raises `MissingColumn` where the columns name points and this one is not among them.
    """
    table = weather.values if isinstance(weather, Record) else weather
    if table.columns.nlevels == 1:
        return weather
    there = [str(p) for p in table.columns.get_level_values(0).unique()]
    if point not in there:
        raise MissingColumn(f"weather: no columns for {point!r}; there are {listed(there)}.", point=point)
    own = pd.DataFrame(table[point])
    return Record(own, weather.known_at, weather.note) if isinstance(weather, Record) else own


def means_of_sums(
    table: pd.DataFrame, known_at: pd.DatetimeIndex, columns: list[str], *, unit_s: float
) -> pd.DataFrame:
    """Columns that add up from the start of a run, as means over their own interval.

    table    UTC valid_at × column, sorted within each run; the sum at a row runs to the end of its interval
    unit_s   what the differences are divided by: 3600 makes W/m² of J/m² in hourly steps, 1 leaves a sum
    Each run's first row stands for itself. Raises `OutOfRange` where a sum falls by more than a thousandth of its
    highest value: it does not add up over the run, or the runs are mixed.
    """
    new = np.r_[True, known_at[1:] != known_at[:-1]]
    result = table.copy()
    for name in columns:
        total = table[name].to_numpy(dtype=float)
        part = np.where(new, total, np.diff(total, prepend=0.0))
        fell = int((part < -1e-3 * np.nanmax(np.abs(total), initial=0.0)).sum())
        if fell and (total >= 0.0).all():
            raise OutOfRange(
                f"weather: {name} falls {fell} times within a run; it is no sum from the run's start. Leave it as it "
                "is, or give each run its own known time.",
                column=name,
                count=fell,
            )
        result[name] = part / unit_s
    return result
