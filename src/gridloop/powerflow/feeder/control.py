"""Regulators that step their taps: voltage band, line-drop compensation, delays and limits, as OpenDSS moves them.

A control sees the voltage of its secondary coil through a voltage transformer, plus the drop (r + jx) I / I_ct of the
current into that coil (that of the load with the sign turned). Outside its band it takes seven tenths of the steps that
would bring it to its set-point, rounded down, and at least one: neighbours in series answer the same drop. In each
round only those with the shortest delay move, the flow is solved again, and all look anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridloop.powerflow.feeder.arrays import BASE_PHASE_MVA, FeederArrays
from gridloop.powerflow.feeder.nodes import GROUND
from gridloop.powerflow.feeder.plain import MAX_ITERATIONS, TOLERANCE_PU, FeederSolution, FeederSolver
from gridloop.units import ComplexArray, FloatArray, IntArray

MAX_ROUNDS = 100
# Share of the needed steps that one move takes, as observed of OpenDSS's controls.
_SHARE = 0.7


@dataclass(frozen=True)
class ControlledSolution:
    """A solution with its controls at rest, or not.

    solution  the last flow
    rounds    rounds of tap moves
    settled   True where no control wants to move any more
    wants     [control]  steps still asked for
    """

    solution: FeederSolution
    rounds: int
    settled: bool
    wants: IntArray


def solve_with_controls(
    arrays: FeederArrays,
    s: ComplexArray | None = None,
    *,
    taps: IntArray | None = None,
    tolerance: float = TOLERANCE_PU,
    max_iterations: int = MAX_ITERATIONS,
    max_rounds: int = MAX_ROUNDS,
) -> ControlledSolution:
    """The flow with every regulator at rest in its band, from taps [control] or those of the tables."""
    now = np.array(arrays.tap if taps is None else taps, dtype=np.int64)
    solution = FeederSolver(arrays, now).solve(s, tolerance=tolerance, max_iterations=max_iterations)
    wants = np.zeros(now.size, dtype=np.int64)
    for done in range(max_rounds + 1):
        if not solution.converged:
            return ControlledSolution(solution, done, False, wants)
        wants = wanted_steps(arrays, solution.v, now)
        if not wants.any():
            return ControlledSolution(solution, done, True, wants)
        if done == max_rounds:
            break
        now = now + first_to_move(arrays, wants)
        solution = FeederSolver(arrays, now).solve(
            s, start=solution.v, tolerance=tolerance, max_iterations=max_iterations
        )
    return ControlledSolution(solution, max_rounds, False, wants)


def first_to_move(arrays: FeederArrays, wants: IntArray) -> IntArray:
    """The steps of those that move in this round: the ones with the shortest delay. [control]"""
    delay = np.where(wants != 0, arrays.controls.delay, np.inf)
    return np.where(delay == delay.min(initial=np.inf), wants, 0)


def wanted_steps(arrays: FeederArrays, v: ComplexArray, taps: IntArray) -> IntArray:
    """Steps that every control asks for at voltages v [node] and taps [control]; zero in its band or at its limit."""
    c = arrays.controls
    boost = c.vreg - measured_volts(arrays, v, taps)
    step = arrays.step[c.unit]
    # NaN, where a regulator is not supplied, compares false and asks for nothing.
    out = np.abs(boost) > c.band / 2
    needed = np.rint(np.where(out, boost, 0.0) * c.pt_ratio / c.v_coil / step)
    # The small number keeps 0.7 × 10 from being a little less than 7.
    some = np.minimum(np.maximum(np.floor(_SHARE * np.abs(needed) + 1e-9), 1.0), c.max_change)
    steps = np.where(needed != 0, np.sign(needed) * some, 0.0).astype(np.int64)
    return np.asarray(np.clip(taps + steps, arrays.tap_min, arrays.tap_max) - taps, dtype=np.int64)


def measured_volts(arrays: FeederArrays, v: ComplexArray, taps: IntArray) -> FloatArray:
    """Voltage that every control sees, on the secondary of its voltage transformer. [control]"""
    c = arrays.controls
    volts = 1000.0 * _across(v, c.monitored) * _base(arrays, c.monitored) / c.pt_ratio
    amps = secondary_current(arrays, v, taps)[c.unit] * _base_amps(arrays)[c.unit]
    drop = np.where(c.compensates, (c.r + 1j * c.x) * amps / c.ct_primary_a, 0.0)
    return np.abs(volts + drop)


def secondary_current(arrays: FeederArrays, v: ComplexArray, taps: IntArray) -> ComplexArray:
    """Current into the secondary coil of every regulator unit. [unit], per unit"""
    a = arrays.ratio(taps)
    return np.asarray(arrays.y_series / a * (_across(v, arrays.secondary) / a - _across(v, arrays.primary)))


def _across(v: ComplexArray, ends: IntArray) -> ComplexArray:
    """Voltage between two nodes each, ground being zero. [pair]"""
    at = np.where(ends == GROUND, 0.0, v[ends])
    return np.asarray(at[:, 0] - at[:, 1])


def _base(arrays: FeederArrays, ends: IntArray) -> FloatArray:
    return arrays.v_base_kv[np.where(ends[:, 0] == GROUND, ends[:, 1], ends[:, 0])]


def _base_amps(arrays: FeederArrays) -> FloatArray:
    return 1000.0 * BASE_PHASE_MVA / _base(arrays, arrays.secondary)
