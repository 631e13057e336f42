"""Topology: which buses are one electrical node, and which nodes a source supplies.

Closed bus switches fuse their two buses without impedance. An open switch at a branch opens that end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gridloop.units import BoolArray, IntArray

if TYPE_CHECKING:
    from gridloop.network.model import Network

NO_NODE = -1


@dataclass(frozen=True)
class Topology:
    """Nodes and branch ends of one switching state.

    node_of      [bus]     node of every bus row; `NO_NODE` where the bus is out of service
    first_bus    [node]    row of the first bus of every node, which names it
    island_of    [node]    number of the island a node belongs to
    supplied     [node]    True where the island has a source in service
    line_ends    [line, 2] True where the tail (0) or head (1) of a line is connected
    transformer_ends       the same for transformers
    """

    node_of: IntArray
    first_bus: IntArray
    island_of: IntArray
    supplied: BoolArray
    line_ends: BoolArray
    transformer_ends: BoolArray

    @property
    def n_nodes(self) -> int:
        return int(self.first_bus.size)

    def islands_without_supply(self) -> list[IntArray]:
        """Nodes of every island that no source reaches."""
        dark = np.unique(self.island_of[~self.supplied])
        return [np.flatnonzero(self.island_of == island) for island in dark]


def bus_rows(net: Network, ids: pd.Series) -> IntArray:
    """Row of every bus named in `ids`; -1 for a name that does not exist."""
    return np.asarray(net.bus.index.get_indexer(pd.Index(ids)), dtype=np.int64)


def find_topology(net: Network) -> Topology:
    """Fuse switches, open branch ends and find the islands of a network."""
    n_bus = len(net.bus)
    alive = net.bus["in_service"].to_numpy(dtype=bool)
    node_of = _fuse(net, n_bus, alive)
    first_bus = _first_rows(node_of)
    line_ends = _connected_ends(net, "line", alive)
    transformer_ends = _connected_ends(net, "transformer", alive)
    island_of = _islands(net, node_of, first_bus.size, line_ends, transformer_ends)
    sources = net.source[net.source["in_service"]]
    fed = node_of[bus_rows(net, sources["bus"])]
    supplied = np.isin(island_of, np.unique(island_of[fed[fed != NO_NODE]]))
    return Topology(node_of, first_bus, island_of, supplied, line_ends, transformer_ends)


def _fuse(net: Network, n_bus: int, alive: BoolArray) -> IntArray:
    switch = net.switch
    closed = switch[(switch["element_kind"] == "bus") & switch["closed"] & switch["in_service"]]
    a, b = bus_rows(net, closed["bus"]), bus_rows(net, closed["element"])
    joins = alive[a] & alive[b]
    graph = coo_array((np.ones(int(joins.sum())), (a[joins], b[joins])), shape=(n_bus, n_bus))
    _, label = connected_components(graph, directed=False)
    node_of = np.full(n_bus, NO_NODE, dtype=np.int64)
    # Nodes are numbered in the order in which their first bus stands in the table.
    _, first, inverse = np.unique(label[alive], return_index=True, return_inverse=True)
    rank = np.empty(first.size, dtype=np.int64)
    rank[np.argsort(first)] = np.arange(first.size)
    node_of[alive] = rank[inverse]
    return node_of


def _first_rows(node_of: IntArray) -> IntArray:
    rows = np.flatnonzero(node_of != NO_NODE)
    _, first = np.unique(node_of[rows], return_index=True)
    return rows[first]


def _connected_ends(net: Network, kind: str, alive: BoolArray) -> BoolArray:
    table = net.tables[kind]
    in_service = table["in_service"].to_numpy(dtype=bool)
    ends = np.repeat(in_service[:, None], 2, axis=1)
    tail, head = bus_rows(net, table["tail_bus"]), bus_rows(net, table["head_bus"])
    ends[:, 0] &= alive[tail]
    ends[:, 1] &= alive[head]
    switch = net.switch
    opened = switch[(switch["element_kind"] == kind) & ~(switch["closed"] & switch["in_service"])]
    branch = table.index.get_indexer(pd.Index(opened["element"]))
    at = bus_rows(net, opened["bus"])
    for row, bus in zip(branch, at, strict=True):
        ends[row, 0] &= bus != tail[row]
        ends[row, 1] &= bus != head[row]
    return ends


def _islands(
    net: Network, node_of: IntArray, n_nodes: int, line_ends: BoolArray, transformer_ends: BoolArray
) -> IntArray:
    tails, heads = [], []
    for kind, ends in (("line", line_ends), ("transformer", transformer_ends)):
        table, whole = net.tables[kind], ends.all(axis=1)
        tails.append(node_of[bus_rows(net, table["tail_bus"])[whole]])
        heads.append(node_of[bus_rows(net, table["head_bus"])[whole]])
    tail, head = np.concatenate(tails), np.concatenate(heads)
    graph = coo_array((np.ones(tail.size), (tail, head)), shape=(n_nodes, n_nodes))
    _, island_of = connected_components(graph, directed=False)
    return np.asarray(island_of, dtype=np.int64)
