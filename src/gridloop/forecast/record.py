"""Record: values with two times, when they are for and when they were known; a backtest sees only `at` a moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.forecast.past import usual_step
from gridloop.units import BoolArray, FloatArray

NONSENSE = 1e3
"""What unknown values are multiplied by where a forecaster is probed for looking at them."""


@dataclass(frozen=True)
class Record:
    """Values of points or columns.

    values    UTC valid_at × column; NaN is a gap
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
        """Forecasts made elsewhere, with the time at which each was published."""
        return cls(values, known_at)

    @classmethod
    def foreseen(cls, values: pd.DataFrame, ahead: pd.Timedelta | str) -> Record:
        """Observations that stand in for a perfect forecast `ahead` of time: the report says so."""
        early = pd.Timedelta(ahead)
        return cls(values, _times(values) - early, note=f"observed values, taken as known {early} ahead")

    def at(self, moment: pd.Timestamp) -> pd.DataFrame:
        """The rows that were known at a moment."""
        return self.values[self._known(moment)]

    def spoilt(self, moment: pd.Timestamp) -> pd.DataFrame:
        """All rows; those not known at the moment are nonsense. What an honest forecaster makes of it is the same."""
        wrong: FloatArray = np.where(np.isfinite(self.values), NONSENSE * (1.0 + self.values.abs()), NONSENSE)
        return self.values.where(pd.Series(self._known(moment), index=self.values.index), pd.DataFrame(
            wrong, index=self.values.index, columns=self.values.columns))  # fmt: skip

    def _known(self, moment: pd.Timestamp) -> BoolArray:
        return np.asarray(self.known_at <= moment)


def _times(values: pd.DataFrame) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(values.index)
