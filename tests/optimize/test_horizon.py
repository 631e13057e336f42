"""Horizons: blocks, presence in parts of intervals, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from gridloop.errors import OutOfRange
from gridloop.optimize.horizon import Horizon
from gridloop.testing import moment


def minutes(count: int) -> pd.Timedelta:
    return pd.Timedelta(minutes=count)


def test_blocks_follow_each_other():
    horizon = Horizon.blocks(moment(), [(2, minutes(15)), (2, minutes(60))])
    assert horizon.starts.tolist() == [moment(), moment() + minutes(15), moment() + minutes(30), moment() + minutes(90)]
    assert horizon.hours.tolist() == [0.25, 0.25, 1.0, 1.0]
    assert horizon.ends[-1] == moment() + minutes(150)
    assert horizon.waiting.tolist() == [0.0, 0.25, 0.5, 1.5]


def test_presence_is_a_share_of_each_interval():
    """From 0:10 to 0:40 in quarter-hours: 5, 15 and 10 of 15 minutes."""
    horizon = Horizon.blocks(moment(), [(4, minutes(15))])
    share = horizon.overlap(pd.Series([moment() + minutes(10)]), pd.Series([moment() + minutes(40)]))
    assert share[0].tolist() == approx([5 / 15, 1.0, 10 / 15, 0.0])


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_the_unit_of_an_index_does_not_matter(unit):
    starts = pd.date_range(moment(), periods=3, freq="15min").as_unit(unit)
    horizon = Horizon.regular(starts)
    assert horizon.starts.unit == "ns"
    assert horizon.hours.tolist() == [0.25] * 3
    assert horizon.overlap(pd.Series([moment()]), pd.Series([moment(1)]))[0].tolist() == [1.0] * 3


def test_local_times_become_utc():
    starts = pd.date_range(moment(), periods=2, freq="1h").tz_convert("Europe/Berlin")
    assert str(Horizon.regular(starts).starts.tz) == "UTC"


def test_gaps_overlaps_and_wrong_lengths_are_refused():
    starts = pd.date_range(moment(), periods=3, freq="1h")
    with pytest.raises(OutOfRange, match="2 end before or after the next begins"):
        Horizon(starts, np.array([0.5, 2.0, 1.0]))
    with pytest.raises(OutOfRange, match="3 starts, 2 lengths"):
        Horizon(starts, np.ones(2))
    with pytest.raises(OutOfRange, match="must be positive"):
        Horizon(starts, np.array([1.0, 1.0, np.nan]))
    with pytest.raises(OutOfRange, match="times with a zone"):
        Horizon(starts.tz_localize(None), np.ones(3))
    with pytest.raises(OutOfRange, match="not regular"):
        Horizon.regular(pd.DatetimeIndex([moment(), moment(1), moment(3)]))
