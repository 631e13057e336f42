"""Shortfall: proportional to need, priority first, pockets apart, and the least limit that would do."""

from __future__ import annotations

import numpy as np
import pytest
from ev_fleets import by_linear_program, prices, random_fleet, sessions
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from gridloop.optimize.charging_fleet.cars import cars_of
from gridloop.optimize.charging_fleet.charge import charge_fleet
from gridloop.optimize.charging_fleet.shortfall import fair_energy
from gridloop.optimize.horizon import Horizon


def test_it_is_proportional_to_need():
    """3 MWh of room for needs of 2 and 4 MWh: half each."""
    plan = charge_fleet(sessions((0, 3, 2.0, 2.0), (0, 3, 4.0, 2.0)), prices([1, 2, 3]), limit_mw=1.0)
    assert plan.sessions["short_mwh"].tolist() == approx([1.0, 2.0])
    assert plan.status == "short"
    assert plan.parts["ev_unserved"] == approx(3 * 5000)
    said = str(plan.diagnosis)
    assert "2 of 2 sessions 3 MWh short (a, b)" in said and "3 intervals" in said
    assert plan.diagnosis.facts["more_mw"] == approx(1.0)
    assert plan.table["limit_price"].iloc[0] == approx(5000 - 1)


def test_priority_comes_first():
    table = sessions((0, 3, 2.0, 2.0), (0, 3, 4.0, 2.0), priority=[0, 5])
    plan = charge_fleet(table, prices([1, 2, 3]), limit_mw=1.0)
    assert plan.sessions["short_mwh"].tolist() == approx([2.0, 1.0])


def test_who_has_another_time_is_not_cut():
    """a and b share hour 0 of 1 MW; c comes in hour 1, which has room for all it wants."""
    plan = charge_fleet(sessions((0, 1, 1.0, 1.0), (0, 1, 1.0, 1.0), (1, 2, 1.0, 1.0)), prices([1, 2]), limit_mw=1.0)
    assert plan.sessions["short_mwh"].tolist() == approx([0.5, 0.5, 0.0])


def test_two_pockets_have_their_own_shares():
    """Hour 0: 2 MWh wanted, 1 fits. Hour 1: 4 MWh wanted, 1 fits. Nobody can change over."""
    plan = charge_fleet(sessions((0, 1, 2.0, 2.0), (1, 2, 4.0, 4.0)), prices([1, 2]), limit_mw=1.0)
    assert plan.sessions["short_mwh"].tolist() == approx([1.0, 3.0])


def test_no_room_at_all():
    plan = charge_fleet(
        sessions((0, 1, 1.0, 1.0), (0, 2, 1.0, 1.0)), prices([1, 2]), limit_mw=1.0, base_mw=np.array([1.0, 0.5])
    )
    assert plan.sessions["served_mwh"].tolist() == approx([0.0, 0.5])


def test_the_least_more_that_it_names_is_enough_and_no_more_than_that():
    rng = np.random.default_rng(2)
    table, price = random_fleet(rng, 30, 8), prices(rng.uniform(10, 20, 8))
    limit = 0.4 * float(table["energy_mwh"].sum()) / 8
    more = charge_fleet(table, price, limit_mw=limit).diagnosis.facts["more_mw"]
    short = [
        charge_fleet(table, price, limit_mw=limit + d).sessions.eval("short_mwh - short_of_stay_mwh").sum()
        for d in (more, 0.999 * more)
    ]
    assert short[0] == approx(0.0, abs=1e-7)
    assert short[1] > 1e-4


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), tight=st.floats(0.1, 0.7))
def test_it_is_fair_and_wastes_nothing(seed, tight):
    """As much is served as by the linear program, and nobody could have more without one as short or shorter losing."""
    rng = np.random.default_rng(seed)
    table, price = random_fleet(rng, 8, 6), prices(np.ones(6))
    room = tight * rng.uniform(0.3, 1.7, 6) * float(table["energy_mwh"].sum()) / 6
    cars = cars_of(table, Horizon.regular(price.index))
    served = fair_energy(cars, room)
    want = by_linear_program(table, price, room, early=0.0, lost=1000.0)
    assert served.sum() == approx(want.served_mwh, rel=1e-8)
    left = np.where(cars.fits_mwh > 0, 1.0 - served / np.maximum(cars.fits_mwh, 1e-12), 0.0)
    for i in np.flatnonzero(left > 1e-6):
        # give i a little, taken only from those left with a clearly smaller share: must not fit
        bit = 1e-4 * cars.fits_mwh[i]
        fewer = np.where(left < left[i] - 1e-4, 0.0, served)
        fewer[i] = served[i] + bit
        alone = _most(cars, fewer, room)
        assert alone < fewer.sum() - 0.5 * bit


def _most(cars, energy, room) -> float:
    """Largest sum that can be served of these energies."""
    from gridloop.optimize.charging_fleet.flow import settle
    from gridloop.optimize.charging_fleet.pieces import pieces_of

    settled = settle(pieces_of(cars, energy, len(room)), np.zeros(len(room)), room)
    return float(energy.sum()) - settled.beyond_mwh


@pytest.mark.parametrize("seed", range(5))
def test_priorities_do_not_lower_the_total(seed):
    rng = np.random.default_rng(seed)
    table, price = random_fleet(rng, 40, 10), prices(rng.uniform(10, 20, 10))
    limit = 0.5 * float(table["energy_mwh"].sum()) / 10
    plain = charge_fleet(table, price, limit_mw=limit)
    ranked = charge_fleet(table.assign(priority=rng.integers(0, 3, 40)), price, limit_mw=limit)
    assert ranked.sessions["served_mwh"].sum() == approx(plain.sessions["served_mwh"].sum(), rel=1e-8)
    assert ranked.cost == approx(plain.cost, rel=1e-8)
    assert ranked.gap < 1e-8 and plain.gap < 1e-8
