"""Many scenarios of a feeder by the compiled kernel: each is what the plain solver finds for it, taps included."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pytest import approx
from small_feeders import (
    KV,
    code,
    constant,
    ladder,
    line,
    load,
    regulated,
    three_phase,
    transformer,
    two_nodes,
    winding,
)

import gridloop as gl
from gridloop.errors import BadInput
from gridloop.io.read import read_network
from gridloop.kernel.lanes import LANES
from gridloop.network.feeder.model import Feeder
from gridloop.powerflow.feeder.arrays import build_feeder_arrays
from gridloop.powerflow.feeder.batch import feeder_flows
from gridloop.powerflow.feeder.control import solve_with_controls
from gridloop.powerflow.feeder.plain import FeederSolver

# What is promised of a voltage. The kernel stops where the changes let it expect 1e-7.
PROMISED = 1e-6
# In a grid of deltas only stray admittances tie the common potential of a node's phases to ground: against them, the
# roundings of float32 weigh more.
FLOATING = 1e-5
IEEE = {
    "13": "13Bus/IEEE13Nodeckt.dss",
    "34": "34Bus/ieee34Mod1.dss",
    "37": "37Bus/ieee37.dss",
    "123": "123Bus/IEEE123Master.dss",
    "LV": "LVTestCase/Master.dss",
}


def scenarios(feeder: Feeder, count: int, spread: float = 0.3, seed: int = 0) -> dict[str, np.ndarray]:
    """Own factors on P and Q of every load."""
    rng = np.random.default_rng(seed)
    return {
        f"load.{column}": feeder.load[column].to_numpy(dtype=float)
        * rng.uniform(1 - spread, 1 + spread, (count, len(feeder.load)))
        for column in ("p_mw", "q_mvar")
    }


def consumption(feeder: Feeder, given: dict[str, np.ndarray], k: int) -> np.ndarray:
    s = build_feeder_arrays(feeder).s0.copy()
    s[: len(feeder.load)] = given["load.p_mw"][k] + 1j * given["load.q_mvar"][k]
    return s


def assert_plain(feeder: Feeder, flows, given, which, controls: bool, close: float = PROMISED) -> None:
    """The named scenarios are what the plain solver finds from the taps of the tables."""
    arrays = build_feeder_arrays(feeder)
    for k in which:
        s = consumption(feeder, given, k)
        if controls:
            done = solve_with_controls(arrays, s)
            assert flows.taps.values[:, k].tolist() == done.solution.taps.tolist()
            twin = done.solution.v
        else:
            twin = FeederSolver(arrays).solve(s).v
        off = np.abs(flows.v_node[:, k] - twin)[arrays.supplied]
        assert off.max() < close


def test_two_nodes_exact():
    """Source of 1 kV ──[ 0.1 ]── p MW: v (1 − v) = 0.1 p, so p = 0.9 leaves 0.9 and p = 1.6 leaves 0.8."""
    feeder = two_nodes(0.1, [load("l", "b", 0.5)])
    flows = feeder_flows(feeder, {"load.p_mw": np.array([[0.0], [0.9], [1.6], [-2.0]])})
    assert flows.status.tolist() == ["converged"] * 4
    b = list(flows.nodes).index("b.1")
    assert flows.v_pu.values[b] == approx([1.0, 0.9, 0.8, (1 + np.sqrt(1.8)) / 2], abs=PROMISED)


def test_beyond_the_nose_fails_alone():
    """p = 2.6 has no solution; its neighbours in the block do not notice."""
    feeder = two_nodes(0.1, [load("l", "b", 0.5)])
    p = np.full((LANES, 1), 0.9)
    clean = feeder_flows(feeder, {"load.p_mw": p})
    p[3], p[7] = 2.6, np.nan
    flows = feeder_flows(feeder, {"load.p_mw": p})
    assert flows.status[3] in ("not_converged", "diverged") and flows.status[7] == "bad_values"
    assert np.isnan(flows.v_node[1:2, [3, 7]]).all()
    good = np.delete(np.arange(LANES), [3, 7])
    # The state that the feeder is laid out around is the mean, which the bad ones move.
    assert flows.v_node[:, good] == approx(clean.v_node[:, good], abs=PROMISED)


@pytest.mark.parametrize("kind", ["impedance", "current", "power"])
@pytest.mark.parametrize("phases", ["1.2.3", "1.2", "2.3", "3"])
def test_every_kind_of_load(kind, phases):
    connection = "wye" if phases in ("3", "1.2.3") else "delta"
    rows = [load("l", "b", 0.3, 0.1, kind=kind, phases=phases, connection=connection, v_rated_kv=1.7)]
    feeder = three_phase(np.eye(3) * (0.05 + 0.1j) + 0.02j, [*rows, load("m", "b", 0.2, phases="1")])
    given = scenarios(feeder, 40, 0.9)
    flows = feeder_flows(feeder, given)
    assert flows.converged.all()
    assert_plain(feeder, flows, given, range(0, 40, 7), controls=False)


def test_voltages_outside_the_range_of_a_load():
    """From far below v_low, where it is a line, to above v_high, where it is an impedance."""
    shares = {**constant("power"), "v_low_pu": 0.95, "v_floor_pu": 0.5, "v_high_pu": 1.05}
    feeder = two_nodes(0.1 + 0.1j, [{**load("l", "b", 0.5), **shares}])
    p = np.linspace(-4, 4, 65)[:, None]
    given = {"load.p_mw": p, "load.q_mvar": 0.2 * p}
    flows = feeder_flows(feeder, given)
    assert flows.converged.all()
    assert flows.v_pu.values[1].min() < 0.8 and flows.v_pu.values[1].max() > 1.1
    assert_plain(feeder, flows, given, range(0, 65, 4), controls=False)


@pytest.mark.parametrize("meshed", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_random_ladders(seed, meshed):
    feeder = ladder(np.random.default_rng(seed), 8, meshed)
    given = scenarios(feeder, 50, 0.8, seed)
    flows = feeder_flows(feeder, given)
    assert flows.converged.all()
    assert_plain(feeder, flows, given, range(0, 50, 9), controls=False)


def test_regulators_rest_where_the_plain_ones_do():
    feeder = regulated([load("l", "b", 0.4, 0.1)], r_v=6.0, x_v=3.0, ct_primary_a=1000.0)
    given = {"load.p_mw": np.linspace(-0.5, 1.0, 70)[:, None], "load.q_mvar": np.linspace(0, 0.3, 70)[:, None]}
    flows = feeder_flows(feeder, given)
    assert flows.converged.all() and len(np.unique(flows.taps.values)) > 3
    assert_plain(feeder, flows, given, range(0, 70, 5), controls=True)


def test_a_control_may_measure_at_a_bus_without_load():
    """a ──( regulator )── b ──[ 0.02 ]── c ──[ 0.02 ]── d with the load; the control measures at c."""
    feeder = two_nodes(
        loads=[load("l", "d", 0.4, 0.1)],
        bus=[{"id": b, "phases": "1", "v_nom_kv": KV} for b in "abcd"],
        line_code=code("z", 0.02 + 0.01j),
        line=[line("bc", "b", "c", "z"), line("cd", "c", "d", "z")],
        transformer=[transformer("t", 1, 1e-6)],
        winding=[winding("t", 1, "a", "1", 1.0), winding("t", 2, "b", "1", 1.0)],
        regulator=[
            {"id": "r", "transformer": "t", "v_set_v": 120.0, "band_v": 1.5, "pt_ratio": 1000 / 120.0,
             "monitored_bus": "c"}
        ],
    )  # fmt: skip
    given = {"load.p_mw": np.linspace(-1.0, 2.0, 70)[:, None]}
    flows = feeder_flows(feeder, given)
    assert flows.converged.all() and len(np.unique(flows.taps.values)) > 3
    assert_plain(feeder, flows, given | {"load.q_mvar": np.full((70, 1), 0.1)}, range(0, 70, 5), controls=True)


@pytest.mark.data
@pytest.mark.parametrize("name", IEEE)
@pytest.mark.parametrize("controls", [False, True])
def test_the_ieee_feeders(data_dir: Path, name, controls):
    feeder = read_network(data_dir / "feeders" / IEEE[name])
    assert isinstance(feeder, Feeder)
    given = scenarios(feeder, 64)
    flows = feeder_flows(feeder, given, controls=controls)
    assert flows.converged.all()
    assert_plain(feeder, flows, given, range(0, 64, 9), controls, FLOATING if name == "37" else PROMISED)


@pytest.mark.data
def test_threads_order_and_company_change_no_bit(data_dir: Path):
    feeder = read_network(data_dir / "feeders" / IEEE["123"])
    assert isinstance(feeder, Feeder)
    given = scenarios(feeder, 700)
    one = feeder_flows(feeder, given, threads=1)
    two = feeder_flows(feeder, given, threads=2)
    assert np.array_equal(one.v_node, two.v_node) and np.array_equal(one.taps.values, two.taps.values)


def test_scenarios_are_labelled_and_tables_subset():
    feeder = three_phase(
        np.eye(3) * (0.05 + 0.1j) + 0.02j, [load("l", "b", 0.3, phases="1"), load("m", "b", 0.2, phases="2")]
    )
    p = pd.DataFrame({"m": [0.1, 0.4]}, index=pd.Index(["low", "high"]))
    flows = gl.power_flows(feeder, {"load.p_mw": p})
    assert list(flows.index) == ["low", "high"] and flows.v.dims == ("node", "scenario")
    drop = 1 - flows.v_pu.sel(node="b.2")
    assert float(drop.sel(scenario="high")) > float(drop.sel(scenario="low"))


def test_what_cannot_be_set_is_named():
    feeder = two_nodes(0.1, [load("l", "b", 0.5)])
    with pytest.raises(BadInput, match=r"generator\.v_set_pu.*Can be set: load\.p_mw"):
        feeder_flows(feeder, {"generator.v_set_pu": np.ones((1, 1))})


def test_planted_bug_a_wrong_tap_is_seen():
    """The comparison of these tests finds one tap that is a step off."""
    feeder = regulated([load("l", "b", 0.4, 0.1)])
    given = {"load.p_mw": np.full((1, 1), 0.6), "load.q_mvar": np.full((1, 1), 0.2)}
    flows = feeder_flows(feeder, given)
    flows.taps.values[0, 0] += 1
    with pytest.raises(AssertionError):
        assert_plain(feeder, flows, given, [0], controls=True)
