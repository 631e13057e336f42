"""Where buses stand on paper when nobody says: trees as trees, meshed grids by their distances.

A radial feeder is drawn as its one-line diagram: depth to the right, the leaves of its branches below each other, the
longest trunk straight. A meshed grid is placed by pivot scaling, which puts buses apart that are far apart in branches,
and then relaxed: neighbours pull, buses that are too close push. Both take seconds for ten thousand buses, and the same
grid always gets the same drawing.
Source: Brandes and Pich (2007), Eigensolver methods for progressive multidimensional scaling of large data.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components, dijkstra
from scipy.spatial import cKDTree

from gridloop.operate.report.places import Places
from gridloop.units import FloatArray, IntArray

# A part with more closed loops than this share of its buses is drawn as a mesh.
MESHED = 0.05
PIVOTS = 60
ROUNDS = 60


def computed_places(bus: pd.Index, tail: IntArray, head: IntArray, roots: IntArray) -> Places:
    """A place for every bus; one unit is about the length of a branch.

    tail, head  [branch] rows of buses
    roots       rows to begin a tree at; the first row of a part that has none
    """
    n = len(bus)
    graph = csr_array((np.ones(tail.size), (tail, head)), shape=(n, n))
    _, part = connected_components(graph, directed=False)
    xy = np.zeros((n, 2))
    sizes = np.bincount(part)
    left, top = 0.0, 0.0
    for number in np.argsort(-sizes, kind="stable"):
        rows = np.flatnonzero(part == number)
        inside = part[tail] == number
        place = np.full(n, -1, dtype=np.int64)
        place[rows] = np.arange(rows.size)
        a, b = place[tail[inside]], place[head[inside]]
        mine = roots[part[roots] == number]
        root = int(place[mine[0]]) if mine.size else 0
        distinct = len({(min(i, j), max(i, j)) for i, j in zip(a.tolist(), b.tolist(), strict=True) if i != j})
        loops = distinct - (rows.size - 1)
        points = _mesh(rows.size, a, b) if loops > MESHED * rows.size else _tree(rows.size, a, b, root)
        points -= points.min(axis=0, initial=0.0) if rows.size == 1 else points.min(axis=0)
        # The largest part above; the others in a row below it.
        if sizes[number] == sizes.max() and top == 0.0:
            top = -2.0
            xy[rows] = points
        else:
            xy[rows] = points + np.array([left, top - points[:, 1].max()])
            left += points[:, 0].max() + 2.0
    return Places(pd.DataFrame(xy, index=bus, columns=["x_km", "y_km"]).round(3), 0)


def _neighbours(n: int, tail: IntArray, head: IntArray) -> csr_array:
    keep = tail != head
    a, b = tail[keep], head[keep]
    return csr_array((np.ones(2 * a.size), (np.r_[a, b], np.r_[b, a])), shape=(n, n))


def _tree(n: int, tail: IntArray, head: IntArray, root: int) -> FloatArray:
    """Depth to the right; leaves one below the other, the largest subtree in line with its parent."""
    order, parent = breadth_first_order(_neighbours(n, tail, head), root, directed=False)
    size, depth = np.ones(n), np.zeros(n)
    for node in order[1:]:
        depth[node] = depth[parent[node]] + 1
    for node in order[:0:-1]:
        size[parent[node]] += size[node]
    children: list[list[int]] = [[] for _ in range(n)]
    for node in order[1:]:
        children[parent[node]].append(int(node))
    level, line = np.zeros(n), 0.0
    stack = [(root, True)]
    while stack:
        node, straight = stack.pop()
        if not straight:
            line += 1.0
        level[node] = line
        # The last one pushed is drawn first, and stays on its parent's line.
        for k, child in enumerate(ordered := sorted(children[node], key=lambda c: (size[c], c))):
            stack.append((child, k == len(ordered) - 1))
    # A sheet is wider than high: twice, where the lines are not to stand further apart than two branches are long.
    wide, high = depth.max(initial=1.0), level.max(initial=1.0)
    stretch = float(np.clip(wide / max(high, 1.0) / 2.0, 0.05, 2.0))
    return np.column_stack([depth, -level * stretch])


def _mesh(n: int, tail: IntArray, head: IntArray) -> FloatArray:
    graph = _neighbours(n, tail, head)
    graph.data[:] = 1.0  # parallel branches add up to one step all the same
    points = _pivot_scaling(graph, n)
    return _relaxed(points, graph)


def _pivot_scaling(graph: csr_array, n: int) -> FloatArray:
    """The plane in which buses lie as far apart as they are in the grid, seen from a few of them."""
    pivot, distances = 0, []
    nearest = np.full(n, np.inf)
    for _ in range(min(PIVOTS, n)):
        steps = dijkstra(graph, directed=False, indices=pivot, unweighted=True)
        distances.append(steps)
        nearest = np.minimum(nearest, steps)
        pivot = int(nearest.argmax())
    d = np.array(distances).T ** 2
    centred = -0.5 * (d - d.mean(axis=0) - d.mean(axis=1, keepdims=True) + d.mean())
    _, _, axes = np.linalg.svd(centred.T @ centred)
    flat = centred @ axes[:2].T
    # The sign of an axis is free: the first bus stands left and above.
    flat *= np.where(flat[0] > 0, -1.0, 1.0) * np.array([1.0, -1.0])
    spread = np.abs(flat).max(axis=0)
    return np.asarray(flat / np.where(spread > 0, spread, 1.0) * np.array([1.4, 1.0]) * np.sqrt(n))


def _relaxed(points: FloatArray, graph: csr_array) -> FloatArray:
    """Branches pulled to length 1, buses nearer than 1 pushed apart; small steps that get smaller."""
    edges = graph.tocoo()
    once = edges.row < edges.col
    a, b = edges.row[once], edges.col[once]
    rng = np.random.default_rng(0)  # the same grid gets the same drawing
    points = points + rng.normal(0.0, 0.05, points.shape)
    degree = np.maximum(np.bincount(np.r_[a, b], minlength=len(points)), 1)[:, None]
    for turn in range(ROUNDS):
        force = np.zeros_like(points)
        along = points[b] - points[a]
        length = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
        pull = along * (1.0 - 1.0 / length) * 0.5
        np.add.at(force, a, pull)
        np.add.at(force, b, -pull)
        force /= degree
        close = cKDTree(points).query_pairs(1.5, output_type="ndarray")
        apart = points[close[:, 0]] - points[close[:, 1]]
        gap = np.maximum(np.hypot(apart[:, 0], apart[:, 1]), 1e-3)[:, None]
        push = apart / gap * (1.5 - gap) * 0.3
        np.add.at(force, close[:, 0], push)
        np.add.at(force, close[:, 1], -push)
        size = np.maximum(np.hypot(force[:, 0], force[:, 1]), 1e-12)[:, None]
        points = points + force / size * np.minimum(size, 1.0 - 0.7 * turn / ROUNDS)
    return points
