"""Fleets: giving back, reserves, stations and their ports, priorities and shares of what is not enough for all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

import gridloop as gl
from gridloop.errors import MissingColumn, OutOfRange
from gridloop.optimize.check import ScheduleCase, check_solution
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.devices.load import Load
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.schedule import schedule
from gridloop.testing import moment, village

MW = 1e-6  # ten times the solver's tolerance


def cars(*rows: tuple[str, float, float, float, float], **columns: Any) -> pd.DataFrame:
    """Sessions as (id, hour of arrival, hour of departure, MWh, MW), and further columns."""
    table = pd.DataFrame(
        [("b", moment() + pd.Timedelta(hours=a), moment() + pd.Timedelta(hours=d), e, p) for _, a, d, e, p in rows],
        columns=["bus", "arrival", "departure", "energy_mwh", "max_charge_mw"],
        index=[name for name, *_ in rows],
    )
    return table.assign(**columns)


def honest(fleet: EVFleet, prices: Any, *others: Any, connection: Connection | None = None, **options: Any) -> Plan:
    """A plan that the checker agrees with."""
    plan = schedule([fleet, *others], prices, connection=connection, **options)
    assert plan.status == "optimal"
    case = ScheduleCase([fleet, *others], prices, connection, previous=options.get("previous"))
    found = check_solution(case, plan)
    assert found.ok, found.sentences()
    assert found.cost == approx(plan.cost, rel=1e-6, abs=1e-5)
    return plan


def power(plan: Plan, device: str = "car") -> list[float]:
    return plan.of(device, "p_mw").tolist()


def why(plan: Plan, device: str = "car") -> tuple[str, str]:
    row = plan.setpoints().set_index("device").loc[device]
    return str(row["reason"]), str(row["binding"])


V2G = {"v2g": True, "capacity_mwh": 4.0, "soc_arrival": 0.5}


# ----- giving back -----------------------------------------------------------------------------------------


def test_it_gives_where_energy_is_dear_and_leaves_with_what_it_asked_for(prices):
    """2 MWh in it, 1 MWh asked for, 1 MW: it gives 0.8 MWh at 200, a fifth of its battery, and charges 1.8 at 20."""
    fleet = EVFleet(cars(("car", 0, 3, 1.0, 1.0), **V2G), degradation_cost=5.0)
    plan = honest(fleet, prices([200, 20, 20]))
    assert power(plan) == approx([-0.8, 1.0, 0.8], abs=MW)
    assert plan.parts["ev_wear"] == approx(5.0 * 0.8, abs=1e-4)
    assert why(plan) == ("discharge_high_price", "")


def test_losses_of_the_battery_must_be_charged_again(prices):
    """0.9 in, 0.9 out: what it gives, 0.72 of 0.8 MWh out of the battery, takes 0.8 / 0.9 at the plug to come back."""
    table = cars(("car", 0, 3, 1.0, 1.0), **V2G, charge_efficiency=0.9, discharge_efficiency=0.9)
    plan = honest(EVFleet(table, degradation_cost=0.0), prices([200, 20, 20]))
    assert power(plan)[0] == approx(-0.72, abs=MW)
    assert sum(power(plan)[1:]) == approx(1.0 + 0.8 / 0.9, abs=MW)


def test_below_the_threshold_it_keeps_its_energy(prices):
    fleet = EVFleet(cars(("car", 0, 3, 1.0, 1.0), **V2G), discharge_price_threshold=201.0)
    assert min(power(honest(fleet, prices([200, 20, 20])))) >= -MW


def test_where_the_spread_does_not_pay_its_wear_it_does_not_give(prices):
    fleet = EVFleet(cars(("car", 0, 3, 1.0, 1.0), **V2G), degradation_cost=181.0)
    assert min(power(honest(fleet, prices([200, 20, 20])))) >= -MW


def test_the_depth_counts_what_was_given_before(prices):
    table = cars(("car", 0, 3, 1.0, 1.0), **V2G, given_mwh=0.5)
    assert power(honest(EVFleet(table), prices([200, 20, 20])))[0] == approx(-0.3, abs=MW)


def test_a_reserve_is_never_given_away(prices):
    """2 MWh in it, of which 1.6 are reserve: 0.4 can go."""
    table = cars(("car", 0, 3, 1.0, 1.0), **V2G, min_soc=0.4)
    assert power(honest(EVFleet(table, max_discharge_share=1.0), prices([200, 20, 20])))[0] == approx(-0.4, abs=MW)


def test_who_says_no_gives_nothing(prices):
    table = cars(("yes", 0, 3, 1.0, 1.0), ("no", 0, 3, 1.0, 1.0), **{**V2G, "v2g": [True, False]})
    plan = honest(EVFleet(table, degradation_cost=0.0), prices([200, 20, 20]))
    assert power(plan, "yes")[0] == approx(-0.8, abs=MW)
    assert min(power(plan, "no")) >= -MW


def test_it_shaves_a_peak_of_the_site(prices):
    """One price for all: only the contracted peak of the connection makes it give, as much as its depth lets it."""
    fleet = EVFleet(cars(("car", 0, 3, 0.5, 1.0), **V2G), degradation_cost=0.5)
    site = Connection(contracted_peak_mw=0.0, peak_price_per_mw=1000.0)
    plan = honest(fleet, prices([50, 50, 50]), Load([0.0, 2.0, 0.0], sheddable=0.0), connection=site)
    assert power(plan)[1] == approx(-0.8, abs=1e-5)
    assert plan.of("connection", "import_mw").max() == approx(1.2, abs=1e-5)


def test_a_car_that_stays_longer_gives_only_what_its_worth_then_allows(prices):
    """It stays after the horizon: what is left in it counts at the mean price, so it sells high and keeps below."""
    fleet = EVFleet(cars(("car", 0, 9, 0.0, 1.0), **V2G), degradation_cost=0.0)
    plan = honest(fleet, prices([40, 100, 60]))
    assert power(plan)[1] < -0.1
    assert power(plan)[0] > 0.1


@pytest.mark.parametrize("threshold", [0.0, -100.0])
def test_it_never_burns_energy_at_negative_prices(prices, threshold: float):
    fleet = EVFleet(
        cars(("car", 0, 4, 0.5, 1.0), **V2G, charge_efficiency=0.8, discharge_efficiency=0.8),
        discharge_price_threshold=threshold, degradation_cost=0.0,
    )  # fmt: skip
    honest(fleet, prices([-50, -60, -50, 10]))


def test_a_car_below_its_reserve_gets_it_first(prices):
    """0.4 MWh in it, 1.2 are reserve: it charges 0.8 at once though energy is dear, the rest when it is cheap."""
    table = cars(("car", 0, 4, 2.0, 1.0), capacity_mwh=4.0, soc_arrival=0.1, min_soc=0.3)
    plan = honest(EVFleet(table), prices([90, 80, 70, 10]))
    assert power(plan)[0] == approx(0.8, abs=MW)
    assert plan.parts["ev_reserve"] == approx(0.0, abs=1e-3)


def test_on_a_feeder_it_gives_within_the_band_and_is_checked_by_ac(prices):
    """Cars at the village's far end give when energy is dear, and the AC flow of the plan agrees with its losses."""
    table = cars(("a", 0, 4, 0.2, 0.4), ("b", 1, 4, 0.2, 0.4), **V2G).assign(bus="farm")
    net = village()
    fleet = EVFleet(table, max_discharge_share=0.5, degradation_cost=1.0)
    load = Load(np.array([0.5, 2.0, 0.5, 0.5]), 0.2, id="load", bus="farm", sheddable=0.0)
    values = prices([60, 200, 20, 20], fee=5.0)
    plan = schedule([fleet, load], values, network=net)
    found = check_solution(ScheduleCase([fleet, load], values), plan)
    assert found.ok, found.sentences()
    assert plan.wide("p_mw", "ev").iloc[1].sum() == approx(-0.8, abs=1e-5)


# ----- sessions by state of charge -------------------------------------------------------------------------


def test_states_of_charge_stand_for_an_energy(prices):
    """From 0.2 to 0.7 of 2 MWh at 0.8: 1.25 MWh at the plug."""
    by_soc = cars(("car", 0, 3, np.nan, 1.0), capacity_mwh=2.0, soc_arrival=0.2, soc_desired=0.7, charge_efficiency=0.8)
    assert sum(power(honest(EVFleet(by_soc), prices([50, 40, 30])))) == approx(1.25, abs=MW)
    assert sum(power(honest(EVFleet(by_soc.drop(columns="energy_mwh")), prices([50, 40, 30])))) == approx(1.25, abs=MW)


def test_further_columns_that_say_nothing_change_nothing(prices):
    """The plan is the same, bit for bit."""
    plain = cars(("a", 0, 4, 1.5, 1.0), ("b", 1, 3, 0.8, 0.5))
    silent = plain.assign(
        v2g=False, capacity_mwh=np.nan, soc_arrival=np.nan, priority=3.0, station=None, min_soc=np.nan,
        max_discharge_mw=np.nan, charge_efficiency=0.9, given_mwh=np.nan,
    )  # fmt: skip
    stations = pd.DataFrame({"limit_mw": [np.inf], "ports": [np.nan]}, index=["s"])
    plans = [honest(f, prices([40, 30, 30, 50])) for f in (EVFleet(plain), EVFleet(silent, stations=stations))]
    pd.testing.assert_frame_equal(plans[0].table, plans[1].table, check_exact=True)
    assert plans[0].cost == plans[1].cost
    assert plans[0].parts == plans[1].parts


# ----- stations and fleets ---------------------------------------------------------------------------------


def stations(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame(columns, index=["s", "t"])


def test_cars_of_a_station_share_its_limit_and_the_reason_names_it(prices):
    """Two cars at s want the cheap first hour; 1 MW is there. The one at t is not held back."""
    table = cars(*((name, 0, 2, 1.0, 1.0) for name in "abc"), station=["s", "s", "t"])
    plan = honest(EVFleet(table, stations=stations(limit_mw=[1.0, 5.0])), prices([10, 80]))
    assert power(plan, "a")[0] + power(plan, "b")[0] == approx(1.0, abs=MW)
    assert power(plan, "c") == approx([1.0, 0.0], abs=MW)
    waits = [name for name in "ab" if power(plan, name)[0] < 0.5]
    assert [why(plan, name) for name in waits] == [("wait_for_limit", "station_limit:s")]


def test_a_fleet_has_a_limit_of_its_own(prices):
    table = cars(*((name, 0, 3, 1.0, 1.0) for name in "abc"))
    plan = honest(EVFleet(table, limit_mw=1.5), prices([10, 20, 80]))
    assert plan.wide("p_mw", "ev").sum(axis=1).tolist() == approx([1.5, 1.5, 0.0], abs=MW)


def test_a_limit_of_a_station_holds_for_giving_too(prices):
    table = cars(*((name, 0, 3, 0.5, 1.0) for name in "ab"), **V2G, station="s")
    plan = honest(EVFleet(table, stations=stations(limit_mw=[1.0, 1.0]), degradation_cost=0.0), prices([200, 20, 20]))
    assert plan.wide("p_mw", "ev").sum(axis=1).tolist()[0] == approx(-1.0, abs=MW)
    assert plan.wide("p_mw", "ev").sum(axis=1).max() <= 1.0 + MW


def test_a_port_is_held_until_its_car_leaves(prices):
    """One port: b waits for a to leave at 2, c came before b left and waits until 4, d leaves before a port is free."""
    table = cars(
        ("a", 0, 2, 0.5, 1.0), ("b", 1, 4, 1.5, 1.0), ("c", 1.5, 6, 1.0, 1.0), ("d", 3, 3.5, 0.5, 1.0), station="s"
    )
    plan = honest(EVFleet(table, stations=stations(ports=[1, 1])), prices([50] * 6))
    assert np.flatnonzero(np.array(power(plan, "b")) > MW).min() == 2
    assert np.flatnonzero(np.array(power(plan, "c")) > MW).min() == 4
    assert power(plan, "d") == approx([0.0] * 6, abs=MW)
    assert plan.parts["ev_unserved"] == approx(5000.0 * 0.5, rel=1e-6)


def test_no_port_at_all_serves_nobody(prices):
    table = cars(("a", 0, 2, 0.5, 1.0), station="s")
    plan = honest(EVFleet(table, stations=stations(ports=[0, 1])), prices([50, 50]))
    assert power(plan, "a") == approx([0.0, 0.0], abs=MW)


# ----- who gets what is not enough for all -----------------------------------------------------------------


def short(plan: Plan, table: pd.DataFrame) -> dict[str, float]:
    return {str(k): float(e) - float(plan.of(str(k), "p_mw").sum()) for k, e in table["energy_mwh"].items()}


def test_who_has_more_priority_is_served_first(prices):
    """2 MWh for needs of 1 + 1 + 1: the lowest priority leaves without, wherever it stands."""
    table = cars(*((name, 0, 2, 1.0, 1.0) for name in "abc"), priority=[2, 1, 7])
    plan = honest(EVFleet(table, limit_mw=1.0), prices([10, 90]))
    assert short(plan, table) == approx({"a": 0.0, "b": 1.0, "c": 0.0}, abs=MW)


def test_in_fair_steps_one_priority_shares_in_proportion_to_need(prices):
    """1.5 MWh for needs of 2 and 1: a half each, to within a twentieth."""
    table = cars(("a", 0, 2, 2.0, 1.0), ("b", 0, 2, 1.0, 1.0))
    plan = honest(EVFleet(table, limit_mw=0.75, fair_steps=20), prices([10, 90]))
    found = short(plan, table)
    assert found["a"] / 2.0 == approx(0.5, abs=0.05)
    assert found["b"] / 1.0 == approx(0.5, abs=0.05)


def test_fair_steps_never_take_from_a_higher_priority(prices):
    table = cars(("a", 0, 2, 1.0, 1.0), ("b", 0, 2, 1.0, 1.0), ("c", 0, 2, 1.0, 1.0), priority=[0, 0, 1])
    plan = honest(EVFleet(table, limit_mw=0.75, fair_steps=10), prices([10, 90]))
    found = short(plan, table)
    assert found["c"] == approx(0.0, abs=MW)
    assert found["a"] == approx(found["b"], abs=0.1 + MW)


# ----- refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"soc_arrival": 1.2}, r"2 EV sessions of ev have soc_arrival outside 0 … 1 \(a, b\)"),
        ({"charge_efficiency": 0.0}, "charge_efficiency outside 0 … 1, or zero"),
        ({"capacity_mwh": -1.0}, "have capacity_mwh negative"),
        ({"v2g": [True, False]}, r"1 EV sessions .* may give energy back, but their battery is not known \(a\); tell"),
        ({"max_discharge_mw": 0.5, "capacity_mwh": 1.0}, "battery is not known"),
        ({"energy_mwh": np.nan}, r"energy_mwh negative or missing \(a, b\); tell it, or capacity_mwh"),
    ],
)  # fmt: skip
def test_columns_that_cannot_be_are_named(columns: dict[str, Any], message: str):
    table = cars(("a", 0, 2, 1.0, 1.0), ("b", 0, 2, 1.0, 1.0))
    with pytest.raises(OutOfRange, match=message):
        EVFleet(table.assign(**columns))


def test_a_departure_before_the_arrival_says_what_would_mend_it():
    with pytest.raises(OutOfRange, match=r"\(a, b\); b would have to leave 90 minutes later, or are times swapped"):
        EVFleet(cars(("a", 2, 1, 1.0, 1.0), ("b", 2, 0.5, 1.0, 1.0)))


def test_numbers_of_the_fleet_and_its_stations_that_cannot_be_are_named():
    table = cars(("a", 0, 2, 1.0, 1.0), station="s")
    for words, options in (
        ("limit_mw is -1.0; it must not be negative", {"limit_mw": -1.0}),
        ("max_discharge_share is 1.5; allowed is a share", {"max_discharge_share": 1.5}),
        ("fair_steps is 0; allowed are whole numbers from 1", {"fair_steps": 0}),
        ("discharge_price_threshold is inf", {"discharge_price_threshold": np.inf}),
        (r"1 stations have ports that cannot be \(t\); allowed are whole", {"stations": stations(ports=[1, 1.5])}),
        (r"1 stations have limit_mw that cannot be \(s\)", {"stations": stations(limit_mw=[-1.0, 1.0])}),
        (r"at a station that the table of stations does not have \(a\)", {"stations": stations(ports=[1, 1]).iloc[1:]}),
    ):
        with pytest.raises(OutOfRange, match=words):
            EVFleet(table, **options)
    with pytest.raises(MissingColumn, match="energy_mwh"):
        EVFleet(table.drop(columns="energy_mwh").assign(capacity_mwh=1.0))


# ----- laws ------------------------------------------------------------------------------------------------

shares = st.sampled_from([0.0, 0.2, 0.5, 1.0])
N = 5


@st.composite
def fleets(draw: st.DrawFn) -> EVFleet:
    n = draw(st.integers(1, 4))

    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(values, min_size=n, max_size=n))

    begin = column(st.integers(-30, 200))
    stay = column(st.integers(20, 300))
    minute = pd.Timedelta(minutes=1)
    table = pd.DataFrame(
        {
            "bus": "b",
            "arrival": [moment() + a * minute for a in begin],
            "departure": [moment() + (a + s) * minute for a, s in zip(begin, stay, strict=True)],
            "energy_mwh": column(shares),
            "max_charge_mw": column(st.sampled_from([0.3, 1.0])),
            "capacity_mwh": 2.0,
            "soc_arrival": column(st.sampled_from([0.1, 0.5])),
            "min_soc": column(st.sampled_from([0.0, 0.3])),
            "v2g": column(st.booleans()),
            "priority": column(st.sampled_from([0.0, 1.0])),
            "station": column(st.sampled_from(["s", "t"])),
            "charge_efficiency": column(st.sampled_from([0.8, 1.0])),
            "discharge_efficiency": column(st.sampled_from([0.9, 1.0])),
        },
        index=[f"car {k}" for k in range(n)],
    )
    return EVFleet(
        table,
        stations=draw(st.sampled_from([None, stations(ports=[1, 3]), stations(limit_mw=[0.5, 1.0], ports=[2, 2])])),
        limit_mw=draw(st.sampled_from([np.inf, 0.8])),
        discharge_price_threshold=draw(st.sampled_from([0.0, 60.0])),
        max_discharge_share=draw(st.sampled_from([0.1, 1.0])),
        fair_steps=draw(st.sampled_from([1, 4])),
    )


money = st.lists(st.integers(-40, 150), min_size=N, max_size=N)


@settings(max_examples=25, deadline=None)
@given(fleets(), money, st.sampled_from([np.inf, 0.7]))
def test_every_plan_keeps_every_rule(prices, fleet: EVFleet, values: list[int], limit: float):
    honest(fleet, prices(values), Load(np.full(N, 0.2), sheddable=0.0), connection=Connection(import_limit_mw=limit))


@settings(max_examples=8, deadline=None)
@given(fleets(), st.lists(st.integers(1, 150), min_size=N, max_size=N))
def test_more_choice_never_costs_more(prices, fleet: EVFleet, values: list[int]):
    # Who gets a port while below its reserve has a duty more, not a choice.
    fleet = replace(fleet, sessions=fleet.sessions.assign(min_soc=0.0))
    table = prices(values)
    cost = schedule([fleet], table).cost
    tolerance = 0.02  # the solver's 1e-7 MW at 10,000 money per MWh over five hours and four cars
    freer = [
        replace(fleet, limit_mw=np.inf),
        replace(fleet, discharge_price_threshold=-1000.0),
        replace(fleet, max_discharge_share=1.0),
        replace(fleet, stations=None),
    ]
    for other in freer:
        assert schedule([other], table).cost <= cost + tolerance


@settings(max_examples=6, deadline=None)
@given(fleets(), money)
def test_the_same_fleet_has_the_same_plan(prices, fleet: EVFleet, values: list[int]):
    first, second = (schedule([fleet], prices(values)) for _ in range(2))
    pd.testing.assert_frame_equal(first.table, second.table, check_exact=True)


@settings(max_examples=8, deadline=None)
@given(st.integers(2, 4), st.lists(st.integers(1, 150), min_size=N, max_size=N), st.sampled_from([0.3, 0.6]))
def test_equal_cars_are_treated_alike(prices, n: int, values: list[int], limit: float):
    """In fair steps no car of equal ones leaves with more than a step less than another."""
    table = cars(*((f"car {k}", 0, 3, 1.0, 1.0) for k in range(n)))
    plan = schedule([EVFleet(table, limit_mw=limit, fair_steps=10)], prices(values))
    found = list(short(plan, table).values())
    assert max(found) - min(found) <= 0.1 + 1e-5


def test_a_spoilt_plan_is_found(prices):
    fleet = EVFleet(cars(("car", 0, 3, 1.0, 1.0), **V2G, station="s"), stations=stations(limit_mw=[1.0, 1.0]))
    table = prices([200, 20, 20])
    plan = honest(fleet, table)
    for given_fleet, word in (
        (replace(fleet, max_discharge_share=0.1), "energy given"),
        (replace(fleet, discharge_price_threshold=300.0), "giving below the threshold"),
        (replace(fleet, limit_mw=0.5), "fleet's power"),
        (replace(fleet, stations=stations(limit_mw=[0.5, 1.0])), "station's power"),
        (EVFleet(fleet.sessions.assign(min_soc=0.45)), "stored energy (below the reserve)"),
        (EVFleet(fleet.sessions.assign(capacity_mwh=2.2, soc_arrival=0.99)), "stored energy (more than fits)"),
        (EVFleet(fleet.sessions.assign(v2g=False)), "charging"),
    ):
        found = gl.check_solution(ScheduleCase([given_fleet], table), plan)
        assert word in set(found.findings["kind"]), (word, found.sentences())


def test_each_fleet_has_its_own_fair_steps(prices):
    """2 MWh of 3 are missing; two fleets that grow dearer in 2 and in 5 steps beside one that does not."""
    fleets = [
        EVFleet(cars((name, 0, 1, 1.0, 1.0)), id=f"fleet {name}", fair_steps=steps)
        for name, steps in (("a", 2), ("b", 5), ("c", 1))
    ]
    values, site = prices([10, 90]), Connection(import_limit_mw=1.0)
    plan = schedule(fleets, values, connection=site)
    found = check_solution(ScheduleCase(fleets, values, site), plan)
    assert plan.status == "optimal", plan.diagnosis
    assert found.ok, found.sentences()
    assert found.cost == approx(plan.cost, rel=1e-6, abs=1e-5)
