"""Gaps: found whether a row is absent or NaN, and told in words."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.series import gaps, require_complete

STEP = pd.Timedelta(minutes=15)
START = pd.Timestamp("2016-07-25", tz="UTC")


def table(**columns: list[float]) -> pd.DataFrame:
    """Quarter-hours from midnight."""
    length = len(next(iter(columns.values())))
    return pd.DataFrame(columns, index=pd.date_range(START, periods=length, freq=STEP))


def test_absent_rows_and_nan_are_gaps_alike():
    frame = table(a=[1.0, np.nan, np.nan, 4.0, 5.0], b=[1.0] * 5).drop(START + 3 * STEP)
    found = gaps(frame, STEP)
    assert [(gap.point, gap.start, gap.until, gap.count) for gap in found] == [
        ("a", START + STEP, START + 4 * STEP, 3),
        ("b", START + 3 * STEP, START + 4 * STEP, 1),
    ]
    assert str(found[0]) == "a from 2016-07-25 00:15 to 2016-07-25 01:00 UTC (3 values)"


def test_gaps_at_both_ends_need_the_span():
    frame = table(a=[1.0, 2.0])
    assert gaps(frame, STEP) == []
    found = gaps(frame, STEP, start=START - STEP, end=START + 4 * STEP)
    assert [(gap.start, gap.count) for gap in found] == [(START - STEP, 1), (START + 2 * STEP, 2)]
    assert gaps(frame.iloc[:0], STEP) == []
    assert [gap.count for gap in gaps(frame.iloc[:0], STEP, start=START, end=START + 2 * STEP)] == [2]


def test_the_error_names_the_longest_gap():
    frame = table(a=[1.0, np.nan, 3.0, 4.0, 5.0], b=[1.0, 2.0, np.nan, np.nan, 5.0])
    with pytest.raises(
        GapInSeries, match=r"load: 3 values of 2 points are missing, the longest gap is b from .*00:30"
    ) as caught:
        require_complete(frame, STEP, what="load")
    assert len(caught.value.facts["gaps"]) == 2
    assert caught.value.facts["points"] == ["a", "b"]
    require_complete(frame.dropna().iloc[:1], STEP)


def test_rows_off_the_clock_are_refused():
    frame = table(a=[1.0, 2.0, 3.0])
    frame.index = frame.index[:2].append(pd.DatetimeIndex([START + 1.5 * STEP]))
    with pytest.raises(OutOfRange, match="1 of 3 rows do not lie"):
        gaps(frame, STEP)


@given(known=st.lists(st.booleans(), min_size=1, max_size=40))
@settings(deadline=None, max_examples=60)
def test_gaps_are_what_is_not_known(known: list[bool]):
    """Gaps are apart, in order, and together exactly the missing intervals."""
    frame = table(a=[1.0 if k else np.nan for k in known])
    found = gaps(frame, STEP)
    missing = [time for gap in found for time in pd.date_range(gap.start, gap.until, freq=STEP, inclusive="left")]
    assert missing == [time for time, k in zip(frame.index, known, strict=True) if not k]
    assert all(a.until < b.start for a, b in pairwise(found))
    assert sum(gap.count for gap in found) == known.count(False)
