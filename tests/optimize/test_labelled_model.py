"""A model with labels hands the solver the very numbers that linopy's does, for every kind of device."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from tests.support.linopy_twin import LinopyTwin

from gridloop.optimize.building.model import BuildingModel
from gridloop.optimize.compressors.machine import Compressor
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.building import Building, Zone
from gridloop.optimize.devices.building_plant import HvacMachine
from gridloop.optimize.devices.compressor_station import CompressorStation
from gridloop.optimize.devices.connection import Connection, ConnectionModel, price_table
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.devices.heat_pump import HeatPump
from gridloop.optimize.devices.island_reserve import IslandReserve
from gridloop.optimize.devices.kinds import GROUPS, groups_of
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.market import Market
from gridloop.optimize.devices.process import Process, Task
from gridloop.optimize.devices.pump import Pump
from gridloop.optimize.devices.reducible import Reducible
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.devices.sheddable import Sheddable
from gridloop.optimize.devices.shiftable import Shiftable
from gridloop.optimize.devices.shiftable_run import ShiftableRun
from gridloop.optimize.devices.tap_changer import TapChanger
from gridloop.optimize.devices.water_heater import WaterHeater
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.labelled_model import LabelledModel
from gridloop.optimize.physics.ac_tangent import AcTangent
from gridloop.optimize.physics.copper_plate import CopperPlate
from gridloop.optimize.problems import problem
from gridloop.optimize.problems.replanned import Replanned
from gridloop.optimize.problems.schedule import schedule
from gridloop.testing import moment, village

N = 6
STARTS = pd.date_range(moment(), periods=N, freq="1h")
PRICES = pd.DataFrame(
    {"import_eur_per_mwh": [60.0, 70, 190, -40, 30, 80], "export_eur_per_mwh": [50.0, 55, 170, -50, 20, 60],
     "reserve_eur_per_mw": 3.0}, index=STARTS,
)  # fmt: skip
LINK = Connection(import_limit_mw=6.0, contracted_peak_mw=4.0, peak_price_per_mw=10.0)
STORE = Battery(8.0, 3.0, 3.0, id="store")
CARS = pd.DataFrame(
    {"bus": "", "arrival": moment(), "departure": moment(5), "energy_mwh": 0.3, "max_charge_mw": 0.2},
    index=["car 1", "car 2"],
)
HALL = BuildingModel.of(
    indoor_mwh_per_k=0.004, mass_mwh_per_k=0.03, indoor_mass_mw_per_k=0.006, indoor_outdoor_mw_per_k=0.001
)


def building(warmer: float = 0.0) -> Building:
    outdoor = np.linspace(26.0, 33.0, N) + warmer
    zones = [Zone(HALL, 20.0, 24.0, 22.0 + 0.1 * k, id=f"hall {k}") for k in range(3)]
    machines = [HvacMachine.chiller(0.03, outdoor), HvacMachine.heat_pump(0.03, outdoor)]
    return Building(zones, machines, outdoor, coupling=[("hall 0", "hall 1", 5e-4), ("hall 1", "hall 2", 5e-4)])


KINDS: dict[str, list[Any]] = {
    "Battery": [STORE, Battery(2.0, 1.0, 1.0, id="small")],
    "EVFleet": [EVFleet(CARS)],
    "Renewable": [Renewable(np.array([0.5, 1.5, 4.0, 5.0, 4.0, 1.0]), 20.0, 0.3, id="sun")],
    "Load": [Load(np.linspace(1.0, 2.0, N), id="load")],
    "Shiftable": [Shiftable(1.5, 1.0, latest=moment(5), id="pool")],
    "ShiftableRun": [ShiftableRun([0.5, 1.0], pd.Timedelta("1h"), earliest=moment(1), left_out_cost=20.0, id="wash")],
    "Reducible": [Reducible(np.full(N, 1.0), id="shop")],
    "Sheddable": [Sheddable(np.full(N, 1.0), classes=[("sign", 0.2, 100.0), ("rest", 0.8, 5000.0)], id="mall")],
    "WaterHeater": [WaterHeater(5000.0, 0.3, draw_l=np.full(N, 300.0), id="tank")],
    "HeatPump": [HeatPump(0.2, 0.3, 0.005, np.linspace(0, 10, N), id="house")],
    "Pump": [Pump(1.0, 300.0, 100.0, max_m3=400.0, initial_m3=150.0, id="tower")],
    "Building": [building()],
    "Process": [Process([Task("melt", [2.0], pd.Timedelta("1h")), Task("roll", [1.0], pd.Timedelta("1h"),
                                                                         after=["melt"])])],
    "CompressorStation": [CompressorStation([Compressor.fixed_speed("F", 10.0, 60.0, idle_kw=15.0, rated_bar=6.2)],
                                            np.full(N, 5.0), 15.0, 6.2, 7.2)],
    "IslandReserve": [STORE, IslandReserve([STORE], 2.0, np.full(N, 1.5))],
}  # fmt: skip


def same(monkeypatch: pytest.MonkeyPatch, devices: list[Any], network: Any = None) -> None:
    table = price_table(PRICES)
    horizon = Horizon.regular(pd.DatetimeIndex(table.index))

    def built(kind: Any) -> Any:
        monkeypatch.setattr(problem, "LabelledModel", kind)
        physics = CopperPlate() if network is None else AcTangent(network)
        groups = groups_of(devices, Market(table, horizon))
        return problem.Problem(horizon, groups, ConnectionModel(LINK, table), physics).build(None, 0.0)[0]

    named, plain = built(LinopyTwin), built(LabelledModel)
    right, found = named.matrices, plain.matrices
    for part in ("vlabels", "clabels", "vtypes", "c", "lb", "ub", "b", "sense"):
        assert_array_equal(getattr(found, part), getattr(right, part), part)
    for part in ("data", "indices", "indptr"):
        assert_array_equal(getattr(found.A.tocsr(), part), getattr(right.A.tocsr(), part), part)
    for label in right.vlabels[:: max(1, len(right.vlabels) // 7)]:
        assert plain.variables.get_label_position(label) == named.variables.get_label_position(int(label))
    for label in right.clabels[:: max(1, len(right.clabels) // 7)]:
        assert plain.constraints.get_label_position(label) == named.constraints.get_label_position(int(label))


def test_every_kind_is_here():
    assert {kind.__name__ for kind, _ in GROUPS} == {*KINDS, "TapChanger"}


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_same_numbers_in_the_same_places(kind: str, monkeypatch: pytest.MonkeyPatch):
    same(monkeypatch, KINDS[kind])


def test_the_same_on_a_network(monkeypatch: pytest.MonkeyPatch):
    loads = [Load(np.linspace(1.5, 2.5, N), 0.3, id="load", bus="mill"), Battery(2.0, 0.7, 0.7, bus="mill")]
    same(monkeypatch, [*loads, TapChanger(("T1",), 0, -9, 9, id="tap", bus="busbar")], village())


def test_plans_one_after_another_are_those_of_schedule():
    """From the last basis, at negative prices too, where decisions are settled after the first solve."""
    again = Replanned()
    for warmer in (0.0, 0.5, -1.0, 2.0):
        prices = PRICES[["import_eur_per_mwh"]].assign(export_eur_per_mwh=PRICES["import_eur_per_mwh"])
        found, right = again.schedule([building(warmer)], prices), schedule([building(warmer)], prices)
        assert found.status == right.status == "optimal"
        assert found.cost == pytest.approx(right.cost, rel=1e-7, abs=1e-7)
        assert np.allclose(found.wide("temperature_c"), right.wide("temperature_c"), atol=1e-4)


def test_whole_decisions_go_another_way():
    plan = Replanned().schedule(KINDS["ShiftableRun"], PRICES)
    assert plan.cost == pytest.approx(schedule(KINDS["ShiftableRun"], PRICES).cost)


def test_where_it_finds_no_plan_the_answer_is_that_of_schedule():
    """No time at all: what is said comes from a model with names."""
    devices = [Load(np.ones(N), id="load"), Battery(1.0, 1.0, 1.0, initial_soc=0.5, id="store")]
    again, limit = Replanned(time_limit_s=0.0), Replanned()
    assert limit.schedule(devices, PRICES).solved
    assert again.schedule(devices, PRICES).status == schedule(devices, PRICES, time_limit_s=0.0).status
