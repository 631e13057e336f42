"""Gaps: where a series has no value, and the error that says so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.series.clock import require_utc


@dataclass(frozen=True)
class Gap:
    """Intervals in a row without a value.

    point   column of the table
    start   UTC start of the first missing interval
    until   UTC end of the last one
    count   how many intervals are missing
    """

    point: str
    start: pd.Timestamp
    until: pd.Timestamp
    count: int

    def __str__(self) -> str:
        return f"{self.point} from {self.start:%Y-%m-%d %H:%M} to {self.until:%Y-%m-%d %H:%M} UTC ({self.count} values)"


def gaps(
    table: pd.DataFrame | pd.Series,
    step: pd.Timedelta,
    *,
    start: pd.Timestamp | None = None,
    end: pd.Timestamp | None = None,
) -> list[Gap]:
    """The gaps of a table of valid_at × point: rows that are absent and values that are NaN, by point and time.

    step    length of an interval
    start   of the first interval that should be there; left out, the first row
    end     of the last interval; left out, the end of the last row

    Raises `OutOfRange` where a row does not lie on the steps counted from the start.
    """
    frame = table.to_frame() if isinstance(table, pd.Series) else table
    index = require_utc(frame.index, "gaps: index")
    if len(index) == 0 and (start is None or end is None):
        return []
    first = index.min() if start is None else start
    last = index.max() + step if end is None else end
    wanted = pd.date_range(first, last, freq=step, inclusive="left")
    inside = (index >= first) & (index < last)
    slots = wanted.get_indexer(index[inside])
    if (slots < 0).any():
        off = index[inside][slots < 0]
        raise OutOfRange(
            f"series: {len(off)} of {len(index)} rows do not lie on the {step} clock from {first}, first {off[0]}. "
            "Resample first.",
            count=len(off),
            first=off[0],
        )
    known = np.zeros((len(wanted), frame.shape[1]), dtype=bool)
    # A row that comes twice knows what either of them knows.
    np.logical_or.at(known, slots, np.isfinite(frame.to_numpy(dtype=float)[inside]))
    found = []
    for column, name in enumerate(frame.columns):
        edge = np.diff(np.concatenate([[0], (~known[:, column]).astype(np.int8), [0]]))
        found += [
            Gap(str(name), wanted[a], wanted[a] + (b - a) * step, b - a)
            for a, b in zip(np.flatnonzero(edge == 1).tolist(), np.flatnonzero(edge == -1).tolist(), strict=True)
        ]
    return found


def require_complete(
    table: pd.DataFrame | pd.Series,
    step: pd.Timedelta,
    *,
    start: pd.Timestamp | None = None,
    end: pd.Timestamp | None = None,
    what: str = "series",
) -> None:
    """Nothing where there is no gap. Raises `GapInSeries` with the longest gap in words and all of them in `facts`."""
    found = gaps(table, step, start=start, end=end)
    if found:
        worst = max(found, key=lambda gap: gap.count)
        points = sorted({gap.point for gap in found})
        raise GapInSeries(
            f"{what}: {sum(gap.count for gap in found)} values of {len(points)} points are missing, the longest gap is "
            f"{worst}. Fill it by name, or choose a time without gaps.",
            gaps=found,
            points=points,
            count=sum(gap.count for gap in found),
        )
