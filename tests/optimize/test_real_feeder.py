"""A plan for a real feeder: SimBench's semi-urban 20 kV grid at noon of its sunniest day, checked from outside."""

from __future__ import annotations

import pandas as pd
import pytest
from pytest import approx

from gridloop.network.model import Network
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.kinds import Device
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.devices.tap_changer import TapChanger
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.schedule import schedule
from gridloop.powerflow.flow import power_flow

CODE = "1-MV-semiurb--2-sw"
NOON = pd.date_range("2016-07-25 10:00", periods=6, freq="15min", tz="UTC")


@pytest.fixture(scope="module")
def feeder() -> tuple[Network, list[Device]]:
    """The network, and its loads, generators and batteries as devices with their recorded power."""
    pytest.importorskip("simbench")
    from gridloop.io.simbench import read_simbench_with_profiles

    net, recorded = read_simbench_with_profiles(CODE)
    load, q, gen = (frame.loc[NOON] for frame in (recorded.load_mw, recorded.load_mvar, recorded.generation_mw))
    devices: list[Device] = [
        Load(load[i].to_numpy(), q[i].to_numpy(), id=i, bus=net.load.at[i, "bus"]) for i in load.columns
    ]
    devices += [
        Renewable(
            gen[i].to_numpy(), 100.0, 0.33 * net.generator.at[i, "s_rated_mva"], id=i, bus=net.generator.at[i, "bus"]
        )
        for i in gen.columns
    ]
    devices += [
        Battery(r.capacity_mwh, r.max_charge_mw, r.max_discharge_mw, id=str(r.Index), bus=r.bus)
        for r in net.storage.itertuples()
    ]
    return net, devices


@pytest.fixture(scope="module")
def plan(feeder: tuple[Network, list[Device]]) -> Plan:
    return schedule(feeder[1], pd.Series(40.0, index=NOON), network=feeder[0])


def test_uncontrolled_the_feeder_breaks_its_band(feeder: tuple[Network, list[Device]]):
    net, devices = feeder
    still = [d if isinstance(d, Load) else Renewable(d.available_mw, curtailable=False, id=d.id, bus=d.bus)
             for d in devices if isinstance(d, Load | Renewable)]  # fmt: skip
    check = schedule(still, pd.Series(40.0, index=NOON), network=net).check
    assert (check["voltage_violations"] > 0).all()
    assert check["v_max_pu"].max() == approx(1.058, abs=5e-4)


def test_the_plan_keeps_it_with_reactive_power_alone(plan: Plan):
    assert plan.status == "optimal"
    assert plan.diagnosis is None
    assert (plan.check[["voltage_violations", "overloads"]] == 0).all(axis=None)
    assert plan.parts["curtailment"] == approx(0.0, abs=1e-3)
    rows = plan.setpoints()
    assert {"voltage_high:MV2.101 Bus 24", "voltage_high:MV2.101 Bus 25"} & set(rows["binding"])


def test_an_independent_power_flow_agrees(feeder: tuple[Network, list[Device]], plan: Plan):
    """The set-points of the first interval, written into the network's own tables."""
    net, devices = feeder
    now = plan.table[plan.table["valid_at"] == NOON[0]].set_index(["device", "quantity"])["value"]
    kinds = {"load": Load, "generator": Renewable, "storage": Battery}
    for table, kind in kinds.items():
        mine = [d for d in devices if isinstance(d, kind)]
        if kind is Load:
            values = {d.id: {"p_mw": d.p_mw[0] - now[d.id, "unserved_mw"], "q_mvar": d.q_mvar[0]} for d in mine}
        elif kind is Renewable:
            values = {d.id: {"p_mw": now[d.id, "p_mw"], "q_mvar": now[d.id, "q_mvar"]} for d in mine}
        else:
            values = {d.id: {"p_mw": now[d.id, "p_mw"], "q_mvar": 0.0} for d in mine}
        net = net.edit(table, values, author="test", time=NOON[0], reason="")
    flow = power_flow(net)
    check = plan.check.iloc[0]
    assert flow.bus["v_pu"].max() == approx(check["v_max_pu"], abs=1e-7)
    assert flow.bus["v_pu"].idxmax() == check["v_max_bus"]
    assert flow.losses_mw == approx(check["losses_mw"], abs=1e-5)
    assert flow.violations().empty


def test_taps_do_not_make_it_dearer(feeder: tuple[Network, list[Device]], plan: Plan):
    net, devices = feeder
    tap = TapChanger(tuple(net.transformer.index), 0, -9, 9, id="taps", bus=net.transformer["head_bus"].iloc[0])
    with_taps = schedule([*devices, tap], pd.Series(40.0, index=NOON), network=net)
    assert (with_taps.check[["voltage_violations", "overloads"]] == 0).all(axis=None)
    # What both plans may believe of the losses, 5 % and 5 kW, is worth this much.
    losses = plan.check["losses_mw"].to_numpy()
    assert with_taps.cost <= plan.cost + 40.0 * 0.25 * float((0.05 * losses + 0.005).sum()) + 2.0
