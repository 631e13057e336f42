"""Savings: differences by pencil, baselines that are known, and intervals that hold what they say they hold."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from gridloop.errors import GapInSeries, MissingColumn, OutOfRange, OutsideData
from gridloop.market.savings.energy_baseline import EnergyBaseline
from gridloop.market.savings.savings import METHODS, savings
from gridloop.market.savings.trial import savings_trial
from gridloop.market.savings.uncertainty import ashrae, critical
from gridloop.optimize.before import left_alone
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.load import Load
from gridloop.optimize.problems.schedule import schedule

YEAR = 365


def hours(days: int, start: str = "2021-01-01") -> pd.DatetimeIndex:
    return pd.date_range(start, periods=24 * days, freq="h", tz="UTC", name="valid_at")


def site(days: int = YEAR + 120, noise: float = 0.02, seed: int = 0, production: bool = False) -> SimpleNamespace:
    """A meter that is known: 1 MW, 0.05 per °C below 14 and 0.08 above 20, half on Sundays, 0.3 per unit made."""
    rng = np.random.default_rng(seed)
    index = hours(days)
    day = np.arange(len(index)) // 24
    t = (10 - 12 * np.cos(2 * np.pi * np.arange(days) / 365) + rng.normal(0, 3, days))[day]
    made = rng.uniform(0, 1, days)[day]
    p = 1 + 0.05 * np.clip(14 - t, 0, None) + 0.08 * np.clip(t - 20, 0, None) - 0.5 * (index.weekday >= 6)
    p = p + (0.3 * made if production else 0.0) + noise * rng.normal(size=days)[day]
    drivers = pd.DataFrame({"temperature_c": t}, index=index)
    if production:
        drivers["production"] = made
    return SimpleNamespace(meter=pd.Series(p, index=index), drivers=drivers, index=index)


def split(known: SimpleNamespace, share: float = 1.0, **fit: object) -> tuple[EnergyBaseline, pd.Series, pd.DataFrame]:
    """A baseline of the first year, and the days after it with a measure that leaves `share` of the energy."""
    first = known.index < known.index[24 * YEAR]
    baseline = EnergyBaseline.fit(known.meter[first], known.drivers[first], **fit)
    return baseline, share * known.meter[~first], known.drivers[~first]


# ----- two known sides


def test_a_difference_by_pencil():
    """Two hours at 3 and 1 MW instead of 2 and 4, at 10 and 100, 0.5 t per MWh."""
    index = hours(1)[:2]
    actual, base = (pd.Series(values, index=index) for values in ([3.0, 1.0], [2.0, 4.0]))
    prices, carbon = pd.Series([10.0, 100.0], index=index), pd.Series(0.5, index=index)
    found = savings(actual, base, prices=prices, carbon=carbon)
    assert found.table["saved"].to_dict() == {"energy_mwh": 2.0, "cost": 290.0, "carbon_t": 1.0, "peak_mw": 1.0}
    assert found.table.at["cost", "saved_share"] == approx(290 / 420)
    assert found.table["low"].isna().all() and found.yearly.empty
    assert "No yearly figure" in found.assumptions[-1]


def test_exports_are_paid_what_they_earn():
    index = hours(1)[:2]
    actual, base = (pd.Series(values, index=index) for values in ([-1.0, 0.0], [1.0, 0.0]))
    prices = pd.DataFrame({"import_eur_per_mwh": 100.0, "export_eur_per_mwh": 30.0}, index=index)
    assert savings(actual, base, prices=prices).table.at["cost", "saved"] == approx(130.0)


def test_a_plan_beside_what_devices_do_by_themselves():
    index = hours(1)
    prices = pd.Series(np.repeat([20.0, 120.0], 12), index=index)
    devices = [Battery(2.0, 1.0, 1.0, 1.0, 1.0, min_soc=0.0, max_soc=1.0), Load(np.full(24, 2.0), sheddable=0.0)]
    plan, before = schedule(devices, prices), left_alone(devices, prices)
    found = savings(plan, before, carbon=pd.Series(0.4, index=index))
    assert found.table.at["cost", "saved"] == approx(before.cost - plan.cost)
    assert found.table.at["cost", "saved"] > 0 and "carbon_t" in found.table.index
    assert found.facts()["method"] == "difference"


@pytest.mark.parametrize("status", ["infeasible", "time_limit", "solver_failed", "refused"])
def test_a_plan_that_does_not_hold_saves_nothing(status):
    prices = pd.Series(50.0, index=hours(1))
    plan = schedule([Load(np.full(24, 2.0), sheddable=0.0)], prices)
    rest = pd.Series(2.0, index=hours(1))
    assert savings(plan, rest).saved_mwh == approx(0.0)
    for sides in ((replace(plan, status=status), rest), (rest, replace(plan, status=status))):
        with pytest.raises(OutOfRange, match=rf"does not hold \({status}\)"):
            savings(*sides)


def test_a_week_stands_for_a_year_without_ends_and_a_year_with_its_spread():
    index = hours(7)
    base = pd.Series(2.0, index=index)
    week = savings(base - 0.5, base)
    assert week.yearly.at["energy_mwh", "saved"] == approx(0.5 * 24 * 365.25)
    assert week.yearly[["low", "high"]].isna().all(axis=None)
    index = hours(YEAR)
    base = pd.Series(2.0, index=index)
    even = savings(base - 0.5, base)
    assert even.yearly.at["energy_mwh", "saved"] == approx(0.5 * 24 * 365.25)
    assert even.yearly.at["energy_mwh", "low"] == approx(even.yearly.at["energy_mwh", "high"])
    day = np.arange(len(index)) // 24
    uneven = savings(base - 0.5 * (day % 2), base)
    assert uneven.yearly.at["energy_mwh", "low"] < uneven.yearly.at["energy_mwh", "saved"]
    assert any("Seasons that are not" in text for text in week.assumptions)


# ----- a fitted baseline


def test_the_model_that_made_a_meter_is_found_again():
    baseline, _, _ = split(site())
    assert (baseline.model, baseline.calendar) == ("5P", "week")
    value = baseline.terms["value"]
    assert baseline.points == approx((14.0, 20.0), abs=0.5)
    assert value["heating"] == approx(0.05 * 24, rel=0.03) and value["cooling"] == approx(0.08 * 24, rel=0.05)
    assert value["level of sunday or holiday"] == approx(-12.0, rel=0.02) and abs(value["level of saturday"]) < 0.3
    # Without the cooling of summer days the constant is a day's 24 MWh.
    assert value["constant"] == approx(24.0, rel=0.01)
    assert baseline.verdicts["kept"].all() and not baseline.sentences()


@pytest.mark.parametrize(
    ("low", "high", "model"), [(0.0, 0.0, "mean"), (0.05, 0.0, "3PH"), (0.0, 0.08, "3PC"), (0.05, 0.08, "5P")]
)
def test_each_shape_is_told_from_the_others(low, high, model):
    known = site()
    t = known.drivers["temperature_c"]
    rng = np.random.default_rng(1)  # of ten noises one is taken for a slope
    noise = 0.02 * np.repeat(rng.normal(size=len(t) // 24), 24)
    meter = 1 + low * (14 - t).clip(lower=0) + high * (t - 20).clip(lower=0) + noise
    assert EnergyBaseline.fit(meter[: 24 * YEAR], known.drivers[: 24 * YEAR]).model == model


def test_production_counts_and_its_savings_are_not_confused_with_less_work():
    """Half as much is made afterwards: that is no saving."""
    known = site(production=True)
    baseline, after, drivers = split(known)
    assert baseline.terms.at["production", "value"] == approx(0.3 * 24, rel=0.05)
    idle = drivers.assign(production=drivers["production"] * 0.5)
    less = after - 0.3 * (drivers["production"] - idle["production"])
    found = savings(less, baseline, drivers=idle)
    assert found.saved_mwh == approx(0.0, abs=0.01 * found.table.at["energy_mwh", "baseline"])
    assert not found.significant


@pytest.mark.parametrize("method", METHODS)
def test_a_tenth_that_was_saved_is_found_within_its_ends(method):
    baseline, after, drivers = split(site(), share=0.9)
    prices, carbon = pd.Series(50.0, index=after.index), pd.Series(0.3, index=after.index)
    found = savings(after, baseline, drivers=drivers, prices=prices, carbon=carbon, method=method)
    row = found.table.loc["energy_mwh"]
    assert row["saved_share"] == approx(0.1, abs=0.01)
    assert row["low"] <= row["actual"] / 9 <= row["high"] and found.significant
    assert found.table.at["cost", "saved"] == approx(50 * row["saved"], rel=1e-6)
    assert found.table.at["carbon_t", "saved"] == approx(0.3 * row["saved"], rel=1e-6)
    assert found.facts()["fit"]["model"] == "5P"


def test_what_moves_within_the_day_saves_money_and_no_energy():
    """The baseline's day lies over its hours as it did: moving load to cheap hours is worth what it is worth."""
    known = site(noise=0.0)
    baseline, after, drivers = split(known)
    night = after.index.hour < 12
    moved = after + np.where(night, 0.2, -0.2)
    prices = pd.Series(np.where(night, 20.0, 100.0), index=after.index)
    found = savings(moved, baseline, drivers=drivers, prices=prices)
    assert found.saved_mwh == approx(0.0, abs=0.5)
    assert found.table.at["cost", "saved"] == approx(0.2 * 12 * 80 * 120, rel=0.01)


def test_savings_under_a_normal_year():
    known = site(days=2 * YEAR)
    first = known.index < known.index[24 * YEAR]
    share = np.where(first, 1.0, 0.8)
    before, after = (EnergyBaseline.fit((known.meter * share)[part], known.drivers[part]) for part in (first, ~first))
    normal = known.drivers[first].groupby(known.drivers[first].index.normalize().tz_localize(None)).mean()
    found = savings(
        (known.meter * share)[~first], before, drivers=known.drivers[~first], normal=normal, reporting=after
    )
    assert found.normal_mwh["saved_share"] == approx(0.2, abs=0.01)
    assert found.normal_mwh["low"] < found.normal_mwh["saved"] < found.normal_mwh["high"]


# ----- laws


@settings(max_examples=12, deadline=None)
@given(st.floats(0.2, 5.0), st.floats(0.5, 1.0))
def test_a_meter_in_other_units_saves_the_same_share(scale, share):
    known = site(days=140)
    first = known.index < known.index[24 * 100]
    found = []
    for factor in (1.0, scale):
        baseline = EnergyBaseline.fit(factor * known.meter[first], known.drivers[first], models=["3PH"])
        done = savings(factor * share * known.meter[~first], baseline, drivers=known.drivers[~first])
        found.append(done.table.loc["energy_mwh", ["saved_share"]].tolist()[0])
        assert done.table.at["energy_mwh", "low"] <= done.saved_mwh <= done.table.at["energy_mwh", "high"]
    assert found[0] == approx(found[1], abs=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_a_higher_level_is_wider(method):
    baseline, after, drivers = split(site())
    width = [
        float(row["high"] - row["low"])
        for level in (0.68, 0.9, 0.95)
        for row in [savings(after, baseline, drivers=drivers, level=level, method=method).table.loc["energy_mwh"]]
    ]
    assert width[0] < width[1] < width[2]


def test_formulas_against_their_source():
    """ASHRAE's at n = n' = 365, m = 30: 1.26 · 0.1 · √((1 + 2/365) / 30) · t, t(0.9, 363) = 1.6491."""
    assert ashrae(0.1, 0.0, 365, 2, 30, 1000.0, 0.9) == approx(1.6491 * 126 * np.sqrt((1 + 2 / 365) / 30), rel=1e-4)
    assert critical(0.95, 0.0) == approx(1.96, abs=1e-3)
    # Kiefer & Vogelsang (2005): Bartlett, all lags: 1.96 + 2.9694 + 0.4160 − 0.5324.
    assert critical(0.95, 1.0) == approx(4.813, abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(("half_life", "share"), [(0.01, 0.0), (20.0, 0.4), (90.0, 0.5)])
def test_intervals_hold_nothing_where_nothing_was_done(half_life, share):
    """25 placebo measures of meters that wander for a day, weeks, months. 0.9 − 3 √(0.09 / 25) is 0.72."""
    rng = np.random.default_rng(3)
    held = dict.fromkeys(("drift", "ashrae"), 0)
    for seed in range(25):
        known = site(days=240, noise=0.0, seed=seed)
        u = np.zeros(240)
        keep = 0.5 ** (1 / half_life)
        slow = rng.normal()
        for day in range(240):
            slow = keep * slow + np.sqrt(1 - keep**2) * rng.normal()
            u[day] = 0.1 * (np.sqrt(share) * slow + np.sqrt(1 - share) * rng.normal())
        meter = known.meter + np.repeat(u, 24)
        first = known.index < known.index[24 * 180]
        baseline = EnergyBaseline.fit(meter[first], known.drivers[first], models=["3PH"], calendars=["week"])
        for method in held:
            row = savings(meter[~first], baseline, drivers=known.drivers[~first], method=method).table.loc["energy_mwh"]
            held[method] += bool(row["low"] <= 0 <= row["high"])
    assert held["drift"] >= 0.72 * 25
    if share:
        assert held["ashrae"] < held["drift"]


# ----- recorded meters without a measure


@pytest.mark.data
@pytest.mark.slow
def test_placebo_measures_on_recorded_households(data_dir):
    """Five households, a year of baseline, 30 and 90 days after: nothing was done, and 90 % intervals hold zero."""
    table = pd.read_csv(data_dir / "meters" / "australia" / "half_hourly_5_customers.csv")
    at = pd.DatetimeIndex(pd.to_datetime(table["reading_datetime"])).tz_localize("Etc/GMT-10").tz_convert("UTC")
    meters = table.assign(at=at).pivot_table(index="at", columns="customer_id", values="general_supply_kwh") * 2e-3
    meters = meters.reindex(pd.date_range(meters.index[0], meters.index[-1], freq="30min"))
    trial = savings_trial(
        meters,
        None,
        baseline_days=365,
        reporting_days=90,
        every_days=45,
        zone="Etc/GMT-10",
        methods=("drift", "ashrae"),
    )
    found = trial.coverage()
    assert found.at["drift", "trials"] >= 15
    assert found.at["drift", "coverage"] >= 0.8 > found.at["ashrae", "coverage"]


# ----- what is refused, with what is needed


def test_too_few_days_say_how_many_are_needed():
    known = site(days=20)
    with pytest.raises(OutOfRange, match=r"20 whole days.* needs 42: give 22 more, or fewer drivers"):
        EnergyBaseline.fit(known.meter, known.drivers)


def test_days_with_a_gap_are_left_out_and_counted():
    known = site(days=60)
    gap = known.meter.copy()
    gap.iloc[30] = np.nan
    baseline = EnergyBaseline.fit(gap, known.drivers)
    assert (len(baseline.days), baseline.left_out_days) == (59, 1)


def test_a_local_day_of_a_clock_change_is_whole():
    index = pd.date_range("2026-02-28 23:00", "2026-05-31 22:00", freq="h", inclusive="left", tz="UTC")
    baseline = EnergyBaseline.fit(pd.Series(1.0, index=index), zone="Europe/Berlin")
    assert baseline.left_out_days == 0 and sorted(baseline.days["energy_mwh"].unique()) == [23.0, 24.0]


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda b, after, d: savings(after, b), OutOfRange, "fitted with temperature_c"),
        (lambda b, after, d: savings(after, b, drivers=d.rename(columns={"temperature_c": "t"})), MissingColumn, "t"),
        (lambda b, after, d: savings(after, b, drivers=d, level=1.5), OutOfRange, "level 1.5"),
        (lambda b, after, d: savings(after, b, drivers=d, method="x"), OutOfRange, "'x'"),
        (lambda b, after, d: savings(after, b, drivers=d, normal=d), OutOfRange, "reporting"),
        (lambda b, after, d: savings(after.iloc[:5], b, drivers=d), OutsideData, "no whole day"),
        (lambda b, after, d: savings(after, after.iloc[1:]), OutOfRange, "same intervals"),
        (lambda b, after, d: savings(after, after * np.nan), GapInSeries, "baseline"),
        (lambda b, after, d: savings(after, after, prices=after.iloc[:50]), OutsideData, "prices covers"),
        (lambda b, after, d: savings(after, b, drivers=d.astype(str)), OutOfRange, "must be numbers"),
    ],
)
def test_bad_questions_are_refused(call, error, said):
    baseline, after, drivers = split(site(), models=["5P"], calendars=["week"])
    with pytest.raises(error, match=said):
        call(baseline, after, drivers)


def test_days_of_the_baseline_judge_no_measure():
    known = site()
    baseline, _, _ = split(known, models=["5P"], calendars=["week"])
    with pytest.raises(OutOfRange, match="are days of the baseline too"):
        savings(known.meter, baseline, drivers=known.drivers)


def test_weather_beyond_the_baseline_is_said():
    baseline, after, drivers = split(site())
    hot = savings(after, baseline, drivers=drivers + 30.0)
    assert any("extrapolated" in text for text in hot.assumptions)


def test_a_driver_that_never_changes_is_refused():
    known = site(days=80)
    with pytest.raises(OutOfRange, match="shift never changes"):
        EnergyBaseline.fit(known.meter, known.drivers.assign(shift=1.0))


def test_a_poor_fit_says_so():
    rng = np.random.default_rng(0)
    meter = pd.Series(rng.lognormal(0, 1, 24 * 100), index=hours(100)).rolling(200, min_periods=1).mean()
    assert any("days is 100" in text for text in EnergyBaseline.fit(meter).sentences())
