"""The arrival model: the laws of every draw, and the shares and shapes that its docstring promises."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloop.errors import OutOfRange
from gridloop.operate.arrivals import FITTING_SHARE, PATTERNS, Pattern, simulate_arrivals

ZONE = "Europe/Berlin"
DAY = dt.date(2016, 7, 25)
HOUR = pd.Timedelta(hours=1)
STEP = pd.Timedelta(minutes=15)


def draw(seed=1, n=400, day=DAY, zone=ZONE, buses=("a", "b"), weights=(1.0, 3.0), **options):
    return simulate_arrivals(day, zone, buses, weights, n, np.random.default_rng(seed), **options)


def of_the_day(sessions, day=DAY, zone=ZONE):
    return sessions[sessions["arrival"].dt.tz_convert(zone).dt.date == day]


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(0, 60),
    day=st.dates(dt.date(2016, 1, 2), dt.date(2026, 12, 30)),
    zone=st.sampled_from([ZONE, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
)
def test_every_draw_keeps_the_laws(seed, n, day, zone):
    sessions = draw(seed, n, day, zone)
    start = pd.Timestamp(day, tz=zone).tz_convert("UTC")
    came = sessions["arrival"].dt.tz_convert(zone).dt.date
    assert len(of_the_day(sessions, day, zone)) == n
    assert came.isin([day, day - dt.timedelta(days=1)]).all()
    assert sessions.index.is_unique
    assert sessions.index.is_monotonic_increasing
    assert sessions["arrival"].is_monotonic_increasing
    assert (sessions["departure"] > sessions["arrival"]).all()
    assert (sessions["departure"] > start).all()
    assert (sessions["energy_mwh"] > 0.0).all()
    assert (sessions["energy_mwh"] <= sessions["user_energy_mwh"] * (1.0 + 1e-12)).all()
    assert (sessions["soc_wanted"] > sessions["soc_arrival"]).all()
    assert sessions["energy_mwh"].le(sessions["battery_mwh"]).all()
    # Met in whole steps, even by those who came the evening before and are first served at midnight.
    begin = sessions["arrival"].dt.ceil("15min").clip(lower=start)
    whole = (sessions["departure"].dt.floor("15min") - begin) / HOUR
    assert (sessions["energy_mwh"] <= sessions["max_charge_mw"] * whole * (1.0 + 1e-9)).all()


def test_the_same_generator_gives_the_same_sessions():
    pd.testing.assert_frame_equal(draw(7), draw(7))
    assert not draw(7).equals(draw(8))


def test_shares_and_windows_are_those_of_the_patterns():
    """4000 cars: a share of p differs from p by less than 4·sqrt(p(1−p)/4000) ≤ 0.032."""
    sessions = of_the_day(draw(n=4000))
    local = sessions["arrival"].dt.tz_convert(ZONE)
    clock = local.dt.hour + local.dt.minute / 60.0
    windows = {"morning_commute": (7, 9), "work_day": (9, 17), "evening_commute": (17, 19), "overnight": (19, 31)}
    assert [pattern.probability for pattern in PATTERNS] == [0.3, 0.2, 0.4, 0.1]
    for pattern in PATTERNS:
        mine = sessions["pattern"] == pattern.name
        assert mine.mean() == pytest.approx(pattern.probability, abs=0.032)
        earliest, latest = windows[pattern.name]
        hours = clock[mine].where(clock[mine] >= 7, clock[mine] + 24) if pattern.name == "overnight" else clock[mine]
        assert hours.between(earliest, latest).all()
    assert (sessions["bus"] == "b").mean() == pytest.approx(0.75, abs=0.032)


def test_sizes_are_those_of_a_real_car_park():
    """Mean charger 0.3·7.2 + 0.6·11 + 0.1·22 = 10.96 kW; most cars take 10 to 50 kWh."""
    sessions = of_the_day(draw(n=4000))
    assert sessions["max_charge_mw"].mean() == pytest.approx(0.01096, rel=0.03)
    assert sessions["energy_mwh"].between(0.010, 0.050).mean() > 0.85
    assert sessions["energy_mwh"].mean() == pytest.approx(0.027, rel=0.1)


def test_energy_is_cut_to_what_fits():
    """One hour on 7.2, 11 or 22 kW gives a battery of 40 kWh or more never the half it asks for."""
    short = Pattern("short", 1.0, (12.0, 12.25, 12.5), (1.0, 1.25, 1.5))
    sessions = of_the_day(draw(n=300, patterns=[short]))
    whole = (sessions["departure"].dt.floor("15min") - sessions["arrival"].dt.ceil("15min")) / HOUR
    expected = np.minimum(sessions["user_energy_mwh"], FITTING_SHARE * sessions["max_charge_mw"] * whole)
    assert sessions["energy_mwh"].to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-12)
    assert (sessions["energy_mwh"] < sessions["user_energy_mwh"]).mean() > 0.9


def test_the_day_begins_with_cars_of_the_evening_and_ends_with_cars_that_stay():
    sessions = draw(n=1000)
    start, end = (pd.Timestamp(day, tz=ZONE) for day in (DAY, DAY + dt.timedelta(days=1)))
    before = sessions[sessions["arrival"] < start]
    assert 20 < len(before) < 200  # most of 500 evening cars are full by midnight
    assert set(before["pattern"]) <= {"work_day", "evening_commute", "overnight"}
    assert (sessions["departure"] > end).sum() > 300


def test_no_car_and_no_bus():
    assert draw(n=0).empty
    assert set(draw(weights=(0.0, 2.0))["bus"]) == {"b"}


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"weights": (1.0, -1.0)}, r"1 weights are negative or no number \(b\)"),
        ({"weights": (0.0, 0.0)}, "all weights are zero"),
        ({"weights": (1.0,)}, "1 weights for 2 buses"),
        ({"buses": (), "weights": ()}, "at least one bus"),
        ({"n": -1}, "must not be negative"),
    ],
)
def test_bad_input_is_named(options, word):
    with pytest.raises(OutOfRange, match=word):
        draw(**options)
