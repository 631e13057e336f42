"""Drills: faults planted in what the meters of a simulated site say, to see what the loop makes of them.

A drill changes nothing but readings: the grid goes on as it is. It is a function of the settings alone, so that a run
that was cut off meets the same fault again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange, listed
from gridloop.operate.settings import SiteSettings
from gridloop.series.clock import day_start
from gridloop.units import BoolArray

MISSING = 3
UNIT = 1000.0
HOUR = pd.Timedelta(hours=1)
SHIFT = {"late": HOUR, "early": -HOUR}


class Drill:
    """The fault that the settings of a site plan; none where they plan none.

    A fault that begins before the day is in the history too.
    """

    def __init__(self, settings: SiteSettings) -> None:
        plan = settings.drill
        self.fault, self._elements = plan.fault, plan.elements
        midnight = day_start(settings.day, settings.timezone)
        self.first = midnight + pd.Timedelta(hours=plan.start_h)
        self.end = self.first + pd.Timedelta(hours=plan.hours)

    def require(self, ids: Sequence[str]) -> None:
        """Raises `OutOfRange` where the drill means none of the elements."""
        if not any(fnmatchcase(str(i), self._elements) for i in ids):
            raise OutOfRange(
                f"[drill] elements {self._elements!r} fits none of {len(ids)} loads and generators, such as "
                f"{listed([str(i) for i in ids])}.",
                elements=self._elements,
            )

    def readings(self, readings: pd.DataFrame, held: Mapping[str, float]) -> pd.DataFrame:
        """Readings as the meters would have sent them: point, valid_at, known_at, value, quality.

        held  value at which each point hangs where it is frozen. [MW, Mvar]
        """
        if not self.fault:
            return readings
        ids = readings["point"].str.rpartition("/")[0]
        hit = self._hit(ids, pd.DatetimeIndex(readings["valid_at"]))
        if not hit.any():
            return readings
        if self.fault == "stale":
            return readings[~hit].reset_index(drop=True)
        spoilt = readings.copy()
        if self.fault == "missing":
            spoilt.loc[hit, "value"], spoilt.loc[hit, "quality"] = np.nan, np.int8(MISSING)
        elif self.fault == "frozen":
            spoilt.loc[hit, "value"] = spoilt.loc[hit, "point"].map(held)
        elif self.fault == "unit":
            spoilt.loc[hit, "value"] *= UNIT
        else:
            spoilt.loc[hit, "valid_at"] += SHIFT[self.fault]
        return spoilt

    def history(self, table: pd.DataFrame) -> pd.DataFrame:
        """The past of elements [time, id] as the meters would have sent it."""
        times = pd.DatetimeIndex(table.index)
        hit = np.stack([self._hit(pd.Series(str(i), index=times), times) for i in table.columns], axis=1)
        if not hit.any():
            return table
        values = table.to_numpy(dtype=float)
        if self.fault == "unit":
            return pd.DataFrame(np.where(hit, values * UNIT, values), index=table.index, columns=table.columns)
        if self.fault == "frozen":
            return table.mask(hit).ffill().where(hit, table)
        if self.fault in ("missing", "stale"):
            return table.mask(hit)
        by = SHIFT[self.fault]
        moved = table.where(hit).set_axis(times + by).reindex(times)
        return moved.where(moved.notna(), table.mask(hit))

    def _hit(self, ids: pd.Series, times: pd.DatetimeIndex) -> BoolArray:
        """Which of some values are hit: those of the elements, stamped within the fault."""
        if not self.fault:
            return np.zeros(len(ids), dtype=bool)
        meant = {i: fnmatchcase(i, self._elements) for i in ids.unique()}
        inside = np.asarray((times >= self.first) & (times < self.end))
        return np.asarray(inside & ids.map(meant).to_numpy(dtype=bool))
