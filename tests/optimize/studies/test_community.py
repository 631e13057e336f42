"""Communities: what batteries do within an hour, and days that a pencil can settle; the homes of Fontana."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest import approx

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.io.citylearn import Homes, read_citylearn
from gridloop.optimize.problems.schedule import schedule
from gridloop.optimize.studies import community
from gridloop.optimize.studies.community import CommunityPlan, community_year, perfect, typical_day
from gridloop.optimize.studies.follow import Pool, follow

POOL = Pool(2.0, 1.0, 0.9, np.array([1.0]))
kw = st.integers(-30, 30).map(lambda k: k / 10)


def homes(days: int, evening: float = 2.0, sun: float = 3.0) -> Homes:
    """Two equal homes: they take 0.1 MW, in the evening more, and their roofs shine at noon. Dear evenings."""
    hour = np.arange(24 * days) % 24
    index = pd.date_range("2026-06-01", periods=24 * days, freq="1h", tz="UTC", name="valid_at")
    load = np.where((hour >= 18) & (hour < 21), evening, 0.1)
    roof = np.where((hour >= 11) & (hour < 14), sun, 0.0)
    battery = pd.DataFrame({"capacity_mwh": 3.0, "power_mw": 2.0, "round_trip_efficiency": 0.81}, index=["a", "b"])
    return Homes(
        pd.DataFrame({"a": load, "b": load}, index=index),
        pd.DataFrame({"a": roof, "b": roof}, index=index),
        pd.Series(np.where((hour >= 16) & (hour < 21), 500.0, 200.0), index=index),
        pd.Series(0.2, index=index),
        battery,
    )


def test_a_meter_that_was_meant_to_stand_at_zero():
    """Planned to cover 0.7 MW: of 0.3 MW only those are given, of 1.2 MW the 0.7; no surplus, no charging."""
    assert follow(POOL, 1.8, -0.7, 0.0, 0.3, 5.0) == (approx(-0.3), approx(1.8 - 0.3 / 0.9))
    assert follow(POOL, 1.8, -0.7, 0.0, 1.2, 5.0)[0] == approx(-0.7)
    assert follow(POOL, 1.0, 0.7, 0.0, 0.1, 5.0)[0] == approx(-0.1)
    assert follow(POOL, 1.0, 0.7, 0.0, -0.4, 5.0)[0] == approx(0.4)


def test_a_planned_purchase_is_made_and_the_highest_import_held():
    assert follow(POOL, 0.0, 0.6, 0.8, 0.2, 5.0)[0] == approx(0.6)
    assert follow(POOL, 0.0, 0.6, 0.8, 0.2, 0.5)[0] == approx(0.3)
    assert follow(POOL, 2.0, 0.0, 0.8, 1.2, 0.5)[0] == approx(-0.7)


def test_the_reserve_is_for_the_highest_import_alone():
    assert follow(POOL, 0.5, -0.4, 0.3, 0.7, 5.0, reserve_mwh=0.5)[0] == approx(0.0)
    assert follow(POOL, 0.5, -0.4, 0.3, 0.7, 0.6, reserve_mwh=0.5)[0] == approx(-0.1)


@given(st.floats(0, 2), kw, kw, kw, st.floats(0, 3))
def test_no_battery_gives_what_it_has_not_or_feeds_an_export(energy, planned, exchange, residual, hold):
    power, after = follow(POOL, energy, planned, exchange, residual, hold)
    assert -1.0 - 1e-12 <= power <= 1.0 + 1e-12
    assert 0.0 <= after <= 2.0
    into = 0.9 * power if power > 0 else power / 0.9
    assert after - energy == approx(into, abs=1e-9)
    assert residual + power >= min(residual, 0.0) - 1e-12  # no more export than without it


def test_batteries_that_are_not_alike_are_no_pool():
    table = pd.DataFrame({"capacity_mwh": [1.0, 1.0], "power_mw": [1.0, 0.5], "round_trip_efficiency": 0.9})
    with pytest.raises(OutOfRange, match="not alike"):
        Pool.of(table)


def test_a_typical_day_knows_the_past_only():
    data = homes(9)
    changed = Homes(data.load_mw.copy(), data.solar_mw, data.import_eur_per_mwh, data.carbon_t_per_mwh, data.battery)
    changed.load_mw.iloc[24 * 7 :] = 99.0
    before, after = (typical_day(each, 24 * 7, 24) for each in (data, changed))
    assert all((left == right).all() for left, right in zip(before, after, strict=True))
    assert before[0] == approx(2 * data.load_mw["a"].to_numpy()[:24])
    with pytest.raises(GapInSeries, match="7 days"):
        typical_day(data, 24, 24)


def test_a_day_that_repeats_is_settled_with_a_pencil():
    """Surplus 17.4 MWh; the pool holds 6. 6 · 0.9 = 5.4 MWh replace imports at 500."""
    found = community_year(homes(10), CommunityPlan(carbon_price=0.0, peak_price=0.0, wear=0.0, reserve_share=0.0))
    second = found.hours.iloc[24:48]
    assert second["baseline_cost"].sum() == approx(3 * 4.0 * 500 + 2 * 0.2 * 500 + 16 * 0.2 * 200)
    # Five hours are dear, and take more than the 5.4 MWh that come back.
    assert second["baseline_cost"].sum() - second["cost"].sum() == approx(5.4 * 500, rel=2e-3)
    assert second["carbon_t"].sum() < second["baseline_carbon_t"].sum()


def test_the_highest_import_is_shaved_where_it_is_priced():
    """6 MWh less the quarter kept in reserve: 4.5 · 0.9 MWh over the three hours of 4 MW."""
    dear = community_year(homes(10), CommunityPlan(peak_price=1e5))
    assert dear.hours["baseline_mw"].max() == approx(4.0)
    assert dear.hours["net_mw"].max() == approx(4.0 - 4.5 * 0.9 / 3, abs=1e-3)


def test_months_are_those_of_the_local_clock(monkeypatch):
    """On the first of July at 05:00 UTC it is still June eight hours to the west: June's peak is then 10 MW, not 4."""
    data = homes(10)
    start = pd.Timestamp("2026-06-22", tz="UTC")
    late = pd.date_range(start, periods=240, freq="1h", name="valid_at")
    data = Homes(*(part.set_axis(late) for part in (
        data.load_mw, data.solar_mw, data.import_eur_per_mwh, data.carbon_t_per_mwh
    )), data.battery)  # fmt: skip
    data.load_mw.loc["2026-07-01"] = 0.1
    data.load_mw.loc["2026-07-01 05:00"] = 5.0
    known: dict[pd.Timestamp, float] = {}

    def seen(devices, prices, *, connection):
        known[prices.index[0]] = connection.contracted_peak_mw
        return schedule(devices, prices, connection=connection)

    monkeypatch.setattr(community, "schedule", seen)
    west = community_year(data, zone="Etc/GMT+8")
    assert west.facts()["baseline_monthly_peak_kw"] == approx((10e3 + 0.2e3) / 2)
    assert known[pd.Timestamp("2026-07-01 00:00Z")] > 1.0  # June goes on
    assert known[pd.Timestamp("2026-07-01 12:00Z")] < 1.0  # July since 08:00
    assert community_year(data).facts()["baseline_monthly_peak_kw"] == approx((4e3 + 10e3) / 2)
    assert known[pd.Timestamp("2026-07-01 00:00Z")] == 0.0


def test_homes_alike_save_alike_and_their_shares_are_the_bill():
    found = community_year(homes(9))
    assert found.homes["cost"].sum() == approx(found.hours["cost"].sum())
    assert found.homes["baseline"].sum() == approx(found.hours["baseline_cost"].sum())
    assert found.homes["saved"].iloc[0] == approx(found.homes["saved"].iloc[1])
    assert (found.homes["saved"] > 0).all()


def test_too_few_days_and_strange_plans_are_refused():
    with pytest.raises(OutOfRange, match="7 to learn from"):
        community_year(homes(7))
    with pytest.raises(OutOfRange, match="every_h"):
        CommunityPlan(every_h=48, horizon_h=24)
    with pytest.raises(OutOfRange, match="reserve_share"):
        CommunityPlan(reserve_share=1.0)
    with pytest.raises(OutOfRange, match="carbon_price"):
        CommunityPlan(carbon_price=-1.0)


@pytest.mark.data
def test_the_homes_of_fontana_as_they_are(data_dir: Path):
    data = read_citylearn(data_dir / "homes" / "fontana", start=pd.Timestamp("2016-08-01 00:00-08:00"))
    assert data.load_mw.shape == (8760, 17)
    assert data.battery["capacity_mwh"].to_numpy() == approx(0.0064)
    assert data.battery["power_mw"].to_numpy() == approx(0.005)
    assert set(np.round(data.import_eur_per_mwh.unique(), 6)) == {210.0, 220.0, 400.0, 500.0, 540.0}
    # 4 or 5 kW of roof each: no hour gives more.
    assert data.solar_mw.max().max() <= 0.005
    # The roofs' day is around noon of that clock.
    by_hour = data.solar_mw.sum(axis=1).groupby(np.arange(8760) % 24).mean()
    assert by_hour.idxmax() in (12, 13)


@pytest.mark.data
@pytest.mark.slow
def test_two_weeks_in_fontana_lower_cost_peak_and_carbon(data_dir: Path):
    data = read_citylearn(data_dir / "homes" / "fontana", start=pd.Timestamp("2016-08-01 00:00-08:00"))
    facts = community_year(data, days=14).facts()
    for what in ("cost", "carbon_t", "peak_kw", "daily_peak_kw"):
        assert facts[what] < facts[f"baseline_{what}"], what
    bound = community_year(data, days=14, expect=perfect).facts()
    assert bound["cost"] <= facts["cost"] * 1.02
