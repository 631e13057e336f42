"""Power flow of one state of a network: voltages, powers, loading and losses as tables.

Equations and symbols: docs/math/powerflow.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.diagnosis import Diagnosis
from gridloop.network.arrays import NetworkArrays, build_arrays
from gridloop.network.model import Network
from gridloop.network.topology import NO_NODE
from gridloop.network.validation import Findings, validate
from gridloop.powerflow.diagnose import diagnose_divergence, find_edge, unsupplied
from gridloop.powerflow.reactive_limits import share_out, solve_with_reactive_limits
from gridloop.powerflow.sensitivity import current_magnitudes
from gridloop.powerflow.solve import UNKNOWN, Solution, branch_powers, solve
from gridloop.powerflow.violations import find_violations
from gridloop.units import BASE_MVA, ComplexArray, IntArray

TOLERANCE_PU = 1e-8
# Iterations of the flows that search for the largest load: each starts close to its solution, or has none.
_SEARCH_ITERATIONS = 15


@dataclass(frozen=True)
class Flow:
    """One solved (or diagnosed) state of a network.

    bus          v_pu, angle_deg, p_mw and q_mvar injected into the network at the bus's node, supplied
    line         p_tail_mw, q_tail_mvar, p_head_mw, q_head_mvar, i_tail_ka, i_head_ka, losses_mw, loading_pct
    transformer  the same
    source       p_mw, q_mvar injected
    generator    p_mw, q_mvar injected, at_limit (−1 lowest, 0 free, 1 highest reactive power)
    losses_mw    active losses of all branches and shunts
    mismatch_mva largest mismatch of active or reactive power that is left at a node
    diagnosis    None where it converged and everything with load, generation or storage is supplied
    """

    network: Network
    bus: pd.DataFrame
    line: pd.DataFrame
    transformer: pd.DataFrame
    source: pd.DataFrame
    generator: pd.DataFrame
    losses_mw: float
    converged: bool
    iterations: int
    mismatch_mva: float
    diagnosis: Diagnosis | None

    def violations(self) -> pd.DataFrame:
        """Every limit that does not hold: kind, id, quantity, value, limit, excess; the worst first.

        Columns as in `gridloop.powerflow.violations`. Empty where all limits hold.
        """
        return find_violations(self.network, self.bus, self.line, self.transformer)


def power_flow(
    net: Network,
    *,
    reactive_limits: bool = False,
    tolerance_pu: float = TOLERANCE_PU,
    max_iterations: int = 30,
) -> Flow:
    """AC power flow of the network as its tables say.

    reactive_limits   hold generators within q_min_mvar … q_max_mvar (they then give up their voltage)
    tolerance_pu      largest mismatch of active or reactive power at a node, on 100 MVA

    A bus without supply has NaN voltage; where it carries load, generation or storage, the diagnosis names it. A flow
    that Newton finds from none of its starts is followed from no load upwards. One that has no solution returns NaN
    tables and a `Diagnosis` with the largest load scale that still solves and the buses that give way first.

    Raises `InvalidNetwork` with every other finding where the tables are wrong.
    Source: Newton-Raphson in polar coordinates, see `gridloop.powerflow.newton`.
    """
    check(net)
    arrays = build_arrays(net)
    wanted = planned(net, arrays)

    def solve_at(
        scale: float, start: ComplexArray | None, iterations: int = _SEARCH_ITERATIONS
    ) -> tuple[Solution, IntArray]:
        s = wanted * scale
        if reactive_limits:
            return solve_with_reactive_limits(
                net, arrays, s, start=start, tolerance=tolerance_pu, max_iterations=iterations
            )
        solution = solve(arrays, s, start=start, tolerance=tolerance_pu, max_iterations=iterations)
        return solution, np.zeros(len(net.generator), dtype=np.int64)

    diagnosis = unsupplied(net, arrays)
    solution, at_limit = solve_at(1.0, None, max_iterations)
    if not solution.converged.all():
        edge = find_edge(lambda scale, start: solve_at(scale, start)[0])
        if edge.solution is not None and edge.scale == 1.0:
            solution, at_limit = solve_at(1.0, edge.solution.v[:, 0], max_iterations)
        else:
            diagnosis = diagnose_divergence(net, arrays, wanted, solution, max_iterations, edge=edge)
    return _tables(net, arrays, wanted, solution, at_limit, diagnosis)


def check(net: Network) -> None:
    """Raise for every error but missing supply: that one has an answer, NaN and a diagnosis."""
    found = validate(net)
    Findings(tuple(f for f in found.all if f.code != "unsupplied")).raise_errors(net.name)


def planned(net: Network, arrays: NetworkArrays) -> ComplexArray:
    """What the tables inject, without the reactive power of machines that hold the voltage. [node], per unit"""
    sought = np.where(arrays.holds, net.generator["q_mvar"].to_numpy(dtype=float), 0.0)
    return np.asarray(arrays.injection(net) - 1j * arrays.sum_to_nodes("generator", sought) / BASE_MVA, dtype=complex)


def _tables(
    net: Network,
    arrays: NetworkArrays,
    wanted: ComplexArray,
    solution: Solution,
    at_limit: IntArray,
    diagnosis: Diagnosis | None,
) -> Flow:
    converged = bool(solution.converged.all())
    unknown = np.full(arrays.n_nodes, UNKNOWN)
    v = solution.v[:, 0] if converged else unknown
    injected = solution.injected[:, 0] * BASE_MVA if converged else unknown
    branch = branch_table(arrays, v)
    n_lines = arrays.branches.n_lines
    return Flow(
        network=net,
        bus=_bus_table(net, arrays, v, injected),
        line=branch.iloc[:n_lines],
        transformer=branch.iloc[n_lines:],
        source=_source_table(net, arrays, injected - wanted * BASE_MVA),
        generator=_generator_table(net, arrays, injected - wanted * BASE_MVA, at_limit),
        losses_mw=float(injected.real[arrays.topology.supplied].sum()),
        converged=converged,
        iterations=int(solution.iterations.max(initial=0)),
        mismatch_mva=float(solution.mismatch.max(initial=0.0)) * BASE_MVA,
        diagnosis=diagnosis,
    )


def _bus_table(net: Network, arrays: NetworkArrays, v: ComplexArray, injected: ComplexArray) -> pd.DataFrame:
    node = arrays.topology.node_of
    alive = node != NO_NODE
    columns = {"v_pu": np.abs(v), "angle_deg": np.rad2deg(np.angle(v)), "p_mw": injected.real, "q_mvar": injected.imag}
    table = pd.DataFrame(
        {name: np.where(alive, values[node], np.nan) for name, values in columns.items()}, index=net.bus.index
    )
    return table.assign(supplied=alive & arrays.topology.supplied[node])


def branch_table(arrays: NetworkArrays, v: ComplexArray) -> pd.DataFrame:
    """Powers, currents, losses and loading of every branch at voltages v [node].

    Loading is the current over the rated current, at the end where that is more; NaN where there is no rating.
    """
    b = arrays.branches
    s_tail, s_head = (s[:, 0] * BASE_MVA for s in branch_powers(b, v[:, None]))
    i_ka = current_magnitudes(b, v[:, None])[:, :, 0] * b.base_ka
    loading = 100.0 * i_ka / b.rating_ka
    return pd.DataFrame(
        {
            "p_tail_mw": s_tail.real,
            "q_tail_mvar": s_tail.imag,
            "p_head_mw": s_head.real,
            "q_head_mvar": s_head.imag,
            "i_tail_ka": i_ka[:, 0],
            "i_head_ka": i_ka[:, 1],
            "losses_mw": s_tail.real + s_head.real,
            "loading_pct": np.fmax(loading[:, 0], loading[:, 1]),
        },
        index=b.ids,
    )


def _source_table(net: Network, arrays: NetworkArrays, missing: ComplexArray) -> pd.DataFrame:
    """Sources give what is missing at their node beyond the plan [node, MVA], in equal shares."""
    on, node = arrays.element_on["source"], arrays.element_node["source"]
    count = np.bincount(node[on], minlength=arrays.n_nodes)
    gives = missing[node] / np.maximum(count[node], 1)
    columns = {"p_mw": np.where(on, gives.real, np.nan), "q_mvar": np.where(on, gives.imag, np.nan)}
    return pd.DataFrame(columns, index=net.source.index)


def _generator_table(net: Network, arrays: NetworkArrays, missing: ComplexArray, at_limit: IntArray) -> pd.DataFrame:
    """Generators give their plan; those that hold a voltage share the reactive power missing there [node, MVA]."""
    generator, node = net.generator, arrays.element_node["generator"]
    p, q = generator["p_mw"].to_numpy(dtype=float), generator["q_mvar"].to_numpy(dtype=float, copy=True)
    low, high = generator["q_min_mvar"].to_numpy(dtype=float), generator["q_max_mvar"].to_numpy(dtype=float)
    for n in np.unique(node[arrays.holds]):
        mine = arrays.holds & (node == n)
        q[mine] = share_out(missing.imag[[n]], low[mine], high[mine])[:, 0]
    gives = arrays.element_on["generator"] & arrays.topology.supplied[node] & np.isfinite(missing[node].real)
    return pd.DataFrame(
        {"p_mw": np.where(gives, p, np.nan), "q_mvar": np.where(gives, q, np.nan), "at_limit": at_limit},
        index=generator.index,
    )
