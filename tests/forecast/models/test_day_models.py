"""SARIMAX, Prophet and LSTM as day forecasters: skill on a made-up town, and what all three refuse."""

from __future__ import annotations

import datetime as dt
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from quiet_town import sky, town

from gridloop.errors import GapInSeries, MissingColumn, MissingExtra, OutOfRange
from gridloop.forecast import Backtest, Record, backtest
from gridloop.forecast.known.past import Past
from gridloop.forecast.models.day_model import DayModel
from gridloop.forecast.models.lstm import LstmForecaster, _network
from gridloop.forecast.models.prophet import ProphetForecaster
from gridloop.forecast.models.sarimax import SarimaxForecaster
from gridloop.forecast.operation.state import put_together, take_apart
from gridloop.units import FloatArray, IntArray

FIT = pd.Timestamp("2021-04-09 12:00", tz="UTC")


def heated(days: int = 110) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The quiet town with 2 % more for every degree below 20, and weather whose days are ±5 degrees by chance."""
    load, air = town(days, level=0.005), sky(days + 2)
    air += 5.0 * np.repeat(np.random.default_rng(2).standard_normal(days + 2), 24)[:, None]
    cold = np.maximum(20.0 - air["temperature"].reindex(load.index).to_numpy(), 0.0)
    return load.mul(1.0 + 0.02 * cold, axis=0), air


def tried(make: Any, *, last: str, weather: bool = True) -> Backtest:
    load, air = heated()
    given = {"weather": Record.foreseen(air, "37h")} if weather else {}
    return backtest(make, Record.measured(load), first="2021-04-10", last=last, **given)


class Plain(DayModel):
    """Says 1, 2, 3 MW, and nothing at noon."""

    name = "plain"
    least_days = 10

    def _learn(self, past: Past, k: int, air: Past | None) -> None:
        pass

    def _say(self, past: Past, k: int, valid: IntArray, air: Past | None) -> FloatArray:
        values = np.broadcast_to(np.array([1.0, 2.0, 3.0])[:, None], (3, len(valid))).copy()
        values[:, valid % past.per_day == 12] = np.nan
        return values


AHEAD = pd.date_range("2021-04-10", periods=24, freq="h", tz="UTC")


def test_where_a_model_says_nothing_last_week_stands_in():
    load, _ = heated()
    forecast = Plain().fit(load, until=FIT).predict(load[load.index < FIT], FIT, AHEAD)
    assert str(forecast.model["town"]) == "persistence:week"
    assert forecast.p50()["town"].iloc[12] == load["town"][AHEAD[12] - pd.Timedelta(days=7)]
    assert (forecast.p50()["town"].drop(AHEAD[12]) == 2.0).all()
    assert (np.diff(forecast.arrays()[:, 12, 0]) > 0.0).all()


def test_what_all_refuse():
    load, air = heated()
    with pytest.raises(OutOfRange, match="not fitted yet"):
        Plain().predict(load, FIT, AHEAD)
    with pytest.raises(OutOfRange, match="9 days; plain needs 10"):
        Plain().fit(load, until=load.index[0] + pd.Timedelta(days=9))
    with pytest.raises(GapInSeries, match="1 points have no value"):
        Plain().fit(load * np.nan, until=FIT)
    with pytest.raises(MissingColumn, match="temperature"):
        Plain().fit(load, until=FIT, weather=air.rename(columns={"temperature": "t"}))
    fitted = Plain().fit(load, until=FIT, weather=air)
    with pytest.raises(OutOfRange, match="fitted with weather, and none is given"):
        fitted.predict(load, FIT, AHEAD)
    with pytest.raises(OutOfRange, match="begin before the issue"):
        fitted.predict(load, AHEAD[3], AHEAD, weather=air)
    with pytest.raises(GapInSeries, match="no value in the last weeks"):
        Plain().fit(load, until=FIT).predict(load[:0], FIT, AHEAD)


def test_days_of_rest():
    rests = Plain(holidays=[dt.date(1970, 1, 3)]).rests(np.array([0, 1, 2, 3]))
    assert rests.tolist() == [0.0, 0.0, 1.0, 0.0]


# ------------------------------------------------------------------- SARIMAX


@pytest.mark.slow
def test_sarimax_beats_persistence():
    result = tried(lambda: SarimaxForecaster(holidays=[dt.date(2021, 4, 5)]), last="2021-04-16")
    scores = result.scores()
    assert scores["skill"] > 0.7
    assert 0.6 < scores["coverage"] < 1.0
    assert (result.rows["model"] == "sarimax").all()


@pytest.mark.slow
def test_sarimax_follows_a_clock_change():
    """A load that keeps local hours: 50 MW, and 100 MW at eight; forecast over the night of 28 March in Madrid."""
    index = pd.date_range("2021-01-01", "2021-03-27 11:00", freq="h", tz="UTC")
    eight = index.tz_convert("Europe/Madrid").hour == 8
    noise = 1.0 + 0.001 * np.random.default_rng(0).standard_normal(len(index))
    load = pd.DataFrame({"town": np.where(eight, 100.0, 50.0) * noise}, index=index)
    issue = pd.Timestamp("2021-03-27 11:00", tz="UTC")
    ahead = pd.date_range("2021-03-27 23:00", periods=23, freq="h", tz="UTC")
    model = SarimaxForecaster(zone="Europe/Madrid").fit(load, until=issue)
    said = model.predict(load, issue, ahead).p50()["town"]
    assert said.idxmax().tz_convert("Europe/Madrid").hour == 8
    assert said.max() == pytest.approx(100.0, rel=0.01)
    assert said.drop(said.idxmax()).max() == pytest.approx(50.0, rel=0.01)
    back = put_together(take_apart(model))
    assert np.array_equal(back.predict(load, issue, ahead).arrays(), model.predict(load, issue, ahead).arrays())


# ------------------------------------------------------------------- Prophet


@pytest.mark.slow
def test_prophet_beats_persistence():
    pytest.importorskip("prophet", reason="the extra `prophet` is not installed")
    result = tried(ProphetForecaster, last="2021-04-16")
    scores = result.scores()
    assert scores["skill"] > 0.5
    assert 0.6 < scores["coverage"] < 1.0
    assert (result.rows["model"] == "prophet").all()


@pytest.mark.parametrize(("make", "package"), [(ProphetForecaster, "prophet"), (LstmForecaster, "torch")])
def test_an_extra_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, make: Any, package: str):
    monkeypatch.setitem(sys.modules, package, None)
    extra = {"prophet": "prophet", "torch": "deep"}[package]
    with pytest.raises(MissingExtra, match=rf"{package} is not installed.*gridloop\[{extra}\]"):
        make().fit(heated()[0], until=FIT)


# ---------------------------------------------------------------------- LSTM


@pytest.mark.slow
def test_a_small_lstm_trained_here_beats_persistence():
    """16 and 8 units, 110 days: seconds on one core. Better than both persistences, and what it says is a band."""
    pytest.importorskip("torch", reason="the extra `deep` is not installed")

    def make() -> LstmForecaster:
        return LstmForecaster(layers=(16, 8), epochs=40, patience=10, issues=8, hours_out=36, before="12h")

    result = tried(make, last="2021-04-18")
    scores = result.scores()
    assert scores["skill"] > 0.5
    assert 0.4 < scores["coverage"] < 1.0
    assert (result.rows["model"] == "lstm").all()


def test_an_lstm_is_the_same_twice_stops_early_and_comes_back():
    torch = pytest.importorskip("torch", reason="the extra `deep` is not installed")
    load, _ = heated()
    before = torch.get_rng_state()

    def made(seed: int) -> LstmForecaster:
        model = LstmForecaster(layers=(4, 4), epochs=12, patience=1, issues=1, hours_out=36, seed=seed)
        return model.fit(load, until=FIT)

    one, two, other = made(0), made(0), made(1)
    said = [m.predict(load[load.index < FIT], FIT, AHEAD).arrays() for m in (one, two, other)]
    assert np.array_equal(said[0], said[1])
    assert not np.array_equal(said[0], said[2])
    assert torch.equal(torch.get_rng_state(), before), "nobody else's chance is touched"
    losses = one.losses[0]
    assert len(losses) == 12 or losses[-1] >= min(losses[:-1])
    back = put_together(take_apart(one))
    assert np.array_equal(back.predict(load[load.index < FIT], FIT, AHEAD).arrays(), said[0])


def test_an_lstm_learns_over_a_gap_in_the_weather():
    """Two hours of temperature that nobody wrote down do not spoil weeks of training."""
    pytest.importorskip("torch", reason="the extra `deep` is not installed")
    load, air = heated()
    air.iloc[600:602] = np.nan
    model = LstmForecaster(layers=(4, 4), epochs=1, issues=1, hours_out=36).fit(load, until=FIT, weather=air)
    assert np.isfinite(model.losses[0]).all()
    assert str(model.predict(load[load.index < FIT], FIT, AHEAD, weather=air).model["town"]) == "lstm"


def test_an_lstm_that_cannot_be_trained_says_so(monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("torch", reason="the extra `deep` is not installed")
    monkeypatch.setattr("gridloop.forecast.models.lstm.LEARNING_RATE", float("inf"))
    with pytest.raises(OutOfRange, match="loss of town is not a number"):
        LstmForecaster(layers=(4, 4), epochs=1, issues=1, hours_out=36).fit(heated()[0], until=FIT)


def test_the_network_is_that_of_the_reference():
    """Two layers, 128 and 64: four gates of (inputs + units) weights and two biases each."""
    torch = pytest.importorskip("torch", reason="the extra `deep` is not installed")
    network = _network(torch, 14, 16, LstmForecaster().layers, 0.1)
    sizes = {name: sum(p.numel() for p in part.parameters()) for name, part in network.named_children()}
    assert sizes["first"] == 4 * 128 * (14 + 128 + 2)
    assert sizes["second"] == 4 * 64 * (128 + 64 + 2)
    said = network(torch.zeros(5, 168, 14), torch.zeros(5, 48, 16))
    assert said.shape == (5, 48, 3)


def test_an_lstm_with_a_thin_week_lets_persistence_stand_in():
    pytest.importorskip("torch", reason="the extra `deep` is not installed")
    load, _ = heated()
    model = LstmForecaster(layers=(4, 4), epochs=1, issues=1, hours_out=36).fit(load, until=FIT)
    thin = load[load.index < FIT].copy()
    thin.iloc[-60:] = np.nan
    assert str(model.predict(thin, FIT, AHEAD).model["town"]) == "persistence:week"
    with pytest.raises(OutOfRange, match="24 … 72"):
        LstmForecaster(hours_out=100)
