"""Buildings, compressed air, batches and islands in the file of `gridloop schedule`: read, planned, told and shown."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from pytest import approx
from sites import HOURS, OFFICE, PRICES, write_sites

from gridloop.cli.schedule_file import read_schedule
from gridloop.optimize.building.model import BuildingModel
from gridloop.optimize.compressors.machine import Compressor
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.building import Building, Zone
from gridloop.optimize.devices.building_plant import HvacMachine
from gridloop.optimize.devices.compressor_station import CompressorStation
from gridloop.optimize.devices.process import After, Process, Stock, Task
from gridloop.optimize.problems.schedule import schedule


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_sites(tmp_path_factory.mktemp("sites"))


def _altered(folder, name, *changes, file="altered.toml"):
    text = (folder / f"{name}.toml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / file).write_text(text)
    return folder / file


# ----- buildings


def test_an_office_of_two_zones_is_what_its_file_says(folder):
    """Berlin is an hour ahead of UTC: open 7 to 11 there is 6 to 10, and the band holds at the ends of intervals."""
    (building,) = read_schedule(folder / "office.toml").devices
    desks, store = building.zones
    assert (
        isinstance(building, Building)
        and building.id == "office"
        and building.coupling == (("desks", "store", 0.0005),)
    )
    outdoor = np.linspace(-4.0, 5.5, 20)[2:14]
    assert building.outdoor_c == approx(outdoor)
    open_, kept = np.isin(np.arange(12), [6, 7, 8, 9]), np.isin(np.arange(12), [5, 6, 7, 8, 9])
    assert desks.occupied.tolist() == open_.tolist() == store.occupied.tolist()
    assert desks.min_c.tolist() == np.where(kept, 20.0, 16.0).tolist()
    assert desks.max_c.tolist() == np.where(kept, 24.0, 28.0).tolist()
    assert store.min_c.tolist() == np.where(kept, 15.0, 12.0).tolist()
    assert (desks.cooling, store.cooling, store.max_heat_mw, store.initial_c) == ("cooling", None, 0.02, 15.0)
    assert desks.sun_w_m2 == approx(np.full(12, 100.0)) and desks.model.values["sun_m2"] == 10.0
    pump, boiler = building.machines
    assert pump.cop == approx(3.0 + outdoor / 5.0) and pump.part_load == ((0.5, 1.1), (1.0, 1.0))
    assert (boiler.id, boiler.kind, boiler.cop, boiler.fuel_eur_per_mwh) == ("gas", "boiler", 0.92, 60.0)


def test_one_room_costs_what_the_same_costs_in_python(folder, gridloop):
    text = (
        OFFICE.split("open_from")[0]
        + """
initial_c = 20.0
model = { indoor_mwh_per_k = 0.004, indoor_outdoor_mw_per_k = 0.001 }
[[building.machine]]
kind = "heat_pump"
capacity_mw = 0.06
supply_c = 45
"""
    )
    (folder / "room.toml").write_text(text)
    outdoor = np.linspace(-4.0, 5.5, 20)[2:14]
    model = BuildingModel.of(indoor_mwh_per_k=0.004, indoor_outdoor_mw_per_k=0.001)
    same = Building(
        [Zone(model, 20.0, 24.0, 20.0)], [HvacMachine.heat_pump(0.06, outdoor, supply_c=45)], outdoor, id="office"
    )
    plan = schedule([same], pd.Series(PRICES, index=HOURS))
    data = json.loads(gridloop("schedule", folder / "room.toml", "--json").out)
    assert data["cost"] == approx(plan.cost, abs=1e-9)
    assert data["profile"]["office"]["p_mw"] == approx(plan.of("office", "p_mw").tolist(), abs=1e-12)
    assert data["starts"] == [t.isoformat() for t in HOURS] and data["hours"] == [1.0] * 12
    room = data["devices"]["office"]["zones"]["room"]
    assert room["outside_h"] == 0.0 and room["lowest_c"] == approx(20.0, abs=1e-6)


def test_quarters_of_an_hour_take_the_hour_of_the_weather(folder):
    quarters = pd.date_range(HOURS[0], periods=8, freq="15min", name="valid_at")
    pd.DataFrame({"eur_per_mwh": 50.0}, index=quarters).to_csv(folder / "quarters.csv")
    (building,) = read_schedule(_altered(folder, "office", ("prices.csv", "quarters.csv"))).devices
    hourly = np.linspace(-4.0, 5.5, 20)[2:4]
    assert building.outdoor_c == approx(np.repeat(hourly, 4))


def test_a_house_is_identified_from_its_readings_and_begins_as_they_end(folder, gridloop):
    """The readings are of 0.005 MWh/K and 0.0005 MW/K; the last is of the begin of the plan."""
    said = gridloop("schedule", folder / "house.toml", "--json")
    assert said.code == 0, said.err
    zone = json.loads(said.out)["devices"]["house"]["zones"]["room"]
    assert zone["model"]["loss_mw_per_k"] == approx(0.0005, rel=0.05)
    assert zone["model"]["readings"] == 240 and zone["model"]["rmse_k"] < 0.3
    (building,) = read_schedule(folder / "house.toml").devices
    last = pd.read_csv(folder / "house.csv")["indoor_c"].iloc[-1]
    assert building.zones[0].start[0] == approx(last, abs=0.1)
    assert building.zones[0].model.values["indoor_mwh_per_k"] == approx(0.005, rel=0.05)
    text = gridloop("schedule", folder / "house.toml").out
    assert "The model of room was identified from 240 readings (indoor); a day ahead it erred by" in text


# ----- compressed air


def test_a_station_is_planned_with_its_machines_as_they_stand(folder, gridloop):
    (station,) = read_schedule(folder / "air.toml").devices
    assert station.machines[0] == Compressor.fixed_speed("F", 15.5, 97.0)
    variable = station.machines[1]
    assert (variable.control, variable.on_before, variable.hours_run, variable.idle_kw) == ("variable", True, 1200, 11)
    used = np.array([4.0, 4, 4, 4, 12, 20, 20, 20, 12, 8, 4, 4])
    same = CompressorStation(station.machines, used, 12.0, 6.2, 7.2, 6.6, 1.0)
    plan = schedule([same], pd.Series(PRICES, index=HOURS))
    data = json.loads(gridloop("schedule", folder / "air.toml", "--json").out)
    assert data["cost"] == approx(plan.cost, rel=1e-9)
    found = data["devices"]["air"]
    assert found["air_m3"] == approx(60 * used.sum()) and 6.2 <= found["lowest_bar"] <= found["highest_bar"] <= 7.2
    on = plan.wide("on")
    for machine in ("F", "V"):
        assert found["machines"][machine]["running_h"] == on[f"air/{machine}"].sum()
    assert found["machines"]["V"]["starts"] == int((np.diff([1, *on["air/V"]]) > 0).sum())  # it ran before
    text = gridloop("schedule", folder / "air.toml").out
    assert "allowed are 6.2 … 7.2" in text and '"gridloop study compressors" sets a cascade beside a plan' in text


def test_a_station_without_any_use_of_air_has_no_energy_per_air(folder, gridloop):
    """Its leaks alone are fed: no figure per m³ is told, and none stands in JSON."""
    path = _altered(folder, "air", ('"air.csv:used"', "0.0"))
    said = gridloop("schedule", path, "--json")
    air = json.loads(said.out, parse_constant=lambda what: pytest.fail(what))["devices"]["air"]
    assert air["air_m3"] == 0.0 and air["energy_mwh"] > 0 and air["kwh_per_m3"] is None
    text = gridloop("schedule", path).out
    assert "for 0 m³ of air that is used; its pressure" in " ".join(text.split()) and "nan" not in text


# ----- batches


def test_batches_in_tables_and_in_a_file_are_the_same(folder):
    (given,) = read_schedule(folder / "shop.toml").devices
    hour = pd.Timedelta(hours=1)
    ten, twelve = HOURS[10], HOURS[0] + 12 * hour
    melt = Task("melt", [4.0, 5.0], hour, {"furnace": 1, "crew": 2}, due=ten)
    cast = Task("cast", [0.5], hour, {"caster": 1, "crew": 1}, gives={"billets": 2},
                after=(After("melt", most=hour),), due=twelve, late_cost=100.0)  # fmt: skip
    assert given == Process(
        [melt, cast], {"furnace": 1, "caster": 1, "crew": 3}, {"billets": Stock(1.0, most=4.0)}, "shop"
    )
    head = (folder / "shop.toml").read_text().split("[[process.task]]")[0]
    (folder / "table.toml").write_text(head.replace('id = "shop"', 'id = "shop"\ntasks = "orders.csv"'))
    (listed,) = read_schedule(folder / "table.toml").devices
    assert listed.tasks[0] == melt
    assert listed.tasks[1].after == ("melt",) and listed.tasks[1].holds == cast.holds and listed.tasks[1].due == twelve


def test_batches_may_be_numbered(folder):
    """Ids are texts as they are written, where an empty cell beside them is no reason to read 1 as 1.0."""
    (folder / "numbered.csv").write_text("id,profile_mw,after,late_cost\n1,4,,\n2,0.5;1,1,20\n007,1e0,1; 2,\nNA,1,,\n")
    head = (folder / "shop.toml").read_text().split("[[process.task]]")[0]
    (folder / "table.toml").write_text(head.replace('id = "shop"', 'id = "shop"\ntasks = "numbered.csv"'))
    (listed,) = read_schedule(folder / "table.toml").devices
    assert [task.id for task in listed.tasks] == ["1", "2", "007", "NA"]
    assert [task.after for task in listed.tasks] == [(), ("1",), ("1", "2"), ()]
    assert [list(task.profile_mw) for task in listed.tasks] == [[4.0], [0.5, 1.0], [1.0], [1.0]]
    assert [task.late_cost for task in listed.tasks] == [None, 20.0, None, None]


def test_batches_are_told_with_their_times(folder, gridloop):
    """The cheapest two hours for 4 and 5 MW by ten o'clock UTC, and casting within an hour of it."""
    data = json.loads(gridloop("schedule", folder / "shop.toml", "--json").out)
    tasks = data["devices"]["shop"]["tasks"]
    best = min(range(9), key=lambda k: 4 * PRICES[k] + 5 * PRICES[k + 1])
    assert tasks["melt"]["begin"] == HOURS[best].isoformat() and tasks["melt"]["energy_mwh"] == 9.0
    assert HOURS[best + 2] <= pd.Timestamp(tasks["cast"]["begin"]) <= HOURS[best + 3]
    assert all(task["late_h"] == 0.0 for task in tasks.values())
    text = gridloop("schedule", folder / "shop.toml").out
    assert "shop takes 9.500 MWh for 2 batches; none is late." in text
    assert "Batches of shop" in text and "02:00" in text  # Berlin's clock


# ----- islands


def test_an_island_has_its_reserve_but_while_the_connection_is_open(folder, gridloop):
    """0.2 MW for two hours through an efficiency of 95 %; in the two open hours it may be used."""
    site = read_schedule(folder / "farm.toml")
    reserve = next(device for device in site.devices if device.id == "island reserve")
    open_ = np.isin(np.arange(12), [6, 7])
    assert reserve.needed.tolist() == (~open_).tolist()
    assert reserve.batteries == tuple(device for device in site.devices if isinstance(device, Battery))
    assert site.connection.outages[0] == (HOURS[6], HOURS[8]) and site.connection.grid_forming == ("box",)
    data = json.loads(gridloop("schedule", folder / "farm.toml", "--json").out)
    kept = data["profile"]["island reserve"]["reserve_mwh"]
    assert kept == approx(np.where(open_, 0.0, 0.4 / 0.95).tolist())
    found = data["devices"]["island reserve"]
    assert found["batteries"] == ["box"] and found["short_first"] is None and found["spare_least_mwh"] >= -1e-9
    assert np.allclose(np.array(data["profile"]["connection"]["import_mw"])[open_], 0.0)
    text = gridloop("schedule", folder / "farm.toml").out
    assert "For 2 h the connection is open and box forms the island: all load is served then." in text
    assert "would cost" in text and "were the connection never open and import" in text


def test_what_cannot_be_kept_is_told_with_what_would_help(folder, gridloop):
    said = gridloop("schedule", _altered(folder, "farm", ("duration_h = 2", "duration_h = 24")))
    assert said.code == 0 and "h that is not to be had: up to" in said.out and "shorter duration_h" in said.out


# ----- the page


@pytest.mark.parametrize(
    ("name", "chart", "words"),
    [
        ("office", "chart-rooms", "office: desks"),
        ("air", "chart-machines", "band of pressure"),
        ("shop", "chart-batches", "furnace + crew"),
        ("farm", "chart-island", "kept for an island"),
    ],
)
def test_every_kind_has_its_part_of_the_page(folder, gridloop, name, chart, words):
    page = folder / f"{name}.html"
    assert gridloop("schedule", folder / f"{name}.toml", "--plot", page).code == 0
    text = page.read_text()
    assert f'id="{chart}"' in text and words in text and "https://" not in text.split("<script>")[0]
    assert "q_mvar" not in text  # nothing reactive is set where there is no network


def test_all_of_them_in_one_file(folder, gridloop):
    """Each kind keeps its own rules beside the others, and their costs without a common limit add up."""
    parts = [(folder / f"{name}.toml").read_text().split("[prices]\nfile = \"prices.csv\"\n") for name in
             ("farm", "office", "air", "shop")]  # fmt: skip
    (folder / "all.toml").write_text(parts[0][0] + '[prices]\nfile = "prices.csv"\n' + "".join(p[1] for p in parts))
    text = (
        (folder / "all.toml").read_text().replace("import_limit_mw = 1.0\n", "").replace("min_soc = 0.1", "min_soc = 0")
    )
    closed = text.replace('outages = [[2026-03-02T06:00:00Z, "2026-03-02T08:00Z"]]\n', "")
    (folder / "all.toml").write_text(closed)
    data = json.loads(gridloop("schedule", folder / "all.toml", "--no-compare", "--gap", "0.001", "--json").out)
    assert data["status"] == "optimal" and set(data["devices"]) == {"office", "air", "shop", "island reserve"}
    alone = 0.0
    for name, changes in (
        ("office", ()), ("air", ()), ("shop", ()),
        ("farm", (("import_limit_mw = 1.0\n", ""), ("min_soc = 0.1", "min_soc = 0"),
                  ('outages = [[2026-03-02T06:00:00Z, "2026-03-02T08:00Z"]]\n', ""))),
    ):  # fmt: skip
        file = _altered(folder, name, *changes)
        alone += json.loads(gridloop("schedule", file, "--no-compare", "--json").out)["cost"]
    assert data["cost"] == approx(alone, rel=2e-3)  # the gap that is asked for, twice
