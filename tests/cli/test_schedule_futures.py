"""Several futures in the file of `gridloop schedule`: one decision for all, told with what knowing more is worth."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from pytest import approx

HOURS = pd.date_range("2026-06-15 16:00", periods=2, freq="h", tz="UTC", name="valid_at")
STORE = """
[prices]
file = "dear.csv"

[robust]
level = 0.5

[[scenario]]
name = "dear"

[[scenario]]
name = "cheap"
prices = "cheap.csv"

[[battery]]
id = "store"
capacity_mwh = 1.0
max_charge_mw = 1.0
max_discharge_mw = 1.0
charge_efficiency = 1.0
discharge_efficiency = 1.0
initial_soc = 0.0
degradation_cost = 0.0
end_value_per_mwh = 0.0
early_cost = 0.0

[[load]]
id = "yard"
p_mw = 0.0
"""


@pytest.fixture
def file(tmp_path):
    """A MWh costs 20 now and 60 later; it brings 50 later in one future and costs 20 to give away in the other."""
    for name, later in (("dear", 50.0), ("cheap", -20.0)):
        prices = {"import_eur_per_mwh": [20.0, 60.0], "export_eur_per_mwh": [20.0, later]}
        pd.DataFrame(prices, index=HOURS).to_csv(tmp_path / f"{name}.csv")
    found = tmp_path / "store.toml"
    found.write_text(STORE)
    return found


def test_one_decision_for_two_futures(gridloop, file, tmp_path):
    """Charging earns 30 or loses 20: 5 in the mean, where the mean price of 15 would not have charged."""
    out, page = tmp_path / "plan.csv", tmp_path / "plan.html"
    data = json.loads(gridloop("schedule", file, "--json", "--out", out, "--plot", page).out)
    assert data["status"] == "optimal"
    assert (data["mean"], data["cvar"]) == (approx(-5.0), approx(20.0))
    assert (data["value_of_stochastic"], data["value_of_information"]) == (approx(5.0), approx(10.0))
    assert {row["scenario"]: row["cost"] for row in data["scenarios"]} == {"dear": approx(-30), "cheap": approx(20)}
    power = {name: profile["store"]["p_mw"] for name, profile in data["profile"].items()}
    assert power == {"dear": approx([1.0, -1.0]), "cheap": approx([1.0, 0.0], abs=1e-6)}
    table = pd.read_csv(out)
    assert next(iter(table.columns)) == "scenario" and set(table["scenario"]) == {"dear", "cheap"}
    text = page.read_text()
    assert 'id="chart-futures"' in text and "had it been known" in text and "https://" not in text.split("<script>")[0]


def test_who_minds_the_dear_future_does_not_bet(gridloop, file):
    file.write_text(STORE.replace("level = 0.5", "level = 0.5\nrisk = 0.5"))
    assert json.loads(gridloop("schedule", file, "--json").out)["cvar"] == approx(0.0, abs=1e-6)


def test_futures_for_people(gridloop, file):
    said = gridloop("schedule", file)
    assert said.code == 0 and said.err == ""
    assert "best for 2 futures together: −5.00 on average, 20.00 where it comes dear." in said.out
    assert "Who plans for their mean only pays 5.00 more." in said.out
    assert "To know which one comes would save 10.00." in said.out
    assert "one for all futures" in said.out and "had it been known" in said.out


def test_series_of_a_device_differ(gridloop, file):
    """A yard takes 1 MW at 20 in one future, where the store cannot charge: so it charges in neither, one decision."""
    two = STORE.split("[[scenario]]")[0] + '[[scenario]]\nname = "none"\n[[scenario]]\nname = "one"\nweight = 3\n'
    two += 'series = { "yard.p_mw" = [1.0, 0.0], "store.max_charge_mw" = 0.0 }\n[[battery]]'
    file.write_text(two + STORE.split("[[battery]]")[1])
    data = json.loads(gridloop("schedule", file, "--json").out)
    assert {row["scenario"]: row["weight"] for row in data["scenarios"]} == {"none": approx(0.25), "one": approx(0.75)}
    assert {row["scenario"]: row["cost"] for row in data["scenarios"]} == {
        "none": approx(0.0, abs=1e-6), "one": approx(20.0),
    }  # fmt: skip
    assert data["profile"]["one"]["connection"]["import_mw"] == approx([1.0, 0.0], abs=1e-6)
    assert data["profile"]["none"]["store"]["p_mw"] == approx([0.0, 0.0], abs=1e-6)


HOUSE = """
[prices]
file = "dear.csv"
[[building]]
id = "house"
outdoor_c = OUTSIDE
min_c = 20
max_c = 24
initial_c = 21
model = { indoor_mwh_per_k = 0.006, indoor_outdoor_mw_per_k = 0.0008 }
[[building.machine]]
kind = "heat pump"
MACHINE
"""


@pytest.mark.parametrize("machine", ["capacity_mw = 0.06", "capacity_at = [[-20, 0.04], [10, 0.06]]\n"
                                     "cop_at = [[-20, 1.5], [10, 4.0]]"])  # fmt: skip
def test_a_colder_future_is_colder_for_machines_too(gridloop, file, machine):
    """Each future alone costs what a file of its own does, with the pump's COP and capacity at its temperatures."""
    costs = []
    text = HOUSE.replace("MACHINE", machine)
    for outside in ("5.0", "-15.0"):
        file.write_text(text.replace("OUTSIDE", outside))
        costs.append(json.loads(gridloop("schedule", file, "--json").out)["cost"])
    one = '[[scenario]]\nname = "mild"\n[[scenario]]\nname = "cold"\nweight = 3\n'
    file.write_text(text.replace("OUTSIDE", "5.0") + one + 'series = { "house.outdoor_c" = -15.0 }\n')
    data = json.loads(gridloop("schedule", file, "--json").out)
    known = {row["scenario"]: row["cost_knowing"] for row in data["scenarios"]}
    assert known == {"mild": approx(costs[0], rel=1e-6), "cold": approx(costs[1], rel=1e-6)}
    assert costs[1] > 1.2 * costs[0]
    file.write_text(file.read_text().replace("= -15.0", "= -30.0"))
    said = gridloop("schedule", file)
    if "cop_at" in machine:
        assert said.code == 2 and "[[scenario]] cold: [[building.machine]] 1 cap" in said.err and "-30" in said.err


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("level = 0.5", "levels = 0.5", "[robust] has no key levels; allowed are risk, level, chance, common"),
        ("level = 0.5", "level = 1.5", "level is 1.5"),
        ("level = 0.5", "common = 1.5", "[robust] common is 1.5; a whole number is needed"),
        ('prices = "cheap.csv"', 'weight = "half"', "[[scenario]] cheap weight is 'half'; a number is needed"),
        ('prices = "cheap.csv"', "weight = -1", "store.toml: Weights of scenarios must be positive"),
        (
            'prices = "cheap.csv"',
            'series = { "roof.p_mw" = 1 }',
            "its device is none of this file; there are store, yard",
        ),
        ('prices = "cheap.csv"', 'series = { "yard.kw" = 1 }', "yard has no kw of that kind; allowed are p_mw, q_mvar"),
        ('prices = "cheap.csv"', 'series = { "yard.p_mw" = [1, 2, 3] }', "yard.p_mw has 3 values for 2 intervals"),
        (
            "[[battery]]",
            "[weights]\narbitrage = 1\n[[battery]]",
            "has [weights] and [[scenario]]; a plan has one of them",
        ),
        ('name = "cheap"', 'name = "dear"', "Every scenario needs its own name; used twice: dear"),
        ("[[battery]]", "[[shiftable_run]]\nprofile_mw = [1.0]\n[[battery]]", "whole decisions"),
    ],
)
def test_futures_that_cannot_be_planned_are_named(gridloop, file, old, new, words):
    assert old in STORE
    file.write_text(STORE.replace(old, new))
    said = gridloop("schedule", file)
    assert said.code == 2 and words in said.err and len(said.err.splitlines()) == 1


def test_robust_without_futures_and_events_with_them(gridloop, file, tmp_path):
    alone = STORE.split("[[scenario]]")[0] + "[[battery]]" + STORE.split("[[battery]]")[1]
    file.write_text(alone)
    assert "[robust] needs scenarios; add a section [[scenario]] for each" in gridloop("schedule", file).err
    file.write_text(STORE)
    said = gridloop("schedule", file, "--events", tmp_path / "e.csv")
    assert said.code == 2 and "--events is for drivers" in said.err
