"""The arrival simulator: what it promises of ports, windows, energies and seeds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from gridloop.errors import MissingColumn, OutOfRange
from gridloop.optimize.charging_arrivals import CHARGE_EFFICIENCY, COLUMNS, SOC_ARRIVAL, SOC_DESIRED, simulate_arrivals
from gridloop.optimize.charging_fleet.charge import charge_fleet

STATIONS = [
    {"station_id": f"CS_{i:03d}", "location": f"location_{i % 10}", "num_ports": 4, "power_per_port_kw": 7.2}
    for i in range(50)
]
PATTERNS = {
    "morning_commute": {"time": "07:00-09:00", "probability": 0.3},
    "work_day": {"time": "09:00-17:00", "probability": 0.2},
    "evening_commute": {"time": "17:00-19:00", "probability": 0.4},
    "overnight": {"time": "19:00-07:00", "probability": 0.1},
}


@pytest.fixture(scope="module")
def day() -> pd.DataFrame:
    """The study of the reference text: 500 sessions at 200 ports."""
    return simulate_arrivals(STATIONS, "2024-11-14", PATTERNS, 500, seed=0, zone="America/Los_Angeles")


def test_the_table_is_what_the_planners_take(day):
    assert list(day.columns) == list(COLUMNS)
    assert len(day) == 500 and day.index.is_unique
    assert day["arrival"].is_monotonic_increasing
    assert (day["departure"] > day["arrival"]).all()
    assert day["v2g"].mean() == approx(0.15, abs=0.06)  # four standard deviations
    assert ((day["max_discharge_mw"] > 0) == day["v2g"]).all()
    assert (day["max_charge_mw"] <= 0.0072 + 1e-12).all()
    price = pd.Series(1.0, index=pd.date_range(day["arrival"].min().floor("D"), periods=72, freq="h"))
    assert charge_fleet(day, price).sessions["short_mwh"].sum() == approx(0.0, abs=1e-9)


def test_no_port_is_taken_twice(day):
    for _, stays in day.groupby(["station", "port"]):
        stays = stays.sort_values("arrival")
        assert (stays["arrival"].to_numpy()[1:] >= stays["departure"].to_numpy()[:-1]).all()
    assert day.groupby("station")["port"].max().le(3).all()


def test_arrivals_follow_the_windows(day):
    local = day["arrival"].dt.tz_convert("America/Los_Angeles")
    assert (local.dt.date == pd.Timestamp("2024-11-14").date()).all()
    hour = local.dt.hour
    for name, inside in (
        ("morning_commute", (hour >= 7) & (hour < 9)),
        ("evening_commute", (hour >= 17) & (hour < 19)),
        ("overnight", (hour >= 19) | (hour < 7)),
    ):
        mine = day["pattern"] == name
        assert inside[mine].all()
        assert mine.mean() == approx(PATTERNS[name]["probability"], abs=0.09)  # four standard deviations


def test_energy_is_what_the_states_of_charge_say_and_fits(day):
    asked = (day["soc_desired"] - day["soc_arrival"]) * day["capacity_mwh"] / CHARGE_EFFICIENCY
    assert day["energy_mwh"].to_numpy() == approx(asked.to_numpy(), rel=1e-9, abs=1e-12)
    hours = (day["departure"] - day["arrival"]) / pd.Timedelta(hours=1)
    assert (day["energy_mwh"] <= day["max_charge_mw"] * hours).all()
    assert day["soc_arrival"].between(*SOC_ARRIVAL).all() and day["soc_desired"].le(SOC_DESIRED[1]).all()


def test_the_same_seed_the_same_day(day):
    again = simulate_arrivals(STATIONS, "2024-11-14", PATTERNS, 500, seed=0, zone="America/Los_Angeles")
    pd.testing.assert_frame_equal(day, again)
    other = simulate_arrivals(STATIONS, "2024-11-14", PATTERNS, 500, seed=1, zone="America/Los_Angeles")
    assert not day["arrival"].reset_index(drop=True).equals(other["arrival"].reset_index(drop=True))


def test_a_table_of_stations_is_taken_too():
    table = pd.DataFrame({"num_ports": [1, 2], "power_per_port_kw": [3.6, 50.0]}, index=["slow", "fast"])
    day = simulate_arrivals(table.rename_axis("station_id"), "2026-03-29", PATTERNS, 4, seed=3, zone="Europe/Berlin")
    assert set(day["station"]) <= {"slow", "fast"}
    assert (day.loc[day["station"] == "slow", "max_charge_mw"] <= 0.0036 + 1e-12).all()
    assert simulate_arrivals(table, "2026-03-29", PATTERNS, 0, seed=3).empty


def test_too_few_ports_are_said_so():
    with pytest.raises(OutOfRange, match=r"of 50 sessions found a free port among 1;"):
        simulate_arrivals([STATIONS[0] | {"num_ports": 1}], "2024-11-14", PATTERNS, 50, seed=0)


@pytest.mark.parametrize(
    ("patterns", "words"),
    [
        ({"a": {"time": "07:00-09:00", "probability": 0.3}}, "add up to 0.3"),
        ({"a": {"time": "7 to 9", "probability": 1.0}}, "pattern a: needs time as HH:MM-HH:MM"),
        ({"a": {"time": "07:00-25:00", "probability": 1.0}}, "pattern a"),
        ({"a": {"probability": 1.0}}, "pattern a"),
        ({"a": {"time": "07:00-09:00", "probability": -1.0}}, "must be positive"),
    ],
)
def test_wrong_patterns_are_named(patterns, words):
    with pytest.raises(OutOfRange, match=words):
        simulate_arrivals(STATIONS, "2024-11-14", patterns, 1, seed=0)


def test_wrong_stations_are_named():
    with pytest.raises(MissingColumn, match="num_ports"):
        simulate_arrivals([{"station_id": "a", "power_per_port_kw": 7.2}], "2024-11-14", PATTERNS, 1, seed=0)
    with pytest.raises(OutOfRange, match=r"twice: CS_000"):
        simulate_arrivals([STATIONS[0]] * 2, "2024-11-14", PATTERNS, 1, seed=0)
    with pytest.raises(OutOfRange, match=r"power_per_port_kw must be positive.*CS_000"):
        simulate_arrivals([STATIONS[0] | {"power_per_port_kw": 0.0}], "2024-11-14", PATTERNS, 1, seed=0)
    with pytest.raises(OutOfRange, match="v2g_share"):
        simulate_arrivals(STATIONS, "2024-11-14", PATTERNS, 1, seed=0, v2g_share=1.5)
    with pytest.raises(OutOfRange, match="n_sessions is -1"):
        simulate_arrivals(STATIONS, "2024-11-14", PATTERNS, -1, seed=0)


def test_a_crowded_hour_gets_fewer():
    """Everybody wants seven o'clock but one station of four ports holds few: the rest of the day fills up instead."""
    patterns = {
        "rush": {"time": "07:00-08:00", "probability": 0.9, "stay_h": 8.0},
        "else": {"time": "08:00-07:00", "probability": 0.1, "stay_h": 1.0},
    }
    day = simulate_arrivals(STATIONS[:1], "2024-11-14", patterns, 12, seed=2)
    assert (day["pattern"] == "rush").sum() <= 4
    assert np.array_equal(np.sort(day.index), day.index)
