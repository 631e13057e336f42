"""SolarForecaster with weather: better than without, honest about runs, bounded, named where it falls back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gridloop.errors import MissingColumn, OutOfRange
from gridloop.forecast import Record, SolarForecaster
from gridloop.forecast.bands.rank_calibration import PRIOR, RankCalibration
from gridloop.forecast.models.level_boosting import Curve
from gridloop.forecast.plants.solar_plant import Plant, power_mw, sky
from gridloop.forecast.tested.metrics import pinball_of

HOUR = pd.Timedelta("1h")
PLANT = Plant(40.0, 0.0, 5.0, tilt_deg=30.0, azimuth_deg=200.0)
CAPACITY = {"field": 5.0, "roof": 1.0}
DAYS = 130
UNTIL = pd.Timestamp("2021-07-01", tz="UTC")
LEVELS = tuple(k / 20.0 for k in range(1, 20))
DAY = pd.date_range(UNTIL, periods=24, freq="h")


@pytest.fixture(scope="module")
def world() -> tuple[pd.DataFrame, Record]:
    """Output of two plants under the same clouds, and a run of forecast irradiance every midnight, a little off."""
    index = pd.date_range("2021-03-01", periods=24 * DAYS, freq="h", tz="UTC", name="valid_at")
    rng = np.random.default_rng(0)
    cloud = np.repeat(rng.uniform(0.2, 1.0, DAYS), 24)
    clear = sky(PLANT, index, HOUR).clear_w_per_m2
    true = pd.DataFrame({"ghi": clear * cloud, "temperature": 15.0}, index=index)
    field = power_mw(PLANT, true, HOUR) * (1.0 + 0.05 * rng.standard_normal(len(index)))
    output = pd.DataFrame({"field": np.clip(field, 0.0, 5.0), "roof": np.clip(field / 5.0, 0.0, 1.0)}, index=index)
    said = true.assign(ghi=clear * np.clip(cloud + np.repeat(0.05 * rng.standard_normal(DAYS), 24), 0.0, 1.1))
    said["cloud_cover"] = 1.0 - cloud
    return output, Record.issued(said, pd.DatetimeIndex(index).normalize())


def make(trees: int = 25, **settings: object) -> SolarForecaster:
    forecaster = SolarForecaster(40.0, 0.0, CAPACITY, threads=1, trees=trees, **settings)  # type: ignore[arg-type]
    forecaster.least_issues, forecaster.most_rows = 400, 2000  # type: ignore[misc]
    return forecaster


@pytest.fixture(scope="module")
def fitted(world: tuple[pd.DataFrame, Record]) -> SolarForecaster:
    output, weather = world
    return make(levels=LEVELS).fit(output, until=UNTIL, weather=weather)


@pytest.fixture(scope="module")
def plain(world: tuple[pd.DataFrame, Record]) -> SolarForecaster:
    return make().fit(world[0], until=UNTIL)


def test_quantiles_are_ordered_bounded_and_zero_at_night(fitted: SolarForecaster, world: tuple[pd.DataFrame, Record]):
    output, weather = world
    forecast = fitted.predict(output, UNTIL, DAY, weather=weather)
    values = forecast.every()
    assert forecast.levels == pytest.approx(LEVELS)
    assert (np.diff(values, axis=0) >= 0.0).all()
    assert (values >= 0.0).all()
    assert (values <= np.array([CAPACITY[p] for p in forecast.points])).all()
    night = (DAY.hour < 3) | (DAY.hour > 21)
    assert (values[:, night] == 0.0).all()
    assert (values[-1, 11:13] > 0.0).all()
    assert set(forecast.model) == {"weather boosting"}


def test_weather_makes_it_better(fitted: SolarForecaster, plain: SolarForecaster, world: tuple[pd.DataFrame, Record]):
    output, weather = world
    with_it, without = [], []
    for issue in pd.date_range(UNTIL, periods=4, freq="D"):
        valid = pd.date_range(issue, periods=24, freq="h")
        came = output.reindex(valid)[["field", "roof"]].to_numpy()
        three = np.array([0.1, 0.5, 0.9])
        with_it.append(pinball_of(came, fitted.predict(output, issue, valid, weather=weather).arrays(), three))
        without.append(pinball_of(came, plain.predict(output, issue, valid).arrays(), three))
    assert np.mean(with_it) < 0.6 * np.mean(without)


def test_the_plane_was_found(fitted: SolarForecaster):
    assert fitted.by_weather is not None
    found = fitted.by_weather.plants["field"]
    # the forecast's clouds are 5 % off and the output 5 % noisy: a few degrees
    assert found.tilt_deg == pytest.approx(30.0, abs=6.0)
    assert found.azimuth_deg == pytest.approx(200.0, abs=12.0)


def test_a_later_run_and_later_output_are_not_looked_at(fitted: SolarForecaster, world: tuple[pd.DataFrame, Record]):
    """A planted leak: after the issue a run of nonsense is published for the same day, and the output is turned."""
    output, weather = world
    at = UNTIL + pd.Timedelta("6h")
    valid = pd.date_range(at, periods=12, freq="h")
    honest = fitted.predict(output, at, valid, weather=weather)
    later = weather.values[UNTIL:].assign(ghi=1.0, cloud_cover=1.0)
    known = weather.known_at.append(pd.DatetimeIndex([at + pd.Timedelta("1min")] * len(later)))
    both = Record.issued(pd.concat([weather.values, later]), known)
    turned = output.copy()
    turned[turned.index + HOUR > at] = 0.7
    pd.testing.assert_frame_equal(
        fitted.predict(turned, at, valid, weather=both).quantiles, honest.quantiles, check_exact=True
    )
    # the twin: the same run, published in time, does matter
    in_time = Record.issued(both.values, weather.known_at.append(pd.DatetimeIndex([at] * len(later))))
    assert not fitted.predict(output, at, valid, weather=in_time).quantiles.equals(honest.quantiles)


def test_without_weather_nothing_changes(
    fitted: SolarForecaster, plain: SolarForecaster, world: tuple[pd.DataFrame, Record]
):
    """The model beside it is the one that would have been there anyway, bit for bit."""
    output, _ = world
    same = plain.predict(output, UNTIL, DAY)
    beside = fitted.predict(output, UNTIL, DAY)
    np.testing.assert_array_equal(beside.every()[[1, 9, 17]], same.arrays())
    assert set(beside.model) == {"boosting"}


def test_weather_that_ends_too_early_falls_back_by_name(
    fitted: SolarForecaster, plain: SolarForecaster, world: tuple[pd.DataFrame, Record]
):
    output, weather = world
    noon = UNTIL + pd.Timedelta("12h")
    keep = weather.values.index < noon
    short = Record.issued(weather.values[keep], weather.known_at[keep])
    forecast = fitted.predict(output, UNTIL, DAY, weather=short)
    assert set(forecast.model) == {"weather boosting+boosting"}
    late = plain.predict(output, UNTIL, DAY).p50()[noon:]
    pd.testing.assert_frame_equal(forecast.p50()[noon:], late, check_exact=True)
    broken = weather.values.copy()
    broken.loc[UNTIL:, "ghi"] = np.nan
    empty = fitted.predict(output, UNTIL, DAY, weather=Record.issued(broken, weather.known_at))
    assert set(empty.model) == {"boosting"}


def test_the_same_weather_in_another_order_of_columns_is_the_same(
    fitted: SolarForecaster, world: tuple[pd.DataFrame, Record]
):
    output, weather = world
    turned = Record.issued(weather.values[weather.values.columns[::-1]], weather.known_at)
    first, second = (fitted.predict(output, UNTIL, DAY, weather=w) for w in (weather, turned))
    pd.testing.assert_frame_equal(first.quantiles, second.quantiles, check_exact=True)


def test_other_columns_other_steps_and_missing_irradiance_are_refused(
    fitted: SolarForecaster, plain: SolarForecaster, world: tuple[pd.DataFrame, Record]
):
    output, weather = world
    fewer = Record.issued(weather.values.drop(columns="cloud_cover"), weather.known_at)
    with pytest.raises(OutOfRange, match="fitted with ghi, temperature, cloud_cover"):
        fitted.predict(output, UNTIL, DAY, weather=fewer)
    with pytest.raises(MissingColumn, match="no column ghi"):
        make().fit(output, until=UNTIL, weather=weather.values.drop(columns="ghi"))
    with pytest.raises(OutOfRange, match="fitted without"):
        plain.predict(output, UNTIL, DAY, weather=weather)
    coarse = output.iloc[::2]
    with pytest.raises(OutOfRange, match="0 days 02:00:00"):
        fitted.predict(coarse, UNTIL, DAY, weather=weather)
    with pytest.raises(OutOfRange, match="come twice"):
        fitted.predict(output, UNTIL, DAY, weather=pd.concat([weather.values, weather.values]))
    with pytest.raises(OutOfRange, match="none above 0 MW"):
        SolarForecaster(40.0, 0.0, {"field": -5.0})
    with pytest.raises(OutOfRange, match="levels"):
        make(levels=(0.1, 0.5))


def test_a_plant_gives_no_more_than_its_rating(world: tuple[pd.DataFrame, Record]):
    """Known as a plant only, without a capacity; its rating is below what it gave."""
    output = world[0].loc[world[0].index >= UNTIL - pd.Timedelta("20D"), ["field"]]
    forecaster = SolarForecaster(40.0, 0.0, {}, threads=1, plants={"field": Plant(40.0, 0.0, 1.5)})
    forecaster.least_issues, forecaster.most_rows = 400, 2000  # type: ignore[misc]
    made = forecaster.fit(output, until=UNTIL).predict(output, UNTIL, DAY)
    assert made.arrays().max() == 1.5


def test_too_little_history_says_how_much_is_needed(world: tuple[pd.DataFrame, Record]):
    output, weather = world
    early = output.index[0] + pd.Timedelta("20D")
    forecaster = make(trees=3).fit(output[output.index < early], until=early, weather=weather)
    assert forecaster.by_weather is not None
    assert all("30 are needed" in note for note in forecaster.by_weather.notes)
    assert len(forecaster.by_weather.notes) == 2
    day = pd.date_range(early, periods=24, freq="h")
    assert not any("weather" in m for m in forecaster.predict(output, early, day, weather=weather).model)


@pytest.mark.parametrize(("value", "plane"), [(0.0, None), (0.3, 30.0)])
def test_a_constant_plant_is_forecast_without_weather(
    world: tuple[pd.DataFrame, Record], value: float, plane: float | None
):
    output, weather = world
    dead = output.assign(roof=value)
    dc_mw = None if plane is None else 1.0
    plants = {"roof": Plant(40.0, 0.0, 1.0, tilt_deg=plane, azimuth_deg=plane, dc_mw=dc_mw)}
    forecaster = make(trees=3, plants=plants).fit(dead, until=UNTIL, weather=weather)
    forecast = forecaster.predict(dead, UNTIL, DAY, weather=weather)
    assert "weather" not in forecast.model["roof"]
    assert forecast.at("roof")["p50"].to_numpy()[8:16] == pytest.approx(value)
    assert forecast.model["field"] == "weather boosting"
    assert forecaster.by_weather is not None
    assert any(note.startswith("roof: forecast without weather") for note in forecaster.by_weather.notes)


def test_curtailed_hours_are_reported(world: tuple[pd.DataFrame, Record]):
    output, weather = world
    held = output.copy()
    noon = held.index[(held.index.hour >= 9) & (held.index.hour <= 15) & (held["field"] > 2.0)]
    days = pd.DatetimeIndex(noon.normalize()).unique()[10:13]
    inside = noon[noon.normalize().isin(days)]
    held.loc[inside, "field"] = 0.8
    forecaster = make(trees=3).fit(held, until=UNTIL, weather=weather)
    assert forecaster.by_weather is not None
    found = forecaster.by_weather.masked
    assert set(found["kind"]) == {"curtailed"}
    assert set(found["point"]) == {"field"}
    assert set(pd.DatetimeIndex(found["start"]).normalize()) == set(days)


def test_observed_weather_is_named(world: tuple[pd.DataFrame, Record]):
    output, weather = world
    early = output.index[0] + pd.Timedelta("9D")
    for given, said in ((Record.foreseen(weather.values, "25h"), "observed values"), (weather.values, "issue times")):
        forecaster = make().fit(output[output.index < early], until=early, weather=given)
        assert forecaster.by_weather is not None
        assert any(said in note for note in forecaster.by_weather.notes)


def test_a_curve_goes_through_its_knots_and_ranks_are_the_way_back():
    curve = Curve.through(np.array([0.1, 0.5, 0.9]), np.array([[1.0, 2.0, 4.0], [3.0, 3.0, 3.0]]))
    assert curve.at(np.array([0.1, 0.3, 0.9]))[:, 0] == pytest.approx([1.0, 1.5, 4.0])
    # beyond the knots half a step: 1 − 0.5 · (2 − 1), 4 + 0.5 · (4 − 2)
    assert curve.at(np.array([0.0, 1.0]))[:, 0] == pytest.approx([0.5, 5.0])
    assert curve.rank(np.array([1.5, 3.0])) == pytest.approx([0.3, 0.5])
    assert curve.rank(np.array([-9.0, 9.0])).tolist() == [0.0, 1.0]


def test_uniform_ranks_change_nothing_and_low_ones_lower_the_levels():
    levels = np.array([0.1, 0.5, 0.9])
    even = RankCalibration.learned(np.linspace(0.0, 1.0, 5001))
    assert even.levels(levels) == pytest.approx(levels, abs=1e-9)
    assert RankCalibration.learned(np.empty(0)).levels(levels) == pytest.approx(levels)
    # all ranks below 0.5, as many as are believed in advance: halfway between t and t / 2
    low = RankCalibration.learned(np.linspace(0.0, 0.5, int(PRIOR)))
    assert low.levels(levels) == pytest.approx(0.75 * levels, abs=1e-9)
