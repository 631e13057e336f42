"""Planted faults on recorded load: a fortnight of Spain in January 2017, as the benchmark plants them all year."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from benchmarks.forecast_faults import PROMISED, ROOM, Place, in_spain, plant_a_year
from benchmarks.harness import Bench

from benchmarks import forecast_faults
from gridloop.forecast import DayAheadForecaster
from gridloop.forecast.operation import GuardedForecaster


@pytest.fixture
def place(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(forecast_faults, "UNGUARDED_EVERY", 1000)
    spain = in_spain(Bench(data=str(data_dir)))
    first = spain.load.index[0].tz_convert(spain.zone).replace(year=2016)
    return replace(spain, load=spain.load[spain.load.index >= first], make=lambda: DayAheadForecaster(
        zone=spain.zone, trees=10))  # fmt: skip


def planted(place: Place, days: int = 14) -> dict[str, Any]:
    return plant_a_year(place, days=days, every=1, seed=3, say=lambda text: None)


@pytest.mark.data
@pytest.mark.slow
def test_every_planted_fault_ends_in_its_named_fallback(place: Place):
    found = planted(place)
    for kind, tally in found["faults"].items():
        if kind in PROMISED:
            assert tally["caught"] == tally["named_rightly"] == 1.0, kind
            assert tally["over_persistence"] <= ROOM, kind
    assert found["clean"]["false_alarms"] == 0.0


@pytest.mark.data
@pytest.mark.slow
def test_a_guard_that_does_not_look_is_found_out(place: Place, monkeypatch: pytest.MonkeyPatch):
    """The planted bug: a guard without checks. What is frozen, shifted or in kW goes through, and costs."""
    monkeypatch.setattr(forecast_faults, "GuardedForecaster", lambda made: GuardedForecaster(made, checks=()))
    found = planted(place, days=5)["faults"]
    assert all(found[kind]["caught"] == 0.0 for kind in ("frozen", "shifted", "unit", "negative"))
    assert found["unit"]["over_persistence"] > ROOM
    assert found["stale"]["caught"] == 1.0
