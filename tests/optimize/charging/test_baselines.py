"""Uncontrolled charging and least laxity first, with a pencil, and what any way of charging keeps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from cars import cars, hourly
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from gridloop.errors import OutOfRange
from gridloop.optimize.charging.baselines import latest_charging, least_laxity_first, uncontrolled_charging
from gridloop.optimize.charging.result import charging_of
from gridloop.optimize.charging.stays import stays_of
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.problems.schedule import schedule
from gridloop.testing import moment

EXACT = 1e-9  # sums of a few floats


def test_uncontrolled_takes_full_power_from_the_moment_of_arrival():
    """From 0:30 at 1 MW: half an hour, a whole, and the last 0.2 MWh. The other leaves before it has all."""
    found = uncontrolled_charging(cars(("a", 0.5, 4, 1.7, 1.0), ("b", 1, 2.5, 2.0, 1.0)), hourly(4), base_mw=0.1)
    assert found.p_mw["a"].tolist() == approx([0.5, 1.0, 0.2, 0.0])
    assert found.p_mw["b"].tolist() == approx([0.0, 1.0, 0.5, 0.0])
    assert found.short_mwh.to_dict() == approx({"a": 0.0, "b": 0.5})
    assert found.peak_mw == approx(2.1)
    assert list(found.shortfalls().index) == ["b"]


def test_who_comes_first_has_the_port_and_the_power():
    table = cars(("a", 0, 2, 1.0, 1.0), ("b", 1, 4, 1.0, 1.0), ("c", 1, 4, 1.0, 1.0)).assign(station="s")
    one_port = EVFleet(table, stations=pd.DataFrame({"ports": [1]}, index=["s"]))
    found = uncontrolled_charging(one_port, hourly(5))
    expected = np.array([[1.0, 0, 0, 0, 0], [0, 0, 1.0, 0, 0], [0, 0, 0, 0, 0]])
    assert approx(expected) == found.p_mw.to_numpy().T
    narrow = EVFleet(table, stations=pd.DataFrame({"limit_mw": [1.2]}, index=["s"]))
    found = uncontrolled_charging(narrow, hourly(5))
    assert found.p_mw["b"].tolist() == approx([0.0, 1.0, 0.0, 0.0, 0.0])
    assert found.p_mw["c"].tolist() == approx([0.0, 0.2, 0.8, 0.0, 0.0])


def test_least_laxity_serves_who_can_wait_least():
    """1 MW for both: b has an hour to spare, a two; then a has one and b one: by name order of the table."""
    found = least_laxity_first(cars(("a", 0, 4, 2.0, 1.0), ("b", 0, 3, 2.0, 1.0)), hourly(4), 1.2, base_mw=0.2)
    assert found.p_mw.sum(axis=1).tolist() == approx([1.0] * 4)
    assert found.p_mw["b"].iloc[0] == approx(1.0)
    assert found.short_mwh.sum() == approx(0.0)


def test_least_laxity_puts_priority_first():
    table = cars(("a", 0, 1, 1.0, 1.0), ("b", 0, 3, 1.0, 1.0)).assign(priority=[0, 1])
    found = least_laxity_first(table, hourly(3), 1.0)
    assert found.short_mwh.to_dict() == approx({"a": 1.0, "b": 0.0})


def test_latest_charging_waits_as_long_as_it_can():
    assert latest_charging(stays_of(cars(("a", 0, 3.5, 1.2, 1.0)), hourly(4)))[0] == approx([0, 0, 0.7, 0.5])


def test_figures_of_a_report():
    found = uncontrolled_charging(cars(("a", 0, 2, 1.0, 1.0), ("b", 0, 1, 2.0, 1.0)), hourly(2), base_mw=0.5)
    prices = pd.Series([100.0, 50.0], index=found.p_mw.index)
    figures = found.summary(prices, limit_mw=5.0)
    assert figures == approx(
        {"sessions": 2, "energy_mwh": 2.0, "served_share": 2 / 3, "sessions_short": 1, "short_mwh": 1.0, "cost": 200.0,
         "cost_per_session": 100.0, "peak_mw": 2.5, "utilization_pct": 50.0}
    )  # fmt: skip
    assert found.cost(prices, peak_price_per_mw=10.0, peak_free_mw=2.0) == approx(205.0)


def test_a_plan_reads_as_charging(prices):
    table = cars(("a", 0, 2, 1.0, 1.0))
    found = charging_of(schedule([EVFleet(table)], prices([90, 10])), table, 0.3)
    assert found.p_mw["a"].tolist() == approx([0.0, 1.0], abs=1e-6)
    assert found.served_share == 1.0
    assert found.site_mw.tolist() == approx([0.3, 1.3], abs=1e-6)


def test_powers_of_another_length_or_missing_are_refused():
    with pytest.raises(OutOfRange, match="base_mw has 3 values for 2 intervals"):
        uncontrolled_charging(cars(("a", 0, 2, 1.0, 1.0)), hourly(2), base_mw=[1.0, 2.0, 3.0])
    with pytest.raises(OutOfRange, match="limit_mw has 1 missing values"):
        least_laxity_first(cars(("a", 0, 2, 1.0, 1.0)), hourly(2), [1.0, np.nan])


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    rows = draw(
        st.lists(
            st.tuples(
                st.floats(-2, 5), st.floats(0.1, 6), st.sampled_from([0.0, 0.4, 2.0]), st.sampled_from([0.3, 1.0])
            ),
            min_size=1, max_size=6,
        )
    )  # fmt: skip
    return cars(*((f"car {k}", a, a + d, e, p) for k, (a, d, e, p) in enumerate(rows)))


@settings(max_examples=60, deadline=None)
@given(tables(), st.sampled_from([np.inf, 1.0, 0.5]))
def test_no_way_gives_more_than_there_is(table: pd.DataFrame, limit: float):
    horizon = hourly(6)
    stays = stays_of(table, horizon)
    free, urgent = uncontrolled_charging(table, horizon), least_laxity_first(table, horizon, limit)
    for found in (free, urgent):
        energy = found.p_mw.to_numpy().T * horizon.hours
        assert (energy >= 0).all()
        assert (energy <= stays.most_mwh + EXACT).all()
        assert (energy.sum(axis=1) <= stays.energy_mwh + EXACT).all()
    assert (urgent.p_mw.sum(axis=1) <= limit + EXACT).all()
    # Nobody has more, or has it sooner, than who takes everything at once.
    assert (free.p_mw.cumsum() >= urgent.p_mw.cumsum() - EXACT).all(axis=None)
    if np.isinf(limit):
        assert free.short_mwh.to_numpy() == approx(urgent.short_mwh.to_numpy(), abs=EXACT)


def test_a_series_of_other_times_is_refused():
    late = pd.Series([1.0, 2.0], index=pd.date_range(moment() + pd.Timedelta(days=1), periods=2, freq="1h"))
    with pytest.raises(OutOfRange, match="base_mw is a series with times other than those of the intervals"):
        uncontrolled_charging(cars(("a", 0, 2, 1.0, 1.0)), hourly(2), base_mw=late)
