"""A plant planned on what was known: forecasts that see no later day, days that come in higher, and the ceiling."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from gridloop.operate.studies.process import process_study
from gridloop.operate.studies.process_base import LOOKS_H, base_ahead, looked_at_again
from gridloop.optimize.devices.process import Task
from gridloop.optimize.process.demo import demo_orders
from gridloop.optimize.process.orders import OrderBook
from gridloop.optimize.studies.process_month import process_month

QUARTER, HOUR = pd.Timedelta(minutes=15), pd.Timedelta(hours=1)


def quarters(days: int, first: str = "2026-01-05") -> pd.DatetimeIndex:
    return pd.date_range(first, periods=96 * days, freq=QUARTER, tz="UTC")


def base_of(days: int, first: str = "2026-01-05", seed: int = 0) -> pd.Series:
    rng = np.random.default_rng(seed)
    index = quarters(days, first)
    return pd.Series(0.1 + 0.02 * (index.hour < 6) + 0.005 * rng.random(len(index)), index=index)


@pytest.mark.parametrize("history", [0, 3, 40])
def test_no_forecast_knows_the_day_it_is_made_for(history):
    """Other days to come, and the same forecast; after one day something is known of each."""
    base = base_of(history + 3)
    first = base.index[96 * history]
    found = base_ahead(base, first, zone="UTC")
    assert found["p50"].notna().groupby(found.index.normalize()).all().tolist() == [history > 0, True, True]
    other = base.copy()
    other[other.index >= first + pd.Timedelta(days=1)] *= 7.0
    again = base_ahead(other, first, zone="UTC")
    same = found.index < first + pd.Timedelta(days=2)  # the second day's is made as it begins
    pd.testing.assert_frame_equal(found.loc[same].drop(columns="came"), again.loc[same].drop(columns="came"))
    assert not np.allclose(found["p50"][~same], again["p50"][~same])


def test_a_day_that_comes_in_higher_raises_the_rest_of_it():
    """1 MW was expected; from 6 to 9 it is 2: from 9 on 2 are expected, and nothing is looked at again."""
    index = quarters(1)
    came = np.where(index.hour >= 6, 2.0, 1.0)
    base = pd.DataFrame({"p50": 0.9, "p90": 1.0, "came": came}, index=index)
    found = looked_at_again(base, "p90", zone="UTC")
    assert list(found.columns) == [0.0, *LOOKS_H]
    assert found[6.0].isna().all() and found[12.0].isna().all()
    assert found[9.0].dropna().index[0].hour == 9 and found[9.0].dropna().tolist() == approx([2.0] * 60)
    less = base.assign(came=0.5)
    assert looked_at_again(less, "p90", zone="UTC")[list(LOOKS_H)].isna().all(axis=None)


def test_a_first_day_is_planned_from_what_it_showed_so_far():
    index = quarters(1)
    base = pd.DataFrame({"p50": np.nan, "p90": np.nan, "came": np.where(index.hour < 3, 0.4, 0.3)}, index=index)
    found = looked_at_again(base, "p90", zone="UTC")
    assert found[0.0].isna().all() and found[6.0].dropna().tolist() == approx([0.4] * 72)


def one_batch(base: pd.Series, windows: list[tuple[int, int]], recorded: list[int]) -> OrderBook:
    """A batch of 1 MW for an hour within hours of the first day, and when it was begun."""
    start = base.index[0]
    tasks = tuple(
        Task(f"batch {k}", [1.0] * 4, QUARTER, release=start + a * HOUR, due=start + b * HOUR)
        for k, (a, b) in enumerate(windows)
    )
    began = {task.id: start + at * HOUR for task, at in zip(tasks, recorded, strict=True)}
    return OrderBook(tasks, base, began)


def test_a_plan_is_settled_on_what_came_by_pencil():
    """Expected is a free morning, and it comes with 5 MW from 8 to 9: the batch planned there makes 6 MW."""
    index = quarters(1)
    price = pd.Series(np.where(index.hour == 8, 10.0, 50.0), index=index)
    base = pd.Series(np.where(index.hour == 8, 5.0, 0.0), index=index)
    book = one_batch(base, [(6, 12)], [11])
    blind = process_month(
        book, price, zone="UTC", peak_price=1000.0, base_ahead_mw=pd.DataFrame({0.0: 0.0}, index=index), target_mw=0.0
    )
    assert blind.began["batch 0"].hour == 8 and blind.bill("planned_mw")["peak_mw"] == approx(6.0)
    assert blind.bill("recorded_mw")["peak_mw"] == approx(5.0) and blind.facts()["target_broken_days"] == 1
    sees = process_month(book, price, zone="UTC", peak_price=1000.0)
    assert sees.began["batch 0"].hour != 8 and sees.bill("planned_mw")["peak_mw"] == approx(5.0)


def test_what_has_begun_stays_and_the_rest_is_planned_anew():
    """At 9 the afternoon turns out full: the batch that has run stays, the second one moves from 14 to 10."""
    index = quarters(1)
    price = pd.Series(np.where(index.hour == 8, 5.0, np.where(index.hour == 14, 10.0, 50.0)), index=index)
    base = pd.Series(np.where(index.hour >= 12, 3.0, 0.0), index=index)
    book = one_batch(base, [(6, 9), (9, 18)], [6, 16])
    ahead = pd.DataFrame({0.0: 0.0, 9.0: base.where(index.hour >= 9)}, index=index)
    found = process_month(book, price, zone="UTC", peak_price=1000.0, base_ahead_mw=ahead, target_mw=0.0)
    assert found.began["batch 0"].hour == 8 and 9 <= found.began["batch 1"].hour < 12 and not found.late
    once = process_month(book, price, zone="UTC", peak_price=1000.0, base_ahead_mw=ahead[[0.0]], target_mw=0.0)
    assert once.began["batch 1"].hour == 14 and once.bill("planned_mw")["peak_mw"] == approx(4.0)


def test_until_something_is_known_a_day_goes_as_it_went():
    """Recorded at 7 and 15; from 9 on something is known, and the second moves to the cheap hour."""
    index = quarters(1)
    price = pd.Series(np.where(index.hour == 11, 5.0, 50.0), index=index)
    book = one_batch(pd.Series(0.0, index=index), [(6, 12), (9, 18)], [7, 15])
    ahead = pd.DataFrame({0.0: np.nan, 9.0: np.where(index.hour >= 9, 0.0, np.nan)}, index=index)
    found = process_month(book, price, zone="UTC", base_ahead_mw=ahead)
    assert found.began["batch 0"].hour == 7 and found.began["batch 1"].hour == 11
    nothing = process_month(book, price, zone="UTC", base_ahead_mw=ahead[[0.0]])
    assert dict(nothing.began) == dict(book.began) and nothing.facts()["by_itself"] == 1


def test_both_ways_beside_the_record_and_no_batch_is_late():
    """A synthetic works of two days after four: with the base load known it is no dearer than needs be."""
    before = demo_orders(4, first="2026-01-05", heats=3, seed=1)
    book = demo_orders(2, first="2026-01-09", heats=3)
    price = pd.Series(np.where(book.base_mw.index.hour < 12, 20.0, 90.0), index=book.base_mw.index)
    said: list[str] = []
    found = process_study(book, price, zone="UTC", before=before, peak_price=5000.0, time_limit_s=0.8, say=said.append)
    facts = found.facts()
    assert facts["late"] == 0 and facts["base_as_it_came"]["late"] == 0 and facts["target_days"] == 4
    assert facts["planned"]["cost"] < facts["recorded"]["cost"]
    assert not facts["base_known"] and facts["base_as_it_came"]["base_known"]
    assert facts["base_forecast"]["models"] and facts["base_forecast"]["mae_mw"] < 0.2
    assert any(text.startswith("Base load of day") for text in said)
    assert process_study(book, price, zone="UTC", ceiling=False, time_limit_s=0.3).known is None
