"""The checker on demand that can be moved, reduced or stored: honest plans pass, one spoilt number is found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from gridloop.optimize.check import Checked, ScheduleCase, check_solution
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.heat_pump import HeatPump
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.pump import Pump
from gridloop.optimize.devices.reducible import Reducible
from gridloop.optimize.devices.sheddable import Sheddable
from gridloop.optimize.devices.shiftable import Shiftable
from gridloop.optimize.devices.shiftable_run import ShiftableRun
from gridloop.optimize.devices.water_heater import WaterHeater
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.schedule import schedule
from gridloop.testing import moment

N = 6
STARTS = pd.date_range(moment(), periods=N, freq="1h")
PRICES = pd.DataFrame(
    {"import_eur_per_mwh": [60.0, 70, 190, 40, 30, 80], "export_eur_per_mwh": [50.0, 55, 170, 30, 20, 60]}, index=STARTS
)
CONNECTION = Connection(import_limit_mw=6.0, contracted_peak_mw=4.0, peak_price_per_mw=10.0)


def devices() -> list[Any]:
    return [
        Load(np.linspace(1.0, 2.0, N), id="load"),
        Shiftable(1.5, 1.0, latest=moment(5), id="pool"),
        Shiftable(1.0, 0.5, latest=moment(9), left_out_cost=65.0, id="press"),
        ShiftableRun([0.5, 1.0, 0.2], pd.Timedelta("30min"), earliest=moment(1), id="wash"),
        ShiftableRun([1.0], pd.Timedelta("2h"), left_out_cost=20.0, id="dryer"),
        Reducible(np.full(N, 1.0), id="shop"),
        Sheddable(np.full(N, 1.0), classes=[("sign", 0.2, 100.0), ("rest", 0.8, 5000.0)], id="mall"),
        WaterHeater(5000.0, 0.3, draw_l=np.full(N, 300.0), id="tank"),
        HeatPump(0.2, 0.3, 0.005, np.linspace(0, 10, N), id="house"),
        HeatPump(0.2, 0.3, 0.005, np.linspace(25, 35, N), cooling=True, end_value=-1.0, initial_c=22.5, id="office"),
        Pump(1.0, 300.0, 100.0, max_m3=400.0, initial_m3=150.0, id="tower"),
    ]


@pytest.fixture(scope="module")
def made() -> tuple[ScheduleCase, Plan]:
    plan = schedule(devices(), PRICES, connection=CONNECTION)
    assert plan.status == "optimal"
    return ScheduleCase(devices(), PRICES, CONNECTION), plan


def with_value(plan: Plan, device: str, quantity: str, step: int, add: float) -> Plan:
    table = plan.table.copy()
    mine = (table["device"] == device) & (table["quantity"] == quantity) & (table["valid_at"] == STARTS[step])
    assert mine.sum() == 1
    table.loc[mine, "value"] += add
    return replace(plan, table=table)


def elements(found: Checked) -> set[str]:
    return set(found.findings["element"])


def test_an_honest_plan_passes_and_costs_what_it_says(made: Any):
    case, plan = made
    found = check_solution(case, plan)
    assert found.ok, found.sentences()
    assert found.cost == approx(plan.cost, rel=1e-9)


def test_it_passes_again_as_a_plan_that_follows_another(made: Any):
    case, plan = made
    again = schedule(devices(), PRICES, connection=CONNECTION, previous=plan)
    found = check_solution(replace(case, previous=plan), again)
    assert found.ok, found.sentences()


QUANTITIES = [
    ("pool", "p_mw"), ("press", "p_mw"), ("wash", "p_mw"), ("dryer", "p_mw"), ("shop", "reduced_mw"),
    ("mall", "unserved_mw"), ("tank", "p_mw"), ("tank", "temperature_c"), ("house", "p_mw"),
    ("house", "temperature_c"), ("office", "p_mw"), ("office", "temperature_c"), ("tower", "p_mw"),
    ("tower", "level_m3"),
]  # fmt: skip


@pytest.mark.parametrize(("device", "quantity"), QUANTITIES)
@pytest.mark.parametrize("add", [0.01, -0.01, 3.0])
def test_one_spoilt_number_is_found(made: Any, device: str, quantity: str, add: float):
    case, plan = made
    for step in (0, 3, 5):
        assert not check_solution(case, with_value(plan, device, quantity, step, add)).ok


def test_a_run_that_is_interrupted_is_named(made: Any):
    case, plan = made
    first = int(np.argmax(plan.of("wash", "p_mw").to_numpy() > 0))
    moved = with_value(plan, "wash", "p_mw", first, -0.2)
    found = check_solution(case, moved)
    assert "wash" in elements(found)
    assert any("interrupted" in kind for kind in found.findings["kind"])


def test_a_room_outside_its_hard_band_is_named(made: Any):
    """The same plan, asked of a house whose band is hard and elsewhere."""
    case, plan = made
    others = [replace(d, min_c=24.0, max_c=25.0, outside_cost=None) if d.id == "house" else d for d in devices()]
    found = check_solution(replace(case, devices=others), plan)
    assert ("K outside the band", "house") in set(zip(found.findings["kind"], found.findings["element"], strict=True))


def test_shedding_the_dearer_class_first_shows_in_its_cost(made: Any):
    case, plan = made
    told = dict(plan.parts)
    told["shed_load"] += 1.0
    assert not check_solution(case, replace(plan, parts=told)).ok
