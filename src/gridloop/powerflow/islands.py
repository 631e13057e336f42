"""What branch outages leave without supply: by bridges where one branch is out, by search where several are."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gridloop.network.arrays import NetworkArrays
from gridloop.network.topology import NO_NODE
from gridloop.units import IntArray

Outage = tuple[int, ...]


def dark_after(arrays: NetworkArrays, outages: Iterable[Outage]) -> dict[Outage, IntArray]:
    """Supplied nodes that lose their supply, for every set of branches that is out; sets that darken none are left out.

    outages  rows of `arrays.branches`, each in growing order
    """
    wanted = list(dict.fromkeys(outages))
    below = _below_bridges(arrays) if any(len(outage) == 1 for outage in wanted) else {}
    result = {}
    for outage in wanted:
        dark = below.get(outage[0], _NONE) if len(outage) == 1 else _search(arrays, outage)
        if dark.size:
            result[outage] = dark
    return result


_NONE = np.empty(0, dtype=np.int64)


def _links(arrays: NetworkArrays) -> tuple[IntArray, IntArray, IntArray]:
    """Branches that connect two supplied nodes: their rows, tails and heads."""
    b = arrays.branches
    joined = (b.tail != NO_NODE) & (b.head != NO_NODE) & (b.y_th != 0)
    rows = np.flatnonzero(joined)
    rows = rows[arrays.topology.supplied[b.tail[rows]]]
    return rows, b.tail[rows], b.head[rows]


def _search(arrays: NetworkArrays, outage: Outage) -> IntArray:
    rows, tail, head = _links(arrays)
    left = ~np.isin(rows, outage)
    n = arrays.n_nodes
    graph = coo_array((np.ones(int(left.sum())), (tail[left], head[left])), shape=(n, n))
    _, island = connected_components(graph, directed=False)
    reached = np.isin(island, island[arrays.source])
    return np.flatnonzero(arrays.topology.supplied & ~reached)


def _below_bridges(arrays: NetworkArrays) -> dict[int, IntArray]:
    """Nodes that hang on every bridge: a branch whose loss cuts them off from all sources.

    Depth first from all sources as one; a branch is a bridge where nothing below it reaches back above it.
    Source: Tarjan (1974), A note on finding the bridges of a graph.
    """
    rows, tail, head = _links(arrays)
    n = arrays.n_nodes
    near: list[list[tuple[int, int]]] = [[] for _ in range(n)]
    for row, a, b in zip(rows.tolist(), tail.tolist(), head.tolist(), strict=True):
        near[a].append((b, row))
        near[b].append((a, row))
    entered = np.full(n, -1, dtype=np.int64)
    low = np.full(n, -1, dtype=np.int64)
    order: list[int] = []
    bridges: dict[int, tuple[int, int]] = {}
    sources = arrays.source.tolist()
    for s in sources:
        entered[s] = low[s] = 0
    order.extend(sources)
    for s in sources:
        stack = [(s, -1, iter(near[s]))]
        while stack:
            node, via, rest = stack[-1]
            for other, row in rest:
                if row == via:
                    continue
                if entered[other] >= 0:
                    low[node] = min(low[node], entered[other])
                    continue
                entered[other] = low[other] = len(order)
                order.append(other)
                stack.append((other, row, iter(near[other])))
                break
            else:
                stack.pop()
                if stack:
                    above = stack[-1][0]
                    low[above] = min(low[above], low[node])
                    if low[node] == entered[node] and node not in sources:
                        bridges[via] = (int(entered[node]), len(order))
    visited = np.array(order, dtype=np.int64)
    return {row: np.sort(visited[first:end]) for row, (first, end) in bridges.items()}
