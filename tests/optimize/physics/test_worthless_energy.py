"""Plans where energy is worth nothing and limits bind: export at a price of zero, or less, on a low-voltage grid."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pytest import approx
from three_phase_street import street

from gridloop.network.feeder.model import Feeder
from gridloop.network.model import Network
from gridloop.optimize.check import ScheduleCase, check_solution
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.kinds import Device
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.problems.schedule import schedule
from gridloop.testing import moment

DAY = pd.date_range("2016-06-20", periods=24, freq="1h", tz="UTC")
CLOCK = np.arange(24)
IMPORT = 100 + 50 * np.sin(CLOCK / 24 * 4 * np.pi)


@pytest.fixture(scope="module")
def town() -> tuple[Network, list[Device]]:
    """SimBench's urban low-voltage grid in a narrower band, with (made-up) roofs of 20 kW and batteries all over."""
    pytest.importorskip("simbench")
    from gridloop.io.simbench import read_simbench_with_profiles

    net, recorded = read_simbench_with_profiles("1-LV-urban6--2-sw")
    low = [bus for bus in net.bus.index if net.bus["v_nom_kv"][bus] < 1]
    net = net.edit("bus", {b: {"v_min_pu": 0.95, "v_max_pu": 1.05} for b in low}, author="test", time=DAY[0], reason="")
    load, q, gen = (t.loc[DAY] for t in (recorded.load_mw, recorded.load_mvar, recorded.generation_mw))
    devices: list[Device] = [
        Load(load[i].to_numpy(), q[i].to_numpy(), id=i, bus=net.load.at[i, "bus"]) for i in load.columns
    ]
    devices += [Renewable(3 * gen[i].to_numpy(), id=i, bus=net.generator.at[i, "bus"]) for i in gen.columns]
    buses = [net.load.at[i, "bus"] for i in load.columns]
    sun = 0.02 * np.clip(np.sin((CLOCK - 5) / 14 * np.pi), 0.0, None)
    devices += [Battery(0.01, 0.005, 0.005, id=f"box {k}", bus=bus) for k, bus in enumerate(buses[::3])]
    devices += [Renewable(sun, id=f"roof {k}", bus=bus) for k, bus in enumerate(buses[::2])]
    return net, devices


@pytest.mark.slow
@pytest.mark.parametrize("export", [0.0, -0.2])
def test_a_surplus_that_earns_nothing_settles(town: tuple[Network, list[Device]], export: float):
    """Losses used to be held to their newest tangent alone, and the plan jumped between two of them."""
    net, devices = town
    prices = pd.DataFrame({"import_eur_per_mwh": IMPORT, "export_eur_per_mwh": export * IMPORT}, index=DAY)
    plan = schedule(devices, prices, network=net)
    assert plan.settled and plan.diagnosis is None
    assert plan.check["voltage_violations"].sum() == 0
    checked = check_solution(ScheduleCase(devices, prices, network=net), plan)
    assert checked.ok, checked.sentences()


@pytest.mark.parametrize("export", [0.0, -20.0])
def test_a_street_throws_away_what_the_wires_cannot_carry_and_invents_no_losses(export: float):
    """4 MW of sun on phase 1 for a load of 1: nothing is bought, the rest is worthless, and what is lost is lost in
    the wires: S² / 100 of what goes over them."""
    hours = pd.date_range(moment(), periods=3, freq="1h")
    devices: list[Any] = [
        Load(np.full(3, 1.0), sheddable=0.0, id="load", bus="neighbour.1"),
        Renewable(np.array([0.0, 4.0, 4.0]), id="sun", bus="home.1"),
        Battery(1.0, 0.4, 0.4, id="box", bus="home.2"),
    ]
    prices = pd.DataFrame({"import_eur_per_mwh": 80.0, "export_eur_per_mwh": export}, index=hours)
    feeder: Feeder = street(band=(0.9, 1.02))
    plan = schedule(devices, prices, network=feeder)
    assert plan.settled
    checked = check_solution(ScheduleCase(devices, prices, network=feeder), plan)
    assert checked.ok, checked.sentences()
    assert plan.of("connection", "import_mw").iloc[1:].to_numpy() == approx(0.0, abs=2e-3)
    assert "grid_limit" not in plan.parts
    assert (plan.local_price[["home.1"]].iloc[1:] <= 1e-6).all().all()
