"""A battery's year: days by pencil, the bound of perfect foresight, energy carried over, and the real market."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from gridloop.errors import OutOfRange
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.services import Regulation
from gridloop.optimize.studies.battery_year import BatteryYear, battery_study, foresight_year, rolling_year

LOSSLESS = {"charge_efficiency": 1.0, "discharge_efficiency": 1.0, "degradation_cost": 0.0}
DAY = [20.0] * 6 + [50.0] * 6 + [20.0] * 6 + [90.0] * 6


def _hours(values: list[float], start: str = "2020-03-01") -> pd.Series:
    return pd.Series(values, index=pd.date_range(start, periods=len(values), freq="h", tz="UTC", name="valid_at"))


def test_two_days_by_pencil():
    """1 MWh behind 1 MW, lossless: each day up 20 → 50 and 20 → 90; on the second the noon price was not expected.

    Expected right, two days bring 2 · (30 + 70). On the second day the noon brings 10 less than what it was bought at.
    """
    battery = Battery(1.0, 1.0, 1.0, **LOSSLESS, initial_soc=0.0)
    real = _hours([*DAY, *(10.0 if price == 50 else price for price in DAY)])
    year = rolling_year(battery, real, _hours([*DAY, *DAY]))
    assert year.revenue == approx(30 + 70 + (10 - 20) + 70, abs=1e-4)
    assert year.profit == approx(year.revenue + year.stored_money)
    assert year.table["energy_money"].sum() == approx(-(year.table["p_mw"] * real).sum())


def test_the_bound_of_foresight_by_pencil():
    """It knows that the second noon is worth 10: it holds its MWh for the evening."""
    battery = Battery(1.0, 1.0, 1.0, **LOSSLESS, initial_soc=0.0, end_value_per_mwh=0.0)
    real = _hours([*DAY, *(10.0 if price == 50 else price for price in DAY)])
    assert foresight_year(battery, real).profit == approx(30 + 70 + 80)  # bought at 10, even


def test_energy_is_carried_over_and_wear_is_counted():
    battery = Battery(
        2.0, 1.0, 1.0, 0.9, 0.9, initial_soc=0.5, degradation_cost=2.0, regulation=Regulation(1.0, 0.1, 0.1)
    )
    prices = _market(_hours(DAY * 3), up=8.0, down=6.0)
    table = rolling_year(battery, prices, prices).table
    energy = 2.0 * np.append(0.5, table["soc"])
    assert np.diff(energy) == approx((0.9 * table["charged_mwh"] - table["discharged_mwh"] / 0.9).to_numpy(), abs=1e-5)
    assert table["wear_money"].sum() == approx(2.0 * table["discharged_mwh"].sum())
    assert table["regulation_money"].sum() == approx(
        (8.0 * table["regulation_up_mw"] + 6.0 * table["regulation_down_mw"]).sum()
    )


def test_a_day_of_which_nothing_is_known_is_idled_through():
    battery = Battery(1.0, 1.0, 1.0, **LOSSLESS, initial_soc=0.5, self_discharge_per_day=0.1)
    expected = _hours(DAY * 2)
    expected.iloc[3] = np.nan
    table = rolling_year(battery, _hours(DAY * 2), expected).table
    assert (table["p_mw"].iloc[:24] == 0).all()
    assert table["soc"].iloc[23] == approx(0.45)
    assert (table["p_mw"].iloc[24:] != 0).any()


def test_local_days_follow_the_clock():
    """The day of 29 March has 23 hours in Amsterdam: each local day is planned as one."""
    battery = Battery(1.0, 1.0, 1.0)
    prices = _hours((DAY * 3)[:71], start="2020-03-27 23:00")
    year = rolling_year(battery, prices, prices, zone="Europe/Amsterdam")
    assert len(year.table) == 71
    assert year.profit > 0


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 1000), regulates=st.booleans())
def test_nobody_beats_foresight_and_knowing_helps(seed: int, regulates: bool):
    rng = np.random.default_rng(seed)
    real = _market(_hours([max(1.0, p + 15 * rng.standard_normal()) for p in DAY * 3]), up=5.0, down=4.0)
    expected = _market(_hours(DAY * 3), up=5.0, down=4.0)
    battery = Battery(2.0, 1.0, 1.0, regulation=Regulation() if regulates else None)
    study = battery_study(battery, real, expected)
    assert study.forecast.profit <= study.foresight.profit + 1e-5
    assert study.share <= 1.0 + 1e-6
    known = rolling_year(battery, real, real)
    assert known.profit <= study.foresight.profit + 1e-5


def test_tables_that_do_not_match_are_refused():
    battery = Battery(1.0, 1.0, 1.0)
    with pytest.raises(OutOfRange, match="23 rows of 2 expected prices for 24 rows of 2 real ones"):
        rolling_year(battery, _hours(DAY), _hours(DAY[:23]))


@pytest.mark.data
@pytest.mark.slow
def test_a_fortnight_of_california(data_dir):
    """What the benchmark does for the year: foresight equals a plain program, regulation adds, forecasts get most."""
    from benchmarks import flexibility_battery_year as case
    from gridloop.market.foreseen_prices import foreseen_prices

    prices = case.caiso(data_dir).iloc[: 24 * 14]
    expected, by = foreseen_prices(prices, case.ZONE)
    assert set(by) == {"", "the day before"}
    energy = prices[["import_eur_per_mwh", "export_eur_per_mwh"]]
    alone = battery_study(case.battery(), energy, expected[energy.columns], zone=case.ZONE)
    both = battery_study(case.battery(case.REGULATION), prices, expected, zone=case.ZONE)
    assert case.from_plain_program(energy["import_eur_per_mwh"]) <= 1e-6
    assert both.foresight.profit >= alone.foresight.profit
    assert both.forecast.profit >= alone.forecast.profit
    assert 0.5 < alone.share < 1.0


def _market(energy: pd.Series, up: float, down: float) -> pd.DataFrame:
    table = pd.DataFrame({"import_eur_per_mwh": energy, "export_eur_per_mwh": energy})
    return table.assign(regulation_up_eur_per_mw=up, regulation_down_eur_per_mw=down)


def _is_a_year(year: BatteryYear) -> bool:
    return {"hours", "price_per_mwh", "p_mw", "soc"} <= set(year.table)


def test_the_table_has_what_economics_needs():
    year = foresight_year(Battery(1.0, 1.0, 1.0), _hours(DAY))
    assert _is_a_year(year)
    assert year.table.index.tz is not None
    assert year.parts.keys() == {"energy", "regulation", "reserve", "wear", "stored"}
    assert sum(year.parts.values()) == approx(year.profit)


def test_a_day_of_a_single_quarter_of_an_hour_is_no_hour():
    """The span begins a quarter before midnight, full at 4 MW and 1 MWh: a quarter sells all of it."""
    battery = Battery(1.0, 4.0, 4.0, **LOSSLESS, initial_soc=1.0, end_value_per_mwh=0.0, early_cost=0.001)
    index = pd.date_range("2020-03-01 23:45", periods=5, freq="15min", tz="UTC", name="valid_at")
    prices = pd.Series([50.0] + [10.0] * 4, index=index)
    table = rolling_year(battery, prices, prices).table
    assert table["p_mw"].iloc[0] == approx(-4.0, abs=1e-5)
    assert table["soc"].iloc[0] == approx(0.0, abs=1e-5)
