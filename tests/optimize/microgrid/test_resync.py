"""Reconnection: by pencil, never outside its window, and a diagnosis where nothing can reach it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloop.errors import OutOfRange
from gridloop.optimize.microgrid import resync
from gridloop.optimize.microgrid.resync import Side, Synchroniser, SyncWindow, resynchronise

WINDOW = SyncWindow.ieee1547(5.0)


@pytest.mark.parametrize(
    ("s_mva", "limits"),
    [(0.1, (0.3, 0.10, 20.0)), (0.5, (0.3, 0.10, 20.0)), (1.5, (0.2, 0.05, 15.0)), (5.0, (0.1, 0.03, 10.0))],
)
def test_the_limits_are_those_of_the_standard(s_mva: float, limits: tuple[float, float, float]):
    """IEEE Std 1547-2018, table 5."""
    window = SyncWindow.ieee1547(s_mva)
    assert (window.frequency_hz, window.voltage_pu, window.angle_deg) == limits
    assert window.healthy_s == 300.0


def test_the_angle_drifts_to_zero_by_pencil():
    """0.05 Hz turn 18° in a second: 90° behind takes 5 s, on top of the wait; the order is 60 ms ahead of it."""
    closing = resynchronise(Side(50.05, 1.0, -90.0), Side(50.0, 1.0), replace(WINDOW, healthy_s=0.0))
    assert closing.closed
    assert closing.closed_s == pytest.approx(5.0, abs=0.03)  # looks every 20 ms
    assert abs(closing.angle_deg) <= 0.5 * 18 * 0.02 + 1e-6
    assert closing.frequency_hz == pytest.approx(0.05)


def test_frequency_and_voltage_are_led_there_first():
    """0.4 Hz at 0.1 Hz/s and 0.04 pu at 0.01 pu/s: four seconds, and only then may it close."""
    closing = resynchronise(Side(49.6, 0.98, 0.0), Side(49.95, 1.02), replace(WINDOW, healthy_s=0.0))
    assert closing.closed
    assert closing.closed_s >= 4.0
    assert closing.voltage_pu == pytest.approx(0.0, abs=1e-9)
    assert [action.what.split()[0] for action in closing.actions] == ["wait", "frequency", "voltage", "close"]


def test_the_grid_must_have_been_healthy_for_a_while():
    now = resynchronise(Side(50.05, 1.0, -10.0), Side(50.0, 1.0), WINDOW)
    later = resynchronise(Side(50.05, 1.0, -10.0), Side(50.0, 1.0), WINDOW, healthy_since_s=280.0)
    assert now.closed_s >= 300.0
    assert 20.0 <= later.closed_s < now.closed_s


sides = st.builds(Side, hz=st.floats(49.0, 51.0), v_pu=st.floats(0.9, 1.1), angle_deg=st.floats(-180, 180))
grids = st.builds(Side, hz=st.floats(49.3, 50.3), v_pu=st.floats(0.88, 1.08), angle_deg=st.floats(-180, 180))
ways = st.builds(
    Synchroniser,
    slip_hz=st.floats(0.01, 0.5),
    hz_per_s=st.floats(0.02, 1.0),
    closing_s=st.floats(0.0, 0.2),
    timeout_s=st.just(60.0),
)
windows = st.sampled_from(
    [replace(SyncWindow.ieee1547(s), healthy_s=0.0) for s in (0.2, 1.0, 5.0)]
    + [replace(SyncWindow.generator(), healthy_s=0.0)]
)


def never_outside(island: Side, grid: Side, window: SyncWindow, by: Synchroniser) -> bool:
    """The law; returns whether it closed."""
    closing = resynchronise(island, grid, window, by)
    if closing.closed:
        assert not window.outside(closing.frequency_hz, closing.voltage_pu, closing.angle_deg)
        assert window.grid_hz[0] <= grid.hz <= window.grid_hz[1]
        assert window.grid_v_pu[0] <= grid.v_pu <= window.grid_v_pu[1]
        assert by.v_range_pu[0] - window.voltage_pu <= grid.v_pu <= by.v_range_pu[1] + window.voltage_pu
    else:
        assert closing.diagnosis is not None
        assert closing.diagnosis.causes
    return closing.closed


@settings(max_examples=40, deadline=None)
@given(island=sides, grid=grids, by=ways, window=windows)
def test_it_never_closes_outside_its_window(island: Side, grid: Side, by: Synchroniser, window: SyncWindow):
    never_outside(island, grid, window, by)


def test_a_planted_fault_is_found_by_that_law(monkeypatch: pytest.MonkeyPatch):
    """A synchroniser that looks at the angle of the wrong moment closes outside; the law must say so."""
    monkeypatch.setattr(SyncWindow, "outside", lambda *_: [])
    monkeypatch.setattr(resync, "_wrapped", lambda _: 0.0)
    closing = resynchronise(Side(50.05, 1.1, 120.0), Side(50.0, 1.0), replace(WINDOW, healthy_s=0.0),
                            Synchroniser(v_range_pu=(1.1, 1.1)))  # fmt: skip
    monkeypatch.undo()
    # Either the grid is too far away for its range, which still refuses, or it closed where it must not.
    assert not closing.closed or WINDOW.outside(closing.frequency_hz, closing.voltage_pu, closing.angle_deg)


@pytest.mark.parametrize(
    ("grid", "word"),
    [
        (Side(50.0, 0.80), "the grid's voltage is 0.8 pu"),
        (Side(48.0, 1.0), "the grid's frequency is 48 Hz"),
        (Side(50.4, 1.0), "the grid's frequency is 50.4 Hz"),
    ],
)
def test_a_sick_grid_is_named(grid: Side, word: str):
    closing = resynchronise(Side(50.0, 1.0), grid, WINDOW)
    assert not closing.closed
    assert word in str(closing.diagnosis)


def test_a_source_that_cannot_reach_the_voltage_is_named():
    by = Synchroniser(v_range_pu=(0.95, 1.0))
    closing = resynchronise(Side(50.0, 1.0), Side(50.0, 1.045), WINDOW, by)
    assert "holds 0.95 … 1 pu" in str(closing.diagnosis)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [({"angle_deg": 0.0}, "angle_deg"), ({"grid_hz": (51.0, 49.0)}, "upside down"), ({"healthy_s": -1.0}, "healthy_s")],
)
def test_bad_windows_are_refused(wrong: dict[str, object], word: str):
    with pytest.raises(OutOfRange, match=word):
        replace(WINDOW, **wrong)
