"""Bounds of one choice of several: pencil cases, and no bound above what trying every combination finds."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest import approx

from gridloop.optimize.check import ScheduleCase, check_solution
from gridloop.optimize.devices import one_of_many_bound
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.one_of_many import Choices, choose
from gridloop.optimize.devices.one_of_many_bound import Bound
from gridloop.optimize.devices.process import After, Process, Task
from gridloop.optimize.devices.rest import Rest
from gridloop.optimize.devices.shiftable_run import ShiftableRun
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.problems.schedule import schedule
from gridloop.optimize.solve import Session
from gridloop.testing import moment

HOUR = pd.Timedelta(hours=1)


def rest_of(taken, price, free=0.0, peak_price=100.0, sell=None) -> Rest:
    """Everything else over so many hours."""
    n = len(taken)
    horizon = Horizon(pd.date_range(moment(), periods=n, freq="1h"), np.ones(n))
    sold = np.asarray(price if sell is None else sell, dtype=float)
    link = Connection(contracted_peak_mw=free, peak_price_per_mw=peak_price)
    return Rest(horizon, np.asarray(taken, dtype=float), np.asarray(price, dtype=float), sold, link, 0.5)


def starts(profile, n: int) -> Choices:
    """A run that begins with any hour from which it ends in time; early begins cost nothing more."""
    power = np.zeros((n - len(profile) + 1, n))
    for s in range(len(power)):
        power[s, s : s + len(profile)] = profile
    return Choices(power, np.zeros(len(power)))


def best_of_all(devices: list[Choices], rest: Rest, allowed=lambda picked: True) -> float:
    """The cheapest of all combinations."""
    found = np.inf
    for picked in product(*(range(len(device.own)) for device in devices)):
        if allowed(picked):
            power = sum(device.power_mw[c] for device, c in zip(devices, picked, strict=True))
            own = sum(device.own[c] for device, c in zip(devices, picked, strict=True))
            found = min(found, float(rest.cost(power)) + float(own))
    return found


def test_two_runs_that_cannot_avoid_each_other_by_pencil():
    """1 MW each for two of three hours: somewhere both run, at 2 MW. A relaxation mixes starts: 4/3 MW."""
    devices = [starts([1.0, 1.0], 3)] * 2
    rest = rest_of(np.zeros(3), np.zeros(3))
    assert best_of_all(devices, rest) == approx(200.0)
    assert Bound(devices, rest).least(200.0, 0.0, 5.0) == approx(200.0, rel=1e-4)


def test_a_tall_run_has_its_own_peak_by_pencil():
    """3 MW for an hour beside a load of 1 and 2 MW: 4 MW at the least, at the dearer hour."""
    rest = rest_of([1.0, 2.0], [10.0, 5.0])
    devices = [starts([3.0], 2), starts([0.0], 2)]
    # 1·10 + 2·5 given, 3·10 for the run, 4·100 for the peak
    assert best_of_all(devices, rest) == approx(450.0)
    assert Bound(devices, rest).least(450.0, 0.0, 5.0) == approx(450.0, rel=1e-4)


powers = st.sampled_from([0.0, 0.3, 0.5, 0.7, 1.0, 1.3])


@st.composite
def crowds(draw):
    """Two to four runs over three to six hours, a load beside them, any prices."""
    n = draw(st.integers(3, 6))
    devices = []
    for _ in range(draw(st.integers(2, 4))):
        profile = draw(st.lists(powers, min_size=1, max_size=3))
        made = starts(profile, n)
        devices.append(Choices(made.power_mw, np.array(draw(st.lists(
            st.sampled_from([0.0, 1.0, 7.0]), min_size=len(made.own), max_size=len(made.own)
        )))))  # fmt: skip
    hours = st.lists(st.sampled_from([-20.0, 0.0, 10.0, 35.0]), min_size=n, max_size=n)
    price = np.array(draw(hours))
    taken = np.array(draw(st.lists(st.sampled_from([-0.8, 0.0, 0.4, 1.1]), min_size=n, max_size=n)))
    free, peak_price = draw(st.sampled_from([0.0, 0.9, 3.0])), draw(st.sampled_from([1.0, 40.0, 500.0]))
    return devices, rest_of(taken, price, free, peak_price, price - draw(st.sampled_from([0.0, 12.0])))


@settings(max_examples=30, deadline=None)
@given(crowds())
def test_no_bound_is_above_the_best_and_no_search_below_it(crowd):
    devices, rest = crowd
    best = best_of_all(devices, rest)
    room = 1e-5 * max(abs(best), 1.0)
    assert Bound(devices, rest).least(best, 0.0, 0.5) <= best + room
    # A plan that is not the best is no reason to prove more than is true.
    assert Bound(devices, rest).least(best + 50.0, 0.0, 0.1) <= best + room
    chosen = choose(devices, rest)
    power = sum(device.power_mw[c] for device, c in zip(devices, chosen, strict=True))
    own = sum(device.own[c] for device, c in zip(devices, chosen, strict=True))
    assert float(rest.cost(power)) + float(own) >= best - room


@settings(max_examples=15, deadline=None)
@given(crowds())
def test_the_same_holds_where_some_choices_never_go_together(crowd):
    """The first two devices may not take the same number of a choice."""
    devices, rest = crowd
    best = best_of_all(devices, rest, lambda picked: picked[0] != picked[1])
    if not np.isfinite(best):
        return
    sizes = np.cumsum([0, *(len(device.own) for device in devices)])
    excluded = np.zeros((sizes[-1], sizes[-1]), dtype=bool)
    for c in range(min(len(devices[0].own), len(devices[1].own))):
        excluded[c, sizes[1] + c] = excluded[sizes[1] + c, c] = True
    assert Bound(devices, rest, excluded).least(best, 0.0, 5.0) <= best + 1e-5 * max(abs(best), 1.0)


def test_cooling_finds_the_best_of_small_crowds():
    rng = np.random.default_rng(3)
    for _ in range(5):
        devices = [starts(rng.uniform(0.2, 1.5, 3), 8) for _ in range(3)]
        rest = rest_of(rng.uniform(0, 0.5, 8), rng.uniform(0, 60, 8), 0.5, 200.0)
        chosen = choose(devices, rest)
        power = sum(device.power_mw[c] for device, c in zip(devices, chosen, strict=True))
        assert float(rest.cost(power)) == approx(best_of_all(devices, rest), rel=1e-9)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000))
def test_batches_with_stages_and_lines_are_bounded_by_what_can_be_done(seed):
    """Small plants: the plan's own proof to zero is what the bound must not be above."""
    rng = np.random.default_rng(seed)
    n = 7
    price = pd.Series(rng.uniform(0, 50, n), pd.date_range(moment(), periods=n, freq="1h"))
    tasks = []
    for k in range(4):
        line = f"line {k % 2}"
        after = [After(f"task {k - 2}", most=2 * HOUR if rng.random() < 0.5 else None)] if k >= 2 else []
        tasks.append(Task(f"task {k}", rng.uniform(0.3, 1.5, int(rng.integers(1, 3))), HOUR, {line: 1.0}, after=after))
    plant = Process(tasks, {"line 0": 1.0, "line 1": 1.0})
    devices = [plant, Load(rng.uniform(0, 0.6, n), sheddable=0.0)]
    link = Connection(contracted_peak_mw=0.5, peak_price_per_mw=300.0)
    plan = schedule(devices, price, connection=link, mip_gap=0.0, time_limit_s=1.0)
    assert plan.status == "optimal"  # some hundredths of a second; the limit is the first search's
    assert check_solution(ScheduleCase(devices, price, link), plan).ok
    bounds: list[float] = []
    real = Session.know

    def told(session, bound):
        bounds.append(bound)
        real(session, bound)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "know", told)
        patch.setattr(one_of_many_bound, "LEAST_CHOICES", 2)
        schedule(devices, price, connection=link, mip_gap=0.0, time_limit_s=1.0)
    assert max(bounds, default=-np.inf) <= plan.cost + 1e-5 * abs(plan.cost)


@pytest.fixture
def asked(monkeypatch) -> list[float]:
    """Bounds that were worked out, of however few choices."""
    found: list[float] = []
    real = Bound.least

    def least(bound, *given):
        found.append(real(bound, *given))
        return found[-1]

    monkeypatch.setattr(one_of_many_bound, "LEAST_CHOICES", 2)
    monkeypatch.setattr(Bound, "least", least)
    return found


def test_a_battery_beside_the_runs_takes_the_bound_away(asked):
    """What it would give is not known beforehand. Five tall runs in six hours, whose relaxation has a flat peak."""
    price = pd.Series([10.0, 50.0, 20.0, 30.0, 10.0, 20.0], pd.date_range(moment(), periods=6, freq="1h"))
    runs = [ShiftableRun([1.0, 1.0], HOUR, id=f"run {k}") for k in range(5)]
    link = Connection(contracted_peak_mw=0.0, peak_price_per_mw=500.0)
    plan = schedule([*runs, Load(np.full(6, 0.2))], price, connection=link, mip_gap=0.0)
    assert asked and max(asked) <= plan.cost + 1e-6
    asked.clear()
    battery = Battery(2.0, 1.0, 1.0, initial_soc=0.5)
    assert schedule([*runs, Load(np.full(6, 0.2)), battery], price, connection=link, mip_gap=0.0).solved
    assert asked == []


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10_000))
def test_a_load_that_may_be_left_unserved_where_an_import_limit_binds(asked, seed):
    """Leaving it makes room for runs: no bound is above a plan that is proven without one."""
    rng = np.random.default_rng(seed)
    price = pd.Series(rng.uniform(-20, 60, 6), pd.date_range(moment(), periods=6, freq="1h"))
    lost = rng.choice([400.0, 700.0, 5000.0])
    devices = [
        *(ShiftableRun(rng.uniform(0.5, 1.5, 2), HOUR, id=f"run {k}") for k in range(4)),
        Load(rng.uniform(0.2, 1.0, 6), value_of_lost_load=lost),
    ]
    link = Connection(import_limit_mw=2.0, contracted_peak_mw=float(rng.choice([0.0, 1.0])), peak_price_per_mw=300.0)
    asked.clear()
    plan = schedule(devices, price, connection=link, mip_gap=0.0)
    found = list(asked)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Bound, "least", lambda *given: -np.inf)
        proven = schedule(devices, price, connection=link, mip_gap=0.0)
    assert plan.status == proven.status == "optimal"
    assert plan.cost == approx(proven.cost, rel=1e-5, abs=1e-5)
    assert max(found, default=-np.inf) <= proven.cost + 1e-5 * abs(proven.cost)


def test_twenty_runs_under_one_peak_are_bounded_better_than_by_a_relaxation():
    """Twelve tall runs that cannot all be kept apart: the relaxation's peak is flat."""
    index = pd.date_range(moment(), periods=24, freq="15min")
    price = pd.Series(50.0, index)
    runs = [ShiftableRun([1.0, 1.0, 1.0], id=f"run {k}") for k in range(9)]
    link = Connection(contracted_peak_mw=0.0, peak_price_per_mw=1000.0)
    plan = schedule(runs, price, connection=link, time_limit_s=5.0)
    # 27 quarters of 1 MW in 24 of time: two at once somewhere. 27/4 · 50 and 2 · 1000; relaxed 27/24 MW of peak.
    assert plan.cost == approx(2337.5, abs=0.05)
    assert plan.gap < 0.01
