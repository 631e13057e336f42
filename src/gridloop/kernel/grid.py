"""A grid as the kernels see it: its admittance matrix in the order of elimination, and its Jacobian at the start."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gridloop.kernel.elimination import Elimination, Index, Rows, block_numbers, make_plan
from gridloop.units import BoolArray, ComplexArray, FloatArray, IntArray

# A mismatch is a sum of terms of size |Y_ik|, each known to a rounding. Where a line has next to no impedance, this
# many roundings of that sum are more than a usual tolerance, and the node is solved as well as numbers can.
_ROUNDINGS = 4.0


class Grid(NamedTuple):
    """A grid in the order of its elimination. Positions: first the nodes with unknowns, then the sources.

    node     [position]        node of the caller
    start    [position + 1]    where the entries of a row of Y start; the rows of sources last
    col      [entry]           position of the other node
    g, b     [entry]           conductance and susceptance of Y, per unit
    block    [entry]           block of the Jacobian, numbered as in `Elimination`; undefined where `col` is a source
    fill     [fill]            blocks of the Jacobian that no entry of Y stands in: elimination fills them
    allowed  [position]        largest mismatch of P and of Q, per unit
    unknowns                   number of positions with unknowns, the first ones
    """

    node: IntArray
    start: Rows
    col: Rows
    g: FloatArray
    b: FloatArray
    block: Rows
    fill: Rows
    allowed: FloatArray
    unknowns: int


class Changes(NamedTuple):
    """What the admittance matrix of single scenarios has beyond the grid's: taps, outages.

    start       [scenario + 1]  where a scenario's changes start; one number, 0, where no scenario has any
    branch      [change]        row of the branch that is changed
    y           [change, 8]     g and b to be added at (tail, tail), (tail, head), (head, tail), (head, head), per unit
    tail, head  [branch]        positions of its ends
    block       [branch, 2]     blocks of the Jacobian at (tail, head) and (head, tail); undefined where one is a source
    """

    start: IntArray
    branch: IntArray
    y: FloatArray
    tail: IntArray
    head: IntArray
    block: IntArray


def no_changes() -> Changes:
    """No scenario differs from the grid."""
    none = np.empty(0, dtype=np.int64)
    return Changes(np.zeros(1, np.int64), none, np.empty((0, 8)), none, none, np.empty((0, 2), dtype=np.int64))


def make_grid(
    start: IntArray, col: IntArray, y: ComplexArray, source: IntArray, tolerance: float
) -> tuple[Grid, Elimination]:
    """Order a grid for elimination.

    start, col, y  admittance matrix by rows (CSR, symmetric pattern, diagonal stored), per unit
    source         nodes whose voltage is given
    tolerance      largest mismatch of P and of Q at a node, per unit
    """
    n = start.size - 1
    row = np.repeat(np.arange(n), np.diff(start))
    unknown = np.setdiff1d(np.arange(n), source)
    place = np.full(n, -1, dtype=np.int64)
    place[unknown] = np.arange(unknown.size)
    inner = (place[row] >= 0) & (place[col] >= 0)
    plan = make_plan(unknown.size, place[row[inner]], place[col[inner]])
    node = np.concatenate([unknown[plan.order.astype(np.int64)], source]).astype(np.int64)
    position = np.empty(n, dtype=np.int64)
    position[node] = np.arange(n)
    m = unknown.size
    entry = np.lexsort((position[col], position[row]))
    i, k = position[row[entry]], position[col[entry]]
    size = np.zeros(n)
    np.add.at(size, i, np.abs(y[entry]))
    block = block_numbers(plan.start, plan.col, i, k)
    used = block[(i < m) & (k < m)]
    grid = Grid(
        node,
        np.searchsorted(i, np.arange(n + 1)).astype(Index),
        k.astype(Index),
        np.ascontiguousarray(y[entry].real),
        np.ascontiguousarray(y[entry].imag),
        block.astype(Index),
        np.setdiff1d(np.arange(m + 2 * plan.col.size), used).astype(Index),
        np.maximum(tolerance, _ROUNDINGS * np.finfo(float).eps * size),
        m,
    )
    return grid, plan


def jacobian_blocks(grid: Grid, plan: Elimination, v: ComplexArray, held: BoolArray) -> FloatArray:
    """Blocks of the Jacobian at voltages v [position], rows and columns of held magnitudes replaced by δln v = 0.
    [block, 4]

    held  [unknown]  True where the magnitude of a position is held
    """
    m = grid.unknowns
    inside = slice(0, int(grid.start[m]))  # the rows of sources stand last
    i = np.repeat(np.arange(m), np.diff(grid.start[: m + 1].astype(np.int64)).astype(np.int64))
    k = grid.col[inside].astype(np.int64)
    e = v[i] * np.conj((grid.g + 1j * grid.b)[inside] * v[k])
    s = np.zeros(m, dtype=complex)
    np.add.at(s, i, e)
    blocks = np.zeros((m + 2 * plan.col.size, 4))
    inner = k < m
    number = grid.block[inside].astype(np.int64)[inner]
    np.add.at(blocks, number, np.stack([e.imag, e.real, -e.real, e.imag], axis=1)[inner])
    blocks[:m] += np.stack([-s.imag, s.real, s.real, s.imag], axis=1)
    upper_row = np.repeat(np.arange(m), np.diff(plan.start.astype(np.int64)).astype(np.int64))
    upper_col = plan.col.astype(np.int64)
    row = np.concatenate([np.arange(m), upper_row, upper_col])
    col = np.concatenate([np.arange(m), upper_col, upper_row])
    blocks[held[row], 2:] = 0.0
    blocks[np.ix_(held[col], [1, 3])] = 0.0
    blocks[np.flatnonzero(held), 3] = 1.0
    return blocks
