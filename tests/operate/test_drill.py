"""Drills: each fault by pencil, in readings as they come and in the history."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from gridloop.operate.drill import Drill
from gridloop.operate.settings import DrillSettings, read_site

SITE = read_site()
MIDNIGHT = pd.Timestamp("2016-07-24 22:00", tz="UTC")  # of 25 July in Berlin
HOUR = pd.Timedelta(hours=1)


def drill(fault: str, start_h: float = 2.0, hours: float = 2.0) -> Drill:
    return Drill(replace(SITE, drill=DrillSettings(fault, "load*", start_h, hours)))


def said(hour: int) -> pd.DataFrame:
    """What two meters say of one hour: power and reactive power of load1, power of the sun."""
    return pd.DataFrame(
        {
            "point": ["load1/p_mw", "load1/q_mvar", "sun/p_mw"],
            "valid_at": [MIDNIGHT + hour * HOUR] * 3,
            "known_at": [MIDNIGHT + (hour + 1) * HOUR] * 3,
            "value": [1.0 + hour, 0.1, 5.0],
            "quality": np.zeros(3, dtype=np.int8),
        }
    )


def told(fault: str, hour: int) -> pd.DataFrame:
    return drill(fault).readings(said(hour), {"load1/p_mw": 7.0, "load1/q_mvar": 0.7, "sun/p_mw": 9.0})


@pytest.mark.parametrize("fault", ["", "missing", "stale", "frozen", "unit", "late", "early"])
@pytest.mark.parametrize("hour", [1, 4])
def test_outside_of_its_hours_a_drill_changes_nothing(fault: str, hour: int):
    pd.testing.assert_frame_equal(told(fault, hour), said(hour))


@pytest.mark.parametrize(
    ("fault", "values", "quality"),
    [
        ("missing", [np.nan, np.nan, 5.0], [3, 3, 0]),
        ("stale", [5.0], [0]),
        ("frozen", [7.0, 0.7, 5.0], [0, 0, 0]),
        ("unit", [3000.0, 100.0, 5.0], [0, 0, 0]),
        ("late", [3.0, 0.1, 5.0], [0, 0, 0]),
        ("early", [3.0, 0.1, 5.0], [0, 0, 0]),
    ],
)
def test_what_the_meters_say_in_its_hours(fault: str, values: list[float], quality: list[int]):
    rows = told(fault, 2)
    assert rows["value"].tolist() == pytest.approx(values, nan_ok=True)
    assert rows["quality"].tolist() == quality
    by = {"late": HOUR, "early": -HOUR}.get(fault, 0 * HOUR)
    assert rows["valid_at"].tolist() == [MIDNIGHT + 2 * HOUR + by] * (len(rows) - 1) + [MIDNIGHT + 2 * HOUR]
    assert (rows["known_at"] == MIDNIGHT + 3 * HOUR).all()


@pytest.mark.parametrize(
    ("fault", "load"),
    [
        ("", [0.0, 1.0, 2.0, 3.0, 4.0]),
        ("missing", [0.0, 1.0, np.nan, np.nan, 4.0]),
        ("stale", [0.0, 1.0, np.nan, np.nan, 4.0]),
        ("frozen", [0.0, 1.0, 1.0, 1.0, 4.0]),
        ("unit", [0.0, 1.0, 2000.0, 3000.0, 4.0]),
        ("late", [0.0, 1.0, np.nan, 2.0, 3.0]),
        ("early", [0.0, 2.0, 3.0, np.nan, 4.0]),
    ],
)
def test_the_same_in_the_history(fault: str, load: list[float]):
    times = pd.date_range(MIDNIGHT, periods=5, freq="h")
    table = pd.DataFrame({"load1": np.arange(5.0), "sun": np.full(5, 5.0)}, index=times)
    spoilt = drill(fault).history(table)
    assert spoilt["load1"].tolist() == pytest.approx(load, nan_ok=True)
    assert spoilt["sun"].tolist() == [5.0] * 5
    assert table["load1"].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0], "what is given is not changed"
