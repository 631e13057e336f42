"""Wind with weather and measurements: power curves, masks, no look ahead, fallbacks; without them as ever."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.forecast.conftest import clock, wind_walk

from gridloop.errors import MissingColumn, OutOfRange
from gridloop.forecast import Record, WindForecaster
from gridloop.forecast.known.leads import BUCKETS
from gridloop.forecast.known.moments import Moments
from gridloop.forecast.models.lead_ridge import KNOTS_H, PENALTY, LeadRidge
from gridloop.forecast.plants.wind_curve import PowerCurve, rising
from gridloop.forecast.plants.wind_cut_out import CutOut
from gridloop.forecast.plants.wind_inputs import WindInputs
from gridloop.forecast.plants.wind_mask import mask_wind

STEP = pd.Timedelta("15min")
CAPACITY = {"hill": 10.0}


class Small(WindForecaster):
    """The same with fewer rows to learn from: the tests are about what it sees."""

    least_issues = 700
    most_rows = 3000


def turbine(days: int, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Power of a farm of 10 MW, and the wind that it sees: a slow walk drawn back to 8 m/s."""
    index = clock("2021-03-01", days)
    wind = np.abs(wind_walk(len(index), seed))
    power = 10.0 * np.clip((wind - 3.0) / 9.0, 0.0, 1.0) ** 3
    return pd.DataFrame({"hill": power}, index=index), pd.DataFrame({"wind_speed": wind}, index=index)


@pytest.fixture(scope="module")
def farm() -> tuple[pd.DataFrame, pd.DataFrame]:
    return turbine(45)


@pytest.fixture(scope="module")
def foreseen(farm: tuple[pd.DataFrame, pd.DataFrame]) -> WindForecaster:
    power, wind = farm
    return Small(CAPACITY, threads=1).fit(power[:"2021-04-11"], until=until(), weather=wind)


def until() -> pd.Timestamp:
    return pd.Timestamp("2021-04-12", tz="UTC")


def ahead(issue: pd.Timestamp, hours: float) -> pd.DatetimeIndex:
    return pd.date_range(issue, periods=int(4 * hours), freq=STEP)


# ------------------------------------------------------------------- curves


def test_rising_by_hand():
    """3 falls to 1: both become their mean, by weight 1 and 3."""
    assert rising(np.array([0.0, 3.0, 1.0, 5.0]), np.array([1.0, 1.0, 3.0, 1.0])).tolist() == [0.0, 1.5, 1.5, 5.0]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-5.0, 5.0), min_size=1, max_size=20))
def test_rising_rises_and_keeps_the_mean(values: list[float]):
    up = rising(np.array(values), np.ones(len(values)))
    assert (np.diff(up) >= -1e-12).all()  # rounding of means
    assert up.mean() == pytest.approx(np.mean(values), abs=1e-9)


def test_a_curve_is_found_among_stopped_turbines():
    """A fifth of all readings is zero whatever the wind; half a class of 0.5 m/s on the steepest part is 0.06."""
    rng = np.random.default_rng(0)
    speed = rng.uniform(0.0, 20.0, 4000)
    truth = np.clip((speed - 3.0) / 9.0, 0.0, 1.0) ** 3
    curve = PowerCurve.fit(speed, np.where(rng.random(4000) < 0.2, 0.0, truth))
    grid = np.array([2.0, 6.0, 9.0, 11.0, 15.0])
    assert curve.at(grid) == pytest.approx(np.clip((grid - 3.0) / 9.0, 0.0, 1.0) ** 3, abs=0.06)
    assert curve.at(np.array([26.0]))[0] == 0.0
    assert np.isnan(curve.at(np.array([np.nan]))[0])


def test_curves_without_data_are_refused():
    with pytest.raises(OutOfRange, match="3 rows with wind speed and power; 200"):
        PowerCurve.fit(np.ones(3), np.ones(3))
    with pytest.raises(OutOfRange, match="hardly moves"):
        PowerCurve.fit(np.full(500, 6.0), np.full(500, 0.3))


def test_curves_of_turbine_types_come_from_windpowerlib():
    pytest.importorskip("windpowerlib")
    curve = PowerCurve.of_turbine("E-82/2300")
    assert curve.at(np.array([1.0]))[0] == 0.0
    assert curve.at(np.array([15.0]))[0] == pytest.approx(1.0, abs=0.03)  # nominal power is rounded in the name
    assert curve.at(np.array([40.0]))[0] == 0.0


# -------------------------------------------------------------------- masks


def test_what_was_spoilt_is_masked_and_reported(farm: tuple[pd.DataFrame, pd.DataFrame]):
    """Forty intervals each: curtailed by the record, stopped in a good wind, far above the curve, a frozen vane."""
    power, wind = farm[0]["hill"].copy(), farm[1]["wind_speed"].copy()
    windy = np.flatnonzero((wind > 8.0) & (wind < 11.0))
    lost = pd.Series(0.0, index=power.index)
    lost.iloc[windy[:40]] = 1.0
    power.iloc[windy[100:140]] = 0.0
    power.iloc[windy[200:240]] = 10.0
    wind.iloc[3000:3040] = 7.77
    found = mask_wind(power, 10.0, speed=wind, curtailed=lost)
    report = found.report()
    assert report["curtailed"] == 40
    assert report["stopped"] == 40
    assert report["frozen"] == 40
    assert 30 <= report["off the curve"] <= 60
    assert found.power.isna().sum() == sum(report.values())
    assert (found.power.dropna() == power[found.power.notna()]).all()


def test_sound_data_stay_as_they_are(farm: tuple[pd.DataFrame, pd.DataFrame]):
    power, wind = farm[0]["hill"], farm[1]["wind_speed"]
    found = mask_wind(power, 10.0, speed=wind)
    assert found.report() == {}
    assert found.power.equals(power)


def test_masks_refuse_bad_inputs(farm: tuple[pd.DataFrame, pd.DataFrame]):
    power, wind = farm[0]["hill"], farm[1]["wind_speed"]
    with pytest.raises(OutOfRange, match="capacity: -1 MW"):
        mask_wind(power, -1.0)
    with pytest.raises(OutOfRange, match="speed lies on other intervals"):
        mask_wind(power, 10.0, speed=wind.iloc[1:])


# -------------------------------------------------------------------- ridge


def test_ridge_by_hand():
    """One column ±1, answers 5 ± 2: the level 5, the slope 2 / (1 + penalty)."""
    x = np.tile([[-1.0], [1.0]], (200, 1))
    model = LeadRidge.fit(x, 5.0 + 2.0 * x[:, 0], np.zeros(400, dtype=np.int64))
    assert model.level[0] == pytest.approx(5.0)
    assert model.predict(np.array([[1.0], [np.nan]]), np.zeros(2)) == pytest.approx([5.0 + 2.0 / (1.0 + PENALTY), 5.0])
    assert np.isnan(model.level[1:]).all()
    assert len(model.level) == len(KNOTS_H)


# --------------------------------------------------------------- forecaster


def test_a_weather_forecast_tells_the_power(farm: tuple[pd.DataFrame, pd.DataFrame], foreseen: WindForecaster):
    """With the wind foreseen exactly, a day ahead is off by little: the classes of the curve and the trees' steps."""
    power, wind = farm
    errors, last = [], []
    for hour in (0, 6, 12, 18):
        issue = until() + pd.Timedelta(hours=hour)
        valid = ahead(issue, 24.0)
        known = power[power.index < issue]
        came = power["hill"].reindex(valid)
        errors.append((foreseen.predict(known, issue, valid, weather=wind).p50()["hill"] - came).abs().mean())
        last.append((known["hill"].iloc[-1] - came).abs().mean())
    assert np.mean(errors) < 0.3 * np.mean(last)


def test_where_weather_ends_the_fallback_is_named(farm: tuple[pd.DataFrame, pd.DataFrame], foreseen: WindForecaster):
    power, wind = farm
    said = foreseen.predict(
        power[power.index < until()], until(), ahead(until(), 12.0), weather=wind[:"2021-04-12 03:00"]
    )
    assert said.model["hill"] == "persistence:last"


def test_other_inputs_than_those_of_the_fit_are_refused(
    farm: tuple[pd.DataFrame, pd.DataFrame], foreseen: WindForecaster
):
    power, wind = farm
    known, valid = power[power.index < until()], ahead(until(), 2.0)
    with pytest.raises(OutOfRange, match="weather: fitted with, and none is given"):
        foreseen.predict(known, until(), valid)
    with pytest.raises(MissingColumn, match="column wind_speed is missing"):
        foreseen.predict(known, until(), valid, weather=wind.rename(columns={"wind_speed": "speed"}))
    bare = WindForecaster(CAPACITY, threads=1).fit(power[:"2021-03-12"], until=pd.Timestamp("2021-03-13", tz="UTC"))
    with pytest.raises(OutOfRange, match="fitted without, and some is given"):
        bare.predict(known, until(), valid, weather=wind)


def test_measurements_are_seen_only_when_over(farm: tuple[pd.DataFrame, pd.DataFrame]):
    """What comes after the issue is turned to nonsense: neither the fit nor the answer moves."""
    power, wind = farm
    issue = until()
    spoilt_power, spoilt = power.copy(), wind.copy()
    spoilt_power[power.index >= issue] = 3.0
    spoilt[wind.index >= issue] = 99.0
    valid = ahead(issue, 24.0)
    answers = []
    for p, m in ((power, wind), (spoilt_power, spoilt)):
        forecaster = Small(CAPACITY, threads=1).fit(p, until=issue, measured=m)
        answers.append(forecaster.predict(p, issue, valid, measured=m))
    assert np.array_equal(answers[0].arrays(), answers[1].arrays())
    assert answers[0].model["hill"] == "boosting"
    old = wind[wind.index < issue - pd.Timedelta("3h")]
    assert forecaster.predict(power, issue, valid, measured=old).model["hill"].startswith("persistence:last")


def test_of_many_runs_the_newest_known_at_issue_is_seen(farm: tuple[pd.DataFrame, pd.DataFrame]):
    """A second run, known later and all wrong, changes nothing before it is known."""
    power, wind = farm
    early = wind.index - pd.Timedelta("60h")
    late = wind.index + pd.Timedelta("1min")
    both = Record.issued(pd.concat([wind, 0.0 * wind]), early.append(late))
    once = Record.issued(wind, early)
    issue, valid = until(), ahead(until() + pd.Timedelta("1h"), 12.0)
    forecaster = Small(CAPACITY, threads=1).fit(power, until=issue, weather=once)
    one, two = (forecaster.predict(power, issue, valid, weather=w) for w in (once, both))
    assert np.array_equal(one.arrays(), two.arrays())


def test_a_measurement_of_the_same_name_has_its_own_curve(farm: tuple[pd.DataFrame, pd.DataFrame]):
    """The mast sees half of the wind that is foreseen."""
    power, wind = farm
    slots = int(wind.index[0].value // STEP.value) + np.arange(4, len(wind) - 4)
    moments, came = Moments(slots, slots), power["hill"].to_numpy()[4:-4] / 10.0
    said = []
    for mast in (None, 0.5 * wind):
        inputs = WindInputs(wind, mast, STEP)
        inputs.fit_curves(moments, came)
        said.append(inputs.columns(moments))
    assert np.array_equal(*(columns["weather wind_speed as power"] for columns in said))
    assert "wind_speed as power" in said[1]


def test_without_a_capacity_inputs_are_refused(farm: tuple[pd.DataFrame, pd.DataFrame]):
    power, wind = farm
    with pytest.raises(OutOfRange, match="capacity: hill have none"):
        Small({}).fit(power, until=until(), weather=wind)


def test_asking_leaves_the_inputs_of_the_fit(farm: tuple[pd.DataFrame, pd.DataFrame], foreseen: WindForecaster):
    """Or two threads that ask one forecaster would see each other's weather."""
    power, wind = farm
    before = foreseen._inputs
    foreseen.predict(power[power.index < until()], until(), ahead(until(), 2.0), weather=0.5 * wind)
    assert foreseen._inputs is before


def test_without_inputs_nothing_of_them_is_there():
    """The columns of the design are those the loop has always had."""
    power = turbine(12)[0]
    forecaster = Small(CAPACITY, threads=1).fit(power, until=power.index[-1])
    assert forecaster._inputs is None
    assert forecaster._linear == []
    assert forecaster._booster().trees == 80
    assert forecaster._averages()


# ------------------------------------------------------------------ cut-out


def test_storm_by_hand():
    """A wind that is off by N(0, 2) m/s: at 23 foreseen, 25 is one deviation away: 1 − Φ(1) = 0.159."""
    storm = CutOut(25.0, np.zeros(BUCKETS), np.full(BUCKETS, 2.0))
    assert storm.probability(np.array([23.0, 25.0, 5.0]), np.zeros(3)) == pytest.approx([0.1587, 0.5, 0.0], abs=1e-4)


def test_storm_learns_how_far_the_wind_was_off():
    rng = np.random.default_rng(0)
    said, lead = rng.uniform(5.0, 20.0, 4000), np.repeat([0.5, 30.0], 2000)
    came = said + np.where(lead < 1.0, 1.0, 3.0) * rng.standard_normal(4000)
    storm = CutOut.fit(said, came, lead)
    assert storm.spread[0] == pytest.approx(1.0, abs=0.1)
    assert storm.spread[-1] == pytest.approx(3.0, abs=0.2)
    with pytest.raises(OutOfRange, match="10 pairs"):
        CutOut.fit(said[:10], came[:10], lead[:10])
