"""Leakage: found from idle periods, through a few uses of air and gaps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gridloop.errors import MissingColumn, OutOfRange
from gridloop.optimize.compressors.leakage import estimate_leakage
from gridloop.optimize.compressors.machine import ATMOSPHERE_BAR


def readings(n: int = 60, volume: float = 30.0, leak: float = 5.0, seed: int = 0) -> pd.DataFrame:
    """A receiver that a small machine fills now and then, minute by minute; leaks of `leak` at 6 bar."""
    rng = np.random.default_rng(seed)
    bar, pressure, flow = 6.8, [], []
    for _ in range(n):
        delivered = 12.0 if bar < 6.5 else 0.0
        pressure.append(bar + 0.002 * rng.standard_normal())
        flow.append(delivered)
        bar += (delivered - leak * (bar + ATMOSPHERE_BAR) / (6.0 + ATMOSPHERE_BAR)) / volume
    index = pd.date_range("2026-01-04", periods=n, freq="min", tz="UTC")
    return pd.DataFrame({"pressure_bar": pressure, "flow_m3_per_min": flow, "idle": True}, index=index)


def test_leaks_are_found_at_any_pressure():
    found = estimate_leakage(readings(), 30.0, at_bar=6.0)
    assert found.m3_per_min == pytest.approx(5.0, rel=0.03)
    assert found.low <= found.m3_per_min <= found.high
    assert found.at(7.0) == pytest.approx(found.m3_per_min * 8.01325 / 7.01325)


def test_a_use_of_air_in_the_night_and_gaps_do_not_move_it():
    table = readings()
    table.loc[table.index[20:24], "flow_m3_per_min"] += 8.0
    table.iloc[40, 0] = np.nan
    assert estimate_leakage(table, 30.0, at_bar=6.0).m3_per_min == pytest.approx(5.0, rel=0.04)


def test_what_cannot_be_estimated():
    with pytest.raises(OutOfRange, match="0 idle intervals with pressure and flow; 8 are needed"):
        estimate_leakage(readings().assign(idle=False), 30.0)
    with pytest.raises(MissingColumn, match="idle missing"):
        estimate_leakage(readings().drop(columns="idle"), 30.0)
    with pytest.raises(OutOfRange, match="volume_m3 is 0"):
        estimate_leakage(readings(), 0.0)
