"""Energy kept for an island, and a connection that opens: by pencil, as laws, and against the checker."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.optimize.before import left_alone
from gridloop.optimize.check import ScheduleCase, check_solution
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.devices.island_reserve import IslandReserve
from gridloop.optimize.devices.kinds import Device
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.devices.sheddable import ShedClass, Sheddable
from gridloop.optimize.problems.schedule import schedule
from gridloop.testing import moment

N = 6
TIMES = pd.date_range(moment(), periods=N, freq="1h")
STORE = Battery(8.0, 3.0, 3.0, 1.0, 1.0, initial_soc=1.0, degradation_cost=0.0, end_value_per_mwh=0.0, id="store")


def money(*values: float) -> pd.DataFrame:
    return pd.DataFrame({"import_eur_per_mwh": values, "export_eur_per_mwh": values}, index=TIMES[: len(values)])


def kept(plan, quantity: str = "reserve_mwh") -> list[float]:
    return plan.wide(quantity)["island reserve"].tolist()


def soc(plan) -> np.ndarray:
    return plan.wide("soc")["store"].to_numpy()


def test_the_energy_of_an_island_stays_by_pencil():
    """2 h of 1.5 MW: 3 MWh of 8 are never sold, 5 are; beyond the horizon its last hour goes on."""
    reserve = IslandReserve([STORE], 2.0, np.full(N, 1.5))
    plan = schedule([STORE, reserve], money(10, 20, 90, 80, 20, 10))
    assert kept(plan) == approx([3.0] * N)
    assert soc(plan).min() * 8 == approx(3.0)
    # Free, it sells 3 MWh at 90, 3 at 80 and 2 at 20; with the reserve the last three are missing.
    free = schedule([STORE], money(10, 20, 90, 80, 20, 10))
    assert plan.cost == approx(free.cost + 2 * 20 + 80, abs=0.02)  # early_cost: a ten-thousandth per MWh and hour


def test_surplus_that_is_sure_lowers_what_is_kept():
    """1 MW short, then 2 MW left over: an island from the first end on needs nothing before it charges."""
    reserve = IslandReserve([STORE], 2.0, np.ones(4), np.array([0.0, 3.0, 0.0, 0.0]))
    held, beyond = reserve.required(np.ones(4))
    # From the end of hour 0: hour 1 charges 2, hour 2 needs 1 → 0. From the end of 1: hours 2 and 3 need 2.
    assert held[0].tolist() == approx([0.0, 2.0, 2.0, 2.0])
    assert not beyond.any()


def test_what_no_store_can_do_is_told_and_not_asked():
    """5 MW of need, 3 MW of power: 2 MW · 2 h are missing whatever is stored; 6 MWh are kept for the rest."""
    reserve = IslandReserve([STORE], 2.0, np.full(3, 5.0))
    plan = schedule([STORE, reserve], money(50, 50, 50))
    assert kept(plan) == approx([6.0] * 3)
    assert kept(plan, "short_mwh") == approx([4.0] * 3)
    first = plan.table[plan.table["quantity"] == "reserve_mwh"].iloc[0]
    assert first["reason"] == "island_short"
    assert plan.parts["island_short"] == approx(0.0, abs=1e-6)


def test_two_stores_share_by_power():
    other = replace(STORE, id="other", max_discharge_mw=1.0, max_charge_mw=1.0)
    held, _ = IslandReserve([STORE, other], 2.0, np.full(2, 2.0)).required(np.ones(2))
    assert held[:, 0].tolist() == approx([3.0, 1.0])


def test_the_reason_and_the_price_are_those_of_the_row():
    """Sold now it earns 90, kept for an island it ends at 0: the row is worth that money."""
    plan = schedule([STORE, IslandReserve([STORE], 3.0, np.ones(2))], money(90, 1))
    row = plan.table[plan.table["quantity"] == "reserve_mwh"].iloc[0]
    assert row["reason"] == "ready_for_island"  # at the end of hour 0 more is there than is kept: hour 1 sells as well
    tight = schedule([replace(STORE, initial_soc=0.5), IslandReserve([STORE], 3.0, np.ones(2))], money(90, 1))
    row = tight.table[tight.table["quantity"] == "reserve_mwh"].iloc[0]
    assert row["reason"] == "held_for_island"
    assert row["shadow_price"] > 0


def test_in_an_outage_nothing_is_exchanged_and_the_plan_prepares_for_it():
    """2 MW of load, 4 h open, 8 MWh: 6 are missing, it takes 4 and 2 of them before, and serves all of it."""
    link = Connection(outages=[(TIMES[2], TIMES[6 - 1] + pd.Timedelta(hours=1))], grid_forming=["store"])
    empty = replace(STORE, initial_soc=0.25, max_charge_mw=4.0)
    devices: list[Device] = [empty, Load(np.full(N, 2.0))]
    prices = money(50, 50, 50, 50, 50, 50)
    plan = schedule(devices, prices, connection=link)
    assert plan.wide("import_mw")["connection"].tolist() == approx([6.0, 4.0, 0.0, 0.0, 0.0, 0.0])
    assert plan.wide("unserved_mw")["load"].max() == approx(0.0)
    assert check_solution(ScheduleCase(devices, prices, link), plan, tolerance_pu=1e-6).ok


def test_an_outage_touches_whole_intervals():
    half = pd.Timedelta(minutes=30)
    link = Connection(outages=[(TIMES[1] + half, TIMES[2] + half)], grid_forming=["store"])
    plan = schedule([STORE, Load(np.ones(N))], money(*[50] * N), connection=link)
    flow = plan.wide("import_mw")["connection"] + plan.wide("export_mw")["connection"]
    assert flow.iloc[[1, 2]].tolist() == approx([0.0, 0.0], abs=1e-9)


def test_a_plan_that_trades_in_an_outage_is_refused():
    """The planted fault: the plan of a closed connection, given out as that of an open one."""
    link = Connection(outages=[(TIMES[2], TIMES[4])], grid_forming=["store"])
    devices: list[Device] = [STORE, Load(np.full(N, 2.0))]
    closed = schedule(devices, money(*range(10, 70, 10)))
    verdict = check_solution(ScheduleCase(devices, money(*range(10, 70, 10)), link), closed, tolerance_pu=1e-6)
    assert not verdict.ok
    assert set(verdict.findings["kind"]) & {"import", "export"}


def test_a_plan_that_sells_what_it_should_keep_is_refused():
    """The planted fault: the plan without the reserve, given out as the one with it."""
    reserve = IslandReserve([STORE], 2.0, np.full(N, 1.5))
    prices = money(10, 20, 90, 80, 20, 10)
    honest = schedule([STORE, reserve], prices)
    lying = schedule([STORE], prices)
    table = pd.concat([lying.table, honest.table[honest.table["kind"] == "island_reserve"]], ignore_index=True)
    verdict = check_solution(ScheduleCase([STORE, reserve], prices), replace(lying, table=table), tolerance_pu=1e-6)
    assert "island that goes short untold" in set(verdict.findings["kind"])
    assert check_solution(ScheduleCase([STORE, reserve], prices), honest, tolerance_pu=1e-6).ok


def test_what_would_happen_by_itself_keeps_nothing():
    reserve = IslandReserve([STORE], 2.0, np.full(N, 1.5))
    before = left_alone([STORE, reserve, Load(np.ones(N))], money(*[50] * N))
    assert before is not None
    assert "island_short" not in before.parts


tenths = st.integers(0, 10).map(lambda k: k / 10)
rows = st.lists(tenths, min_size=N, max_size=N).map(np.array)


@st.composite
def mixes(draw: st.DrawFn) -> tuple[list[Device], pd.DataFrame, Connection, IslandReserve]:
    cars = pd.DataFrame(
        {"bus": "", "arrival": [TIMES[0]], "departure": [TIMES[4]], "energy_mwh": [0.6], "max_charge_mw": [0.3]},
        index=["car"],
    )
    store = replace(
        STORE, charge_efficiency=draw(st.sampled_from([0.8, 1.0])), initial_soc=draw(tenths),
        discharge_efficiency=draw(st.sampled_from([0.9, 1.0])), min_soc=draw(st.sampled_from([0.0, 0.1])),
        capacity_mwh=draw(st.sampled_from([2.0, 8.0])),
    )  # fmt: skip
    second = Battery(1.0, 0.5, 0.5, initial_soc=draw(tenths), id="second")
    load = 3.0 * draw(rows)
    devices: list[Device] = [
        store, second, Sheddable(load, classes=[ShedClass("pool", 0.5, 2000.0), ShedClass("town", 0.4, 9000.0)]),
        Renewable(4.0 * draw(rows)), EVFleet(cars), Load(np.full(N, 0.1), id="always"),
    ]  # fmt: skip
    begin = draw(st.integers(0, N - 1))
    hours = draw(st.integers(0, 3))
    outage = [(TIMES[begin], TIMES[begin] + pd.Timedelta(hours=hours))] if hours else []
    link = Connection(5.0, 5.0, outages=outage, grid_forming=["store"])
    reserve = IslandReserve([store, second], draw(st.sampled_from([0.5, 1.0, 2.5])), 0.4 * load, 0.3 * draw(rows))
    table = money(*(50.0 + 50.0 * draw(rows)))
    return devices, table, link, reserve


@settings(max_examples=8, deadline=None)
@given(mix=mixes())
def test_mixed_sets_keep_every_rule_with_outages_and_a_reserve(mix):
    """The checker lives through an island from every end of an interval, forwards."""
    devices, table, link, reserve = mix
    both = [*devices, reserve]
    plan = schedule(both, table, connection=link)
    assert plan.status == "optimal"
    verdict = check_solution(ScheduleCase(both, table, link), plan, tolerance_pu=1e-6)
    assert verdict.ok, verdict.findings
    free = schedule(devices, table, connection=link)
    assert plan.cost >= free.cost - 1e-6 * max(1.0, abs(free.cost))  # fewer choices never cost less
    again = schedule(both, table, connection=link)
    assert again.table["value"].to_numpy().tobytes() == plan.table["value"].to_numpy().tobytes()


@settings(max_examples=6, deadline=None)
@given(mix=mixes())
def test_an_outage_never_makes_a_plan_cheaper(mix):
    devices, table, link, _ = mix
    plan = schedule(devices, table, connection=link)
    closed = schedule(devices, table, connection=replace(link, outages=()))
    assert plan.cost >= closed.cost - 1e-6 * max(1.0, abs(closed.cost))


@pytest.mark.parametrize(
    ("link", "word"),
    [
        ({"grid_forming": []}, "an island without a grid-forming source. Name one that can give power: store"),
        ({"grid_forming": ["gone"]}, "grid_forming names gone: an island without a grid-forming source"),
    ],
)
def test_an_island_without_a_grid_forming_source_is_refused(link: dict, word: str):
    opened = Connection(outages=[(TIMES[2], TIMES[4])], **link)
    with pytest.raises(OutOfRange, match=word) as error:
        schedule([STORE, Load(np.ones(N))], money(*[50] * N), connection=opened)
    assert error.value.facts["first"] == TIMES[2]


def test_bad_input_is_named():
    with pytest.raises(OutOfRange, match="an island without a grid-forming source"):
        IslandReserve([], 2.0, np.ones(3))
    with pytest.raises(OutOfRange, match="duration_h is 0"):
        IslandReserve([STORE], 0, np.ones(3))
    with pytest.raises(GapInSeries, match="1 of 2 values of priority_mw"):
        IslandReserve([STORE], 1.0, np.array([1.0, np.nan]))
    with pytest.raises(OutOfRange, match="priority_mw has 3 values for 6 intervals"):
        schedule([STORE, IslandReserve([STORE], 1.0, np.ones(3))], money(*[50] * N))
    reserve = IslandReserve([STORE], 1.0, np.ones(N))
    with pytest.raises(OutOfRange, match="island reserve: store is none of the plan's batteries; there are none"):
        schedule([Load(np.ones(N)), reserve], money(*[50] * N))
    other = replace(STORE, id="other")
    with pytest.raises(OutOfRange, match="store is none of the plan's batteries; there are other"):
        schedule([other, reserve], money(*[50] * N))
    with pytest.raises(OutOfRange, match=r"store has capacity_mwh 8\.0, but 4\.0 in the plan"):
        schedule([replace(STORE, capacity_mwh=4.0), reserve], money(*[50] * N))
    with pytest.raises(OutOfRange, match="'store' is no Battery; give the batteries themselves"):
        IslandReserve(["store"], 1.0, np.ones(N))
    with pytest.raises(OutOfRange, match="store stands twice"):
        IslandReserve([STORE, STORE], 1.0, np.ones(N))
    with pytest.raises(OutOfRange, match="outages are pairs of times"):
        Connection(outages=[("2026-01-01", "2026-01-02")])
    with pytest.raises(OutOfRange, match="outages are pairs of times"):
        Connection(outages=(TIMES[1], TIMES[2]))
    with pytest.raises(OutOfRange, match="ends before it begins"):
        Connection(outages=[(TIMES[2], TIMES[1])])
    with pytest.raises(OutOfRange, match="no time zone"):
        Connection(outages=[(pd.Timestamp("2026-01-01"), pd.Timestamp("2026-01-02"))])
