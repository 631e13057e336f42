"""The network as plain per-unit arrays: what power flow and optimization compute with.

A branch is a π element between a tail and a head node, seen through an ideal transformer of complex ratio t
at its tail (t = 1 for a line; equations and conventions in docs/math/powerflow.md):

    I_tail = y_tt V_tail + y_th V_head        y_tt = (y + s/2) / |t|²     y_th = −y / conj(t)
    I_head = y_ht V_tail + y_hh V_head        y_ht = −y / t               y_hh = y + s/2

with the series admittance y and the shunt admittance s. Source: Zimmerman et al., MATPOWER (2011), eq. 3.1–3.3,
with tail and head for "from" and "to".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from gridloop.network.topology import NO_NODE, Topology, bus_rows, find_topology
from gridloop.units import BASE_MVA, SQRT3, BoolArray, ComplexArray, FloatArray, IntArray, base_ohm

if TYPE_CHECKING:
    from gridloop.network.model import Network


@dataclass(frozen=True)
class Branches:
    """Lines, then transformers, in the order of their tables; per unit on `BASE_MVA`.

    tail, head   [branch]  node; `NO_NODE` where that end is open
    ratio        [branch]  complex ratio t of the ideal transformer at the tail
    y_tt … y_hh  [branch]  admittances of the π element; all zero where the branch is out of service
    rating_ka    [branch, 2]  thermal limit of the current at tail and head; NaN where there is none
    base_ka      [branch, 2]  current base at tail and head
    """

    ids: pd.Index
    n_lines: int
    tail: IntArray
    head: IntArray
    ratio: ComplexArray
    y_tt: ComplexArray
    y_th: ComplexArray
    y_ht: ComplexArray
    y_hh: ComplexArray
    rating_ka: FloatArray
    base_ka: FloatArray

    @property
    def rating_pu(self) -> FloatArray:
        """Thermal limit of the current at tail and head. [branch, 2], per unit"""
        return self.rating_ka / self.base_ka


@dataclass(frozen=True)
class NetworkArrays:
    """One switching state of a network, ready to compute.

    v_nom_kv      [node]  nominal voltage
    shunt         [node]  admittance to ground, per unit
    source        nodes whose voltage and angle a source holds; v_source their complex voltage, per unit
    regulated     nodes whose voltage a generator holds; v_set their magnitude, per unit
    holds         [generator]  True where it is one of those that hold a regulated node
    element_node  table → [element] node every load, generator, storage, shunt and source is connected to
    element_on    table → [element] True where it is in service, and so is its bus
    """

    topology: Topology
    branches: Branches
    v_nom_kv: FloatArray
    shunt: ComplexArray
    source: IntArray
    v_source: ComplexArray
    regulated: IntArray
    v_set: FloatArray
    holds: BoolArray
    element_node: Mapping[str, IntArray]
    element_on: Mapping[str, BoolArray]

    @property
    def n_nodes(self) -> int:
        return self.topology.n_nodes

    def admittance(self) -> csr_array:
        """Nodal admittance matrix. [node, node], per unit"""
        b, n = self.branches, self.n_nodes
        at_tail, at_head = b.tail != NO_NODE, b.head != NO_NODE
        both = at_tail & at_head
        nodes = np.arange(n)
        row = np.concatenate([b.tail[at_tail], b.head[at_head], b.tail[both], b.head[both], nodes])
        col = np.concatenate([b.tail[at_tail], b.head[at_head], b.head[both], b.tail[both], nodes])
        val = np.concatenate([b.y_tt[at_tail], b.y_hh[at_head], b.y_th[both], b.y_ht[both], self.shunt])
        matrix = csr_array((val, (row, col)), shape=(n, n))
        matrix.sum_duplicates()
        matrix.sort_indices()
        return matrix

    def sum_to_nodes(self, kind: str, values: FloatArray | ComplexArray) -> ComplexArray:
        """Add one value per element of a table to the nodes the elements hang on. [node, …]"""
        node, on = self.element_node[kind], self.element_on[kind]
        total = np.zeros((self.n_nodes, *np.shape(values)[1:]), dtype=complex)
        np.add.at(total, node[on], np.asarray(values)[on])
        return total

    def injection(self, net: Network) -> ComplexArray:
        """Complex power that generators less loads and storage inject as the tables say. [node], per unit"""
        total = self.sum_to_nodes("generator", _complex(net.generator, "p_mw", "q_mvar"))
        for kind in ("load", "storage"):
            total -= self.sum_to_nodes(kind, _complex(net.tables[kind], "p_mw", "q_mvar"))
        return total / BASE_MVA

    def with_taps(self, net: Network, tap_pos: Mapping[str, float]) -> NetworkArrays:
        """The same arrays with transformers at other tap positions; fractions of a step are allowed.

        Raises `KeyError` for a transformer that `net` does not have.
        """
        b, table = self.branches, net.transformer
        position = _column(table, "tap_pos").copy()
        for name, at in tap_pos.items():
            position[table.index.get_loc(name)] = at
        v_bus = _column(net.bus, "v_nom_kv")
        v_tail, v_head = (v_bus[bus_rows(net, table[end])] for end in ("tail_bus", "head_bus"))
        own = slice(b.n_lines, None)
        y, s, t, _ = _transformer_admittances(table, v_tail, v_head, position)
        moved = (t, *_four_admittances(y, s, t, b.tail[own] != NO_NODE, b.head[own] != NO_NODE))
        ratio, y_tt, y_th, y_ht, y_hh = (
            np.concatenate([column[: b.n_lines], values])
            for column, values in zip((b.ratio, b.y_tt, b.y_th, b.y_ht, b.y_hh), moved, strict=True)
        )
        return replace(self, branches=replace(b, ratio=ratio, y_tt=y_tt, y_th=y_th, y_ht=y_ht, y_hh=y_hh))


def build_arrays(net: Network, topology: Topology | None = None) -> NetworkArrays:
    """Per-unit arrays of a network in its present switching state."""
    topology = topology or find_topology(net)
    v_nom = net.bus["v_nom_kv"].to_numpy(dtype=float)[topology.first_bus]
    node, on = {}, {}
    for kind in ("load", "generator", "storage", "shunt", "source"):
        table = net.tables[kind]
        node[kind] = topology.node_of[bus_rows(net, table["bus"])]
        on[kind] = table["in_service"].to_numpy(dtype=bool) & (node[kind] != NO_NODE)
    turn = np.deg2rad(_column(net.source, "angle_deg"))
    v_source = np.asarray(_column(net.source, "v_set_pu") * np.exp(1j * turn), dtype=complex)
    source, first_source = _holders(node["source"], on["source"])
    regulates = net.generator["regulates_voltage"].to_numpy(dtype=bool)
    # Where a source holds the voltage, no generator has to.
    holds = on["generator"] & regulates & ~np.isin(node["generator"], source)
    regulated, first_generator = _holders(node["generator"], holds)
    shunt = np.zeros(topology.n_nodes, dtype=complex)
    np.add.at(shunt, node["shunt"][on["shunt"]], _complex(net.shunt, "g_mw", "b_mvar")[on["shunt"]] / BASE_MVA)
    return NetworkArrays(
        topology=topology,
        branches=_branches(net, topology),
        v_nom_kv=v_nom,
        shunt=shunt,
        source=source,
        v_source=v_source[first_source],
        regulated=regulated,
        v_set=_column(net.generator, "v_set_pu")[first_generator],
        holds=holds,
        element_node=node,
        element_on=on,
    )


def _holders(node: IntArray, holds: BoolArray) -> tuple[IntArray, IntArray]:
    """Nodes with elements that hold them, and the row of the first one at each: it counts, and validation reports
    the others where they disagree."""
    rows = np.flatnonzero(holds)
    nodes, first = np.unique(node[rows], return_index=True)
    return nodes, rows[first]


def _column(table: pd.DataFrame, name: str) -> FloatArray:
    return table[name].to_numpy(dtype=float)


def _complex(table: pd.DataFrame, real: str, imaginary: str) -> ComplexArray:
    return np.asarray(_column(table, real) + 1j * _column(table, imaginary), dtype=complex)


def _branches(net: Network, topology: Topology) -> Branches:
    line, transformer, v_bus = net.line, net.transformer, _column(net.bus, "v_nom_kv")
    tail_bus, head_bus = (
        np.concatenate([bus_rows(net, line[end]), bus_rows(net, transformer[end])]) for end in ("tail_bus", "head_bus")
    )
    v_tail, v_head, n = v_bus[tail_bus], v_bus[head_bus], len(line)
    of_lines = _line_admittances(line, v_tail[:n])
    of_transformers = _transformer_admittances(transformer, v_tail[n:], v_head[n:], _column(transformer, "tap_pos"))
    y, s, t = (np.concatenate([a, b]) for a, b in zip(of_lines[:3], of_transformers[:3], strict=True))
    rating_ka = np.concatenate([of_lines[3], of_transformers[3]])
    ends = np.concatenate([topology.line_ends, topology.transformer_ends])
    tail = np.where(ends[:, 0], topology.node_of[tail_bus], NO_NODE)
    head = np.where(ends[:, 1], topology.node_of[head_bus], NO_NODE)
    y_tt, y_th, y_ht, y_hh = _four_admittances(y, s, t, tail != NO_NODE, head != NO_NODE)
    base_ka = BASE_MVA / (SQRT3 * np.stack([v_tail, v_head], axis=1))
    ids = pd.Index([*line.index, *transformer.index], name="id")
    return Branches(ids, n, tail, head, t, y_tt, y_th, y_ht, y_hh, rating_ka, base_ka)


def _four_admittances(
    y: ComplexArray, s: ComplexArray, t: ComplexArray, at_tail: BoolArray, at_head: BoolArray
) -> tuple[ComplexArray, ComplexArray, ComplexArray, ComplexArray]:
    """y_tt, y_th, y_ht, y_hh. An open end is eliminated: its current is zero, and the other end charges the branch."""
    y_hh = np.asarray(y + s / 2, dtype=complex)
    y_tt, y_th, y_ht = y_hh / np.abs(t) ** 2, -y / np.conj(t), -y / t
    tail_only, head_only, both = at_tail & ~at_head, at_head & ~at_tail, at_tail & at_head
    with np.errstate(divide="ignore", invalid="ignore"):
        from_tail = np.where(y_hh != 0, y_tt - y_th * y_ht / y_hh, 0)
        from_head = np.where(y_tt != 0, y_hh - y_ht * y_th / y_tt, 0)
    zero = np.zeros_like(y_tt)
    return (
        np.where(both, y_tt, np.where(tail_only, from_tail, zero)),
        np.where(both, y_th, zero),
        np.where(both, y_ht, zero),
        np.where(both, y_hh, np.where(head_only, from_head, zero)),
    )


# Series admittance y, shunt admittance s, ratio t (all [branch], per unit) and rating [branch, 2] in kA.
_Pi = tuple[ComplexArray, ComplexArray, ComplexArray, FloatArray]


def _line_admittances(line: pd.DataFrame, v_tail: FloatArray) -> _Pi:
    base, length, parallel = base_ohm(v_tail), _column(line, "length_km"), _column(line, "parallel")
    z = _complex(line, "r_ohm_per_km", "x_ohm_per_km") * length
    s = _complex(line, "g_us_per_km", "b_us_per_km") * length * 1e-6
    rating = _column(line, "i_max_ka") * parallel
    t = np.ones(len(line), dtype=complex)
    return parallel * base / z, parallel * base * s, t, np.stack([rating, rating], axis=1)


def _transformer_admittances(
    transformer: pd.DataFrame, v_tail: FloatArray, v_head: FloatArray, tap_pos: FloatArray
) -> _Pi:
    v_tail_kv, v_head_kv = _column(transformer, "v_tail_kv"), _column(transformer, "v_head_kv")
    step = tap_pos - _column(transformer, "tap_neutral")
    change = 1 + step * _column(transformer, "tap_step_pu")
    turn = step * _column(transformer, "tap_step_deg")
    at_tail = transformer["tap_side"].to_numpy(dtype=object) != "head"
    tail_kv, head_kv = v_tail_kv * np.where(at_tail, change, 1), v_head_kv * np.where(at_tail, 1, change)
    angle = np.deg2rad(_column(transformer, "shift_deg") + np.where(at_tail, turn, -turn))
    t = np.asarray((tail_kv / v_tail) / (head_kv / v_head) * np.exp(1j * angle), dtype=complex)
    # The impedance is constant as seen from the winding without taps: at the head, where the π stands, it grows with
    # the square of the head's own turns and does not notice the tail's.
    scale = _column(transformer, "parallel") * _column(transformer, "s_rated_mva") / BASE_MVA * (v_head / head_kv) ** 2
    y = scale / _complex(transformer, "r_pu", "x_pu")
    s = scale * _complex(transformer, "g_pu", "b_pu")
    s_max = _column(transformer, "s_max_mva") * _column(transformer, "parallel")
    # The current of the plate: rated power at rated voltage.
    rating = np.stack([s_max / (SQRT3 * v_tail_kv), s_max / (SQRT3 * v_head_kv)], axis=1)
    return y, s, t, rating
