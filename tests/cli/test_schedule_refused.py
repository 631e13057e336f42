"""Bad devices in a file of `gridloop schedule`: one line with who, when and the smallest change; nothing is written."""

from __future__ import annotations

import pandas as pd
import pytest
from sites import write_sites

ORDER = ("furnace=1", "oven=1")
CASES = {
    # the issue's own list
    "a COP below zero": (
        "office", [("cop_at = [[-5, 2.0], [5, 4.0]]", "cop = -1")],
        ["office: machine heat pump: its COP is -1 at 2026-03-02 00:00 UTC (12 of 12 intervals)", "must be above 0"],
    ),
    "a COP above Carnot": (
        "office", [("cop_at = [[-5, 2.0], [5, 4.0]]", "cop = 30")],
        ["machine heat pump: its COP reaches 33 at", "above Carnot's limit", "Multiply cop by 0."],
    ),
    "a curve of COPs above Carnot": (
        "office", [("[5, 4.0]]", "[5, 60.0]]")], ["its COP reaches", "above Carnot's limit", "or less"],
    ),
    "a band upside down": (
        "office", [("max_c = 24.0\nopen", "max_c = 19.5\nopen")],
        ["office: zone desks: its band is upside down in 5 of 12 intervals, the most at 2026-03-02 05:00 UTC: min_c 20 "
         "is above max_c 19.5. Lower min_c by 0.5 K there"],
    ),
    "a demand that no machines meet": (
        "air", [("F", "Fixed"), ("flow = 15.5", "flow = 10.0")],
        ["air: in 3 of 12 intervals no set of machines meets the demand, first at 2026-03-02 05:00 UTC: 20 m³/min",
         "m³/min are missing there", "would do in all of them"],
    ),
    "a receiver of no volume": (
        "air", [("volume_m3 = 12.0", "volume_m3 = 0")],
        ["[compressor_station]: CompressorStation air: volume_m3 is 0.0", "must be above zero"],
    ),
    "an island without a grid-forming source": (
        "farm", [('grid_forming = ["box"]\n', "")],
        ["from 2026-03-02 06:00:00+00:00 on (2 of 12 intervals) it is open, and grid_forming is empty: an island "
         "without a grid-forming source. Name one that can give power: box."],
    ),
    "a reserve without a source": (
        "farm", [('batteries = ["box"]', "batteries = []")],
        ["[island_reserve]: IslandReserve island reserve: an island without a grid-forming source"],
    ),
    "readings too short": (
        "house", [("house.csv", "short.csv")],
        ["[building] model short.csv: 100 h of indoor readings are too short to identify indoor (",
         "at least 168 h are needed, 68 h more"],
    ),
    # keys and values of the new tables
    "an unknown key of a machine": (
        "office", [("capacity_mw = 0.06", "capacity_kw = 60")],
        ["[[building.machine]] 1 has no key capacity_kw; allowed are id, kind, loop, capacity_mw"],
    ),
    "a list for the kind of a compressor": (
        "air", [('kind = "fixed_speed"', 'kind = ["fixed_speed"]')],
        ["kind is ['fixed_speed']; allowed are fixed_speed, variable_speed, modulating"],
    ),
    "a whole number beyond all others": (
        "air", [("volume_m3 = 12.0", "volume_m3 = 1" + "0" * 400)], ["volume_m3 is 1000", "a number is needed"],
    ),
    "an unknown kind of a machine": (
        "office", [('kind = "boiler"', 'kind = "stove"')],
        ["gas kind is 'stove'; allowed are heat pump, chiller, boiler"],
    ),
    "fuel of a heat pump": (
        "office", [("[5, 4.0]]", "[5, 4.0]]\nfuel_eur_per_mwh = 50")], ["a heat pump is electric"],
    ),
    "a key of another way to tell a COP": (
        "office", [("[5, 4.0]]", "[5, 4.0]]\nsupply_c = 50")], ["1 supply_c: not for a heat pump whose COP is given"],
    ),
    "weather outside a curve": (
        "office", [("[[-5, 2.0]", "[[0, 2.0]")],
        ["cop_at goes from 0 to 5 °C; outside it is -3 °C at 2026-03-02 00:00 UTC. Add a point for -3 °C."],
    ),
    "a machine without capacity": ("office", [("capacity_mw = 0.06\n", "")], ["1 lacks capacity_mw (or capacity_at"]),
    "an unknown key of a zone": (
        "office", [("max_heat_mw = 0.02", "max_heat_kw = 20")], ["[building] zone 2 has no key max_heat_kw; allowed"],
    ),
    "an unknown number of a model": (
        "office", [("sun_m2 = 10.0", "window_m2 = 10.0")],
        ["[building] zone desks model has no key window_m2; allowed are indoor_mwh_per_k"],
    ),
    "sun that nobody knows": (
        "office", [('weather = "weather.csv"', "outdoor_c = 0.0"), ("[[-5,", "[[-1,")],
        ["zone desks lacks sun_w_m2: its model has sun_m2, and missing is not zero"],
    ),
    "weather that ends too early": (
        "office", [("weather.csv", "early.csv")],
        ["[building] weather: early.csv goes from", "8 of 12 intervals of the plan lie outside, the first at "
         "2026-03-02 04:00:00+00:00"],
    ),
    "no weather at all": ("office", [('weather = "weather.csv"\n', "")], ["needs the outside temperature, one way"]),
    "hours that do not rise": (
        "office", [("open_to = 11", "open_to = 5")], ["is open from 7 to 5; local hours must rise"],
    ),
    "a day that is none": ("office", [('"tue"', '"feast"')], ["workdays is ['mon', 'feast']; a list of mon, tue, wed"]),
    "a band of closed hours without hours": (
        "office", [("open_from = 7\nopen_to = 11\nworkdays = [\"mon\", \"tue\"]\n", "")],
        ["nobody says when it is closed; give open_from and open_to, or occupied"],
    ),
    "rooms told twice": (
        "house", [("[building.model]", "[[building.zone]]\n[building.model]")], ["needs its rooms, one way"],
    ),
    "readings of another time": (
        "house", [("house.csv", "old.csv")],
        ["[building] lacks initial_c: the readings that are nearest to the plan's"],
    ),
    "readings and numbers": (
        "house", [('states = ["indoor"]', "sun_m2 = 3")], ["model gives readings and sun_m2; one way of the two"],
    ),
    "carbon that nobody knows": (
        "office", [("max_c = 24.0\nopen", "max_c = 24.0\ncarbon_eur_per_t = 80\nopen")],
        ["carbon_eur_per_t needs the carbon of the grid: give carbon_t_per_mwh, here or in [prices]"],
    ),
    "a kind of compressor": (
        "air", [('"fixed_speed"', '"screw"')], ["[[compressor_station.machine]] F: kind is 'screw'"],
    ),
    "a station without machines": (
        "air", [("[[compressor_station.machine]]", "[[compressor_station.engine]]")],
        ["[compressor_station] has no key engine; allowed are machine, demand_m3_per_min"],
    ),
    "a task that cannot end": (
        "shop", [("10:00:00Z", "01:00:00Z")],
        ["shop: task melt (2 h) cannot end between 2026-03-02 00:00 UTC and due 2026-03-02 01:00 UTC", "would do"],
    ),
    "a resource that is not there": (
        "shop", [("holds = { furnace = 1", "holds = { oven = 1")], ["task melt holds oven, which is no resource"],
    ),
    "an unknown key of a task": (
        "shop", [("profile_mw = 0.5", "power_mw = 0.5")], ["[[process.task]] cast has no key power_mw; allowed are id"],
    ),
    "a length of time without unit": (
        "shop", [('profile_step = "1h"', "profile_step = 1")],
        ["[[process.task]] melt profile_step is 1; a length of time such as 15min is needed"],
    ),
    "a number in a table of batches": (
        "shop", [('[[process.task]]\nid = "melt"', 'tasks = "bad.csv"\n[[process.other]]\nid = "melt"')],
        ["[process] has no key other"],
    ),
    "batches told twice": (
        "shop", [('id = "shop"', 'id = "shop"\ntasks = "orders.csv"')], ["needs its batches, one way"],
    ),
    "a battery that is not there": (
        "farm", [('batteries = ["box"]', 'batteries = ["cow"]')],
        ["[island_reserve] batteries names cow, which is no [[battery]] of this file; there are box."],
    ),
    "half an outage": (
        "farm", [(', "2026-03-02T08:00Z"]]', "]]")], ["[connection] outages has", "a list of lists of 2 is needed"],
    ),
    "an outage that ends before it begins": (
        "farm", [("08:00Z", "05:00Z")], ["[connection]: Connection connection: the outage", "ends before it begins"],
    ),
    "a source that is one text": (
        "farm", [('grid_forming = ["box"]', 'grid_forming = "box"')],
        ["[connection] grid_forming is 'box'; a list of texts is needed"],
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = write_sites(tmp_path_factory.mktemp("refused"))
    house = pd.read_csv(found / "house.csv")
    house.tail(100).to_csv(found / "short.csv", index=False)
    house.assign(valid_at=pd.to_datetime(house["valid_at"]) - pd.Timedelta(days=90)).to_csv(
        found / "old.csv", index=False
    )
    pd.read_csv(found / "weather.csv").head(6).to_csv(found / "early.csv", index=False)
    return found


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused_with_who_and_what_would_help(folder, gridloop, case):
    name, changes, words = CASES[case]
    text = (folder / f"{name}.toml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "bad.toml").write_text(text)
    written = {"--out": folder / "bad_plan.csv", "--plot": folder / "bad_page.html"}
    said = gridloop("schedule", folder / "bad.toml", *(part for pair in written.items() for part in pair))
    assert said.code == 2 and said.out == ""
    assert len(said.err.splitlines()) == 1 and "Traceback" not in said.err
    for each in words:
        assert each in said.err
    assert "bad.toml" in said.err  # which file
    assert not any(file.exists() for file in written.values())


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("profile_mw", "4.0; five", "orders_bad.csv, line 2 profile_mw is 'five'; a number is needed"),
        ("profile_step", "soon", "line 2 profile_step is 'soon'; a length of time such as 15min is needed"),
        ("holds", "furnace", "line 2 holds is 'furnace'; units by name are needed"),
        ("due", "tomorrow", "line 2 due is 'tomorrow'; a time such as"),
        ("after", "cut", "task melt follows cut, which is no task of this process"),
    ],
)
def test_a_table_of_batches_is_refused_with_its_line(folder, gridloop, column, value, words):
    table = pd.read_csv(folder / "orders.csv", dtype=object)
    table.loc[0, column] = value
    table.to_csv(folder / "orders_bad.csv", index=False)
    head = (folder / "shop.toml").read_text().split("[[process.task]]")[0]
    (folder / "bad.toml").write_text(head.replace('id = "shop"', 'id = "shop"\ntasks = "orders_bad.csv"'))
    said = gridloop("schedule", folder / "bad.toml")
    assert said.code == 2 and words in said.err and len(said.err.splitlines()) == 1


def test_rows_with_more_cells_than_columns_are_refused(folder, gridloop):
    """Not read one column further to the left."""
    (folder / "orders_bad.csv").write_text("id,profile_mw\n1,4,0\n2,5,0\n")
    head = (folder / "shop.toml").read_text().split("[[process.task]]")[0]
    (folder / "bad.toml").write_text(head.replace('id = "shop"', 'id = "shop"\ntasks = "orders_bad.csv"'))
    said = gridloop("schedule", folder / "bad.toml")
    assert said.code == 2 and "orders_bad.csv: its rows have more cells than its first line" in said.err


@pytest.mark.parametrize("option", ["--out", "--plot", "--events"])
def test_what_a_site_is_read_from_is_never_written_over(folder, gridloop, option):
    ending = {"--out": ".csv", "--plot": ".html", "--events": ".csv"}[option]
    before = (folder / "air.csv").read_bytes()
    (folder / f"used{ending}").write_bytes(before)
    (folder / "bad.toml").write_text((folder / "air.toml").read_text().replace("air.csv:", f"used{ending}:"))
    said = gridloop("schedule", folder / "bad.toml", option, folder / f"used{ending}")
    assert said.code == 2 and f"{option} used{ending} is a file that the site is read from" in said.err
    assert (folder / f"used{ending}").read_bytes() == before


def test_a_site_that_cannot_be_planned_says_so_with_code_3(folder, gridloop):
    """A stock that must not fall below what nobody makes: no key is wrong, and no plan is there."""
    text = (folder / "shop.toml").read_text().replace("most = 4", "most = 4\nleast = 1")
    text = text.replace("gives = { billets = 2 }", "takes = { billets = 1 }")
    (folder / "stuck.toml").write_text(text.replace("late_cost = 100\n", ""))
    said = gridloop("schedule", folder / "stuck.toml", "--json")
    assert said.code == 3 and '"status": "infeasible"' in said.out and '"devices": {}' in said.out
