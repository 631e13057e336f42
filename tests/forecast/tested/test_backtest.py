"""Backtest: what a forecaster is shown, who is refused, and scores that a pencil can check."""

from __future__ import annotations

import json
from typing import Any, Self

import numpy as np
import pandas as pd
import pytest

from gridloop.errors import OutOfRange
from gridloop.forecast import CorrectedForecaster
from gridloop.forecast.known.past import Past
from gridloop.forecast.known.record import Record
from gridloop.forecast.known.routine import LONGEST_LEAD, Routine
from gridloop.forecast.models.day_model import DayModel
from gridloop.forecast.tested.backtest import backtest
from gridloop.forecast.value import Forecast
from gridloop.units import FloatArray, IntArray

ZONE = "Europe/Madrid"


def hours(days: int) -> pd.DatetimeIndex:
    return pd.date_range("2020-01-01", periods=24 * days, freq="h", tz="UTC", name="valid_at")


def ramp(days: int = 40) -> pd.DataFrame:
    """A load that grows by 1 MW a day from 100 MW: yesterday is 1 MW short, last week 7."""
    return pd.DataFrame({"a": 100.0 + np.arange(24 * days) // 24}, index=hours(days))


class Yesterday:
    """Says the newest known day, ± `half`; with `peek` it says what will come where the table has it."""

    def __init__(self, *, half: float = 1.5, peek: bool = False) -> None:
        self.routine = Routine("UTC", pd.Timedelta(0))
        self.half, self.peek = half, peek
        self.fits: list[pd.Timestamp] = []
        self.shown: list[tuple[pd.Timestamp, pd.Timestamp]] = []

    def fit(self, history: pd.DataFrame, *, until: pd.Timestamp, **inputs: Any) -> Self:
        self.fits.append(until)
        assert history.index.max() < until
        return self

    def predict(
        self, history: pd.DataFrame, issued_at: pd.Timestamp, valid_at: pd.DatetimeIndex, **inputs: Any
    ) -> Forecast:
        self.shown.append((issued_at, history.index.max()))
        middle = history["a"].reindex(valid_at - pd.Timedelta("24h")).to_numpy()
        if self.peek:
            come = history["a"].reindex(valid_at).to_numpy()
            middle = np.where(np.isfinite(come), come, middle)
        values = np.stack([middle - self.half, middle, middle + self.half])[:, :, None]
        return Forecast.from_arrays(issued_at, ["a"], valid_at, values, {"a": "yesterday"})

    def copy(self) -> Yesterday:
        return Yesterday(half=self.half, peek=self.peek)


def run(model: Yesterday, **settings: Any) -> Any:
    return backtest(lambda: model, Record.measured(ramp()), first="2020-01-20", last="2020-02-03", **settings)


def test_scores_of_a_ramp():
    """Always 1 MW short of loads 119 … 133 MW, on 15 days; the band holds everything."""
    loads = np.arange(119.0, 134.0)
    scores = run(Yesterday()).scores()
    assert scores["mae_mw"] == pytest.approx(1.0)
    assert scores["rmse_mw"] == pytest.approx(1.0)
    assert scores["mape_pct"] == pytest.approx(100.0 * (1.0 / loads).mean())
    assert scores["week_mape_pct"] == pytest.approx(7.0 * scores["mape_pct"])
    assert scores["day_mape_pct"] == pytest.approx(scores["mape_pct"])
    assert scores["skill"] == pytest.approx(0.0)
    assert scores["r2"] == pytest.approx(1.0 - 1.0 / loads.var())
    assert scores["coverage"] == 1.0
    # short by 2.5 at P10, by 1 at P50; over by 0.5 at P90
    assert scores["pinball_mw"] == pytest.approx((0.1 * 2.5 + 0.5 * 1.0 + 0.1 * 0.5) / 3.0)
    assert run(Yesterday(half=0.5)).scores()["coverage"] == 0.0


def test_tables_by_month_lead_and_hour():
    result = run(Yesterday())
    assert result.table("month").index.tolist() == ["2020-01", "2020-02"]
    assert result.table("lead_h").index.tolist() == list(range(24))
    assert result.table("month").loc["2020-02", "mape_pct"] == pytest.approx(100 * np.mean([1 / 131, 1 / 132, 1 / 133]))
    with pytest.raises(OutOfRange, match="no scores by 'week'; there are month"):
        result.table("week")
    assert json.loads(json.dumps(result.to_dict()))["by_lead_h"]["23"]["mae_mw"] == pytest.approx(1.0)


def test_only_what_was_known_is_shown():
    model = Yesterday()
    run(model)
    assert len(model.shown) == 15
    assert all(newest == issue - pd.Timedelta("1h") for issue, newest in model.shown)


def test_a_late_meter_is_shown_late():
    model = Yesterday()
    late = Record.measured(ramp(), delay="0h").at(pd.Timestamp("2020-01-20", tz="UTC"))
    later = Record.measured(ramp(), delay="3h").at(pd.Timestamp("2020-01-20", tz="UTC"))
    assert len(late) - len(later) == 3
    assert model.shown == []


def test_a_planted_leak_is_refused():
    with pytest.raises(OutOfRange, match=r"leak: 24 of 24 values of the forecast issued at 2020-01-20"):
        run(Yesterday(peek=True))


def test_load_that_is_known_too_early_is_refused():
    """The other way to leak: a table that says a mean was known when its interval began."""
    values = ramp()
    early = Record(values, pd.DatetimeIndex(values.index))
    with pytest.raises(OutOfRange, match=r"960 of 960 rows are said to be known before their interval is over"):
        backtest(Yesterday, early, first="2020-01-20", last="2020-01-21")
    with pytest.raises(OutOfRange, match="before they are over"):
        Record.measured(values, delay="-1h")


def test_training_again():
    model = Yesterday()
    run(model, retrain_days=5)
    assert [t.day for t in model.fits] == [20, 25, 30]
    once = Yesterday()
    run(once)
    assert len(once.fits) == 1


def test_observed_weather_is_named_in_the_report():
    weather = Record.foreseen(ramp().rename(columns={"a": "temperature"}), "36h")
    assert run(Yesterday(), weather=weather).notes == (
        "weather: observed values, taken as known 1 days 12:00:00 ahead",
    )
    assert run(Yesterday()).notes == ()


def test_spoilt_values_are_those_not_known():
    record = Record.measured(ramp())
    at = pd.Timestamp("2020-01-02", tz="UTC")
    spoilt = record.spoilt(at)
    assert spoilt.iloc[:24].equals(record.values.iloc[:24])
    assert (spoilt.iloc[24:] > 1e4).all(axis=None)


def test_records_that_do_not_fit():
    with pytest.raises(OutOfRange, match="960 rows and 1 times"):
        Record(ramp(), hours(1)[:1])
    with pytest.raises(OutOfRange, match="need a zone"):
        Record(ramp().tz_localize(None), hours(40))


def test_days_of_a_routine_over_a_clock_change():
    """Madrid, 29 March 2020: 23 hours, from 23:00 UTC; noon of the day before is 11:00 UTC."""
    routine = Routine(ZONE, pd.Timedelta("12h"))
    day = pd.Timestamp("2020-03-29").value // 86_400_000_000_000
    assert routine.midnight(day + 1) - routine.midnight(day) == pd.Timedelta("23h")
    assert routine.issue(day) == pd.Timestamp("2020-03-28 11:00", tz="UTC")
    with pytest.raises(OutOfRange, match="0 … 8 days 00:00:00"):
        Routine(ZONE, LONGEST_LEAD + pd.Timedelta("1h"))


def test_runs_of_weather_are_learned_as_the_issue_of_their_day_saw_them():
    """Four runs, and days issued at midnight: the past shows what was out by then, a later one where nothing was."""
    times = hours(40)
    runs = [times.normalize() - pd.Timedelta(hours=h) for h in (24, 0, -6, -12)]
    tables = [pd.DataFrame({"temperature": float(k)}, index=times) for k in range(len(runs))]
    late = np.asarray(times.normalize() == pd.Timestamp("2020-01-10", tz="UTC"))
    kept = [np.ones(len(times), dtype=bool) if k > 1 else ~late for k in range(len(runs))]
    weather = Record.issued(
        pd.concat([t[k] for t, k in zip(tables, kept, strict=True)]),
        pd.DatetimeIndex(np.concatenate([r[k] for r, k in zip(runs, kept, strict=True)]), tz="UTC"),
    )
    seen: list[pd.DataFrame] = []

    class Learner(Yesterday):
        def fit(self, history: pd.DataFrame, *, until: pd.Timestamp, **inputs: Any) -> Self:
            seen.append(inputs["weather"])
            return super().fit(history, until=until)

    model = Learner()
    moment = model.routine.issue(pd.Timestamp("2020-01-20").value // 86_400_000_000_000)
    table = weather.as_issued(model.routine, moment)
    by_day = table["temperature"].groupby(table.index.normalize()).unique().map(list)
    assert by_day.pop(pd.Timestamp("2020-01-10", tz="UTC")) == [2.0]
    assert by_day.pop(pd.Timestamp("2020-01-21", tz="UTC")) == [0.0] and set(map(tuple, by_day)) == {(1.0,)}
    assert by_day.index.max() == pd.Timestamp("2020-01-20", tz="UTC")
    backtest(lambda: model, Record.measured(ramp()), first="2020-01-20", last="2020-01-20", weather=weather)
    pd.testing.assert_frame_equal(seen[0], table)
    plain = Record.measured(ramp())
    assert plain.as_issued(model.routine, moment).equals(plain.at(moment))


def published(values: pd.DataFrame) -> Record:
    """Prices: each day out 11 h before it begins."""
    return Record.issued(values, pd.DatetimeIndex(values.index).normalize() - pd.Timedelta("11h"))


class Level(DayModel):
    """The newest known value."""

    name, least_days = "level", 1

    def _learn(self, past: Past, k: int, air: Past | None) -> None: ...

    def _say(self, past: Past, k: int, valid: IntArray, air: Past | None) -> FloatArray:
        return np.full((3, len(valid)), past.values[-1, k])


def test_prices_are_published_ahead_and_persistence_knows_today():
    """Issued at 10:00, all of today is known: the ramp is 1 short at every hour, not 2 at those to come."""
    rows = backtest(lambda: Level(before="14h"), published(ramp()), first="2020-01-20", last="2020-01-22").rows
    assert rows["actual"].sub(rows["day"]).unique().tolist() == [1.0]
    measured = backtest(lambda: Level(before="14h"), Record.measured(ramp()), first="2020-01-20", last="2020-01-22")
    assert sorted(measured.rows["actual"].sub(measured.rows["day"]).unique()) == [1.0, 2.0]
    assert CorrectedForecaster.published_ahead
