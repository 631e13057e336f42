"""GuardedForecaster: every kind of fault by itself, what is mended, what falls back, and a guard that does not look."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from quiet_town import FIT, Steady, town

from gridloop.errors import GapInSeries, MissingColumn, OutOfRange
from gridloop.forecast import LoadForecaster, Record, WindForecaster, backtest
from gridloop.forecast.known.moments import Moments
from gridloop.forecast.known.past import known_past
from gridloop.forecast.operation import GuardedForecaster
from gridloop.forecast.operation.stand_in import StandIn, at_levels

ISSUE = pd.Timestamp("2021-08-11 12:00", tz="UTC")
AHEAD = pd.date_range("2021-08-12", periods=24, freq="h", tz="UTC")


@pytest.fixture(scope="module")
def guard(load: pd.DataFrame) -> GuardedForecaster:
    return GuardedForecaster(Steady()).fit(load, until=FIT)


@pytest.fixture(scope="module")
def with_weather(load: pd.DataFrame, air: pd.DataFrame) -> GuardedForecaster:
    return GuardedForecaster(Steady()).fit(load, until=FIT, weather=air[air.index < FIT])


def seen(load: pd.DataFrame) -> pd.DataFrame:
    """The last 70 days before the issue."""
    return load[(load.index < ISSUE) & (load.index >= ISSUE - pd.Timedelta(days=70))].copy()


def model(guard: GuardedForecaster, history: pd.DataFrame, **inputs: Any) -> str:
    return str(guard.copy().predict(history, ISSUE, AHEAD, **inputs).model["town"])


def last_week(load: pd.DataFrame) -> np.ndarray:
    return load["town"].reindex(AHEAD - pd.Timedelta(days=7)).to_numpy()


# ------------------------------------------------------------ faults of values


def missing(x: pd.DataFrame) -> None:
    x.iloc[-10:-2] = np.nan


def frozen(x: pd.DataFrame) -> None:
    x.iloc[-12:] = x.iloc[-13]


def kilowatts(x: pd.DataFrame) -> None:
    x.iloc[-8:] *= 1000.0


def gigawatts(x: pd.DataFrame) -> None:
    x.iloc[-8:] /= 1000.0


def turned(x: pd.DataFrame) -> None:
    x.iloc[-8:] *= -1.0


def late(x: pd.DataFrame) -> None:
    x.iloc[-60:] = x.iloc[-61:-1].to_numpy()


def early(x: pd.DataFrame) -> None:
    x.iloc[-60:-1] = x.iloc[-59:].to_numpy()
    x.iloc[-1] = np.nan


FAULTS: dict[str, tuple[str, Callable[[pd.DataFrame], None]]] = {
    "missing": ("missing", missing),
    "frozen": ("frozen", frozen),
    "kW for MW": ("unit", kilowatts),
    "GW for MW": ("unit", gigawatts),
    "a turned sign": ("negative", turned),
    "stamps an hour late": ("shifted", late),
    "stamps an hour early": ("shifted", early),
}


def test_sound_inputs_reach_the_forecaster_as_they_are(guard: GuardedForecaster, load: pd.DataFrame):
    own = guard.copy()
    history = seen(load)
    assert str(own.predict(history, ISSUE, AHEAD).model["town"]) == "steady"
    assert own.forecaster.shown[-1].equals(history)
    assert own.diagnosis is None
    assert own.examine(history, ISSUE, AHEAD).sound
    assert guard.blind == {}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_values_ends_in_the_named_fallback(guard: GuardedForecaster, load: pd.DataFrame, fault: str):
    kind, plant = FAULTS[fault]
    history = seen(load)
    plant(history)
    own = guard.copy()
    forecast = own.predict(history, ISSUE, AHEAD)
    assert str(forecast.model["town"]) == f"persistence:week ({kind} input)"
    assert np.allclose(forecast.p50()["town"], last_week(load), rtol=1e-12)
    assert (np.diff(forecast.arrays()[:, :, 0], axis=0) > 0.0).all()
    assert own.forecaster.shown == [], "the forecaster is not asked"
    assert own.diagnosis is not None
    assert own.diagnosis.status == "unsound_input"
    assert own.diagnosis.facts["fallback"] == {"town": [kind]}


def test_a_guard_that_does_not_look_lets_faults_through(load: pd.DataFrame):
    """The planted bug that the test above finds: without checks only what is missing is noticed."""
    blind = GuardedForecaster(Steady(), checks=()).fit(load, until=FIT)
    passed = []
    for fault, (_, plant) in FAULTS.items():
        history = seen(load)
        plant(history)
        if model(blind, history) == "steady":
            passed.append(fault)
    assert passed == [fault for fault in FAULTS if fault != "missing"]


def test_a_feed_that_stopped(guard: GuardedForecaster, load: pd.DataFrame):
    assert model(guard, seen(load).iloc[:-6]) == "persistence:week (stale input)"
    assert model(guard, seen(load).iloc[:-3]) == "steady", "three hours are no reason"
    own = guard.copy()
    own.predict(seen(load).iloc[: -24 * 9], ISSUE, AHEAD)
    assert "nothing came for the last 216 h" in str(own.diagnosis)


def test_nine_days_without_a_value_take_the_week_before(guard: GuardedForecaster, load: pd.DataFrame):
    forecast = guard.copy().predict(seen(load).iloc[: -24 * 9], ISSUE, AHEAD)
    two_weeks = load["town"].reindex(AHEAD - pd.Timedelta(days=14)).to_numpy()
    assert np.allclose(forecast.p50()["town"], two_weeks, rtol=1e-12)


def test_stamps_that_come_twice(guard: GuardedForecaster, load: pd.DataFrame):
    history = seen(load)
    assert model(guard, pd.concat([history, history.iloc[-5:]])) == "steady", "the same values: nothing is lost"
    other = pd.concat([history, history.iloc[-5:] * 1.1])
    assert model(guard, other) == "persistence:week (duplicate input)"
    old = pd.concat([history, history.iloc[200:205] * 1.1])
    assert model(guard, old) == "steady", "weeks ago"


def test_rows_off_the_clock_are_left_out(guard: GuardedForecaster, load: pd.DataFrame):
    history = seen(load)
    odd = history.iloc[-3:].set_axis(history.index[-3:] + pd.Timedelta("7min"))
    assert model(guard, pd.concat([history, odd])) == "steady"


def test_a_short_fault_is_mended_by_leaving_it_out(guard: GuardedForecaster, load: pd.DataFrame):
    history = seen(load)
    history.iloc[-2:] *= 1000.0
    own = guard.copy()
    assert str(own.predict(history, ISSUE, AHEAD).model["town"]) == "steady"
    given = own.forecaster.shown[-1]
    assert given["town"].iloc[-2:].isna().all()
    assert given["town"].iloc[:-2].equals(seen(load)["town"].iloc[:-2].rename_axis(None))
    assert own.diagnosis is not None
    assert own.diagnosis.status == "mended_input"
    assert own.diagnosis.facts["findings"][0]["rows"] == 2


def test_an_old_fault_is_left_out_and_forgotten(guard: GuardedForecaster, load: pd.DataFrame):
    history = seen(load)
    history.iloc[-24 * 12 : -24 * 10] = history.iloc[-24 * 12]
    own = guard.copy()
    assert str(own.predict(history, ISSUE, AHEAD).model["town"]) == "steady"
    assert own.forecaster.shown[-1]["town"].isna().sum() == 47


def test_going_on_with_what_is_sound(load: pd.DataFrame):
    guard = GuardedForecaster(Steady(), go_on=True).fit(load, until=FIT)
    history = seen(load)
    frozen(history)
    assert model(guard, history) == "steady (frozen input left out)"
    history.iloc[-24 * 5 :] = history.iloc[-24 * 5]
    assert model(guard, history) == "persistence:week (frozen input)", "too little of the week is left"


def test_the_day_of_rest_is_no_shift(guard: GuardedForecaster, load: pd.DataFrame):
    """A Tuesday that looks like a Sunday."""
    history = seen(load)
    tuesday = history.index.normalize() == pd.Timestamp("2021-08-10", tz="UTC")
    sunday = history.index.normalize() == pd.Timestamp("2021-08-08", tz="UTC")
    history.loc[tuesday] = history.loc[sunday].to_numpy()
    assert model(guard, history) == "steady"


def test_false_alarms_on_clean_days(guard: GuardedForecaster):
    """Another town of the same habits: 80 days, none of them at fault."""
    other = town(seed=5)
    alarms = 0
    for k in range(80):
        issue = FIT + pd.Timedelta(days=k, hours=12)
        history = other[(other.index < issue) & (other.index >= issue - pd.Timedelta(days=70))]
        alarms += not guard.examine(history, issue, AHEAD).sound
    assert alarms <= 1


# ------------------------------------------------------------------- weather


def test_a_stamp_early_leaves_the_newest_hour_open(guard: GuardedForecaster, load: pd.DataFrame):
    """What a source that stamps early would have to know of the future is missing: that is no fault of its own."""
    history = seen(load)
    early(history)
    kinds = {(f.kind, f.mended) for f in guard.examine(history, ISSUE, AHEAD).findings}
    assert kinds == {("shifted", False)}


def test_weather_with_gaps_ahead_falls_back(with_weather: GuardedForecaster, load: pd.DataFrame, air: pd.DataFrame):
    assert model(with_weather, seen(load), weather=air) == "steady"
    for spoil in (
        lambda sky: sky.drop(AHEAD[5]),
        lambda sky: sky * np.nan,
        lambda sky: sky[sky.index < AHEAD[20]],
        lambda sky: sky[sky.index < AHEAD[5] - pd.Timedelta(days=90)],
        lambda sky: sky * 1.8 + 32.0,
        lambda sky: sky + 273.15,
        lambda sky: sky.mask(np.asarray(sky.index >= AHEAD[0])[:, None], 12.3),
        lambda sky: None,
    ):
        assert model(with_weather, seen(load), weather=spoil(air)) == "persistence:week (weather input)"


def test_old_gaps_in_the_weather_are_filled(with_weather: GuardedForecaster, load: pd.DataFrame, air: pd.DataFrame):
    sky = air.copy()
    short, long = (
        pd.date_range("2021-08-01", periods=3, freq="h", tz="UTC"),
        pd.date_range("2021-08-03", periods=30, freq="h", tz="UTC"),
    )
    sky.loc[short.union(long), "temperature"] = np.nan
    own = with_weather.copy()
    assert str(own.predict(seen(load), ISSUE, AHEAD, weather=sky).model["town"]) == "steady"
    filled = own.forecaster.inputs["weather"]["temperature"]
    assert filled.notna().all()
    line = np.interp([1, 2, 3], [0, 4], air["temperature"].reindex([short[0] - short.freq, short[-1] + short.freq]))
    assert np.allclose(filled[short], line)
    assert filled[long[0]] == air["temperature"][long[0] - pd.Timedelta(days=1)]
    assert own.diagnosis is not None
    assert "filled" in str(own.diagnosis)


def test_weather_as_a_record(load: pd.DataFrame, air: pd.DataFrame):
    guard = GuardedForecaster(Steady()).fit(load, until=FIT, weather=Record.foreseen(air, "48h"))
    known = Record.foreseen(air, "48h")
    assert model(guard, seen(load), weather=known) == "steady"
    late = Record.foreseen(air, "20h")
    assert model(guard, seen(load), weather=late) == "persistence:week (weather input)"


# -------------------------------------------------------------------- points


def test_each_point_is_judged_alone():
    two = pd.concat([town(), town(seed=3).rename(columns={"town": "village"}) * 0.1], axis=1)
    guard = GuardedForecaster(Steady()).fit(two, until=FIT)
    history = seen(two)
    history.iloc[-12:, 1] = history.iloc[-13, 1]
    forecast = guard.predict(history, ISSUE, AHEAD)
    assert forecast.model.to_dict() == {"town": "steady", "village": "persistence:week (frozen input)"}
    week = two["village"].reindex(AHEAD - pd.Timedelta(days=7)).to_numpy()
    assert np.allclose(forecast.p50()["village"], week)
    assert (forecast.p50()["town"] == 100.0).all()


def test_a_held_guard_falls_back_and_says_why(guard: GuardedForecaster, load: pd.DataFrame):
    own = guard.copy()
    own.hold("twice as far off as in its backtest")
    assert model(own, seen(load)) == "persistence:week (degraded model)"
    own.predict(seen(load), ISSUE, AHEAD)
    assert own.diagnosis is not None
    assert own.diagnosis.causes == ["twice as far off as in its backtest"]
    own.release()
    assert model(own, seen(load)) == "steady"


def test_a_forecaster_that_lacks_values_is_stood_in_for(load: pd.DataFrame):
    class Hungry(Steady):
        def predict(self, history: Any, issued_at: Any, valid_at: Any, **inputs: Any) -> Any:
            raise GapInSeries("weather: missing.", count=3)

    guard = GuardedForecaster(Hungry()).fit(load, until=FIT)
    assert model(guard, seen(load)) == "persistence:week (refused input)"


def test_what_is_not_the_datas_fault_is_refused(guard: GuardedForecaster, load: pd.DataFrame):
    with pytest.raises(OutOfRange, match="not fitted yet"):
        GuardedForecaster(Steady()).predict(load, ISSUE, AHEAD)
    with pytest.raises(MissingColumn, match="town"):
        guard.predict(load.rename(columns={"town": "city"}), ISSUE, AHEAD)
    with pytest.raises(OutOfRange, match="zone"):
        guard.predict(load.tz_localize(None), ISSUE, AHEAD)


def test_nothing_was_ever_known(load: pd.DataFrame):
    guard = GuardedForecaster(Steady()).fit(load * np.nan, until=FIT)
    with pytest.raises(GapInSeries, match="nothing was ever known of 1 points"):
        guard.predict(seen(load) * np.nan, ISSUE, AHEAD)


def test_training_data_is_checked_too(load: pd.DataFrame):
    dirty = load.copy()
    dirty.iloc[2000:2048] *= 1000.0
    guard = GuardedForecaster(Steady()).fit(dirty, until=FIT)
    assert guard.forecaster.learned["town"].isna().sum() == 48


def test_a_backtest_takes_a_guard_and_finds_no_leak(load: pd.DataFrame):
    def make() -> GuardedForecaster:
        return GuardedForecaster(Steady())

    result = backtest(make, Record.measured(load), first="2021-06-01", last="2021-06-05")
    assert (result.rows["model"] == "steady").all()


# --------------------------------------------------------------- other kinds


def quick(forecaster: Any) -> Any:
    """It need not be good here."""
    forecaster.least_issues, forecaster.most_rows = 500, 4000
    return forecaster


def test_a_direct_forecaster_behind_the_guard(load: pd.DataFrame):
    guard = GuardedForecaster(quick(LoadForecaster(threads=1))).fit(load[load.index >= "2021-04-01"], until=FIT)
    history = seen(load)
    assert model(guard, history) == "boosting"
    frozen(history)
    assert model(guard, history) == "persistence:week (frozen input)"


def test_wind_falls_back_to_the_last_value_then_climatology(farms: pd.DataFrame):
    until = farms.index[-96]
    farm = quick(WindForecaster({"hill": 10.0, "shore": 3.0}, threads=1))
    guard = GuardedForecaster(farm).fit(farms, until=until)
    assert set(guard.blind["shifted"]) == {"hill", "shore"}, "wind keeps no hours"
    ahead = pd.date_range(until, periods=8, freq="15min")
    history = farms[farms.index < until].copy()
    history.iloc[-18:, 0] = 1e4
    forecast = guard.predict(history, until, ahead)
    assert str(forecast.model["hill"]) == "persistence:last (unit input)"
    assert (forecast.p50()["hill"] == history.iloc[-19, 0]).all()
    history.iloc[-40:, 0] = 1e4
    assert str(guard.predict(history, until, ahead).model["hill"]) == "climatology (unit input)"
    assert str(guard.predict(history, until, ahead).model["shore"]) == "boosting"


def test_more_quantiles_stand_in_where_the_forecaster_has_more(load: pd.DataFrame):
    """A normal distribution given by three quantiles, at others: exact."""
    levels = (0.05, 0.1, 0.5, 0.75, 0.9)
    scores = np.array([-1.6448536269514729, -1.2815515655446004, 0.0, 0.6744897501960817, 1.2815515655446004])
    three = (100.0 + 5.0 * scores[[1, 2, 4]])[:, None]
    assert np.allclose(at_levels(three, np.array(levels))[:, 0], 100.0 + 5.0 * scores, rtol=1e-12)

    class Fine(Steady):
        pass

    fine = Fine()
    fine.levels = levels  # type: ignore[attr-defined]
    guard = GuardedForecaster(fine).fit(load, until=FIT)
    forecast = guard.predict(seen(load).iloc[:-9], ISSUE, AHEAD)
    assert forecast.levels.tolist() == list(levels)
    assert np.allclose(forecast.p50()["town"], last_week(load))


def test_no_sun_at_night_and_none_above_the_rating():
    """A plant of 1 MW under clouds of any thickness, the last day clear: it stands in for the next, with a band by day
    only, and not above the best there was."""
    index = pd.date_range("2021-03-01", periods=24 * 120, freq="h", tz="UTC")
    height = np.clip(np.sin(2.0 * np.pi * (np.asarray(index.hour) - 6.0) / 24.0), 0.0, None)
    height[height < 1e-9] = 0.0  # sin(π) is not quite zero
    clear = np.repeat(np.r_[np.random.default_rng(0).uniform(0.2, 1.0, 119), 1.0], 24)
    field = pd.DataFrame({"field": height * clear}, index=index)
    past = known_past(field, ("field",), index[-1] + pd.Timedelta("1h"), step=pd.Timedelta("1h"))
    stand_in = StandIn("solar", "UTC").fit(past)
    said, used = stand_in.quantiles(past, Moments(np.full(24, past.end), past.end + np.arange(24)), np.array([0]))
    assert used == ["persistence:day"]
    low, _, high = said[:, :, 0]
    dark = height[:24] == 0.0
    assert (high[dark] == 0.0).all()
    assert high.max() == 1.0
    assert (low[~dark] < high[~dark]).all()


def test_wind_that_rests_is_not_frozen(farms: pd.DataFrame):
    """A calm of twenty hours at a little less than zero, as a farm feeds itself; two days are more than it ever had."""
    guard = GuardedForecaster(Steady(), kind="wind").fit(farms, until=farms.index[-96 * 9])
    until = farms.index[-1]
    ahead = pd.date_range(until, periods=8, freq="15min")
    calm = farms[farms.index < until].copy()
    calm.iloc[-80:, 0] = -0.01
    assert guard.examine(calm, until, ahead).sound
    calm.iloc[-200:, 0] = -0.01
    assert list(guard.examine(calm, until, ahead).weak) == ["hill"]
