"""Measurement: what was delivered, its interval, what is paid; and placebo events, where nothing should be found."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.market.demand_response.baseline import BaselineMethod
from gridloop.market.demand_response.equity import by_group
from gridloop.market.demand_response.event import DREvent, call_event
from gridloop.market.demand_response.measure import measure_event
from gridloop.market.demand_response.placebo import ends_of, of_sum
from gridloop.market.demand_response.program import DRProgram
from gridloop.market.demand_response.response import Response, answer
from gridloop.market.demand_response.study import study_program
from gridloop.market.demand_response.trial import placebo_trial

START = pd.Timestamp("2016-07-25 16:00", tz="UTC")
END = START + pd.Timedelta(hours=2)
PROGRAM = DRProgram(payment_per_mwh=100.0, penalty_per_mwh=10.0)


def meters(seed: int = 0, customers: int = 4, days: int = 150, spread: float = 0.1) -> pd.DataFrame:
    """Hourly homes of 1 MW with a bump in the evening and noise, some of it common to all; ends with the event."""
    rng = np.random.default_rng(seed)
    times = pd.date_range(END - pd.Timedelta(days=days), END, freq="1h", inclusive="left")
    shape = 1.0 + 0.5 * np.exp(-(((times.hour.to_numpy() - 18) / 3) ** 2))
    common = spread * rng.standard_normal(len(times))
    table = shape[:, None] + common[:, None] + spread * rng.standard_normal((len(times), customers))
    return pd.DataFrame(table, index=times, columns=[f"c{k}" for k in range(customers)])


def event(table: pd.DataFrame, expected: float = 0.3) -> DREvent:
    who = pd.DataFrame({"group": ["a", "b"] * (table.shape[1] // 2), "expected_mw": expected}, index=table.columns)
    return call_event(PROGRAM, who, START, need_mw=99.0, hours=2.0, issued_at=START - pd.Timedelta(hours=8))


def test_what_was_taken_off_is_found_again():
    """Homes without noise take 0.4 MW less for two hours: 0.8 MWh each, paid; 0.1 MW more than expected."""
    table = meters(spread=0.0)
    table.loc[table.index >= START] -= 0.4
    found = measure_event(event(table), table)
    assert found.customer["delivered_mw"].tolist() == approx([0.4] * 4)
    assert found.customer["paid"].tolist() == approx([80.0] * 4)
    assert found.total["delivered_mw"] == approx(1.6) and found.total["paid"] == approx(320.0)
    assert found.total["bias_mw"] == approx(0.0, abs=1e-12)
    assert found.group["delivered_mw"].tolist() == approx([0.8, 0.8])


def test_what_is_short_of_the_expectation_costs_the_penalty():
    table = meters(spread=0.0)
    table.loc[table.index >= START, "c0"] -= 0.1
    found = measure_event(event(table), table)
    # 0.2 MWh delivered at 100, 0.2 MW short for two hours at 10; who does nothing pays 0.6 MWh at 10
    assert found.customer["paid"].tolist() == approx([20 - 4.0, -6.0, -6.0, -6.0])


def test_a_missing_meter_is_not_measured_and_not_paid():
    table = meters(spread=0.0)
    table.loc[table.index >= START] -= 0.4
    table.loc[END - pd.Timedelta(hours=1), "c0"] = np.nan
    found = measure_event(event(table), table)
    assert found.customer.loc["c0", "reason"] == "values of the event are missing"
    assert np.isnan(found.customer.loc["c0", ["delivered_mw", "paid"]].astype(float)).all()
    assert (found.total["called"], found.total["measured"]) == (4, 3)
    assert found.total["delivered_mw"] == approx(1.2) and found.total["paid"] == approx(240.0)


def test_an_error_that_is_always_there_is_told_and_can_be_taken_off():
    """Homes that take 0.2 MW less in these hours on every second day, and a baseline of the five highest days."""
    table = meters(spread=0.0)
    half = (table.index.hour >= 16) & (table.index.hour < 18) & (table.index.dayofyear % 2 == START.dayofyear % 2)
    table.loc[half] -= 0.2
    high = measure_event(event(table), table, method=BaselineMethod(highest=5, adjustment="none"))
    # the five highest of ten are the days without: 0.2 too high on half of the days, right on the others
    assert high.total["delivered_mw"] == approx(4 * 0.2, abs=1e-9)
    assert high.total["bias_mw"] == approx(4 * 0.1, abs=0.05)
    assert high.total["corrected_mw"] == approx(high.total["delivered_mw"] - high.total["bias_mw"])


def test_with_too_few_days_there_is_no_interval():
    table = meters(days=30)
    found = measure_event(event(table), table)
    assert np.isfinite(found.total["delivered_mw"]) and np.isnan(found.total["low_mw"])


def test_ends_are_the_order_statistics_of_a_pencil():
    """19 errors: 90 % lies between the smallest and the largest; 39: between the second and the last but one."""
    assert ends_of(np.arange(19.0), 0.9) == (0.0, 18.0)
    assert ends_of(np.arange(39.0)[::-1], 0.9) == (1.0, 37.0)
    assert np.isnan(ends_of(np.arange(18.0), 0.9)).all()
    assert ends_of(np.append(np.arange(19.0), np.nan), 0.9) == (0.0, 18.0)


def test_the_interval_of_a_customer_is_that_of_its_own_errors():
    """Delivered less the largest error, and less the smallest: it holds what was taken off, of customers and groups."""
    table = meters(spread=0.05)
    table.loc[table.index >= START] -= 0.5
    found = measure_event(event(table), table, placebo_days=19)
    for rows in (found.customer, found.group):
        assert (rows["low_mw"] < rows["corrected_mw"]).all() and (rows["corrected_mw"] < rows["high_mw"]).all()
    wide = found.customer["high_mw"] - found.customer["low_mw"]
    assert (wide > 0.05).all() and (wide < 0.5).all()
    assert ((found.customer["low_mw"] < 0.5) & (found.customer["high_mw"] > 0.5)).sum() >= 3


def test_a_gap_in_one_meter_does_not_cost_the_day():
    errors = pd.DataFrame({"a": [1.0, np.nan, 3.0], "b": [1.0, 1.0, np.nan]})
    assert of_sum(errors) == approx([2.0, 2.0, 4.0])
    assert np.isnan(of_sum(pd.DataFrame({"a": [1.0, np.nan], "b": [1.0, np.nan]}))[1])


def test_a_new_customer_without_an_error_does_not_cost_the_sum_its_interval():
    """c0 enrolled six days ago: it has a baseline, and no placebo day yet. The interval is that of the three others."""
    table = meters(spread=0.05)
    table.loc[table.index < START - pd.Timedelta(days=8), "c0"] = np.nan
    table.loc[table.index >= START] -= 0.4
    found = measure_event(event(table), table)
    assert np.isfinite(found.customer.loc["c0", "delivered_mw"]) and np.isnan(found.customer.loc["c0", "bias_mw"])
    assert found.total["measured"] == 4 and found.total["without_placebo"] == 1
    assert found.group["without_placebo"].tolist() == [1, 0]
    others = measure_event(event(table), table.assign(c0=np.nan))
    for name in ("bias_mw", "placebo_days"):
        assert found.total[name] == approx(others.total[name])
    width, its = (one.total["high_mw"] - one.total["low_mw"] for one in (found, others))
    assert np.isfinite(width) and width == approx(its)
    assert found.group[["bias_mw", "low_mw", "high_mw"]].notna().all(axis=None)


def test_placebo_events_find_about_nothing_and_the_interval_covers_at_its_rate():
    """Noise that is the same every day: the rate of 90 % within what some 150 days let it wander."""
    trial = placebo_trial(meters(days=420, customers=3), begin_h=16, hours=2)
    days = trial.total["events"]
    assert days > 150
    wander = 2.6 * np.sqrt(0.9 * 0.1 / days)  # 99 % of a binomial share
    assert trial.total["coverage"] == approx(0.9, abs=wander + 0.02)
    assert abs(trial.total["bias_mw"]) < 3 * trial.total["bias_se_mw"]
    assert (trial.customer["coverage"] > 0.8).all()
    assert abs(trial.total["corrected_bias_mw"]) < 3 * trial.total["bias_se_mw"]


def test_the_interval_of_the_sum_knows_what_customers_have_in_common():
    """Noise common to all does not average out: the sum of four is more than twice as wide as one of them alone."""
    trial = placebo_trial(meters(days=200), begin_h=16, hours=2)
    assert trial.total["sd_mw"] > 2.2 * trial.customer["sd_mw"].mean()


def test_a_study_calls_answers_measures_and_pays_beside_the_year_without():
    table = meters(days=200, customers=6, spread=0.05) / 1000
    price = pd.Series(200.0, index=table.index)
    program = DRProgram(max_events=6, max_calls=3, payment_per_mwh=400.0)
    study = study_program(
        table, price, program, begin_h=16, hours=2, first_day=pd.Timestamp("2016-05-15"), seed=1, busy=0.5
    )
    assert 2 <= len(study.event) <= 6
    assert (study.event["peak_mw"] <= study.event["peak_without_mw"] + 1e-12).all()
    assert (study.event["true_mw"] > 0).all()
    assert study.energy_cost <= study.energy_cost_without + 1e-9  # less is taken, and nothing more than is moved
    assert study.paid == approx(study.event["paid"].sum())
    assert study.group["calls"].sum() == study.event["called"].sum()
    assert study.group["most_calls"].max() <= 3
    again = study_program(
        table, price, program, begin_h=16, hours=2, first_day=pd.Timestamp("2016-05-15"), seed=1, busy=0.5
    )
    assert again.event.equals(study.event)
    with pytest.raises(GapInSeries, match="a price for every interval"):
        study_program(table, price.iloc[1:], program, begin_h=16, hours=2, first_day=pd.Timestamp("2016-05-15"))


FIRST = pd.Timestamp("2016-05-15")
FEW = DRProgram(max_events=3, max_calls=3, payment_per_mwh=400.0)


def test_a_study_without_an_event_has_its_figures():
    """Nobody can take more than its highest quantile: no day is busy."""
    table = meters(days=200, customers=6, spread=0.0) / 1000
    study = study_program(table, pd.Series(200.0, index=table.index), FEW, begin_h=16, hours=2, first_day=FIRST, busy=1)
    facts = study.facts()
    assert (facts["events"], facts["calls"], facts["with_interval"], facts["held"]) == (0, 0, 0, 0)
    assert (facts["true_mwh"], facts["measured_mwh"], facts["paid"]) == (0.0, 0.0, 0.0)
    assert np.isnan(facts["peak_reduction_mw"])
    assert facts["energy_cost"] == facts["energy_cost_without"]


def test_hours_that_the_programme_never_allows_are_refused_in_its_own_words():
    table = meters(days=200, customers=6, spread=0.05) / 1000
    price = pd.Series(200.0, index=table.index)
    evening = DRProgram(begin_h=14, end_h=21)
    with pytest.raises(OutOfRange, match=r"it would last from 22:00 to 02:00; calls lie between 14 and 21 o'clock"):
        study_program(table, price, evening, begin_h=22, hours=4, first_day=FIRST)
    with pytest.raises(OutOfRange, match=r"20 h of notice are given and 30 h are due"):
        study_program(table, price, DRProgram(notice_h=30), begin_h=16, hours=4, first_day=FIRST)
    assert study_program(table, price, DRProgram(max_events=0), begin_h=16, hours=2, first_day=FIRST).event.empty


def test_hours_that_the_clock_leaves_out_or_has_twice():
    """In New York 8 March 2026 has no 2 o'clock, 1 November has two of 1 o'clock; both are Sundays."""
    zone = "America/New_York"
    times = pd.date_range("2025-12-01", "2026-04-01", freq="1h", tz=zone, inclusive="left")
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.uniform(1, 2, (len(times), 3)), index=times.tz_convert("UTC"), columns=list("abc"))
    price, first = pd.Series(200.0, index=table.index), pd.Timestamp("2026-02-20")
    for weekdays in (True, False):
        program = DRProgram(zone=zone, weekdays_only=weekdays, max_events=40, max_calls=40)
        study = study_program(table, price, program, begin_h=2, hours=2, first_day=first, busy=0.3)
        assert len(study.event) > 5
        assert (study.event.index.tz_convert(zone).hour == 2).all()
    autumn = table.set_axis(pd.date_range("2026-07-15", periods=len(table), freq="1h", tz=zone).tz_convert("UTC"))
    program = DRProgram(zone=zone, weekdays_only=False, max_events=40, max_calls=40)
    study = study_program(
        autumn,
        price.set_axis(autumn.index),
        program,
        begin_h=1,
        hours=1,
        first_day=pd.Timestamp("2026-10-20"),
        busy=0.3,
    )
    assert (study.event.index.tz_convert(zone).hour == 1).all()


def test_days_are_compared_by_the_clock_on_both_sides_of_a_change():
    """Homes take 9 MW at 15 o'clock, 1 else, and 2 at 16 o'clock on one day: the next is called, and no other."""
    zone = "America/New_York"
    times = pd.date_range("2025-12-01", "2026-04-01", freq="1h", tz=zone, inclusive="left")
    table = pd.DataFrame({name: np.where(times.hour == 15, 9.0, 1.0) for name in "abc"}, index=times.tz_convert("UTC"))
    table.loc[pd.Timestamp("2026-03-17 16:00", tz=zone)] = 2.0
    price = pd.Series(200.0, index=table.index)
    study = study_program(
        table, price, DRProgram(zone=zone), begin_h=16, hours=1, first_day=pd.Timestamp("2026-03-16"), busy=1.0,
        response=Response(answers=0.0),
    )  # fmt: skip
    assert list(study.event.index) == [pd.Timestamp("2026-03-18 16:00", tz=zone)]


@pytest.mark.parametrize("late_h", [0, 3])
def test_who_is_called_is_not_chosen_by_what_the_meter_lacks_later(late_h):
    """A meter falls silent in the event, or after it: its customer is called all the same, and is not measured."""
    table = meters(days=200, customers=6, spread=0.05) / 1000
    price = pd.Series(200.0, index=table.index)
    options = {"begin_h": 16, "hours": 2, "first_day": FIRST, "seed": 1, "busy": 0.5, "need_share": 0.1}
    before = study_program(table, price, FEW, **options).events[0]
    who = before.called.index[0]
    silent = table.copy()
    silent.loc[before.start + pd.Timedelta(hours=late_h), who] = np.nan
    study = study_program(silent, price, FEW, **options)
    assert list(study.events[0].called.index) == list(before.called.index)
    delivery = study.deliveries[0]
    assert np.isnan(delivery.customer.loc[who, "delivered_mw"]) and delivery.customer.loc[who, "reason"]
    assert study.event.iloc[0]["measured"] == len(before.called) - 1
    assert np.isfinite(study.event.iloc[0]["true_mw"])


def test_an_event_of_one_interval_without_hours_after_it_is_answered():
    """One interval of two hours: 30 % of 1 MW are not worth the payment, a tenth has nowhere to go."""
    table = pd.DataFrame({f"c{k}": [1.0] for k in range(2)}, index=pd.DatetimeIndex([START]))
    who = pd.DataFrame({"group": "a", "expected_mw": 0.3}, index=table.columns)
    call = call_event(PROGRAM, who, START, need_mw=99.0, hours=2.0, issued_at=START - pd.Timedelta(hours=8))
    took = answer(
        table, pd.Series(50.0, index=table.index), call, Response(shift_hours=0.0), np.array([True, False]),
        step=pd.Timedelta(hours=2),
    )  # fmt: skip
    assert took["c1"].tolist() == [1.0]
    # of the nine tenths that are not moved: 0.15 · 100 / 50 = 0.3, which is also the most
    assert took["c0"].tolist() == approx([0.1 + 0.9 * 0.7], abs=1e-6)


def test_cost_by_group_adds_up():
    table = meters(spread=0.0)
    table.loc[table.index >= START] -= 0.4
    one = event(table)
    found = measure_event(one, table)
    groups = by_group(one.called, [one], [found])
    assert groups["paid"].sum() == approx(found.total["paid"])
    assert groups["delivered_mwh"].tolist() == approx([1.6, 1.6])
    assert groups["paid_per_customer"].tolist() == approx([80.0, 80.0])


def test_wrong_input_is_named():
    table = meters()
    with pytest.raises(OutOfRange, match=r"1 customers who were called have no meter: c0"):
        measure_event(event(table), table.drop(columns="c0"))
    with pytest.raises(OutOfRange, match="level is 90"):
        measure_event(event(table), table, level=90)
    with pytest.raises(OutOfRange, match="a trial needs 70 and more"):
        placebo_trial(meters(days=50), begin_h=16, hours=2)
