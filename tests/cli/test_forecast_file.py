"""Files of values over time: what is wrong in them is refused by name, with how many and which lines."""

import gzip

import numpy as np
import pandas as pd
import pytest
from forecast_files import town, written

from gridloop.cli.forecast_file import read_series
from gridloop.errors import BadInput, MissingColumn, MissingFile, OutOfRange, UnknownFormat

PLAIN = {"time": None, "columns": (), "zone_name": None}


def hours(first: str, periods: int, zone: str | None = None, freq: str = "h") -> pd.DatetimeIndex:
    return pd.date_range(first, periods=periods, freq=freq, tz=zone, name="time")


def csv(tmp_path, lines):
    file = tmp_path / "x.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def rows(index, values=None):
    given = range(1, len(index) + 1) if values is None else values
    return ["time,load", *(f"{t},{v}" for t, v in zip(index, given, strict=True))]


def test_utc_times_and_the_only_column(tmp_path):
    series = read_series(csv(tmp_path, rows(hours("2020-01-01", 4, "UTC"))), **PLAIN)
    assert series.values["load"].tolist() == [1, 2, 3, 4] and series.step == pd.Timedelta("1h")
    assert str(series.values.index[0]) == "2020-01-01 00:00:00+00:00" and series.notes == ()


def test_parquet_gzip_semicolons_and_decimal_commas_hold_the_same(tmp_path):
    table = town(3)[["load"]].round(3)
    expected = read_series(written(table, tmp_path / "a.csv"), **PLAIN).values
    table.to_parquet(tmp_path / "a.parquet")
    lines = ["time;load", *(f"{t.isoformat()};{str(v).replace('.', ',')}" for t, v in table["load"].items())]
    with gzip.open(tmp_path / "b.csv.gz", "wt") as text:
        text.write("\n".join(lines))
    for file in ("a.parquet", "b.csv.gz"):
        pd.testing.assert_frame_equal(read_series(tmp_path / file, **PLAIN).values, expected, check_freq=False)


def test_both_changes_of_a_local_clock(tmp_path):
    """Madrid 2020: 02:00 is left out on 29 March, 02:00 comes twice on 25 October."""
    utc = hours("2020-03-28 20:00", 12, "UTC").append(hours("2020-10-24 20:00", 12, "UTC"))
    local = utc.tz_convert("Europe/Madrid").tz_localize(None)
    assert local.duplicated().sum() == 1
    series = read_series(csv(tmp_path, rows(local)), time=None, columns=(), zone_name="Europe/Madrid")
    assert list(series.values.index) == list(utc)


def test_half_hours_of_the_night_that_is_longer_keep_their_order(tmp_path):
    utc = hours("2020-10-24 22:00", 10, "UTC", "30min")
    local = utc.tz_convert("Europe/Madrid").tz_localize(None)
    series = read_series(csv(tmp_path, rows(local)), time=None, columns=(), zone_name="Europe/Madrid")
    assert list(series.values.index) == list(utc)


def test_an_hour_that_should_come_twice_and_does_not_is_said(tmp_path):
    local = hours("2020-10-24 22:00", 8)
    series = read_series(csv(tmp_path, rows(local)), time=None, columns=(), zone_name="Europe/Madrid")
    assert "1 times come once" in series.notes[0] and "2020-10-25 02:00" in series.notes[0]


def test_a_time_that_never_was_names_the_likely_reason(tmp_path):
    with pytest.raises(OutOfRange, match=r"1 of 6 never were in Europe/Madrid.*line 4.*--time-zone"):
        read_series(csv(tmp_path, rows(hours("2020-03-29", 6))), time=None, columns=(), zone_name="Europe/Madrid")


BROKEN = {
    "times without a zone": (rows(hours("2020-01-01", 3)), BadInput, "none of the 3 says its zone.*--zone"),
    "an offset in some rows": (
        rows(["2020-01-01 00:00", "2020-01-01 01:00", "2020-01-01 02:00Z", "2020-01-01 03:00"]),
        BadInput,
        "1 of 4 have an offset from UTC and 3 have none; line 4",
    ),
    "two ways to read a date": (rows(["1/2/2022 0:00", "1/2/2022 1:00"]), BadInput, "2 of 2 cannot be read.*format"),
    "a row without a time": (rows(["2020-01-01 00:00Z", "", "2020-01-01 02:00Z"]), BadInput, r"1 of 3.*line 3\)"),
    "a word among numbers": (
        rows(hours("2020-01-01", 4, "UTC"), ["1", "n/a", "x7", "4"]),
        BadInput,
        r"1 of 4 values of 'load' are no numbers, the first 'x7' \(line 4\)",
    ),
    "infinity": (rows(hours("2020-01-01", 3, "UTC"), ["1", "inf", "3"]), BadInput, "1 of 3 values"),
    "two values for one time": (
        rows([*hours("2020-01-01", 3, "UTC"), hours("2020-01-01", 1, "UTC")[0]]),
        OutOfRange,
        "1 of 4 times come again with another value.*line 5",
    ),
    "half-hours after hours": (
        rows([*hours("2020-01-01", 30, "UTC"), *hours("2020-01-02 06:00", 30, "UTC", "30min")]),
        OutOfRange,
        "30min in 29 cases and 1h in 30 cases.*2020-01-02 06:00.*--step 1h",
    ),
    "off the clock": (
        rows(hours("2020-01-01 00:01", 4, "UTC", "15min")),
        OutOfRange,
        "4 of 4 times do not lie on the clock of 15min.*--step 15min",
    ),
    "seven minutes": (rows(hours("2020-01-01", 9, "UTC", "7min")), OutOfRange, "a day is no whole number"),
    "no value at all": (rows(hours("2020-01-01", 3, "UTC"), ["", "", ""]), BadInput, "no value at all"),
    "one row": (rows(hours("2020-01-01", 1, "UTC")), OutOfRange, "1 rows"),
    "one column": (["load", "1", "2"], BadInput, "2 rows and 1 columns"),
    "two columns to choose from": (["time,a,b", "2020-01-01T00:00Z,1,2"], BadInput, "2 columns beside 'time': a, b"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_is_named(tmp_path, name):
    lines, kind, words = BROKEN[name]
    with pytest.raises(kind, match=words):
        read_series(csv(tmp_path, lines), **PLAIN)


def test_rows_that_repeat_another_count_once(tmp_path):
    index = hours("2020-01-01", 3, "UTC")
    series = read_series(csv(tmp_path, [*rows(index), f"{index[2]},3"]), **PLAIN)
    assert len(series.values) == 3 and "1 rows repeat another (line 5)" in series.notes[0]


def test_a_longer_step_takes_means(tmp_path):
    file = csv(tmp_path, rows([*hours("2020-01-01", 2, "UTC"), *hours("2020-01-01 02:00", 4, "UTC", "30min")]))
    series = read_series(file, **PLAIN, step=pd.Timedelta("1h"))
    assert series.values["load"].tolist() == [1, 2, 3.5, 5.5] and "6 rows averaged into 4" in series.notes[0]
    with pytest.raises(OutOfRange, match="only longer ones"):
        read_series(csv(tmp_path, rows(hours("2020-01-01", 5, "UTC"))), **PLAIN, step=pd.Timedelta("30min"))
    with pytest.raises(BadInput, match="no part of a day"):
        read_series(file, **PLAIN, step=pd.Timedelta("7min"))


def test_a_format_is_taken_as_it_is_given(tmp_path):
    file = csv(tmp_path, rows(["01.02.2020 00:00", "01.02.2020 01:00"]))
    series = read_series(file, time=None, columns=(), zone_name="UTC", form="%d.%m.%Y %H:%M")
    assert series.values.index[0] == pd.Timestamp("2020-02-01", tz="UTC")
    with pytest.raises(BadInput, match="time-format is"):
        read_series(file, time=None, columns=(), zone_name="UTC", form="%m/%d/%Y")


def test_gaps_are_gaps_and_not_zero(tmp_path):
    index = hours("2020-01-01", 6, "UTC")
    file = csv(
        tmp_path, ["time,load", *(f"{t},{v}" for t, v in zip(index, ["1", "", "n/a", "4", "5", "6"], strict=True))]
    )
    assert np.isnan(read_series(file, **PLAIN).values["load"].iloc[1:3]).all()


def test_columns_and_files_by_name(tmp_path):
    file = csv(tmp_path, ["Time,Demand,Place", "2020-01-01T00:00Z,1,a", "2020-01-01T01:00Z,2,a"])
    with pytest.raises(MissingColumn, match=r"no column 'demand'.*did you mean 'Demand'"):
        read_series(file, time=None, columns=["demand"], zone_name=None)
    with pytest.raises(BadInput, match="is the column of the times"):
        read_series(file, time=None, columns=["Time"], zone_name=None)
    with pytest.raises(BadInput, match="twice"):
        read_series(file, time=None, columns=["Demand", "Demand"], zone_name=None)
    with pytest.raises(MissingFile):
        read_series(tmp_path / "no.csv", **PLAIN)
    (tmp_path / "x.xls").write_text("")
    with pytest.raises(UnknownFormat, match=r"\.parquet"):
        read_series(tmp_path / "x.xls", **PLAIN)
    (tmp_path / "y.parquet").write_text("no")
    with pytest.raises(BadInput, match="cannot be read as a table"):
        read_series(tmp_path / "y.parquet", **PLAIN)


def test_thousands_between_commas_are_no_decimals(tmp_path):
    quoted = [f'"12,{345 + k}"' for k in range(4)]
    with pytest.raises(BadInput, match="4 of 4 values of 'load' are no numbers, the first '12,345'"):
        read_series(csv(tmp_path, rows(hours("2020-01-01", 4, "UTC"), quoted)), **PLAIN)


def test_hours_of_a_zone_half_an_hour_off_are_not_to_be_averaged(tmp_path):
    file = csv(tmp_path, rows(hours("2020-01-01", 48, "Asia/Kolkata").tz_localize(None)))
    with pytest.raises(OutOfRange, match="lie 30min off the clock of 1h in UTC") as refused:
        read_series(file, time=None, columns=(), zone_name="Asia/Kolkata")
    assert "--step" not in str(refused.value) and "30min or shorter" in str(refused.value)
