"""Readings: what is refused, what was known when, and the way to a table and back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from gridloop.errors import BadInput, MissingColumn, OutOfRange
from gridloop.series import Quality, Readings, concat

P, Q = "mill load/p_mw", "mill load/q_mvar"


def at(text: str) -> pd.Timestamp:
    """A time on 25 July 2016, UTC."""
    return pd.Timestamp(f"2016-07-25 {text}", tz="UTC")


def rows(*given_rows: tuple[str, str, str, float]) -> pd.DataFrame:
    """(point, valid_at, known_at, value) as a frame."""
    return pd.DataFrame(
        [(p, at(v), at(k), x) for p, v, k, x in given_rows], columns=["point", "valid_at", "known_at", "value"]
    )


def corrected() -> Readings:
    """One value that is 2.0 at first, corrected to 2.5 an hour later, and one that is known late.

    valid   known  value
    10:00   10:15   2.0
    10:00   11:15   2.5
    10:15   12:00   3.0
    """
    return Readings(rows((P, "10:15", "12:00", 3.0), (P, "10:00", "11:15", 2.5), (P, "10:00", "10:15", 2.0)))


def test_what_was_known_when():
    readings = corrected()
    assert readings.as_known(at("10:14")).wide().empty
    assert readings.as_known(at("10:15")).wide()[P].tolist() == [2.0]
    assert readings.as_known(at("11:15")).wide()[P].tolist() == [2.5]
    assert readings.as_known("2016-07-25T12:00+00:00").wide()[P].tolist() == [2.5, 3.0]
    assert readings.newest().wide()[P].tolist() == [2.5, 3.0]


def test_a_value_can_be_taken_back():
    """A newer row that says "missing" is the newest that is known."""
    readings = concat([corrected(), Readings(rows((P, "10:00", "13:00", np.nan)))])
    assert np.isnan(readings.newest().wide()[P].iloc[0])
    assert readings.as_known(at("12:59")).wide()[P].iloc[0] == 2.5


def test_rows_are_kept_sorted_and_typed():
    frame = corrected().frame
    assert frame["value"].tolist() == [2.0, 2.5, 3.0]
    assert [str(kind) for kind in frame.dtypes] == [
        "object", "datetime64[ns, UTC]", "datetime64[ns, UTC]", "float64", "int8",
    ]  # fmt: skip


def test_a_table_needs_one_version_per_value():
    with pytest.raises(BadInput, match="1 of 3 rows are further versions"):
        corrected().wide()


def test_missing_is_not_zero_until_filled_by_name():
    readings = Readings(rows((P, "10:00", "10:15", np.nan), (P, "10:15", "10:30", 1.0)))
    assert readings.frame["quality"].tolist() == [Quality.MISSING, Quality.GOOD]
    filled = readings.fill(0.0)
    assert filled.wide()[P].tolist() == [0.0, 1.0]
    assert filled.frame["quality"].tolist() == [Quality.ESTIMATED, Quality.GOOD]
    assert np.isnan(readings.wide()[P].iloc[0])  # the first is as it was
    with pytest.raises(OutOfRange):
        readings.fill(np.nan)


def test_absent_rows_are_missing_in_tables():
    readings = Readings(rows((P, "10:00", "10:15", 1.0), (Q, "10:15", "10:30", 2.0)))
    wide = readings.wide()
    assert wide.columns.tolist() == [P, Q]
    assert np.isnan(wide.to_numpy()).tolist() == [[False, True], [True, False]]
    assert readings.wide_quality().to_numpy().tolist() == [[0, 3], [3, 0]]
    assert (readings.wide_quality().dtypes == np.int8).all()


def test_of_and_between():
    readings = concat([corrected(), Readings(rows((Q, "10:30", "10:45", 9.0)))])
    assert readings.of([Q]).points == [Q]
    assert len(readings.between(at("10:15"), at("10:30"))) == 1
    with pytest.raises(BadInput, match="1 of 1 points are unknown"):
        readings.of(["mill load/p"])


def test_from_wide_with_a_delay_or_a_moment():
    wide = pd.DataFrame({P: [1.0, np.nan], Q: [3.0, 4.0]}, index=pd.DatetimeIndex([at("10:00"), at("10:15")]))
    late = Readings.from_wide(wide, delay=pd.Timedelta(minutes=20))
    assert late.as_known(at("10:20")).wide().loc[at("10:00")].tolist() == [1.0, 3.0]
    assert len(late.as_known(at("10:19"))) == 0
    once = Readings.from_wide(wide, known_at=at("12:00"))
    assert len(once.as_known(at("11:59"))) == 0
    assert len(once.as_known(at("12:00"))) == 4
    suspect = pd.DataFrame({P: [2, 3], Q: [0, 1]}, index=wide.index)
    assert Readings.from_wide(wide, known_at=at("12:00"), quality=suspect).frame["quality"].tolist() == [2, 3, 0, 1]
    for wrong in ({}, {"known_at": at("12:00"), "delay": pd.Timedelta(0)}):
        with pytest.raises(BadInput, match="either known_at"):
            Readings.from_wide(wide, **wrong)


@given(
    values=st.lists(st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(np.nan)), min_size=3, max_size=3), max_size=20),
)
@settings(deadline=None, max_examples=50)
def test_wide_and_back_is_exact(values: list[list[float]]):
    index = pd.date_range(at("00:00"), periods=len(values), freq="15min", name="valid_at")
    wide = pd.DataFrame(
        np.array(values).reshape(-1, 3), index=index, columns=pd.Index(["a/p", "b/p", "c/p"], name="point")
    )
    back = Readings.from_wide(wide, delay=pd.Timedelta(minutes=15)).wide()
    if len(values):
        assert_frame_equal(back, wide, check_freq=False, check_exact=True)
    else:
        assert back.empty


@given(
    known=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 40), st.floats(-9, 9)), max_size=30, unique_by=lambda r: r[:2]
    ),
    moment=st.integers(-1, 41),
)
@settings(deadline=None, max_examples=80)
def test_as_known_is_the_plain_search(known: list[tuple[int, int, float]], moment: int):
    """Twin: go through all rows and keep, per valid_at, the last one known by the moment."""
    minute = pd.Timedelta(minutes=1)
    frame = pd.DataFrame(
        {
            "point": P,
            "valid_at": pd.DatetimeIndex([at("10:00") + v * minute for v, _, _ in known], tz="UTC"),
            "known_at": pd.DatetimeIndex([at("10:00") + k * minute for _, k, _ in known], tz="UTC"),
            "value": [x for _, _, x in known],
        }
    )
    newest: dict[int, tuple[int, float]] = {}
    for v, k, x in known:
        if k <= moment and (v not in newest or k > newest[v][0]):
            newest[v] = (k, x)
    found = Readings(frame).as_known(at("10:00") + moment * minute).frame
    assert found["value"].tolist() == [newest[v][1] for v in sorted(newest)]


def test_concat():
    assert len(concat([])) == 0
    assert len(concat([Readings.empty(), corrected()])) == 3
    with pytest.raises(BadInput, match=r"3 of 6 rows come twice.*first mill load/p_mw at 2016-07-25 10:00"):
        concat([corrected(), corrected()])


def test_empty_readings():
    assert Readings.empty().points == []
    assert Readings.empty().as_known(at("10:00")).wide().empty


def test_what_is_refused():
    good = rows((P, "10:00", "10:15", 1.0), (P, "10:15", "10:30", 2.0))
    naive = good.assign(valid_at=good["valid_at"].dt.tz_localize(None))
    with pytest.raises(BadInput, match=r"valid_at: the 2 times have no zone.*to_utc"):
        Readings(naive)
    with pytest.raises(BadInput, match="known_at: 1 of 2 times are missing"):
        Readings(good.assign(known_at=[at("10:15"), pd.NaT]))
    with pytest.raises(MissingColumn, match="column known_at is missing"):
        Readings(good.drop(columns="known_at"))
    with pytest.raises(OutOfRange, match="1 of 2 rows have an infinite value"):
        Readings(good.assign(value=[1.0, np.inf]))
    with pytest.raises(OutOfRange, match="2 of 2 rows have an unknown quality"):
        Readings(good.assign(quality=7))
    with pytest.raises(OutOfRange, match="1 of 2 rows disagree"):
        Readings(good.assign(quality=[0, 3]))
    with pytest.raises(OutOfRange, match="1 of 2 rows disagree"):
        Readings(good.assign(value=[1.0, np.nan], quality=0))
    with pytest.raises(BadInput, match="1 of 2 rows have no point"):
        Readings(good.assign(point=[P, None]))


def test_readings_do_not_follow_the_callers_frame():
    frame = rows((P, "10:00", "10:15", 1.0))
    readings = Readings(frame)
    frame.loc[0, "value"] = 99.0
    assert readings.wide()[P].tolist() == [1.0]
