"""Which sets of branches may split a grid: asked of all sets at once, by labels.

Give every branch outside a spanning tree a random number, and every branch of the tree the exclusive or of the numbers
of those that close a loop over it. A set of branches is a cut exactly where its labels cancel, but for a chance of
2⁻⁶⁴ that others cancel too. So a set that has no part that cancels splits nothing, for certain, and only the
others are searched.

Source: Pritchard and Thurimella (2011), Fast computation of small cuts via cycle space sampling.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from gridloop.network.arrays import NetworkArrays
from gridloop.network.topology import NO_NODE
from gridloop.units import BoolArray, IntArray

# Sets of more than this many branches have too many parts to ask: they are searched at once.
_MOST = 5


def may_split(arrays: NetworkArrays, branch: IntArray) -> BoolArray:
    """Whether taking out the branches of each case may cut nodes off. [case]; branch [case, k], −1 beyond the last"""
    if branch.shape[1] > _MOST:
        return np.ones(branch.shape[0], dtype=bool)
    label = np.concatenate([_labels(arrays), [0]])[branch]
    found = np.zeros(branch.shape[0], dtype=bool)
    for size in range(1, branch.shape[1] + 1):
        for part in combinations(range(branch.shape[1]), size):
            there = (branch[:, part] >= 0).all(axis=1)
            found |= there & (np.bitwise_xor.reduce(label[:, part], axis=1) == 0)
    return found


def _labels(arrays: NetworkArrays) -> IntArray:
    """Label of every branch; a branch that joins nothing gets a number of its own. [branch]"""
    b = arrays.branches
    rng = np.random.default_rng(0)  # any numbers do; always the same ones
    label = rng.integers(1, 2**62, b.tail.size, dtype=np.int64)
    whole = np.flatnonzero((b.tail != NO_NODE) & (b.head != NO_NODE) & (b.y_th != 0))
    near: list[list[tuple[int, int]]] = [[] for _ in range(arrays.n_nodes)]
    for row, t, h in zip(whole.tolist(), b.tail[whole].tolist(), b.head[whole].tolist(), strict=True):
        near[t].append((h, row))
        near[h].append((t, row))
    above = [(NO_NODE, NO_NODE)] * arrays.n_nodes
    seen = [False] * arrays.n_nodes
    order = [int(s) for s in arrays.source]  # all sources are one root: what is between them splits nothing
    for s in order:
        seen[s] = True
    for node in order:
        for other, row in near[node]:
            if not seen[other]:
                seen[other] = True
                above[other] = (node, row)
                order.append(other)
    in_tree = np.zeros(b.tail.size, dtype=bool)
    in_tree[[row for _, row in above if row >= 0]] = True
    total = [0] * arrays.n_nodes
    for row in whole[~in_tree[whole]].tolist():
        total[int(b.tail[row])] ^= int(label[row])
        total[int(b.head[row])] ^= int(label[row])
    for node in reversed(order):
        parent, row = above[node]
        if row >= 0:
            label[row] = total[node]
            total[parent] ^= total[node]
    return label
