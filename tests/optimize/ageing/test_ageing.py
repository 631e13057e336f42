"""Ageing of a battery: powers by pencil, laws, the cost of wear by differences, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.optimize.ageing.chemistry import Chemistry, KnownRange
from gridloop.optimize.ageing.fade import Fade
from gridloop.optimize.ageing.models import CHEMISTRIES
from gridloop.optimize.ageing.report import battery_ageing, fleet_ageing
from gridloop.optimize.ageing.use import Use, use_of
from gridloop.optimize.devices.battery import Battery

EVERY = sorted(CHEMISTRIES)
DAYS_PER_YEAR = 365.25
# A cell for pencils: 1 % of the capacity per √day at rest, and a thousandth per full cycle, however deep.
PENCIL = Chemistry(
    name="pencil",
    cell="none",
    source="none",
    tested=KnownRange((-40.0, 80.0), (0.0, 1.0), 10.0),
    calendar=lambda kelvin, soc: np.full(soc.shape, 0.01 / np.sqrt(DAYS_PER_YEAR)),
    calendar_power=0.5,
    cycling=lambda stress: np.full(stress.depth.shape, 1e-4),
    cycling_power=1.0,
)


def daily(depth: float = 0.8, days: int = 2, low: float = 0.1, per_day: int = 24) -> pd.Series:
    """Up for half a day and down again."""
    half = np.linspace(0.0, 1.0, per_day // 2 + 1)
    day = low + depth * np.concatenate([half[1:], half[::-1][1:]])
    times = pd.date_range("2026-06-15", periods=days * per_day, freq=pd.Timedelta(days=1) / per_day, tz="UTC")
    return pd.Series(np.tile(day, days), index=times)


def test_one_cycle_a_day_by_pencil():
    """√1 · 1 % in the first year, √4 · 1 % after four, and 0.8 full cycles a day, each a ten-thousandth."""
    ageing = battery_ageing(daily(), chemistry=PENCIL, years=4)
    assert ageing.cycles_per_year == approx(0.8 * DAYS_PER_YEAR)
    assert ageing.total_cycles == approx(4 * DAYS_PER_YEAR)
    assert ageing.parts["calendar"].tolist() == approx([0.0, 0.01, 0.01 * 2**0.5, 0.01 * 3**0.5, 0.02])
    assert ageing.parts["cycle"].tolist() == approx([0.8 * DAYS_PER_YEAR * 1e-4 * k for k in range(5)])
    assert (ageing.retention + ageing.parts.sum(axis=1)).tolist() == approx([1.0] * 5)
    assert ageing.capacity_retention_pct == approx(100.0 - 2.0 - 0.8 * DAYS_PER_YEAR * 0.04)


def test_the_end_of_life_by_pencil():
    """a = 2.922 % a year and 1 % · √year: √t = (√(0.01² + 4 · 0.02922 · 0.2) − 0.01) / (2 · 0.02922), t = 5.7 years."""
    ageing = battery_ageing(daily(), chemistry=PENCIL, years=1)
    root = ((0.01**2 + 4 * 0.02922 * 0.2) ** 0.5 - 0.01) / (2 * 0.02922)
    assert ageing.life_years == approx(root**2, abs=1e-8)
    assert ageing.replacement_year == 7 if root**2 > 6 else 6
    assert ageing.fade.retention(ageing.life_years) == approx(0.8)


def test_a_battery_that_stands_still_only_ages_by_time():
    still = pd.Series(0.5, index=daily().index)
    ageing = battery_ageing(still, chemistry="lfp_26650", years=10)
    # Naumann 2018 by pencil: see test_chemistry.
    assert ageing.retention.iloc[-1] == approx(1.0 - 0.1345, abs=5e-5)
    assert ageing.cycles_per_year == ageing.total_cycles == 0.0
    assert np.isnan(ageing.marginal_cost_per_mwh)
    assert ageing.notes == ("no cycles: only time ages this battery",)
    assert ageing.priced(Battery(1.0, 1.0, 1.0)) == Battery(1.0, 1.0, 1.0)


@pytest.mark.parametrize("name", EVERY)
def test_capacity_only_falls(name):
    ageing = battery_ageing(daily(), chemistry=name, years=60)
    assert ageing.retention.iloc[0] == 1.0
    falls = ageing.retention.diff().iloc[1:]
    # Cells of a laptop have nothing left after 25 years of a cycle a day; of crumbled electrodes a hundredth stays.
    assert (falls[ageing.retention.iloc[1:] > 0.011] < 0.0).all()
    assert (falls <= 1e-12).all()
    assert ageing.retention.between(0.0, 1.0).all()
    assert (ageing.parts >= 0.0).all(axis=None)
    assert (ageing.retention + ageing.parts.sum(axis=1)).to_numpy() == approx(np.ones(61), abs=1e-12)


@pytest.mark.parametrize("name", EVERY)
@given(shallow=st.floats(0.05, 0.9), more=st.floats(0.02, 0.5), cycles=st.integers(1, 3))
@settings(max_examples=15, deadline=None)
def test_deeper_cycles_age_more(name, shallow, more, cycles):
    """Around the same middle, the same number a day."""
    deep = min(shallow + more, 1.0)
    faded = []
    for depth in (shallow, deep):
        day = np.tile(daily(depth, days=1, low=0.5 - depth / 2, per_day=24).to_numpy(), cycles)
        faded.append(battery_ageing(pd.Series(day), chemistry=name, hours=1.0).retention.iloc[-1])
    assert faded[1] < faded[0]


@pytest.mark.parametrize("name", EVERY)
@given(day=st.lists(st.floats(0.0, 1.0, width=16), min_size=4, max_size=24), shift=st.integers(0, 23))
@settings(max_examples=15, deadline=None)
def test_a_profile_has_neither_length_nor_beginning(name, day, shift):
    """Three times the same day says no more than once, and it does not matter where one begins."""
    hours = 24.0 / len(day)
    once = battery_ageing(pd.Series(day), chemistry=name, hours=hours)
    again = battery_ageing(pd.Series(np.tile(np.roll(day, shift), 3)), chemistry=name, hours=hours)
    # Sums of at most 72 terms in another order.
    assert again.retention.to_numpy() == approx(once.retention.to_numpy(), rel=1e-12)
    assert again.cycles_per_year == approx(once.cycles_per_year, rel=1e-12, abs=1e-9)


def test_points_in_between_change_hardly_anything():
    """Cycles not at all; hours at rest are sampled more finely: a thousandth of what time takes."""
    coarse = battery_ageing(daily(per_day=24), chemistry="lfp")
    fine = battery_ageing(daily(per_day=96), chemistry="lfp")
    assert fine.parts["cycle"].iloc[-1] == approx(coarse.parts["cycle"].iloc[-1], rel=1e-9)
    assert fine.parts["calendar"].iloc[-1] == approx(coarse.parts["calendar"].iloc[-1], rel=2e-3)


def test_heat_while_it_cycles_counts_where_it_is():
    """A hot day and a cold one: the fade lies between that of two hot and two cold days."""
    profile = daily(days=2)
    degrees = pd.Series(np.repeat([40.0, 10.0], 24), index=profile.index)
    hot, mixed, cold = (
        battery_ageing(profile, chemistry="nmc", temperature_c=t).parts.iloc[-1] for t in (40.0, degrees, 10.0)
    )
    for part in ("calendar", "cycle"):
        assert cold[part] < mixed[part] < hot[part]


def test_cycles_that_an_interval_hides():
    """A tenth of the capacity out and back every hour: 876.6 full cycles a year, at a fifth of a C."""
    still = pd.Series(0.5, index=daily().index)
    ageing = battery_ageing(still, chemistry="lfp_26650", within=pd.Series(0.1, index=still.index))
    assert ageing.cycles_per_year == approx(876.6)
    assert ageing.total_cycles == approx(87_660.0)
    rate = (0.0630 * 0.2 + 0.0971) * (4.0253 * (0.1 - 0.6) ** 3 + 1.0923) / 100.0
    assert ageing.parts["cycle"].iloc[-1] == approx(rate * np.sqrt(8766.0))


def test_a_cycle_is_as_warm_as_its_intervals():
    """Interval k leads to point k: down to 0.2 at 30 °C; there, over the end of the profile and up at 40, 10 and 20."""
    use = use_of(np.array([0.2, 0.8, 0.2, 0.2]), np.ones(4), np.array([10.0, 20.0, 30.0, 40.0]), np.zeros(4))
    assert (use.stress.temperature_k - 273.15).tolist() == approx([30.0, 70.0 / 3.0])
    assert use.stress.depth.tolist() == approx([0.6, 0.6])
    assert use.stress.c_rate.tolist() == approx([0.6, 0.6])  # at rest for half of the time, which does not count


def test_the_cost_of_wear_is_what_a_little_more_use_costs():
    """d(R / T) / du, by finite differences: R = 300,000 per MWh, T the life at u cycles a year."""
    use = use_of(daily().to_numpy(), np.ones(48), np.full(48, 25.0), np.zeros(48))

    def yearly_cost(factor: float) -> float:
        more = Use(use.stress, use.per_year * factor, use.soc, use.temperature_k, use.hours)
        return 300_000.0 / Fade.under(cell, more).life(0.8)

    step = 1e-5
    for name in EVERY:
        cell = CHEMISTRIES[name]
        ageing = battery_ageing(daily(), chemistry=name, replacement_cost=300_000.0)
        slope = (yearly_cost(1 + step) - yearly_cost(1 - step)) / (2 * step * use.full_cycles_per_year)
        # The price spreads over what is really sold, which is less than the first year's energy every year.
        kept = ageing.fade.mean_retention(0.0, ageing.life_years)
        assert ageing.marginal_cost_per_mwh * kept == approx(slope, rel=1e-5)


def test_the_price_of_wear_goes_into_the_battery():
    battery = Battery(20.0, 5.0, 5.0, discharge_efficiency=0.95)
    ageing = battery_ageing(daily(), battery=battery)
    alone = battery_ageing(daily())
    assert ageing.marginal_cost_per_mwh == approx(alone.marginal_cost_per_mwh / 0.95)
    assert ageing.discharged_mwh == approx(alone.discharged_mwh * 20.0 * 0.95)
    assert ageing.priced(battery) == replace(battery, degradation_cost=ageing.marginal_cost_per_mwh)


def test_use_beyond_the_tests_is_said():
    shallow = battery_ageing(daily(0.3, low=0.4), chemistry="nmc", temperature_c=50.0)
    assert shallow.notes == (
        "100% of the time the cells are outside the 0 … 45 °C of the tests",
        "100% of the energy moves in cycles of other depths than the 0.8 … 1.0 tested",
    )
    fast = battery_ageing(pd.Series([0.1, 0.9]), chemistry="lfp", hours=0.5)
    assert fast.notes == ("100% of the energy moves faster than the 0.65 C of the tests",)
    assert battery_ageing(daily(), chemistry="nmc").notes == ()


def test_rounding_of_a_solver_is_no_cycle():
    noise = np.where(np.arange(48) % 2, 1e-8, 0.0)
    assert battery_ageing(0.5 + noise + 0.0 * daily()).total_cycles == 0.0
    assert battery_ageing(daily() + noise).total_cycles == approx(battery_ageing(daily()).total_cycles)


def test_a_fleet_is_its_batteries():
    frame = pd.DataFrame({"a": daily(), "b": daily(0.5), "idle": pd.Series(0.5, index=daily().index)})
    table = fleet_ageing(frame, chemistry="lfp", years=12)
    for name in frame:
        alone = battery_ageing(frame[name], chemistry="lfp", years=12)
        assert table.loc[name, "total_cycles"] == alone.total_cycles
        assert table.loc[name, "capacity_retention_pct"] == alone.capacity_retention_pct
        assert table.loc[name, "life_years"] == alone.life_years
        assert table.loc[name, "marginal_cost_per_mwh"] == approx(alone.marginal_cost_per_mwh, nan_ok=True)


def test_the_same_profile_gives_the_same_answer():
    first, second = (battery_ageing(daily(), chemistry="nmc") for _ in range(2))
    assert first.retention.tolist() == second.retention.tolist()
    assert first.marginal_cost_per_mwh == second.marginal_cost_per_mwh


def test_wrong_profiles_are_refused():
    gap = daily()
    gap.iloc[5] = np.nan
    with pytest.raises(GapInSeries, match=r"1 of 48 states of charge are missing \(first at 2026-06-15 05:00"):
        battery_ageing(gap)
    with pytest.raises(OutOfRange, match=r"from 10 to 90; allowed is 0 … 1, a share of the capacity and not percent"):
        battery_ageing(daily() * 100.0)
    with pytest.raises(OutOfRange, match="give at least two"):
        battery_ageing(daily().iloc[:1])
    with pytest.raises(OutOfRange, match="no times; give `hours`"):
        battery_ageing(pd.Series([0.1, 0.9]))
    with pytest.raises(OutOfRange, match="not regular"):
        battery_ageing(daily().iloc[[0, 1, 3]])
    with pytest.raises(OutOfRange, match="an interval must be longer than nothing"):
        battery_ageing(daily(), hours=0.0)


def test_wrong_settings_are_refused():
    with pytest.raises(OutOfRange, match=r"48 temperatures are outside -40 … 80 °C \(first 298\); they are in degrees"):
        battery_ageing(daily(), temperature_c=298.0)
    with pytest.raises(OutOfRange, match="2 temperatures for 48 intervals"):
        battery_ageing(daily(), temperature_c=pd.Series([25.0, 25.0]))
    with pytest.raises(GapInSeries, match="1 of 2 temperatures are missing"):
        battery_ageing(pd.Series([0.1, 0.9]), hours=1.0, temperature_c=pd.Series([25.0, np.nan]))
    with pytest.raises(OutOfRange, match="1 cycles within for 48 intervals"):
        battery_ageing(daily(), within=pd.Series([0.1]))
    with pytest.raises(OutOfRange, match="Cycles within intervals go from 10 to 10; allowed is 0 … 1"):
        battery_ageing(daily(), within=daily() * 0.0 + 10.0)
    with pytest.raises(GapInSeries, match="48 of 48 cycles within are missing"):
        battery_ageing(daily(), within=daily() * np.nan)
    with pytest.raises(OutOfRange, match="years is 0"):
        battery_ageing(daily(), years=0)
    with pytest.raises(OutOfRange, match="end_of_life is 80"):
        battery_ageing(daily(), end_of_life=80)
    with pytest.raises(OutOfRange, match="replacement_cost is -1"):
        battery_ageing(daily(), replacement_cost=-1)
