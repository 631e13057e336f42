"""Real time: cars that come early, late or not at all, words that are wrong, and what is learned of departures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from cars import at
from cars import cars as stays
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from gridloop.errors import MissingColumn, OutOfRange
from gridloop.optimize.charging.baselines import uncontrolled_charging
from gridloop.optimize.charging.departures import DepartureRisk
from gridloop.optimize.charging.replan import ChargingRules, replan_charging
from gridloop.optimize.charging.step import Step, plan_step
from gridloop.optimize.horizon import Horizon

LP = 1e-6


def cars(*rows: tuple[str, float, float, float, float], **words: Any) -> pd.DataFrame:
    """Sessions as (id, hour of arrival, hour of departure, MWh, MW); true words where `words` does not say else."""
    table = stays(*rows)
    table["user_departure"], table["user_energy_mwh"] = table["departure"], table["energy_mwh"]
    return table.assign(**words)


def test_with_true_words_it_waits_for_the_lowest_price(prices):
    found = replan_charging(cars(("car", 0, 4, 1.5, 1.0)), prices([90, 20, 10, 40]))
    assert found.p_mw["car"].tolist() == approx([0.0, 0.5, 1.0, 0.0], abs=LP)


def test_a_car_that_leaves_before_it_said_misses_what_was_put_off(prices):
    """It said four hours and stays two: the cheap hour that was waited for never came."""
    table = cars(("car", 0, 2, 1.0, 1.0), user_departure=[at(4)])
    assert replan_charging(table, prices([50, 40, 30, 20])).short_mwh["car"] == approx(1.0)


def test_what_was_learned_of_departures_makes_it_hurry(prices):
    """Half of all drivers left after half their time: waiting for 30 less is not worth half of 5,000."""
    past = pd.DataFrame(
        {"arrival": at(0), "departure": [at(2), at(4)], "user_departure": at(4), "energy_mwh": 1.0}, index=["x", "y"]
    )
    table = cars(("car", 0, 2, 1.0, 1.0), user_departure=[at(4)])
    found = replan_charging(table, prices([50, 40, 30, 20]), risk=DepartureRisk.fit(past))
    assert found.short_mwh["car"] == 0.0
    assert found.p_mw["car"].iloc[0] + found.p_mw["car"].iloc[1] == approx(1.0, abs=LP)


def test_a_car_that_stays_longer_than_it_said_is_served_at_once(prices):
    """It said an hour, for 2 MWh: the rest is charged as soon as possible afterwards."""
    table = cars(("car", 0, 4, 2.0, 1.0), user_departure=[at(1)])
    assert replan_charging(table, prices([50, 60, 10, 10])).p_mw["car"].tolist() == approx([1.0, 1.0, 0.0, 0.0], abs=LP)


def test_a_car_that_takes_more_than_it_asked_for_is_given_more_and_one_that_is_full_stops(prices):
    more = cars(("car", 0, 4, 2.0, 1.0), user_energy_mwh=[1.0])
    assert replan_charging(more, prices([10, 20, 30, 40])).short_mwh["car"] == 0.0
    less = cars(("car", 0, 4, 0.5, 1.0), user_energy_mwh=[3.0])
    assert replan_charging(less, prices([10, 20, 30, 40])).p_mw["car"].tolist() == approx([0.5, 0, 0, 0], abs=LP)


def test_a_booked_car_keeps_room_and_comes_early_late_or_not_at_all(prices):
    """`here` fills the second hour's room unless somebody is expected; who is an hour late is not waited for."""
    rules = ChargingRules(limit_mw=1.0)
    both = cars(("here", 0, 3, 1.0, 1.0), ("booked", 1, 2, 1.0, 1.0))
    known = both.assign(user_arrival=[at(0), at(1)])
    values = prices([50, 10, 40, 90])
    on_time = replan_charging(known, values, rules)
    assert on_time.p_mw["booked"].tolist() == approx([0.0, 1.0, 0.0, 0.0], abs=LP)
    # Nobody knew: `here` waits for the cheap hour too, and both cannot have it.
    assert replan_charging(both, values, rules).p_mw.iloc[1].sum() == approx(1.0, abs=LP)
    early = replan_charging(known.assign(arrival=[at(0), at(0)]), values, rules)
    assert early.short_mwh.sum() == approx(0.0)
    never = known.assign(arrival=pd.DatetimeIndex([at(0), pd.NaT]))
    found = replan_charging(never, values, rules)
    assert list(found.p_mw.columns) == ["here"]
    assert found.short_mwh["here"] == 0.0


def test_who_is_an_hour_late_is_not_waited_for(prices):
    """At 2:00 it would still need the two hours that follow, and `here` would make room at 50; forgotten, 10 is waited
    for."""
    table = cars(("here", 0, 5, 1.0, 1.0), ("booked", 1, 5, 2.0, 1.0), user_arrival=[at(0), at(1)])
    never = table.assign(arrival=pd.DatetimeIndex([at(0), pd.NaT]))
    found = replan_charging(never, prices([95, 92, 50, 10, 90]), ChargingRules(limit_mw=1.0))
    assert found.p_mw["here"].tolist() == approx([0.0, 0.0, 0.0, 1.0, 0.0], abs=LP)


def test_who_is_here_is_charged_though_all_others_would_be_gone(prices):
    """All who said four hours left after two; one of them that is still here after 1.8 h goes on."""
    risk = DepartureRisk.fit(cars(("past", 0, 2, 1.0, 1.0), user_departure=[at(4)]))
    table = cars(("car", 0.2, 4, 3.5, 1.0), user_departure=[at(4.2)])
    assert replan_charging(table, prices([10] * 4), risk=risk).p_mw["car"].iloc[2] == approx(1.0, abs=LP)


def test_one_that_comes_between_two_plans_takes_the_room_that_is_left(prices):
    table = cars(("here", 0, 2, 1.0, 1.0), ("new", 0.5, 2, 0.5, 1.0))
    found = replan_charging(table, prices([10, 90]), ChargingRules(limit_mw=1.4))
    assert found.p_mw["here"].tolist() == approx([1.0, 0.0], abs=LP)
    assert found.p_mw["new"].tolist() == approx([0.2, 0.3], abs=LP)  # 0.4 MW for half an hour


def test_a_peak_that_was_reached_is_free(prices):
    """2 MWh in four hours: half a megawatt all along costs least where the peak costs 1,000; a free MW is taken."""
    table = cars(("car", 0, 4, 2.0, 1.0))
    values = prices([40, 30, 20, 10])
    flat = replan_charging(table, values, ChargingRules(peak_price_per_mw=1000.0))
    assert flat.p_mw["car"].tolist() == approx([0.5] * 4, abs=LP)
    free = replan_charging(table, values, ChargingRules(peak_price_per_mw=1000.0, free_mw=1.0))
    assert free.p_mw["car"].tolist() == approx([0.0, 0.0, 1.0, 1.0], abs=LP)


def test_what_another_car_reached_is_free_too(prices):
    """The first can have its MWh only in one hour; the second then need not stay below that megawatt."""
    table = cars(("now", 0, 1, 1.0, 1.0), ("later", 1, 5, 2.0, 1.0))
    found = replan_charging(table, prices([10, 40, 30, 20, 10]), ChargingRules(peak_price_per_mw=1000.0))
    assert found.p_mw["later"].tolist() == approx([0.0, 0.0, 0.0, 1.0, 1.0], abs=LP)


def test_words_are_needed_and_past_sessions_too(prices):
    with pytest.raises(MissingColumn, match="user_energy_mwh"):
        replan_charging(cars(("car", 0, 4, 1.0, 1.0)).drop(columns="user_energy_mwh"), prices([10, 20]))
    with pytest.raises(MissingColumn, match="user_departure"):
        DepartureRisk.fit(pd.DataFrame({"arrival": []}))
    with pytest.raises(OutOfRange, match="no past sessions"):
        DepartureRisk.fit(cars(("car", 0, 4, 1.0, 1.0)).iloc[:0])


def test_the_chance_of_being_gone_counts_those_who_were_still_there():
    """Quotients ½, 1, 1, 2 of a stay of 4 h. After 3 h the first is over: of three two are gone by 4.5 h."""
    past = cars(*((f"c{k}", 0, d, 1.0, 1.0) for k, d in enumerate((2, 4, 4, 8))), user_departure=at(4))
    risk = DepartureRisk.fit(past)
    found = risk.gone(np.array([0.0, 3.0, 9.0]), np.array([4.0, 4.0, 4.0]), np.array([0.5, 1.5, 2.5]))
    assert found[0].tolist() == approx([0.0, 0.0, 0.25])
    assert found[1].tolist() == approx([0.0, 2 / 3, 2 / 3])
    assert found[2].tolist() == approx((1 - np.exp([-0.5, -1.5, -2.5])).tolist())  # longer than anyone stayed
    silent = risk.gone(np.array([0.0]), np.array([np.nan]), np.array([3.0]))
    assert silent.tolist() == [[0.25]]  # nobody was silent: stays of all, of which one was over after two hours


def test_a_plan_buys_what_is_likely_to_arrive():
    """One car, two intervals: 90 now, or 10 with a chance of one percent that 5,000 are lost: 59.9. With two: 109.8."""

    def first(gone: float) -> float:
        one = np.ones((1, 2))
        step = Step(
            np.ones(1), one, np.array([[0.0, gone]]), np.array([5000.0]), np.array([90.0, 10.0]), np.zeros(2),
            np.full(2, np.inf), np.zeros(2), 0.0, np.ones(2),
        )  # fmt: skip
        return float(plan_step(step)[0, 0])

    assert first(0.01) == approx(0.0, abs=LP)
    assert first(0.02) == approx(1.0, abs=LP)


rows = st.lists(
    st.tuples(
        st.floats(0, 5), st.floats(0.3, 5), st.sampled_from([0.2, 1.0]), st.floats(0.3, 5), st.sampled_from([0.2, 1.5])
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=25, deadline=None)
@given(rows, st.sampled_from([np.inf, 1.0]), st.sampled_from([0.0, 500.0]), st.booleans())
def test_whatever_is_said_limits_and_batteries_hold(prices, drawn, limit, peak_price, learned):
    table = cars(*((f"car {k}", a, a + d, e, 1.0) for k, (a, d, e, _, _) in enumerate(drawn)))
    table["user_departure"] = [at(a + said) for a, _, _, said, _ in drawn]
    table["user_energy_mwh"] = [asked for *_, asked in drawn]
    values = prices([50, 20, 70, 10, 40, 90, 30, 20, 60, 50, 10, 30] * 2, freq="30min")
    risk = DepartureRisk.fit(table) if learned else None
    rules = ChargingRules(limit_mw=limit, peak_price_per_mw=peak_price)
    found, again = (replan_charging(table, values, rules, risk=risk) for _ in range(2))
    pd.testing.assert_frame_equal(found.p_mw, again.p_mw, check_exact=True)
    horizon = Horizon.regular(pd.DatetimeIndex(values.index))
    most = uncontrolled_charging(table.assign(energy_mwh=99.0), horizon).p_mw
    assert (found.p_mw <= most + LP).all(axis=None)
    assert (found.p_mw >= 0).all(axis=None)
    assert (found.p_mw.sum() * 0.5 <= table["energy_mwh"] + LP).all()
    assert found.peak_mw <= limit + LP


def test_where_nothing_is_short_of_room_and_all_leave_late_all_is_served(prices):
    table = cars(*((f"car {k}", 0.2 * k, 4 + 0.3 * k, 0.5 + 0.1 * k, 1.0) for k in range(6)))
    words = table.assign(user_departure=table["departure"] - pd.Timedelta(hours=1), user_energy_mwh=0.3)
    found = replan_charging(words, prices([60, 20, 30, 50, 40, 10, 20, 30]), ChargingRules(limit_mw=2.0))
    assert found.served_share == approx(1.0, abs=1e-9)


def test_what_a_driver_wants_who_says_nothing_is_not_learned_from_later_ones(prices):
    """A car that comes after the silent one has gone, and what its driver asks for, changes nothing before."""

    def first(asked: float) -> list[float]:
        table = cars(
            ("silent", 0, 3, 2.0, 1.0), ("later", 4, 6, 0.5, 1.0), user_energy_mwh=[np.nan, asked]
        )  # fmt: skip
        found = replan_charging(table, prices([50, 60, 10, 90, 90, 90]))
        return found.p_mw["silent"].tolist()

    assert first(0.5) == approx(first(50.0), abs=LP)


def test_what_a_driver_wants_who_says_nothing_is_the_median_so_far(prices):
    """Two who came before asked for 2 MWh: the silent one, of three hours said, is thought to want as much."""
    table = cars(
        ("a", 0, 1, 1.0, 1.0), ("b", 0, 1, 1.0, 1.0), ("silent", 1, 4, 2.0, 1.0), user_energy_mwh=[2.0, 2.0, np.nan]
    )
    found = replan_charging(table, prices([10, 90, 30, 20]))
    assert found.p_mw["silent"].tolist() == approx([0.0, 0.0, 1.0, 1.0], abs=LP)


def test_a_peak_that_the_base_load_will_reach_is_free(prices):
    """The base load pays for 5 MW in the evening: the car's 2 MW beside 1 MW at night add nothing to the peak."""
    table = cars(("car", 0, 2, 4.0, 2.0))
    rules = ChargingRules(peak_price_per_mw=15_000.0)
    found = replan_charging(table, prices([20] * 6), rules, base_mw=[1, 1, 1, 1, 5, 5])
    assert found.short_mwh["car"] == approx(0.0, abs=LP)
    short_sighted = ChargingRules(peak_price_per_mw=15_000.0, look_ahead_h=2.0)
    unseen = replan_charging(table, prices([20] * 6), short_sighted, base_mw=[1, 1, 1, 1, 5, 5])
    assert unseen.short_mwh["car"] > 1.0


def test_a_driver_who_is_believed_gets_all_of_a_last_half_hour(prices):
    """5 kWh at 10 kW until half past: it fits, and is planned so. Who leaves a quarter before gets half of it."""
    table = cars(("car", 0, 0.5, 0.005, 0.010))
    assert replan_charging(table, prices([20, 20])).short_mwh["car"] == 0.0
    early = replan_charging(table.assign(departure=[at(0.25)]), prices([20, 20]))
    assert early.served_mwh["car"] == approx(0.0025, abs=1e-9)


def test_room_between_two_plans_goes_to_who_comes_first_whatever_the_table(prices):
    rows = ("last", 0.5, 2, 0.9, 1.0), ("b", 0.25, 2, 0.9, 1.0), ("a", 0.25, 2, 0.9, 1.0)
    for table in (cars(*rows), cars(*rows[::-1])):
        first = replan_charging(table, prices([20, 20]), ChargingRules(limit_mw=1.2)).p_mw.iloc[0]
        assert first.to_dict() == approx({"a": 0.75, "b": 0.15, "last": 0.0}, abs=LP)
