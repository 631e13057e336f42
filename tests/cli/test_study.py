"""`gridloop study battery|ev|dr|vpp`: baselines by pencil, what is said to people, and what is said of bad files."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from gridloop.cli.study_homes import homes_of, load_and_tariff

# Solvers' tolerances of 1e-7 on powers, at prices of hundreds; plans add a hundredth per MWh and hour for haste.
MONEY = 0.05


def hours(days: int, start: str = "2026-01-05") -> pd.DatetimeIndex:
    return pd.date_range(start, periods=24 * days, freq="h", tz="UTC", name="valid_at")


def prices(path, index, values):
    pd.DataFrame({"valid_at": index, "import_eur_per_mwh": values}).to_csv(path, index=False)
    return path


def data_of(said):
    assert said.code == 0, said.err
    assert said.err == ""
    return json.loads(said.out)


def lines_of(page, *charts):
    text = page.read_text()
    for chart in charts:
        assert f'id="chart-{chart}"' in text
    assert "https://" not in text.split("<script>")[0]
    return text


def test_all_four_are_listed(gridloop):
    said = gridloop("study", "--help")
    assert said.code == 0 and all(f"  {name} " in said.out for name in ("battery", "ev", "dr", "vpp"))


# ----- battery


@pytest.fixture
def cheap_nights(tmp_path):
    """Two days: twelve hours at 20, twelve at 120."""
    return prices(tmp_path / "p.csv", hours(2), np.tile(np.repeat([20.0, 120.0], 12), 2))


SMALL = ("--capacity-mwh", "2", "--power-mw", "1", "--efficiency", "1", "--min-soc", "0", "--max-soc", "1")


def test_a_battery_by_pencil(gridloop, cheap_nights, tmp_path):
    """Half full: foresight sells 2 + 2 for 480 and buys 1 + 2 for 60; what is gone at the end was worth 70.

    On the day before, the first day is idle: it buys 1 for 20 and sells 2 for 240.
    """
    page = tmp_path / "b.html"
    data = data_of(gridloop("study", "battery", cheap_nights, *SMALL, "--wear", "0", "--json", "--plot", page))
    ways = data["ways"]
    assert list(ways) == ["rests", "day before", "foresight"] and data["planned_on"] == "day before"
    assert ways["rests"]["profit"] == 0
    assert ways["foresight"]["revenue"] == approx(420, abs=MONEY)
    assert ways["foresight"]["profit"] == approx(350, abs=MONEY)
    assert ways["day before"]["profit"] == approx(150, abs=MONEY)
    assert data["share_of_foresight"] == approx(150 / 350, abs=1e-3)
    assert ways["foresight"]["full_cycles"] == approx(2.0, abs=1e-3)
    text = lines_of(page, "battery", "months")
    assert "price expected" in text and "power limits" in text


def test_a_gap_elsewhere_hurts_no_span_that_is_named(gridloop, tmp_path):
    """The second of four local days, and the third: what is missing on the fourth does not matter."""
    table = pd.DataFrame({"valid_at": hours(4), "import_eur_per_mwh": np.tile(np.repeat([20.0, 120.0], 12), 4)})
    table.drop(index=[80]).to_csv(tmp_path / "p.csv", index=False)
    asked = ("study", "battery", tmp_path / "p.csv", *SMALL, "--zone", "Europe/Berlin", "--first", "2026-01-06")
    data = data_of(gridloop(*asked, "--days", "2", "--json"))
    assert data["days"] == 2 and data["ways"]["foresight"]["profit"] > 0
    assert "2026-01-08 08:00" in gridloop(*asked).err


def test_twice_the_battery_earns_twice(gridloop, cheap_nights):
    def earned(mwh, mw):
        size = (*SMALL, "--capacity-mwh", mwh, "--power-mw", mw)
        return data_of(gridloop("study", "battery", cheap_nights, *size, "--json"))["ways"]["foresight"]["profit"]

    assert earned("4", "2") == approx(2 * earned("2", "1"), abs=MONEY)


def test_a_battery_for_people(gridloop, cheap_nights):
    said = gridloop("study", "battery", cheap_nights, *SMALL, "--wear", "0")
    assert said.code == 0 and said.err == ""
    assert "Planning 2 days …" in said.out and "42.9% of perfect foresight" in said.out
    assert "net present value" in said.out and "At rest they earn nothing" in said.out
    assert "takes the 2 days for every day of 20 years" in said.out


UNIT = """
[battery]
capacity_mwh = 2.0
max_charge_mw = 1.0
max_discharge_mw = 1.0
charge_efficiency = 1.0
discharge_efficiency = 1.0
degradation_cost = 0.0

[battery.regulation]
energy_h = 0.5
called_up = 0.1
called_down = 0.1
"""


@pytest.fixture
def regulates(tmp_path):
    """Two days at 50, 30 for a MW of regulation each way, in dollars; the battery's file."""
    table = pd.DataFrame({"valid_at": hours(2), "import_usd_per_mwh": 50.0})
    services = {f"regulation_{way}_usd_per_mw": 30.0 for way in ("up", "down")}
    table.assign(**services).to_csv(tmp_path / "paid.csv", index=False)
    (tmp_path / "unit.toml").write_text(UNIT)
    return tmp_path / "paid.csv", tmp_path / "unit.toml"


def test_regulation_beside_energy_alone_by_pencil(gridloop, regulates, tmp_path):
    """A flat price pays nothing. At rest 1 MW each way can be held: 60 an hour, in all 48 hours with foresight and in
    the 24 of the second day on what was known of the first. Calls lose and wear nothing."""
    file, unit = regulates
    page = tmp_path / "b.html"
    data = data_of(gridloop("study", "battery", file, "--battery", unit, "--json", "--plot", page))
    ways = data["ways"]
    assert list(ways) == [
        "rests", "day before", "foresight", "with regulation", "with regulation, foresight",
    ]  # fmt: skip
    assert data["currency"] == "USD" and data["sells"] == ["regulation"] and data["weights"] is None
    assert ways["foresight"]["profit"] == approx(0, abs=MONEY)
    assert ways["with regulation"]["parts"]["regulation"] == approx(24 * 60, rel=1e-3)
    assert ways["with regulation, foresight"]["profit"] == approx(48 * 60, rel=1e-3)
    assert ways["with regulation"]["share_of_foresight"] == approx(0.5, abs=1e-3)
    text = lines_of(page, "battery", "months")
    assert "Held ready" in text and "price of regulation up" in text and "USD/MW" in text


def test_weights_move_what_is_sold(gridloop, regulates):
    """Regulation that counts for nothing is not sold."""
    file, unit = regulates
    unit.write_text(UNIT + "\n[weights]\narbitrage = 1.0\nregulation = 0.0\n")
    data = data_of(gridloop("study", "battery", file, "--battery", unit, "--json"))
    assert data["weights"] == {"arbitrage": 1.0, "regulation": 0.0}
    assert data["ways"]["with regulation, weighted"]["parts"]["regulation"] == approx(0.0, abs=MONEY)
    said = gridloop("study", "battery", file, "--battery", unit)
    assert said.code == 0
    for words in (
        "With regulation, on the same forecasts, 1,440 USD: 1,440 more",
        "Planned by weights (arbitrage 1, regulation 0), 0 USD",
        "10% of what is offered up and 10% of what is offered down are called",
        "regulation, USD",
    ):
        assert words in said.out, said.out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (UNIT + '[prices]\nfile = "p.csv"', "has no section prices; a study is of one battery, and allowed are name, "),
        (UNIT.replace("energy_h", "energy"), "[battery.regulation] has no key energy; allowed are energy_h"),
        (UNIT.replace("[battery]", "[[battery]]\ncapacity_mwh = 1.0\n[[battery]]"), "has 2 batteries; one is needed"),
        (UNIT.split("[battery.reg")[0] + "[weights]\nregulation = 1", "the battery sells none; add [battery.regul"),
        (UNIT + "[battery.reserve]\n", "has no price of reserve (column reserve_eur_per_mw); add it, or leave"),
        (UNIT.replace("capacity_mwh = 2.0", "capacity_mwh = -2.0"), "capacity_mwh is -2.0; it must be positive"),
    ],
)
def test_what_is_wrong_with_a_battery_file_is_named(gridloop, regulates, text, words):
    file, unit = regulates
    unit.write_text(text)
    said = gridloop("study", "battery", file, "--battery", unit)
    assert said.code == 2 and words in said.err and len(said.err.splitlines()) == 1


def test_a_battery_is_said_once(gridloop, regulates, tmp_path):
    file, unit = regulates
    said = gridloop("study", "battery", file, "--battery", unit, "--power-mw", "2", "--wear", "0")
    assert said.code == 2 and "--power-mw, --wear says it again" in said.err
    assert "docs/guides/study.md" in gridloop("study", "battery", file, "--battery", tmp_path / "no.toml").err


@pytest.mark.data
def test_regulation_of_the_recorded_market(gridloop, data_dir, tmp_path):
    """Six days of California, 2020, prices of the day before: with regulation no less than without, either way."""
    unit = tmp_path / "unit.toml"
    unit.write_text(UNIT)
    file = data_dir / "prices" / "caiso_2020_day_ahead_and_regulation.csv"
    ways = data_of(
        gridloop("study", "battery", file, "--battery", unit, "--zone", "Etc/GMT+8", "--days", "6", "--json")
    )["ways"]
    assert ways["with regulation"]["profit"] > ways["day before"]["profit"] > 0
    assert ways["with regulation, foresight"]["profit"] >= ways["with regulation"]["profit"]
    assert ways["with regulation, foresight"]["profit"] >= ways["foresight"]["profit"]


# ----- charging

CARS = ("--zone", "UTC", "--charger-kw", "10")


@pytest.fixture
def two_cars(tmp_path):
    """Two cars of 10 kWh and 10 kW that stay four hours, as their drivers said."""
    start = pd.Timestamp("2026-01-05 08:00", tz="UTC")
    file = tmp_path / "cars.csv"
    pd.DataFrame(
        {
            "id": ["a", "b"],
            "bus": "yard",
            "arrival": start,
            "departure": start + pd.Timedelta(hours=4),
            "energy_kwh": 10.0,
            "max_charge_kw": 10.0,
            "user_departure": start + pd.Timedelta(hours=4),
            "user_energy_kwh": 10.0,
        }
    ).to_csv(file, index=False)
    return file, prices(tmp_path / "p.csv", hours(3), 100.0)


def test_cars_by_pencil(gridloop, two_cars, tmp_path):
    """At once both take 20 kW for an hour; spread over four hours 5 kW do."""
    cars, tariff = two_cars
    page = tmp_path / "e.html"
    data = data_of(
        gridloop("study", "ev", cars, "--prices", tariff, *CARS, "--limit-kw", "15", "--json", "--plot", page)
    )
    once, planned = data["ways"]["at once"], data["ways"]["planned"]
    assert once["peak_kw"] == approx(20) and planned["peak_kw"] == approx(5, abs=1e-3)
    assert once["served_share"] == planned["served_share"] == approx(1.0)
    assert once["money"] == approx(0.02 * 100 + 0.02 * 15_510)
    assert planned["money"] == approx(0.02 * 100 + 0.005 * 15_510, abs=MONEY)
    assert data["sessions"] == 2 and data["learned_from"] == 0
    assert "limit" in lines_of(page, "charging", "peaks")


def test_what_cars_emit_stands_beside_their_bill(gridloop, two_cars, tmp_path):
    """0.5 t/MWh in the first hour of both, 0.1 after it: at once 20 kWh emit 10 kg."""
    cars, tariff = two_cars
    file = tmp_path / "c.csv"
    values = np.where(hours(3).hour == 8, 0.5, 0.1)
    pd.DataFrame({"valid_at": hours(3), "carbon_t_per_mwh": values}).to_csv(file, index=False)
    asked = ("study", "ev", cars, "--prices", tariff, *CARS, "--carbon", file)
    ways = data_of(gridloop(*asked, "--json"))["ways"]
    assert ways["at once"]["carbon_t"] == approx(0.02 * 0.5)
    assert ways["planned"]["carbon_t"] == approx(0.005 * (0.5 + 3 * 0.1), abs=1e-5)  # 5 kW for four hours
    assert "carbon, t" in gridloop(*asked).out
    pd.DataFrame({"valid_at": hours(1), "carbon_t_per_mwh": 0.1}).to_csv(file, index=False)
    assert "the plans go from 2026-01-05" in gridloop(*asked).err


def test_the_limit_is_kept_and_said(gridloop, two_cars):
    cars, tariff = two_cars
    arguments = ("study", "ev", cars, "--prices", tariff, *CARS, "--limit-kw", "12", "--peak-price", "0")
    assert data_of(gridloop(*arguments, "--json"))["ways"]["planned"]["peak_kw"] <= 12 + 1e-3
    said = gridloop(*arguments)
    assert "At once the cars would exceed the limit by 8.0 kW." in said.out
    assert "Nothing was learned before." in said.out


def test_drivers_are_told(gridloop, two_cars, tmp_path):
    """a is done by ten. Then b comes for 20 kWh, of which 8 kW bring 16 in two hours: 4 are missing."""
    cars, tariff = two_cars
    table = pd.read_csv(cars)
    table.loc[1, "arrival"] = "2026-01-05 10:00+00:00"
    table.loc[1, ["energy_kwh", "user_energy_kwh"]] = 20.0
    table.to_csv(cars, index=False)
    file = tmp_path / "events.jsonl"
    asked = ("study", "ev", cars, "--prices", tariff, *CARS, "--limit-kw", "8", "--peak-price", "0", "--events", file)
    data = data_of(gridloop(*asked, "--json"))
    assert data["events"]["charging_start"] == 2
    assert data["events_file"] == str(file)
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    short = [row for row in rows if row["event"] == "cannot_be_met"]
    assert len(short) == data["events"]["cannot_be_met"] >= 1
    assert 1e3 * sum(row["energy_mwh"] for row in short) == approx(4, abs=1e-3)
    assert all(row["at"] == "2026-01-05T12:00:00+00:00" for row in short)
    assert [row["session"] for row in rows if row["event"] == "charging_complete"] == ["a"]
    said = gridloop(*asked)
    assert "Drivers are told: 2 charging starts" in said.out and f"Wrote {file}." in said.out
    assert "kWh when it leaves at 2026-01-05 12:00 UTC" in said.out


@pytest.mark.data
def test_recorded_cars_of_a_week(gridloop, data_dir):
    """The first days of September 2019 at Caltech: a lower peak, next to all energy served."""
    folder = data_dir / "ev" / "acn" / "caltech"
    files = sorted(folder.glob("2019-*.csv.gz"))
    data = data_of(gridloop("study", "ev", *files, "--first", "2019-09-01", "--days", "4", "--json"))
    ways = data["ways"]
    assert data["learned_from"] > 1000 and list(ways) == ["at once", "by urgency", "believing drivers", "planned"]
    assert ways["planned"]["peak_kw"] < ways["at once"]["peak_kw"]
    assert ways["planned"]["served_share"] > 0.999 > ways["believing drivers"]["served_share"]


# ----- demand response


@pytest.fixture
def meters(tmp_path):
    """Six customers for a hundred days, each with an evening peak and a mean of its own."""
    index = hours(100)
    rng = np.random.default_rng(0)
    evening = 1.0 + np.exp(-(((index.hour.to_numpy() - 18) / 2.5) ** 2))
    kw = pd.DataFrame(
        {f"c{k}": (1 + 0.2 * k) * evening * rng.lognormal(0.0, 0.1, len(index)) for k in range(6)}, index=index
    )
    file = tmp_path / "meters.csv"
    kw.reset_index().to_csv(file, index=False)
    return file, kw


EVENTS = ("--price", "200", "--first", "2026-03-16", "--max-events", "3")


def test_a_programme_beside_none(gridloop, meters, tmp_path):
    file, kw = meters
    page = tmp_path / "d.html"
    data = data_of(gridloop("study", "dr", file, *EVENTS, "--json", "--plot", page))
    assert data["energy_cost_without"] == approx(200 * kw.to_numpy().sum() / 1e3)
    assert 1 <= data["events"] <= 3 and data["calls"] >= data["events"]
    assert data["true_mwh"] > 0 and data["energy_cost"] < data["energy_cost_without"]
    assert len(data["event_table"]) == data["events"]
    lines_of(page, "response", "events")


def test_energy_of_hours_is_power_and_nobody_answers_without_answers(gridloop, meters):
    file, _ = meters
    once = (*EVENTS, "--max-events", "1")
    power = data_of(gridloop("study", "dr", file, *once, "--json"))
    energy = data_of(gridloop("study", "dr", file, *once, "--unit", "kwh", "--json"))
    assert power == energy
    none = data_of(gridloop("study", "dr", file, *once, "--answers", "0", "--json"))
    assert none["true_mwh"] == approx(0, abs=1e-12)
    assert none["energy_cost"] == approx(none["energy_cost_without"])


def test_prices_of_quarter_hours_are_averaged_and_hourly_ones_last_an_hour(tmp_path):
    load = pd.DataFrame({"valid_at": hours(2), "c": 1.0})
    load.to_csv(tmp_path / "hourly.csv", index=False)
    quarters = pd.date_range("2026-01-05", periods=2 * 96, freq="15min", tz="UTC")
    pd.DataFrame({"valid_at": quarters, "c": 1.0}).to_csv(tmp_path / "quarters.csv", index=False)
    fine = prices(tmp_path / "fine.csv", quarters, np.tile([10.0, 20, 30, 40], 48))
    coarse = prices(tmp_path / "coarse.csv", hours(2), np.arange(48) + 5.0)
    _, tariff, currency = load_and_tariff(tmp_path / "hourly.csv", "kw", "", fine, None, "UTC")
    assert np.allclose(tariff, 25.0) and currency == "EUR"
    _, tariff, _ = load_and_tariff(tmp_path / "quarters.csv", "kw", "", coarse, None, "UTC")
    assert np.array_equal(tariff, np.repeat(np.arange(48) + 5.0, 4))


def test_a_programme_for_people(gridloop, meters):
    said = gridloop("study", "dr", meters[0], *EVENTS)
    assert said.code == 0 and said.err == ""
    assert "without programme" in said.out and "That 80% of calls are answered, and how, is assumed." in said.out


def test_a_programme_that_calls_nobody_is_told(gridloop, meters):
    said = gridloop("study", "dr", meters[0], *EVENTS[:2], "--first", "2026-04-14")
    assert said.code == 0 and said.err == ""
    assert "No event was called" in said.out
    late = gridloop("study", "dr", meters[0], *EVENTS, "--begin-h", "22")
    assert late.code != 0 and "it would last from 22:00 to 02:00" in late.err


def test_hourly_meters_at_half_past_stay_what_they_are(tmp_path):
    """Hours of India begin at half past in UTC: no hour is cut in two."""
    index = hours(2) + pd.Timedelta(minutes=30)
    pd.DataFrame({"valid_at": index, "c": np.arange(48.0)}).to_csv(tmp_path / "india.csv", index=False)
    homes, _ = homes_of(tmp_path / "india.csv", None, "mw", "", None, 50.0, "UTC", (0.01, 0.005, 0.9))
    assert homes.load_mw.index.equals(index.as_unit(homes.load_mw.index.unit).rename(homes.load_mw.index.name))
    assert homes.load_mw["c"].tolist() == list(range(48))


# ----- homes


@pytest.fixture
def homes(tmp_path):
    """Three homes for ten days, alike every day: evenings of 3 kW each, sun of 2 kW each at noon."""
    index = hours(10)
    clock = index.hour.to_numpy()
    load = np.where(clock >= 18, 3.0, 0.5)
    sun = np.where((clock >= 10) & (clock < 14), 2.0, 0.0)
    made = []
    for name, values in (("load.csv", load), ("sun.csv", sun)):
        table = pd.DataFrame(dict.fromkeys(("h1", "h2", "h3"), values), index=index)
        table.reset_index().to_csv(tmp_path / name, index=False)
        made.append(tmp_path / name)
    return made


def test_homes_by_pencil(gridloop, homes, tmp_path):
    """Resting, a day takes 14 h of 0.5 kW and 6 h of 3 kW from the grid and gives 4 h of 1.5 kW away, in each home.

    A lossless battery of 6 kWh could take these 6 kWh and save them in the evening, no more.
    """
    load, sun = homes
    page = tmp_path / "v.html"
    arguments = ("--solar", sun, "--price", "300", "--battery-kwh", "6", "--efficiency", "1", "--days", "3")
    data = data_of(gridloop("study", "vpp", load, *arguments, "--json", "--plot", page))
    rest, planned = data["ways"]["batteries rest"], data["ways"]["planned"]
    assert rest["cost"] == approx(3 * 3 * (14 * 0.5 + 6 * 3.0) * 0.3)
    assert rest["peak_kw"] == approx(9.0)
    # What was not imported, and what is left, came from the sun; the first night's charge comes from the grid.
    saved = 1e3 * (rest["import_mwh"] - planned["import_mwh"] + planned["left_mwh"])
    assert 0.5 * 3 * 3 * 6.0 < saved <= 3 * 3 * 6.0 + 1e-3
    assert planned["cost"] == approx(300 * planned["import_mwh"])
    assert planned["peak_kw"] < 9.0 and planned["cost"] < rest["cost"]
    assert data["homes"] == 3 and {row["home"] for row in data["by_home"]} == {"h1", "h2", "h3"}
    lines_of(page, "homes", "peaks")


def test_foresight_and_people(gridloop, homes):
    load, sun = homes
    said = gridloop("study", "vpp", load, "--solar", sun, "--price", "300", "--days", "2", "--foresight")
    assert said.code == 0 and said.err == ""
    assert "batteries rest" in said.out and "foresight" in said.out and "3 of 3 homes pay less." in said.out
    assert "carbon, t" not in said.out
    assert "Carbon is not known, and no plan counted it: give --carbon FILE." in said.out


def test_carbon_of_the_grid_beside_the_bill(gridloop, homes, tmp_path):
    """0.5 t/MWh by night, 0.2 by day, in quarter hours and kilograms: at rest 14 h of 0.5 kW and 6 h of 3 kW a home."""
    load, sun = homes
    index = pd.date_range("2026-01-05", periods=4 * 240, freq="15min", tz="UTC")
    values = np.where((index.hour >= 18) | (index.hour < 6), 500.0, 200.0)
    file = tmp_path / "c.csv"
    pd.DataFrame({"valid_at": index, "carbon_kg_per_mwh": values, "else": "x"}).to_csv(file, index=False)
    asked = ("study", "vpp", load, "--solar", sun, "--price", "300", "--days", "2", "--carbon", file)
    ways = data_of(gridloop(*asked, "--json"))["ways"]
    night, day = 6 * 3.0 + 6 * 0.5, 8 * 0.5
    assert ways["batteries rest"]["carbon_t"] == approx(2 * 3 * 1e-3 * (0.5 * night + 0.2 * day))
    assert 0 < ways["planned"]["carbon_t"] < ways["batteries rest"]["carbon_t"]
    said = gridloop(*asked)
    assert "carbon, t" in said.out and "t of carbon instead of 0.068." in said.out
    without = data_of(gridloop(*asked[:-2], "--json"))["ways"]
    assert without["batteries rest"]["carbon_t"] is None  # missing is not zero


def test_carbon_that_ends_early_is_refused(gridloop, homes, tmp_path):
    load, _ = homes
    file = tmp_path / "c.csv"
    pd.DataFrame({"valid_at": hours(2), "carbon_t_per_mwh": 0.4}).to_csv(file, index=False)
    said = gridloop("study", "vpp", load, "--price", "300", "--carbon", file)
    assert said.code == 2 and "c.csv lacks 192 of 240 intervals" in said.err and "the carbon from" in said.err


# ----- what is said of bad files and options


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("battery", "nope.csv"), "there is no file"),
        (("battery", "p.csv", "--days", "9"), "p.csv covers 2026-01-05"),
        (("battery", "p.csv", "--zone", "Mars"), "--zone 'Mars' is unknown"),
        (("battery", "p.csv", "--efficiency", "2"), "efficiency"),
        (("battery", "p.csv", "--plot", "p.png"), "a plot is a page"),
        (("ev", "p.csv"), "is missing"),
        (("ev", "cars.csv", "--zone", "UTC", "--first", "2030-01-01"), "No session begins between 2030-01-01"),
        (("ev", "cars.csv", "cars.csv", "--zone", "UTC"), "1 of 2 sessions stand in more than one file (a)"),
        (("dr", "load.csv", "--prices", "p.csv"), "p.csv lacks 192 of 240 intervals"),
        (("ev", "cars.csv", "--zone", "UTC", "--first", "soon"), "--first 'soon' is no day"),
        (("ev", "cars.csv", "--zone", "UTC", "--limit-kw", "0"), "--limit-kw is 0; it must be above zero"),
        (("ev", "cars.csv", "--zone", "UTC", "--prices", "short.csv"), "short.csv lacks"),
        (("dr", "load.csv"), "give --prices FILE, or --price"),
        (("dr", "load.csv", "--price", "200"), "62 days are needed before the first"),
        (("dr", "load.csv", "--price", "1", "--prices", "p.csv"), "two tariffs; give one"),
        (("dr", "below.csv", "--price", "200"), "below.csv: 1 of 240 values of loads are below zero (columns h1)"),
        (("dr", "twice.csv", "--price", "200"), "twice.csv: 1 of 241 times stand twice"),
        (("dr", "off.csv", "--price", "200"), "1 of 240 times are off the usual step"),
        (("vpp", "gap.csv", "--price", "200"), "gap.csv: 2 of 240 values are missing (columns h1)"),
        (("vpp", "load.csv", "--price", "200", "--days", "4"), "--days can be 1 … 3"),
        (("vpp", "load.csv", "--price", "200", "--solar", "other.csv"), "need the same homes and hours"),
        (("vpp", "load.csv", "--price", "200", "--battery-kwh", "0"), "must be above zero"),
        (("vpp", ".", "--start", "2016-08-01"), "has no offset from UTC"),
    ],
)
def test_one_line_for_what_is_wrong(gridloop, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    prices("p.csv", hours(2), 50.0)
    prices("short.csv", hours(1), 50.0)
    start = pd.Timestamp("2026-01-05 08:00", tz="UTC")
    car = {"id": ["a"], "bus": "y", "arrival": start, "departure": start + pd.Timedelta(hours=2), "energy_kwh": 5.0}
    pd.DataFrame({**car, "max_charge_kw": 10.0}).to_csv("cars.csv", index=False)
    load = pd.DataFrame({"valid_at": hours(10), "h1": 1.0})
    load.to_csv("load.csv", index=False)
    load.rename(columns={"h1": "h2"}).to_csv("other.csv", index=False)
    load.assign(h1=load["h1"].where(load.index != 5, -1.0)).to_csv("below.csv", index=False)
    load.assign(h1=load["h1"].where(~load.index.isin([7, 8]))).to_csv("gap.csv", index=False)
    pd.concat([load, load.iloc[:1]]).to_csv("twice.csv", index=False)
    moved = load.copy()
    moved.loc[3, "valid_at"] += pd.Timedelta(minutes=7)
    moved.to_csv("off.csv", index=False)
    said = gridloop("study", *arguments)
    assert said.code == 2 and words in said.line, said.line
