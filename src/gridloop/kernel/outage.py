"""Outages with the matrix of the whole grid: its factors are kept, and what an outage changes is put in between.

A branch that is out changes the Jacobian J = L U in the rows and columns of its two ends alone,

    J' = J + E C Eᵀ = L (1 + F C Hᵀ) U        F = L⁻¹ E        Hᵀ = Eᵀ U⁻¹

with E the unit vectors of the ends' unknowns. Where C is small, so is the matrix to invert (Woodbury):

    (1 + F C Hᵀ)⁻¹ y = y − F d        d = (1 + C Z)⁻¹ C Hᵀ y        Z = Hᵀ F

A step then is: substitute forward, correct y, substitute back. F and H of a node are zero but on its path, the rows
that its elimination reaches one after the other, so the correction touches some tens of numbers. They are found once
for every node (`find_paths`) and serve any set of branches between them.

Source: Alsaç, Stott and Tinney (1983), Sparsity-oriented compensation methods for modified network solutions
(mid-compensation). The blocks, lanes and steps are those of `gridloop.kernel.newton`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gridloop.kernel.block import Asked
from gridloop.kernel.compiled import inner, outer
from gridloop.kernel.elimination import Elimination, Rows, SharedFactors, SingleArray, backward_shared, forward_shared
from gridloop.kernel.grid import Changes
from gridloop.kernel.lanes import LANES, load, splat, store
from gridloop.kernel.newton import GOING, advance, judge, mismatch
from gridloop.units import ComplexArray, FloatArray, IntArray

# A lane gives the corrected matrix up when a step makes the mismatch so many times larger. Single steps do so on the
# way to a solution; a renewed matrix costs about five of them.
_SLOW_SHARE = 2.0
_PATIENCE = 2
_SINGULAR = 1e-9


class Paths(NamedTuple):
    """F and H of every row, along its path.

    start  [row + 1]   where the entries of a row start
    at     [entry]     unknown
    f, h   [entry, 2]  for the row's two unknowns; zero for a second one that is held
    """

    start: IntArray
    at: Rows
    f: SingleArray
    h: SingleArray


def find_paths(plan: Elimination, factors: SharedFactors) -> Paths:
    """F and H of all rows, see above."""
    parent = _parents(plan.start, plan.col)
    start = _sizes(parent, factors.unknown)
    room = int(start[-1])
    at, f, h = np.empty(room, np.uint32), np.empty((room, 2), np.float32), np.empty((room, 2), np.float32)
    _fill_paths(parent, factors, start, at, f, h)
    return Paths(start, at, f, h)


def _parents(start: Rows, col: Rows) -> IntArray:
    """Row that the elimination of each row reaches next: the first of its later neighbours; −1 at the end. [row]"""
    parent: IntArray = np.full(start.size - 1, -1)
    goes_on = start[1:] > start[:-1]
    parent[goes_on] = col[start[:-1][goes_on]]
    return parent


def _sizes(parent: IntArray, unknown: Rows) -> IntArray:
    """Where the entries of every row's path start. [row + 1]"""
    length, after = np.diff(unknown[: parent.size + 1]).tolist(), parent.tolist()
    for k in reversed(range(parent.size)):
        if after[k] >= 0:
            length[k] += length[after[k]]
    return np.concatenate([[0], np.cumsum(length, dtype=np.int64)])


@outer
def _fill_paths(parent, factors, start, at, f, h):
    """Substitute the unit vectors of every row along its path; the arrays are those of `Paths`.

    right, left  [unknown, 2]  L⁻¹E and (1 + D⁻¹U)⁻ᵀE; zero beyond the path
    """
    right, left = np.zeros((factors.unknown[-1], 2)), np.zeros((factors.unknown[-1], 2))
    for first in range(parent.size):
        for c in range(factors.unknown[first + 1] - factors.unknown[first]):
            right[factors.unknown[first] + c, c] = left[factors.unknown[first] + c, c] = 1.0
        entry, k = start[first], first
        while k >= 0:
            u, width = factors.unknown[k], factors.unknown[k + 1] - factors.unknown[k]
            for e in range(factors.lower[k], factors.lower[k + 1]):
                other = factors.lower_col[e]
                for r in range(width):
                    right[u + r, 0] += factors.lower_val[e, r] * right[other, 0]
                    right[u + r, 1] += factors.lower_val[e, r] * right[other, 1]
            for e in range(factors.upper[k], factors.upper[k + 1]):
                other = factors.upper_col[e]
                for r in range(width):
                    left[other, 0] += factors.upper_val[e, r] * left[u + r, 0]
                    left[other, 1] += factors.upper_val[e, r] * left[u + r, 1]
            for r in range(width):
                at[entry] = u + r
                for c in range(2):
                    f[entry, c] = right[u + r, c]
                    h[entry, c] = 0.0
                    for s in range(width):
                        h[entry, c] += left[u + s, c] * factors.inverse[k, 2 * s + r]
                entry += 1
            k = parent[k]
        for e in range(start[first], entry):
            right[at[e]] = 0.0
            left[at[e]] = 0.0


class Correction(NamedTuple):
    """What scenarios correct.

    end    [scenario, end]         positions of the ends of a scenario's branches; −1 beyond the last
    inner  [scenario, 2 end, 2 end]  (1 + C Z)⁻¹ C; zero beyond the last
    first  [scenario, 2 end] (1 + C Z)⁻¹ s, with s the power that the changes inject at the start: F first is what
                             forward substitution and correction make of it
    moved  [scenario]        largest change of ln v or θ at an end by the first step: how hard the scenario is
    """

    end: IntArray
    inner: SingleArray
    first: SingleArray
    moved: FloatArray


def correct(paths: Paths, changes: Changes, v: ComplexArray, unknowns: int, count: int) -> Correction:
    """What the first `count` scenarios correct for their changes, at voltages v [position].

    unknowns  number of positions with unknowns; a source is no end

    A scenario whose matrix turns out singular corrects nothing.
    """
    scenario: IntArray = np.repeat(np.arange(count), np.diff(changes.start[: count + 1]))
    first = int(changes.start[0])
    used = slice(first, first + scenario.size)
    ends = np.stack([changes.tail[changes.branch[used]], changes.head[changes.branch[used]]], axis=1)
    most = 2 * int(np.diff(changes.start[: count + 1]).max(initial=1))
    end, place = _place_ends(scenario, np.where(ends < unknowns, ends, -1), count, most)
    c = np.zeros((count, 2 * most, 2 * most))
    y = (changes.y[used, ::2] + 1j * changes.y[used, 1::2]).reshape(-1, 2, 2)
    for i in (0, 1):
        for k in (0, 1):
            # ΔE = V_i conj(ΔY V_k), as in `jacobian_blocks`
            e = v[ends[:, i]] * np.conj(y[:, i, k] * v[ends[:, k]])
            row, col = place[:, i], place[:, k]
            own, other = np.flatnonzero(row >= 0), np.flatnonzero((row >= 0) & (col >= 0))
            for r in (0, 1):
                for q in (0, 1):
                    # ∂P/∂θ, ∂P/∂ln v, ∂Q/∂θ, ∂Q/∂ln v of the entry, and of the sum that the diagonal has
                    entry = (e.imag, e.real, -e.real, e.imag)[2 * r + q]
                    total = (-e.imag, e.real, e.real, e.imag)[2 * r + q]
                    np.add.at(c, (scenario[other], 2 * row[other] + r, 2 * col[other] + q), entry[other])
                    np.add.at(c, (scenario[own], 2 * row[own] + r, 2 * row[own] + q), total[own])
    z = np.zeros(c.shape)
    _multiply_paths(paths.start, paths.at, paths.f, paths.h, end, np.zeros((int(paths.at.max(initial=0)) + 1, 2)), z)
    s = np.zeros((count, 2 * most, 1))
    for i in (0, 1):
        power = v[ends[:, i]] * np.conj(y[:, i, 0] * v[ends[:, 0]] + y[:, i, 1] * v[ends[:, 1]])
        own = np.flatnonzero(place[:, i] >= 0)
        row = 2 * place[own, i]
        np.add.at(s[..., 0], (scenario[own], row), power.real[own])
        np.add.at(s[..., 0], (scenario[own], row + 1), power.imag[own])
    inner = np.eye(2 * most) + c @ z
    # Factors are float32: a determinant of their rounding is none.
    bad = ~(np.abs(np.linalg.det(inner)) > _SINGULAR)
    inner[bad], c[bad] = np.eye(2 * most), 0.0
    step = np.linalg.solve(inner, s)
    moved = np.abs(z @ step).max(axis=(1, 2), initial=0.0)
    end[bad] = -1
    return Correction(end, *(np.linalg.solve(inner, c).astype(np.float32), -step[..., 0].astype(np.float32)), moved)


def _place_ends(scenario: IntArray, ends: IntArray, count: int, most: int) -> tuple[IntArray, IntArray]:
    """Ends of every scenario, each once [scenario, end], and the place of each change's two among them [change, 2]."""
    end, place = np.full((count, most), -1, dtype=np.int64), np.full(ends.shape, -1, dtype=np.int64)
    nth = np.arange(scenario.size) - np.searchsorted(scenario, scenario)  # of its scenario's changes
    for n in range(int(nth.max(initial=-1)) + 1):
        now = np.flatnonzero(nth == n)
        # The end that is eliminated first leads: the other may lie on its path.
        swapped = (ends[now, 1] >= 0) & ((ends[now, 0] < 0) | (ends[now, 1] < ends[now, 0]))
        for side in (0, 1):
            mine, column = scenario[now], np.where(swapped, 1 - side, side)
            at = ends[now, column]
            known = end[mine] == at[:, None]
            new = (at >= 0) & ~known.any(axis=1)
            where_ = np.where(new, (end[mine] >= 0).sum(axis=1), known.argmax(axis=1))
            end[mine[new], where_[new]] = at[new]
            place[now, column] = np.where(at >= 0, where_, -1)
    return end, place


@outer
def _multiply_paths(start, at, f, h, end, seen, z):
    """Z = Hᵀ F between the ends of every scenario.

    start, at, f, h  see `Paths`;  end [scenario, end];  z [scenario, 2 end, 2 end], zero before, written here
    seen             [unknown, 2]  zero, before and after
    """
    for case in range(end.shape[0]):
        for b in range(end.shape[1]):
            if end[case, b] < 0:
                continue
            for e in range(start[end[case, b]], start[end[case, b] + 1]):
                seen[at[e], 0], seen[at[e], 1] = f[e, 0], f[e, 1]
            for a in range(end.shape[1]):
                if end[case, a] < 0:
                    continue
                for e in range(start[end[case, a]], start[end[case, a] + 1]):
                    for i in range(2):
                        for j in range(2):
                            z[case, 2 * a + i, 2 * b + j] += h[e, i] * seen[at[e], j]
            for e in range(start[end[case, b]], start[end[case, b] + 1]):
                seen[at[e], 0], seen[at[e], 1] = 0.0, 0.0


class OutageTask(NamedTuple):
    """Cases of one base case: what it asks for, and where its lanes ask for something else. Per unit.

    p, q     [position]         injections of the base case
    square   [position, LANES]  one over the square of the magnitude that is held, 0 where none is; in no lane another
    vr, vi   [position]         voltages to start from
    share    [position]         as in `gridloop.kernel.block.Task`
    changes                     of the admittance matrix
    start    [block + 1]        where the places of a block start
    place    [place]            a position where a lane differs: end of a branch, lost injection, dark node
    more_p, more_q  [place, LANES]  injection beyond the base case's
    """

    p: FloatArray
    q: FloatArray
    square: FloatArray
    vr: FloatArray
    vi: FloatArray
    share: FloatArray
    changes: Changes
    start: IntArray
    place: IntArray
    more_p: FloatArray
    more_q: FloatArray


@outer
def solve_corrected_outages(grid, factors, paths, correction, task, answer, room, numbers, last):
    """Solve some blocks with the factors of the whole grid; `last` steps at most.

    As `solve_with_shared_matrix`, but each lane's steps are those of its own matrix at the start.

    answer   voltages of the blocks that are solved, the rest of all
    numbers  [block of voltages]  which blocks of the task to solve
    """
    x, before, drift, lanes, row = room.x, room.before, room.drift, room.lanes, room.row
    asked = Asked(task.p, task.q, task.share, row, room.more_p, room.more_q)
    for b in range(numbers.size):
        number, vr, vi = numbers[b], answer.vr[b], answer.vi[b]
        for i in range(grid.node.size):
            store(vr, i, splat(task.vr[i]))
            store(vi, i, splat(task.vi[i]))
        row[:] = 0
        for s in range(task.start[number], task.start[number + 1]):
            row[task.place[s]] = s - task.start[number] + 1
        drift[:] = 0.0
        lanes[:] = 0.0
        lanes[GOING] = 1.0
        # What changes of the matrix make of the first step is known beforehand; other injections wait for the second.
        iteration = np.int64(1)  # typed at once, as in `gridloop.kernel.newton`
        _begin(paths, correction, number * LANES, x)
        backward_shared(factors, x)
        advance(factors, task.square, vr, vi, x, before, drift, iteration, lanes)
        x, before = before, x
        while True:
            _differ(task, number, lanes, vr, vi, asked)
            mismatch(grid, asked, task.square, vr, vi, factors.unknown, False, x, lanes)
            if not judge(answer, number, lanes, iteration, last, _SLOW_SHARE, _PATIENCE):
                break
            iteration += 1
            forward_shared(factors, x)
            _correct(paths, correction, number * LANES, lanes, x)
            backward_shared(factors, x)
            advance(factors, task.square, vr, vi, x, before, drift, iteration, lanes)
            x, before = before, x


@inner
def _begin(paths, correction, first, x):
    """F `Correction.first` of every lane: x [unknown, LANES] float32; `first` is the scenario of lane 0."""
    x[:] = 0.0
    for k in range(LANES):
        for a in range(correction.end.shape[1]):
            end = correction.end[first + k, a]
            if end >= 0:
                d0, d1 = correction.first[first + k, 2 * a], correction.first[first + k, 2 * a + 1]
                for e in range(paths.start[end], paths.start[end + 1]):
                    x[paths.at[e], k] += paths.f[e, 0] * d0 + paths.f[e, 1] * d1


@inner
def _differ(task, number, lanes, vr, vi, asked):
    """Fill in where lanes of a block differ, at these voltages."""
    first, changes = task.start[number], task.changes
    for s in range(first, task.start[number + 1]):
        store(asked.more_p, s - first + 1, load(task.more_p, s))
        store(asked.more_q, s - first + 1, load(task.more_q, s))
    for k in range(LANES):
        if lanes[GOING, k] == 0.0:
            continue
        for c in range(changes.start[number * LANES + k], changes.start[number * LANES + k + 1]):
            t, h, y = changes.tail[changes.branch[c]], changes.head[changes.branch[c]], changes.y[c]
            tr, ti, hr, hi = vr[t, k], vi[t, k], vr[h, k], vi[h, k]
            ir, ii = y[0] * tr - y[1] * ti + y[2] * hr - y[3] * hi, y[0] * ti + y[1] * tr + y[2] * hi + y[3] * hr
            asked.more_p[asked.row[t], k] -= tr * ir + ti * ii
            asked.more_q[asked.row[t], k] -= ti * ir - tr * ii
            ir, ii = y[4] * tr - y[5] * ti + y[6] * hr - y[7] * hi, y[4] * ti + y[5] * tr + y[6] * hi + y[7] * hr
            asked.more_p[asked.row[h], k] -= hr * ir + hi * ii
            asked.more_q[asked.row[h], k] -= hi * ir - hr * ii


@inner
def _correct(paths, correction, first, lanes, x):
    """y − F d in every lane that goes on: x [unknown, LANES] float32, y going in; `first` is the scenario of lane 0.

    Ends come in pairs. One end of a branch often lies on the path of the other, which then ends as its own does: that
    part is walked once for both.
    """
    pairs = correction.end.shape[1] // 2
    t = np.zeros(4 * pairs, np.float32)
    start, at, f, h = paths.start, paths.at, paths.f, paths.h
    for k in range(LANES):
        if lanes[GOING, k] == 0.0:
            continue
        end, inner = correction.end[first + k], correction.inner[first + k]
        for pair in range(pairs):
            a, b = end[2 * pair], end[2 * pair + 1]
            t0 = t1 = t2 = t3 = np.float32(0.0)
            if b >= 0:
                middle = start[a + 1] - (start[b + 1] - start[b])
                joint = middle >= start[a] and at[middle] == at[start[b]]
                if not joint:
                    middle = start[a + 1]
                    for e in range(start[b], start[b + 1]):
                        y = x[at[e], k]
                        t2 += h[e, 0] * y
                        t3 += h[e, 1] * y
                for e in range(start[a], middle):
                    y = x[at[e], k]
                    t0 += h[e, 0] * y
                    t1 += h[e, 1] * y
                other = start[b] - middle
                for e in range(middle, start[a + 1]):
                    y = x[at[e], k]
                    t0 += h[e, 0] * y
                    t1 += h[e, 1] * y
                    t2 += h[e + other, 0] * y
                    t3 += h[e + other, 1] * y
            elif a >= 0:
                for e in range(start[a], start[a + 1]):
                    y = x[at[e], k]
                    t0 += h[e, 0] * y
                    t1 += h[e, 1] * y
            t[4 * pair], t[4 * pair + 1], t[4 * pair + 2], t[4 * pair + 3] = t0, t1, t2, t3
        for pair in range(pairs):
            a, b = end[2 * pair], end[2 * pair + 1]
            if a < 0:
                continue
            d0 = d1 = d2 = d3 = np.float32(0.0)
            for j in range(4 * pairs):
                d0 += inner[4 * pair, j] * t[j]
                d1 += inner[4 * pair + 1, j] * t[j]
                d2 += inner[4 * pair + 2, j] * t[j]
                d3 += inner[4 * pair + 3, j] * t[j]
            middle = start[a + 1]
            if b >= 0:
                middle = start[a + 1] - (start[b + 1] - start[b])
                if not (middle >= start[a] and at[middle] == at[start[b]]):
                    middle = start[a + 1]
                    for e in range(start[b], start[b + 1]):
                        x[at[e], k] -= f[e, 0] * d2 + f[e, 1] * d3
            for e in range(start[a], middle):
                x[at[e], k] -= f[e, 0] * d0 + f[e, 1] * d1
            other = start[b] - middle
            for e in range(middle, start[a + 1]):
                x[at[e], k] -= (f[e, 0] * d0 + f[e, 1] * d1) + (f[e + other, 0] * d2 + f[e + other, 1] * d3)
