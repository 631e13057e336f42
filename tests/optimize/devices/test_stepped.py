"""Reducible and sheddable loads: the line of demand in parts, and the order in which classes go."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.optimize.check import ScheduleCase, check_solution
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.reducible import Reducible
from gridloop.optimize.devices.sheddable import ShedClass, Sheddable
from gridloop.optimize.problems.schedule import schedule
from gridloop.testing import village

MW = 1e-6  # ten times the solver's tolerance
HOSPITAL = (ShedClass("homes", 0.5, 100.0), ShedClass("shops", 0.3, 1000.0), ShedClass("hospital", 0.2, 15_000.0))


def test_demand_falls_along_its_line(prices):
    """Elasticity −0.2 at 100: at 150 a tenth is given up. Parts of 3 % are worth 107.5, 122.5, 137.5, 152.5, …"""
    plan = schedule([Reducible(np.array([10.0, 10.0]))], prices([150, 90]))
    assert plan.of("reducible", "reduced_mw").tolist() == approx([0.9, 0.0], abs=MW)
    assert plan.parts["reduced_load"] == approx(0.3 * (107.5 + 122.5 + 137.5))
    assert plan.cost == approx(150 * 9.1 + 90 * 10 + plan.parts["reduced_load"])
    assert plan.setpoints()["reason"].tolist() == ["reduce_price"]


def test_finer_parts_come_to_the_triangle_under_the_line(prices):
    """What is lost at price π is p π₀ s (1 + s / 2|ε|), s = |ε| (π − π₀) / π₀ = 0.1."""
    plan = schedule([Reducible(np.array([10.0]), blocks=300)], prices([150]))
    assert plan.of("reducible", "reduced_mw").iloc[0] == approx(1.0, abs=10 * 0.3 / 300)
    assert plan.parts["reduced_load"] == approx(10 * 100 * 0.1 * (1 + 0.1 / 0.4), rel=0.02)


def test_no_more_is_given_up_than_can_be(prices):
    plan = schedule([Reducible(np.array([10.0]), max_reduction=0.05)], prices([900]))
    assert plan.of("reducible", "reduced_mw").iloc[0] == approx(0.5)


def test_a_limit_that_reduces_it_is_named(prices):
    plan = schedule([Reducible(np.array([10.0]))], prices([50]), connection=Connection(import_limit_mw=9.0))
    row = plan.setpoints().iloc[0]
    assert (row["value"], row["reason"], row["binding"]) == (approx(1.0), "reduce_limit", "import_limit:connection")


def test_classes_go_in_order_until_the_limit_is_kept(prices):
    """10 MW, 4 of them may come: all 5 MW of the homes and 1 of the shops."""
    load = Sheddable(np.array([10.0]), classes=HOSPITAL)
    plan = schedule([load], prices([50]), connection=Connection(import_limit_mw=4.0))
    row = plan.setpoints().iloc[0]
    assert (row["value"], row["reason"], row["binding"]) == (approx(6.0), "shed_limit", "import_limit:connection")
    assert plan.parts["shed_load"] == approx(5 * 100 + 1000)
    off = load.by_class(plan.of("sheddable", "unserved_mw").to_numpy())
    assert {name: float(mw[0]) for name, mw in off.items()} == approx({"homes": 5.0, "shops": 1.0, "hospital": 0.0})


def test_a_price_between_two_classes_sheds_the_first_only(prices):
    plan = schedule([Sheddable(np.array([10.0]), classes=HOSPITAL)], prices([500]))
    assert plan.of("sheddable", "unserved_mw").iloc[0] == approx(5.0)
    assert plan.setpoints()["reason"].tolist() == ["shed_price"]
    plan = schedule([Sheddable(np.array([10.0]), classes=HOSPITAL)], prices([50]))
    assert plan.setpoints()["reason"].tolist() == ["serve"]


def test_what_is_left_out_takes_its_reactive_power_along(prices):
    net, table = village(), prices([50])
    load = Sheddable(np.array([5.0]), 3.0, [("all", 1.0, 1.0)], bus="farm")
    gone = schedule([load], table, network=net)
    never = schedule([Sheddable(np.array([0.0]), bus="farm")], table, network=net)
    assert gone.check["v_min_pu"].tolist() == approx(never.check["v_min_pu"].tolist(), abs=1e-9)


def test_wrong_loads_are_refused(prices):
    with pytest.raises(GapInSeries, match="1 of 2 values of p_mw"):
        Reducible(np.array([1.0, np.nan]))
    with pytest.raises(OutOfRange, match=r"elasticity is 0\.2.*max_reduction is 2"):
        Reducible(np.array([1.0]), elasticity=0.2, max_reduction=2.0)
    with pytest.raises(OutOfRange, match=r"class shops comes after hospital .* the order of shedding would not hold"):
        Sheddable(np.array([1.0]), classes=[HOSPITAL[2], HOSPITAL[1]])
    with pytest.raises(OutOfRange, match=r"add up to 1\.5"):
        Sheddable(np.array([1.0]), classes=[("a", 1.0, 1.0), ("b", 0.5, 2.0)])
    with pytest.raises(OutOfRange, match="3 values for 2 intervals"):
        schedule([Reducible(np.ones(3))], prices([1, 2]))


@st.composite
def sheddables(draw: st.DrawFn, name: str) -> Sheddable:
    worths = sorted(draw(st.sets(st.integers(1, 50).map(lambda k: 17.0 * k), min_size=1, max_size=4)))
    return Sheddable(
        np.array(draw(st.lists(st.integers(0, 30).map(lambda k: k / 10), min_size=3, max_size=3))),
        classes=[(f"class {k}", 0.9 / len(worths), worth) for k, worth in enumerate(worths)],
        id=name,
    )


@settings(max_examples=20, deadline=None)
@given(sheddables("a"), sheddables("b"), st.integers(0, 60), st.lists(st.integers(0, 900), min_size=3, max_size=3))
def test_nobody_is_shed_while_somebody_cheaper_is_served(prices, first, second, tenths, values):
    """The order holds within a load and between loads, in every interval."""
    connection, table = Connection(import_limit_mw=tenths / 10), prices(values)
    devices = [first, second]
    plan = schedule(devices, table, connection=connection)
    assert check_solution(ScheduleCase(devices, table, connection), plan).ok
    for t in range(3):
        touched, untouched = [], []
        for load in devices:
            off = load.by_class(plan.of(load.id, "unserved_mw").to_numpy())
            for name, share, worth in load.classes:
                if off[name][t] > 1e-5:
                    touched.append(worth)
                if off[name][t] < share * load.p_mw[t] - 1e-5:
                    untouched.append(worth)
        assert not touched or not untouched or max(touched) <= min(untouched)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 400), min_size=3, max_size=3), st.sampled_from([-0.05, -0.2, -1.0]), st.booleans())
def test_use_never_rises_with_its_price_and_more_room_never_costs_more(prices, values, elasticity, limited):
    connection = Connection(import_limit_mw=2.5 if limited else float("inf"))
    table = prices(values)
    little = Reducible(np.full(3, 3.0), elasticity=elasticity, max_reduction=0.2, blocks=4)
    more = Reducible(np.full(3, 3.0), elasticity=elasticity, max_reduction=0.4, blocks=8)
    plan = schedule([little], table, connection=connection)
    assert check_solution(ScheduleCase([little], table, connection), plan).ok
    assert schedule([more], table, connection=connection).cost <= plan.cost + 1e-5
    reduced = plan.of("reducible", "reduced_mw").to_numpy()[np.argsort(values, kind="stable")]
    assert (np.diff(reduced) >= -1e-6).all()


def test_one_interval_may_be_given_as_a_number(prices):
    assert schedule([Reducible(0.5), Sheddable(0.5)], prices([50])).status == "optimal"
