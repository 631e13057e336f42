"""Issues: forecasts of other people with several issue times per interval; a moment sees the newest of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.forecast.past import NS_PER_DAY
from gridloop.forecast.record import Record
from gridloop.forecast.routine import Routine
from gridloop.units import BoolArray, IntArray


def as_issued(record: Record, routine: Routine, moment: pd.Timestamp) -> pd.DataFrame:
    """What a forecaster learns from at a moment: of several runs each local day as the routine's issue of it saw it.

    Where no run was out by then the first one after it stands in. Of several days ahead the routine is that of the
    nearest: further ones learn from newer runs than they will be given. A record with one time of being known per
    interval gives all that was known at the moment.
    """
    return record.as_issued(routine, moment) if isinstance(record, Issues) else record.at(moment)


@dataclass(frozen=True)
class Issues(Record):
    """A record in which a `valid_at` may come several times, each with a `known_at` of its own."""

    def at(self, moment: pd.Timestamp) -> pd.DataFrame:
        """Of every interval the row that became known last, by a moment."""
        return _last(super().at(moment), self.known_at[self._known(moment)].asi8)

    def as_issued(self, routine: Routine, moment: pd.Timestamp) -> pd.DataFrame:
        """Of every interval the row that became known last by the issue of its local day, else the first one after it.

        Only rows that were known at the moment; of a day that is issued later what `at` gives.
        """
        known = self._known(moment)
        table, at = self.values[known], self.known_at[known]
        local = pd.DatetimeIndex(table.index).tz_convert(routine.zone).tz_localize(None).as_unit("ns").asi8
        days, of = np.unique(local // NS_PER_DAY, return_inverse=True)
        issues = np.array([routine.issue(int(day)).as_unit("ns").value for day in days], dtype=np.int64)[of]
        told = np.asarray(at.as_unit("ns").asi8)
        in_time = told <= issues
        return _last(table, np.where(in_time, told, -told), in_time)

    def spoilt(self, moment: pd.Timestamp) -> pd.DataFrame:
        """The same, and nonsense for intervals of which nothing was known."""
        known = self._known(moment)
        table = super().spoilt(moment)
        # what was known comes after what was not, so that it is the newest of its interval
        return _last(table, self.known_at.asi8, known)


def _last(table: pd.DataFrame, *keys: IntArray | BoolArray) -> pd.DataFrame:
    """Of every interval, in the order of time, the row that comes last by the keys; the last key weighs most."""
    table = table.iloc[np.lexsort((*keys, table.index.asi8))]  # type: ignore[attr-defined]
    return table[~table.index.duplicated(keep="last")]
