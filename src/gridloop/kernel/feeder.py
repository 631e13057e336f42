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
from numpy.typing import NDArray

from gridloop.kernel.compiled import inner, outer
from gridloop.kernel.elimination import Rows, SingleArray
from gridloop.kernel.lanes import LANES, anywhere_outside, bounded, fma, largest, load, root, splat, store, where
from gridloop.units import IntArray

# Status of a scenario.
CONVERGED, SLOW, DIVERGED, RESTLESS = 0, 1, 2, 3
# A lane whose change shrinks to no less than this share looks back at the iteration before from then on (Anderson).
_SLOW_SHARE = np.float32(0.3)
# The most that is made of what the iteration before taught.
_MOST_TAUGHT = np.float32(2.0)
# Active and reactive power in `FeederLoads.number`; typed at once, a literal would have a kernel compiled for each.
_ACTIVE, _REACTIVE = np.int64(0), np.int64(1)
# Voltages that have moved by more than this (per unit) are no longer a feeder's.
_RUNAWAY = 10.0
# Share of a step that is to come where the step before is not known; and the least that is believed otherwise: one step
# may shrink by luck, and the slowest part of the error is not in it yet.
_FIRST_SHARE, _LEAST_SHARE = np.float32(0.5), np.float32(0.1)


class FactorRows(NamedTuple):
    """Factors of a matrix of 2 × 2 blocks by rows, packed for substitution; numbers float32.

    lower    [row + 1]   where a row's entries of L start; lower_col the unknown, lower_val [entry, 2] the factors of
                         the row's two equations, with a minus. upper the same for D⁻¹U
    inverse  [row, 4]    D⁻¹, row by row
    """

    lower: Rows
    lower_col: Rows
    lower_val: SingleArray
    upper: Rows
    upper_col: Rows
    upper_val: SingleArray
    inverse: SingleArray


class Ports(NamedTuple):
    """Where zones hang on each other; numbers float32.

    row, above  [port]           row of every port, and of its m
    bank        [zone + 1]       where a zone's ports start; zone [port] the zone a port belongs to
    ratio       [port]           b; one [port] ones
    current     [port, 2]        i₀
    seen        [port, most, 4]  S: blocks of a port's row at the ports of its zone, in their order
    """

    row: IntArray
    above: IntArray
    bank: IntArray
    zone: IntArray
    ratio: SingleArray
    one: SingleArray
    current: SingleArray
    seen: SingleArray


class FeederPlan(NamedTuple):
    """A feeder in the order of its elimination, zone by zone from the ends to the head. Rows are free nodes; row r has
    unknowns 2r, 2r + 1, the real and imaginary part of d.

    zone   [zone, 4]  rows of every zone: first, first that iterates, first port, end
    v0     [row, 2]   base voltage, float32
    """

    zone: IntArray
    v0: SingleArray
    rows: FactorRows
    ports: Ports


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


class FeederAnswer(NamedTuple):
    """Scenarios under way, and what they came to; scenario s is lane s mod LANES of block s // LANES.

    d           [block, 2 · row, LANES]   deviations; zero to begin with
    tap         [block, control, LANES]   taps to start from; left where they came to rest
    drawn       [block, 2 · port, LANES]  r_s of every port
    going       [block, LANES]            1 where a lane is to be iterated; 0 where it has ended
    rested      [scenario]                1 where its controls are done
    status      [scenario]                CONVERGED, SLOW, DIVERGED, or RESTLESS where a control still wants to move
    iterations  [scenario]                of the loads, over all rounds of tap moves
    error       [scenario]                estimate of the largest error of a voltage that is left, per unit
    """

    d: SingleArray
    tap: NDArray[np.int32]
    drawn: SingleArray
    going: SingleArray
    rested: NDArray[np.int8]
    status: NDArray[np.int8]
    iterations: NDArray[np.int32]
    error: SingleArray


# ----- loads --------------------------------------------------------------------------------------------------------


@inner
def _end(v0, d, row, fixed_r, fixed_i):
    """Voltage of an end of a branch."""
    if row < 0:
        return splat(fixed_r), splat(fixed_i)
    return v0[row, 0] + load(d, 2 * row), v0[row, 1] + load(d, 2 * row + 1)


@inner
def _factor(number, b, part, w):
    """g(v)/v of every lane, for active (part 0) or reactive power (part 1); w is v², per unit of the rated voltage.
    b is the branch."""
    z, i, p = number[b, 2 + 3 * part], number[b, 3 + 3 * part], number[b, 4 + 3 * part]
    low, high, floor = number[b, 8], number[b, 9], number[b, 10]
    v = root(w)
    inverse = np.float32(1.0) / v
    inside = fma(inverse, fma(p, inverse, splat(i)), splat(z))
    h = where(v - high, number[b, 13 + part] / high, inside)
    if low > floor:
        rise = (number[b, 11 + part] - floor) / (low - floor)
        h = where(low - v, fma(floor - rise * floor, inverse, splat(rise)), h)
    return where(min(floor, low) - v, splat(np.float32(1.0)), h)


@inner
def _draw(v0, loads, p, q, d, x):
    """Right side of an iteration: −(I − I₀ − G d) of every branch, added at its tail and taken off at its head.

    p, q  [element, LANES]  consumption at rated voltage, per unit
    d     [2 · row, LANES]  deviations; x the right side
    """
    one = np.float32(1.0)
    for b in range(loads.tail.size):
        tail, head, n = loads.tail[b], loads.head[b], loads.number
        u, m = _end(v0, d, tail, loads.fixed[b, 0], loads.fixed[b, 1])
        if head >= 0 or loads.fixed[b, 2] != 0.0 or loads.fixed[b, 3] != 0.0:
            r, i = _end(v0, d, head, loads.fixed[b, 2], loads.fixed[b, 3])
            u, m = u - r, m - i
        inverse = n[b, 1] * n[b, 1]
        w = inverse * fma(u, u, m * m)
        element = loads.element[b]
        active, reactive = n[b, 0] * inverse * load(p, element), n[b, 0] * inverse * load(q, element)
        if loads.simple[b]:  # active and reactive power alike
            each = _factor(n, b, _ACTIVE, w) if anywhere_outside(w, n[b, 8] * n[b, 8], n[b, 9] * n[b, 9]) else one / w
            active, reactive = active * each, reactive * each
        else:
            active, reactive = active * _factor(n, b, _ACTIVE, w), reactive * _factor(n, b, _REACTIVE, w)
        # conj(S) u h, and what is on the left already
        g = loads.taken
        real = fma(g[b, 2], u, fma(g[b, 3], m, splat(g[b, 0]))) - fma(active, u, reactive * m)
        imaginary = fma(g[b, 4], u, fma(g[b, 5], m, splat(g[b, 1]))) - fma(active, m, -one * (reactive * u))
        if tail >= 0:
            store(x, 2 * tail, load(x, 2 * tail) + real)
            store(x, 2 * tail + 1, load(x, 2 * tail + 1) + imaginary)
        if head >= 0:
            store(x, 2 * head, load(x, 2 * head) - real)
            store(x, 2 * head + 1, load(x, 2 * head + 1) - imaginary)


# ----- one substitution ---------------------------------------------------------------------------------------------


@inner
def _forward(rows, first, end, x):
    for i in range(first, end):
        a, b = load(x, 2 * i), load(x, 2 * i + 1)
        for e in range(rows.lower[i], rows.lower[i + 1]):
            value = load(x, rows.lower_col[e])
            a = fma(rows.lower_val[e, 0], value, a)
            b = fma(rows.lower_val[e, 1], value, b)
        store(x, 2 * i, a)
        store(x, 2 * i + 1, b)


@inner
def _backward(rows, first, end, x):
    for reverse in range(end - first):
        i = end - 1 - reverse
        y, z = load(x, 2 * i), load(x, 2 * i + 1)
        a = fma(rows.inverse[i, 0], y, rows.inverse[i, 1] * z)
        b = fma(rows.inverse[i, 2], y, rows.inverse[i, 3] * z)
        for e in range(rows.upper[i], rows.upper[i + 1]):
            value = load(x, rows.upper_col[e])
            a = fma(rows.upper_val[e, 0], value, a)
            b = fma(rows.upper_val[e, 1], value, b)
        store(x, 2 * i, a)
        store(x, 2 * i + 1, b)


@inner
def _answer_of_zone(bank, seen, zone, k, d, row, scale):
    """S times the deviations of `row` [port], `scale` [port] times: what the zone draws more at its port k."""
    a, b = splat(np.float32(0.0)), splat(np.float32(0.0))
    for other in range(bank[zone], bank[zone + 1]):
        at, by = other - bank[zone], scale[other]
        r, m = by * load(d, 2 * row[other]), by * load(d, 2 * row[other] + 1)
        a = fma(seen[k, at, 0], r, fma(seen[k, at, 1], m, a))
        b = fma(seen[k, at, 2], r, fma(seen[k, at, 3], m, b))
    return a, b


@inner
def _substitute(plan, ratio, d, x, lanes, drawn):
    """Solve for the deviations of the rows that iterate; x holds the right side, and then the solution.

    ratio  [port, LANES]      present ratio a
    d      [2 · row, LANES]   deviations of the iteration before
    lanes  those that are going
    drawn  [2 · port, LANES]  r_s of every port; written here, in the lanes that are going
    """
    ports = plan.ports
    for zone in range(plan.zone.shape[0]):
        _forward(plan.rows, plan.zone[zone, 1], plan.zone[zone, 3], x)
        for k in range(ports.bank[zone], ports.bank[zone + 1]):
            s, m, a, b = ports.row[k], ports.above[k], load(ratio, k), ports.ratio[k]
            real, imaginary = load(x, 2 * s), load(x, 2 * s + 1)
            store(drawn, 2 * k, where(lanes, real, load(drawn, 2 * k)))
            store(drawn, 2 * k + 1, where(lanes, imaginary, load(drawn, 2 * k + 1)))
            now_r, now_i = _answer_of_zone(ports.bank, ports.seen, zone, k, d, ports.row, ports.one)
            base_r, base_i = _answer_of_zone(ports.bank, ports.seen, zone, k, d, ports.above, ports.ratio)
            real = fma(a, real - now_r, fma(b - a, splat(ports.current[k, 0]), b * base_r))
            imaginary = fma(a, imaginary - now_i, fma(b - a, splat(ports.current[k, 1]), b * base_i))
            store(x, 2 * m, load(x, 2 * m) + real)
            store(x, 2 * m + 1, load(x, 2 * m + 1) + imaginary)
    for reverse in range(plan.zone.shape[0]):
        zone = plan.zone.shape[0] - 1 - reverse
        _place_ports(ports, plan.v0, zone, ratio, x)
        _backward(plan.rows, plan.zone[zone, 1], plan.zone[zone, 2], x)


@inner
def _place_ports(ports, v0, zone, ratio, d):
    """Deviations of a zone's ports from those above them: d_s = a d_m + (a − b) V₀_m."""
    for k in range(ports.bank[zone], ports.bank[zone + 1]):
        s, m, a = ports.row[k], ports.above[k], load(ratio, k)
        change = a - ports.ratio[k]
        store(d, 2 * s, fma(a, load(d, 2 * m), change * v0[m, 0]))
        store(d, 2 * s + 1, fma(a, load(d, 2 * m + 1), change * v0[m, 1]))


# ----- the loop -----------------------------------------------------------------------------------------------------


@inner
def _any(lanes):
    """Whether any of a row [LANES] is not zero."""
    for k in range(LANES):  # noqa: SIM110  # a generator would not compile
        if lanes[k] != 0.0:
            return True
    return False


@inner
def _judge(answer, number, far, step, slow, tolerance, iteration, last):
    """Decide which lanes of a block iterate on; True where any does.

    far   [1, LANES]  largest change of the last iteration; step [LANES] of the one before, written here
    slow  [2, LANES]  1 where a lane has shown to be slow, and where it had an iteration ago; written here
    """
    any_going = False
    for k in range(LANES):
        slow[1, k] = slow[0, k]
        if answer.going[number, k] == 0.0:
            continue
        here, change = number * LANES + k, far[0, k]
        answer.iterations[here] += 1
        # The changes shrink by a steady share; what is still to come follows from it.
        share = min(max(change / step[k], _LEAST_SHARE), np.float32(1.0)) if step[k] > 0.0 else _FIRST_SHARE
        left = change * share / (np.float32(1.0) - share) if share < 1.0 else np.float32(np.inf)
        answer.error[here] = left
        if iteration > 1 and share > _SLOW_SHARE:
            slow[0, k] = 1.0
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
        answer.going[number, k] = 0.0
    return any_going


@inner
def _accelerate(zones, d, x, proposed, residual, chosen):
    """Anderson's acceleration over one iteration back, in the chosen lanes: x is what the iteration proposes for d.

    With r = x − d, and x', r' of the iteration before, the next d is x − θ (x − x') for the θ that makes r − θ (r − r')
    smallest. It tames iterations that a feeder near its limits would make grow.

    proposed, residual  [2 · row, LANES]  x' and r'; those of this iteration are left
    """
    along, size = splat(np.float32(0.0)), splat(np.float32(1e-30))
    for zone in range(zones.shape[0]):
        for u in range(2 * zones[zone, 1], 2 * zones[zone, 3]):
            r = load(x, u) - load(d, u)
            change = r - load(residual, u)
            along, size = fma(r, change, along), fma(change, change, size)
    share = where(chosen, bounded(along / size, _MOST_TAUGHT), np.float32(0.0))
    for zone in range(zones.shape[0]):
        for u in range(2 * zones[zone, 1], 2 * zones[zone, 3]):
            new = load(x, u)
            back = where(chosen, load(proposed, u), new)
            store(residual, u, new - load(d, u))
            store(proposed, u, new)
            store(x, u, new - share * (new - back))


@outer
def iterate_feeder(plan, loads, ratio, p, q, answer, room, tolerance, last):
    """Iterate the lanes that are going until none is; `last` iterations at most.

    ratio      [block, port, LANES]     present ratio of every port
    p, q       [block, element, LANES]  consumption at rated voltage, per unit, float32
    room       [3, 2 · row, LANES]      float32, memory for a block at a time
    tolerance  largest error of a voltage, per unit, as the changes let it expect
    """
    x, proposed, residual = room[0], room[1], room[2]
    far, step, slow = np.empty((1, LANES), np.float32), np.empty(LANES, np.float32), np.empty((2, LANES), np.float32)
    for number in range(p.shape[0]):
        if not _any(answer.going[number]):
            continue
        d = answer.d[number]
        step[:] = 0.0
        slow[:] = 0.0
        iteration = np.int64(0)  # typed at once: a literal would have `_judge` compiled twice
        while True:
            iteration += 1
            x[:] = 0.0
            _draw(plan.v0, loads, p[number], q[number], d, x)
            lanes = load(answer.going, number)
            _substitute(plan, ratio[number], d, x, lanes, answer.drawn[number])
            if _any(slow[0]):
                _accelerate(plan.zone, d, x, proposed, residual, load(slow, 1))
            most = splat(np.float32(0.0))
            for zone in range(plan.zone.shape[0]):
                for u in range(2 * plan.zone[zone, 1], 2 * plan.zone[zone, 3]):
                    old, new = load(d, u), load(x, u)
                    most = largest(most, new - old)
                    store(d, u, where(lanes, new, old))
            store(far, 0, most)
            if not _judge(answer, number, far, step, slow, tolerance, iteration, last):
                break


@outer
def recover_feeder(zones, rows, deviations):
    """Voltages of the rows that did not iterate; those they hang on are there already. See `FeederPlan`."""
    for number in range(deviations.shape[0]):
        d = deviations[number]
        for zone in range(zones.shape[0]):
            for u in range(2 * zones[zone, 0], 2 * zones[zone, 1]):
                store(d, u, splat(np.float32(0.0)))
            _backward(rows, zones[zone, 0], zones[zone, 1], d)
