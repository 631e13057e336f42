"""AC power flow of many scenarios at once: Newton's method on blocks of lanes.

A node i injects S_i = V_i conj(Σ_k Y_ik V_k). Unknown are the angle θ_i of every node but the sources and the
logarithm of the magnitude, ln v_i, of those whose magnitude nobody holds. With E_ik = V_i conj(Y_ik V_k) the
derivatives are

    ∂S_i/∂θ_k = −j E_ik + δ_ik j S_i        ∂S_i/∂ln v_k = E_ik + δ_ik S_i

and a step x = (δθ, δln v) that solves J x = S_wanted − S moves the voltage to V exp(δln v + j δθ), of which the terms
up to the second order are taken. Two ways to take steps share this arithmetic:

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

from gridloop.kernel.compiled import inner, outer
from gridloop.kernel.elimination import factorize_lanes, solve_lanes, solve_shared
from gridloop.kernel.lanes import LANES, bounded, double, fma, largest, load, single, splat, store, where

# Status of a scenario.
CONVERGED, SLOW, DIVERGED = 0, 1, 2
# A lane gives the shared matrix up when a step leaves more than this share of the mismatch: Newton's own matrix then
# costs less than the steps to come.
SLOW_SHARE = 0.7
# The largest change of ln v or θ in a step with an own matrix. A longer one leaves the region where the equations
# resemble their linearization; bounding it keeps the numbers finite.
_LONGEST_STEP = 1.0
# Steps from this one on look back at the one before. The first steps of a scenario near the start need no help.
ACCELERATED = 2
# The largest share of what the step before taught that is taken; beyond it, it taught little.
_LONGEST_SHARE = 0.5
# A mismatch beyond this (per unit) has left every grid behind.
_LOST = 1e12


# How the lanes of a block are getting on: rows of an array [6, LANES]. Largest mismatch as a multiple of what is
# allowed, the same a step ago, the largest mismatch per unit; 1 where the lane goes on, 0 where it has ended; what
# the nodes with a share add, and what they are to add from the next step on.
_OVER, _BEFORE, _WORST, GOING, _ADDED, _TO_ADD = range(6)

# ----- one step -----------------------------------------------------------------------------------------------------


@inner
def _injected(grid, changes, number, vr, vi, i):
    """Active and reactive power that position i injects."""
    ir, ii = splat(0.0), splat(0.0)
    for e in range(grid.start[i], grid.start[i + 1]):
        r, m = load(vr, grid.col[e]), load(vi, grid.col[e])
        ir = fma(grid.g[e], r, fma(-grid.b[e], m, ir))
        ii = fma(grid.g[e], m, fma(grid.b[e], r, ii))
    e = changes.head[number, i] if changes.head.shape[0] else -1
    while e >= 0:
        r, m = load(vr, changes.col[e]), load(vi, changes.col[e])
        g, b = load(changes.g, e), load(changes.b, e)
        ir = fma(g, r, ir) - b * m
        ii = fma(g, m, fma(b, r, ii))
        e = changes.next[e]
    r, m = load(vr, i), load(vi, i)
    return fma(r, ir, m * ii), fma(m, ir, -1.0 * (r * ii))


@inner
def mismatch(grid, task, number, square, vr, vi, unknown, own, x, lanes):
    """Wanted less injected powers, as the right side of a step.

    square   [position, LANES]  see `Task`
    unknown  [unknown + 1]      first row of x for every position; one row, of P, or two, of P and Q
    own      whether lanes differ in what they hold: Q then counts as met where a lane holds the magnitude
    x        […, LANES]         float32; written here
    lanes    [6, LANES]         progress; _OVER, _WORST and _TO_ADD are written here

    With shares, the sum of the mismatches of all nodes, sources included, is what is missing in all but for the losses
    that the step itself changes; the nodes take their part of it at once.
    """
    p_wanted, q_wanted = task.p[number], task.q[number]
    far, most, total, added = splat(0.0), splat(0.0), splat(0.0), load(lanes, _ADDED)
    m, shared = grid.unknowns, task.share.size > 0
    for i in range(grid.node.size if shared else m):
        p, q = _injected(grid, task.changes, number, vr, vi, i)
        scale = 1.0 / grid.allowed[i]
        p = load(p_wanted, i) - p
        if shared:
            p = fma(task.share[i], added, p)
            total = total + p
        far, most = largest(far, p * scale), largest(most, p)
        if i < m:
            at = unknown[i]
            store(x, at, single(p))
            if unknown[i + 1] - at == 2:
                q = load(q_wanted, i) - q
                if own:
                    q = where(load(square, i), 0.0, q)
                store(x, at + 1, single(q))
                far, most = largest(far, q * scale), largest(most, q)
    store(lanes, _OVER, far)
    store(lanes, _WORST, most)
    if shared:
        store(lanes, _TO_ADD, added - total)
        for i in range(m):
            if task.share[i] != 0.0:
                store(x, unknown[i], load(x, unknown[i]) - single(task.share[i] * total))


@inner
def _turn(vr, vi, i, turn, grow, going):
    """V exp(grow + j turn) to the second order, in the lanes that are going."""
    r, m = load(vr, i), load(vi, i)
    real = fma(0.5, fma(grow, grow, -1.0 * (turn * turn)), 1.0 + grow)
    imaginary = fma(grow, turn, turn)
    store(vr, i, where(going, fma(real, r, -1.0 * (imaginary * m)), r))
    store(vi, i, where(going, fma(real, m, imaginary * r), m))


@inner
def _turn_held(vr, vi, i, turn, square, going):
    """V exp(j turn), with the magnitude brought back to what is held: V (3 − |V|²/v²)/2, exact to the second order."""
    r, m = load(vr, i), load(vi, i)
    real = fma(-0.5 * turn, turn, splat(1.0))
    new_r, new_m = fma(real, r, -1.0 * (turn * m)), fma(real, m, turn * r)
    scale = fma(-0.5 * square, fma(new_r, new_r, new_m * new_m), splat(1.5))
    store(vr, i, where(going, new_r * scale, r))
    store(vi, i, where(going, new_m * scale, m))


@inner
def judge(answer, number, lanes, iteration, last, slow_share):
    """Decide which lanes go on; True where any does.

    slow_share  a lane gives up where more than this share of its mismatch was left by a step
    """
    any_going = False
    for k in range(LANES):
        if lanes[GOING, k] == 0.0:
            continue
        here, over = number * LANES + k, lanes[_OVER, k]
        answer.iterations[here] = iteration
        answer.mismatch[here] = lanes[_WORST, k]
        answer.balance[here] = lanes[_ADDED, k]
        if over < 1.0:
            answer.status[here] = CONVERGED
        elif not lanes[_WORST, k] < _LOST:
            answer.status[here] = DIVERGED
        elif iteration == last or (iteration > 2 and over > slow_share * lanes[_BEFORE, k]):
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
def solve_with_shared_matrix(grid, factors, task, answer, blocks, last):
    """Solve the blocks from blocks[0] to blocks[1] with the factors of the Jacobian at the start; `last` steps at most.

    The factors hold what `task` holds: no scenario lets a magnitude go.
    """
    m = grid.unknowns
    x = np.empty((factors.unknown[m], LANES), dtype=np.float32)
    solved, stepped = np.empty(x.shape, dtype=np.float32), np.empty(x.shape, dtype=np.float32)
    lanes = np.empty((6, LANES))
    for number in range(blocks[0], blocks[1]):
        vr, vi, square = answer.vr[number], answer.vi[number], task.square[min(number, task.square.shape[0] - 1)]
        lanes[:] = 0.0
        lanes[GOING] = 1.0
        iteration = np.int64(0)  # typed at once: a literal would have `judge` compiled twice
        while True:
            mismatch(grid, task, number, square, vr, vi, factors.unknown, False, x, lanes)
            if not judge(answer, number, lanes, iteration, last, SLOW_SHARE):
                break
            iteration += 1
            solve_shared(factors, x)
            if iteration >= ACCELERATED:
                accelerate(x, solved, stepped, iteration > ACCELERATED)
            advance(factors, square, vr, vi, x, lanes)


@inner
def advance(factors, square, vr, vi, x, lanes):
    """Move the voltages of the lanes that are going by a step x [unknown, LANES], laid out as `factors` say."""
    going = load(lanes, GOING)
    for i in range(factors.unknown.size - 1):
        at = factors.unknown[i]
        if factors.unknown[i + 1] - at == 2:
            _turn(vr, vi, i, double(load(x, at)), double(load(x, at + 1)), going)
        else:
            _turn_held(vr, vi, i, double(load(x, at)), load(square, i), going)


@inner
def accelerate(x, solved, stepped, ready):
    """Turn what the matrix proposes, x, into the step to take: Anderson's acceleration over one step back.

    The last step Δ changed the proposal by d = x − solved. Where that is −Δ, the matrix was right; the share θ of d
    that best cancels x tells how far it is off: the step is x − θ (Δ + d).

    x                [unknown, LANES]  proposal; the step is left in it
    solved, stepped  [unknown, LANES]  proposal and step of the iteration before; those of this one are left
    ready            whether there was one
    """
    share = splat(np.float32(0.0))
    if ready:
        along, size = splat(np.float32(0.0)), splat(np.float32(1e-30))
        for u in range(x.shape[0]):
            d = load(x, u) - load(solved, u)
            along, size = fma(d, load(x, u), along), fma(d, d, size)
        share = bounded(along / size, _LONGEST_SHARE)
    for u in range(x.shape[0]):
        value = load(x, u)
        if ready:
            step = value - share * (load(stepped, u) + (value - load(solved, u)))
            store(x, u, step)
            store(stepped, u, step)
        else:
            store(stepped, u, value)
        store(solved, u, value)


# ----- a matrix for each --------------------------------------------------------------------------------------------


@outer
def solve_with_own_matrix(grid, elimination, task, answer, blocks, last):
    """Solve the blocks from blocks[0] to blocks[1], renewing the Jacobian in every lane; `last` steps at most."""
    m = grid.unknowns
    unknown = np.arange(0, 2 * m + 2, 2)
    x = np.empty((2 * m, LANES), dtype=np.float32)
    jacobian = np.empty((4 * (m + 2 * elimination.col.size), LANES), dtype=np.float32)
    lanes = np.empty((6, LANES))
    for number in range(blocks[0], blocks[1]):
        vr, vi, square = answer.vr[number], answer.vi[number], task.square[min(number, task.square.shape[0] - 1)]
        lanes[:] = 0.0
        lanes[GOING] = 1.0
        iteration = np.int64(0)  # typed at once: a literal would have `judge` compiled twice
        while True:
            mismatch(grid, task, number, square, vr, vi, unknown, True, x, lanes)
            if not judge(answer, number, lanes, iteration, last, np.inf):
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
    jacobian[:] = 0.0
    for i in range(m):
        r, s = load(vr, i), load(vi, i)
        held = load(square, i)
        p, q = splat(0.0), splat(0.0)
        for e in range(grid.start[i], grid.start[i + 1]):
            k = grid.col[e]
            a, c = load(vr, k), load(vi, k)
            yr = fma(grid.g[e], a, (-grid.b[e]) * c)
            yi = fma(grid.g[e], c, grid.b[e] * a)
            er, ei = fma(r, yr, s * yi), fma(s, yr, -1.0 * (r * yi))
            p, q = p + er, q + ei
            if k < m:
                _add_entry(jacobian, grid.block[e], er, ei, held)
        e = changes.head[number, i] if changes.head.shape[0] else -1
        while e >= 0:
            k = changes.col[e]
            a, c = load(vr, k), load(vi, k)
            g, b = load(changes.g, e), load(changes.b, e)
            yr, yi = fma(g, a, -1.0 * (b * c)), fma(g, c, b * a)
            er, ei = fma(r, yr, s * yi), fma(s, yr, -1.0 * (r * yi))
            p, q = p + er, q + ei
            if k < m:
                _add_entry(jacobian, changes.block[e], er, ei, held)
            e = changes.next[e]
        at = 4 * i
        store(jacobian, at, load(jacobian, at) - single(q))
        store(jacobian, at + 1, load(jacobian, at + 1) + single(p))
        store(jacobian, at + 2, load(jacobian, at + 2) + single(where(held, 0.0, p)))
        store(jacobian, at + 3, where(single(held), 1.0, load(jacobian, at + 3) + single(q)))


@inner
def _add_entry(jacobian, number, er, ei, held):
    """Add what E_ik gives to the block of row i and column k: ∂P/∂θ, ∂P/∂ln v, ∂Q/∂θ, ∂Q/∂ln v."""
    at = 4 * number
    store(jacobian, at, load(jacobian, at) + single(ei))
    store(jacobian, at + 1, load(jacobian, at + 1) + single(er))
    store(jacobian, at + 2, load(jacobian, at + 2) - single(where(held, 0.0, er)))
    store(jacobian, at + 3, load(jacobian, at + 3) + single(where(held, 0.0, ei)))
