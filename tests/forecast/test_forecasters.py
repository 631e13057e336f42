"""Forecasters of load, sun and wind: honest in time, within bounds, better than persistence, with named fallbacks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gridloop.errors import GapInSeries, MissingColumn, OutOfRange
from gridloop.forecast import LoadForecaster, Memory, SolarForecaster, SteadyForecaster, WindForecaster
from gridloop.forecast.direct.forecaster import MODEL, DirectForecaster
from gridloop.forecast.known.moments import Moments
from gridloop.forecast.known.past import Past, known_past
from gridloop.forecast.tested.scores import score

UNTIL = pd.Timestamp("2021-04-10", tz="UTC")
PLANT_MW = {"roof": 2.0, "field": 5.0}
FARM_MW = {"hill": 10.0, "shore": 3.0}
RIVER_MW = {"mill": 2.0, "weir": 8.0}
DATA = {"load": "loads", "solar": "plants", "wind": "farms", "other": "rivers"}


def quick(forecaster: DirectForecaster) -> DirectForecaster:
    forecaster.least_issues, forecaster.most_rows = 500, 3000  # type: ignore[misc]
    return forecaster


def ahead(at: pd.Timestamp, periods: int = 96) -> pd.DatetimeIndex:
    return pd.date_range(at, periods=periods, freq="15min")


@pytest.fixture(scope="module")
def load(loads: pd.DataFrame) -> DirectForecaster:
    return quick(LoadForecaster(zone="UTC")).fit(loads, until=UNTIL)


@pytest.fixture(scope="module")
def solar(plants: pd.DataFrame) -> DirectForecaster:
    return quick(SolarForecaster(0.0, 0.0, PLANT_MW)).fit(plants, until=UNTIL)


@pytest.fixture(scope="module")
def wind(farms: pd.DataFrame) -> DirectForecaster:
    return quick(WindForecaster(FARM_MW)).fit(farms, until=UNTIL)


@pytest.fixture(scope="module")
def other(rivers: pd.DataFrame) -> DirectForecaster:
    return quick(SteadyForecaster(RIVER_MW)).fit(rivers, until=UNTIL)


@pytest.fixture(params=["load", "solar", "wind", "other"])
def pair(request: pytest.FixtureRequest) -> tuple[DirectForecaster, pd.DataFrame]:
    """A fitted forecaster and its data."""
    return request.getfixturevalue(request.param), request.getfixturevalue(DATA[request.param])


def test_nothing_after_the_issue_is_looked_at(pair: tuple[DirectForecaster, pd.DataFrame]):
    """A planted leak: every value that is not over at issue is turned into nonsense. The forecast stays bit for bit."""
    forecaster, data = pair
    for minutes in (0, 7, 300, 780):
        at = UNTIL + pd.Timedelta(minutes=minutes)
        poisoned = data.copy()
        poisoned.loc[poisoned.index + pd.Timedelta("15min") > at] = 1e6
        valid_at = ahead(at.ceil("15min"))
        honest, leaky = forecaster.predict(data, at, valid_at), forecaster.predict(poisoned, at, valid_at)
        pd.testing.assert_frame_equal(honest.quantiles, leaky.quantiles, check_exact=True)


def test_what_was_known_does_matter(pair: tuple[DirectForecaster, pd.DataFrame]):
    """The twin of the test above, so that it cannot pass for the wrong reason."""
    forecaster, data = pair
    at = UNTIL + pd.Timedelta("12h")
    changed = data.copy()
    changed.loc[at - pd.Timedelta("15min")] *= 0.5
    honest, other = forecaster.predict(data, at, ahead(at)), forecaster.predict(changed, at, ahead(at))
    assert (honest.p50() != other.p50()).any(axis=None)


def test_the_model_learns_from_what_it_will_see(pair: tuple[DirectForecaster, pd.DataFrame]):
    """The inputs of a moment are the same, drawn from the whole history in training or from what was known by then."""
    forecaster, data = pair
    whole = known_past(data, forecaster.points, data.index[-1], step=pd.Timedelta("15min"))
    rng = np.random.default_rng(0)
    known = rng.integers(whole.end - 20 * 96, whole.end - 200, 12)
    moments = Moments(known, known + rng.integers(0, 192, 12))
    together = forecaster._design(whole, moments)
    for k in range(len(moments)):
        then = Past(whole.points, whole.values[: known[k] - whole.first], whole.first, whole.step_ns)
        alone = forecaster._design(then, moments[np.array([k])])
        for name, column in together.columns.items():
            np.testing.assert_allclose(alone.columns[name][0], column[k], rtol=1e-9, atol=1e-9, err_msg=name)
        np.testing.assert_allclose(alone.base[0], together.base[k])
        np.testing.assert_allclose(alone.scale[0], together.scale[k])


def test_fit_looks_at_nothing_after_until(loads: pd.DataFrame):
    poisoned = loads.copy()
    poisoned.loc[poisoned.index + pd.Timedelta("15min") > UNTIL] = 1e6
    fitted = [quick(LoadForecaster()).fit(data, until=UNTIL) for data in (loads, poisoned)]
    honest, leaky = (f.predict(loads, UNTIL, ahead(UNTIL)) for f in fitted)
    pd.testing.assert_frame_equal(honest.quantiles, leaky.quantiles, check_exact=True)


def test_a_second_fit_gives_the_same_bits_on_any_number_of_threads(wind: DirectForecaster, farms: pd.DataFrame):
    again = quick(WindForecaster(FARM_MW, threads=1)).fit(farms, until=UNTIL)
    first, second = (f.predict(farms, UNTIL, ahead(UNTIL)) for f in (wind, again))
    pd.testing.assert_frame_equal(first.quantiles, second.quantiles, check_exact=True)


def test_asking_for_fewer_intervals_gives_the_same_values(pair: tuple[DirectForecaster, pd.DataFrame]):
    forecaster, data = pair
    whole = forecaster.predict(data, UNTIL, ahead(UNTIL, 191))
    part = forecaster.predict(data, UNTIL, ahead(UNTIL, 191)[[0, 5, 100]])
    for point in whole.points:
        pd.testing.assert_frame_equal(whole.at(point).loc[part.valid_at], part.at(point), check_freq=False)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(step=st.integers(0, 400), hole=st.integers(0, 96), size=st.integers(0, 200))
def test_quantiles_are_ordered_and_physical(
    pair: tuple[DirectForecaster, pd.DataFrame], step: int, hole: int, size: int
):
    forecaster, data = pair
    at = UNTIL + step * pd.Timedelta("15min")
    gaps = data.copy()
    end = gaps.index.searchsorted(at) - hole
    gaps.iloc[max(0, end - size) : end] = np.nan
    made = forecaster.predict(gaps, at, ahead(at))
    low, middle, high = made.arrays()
    assert (low >= 0.0).all()
    assert (low <= middle).all()
    assert (middle <= high).all()
    top = np.array([forecaster.capacity.get(p, np.inf) for p in made.points])
    assert (high <= top).all()


def test_the_sun_is_down_at_night(solar: DirectForecaster, plants: pd.DataFrame):
    """On the equator from about 18:10 to 6:00 UTC."""
    made = solar.predict(plants, UNTIL, ahead(UNTIL)).quantiles
    night = (made.index.get_level_values("valid_at").hour < 5) | (made.index.get_level_values("valid_at").hour > 18)
    assert (made[night] == 0.0).all(axis=None)
    assert (made.xs(UNTIL + pd.Timedelta("12h"), level="valid_at") > 0.0).all(axis=None)


def test_a_time_at_which_a_plant_never_gives_is_night(plants: pd.DataFrame):
    """A plant behind a hill that loses the sun at 15:00: nothing later, though the sun is up until 18:00."""
    shaded = plants.copy()
    shaded.loc[shaded.index.hour >= 15, "roof"] = 0.0
    made = quick(SolarForecaster(0.0, 0.0, PLANT_MW)).fit(shaded, until=UNTIL).predict(shaded, UNTIL, ahead(UNTIL))
    at_four = made.quantiles.xs(UNTIL + pd.Timedelta("16h"), level="valid_at")
    assert (at_four.loc["roof"] == 0.0).all()
    assert at_four.loc["field", "p50"] > 0.0


@pytest.mark.parametrize(("name", "skill"), [("load", 0.2), ("solar", 0.1), ("wind", 0.0), ("other", 0.15)])
def test_better_than_persistence(name: str, skill: float, request: pytest.FixtureRequest):
    """On twenty days that nobody had seen. Load: weekly persistence of 10 % noise errs √2 times the noise at best,
    the mean of many weeks errs once. Sun: a day shows its clouds in its first hours. Wind: it is drawn to its mean.
    Rivers: the newest value says how far today is from yesterday."""
    forecaster: DirectForecaster = request.getfixturevalue(name)
    data: pd.DataFrame = request.getfixturevalue(DATA[name])
    made = [
        forecaster.predict(data, at, ahead(at))
        for at in pd.date_range(UNTIL, periods=38, freq="12h") + pd.Timedelta("9h")
    ]
    scores = score(made, data, dict.fromkeys(data.columns, name), forecaster.capacity)
    assert scores.summary[f"{name}_skill"] > skill
    assert 0.6 < scores.summary[f"{name}_coverage"] <= 1.0


def test_a_late_reading_keeps_the_model(pair: tuple[DirectForecaster, pd.DataFrame]):
    forecaster, data = pair
    at = UNTIL + pd.Timedelta("12h")
    made = forecaster.predict(data[data.index < at - pd.Timedelta("30min")], at, ahead(at))
    assert (made.model == MODEL).all()


def cut(data: pd.DataFrame, before: pd.Timedelta) -> pd.DataFrame:
    return data[data.index < UNTIL + pd.Timedelta("12h") - before]


def hole(data: pd.DataFrame, point: str, days: float) -> pd.DataFrame:
    """One point silent for the days before 12:00."""
    data = data.copy()
    at = UNTIL + pd.Timedelta("12h")
    data.loc[(data.index >= at - pd.Timedelta(days=days)) & (data.index < at), point] = np.nan
    return data


@pytest.mark.parametrize(
    ("name", "point", "days", "model"),
    [
        ("load", "load 1", 0.2, "persistence:week"),
        ("load", "load 1", 9.0, "persistence:week"),
        ("load", "load 1", 39.0, "climatology"),
        ("solar", "roof", 0.2, "persistence:day"),
        ("solar", "roof", 39.0, "climatology"),
        ("wind", "hill", 0.2, "persistence:last"),
        ("wind", "hill", 0.5, "climatology"),
        ("other", "mill", 0.2, "persistence:day"),
    ],
)
def test_a_point_with_a_gap_falls_back_by_name(
    name: str, point: str, days: float, model: str, request: pytest.FixtureRequest
):
    """The others keep the model."""
    forecaster: DirectForecaster = request.getfixturevalue(name)
    data: pd.DataFrame = request.getfixturevalue(DATA[name])
    at = UNTIL + pd.Timedelta("12h")
    made = forecaster.predict(hole(data, point, days), at, ahead(at))
    assert made.model[point] == model
    assert (made.model.drop(point) == MODEL).all()
    assert (made.at(point)["p90"] > made.at(point)["p10"]).any()


def test_the_fallback_is_exactly_persistence(load: DirectForecaster, loads: pd.DataFrame):
    """Silent since midnight: P50 at 12:00 … is last week's value."""
    at = UNTIL + pd.Timedelta("12h")
    made = load.predict(hole(loads, "load 1", 0.5), at, ahead(at))
    week_ago = loads.loc[ahead(at) - pd.Timedelta("7D"), "load 1"].to_numpy()
    assert made.at("load 1")["p50"].to_numpy() == pytest.approx(week_ago)


def test_gaps_in_the_fallback_take_the_next_one(load: DirectForecaster, loads: pd.DataFrame):
    """Silent before issue, and in every week at the hour that the horizon begins with: there it is yesterday."""
    at = UNTIL + pd.Timedelta("12h")
    data = hole(loads, "load 1", 0.2)
    for week in range(1, 5):
        data.loc[ahead(at, 4) - week * pd.Timedelta("7D"), "load 1"] = np.nan
    made = load.predict(data, at, ahead(at))
    assert made.model["load 1"] == "persistence:week+persistence:day"
    yesterday = loads.loc[ahead(at, 4) - pd.Timedelta("1D"), "load 1"].to_numpy()
    assert made.at("load 1")["p50"].to_numpy()[:4] == pytest.approx(yesterday)


@pytest.mark.parametrize(
    "make", [LoadForecaster, lambda: WindForecaster(dict.fromkeys(["load 0", "load 1", "load 2"], 20.0))]
)
def test_a_short_history_gives_persistence(make: Callable[[], DirectForecaster], loads: pd.DataFrame):
    start = loads.index[0] + pd.Timedelta("3D")
    made = make().fit(loads, until=start).predict(loads, start, ahead(start))
    assert made.model.isin(["persistence:day", "persistence:last"]).all()


def test_a_point_without_any_value_is_named(loads: pd.DataFrame):
    empty = loads.assign(**{"load 1": np.nan})
    forecaster = quick(LoadForecaster()).fit(empty, until=UNTIL)
    with pytest.raises(GapInSeries, match=r"1 of 3 points have no known value \(load 1\)"):
        forecaster.predict(empty, UNTIL, ahead(UNTIL))


def test_a_point_that_is_always_zero_stays_zero(loads: pd.DataFrame):
    idle = loads.assign(**{"load 1": 0.0})
    made = quick(LoadForecaster()).fit(idle, until=UNTIL).predict(idle, UNTIL, ahead(UNTIL))
    assert made.at("load 1").to_numpy().max() < 1e-3


def test_noise_below_zero_counts_as_zero(wind: DirectForecaster, farms: pd.DataFrame):
    at = UNTIL + pd.Timedelta("12h")
    calm, noisy = farms.copy(), farms.copy()
    rows = farms.index[farms.index < at][-8:]
    calm.loc[rows], noisy.loc[rows] = 0.0, -0.01
    first, second = (wind.predict(data, at, ahead(at)) for data in (calm, noisy))
    pd.testing.assert_frame_equal(first.quantiles, second.quantiles, check_exact=True)


def test_bad_input_is_refused_by_name(load: DirectForecaster, loads: pd.DataFrame):
    with pytest.raises(OutOfRange, match=r"1 points are well below zero somewhere \(load 2\)"):
        LoadForecaster().fit(loads.assign(**{"load 2": -1.0}), until=UNTIL)
    with pytest.raises(OutOfRange, match=r"1 points have none above 0 MW \(hill\)"):
        WindForecaster({"hill": -1.0})
    with pytest.raises(OutOfRange, match="latitude 95"):
        SolarForecaster(95.0, 0.0, PLANT_MW)
    with pytest.raises(OutOfRange, match="not fitted yet"):
        LoadForecaster().predict(loads, UNTIL, ahead(UNTIL))
    with pytest.raises(MissingColumn, match="load 2"):
        load.predict(loads[["load 0", "load 1"]], UNTIL, ahead(UNTIL))
    with pytest.raises(OutOfRange, match="1 of 2 intervals do not begin within 49 h"):
        load.predict(loads, UNTIL, pd.DatetimeIndex([UNTIL, UNTIL + pd.Timedelta("49h")]))
    with pytest.raises(OutOfRange, match="1 of 2 intervals"):
        load.predict(loads, UNTIL, pd.DatetimeIndex([UNTIL - pd.Timedelta("15min"), UNTIL]))


def test_a_day_of_25_hours_is_reached_from_the_midnight_before(load: DirectForecaster, loads: pd.DataFrame):
    valid = pd.date_range(UNTIL + pd.Timedelta("24h"), periods=100, freq="15min")
    assert load.predict(loads, UNTIL, valid).p50().notna().all(axis=None)


def test_the_feedback_lowers_the_error_of_the_next_hour(moody: pd.DataFrame):
    """Demand whose errors last for hours. The same forecaster, with and without its memory."""
    forecaster = quick(LoadForecaster()).fit(moody, until=UNTIL)
    learned = forecaster._learned
    assert learned is not None
    assert learned.memory.gain > 0.2
    issues = pd.date_range(UNTIL, periods=60, freq="7h")

    def error() -> float:
        made = [forecaster.predict(moody, at, ahead(at, 4)).p50() for at in issues]
        return float(np.mean([(m - moody.loc[m.index]).abs().to_numpy().mean() for m in made]))

    with_memory = error()
    forecaster._learned = replace(learned, memory=Memory(0.0))
    assert with_memory < 0.9 * error()
