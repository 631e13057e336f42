"""Blocks of scenarios for the power flow kernels: what they ask for, where they start, and how they end."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridloop.kernel.compiled import inner, outer
from gridloop.kernel.elimination import Rows, SingleArray
from gridloop.kernel.grid import Changes, Grid
from gridloop.kernel.lanes import LANES, fma, load, new_rows, splat, store
from gridloop.units import ComplexArray, FloatArray, IntArray


class Gathered(NamedTuple):
    """Changes of the admittance matrix, gathered by block and branch: four entries each, chained row by row.

    head  [block, position]  first entry of a row; −1 where there is none. No blocks where nothing changes at all
    next  [entry]            the next one of the same row, or −1
    col, block  [entry]      position of the other node, and block of the Jacobian
    g, b  [entry, LANES]     to be added, per unit
    """

    head: IntArray
    next: IntArray
    col: IntArray
    block: IntArray
    g: FloatArray
    b: FloatArray


class Task(NamedTuple):
    """What the scenarios ask for. Scenario s is lane s mod LANES of block s // LANES.

    p, q     [block, position, LANES]   wanted injections, per unit
    square   [block, position, LANES]   one over the square of the magnitude that is held; 0 where none is. A single
                                        block stands for all
    changes                             of the admittance matrix
    share    [position]                 share of every node in what the source would otherwise balance alone, 1 in all;
                                        empty where it does
    """

    p: FloatArray
    q: FloatArray
    square: FloatArray
    changes: Gathered
    share: FloatArray


class Asked(NamedTuple):
    """What one block asks for, at the voltages that it is at.

    p, q            [position, LANES]  wanted injections, per unit; [position] where they are those of all lanes
    share           [position]         see `Task`
    row             [position]         row of what is added to them; 0 where nothing is
    more_p, more_q  [row, LANES]       to be added, less what changes of the admittance matrix inject; row 0 is zero
    """

    p: FloatArray
    q: FloatArray
    share: FloatArray
    row: Rows
    more_p: FloatArray
    more_q: FloatArray


class Room(NamedTuple):
    """Memory for one block at a time.

    x, before, drift  [unknown, LANES]  float32: a step, the one before, and how the step was changed
    lanes             [6, LANES]        progress, see `gridloop.kernel.newton`
    row               [position]        as in `Asked`
    more_p, more_q    [row, LANES]      as in `Asked`
    """

    x: SingleArray
    before: SingleArray
    drift: SingleArray
    lanes: FloatArray
    row: Rows
    more_p: FloatArray
    more_q: FloatArray


def new_room(unknowns: int, positions: int, changed: int) -> Room:
    """Room for blocks of so many unknowns and positions, of which `changed` have changes."""
    x, before, drift = (new_rows(unknowns, dtype=np.float32) for _ in range(3))
    lanes, more_p, more_q = new_rows(6), new_rows(changed + 1), new_rows(changed + 1)
    more_p[0] = more_q[0] = 0.0
    return Room(x, before, drift, lanes, np.zeros(positions, np.uint32), more_p, more_q)


class Answer(NamedTuple):
    """Voltages [block, position, LANES], the start going in; and per scenario [scenario] how it ended.

    status      CONVERGED, SLOW (not within the steps allowed) or DIVERGED
    iterations  steps taken
    mismatch    largest of P and Q at any node, per unit
    balance     what the nodes with a share inject beyond what was wanted, together, per unit
    """

    vr: FloatArray
    vi: FloatArray
    status: NDArray[np.int8]
    iterations: NDArray[np.int32]
    mismatch: FloatArray
    balance: FloatArray


def begin(answer: Answer, v: ComplexArray, held: IntArray, magnitude: FloatArray, free: NDArray[np.int8]) -> FloatArray:
    """Put the start into the answer, and return `Task.square`.

    v          [position]            voltages to start from, common to all; or [position, scenario]
    held       [held]                positions whose magnitude somebody holds, sources included
    magnitude  [block, held, LANES]  their set-points; no blocks where they are as in the start
    free       [block, held, LANES]  1 where the scenario lets a magnitude go; no blocks where none does
    """
    if v.ndim == 1:
        answer.vr[:], answer.vi[:] = v.real[:, None], v.imag[:, None]
    else:
        own = np.repeat(v[:, :1], answer.vr.shape[0] * LANES, axis=1)  # lanes beyond the last scenario do as the first
        own[:, : v.shape[1]] = v
        by_block = own.reshape(v.shape[0], -1, LANES).transpose(1, 0, 2)
        answer.vr[:], answer.vi[:] = by_block.real, by_block.imag
    size = np.abs(v[held] if v.ndim == 1 else v[held, 0])  # common to all where there are no set-points
    if magnitude.shape[0]:
        answer.vr[:, held] *= magnitude / size[:, None]
        answer.vi[:, held] *= magnitude / size[:, None]
    blocks = max(magnitude.shape[0], free.shape[0], 1)
    square: FloatArray = new_rows(blocks, v.shape[0])
    square[:] = 0.0
    square[:, held] = 1.0 / (magnitude if magnitude.shape[0] else size[:, None]) ** 2
    if free.shape[0]:
        square[:, held] *= free == 0
    return square


def gather(grid: Grid, changes: Changes, blocks: int) -> Gathered:
    """Bring the changes of `blocks` blocks into the form of the kernels."""
    count = int(changes.start[blocks * LANES] - changes.start[0]) if changes.start.size > 1 else 0
    if count == 0:
        none, empty = np.empty(0, dtype=np.int64), np.empty((0, LANES))
        return Gathered(np.empty((0, 0), dtype=np.int64), none, none, none, empty, empty)
    head = np.full((blocks, grid.node.size), -1, dtype=np.int64)
    link, col, block = (np.empty(4 * count, dtype=np.int64) for _ in range(3))
    g, b = new_rows(4 * count), new_rows(4 * count)
    g[:], b[:] = 0.0, 0.0
    used = _gather(changes, np.full(changes.tail.size, -1), head, link, col, block, g, b)
    return Gathered(head, link[:used], col[:used], block[:used], g[:used], b[:used])


@outer
def _gather(changes, seen, head, link, col, block, g, b):
    """Fill in the arrays of `Gathered`, zero before; returns the number of entries. seen [branch], −1 before

    The changes of a row stand in the order of the branches: a lane then adds its own in the same order, and comes to
    the same last bits, whatever the others of its block change.
    """
    count = 0
    for number in range(head.shape[0]):
        for change in range(changes.start[number * LANES], changes.start[(number + 1) * LANES]):
            seen[changes.branch[change]] = -2 - number
        for branch in range(seen.size):
            if seen[branch] == -2 - number:
                seen[branch] = count
                ends = (changes.tail[branch], changes.head[branch])
                for entry in range(4):
                    row, other = ends[entry // 2], ends[entry % 2]
                    col[count] = other
                    block[count] = row if row == other else changes.block[branch, entry // 2]
                    link[count] = head[number, row]
                    head[number, row] = count
                    count += 1
        for k in range(LANES):
            scenario = number * LANES + k
            for change in range(changes.start[scenario], changes.start[scenario + 1]):
                branch = changes.branch[change]
                for entry in range(4):
                    g[seen[branch] + entry, k] += changes.y[change, 2 * entry]
                    b[seen[branch] + entry, k] += changes.y[change, 2 * entry + 1]
    return count


@inner
def add_changes(changes, number, vr, vi, asked):
    """Take what the changes of a block inject at these voltages out of what it asks for."""
    if changes.head.shape[0] == 0:
        return
    row = np.uint32(0)
    for i in range(changes.head.shape[1]):
        e = changes.head[number, i]
        if e < 0:
            asked.row[i] = 0
            continue
        ir, ii = splat(0.0), splat(0.0)
        while e >= 0:
            r, m = load(vr, changes.col[e]), load(vi, changes.col[e])
            g, b = load(changes.g, e), load(changes.b, e)
            ir = fma(g, r, ir) - b * m
            ii = fma(g, m, fma(b, r, ii))
            e = changes.next[e]
        row += np.uint32(1)
        r, m = load(vr, i), load(vi, i)
        asked.row[i] = row
        store(asked.more_p, row, -1.0 * fma(r, ir, m * ii))
        store(asked.more_q, row, fma(r, ii, -1.0 * (m * ir)))
