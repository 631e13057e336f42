"""The clock at the edge: local times into UTC, local days, and every zone that changes its clocks in 2026."""

from __future__ import annotations

import datetime as dt
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloop.errors import BadInput, OutOfRange
from gridloop.series.clock import (
    QUARTER_HOUR,
    day_of,
    day_start,
    is_quarter_hour,
    local_day,
    require_utc,
    to_local,
    to_utc,
    utc,
    zone,
)
from gridloop.series.resample import energy_mwh, resample

BERLIN = "Europe/Berlin"
SHORT, LONG = "2026-03-29", "2026-10-25"


def offset_at(moment: dt.datetime, place: ZoneInfo) -> dt.timedelta:
    shift = moment.astimezone(place).utcoffset()
    assert shift is not None
    return shift


@cache
def changes_of_2026() -> list[tuple[str, dt.date, dt.timedelta]]:
    """(zone, local day, by how much the clocks go forward on it), found with zoneinfo alone, day by day."""
    found = []
    for name in sorted(available_timezones()):
        place, days = (
            ZoneInfo(name),
            [dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC) + dt.timedelta(days=n) for n in range(365)],
        )
        for before, after in pairwise(days):
            shift = offset_at(after, place) - offset_at(before, place)
            if shift:
                low, high = before, after
                while high - low > dt.timedelta(minutes=1):
                    middle = low + (high - low) / 2
                    low, high = (
                        (middle, high) if offset_at(middle, place) == offset_at(before, place) else (low, middle)
                    )
                change = high.replace(second=0, microsecond=0)
                # The clock as it was shows the time that is lost, the clock as it is the time that comes again.
                shown = change + (offset_at(before, place) if shift > dt.timedelta(0) else offset_at(after, place))
                day = shown.date()
                found.append((name, day, shift))
    return found


def one_of_a_kind() -> list[tuple[str, dt.date, dt.timedelta]]:
    """The same without the many further names of the same clocks."""
    noon = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
    return list(
        {
            (day, shift, offset_at(noon, ZoneInfo(name))): (name, day, shift) for name, day, shift in changes_of_2026()
        }.values()
    )


def test_every_zone_that_changes_in_2026():
    """92 quarter-hours where an hour is lost, 100 where it comes again, 94 and 98 on Lord Howe Island."""
    lengths = {(name, day): len(local_day(day, name)) for name, day, _ in changes_of_2026()}
    assert lengths == {(name, day): 96 - shift // dt.timedelta(minutes=15) for name, day, shift in changes_of_2026()}
    assert len({name for name, _ in lengths}) > 150
    assert {92, 94, 98, 100} <= set(lengths.values())


@pytest.mark.parametrize("name, day, shift", one_of_a_kind(), ids=lambda value: str(value))
def test_energy_and_order_on_a_day_of_change(name: str, day: dt.date, shift: dt.timedelta):
    """The day is as long as the clock makes it, goes there and back, and keeps its energy. [1e-9]"""
    starts = local_day(day, name)
    lost = shift // dt.timedelta(minutes=15)
    assert len(starts) == 96 - lost  # 92 or 100 where the clocks change by an hour
    assert (day_of(starts, name) == pd.Timestamp(day)).all()
    clock = to_local(starts, name).tz_localize(None)
    neighbours = local_day(day + dt.timedelta(days=1), name)
    assert neighbours[0] == starts[-1] + QUARTER_HOUR
    # With the hours around it the order of the clock tells which of two equal times is which.
    around = pd.date_range(starts[0] - pd.Timedelta(hours=4), starts[-1] + pd.Timedelta(hours=4), freq=QUARTER_HOUR)
    there = to_local(around, name).tz_localize(None)
    assert (to_utc(pd.DatetimeIndex(there), name) == around).all()
    assert len(clock) == len(starts)

    power = pd.Series(np.linspace(1.0, 7.0, len(starts)) ** 2, index=starts)
    day_edges = pd.DatetimeIndex([starts[0], neighbours[0]])
    by_day = resample(power, day_edges)
    quarters = power.sum() * 0.25
    assert energy_mwh(by_day, edges=day_edges).sum() == pytest.approx(quarters, rel=1e-9)
    minutes = pd.date_range(starts[0], neighbours[0], freq="5min")
    assert energy_mwh(resample(power, minutes)).sum() == pytest.approx(quarters, rel=1e-9)


@given(
    name=st.sampled_from(sorted(available_timezones())),
    day=st.dates(dt.date(1990, 1, 1), dt.date(2036, 12, 31)),
)
@settings(deadline=None, max_examples=200)
def test_days_follow_one_another_without_gap(name: str, day: dt.date):
    """The end of a day is the start of the next, in every zone and year, and it is not a minute too early."""
    start, end = day_start(day, name), day_start(day + dt.timedelta(days=1), name)
    assert pd.Timedelta(0) <= end - start <= pd.Timedelta(hours=27)
    before = (start - pd.Timedelta(seconds=1)).tz_convert(zone(name)).date()
    assert before < day
    assert start.tz_convert(zone(name)).date() >= day


def test_days_of_berlin():
    """96 quarter-hours; 92 when the clocks go forward, 100 when they go back. Day starts at 22:00 UTC in summer."""
    assert len(local_day("2016-07-25", BERLIN)) == 96
    assert len(local_day(SHORT, BERLIN)) == 92
    assert len(local_day(LONG, BERLIN)) == 100
    assert len(local_day(LONG, BERLIN, pd.Timedelta(hours=1))) == 25
    assert local_day("2016-07-25", BERLIN)[0] == pd.Timestamp("2016-07-24 22:00", tz="UTC")
    assert str(local_day("2016-07-25", BERLIN).tz) == "UTC"


def test_a_day_that_begins_after_midnight():
    """Cairo goes from 00:00 straight to 01:00 on 24 April 2026: the day begins at 01:00 and has 23 hours."""
    starts = local_day("2026-04-24", "Africa/Cairo")
    assert len(starts) == 92
    assert to_local(starts, "Africa/Cairo")[0].hour == 1


def test_a_jump_over_midnight():
    """Toronto went from 23:30 to 00:30 in the night to 31 March 1919: that day began at 00:30."""
    assert to_local(pd.DatetimeIndex([day_start("1919-03-31", "America/Toronto")]), "America/Toronto")[0].minute == 30
    assert len(local_day("1919-03-30", "America/Toronto")) == 94


def test_a_day_that_was_left_out():
    with pytest.raises(OutOfRange, match="jumped over it"):
        local_day("2011-12-30", "Pacific/Apia")


def test_a_step_that_does_not_divide_the_day():
    """Lord Howe Island moves by half an hour: 24.5 hours are no whole number of hours."""
    with pytest.raises(OutOfRange, match=r"has 24\.5 hours"):
        local_day("2026-04-05", "Australia/Lord_Howe", pd.Timedelta(hours=1))
    with pytest.raises(OutOfRange):
        local_day("2026-04-05", BERLIN, pd.Timedelta(0))


def test_the_hour_that_comes_twice_is_told_by_order():
    """02:00 and 02:30 come twice on 25 October: first in summer time (00:00 UTC), then in winter time (01:00 UTC)."""
    local = pd.DatetimeIndex([f"{LONG} {t}" for t in ("01:30", "02:00", "02:30", "02:00", "02:30", "03:00")])
    hours = to_utc(local, BERLIN).strftime("%H:%M").tolist()
    assert hours == ["23:30", "00:00", "00:30", "01:00", "01:30", "02:00"]


def test_going_back_decides_even_with_gaps():
    """02:30 before 02:00 can only be the first and the second pass."""
    local = pd.DatetimeIndex([f"{LONG} 02:30", f"{LONG} 02:00"])
    assert to_utc(local, BERLIN).strftime("%H:%M").tolist() == ["00:30", "01:00"]


def test_one_pass_through_the_double_hour_is_undecided():
    local = pd.date_range(f"{LONG} 01:00", f"{LONG} 04:00", freq="h")
    with pytest.raises(BadInput, match="1 of 4 times come once although") as caught:
        to_utc(local, BERLIN)
    assert caught.value.facts["count"] == 1
    assert to_utc(local, BERLIN, ambiguous="first").strftime("%H").tolist() == ["23", "00", "02", "03"]
    assert to_utc(local, BERLIN, ambiguous="second").strftime("%H").tolist() == ["23", "01", "02", "03"]


def test_the_hour_that_does_not_exist_is_refused():
    local = pd.DatetimeIndex([f"{SHORT} 01:45", f"{SHORT} 02:00", f"{SHORT} 02:15"])
    with pytest.raises(OutOfRange, match=r"2 of 3 times never are in Europe/Berlin, first 2026-03-29 02:00"):
        to_utc(local, BERLIN)


def test_times_must_go_forward():
    with pytest.raises(OutOfRange, match="1 of 3 times do not go forward"):
        to_utc(pd.DatetimeIndex(["2026-01-01 01:00", "2026-01-01 00:00", "2026-01-01 02:00"]), BERLIN)
    with pytest.raises(OutOfRange, match="do not go forward"):  # a third pass through 02:00 does not exist
        to_utc(pd.DatetimeIndex([f"{LONG} 02:00"] * 3), BERLIN)


def test_to_utc_of_nothing():
    assert len(to_utc(pd.DatetimeIndex([]), BERLIN)) == 0


@given(
    start=st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2030, 1, 1)),
    name=st.sampled_from([BERLIN, "Europe/Dublin", "America/Havana", "Australia/Lord_Howe", "Africa/Casablanca"]),
    minutes=st.sampled_from([5, 15, 30]),
)
@settings(deadline=None, max_examples=60)
def test_local_and_back(start: dt.datetime, name: str, minutes: int):
    """A regular week on the local clock comes back as it was. (Dublin's winter is its "daylight saving".)"""
    # Begin and end at local noon, where no clock changes; a double hour is then passed whole.
    noon = pd.Timestamp(start).normalize() + pd.Timedelta(hours=12)
    first = noon.tz_localize(name).tz_convert("UTC")
    times = pd.date_range(first, periods=7 * 24 * 60 // minutes, freq=f"{minutes}min")
    local = to_local(times, name).tz_localize(None)
    assert (to_utc(pd.DatetimeIndex(local), name) == times).all()


def test_unknown_zone_offers_near_ones():
    with pytest.raises(BadInput, match=r"did you mean.*Europe/Berlin"):
        zone("Europe/Berln")
    for name in ("", "Europe", "../etc/passwd", "Mars/Olympus"):
        with pytest.raises(BadInput, match="is no time zone"):
            zone(name)


def test_naive_times_are_refused_with_help():
    with pytest.raises(BadInput, match=r"have no zone.*to_utc"):
        require_utc(pd.DatetimeIndex(["2026-01-01"]), "readings: valid_at")
    with pytest.raises(BadInput, match="needed are times"):
        require_utc(pd.Index([1, 2]), "x")
    with pytest.raises(BadInput, match="1 of 2 times are missing"):
        require_utc(pd.DatetimeIndex(["2026-01-01", pd.NaT], tz="UTC"), "x")
    for time in ("2026-01-01", "yesterday at noon", pd.NaT):
        with pytest.raises(BadInput):
            utc(time)
    with pytest.raises(BadInput, match="already"):
        to_utc(pd.DatetimeIndex(["2026-01-01"], tz="UTC"), BERLIN)
    with pytest.raises(BadInput, match="missing"):
        to_utc(pd.DatetimeIndex([pd.NaT]), BERLIN)


def test_utc_of_other_zones():
    assert utc("2026-07-01T12:00+02:00") == pd.Timestamp("2026-07-01 10:00", tz="UTC")
    assert require_utc(pd.DatetimeIndex(["2026-07-01 12:00"], tz=BERLIN), "x")[0].hour == 10


@pytest.mark.parametrize("day", ["25 Hornung", "2016-07-25 12:00", pd.NaT, pd.Timestamp("2016-07-25", tz="UTC")])
def test_what_is_no_day(day: object):
    with pytest.raises(BadInput, match="is no day"):
        local_day(day, BERLIN)  # type: ignore[arg-type]


def test_quarter_hours():
    times = pd.DatetimeIndex(["2026-01-01 00:15", "2026-01-01 00:16", "2026-01-01 00:15:00.000001"], tz="UTC")
    assert is_quarter_hour(times).tolist() == [True, False, False]
