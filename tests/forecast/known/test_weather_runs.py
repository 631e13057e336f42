"""Weather runs: the newest known at issue and no later one; sums that run on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gridloop.errors import MissingColumn, OutOfRange
from gridloop.forecast import Record
from gridloop.forecast.known.past import Past
from gridloop.forecast.known.weather_runs import Runs, issues, means_of_sums, of_point

HOUR_NS = 3_600_000_000_000
VALID = pd.date_range("2021-06-01", periods=4, freq="h", tz="UTC")


def two_runs() -> Record:
    """A run of the midnight before says 1, 2, 3, 4; one of 01:00 says 20, 30, 40 for the last three."""
    values = pd.DataFrame({"ghi": [1.0, 2.0, 3.0, 4.0, 20.0, 30.0, 40.0]}, index=VALID.append(VALID[1:]))
    known = pd.DatetimeIndex([VALID[0]] * 4 + [VALID[1]] * 3)
    return Record.issued(values.iloc[::-1], known[::-1])


def seen(runs: Runs, issue: pd.Timestamp) -> list[float]:
    slots = np.asarray(VALID.as_unit("ns").asi8) // HOUR_NS
    return runs.at(np.full(4, issue.as_unit("ns").value), slots)[:, 0].tolist()


def test_an_issue_sees_the_newest_run_known_by_then():
    runs = Runs.of(two_runs(), HOUR_NS)
    assert runs.dated
    assert seen(runs, VALID[0]) == [1.0, 2.0, 3.0, 4.0]
    assert seen(runs, VALID[1] - pd.Timedelta("1ns")) == [1.0, 2.0, 3.0, 4.0]
    assert seen(runs, VALID[1]) == [1.0, 20.0, 30.0, 40.0]


def test_before_the_first_run_nothing_is_known_and_beyond_the_last_hour_neither():
    runs = Runs.of(two_runs(), HOUR_NS)
    assert np.isnan(seen(runs, VALID[0] - pd.Timedelta("1ns"))).all()
    slot = np.array([VALID[0].value // HOUR_NS - 1, VALID[-1].value // HOUR_NS + 1])
    assert np.isnan(runs.at(np.full(2, VALID[3].value), slot)).all()


def test_a_table_is_known_at_every_issue():
    runs = Runs.of(two_runs().values.iloc[3:], HOUR_NS)
    assert not runs.dated
    assert seen(runs, VALID[0] - pd.Timedelta("9D")) == [1.0, 2.0, 3.0, 4.0]


def test_an_interval_twice_in_a_run_is_refused():
    with pytest.raises(OutOfRange, match="3 of 7 rows come twice"):
        Runs.of(two_runs().values, HOUR_NS)


def test_stamps_off_the_clock_or_without_a_zone_are_refused():
    table = pd.DataFrame({"ghi": [1.0, 2.0]}, index=VALID[:2] + pd.Timedelta("7min"))
    with pytest.raises(OutOfRange, match="clock"):
        Runs.of(table, HOUR_NS)
    with pytest.raises(OutOfRange, match="zone"):
        Runs.of(table.set_axis(VALID[:2].tz_localize(None), axis=0), HOUR_NS)


def test_a_plant_sees_its_own_columns():
    own = pd.concat(
        {"a": pd.DataFrame({"ghi": [1.0]}, VALID[:1]), "b": pd.DataFrame({"ghi": [2.0]}, VALID[:1])}, axis=1
    )
    assert of_point(own, "b")["ghi"].tolist() == [2.0]  # type: ignore[index]
    with pytest.raises(MissingColumn, match="no columns for 'c'; there are a, b"):
        of_point(own, "c")


def test_sums_become_means():
    """3600, 10800 J/m² after one and two hours: 1 and 2 W/m²; the next run begins anew."""
    table = pd.DataFrame({"ghi": [3600.0, 10800.0, 7200.0, 7200.0], "air": 5.0}, index=VALID)
    known = pd.DatetimeIndex([VALID[0], VALID[0], VALID[2], VALID[2]])
    means = means_of_sums(table, known, ["ghi"], unit_s=3600.0)
    assert means["ghi"].tolist() == [1.0, 2.0, 2.0, 0.0]
    assert (means["air"] == 5.0).all()
    assert table["ghi"].iloc[0] == 3600.0


def test_what_falls_is_no_sum():
    table = pd.DataFrame({"ghi": [500.0, 300.0, 400.0, 0.0]}, index=VALID)
    with pytest.raises(OutOfRange, match="falls 2 times"):
        means_of_sums(table, pd.DatetimeIndex([VALID[0]] * 4), ["ghi"], unit_s=3600.0)


def test_one_issue_a_day_sees_the_next_24_hours():
    """Issued at 06:00: 06:00 is 0 ahead, 05:00 of the next day 23."""
    past = Past(("a",), np.zeros((72, 1)), 0, HOUR_NS)
    moments = issues(past, [6.0])
    assert set(moments.known % 24) == {6}
    assert moments.lead[[6, 29, 30]].tolist() == [0, 23, 0]


def test_with_several_issues_every_lead_comes_up():
    past = Past(("a",), np.zeros((24 * 40, 1)), 5, HOUR_NS)
    moments = issues(past, [0.0, 6.0, 12.0, 18.0])
    assert set(moments.known % 24) == {0, 6, 12, 18}
    counts = np.bincount(moments.lead)
    assert len(counts) == 24
    assert counts.min() >= 20
