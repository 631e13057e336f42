"""One equivalent machine of an island: swing and droop, its step response in closed form, and load shedding by stages.

With ω the deviation of the frequency from its set-point and all powers per unit of the machine's rating S:

    2H dω/dt = p − l − D ω          swing: what is given less what is taken, against the stored energy H S
    T dp/dt  = −ω/R − p             droop R behind a lag T; p stays within the headroom [−down, up]

A grid-forming inverter whose droop acts on its power through a filter of time τ is the same with 2H = τ/R, D = 1/R and
no droop of its own (`SwingMachine.of_inverter`). After a step l of load the linear model has the answer

    ω(t) = −l (1/K + A₁ e^{s₁t} + A₂ e^{s₂t}),   K = D + 1/R,   A_k = (1 + s_k T) / (2HT s_k (s_k − s_other))

with s₁, s₂ the roots of 2HT s² + (2H + DT) s + K = 0 (Kundur, Power System Stability and Control, chapter 11). From it
follow the rate of change at the first moment, −l/2H, the steady state, −l/K, and the nadir, where dω/dt = 0.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import expm

from gridloop.errors import OutOfRange
from gridloop.units import FloatArray

STEP_S = 0.005
"""Of the simulation; exact between two steps while nothing switches, so that it only times what switches."""
SAME_ROOT = 1e-9
FIRST_S = 0.5


class Stage(NamedTuple):
    """A stage of under-frequency load shedding: below which frequency, how much load goes [MW], after which time."""

    below_hz: float
    shed_mw: float
    delay_s: float = 0.15


@dataclass(frozen=True)
class SwingMachine:
    """The equivalent machine of an island.

    s_mva       rating that the per-unit numbers stand on
    inertia_s   H: stored energy over the rating, of a rotor or as an inverter imitates it
    damping     D: power per unit of frequency that loads and dampers give; 0 and above
    droop       R: fall of the frequency, per unit, at full power; infinite: no droop
    response_s  T: lag of the droop
    up_mw, down_mw  headroom: how much more and how much less than now it can give
    nominal_hz  frequency that per unit stands on
    """

    s_mva: float
    inertia_s: float
    damping: float = 1.0
    droop: float = 0.04
    response_s: float = 0.1
    up_mw: float = math.inf
    down_mw: float = math.inf
    nominal_hz: float = 50.0

    def __post_init__(self) -> None:
        problems = [
            f"{name} is {getattr(self, name)}; it must be above zero"
            for name in ("s_mva", "inertia_s", "nominal_hz", "droop")
            if not getattr(self, name) > 0 or (name != "droop" and math.isinf(getattr(self, name)))
        ]
        problems += [
            f"{name} is {getattr(self, name)}; it must not be negative"
            for name in ("damping", "response_s", "up_mw", "down_mw")
            if not getattr(self, name) >= 0 or (name in ("damping", "response_s") and math.isinf(getattr(self, name)))
        ]
        if not problems and self.stiffness == 0:
            problems.append("it has neither damping nor droop: no frequency would hold; give droop, such as 0.04")
        if problems:
            raise OutOfRange(f"Machine of an island: {'; '.join(problems)}.", problems=problems)

    @classmethod
    def of_inverter(cls, s_mva: float, droop: float, filter_s: float, **more: Any) -> SwingMachine:
        """A grid-forming inverter with droop on its filtered power. Its headroom cannot be seen in this form."""
        return cls(s_mva, filter_s / (2 * droop), 1 / droop, math.inf, 0.0, **more)

    @property
    def stiffness(self) -> float:
        """K = D + 1/R: power per frequency in the steady state, per unit."""
        return self.damping + 1.0 / self.droop

    # ------------------------------------------------------------- closed form

    def response_hz(self, step_mw: float, at_s: FloatArray) -> FloatArray:
        """Deviation of the frequency after so much more load, at some times; without limits or stages. [Hz]"""
        t = np.asarray(at_s, dtype=float)
        size = -step_mw / self.s_mva * self.nominal_hz
        if self.response_s == 0 or math.isinf(self.droop):
            return np.asarray(size / self.stiffness * (1 - np.exp(-self.stiffness * t / (2 * self.inertia_s))))
        s1, s2 = self._roots()
        two_ht = 2 * self.inertia_s * self.response_s
        a1, a2 = ((1 + s * self.response_s) / (two_ht * s * (s - o)) for s, o in ((s1, s2), (s2, s1)))
        found = 1 / self.stiffness + a1 * np.exp(s1 * t) + a2 * np.exp(s2 * t)
        return np.asarray(size * found.real)

    def nadir_hz(self, step_mw: float) -> tuple[float, float]:
        """The furthest deviation of the linear model, and when. [Hz], [s] (infinite where it only settles)"""
        settled = self.steady_hz(step_mw)
        if self.response_s == 0 or math.isinf(self.droop):
            return settled, math.inf
        s1, s2 = self._roots()
        above, below = 1 + s2 * self.response_s, 1 + s1 * self.response_s
        if abs(s1.imag) > 0:
            turn = cmath.phase(above / below) % (2 * math.pi)
            t = turn / (2 * s1.imag)
        else:
            ratio = (above / below).real
            gap = (s1 - s2).real
            t = math.log(ratio) / gap if ratio > 0 else math.inf
        if not 0 < t < math.inf:
            return settled, math.inf
        return float(self.response_hz(step_mw, np.array([t]))[0]), t

    def rocof_hz_per_s(self, step_mw: float) -> float:
        """Rate of change at the first moment."""
        return -step_mw / self.s_mva * self.nominal_hz / (2 * self.inertia_s)

    def steady_hz(self, step_mw: float) -> float:
        """Deviation once it has settled."""
        return -step_mw / self.s_mva * self.nominal_hz / self.stiffness

    def _roots(self) -> tuple[complex, complex]:
        """s₁ with the larger imaginary, or the larger real part; equal ones are moved apart by a hair."""
        h, t = self.inertia_s, self.response_s
        a, b = 2 * h * t, 2 * h + self.damping * t
        root = cmath.sqrt(b * b - 4 * a * self.stiffness)
        if abs(root) < SAME_ROOT * b:
            root = complex(SAME_ROOT * b)
        return (-b + root) / (2 * a), (-b - root) / (2 * a)

    # ------------------------------------------------------------- with limits and stages

    def simulate(
        self,
        step_mw: float,
        stages: Sequence[Stage] = (),
        *,
        start_hz: float | None = None,
        seconds: float = 20.0,
        over_hz: float = math.inf,
        over_mw_per_hz: float = 0.0,
        over_max_mw: float = math.inf,
    ) -> Swing:
        """Frequency after a step of load, with the machine's headroom, shedding by stages, and generation that gives
        way above `over_hz` (by so much per Hz, by `over_max_mw` at most).

        start_hz  frequency before (its set-point is the same); nominal by default
        """
        return _simulate(
            self, step_mw, stages, start_hz or self.nominal_hz, seconds, over_hz, over_mw_per_hz, over_max_mw
        )


@dataclass(frozen=True)
class Swing:
    """What a step did to the frequency. times [s], hz [Hz]

    lowest_hz, highest_hz, settled_hz  extremes, and where it ends
    rocof_hz_per_s  steepest change of the first half second, over 0.1 s (the sign says which way)
    shed            stages that acted: number and time [s]
    shed_mw, curtailed_mw  what they took off; what generation gave way by at the end
    """

    times: FloatArray
    hz: FloatArray
    rocof_hz_per_s: float
    shed: tuple[tuple[int, float], ...] = ()
    shed_mw: float = 0.0
    curtailed_mw: float = 0.0
    at_limit: bool = False
    notes: tuple[str, ...] = field(default=())

    @property
    def lowest_hz(self) -> float:
        return float(self.hz.min())

    @property
    def highest_hz(self) -> float:
        return float(self.hz.max())

    @property
    def settled_hz(self) -> float:
        return float(self.hz[-1])


def _simulate(
    m: SwingMachine,
    step_mw: float,
    stages: Sequence[Stage],
    start_hz: float,
    seconds: float,
    over_hz: float,
    over_mw_per_hz: float,
    over_max_mw: float,
) -> Swing:
    order = sorted(range(len(stages)), key=lambda k: -stages[k].below_hz)
    first_order = m.response_s == 0 or math.isinf(m.droop)
    low, high = -m.down_mw / m.s_mva, m.up_mw / m.s_mva
    moved = _exact_step(m)
    alone = math.exp(-m.damping * STEP_S / (2 * m.inertia_s))  # with the droop at its limit, or none
    pushed = STEP_S / (2 * m.inertia_s) if m.damping == 0 else (1 - alone) / m.damping
    count = max(1, round(seconds / STEP_S))
    hz = np.empty(count + 1)
    hz[0] = start_hz
    omega, p, load = 0.0, 0.0, step_mw / m.s_mva
    below = dict.fromkeys(order, 0.0)
    shed: list[tuple[int, float]] = []
    given_way, limited = 0.0, False
    for k in range(count):
        taken = load + given_way / m.s_mva
        if first_order:
            held = 0.0
            if not math.isinf(m.droop):
                held = min(high, max(low, -omega / m.droop))
            if m.response_s == 0 and not math.isinf(m.droop) and low < held < high:
                rate = math.exp(-m.stiffness * STEP_S / (2 * m.inertia_s))
                omega = omega * rate - taken * (1 - rate) / m.stiffness
            else:
                omega = omega * alone + (held - taken) * pushed
            limited |= held in (low, high)
        else:
            was = omega
            omega, p = (
                moved[0][0] * was + moved[0][1] * p + moved[0][2] * taken,
                moved[1][0] * was + moved[1][1] * p + moved[1][2] * taken,
            )
            if not low <= p <= high:
                # The lag's output is at its limit: the swing goes on against what is given at most.
                p = min(high, max(low, p))
                omega = was * alone + (p - taken) * pushed
                limited = True
        hz[k + 1] = start_hz + omega * m.nominal_hz
        given_way = min(over_max_mw, max(0.0, (hz[k + 1] - over_hz) * over_mw_per_hz)) if over_mw_per_hz else 0.0
        for stage in [s for s in order if s in below]:
            below[stage] = below[stage] + STEP_S if hz[k + 1] < stages[stage].below_hz else 0.0
            if below[stage] >= stages[stage].delay_s - STEP_S / 2 and below[stage] > 0:
                load -= stages[stage].shed_mw / m.s_mva
                shed.append((stage, (k + 1) * STEP_S))
                del below[stage]
    window = min(count, round(0.1 / STEP_S))
    slopes = ((hz[window:] - hz[:-window]) / (window * STEP_S))[: round(FIRST_S / STEP_S)]
    # The way it set out: a fast source brings it back as steeply.
    steepest = float(slopes[np.argmax(slopes * np.sign(slopes[0]))])
    return Swing(
        STEP_S * np.arange(count + 1, dtype=float), hz, steepest, tuple(shed), sum(stages[s].shed_mw for s, _ in shed),
        given_way, limited,
    )  # fmt: skip


def _exact_step(m: SwingMachine) -> list[list[float]]:
    """(ω, p) after a step from (ω, p, load): rows of the exponential of the linear system, load constant over it."""
    if m.response_s == 0 or math.isinf(m.droop):
        return [[0.0] * 3, [0.0] * 3]
    h2, t = 2 * m.inertia_s, m.response_s
    system = np.array([[-m.damping / h2, 1 / h2, -1 / h2], [-1 / (m.droop * t), -1 / t, 0.0], [0.0, 0.0, 0.0]])
    rows: list[list[float]] = expm(system * STEP_S)[:2].tolist()
    return rows
