"""`gridloop forecast`: tables, JSON, files and pictures of the coming days, and every error in one line."""

import json

import numpy as np
import pandas as pd
import pytest
from forecast_files import ZONE, priced, sunny, town, written

FAST = ("--trees", "3")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """load.csv of half a year, town.csv of some weeks with weather, sun.csv in kW, price.csv."""
    folder = tmp_path_factory.mktemp("files")
    written(town(190)[["load"]], folder / "load.csv")
    written(town(60), folder / "town.csv")
    written(sunny(40), folder / "sun.csv")
    written(priced(), folder / "price.csv")
    return folder


def test_json_has_what_is_promised(gridloop, files):
    said = gridloop("forecast", "load", files / "town.csv", "--column", "load", "--zone", ZONE, *FAST, "--json")
    assert said.code == 0, said.err
    data = json.loads(said.out)
    assert set(data) == {
        "file", "kind", "model", "answered_by", "unit", "zone", "step_min", "issued_at", "learned_from", "days",
        "forecast", "took", "notes", "files",
    }  # fmt: skip
    assert (data["model"], data["unit"], data["step_min"]) == ("experts", "MW", 60)
    (day,) = data["days"]
    assert set(day) == {"point", "day", "mean_mw", "energy_mwh", "highest", "lowest"}
    rows = pd.DataFrame(data["forecast"])
    assert list(rows) == ["valid_at", "point", "p10_mw", "p50_mw", "p90_mw", "model"] and len(rows) == 24
    assert (rows["p10_mw"] <= rows["p50_mw"]).all() and (rows["p50_mw"] <= rows["p90_mw"]).all()
    assert day["energy_mwh"] == pytest.approx(rows["p50_mw"].sum())
    assert day["highest"]["p50_mw"] == pytest.approx(rows["p50_mw"].max())
    assert pd.Timestamp(rows["valid_at"].iloc[0]).tz_convert(ZONE).strftime("%H:%M") == "00:00"


def test_the_end_of_the_file_is_the_issue_and_the_next_midnight_the_begin(gridloop, files):
    """The file ends at 01:00 of a summer day (190 days from a winter midnight): the next whole day follows."""
    data = json.loads(gridloop("forecast", "load", files / "load.csv", "--zone", ZONE, "--model", "persistence",
                               "--json").out)  # fmt: skip
    end = pd.Timestamp(data["learned_from"]["last"]) + pd.Timedelta("1h")
    assert pd.Timestamp(data["issued_at"]) == end and end.tz_convert(ZONE).hour == 1
    assert pd.Timestamp(data["days"][0]["day"]).date() == (end.tz_convert(ZONE) + pd.Timedelta("1D")).date()


def test_words_tables_and_a_file(gridloop, files, tmp_path):
    out = tmp_path / "coming.csv"
    said = gridloop("forecast", "load", files / "load.csv", "--model", "persistence", "--days", "3", "--out", out)
    assert said.code == 0, said.err
    assert "By day, MW and MWh" in said.out and f"Wrote {out}" in said.out and "By hour" not in said.out
    assert "Days are those of UTC; --zone" in said.out
    rows = pd.read_csv(out)
    assert list(rows) == ["issued_at", "valid_at", "point", "p10_mw", "p50_mw", "p90_mw", "model"] and len(rows) == 72
    gridloop("forecast", "load", files / "load.csv", "--model", "persistence", "--out", tmp_path / "c.parquet")
    assert len(pd.read_parquet(tmp_path / "c.parquet")) == 24


def test_weather_that_reaches_ahead_is_used_and_said(gridloop, files):
    said = gridloop(
        "forecast", "load", files / "town.csv", "--column", "load", "--weather-column", "temperature", "--zone", ZONE,
        "--at", "2020-02-20T12:00", *FAST, "--json",
    )  # fmt: skip
    assert said.code == 0, said.err
    data = json.loads(said.out)
    assert data["days"][0]["day"] == "2020-02-21" and any("observed values" in note for note in data["notes"])


def test_an_issue_in_the_past_sees_nothing_later(gridloop, files, tmp_path):
    """The same answer with and without what came afterwards."""
    table = town(190)[["load"]]
    at = pd.Timestamp("2020-06-15 12:00", tz=ZONE)
    short = written(table[table.index + pd.Timedelta("1h") <= at], tmp_path / "short.csv")
    arguments = ("--zone", ZONE, "--model", "persistence", "--json")
    whole = json.loads(gridloop("forecast", "load", files / "load.csv", *arguments, "--at", "2020-06-15T12:00").out)
    cut = json.loads(gridloop("forecast", "load", short, *arguments).out)
    assert whole["forecast"] == cut["forecast"] and whole["issued_at"] == cut["issued_at"]


@pytest.mark.slow
def test_solar_by_trees_in_kilowatts_has_no_night_above_zero(gridloop, files, tmp_path):
    plot = tmp_path / "sun.html"
    said = gridloop("forecast", "solar", files / "sun.csv", "--unit", "kW", "--latitude", "40", "--longitude", "-4",
                    "--model", "boosting", "--plot", plot, "--json")  # fmt: skip
    assert said.code == 0, said.err
    data = json.loads(said.out)
    rows = pd.DataFrame(data["forecast"])
    assert rows["p90_kw"].iloc[0] == 0 and 100 < rows["p50_kw"].max() < 1000
    assert any("Capacity of p taken as its highest value" in note for note in data["notes"])
    assert 'id="chart-fan-p"' in plot.read_text()


def test_energies_per_half_hour_become_powers(gridloop, tmp_path):
    """0.25 kWh in half an hour is 0.5 kW throughout."""
    index = pd.date_range("2020-01-01", periods=48 * 30, freq="30min", tz="UTC", name="time")
    file = written(pd.DataFrame({"meter": 0.25}, index=index), tmp_path / "meter.csv")
    data = json.loads(gridloop("forecast", "load", file, "--unit", "kWh", "--model", "persistence", "--json").out)
    assert data["days"][0]["mean_kw"] == pytest.approx(0.5) and data["days"][0]["energy_kwh"] == pytest.approx(12.0)
    hourly = gridloop("forecast", "load", file, "--unit", "kWh", "--step", "1h", "--model", "persistence", "--json")
    assert json.loads(hourly.out)["days"] == data["days"]


def test_energies_of_rows_of_several_lengths_are_refused(gridloop, tmp_path):
    parts = [pd.date_range("2020-01-01", "2020-01-05", freq="30min", tz="UTC", inclusive="left"),
             pd.date_range("2020-01-05", "2020-01-12", freq="1h", tz="UTC")]  # fmt: skip
    file = written(pd.DataFrame({"x": 1.0}, index=parts[0].append(parts[1]).rename("time")), tmp_path / "x.csv")
    said = gridloop("forecast", "load", file, "--unit", "kWh", "--step", "1h", "--model", "persistence")
    assert said.code == 2 and "rows have several lengths" in said.line


def test_prices_of_the_day_after_the_last_published_one(gridloop, files):
    said = gridloop(
        "forecast", "price", files / "price.csv", "--zone", ZONE, *FAST, "--at", "2020-06-17T11:00", "--json"
    )
    assert said.code == 0, said.err
    data = json.loads(said.out)
    assert data["unit"] == "EUR/MWh" and data["days"][0]["day"] == "2020-06-18"
    assert {"p10_eur_per_mwh", "p90_eur_per_mwh"} <= set(data["forecast"][0]) and "energy" not in str(data["days"])


def test_several_columns(gridloop, tmp_path):
    table = town(60)[["load"]].assign(twice=lambda t: 2 * t["load"])
    file = written(table, tmp_path / "two.csv")
    said = gridloop("forecast", "load", file, "--column", "load", "--column", "twice", "--model", "persistence",
                    "--plot", tmp_path / "two.html")  # fmt: skip
    assert said.code == 0 and "2 columns" in said.out
    text = (tmp_path / "two.html").read_text()
    assert 'id="chart-fan-load"' in text and 'id="chart-fan-twice"' in text


def test_a_picture_of_the_fan(gridloop, files, tmp_path):
    pytest.importorskip("matplotlib")
    from matplotlib.image import imread

    plot = tmp_path / "fan.png"
    said = gridloop("forecast", "load", files / "load.csv", "--zone", ZONE, "--model", "persistence", "--plot", plot)
    assert said.code == 0, said.err
    picture = imread(plot)
    assert picture.shape[1] == 2000 and np.ptp(picture[:, :, :3]) > 0.5


ERRORS = {
    "no file": (["no.csv"], "MissingFile: no file"),
    "no such model": (["load.csv", "--model", "magic"], "no model 'magic' for load; there are experts"),
    "too many days": (
        ["load.csv", "--model", "boosting", "--days", "3"],
        "sees 1 whole days ahead, not 3. Further sees experts",
    ),
    "after the end": (["load.csv", "--at", "2031-01-01"], "the values end at 2020-07-08"),
    "before the begin": (["load.csv", "--at", "2020-01-01T05:00"], "6 rows are known"),
    "no time": (["load.csv", "--at", "noon"], "--at 'noon' is no time"),
    "too little history": (["load.csv", "--at", "2020-01-20"], "days; a day-ahead model needs"),
    "no such zone": (["load.csv", "--zone", "Mars"], "'Mars' is no time zone"),
    "no such unit": (["load.csv", "--unit", "hp"], "--unit 'hp' is none; allowed are W, kW, MW, GW, Wh"),
    "no weather ahead": (
        ["town.csv", "--column", "load", "--weather-column", "temperature"],
        "temperature is missing for",
    ),
    "weather of nobody": (["load.csv", "--model", "persistence", "--weather", "town.csv"], "makes no use of weather"),
    "weather without names": (["load.csv", "--weather", "load.csv"], "--weather is FILE itself"),
    "no capacity": (["load.csv", "--capacity", "much"], "is no number"),
    "capacity below zero": (["load.csv", "--capacity", "-3"], "must be above zero"),
    "capacity of nobody": (["load.csv", "--capacity", "x=3"], "names 'x'; forecast are load"),
    "half a place": (["load.csv", "--latitude", "40"], "belong together"),
    "nothing to mend": (["load.csv", "--model", "corrected"], "name its column by --outside"),
    "no such country": (["load.csv", "--holidays", "XX"], "--holidays 'XX'"),
    "no file of holidays": (["load.csv", "--holidays", "no.csv"], "no file 'no.csv' of holidays"),
    "no page": (["load.csv", "--plot", "x.svg"], "ends in .html or .htm or .png"),
    "no folder": (["load.csv", "--out", "none/x.csv"], "no folder 'none'"),
    "no table": (["load.csv", "--out", "x.xlsx"], "ends in .csv or .parquet"),
    "no length": (["load.csv", "--step", "long"], "--step 'long' is no length of time"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_bad_input_is_one_line_and_exit_2(gridloop, files, monkeypatch, name):
    monkeypatch.chdir(files)
    if name == "no such country":
        pytest.importorskip("holidays")
    arguments, words = ERRORS[name]
    said = gridloop("forecast", "load", *arguments)
    assert said.code == 2 and words in said.line, said.err


def test_solar_needs_a_place(gridloop, files):
    said = gridloop("forecast", "solar", files / "sun.csv")
    assert said.code == 2 and "--latitude and --longitude" in said.line


def test_holidays_of_a_file(gridloop, files, tmp_path):
    days = tmp_path / "days.csv"
    days.write_text("date,name\n2020-01-06,Kings\n2020-05-01,Work\n")
    said = gridloop("forecast", "load", files / "load.csv", "--holidays", days, "--model", "persistence")
    assert said.code == 0, said.err
    days.write_text("date\n6 January\n")
    said = gridloop("forecast", "load", files / "load.csv", "--holidays", days, "--model", "persistence")
    assert said.code == 2 and "2 ('6 January')" in said.line
