"""Announced charging: what the first plan of a car meant to do, by pencil."""

from __future__ import annotations

import numpy as np
from cars import at, cars
from pytest import approx

from gridloop.optimize.charging.announced import Announced
from gridloop.optimize.charging.replan import ChargingRules, replan_charging
from gridloop.optimize.charging_events import charging_events

LP = 1e-6


def test_what_nothing_changes_is_done_as_announced(prices):
    """One car, true words: it waits for the lowest price, as it was told."""
    table = cars(("a", 0, 4, 1.5, 1.0))
    table = table.assign(user_departure=table["departure"], user_energy_mwh=table["energy_mwh"])
    announced = Announced()
    done = replan_charging(table, prices([90, 20, 10, 40]), watch=announced)
    assert announced.charging(done).p_mw["a"].tolist() == approx([0.0, 0.5, 1.0, 0.0], abs=LP)
    assert set(charging_events(done, table, announced.charging(done))["event"]) == {
        "charging_start", "charging_complete",
    }  # fmt: skip


def test_who_comes_later_moves_what_was_announced(prices):
    """a is told the hour at 10; then b comes for that hour alone with all of the limit, and a takes the one at 20."""
    table = cars(("a", 0, 4, 1.0, 1.0), ("b", 1, 3, 1.0, 1.0)).assign(priority=[0, 1])
    table = table.assign(user_departure=[at(4), at(3)], user_energy_mwh=1.0)
    announced = Announced()
    rules = ChargingRules(limit_mw=1.0)
    done = replan_charging(table, prices([90, 40, 10, 20]), rules, watch=announced)
    told = announced.charging(done)
    assert told.p_mw["a"].tolist() == approx([0.0, 0.0, 1.0, 0.0], abs=LP)
    assert done.p_mw["a"].tolist() == approx([0.0, 0.0, 0.0, 1.0], abs=LP)
    assert done.p_mw["b"].tolist() == approx([0.0, 0.0, 1.0, 0.0], abs=LP)
    moved = charging_events(done, table, told, events=["schedule_change"])
    assert moved[["session", "energy_mwh"]].to_numpy().tolist() == [["a", approx(1.0, abs=LP)]]
    assert moved["at"].tolist() == [at(2)]
    assert told.served_mwh.equals(done.served_mwh)  # what was done is left as it is


def test_watching_changes_nothing(prices):
    table = cars(("a", 0, 4, 1.5, 1.0), ("b", 1, 3, 1.0, 1.0))
    table = table.assign(user_departure=table["departure"], user_energy_mwh=table["energy_mwh"])
    seen = replan_charging(table, prices([90, 20, 10, 40]), watch=Announced())
    assert seen.p_mw.equals(replan_charging(table, prices([90, 20, 10, 40])).p_mw)


def test_beyond_what_a_plan_looked_at_nothing_was_announced(prices):
    """The first plan looks two hours ahead and means to charge in the second; it was done in the third."""
    table = cars(("a", 0, 4, 1.0, 1.0))
    table = table.assign(user_departure=table["departure"], user_energy_mwh=table["energy_mwh"])
    announced = Announced()
    done = replan_charging(table, prices([90, 40, 10, 20]), ChargingRules(look_ahead_h=2.0), watch=announced)
    announced(1, np.array([0]), np.array([[0.9, 0.1]]))  # of a later plan: not what was told first
    told = announced.charging(done).p_mw["a"].tolist()
    assert told[:2] == approx([0.0, 1.0], abs=LP) and told[2:] == [0.0, 0.0]
    assert done.p_mw["a"].sum() == approx(1.0, abs=LP)
