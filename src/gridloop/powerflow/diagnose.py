"""Why a power flow failed: the buses that give way first, the load margin, dark islands, suspicious impedances."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridloop.diagnosis import Diagnosis
from gridloop.errors import listed
from gridloop.network.arrays import NetworkArrays
from gridloop.network.model import Network
from gridloop.powerflow.diagnosis.continuation import find_nose
from gridloop.powerflow.diagnosis.suspects import suspicious_impedances
from gridloop.powerflow.sensitivity import Linearization
from gridloop.powerflow.solve import Solution, solve
from gridloop.units import BASE_MVA, ComplexArray, IntArray

WORST = 5
MOST_SUSPECTS = 20
# The largest scale is searched until the step is this share of it, or this small where nothing solves.
SCALE_SHARE = 1e-3
SMALLEST_STEP = 2.0**-20
# A node is open where its mismatch is above this (per unit); an island without open nodes did solve.
_OPEN = 1e-6

# The flow with all injections scaled, from voltages close to it.
Attempt = Callable[[float, ComplexArray | None], Solution]


@dataclass(frozen=True)
class Edge:
    """The largest share of all injections that solves; solution is None where not even the unloaded network does."""

    scale: float
    solution: Solution | None


def unsupplied(net: Network, arrays: NetworkArrays) -> Diagnosis | None:
    """Buses with load, generation or storage that no source reaches; None where there are none."""
    lost = {}
    touched = np.zeros(arrays.n_nodes, dtype=bool)
    for kind in ("load", "generator", "storage"):
        node = arrays.element_node[kind]
        dark = arrays.element_on[kind] & ~arrays.topology.supplied[node]
        touched[node[dark]] = True
        lost[f"{kind}_mw"] = float(net.tables[kind]["p_mw"].to_numpy(dtype=float)[dark].sum())
    islands = [island for island in arrays.topology.islands_without_supply() if touched[island].any()]
    if not islands:
        return None
    ids = _buses(net, arrays, np.concatenate(islands))
    return Diagnosis(
        "unsupplied",
        [
            f"{len(ids)} {'bus has' if len(ids) == 1 else 'buses have'} no path to a source ({listed(ids)}), in "
            f"{len(islands)} island{'s'[: len(islands) != 1]}; the loads there take {lost['load_mw']:.3f} MW."
        ],
        "Close a switch towards them, add a source, or leave them out with `network.energized()`.",
        {"buses": ids, "islands": len(islands), **lost},
    )


def find_edge(attempt: Attempt) -> Edge:
    """Follow the solution from no load upwards, with steps that halve where they fail; scale 1 is the end."""
    best = attempt(0.0, None)
    if not best.converged.all():
        return Edge(0.0, None)
    scale, step = 0.0, 1.0
    while scale < 1.0 and step > max(SCALE_SHARE * scale, SMALLEST_STEP):
        trial = attempt(scale + step, best.v[:, 0])
        if trial.converged.all():
            scale, best = scale + step, trial
            step = min(step, 1.0 - scale)
        else:
            step /= 2
    return Edge(scale, best)


def diagnose_divergence(
    net: Network,
    arrays: NetworkArrays,
    injection: ComplexArray,
    solution: Solution,
    max_iterations: int,
    *,
    edge: Edge | None = None,
) -> Diagnosis:
    """Name the worst mismatch, the islands that fail, the load margin with the buses that give way first, and branches
    whose impedance is unlike the others'.

    injection  [node], per unit: what the flow that failed was asked for
    solution   that flow, of one scenario
    edge       where it is known; searched by plain power flows otherwise
    """
    if edge is None:
        edge = find_edge(lambda scale, v: solve(arrays, injection * scale, start=v, max_iterations=max_iterations))
    mismatch = np.nan_to_num(solution.mismatch_at(0), nan=np.inf)
    worst = int(mismatch.argmax())
    largest, here = float(mismatch[worst]) * BASE_MVA, _name(net, arrays, int(solution.lit[worst]))
    causes = [
        f"No solution after {int(solution.iterations.max())} iterations; "
        f"the largest mismatch is {largest:.3g} MVA at bus {here}."
    ]
    facts = {"load_scale": edge.scale, "mismatch_mva": largest, "mismatch_bus": here}
    island = arrays.topology.island_of[solution.lit]
    failing, first = np.unique(island[mismatch > _OPEN], return_index=True)
    if 0 < failing.size < np.unique(island).size:
        names = [_name(net, arrays, int(n)) for n in solution.lit[mismatch > _OPEN][first]]
        causes.append(f"{failing.size} of {np.unique(island).size} islands fail (those of buses {listed(names)}).")
        facts["failing_islands"] = names
    if edge.solution is None:
        causes.append("Not even the network without load and generation solves.")
        advice = "Look at impedances, taps, shunts and the set-points of voltages."
    else:
        said, found = _collapse(net, arrays, injection, edge, edge.solution)
        causes += said
        facts |= found
        advice = (
            "Lower or move load near these buses, support their voltage, or check the units of what is connected there."
        )
    odd = suspicious_impedances(net)
    if len(odd):
        shown = listed([_suspect(row) for row in odd.to_dict("records")], most=3)
        causes.append(f"{len(odd)} impedance{'s stand' if len(odd) > 1 else ' stands'} out: {shown}.")
        facts["suspicious_impedances"] = odd.head(MOST_SUSPECTS).to_dict("records")
    dark = unsupplied(net, arrays)
    if dark is not None:
        causes.extend(dark.causes)
        facts["unsupplied_buses"] = dark.facts["buses"]
    return Diagnosis("not_converged", causes, advice, facts)


def _collapse(
    net: Network, arrays: NetworkArrays, injection: ComplexArray, edge: Edge, solved: Solution
) -> tuple[list[str], dict[str, Any]]:
    """What to say of the edge of what solves: where it gives way first, and how much load fits."""
    weakest = _give_way(arrays, solved)
    v = np.abs(solved.v[weakest, 0])
    names = [_name(net, arrays, int(n)) for n in weakest]
    shown = listed([f"{bus} ({pu:.3f} pu)" for bus, pu in zip(names, v, strict=True)])
    facts: dict[str, Any] = {"worst_buses": names, "worst_v_pu": v.tolist()}
    if edge.scale == 1.0:
        return [f"Followed from no load upwards it does solve; the buses that give way first are {shown}."], facts
    causes = [
        f"All loads and generation scaled by {edge.scale:.3g} still solve; "
        f"there the buses that give way first are {shown}."
    ]
    factor = _margin_factor(injection, edge, solved)
    fed = arrays.element_on["load"] & arrays.topology.supplied[arrays.element_node["load"]]
    load_mw = float(net.load["p_mw"].to_numpy(dtype=float)[fed].sum())
    facts |= {"margin_factor": factor, "margin_mw": (factor - 1.0) * load_mw, "load_mw": load_mw}
    if load_mw > 0:
        causes.append(
            f"The voltage collapses at {factor * load_mw:.4g} MW of the {load_mw:.4g} MW of load asked for "
            f"(margin {facts['margin_mw']:+.4g} MW, factor {factor:.4g})."
        )
    return causes, facts


def _margin_factor(injection: ComplexArray, edge: Edge, solved: Solution) -> float:
    """The scale at the nose: followed from the edge where all that grows is the injection, the edge's own elsewhere."""
    scaled = injection * edge.scale
    lit = solved.lit
    limited = not np.allclose(solved.wanted[lit, 0], scaled[lit], rtol=1e-9, atol=1e-12)
    if edge.scale == 0.0 or limited:  # machines at their limits: beyond the edge further ones would meet theirs
        return edge.scale
    return edge.scale * find_nose(solved, scaled, beyond=0).scale


def _suspect(row: dict[Hashable, Any]) -> str:
    """`line L7 (impedance 3e-05, typical 0.31)`."""
    typical = "" if np.isnan(row["typical"]) else f", typical {row['typical']:.2g}"
    return f"{row['kind']} {row['id']} ({str(row['what']).replace('_', ' ')} {row['value']:.2g}{typical})"


def _give_way(arrays: NetworkArrays, edge: Solution) -> IntArray:
    """Nodes whose voltage moves most when all injections grow together; at the edge it moves without bound."""
    change = np.abs(Linearization(arrays, edge).state_change(edge.wanted)[:, 0])
    order = np.argsort(-change, kind="stable")[:WORST]
    return np.asarray(order[change[order] > 0.0])


def _buses(net: Network, arrays: NetworkArrays, nodes: IntArray) -> list[str]:
    return [str(bus) for bus in net.bus.index[np.isin(arrays.topology.node_of, nodes)]]


def _name(net: Network, arrays: NetworkArrays, node: int) -> str:
    return str(net.bus.index[arrays.topology.first_bus[node]])
