"""Weather from files: two times per value, several runs, other steps, gaps filled by name only."""

import numpy as np
import pandas as pd
import pytest

from gridloop.cli.forecast_weather import read_weather
from gridloop.errors import BadInput, MissingColumn, OutOfRange

HOUR = pd.Timedelta("1h")
PLAIN = {"columns": (), "time": None, "zone_name": "UTC", "form": None, "step": HOUR, "ahead": pd.Timedelta("37h"),
         "fill": pd.Timedelta(0)}  # fmt: skip


def written(tmp_path, table, **more):
    file = tmp_path / "air.csv"
    table.to_csv(file, **more)
    return file


def hourly(n=6, freq="h"):
    index = pd.date_range("2020-01-01", periods=n, freq=freq, name="valid_at")
    return pd.DataFrame({"Temperature": np.arange(float(n)), "Wind": 1.0}, index=index)


def test_columns_get_small_letters_and_observations_say_so(tmp_path):
    record, notes = read_weather(written(tmp_path, hourly()), **PLAIN)
    assert list(record.values) == ["temperature", "wind"] and "observed values" in record.note and notes == []
    assert (record.values.index - record.known_at == pd.Timedelta("37h")).all()


def test_columns_by_name(tmp_path):
    file = written(tmp_path, hourly())
    record, _ = read_weather(file, **PLAIN | {"columns": ["T2M=Temperature", "Wind"]})
    assert list(record.values) == ["t2m", "wind"]
    with pytest.raises(MissingColumn, match="no column 'Rain'"):
        read_weather(file, **PLAIN | {"columns": ["rain=Rain"]})


def test_runs_of_a_weather_service(tmp_path):
    """Two runs of the same hours: at noon the first is known, in the evening the second."""
    runs = pd.concat(
        [hourly().assign(known_at="2019-12-31 06:00"), (10 + hourly()).assign(known_at="2019-12-31 18:00")]
    )
    record, _ = read_weather(written(tmp_path, runs), **PLAIN)
    noon, night = (pd.Timestamp(f"2019-12-31 {h}:00", tz="UTC") for h in (12, 20))
    assert record.at(noon)["temperature"].tolist() == [0, 1, 2, 3, 4, 5] and record.note == ""
    assert record.at(night)["temperature"].tolist() == [10, 11, 12, 13, 14, 15]


def test_hours_hold_over_their_half_hours_and_quarters_are_averaged(tmp_path):
    half, notes = read_weather(written(tmp_path, hourly(3)), **PLAIN | {"step": pd.Timedelta("30min")})
    assert half.values["temperature"].tolist() == [0, 0, 1, 1, 2, 2] and "60 min apart and holds over" in notes[0]
    mean, notes = read_weather(written(tmp_path, hourly(8, "15min")), **PLAIN)
    assert mean.values["temperature"].tolist() == [1.5, 5.5] and "averaged over 60 min" in notes[0]
    with pytest.raises(OutOfRange, match="no multiple"):
        read_weather(written(tmp_path, hourly(4)), **PLAIN | {"step": pd.Timedelta("40min")})


def test_runs_hold_over_half_hours_too(tmp_path):
    runs = pd.concat([hourly(2).assign(known_at=f"2019-12-31 {h}:00") for h in ("06", "18")])
    record, _ = read_weather(written(tmp_path, runs), **PLAIN | {"step": pd.Timedelta("30min")})
    assert len(record.values) == 8
    assert record.at(pd.Timestamp("2019-12-31 12:00", tz="UTC"))["temperature"].tolist() == [0, 0, 1, 1]


def test_gaps_are_filled_only_up_to_the_length_that_is_named(tmp_path):
    """Two hours missing, then four: of up to three hours the first gap is filled by a straight line."""
    table = hourly(12).drop(columns="Wind")
    table.iloc[[2, 3, 6, 7, 8, 9]] = np.nan
    file = written(tmp_path, table)
    assert read_weather(file, **PLAIN)[0].values["temperature"].isna().sum() == 6
    record, notes = read_weather(file, **PLAIN | {"fill": pd.Timedelta("3h")})
    assert record.values["temperature"].iloc[:6].tolist() == [0, 1, 2, 3, 4, 5]
    assert record.values["temperature"].isna().sum() == 4 and "2 values filled" in notes[0]


def test_twice_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(OutOfRange, match=r"1 times come twice.*line 8.*known_at"):
        read_weather(written(tmp_path, pd.concat([hourly(), hourly().tail(1)])), **PLAIN)
    with pytest.raises(BadInput, match="are no numbers"):
        read_weather(written(tmp_path, hourly().assign(sky="blue")), **PLAIN)
