"""Coming back to the grid: the window within which the breaker may close, and the actions that reach it.

Two systems that are joined with different voltages, frequencies or angles exchange what the difference drives: the
window keeps that small. `SyncWindow.ieee1547` has the limits of IEEE Std 1547-2018, table 5 (by the rating that is
joined), `SyncWindow.generator` those that IEEE Std C50.12 and C50.13 ask a synchronous machine to bear, which IEEE Std
67 refers to. Before that the grid must have been healthy for a while (IEEE Std 1547-2018, 4.10: 300 s by default).

The island is led there by two set-points of its grid-forming source. Its voltage goes to that of the grid at ramp
rate. Its frequency goes to the grid's plus a small slip, so that the angle drifts through zero; the breaker is told to
close its own closing time ahead of that. Angles are of the island less the grid, degrees, −180 … 180.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from gridloop.diagnosis import Diagnosis
from gridloop.errors import OutOfRange

STEP_S = 0.02
"""One period of 50 Hz: how often a synchroniser looks."""


@dataclass(frozen=True)
class SyncWindow:
    """The largest differences at which a breaker may close.

    frequency_hz, voltage_pu, angle_deg  on either side
    healthy_s    how long the grid must have been within its own limits before
    grid_v_pu, grid_hz  those limits
    """

    frequency_hz: float
    voltage_pu: float
    angle_deg: float
    healthy_s: float = 300.0
    grid_v_pu: tuple[float, float] = (0.917, 1.05)
    grid_hz: tuple[float, float] = (49.5, 50.1)

    def __post_init__(self) -> None:
        problems = [
            f"{name} is {getattr(self, name)}; it must be above zero"
            for name in ("frequency_hz", "voltage_pu", "angle_deg")
            if not 0 < getattr(self, name) < math.inf
        ]
        if not 0 <= self.healthy_s < math.inf:
            problems.append(f"healthy_s is {self.healthy_s}; it must not be negative")
        for name in ("grid_v_pu", "grid_hz"):
            low, high = getattr(self, name)
            if not low < high:
                problems.append(f"{name} is {low} … {high}: upside down")
        if problems:
            raise OutOfRange(f"Window for reconnection: {'; '.join(problems)}.", problems=problems)

    @classmethod
    def ieee1547(cls, s_mva: float, nominal_hz: float = 50.0) -> SyncWindow:
        """Limits by the rating that is joined: to 0.5 MVA, to 1.5 MVA, above. The grid's band as in 4.10.2."""
        # The standard's band of 59.5 … 60.1 Hz, by its distance from nominal.
        grid = (nominal_hz - 0.5, nominal_hz + 0.1)
        if s_mva <= 0.5:
            return cls(0.3, 0.10, 20.0, grid_hz=grid)
        return cls(0.2, 0.05, 15.0, grid_hz=grid) if s_mva <= 1.5 else cls(0.1, 0.03, 10.0, grid_hz=grid)

    @classmethod
    def generator(cls, nominal_hz: float = 50.0) -> SyncWindow:
        """What a synchronous machine must bear: 10°, 0.067 Hz, 5 % of voltage."""
        return cls(0.067, 0.05, 10.0, grid_hz=(nominal_hz - 0.5, nominal_hz + 0.1))

    def outside(self, frequency_hz: float, voltage_pu: float, angle_deg: float) -> list[str]:
        """What forbids closing at these differences; nothing where it is allowed."""
        found = []
        for what, value, most, unit in (
            ("frequency", frequency_hz, self.frequency_hz, "Hz"),
            ("voltage", voltage_pu, self.voltage_pu, "pu"),
            ("angle", angle_deg, self.angle_deg, "°"),
        ):
            if not abs(value) <= most:
                found.append(f"{what} differs by {value:.4g} {unit}, allowed is {most:g} {unit}")
        return found


@dataclass(frozen=True)
class Side:
    """One side of the open breaker: frequency [Hz], voltage [pu], angle [°] at the moment the synchroniser begins."""

    hz: float
    v_pu: float
    angle_deg: float = 0.0


@dataclass(frozen=True)
class Synchroniser:
    """How the island is led.

    slip_hz        frequency of the island above the grid's while the angle drifts
    hz_per_s, v_pu_per_s  how fast its set-points are moved
    closing_s      time from the order until the contacts touch
    v_range_pu, hz_range  what the grid-forming source may be set to
    timeout_s      give up after this
    """

    slip_hz: float = 0.05
    hz_per_s: float = 0.1
    v_pu_per_s: float = 0.01
    closing_s: float = 0.06
    v_range_pu: tuple[float, float] = (0.95, 1.05)
    hz_range: tuple[float, float] = (49.0, 51.0)
    timeout_s: float = 600.0

    def __post_init__(self) -> None:
        problems = [
            f"{name} is {getattr(self, name)}; it must be above zero"
            for name in ("slip_hz", "hz_per_s", "v_pu_per_s", "timeout_s")
            if not 0 < getattr(self, name) < math.inf
        ]
        if not 0 <= self.closing_s < math.inf:
            problems.append(f"closing_s is {self.closing_s}; it must not be negative")
        if problems:
            raise OutOfRange(f"Synchroniser: {'; '.join(problems)}.", problems=problems)


@dataclass(frozen=True)
class Action:
    """A step on the way: when [s], what, and why."""

    at_s: float
    what: str
    why: str


@dataclass(frozen=True)
class Closing:
    """How the island came back, or why it did not.

    closed_s   moment at which the contacts touch, from the beginning; NaN where they do not
    frequency_hz, voltage_pu, angle_deg  differences at that moment (or the last ones seen)
    actions    steps, in order
    island     what the source holds in the end
    diagnosis  why it stayed open; None where it closed
    """

    closed_s: float
    frequency_hz: float
    voltage_pu: float
    angle_deg: float
    actions: tuple[Action, ...]
    island: Side
    diagnosis: Diagnosis | None = None

    @property
    def closed(self) -> bool:
        return self.diagnosis is None


def resynchronise(
    island: Side,
    grid: Side,
    window: SyncWindow,
    by: Synchroniser | None = None,
    *,
    healthy_since_s: float = 0.0,
    until_s: float = math.inf,
) -> Closing:
    """Lead an island to the grid and close, within the window or not at all.

    healthy_since_s  how long the grid has been back already
    until_s          the contacts touch no later; what is not done by then stays open
    """
    by = by or Synchroniser()
    refused = _impossible(grid, window, by)
    wait = max(0.0, window.healthy_s - healthy_since_s)
    actions = [Action(0.0, f"wait {wait:.0f} s", f"the grid must be healthy for {window.healthy_s:.0f} s first")]
    if refused:
        return Closing(math.nan, island.hz - grid.hz, island.v_pu - grid.v_pu, _turned(island, grid),
                       (), island, _stays_open(refused, window))  # fmt: skip
    if wait + by.closing_s >= until_s:
        angle = _wrapped(_turned(island, grid) + 360.0 * (island.hz - grid.hz) * until_s)
        early = [f"the grid has been healthy for {healthy_since_s + until_s:.0f} of {window.healthy_s:.0f} s"]
        return Closing(math.nan, island.hz - grid.hz, island.v_pu - grid.v_pu, angle, tuple(actions),
                       replace(island, angle_deg=angle), _stays_open(early, window))  # fmt: skip
    slip = min(by.slip_hz, 0.9 * window.frequency_hz)
    aim = replace(island, hz=grid.hz + slip, v_pu=min(max(grid.v_pu, by.v_range_pu[0]), by.v_range_pu[1]))
    actions.append(
        Action(wait, f"frequency to {aim.hz:.3f} Hz", f"{slip:g} Hz above the grid: the angle drifts to zero")
    )
    if abs(aim.v_pu - island.v_pu) > 1e-9:
        actions.append(Action(wait, f"voltage to {aim.v_pu:.4f} pu", "that of the grid"))
    hz, v = island.hz, island.v_pu
    angle = _turned(island, grid) + 360.0 * (island.hz - grid.hz) * wait
    t = wait
    while t <= min(wait + by.timeout_s, until_s - by.closing_s):
        ahead = 360.0 * (hz - grid.hz) * by.closing_s
        there = _wrapped(angle + ahead)
        # Told within half a look of zero, so that the contacts touch as near to it as the looks allow.
        near = abs(there) <= max(0.5 * 360.0 * abs(hz - grid.hz) * STEP_S, 1e-6) + 1e-9
        steady = abs(hz - aim.hz) < 1e-9 and abs(v - aim.v_pu) < 1e-9
        if near and steady and not window.outside(hz - grid.hz, v - grid.v_pu, there):
            actions.append(Action(t, "close", f"{by.closing_s * 1e3:.0f} ms ahead of equal angles"))
            return Closing(t + by.closing_s, hz - grid.hz, v - grid.v_pu, there, tuple(actions), Side(hz, v, there))
        angle += 360.0 * (hz - grid.hz) * STEP_S
        hz += float(np.clip(aim.hz - hz, -by.hz_per_s * STEP_S, by.hz_per_s * STEP_S))
        v += float(np.clip(aim.v_pu - v, -by.v_pu_per_s * STEP_S, by.v_pu_per_s * STEP_S))
        t += STEP_S
    apart = window.outside(hz - grid.hz, v - grid.v_pu, _wrapped(angle)) or ["the angle did not pass zero in time"]
    return Closing(math.nan, hz - grid.hz, v - grid.v_pu, _wrapped(angle), tuple(actions), Side(hz, v, _wrapped(angle)),
                   _stays_open(apart, window))  # fmt: skip


def _impossible(grid: Side, window: SyncWindow, by: Synchroniser) -> list[str]:
    """What no set-point of the island can mend."""
    found = []
    if not window.grid_v_pu[0] <= grid.v_pu <= window.grid_v_pu[1]:
        found.append(
            f"the grid's voltage is {grid.v_pu:.4g} pu, allowed is {window.grid_v_pu[0]:g} … {window.grid_v_pu[1]:g}"
        )
    if not window.grid_hz[0] <= grid.hz <= window.grid_hz[1]:
        found.append(
            f"the grid's frequency is {grid.hz:.4g} Hz, allowed is {window.grid_hz[0]:g} … {window.grid_hz[1]:g}"
        )
    low, high = by.v_range_pu
    if not low - window.voltage_pu <= grid.v_pu <= high + window.voltage_pu:
        found.append(
            f"the island's source holds {low:g} … {high:g} pu, and the grid's {grid.v_pu:.4g} pu is more than "
            f"{window.voltage_pu:g} pu away"
        )
    if not by.hz_range[0] <= grid.hz + min(by.slip_hz, 0.9 * window.frequency_hz) <= by.hz_range[1]:
        found.append(f"the island's source cannot be set to the grid's {grid.hz:.4g} Hz and a slip")
    return found


def _stays_open(causes: list[str], window: SyncWindow) -> Diagnosis:
    return Diagnosis(
        "not_synchronised",
        [f"The breaker stays open: {'; '.join(causes)}."],
        "Wait for the grid, or move the source's set-points within its range.",
        {"causes": causes, "frequency_hz": window.frequency_hz, "voltage_pu": window.voltage_pu,
         "angle_deg": window.angle_deg},
    )  # fmt: skip


def _turned(island: Side, grid: Side) -> float:
    return _wrapped(island.angle_deg - grid.angle_deg)


def _wrapped(angle: float) -> float:
    """The same angle within −180 … 180."""
    return (angle + 180.0) % 360.0 - 180.0
