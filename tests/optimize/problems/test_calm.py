"""Steady plans: the same input gives the same bits, and noise moves no set-point."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.devices.load import Load
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.schedule import schedule
from gridloop.testing import moment

SCRIPT = Path(__file__).with_name("plan_digest.py")


def test_the_same_input_gives_the_same_plan_bit_for_bit():
    """Twice in this process, and in a fresh one with another seed for Python's hashes."""
    here = [runpy.run_path(str(SCRIPT))["digest"] for _ in range(2)]
    elsewhere = subprocess.run(
        [sys.executable, str(SCRIPT)],
        env={**os.environ, "PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert {*here, elsewhere} == {here[0]}


def quarter_hours(money: list[float], start: pd.Timestamp) -> pd.DataFrame:
    starts = pd.date_range(start, periods=len(money), freq="15min")
    return pd.DataFrame({"import_eur_per_mwh": money, "export_eur_per_mwh": np.array(money) - 5.0}, index=starts)


@pytest.fixture
def devices() -> list[Battery | EVFleet | Load]:
    """Two batteries with a little room, and a car that has time."""
    car = pd.DataFrame(
        {"bus": "", "arrival": [moment(-1)], "departure": [moment(2)], "energy_mwh": [0.1], "max_charge_mw": [0.2]},
        index=["car"],
    )
    return [
        Battery(1.0, 0.5, 0.5, initial_soc=0.9, id="a", end_value_per_mwh=50.0),
        Battery(1.0, 0.5, 0.5, initial_soc=0.9, id="b", end_value_per_mwh=50.0),
        EVFleet(car),
        Load(np.full(8, 0.6), id="load"),
    ]


def sent(plan: Plan) -> dict[str, float]:
    rows = plan.setpoints()
    return dict(zip(rows["device"], rows["value"], strict=True))


def test_a_little_noise_of_the_price_moves_no_set_point(devices):
    """Now is as cheap as later, to a few cents: without memory the plan follows them, with it, it does not."""
    rng = np.random.default_rng(7)
    base = np.array([40.0, 40.0, 40.0, 40.0, 60.0, 60.0, 40.0, 40.0])
    first = schedule(devices, quarter_hours(list(base), moment()))
    moved = []
    for _ in range(5):
        noisy = quarter_hours(list(base + rng.uniform(-0.2, 0.2, base.size)), moment())
        free, calm = sent(schedule(devices, noisy)), sent(schedule(devices, noisy, previous=first))
        assert calm == approx(sent(first), abs=1e-6)
        moved.append(max(abs(free[name] - value) for name, value in sent(first).items()))
    assert max(moved) > 0.1


def test_what_is_worth_it_is_changed_all_the_same(devices):
    first = schedule(devices, quarter_hours([40.0] * 8, moment()))
    dear = quarter_hours([400.0, *[40.0] * 7], moment())
    plan = schedule(devices, dear, previous=first)
    assert sent(plan) == approx(sent(schedule(devices, dear)), abs=1e-6)
    changed = sum(abs(sent(plan)[name] - value) for name, value in sent(first).items() if name != "load")
    assert changed > 0.5
    assert plan.parts["changes"] == approx(0.2 * changed, abs=1e-6)
    assert sum(plan.parts.values()) == approx(plan.cost)


def test_the_value_that_counts_is_the_one_for_this_moment(devices):
    """A plan made half an hour ago had 0.5 MW for now: not what it had sent then."""
    earlier = schedule(devices, quarter_hours([10.0, 10.0, 90.0, 90.0, 50.0, 50.0, 50.0, 50.0], moment()))
    had = earlier.wide("p_mw", "battery").iloc[2]
    assert (had != earlier.wide("p_mw", "battery").iloc[0]).any()
    now = moment() + pd.Timedelta(minutes=30)
    plan = schedule(devices, quarter_hours([50.0] * 8, now), previous=earlier, change_cost=1_000.0)
    assert plan.wide("p_mw", "battery").iloc[0].tolist() == approx(had.tolist(), abs=1e-6)


def test_a_table_from_the_store_serves_as_well_and_a_stranger_is_ignored(devices):
    prices = quarter_hours([40.0] * 8, moment())
    first = schedule(devices, prices)
    assert schedule(devices, prices, previous=first.table).cost == schedule(devices, prices, previous=first).cost
    stranger = Battery(1.0, 0.5, 0.5, id="new")
    plan = schedule([stranger, Load(np.full(8, 0.6), id="load")], prices, previous=first)
    assert "changes" not in plan.parts
    long_ago = first.table.assign(valid_at=first.table["valid_at"] - pd.Timedelta(days=1))
    assert "changes" not in schedule(devices, prices, previous=long_ago).parts


def test_longer_intervals_of_the_previous_plan_match_by_time(devices):
    horizon = Horizon.blocks(moment(), [(8, pd.Timedelta(hours=1))])
    prices = pd.Series([10.0] + [60.0] * 7, index=horizon.starts)
    hourly = schedule(devices, prices, horizon=horizon)
    now = moment() + pd.Timedelta(minutes=45)
    plan = schedule(devices, quarter_hours([60.0] * 8, now), previous=hourly, change_cost=1_000.0)
    assert plan.of("a", "p_mw").iloc[0] == approx(hourly.of("a", "p_mw").iloc[0], abs=1e-6)
