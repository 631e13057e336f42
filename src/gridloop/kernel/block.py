"""A block of scenarios for the power flow kernels: what its lanes ask for, where they start, and how they get on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gridloop.kernel.grid import Changes
from gridloop.kernel.lanes import LANES, load, splat, store
from gridloop.units import FloatArray, IntArray


class Task(NamedTuple):
    """What the scenarios ask for, and where they start. Scenario s is lane s mod LANES of block s // LANES.

    p, q              [block, position, LANES]  wanted injections, per unit
    start_r, start_i  [position]                voltages to start from, common to all scenarios
    held              [held]                    positions whose magnitude somebody holds, sources included
    magnitude         [block, held, LANES]      their set-points; no blocks where they are as in the start
    free              [block, held, LANES]      1 where the scenario lets a magnitude go; no blocks where none does
    changes                                     of the admittance matrix
    share             [position]                share of every node in what the source would otherwise balance alone,
                                                1 in all; empty where it does
    """

    p: FloatArray
    q: FloatArray
    start_r: FloatArray
    start_i: FloatArray
    held: IntArray
    magnitude: FloatArray
    free: NDArray[np.int8]
    changes: Changes
    share: FloatArray


class Answer(NamedTuple):
    """Written by the solvers: voltages [block, position, LANES], and per scenario [scenario] how it ended.

    status      CONVERGED, SLOW (not within the steps allowed) or DIVERGED
    iterations  steps taken
    mismatch    largest of P and Q at any node, per unit
    balance     what the nodes with a share inject beyond what was wanted, together, per unit
    """

    vr: FloatArray
    vi: FloatArray
    status: IntArray
    iterations: IntArray
    mismatch: FloatArray
    balance: FloatArray


class Block(NamedTuple):
    """What is beside the powers and voltages of a block.

    square        [unknown, LANES]  one over the square of the magnitude that is held; 0 where none is
    head          [position]        first change of a row; −1 where there is none. next, col, block [change]
    g, b          [change, LANES]   admittances of the changes
    seen          [branch]          first of the four changes of a branch in this block; −1 where it has none
    """

    square: FloatArray
    head: IntArray
    next: IntArray
    col: IntArray
    block: IntArray
    g: FloatArray
    b: FloatArray
    seen: IntArray


@njit(cache=True, nogil=True)
def new_block(grid, task, blocks):
    """Room for the block with the most changes."""
    m, most = grid.unknowns, 0
    if task.changes.start.size > 1:
        for number in range(blocks[0], blocks[1]):
            most = max(most, task.changes.start[(number + 1) * LANES] - task.changes.start[number * LANES])
    room = 4 * most
    return Block(
        np.zeros((m, LANES)),
        np.full(grid.node.size, -1),
        np.empty(room, np.int64),
        np.empty(room, np.int64),
        np.empty(room, np.int64),
        np.empty((room, LANES)),
        np.empty((room, LANES)),
        np.full(task.changes.tail.size, -1),
    )


class Progress(NamedTuple):
    """How the lanes of a block are getting on. [1, LANES] each

    over      largest mismatch as a multiple of what is allowed; previous: that of the step before
    worst     largest mismatch, per unit
    going     1 where the lane goes on, 0 where it has ended
    balance   [2, LANES] what the nodes with a share add, now and from the next step on, per unit
    """

    over: FloatArray
    previous: FloatArray
    worst: FloatArray
    going: FloatArray
    balance: FloatArray


@njit(cache=True, nogil=True)
def new_progress():
    return Progress(
        np.zeros((1, LANES)), np.zeros((1, LANES)), np.zeros((1, LANES)), np.zeros((1, LANES)), np.zeros((2, LANES))
    )


@njit(cache=True, nogil=True)
def start_block(grid, task, number, block, lanes, vr, vi):
    """Set the voltages of a block to the start, with the magnitudes its lanes hold, and gather its changes."""
    m = grid.unknowns
    lanes.going[:] = 1.0
    lanes.balance[:] = 0.0
    for i in range(task.start_r.size):
        store(vr, i, splat(task.start_r[i]))
        store(vi, i, splat(task.start_i[i]))
    for h in range(task.held.size):
        i = task.held[h]
        size = np.hypot(task.start_r[i], task.start_i[i])
        square = splat(1.0 / size**2)
        if task.magnitude.shape[0]:
            wanted = load(task.magnitude[number], h)
            store(vr, i, load(vr, i) * (wanted / size))
            store(vi, i, load(vi, i) * (wanted / size))
            square = 1.0 / (wanted * wanted)
        if i < m:
            store(block.square, i, square)
            if task.free.shape[0]:
                for k in range(LANES):
                    if task.free[number, h, k]:
                        block.square[i, k] = 0.0
    if task.changes.start.size > 1:
        _fill_changes(task.changes, number * LANES, block)


@njit(cache=True, nogil=True)
def _fill_changes(changes, first, block):
    """Gather the changes of a block's lanes by branch, four entries each, chained row by row."""
    block.head[:] = -1
    block.seen[:] = -1
    count = 0
    for k in range(LANES):
        for change in range(changes.start[first + k], changes.start[first + k + 1]):
            branch = changes.branch[change]
            if block.seen[branch] < 0:
                block.seen[branch] = count
                ends = (changes.tail[branch], changes.head[branch])
                for entry in range(4):
                    row, col = ends[entry // 2], ends[entry % 2]
                    block.g[count] = 0.0
                    block.b[count] = 0.0
                    block.col[count] = col
                    block.block[count] = row if row == col else changes.block[branch, entry // 2]
                    block.next[count] = block.head[row]
                    block.head[row] = count
                    count += 1
            for entry in range(4):
                block.g[block.seen[branch] + entry, k] += changes.y[change, 2 * entry]
                block.b[block.seen[branch] + entry, k] += changes.y[change, 2 * entry + 1]
