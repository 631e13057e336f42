"""Chemistry: how fast a cell ages under a given stress, as laws of powers of time and of throughput.

Every law has the form y = k · xᵖ: a share y of the capacity is lost after x days, or after x full cycles, at the stress
that makes the rate k. With z = y^(1/p) that is z = k^(1/p) · x, so under a stress that changes z simply adds up:

    z = Σ k_i^(1/p) · Δx_i        y = zᵖ

whatever the order in which the stresses came. The knee, where it is known, is a second road to the end: electrodes that
crumble with the cycles. Capacity is what the worse of the two leaves. Equations: docs/math/flexibility-ageing.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gridloop.units import FloatArray

ZERO_CELSIUS_K = 273.15
SECONDS_PER_DAY = 86_400.0


@dataclass(frozen=True)
class Stress:
    """What every cycle does to a cell. [cycle]

    depth          range of the state of charge, 0 … 1
    middle         its middle
    temperature_k  mean temperature while it goes
    c_rate         mean speed of the day while the battery moves, in capacities per hour
    """

    depth: FloatArray
    middle: FloatArray
    temperature_k: FloatArray
    c_rate: FloatArray


@dataclass(frozen=True)
class Knee:
    """Active material that is lost by cycles: slowly, then all at once.

    full_cycles  full cycles under a stress after which nearly half (tanh ½) of the material is gone. [cycle]
    sharpness    power p of the law y = tanh(zᵖ / 2), z = Σ Δx / full_cycles
    begun        z of a new cell
    spare        share of the material that can go before capacity does
    """

    full_cycles: Callable[[Stress], FloatArray]
    sharpness: float
    begun: float
    spare: float


@dataclass(frozen=True)
class KnownRange:
    """What the cells were tested at; beyond it a law is a guess."""

    temperature_c: tuple[float, float]
    depth: tuple[float, float]
    c_rate: float


@dataclass(frozen=True)
class Chemistry:
    """The laws of one cell.

    calendar        share lost per day^calendar_power at a temperature [K] and a state of charge. [step]
    calendar_power  p of the calendar law
    cycling         share lost per (full cycle)^cycling_power under a stress. [cycle]
    cycling_power   p of the law of cycles
    """

    name: str
    cell: str
    source: str
    tested: KnownRange
    calendar: Callable[[FloatArray, FloatArray], FloatArray]
    calendar_power: float
    cycling: Callable[[Stress], FloatArray]
    cycling_power: float
    knee: Knee | None = None
