"""`gridloop schedule SITE.toml`: a plan for people and programs, a page, and what is said of a bad file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from gridloop.cli.schedule_file import read_schedule
from gridloop.io.folder import write_network
from gridloop.testing import village

HOURS = pd.date_range("2026-06-15", periods=6, freq="h", tz="UTC")

SITE = """
name = "Yard"
timezone = "Europe/Berlin"

[prices]
file = "prices.csv"

[connection]
import_limit_mw = 3.0

[[battery]]
id = "box"
capacity_mwh = 2.0
max_charge_mw = 1.0
max_discharge_mw = 1
charge_efficiency = 1.0
discharge_efficiency = 0.9
initial_soc = 0.0
degradation_cost = 5.0
end_value_per_mwh = 0.0

[[load]]
id = "hall"
p_mw = "base.csv:hall_mw"

[[renewable]]
id = "roof"
available_mw = [0, 0, 0.2, 0.4, 0.2, 0]

[[ev_fleet]]
sessions = "cars.csv"
"""


@pytest.fixture
def site(tmp_path):
    pd.DataFrame({"valid_at": HOURS, "eur_per_mwh": [60.0, 20, 20, 60, 140, 60]}).to_csv(
        tmp_path / "prices.csv", index=False
    )
    pd.DataFrame({"time": HOURS, "hall_mw": 0.5}).to_csv(tmp_path / "base.csv", index=False)
    pd.DataFrame(
        {
            "session": ["a", "b"],
            "bus": "",
            "arrival": HOURS[0],
            "departure": [HOURS[4], HOURS[5]],
            "energy_mwh": [0.04, 0.02],
            "max_charge_mw": 0.02,
        }
    ).to_csv(tmp_path / "cars.csv", index=False)
    file = tmp_path / "site.toml"
    file.write_text(SITE)
    return file


def test_a_plan_for_programs_beside_the_devices_left_alone(gridloop, site, tmp_path):
    out, page = tmp_path / "plan.csv", tmp_path / "plan.html"
    said = gridloop("schedule", site, "--json", "--out", out, "--plot", page)
    data = json.loads(said.out)
    assert said.code == 0 and data["status"] == "optimal"
    assert data["cost"] == approx(sum(data["parts"].values()), abs=1e-6)
    # Left alone: the hall 3 MWh less 0.8 of the roof at each hour's price, the cars at once at 60, 20 and 20.
    hall = 0.5 * (60 + 20 + 20 + 60 + 140 + 60) - (0.2 * 20 + 0.4 * 60 + 0.2 * 140)
    cars = 0.02 * (60 + 20) + 0.02 * 60
    assert data["left_alone"]["parts"]["import"] + data["left_alone"]["parts"]["export"] == approx(
        hall + cars, abs=1e-3
    )
    assert data["left_alone"]["cost"] > data["cost"]
    table = pd.read_csv(out)
    power = table[(table["device"] == "box") & (table["quantity"] == "p_mw")]["value"].to_numpy()
    assert np.allclose(power, [0, 1, 1, -0.8, -1, 0], atol=1e-5)
    assert {row["device"] for row in data["setpoints"]} == {"box", "hall", "roof", "a", "b"}
    assert all(row["why"] for row in data["setpoints"])
    text = page.read_text()
    assert 'id="chart-profile"' in text and "left alone" in text and "https://" not in text.split("<script>")[0]


def test_a_plan_for_people(gridloop, site):
    site.write_text(site.read_text().replace("[0, 0, 0.2, 0.4, 0.2, 0]", "0.1"))
    said = gridloop("schedule", site, "--steps", "4", "--start", "2026-06-15T01:00Z")
    assert said.code == 0 and said.err == ""
    lines = said.out.splitlines()
    assert lines[0] == "Yard: 4 devices, 4 intervals from 2026-06-15 03:00 to 2026-06-15 07:00 Europe/Berlin"
    assert lines[1].startswith("Cost ") and "Left alone the same devices would cost" in said.out
    assert "charges because energy is cheap here" in said.out


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("capacity_mwh = 2.0", "capacity_mwh = 2.0\nsize = 3", "[battery] has no key size; allowed are capacity_mwh"),
        ("capacity_mwh = 2.0", "", "[battery] lacks capacity_mwh"),
        ("capacity_mwh = 2.0", 'capacity_mwh = "two"', "[battery] capacity_mwh is 'two'; a number is needed"),
        ("[[battery]]", "[[batery]]", "has no section batery; allowed are name"),
        ("base.csv:hall_mw", "base.csv:mill_mw", "base.csv has no column mill_mw; it has hall_mw"),
        ("base.csv:hall_mw", "else.csv:hall_mw", "There is no file"),
        ("[0, 0, 0.2, 0.4, 0.2, 0]", "[0, 0]", "available_mw has 2 values for 6 intervals"),
        ('file = "prices.csv"', 'file = "base.csv"', "base.csv has no column import_eur_per_mwh"),
        ("import_limit_mw = 3.0", "import_limit_mw = -3.0", "import_limit_mw is -3.0; it must not be negative"),
        ('name = "Yard"', 'name = "Yard', "is not valid TOML"),
        ("Europe/Berlin", "Europe/Bielefeld", "timezone 'Europe/Bielefeld' is unknown"),
    ],
)
def test_what_is_wrong_is_named(gridloop, site, old, new, words):
    text = site.read_text()
    assert old in text
    site.write_text(text.replace(old, new))
    said = gridloop("schedule", site)
    assert said.code == 2 and said.out == ""
    assert words in said.err and len(said.err.splitlines()) == 1


def test_a_gap_in_a_series_is_named_and_not_filled(gridloop, site):
    table = pd.read_csv(site.parent / "base.csv")
    table.loc[2, "hall_mw"] = np.nan
    table.to_csv(site.parent / "base.csv", index=False)
    said = gridloop("schedule", site)
    assert said.code == 2
    assert "no number in hall_mw for 1 of 6 intervals, the first at 2026-06-15 02:00:00+00:00" in said.err


def test_rows_of_times_that_are_twice_there_are_refused(gridloop, site):
    table = pd.read_csv(site.parent / "prices.csv")
    pd.concat([table, table.tail(1)]).to_csv(site.parent / "prices.csv", index=False)
    said = gridloop("schedule", site)
    assert said.code == 2 and "prices.csv: times must rise, each once" in said.err


def test_the_file_in_the_guide_is_planned(gridloop, site):
    guide = Path(__file__).resolve().parents[2] / "docs" / "guides" / "schedule-file.md"
    table = pd.read_csv(site.parent / "base.csv").assign(roof_mw=0.1)
    table.to_csv(site.parent / "base.csv", index=False)
    site.write_text(guide.read_text(encoding="utf-8").split("```text\n")[1].split("```")[0])
    said = gridloop("schedule", site, "--steps", "6")
    assert said.code == 0 and said.out.startswith("Yard: 4 devices, 6 intervals")


@pytest.mark.parametrize("start", [0, 5])
def test_a_single_quarter_of_an_hour_is_no_hour(gridloop, site, start):
    """Half a megawatt for a quarter of an hour, at the first and at the last row of the prices."""
    quarters = pd.date_range(HOURS[0], periods=6, freq="15min")
    pd.DataFrame({"valid_at": quarters, "eur_per_mwh": 60.0}).to_csv(site.parent / "prices.csv", index=False)
    pd.DataFrame({"time": quarters, "hall_mw": 0.5}).to_csv(site.parent / "base.csv", index=False)
    site.write_text(SITE[: SITE.index("[[battery]]")] + '[[load]]\nid = "hall"\np_mw = "base.csv:hall_mw"\n')
    said = gridloop("schedule", site, "--start", quarters[start].isoformat(), "--steps", "1", "--json")
    assert json.loads(said.out)["cost"] == approx(0.25 * 0.5 * 60.0)


def test_devices_left_alone_are_said_to_have_no_network(gridloop, site, tmp_path):
    """Where there is a network, on the page and in the words; where there is none, nothing is said of it."""
    words = "reckoned without the network"
    assert words not in gridloop("schedule", site).out
    write_network(village(), tmp_path / "grid")
    site.write_text(
        'network = "grid"\n' + SITE[: SITE.index("[[battery]]")] + '[[load]]\nid = "hall"\nbus = "mill"\np_mw = 0.5\n'
    )
    page = tmp_path / "plan.html"
    said = gridloop("schedule", site, "--plot", page)
    assert said.code == 0, said.err
    assert words in said.out and words in page.read_text()


# ----- services, weights, files of markets

REGULATES = """
[prices]
file = "paid.csv"

[[battery]]
id = "box"
capacity_mwh = 2.0
max_charge_mw = 1.0
max_discharge_mw = 1.0

[battery.regulation]
energy_h = 0.5
called_up = 0.1
called_down = 0.1
"""


@pytest.fixture
def paid(tmp_path):
    """A flat price of 50, and 30 for a MW of regulation each way: the two MW between full charge and discharge pay."""
    index = pd.date_range("2026-06-15", periods=6, freq="h", tz="UTC")
    table = pd.DataFrame({"valid_at": index, "eur_per_mwh": 50.0})
    table.assign(regulation_up_eur_per_mw=30.0, regulation_down_eur_per_mw=30.0).to_csv(
        tmp_path / "paid.csv", index=False
    )
    file = tmp_path / "battery.toml"
    file.write_text(REGULATES)
    return file


def test_a_battery_sells_regulation_where_file_and_prices_say_so(gridloop, paid):
    """1 MW up and 1 MW down can be held at rest, six hours at 30 each: 360, less what calls lose and wear."""
    data = json.loads(gridloop("schedule", paid, "--json").out)
    parts = data["parts"]
    assert parts["regulation_up"] == approx(-180, abs=1.0) and parts["regulation_down"] == approx(-180, abs=1.0)
    paid.write_text(REGULATES.split("[battery.regulation]")[0])
    alone = json.loads(gridloop("schedule", paid, "--json").out)
    assert "regulation_up" not in alone["parts"] and alone["cost"] > data["cost"] + 300


def test_weights_of_a_file_are_heeded(gridloop, paid):
    """Regulation that counts for nothing is not held ready: what its calls lose and wear would still count."""
    paid.write_text(REGULATES + "\n[weights]\narbitrage = 1.0\nregulation = 0.0\n")
    data = json.loads(gridloop("schedule", paid, "--json").out)
    assert data["parts"]["regulation_up"] == approx(0.0, abs=1e-6)
    for text, words in (
        ("sun = 1", "weights: sun is no part of a plan's money; there are arbitrage, regulation"),
        ('regulation = "much"', "[weights] regulation is 'much'; a number is needed"),
        ("regulation = -1", "weights: regulation -1.0; a weight must not be negative"),
    ):
        paid.write_text(REGULATES + f"\n[weights]\n{text}\n")
        said = gridloop("schedule", paid)
        assert said.code == 2 and words in said.err


def test_a_file_of_a_market_is_read_as_it_is(gridloop, paid):
    """SMARD's: Berlin's clock, a column per zone; a fee on what is imported, a margin off what is exported."""
    rows = ["Date;Time of day;Here[€/MWh];There[€/MWh]"]
    rows += [f"Jun 15, 2026;{h or 12}:00 AM;{20 + h};90" for h in range(6)]
    (paid.parent / "smard.csv").write_text("\n".join(rows) + "\n")
    market = REGULATES.split("[battery.regulation]")[0].replace(
        'file = "paid.csv"', 'file = "smard.csv"\narea = "Here"\nnetwork_fee_per_mwh = 10\nmargin_per_mwh = 5'
    )
    paid.write_text('timezone = "Europe/Berlin"\n' + market)
    site = read_schedule(paid)
    assert site.prices["import_eur_per_mwh"].tolist() == [30, 31, 32, 33, 34, 35]
    assert site.prices["export_eur_per_mwh"].tolist() == [15, 16, 17, 18, 19, 20]
    assert site.prices.index[0] == pd.Timestamp("2026-06-14T22:00", tz="UTC")
    assert gridloop("schedule", paid).code == 0
    paid.write_text(market.replace('area = "Here"\n', ""))
    assert "no area was named; the file has Here, There" in gridloop("schedule", paid).err
    paid.write_text(market.replace("smard.csv", "else.csv"))
    assert "there is no file" in gridloop("schedule", paid).err


def test_drivers_are_told_what_is_planned_for_them(gridloop, site, tmp_path):
    """a takes 40 kWh at 20 kW from the second hour on, b 20 kWh: both are complete in time."""
    file = tmp_path / "events.jsonl"
    data = json.loads(gridloop("schedule", site, "--events", file, "--json").out)
    assert data["events"] == {"charging_start": 2, "charging_complete": 2, "schedule_change": 0, "cannot_be_met": 0}
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
    assert {(row["session"], row["event"]) for row in rows} == {
        (car, event) for car in "ab" for event in ("charging_start", "charging_complete")
    }
    assert sum(row["energy_mwh"] for row in rows if row["event"] == "charging_complete") == approx(0.06, abs=1e-6)
    said = gridloop("schedule", site, "--events", tmp_path / "events.csv")
    assert "Drivers are told: 2 charging starts, 2 complete, 0 schedules changed, 0 cannot be met." in said.out
    assert list(pd.read_csv(tmp_path / "events.csv")) == ["session", "event", "at", "energy_mwh", "text"]


def test_events_without_drivers_and_of_a_wrong_ending_are_refused(gridloop, site, paid, tmp_path):
    said = gridloop("schedule", paid, "--events", tmp_path / "e.csv")
    assert said.code == 2 and "battery.toml has none; add [[ev_fleet]]" in said.err
    said = gridloop("schedule", site, "--events", tmp_path / "e.txt")
    assert said.code == 2 and "ends in .jsonl or .csv or .parquet" in said.err


def test_emissions_beside_the_bill(gridloop, site):
    """The hall's carbon of every hour by what is imported, and by what is imported where nobody plans."""
    table = pd.read_csv(site.parent / "prices.csv").assign(carbon_t_per_mwh=[0.5, 0.1, 0.1, 0.3, 0.6, 0.6])
    table.to_csv(site.parent / "prices.csv", index=False)
    data = json.loads(gridloop("schedule", site, "--json", "--out", site.parent / "plan.csv").out)
    plan = pd.read_csv(site.parent / "plan.csv")
    net = plan[plan["quantity"] == "import_mw"]["value"].to_numpy()
    assert data["carbon_t"] == approx(float(net @ table["carbon_t_per_mwh"]))
    # Left alone: the hall less the roof, and the cars at once.
    alone = [0.54, 0.52, 0.3, 0.1, 0.3, 0.5]
    assert data["left_alone"]["carbon_t"] == approx(float(np.array(alone) @ table["carbon_t_per_mwh"]), abs=1e-4)
    said = gridloop("schedule", site)
    assert "What is imported emits" in said.out and "t of carbon (left alone" in said.out
    site.write_text(site.read_text().replace('file = "prices.csv"', 'file = "prices.csv"\ncarbon_t_per_mwh = 0.4'))
    data = json.loads(gridloop("schedule", site, "--json").out)
    assert data["left_alone"]["carbon_t"] == approx(0.4 * sum(alone), abs=1e-4)
    site.write_text(site.read_text().replace("carbon_t_per_mwh = 0.4", "carbon_t_per_mwh = -0.4"))
    assert "[prices] carbon_t_per_mwh is below zero in 6 of 6 intervals" in gridloop("schedule", site).err


def test_without_carbon_none_is_told(gridloop, site):
    assert "carbon_t" not in json.loads(gridloop("schedule", site, "--json").out)
    assert "carbon" not in gridloop("schedule", site).out
