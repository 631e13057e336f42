"""Air compressors: what a machine delivers and takes, as its data sheet has it, and what switching it costs.

Flows are free air delivered, m³/min at 1 bar and 20 °C as ISO 1217 has it; pressures are gauge. A machine that runs may
deliver anything from nothing to its most, as a mean over an interval: a fixed-speed machine loads and unloads, a
variable one turns slower and below its least speed loads and unloads too, a modulating one throttles its inlet. Power
over flow is then a curve that begins at the idle power and bends upwards (or is straight), for a controller that may
alternate between two points gets any mixture of them.

Shares of full power that the three makers below take are those of data sheets and of the sourcebook of the U.S.
Department of Energy and the Compressed Air Challenge, "Improving Compressed Air System Performance" (third edition,
2016): unloaded screw machines 15 to 35 %, an inlet that throttles about 70 % at no flow, and about 1 % of power for
each 2 psi. That last rule is 7 % per bar. A perfect adiabatic compressor says as much: its work grows with r^a − 1,
r the ratio of absolute pressures and a = 0.2857, so that one bar more costs a · r^(a − 1) / (r^a − 1) of it: 8.0 %
at 7 bar.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np

from gridloop.optimize.devices.given_numbers import not_negative, positive, refuse
from gridloop.units import FloatArray

ATMOSPHERE_BAR = 1.01325
REFERENCE_BAR = 1.0
"""Absolute pressure of free air: a receiver of 1 m³ gives 1 m³ of it for each bar."""
PRESSURE_EFFECT = 0.07
IDLE_SHARE, MODULATING_SHARE = 0.28, 0.70
VARIABLE_SHAPE = ((0.25, 0.272), (0.4, 0.393), (0.6, 0.57), (0.8, 0.769), (1.0, 1.0))
"""Flow and power of a variable-speed screw machine in shares of full, in the style of CAGI's data sheets: best between
half and three quarters of its flow, 8 % worse per m³ at a quarter of it."""
VARIABLE_IDLE_SHARE = 0.18
# Slopes that fall by less than this, kW per m³/min, are rounding of a data sheet.
_SAME_SLOPE = 1e-6

Control = Literal["fixed", "variable", "modulating"]


@dataclass(frozen=True)
class Compressor:
    """One machine.

    control            fixed (loads and unloads), variable (speed), modulating (throttles)
    flow_m3_per_min, power_kw  points of its curve at `rated_bar`, the flows rising from above 0 to the most; power is
                       what the motor takes from the grid
    idle_kw            power where it runs and delivers nothing
    rated_bar          pressure at its outlet that the points belong to
    pressure_effect    share of its power that one bar more costs
    start_kwh, start_cost      energy and money of a start
    min_on_h, min_off_h        least times
    wear_per_h         money per hour of running
    hours_run          hours on its counter, for balancing
    on_before, since_h state before the plan, and for how long
    start_s            from the order until it delivers
    blowdown_s         time constant with which its power falls to idle after it unloads: its sump is let down
    """

    id: str
    control: Control
    flow_m3_per_min: Sequence[float]
    power_kw: Sequence[float]
    idle_kw: float
    rated_bar: float = 7.0
    pressure_effect: float = PRESSURE_EFFECT
    start_kwh: float = 0.3
    start_cost: float = 0.0
    min_on_h: float = 0.5
    min_off_h: float = 0.5
    wear_per_h: float = 0.0
    hours_run: float = 0.0
    on_before: bool = False
    since_h: float = 1000.0
    start_s: float = 20.0
    blowdown_s: float = 30.0

    def __post_init__(self) -> None:
        flow, power = (np.atleast_1d(np.asarray(v, dtype=float)) for v in (self.flow_m3_per_min, self.power_kw))
        problems = not_negative(
            self,
            ("idle_kw", "rated_bar", "pressure_effect", "start_kwh", "start_cost", "min_on_h", "min_off_h",
             "wear_per_h", "hours_run", "start_s", "blowdown_s"),
        )  # fmt: skip
        problems += positive(self, ("since_h",))
        if self.control not in ("fixed", "variable", "modulating"):
            problems.append(f"control is {self.control!r}; it is fixed, variable or modulating")
        if flow.size != power.size or flow.ndim != 1 or not flow.size:
            problems.append(f"{flow.size} flows for {power.size} powers; a curve has one of each per point")
        elif not (np.isfinite(flow).all() and np.isfinite(power).all() and flow[0] > 0 and (np.diff(flow) > 0).all()):
            problems.append("flow_m3_per_min must rise from above zero, and power_kw be numbers")
        elif 0 <= self.idle_kw < np.inf:
            problems += self._bends()
        refuse("Compressor", self, problems)

    def _bends(self) -> list[str]:
        """What is wrong with the shape of the curve."""
        flow, power = self.curve
        slope = np.diff(power) / np.diff(flow)
        if slope[0] < 0:
            return [f"it takes {power[1]:g} kW at {flow[1]:g} m³/min and {power[0]:g} kW idle; idle_kw may be no more"]
        falls = np.flatnonzero(np.diff(slope) < -_SAME_SLOPE)
        if not falls.size:
            return []
        k = int(falls[0]) + 1
        chord = power[k - 1] + (power[k + 1] - power[k - 1]) * (flow[k] - flow[k - 1]) / (flow[k + 1] - flow[k - 1])
        return [
            f"its curve bends down at {flow[k]:g} m³/min: alternating between the points beside it takes {chord:.4g} "
            f"kW there, the point says {power[k]:g} kW. Leave the point out, or give it {chord:.4g} kW"
        ]

    @property
    def curve(self) -> tuple[FloatArray, FloatArray]:
        """Flows [m³/min] and powers [kW] from idle to full, at `rated_bar`."""
        return (
            np.concatenate([[0.0], np.asarray(self.flow_m3_per_min, dtype=float)]),
            np.concatenate([[self.idle_kw], np.asarray(self.power_kw, dtype=float)]),
        )

    @property
    def most_m3_per_min(self) -> float:
        """What it delivers at full load."""
        return float(self.flow_m3_per_min[-1])

    @property
    def full_kw(self) -> float:
        """Power at full load and `rated_bar`."""
        return float(self.power_kw[-1])

    @property
    def least_m3_per_min(self) -> float:
        """The least that it delivers without unloading; a modulating one throttles to nothing."""
        return 0.0 if self.control == "modulating" else float(self.flow_m3_per_min[0])

    def at(self, bar: float) -> float:
        """Its power at this pressure, as a multiple of that at `rated_bar`."""
        return 1.0 + self.pressure_effect * (bar - self.rated_bar)

    def kw(self, flow_m3_per_min: float, bar: float) -> float:
        """Power where it runs and delivers so much on average."""
        flow, power = self.curve
        return float(np.interp(flow_m3_per_min, flow, power)) * self.at(bar)

    @classmethod
    def fixed_speed(cls, id: str, flow: float, kw: float, **more: Any) -> Self:
        """A machine that loads and unloads: full flow [m³/min] and power [kW]; idle takes 28 % of it."""
        return cls(id, "fixed", [flow], [kw], **{"idle_kw": IDLE_SHARE * kw} | more)

    @classmethod
    def variable_speed(cls, id: str, flow: float, kw: float, **more: Any) -> Self:
        """A machine with variable speed: full flow [m³/min] and power [kW], shaped as `VARIABLE_SHAPE`."""
        shape = np.array(VARIABLE_SHAPE)
        points = [float(v) for v in flow * shape[:, 0]], [float(v) for v in kw * shape[:, 1]]
        return cls(id, "variable", *points, **{"idle_kw": VARIABLE_IDLE_SHARE * kw} | more)

    @classmethod
    def modulating(cls, id: str, flow: float, kw: float, **more: Any) -> Self:
        """A machine that throttles its inlet: full flow [m³/min] and power [kW]; at no flow it takes 70 %."""
        return cls(id, "modulating", [flow], [kw], **{"idle_kw": MODULATING_SHARE * kw} | more)
