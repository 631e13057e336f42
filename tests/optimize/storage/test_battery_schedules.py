"""Thousands of batteries at once: each as `schedule` plans it alone, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from gridloop.errors import GapInSeries, MissingColumn, OutOfRange
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.services import Reserve
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.problems.schedule import schedule
from gridloop.optimize.storage import battery_schedules
from gridloop.testing import moment


def many(n: int, seed: int = 0) -> list[Battery]:
    """Batteries of all sizes; every tenth begins below its band."""
    rng = np.random.default_rng(seed)
    return [
        Battery(
            float(rng.uniform(0.5, 5.0)), float(rng.uniform(0.1, 2.0)), float(rng.uniform(0.1, 2.0)), 0.95, 0.93,
            min_soc=0.1, max_soc=0.9, initial_soc=0.05 if k % 10 == 0 else float(rng.uniform(0.1, 0.9)),
            self_discharge_per_day=0.02 * (k % 2), id=f"b{k}",
        )
        for k in range(n)
    ]  # fmt: skip


def day(steps: int = 96, fee: float = 4.0) -> pd.DataFrame:
    """A day of quarter-hours, dear in the evening, below zero at noon."""
    hour = np.arange(steps) * 24.0 / steps
    price = 50.0 - 70.0 * np.exp(-((hour - 13.0) ** 2) / 6.0) + 90.0 * np.exp(-((hour - 19.0) ** 2) / 4.0)
    price += 0.37 * (np.arange(steps) % 7)
    starts = pd.date_range(moment(), periods=steps, freq=pd.Timedelta(hours=24.0 / steps))
    return pd.DataFrame({"import_eur_per_mwh": price + fee, "export_eur_per_mwh": price}, index=starts)


def test_by_pencil(prices):
    """1 MWh from 10 to 100: bought 1, sold 1, worn 2, one full cycle."""
    battery = Battery(
        1.0, 1.0, 1.0, 1.0, 1.0, initial_soc=0.0, end_value_per_mwh=0.0, degradation_cost=2.0, early_cost=0.0
    )
    found = battery_schedules([battery], prices([10, 100]))
    row = found.table.loc["battery"]
    assert found.p_mw["battery"].tolist() == [1.0, -1.0]
    assert found.energy_mwh["battery"].tolist() == [1.0, 0.0]
    assert row[["cost", "import", "export", "battery_wear"]].tolist() == [-88.0, 10.0, -100.0, 2.0]
    assert row[["bought_mwh", "sold_mwh", "full_cycles"]].tolist() == [1.0, 1.0, 1.0]
    assert found.p_mw.index.equals(found.horizon.starts)


def test_each_is_planned_as_alone():
    table = day()
    devices = many(12)
    found = battery_schedules(devices, table)
    for battery in devices:
        plan = schedule([battery], table)
        assert found.table.loc[battery.id, "cost"] == approx(plan.cost, rel=1e-9)
        assert found.p_mw[battery.id].tolist() == plan.of(battery.id, "p_mw").tolist()
        for name, money in plan.parts.items():
            if name in found.table:
                assert found.table.loc[battery.id, name] == approx(money, abs=1e-9)
    parts = found.table.drop(columns=["cost", "bought_mwh", "sold_mwh", "full_cycles"])
    assert parts.sum(axis=1).to_numpy() == approx(found.table["cost"].to_numpy(), abs=1e-9)


def test_any_number_of_threads_gives_the_same():
    devices = many(300)
    one, three = (battery_schedules(devices, day(), threads=threads) for threads in (1, 3))
    pd.testing.assert_frame_equal(one.p_mw, three.p_mw, check_exact=True)
    pd.testing.assert_frame_equal(one.table, three.table, check_exact=True)


def test_none_gives_none():
    found = battery_schedules([], day(4))
    assert found.p_mw.shape == (4, 0) and not len(found.table)


def test_horizons_of_any_length(prices):
    starts = pd.DatetimeIndex([moment(), moment(1), moment(4)])
    table = prices([10, 100, 50]).set_axis(starts)
    found = battery_schedules([Battery(2.0, 1.0, 1.0)], table, Horizon(starts, np.array([1.0, 3.0, 0.5])))
    assert found.table.loc["battery", "sold_mwh"] == approx(3.0 * -found.p_mw["battery"].iloc[1], rel=1e-9)


def test_what_is_wrong_is_named(prices):
    table = prices([10, 100])
    with pytest.raises(OutOfRange, match=r"1 of 2 .*\(backup\)\. Plan them with `schedule`"):
        battery_schedules([Battery(1.0, 1.0, 1.0), Battery(1.0, 1.0, 1.0, id="backup", reserve=Reserve())], table)
    with pytest.raises(OutOfRange, match="not batteries"):
        battery_schedules([Load(np.ones(2), id="mill")], table)  # type: ignore[list-item]
    with pytest.raises(OutOfRange, match="used twice: battery"):
        battery_schedules([Battery(1.0, 1.0, 1.0)] * 2, table)
    with pytest.raises(GapInSeries, match="1 of 2 prices"):
        battery_schedules([Battery(1.0, 1.0, 1.0)], table.where(table > 50))
    with pytest.raises(MissingColumn, match="import_eur_per_mwh"):
        battery_schedules([Battery(1.0, 1.0, 1.0)], table[["export_eur_per_mwh"]])


def test_more_wear_moves_less():
    found = battery_schedules([replace(b, id=f"{b.id} {wear}", degradation_cost=wear) for b in many(5) for wear in (0.5, 20.0)], day())  # fmt: skip  # noqa: E501
    moved = found.table["sold_mwh"].to_numpy().reshape(5, 2)
    assert (moved[:, 1] <= moved[:, 0] + 1e-9).all()
