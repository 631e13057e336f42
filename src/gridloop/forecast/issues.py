"""Issues: forecasts of other people with several issue times per interval; a moment sees the newest of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.forecast.record import Record


@dataclass(frozen=True)
class Issues(Record):
    """A record in which a `valid_at` may come several times, each with a `known_at` of its own."""

    def at(self, moment: pd.Timestamp) -> pd.DataFrame:
        """Of every interval the row that became known last, by a moment."""
        return self._newest(super().at(moment), self.known_at[self._known(moment)])

    def spoilt(self, moment: pd.Timestamp) -> pd.DataFrame:
        """The same, and nonsense for intervals of which nothing was known."""
        known = self._known(moment)
        table = super().spoilt(moment)
        # what was known comes after what was not, so that it is the newest of its interval
        order = np.lexsort((self.known_at.asi8, known, table.index.asi8))  # type: ignore[attr-defined]
        table = table.iloc[order]
        return table[~table.index.duplicated(keep="last")]

    @staticmethod
    def _newest(table: pd.DataFrame, known_at: pd.DatetimeIndex) -> pd.DataFrame:
        order = np.lexsort((known_at.asi8, table.index.asi8))  # type: ignore[attr-defined]
        table = table.iloc[order]
        return table[~table.index.duplicated(keep="last")]
