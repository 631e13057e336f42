"""EV sessions: our own CSV with a pencil, every broken law by name, and the recorded ACN files."""

import datetime as dt

import pandas as pd
import pytest

from gridloop.errors import BadInput, MissingColumn, MissingFile, OutOfRange, OutsideData, UnknownFormat
from gridloop.io.ev_sessions import bus_of, read_ev_sessions, still_to_charge

ZONE = "Europe/Berlin"
HEADER = "id,bus,arrival,departure,energy_kwh,max_charge_kw"
ACN_HEADER = (
    "arrival,departure,requested_energy (kWh),delivered_energy (kWh),station_id,session_id,estimated_departure,claimed"
)


@pytest.fixture
def write(tmp_path):
    def write(*rows, header=HEADER):
        file = tmp_path / "ev.csv"
        file.write_text("\n".join([header, *rows]) + "\n")
        return file

    return write


def utc(text):
    return pd.Timestamp(text, tz="UTC")


def test_own_file_with_a_pencil(write):
    """18:30 in Berlin is 16:30 UTC in July; 11 kWh are 0.011 MWh; sorted by arrival."""
    file = write("late,b,2016-07-25 18:30,2016-07-26 07:00,11,11", "early,a,2016-07-25T08:00,2016-07-25T09:00,5.5,7.2")
    sessions = read_ev_sessions(file, ["a", "b"], ZONE)
    assert sessions.index.tolist() == ["early", "late"]
    assert sessions.index.name == "id"
    assert list(sessions) == ["bus", "arrival", "departure", "energy_mwh", "max_charge_mw"]
    assert sessions.loc["late", "arrival"] == utc("2016-07-25T16:30")
    assert sessions.loc["late", "energy_mwh"] == 0.011
    assert sessions.loc["early", "max_charge_mw"] == pytest.approx(0.0072)


def test_offsets_are_taken_as_they_stand(write):
    file = write("x,a,2016-07-25T08:00:00-07:00,2016-07-25T17:00:00Z,5.5,7.2")
    row = read_ev_sessions(file, ["a"], ZONE).loc["x"]
    assert (row["arrival"], row["departure"]) == (utc("2016-07-25T15:00"), utc("2016-07-25T17:00"))


def test_optional_columns_stay(write):
    file = write(
        "x,a,2016-07-25 08:00,2016-07-25 17:00,0.02,0.011,0.06,2016-07-25 16:00,0.03",
        header="id,bus,arrival,departure,energy_mwh,max_charge_mw,battery_mwh,user_departure,user_energy_mwh",
    )
    row = read_ev_sessions(file, ["a"], ZONE).loc["x"]
    assert (row["battery_mwh"], row["user_energy_mwh"]) == (0.06, 0.03)
    assert row["user_departure"] == utc("2016-07-25T14:00")


def test_a_day_takes_off_what_was_charged_before_midnight(write):
    """10 kW from 22:00 on: 30 kWh have 20 done at midnight, 15 kWh are full by then.

    One leaves before the day, one comes after it.
    """
    file = write(
        "rest,a,2016-07-24 22:00,2016-07-25 07:00,30,10",
        "full,a,2016-07-24 22:00,2016-07-25 07:00,15,10",
        "gone,a,2016-07-24 12:00,2016-07-24 23:00,15,10",
        "today,a,2016-07-25 08:00,2016-07-26 09:00,15,10",
        "tomorrow,a,2016-07-26 00:00,2016-07-26 09:00,15,10",
    )
    sessions = read_ev_sessions(file, ["a"], ZONE, dt.date(2016, 7, 25))
    assert sessions["energy_mwh"].to_dict() == pytest.approx({"rest": 0.010, "today": 0.015})
    assert sessions.loc["rest", "arrival"] == utc("2016-07-24T20:00")


def test_still_to_charge_takes_the_wish_down_too():
    begin = utc("2016-07-25T00:00")
    one = pd.DataFrame(
        {
            "arrival": [begin],
            "departure": [begin + pd.Timedelta(hours=8)],
            "energy_mwh": [0.03],
            "user_energy_mwh": [0.015],
            "max_charge_mw": [0.01],
        },
        index=["x"],
    )
    later = still_to_charge(one, begin + pd.Timedelta(hours=2)).loc["x"]
    assert (later["energy_mwh"], later["user_energy_mwh"]) == (pytest.approx(0.01), 0.0)
    pd.testing.assert_frame_equal(still_to_charge(one, begin - pd.Timedelta(hours=2)), one)
    # Gone is gone, even with an energy that did not quite fit; and a rest below 1 mWh is none.
    over = one.assign(energy_mwh=0.08 + 1e-8)
    assert still_to_charge(over, begin + pd.Timedelta(hours=8)).empty
    assert still_to_charge(one, begin + pd.Timedelta(hours=3, microseconds=-10)).empty


def test_a_day_is_moved_with_its_clock(write):
    """Winter clock times of Monday 4 January, read at the site's summer time; the night in between stays."""
    file = write("x,a,2016-01-04 18:30,2016-01-05 07:00,11,11", "y,a,2016-01-05 18:30,2016-01-05 22:00,11,11")
    sessions = read_ev_sessions(file, ["a"], ZONE, dt.date(2016, 1, 4), onto=dt.date(2016, 7, 25))
    assert sessions.index.tolist() == ["x"]
    assert sessions.loc["x", "arrival"] == utc("2016-07-25T16:30")
    assert sessions.loc["x", "departure"] == utc("2016-07-26T05:00")
    # Without a day: Mondays of 4 January (1 arrival); the Tuesday is none.
    assert read_ev_sessions(file, ["a"], ZONE, onto=dt.date(2016, 7, 25)).index.tolist() == ["x"]
    # A file that holds the date itself stays where it is.
    assert read_ev_sessions(file, ["a"], ZONE, onto=dt.date(2016, 1, 5)).index.tolist() == ["y"]
    with pytest.raises(OutsideData, match="without a Sunday"):
        read_ev_sessions(file, ["a"], ZONE, onto=dt.date(2016, 7, 24))
    with pytest.raises(OutsideData, match="no session needs energy on 2016-02-01"):
        read_ev_sessions(file, ["a"], ZONE, dt.date(2016, 2, 1))


def test_a_file_of_the_day_itself_keeps_its_offsets(write):
    """06:00 UTC is 08:00 in Berlin; and 22:30 UTC of the 24th is half past midnight of the 25th there."""
    file = write(
        "x,a,2016-07-25T06:00:00Z,2016-07-25T10:00:00Z,11,11", "y,a,2016-07-24T22:30:00Z,2016-07-25T10:00:00Z,11,11"
    )
    sessions = read_ev_sessions(file, ["a"], ZONE, onto=dt.date(2016, 7, 25))
    assert sessions["arrival"].to_dict() == {"y": utc("2016-07-24T22:30"), "x": utc("2016-07-25T06:00")}


def test_a_usual_day_is_the_median(write):
    """Three Mondays with 1, 3 and 2 arrivals: the third is the usual one."""
    rows = [
        f"{day}-{n},a,2016-01-{day} 08:00,2016-01-{day} 10:00,1,11"
        for day, count in [("04", 1), ("11", 3), ("18", 2)]
        for n in range(count)
    ]
    sessions = read_ev_sessions(write(*rows), ["a"], ZONE, onto=dt.date(2016, 7, 25))
    assert sessions.index.tolist() == ["18-0", "18-1"]
    # A date that the file holds is taken as it is.
    assert len(read_ev_sessions(write(*rows), ["a"], ZONE, onto=dt.date(2016, 1, 11))) == 3


def test_clock_change(write):
    """02:30 is skipped on 27 March 2016: 03:00 = 01:00 UTC. It comes twice on 30 October: the first is 00:30 UTC."""
    file = write("x,a,2016-03-27 02:30,2016-03-27 08:00,1,11", "y,a,2016-10-30 02:30,2016-10-30 08:00,1,11")
    sessions = read_ev_sessions(file, ["a"], ZONE)
    assert sessions["arrival"].tolist() == [utc("2016-03-27T01:00"), utc("2016-10-30T00:30")]


GOOD = "x,a,2016-07-25 08:00,2016-07-25 09:00,5,7.2"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([GOOD, "y,a,2016-07-25 08:00,2016-07-25 08:00,5,7.2"], ["1 of 2", "leave before they arrive", "sessions y"]),
        ([GOOD, "y,a,2016-07-25 08:00,2016-07-25 09:00,8,7.2"], ["1 of 2", "more energy than fits", "sessions y"]),
        ([GOOD, "y,c,2016-07-25 08:00,2016-07-25 09:00,5,7.2"], ["bus without chargers (c)", "chargers are at a, b"]),
        ([GOOD, "y,,2016-07-25 08:00,2016-07-25 09:00,5,7.2"], ["have no bus", "sessions y"]),
        ([GOOD, "y,a,2016-07-25 08:00,2016-07-25 09:00,-5,7.2"], ["energy_mwh of zero or less", "sessions y"]),
        ([GOOD, "y,a,2016-07-25 08:00,2016-07-25 09:00,,7.2"], ["have no energy_mwh", "sessions y"]),
        ([GOOD, "y,a,2016-07-25 08:00,2016-07-25 09:00,5,0"], ["max_charge_mw of zero or less"]),
        ([GOOD, "y,a,2016-07-25 08:00,2016-07-25 09:00,5,7200"], ["max_charge_mw above 4", "kW?"]),
        ([GOOD, GOOD], ["stand more than once", "sessions x)"]),
        ([GOOD, "y,a,25.07.2016 08:00,2016-07-25 09:00,5,7.2"], ["1 of 2 values in arrival are not times", "line 3"]),
        ([GOOD, "y,a,,2016-07-25 09:00,5,7.2"], ["1 of 2 values in arrival are not times", "line 3"]),
        ([GOOD, "y,a,2016-07-25 08:00Z,2016-07-25 09:00,5,7.2"], ["1 of 2 times in arrival have no offset", "line 2"]),
        ([GOOD, "y,a,2016-07-25 08:00,2016-07-25 09:00,five,7.2"], ["energy_kwh are not numbers", "'five'", "line 3"]),
        ([GOOD, "y,a,2016-07-25 08:00,2016-07-25 09:00,inf,7.2"], ["energy_kwh are not numbers", "'inf'"]),
    ],
)
def test_a_broken_law_is_named(write, rows, words):
    with pytest.raises(OutOfRange) as caught:
        read_ev_sessions(write(*rows), ["a", "b"], ZONE)
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert "\n" not in message


def test_a_file_in_kwh_that_says_mwh(write):
    file = write("x,a,2016-07-25 08:00,2016-07-25 09:00,5,7.2", header=HEADER.replace("_kw", "_mw"))
    with pytest.raises(OutOfRange, match=r"energy_mwh above 2; it is in MWh, is the file in kWh\?"):
        read_ev_sessions(file, ["a"], ZONE)


def test_files_that_are_not_there_or_no_table(write, tmp_path):
    with pytest.raises(MissingFile, match="there is no file"):
        read_ev_sessions(tmp_path / "no.csv", ["a"], ZONE)
    with pytest.raises(MissingColumn, match="departure, max_charge_mw is missing"):
        read_ev_sessions(write("x,a,2016-07-25 08:00,1", header="id,bus,arrival,energy_kwh"), ["a"], ZONE)
    with pytest.raises(MissingColumn, match="both energy_mwh and energy_kwh"):
        read_ev_sessions(write(GOOD + ",1", header=HEADER + ",energy_mwh"), ["a"], ZONE)
    with pytest.raises(OutOfRange, match="no bus has chargers"):
        read_ev_sessions(write(GOOD), [], ZONE)
    for content in (b"", b"\x89PNG\r\n\xff\xfe", b"\x1f\x8b\x00"):
        (tmp_path / "bad.csv").write_bytes(content)
        with pytest.raises(BadInput):
            read_ev_sessions(tmp_path / "bad.csv", ["a"], ZONE)
    (tmp_path / "bad.csv.gz").write_bytes(b"no gzip")
    with pytest.raises(UnknownFormat, match="cannot be read as a CSV table"):
        read_ev_sessions(tmp_path / "bad.csv.gz", ["a"], ZONE)


def test_acn_row_with_a_pencil(write):
    """4.4 kWh in half an hour are 8.8 kW: more than 7.2, so the session's own mean power counts."""
    file = write(
        "2019-05-06 08:00:00-07:00,2019-05-06 08:30:00-07:00,20,4.4,CA-1,fast,2019-05-06 09:00:00-07:00,True",
        "2019-05-06 09:00:00-07:00,2019-05-06 17:00:00-07:00,20,4.4,CA-2,slow,2019-05-06 16:00:00-07:00,True",
        header=ACN_HEADER,
    )
    sessions = read_ev_sessions(file, ["a", "b"], "America/Los_Angeles")
    assert sessions["max_charge_mw"].to_dict() == pytest.approx({"fast": 0.0088, "slow": 0.0072})
    assert sessions["energy_mwh"].tolist() == [0.0044, 0.0044]
    assert sessions["user_energy_mwh"].tolist() == [0.02, 0.02]
    assert sessions.loc["slow", "user_departure"] == utc("2019-05-06T23:00")
    moved = read_ev_sessions(file, ["a", "b"], ZONE, onto=dt.date(2016, 7, 25))
    assert moved.loc["slow", "arrival"] == utc("2016-07-25T07:00")  # 09:00 on the clock


def test_a_station_keeps_its_bus():
    """A station's bus depends on its name alone (pinned: stored runs rely on it).

    600 stations spread over 3 buses, each with 150 to 250.
    """
    names = [f"CA-{n}" for n in range(600)]
    assert bus_of("CA-327", ["a", "b", "c"]) == "c"
    spread = pd.Series([bus_of(name, ["a", "b", "c"]) for name in names]).value_counts()
    assert spread.between(150, 250).all()


@pytest.mark.data
@pytest.mark.parametrize("place", ["caltech", "jpl"])
def test_recorded_acn_files(data_dir, place):
    """Every file reads in full; a usual Monday of it lands on 25 July 2016 with the drivers' clock."""
    files = sorted((data_dir / "ev" / "acn" / place).glob("*.csv.gz"))
    assert len(files) == 3
    for file in files:
        sessions = read_ev_sessions(file, ["a", "b"], "America/Los_Angeles")
        assert len(sessions) == len(pd.read_csv(file, usecols=["session_id"]))
        assert (sessions["max_charge_mw"] >= 0.0072).all()
        moved = read_ev_sessions(file, ["a", "b"], ZONE, onto=dt.date(2016, 7, 25))
        local = moved["arrival"].dt.tz_convert(ZONE)
        assert 5 <= len(moved) <= 100
        assert 6 <= local.dt.hour.median() <= 12  # both are places of work
        assert (moved["departure"] > utc("2016-07-24T22:00")).all()
        assert (moved["arrival"] < utc("2016-07-25T22:00")).all()
