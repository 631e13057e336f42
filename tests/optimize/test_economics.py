"""Economics of a battery: a project by pencil, replacements, forecasts beside perfect foresight, and laws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.optimize.ageing.report import battery_ageing
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.economics import battery_economics
from gridloop.optimize.studies.battery_year import battery_study

HOURS = pd.date_range("2026-01-01", periods=48, freq="h", tz="UTC")
SOC = pd.Series(np.tile(np.concatenate([np.linspace(0.1, 0.9, 12), np.linspace(0.9, 0.1, 12)]), 2), index=HOURS)
BATTERY = Battery(20.0, 5.0, 5.0)


@dataclass(frozen=True)
class _Year:
    battery: Battery
    table: pd.DataFrame
    revenue: float


@dataclass(frozen=True)
class _Study:
    forecast: _Year
    foresight: _Year


def year(revenue: float, soc: pd.Series = SOC) -> _Year:
    return _Year(BATTERY, pd.DataFrame({"soc": soc, "hours": 1.0}), revenue)


def test_a_project_by_pencil():
    """10 MWh for 1,000, earning 600 and costing 50 a year for two years, at 10 %: −1000 + 550/1.1 + 550/1.21."""
    found = battery_economics(
        600.0, capacity_mwh=10.0, capital_cost=100.0, om_cost=50.0, project_lifetime=2, discount_rate=0.10
    )
    assert found.capital_cost == 1000.0
    assert found.npv == approx(-1000.0 + 500.0 + 550.0 / 1.21)
    assert found.flow["net"].tolist() == [-1000.0, 550.0, 550.0]
    assert found.payback_years == approx(1.0 + 450.0 / 550.0)
    # 1000 x² … : 550 (x + x²) = 1000, x = (−1 + √(1 + 4000/550)) / 2.
    x = (-1.0 + (1.0 + 4000.0 / 550.0) ** 0.5) / 2.0
    assert found.irr_pct == approx(100.0 * (1.0 / x - 1.0))
    assert found.break_even_capital_cost == approx((500.0 + 550.0 / 1.21) / 10.0)


def test_a_battery_bought_at_its_break_even_cost_is_worth_nothing_more():
    terms = {"capacity_mwh": 20.0, "ageing": battery_ageing(SOC, battery=BATTERY)}
    found = battery_economics(900_000.0, **terms)
    again = battery_economics(900_000.0, capital_cost=found.break_even_capital_cost, **terms)
    assert again.npv == approx(0.0, abs=1e-6)
    assert again.irr.rate == approx(0.08)


def test_revenue_falls_as_the_capacity_does():
    ageing = battery_ageing(SOC, battery=BATTERY)
    found = battery_economics(1e6, capacity_mwh=20.0, ageing=ageing, replacement_cost=None)
    kept = found.flow["revenue"].iloc[1:] / 1e6
    assert (kept.diff().iloc[1:] < 0.0).all()
    begin, end = ageing.fade.retention(np.arange(20.0)), ageing.fade.retention(np.arange(1.0, 21.0))
    assert ((kept < begin) & (kept > end)).all()
    assert found.replacement_years == ()


def test_a_battery_is_replaced_when_its_life_is_over_and_starts_anew():
    """Small cells under whole cycles last a few years: the capacity of the year after a replacement is the first's."""
    ageing = battery_ageing(SOC, battery=BATTERY, chemistry="nmc_18650")
    every = ageing.replacement_year
    assert 1 <= every <= 5
    found = battery_economics(1e6, capacity_mwh=20.0, ageing=ageing)
    assert found.replacement_years == tuple(range(every, 19, every))
    assert (found.flow.loc[list(found.replacement_years), "replacement"] == -20 * 250_000.0).all()
    assert found.flow["replacement"].sum() == -20 * 250_000.0 * len(found.replacement_years)
    assert found.flow.loc[every + 1, "retention"] == approx(found.flow.loc[1, "retention"])


def test_nobody_replaces_a_battery_for_its_last_years():
    """The large cells are due in year 18: for two more years nobody buys new ones, for twelve they do."""
    ageing = battery_ageing(SOC, battery=BATTERY)
    assert ageing.replacement_year == 18
    short, long = (battery_economics(1e6, capacity_mwh=20.0, ageing=ageing, project_lifetime=n) for n in (20, 30))
    assert short.replacement_years == ()
    assert short.flow.loc[20, "retention"] < 0.7
    assert long.replacement_years == (18,)


def test_a_year_as_it_was_run_brings_its_own_battery_and_ageing():
    """48 hours of a year of 8,766: what they earned is earned 182.6 times."""
    found = battery_economics(year(1_000.0))
    assert found.annual_revenue == approx(1_000.0 * 8766.0 / 48.0)
    assert found.capital_cost == 20 * 400_000.0
    assert found.ageing.life_years == approx(battery_ageing(SOC, battery=BATTERY).life_years)
    assert found.table().columns.tolist() == ["as given"]
    assert battery_economics(year(1_000.0), chemistry=None).flow["retention"].iloc[1:].tolist() == [1.0] * 20


def test_what_an_interval_hides_ages_the_battery_too():
    """1.5 MWh in and 1.2 out of the same hour: of 20 MWh, with efficiencies of 0.95, 6.3 % went out and back."""
    quiet, busy = year(1_000.0), year(1_000.0)
    busy.table["charged_mwh"], busy.table["discharged_mwh"] = 1.5, 1.2
    quiet.table["charged_mwh"], quiet.table["discharged_mwh"] = 1.5, 0.0
    few, many = (battery_economics(y).ageing for y in (quiet, busy))
    assert few.cycles_per_year == battery_ageing(SOC).cycles_per_year
    assert many.cycles_per_year - few.cycles_per_year == approx(8766.0 * 1.2 / 0.95 / 20.0)
    assert many.life_years < few.life_years


def test_forecasts_and_perfect_foresight_side_by_side():
    """Perfect foresight earns more here and wears the battery more."""
    study = _Study(forecast=year(3_000.0, SOC * 0.5 + 0.25), foresight=year(4_000.0))
    found = battery_economics(study)
    assert found.npv == battery_economics(study.forecast).npv
    assert found.foresight.npv == battery_economics(study.foresight).npv
    table = found.table()
    assert table.columns.tolist() == ["forecast", "perfect foresight"]
    assert table.loc["npv"].tolist() == [found.npv, found.foresight.npv]
    assert found.ageing.life_years > found.foresight.ageing.life_years


def test_a_battery_year_of_the_studies_is_taken_as_it_is():
    """Four days of cheap nights and dear evenings: on yesterday's prices, and knowing them all."""
    day = np.array([20.0] * 8 + [40.0] * 8 + [90.0] * 4 + [40.0] * 4)
    prices = pd.Series(
        np.concatenate([day * k for k in (1.0, 1.2, 0.8, 1.1)]),
        index=pd.date_range("2026-01-01", periods=96, freq="h", tz="UTC"),
    )
    study = battery_study(BATTERY, prices, prices.shift(24))
    found = battery_economics(study)
    assert found.annual_revenue == approx(study.forecast.revenue * 8766.0 / 96.0)
    assert found.foresight.annual_revenue >= found.annual_revenue
    assert found.ageing.cycles_per_year > 0.0


def test_money_that_never_comes_back_is_said():
    found = battery_economics(5_000.0, capacity_mwh=20.0)
    assert found.payback_years == np.inf
    assert found.irr.status == "none"
    assert np.isnan(found.irr_pct)


@given(st.floats(0.0, 0.3), st.floats(0.001, 0.3), st.floats(1e5, 3e6))
@settings(deadline=None, max_examples=30)
def test_more_discount_is_worth_less(rate, more, revenue):
    low, high = (
        battery_economics(revenue, capacity_mwh=20.0, discount_rate=r, replacement_cost=None)
        for r in (rate, rate + more)
    )
    assert high.npv < low.npv


@given(st.floats(1e5, 3e6), st.floats(1.0, 1e6))
@settings(deadline=None, max_examples=20)
def test_more_revenue_is_worth_more(revenue, more):
    ageing = battery_ageing(SOC, battery=BATTERY)
    less, greater = (battery_economics(r, capacity_mwh=20.0, ageing=ageing) for r in (revenue, revenue + more))
    assert greater.npv > less.npv
    assert greater.payback_years <= less.payback_years


def test_what_is_refused():
    with pytest.raises(OutOfRange, match="capacity_mwh is None; it must be positive"):
        battery_economics(1.0)
    with pytest.raises(
        OutOfRange,
        match=r"capital_cost is -1; .*project_lifetime is 0; .*discount_rate is -2; it must be above −1",
    ):
        battery_economics(1.0, capacity_mwh=1.0, capital_cost=-1, project_lifetime=0, discount_rate=-2)
    with pytest.raises(GapInSeries, match="the year is nan"):
        battery_economics(float("nan"), capacity_mwh=1.0)
    uneven = year(1.0)
    uneven.table.loc[HOURS[0], "hours"] = 2.0
    with pytest.raises(OutOfRange, match="differ in length"):
        battery_economics(uneven)
