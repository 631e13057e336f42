"""Robust plans on a network: in every scenario the limits of its own AC flow, one decision for all."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from gridloop.errors import BadInput
from gridloop.optimize.check import ScheduleCase, check_solution
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.kinds import Device
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.problems.schedule import schedule
from gridloop.optimize.robust.scenario import Scenario
from gridloop.optimize.robust.schedule import schedule_robust
from gridloop.testing import moment, village

STEPS = 4
PRICES = pd.Series([40.0, 35.0, 60.0, 90.0], pd.date_range(moment(), periods=STEPS, freq="1h"))


def devices(sun_mw: float, farm_load_mw: float = 0.5) -> list[Device]:
    """A roof at the end of the feeder, whose line carries 8.7 MVA, a battery beside it, and loads."""
    shape = np.array([1.0, 1.0, 0.5, 0.0])
    return [
        Renewable(sun_mw * shape, q_limit_mvar=0.0, id="roof", bus="farm"),
        Battery(3.0, 1.5, 1.5, id="cell", bus="farm", initial_soc=0.2),
        Load(np.full(STEPS, farm_load_mw), id="farm", bus="farm"),
        Load(np.full(STEPS, 2.0), 0.6, id="mill", bus="mill"),
    ]


def test_one_scenario_is_the_schedule() -> None:
    """Sun of 11 MW is more than the line carries: what is curtailed, stored and paid is what `schedule` says."""
    net, mine = village(), devices(11.0)
    alone = schedule(mine, PRICES, network=net)
    plan = schedule_robust([Scenario(mine, PRICES, name="sun")], network=net)
    assert plan.status == "optimal" and alone.settled
    assert plan.mean == approx(alone.cost, rel=1e-4)
    same = plan.plans["sun"]
    assert same.settled and same.check["loading_max_pct"].max() <= 100.3 and len(same.limits)
    for device in ("roof", "cell"):
        assert same.of(device, "p_mw").tolist() == approx(alone.of(device, "p_mw").tolist(), abs=2e-2)
    assert np.asarray(same.local_price) == approx(np.asarray(alone.local_price), rel=1e-2, abs=0.1)
    assert check_solution(ScheduleCase(mine, PRICES), same).ok


def test_limits_hold_in_every_scenario_and_the_first_decision_is_one() -> None:
    """Sun or clouds: the battery does the same at first; in the sun the line is full and no more than full."""
    net = village()
    futures = [Scenario(devices(11.0), PRICES, 1.0, "sun"), Scenario(devices(1.0), PRICES, 1.0, "clouds")]
    plan = schedule_robust(futures, network=net)
    first = {name: float(of.of("cell", "p_mw").iloc[0]) for name, of in plan.plans.items()}
    assert first["sun"] == approx(first["clouds"], abs=1e-6)
    for future, (name, of) in zip(futures, plan.plans.items(), strict=True):
        assert of.settled and not of.gave_way and of.check["loading_max_pct"].max() <= 100.3, name
        assert check_solution(ScheduleCase(future.devices, PRICES), of).ok
    assert plan.plans["sun"].check["loading_max_pct"].max() == approx(100.0, abs=0.5)
    assert plan.plans["clouds"].check["loading_max_pct"].max() < 60
    assert plan.knowing <= plan.objective + 1e-3 <= plan.on_the_mean + 2e-3
    copper = schedule_robust(futures)
    assert copper.mean < plan.mean  # losses and curtailment cost
    row = plan.setpoints().set_index("device").loc["cell"]
    assert np.isfinite(row["shadow_price"]) and row["reason"]


def test_what_no_measure_can_keep_gives_way_by_name() -> None:
    """12 MW of load behind 8.7 MVA in one future: told there, and there only."""
    dear = [
        device if not isinstance(device, Load) else Load(device.p_mw, 0.0, sheddable=0.0, id=device.id, bus=device.bus)
        for device in devices(0.0, 12.0)
    ]
    plan = schedule_robust(
        [Scenario(dear, PRICES, name="heavy"), Scenario(devices(0.0), PRICES, name="light")], network=village()
    )
    assert plan.status == "optimal"
    assert any("L2" in name for name in plan.plans["heavy"].gave_way) and not plan.plans["light"].gave_way
    assert plan.plans["heavy"].parts["grid_limit"] > 0


def test_a_tail_on_a_network_costs_no_less_in_the_mean() -> None:
    futures = [Scenario(devices(11.0), PRICES, 1.0, "sun"), Scenario(devices(1.0), PRICES, 1.0, "clouds")]
    mean, tail = (schedule_robust(futures, network=village(), risk=risk, level=0.5) for risk in (0.0, 0.9))
    assert tail.cvar <= mean.cvar + 1e-3 and mean.mean <= tail.mean + 1e-3


def test_a_bus_that_the_network_does_not_have_is_refused() -> None:
    lost = [Load(np.ones(STEPS), id="lost", bus="nowhere")]
    with pytest.raises(BadInput, match="nowhere"):
        schedule_robust([Scenario(lost, PRICES)], network=village())


def test_a_load_that_no_flow_can_carry_is_told() -> None:
    plan = schedule_robust([Scenario(devices(0.0, 900.0), PRICES)], network=village())
    assert plan.status == "no_ac_solution"
    assert plan.diagnosis is not None and "no solution in 4 of 4 intervals" in str(plan.diagnosis)
