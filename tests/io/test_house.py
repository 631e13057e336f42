"""Recorded houses and weather: units, times, and what is said of bad files."""

from __future__ import annotations

import pandas as pd
import pytest
from pytest import approx

from gridloop.errors import BadInput, GapInSeries, MissingColumn, OutOfRange
from gridloop.io.house import read_house
from gridloop.io.weather_file import read_weather

HOUSE = ",Ph,Ti,Ta,Th\n2019-12-23 00:00:00+00:00,0,18.1,5.4,4.6\n2019-12-23 01:00:00+00:00,97.2,,5.1,4.4\n"


def test_kilowatts_become_megawatts_and_gaps_stay(tmp_path):
    file = tmp_path / "house.csv"
    file.write_text(HOUSE)
    table = read_house(file)
    assert list(table.columns) == ["indoor_c", "outdoor_c", "boiler_c", "heat_mw"]
    assert table["heat_mw"].tolist() == approx([0.0, 0.0972])
    assert table["indoor_c"].isna().tolist() == [False, True]
    assert table.index[0] == pd.Timestamp("2019-12-23", tz="UTC")


def test_a_time_that_stands_twice(tmp_path):
    file = tmp_path / "house.csv"
    file.write_text(HOUSE + "2019-12-23 01:00:00+00:00,1,18,5,4\n")
    with pytest.raises(OutOfRange, match="1 of 3 times stand twice"):
        read_house(file)
    file.write_text(HOUSE.replace("Ti", "Tx"))
    with pytest.raises(MissingColumn, match="Ti"):
        read_house(file)


def test_weather_of_both_kinds(tmp_path):
    ours = tmp_path / "ours.csv"
    ours.write_text("valid_at,outdoor_c\n2026-01-01T00:00Z,1.5\n2026-01-01T01:00Z,2.5\n")
    table = read_weather(ours)
    assert table["outdoor_c"].tolist() == [1.5, 2.5] and (table["sun_w_m2"] == 0).all()
    theirs = tmp_path / "theirs.csv"
    theirs.write_text(
        "Outdoor Drybulb Temperature [C],Diffuse Solar Radiation [W/m2],Direct Solar Radiation [W/m2]\n20,100,400\n"
    )
    with pytest.raises(BadInput, match="say when its first hour is"):
        read_weather(theirs)
    found = read_weather(theirs, start=pd.Timestamp("2016-08-01 00:00-08:00"))
    assert found.index[0] == pd.Timestamp("2016-08-01 08:00", tz="UTC")
    assert found["sun_w_m2"].tolist() == [300.0]  # the diffuse part and half of the beam
    ours.write_text("valid_at,outdoor_c\n2026-01-01T00:00Z,1.5\n2026-01-01T03:00Z,2.5\n")
    with pytest.raises(OutOfRange, match="every hour once; 1 hours"):
        read_weather(ours)
    ours.write_text("valid_at,outdoor_c\n2026-01-01T00:00Z,\n")
    with pytest.raises(GapInSeries, match="1 of 1 hours"):
        read_weather(ours)
