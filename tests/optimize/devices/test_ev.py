"""Electric vehicles: energy by departure, presence for a part of an interval, what the horizon can leave for later."""

from __future__ import annotations

import pandas as pd
import pytest
from pytest import approx

from gridloop.errors import MissingColumn, OutOfRange
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.devices.load import Load
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.schedule import schedule
from gridloop.testing import moment


def fleet(*sessions: tuple[str, float, float, float, float], **settings: float) -> EVFleet:
    """Sessions as (id, hour of arrival, hour of departure, MWh, MW)."""
    table = pd.DataFrame(
        [("b", moment() + pd.Timedelta(hours=a), moment() + pd.Timedelta(hours=d), e, p) for _, a, d, e, p in sessions],
        columns=["bus", "arrival", "departure", "energy_mwh", "max_charge_mw"],
        index=[name for name, *_ in sessions],
    )
    return EVFleet(table, **settings)


def why(plan: Plan, device: str = "car") -> tuple[str, str]:
    row = plan.setpoints().set_index("device").loc[device]
    return str(row["reason"]), str(row["binding"])


def test_present_for_half_of_two_hours_it_gets_half_its_power_in_each(prices):
    """Plugged in from 0:30 to 1:30 at 1 MW: at most 0.5 MW on average in either hour, and both are needed."""
    plan = schedule([fleet(("car", 0.5, 1.5, 1.0, 1.0))], prices([90, 10, 10]))
    assert plan.of("car", "p_mw").tolist() == approx([0.5, 0.5, 0.0])
    assert plan.parts["ev_unserved"] == approx(0.0, abs=1e-6)


def test_it_gets_exactly_its_energy_where_energy_is_cheap(prices):
    plan = schedule([fleet(("car", 0, 4, 1.5, 1.0))], prices([90, 10, 20, 90]))
    assert plan.of("car", "p_mw").tolist() == approx([0.0, 1.0, 0.5, 0.0], abs=1e-6)
    assert why(plan) == ("wait_lower_price", "")


def test_negative_prices_do_not_overfill_it(prices):
    plan = schedule([fleet(("car", 0, 3, 1.0, 1.0))], prices([-50, -60, -50]))
    assert plan.of("car", "p_mw").sum() == approx(1.0)


def test_at_equal_prices_it_charges_first(prices):
    plan = schedule([fleet(("car", 0, 4, 1.5, 1.0))], prices([40, 40, 40, 40]))
    assert plan.of("car", "p_mw").tolist() == approx([1.0, 0.5, 0.0, 0.0], abs=1e-6)
    assert why(plan) == ("charge_low_price", "")


def test_with_no_time_to_lose_the_departure_decides(prices):
    plan = schedule([fleet(("car", 0, 2, 1.8, 1.0))], prices([90, 10]))
    assert plan.of("car", "p_mw").tolist() == approx([0.8, 1.0])
    assert why(plan) == ("charge_before_departure", "departure")


def test_what_does_not_fit_is_unserved_and_priced(prices):
    """2 MWh in one hour at 1 MW: half of it is missing."""
    plan = schedule([fleet(("car", 0, 1, 2.0, 1.0), value_of_lost_charge=300.0)], prices([50, 50]))
    assert plan.status == "optimal"
    assert plan.parts["ev_unserved"] == approx(300.0)
    assert plan.of("car", "p_mw").tolist() == approx([1.0, 0.0])


def test_what_fits_after_the_horizon_may_wait_for_it(prices):
    """3 MWh until two hours after the horizon, at 1 MW: one has to be charged within, in the cheaper hour."""
    plan = schedule([fleet(("car", 0, 4, 3.0, 1.0))], prices([90, 50]))
    assert plan.of("car", "p_mw").tolist() == approx([0.0, 1.0], abs=1e-6)


def test_who_comes_after_the_horizon_is_no_matter_of_this_plan(prices):
    """Arriving an hour after the end and staying two hours, 2 MWh fit: nothing is missing."""
    plan = schedule([fleet(("car", 3, 5, 2.0, 1.0))], prices([90, 50]))
    assert plan.parts["ev_unserved"] == approx(0.0, abs=1e-9)
    assert why(plan) == ("away", "")


def test_who_comes_after_the_horizon_and_leaves_too_soon_is_short_by_what_is_missing(prices):
    """2.5 MWh in two hours at 1 MW, all of them after the horizon."""
    plan = schedule([fleet(("car", 3, 5, 2.5, 1.0), value_of_lost_charge=100.0)], prices([90, 50]))
    assert plan.parts["ev_unserved"] == approx(50.0)


def test_one_who_has_its_energy_says_so(prices):
    plan = schedule([fleet(("car", 0, 2, 0.0, 1.0))], prices([50, 50]))
    assert why(plan) == ("charged", "energy")


def test_it_waits_for_a_limit_and_says_which(prices):
    """Energy is cheap now, but the connection has no room beside the load until the second hour."""
    load = Load([2.0, 0.0], value_of_lost_load=50_000.0)
    plan = schedule(
        [fleet(("car", 0, 2, 1.0, 1.0)), load], prices([10, 80]), connection=Connection(import_limit_mw=2.0)
    )
    assert plan.of("car", "p_mw").tolist() == approx([0.0, 1.0], abs=1e-6)
    assert why(plan) == ("wait_for_limit", "import_limit:connection")


def test_an_empty_fleet_is_no_device(prices):
    empty = fleet(("car", 0, 2, 1.0, 1.0)).sessions.iloc[:0]
    plan = schedule([EVFleet(empty), Load([1.0, 1.0])], prices([50, 50]))
    assert "ev" not in set(plan.table["kind"])


def test_wrong_sessions_are_named():
    good = fleet(("a", 0, 2, 1.0, 1.0), ("b", 0, 2, 1.0, 1.0)).sessions
    with pytest.raises(MissingColumn, match="energy_mwh"):
        EVFleet(good.drop(columns="energy_mwh"))
    with pytest.raises(OutOfRange, match=r"1 EV sessions .* leave before .*\(b\)"):
        EVFleet(good.assign(departure=[good["departure"].iloc[0], moment(-1)]))
    with pytest.raises(OutOfRange, match=r"energy_mwh negative or missing \(a\)"):
        EVFleet(good.assign(energy_mwh=[float("nan"), 1.0]))
    with pytest.raises(OutOfRange, match="arrival has no time zone"):
        EVFleet(good.assign(arrival=good["arrival"].dt.tz_localize(None)))
