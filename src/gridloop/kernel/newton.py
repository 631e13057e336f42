"""AC power flow of many scenarios at once: Newton's method on blocks of lanes.

A node i injects S_i = V_i conj(Σ_k Y_ik V_k). Unknown are the angle θ_i of every node but the sources and the
logarithm of the magnitude, ln v_i, of those whose magnitude nobody holds. With E_ik = V_i conj(Y_ik V_k) the
derivatives are

    ∂S_i/∂θ_k = −j E_ik + δ_ik j S_i        ∂S_i/∂ln v_k = E_ik + δ_ik S_i

and a step x = (δθ, δln v) that solves J x = S_wanted − S moves the voltage to V exp(δln v + j δθ). Two ways to take
steps share this arithmetic:

- `solve_with_shared_matrix` (the chord, or Shamanskii, method) keeps J as it was at the start for all scenarios:
  factorized once, a step costs one mismatch and one substitution. The error shrinks by a constant share per step,
  small where the scenarios lie near the start; looking back at the step before (Anderson) makes it smaller. A lane
  that shrinks too slowly gives up at once.
- `solve_with_own_matrix` renews J in every lane and step: quadratic, whatever the scenario asks for. For those that
  gave up, and for lanes that hold other nodes than the rest.

Matrices and steps are float32, voltages and mismatches float64: a step that is off by 1e-7 of its length costs a step
more at most, and what decides is the mismatch. A lane that has converged, or failed, is left as it is; so its result
does not depend on which others stand in its block.

Twin: tests/kernel/plain.py. Derivation: docs/math/powerflow.md. Source: Tinney and Hart (1967); Shamanskii (1967) for
the matrix that is kept; Stott (1974) for ln v.
"""

from __future__ import annotations

import numpy as np

from gridloop.kernel.block import Asked, add_changes
from gridloop.kernel.compiled import inner, outer
from gridloop.kernel.elimination import factorize_lanes, solve_lanes, solve_shared
from gridloop.kernel.lanes import (
    LANES,
    bounded,
    double,
    fma,
    largest,
    load,
    single,
    splat,
    store,
    where,
)

# Status of a scenario.
CONVERGED, SLOW, DIVERGED = 0, 1, 2
# A lane gives the shared matrix up when a step leaves more than this share of the mismatch: Newton's own matrix then
# costs less than the steps to come.
SLOW_SHARE = 0.7
_PATIENCE = 2
# The largest change of ln v or θ in a step with an own matrix. A longer one leaves the region where the equations
# resemble their linearization; bounding it keeps the numbers finite.
_LONGEST_STEP = 1.0
# Steps from this one on look back at the one before. The first steps of a scenario near the start need no help.
ACCELERATED = 2
# The largest share of what the step before taught that is taken; beyond it, it taught little.
_LONGEST_SHARE = 0.5
# Mismatches are compared as float32: what counts as met stays below what is allowed by more than their rounding.
_MET = 1.0 - 1e-6
# A mismatch beyond this (per unit) has left every grid behind.
_LOST = 1e12


# How the lanes of a block are getting on: rows of an array [6, LANES]. Largest mismatch as a multiple of what is
# allowed, the same a step ago, the largest mismatch per unit; 1 where the lane goes on, 0 where it has ended; what
# the nodes with a share add, and what they are to add from the next step on.
_OVER, _BEFORE, _WORST, GOING, _ADDED, _TO_ADD = range(6)

# ----- one step -----------------------------------------------------------------------------------------------------


@inner
def _injected(grid, vr, vi, i):
    """Active and reactive power that position i injects into the grid as it is without changes."""
    ir, ii = splat(0.0), splat(0.0)
    for e in range(grid.start[i], grid.start[i + 1]):
        r, m = load(vr, grid.col[e]), load(vi, grid.col[e])
        ir = fma(grid.g[e], r, fma(-grid.b[e], m, ir))
        ii = fma(grid.g[e], m, fma(grid.b[e], r, ii))
    r, m = load(vr, i), load(vi, i)
    return fma(r, ir, m * ii), fma(m, ir, -1.0 * (r * ii))


@inner
def mismatch(grid, asked, square, vr, vi, unknown, own, x, lanes):
    """Wanted less injected powers, as the right side of a step.

    asked    what the block asks for, see `Asked`
    square   [position, LANES]  see `Task`
    unknown  [unknown + 1]      first row of x for every position; one row, of P, or two, of P and Q
    own      whether lanes differ in what they hold: Q then counts as met where a lane holds the magnitude
    x        […, LANES]         float32; written here
    lanes    [6, LANES]         progress; _OVER, _WORST and _TO_ADD are written here

    With shares, the sum of the mismatches of all nodes, sources included, is what is missing in all but for the losses
    that the step itself changes; the nodes take their part of it at once.
    """
    far, most = splat(np.float32(0.0)), splat(np.float32(0.0))
    total, added = splat(0.0), load(lanes, _ADDED)
    m, shared = grid.unknowns, asked.share.size > 0
    for i in range(grid.node.size if shared else m):
        p_here, q_here = _injected(grid, vr, vi, i)
        scale = np.float32(1.0 / grid.allowed[i])
        p = load(asked.p, i) - p_here + load(asked.more_p, asked.row[i])
        if shared:
            p = fma(asked.share[i], added, p)
            total = total + p
        here = single(p)
        worst = largest(splat(np.float32(0.0)), here)
        if i < m:
            at = unknown[i]
            store(x, at, here)
            if unknown[i + 1] - at == 2:
                q = load(asked.q, i) - q_here + load(asked.more_q, asked.row[i])
                if own:
                    q = where(load(square, i), 0.0, q)
                here = single(q)
                store(x, at + 1, here)
                worst = largest(worst, here)
        far, most = largest(far, worst * scale), largest(most, worst)
    store(lanes, _OVER, double(far))
    store(lanes, _WORST, double(most))
    if shared:
        store(lanes, _TO_ADD, added - total)
        for i in range(m):
            if asked.share[i] != 0.0:
                store(x, unknown[i], load(x, unknown[i]) - single(asked.share[i] * total))


@inner
def _rotated(r, m, turn):
    """r + jm, turned. Sine and cosine to the fifth order: where loads grow, the whole grid turns by a radian, and what
    lies between neighbours is to stay as it is."""
    square = turn * turn
    cosine = fma(square, fma(square, 1.0 / 24.0, splat(-0.5)), splat(1.0))
    sine = turn * fma(square, fma(square, 1.0 / 120.0, splat(-1.0 / 6.0)), splat(1.0))
    return fma(cosine, r, -1.0 * (sine * m)), fma(cosine, m, sine * r)


@inner
def _turn(vr, vi, i, turn, grow, going):
    """V exp(grow + j turn), in the lanes that are going; exp to the third order."""
    r, m = load(vr, i), load(vi, i)
    size = fma(grow, fma(grow, fma(grow, 1.0 / 6.0, splat(0.5)), splat(1.0)), splat(1.0))
    real, imaginary = _rotated(size * r, size * m, turn)
    store(vr, i, where(going, real, r))
    store(vi, i, where(going, imaginary, m))


@inner
def _turn_held(vr, vi, i, turn, square, going):
    """V exp(j turn), with the magnitude brought back to what is held: V (3 − |V|²/v²)/2, exact to the second order."""
    r, m = load(vr, i), load(vi, i)
    real, imaginary = _rotated(r, m, turn)
    scale = fma(-0.5 * square, fma(real, real, imaginary * imaginary), splat(1.5))
    store(vr, i, where(going, real * scale, r))
    store(vi, i, where(going, imaginary * scale, m))


@inner
def judge(answer, number, lanes, iteration, last, slow_share, patience):
    """Decide which lanes go on; True where any does.

    slow_share  a lane gives up where more than this share of its mismatch was left by a step after the first
    patience    so many steps
    """
    any_going = False
    for k in range(LANES):
        if lanes[GOING, k] == 0.0:
            continue
        here, over = number * LANES + k, lanes[_OVER, k]
        answer.iterations[here] = iteration
        answer.mismatch[here] = lanes[_WORST, k]
        answer.balance[here] = lanes[_ADDED, k]
        if over < _MET:
            answer.status[here] = CONVERGED
        elif not lanes[_WORST, k] < _LOST:
            answer.status[here] = DIVERGED
        elif iteration == last or (iteration > patience and over > slow_share * lanes[_BEFORE, k]):
            answer.status[here] = SLOW
        else:
            lanes[_BEFORE, k] = over
            any_going = True
            continue
        lanes[GOING, k] = 0.0
    for k in range(LANES):
        lanes[_ADDED, k] = lanes[_TO_ADD, k]
    return any_going


# ----- one matrix for all -------------------------------------------------------------------------------------------


@outer
def solve_with_shared_matrix(grid, factors, task, answer, room, blocks, last):
    """Solve the blocks from blocks[0] to blocks[1] with the factors of the Jacobian at the start; `last` steps at most.

    The factors hold what `task` holds: no scenario lets a magnitude go.
    """
    x, before, drift, lanes = room.x, room.before, room.drift, room.lanes
    room.row[:] = 0
    for number in range(blocks[0], blocks[1]):
        vr, vi, square = answer.vr[number], answer.vi[number], task.square[min(number, task.square.shape[0] - 1)]
        asked = Asked(task.p[number], task.q[number], task.share, room.row, room.more_p, room.more_q)
        drift[:] = 0.0
        lanes[:] = 0.0
        lanes[GOING] = 1.0
        iteration = np.int64(0)  # typed at once: a literal would have `judge` compiled twice
        while True:
            add_changes(task.changes, number, vr, vi, asked)
            mismatch(grid, asked, square, vr, vi, factors.unknown, False, x, lanes)
            if not judge(answer, number, lanes, iteration, last, SLOW_SHARE, _PATIENCE):
                break
            iteration += 1
            solve_shared(factors, x)
            advance(factors, square, vr, vi, x, before, drift, iteration, lanes)
            x, before = before, x


@inner
def advance(factors, square, vr, vi, x, before, drift, iteration, lanes):
    """Move the voltages of the lanes that are going by a step, made of what the matrix proposes.

    Anderson's acceleration over one step back: the last step Δ changed the proposal by d = x − before. Where that is
    −Δ, the matrix was right; the share θ of d that best cancels x tells how far it is off: the step is x − θ (Δ + d),
    of which Δ − before, the drift, was found a step ago.

    x, before  [unknown, LANES]  proposal, and that of the step before; laid out as `factors` say
    drift      [unknown, LANES]  step less proposal of the step before, zero at first; that of this one is left
    """
    going = load(lanes, GOING)
    share = splat(np.float32(0.0))
    if iteration > ACCELERATED:
        along, size = splat(np.float32(0.0)), splat(np.float32(1e-30))
        for u in range(x.shape[0]):
            value = load(x, u)
            d = value - load(before, u)
            along, size = fma(d, value, along), fma(d, d, size)
        share = -1.0 * bounded(along / size, _LONGEST_SHARE)
    for i in range(factors.unknown.size - 1):
        at = factors.unknown[i]
        turn = _step(x, drift, at, share)
        if factors.unknown[i + 1] - at == 2:
            _turn(vr, vi, i, double(turn), double(_step(x, drift, at + 1, share)), going)
        else:
            _turn_held(vr, vi, i, double(turn), load(square, i), going)


@inner
def _step(x, drift, u, share):
    """What unknown u moves by: the proposal, drawn back by a share of itself and of the last drift."""
    value = load(x, u)
    back = share * (value + load(drift, u))
    store(drift, u, back)
    return value + back


# ----- a matrix for each --------------------------------------------------------------------------------------------


@outer
def solve_with_own_matrix(grid, elimination, task, answer, room, jacobian, blocks, last, patience):
    """Solve the blocks from blocks[0] to blocks[1], renewing the Jacobian in every lane; `last` steps at most.

    A lane whose mismatch a step makes larger, after `patience` steps, gives up.

    jacobian  [4 · block, LANES]  float32: room for the blocks of the matrix
    """
    m = grid.unknowns
    unknown = np.arange(0, 2 * m + 2, 2)
    x, lanes = room.x, room.lanes
    room.row[:] = 0
    for number in range(blocks[0], blocks[1]):
        vr, vi, square = answer.vr[number], answer.vi[number], task.square[min(number, task.square.shape[0] - 1)]
        asked = Asked(task.p[number], task.q[number], task.share, room.row, room.more_p, room.more_q)
        lanes[:] = 0.0
        lanes[GOING] = 1.0
        iteration = np.int64(0)  # typed at once: a literal would have `judge` compiled twice
        while True:
            add_changes(task.changes, number, vr, vi, asked)
            mismatch(grid, asked, square, vr, vi, unknown, True, x, lanes)
            if not judge(answer, number, lanes, iteration, last, 1.0, patience):
                break
            iteration += 1
            _fill_jacobian(grid, task.changes, number, square, vr, vi, jacobian)
            factorize_lanes(elimination, jacobian)
            solve_lanes(elimination, jacobian, x)
            going = load(lanes, GOING)
            for i in range(m):
                turn, grow = bounded(load(x, 2 * i), _LONGEST_STEP), bounded(load(x, 2 * i + 1), _LONGEST_STEP)
                _turn(vr, vi, i, double(turn), double(grow), going)
                _bring_back(vr, vi, i, load(square, i), going)


@inner
def _bring_back(vr, vi, i, square, going):
    """The second order leaves a magnitude that is held a little off; bring it back in the lanes that are going."""
    r, m = load(vr, i), load(vi, i)
    scale = where(square, fma(-0.5 * square, fma(r, r, m * m), splat(1.5)), 1.0)
    scale = where(going, scale, 1.0)
    store(vr, i, r * scale)
    store(vi, i, m * scale)


@inner
def _fill_jacobian(grid, changes, number, square, vr, vi, jacobian):
    """The blocks of every lane's Jacobian, in float32; rows of magnitudes that are held say δln v = 0."""
    m = grid.unknowns
    for block in grid.fill:
        for row in range(4):
            store(jacobian, 4 * block + row, splat(np.float32(0.0)))
    for i in range(m):
        r, s, held = load(vr, i), load(vi, i), load(square, i)
        p, q = splat(0.0), splat(0.0)
        for e in range(grid.start[i], grid.start[i + 1]):
            k = grid.col[e]
            a, c = load(vr, k), load(vi, k)
            yr = fma(grid.g[e], a, (-grid.b[e]) * c)
            yi = fma(grid.g[e], c, grid.b[e] * a)
            er, ei = fma(r, yr, s * yi), fma(s, yr, -1.0 * (r * yi))
            p, q = p + er, q + ei
            if k < m:
                at = 4 * grid.block[e]
                store(jacobian, at, single(ei))
                store(jacobian, at + 1, single(er))
                store(jacobian, at + 2, single(where(held, 0.0, -1.0 * er)))
                store(jacobian, at + 3, single(where(held, 0.0, ei)))
        _add_total(jacobian, i, p, q, held)
    if changes.head.shape[0]:
        _add_changes(grid, changes, number, square, vr, vi, jacobian)
    for i in range(m):
        at = 4 * i + 3
        store(jacobian, at, where(single(load(square, i)), 1.0, load(jacobian, at)))


@inner
def _add_changes(grid, changes, number, square, vr, vi, jacobian):
    """What the changes of a block give to the Jacobian."""
    for i in range(grid.unknowns):
        e = changes.head[number, i]
        if e < 0:
            continue
        r, s, held = load(vr, i), load(vi, i), load(square, i)
        p, q = splat(0.0), splat(0.0)
        while e >= 0:
            k = changes.col[e]
            a, c = load(vr, k), load(vi, k)
            g, b = load(changes.g, e), load(changes.b, e)
            yr, yi = fma(g, a, -1.0 * (b * c)), fma(g, c, b * a)
            er, ei = fma(r, yr, s * yi), fma(s, yr, -1.0 * (r * yi))
            p, q = p + er, q + ei
            if k < grid.unknowns:
                _add_entry(jacobian, changes.block[e], er, ei, held)
            e = changes.next[e]
        _add_total(jacobian, i, p, q, held)


@inner
def _add_total(jacobian, i, p, q, held):
    """Add what the power that position i injects gives to its own block."""
    at = 4 * i
    store(jacobian, at, load(jacobian, at) - single(q))
    store(jacobian, at + 1, load(jacobian, at + 1) + single(p))
    store(jacobian, at + 2, load(jacobian, at + 2) + single(where(held, 0.0, p)))
    store(jacobian, at + 3, load(jacobian, at + 3) + single(q))


@inner
def _add_entry(jacobian, number, er, ei, held):
    """Add what E_ik gives to the block of row i and column k: ∂P/∂θ, ∂P/∂ln v, ∂Q/∂θ, ∂Q/∂ln v."""
    at = 4 * number
    store(jacobian, at, load(jacobian, at) + single(ei))
    store(jacobian, at + 1, load(jacobian, at + 1) + single(er))
    store(jacobian, at + 2, load(jacobian, at + 2) - single(where(held, 0.0, er)))
    store(jacobian, at + 3, load(jacobian, at + 3) + single(where(held, 0.0, ei)))
