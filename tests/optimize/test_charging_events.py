"""Charging events: by pencil, for both kinds of plan, and a change of plan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from ev_fleets import START, prices, random_fleet, sessions
from pytest import approx

from gridloop.errors import MissingColumn, OutOfRange
from gridloop.optimize.charging.result import Charging
from gridloop.optimize.charging_events import charging_events
from gridloop.optimize.charging_fleet.charge import charge_fleet
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.problems.schedule import schedule


def told(events: pd.DataFrame) -> list[tuple[str, str, float, float]]:
    """(session, event, hours after the start, MWh)"""
    hours = (events["at"] - START) / pd.Timedelta(hours=1)
    return list(zip(events["session"], events["event"], hours, events["energy_mwh"], strict=True))


def test_start_end_and_what_cannot_be():
    """a: 1.5 MWh at 1 MW, cheapest in hours 1 and 2, where half an hour is left. b: comes at 0:15, is at full power
    until 0:45 and lacks 0.2 MWh. c wants nothing."""
    table = sessions((0, 4, 1.5, 1.0), (0.25, 0.75, 1.2, 2.0), (0, 2, 0.0, 1.0))
    events = charging_events(charge_fleet(table, prices([40, 10, 20, 90])), table)
    found = told(events)
    assert [row[:2] for row in found] == [
        ("b", "charging_start"),
        ("b", "cannot_be_met"),
        ("a", "charging_start"),
        ("a", "charging_complete"),
    ]
    assert [row[2] for row in found] == approx([0.25, 0.75, 1.0, 2.5])
    assert [row[3] for row in found] == approx([1.0, 0.2, 1.5, 1.5])
    assert events["text"].iloc[1] == "b will lack 200.0 kWh when it leaves at 2026-03-02 00:45 UTC"


def test_both_kinds_of_plan_tell_the_same():
    table = random_fleet(np.random.default_rng(3), 20, 12).assign(bus="")
    price = prices(np.random.default_rng(4).permutation(12) * 10.0 + 5.0)
    limit = 1.3 * float(table["energy_mwh"].sum()) / 12
    unlimited = [schedule([EVFleet(table)], price), charge_fleet(table, price)]
    events = [charging_events(plan, table) for plan in unlimited]
    assert told(events[0]) == [
        (*row[:2], approx(row[2], abs=1e-3), approx(row[3], abs=1e-5)) for row in told(events[1])
    ]
    limited = schedule([EVFleet(table)], price, connection=Connection(import_limit_mw=limit))
    counts = [
        charging_events(plan, table)["event"].value_counts()
        for plan in (limited, charge_fleet(table, price, limit_mw=limit))
    ]
    assert counts[0]["charging_start"] == counts[1]["charging_start"]


def test_a_change_of_plan_is_told_with_what_moves():
    """The price turns: 1 MWh of a moves from hour 1 to hour 2. b's schedule stays."""
    table = sessions((0, 4, 1.0, 1.0), (0, 1, 0.5, 1.0))
    before, after = (charge_fleet(table, prices(p)) for p in ([40, 10, 20, 90], [40, 30, 20, 90]))
    events = charging_events(after, table, before, events=["schedule_change"])
    assert told(events) == [("a", "schedule_change", approx(1.0), approx(1.0))]
    assert "1000.0 kWh move to other times" in events["text"].iloc[0]
    assert charging_events(after, table, after, events=["schedule_change"]).empty


def test_a_small_change_is_not_told():
    """Of 1 MWh 4 % move, then 6 %."""
    table = sessions((0, 4, 1.0, 1.0))
    plan = charge_fleet(table, prices([40, 10, 20, 90]))
    for part, told_of in ((0.04, 0), (0.06, 1)):
        moved = replace(plan, power_mw=plan.power_mw + np.array([0.0, -part, part, 0.0]))
        assert len(charging_events(moved, table, plan, events=["schedule_change"])) == told_of


def test_plans_an_hour_apart_are_compared_where_both_look():
    """The new plan begins an hour later: the hour that has gone is no change."""
    table = sessions((0, 4, 2.0, 1.0))
    before = charge_fleet(table, prices([1, 50, 2, 90]))
    later = prices([50, 2, 90]).set_axis(pd.date_range(START + pd.Timedelta(hours=1), periods=3, freq="h"))
    after = charge_fleet(table.assign(energy_mwh=1.0), later)
    assert charging_events(after, table.assign(energy_mwh=1.0), before, events=["schedule_change"]).empty


def test_sessions_that_a_plan_does_not_know_are_left_alone():
    table = sessions((0, 4, 1.0, 1.0), (0, 1, 0.5, 1.0))
    plan = charge_fleet(table.loc[["a"]], prices([1, 2, 3, 4]))
    assert set(charging_events(plan, table)["session"]) == {"a"}
    assert charging_events(plan, table.loc[["b"]]).empty


def test_what_is_wrong_is_named():
    table = sessions((0, 4, 1.0, 1.0))
    plan = charge_fleet(table, prices([1, 2]))
    with pytest.raises(OutOfRange, match=r"charging_begin.*there are charging_start"):
        charging_events(plan, table, events=["charging_begin"])
    with pytest.raises(MissingColumn, match="departure"):
        charging_events(plan, table.drop(columns="departure"))


def test_what_a_car_gives_is_counted_with_what_is_lost_on_its_way():
    """1 MWh asked for: 1.25 taken and 0.2 given at 0.8 there and back is 1 MWh, no more."""
    starts = pd.date_range("2024-03-04", periods=2, freq="1h", tz="UTC")
    table = pd.DataFrame(
        {"bus": "b", "arrival": starts[0], "departure": starts[0] + pd.Timedelta(hours=2), "energy_mwh": 1.01,
         "max_charge_mw": 2.0, "charge_efficiency": 0.8}, index=["car"],
    )  # fmt: skip
    power = pd.DataFrame({"car": [-0.2, 1.25]}, index=starts)
    one = pd.Series([1.01], index=["car"])
    found = charging_events(Charging(power, one, one, one, np.zeros(2), np.ones(2)), table)
    lacking = found[found["event"] == "cannot_be_met"]
    assert lacking["energy_mwh"].tolist() == approx([0.01])
