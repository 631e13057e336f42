"""Unbalanced three-phase flows of many scenarios: currents of the loads, iterated on one factorized matrix.

With voltages V = V₀ + d around a solved state V₀ of consumption S₀, and the currents I(V; S) that loads draw, the
nodes want Y V + I(V; S) = 0. Taking the loads' derivative G at V₀ to the left leaves

    (Y + G) d = −(I(V₀ + d; S) − I(V₀; S₀) − G d)

whose matrix is the same for all scenarios. Its right side is small where a scenario lies near S₀, and is there only at
nodes with loads; so the other nodes are eliminated beforehand, and get their voltages once, at the end. Real and
imaginary parts are two unknowns each, as I depends on conj(V): the blocks of 2 × 2 of `gridloop.kernel.elimination`.
All is float32, in deviations d: what is 0.05 per unit carries a rounding of 3e-9, far below the 1e-6 that is asked for.

Taps per scenario. Regulators cut the grid into zones; below a zone's ports, the nodes on the secondary side, its loads
and lines answer a voltage change with S d_s, less r_s (what is left of its matrix and right side when all its other
nodes are eliminated). A port is tied to a node m above it by V_s = a V_m and I_m = a I_s. With base ratio b and i₀ the
current into the port at V₀, that makes

    d_s = a d_m + (a − b) V₀_m        right side at m: a r_s − (a − b) i₀ − a S d_s + b S b d_m

where b S b stands in the matrix at m, and d_s and d_m of the iteration before on the right. Zones are forward
substituted from the ends of the feeder to its head, and back the other way.

Twin: `gridloop.powerflow.feeder.plain`. Source: the current injection method of Garcia et al. (2000), Three-phase power
flow calculations using the current injection method, with a matrix that is kept.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gridloop.kernel.elimination import Rows, SingleArray
from gridloop.kernel.lanes import LANES, anywhere_outside, fma, largest, load, root, splat, store, where
from gridloop.units import IntArray

CONVERGED, SLOW, DIVERGED, RESTLESS = 0, 1, 2, 3
# Voltages that have moved by more than this (per unit) are no longer a feeder's.
_RUNAWAY = 10.0
# Share of a step that is to come where the step before is not known: what scenarios near the base show.
_FIRST_SHARE = 0.5


class FeederPlan(NamedTuple):
    """A feeder in the order of its elimination, zone by zone from the ends to the head. Rows are free nodes; row r has
    unknowns 2r, 2r + 1, the real and imaginary part of d. All numbers float32.

    zone     [zone, 4]   rows of every zone: first, first that iterates, first port, end
    lower    [row + 1]   where a row's entries of L start; lower_col the unknown, lower_val [entry, 2] the factors of
                         the row's two equations, with a minus. upper the same for D⁻¹U. inverse [row, 4] is D⁻¹
    v0       [row, 2]    base voltage
    port     [port]      row of every port; above [port] the row of its m; bank [zone + 1] where a zone's ports start
    base     [port, 4]   b, the complex i₀, and nothing
    seen     [port, most, 4]  S: blocks of a port's row at the ports of its zone, in their order
    """

    zone: IntArray
    lower: Rows
    lower_col: Rows
    lower_val: SingleArray
    upper: Rows
    upper_col: Rows
    upper_val: SingleArray
    inverse: SingleArray
    v0: SingleArray
    port: IntArray
    above: IntArray
    bank: IntArray
    base: SingleArray
    seen: SingleArray


class FeederLoads(NamedTuple):
    """Branches of loads, see `gridloop.powerflow.feeder.loads`; float32 but for the rows.

    tail, head  [branch]     rows; −1 for ground, or a node that is held
    fixed       [branch, 4]  voltages of held ends: real and imaginary at the tail, then at the head
    element     [branch]     element it belongs to
    simple      [branch]     1 for constant power
    number      [branch, 15] share, 1/v_rated, shares z, i, p of active and of reactive power, v_low, v_high, v_floor,
                             g_low and g_high of active and of reactive power
    taken       [branch, 6]  I₀ − G u₀ (real, imaginary) and G, row by row: what is on the left already
    """

    tail: IntArray
    head: IntArray
    fixed: SingleArray
    element: IntArray
    simple: NDArray[np.int8]
    number: SingleArray
    taken: SingleArray


class TapRule(NamedTuple):
    """Controls of regulators; float32 but for the rows. Voltages in volts on the secondary of the voltage transformer.

    port      [unit]         port that every unit feeds
    control   [unit]         control that moves it
    unit      [control]      unit whose port it measures
    monitor   [control]      row whose voltage it measures
    number    [control, 9]   volts per unit, amperes of the transformer's primary per unit, r, x (0 where it does not
                             compensate), v_set, half the band, volts of one step, delay, most steps of one move
    ratio     [unit, 2]      ratio at tap 0, and per step
    limit     [control, 2]   lowest and highest tap
    rounds                   moves after which a lane gives up; 0: taps stay
    """

    port: IntArray
    control: IntArray
    unit: IntArray
    monitor: IntArray
    number: SingleArray
    ratio: SingleArray
    limit: IntArray
    rounds: int


class FeederAnswer(NamedTuple):
    """Written by the solver. v [block, 2 · row, LANES] deviations d; the others per scenario.

    status      CONVERGED, SLOW, DIVERGED, or RESTLESS where a control still wants to move
    iterations  of the loads, over all rounds; error: estimate of the largest error of a voltage that is left, per unit
    tap         [block, control, LANES]  taps to start from; left where they came to rest
    """

    d: SingleArray
    status: NDArray[np.int8]
    iterations: NDArray[np.int32]
    error: SingleArray
    tap: NDArray[np.int32]


# ----- loads --------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def _end(plan, d, row, fixed_r, fixed_i):
    """Voltage of an end of a branch."""
    if row < 0:
        return splat(fixed_r), splat(fixed_i)
    return plan.v0[row, 0] + load(d, 2 * row), plan.v0[row, 1] + load(d, 2 * row + 1)


@njit(cache=True, nogil=True)
def _factor(number, part, w):
    """g(v)/v of every lane, for active (part 0) or reactive power (1); w is v², per unit of the rated voltage."""
    z, i, p = number[2 + 3 * part], number[3 + 3 * part], number[4 + 3 * part]
    low, high, floor = number[8], number[9], number[10]
    v = root(w)
    inside = fma(p, 1.0 / w, fma(i, 1.0 / v, splat(z)))
    h = where(v - high, number[13 + part] / high, inside)
    if low > floor:
        rise = (number[11 + part] - floor) / (low - floor)
        below = rise + (floor - rise * floor) / v
        h = where(low - v, below, h)
    return where(min(floor, low) - v, splat(np.float32(1.0)), h)


@njit(cache=True, nogil=True)
def _draw(plan, loads, p, q, d, x):
    """Right side of an iteration: −(I − I₀ − G d) of every branch, added at its tail and taken off at its head.

    p, q  [element, LANES]  consumption at rated voltage, per unit
    d     [2 · row, LANES]  deviations; x the right side
    """
    one = np.float32(1.0)
    for b in range(loads.tail.size):
        tail, head, n = loads.tail[b], loads.head[b], loads.number[b]
        u, m = _end(plan, d, tail, loads.fixed[b, 0], loads.fixed[b, 1])
        if head >= 0 or loads.fixed[b, 2] != 0.0 or loads.fixed[b, 3] != 0.0:
            r, i = _end(plan, d, head, loads.fixed[b, 2], loads.fixed[b, 3])
            u, m = u - r, m - i
        inverse = n[1] * n[1]
        w = inverse * fma(u, u, m * m)
        element = loads.element[b]
        active, reactive = n[0] * inverse * load(p, element), n[0] * inverse * load(q, element)
        if loads.simple[b] and not anywhere_outside(w, n[8] * n[8], n[9] * n[9]):
            each = one / w
            active, reactive = active * each, reactive * each
        else:
            active, reactive = active * _factor(n, 0, w), reactive * _factor(n, 1, w)
        # conj(S) u h, and what is on the left already
        g = loads.taken[b]
        real = fma(g[2], u, fma(g[3], m, splat(g[0]))) - fma(active, u, reactive * m)
        imaginary = fma(g[4], u, fma(g[5], m, splat(g[1]))) - fma(active, m, -one * (reactive * u))
        if tail >= 0:
            store(x, 2 * tail, load(x, 2 * tail) + real)
            store(x, 2 * tail + 1, load(x, 2 * tail + 1) + imaginary)
        if head >= 0:
            store(x, 2 * head, load(x, 2 * head) - real)
            store(x, 2 * head + 1, load(x, 2 * head + 1) - imaginary)


# ----- one substitution ---------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def _forward(plan, first, end, x):
    for i in range(first, end):
        a, b = load(x, 2 * i), load(x, 2 * i + 1)
        for e in range(plan.lower[i], plan.lower[i + 1]):
            value = load(x, plan.lower_col[e])
            a = fma(plan.lower_val[e, 0], value, a)
            b = fma(plan.lower_val[e, 1], value, b)
        store(x, 2 * i, a)
        store(x, 2 * i + 1, b)


@njit(cache=True, nogil=True)
def _backward(plan, first, end, x):
    for reverse in range(end - first):
        i = end - 1 - reverse
        y, z = load(x, 2 * i), load(x, 2 * i + 1)
        a = fma(plan.inverse[i, 0], y, plan.inverse[i, 1] * z)
        b = fma(plan.inverse[i, 2], y, plan.inverse[i, 3] * z)
        for e in range(plan.upper[i], plan.upper[i + 1]):
            value = load(x, plan.upper_col[e])
            a = fma(plan.upper_val[e, 0], value, a)
            b = fma(plan.upper_val[e, 1], value, b)
        store(x, 2 * i, a)
        store(x, 2 * i + 1, b)


@njit(cache=True, nogil=True)
def _answer_of_zone(plan, zone, k, d):
    """S d_s at port k of a zone: the current that its lines and loads draw beyond the base for the deviations there."""
    a, b = splat(np.float32(0.0)), splat(np.float32(0.0))
    for other in range(plan.bank[zone], plan.bank[zone + 1]):
        s = plan.seen[k, other - plan.bank[zone]]
        r, m = load(d, 2 * plan.port[other]), load(d, 2 * plan.port[other] + 1)
        a = fma(s[0], r, fma(s[1], m, a))
        b = fma(s[2], r, fma(s[3], m, b))
    return a, b


@njit(cache=True, nogil=True)
def _answer_at_base(plan, zone, k, d):
    """S b d_m at port k of a zone."""
    a, b = splat(np.float32(0.0)), splat(np.float32(0.0))
    for other in range(plan.bank[zone], plan.bank[zone + 1]):
        s, ratio, m = plan.seen[k, other - plan.bank[zone]], plan.base[other, 0], plan.above[other]
        r, i = ratio * load(d, 2 * m), ratio * load(d, 2 * m + 1)
        a = fma(s[0], r, fma(s[1], i, a))
        b = fma(s[2], r, fma(s[3], i, b))
    return a, b


@njit(cache=True, nogil=True)
def _substitute(plan, ratio, d, x, going, drawn):
    """Solve for the deviations of the rows that iterate; x holds the right side, and then the solution.

    ratio  [port, LANES]      present ratio a
    d      [2 · row, LANES]   deviations of the iteration before
    drawn  [2 · port, LANES]  r_s of every port; written here, in the lanes that are going
    """
    lanes = load(going, 0)
    for zone in range(plan.zone.shape[0]):
        _forward(plan, plan.zone[zone, 1], plan.zone[zone, 3], x)
        for k in range(plan.bank[zone], plan.bank[zone + 1]):
            s, m, a, b = plan.port[k], plan.above[k], load(ratio, k), plan.base[k, 0]
            real, imaginary = load(x, 2 * s), load(x, 2 * s + 1)
            store(drawn, 2 * k, where(lanes, real, load(drawn, 2 * k)))
            store(drawn, 2 * k + 1, where(lanes, imaginary, load(drawn, 2 * k + 1)))
            now_r, now_i = _answer_of_zone(plan, zone, k, d)
            base_r, base_i = _answer_at_base(plan, zone, k, d)
            real = fma(a, real - now_r, fma(b - a, splat(plan.base[k, 1]), b * base_r))
            imaginary = fma(a, imaginary - now_i, fma(b - a, splat(plan.base[k, 2]), b * base_i))
            store(x, 2 * m, load(x, 2 * m) + real)
            store(x, 2 * m + 1, load(x, 2 * m + 1) + imaginary)
    for reverse in range(plan.zone.shape[0]):
        zone = plan.zone.shape[0] - 1 - reverse
        _place_ports(plan, zone, ratio, x)
        _backward(plan, plan.zone[zone, 1], plan.zone[zone, 2], x)


@njit(cache=True, nogil=True)
def _place_ports(plan, zone, ratio, d):
    """Deviations of a zone's ports from those above them: d_s = a d_m + (a − b) V₀_m."""
    for k in range(plan.bank[zone], plan.bank[zone + 1]):
        s, m, a = plan.port[k], plan.above[k], load(ratio, k)
        change = a - plan.base[k, 0]
        store(d, 2 * s, fma(a, load(d, 2 * m), change * plan.v0[m, 0]))
        store(d, 2 * s + 1, fma(a, load(d, 2 * m + 1), change * plan.v0[m, 1]))


@njit(cache=True, nogil=True)
def _recover(plan, ratio, d):
    """Voltages of the rows that did not iterate, from the head of the feeder to its ends.

    Rows that iterate and hang on a port or a row of another zone are there already.
    """
    for reverse in range(plan.zone.shape[0]):
        zone = plan.zone.shape[0] - 1 - reverse
        for row in range(plan.zone[zone, 0], plan.zone[zone, 1]):
            store(d, 2 * row, splat(np.float32(0.0)))
            store(d, 2 * row + 1, splat(np.float32(0.0)))
        _backward(plan, plan.zone[zone, 0], plan.zone[zone, 1], d)


# ----- the loop -----------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def _set_ratios(rule, tap, ratio):
    for u in range(rule.port.size):
        for k in range(LANES):
            ratio[rule.port[u], k] = rule.ratio[u, 0] + rule.ratio[u, 1] * tap[rule.control[u], k]


@njit(cache=True, nogil=True)
def _judge(answer, first, far, step, going, tolerance, iteration, last):
    """Decide which lanes iterate on; True where any does.

    far   [1, LANES]  largest change of the last iteration; step [LANES] of the one before, written here
    """
    any_going = False
    for k in range(LANES):
        if going[0, k] == 0.0:
            continue
        here, change = first + k, far[0, k]
        answer.iterations[here] += 1
        # The changes shrink by a steady share; what is still to come follows from it.
        share = min(change / step[k], np.float32(1.0)) if step[k] > 0.0 else np.float32(_FIRST_SHARE)
        left = change * share / (np.float32(1.0) - share) if share < 1.0 else np.float32(np.inf)
        answer.error[here] = left
        step[k] = change
        if not change < _RUNAWAY:
            answer.status[here] = DIVERGED
        elif left < tolerance:
            answer.status[here] = CONVERGED
        elif iteration == last:
            answer.status[here] = SLOW
        else:
            any_going = True
            continue
        going[0, k] = 0.0
    return any_going


@njit(cache=True, nogil=True)
def _move_taps(plan, rule, d, drawn, ratio, tap, answer, first, moves, rested, going):
    """Move the taps of the controls outside their bands, those with the shortest delay; True where any lane goes on.

    The rule is that of `gridloop.powerflow.feeder.control`.  rested [LANES] 1 where a lane has ended; written here
    """
    any_going = False
    wants = np.zeros(rule.unit.size, np.int64)
    for k in range(LANES):
        if rested[k]:
            continue
        here = first + k
        if answer.status[here] != CONVERGED:
            rested[k] = 1
            continue
        soonest = np.inf
        for c in range(rule.unit.size):
            wants[c] = 0
            port, row, n = rule.port[rule.unit[c]], rule.monitor[c], rule.number[c]
            real = plan.v0[row, 0] + d[2 * row, k]
            imaginary = plan.v0[row, 1] + d[2 * row + 1, k]
            # The current into the port: that of the base, and what the zone draws beyond it.
            zone = 0
            while plan.bank[zone + 1] <= port:
                zone += 1
            i_r = plan.base[port, 1] - drawn[2 * port, k]
            i_m = plan.base[port, 2] - drawn[2 * port + 1, k]
            for other in range(plan.bank[zone], plan.bank[zone + 1]):
                s, at = plan.seen[port, other - plan.bank[zone]], plan.port[other]
                i_r += s[0] * d[2 * at, k] + s[1] * d[2 * at + 1, k]
                i_m += s[2] * d[2 * at, k] + s[3] * d[2 * at + 1, k]
            # Compensation takes the current out of the load's side: minus.
            real = n[0] * real - n[1] * (n[2] * i_r - n[3] * i_m)
            imaginary = n[0] * imaginary - n[1] * (n[2] * i_m + n[3] * i_r)
            boost = n[4] - np.sqrt(real * real + imaginary * imaginary)
            if abs(boost) > n[5]:
                needed = np.rint(boost / n[6])
                if needed != 0.0:
                    some = min(max(np.floor(0.7 * abs(needed) + 1e-6), 1.0), n[8])
                    now = tap[c, k]
                    to = now + int(some if needed > 0 else -some)
                    wants[c] = min(max(to, rule.limit[c, 0]), rule.limit[c, 1]) - now
            if wants[c] != 0:
                soonest = min(soonest, n[7])
        if soonest == np.inf:
            rested[k] = 1
        elif moves >= rule.rounds:
            answer.status[here] = RESTLESS
            rested[k] = 1
        else:
            for c in range(rule.unit.size):
                if wants[c] != 0 and rule.number[c, 7] == soonest:
                    tap[c, k] += wants[c]
            going[0, k] = 1.0
            any_going = True
    return any_going


@njit(cache=True, nogil=True)
def solve_feeder(plan, loads, rule, p, q, answer, blocks, tolerance, last):
    """Solve the blocks from blocks[0] to blocks[1]; `last` iterations at most in each round of tap moves.

    p, q       [block, element, LANES]  consumption at rated voltage, per unit, float32
    tolerance  largest error of a voltage, per unit, as the changes let it expect
    """
    rows = plan.v0.shape[0]
    x = np.empty((2 * rows, LANES), np.float32)
    ratio = np.zeros((max(plan.port.size, 1), LANES), np.float32)
    drawn = np.zeros((2 * max(plan.port.size, 1), LANES), np.float32)
    far, going = np.empty((1, LANES), np.float32), np.empty((1, LANES), np.float32)
    step, rested = np.empty(LANES, np.float32), np.empty(LANES, np.int8)
    for number in range(blocks[0], blocks[1]):
        first, d, tap = number * LANES, answer.d[number], answer.tap[number]
        d[:] = 0.0
        going[:] = 1.0
        rested[:] = 0
        for k in range(LANES):
            answer.iterations[first + k] = 0
        moves = 0
        while True:
            _set_ratios(rule, tap, ratio)
            step[:] = 0.0
            iteration = 0
            while True:
                iteration += 1
                x[:] = 0.0
                _draw(plan, loads, p[number], q[number], d, x)
                _substitute(plan, ratio, d, x, going, drawn)
                _accept(plan, x, d, going, far)
                if not _judge(answer, first, far, step, going, tolerance, iteration, last):
                    break
            if rule.rounds == 0:
                break
            if not _move_taps(plan, rule, d, drawn, ratio, tap, answer, first, moves, rested, going):
                break
            moves += 1
        _recover(plan, ratio, d)


@njit(cache=True, nogil=True)
def _accept(plan, x, d, going, far):
    """Take the new deviations in the lanes that are going, and note their largest change."""
    lanes, most = load(going, 0), splat(np.float32(0.0))
    for zone in range(plan.zone.shape[0]):
        for u in range(2 * plan.zone[zone, 1], 2 * plan.zone[zone, 3]):
            old, new = load(d, u), load(x, u)
            most = largest(most, new - old)
            store(d, u, where(lanes, new, old))
    store(far, 0, most)
