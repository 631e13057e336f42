"""The kernel of stores: by pencil, against a program with a yes or no per step, and laws that always hold."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_storage import Store, cheapest
from pytest import approx

from gridloop.kernel.storage import store_schedules


@dataclass(frozen=True)
class Found:
    """What the kernel says of one store."""

    power: np.ndarray
    energy: np.ndarray
    worth: np.ndarray
    cost: float


def solve(store: Store, buy: list[float] | np.ndarray, sell=None, hours=None) -> Found:
    """One store; `sell` is `buy` and hours are 1 where they are not given."""
    buy = np.asarray(buy, dtype=float)
    sell = buy if sell is None else np.asarray(sell, dtype=float)
    hours = np.ones(buy.size) if hours is None else np.asarray(hours, dtype=float)
    limits = [
        np.atleast_1d(np.asarray(m, dtype=float))[:, None].copy() for m in (store.charge_max, store.discharge_max)
    ]
    column = np.array([[
        store.eta_in, store.eta_out, store.loss_per_day, store.wear, store.early, store.start, store.least, store.most,
        store.end_value,
    ]]).T.copy()  # fmt: skip
    power, energy, worth = (np.empty((buy.size, 1)) for _ in range(3))
    cost = np.empty(1)
    store_schedules(
        column, *limits, buy[:, None].copy(), sell[:, None].copy(), hours, np.cumsum(hours) - hours, store.band_price,
        0, 1, power, energy, worth, cost,
    )  # fmt: skip
    return Found(power[:, 0], energy[:, 0], worth[:, 0], float(cost[0]))


# ----- by pencil -------------------------------------------------------------------------------------------


def test_it_buys_cheap_and_sells_dear():
    """1 MWh moves from 10 to 100; a MWh more would have spared a purchase, or later earned 100 less wear."""
    found = solve(Store(wear=2.0, discharge_max=2.0), [10, 100])
    assert found.power.tolist() == [1.0, -1.0]
    assert found.energy.tolist() == [1.0, 0.0]
    assert found.cost == 10 - 100 + 2
    assert found.worth.tolist() == [10.0, 98.0]


def test_losses_eat_small_spreads():
    """Buying at 90 and selling 0.9 · 0.9 of it at 100 earns 81: stay. At 115 it earns 93.15."""
    store = Store(eta_in=0.9, eta_out=0.9, most=0.9)
    assert solve(store, [90, 100]).power.tolist() == [0.0, 0.0]
    assert solve(store, [90, 115]).power == approx([1.0, -0.81])
    assert solve(store, [90, 115]).cost == approx(90 - 93.15)


def test_what_a_full_and_an_empty_store_is_worth():
    """Full, one MWh more replaces nothing: it would be sold now. Empty, one MWh more is sold at 50 later, not at 40."""
    assert solve(Store(start=1.0, end_value=200.0), [30, 40]).worth.tolist() == [30.0, 40.0]
    assert solve(Store(charge_max=0.0), [40, 50]).worth.tolist() == [50.0, 50.0]


def test_a_full_store_below_zero_waits_and_does_not_burn():
    """At −100 it would earn by taking in 1 MW and giving out 0.64 at once, full all the time: it may not."""
    store = Store(eta_in=0.8, eta_out=0.8, start=1.0)
    assert cheapest(store, np.array([-100.0]), np.array([-100.0]), np.ones(1), both=True) == approx(-36.0)
    found = solve(store, [-100])
    assert found.power.tolist() == [0.0]
    assert found.cost == 0.0


def test_below_zero_it_empties_first_to_be_paid_for_filling():
    """Taking in 1 MW earns 100 and stores 0.8; making room for that gives out 0.64 and costs 64."""
    found = solve(Store(eta_in=0.8, eta_out=0.8, start=1.0), [-100, -100])
    assert found.power == approx([-0.64, 1.0])
    assert found.energy == approx([0.2, 1.0])
    assert found.cost == approx(64 - 100)


@pytest.mark.parametrize(("charge_max", "power", "cost"), [(0.25, [0.25, -0.3125], 6.25), (1.0, [1.0, -0.5], -50.0)])
def test_below_zero_it_may_fill_before_it_empties(charge_max: float, power: list[float], cost: float):
    """Half full, and what is left at the end costs 100 per MWh. Every MWh taken in earns 100 and half of it is stored;
    giving out a stored MWh costs 50. The other way round, first empty and then full again, it ends with more.
    """
    store = Store(charge_max=charge_max, discharge_max=0.5, eta_in=0.5, eta_out=0.5, start=0.5, end_value=-100.0)
    found = solve(store, [-100, -100])
    assert found.power == approx(power)
    assert found.energy[-1] == approx(0.0)
    assert found.cost == approx(cost)


def test_longer_intervals_and_losses_over_time():
    """6 h at 0.5 MW bring 3 MWh; in 12 h more a tenth per day has become 0.9 ** 0.5 of them."""
    store = Store(most=5.0, charge_max=0.5, loss_per_day=0.1, end_value=100.0)
    found = solve(store, [10, 1000], [0, 0], hours=[6, 12])
    assert found.energy == approx([3.0, 3.0 * 0.9**0.5])
    assert found.power.tolist() == [0.5, 0.0]


def test_limits_may_differ_from_step_to_step():
    store = Store(most=3.0, charge_max=np.array([0.0, 0.5, 2.0]), discharge_max=0.0, end_value=100.0)
    assert solve(store, [10, 20, 30]).power.tolist() == [0.0, 0.5, 2.0]


def test_ties_are_broken_towards_rest_and_early_by_its_price():
    """Equal prices: nothing to gain. Two equally cheap hours: the second, unless waiting costs something."""
    assert solve(Store(start=0.5, end_value=20.0), [20, 20]).power.tolist() == [0.0, 0.0]
    assert solve(Store(), [10, 10, 50]).power.tolist() == [0.0, 1.0, -1.0]
    assert solve(Store(early=0.001), [10, 10, 50]).power.tolist() == [1.0, 0.0, -1.0]


def test_found_below_its_band_it_comes_back_as_it_can():
    """0.15 MWh are missing and 0.1 MW comes in per hour; a MWh more spares a purchase and 100 per hour."""
    found = solve(Store(charge_max=0.1, start=0.05, least=0.2), [90, 50, 50])
    assert found.energy == approx([0.15, 0.2, 0.2])
    assert found.worth == approx([50 + 100, 50, 50])


def test_a_store_without_room_or_power_does_nothing():
    assert solve(Store(most=0.0), [10, 100]).power.tolist() == [0.0, 0.0]
    assert solve(Store(charge_max=0.0, discharge_max=0.0, start=0.5), [-50, 100]).energy.tolist() == [0.5, 0.5]
    assert solve(Store(start=0.5, least=0.5, most=0.5), [-90, 100, -40]).power.tolist() == [0.0, 0.0, 0.0]


def test_a_piece_that_rounding_leaves_without_length_hides_nothing():
    """Three hours at 0.35 MW up to 0.3 MWh begin at −0.75, and −0.75 + 1.05 is a rounding above 0.3."""
    store = Store(most=0.4, charge_max=0.35, discharge_max=0.1, eta_out=0.9, start=0.3, least=0.3)
    found = solve(store, [-1, 0], hours=[0.25, 3.0])
    assert found.power == approx([0.35, 0.0])
    assert found.cost == approx(-0.0875)


# ----- against every yes and no ----------------------------------------------------------------------------

SHARES = st.integers(0, 10).map(lambda tenths: tenths / 10)


@st.composite
def stores(draw: st.DrawFn) -> Store:
    least, most = sorted((draw(SHARES), draw(SHARES)))
    return Store(
        most=most,
        least=least,
        start=draw(SHARES),
        charge_max=draw(st.sampled_from([0.0, 0.1, 0.35, 1.0])),
        discharge_max=draw(st.sampled_from([0.0, 0.1, 0.25, 2.0])),
        eta_in=draw(st.sampled_from([1.0, 0.95, 0.8])),
        eta_out=draw(st.sampled_from([1.0, 0.9, 0.7])),
        loss_per_day=draw(st.sampled_from([0.0, 0.1, 0.6])),
        wear=draw(st.sampled_from([0.0, 0.5, 5.0])),
        early=draw(st.sampled_from([0.0, 0.0001])),
        end_value=float(draw(st.integers(-30, 80))),
    )


@st.composite
def markets(draw: st.DrawFn, least: int = -120, steps: int = 8) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """buy, sell, hours"""
    n = draw(st.integers(1, steps))
    sell = np.array(draw(st.lists(st.integers(least, 120), min_size=n, max_size=n)), dtype=float)
    hours = np.array(draw(st.lists(st.sampled_from([0.25, 1.0, 1.0, 3.0]), min_size=n, max_size=n)))
    return sell + draw(st.sampled_from([0, 0, 7, 60])), sell, hours


def assert_it_adds_up(store: Store, found: Found, buy: np.ndarray, sell: np.ndarray, hours: np.ndarray) -> None:
    """Energy follows the net power, limits hold, and the cost is that of the schedule. 1e-9: sums of a few numbers."""
    kept, low, high = store.bounds(hours)
    charge, discharge = np.clip(found.power, 0, None), np.clip(-found.power, 0, None)
    before = np.append(store.start, found.energy[:-1])
    moved = hours * (store.eta_in * charge - discharge / store.eta_out)
    assert found.energy == approx(kept * before + moved, abs=1e-9)
    assert (found.energy >= low - 1e-9).all() and (found.energy <= high + 1e-9).all()
    assert (charge <= store.charge_max + 1e-12).all() and (discharge <= store.discharge_max + 1e-12).all()
    waiting = np.cumsum(hours) - hours
    outside = np.clip(np.maximum(store.least - found.energy, found.energy - store.most), 0, None)
    money = buy * charge - sell * discharge + store.wear * discharge + store.band_price * outside
    money += store.early * waiting * (charge + discharge)
    assert found.cost == approx(float((hours * money).sum()) - store.end_value * found.energy[-1], abs=1e-7)


@settings(max_examples=80, deadline=None)
@given(stores(), markets())
def test_it_is_the_best_of_all_yes_and_no(store: Store, market):
    """1e-6, relative and absolute: HiGHS keeps rows to 1e-7, and its gap between yes and no to 1e-6."""
    found = solve(store, market[0], market[1], market[2])
    assert_it_adds_up(store, found, *market)
    assert found.cost == approx(cheapest(store, *market), rel=1e-6, abs=2e-6)


@settings(max_examples=60, deadline=None)
@given(
    st.builds(
        Store, charge_max=st.sampled_from([0.25, 0.3, 1.0]), discharge_max=st.sampled_from([0.1, 0.25, 0.5]),
        eta_in=st.sampled_from([0.5, 0.8]), eta_out=st.sampled_from([0.5, 0.8]), start=SHARES,
        loss_per_day=st.sampled_from([0.0, 0.3]), end_value=st.integers(-100, 60).map(float),
    ),
    st.lists(st.integers(-120, 10), min_size=2, max_size=7),
)  # fmt: skip
def test_far_below_zero_it_is_the_best_of_all_yes_and_no(store: Store, values: list[int]):
    """Where the cost is full of dents. 1e-6 as above."""
    price, hours = np.array(values, dtype=float), np.ones(len(values))
    found = solve(store, price)
    assert_it_adds_up(store, found, price, price, hours)
    assert found.cost == approx(cheapest(store, price, price, hours), rel=1e-6, abs=2e-6)


@settings(max_examples=40, deadline=None)
@given(stores(), markets(least=0, steps=24))
def test_above_zero_running_both_ways_would_change_nothing(store: Store, market):
    found = solve(store, market[0], market[1], market[2])
    assert found.cost == approx(cheapest(store, *market, both=True), rel=1e-6, abs=2e-6)


@pytest.mark.parametrize("seed", range(3))
def test_two_days_of_wild_prices(seed: int):
    """Half of all prices below zero, a store that loses much each way, quarter-hours: dents on dents."""
    rng = np.random.default_rng(seed)
    n = 48
    store = Store(
        most=2.0, charge_max=rng.uniform(0.2, 1.0), discharge_max=rng.uniform(0.2, 1.0), eta_in=0.9, eta_out=0.85,
        loss_per_day=0.05, wear=0.5, start=1.0, end_value=20.0, early=0.0001,
    )  # fmt: skip
    price = rng.normal(0.0, 80.0, n)
    market = price, price, np.full(n, 0.5)
    found = solve(store, *market)
    assert_it_adds_up(store, found, *market)
    assert found.cost == approx(cheapest(store, *market), rel=1e-6)


@settings(max_examples=100, deadline=None)
@given(stores(), markets())
def test_worth_is_the_slope_of_the_cost(store: Store, market):
    """One MWh more at the beginning lowers the cost by what the first step says, less what is lost of it by then.

    What cannot hold its band is left out: how far it may fall depends on where it begins. Bends lie on a grid of
    1e-4 MWh at least, so that a millionth of a MWh stays on one piece; 1e-3 is the rounding of costs of some hundreds,
    to 1e-13, over that millionth.
    """
    kept, low, _ = store.bounds(market[2])
    if not store.least <= store.start < store.most or (low < store.least).any():
        return
    found, more = solve(store, *market), solve(replace(store, start=store.start + 1e-6), *market)
    assert (found.cost - more.cost) / 1e-6 == approx(kept[0] * found.worth[0], abs=1e-3)


# ----- laws ------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(stores(), markets())
def test_more_freedom_never_costs_more(store: Store, market):
    """Within its band: one that is found outside has to come back, a further duty. 1e-9: rounding."""
    if not (store.least <= store.start <= store.most) or store.loss_per_day:
        return
    cost = solve(store, *market).cost
    for freer in (
        replace(store, charge_max=store.charge_max + 0.3), replace(store, discharge_max=store.discharge_max + 0.3),
        replace(store, most=store.most + 0.2), replace(store, wear=0.0, early=0.0),
    ):  # fmt: skip
        assert solve(freer, *market).cost <= cost + 1e-9


@settings(max_examples=40, deadline=None)
@given(stores(), markets(), st.sampled_from([0.5, 3.0]))
def test_a_store_twice_as_large_does_twice_as_much(store: Store, market, factor: float):
    sizes = ("most", "least", "start", "charge_max", "discharge_max")
    larger = replace(store, **{name: factor * getattr(store, name) for name in sizes})
    found, scaled = solve(store, *market), solve(larger, *market)
    assert scaled.cost == approx(factor * found.cost, rel=1e-9, abs=1e-9)


def test_many_at_once_are_each_as_alone():
    """Bit for bit, whichever of them are asked for together."""
    rng = np.random.default_rng(1)
    n, steps = 7, 24
    column = np.stack([
        rng.uniform(0.8, 1.0, n), rng.uniform(0.8, 1.0, n), np.zeros(n), rng.uniform(0.0, 3.0, n), np.full(n, 1e-4),
        rng.uniform(0.2, 0.8, n), np.full(n, 0.1), np.ones(n), rng.uniform(0.0, 60.0, n),
    ])  # fmt: skip
    limits = rng.uniform(0.2, 0.9, (1, n))
    price = rng.normal(20.0, 60.0, (steps, n))
    hours = np.ones(steps)

    def run(ranges: list[tuple[int, int]]) -> list[np.ndarray]:
        out = [np.full((steps, n), np.nan) for _ in range(3)] + [np.full(n, np.nan)]
        for first, last in ranges:
            store_schedules(
                column, limits, limits, price, price, hours, np.arange(steps) * 1.0, 100.0, first, last, *out
            )
        return out

    together, apart = run([(0, n)]), run([(3, 7), (0, 1), (1, 3)])
    for a, b in zip(together, apart, strict=True):
        assert (a == b).all()
