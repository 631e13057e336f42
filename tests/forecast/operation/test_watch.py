"""Watch: no alarm where nothing changed, alarms where something did, and what each asks for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gridloop.errors import OutOfRange
from gridloop.forecast.operation.distribution import Distribution
from gridloop.forecast.operation.watch import WINDOWS_DAYS, Event, Watch, _limits, respond
from gridloop.forecast.tested.backtest_scores import Backtest
from gridloop.forecast.value import Forecast

FIRST = pd.Timestamp("2021-01-01", tz="UTC")
HOURS = np.arange(24)


def days(count: int, seed: int, *, first: pd.Timestamp = FIRST, times: float = 1.0, high: float = 0.0) -> pd.DataFrame:
    """Rows of a backtest: load 100 MW, forecasts 3 MW off (standard deviation, 2 of it the whole day's) times `times`
    and `high` MW too high; persistence 7 MW off."""
    rng = np.random.default_rng(seed)
    rows = []
    for day in range(count):
        issued = first + pd.Timedelta(days=day)
        off = times * (2.0 * rng.standard_normal() + 2.2 * rng.standard_normal(24)) + high
        actual = 100.0 + 10.0 * np.sin(2.0 * np.pi * HOURS / 24.0)
        week = actual + 7.0 * rng.standard_normal() + 3.0 * rng.standard_normal(24)
        said = actual + off
        rows.append(
            pd.DataFrame(
                {
                    "issued_at": issued, "valid_at": issued + pd.to_timedelta(HOURS, unit="h"), "point": "town",
                    "p10": said - 4.0, "p50": said, "p90": said + 4.0, "model": "m", "actual": actual,
                    "day": week, "week": week,
                }
            )
        )  # fmt: skip
    return pd.concat(rows, ignore_index=True)


def replay(watch: Watch, rows: pd.DataFrame) -> list[Event]:
    """The days one after the other, each judged at its end."""
    watch.forget()
    events = []
    for issued, day in rows.groupby("issued_at"):
        forecast = Forecast.from_table(day.drop(columns=["actual", "day", "week"]))
        came, week = (day.pivot(index="valid_at", columns="point", values=c) for c in ("actual", "week"))
        watch.see(forecast, came, week)
        events += watch.judge(pd.Timestamp(issued) + pd.Timedelta(days=1))
    return events


@pytest.fixture(scope="module")
def learned() -> Backtest:
    return Backtest(days(200, 0), "UTC")


@pytest.fixture(scope="module")
def watch(learned: Backtest) -> Watch:
    return Watch().fit(learned)


def test_nothing_changed_nothing_is_said(watch: Watch):
    """Three times 60 days in which nothing is wrong."""
    assert sum(len(replay(watch, days(60, seed))) for seed in range(1, 4)) == 0


def test_limits_are_passed_as_seldom_as_asked():
    """300 years of errors like those of a backtest of two; asked for a tenth of them, all windows together allowed 0.3.

    The limit itself is estimated from 730 days: the share may be twice what was asked, not more.
    """
    rng = np.random.default_rng(0)
    limits = _limits(np.abs(rng.standard_normal(730)), 0.1, 0)
    years = np.abs(rng.standard_normal((300, 365)))
    for length, limit in limits.items():
        means = np.lib.stride_tricks.sliding_window_view(years, length, axis=1).mean(axis=2)
        assert (means.max(axis=1) > limit).mean() < 0.2


def test_a_model_that_breaks_is_seen_within_three_days(watch: Watch):
    events = replay(watch, pd.concat([days(20, 1), days(10, 2, first=FIRST + pd.Timedelta(days=20), times=4.0)]))
    first = events[0]
    assert first.kind == "score"
    assert FIRST + pd.Timedelta(days=21) <= first.at <= FIRST + pd.Timedelta(days=23)
    assert first.value > first.limit
    assert "in the backtest" in first.reason


def test_worse_than_persistence_falls_back(watch: Watch):
    held: list[str] = []

    class Guard:
        def hold(self, reason: str) -> None:
            held.append(reason)

    events = replay(watch, days(10, 3, times=6.0))
    assert events[0].act == "fall_back"
    assert respond(events, Guard())
    assert held[0] == events[0].reason
    assert "persistence" in held[0]


def test_a_little_worse_is_trained_again(watch: Watch):
    events = replay(watch, days(80, 4, times=1.6))
    assert next(event.act for event in events if event.kind == "score") == "retrain"
    assert not any(event.act == "fall_back" for event in events)


def test_a_bias_is_seen_before_the_error(watch: Watch):
    """2 MW too high hardly changes the mean error of 2.4 MW, but every day leans the same way."""
    events = replay(watch, days(60, 5, high=2.0))
    assert events[0].kind == "bias"
    assert "too high" in events[0].reason
    low = replay(watch, days(60, 5, high=-2.0))
    assert "too low" in low[0].reason


def test_values_that_do_not_come(watch: Watch):
    rows = days(20, 6)
    rows.loc[rows.index % 2 == 0, "actual"] = np.nan
    events = replay(watch, rows)
    assert (events[0].kind, events[0].act, round(events[0].value, 2)) == ("missing", "tell", 0.5)
    assert not respond(events[:1], None)  # type: ignore[arg-type]  # nobody is told to hold


def test_the_same_is_not_said_every_day(watch: Watch):
    events = [e for e in replay(watch, days(40, 7, times=1.9)) if e.kind == "score"]
    apart = np.diff([event.at.value for event in events]) / 86_400e9
    acts = [event.act for event in events]
    assert all(gap >= WINDOWS_DAYS[1] or b != a for gap, a, b in zip(apart, acts, acts[1:], strict=False))


def test_a_new_training_starts_anew(watch: Watch):
    replay(watch, days(14, 8, times=4.0))
    watch.forget()
    assert watch.judge(FIRST + pd.Timedelta(days=14)) == []


def test_only_days_that_are_over_by_then_are_judged(watch: Watch):
    watch.forget()
    for _, day in days(5, 9, times=5.0).groupby("issued_at"):
        forecast = Forecast.from_table(day.drop(columns=["actual", "day", "week"]))
        watch.see(forecast, day.pivot(index="valid_at", columns="point", values="actual"))
    assert watch.judge(FIRST + pd.Timedelta(days=1)) == []
    assert watch.judge(FIRST + pd.Timedelta(days=5))


def test_too_little_to_learn_from(learned: Backtest):
    with pytest.raises(OutOfRange, match="20 days of backtest; 28 are needed"):
        Watch().fit(Backtest(days(20, 0), "UTC"))
    with pytest.raises(OutOfRange, match="above 0"):
        Watch(false_alarms_per_year=0.0)


# ------------------------------------------------------------- distributions


def year(level: float, count: int = 365, seed: int = 0) -> pd.DataFrame:
    """Hourly temperatures with a season of ±10 degrees."""
    index = pd.date_range("2020-01-01", periods=24 * count, freq="h", tz="UTC")
    season = -10.0 * np.cos(2.0 * np.pi * np.arange(24 * count) / (24 * 365.25))
    return pd.DataFrame({"air": level + season + 3.0 * np.random.default_rng(seed).standard_normal(len(index))}, index)


def test_the_index_by_hand():
    """Tenths of 0 … 99; a month all in the lowest tenth: (1 − 0.1) ln 10 and nine times (0.1 − ε) ln(0.1 / ε)."""
    index = pd.date_range("2020-01-01", periods=2800, freq="h", tz="UTC")
    inputs = pd.DataFrame({"x": np.tile(np.arange(100.0), 28)}, index=index)
    found = Distribution().fit(inputs).changed(inputs.clip(upper=5.0), index[-1] + pd.Timedelta("1h"))
    expected = 0.9 * np.log(10.0) + 9.0 * (0.1 - 1e-3) * np.log(0.1 / 1e-3)
    assert found[0][0] == "x"
    assert found[0][1] == pytest.approx(expected, rel=1e-9)
    assert found[0][2] == 0.25


def test_a_season_is_no_drift_and_a_kelvin_scale_is(learned: Backtest):
    watch = Watch().fit(learned, year(10.0, 730))
    for month in range(2, 13):
        at = pd.Timestamp(f"2020-{month:02d}-01", tz="UTC")
        assert watch.judge(at, year(10.0, 730, seed=1)) == []
    event = watch.judge(pd.Timestamp("2020-07-01", tz="UTC"), year(283.15))[0]
    assert (event.kind, event.act) == ("distribution", "retrain")
    assert "air" in event.reason


def test_each_input_that_drifts_is_told(learned: Backtest):
    watch = Watch().fit(learned, year(10.0, 730).assign(sea=year(8.0, 730, seed=2)["air"]))
    both = year(283.15).assign(sea=year(281.15, seed=2)["air"])
    at = pd.Timestamp("2020-07-01", tz="UTC")
    assert [event.column for event in watch.judge(at, both)] == ["air", "sea"]
    assert watch.judge(at + pd.Timedelta(days=1), both) == []


def test_constant_and_empty_columns_are_not_watched():
    index = pd.date_range("2020-01-01", periods=2000, freq="h", tz="UTC")
    found = Distribution().fit(pd.DataFrame({"one": 1.0, "none": np.nan}, index=index))
    assert found.limits == {}
