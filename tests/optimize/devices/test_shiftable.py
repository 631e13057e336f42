"""Shiftable loads: energy within a window, what comes later, what may be left out, and what does not fit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from gridloop.errors import OutOfRange
from gridloop.optimize.check import ScheduleCase, check_solution
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.shiftable import Shiftable
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.schedule import schedule
from gridloop.testing import moment

MW = 1e-6  # ten times the solver's tolerance


def why(plan: Plan, device: str = "shiftable") -> tuple[str, str]:
    row = plan.setpoints().set_index("device").loc[device]
    return str(row["reason"]), str(row["binding"])


def test_it_runs_where_energy_is_cheap_and_may_stop_in_between(prices):
    plan = schedule([Shiftable(2.5, 1.0)], prices([90, 10, 90, 20, 30]))
    assert plan.of("shiftable", "p_mw").tolist() == approx([0, 1, 0, 1, 0.5], abs=MW)
    assert plan.cost == approx(10 + 20 + 15, abs=1e-2)  # and a hair for waiting
    assert why(plan) == ("wait_cheaper", "")


def test_the_window_holds_for_parts_of_an_interval_too(prices):
    """From half past one to three: half of the second hour counts."""
    load = Shiftable(1.2, 1.0, earliest=moment(1.5), latest=moment(3))
    plan = schedule([load], prices([10, 20, 90, 5]))
    assert plan.of("shiftable", "p_mw").tolist() == approx([0, 0.5, 0.7, 0], abs=MW)
    assert why(plan) == ("outside_window", "window")


def test_with_no_time_to_lose_the_window_decides(prices):
    plan = schedule([Shiftable(1.8, 1.0)], prices([90, 10]))
    assert plan.of("shiftable", "p_mw").tolist() == approx([0.8, 1.0], abs=MW)
    assert why(plan) == ("run_before_end", "window")


def test_at_equal_prices_it_runs_first(prices):
    plan = schedule([Shiftable(1.5, 1.0)], prices([40, 40, 40]))
    assert plan.of("shiftable", "p_mw").tolist() == approx([1.0, 0.5, 0.0], abs=MW)
    assert why(plan) == ("run_low_price", "")


def test_what_may_come_after_the_horizon_costs_the_mean_price(prices):
    """Prices 90 and 50, 70 on the mean: one hour now at 50, the rest later at 70, none at 90."""
    plan = schedule([Shiftable(2.0, 1.0, latest=moment(4))], prices([90, 50]))
    assert plan.of("shiftable", "p_mw").tolist() == approx([0.0, 1.0], abs=MW)
    assert plan.parts["shiftable_later"] == approx(70.0)


def test_what_is_not_worth_its_price_is_left_out(prices):
    plan = schedule([Shiftable(1.0, 1.0, left_out_cost=40.0)], prices([90, 50]))
    assert plan.of("shiftable", "p_mw").tolist() == approx([0.0, 0.0], abs=MW)
    assert plan.parts["shiftable_left_out"] == approx(40.0)
    assert why(plan) == ("left_out", "")


def test_it_waits_for_a_limit_and_says_which(prices):
    load = Load([2.0, 0.0], value_of_lost_load=50_000.0)
    plan = schedule([Shiftable(1.0, 1.0), load], prices([10, 80]), connection=Connection(import_limit_mw=2.0))
    assert plan.of("shiftable", "p_mw").tolist() == approx([0.0, 1.0], abs=MW)
    assert why(plan) == ("wait_for_limit", "import_limit:connection")


def test_one_that_has_its_energy_says_so(prices):
    assert why(schedule([Shiftable(0.0, 1.0)], prices([10, 80]))) == ("charged", "energy")


def test_what_does_not_fit_is_refused_with_changes_that_each_would_do(prices):
    """3 MWh in two hours at 1 MW: 2 MWh, 1.5 MW, or an hour more; each of them makes a plan."""
    load = Shiftable(3.0, 1.0, latest=moment(2), id="pool")
    table = prices([10, 20, 30, 40])
    with pytest.raises(OutOfRange, match=r"pool: 3 MWh do not fit .* energy_mwh to 2, or max_mw to 1\.5, or latest to"):
        schedule([load], table)
    for change in ({"energy_mwh": 2.0}, {"max_mw": 1.5}, {"latest": moment(3)}, {"left_out_cost": 100.0}):
        assert schedule([replace(load, **change)], table).status == "optimal", change


def test_wrong_numbers_are_refused_all_at_once():
    with pytest.raises(OutOfRange, match=r"energy_mwh is -1.*max_mw is nan"):
        Shiftable(-1.0, float("nan"))
    with pytest.raises(OutOfRange, match="earliest has no time zone"):
        Shiftable(1.0, 1.0, earliest=moment().tz_localize(None))
    with pytest.raises(OutOfRange, match="not after it begins"):
        Shiftable(1.0, 1.0, earliest=moment(2), latest=moment(1))


@st.composite
def loads(draw: st.DrawFn) -> Shiftable:
    earliest = draw(st.sampled_from([None, 0.0, 0.75, 1.0]))
    latest = draw(st.sampled_from([None, 2.5, 4.0, 6.0]))
    return Shiftable(
        draw(st.integers(0, 12)) / 10,
        draw(st.sampled_from([0.8, 1.0, 2.0])),
        None if earliest is None else moment(earliest),
        None if latest is None else moment(latest),
        draw(st.sampled_from([None, 30.0, 500.0])),
    )


money = st.lists(st.integers(-20, 100), min_size=4, max_size=4)


@settings(max_examples=25, deadline=None)
@given(loads(), money)
def test_energy_adds_up_and_a_wider_choice_never_costs_more(prices, load, values):
    table = prices(values)
    plan = schedule([load], table)
    served = float(plan.of("shiftable", "p_mw").sum())
    mean = sum(values) / 4
    told = plan.parts["shiftable_later"] / mean if mean else 0.0
    if load.left_out_cost is None and mean:
        assert served + told == approx(load.energy_mwh, abs=1e-5)
    assert check_solution(ScheduleCase([load], table), plan).ok
    wider = [replace(load, max_mw=2 * load.max_mw)]
    if load.latest is not None and load.latest <= moment(4):
        wider.append(replace(load, latest=moment(4)))
    if load.earliest is not None:
        wider.append(replace(load, earliest=None))
    for other in wider:
        # More power may also mean more that can come later, which is a choice as well.
        assert schedule([other], table).cost <= plan.cost + 1e-3


@settings(max_examples=10, deadline=None)
@given(loads(), loads(), money)
def test_names_do_not_matter_and_the_same_inputs_give_the_same_plan(prices, first, second, values):
    a, b = replace(first, id="a"), replace(second, id="b")
    plan = schedule([a, b], prices(values))
    swapped = schedule([replace(second, id="a"), replace(first, id="b")], prices(values))
    assert swapped.cost == approx(plan.cost, abs=1e-6)
    assert schedule([a, b], prices(values)).table.equals(plan.table)
