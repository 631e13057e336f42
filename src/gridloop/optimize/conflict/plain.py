"""Plain causes of infeasibility that need no solver: contradictory limits, too little or too much power, pockets.

A pocket is found as a minimum cut. Let the load of every node flow to a sink, and let a source feed every generator up
to its largest output; branches carry up to their rating either way. Where the largest flow is less than the load,
the far side of the minimum cut is a set of buses whose load exceeds their own generation and what the branches into
it carry, exactly by what the flow lacks. The same with the least outputs and the loads as limits finds a set of buses
that cannot get rid of what its generators must give. Both hold for AC too, where losses only add to the load.
Source: Ford and Fulkerson (1956); Hoffman's circulation theorem says that nothing less would do without the angles.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, maximum_flow

from gridloop.errors import listed
from gridloop.network.model import Network
from gridloop.optimize.case import Moment
from gridloop.units import BASE_MVA, BoolArray, FloatArray, IntArray

# Powers go into the maximum flow as whole kW, each rounded to the harmless side; less than this is no finding.
_KW_PER_MW = 1_000
LEAST_MW = 0.01


@dataclass(frozen=True)
class Cause:
    """One plain cause.

    kind      min_above_max, demand_above_capacity, must_run_above_demand, pocket_short, pocket_over, ramp_too_slow, …
    sentence  for a person
    elements  ids of what is involved, the most telling first
    facts     the numbers
    """

    kind: str
    sentence: str
    elements: tuple[str, ...]
    facts: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.sentence


def plain_causes(net: Network | Moment) -> list[Cause]:
    """Plain causes why no optimal power flow of a network can have a solution; empty where none is found."""
    m = net if isinstance(net, Moment) else Moment.of(net)
    contradictions = _contradictions(m)
    return contradictions or [*_stranded(m), *_short(m), *_over(m)]


def _contradictions(m: Moment) -> list[Cause]:
    found = []
    for what, ids, low, high, scale, unit in (
        ("output", m.gen_id, m.p_min, m.p_max, BASE_MVA, "MW"),
        ("reactive output", m.gen_id, m.q_min, m.q_max, BASE_MVA, "Mvar"),
        ("voltage", m.bus, m.v_min, m.v_max, 1.0, "pu"),
        ("angle", m.branch_id, m.angle_min, m.angle_max, 180 / np.pi, "°"),
    ):
        for k in np.flatnonzero(low > high).tolist():
            least, most = low[k] * scale, high[k] * scale
            found.append(
                Cause(
                    "min_above_max",
                    f"the least {what} of {ids[k]} ({least:.6g} {unit}) is above the largest ({most:.6g} {unit})",
                    (str(ids[k]),),
                    {"quantity": what, "min": float(least), "max": float(most)},
                )
            )
    return found


def _stranded(m: Moment) -> list[Cause]:
    if not len(m.stranded):
        return []
    buses = [str(bus) for bus in m.stranded]
    said = f"{len(buses)} buses carry {m.stranded_mw:.6g} MW in islands that nothing supplies ({listed(buses)})"
    return [Cause("stranded_load", said, tuple(buses), {"missing_mw": m.stranded_mw})]


def _short(m: Moment) -> list[Cause]:
    need, least_taken = _drawn(m)
    most = np.bincount(m.gen_node, weights=np.maximum(m.p_max, 0.0), minlength=m.n)
    # A generator whose largest output is negative is a load.
    must_take = np.bincount(m.gen_node, weights=np.maximum(-m.p_max, 0.0), minlength=m.n)
    found = []
    for nodes, missing in _cuts(m, supply=most + least_taken, demand=need + must_take, pocket_is_far=True):
        inside = np.isin(m.gen_node, nodes)
        gens = [str(i) for i in m.gen_id[inside]]
        branches, carry = _across(m, nodes)
        load = float((need + must_take - least_taken)[nodes].sum()) * BASE_MVA
        own = float(most[nodes].sum()) * BASE_MVA
        whole, where = _place(m, nodes)
        kind = "demand_above_capacity" if whole else "pocket_short"
        into = "" if whole else f", and the {_few(branches, 'branch')} into {_them(nodes)} {_carry(carry)}"
        said = (
            f"{where} {'takes' if whole or nodes.size == 1 else 'take'} {load:.6g} MW; {_few(gens, 'generator')} there "
            f"{'gives' if len(gens) == 1 else 'give'} at most {own:.6g} MW{into}: {missing:.6g} MW are missing"
        )
        facts = _pocket_facts(m, nodes, gens, branches, load, own, carry)
        found.append(Cause(kind, said, (*branches, *gens, *facts["buses"]), {**facts, "missing_mw": missing}))
    return found


def _over(m: Moment) -> list[Cause]:
    need, injected = _drawn(m)
    least = np.bincount(m.gen_node, weights=np.maximum(m.p_min, 0.0), minlength=m.n)
    can_take = np.bincount(m.gen_node, weights=np.maximum(-m.p_min, 0.0), minlength=m.n)
    found = []
    for nodes, excess in _cuts(m, supply=least + injected, demand=need + can_take, pocket_is_far=False):
        inside = np.isin(m.gen_node, nodes) & (m.p_min > 0)
        gens = [str(i) for i in m.gen_id[inside]]
        branches, carry = _across(m, nodes)
        must, take = float((least + injected)[nodes].sum()) * BASE_MVA, float((need + can_take)[nodes].sum()) * BASE_MVA
        whole, where = _place(m, nodes)
        kind = "must_run_above_demand" if whole else "pocket_over"
        out = "" if whole else f", and the {_few(branches, 'branch')} out of {_them(nodes)} {_carry(carry)}"
        said = (
            f"{where} {'has' if whole or nodes.size == 1 else 'have'} {must:.6g} MW that must be given "
            f"({_few(gens, 'generator')}); its loads take {take:.6g} MW{out}: {excess:.6g} MW have nowhere to go"
        )
        facts = _pocket_facts(m, nodes, gens, branches, take, must, carry)
        found.append(Cause(kind, said, (*gens, *branches, *facts["buses"]), {**facts, "excess_mw": excess}))
    return found


def _drawn(m: Moment) -> tuple[FloatArray, FloatArray]:
    """What loads take and what negative ones give, shunts at nominal voltage left out. [node], per unit"""
    return np.maximum(m.p_load, 0.0), np.maximum(-m.p_load, 0.0)


def _place(m: Moment, nodes: IntArray) -> tuple[bool, str]:
    """Whether nodes are a whole island, and how to call them."""
    whole = nodes.size == int((m.island == m.island[nodes[0]]).sum())
    return whole, f"the island of bus {m.bus[nodes[0]]}" if whole else _buses(m, nodes)


def _buses(m: Moment, nodes: IntArray) -> str:
    names = [str(bus) for bus in m.bus[nodes]]
    return f"bus {names[0]}" if len(names) == 1 else f"the {len(names)} buses {listed(names)}"


def _few(names: list[str], noun: str) -> str:
    plural = noun + ("es" if noun.endswith("ch") else "s")
    if not names:
        return f"no {noun}"
    return f"{noun} {names[0]}" if len(names) == 1 else f"{len(names)} {plural} ({listed(names)})"


def _carry(mw: float) -> str:
    return f"carry at most {mw:.6g} MW"


def _them(nodes: IntArray) -> str:
    return "it" if nodes.size == 1 else "them"


def _pocket_facts(
    m: Moment, nodes: IntArray, gens: list[str], branches: list[str], load: float, own: float, carry: float
) -> dict[str, Any]:
    return {
        "buses": [str(bus) for bus in m.bus[nodes]],
        "generators": gens,
        "branches": branches,
        "load_mw": load,
        "generation_mw": own,
        "branches_mw": carry,
    }


def _across(m: Moment, nodes: IntArray) -> tuple[list[str], float]:
    """Branches between these nodes and the others, and what they carry together. [MW]"""
    inside = np.zeros(m.n, dtype=bool)
    inside[nodes] = True
    cut = inside[m.tail] != inside[m.head]
    return [str(i) for i in m.branch_id[cut]], float(m.rate[cut].sum()) * BASE_MVA


def _cuts(m: Moment, *, supply: FloatArray, demand: FloatArray, pocket_is_far: bool) -> list[tuple[IntArray, float]]:
    """Sets of connected nodes that lack something, and how much in MW; the worst first.

    pocket_is_far  True: demand has to be met, False: supply has to get away
    """
    total = float(demand.sum() if pocket_is_far else supply.sum())
    if total <= 0.0 or not np.isfinite(total):
        return []
    harmless = np.ceil if pocket_is_far else np.floor
    to_kw = BASE_MVA * _KW_PER_MW
    most = np.floor(total * to_kw) + 1  # more than all there is never flows anywhere
    feed = harmless(np.minimum(supply * to_kw, most)).astype(np.int64)
    take = (np.floor if pocket_is_far else np.ceil)(np.minimum(demand * to_kw, most)).astype(np.int64)
    carry = np.ceil(np.minimum(m.rate * to_kw, most)).astype(np.int64)
    reached, flow = _cut(m, feed, take, carry)
    lacks = (take.sum() if pocket_is_far else feed.sum()) - flow
    if lacks <= LEAST_MW * _KW_PER_MW:
        return []
    side = ~reached if pocket_is_far else reached
    within = side[m.tail] & side[m.head]
    graph = coo_array((np.ones(int(within.sum())), (m.tail[within], m.head[within])), shape=(m.n, m.n))
    _, label = connected_components(graph, directed=False)
    found = []
    for part in np.unique(label[side]):
        nodes = np.flatnonzero(side & (label == part))
        _, carried = _across(m, nodes)
        gap = float(demand[nodes].sum() - supply[nodes].sum()) * BASE_MVA
        missing = (gap if pocket_is_far else -gap) - carried
        if missing > LEAST_MW:
            found.append((nodes, missing))
    return sorted(found, key=lambda item: -item[1])


def _cut(m: Moment, feed: IntArray, take: IntArray, carry: IntArray) -> tuple[BoolArray, int]:
    """Nodes that more could still reach at the largest flow, and that flow."""
    n, source, sink = m.n, m.n, m.n + 1
    row = np.concatenate([m.tail, m.head, np.full(n, source), np.arange(n)])
    col = np.concatenate([m.head, m.tail, np.arange(n), np.full(n, sink)])
    capacity = np.concatenate([carry, carry, feed, take])
    graph = csr_array((capacity, (row, col)), shape=(n + 2, n + 2))
    graph.sum_duplicates()
    # The solver counts in 32 bits; coarser units are still harmless where a case is larger than 2,000 GW.
    shrink = max(1, int(graph.data.max(initial=0)) // (2**30) + 1)
    graph.data = (graph.data // shrink if shrink > 1 else graph.data).astype(np.int32)
    result = maximum_flow(csr_array(graph), source, sink, method="dinic")
    rest = csr_array(graph - result.flow)
    rest.data = np.where(rest.data > 0, rest.data, 0)
    rest.eliminate_zeros()
    reached = np.zeros(n + 2, dtype=bool)
    reached[source] = True
    front = np.array([source])
    while front.size:
        starts, ends = rest.indptr[front], rest.indptr[front + 1]
        nexts = np.unique(np.concatenate([rest.indices[a:b] for a, b in zip(starts, ends, strict=True)]))
        front = nexts[~reached[nexts]]
        reached[front] = True
    return reached[:n], int(result.flow_value) * shrink
