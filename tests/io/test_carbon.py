"""Carbon files: units with a pencil, and every refusal by name."""

from __future__ import annotations

import pandas as pd
import pytest
from pytest import approx

from gridloop.errors import GapInSeries, MissingColumn, MissingFile, OutOfRange
from gridloop.io.carbon import read_carbon


@pytest.fixture
def write(tmp_path):
    def write(*rows, header="valid_at,carbon_t_per_mwh"):
        file = tmp_path / "c.csv"
        file.write_text("\n".join([header, *rows]) + "\n")
        return file

    return write


@pytest.mark.parametrize(
    ("column", "value"), [("carbon_t_per_mwh", 0.45), ("carbon_kg_per_mwh", 450), ("carbon_g_per_kwh", 450)]
)
def test_units(write, column, value):
    file = write(f"2026-01-01T00:00,x,{value}", f"2026-01-01T01:00,y,{value}", header=f"valid_at,no,{column}")
    found = read_carbon(file, "Europe/Berlin")
    assert found.tolist() == approx([0.45, 0.45]) and found.name == "carbon_t_per_mwh"
    assert found.index[0] == pd.Timestamp("2025-12-31T23:00", tz="UTC")


@pytest.mark.parametrize(
    ("rows", "error", "words"),
    [
        ([f"2026-01-01T0{h}:00Z,0.4" for h in (0, 2, 3, 4)], GapInSeries, "c.csv: carbon"),
        (["2026-01-01T00:00Z,0.4", "2026-01-01T01:00Z,"], GapInSeries, "2026-01-01 01:00"),
        (["2026-01-01T00:00Z,450"], OutOfRange, "1 of 1 values are not within 0 … 3 t/MWh, first 450"),
        (["2026-01-01T00:00Z,-1"], OutOfRange, "first -1 at 2026-01-01 00:00:00+00:00"),
        (["2026-01-01T00:00Z,0.4", "2026-01-01T00:00Z,0.4"], OutOfRange, "1 intervals stand twice"),
        (["2026-01-01T00:00Z,x"], OutOfRange, "are not numbers"),
    ],
)
def test_bad_carbon_is_named(write, rows, error, words):
    with pytest.raises(error) as caught:
        read_carbon(write(*rows), "UTC")
    assert words in str(caught.value)


def test_bad_columns_are_named(write, tmp_path):
    with pytest.raises(
        MissingColumn, match=r"0 columns of carbon \(valid_at, co2\); one is needed, carbon_t_per_mwh or"
    ):
        read_carbon(write("2026-01-01T00:00Z,1", header="valid_at,co2"), "UTC")
    with pytest.raises(MissingColumn, match="2 columns of carbon"):
        read_carbon(write("2026-01-01T00:00Z,1,1", header="valid_at,carbon_t_per_mwh,carbon_g_per_kwh"), "UTC")
    with pytest.raises(MissingFile, match="carbon: there is no file"):
        read_carbon(tmp_path / "no.csv", "UTC")
