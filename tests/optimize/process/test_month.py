"""Order books and their month: a meter taken apart and put together again, planned day by day, each batch in time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from gridloop.errors import GapInSeries, OutOfRange, OutsideData
from gridloop.io.prices import read_prices
from gridloop.io.steel_plant import read_steel_plant
from gridloop.market.time_of_use import korean_industrial_2012
from gridloop.optimize.devices.power_profile import HOUR
from gridloop.optimize.process.demo import demo_orders
from gridloop.optimize.process.recorded import recorded_batches
from gridloop.optimize.studies.process_month import process_month

QUARTER = pd.Timedelta(minutes=15)


def record(days: int = 1) -> pd.Series:
    """Idle at 0.1 MW; from 8 to 12 one line of 1 MW, from 9 to 10 a second one."""
    index = pd.date_range("2026-01-05", periods=96 * days, freq=QUARTER, tz="UTC")
    hour = np.asarray(index.hour)
    return pd.Series(0.1 + ((hour >= 8) & (hour < 12)) + ((hour >= 9) & (hour < 10)), index=index)


def test_a_record_by_pencil():
    """Two batches of two hours on the first line, the second hot after the first; one of an hour on the second."""
    book = recorded_batches(record(), zone="UTC", lines=2)
    table = book.table()
    assert table["holds"].tolist() == ["line 1", "line 2", "line 1"]
    assert table["energy_mwh"].tolist() == approx([2.0, 1.0, 2.0])
    assert [at.hour for at in table["recorded_begin"]] == [8, 9, 10]
    assert book.base_mw.to_numpy() == approx(np.full(96, 0.1))
    second = next(task for task in book.tasks if task.id.endswith("line 1 batch 2"))
    assert [(stage.task, stage.most) for stage in second.stages] == [("2026-01-05 line 1 batch 1", HOUR)]
    assert (second.release, second.due) == (pd.Timestamp("2026-01-05", tz="UTC"), pd.Timestamp("2026-01-06", tz="UTC"))


def test_windows_are_the_shift_and_hold_what_was_recorded():
    book = recorded_batches(record(), zone="UTC", lines=1, window_h=(9, 18))
    assert [task.release.hour for task in book.tasks] == [8, 9]  # recorded before its shift: it keeps its begin
    assert all(task.due.hour == 18 for task in book.tasks)
    assert not book.late(book.began)


def test_nothing_is_lost_or_won():
    rng = np.random.default_rng(0)
    load = record(4) * rng.uniform(0.5, 1.5, 96 * 4)
    for lines in (1, 3, 5):
        book = recorded_batches(load, zone="Europe/Berlin", lines=lines)
        assert (book.base_mw >= 0).all()
        assert book.load_mw().to_numpy() == approx(load.to_numpy(), abs=1e-12)  # sums of a few doubles


def test_bad_records_are_refused():
    gap = record()
    gap.iloc[3] = np.nan
    with pytest.raises(GapInSeries, match="1 of 96 values are missing"):
        recorded_batches(gap, zone="UTC")
    with pytest.raises(OutOfRange, match="lines is 0"):
        recorded_batches(record(), zone="UTC", lines=0)
    with pytest.raises(OutOfRange, match="window_h"):
        recorded_batches(record(), zone="UTC", window_h=(10, 8))


def test_a_day_by_pencil():
    """Nights at 10, days at 100: all five hours of work move to the night, one line at a time."""
    book = recorded_batches(record(), zone="UTC", lines=2)
    price = pd.Series(np.where(book.base_mw.index.hour < 6, 10.0, 100.0), index=book.base_mw.index)
    found = process_month(book, price, zone="UTC")
    assert found.bill("recorded_mw")["energy_cost"] == approx(100 * 5 + 0.1 * (6 * 10 + 18 * 100))
    assert found.bill("planned_mw")["energy_cost"] == approx(10 * 5 + 0.1 * (6 * 10 + 18 * 100))
    assert not found.late and found.facts()["late"] == 0
    shared = process_month(book, price, zone="UTC", peak_price=1e6)
    assert shared.bill("planned_mw")["peak_mw"] == approx(1.1) and shared.target_mw == approx(1.1)


def test_prices_that_do_not_cover_the_orders_are_refused():
    book = recorded_batches(record(2), zone="UTC")
    with pytest.raises(OutsideData, match="prices are missing for"):
        process_month(book, pd.Series(10.0, index=book.base_mw.index[:96]), zone="UTC")


def test_orders_due_after_the_book_are_refused():
    book = recorded_batches(record(), zone="UTC", lines=1)
    later = replace(book, tasks=(replace(book.tasks[0], due=book.tasks[0].due + HOUR), *book.tasks[1:]))
    with pytest.raises(OutsideData, match=r"1 tasks are due after the base load ends .*batch 1"):
        process_month(later, pd.Series(10.0, index=book.base_mw.index), zone="UTC")


def test_the_synthetic_works_say_so_and_run_in_time():
    book = demo_orders(1, heats=3)
    assert "synthetic" in book.source and not book.late(book.began)
    price = pd.Series(np.where(book.base_mw.index.hour < 12, 20.0, 90.0), index=book.base_mw.index)
    found = process_month(book, price, zone="UTC", peak_price=5000.0, time_limit_s=1.0)
    was, now = (found.bill(column) for column in ("recorded_mw", "planned_mw"))
    assert now["cost"] < was["cost"] and now["energy_mwh"] == approx(was["energy_mwh"]) and not found.late
    ends = {task.id: found.began[task.id] + task.hours * HOUR for task in book.tasks}
    for task in book.tasks:
        for stage in task.stages:
            wait = found.began[task.id] - ends[stage.task]
            assert pd.Timedelta(0) <= wait <= stage.most


def test_the_korean_tariff_by_its_table():
    index = pd.DatetimeIndex(["2018-01-10 10:30", "2018-01-10 02:00", "2018-07-10 14:00", "2018-04-10 12:30"])
    price = korean_industrial_2012(index.tz_localize("Asia/Seoul").tz_convert("UTC"))
    assert price.tolist() == [139_100.0, 52_400.0, 162_600.0, 67_200.0]


@pytest.mark.data
def test_the_steel_plant_is_read_as_it_is(data_dir):
    plant = read_steel_plant(data_dir / "industry" / "steel_plant_2018.csv")
    assert len(plant) == 35_040 and plant.index[0] == pd.Timestamp("2018-01-01", tz="Asia/Seoul")
    assert plant["p_mw"].sum() / 4 == approx(959.63673, abs=1e-4)  # awk: the sum of the file's kWh
    assert plant["p_mw"].iloc[0] == approx(3.17 * 4 / 1000)
    assert plant["p_mw"].max() == approx(157.18 * 4 / 1000)


@pytest.mark.data
@pytest.mark.slow
def test_days_of_the_steel_plant_against_day_ahead_prices(data_dir):
    """The month is in benchmarks; here two working days in their shift: lower cost and peak, all in time."""
    zone = "Etc/GMT-1"
    plant = read_steel_plant(data_dir / "industry" / "steel_plant_2018.csv", zone=zone)["p_mw"].iloc[96 : 3 * 96]
    book = recorded_batches(plant, zone=zone, window_h=(6, 22))
    assert book.load_mw().to_numpy() == approx(plant.to_numpy(), abs=1e-12)
    table = read_prices(
        data_dir / "prices" / "Netherlands_day-ahead-2015-2024.csv", zone, start=plant.index[0],
        end=plant.index[-1] + QUARTER,
    )  # fmt: skip
    price = table["import_eur_per_mwh"].reindex(plant.index, method="ffill")
    found = process_month(book, price, zone=zone, peak_price=10_000.0, time_limit_s=2.0)
    saved = found.facts()["saved"]
    assert saved["energy_cost"] > 0 and saved["peak_mw"] > 0 and not found.late
    assert saved["energy_mwh"] == approx(0.0, abs=1e-9)
