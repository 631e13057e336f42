"""Elimination of a symmetric block pattern: ordered and laid out once per topology, then carried out as often as
needed.

The matrix has a block of 2 × 2 for every pair of neighbouring rows (for a power flow: angle and logarithm of the
voltage magnitude of a node), so A_ij is there where A_ji is. Eliminating row k turns its later neighbours, those that
are still there, into neighbours of each other:

    L_ik = A_ik D_k⁻¹        A_ij ← A_ij − L_ik U_kj        for all later neighbours i, j of k

Which blocks this touches depends on the pattern and the order alone. `make_plan` finds both: the order by minimum
degree (the row with the fewest neighbours next), the blocks, and for every product L_ik U_kj the block that it is
taken from. No pivoting: the diagonal blocks of a power flow's Jacobian carry the weight, and a row that comes out
singular makes only its own lane fail.

Three ways to use one plan:
    factorize_shared   one matrix for all scenarios, in float64, packed for `solve_shared` as rows of float32
    factorize_lanes    a matrix for each of the `LANES` scenarios of a block, in float32
    solve_lanes        with the factors of `factorize_lanes`

Source: Tinney and Walker (1967), Direct solutions of sparse network equations by optimally ordered triangular
factorization.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridloop.kernel.compiled import inner, outer
from gridloop.kernel.lanes import fma, load, store
from gridloop.units import BoolArray, FloatArray, IntArray

# Rows and blocks are counted without sign: an index that cannot be negative needs no check for it.
Index = np.uint32
Rows = NDArray[np.uint32]
SingleArray = NDArray[np.float32]


class Elimination(NamedTuple):
    """A pattern in the order of its elimination. Rows are positions in that order; blocks are numbered: the diagonal
    D_k is block k, the upper block U_e with e = row · … is block `n + e`, its mirror L_e is block `n + n_upper + e`.

    order   [row]       row of the caller that is eliminated at each position
    start   [row + 1]   where the upper blocks of a row start among all of them
    col     [upper]     column of every upper block, growing within a row
    step    [row + 1]   where the products of a row start
    target  [product]   block that L_ik U_kj is taken from: for all i, then all j, of the row's columns
    """

    order: Rows
    start: Rows
    col: Rows
    step: Rows
    target: Rows


def make_plan(n: int, tail: IntArray, head: IntArray, rank: IntArray | None = None) -> Elimination:
    """Plan for `n` rows, coupled by the pairs (tail, head) in either direction; repeated pairs are one.

    rank  [row]  rows of a lower rank are eliminated before those of a higher one

    Takes about a second for 10 000 rows.
    """
    order, later = _minimum_degree(n, tail, head, np.zeros(n, dtype=np.int64) if rank is None else rank)
    place = np.empty(n, dtype=np.int64)
    place[order] = np.arange(n)
    columns = [np.sort(place[list(rows)]) if rows else np.empty(0, dtype=np.int64) for rows in later]
    start = np.concatenate([[0], np.cumsum([c.size for c in columns])]).astype(np.int64)
    col = np.concatenate([*columns, np.empty(0, dtype=np.int64)]).astype(np.int64)
    step = np.concatenate([[0], np.cumsum([c.size**2 for c in columns])]).astype(np.int64)
    target = _find_targets(start, col, step)
    return Elimination(
        order.astype(Index), start.astype(Index), col.astype(Index), step.astype(Index), target.astype(Index)
    )


def _minimum_degree(n: int, tail: IntArray, head: IntArray, rank: IntArray) -> tuple[IntArray, list[set[int]]]:
    """Order of elimination, and the neighbours that every row has left at its turn. Ties go to the lower row."""
    near: list[set[int]] = [set() for _ in range(n)]
    for a, b in zip(tail.tolist(), head.tolist(), strict=True):
        if a != b:
            near[a].add(b)
            near[b].add(a)
    ranks = rank.tolist()
    heap = [(ranks[k], len(rows), k) for k, rows in enumerate(near)]
    heapq.heapify(heap)
    order, later, gone = [], [], [False] * n
    while heap:
        _, degree, k = heapq.heappop(heap)
        if gone[k] or degree != len(near[k]):
            continue  # an entry from before its neighbours changed
        gone[k] = True
        order.append(k)
        later.append(near[k])
        for i in near[k]:
            rows = near[i]
            rows |= near[k]
            rows -= {i, k}
            heapq.heappush(heap, (ranks[i], len(rows), i))
    return np.array(order, dtype=np.int64), later


def block_numbers(start: Rows | IntArray, col: Rows | IntArray, row: IntArray, other: IntArray) -> IntArray:
    """Number of the block at every (row, other), as in `Elimination`; 0 where there is none."""
    n, n_upper = start.size - 1, col.size
    start, col = start.astype(np.int64), col.astype(np.int64)
    low, high = np.minimum(row, other), np.maximum(row, other)
    key = np.repeat(np.arange(n), np.diff(start)) * (n + 1) + col  # grows along the upper blocks
    wanted = low * (n + 1) + high
    upper = np.minimum(np.searchsorted(key, wanted), max(n_upper - 1, 0))
    found = (high < n) & (low != high)
    found &= (key[upper] == wanted) if n_upper else False
    number = np.where(row < other, n + upper, n + n_upper + upper)
    return np.where((row == other) & (row < n), row, np.where(found, number, 0))


def _find_targets(start: IntArray, col: IntArray, step: IntArray) -> IntArray:
    """Block of every product, see `Elimination`."""
    size = np.diff(start)
    pivot = np.repeat(np.arange(size.size), size**2)
    within = np.arange(int(step[-1])) - step[pivot]
    i, j = col[start[pivot] + within // size[pivot]], col[start[pivot] + within % size[pivot]]
    return block_numbers(start, col, i, j)


# ----- one matrix for all scenarios --------------------------------------------------------------------------------


class SharedFactors(NamedTuple):
    """Factors of one matrix, packed for `solve_shared`; all numbers float32.

    A row stands for two unknowns (first, second), or for the first alone where the second is held at zero. Unknown u is
    row u of the solution: rows count theirs in order.

    unknown    [row + 1]   first unknown of every row; two unknowns where the next row's lies two further
    lower      [row + 1]   where a row's entries of L start; lower_col their unknown, lower_val [entry, 2] the factors
               of
                           the row's two equations, already with a minus
    upper      [row + 1]   the same for D⁻¹U
    inverse    [row, 4]    D⁻¹, row by row
    """

    unknown: Rows
    lower: Rows
    lower_col: Rows
    lower_val: SingleArray
    upper: Rows
    upper_col: Rows
    upper_val: SingleArray
    inverse: SingleArray


def factorize_shared(plan: Elimination, blocks: FloatArray, held: BoolArray) -> SharedFactors | None:
    """Factors of one matrix, or None where a diagonal block comes out singular.

    blocks  [block, 4]  2 × 2 blocks row by row, numbered as in `Elimination`; overwritten
    held    [row]       True where the second unknown is held: its equation and its column are left out
    """
    n = plan.order.size
    if not eliminate(plan, blocks, n):
        return None
    unknown = np.concatenate([[0], np.cumsum(np.where(held, 1, 2))]).astype(np.int64)
    start, col = plan.start.astype(np.int64), plan.col.astype(np.int64)
    row = np.repeat(np.arange(n), np.diff(start))
    upper, lower = blocks[n : n + col.size].copy(), blocks[n + col.size :].copy()
    inverse = blocks[:n].copy()
    by_pivot = product(inverse[row], upper)
    order = np.lexsort((row, col))  # the lower blocks, row by row
    return SharedFactors(
        unknown.astype(Index),
        *scalar_rows(n, col[order], row[order], lower[order], unknown, held),
        *scalar_rows(n, row, col, by_pivot, unknown, held),
        inverse.astype(np.float32),
    )


def scalar_rows(
    n: int, row: IntArray, col: IntArray, block: FloatArray, unknown: IntArray, held: BoolArray
) -> tuple[Rows, Rows, SingleArray]:
    """Blocks as entries of single unknowns: start [row + 1], unknown [entry], factors [entry, 2] with a minus."""
    width = np.where(held[col], 1, 2)
    start = np.zeros(n + 1, dtype=np.int64)
    np.add.at(start, row + 1, width)
    entry_block = np.repeat(np.arange(row.size), width)
    second = np.arange(entry_block.size) - np.repeat(np.cumsum(width) - width, width)
    where_ = unknown[col[entry_block]] + second
    factors = -np.stack([block[entry_block, second], block[entry_block, 2 + second]], axis=1)
    return np.cumsum(start).astype(Index), where_.astype(Index), factors.astype(np.float32)


def product(a: FloatArray, b: FloatArray) -> FloatArray:
    return (a.reshape(-1, 2, 2) @ b.reshape(-1, 2, 2)).reshape(-1, 4)


@outer
def eliminate(plan, blocks, rows):
    """Eliminate the first `rows` rows in place: their D⁻¹, U and L = A D⁻¹ are left in `blocks` [block, 4], and between
    the others what is left of the matrix (their Schur complement). False where a D_k is singular."""
    n, n_upper = plan.order.size, plan.col.size
    for k in range(rows):
        a, b, c, d = blocks[k, 0], blocks[k, 1], blocks[k, 2], blocks[k, 3]
        det = a * d - b * c
        if not abs(det) > 1e-14 * max(abs(a * d), abs(b * c)):
            return False
        a, b, c, d = d / det, -b / det, -c / det, a / det
        blocks[k, 0], blocks[k, 1], blocks[k, 2], blocks[k, 3] = a, b, c, d
        begin, end, product = plan.start[k], plan.start[k + 1], plan.step[k]
        for first in range(begin, end):
            lower = n + n_upper + first
            p, q, r, s = blocks[lower, 0], blocks[lower, 1], blocks[lower, 2], blocks[lower, 3]
            e, f, g, h = p * a + q * c, p * b + q * d, r * a + s * c, r * b + s * d
            blocks[lower, 0], blocks[lower, 1], blocks[lower, 2], blocks[lower, 3] = e, f, g, h
            for second in range(begin, end):
                u, t = n + second, plan.target[product]
                product += 1
                blocks[t, 0] -= e * blocks[u, 0] + f * blocks[u, 2]
                blocks[t, 1] -= e * blocks[u, 1] + f * blocks[u, 3]
                blocks[t, 2] -= g * blocks[u, 0] + h * blocks[u, 2]
                blocks[t, 3] -= g * blocks[u, 1] + h * blocks[u, 3]
    return True


@inner
def forward_shared(f, x):
    """x ← L⁻¹ x in place, with the factors of `factorize_shared`. [unknown, LANES] float32"""
    n = f.unknown.size - 1
    for i in range(n):
        at, second = f.unknown[i], f.unknown[i + 1] - f.unknown[i] == 2
        a = load(x, at)
        if second:
            b = load(x, at + 1)
            for e in range(f.lower[i], f.lower[i + 1]):
                value = load(x, f.lower_col[e])
                a = fma(f.lower_val[e, 0], value, a)
                b = fma(f.lower_val[e, 1], value, b)
            store(x, at + 1, b)
        else:
            for e in range(f.lower[i], f.lower[i + 1]):
                a = fma(f.lower_val[e, 0], load(x, f.lower_col[e]), a)
        store(x, at, a)


@inner
def backward_shared(f, x):
    """x ← U⁻¹ x in place, with the factors of `factorize_shared`. [unknown, LANES] float32"""
    n = f.unknown.size - 1
    for reverse in range(n):
        i = n - 1 - reverse
        at, second = f.unknown[i], f.unknown[i + 1] - f.unknown[i] == 2
        y = load(x, at)
        a = f.inverse[i, 0] * y
        if second:
            z = load(x, at + 1)
            a = fma(f.inverse[i, 1], z, a)
            b = fma(f.inverse[i, 2], y, f.inverse[i, 3] * z)
            for e in range(f.upper[i], f.upper[i + 1]):
                value = load(x, f.upper_col[e])
                a = fma(f.upper_val[e, 0], value, a)
                b = fma(f.upper_val[e, 1], value, b)
            store(x, at + 1, b)
        else:
            for e in range(f.upper[i], f.upper[i + 1]):
                a = fma(f.upper_val[e, 0], load(x, f.upper_col[e]), a)
        store(x, at, a)


@inner
def solve_shared(f, x):
    """Solve in place with the factors of `factorize_shared`: x [unknown, LANES] float32, right sides in, solution
    out."""
    forward_shared(f, x)
    backward_shared(f, x)


# ----- a matrix for each scenario ----------------------------------------------------------------------------------


@inner
def factorize_lanes(plan, blocks):
    """Eliminate in place in every lane: blocks [block · 4, LANES] float32, numbered as in `Elimination`.

    D⁻¹, U and L = A D⁻¹ are left. A lane whose D_k is singular ends in infinities and NaN, and no other does.
    """
    n, n_upper = plan.order.size, plan.col.size
    for k in range(n):
        at = 4 * k
        a, b, c, d = load(blocks, at), load(blocks, at + 1), load(blocks, at + 2), load(blocks, at + 3)
        scale = 1.0 / fma(a, d, -1.0 * (b * c))
        a, b, c, d = d * scale, -1.0 * (b * scale), -1.0 * (c * scale), a * scale
        store(blocks, at, a)
        store(blocks, at + 1, b)
        store(blocks, at + 2, c)
        store(blocks, at + 3, d)
        first_upper, m = 4 * (n + plan.start[k]), plan.start[k + 1] - plan.start[k]
        product = plan.step[k]
        for i in range(m):
            at = first_upper + 4 * (n_upper + i)
            p, q, r, s = load(blocks, at), load(blocks, at + 1), load(blocks, at + 2), load(blocks, at + 3)
            # −L, so that what follows are sums of products
            e, f = -1.0 * fma(p, a, q * c), -1.0 * fma(p, b, q * d)
            g, h = -1.0 * fma(r, a, s * c), -1.0 * fma(r, b, s * d)
            store(blocks, at, e)
            store(blocks, at + 1, f)
            store(blocks, at + 2, g)
            store(blocks, at + 3, h)
            for j in range(m):
                u, w = first_upper + 4 * j, 4 * plan.target[product]
                product += 1
                u0, u1, u2, u3 = load(blocks, u), load(blocks, u + 1), load(blocks, u + 2), load(blocks, u + 3)
                store(blocks, w, fma(e, u0, fma(f, u2, load(blocks, w))))
                store(blocks, w + 1, fma(e, u1, fma(f, u3, load(blocks, w + 1))))
                store(blocks, w + 2, fma(g, u0, fma(h, u2, load(blocks, w + 2))))
                store(blocks, w + 3, fma(g, u1, fma(h, u3, load(blocks, w + 3))))


@inner
def solve_lanes(plan, blocks, x):
    """Solve in place with the factors of `factorize_lanes`: x [row · 2, LANES] float32."""
    n, n_upper = plan.order.size, plan.col.size
    for k in range(n):
        a, b = load(x, 2 * k), load(x, 2 * k + 1)
        for e in range(plan.start[k], plan.start[k + 1]):
            at, i = 4 * (n + n_upper + e), 2 * plan.col[e]
            store(x, i, fma(load(blocks, at), a, fma(load(blocks, at + 1), b, load(x, i))))
            store(x, i + 1, fma(load(blocks, at + 2), a, fma(load(blocks, at + 3), b, load(x, i + 1))))
    for reverse in range(n):
        k = n - 1 - reverse
        a, b = load(x, 2 * k), load(x, 2 * k + 1)
        for e in range(plan.start[k], plan.start[k + 1]):
            at, j = 4 * (n + e), 2 * plan.col[e]
            p, q = -1.0 * load(x, j), -1.0 * load(x, j + 1)
            a = fma(load(blocks, at), p, fma(load(blocks, at + 1), q, a))
            b = fma(load(blocks, at + 2), p, fma(load(blocks, at + 3), q, b))
        at = 4 * k
        store(x, 2 * k, fma(load(blocks, at), a, load(blocks, at + 1) * b))
        store(x, 2 * k + 1, fma(load(blocks, at + 2), a, load(blocks, at + 3) * b))
