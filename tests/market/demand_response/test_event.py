"""Calls: what a programme allows, whose turn it is, and what is said when the need cannot be met."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from gridloop.errors import BadInput, GapInSeries, MissingColumn, OutOfRange
from gridloop.market.demand_response.equity import by_group
from gridloop.market.demand_response.event import DREvent, call_event
from gridloop.market.demand_response.program import DRProgram

MONDAY = pd.Timestamp("2016-07-25 14:00", tz="UTC")
HOUR, DAY = pd.Timedelta(hours=1), pd.Timedelta(days=1)


def customers(n: int = 4, mw: float = 1.0) -> pd.DataFrame:
    names = [f"c{k}" for k in range(n)]
    return pd.DataFrame({"group": ["home", "shop"] * (n // 2) + ["home"] * (n % 2), "expected_mw": mw}, index=names)


def call(program: DRProgram, who: pd.DataFrame, start: pd.Timestamp = MONDAY, **options: object) -> DREvent:
    given = {"need_mw": 2.0, "hours": 2.0, "issued_at": start - 6 * HOUR} | options
    return call_event(program, who, start, **given)


def test_turns_go_round():
    """Four of 1 MW, 2 MW needed: first two, then the other two, then the first again."""
    program, history = DRProgram(), []
    for day in range(3):
        history.append(call(program, customers(), MONDAY + day * DAY, history=history))
    assert [list(event.called.index) for event in history] == [["c0", "c1"], ["c2", "c3"], ["c0", "c1"]]
    assert history[2].called["calls_before"].tolist() == [1, 1]
    assert history[0].expected_mw == approx(2.0) and history[0].diagnosis is None and history[0].hours == 2.0


def test_no_more_are_called_than_the_need_takes():
    who = customers(4).assign(expected_mw=[1.5, 1.0, 1.0, 1.0])
    assert list(call(DRProgram(), who).called.index) == ["c0", "c1"]
    assert list(call(DRProgram(), who, need_mw=1.5).called.index) == ["c0"]


def test_a_new_year_begins_at_nothing():
    program = DRProgram(max_calls=1)
    first = call(program, customers(), MONDAY, need_mw=4.0)
    later = pd.Timestamp("2017-01-02 14:00", tz="UTC")
    assert len(call(program, customers(), later, need_mw=4.0, history=[first]).called) == 4
    assert len(call(program, customers(), MONDAY + DAY, need_mw=4.0, history=[first]).called) == 0


def test_who_has_been_called_often_enough_is_left_in_peace_and_named():
    program, history = DRProgram(max_calls=2), []
    who = customers().assign(max_calls=[1, float("nan"), 5, float("nan")])
    for day in range(3):
        history.append(call(program, who, MONDAY + day * DAY, need_mw=4.0, history=history))
    assert [len(event.called) for event in history] == [4, 3, 0]
    assert history[1].at_cap == ("c0",)
    assert history[2].diagnosis is not None
    assert "All 0 customers who may be called are, and 4 of 4 MW are missing. 4 more have been called" in str(
        history[2].diagnosis
    )


def test_who_is_not_available_keeps_its_turn():
    who = customers().assign(available=[False, True, True, True])
    first = call(DRProgram(), who)
    assert list(first.called.index) == ["c1", "c2"]
    assert list(call(DRProgram(), customers(), MONDAY + DAY, history=[first]).called.index) == ["c0", "c3"]


def test_every_rule_that_a_call_breaks_is_told_with_what_is_allowed():
    program = DRProgram(notice_h=4, max_hours=3, begin_h=12, end_h=20, max_events=1, zone="America/Los_Angeles")
    saturday = pd.Timestamp("2016-07-30 02:00", tz="UTC")  # Friday, 19 o'clock in Los Angeles
    before = call(program, customers(), pd.Timestamp("2016-07-29 21:00", tz="UTC"))
    with pytest.raises(OutOfRange) as caught:
        call(program, customers(), saturday, hours=5.0, issued_at=saturday - HOUR, history=[before])
    said = caught.value.args[0]
    for words in (
        "1 h of notice are given and 4 h are due: it can begin at 2016-07-29 22:00 or later",
        "5 h are asked for; allowed are 1 … 3 h",
        "from 19:00 to 00:00; calls lie between 12 and 20 o'clock",
        "1 events were called in 2016; allowed are 1",
    ):
        assert words in said
    assert len(caught.value.facts["problems"]) == 4


def test_weekends_and_holidays_are_left_in_peace():
    program = DRProgram(holidays=(dt.date(2016, 7, 26),))
    for day in (1, 5):
        with pytest.raises(OutOfRange, match="is a weekend or a holiday"):
            call(program, customers(), MONDAY + day * DAY)
    assert len(call(DRProgram(weekdays_only=False), customers(), MONDAY + 5 * DAY).called) == 2


def test_a_start_on_a_local_clock_is_the_same_moment():
    local = call(DRProgram(zone="Europe/Berlin"), customers(), MONDAY.tz_convert("Asia/Tokyo"))
    assert (local.start, local.end) == (MONDAY, MONDAY + 2 * HOUR) and str(local.start.tz) == "UTC"
    with pytest.raises(BadInput, match="has no zone"):
        call(DRProgram(), customers(), MONDAY.tz_localize(None))


def test_wrong_input_is_named():
    with pytest.raises(MissingColumn, match="expected_mw"):
        call(DRProgram(), customers().drop(columns="expected_mw"))
    with pytest.raises(GapInSeries, match=r"1 customers have no group or no expected_mw \(c1\)"):
        call(DRProgram(), customers().assign(expected_mw=[1.0, float("nan"), 1.0, 1.0]))
    with pytest.raises(OutOfRange, match="there twice: c0"):
        call(DRProgram(), pd.concat([customers(), customers(1)]))
    with pytest.raises(OutOfRange, match="need_mw is 0"):
        call(DRProgram(), customers(), need_mw=0.0)
    with pytest.raises(OutOfRange, match=r"max_calls is -1.*min_hours 5"):
        DRProgram(max_calls=-1, min_hours=5)
    with pytest.raises(BadInput, match="no time zone"):
        DRProgram(zone="Mars/Olympus")


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9), st.lists(st.integers(1, 12), min_size=1, max_size=14), st.integers(1, 6))
def test_calls_of_any_two_never_differ_by_more_than_one(n, needs, cap):
    program = DRProgram(weekdays_only=False, max_calls=cap)
    history: list[DREvent] = []
    who = customers(n)
    for day, need in enumerate(needs):
        history.append(call(program, who, MONDAY + day * DAY, need_mw=float(need), history=history))
        calls = pd.Series(0, index=who.index)
        for event in history:
            calls[event.called.index] += 1
        assert calls.max() - calls.min() <= 1
        assert calls.max() <= cap
        last = history[-1]
        assert last.expected_mw >= need or last.diagnosis is not None
    table = by_group(who, history)
    assert table["calls"].sum() == calls.sum()
    assert table["share_of_customers"].sum() == approx(1.0)
    assert table["most_calls"].max() == calls.max()
