"""Record: values with two times, when they are for and when they were known; a backtest sees only `at` a moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.forecast.known.past import NS_PER_DAY, usual_step
from gridloop.forecast.known.routine import Routine
from gridloop.units import BoolArray, FloatArray, IntArray

NONSENSE = 1e3
"""What unknown values are multiplied by where a forecaster is probed for looking at them."""


@dataclass(frozen=True)
class Record:
    """Values of points or columns.

    values    UTC valid_at × column; NaN is a gap. An interval may come several times, each with a `known_at` of its
              own, as forecasts that are issued again: a moment sees the newest of each
    known_at  UTC, one per row: when the whole row was known
    note      in words for the report, where the values were not really known then; empty where they were

    Raises `OutOfRange` where the two do not fit together.
    """

    values: pd.DataFrame
    known_at: pd.DatetimeIndex
    note: str = ""

    def __post_init__(self) -> None:
        if len(self.known_at) != len(self.values):
            raise OutOfRange(
                f"record: {len(self.values)} rows and {len(self.known_at)} times of being known; give one per row.",
                rows=len(self.values),
            )
        if (
            self.known_at.tz is None
            or not isinstance(self.values.index, pd.DatetimeIndex)
            or self.values.index.tz is None
        ):
            raise OutOfRange("record: both times need a zone (UTC). Localize them first.")

    @classmethod
    def measured(cls, values: pd.DataFrame, *, delay: pd.Timedelta | str = "0h") -> Record:
        """Means over intervals: known when the interval is over, and `delay` later. Raises `OutOfRange` below zero."""
        late = pd.Timedelta(delay)
        if late < pd.Timedelta(0):
            raise OutOfRange(f"record: a delay of {late} would make means known before they are over.", delay=late)
        return cls(values, _times(values) + usual_step(values.index) + late)

    @classmethod
    def issued(cls, values: pd.DataFrame, known_at: pd.DatetimeIndex) -> Record:
        """Forecasts made elsewhere, with the time at which each row was published."""
        return cls(values, known_at)

    @classmethod
    def foreseen(cls, values: pd.DataFrame, ahead: pd.Timedelta | str) -> Record:
        """Observations that stand in for a perfect forecast `ahead` of time: the report says so."""
        early = pd.Timedelta(ahead)
        return cls(values, _times(values) - early, note=f"observed values, taken as known {early} ahead")

    def at(self, moment: pd.Timestamp) -> pd.DataFrame:
        """The rows that were known at a moment; of an interval that comes several times the one known last."""
        known = self._known(moment)
        return _last(self.values[known], self.known_at[known].asi8) if self.repeats else self.values[known]

    def as_issued(self, routine: Routine, moment: pd.Timestamp) -> pd.DataFrame:
        """What a forecaster learns from at a moment: each local day as the routine's issue of it saw it.

        Of an interval that comes several times the row that became known last by the issue of its local day, else the
        first one after it; only rows that were known at the moment. Of several days ahead the routine is that of the
        nearest: further ones learn from newer runs than they will be given. Without repeats as `at`.
        """
        if not self.repeats:
            return self.at(moment)
        known = self._known(moment)
        table, at = self.values[known], self.known_at[known]
        local = pd.DatetimeIndex(table.index).tz_convert(routine.zone).tz_localize(None).as_unit("ns").asi8
        days, of = np.unique(local // NS_PER_DAY, return_inverse=True)
        issues = np.array([routine.issue(int(day)).as_unit("ns").value for day in days], dtype=np.int64)[of]
        told = np.asarray(at.as_unit("ns").asi8)
        in_time = told <= issues
        return _last(table, np.where(in_time, told, -told), in_time)

    def spoilt(self, moment: pd.Timestamp) -> pd.DataFrame:
        """All rows; those not known at the moment are nonsense. What an honest forecaster makes of it is the same."""
        wrong: FloatArray = np.where(np.isfinite(self.values), NONSENSE * (1.0 + self.values.abs()), NONSENSE)
        known = self._known(moment)
        spoilt = self.values.where(pd.Series(known, index=self.values.index), pd.DataFrame(
            wrong, index=self.values.index, columns=self.values.columns))  # fmt: skip
        # what was known comes after what was not, so that it is the newest of its interval
        return _last(spoilt, self.known_at.asi8, known) if self.repeats else spoilt

    @property
    def repeats(self) -> bool:
        """Whether an interval comes several times."""
        return bool(self.values.index.has_duplicates)

    def _known(self, moment: pd.Timestamp) -> BoolArray:
        return np.asarray(self.known_at <= moment)


def _times(values: pd.DataFrame) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(values.index)


def _last(table: pd.DataFrame, *keys: IntArray | BoolArray) -> pd.DataFrame:
    """Of every interval, in the order of time, the row that comes last by the keys; the last key weighs most."""
    table = table.iloc[np.lexsort((*keys, table.index.asi8))]  # type: ignore[attr-defined]
    return table[~table.index.duplicated(keep="last")]
