"""`gridloop study compressors STATION.toml`: what the file says, recordings, and what is said of bad files."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from gridloop.cli.study_compressors_file import read_station
from gridloop.optimize.compressors.demand import synthetic_week
from gridloop.optimize.compressors.machine import Compressor

STATION = """
name = "Hall 3"
timezone = "Europe/Berlin"

[station]
volume_m3 = 12.0
min_bar = 6.2
max_bar = 7.2

[[machine]]
id = "F1"
kind = "fixed_speed"
flow = 15.5
kw = 97.0
min_on_h = 1.0

[[machine]]
id = "M"
kind = "modulating"
flow = 9.5
kw = 61.0

[[machine]]
id = "V"
kind = "variable_speed"
flow = [2.4, 4.8, 9.6]
kw = [18.0, 31.0, 62.0]
idle_kw = 11.0
"""
RECORDED = STATION + '\n[demand]\nair = "air.csv"\nplan = "plan.csv"\nlearn_weeks = 3\n'


@pytest.fixture
def write(tmp_path):
    """A station file beside four weeks of recorded air by quarters of an hour, and a plan by hours."""

    def written(text: str, weeks: int = 4, air=lambda table: table, plan=lambda table: table):
        start = pd.Timestamp("2026-01-05", tz="Europe/Berlin").tz_convert("UTC")
        index = pd.date_range(start, periods=weeks * 672, freq="15min", name="valid_at")
        rows = pd.DataFrame({"flow": 4.0 + 10.0 * ((index.hour >= 6) & (index.hour < 20))}, index=index)
        air(rows).to_csv(tmp_path / "air.csv")
        plan(rows.rename(columns={"flow": "line"}).iloc[::4]).to_csv(tmp_path / "plan.csv")
        file = tmp_path / "station.toml"
        file.write_text(text, encoding="utf-8")
        return file

    return written


def test_machines_and_network_are_those_of_the_file(write):
    file = read_station(write(STATION), 2, 0)
    station, demand = file.station, file.demand
    assert file.name == "Hall 3" and not file.prices and not demand.recorded and len(demand.weeks) - demand.learn == 2
    assert station.volume_m3 == 12.0 and station.begins_bar == approx(6.6) and station.leak_m3_per_min == 0.0
    f1, m, v = station.machines
    assert f1 == Compressor.fixed_speed("F1", 15.5, 97.0, min_on_h=1.0)
    assert m == Compressor.modulating("M", 9.5, 61.0)
    assert v == Compressor("V", "variable", [2.4, 4.8, 9.6], [18.0, 31.0, 62.0], 11.0)


def test_the_made_up_factory_is_as_large_as_the_station_or_as_the_file_says(write):
    plain = synthetic_week(7, 0).used
    file = read_station(write(STATION), 1, 7)
    station, usual = file.station, file.demand
    # the demo station: 98.5 m³/min less 8 m³/min of leaks at 6.2 bar, at 7.2 bar
    left = 98.5 - 8.0 * (7.2 + 1.01325) / (6.2 + 1.01325)
    assert usual.weeks[0].used == approx(plain * station.most_m3_per_min / left)
    asked = read_station(write(STATION + "\n[demand]\nscale = 0.25\n"), 1, 7).demand
    assert asked.weeks[0].used == approx(0.25 * plain)
    assert asked.weeks[0].mean.to_numpy() == approx(asked.weeks[0].used.reshape(-1, 90).mean(axis=1))


def test_weeks_of_a_recording_begin_at_its_first_midnight(write):
    """Three hours later on Monday, the first whole week begins on Tuesday; the plan's hours hold for four quarters."""
    file = write(RECORDED, weeks=5, air=lambda table: table.iloc[12:])
    demand = read_station(file, None, 0).demand
    assert demand.recorded and demand.kind == "recorded" and len(demand.weeks) == 4 and demand.learn == 3
    first = demand.weeks[0]
    assert first.start.tz_convert("Europe/Berlin") == pd.Timestamp("2026-01-06", tz="Europe/Berlin")
    assert all(len(week.mean) == 672 and week.used.size == 60480 for week in demand.weeks)
    assert (first.plan["line"].to_numpy() == first.mean.to_numpy()).all()
    assert first.used == approx(np.repeat(first.mean.to_numpy(), 90))


def test_a_recording_of_seconds_and_a_week_of_summer_time(write):
    def seconds(table: pd.DataFrame) -> pd.DataFrame:
        fine = pd.date_range(table.index[0], periods=len(table) * 180, freq="5s", name="valid_at")
        return pd.DataFrame({"flow": 5.0 + (np.arange(fine.size) % 2)}, index=fine)

    demand = read_station(write(RECORDED, air=seconds), None, 0).demand
    assert demand.weeks[0].used == approx(np.full(60480, 5.5))
    spring = pd.Timedelta(days=70)
    demand = read_station(
        write(RECORDED, air=lambda t: t.shift(freq=spring), plan=lambda t: t.shift(freq=spring)), None, 0
    ).demand
    assert [len(week.mean) for week in demand.weeks] == [672, 668, 672, 672]


@pytest.mark.slow
def test_a_recorded_week_is_judged_and_called_recorded(gridloop, write, tmp_path):
    hours = pd.date_range("2026-01-04 23:00", periods=30 * 24, freq="h", tz="UTC", name="valid_at")
    pd.DataFrame({"import_eur_per_mwh": 60.0 + 5.0 * hours.hour}, index=hours).to_csv(tmp_path / "prices.csv")
    file, page = write(RECORDED + '[prices]\nfile = "prices.csv"\n'), tmp_path / "air.html"
    said = gridloop("study", "compressors", file, "--tune-weeks", "1", "--json", "--plot", page)
    assert said.code == 0 and said.err == ""
    data = json.loads(said.out)
    assert data["synthetic"] is False and data["station"] == "Hall 3" and "seed" not in data
    assert data["weeks"] == 1 and data["learn_weeks"] == 3 and data["first_day"] == "2026-01-26"
    assert data["mae_m3_per_min"] < 0.3 and data["forecast_outside_s"] == 0.0
    assert data["true_demand_mwh"] == approx(data["forecast_mwh"], rel=0.05)
    assert data["currency"] == "EUR" and data["forecast_saving_interval_pct"] is None
    # between the lowest and the highest price
    assert 60.0 < data["cascade_cost"] / data["cascade_mwh"] < 175.0
    saved = data["savings"]["forecast"]
    assert saved["energy_mwh"]["saved"] == approx(data["cascade_mwh"] - data["forecast_mwh"], rel=1e-6)
    assert saved["cost"]["saved"] == approx(data["cascade_cost"] - data["forecast_cost"], rel=1e-6)
    text = page.read_text()
    assert 'id="chart-money"' in text and "EUR per MWh" in text
    assert "recorded weeks, 1 from 2026-01-26" in text and "Recorded: on 1 week of Hall 3" in text
    assert "ynthetic" not in text.split("<script")[0]


def without(text: str, line: str) -> str:
    assert line in text
    return text.replace(line, "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (STATION + "[grid]\n", "station.toml: has no key grid; allowed are name, timezone, station, mac"),
        (STATION.replace("Europe/Berlin", "Mars"), "station.toml: timezone 'Mars' is unknown"),
        (without(STATION, "volume_m3 = 12.0"), "[station] lacks volume_m3; needed are volume_m3, min_bar, max_bar"),
        (STATION.replace("volume_m3 = 12.0", "volume = 12.0"), "[station] has no key volume; allowed are volume_m3"),
        (STATION.replace("12.0", '"big"'), "[station] volume_m3 is 'big'; a number is needed"),
        (STATION.replace("12.0", "0"), "[station]: CompressorStation air: volume_m3 is 0.0"),
        (STATION.replace("7.2", "6.3"), "max_bar 6.3 is 0.1 bar above min_bar; 0.3 bar are needed"),
        (STATION.split("[[machine]]")[0], "has no machine; add a section [[machine]] for each"),
        (STATION.replace('"modulating"', '"screw"'), "[[machine]] M: kind is 'screw'; allowed are fixed_speed, var"),
        (STATION.replace("kw = 61.0", "power = 61.0"), "[[machine]] M has no key power; allowed are id, kind, flow"),
        (without(STATION, "kw = 61.0"), "[[machine]] M lacks kw; needed are id, kind, flow, kw"),
        (STATION.replace('id = "M"', "id = 3"), "[[machine]] 3: id is 3; a text is needed"),
        (STATION.replace('id = "M"', 'id = "F1"'), "used twice: F1"),
        (STATION.replace("kw = 61.0", "kw = [61.0]"), "flow and kw must both be one number, or both lists"),
        (without(STATION, "idle_kw = 11.0"), "[[machine]] V lacks idle_kw"),
        (STATION.replace("31.0, 62.0", "61.0, 62.0"), "[[machine]] V: Compressor V: its curve bends down at 4.8"),
        (STATION + "[demand]\nscale = 0\n", "[demand] scale is 0; it must be above zero"),
        (STATION + "[demand]\nscale = 2.0\n", "use more air than the station has, the first 2026-01-05"),
        (STATION + '[demand]\nplan = "plan.csv"\n', "[demand] plan belongs to a recording"),
        (RECORDED + "scale = 1.0\n", "scale belongs to the made-up factory"),
        (without(RECORDED, 'plan = "plan.csv"'), "[demand] lacks plan"),
        (RECORDED.replace('"air.csv"', '"none.csv"'), "[demand] air: there is no file"),
        (RECORDED.replace('"air.csv"', '"air.csv:use"'), "air.csv has no column use; it has flow"),
        (RECORDED.replace("learn_weeks = 3", "learn_weeks = 3.5"), "learn_weeks is 3.5; a whole number is needed"),
        (RECORDED.replace("learn_weeks = 3", "learn_weeks = 2"), "learn_weeks is 2; at least 3 are needed"),
        (RECORDED.replace("learn_weeks = 3", "learn_weeks = 6"), "holds 4 whole weeks from its first midnight on; "
         "learn_weeks is 6, and one more is needed to be judged: record 3 weeks more, or lower learn_weeks to 3."),
        (STATION.replace("min_on_h = 1.0", "min_on_h = 9000.0"), "too many to be searched: 8 machines at most"),
        (STATION + "[prices]\nflat = 90.0\n", "[prices] has no key flat; allowed are file, area, per_mwh, currency"),
        (STATION + "[prices]\narea = 'NL'\n", "[prices] needs file or per_mwh, one of them"),
        (STATION + "[prices]\nper_mwh = '90'\n", "[prices] per_mwh is '90'; a number is needed"),
        (STATION + "[prices]\nfile = 'p.csv'\ncurrency = 'EUR'\n", "[prices] currency: the file says it itself"),
        (STATION + "[prices]\nfile = 'p.csv'\n", "p.csv"),
        ("name = ", "station.toml is not valid TOML"),
    ],
)  # fmt: skip
def test_bad_files(gridloop, write, text, said):
    answer = gridloop("study", "compressors", write(text), "--weeks", "1")
    assert answer.code == 2 and said in " ".join(answer.err.split())


@pytest.mark.parametrize(
    ("air", "plan", "said"),
    [
        (lambda t: t.assign(flow=-t["flow"]), lambda t: t, "is below zero in 2688 of 2688 intervals, the first"),
        (lambda t: t.drop(t.index[5]), lambda t: t, "lacks 1 of 2688 values, the first at 2026-01-05 00:15 UTC"),
        (lambda t: t.resample("1h").mean(), lambda t: t, "has intervals of 3600 s"),
        (lambda t: t.assign(more=1.0), lambda t: t, "has 2 columns beside valid_at; one is needed, m³/min"),
        (lambda t: t, lambda t: t.iloc[:600], "production plan lacks 288 of 2688 quarters of an hour"),
        (lambda t: t, lambda t: t.replace(4.0, np.nan), "production plan lacks 280 of 672 values"),
    ],
)
def test_bad_recordings(gridloop, write, air, plan, said):
    answer = gridloop("study", "compressors", write(RECORDED, air=air, plan=plan))
    assert answer.code == 2 and said in " ".join(answer.err.split())


def test_options_of_the_made_up_station_are_not_beside_a_file(gridloop, write):
    answer = gridloop("study", "compressors", write(STATION), "--volume-m3", "20")
    assert answer.code == 2 and "[station] of station.toml says it" in " ".join(answer.err.split())
    answer = gridloop("study", "compressors", "nowhere.toml")
    assert answer.code == 2 and "There is no station file 'nowhere.toml'" in " ".join(answer.err.split())
