"""A site's charging in one call: transformer and base load, the lower peak, fair shares, diagnoses, baselines."""

from __future__ import annotations

import numpy as np
import pandas as pd
from cars import cars, hourly
from pytest import approx

from gridloop.optimize.charging.planning import plan_charging
from gridloop.optimize.charging.problems import charging_problems
from gridloop.optimize.devices.ev import EVFleet

THREE = cars(*((name, 0, 3, 1.0, 1.0) for name in "abc"))


def test_the_transformer_holds_beside_the_base_load(prices):
    found = plan_charging(THREE, prices([10, 20, 30]), base_mw=[0.3, 0.6, 0.3], transformer_mw=1.5)
    assert found.charging.site_mw.tolist() == approx([1.5, 1.5, 0.3 + 0.9], abs=1e-5)
    assert found.diagnosis is None
    assert found.charging.served_share == 1.0
    assert found.compare().loc["served_share"].tolist() == approx([1.0, 1.0, 1.0])
    assert found.uncontrolled.peak_mw == approx(3.3)
    assert found.savings["peak_reduction_mw"] == approx(1.8, abs=1e-5)


def test_a_lower_peak_is_kept_where_nobody_leaves_shorter_for_it(prices):
    kept = plan_charging(THREE, prices([10, 20, 30]), transformer_mw=2.0, peak_mw=1.0)
    assert kept.peak_kept is True
    assert kept.charging.peak_mw <= 1.0 + 1e-6
    given_up = plan_charging(THREE, prices([10, 20, 30]), transformer_mw=2.0, peak_mw=0.9)
    assert given_up.peak_kept is False
    assert given_up.charging.served_share == 1.0


def test_what_is_not_enough_is_shared_fairly_and_named(prices):
    """1.5 MWh for needs of 2 and 1."""
    table = cars(("a", 0, 2, 2.0, 1.0), ("b", 0, 2, 1.0, 1.0))
    found = plan_charging(table, prices([50, 40]), base_mw=0.25, transformer_mw=1.0)
    short = found.charging.shortfalls()
    assert short["short_mwh"].to_dict() == approx({"a": 1.0, "b": 0.5}, abs=1e-5)
    assert "2 cars cannot all have their energy beside each other: 1.5 MWh are missing (a, b)" in str(found.diagnosis)
    assert found.diagnosis.facts["together"]["raise_mw"] == approx(0.75, abs=1e-6)
    raised = plan_charging(table, prices([50, 40]), base_mw=0.25, transformer_mw=1.75 + 1e-6)
    assert raised.charging.served_share == 1.0


def test_many_priorities_never_break_the_transformer(prices):
    table = cars(*((f"car {k}", 0, 1, 1.0, 1.0) for k in range(9))).assign(priority=range(9))
    found = plan_charging(table, prices([50, 40]), transformer_mw=2.0)
    assert not found.plan.gave_way
    assert sorted(found.charging.short_mwh[found.charging.short_mwh == 0].index) == ["car 7", "car 8"]


def test_cars_that_may_give_share_in_steps(prices):
    table = cars(("a", 0, 2, 1.0, 1.0), ("b", 0, 2, 1.0, 1.0)).assign(v2g=True, capacity_mwh=2.0, soc_arrival=0.3)
    found = plan_charging(table, prices([50, 40]), transformer_mw=0.5)
    assert found.charging.short_mwh.tolist() == approx([0.5, 0.5], abs=0.05 + 1e-5)


def test_a_transformer_below_its_base_load_is_named_with_the_least_raise(prices):
    found = plan_charging(THREE, prices([10, 20, 30]), base_mw=[0.5, 1.3, 1.2], transformer_mw=1.0)
    assert found.plan.status == "optimal"
    assert list(found.plan.gave_way) == ["import_limit:site"]
    said = found.diagnosis.causes[0]
    assert said.startswith(
        "The base load alone is above the limit of the site in 2 of 3 intervals, most at 2016-07-25 01:00 UTC: "
        "1.3 MW of 1 MW."
    )
    assert "by 0.3 MW there" in said


def test_energy_that_does_not_fit_the_stay_says_what_would_mend_it():
    """1.5 MWh in an hour at 1 MW: half an hour longer, half a megawatt more, or half a megawatt hour less."""
    found = charging_problems(cars(("a", 0, 1, 1.5, 1.0), ("b", 0, 1, 1.0, 1.0)), hourly(3))
    assert found is not None
    assert found.causes == [
        "1 cars ask for more than fits into their stay at full power (a). a, which leaves at 2016-07-25 01:00 UTC, "
        "would have to stay 30 minutes longer, charge 500 kW faster, or ask for 500 kWh less."
    ]
    assert found.facts["stays"]["a"] == approx({"missing_mwh": 0.5, "stay_longer_h": 0.5, "more_power_mw": 0.5})


def test_a_battery_without_room_and_a_car_without_a_port_are_named():
    table = cars(("a", 0, 3, 1.5, 1.0), ("b", 0, 3, 1.0, 1.0)).assign(
        capacity_mwh=[2.0, np.nan], soc_arrival=[0.5, np.nan], station="s"
    )
    fleet = EVFleet(table, stations=pd.DataFrame({"ports": [1]}, index=["s"]))
    found = charging_problems(fleet, hourly(3))
    assert found is not None
    assert (
        "1 cars ask for more than their battery has room for (a). a would have to ask for 500 kWh less." in found.causes
    )
    assert "1 cars find no free port before they leave (b). Each needs one more port at its station." in found.causes


def test_stations_that_are_too_weak_are_told_apart_from_the_site():
    fleet = EVFleet(THREE.assign(station="s"), stations=pd.DataFrame({"limit_mw": [0.5]}, index=["s"]))
    found = charging_problems(fleet, hourly(3), limit_mw=5.0)
    assert found is not None
    assert found.causes[0].endswith("It is their stations, or the fleet, that have too little power.")


def test_what_waits_until_after_the_horizon_is_not_saved(prices):
    """20 kWh at 10 kW from 20:00 to 8:00: all can wait, which is nothing saved but the mean price (50) against 80."""
    table = cars(("night", 20, 32, 0.02, 0.01))
    found = plan_charging(table, prices([48] * 18 + [50, 50, 80, 80, 40, 36]))
    assert found.charging.energy_mwh == approx(0.0, abs=1e-6)
    mean = (48 * 18 + 50 * 2 + 80 * 2 + 40 + 36) / 24
    assert found.savings["cost_savings"] == approx(0.02 * (80 - mean), abs=1e-4)
    assert found.savings["cost_savings_pct"] == approx(100 * (80 - mean) / 80, abs=1e-2)


def test_cars_that_are_too_dear_to_serve_are_named_and_not_counted_as_saved(prices):
    found = plan_charging(cars(("a", 0, 2, 1.0, 1.0)), prices([9000, 9000]))
    assert found.charging.short_mwh["a"] == approx(1.0)
    assert found.savings["cost_savings"] == approx(0.0, abs=1e-3)
    assert found.diagnosis is not None
    assert (
        "1 cars are not served because their energy is dearer than value_of_lost_charge, 5000 per MWh: 1 MWh are left "
        "out (a)." in found.diagnosis.causes[0]
    )
    assert found.diagnosis.facts["price"] == approx({"a": 1.0}, abs=1e-5)


def test_what_fair_shares_leave_out_is_part_of_the_cost(prices):
    """1.5 MWh of 3 are missing, of the first priority b 0.5 and of the lower a 1: at 5,000 and 7,500."""
    table = cars(("a", 0, 2, 1.0, 1.0), ("b", 0, 2, 2.0, 1.0)).assign(priority=[0, 1])
    found = plan_charging(table, prices([40, 40]), transformer_mw=0.75)
    assert found.plan.parts["ev_unserved"] == approx(1.0 * 5000 + 0.5 * 7500, rel=1e-5)
    assert found.plan.cost == approx(sum(found.plan.parts.values()), rel=1e-9)


def test_the_share_saved_has_the_sign_of_the_money(prices):
    """Uncontrolled earns 10 in the first hour, the plan 30 in the second."""
    found = plan_charging(cars(("a", 0, 2, 1.0, 1.0)), prices([-10, -30]))
    assert found.savings["cost_savings"] == approx(20.0, abs=1e-4)
    assert found.savings["cost_savings_pct"] == approx(200.0, abs=1e-3)
    nothing = plan_charging(cars(("a", 0, 2, 0.0, 1.0)), prices([10, 30]))
    assert np.isnan(nothing.savings["cost_savings_pct"])


def test_no_cars_are_no_problem(prices):
    found = plan_charging(THREE.iloc[:0], prices([10, 20, 30]), base_mw=0.2)
    assert found.charging.p_mw.shape == (3, 0)
    assert found.charging.peak_mw == approx(0.2)
    assert found.diagnosis is None
