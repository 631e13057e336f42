"""Moment: one moment of a network as the per-unit arrays that every optimization of it computes with.

What is out of service is left out, and so is an island that has neither load nor a source. An island without a source
but with generators supplies itself: the node of its largest generator gives the angle reference.

A source gives the angle reference at its bus; its voltage is free within v_min_pu … v_max_pu, for choosing voltages is
what an optimization is there for. It is also the grid above: a generator "source:ID" within the limits and at the cost
of the table `source`. One that may give nothing (limits of zero: the reference bus of a MATPOWER case) is no generator.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from gridloop.network.arrays import NetworkArrays, build_arrays
from gridloop.network.model import Network
from gridloop.network.topology import NO_NODE, bus_rows
from gridloop.network.validation import Finding, Findings
from gridloop.optimize.case_findings import findings
from gridloop.optimize.cost_curve import CostCurve, read_curves
from gridloop.units import BASE_MVA, SQRT3, BoolArray, ComplexArray, FloatArray, IntArray

_GENERATOR_NUMBERS = (
    "p_min_mw", "p_max_mw", "q_min_mvar", "q_max_mvar", "cost_fixed_per_h", "cost_linear_per_mwh",
    "cost_quadratic_per_mw2h", "emissions_t_per_mwh", "p_mw", "q_mvar",
)  # fmt: skip
# A grid connection for which the tables say nothing: no limits, no cost, unknown emissions.
_OF_A_SOURCE = (-np.inf, np.inf, -np.inf, np.inf, 0.0, 0.0, 0.0, np.nan, 0.0, 0.0)


@dataclass(frozen=True, eq=False)
class Moment:
    """Everything per unit on `BASE_MVA` and the nominal voltage, angles in rad; costs in money per h, MWh and MW²h.

    n             number of nodes;  node_of_bus [bus row] node, −1 where the bus is left out
    bus           [node]  id of the first bus of every node
    at            [node]  the same node in `arrays`
    island        [node]  number of its island, from 0
    reference     [ref]   nodes whose angle is fixed, reference_angle [ref] at what
    v_min, v_max  [node]  band of the voltage magnitude; shunt [node] admittance to ground, with that of branches open
                          at one end and of branches whose ends are one node
    p_load, q_load [node] consumption: loads and storage as their tables say
    gen_id        [gen]   rows of the table `generator`, then "source:ID"; gen_node [gen]
    gen_row       [gen]   row of the table `generator`, −1 for a source
    p_min … q_max [gen]   limits, ±inf where there is none; p_start, q_start [gen] what the tables say
    cost_fixed, cost_linear, cost_quadratic [gen]; curves: piecewise cost of those generators that have one, by gen
    emissions_t_per_mwh [gen]  NaN where not known
    branch_id     [branch] lines, then transformers, with both ends at different nodes of this moment
    branch_row    [branch] row in `arrays.branches`; tail, head [branch] nodes
    y_tt … y_hh   [branch] the π element as in network.arrays, ratio the complex ratio t, r and x its series impedance
    rate          [branch] largest apparent power at either end, at rated voltage; inf where there is none
    angle_min, angle_max [branch] limits of θ_tail − θ_head; ±inf where there is none
    stranded      buses that carry something in islands that nothing supplies; stranded_mw their load in MW
    """

    net: Network
    arrays: NetworkArrays
    node_of_bus: IntArray
    at: IntArray
    bus: pd.Index
    island: IntArray
    reference: IntArray
    reference_angle: FloatArray
    v_min: FloatArray
    v_max: FloatArray
    shunt: ComplexArray
    p_load: FloatArray
    q_load: FloatArray
    gen_id: pd.Index
    gen_node: IntArray
    gen_row: IntArray
    p_min: FloatArray
    p_max: FloatArray
    q_min: FloatArray
    q_max: FloatArray
    p_start: FloatArray
    q_start: FloatArray
    cost_fixed: FloatArray
    cost_linear: FloatArray
    cost_quadratic: FloatArray
    curves: dict[int, CostCurve]
    emissions_t_per_mwh: FloatArray
    branch_id: pd.Index
    branch_row: IntArray
    tail: IntArray
    head: IntArray
    y_tt: ComplexArray
    y_th: ComplexArray
    y_ht: ComplexArray
    y_hh: ComplexArray
    ratio: ComplexArray
    r: FloatArray
    x: FloatArray
    rate: FloatArray
    angle_min: FloatArray
    angle_max: FloatArray
    stranded: pd.Index
    stranded_mw: float

    @classmethod
    def of(cls, net: Network) -> Moment:
        """The present moment of a network. Its references must lead somewhere: `validate` first."""
        arrays = build_arrays(net)
        topology = arrays.topology
        drawn = _drawn(net, arrays)
        keep, stranded_nodes = _islands(net, arrays, drawn)
        at = np.flatnonzero(keep)
        node = np.full(arrays.n_nodes + 1, -1, dtype=np.int64)  # the last entry serves NO_NODE
        node[at] = np.arange(at.size)
        gens = _generators(net, arrays, node)
        branches, own = _branches(net, arrays, node)
        source = arrays.source[keep[arrays.source]]
        angle = np.angle(arrays.v_source[keep[arrays.source]])
        islands = np.unique(topology.island_of[at], return_inverse=True)[1]
        free = _free_references(islands, node[source], gens["gen_node"], gens["p_max"])
        loads = np.concatenate([topology.node_of[bus_rows(net, net.load["bus"])], [NO_NODE]])
        carrying = np.isin(topology.node_of, stranded_nodes) & (topology.node_of != NO_NODE)
        lost = net.load["p_mw"].to_numpy(dtype=float)[np.isin(loads[:-1], stranded_nodes) & arrays.element_on["load"]]
        return cls(
            net=net,
            arrays=arrays,
            node_of_bus=node[topology.node_of],
            at=at,
            bus=net.bus.index[topology.first_bus[at]],
            island=np.asarray(islands, dtype=np.int64),
            reference=np.concatenate([node[source], free]),
            reference_angle=np.concatenate([angle, np.zeros(free.size)]),
            v_min=_limit(net.bus["v_min_pu"].to_numpy(dtype=float), -np.inf, topology.node_of, at, np.maximum),
            v_max=_limit(net.bus["v_max_pu"].to_numpy(dtype=float), np.inf, topology.node_of, at, np.minimum),
            shunt=(arrays.shunt + own)[at],
            p_load=drawn.real[at],
            q_load=drawn.imag[at],
            **gens,
            **branches,
            stranded=net.bus.index[carrying],
            stranded_mw=float(lost.sum()),
        )

    @property
    def n(self) -> int:
        return self.at.size

    @cached_property
    def generators_at(self) -> BoolArray:
        """True where a node has a generator. [node]"""
        has = np.zeros(self.n, dtype=bool)
        has[self.gen_node] = True
        return has

    def findings(self) -> Findings:
        """What keeps this moment from being optimized or makes it infeasible at once; errors first.

        Adds to `gridloop.validate`: costs that are no convex curves (not_convex, bad_cost_points) or all zero
        (zero_costs), branches rated 0 (zero_rating), islands with load and nothing that supplies it (stranded_load),
        demand above what all generators can do (demand_above_capacity), no node at all (nothing_in_service).
        """
        found: list[Finding] = findings(self)
        return Findings(tuple(sorted(found, key=lambda f: f.severity != "error")))


def _drawn(net: Network, arrays: NetworkArrays) -> ComplexArray:
    """What loads and storage take. [node of arrays], per unit"""
    total = np.zeros(arrays.n_nodes, dtype=complex)
    for kind in ("load", "storage"):
        table = net.tables[kind]
        taken = table["p_mw"].to_numpy(dtype=float) + 1j * table["q_mvar"].to_numpy(dtype=float)
        total += arrays.sum_to_nodes(kind, np.asarray(taken, dtype=complex))
    return np.asarray(total / BASE_MVA, dtype=complex)


def _islands(net: Network, arrays: NetworkArrays, drawn: ComplexArray) -> tuple[BoolArray, IntArray]:
    """Nodes that are part of the moment, and nodes that carry something but have no supply. Of arrays."""
    island = arrays.topology.island_of
    count = int(island.max(initial=-1)) + 1

    def has(nodes: IntArray) -> BoolArray:
        found = np.zeros(count, dtype=bool)
        found[island[nodes]] = True
        return found

    generator = has(arrays.element_node["generator"][arrays.element_on["generator"]])
    loaded = has(np.flatnonzero((drawn != 0) | np.isnan(drawn)))
    keep = has(arrays.source) | (generator & loaded)
    dark = ~keep & loaded
    return keep[island], np.flatnonzero(dark[island] & (drawn != 0))


def _free_references(island: IntArray, reference: IntArray, gen_node: IntArray, p_max: FloatArray) -> IntArray:
    """For every island without a reference the node of its largest generator."""
    count = int(island.max(initial=-1)) + 1
    missing = np.ones(count, dtype=bool)
    missing[island[reference]] = False
    if not missing.any():
        return np.zeros(0, dtype=np.int64)
    largest = np.lexsort((np.arange(gen_node.size), -p_max))
    first = {int(island[gen_node[g]]): int(gen_node[g]) for g in largest[::-1]}
    return np.array([first[k] for k in np.flatnonzero(missing).tolist()], dtype=np.int64)


def _limit(values: FloatArray, none: float, node_of: IntArray, at: IntArray, tighter: np.ufunc) -> FloatArray:
    """Tightest limit of the buses of every node; `none` where no bus has one. [node]"""
    limit = np.full(int(node_of.max(initial=-1)) + 1, none)
    alive = (node_of != NO_NODE) & ~np.isnan(values)
    tighter.at(limit, node_of[alive], values[alive])
    return np.asarray(limit[at])


def _generators(net: Network, arrays: NetworkArrays, node: IntArray) -> dict[str, Any]:
    at, on = node[arrays.element_node["generator"]], arrays.element_on["generator"]
    row = np.flatnonzero(on & (at >= 0))
    source_at, source_on = node[arrays.element_node["source"]], arrays.element_on["source"]
    limits = net.source[["p_min_mw", "p_max_mw", "q_min_mvar", "q_max_mvar"]].to_numpy(dtype=float)
    above = np.flatnonzero(source_on & (source_at >= 0) & (limits != 0).any(axis=1))
    table = net.generator.iloc[row]
    values = {}
    for name, none in zip(_GENERATOR_NUMBERS, _OF_A_SOURCE, strict=True):
        of_source = np.full(above.size, none)
        if name in net.source.columns:
            given = net.source[name].to_numpy(dtype=float)[above]
            of_source = np.where(np.isnan(given), none, given)
        values[name] = np.concatenate([table[name].to_numpy(dtype=float), of_source])
    fixed, linear, quadratic = (values[f"cost_{n}"] for n in ("fixed_per_h", "linear_per_mwh", "quadratic_per_mw2h"))
    return {
        "gen_id": pd.Index([*table.index, *(f"source:{i}" for i in net.source.index[above])], name="id", dtype=object),
        "gen_node": np.concatenate([at[row], source_at[above]]),
        "gen_row": np.concatenate([row, np.full(above.size, -1, dtype=np.int64)]),
        "p_min": _or(values["p_min_mw"], -np.inf) / BASE_MVA,
        "p_max": _or(values["p_max_mw"], np.inf) / BASE_MVA,
        "q_min": _or(values["q_min_mvar"], -np.inf) / BASE_MVA,
        "q_max": _or(values["q_max_mvar"], np.inf) / BASE_MVA,
        "p_start": values["p_mw"] / BASE_MVA,
        "q_start": values["q_mvar"] / BASE_MVA,
        "cost_fixed": fixed,
        "cost_linear": linear,
        "cost_quadratic": quadratic,
        "curves": read_curves(table["cost_points"]),
        "emissions_t_per_mwh": values["emissions_t_per_mwh"],
    }


def _or(values: FloatArray, none: float) -> FloatArray:
    return np.where(np.isnan(values), none, values)


def _branches(net: Network, arrays: NetworkArrays, node: IntArray) -> tuple[dict[str, Any], ComplexArray]:
    """Columns of the branches between two nodes, and the admittance of all others to ground. [node of arrays]"""
    b = arrays.branches
    both = (b.tail != NO_NODE) & (b.head != NO_NODE)
    loop = both & (b.tail == b.head)
    own = np.zeros(arrays.n_nodes, dtype=complex)
    for end, y, one in (
        (b.tail, b.y_tt, ~both),
        (b.head, b.y_hh, ~both),
        (b.tail, b.y_tt + b.y_th + b.y_ht + b.y_hh, loop),
    ):
        mine = one & (end != NO_NODE)
        np.add.at(own, end[mine], y[mine])
    row = np.flatnonzero(both & ~loop & (node[b.tail] >= 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        z = -1.0 / (b.y_ht[row] * b.ratio[row])
    v_tail = net.bus["v_nom_kv"].to_numpy(dtype=float)[bus_rows(net, net.line["tail_bus"])]
    line = net.line["i_max_ka"].to_numpy(dtype=float) * net.line["parallel"].to_numpy(dtype=float) * SQRT3 * v_tail
    t = net.transformer
    rate = np.concatenate([line, t["s_max_mva"].to_numpy(dtype=float) * t["parallel"].to_numpy(dtype=float)])
    low, high = (
        np.concatenate([net.tables[k][name].to_numpy(dtype=float) for k in ("line", "transformer")])[row]
        for name in ("angle_min_deg", "angle_max_deg")
    )
    columns: dict[str, Any] = {
        "branch_id": b.ids[row],
        "branch_row": row,
        "tail": node[b.tail[row]],
        "head": node[b.head[row]],
        "y_tt": b.y_tt[row],
        "y_th": b.y_th[row],
        "y_ht": b.y_ht[row],
        "y_hh": b.y_hh[row],
        "ratio": b.ratio[row],
        "r": z.real,
        "x": z.imag,
        "rate": _or(rate[row], np.inf) / BASE_MVA,
        "angle_min": np.deg2rad(_or(low, -np.inf)),
        "angle_max": np.deg2rad(_or(high, np.inf)),
    }
    return columns, own
