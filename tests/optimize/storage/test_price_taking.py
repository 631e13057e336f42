"""`schedule` without a linear model: which questions it takes, and that the plan is the linear program's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from gridloop.optimize.check.plan import ScheduleCase
from gridloop.optimize.check.solution import check_solution
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.services import Reserve
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.physics.copper_plate import CopperPlate
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems import price_taking
from gridloop.optimize.problems.schedule import schedule
from gridloop.testing import moment

N = 6
SHARES = st.integers(0, 10).map(lambda tenths: tenths / 10)


def by_linear_program(devices: list[Battery], prices: pd.DataFrame, **options: object) -> Plan:
    """The same question with a physics named, which is the way around the kernel."""
    return schedule(devices, prices, physics=CopperPlate(), **options)


@st.composite
def batteries(draw: st.DrawFn, name: str = "battery") -> Battery:
    least, most = sorted((draw(SHARES), draw(SHARES)))
    return Battery(
        draw(st.sampled_from([0.5, 2.0])), draw(SHARES), draw(SHARES), draw(st.sampled_from([0.8, 0.95])),
        draw(st.sampled_from([0.9, 1.0])), min_soc=least, max_soc=most, initial_soc=draw(SHARES),
        degradation_cost=draw(st.sampled_from([0.0, 0.5, 4.0])),
        self_discharge_per_day=draw(st.sampled_from([0.0, 0.1])),
        end_value_per_mwh=draw(st.sampled_from([None, 0.0, 45.0])), id=name, bus=draw(st.sampled_from(["", "mill"])),
    )  # fmt: skip


@st.composite
def markets(draw: st.DrawFn, fees: tuple[int, ...] = (0, 9)) -> tuple[pd.DataFrame, Horizon]:
    """Prices above zero, and intervals of any length."""
    hours = np.array(draw(st.lists(st.sampled_from([0.25, 1.0, 2.0]), min_size=N, max_size=N)))
    starts = pd.DatetimeIndex(moment() + pd.to_timedelta(np.cumsum(hours) - hours, unit="h"))
    sell = np.array(draw(st.lists(st.integers(1, 150), min_size=N, max_size=N)), dtype=float)
    table = {"import_eur_per_mwh": sell + draw(st.sampled_from(fees)), "export_eur_per_mwh": sell}
    return pd.DataFrame(table, index=starts), Horizon(starts, hours)


def suits(devices: list[object], table: pd.DataFrame, connection: Connection | None = None, **more: object) -> bool:
    rest = {"network": None, "physics": None, "previous": None} | more
    return price_taking.suits(devices, table, connection or Connection(), **rest)


# ----- what it takes ---------------------------------------------------------------------------------------


def test_it_takes_what_prices_alone_decide(prices):
    one, two = Battery(1.0, 1.0, 1.0, id="one"), Battery(1.0, 0.5, 0.5, id="two")
    equal, apart = prices([10, 100]), prices([10, 100], fee=1.0)
    assert suits([one], equal) and suits([one], apart) and suits([one, two], equal)
    assert not suits([one, two], apart), "one may feed the other"
    assert suits([one], equal, Connection(import_limit_mw=1.1, export_limit_mw=1.1))
    assert not suits([one], equal, Connection(import_limit_mw=1.0))
    assert not suits([one], equal, Connection(export_limit_mw=0.5))
    assert suits([one], equal, Connection(contracted_peak_mw=0.5)), "a peak without a price"
    assert not suits([one], equal, Connection(contracted_peak_mw=5.0, peak_price_per_mw=1.0))
    assert not suits([], equal) and not suits([one, Load(np.ones(2))], equal)
    assert not suits([replace(one, reserve=Reserve())], equal)
    for more in ("network", "physics", "previous"):
        assert not suits([one], equal, **{more: object()})


def test_another_kind_of_battery_is_not_taken_for_one(prices):
    class Flow(Battery):
        pass

    assert not suits([Flow(1.0, 1.0, 1.0)], prices([10, 100]))


# ----- the same plan ---------------------------------------------------------------------------------------


def assert_same(plan: Plan, other: Plan) -> None:
    """Status, names and money; 1e-6 as the solver's tolerance makes of some MWh at some hundreds."""
    assert (plan.status, plan.settled, plan.gave_way, plan.diagnosis) == ("optimal", True, {}, None)
    assert plan.cost == approx(other.cost, rel=1e-6, abs=1e-6)
    assert set(other.parts) >= set(plan.parts)
    assert all(other.parts[name] == approx(0.0, abs=1e-6) for name in set(other.parts) - set(plan.parts))
    assert sum(plan.parts.values()) == approx(plan.cost, abs=1e-9)
    names = ["device", "kind", "bus", "quantity", "valid_at", "hours"]
    pd.testing.assert_frame_equal(plan.table[names], other.table[names])
    assert plan.table.dtypes.equals(other.table.dtypes)
    assert plan.check.equals(other.check) and list(plan.limits) == list(other.limits) and not len(plan.limits)
    assert plan.local_price.index.equals(other.local_price.index)
    assert plan.local_price.columns.equals(other.local_price.columns)


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_it_is_the_plan_of_the_linear_program(data: st.DataObject):
    many = data.draw(st.integers(1, 3))
    devices = [data.draw(batteries(f"battery {k}")) for k in range(many)]
    table, horizon = data.draw(markets((0, 9) if many == 1 else (0,)))
    assert suits(devices, table)
    plan = schedule(devices, table, horizon=horizon)
    other = by_linear_program(devices, table, horizon=horizon)
    assert_same(plan, other)
    checked = check_solution(ScheduleCase(devices, table, horizon=horizon), plan)
    assert checked.ok, checked.sentences()
    if (table["import_eur_per_mwh"] == table["export_eur_per_mwh"]).all():
        # with a fee, what energy is worth while a battery waits is a range, and the solver may name either end
        assert plan.local_price.to_numpy() == approx(other.local_price.to_numpy(), abs=1e-6)


def steady(seed: int) -> tuple[list[Battery], pd.DataFrame]:
    """A question with one answer only: prices without ties, and every hour of waiting costs a little."""
    rng = np.random.default_rng(seed)
    starts = pd.date_range(moment(), periods=24, freq="1h")
    price = pd.Series(rng.uniform(20.0, 120.0, 24), index=starts)
    return [
        Battery(2.0, 0.7, 0.6, id="a", min_soc=0.1, self_discharge_per_day=0.03),
        Battery(1.0, 0.25, 0.5, id="b", bus="mill", initial_soc=0.0, degradation_cost=3.0),
    ], pd.DataFrame({"import_eur_per_mwh": price, "export_eur_per_mwh": price})


@pytest.mark.parametrize("seed", range(4))
def test_where_there_is_one_answer_every_number_and_reason_is_the_same(seed: int):
    devices, table = steady(seed)
    plan, other = schedule(devices, table), by_linear_program(devices, table)
    assert_same(plan, other)
    columns = ["value", "shadow_price"]
    pd.testing.assert_frame_equal(plan.table[columns], other.table[columns], check_exact=False, rtol=0, atol=1e-6)
    pd.testing.assert_frame_equal(plan.table[["reason", "binding"]], other.table[["reason", "binding"]])
    assert plan.parts.keys() == other.parts.keys()
    assert dict(plan.parts) == approx(dict(other.parts), abs=1e-5)  # 24 h of 1e-7 MW at 100


def test_a_fee_makes_what_waits_worth_what_it_is_stored_for(prices):
    """0.5 MWh of 1 are stored, to be sold for 50 later; now a MWh costs 60 or brings 10: one more would be stored."""
    battery = Battery(1.0, 1.0, 2.0, 0.9, 1.0, end_value_per_mwh=0.0, degradation_cost=0.0, early_cost=0.0)
    table = prices([60.0, 60.0])
    table["export_eur_per_mwh"] = [10.0, 50.0]
    plan = schedule([battery], table)
    assert plan.of("battery", "p_mw").tolist() == approx([0.0, -0.5])
    assert plan.local_price[""].tolist() == approx([0.9 * 50.0, 50.0])
    assert plan.setpoints().set_index("device").loc["battery", "reason"] == "wait_for_spread"


# ----- better where the linear program burns ---------------------------------------------------------------


def test_below_zero_it_is_cheaper_than_the_settled_linear_program(prices):
    """Two hours at −100, full: it gives out 0.64 to take in 1. The linear plan burns, and is then kept from moving."""
    battery = Battery(1.0, 1.0, 1.0, 0.8, 0.8, initial_soc=1.0, degradation_cost=0.0, end_value_per_mwh=0.0)
    plan = schedule([battery], prices([-100, -100]))
    assert plan.cost == approx(64 - 100, abs=0.01)
    assert plan.cost <= by_linear_program([battery], prices([-100, -100])).cost + 1e-6
    assert check_solution(ScheduleCase([battery], prices([-100, -100])), plan).ok


@settings(max_examples=12, deadline=None)
@given(batteries(), st.lists(st.integers(-150, 100), min_size=N, max_size=N))
def test_below_zero_the_checker_agrees_and_it_never_costs_more(battery: Battery, values: list[int]):
    starts = pd.date_range(moment(), periods=N, freq="1h")
    table = pd.DataFrame(dict.fromkeys(["import_eur_per_mwh", "export_eur_per_mwh"], np.array(values, float)), starts)
    plan = schedule([battery], table)
    checked = check_solution(ScheduleCase([battery], table), plan)
    assert checked.ok, checked.sentences()
    assert plan.cost <= by_linear_program([battery], table).cost + 1e-6
