"""Charging a fleet: by pencil, against the linear program, laws, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from ev_fleets import START, by_linear_program, prices, random_fleet, sessions
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from gridloop.errors import GapInSeries, MissingColumn, OutOfRange
from gridloop.optimize.charging_fleet.charge import charge_fleet
from gridloop.optimize.charging_fleet.result import FleetPlan
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.devices.load import Load
from gridloop.optimize.problems.schedule import schedule

# Costs of two exact methods: the tolerance of the linear program's answers, 1e-10 per row, on a hundred of them.
SAME = 1e-8


def keeps_its_promises(plan: FleetPlan, table: pd.DataFrame, room_mw: np.ndarray | None = None) -> None:
    """Power, stay and energy of every car, the limit, and the sums, from the table alone."""
    powers = plan.powers()
    hours = float(plan.horizon.hours[0])
    share = plan.horizon.overlap(table["arrival"], table["departure"])
    most = table["max_charge_mw"].to_numpy()[:, None] * share
    assert (powers.to_numpy() >= 0.0).all()
    assert (powers.to_numpy() <= most * (1.0 + 1e-12) + 1e-15).all()
    assert powers.sum(axis=1).to_numpy() * hours == approx(plan.sessions["served_mwh"].to_numpy(), rel=1e-10, abs=1e-12)
    assert plan.table["ev_mw"].to_numpy() == approx(powers.sum(axis=0).to_numpy(), rel=1e-12, abs=1e-12)
    if room_mw is not None:
        whole = max(1.0, float(plan.sessions["served_mwh"].sum())) / hours
        assert (plan.table["ev_mw"].to_numpy() <= room_mw + 1e-9 * whole).all()  # CRUMB of all energy
    assert plan.cost == approx(sum(plan.parts.values()))


def test_without_a_limit_every_car_takes_its_cheapest_hours():
    """a: 2 MWh at 1 MW in hours at 30, 10, 20: the last two. b: half an hour at 2 MW of hour 0, no choice."""
    table = sessions((0, 3, 2.0, 1.0), (0.25, 0.75, 0.6, 2.0))
    plan = charge_fleet(table, prices([30, 10, 20]), early_cost=0.0)
    assert plan.of("a").tolist() == approx([0.0, 1.0, 1.0])
    assert plan.of("b").tolist() == approx([0.6, 0.0, 0.0])
    assert plan.cost == approx(10 + 20 + 0.6 * 30)
    assert plan.status == "optimal" and plan.diagnosis is None
    keeps_its_promises(plan, table)


def test_a_limit_moves_what_costs_least_to_move():
    """Both want the hour at 10; 1 MW fits. a can go on to 20, b only to 50: a goes, and a MW of limit saves 10."""
    table = sessions((0, 2, 1.0, 1.0), (1, 3, 1.0, 1.0))
    plan = charge_fleet(table, prices([20, 10, 50]), limit_mw=1.0, early_cost=0.0)
    assert plan.of("a").tolist() == approx([1.0, 0.0, 0.0])
    assert plan.of("b").tolist() == approx([0.0, 1.0, 0.0])
    assert plan.cost == approx(30.0)
    assert plan.table["limit_price"].tolist() == approx([0.0, 10.0, 0.0])
    keeps_its_promises(plan, table, np.full(3, 1.0))


def test_room_is_made_along_a_chain():
    """c has hour 2 alone, b hours 1–2, a hours 0–1, each wants 1 MWh; hour 2 is free of charge and holds 1 MW."""
    table = sessions((0, 2, 1.0, 1.0), (1, 3, 1.0, 1.0), (2, 3, 1.0, 1.0))
    plan = charge_fleet(table, prices([90, 40, 0]), limit_mw=1.0, early_cost=0.0)
    assert [plan.of(name).to_numpy().argmax() for name in "abc"] == [0, 1, 2]
    assert plan.table["limit_price"].tolist() == approx([0.0, 50.0, 90.0])


@pytest.mark.parametrize("seed", range(5))
def test_a_limit_that_just_serves_all_has_no_price_of_a_loss(seed):
    """Every hour is full to the last, whichever way the limit was rounded: a price of 5,000 would speak of a loss."""
    energy = np.random.default_rng(seed).uniform(0.1, 1.0, 9)
    table = sessions(*((0, 3, mwh, 1.0) for mwh in energy))
    plan = charge_fleet(table, prices([20, 10, 50]), limit_mw=float(energy.sum()) / 3)
    assert plan.status == "optimal" and plan.diagnosis is None
    assert plan.table["limit_price"].max() < 50.0
    assert plan.gap < 1e-8


def test_base_load_takes_its_part_of_the_limit():
    table = sessions((0, 2, 1.0, 1.0))
    plan = charge_fleet(table, prices([10, 20]), limit_mw=1.0, base_mw=np.array([0.75, 0.0]), early_cost=0.0)
    assert plan.of("a").tolist() == approx([0.25, 0.75])
    assert plan.peak_mw == approx(1.0)


def test_ties_break_early_and_cars_alike_are_charged_alike():
    table = sessions(*([(0, 4, 1.0, 1.0)] * 4))
    plan = charge_fleet(table, prices([5, 5, 5, 5]), limit_mw=2.0)
    assert plan.table["ev_mw"].tolist() == approx([2.0, 2.0, 0.0, 0.0])
    powers = plan.powers().to_numpy()
    assert (powers == powers[0]).all()


def test_negative_prices_are_taken_first():
    plan = charge_fleet(sessions((0, 3, 1.0, 1.0)), prices([-5, -50, 1]), early_cost=0.0)
    assert plan.of("a").tolist() == approx([0.0, 1.0, 0.0])
    assert plan.cost == approx(-50.0)


def test_what_fits_in_later_waits_and_what_is_gone_is_short():
    """a stays 2 hours beyond the end and wants 2.5 MWh: half of one within. b left an hour before the start."""
    table = sessions((0, 4, 2.5, 1.0), (-3, -1, 1.0, 1.0), (5, 6, 0.5, 1.0))
    plan = charge_fleet(table, prices([10, 20]), early_cost=0.0)
    assert plan.sessions["served_mwh"].tolist() == approx([0.5, 0.0, 0.0])
    assert plan.sessions["short_mwh"].tolist() == approx([0.0, 1.0, 0.0])
    assert plan.status == "short"
    assert "1 of 3 sessions ask for more than fits" in str(plan.diagnosis)


def test_no_sessions_at_all():
    plan = charge_fleet(sessions(), prices([10, 20]), limit_mw=1.0)
    assert plan.cost == 0.0 and plan.gap == 0.0
    assert plan.powers().shape == (0, 2)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), tight=st.floats(0.2, 1.5), grid=st.booleans())
def test_it_costs_what_the_linear_program_costs(seed, tight, grid):
    """Forty cars that come and go at any minute, under limits from hopeless to loose."""
    rng = np.random.default_rng(seed)
    table, price = random_fleet(rng, 40, 12, grid=grid), prices(rng.choice([10, 20, 30, 45, 80], 12) + rng.random(12))
    room = tight * rng.uniform(0.5, 1.5, 12) * float(table["energy_mwh"].sum()) / 12
    plan = charge_fleet(table, price, limit_mw=room, value_of_lost_charge=1000.0)
    want = by_linear_program(table, price, room, early=0.01, lost=1000.0)
    assert plan.cost == approx(want.cost, rel=SAME)
    assert float(plan.sessions["served_mwh"].sum()) == approx(want.served_mwh, rel=SAME)
    assert plan.gap + 1e-12 >= 0.0 and plan.gap < 1e-9
    assert (plan.table["limit_price"] >= -1e-9).all()
    keeps_its_promises(plan, table, room)


def test_it_costs_what_the_schedule_costs():
    """gl.schedule with the same fleet, a load and an import limit, a quarter of an hour each."""
    rng = np.random.default_rng(5)
    table, price = random_fleet(rng, 30, 6).assign(bus=""), prices(rng.uniform(10, 90, 24), minutes=15)
    base, limit = rng.uniform(0.0, 3.0, 24), 14.0
    plan = charge_fleet(table, price, limit_mw=limit, base_mw=base)
    whole = schedule([EVFleet(table), Load(base)], price, connection=Connection(import_limit_mw=limit))
    assert not whole.gave_way and plan.table["limit_price"].max() > 0.0
    assert plan.cost + float(price.to_numpy() @ base) / 4 == approx(whole.cost, rel=1e-6)  # its solver's 1e-7


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_laws(seed):
    """More limit never costs more, a longer stay neither; the limit's price is what a little more of it saves."""
    rng = np.random.default_rng(seed)
    table, price = random_fleet(rng, 25, 10), prices(rng.uniform(-20, 90, 10))
    room = rng.uniform(0.6, 1.6, 10) * float(table["energy_mwh"].sum()) / 10
    plan = charge_fleet(table, price, limit_mw=room)
    assert charge_fleet(table, price, limit_mw=1.1 * room).cost <= plan.cost + 1e-9 * abs(plan.cost) + 1e-9
    longer = table.assign(departure=table["departure"] + pd.Timedelta(minutes=20))
    inside = longer["departure"] <= START + pd.Timedelta(hours=10)  # beyond the horizon need itself would change
    longer = table.assign(departure=longer["departure"].where(inside, table["departure"]))
    assert charge_fleet(longer, price, limit_mw=room).cost <= plan.cost + 1e-9 * abs(plan.cost) + 1e-9
    step = int(plan.table["limit_price"].to_numpy().argmax())
    more = room.copy()
    more[step] += 1e-5
    saved = plan.cost - charge_fleet(table, price, limit_mw=more).cost
    size = abs(plan.cost) + 1.0
    assert saved == approx(1e-5 * plan.table["limit_price"].iloc[step], abs=1e-10 * size)


def test_the_same_input_gives_the_same_plan_for_any_number_of_threads():
    rng = np.random.default_rng(0)
    table, price = random_fleet(rng, 500, 24), prices(rng.uniform(10, 90, 24))
    room = 1.2 * float(table["energy_mwh"].sum()) / 24
    one = charge_fleet(table, price, limit_mw=room, threads=1)
    two = charge_fleet(table, price, limit_mw=room, threads=2)
    assert np.array_equal(one.power_mw, two.power_mw)
    shuffled = charge_fleet(table.sample(frac=1.0, random_state=1), price, limit_mw=room)
    assert shuffled.cost == approx(one.cost, rel=1e-12)


def test_times_in_another_zone_are_the_same_times():
    table, price = sessions((0, 3, 2.0, 1.0)), prices([30, 10, 20])
    there = table.assign(**{n: table[n].dt.tz_convert("Asia/Seoul") for n in ("arrival", "departure")})
    limit = pd.Series([1.0, 0.5, 1.0], index=price.index.tz_convert("Europe/Berlin"))
    plans = [charge_fleet(t, price, limit_mw=limit) for t in (table, there)]
    assert np.array_equal(plans[0].power_mw, plans[1].power_mw)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"energy_mwh": [-1.0, 1.0]}, ["1 of 2", "energy_mwh negative or missing", "(a)"]),
        ({"max_charge_mw": [np.nan, 1.0]}, ["max_charge_mw negative or missing", "(a)"]),
        ({"departure": [START] * 2}, ["leave before they arrive", "a, b"]),
        ({"arrival": [START.tz_localize(None)] * 2}, ["arrival has no time zone"]),
    ],
)
def test_wrong_sessions_are_named(change, words):
    table = sessions((0, 1, 1.0, 1.0), (0, 2, 1.0, 1.0)).assign(**change)
    with pytest.raises(OutOfRange) as caught:
        charge_fleet(table, prices([1, 2]))
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_name_that_stands_twice():
    with pytest.raises(OutOfRange, match=r"more than once.*a"):
        charge_fleet(sessions((0, 1, 1.0, 1.0), (0, 2, 1.0, 1.0)).rename({"b": "a"}), prices([1, 2]))


def test_a_missing_column_is_named():
    with pytest.raises(MissingColumn, match="energy_mwh"):
        charge_fleet(sessions((0, 1, 1.0, 1.0)).drop(columns="energy_mwh"), prices([1, 2]))


def test_a_base_load_above_the_limit_says_where_and_by_how_much():
    with pytest.raises(OutOfRange, match=r"above the limit in 1 of 2 .*01:00.* by 0.5 MW at most. Raise limit_mw"):
        charge_fleet(sessions((0, 1, 1.0, 1.0)), prices([1, 2]), limit_mw=2.0, base_mw=np.array([1.0, 2.5]))


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"limit_mw": np.array([1.0, np.nan])}, GapInSeries, "1 of 2 limit_mw are missing"),
        ({"limit_mw": np.ones(3)}, OutOfRange, "limit_mw has 3 values for 2 intervals"),
        ({"base_mw": pd.Series([1.0, 1.0], index=[START, START + pd.Timedelta("2h")])}, OutOfRange, "other than those"),
        ({"value_of_lost_charge": 50.0}, OutOfRange, "above every price, the highest is 60.01"),
    ],
)
def test_wrong_series_are_named(arguments, error, words):
    with pytest.raises(error, match=words):
        charge_fleet(sessions((0, 1, 1.0, 1.0)), prices([1, 60]), **arguments)


def test_prices_with_a_gap():
    with pytest.raises(GapInSeries, match="1 of 2 prices are missing"):
        charge_fleet(sessions((0, 1, 1.0, 1.0)), prices([1, np.nan]))


def test_an_unknown_session_is_refused():
    plan = charge_fleet(sessions((0, 1, 1.0, 1.0)), prices([1, 2]))
    with pytest.raises(OutOfRange, match="zz"):
        plan.of("zz")


def test_no_cars_are_no_problem():
    columns = ["arrival", "departure", "energy_mwh", "max_charge_mw"]
    for empty in (sessions((0, 3, 2.0, 1.0)).iloc[:0], pd.DataFrame(columns=columns, dtype=float)):
        plan = charge_fleet(empty, prices([30, 10, 20]), base_mw=0.5)
        assert plan.status == "optimal" and plan.cost == 0.0 and plan.diagnosis is None
        assert plan.table["ev_mw"].tolist() == [0.0, 0.0, 0.0]


def test_a_fleet_that_would_take_more_memory_than_allowed_is_refused(monkeypatch):
    """Words say how much it would take; of a hundred cars a limit of a few kilobytes is enough to see them."""
    from gridloop.optimize.charging_fleet import pieces

    monkeypatch.setattr(pieces, "MOST_BYTES", 20_000)
    starts = pd.date_range("2026-01-05", periods=24, freq="1h", tz="UTC")
    cars = pd.DataFrame(
        {"arrival": starts[0], "departure": starts[12], "energy_mwh": 0.01, "max_charge_mw": 0.011},
        index=[f"car {k}" for k in range(100)],
    )
    with pytest.raises(OutOfRange, match=r"100 sessions that touch 1,200 intervals in all would take about .* GiB"):
        charge_fleet(cars, pd.Series(50.0, starts))
