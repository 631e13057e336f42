"""Tap controls of regulators, scenario by scenario: the rule of `gridloop.powerflow.feeder.control` on lanes.

A control sees the voltage it monitors less the compensated drop of the current into its port. Outside its band it
takes seven tenths of the steps that would bring it to its set-point, rounded down, and at least one; of all that want
to move, those with the shortest delay do.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gridloop.kernel.compiled import inner, outer
from gridloop.kernel.elimination import SingleArray
from gridloop.kernel.feeder import CONVERGED, RESTLESS
from gridloop.kernel.lanes import LANES
from gridloop.units import IntArray


class TapRule(NamedTuple):
    """Controls of regulators; float32 but for the rows. Voltages in volts on the secondary of the voltage transformer.

    port      [unit]         port that every unit feeds
    unit      [control]      unit whose port it measures
    monitor   [control]      row whose voltage it measures
    number    [control, 9]   volts per unit, amperes of the transformer's primary per unit, r, x (0 where it does not
                             compensate), v_set, half the band, volts of one step, delay, most steps of one move
    limit     [control, 2]   lowest and highest tap
    """

    port: IntArray
    unit: IntArray
    monitor: IntArray
    number: SingleArray
    limit: IntArray


@outer
def move_taps(v0, ports, rule, answer, more):
    """Move taps in the lanes that have converged; True where any lane has to be iterated again.

    more  whether further moves are allowed; a lane that still wants one is RESTLESS where not
    """
    any_going = False
    wants = np.zeros(rule.unit.size, np.int64)
    for number in range(answer.d.shape[0]):
        d, drawn, tap = answer.d[number], answer.drawn[number], answer.tap[number]
        for k in range(LANES):
            here = number * LANES + k
            if answer.rested[here]:
                continue
            soonest = np.inf
            if answer.status[here] == CONVERGED:
                for c in range(rule.unit.size):
                    wants[c] = _wanted(v0, ports, rule, d, drawn, tap, c, k)
                    if wants[c] != 0:
                        soonest = min(soonest, rule.number[c, 7])
            if soonest == np.inf:
                answer.rested[here] = 1
            elif not more:
                answer.rested[here] = 1
                answer.status[here] = RESTLESS
            else:
                for c in range(rule.unit.size):
                    if wants[c] != 0 and rule.number[c, 7] == soonest:
                        tap[c, k] += wants[c]
                answer.going[number, k] = 1.0
                any_going = True
    return any_going


@inner
def _wanted(v0, ports, rule, d, drawn, tap, c, k):
    """Steps that control c asks for in lane k; zero in its band or at its limit."""
    port, row, n = rule.port[rule.unit[c]], rule.monitor[c], rule.number
    real, imaginary = v0[row, 0] + d[2 * row, k], v0[row, 1] + d[2 * row + 1, k]
    # The current into the port: that of the base, and what the zone draws beyond it.
    zone = ports.zone[port]
    i_r, i_m = ports.current[port, 0] - drawn[2 * port, k], ports.current[port, 1] - drawn[2 * port + 1, k]
    for other in range(ports.bank[zone], ports.bank[zone + 1]):
        s, e, at = ports.seen, other - ports.bank[zone], ports.row[other]
        a, b = d[2 * at, k], d[2 * at + 1, k]
        i_r += s[port, e, 0] * a + s[port, e, 1] * b
        i_m += s[port, e, 2] * a + s[port, e, 3] * b
    real = n[c, 0] * real - n[c, 1] * (n[c, 2] * i_r - n[c, 3] * i_m)
    imaginary = n[c, 0] * imaginary - n[c, 1] * (n[c, 2] * i_m + n[c, 3] * i_r)
    boost = n[c, 4] - np.sqrt(real * real + imaginary * imaginary)
    if not abs(boost) > n[c, 5]:
        return 0
    needed = np.rint(boost / n[c, 6])
    if needed == 0.0:
        return 0
    # The small number keeps 0.7 × 10 from being a little less than 7.
    some = min(max(np.floor(0.7 * abs(needed) + 1e-6), 1.0), n[c, 8])
    to = tap[c, k] + int(some if needed > 0 else -some)
    return min(max(to, rule.limit[c, 0]), rule.limit[c, 1]) - tap[c, k]
