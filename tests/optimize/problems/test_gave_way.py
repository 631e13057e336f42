"""When nothing is enough: limits give way by name, contradictions and lost power flows come back as diagnoses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from gridloop.optimize.devices import kinds
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.battery_group import BatteryGroup
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.linear import add_rows
from gridloop.optimize.physics.copper_plate import CopperPlate
from gridloop.optimize.problems.schedule import schedule


def test_a_voltage_that_must_give_way_is_named_with_its_excess(sunny_village, prices):
    """6 MW that nobody can curtail lift the farm far above 1.025: the plan comes back, and says by how much."""
    sun = Renewable(np.array([6.0, 1.0]), curtailable=False, id="sun", bus="farm")
    plan = schedule([sun], prices([50, 50]), network=sunny_village)
    assert plan.status == "optimal"
    name = "voltage_high:farm at 2016-07-25 00:00 UTC"
    assert list(plan.gave_way) == [name]
    assert plan.gave_way[name] == approx(100 * (plan.check["v_max_pu"].iloc[0] - 1.025), abs=0.01)
    assert plan.diagnosis is not None
    assert plan.diagnosis.status == "limit_gave_way"
    assert "the highest voltage allowed at farm (in 1 intervals, by up to" in str(plan.diagnosis)
    assert plan.diagnosis.facts["limits"] == plan.gave_way
    assert plan.check["voltage_violations"].tolist() == [1, 0]
    assert plan.rounds <= 5  # a limit that gave way is no reason to go on looking


def test_every_measure_is_used_before_a_limit_gives_way(sunny_village, prices):
    """Battery, reactive power and the other generator all work against the voltage that gives way in the end."""
    devices = [
        Renewable(np.array([6.0]), curtailable=False, id="sun", bus="farm"),
        Renewable(np.array([1.0]), 100.0, 0.3, id="wind", bus="farm"),
        Battery(2.0, 0.5, 0.5, id="battery", bus="farm"),
    ]
    plan = schedule(devices, prices([50]), network=sunny_village)
    assert plan.gave_way
    assert plan.of("wind", "p_mw").tolist() == approx([0.0], abs=1e-6)
    assert plan.of("wind", "q_mvar").tolist() == approx([-0.3])
    assert plan.of("battery", "p_mw").tolist() == approx([0.5])
    rows = plan.setpoints()
    assert set(rows["binding"]) == {"", "voltage_high:farm"}
    assert rows.set_index("device").loc["battery", "reason"] == "relieve_limit"


def test_a_limit_gives_way_before_a_customer_loses_load(prices, with_values, sunny_village):
    low = with_values(sunny_village, "bus", {"mill": {"v_min_pu": 1.0}})
    plan = schedule([Load(np.array([8.0]), np.array([3.0]), id="load", bus="mill")], prices([50]), network=low)
    assert plan.of("load", "unserved_mw").tolist() == approx([0.0])
    assert any(name.startswith("voltage_low:mill") for name in plan.gave_way)


def test_rules_that_contradict_each_other_are_named_with_their_device(monkeypatch, prices):
    """A battery of 2 MWh is made to hold 5; its neighbour has nothing to do with it."""

    class Sick(BatteryGroup):
        def add(self, model, horizon):
            super().add(model, horizon)
            sick = pd.Index(["sick"], name="battery")
            add_rows(model, "must_hold", [sick], [(self.energy.labels.values[:1, 1], 1.0)], ">=", 5.0)

    sick = (Battery, lambda batteries, market: Sick(batteries, market))
    monkeypatch.setattr(kinds, "GROUPS", [sick, *kinds.GROUPS[1:]])
    plan = schedule(
        [Battery(2.0, 1.0, 1.0, id="sick"), Battery(2.0, 1.0, 1.0, id="fine")], prices([50, 60]), physics=CopperPlate()
    )
    assert plan.status == "infeasible"
    assert np.isnan(plan.cost)
    assert plan.table.empty
    assert plan.diagnosis is not None
    assert plan.diagnosis.facts["devices"] == ["sick"]
    assert set(plan.diagnosis.facts["conflict"]) == {"the bounds of battery_energy[sick, 1]", "must_hold[sick]"}
    assert "battery sick" in str(plan.diagnosis)


def test_where_ac_has_no_solution_intervals_and_buses_are_named(sunny_village, prices):
    """60 MW at the mill are more than the feeder can carry at any voltage; in the second hour all is well."""
    load = Load(np.array([60.0, 1.0, 60.0]), np.array([18.0, 0.3, 18.0]), id="load", bus="mill")
    plan = schedule([load], prices([50, 50, 50]), network=sunny_village)
    assert plan.status == "no_ac_solution"
    assert plan.table.empty
    assert plan.diagnosis is not None
    assert [time.hour for time in plan.diagnosis.facts["intervals"]] == [0, 2]
    assert set(plan.diagnosis.facts["buses"][0][:2]) == {"mill", "farm"}
    assert 0.5 < plan.diagnosis.facts["load_scale"][0] < 1.0
    assert "2 of 3 intervals (2016-07-25 00:00 UTC, 2016-07-25 02:00 UTC)" in str(plan.diagnosis)


def test_a_plan_that_asks_too_much_of_the_grid_is_approached_step_by_step(prices, with_values, sunny_village):
    """A battery as large as the grid can bear is asked to sell: the first plan is beyond AC, the last is not."""
    free = with_values(
        sunny_village,
        "bus",
        {bus: {"v_min_pu": 0.5, "v_max_pu": 1.5} for bus in ("busbar", "busbar 2", "mill", "farm")},
    )
    battery = Battery(400.0, 400.0, 400.0, initial_soc=0.5, id="giant", bus="farm")
    plan = schedule([battery], prices([300.0, 10.0]), network=free)
    assert plan.status == "optimal"
    assert (plan.check["overloads"] == 0).all()


@pytest.mark.parametrize("limit", [1e-4])
def test_a_solver_without_time_says_so(limit, prices):
    devices = [Battery(2.0, 1.0, 1.0, id=f"b{k}") for k in range(60)]
    plan = schedule(devices, prices(np.linspace(10, 90, 48)), physics=CopperPlate(), time_limit_s=limit)
    assert plan.status == "time_limit"
    assert plan.diagnosis is not None
    assert "time_limit_s" in plan.diagnosis.advice
