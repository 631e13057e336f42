"""The physics of a plant: pencil cases, laws, and the plane found again from its own output."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloop.errors import OutOfRange
from gridloop.forecast.plants.solar_fit import fit_plane
from gridloop.forecast.plants.solar_plant import Plant, cell_c, output_mw, plane_w_per_m2, power_mw, sky

HOUR = pd.Timedelta("1h")
FLAT = Plant(0.0, 0.0, 1.0, tilt_deg=0.0, azimuth_deg=180.0, losses=0.0, inverter_efficiency=0.96)
EQUINOX_NOON = pd.DatetimeIndex(["2021-03-20 11:30"], tz="UTC")
"""The interval around the moment at which the sun stands over Greenwich, but for the equation of time."""


def test_the_noon_sun_of_the_equinox_stands_overhead():
    at = sky(FLAT, EQUINOX_NOON, HOUR)
    # 7.5 minutes of the equation of time are 1.9 degrees
    assert at.zenith_deg[0] < 2.0


def test_a_flat_plate_sees_the_horizontal_irradiance():
    """Tilt 0: no ground, the same beam and sky: the plane has what the horizon has."""
    at = sky(FLAT, EQUINOX_NOON, HOUR)
    # to a watt: beam and diffuse add up to the horizontal by Erbs' own rounding of small cosines
    assert plane_w_per_m2(FLAT, at, np.array([800.0])) == pytest.approx([800.0], abs=1.0)


def test_standard_conditions_give_the_rating_of_the_modules():
    """1000 W/m², 25 °C, no losses: the modules give 1 MW; the inverter's input rating is 1 / 0.96 MW, part load 0.96:

    efficiency 0.96 / 0.9637 · (−0.0162 · 0.96 − 0.0059 / 0.96 + 0.9858) = 0.96040 (manual of PVWatts).
    """
    part = 0.96
    efficiency = 0.96 / 0.9637 * (-0.0162 * part - 0.0059 / part + 0.9858)
    assert output_mw(FLAT, np.array([1000.0]), np.array([25.0])) == pytest.approx([efficiency], rel=1e-12)


def test_heat_costs_what_the_coefficient_says():
    """25 K warmer at −0.4 %/K: the modules give 0.9 of it."""
    warm = output_mw(FLAT, np.array([1000.0]), np.array([50.0]))
    same = output_mw(FLAT, np.array([900.0]), np.array([25.0]))
    assert warm == pytest.approx(same, rel=1e-12)


def test_the_inverter_clips():
    large = Plant(0.0, 0.0, 1.0, tilt_deg=0.0, azimuth_deg=180.0, dc_mw=2.0, losses=0.0)
    given_mw = output_mw(large, np.array([300.0, 600.0, 1000.0]), np.full(3, 25.0))
    assert given_mw[0] < 0.7
    assert given_mw[1:] == pytest.approx([1.0, 1.0], abs=1e-12)


def test_cells_are_as_warm_as_the_air_at_night_and_warmer_by_day():
    """Faiman: 800 W/m² over (25 + 6.84 · 2) W/(m²K) are 20.7 K."""
    assert cell_c(np.array([0.0, 800.0]), 10.0, 2.0) == pytest.approx([10.0, 10.0 + 800.0 / 38.68])


def test_nothing_at_night_and_gaps_stay():
    night = pd.DatetimeIndex(["2021-03-20 23:00", "2021-03-20 11:30"], tz="UTC")
    assert power_mw(FLAT, pd.DataFrame({"ghi": [50.0, np.nan]}, index=night), HOUR) == pytest.approx(
        [0.0, np.nan], nan_ok=True
    )


def test_a_tracker_gives_more_in_the_morning_and_the_same_at_noon():
    turning = Plant(0.0, 0.0, 1.0, azimuth_deg=0.0, tracking="single_axis", losses=0.0)
    hours = pd.DatetimeIndex(["2021-03-20 08:00", "2021-03-20 11:30"], tz="UTC")
    seen = pd.DataFrame({"ghi": [450.0, 950.0], "dni": [700.0, 850.0], "dhi": [80.0, 100.0]}, index=hours)
    tracked, fixed = power_mw(turning, seen, HOUR), power_mw(FLAT, seen, HOUR)
    assert tracked[0] > 1.2 * fixed[0]
    assert tracked[1] == pytest.approx(fixed[1], rel=0.01)


@settings(deadline=None, max_examples=40)
@given(st.floats(0.0, 1.2), st.floats(1.0, 1.5), st.integers(0, 23), st.floats(0.0, 90.0), st.floats(0.0, 359.0))
def test_more_irradiance_never_gives_less(share: float, more: float, hour: int, tilt: float, azimuth: float):
    """Beam and sky grow by the same factor, at any plane and hour."""
    plant = Plant(30.0, 10.0, 1.0, tilt_deg=tilt, azimuth_deg=azimuth)
    when = pd.DatetimeIndex([pd.Timestamp("2021-06-21", tz="UTC") + hour * HOUR])
    parts = {"ghi": 500.0 * share, "dni": 450.0 * share, "dhi": 150.0 * share}
    low = power_mw(plant, pd.DataFrame({k: [v] for k, v in parts.items()}, index=when), HOUR)
    high = power_mw(plant, pd.DataFrame({k: [v * more] for k, v in parts.items()}, index=when), HOUR)
    assert (low >= 0.0).all()
    assert (low <= high + 1e-12).all()
    assert (high <= plant.capacity_mw).all()


def clear_weather(days: int) -> pd.DataFrame:
    index = pd.date_range("2021-03-01", periods=24 * days, freq="h", tz="UTC")
    at = sky(Plant(40.0, 0.0, 1.0), index, HOUR)
    rng = np.random.default_rng(0)
    cloud = np.repeat(rng.uniform(0.3, 1.0, days), 24)
    return pd.DataFrame({"ghi": at.clear_w_per_m2 * cloud, "temperature": 15.0}, index=index)


def test_the_plane_is_found_again():
    weather = clear_weather(60)
    true = Plant(40.0, 0.0, 10.0, tilt_deg=33.0, azimuth_deg=150.0, dc_mw=11.0)
    power = power_mw(true, weather, HOUR)
    found = fit_plane(Plant(40.0, 0.0, 10.0), weather, power, HOUR)
    # the simplex stops at a tenth of a degree; the inverter's part-load curve, which the fit leaves out, bends the rest
    assert found.tilt_deg == pytest.approx(33.0, abs=1.5)
    assert found.azimuth_deg == pytest.approx(150.0, abs=1.5)
    assert found.dc_mw == pytest.approx(11.0, rel=0.03)


def test_what_is_known_of_the_plane_stays():
    weather = clear_weather(40)
    true = Plant(40.0, 0.0, 10.0, tilt_deg=33.0, azimuth_deg=150.0)
    found = fit_plane(Plant(40.0, 0.0, 10.0, azimuth_deg=170.0), weather, power_mw(true, weather, HOUR), HOUR)
    assert found.azimuth_deg == 170.0


def test_too_little_history_says_how_much_is_needed():
    weather = clear_weather(5)
    with pytest.raises(OutOfRange, match="150 are needed"):
        fit_plane(Plant(40.0, 0.0, 10.0), weather, np.linspace(0.0, 1.0, len(weather)), HOUR)
    with pytest.raises(OutOfRange, match="150 are needed"):
        fit_plane(Plant(40.0, 0.0, 10.0), clear_weather(60), np.zeros(24 * 60), HOUR)


@pytest.mark.parametrize(
    "wrong", [{"capacity_mw": -1.0}, {"latitude_deg": 95.0}, {"tilt_deg": 120.0}, {"per_kelvin": 0.004}]
)
def test_impossible_plants_are_refused(wrong: dict[str, float]):
    with pytest.raises(OutOfRange, match=next(iter(wrong))):
        Plant(**{"latitude_deg": 0.0, "longitude_deg": 0.0, "capacity_mw": 1.0} | wrong)
