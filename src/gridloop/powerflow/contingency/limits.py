"""Reactive limits in contingencies: machines that reach the end of their range let their voltage go, case by case.

The rounds are those of `gridloop.powerflow.reactive_limits`, for all cases of a chunk at once: solve, let go what is
beyond its range, take back what may return, and solve again the cases in which something changed.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gridloop.kernel.lanes import LANES
from gridloop.kernel.newton import CONVERGED, SLOW
from gridloop.powerflow.admittance import supplied_admittance
from gridloop.powerflow.contingency.blocks import Solved
from gridloop.powerflow.contingency.cases import Cases
from gridloop.powerflow.contingency.layout import Layout
from gridloop.powerflow.contingency.solver import Solver
from gridloop.powerflow.reactive_limits import BEYOND, next_state, reactive_ranges
from gridloop.units import BASE_MVA, BoolArray, ComplexArray, FloatArray, IntArray

# Every node may be let go and taken back a few times; a case that goes on longer has no steady answer.
_ROUNDS = 40


def solve_within_limits(
    solver: Solver, cases: Cases, kept: ComplexArray | None = None
) -> tuple[Mapping[int, IntArray], Solved]:
    """Solve cases with every machine within its reactive range; starts from what the base case holds.

    kept  [case, position]  voltages, written where given

    Returns also the nodes that cases cut off.
    """
    state, arrays, engine = solver.state, solver.state.arrays, solver.state.engine
    plain = solver.lay_out(cases)
    nodes = engine.held_node[: engine.held_node.size - arrays.source.size]
    row = np.searchsorted(arrays.regulated, nodes)
    v_set = arrays.v_set[row]
    low, high, dead = _ranges(solver, cases, row)
    at_base = np.zeros(arrays.n_nodes, dtype=np.int64)
    at_base[arrays.element_node["generator"][arrays.holds]] = state.at_limit[arrays.holds]
    stands = np.repeat(at_base[nodes][:, None], cases.count, axis=1)
    stands[dead] = 0
    returns = np.zeros_like(stands)
    solved, left = Solved.room(cases.count), np.arange(cases.count)
    tolerance = float(engine.grid.allowed.min())
    for _ in range(_ROUNDS):
        layout = _with_free(solver, plain, left, stands[:, left], low[:, left], high[:, left], dead[:, left])
        v = np.full((left.size, engine.n), np.nan + 0j)
        part = solver.solve(layout, v=v)
        solved.put(left, part)
        if kept is not None:
            kept[left] = v
        q = _reactive(solver, layout, v, nodes) - state.wanted.imag[nodes][:, None]
        size = np.abs(v[:, engine.position[nodes]].T)
        with np.errstate(invalid="ignore"):
            new, back = next_state(
                stands[:, left], returns[:, left], q, size, v_set[:, None], low[:, left], high[:, left],
                BEYOND * tolerance,
            )  # fmt: skip
        ended = dead[:, left] | ~np.isfinite(size) | (part.status != CONVERGED)
        new = np.where(ended, stands[:, left], new)
        changed = (new != stands[:, left]).any(axis=0)
        returns[:, left] += back & ~ended
        stands[:, left] = new
        left = left[changed]
        if not left.size:
            break
    solved.status[left] = SLOW  # none, but for those that found no end
    return plain.dark, solved


def _ranges(solver: Solver, cases: Cases, row: IntArray) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Lowest and highest reactive power at every regulated node, without the machines that are out; and where nobody is
    left. [regulated, case] each"""
    net, arrays = solver.state.net, solver.state.arrays
    low, high = (np.repeat(x[row][:, None], cases.count, axis=1) for x in reactive_ranges(net, arrays))
    left = np.bincount(arrays.element_node["generator"][arrays.holds], minlength=arrays.n_nodes)
    left = np.repeat(left[arrays.regulated[row]][:, None], cases.count, axis=1)
    place = np.full(arrays.n_nodes, -1, dtype=np.int64)
    place[arrays.regulated[row]] = np.arange(row.size)
    for case, k in zip(*np.nonzero(cases.generator >= 0), strict=True):
        machine = int(cases.generator[case, k])
        at = place[arrays.element_node["generator"][machine]]
        if not arrays.holds[machine] or at < 0:
            continue
        left[at, case] -= 1
        same = arrays.holds & (arrays.element_node["generator"] == arrays.regulated[row][at])
        same[cases.generator[case][cases.generator[case] >= 0]] = False
        for bound, column, none in ((low, "q_min_mvar", -np.inf), (high, "q_max_mvar", np.inf)):
            own = net.generator[column].to_numpy(dtype=float)[same] / BASE_MVA
            bound[at, case] = np.where(np.isnan(own), none, own).sum()
    return low, high, left == 0


def _with_free(
    solver: Solver,
    plain: Layout,
    rows: IntArray,
    stands: IntArray,
    low: FloatArray,
    high: FloatArray,
    dead: BoolArray,
) -> Layout:
    """The layout of some cases, with the nodes at a limit [regulated, case] let go and injecting that limit."""
    some = plain.some(rows)
    o, padded = some.outages, some.blocks * LANES
    position = solver.state.engine.held
    lost_case = np.repeat(np.arange(padded), np.diff(o.lost_start))
    node, case = np.nonzero(stands != 0)
    limit = np.where(stands == 1, high, low)[node, case]
    every = np.concatenate([lost_case, case])
    order = np.argsort(every, kind="stable")
    free_node, free_case = np.nonzero((stands != 0) | dead)
    by_case = np.argsort(free_case, kind="stable")
    outages = o._replace(
        lost_start=np.searchsorted(every[order], np.arange(padded + 1)),
        lost=np.concatenate([o.lost, position[node]])[order],
        lost_p=np.concatenate([o.lost_p, np.zeros(node.size)])[order],
        lost_q=np.concatenate([o.lost_q, limit])[order],
        free_start=np.searchsorted(free_case[by_case], np.arange(padded + 1)),
        free=free_node[by_case],
    )
    nothing_free = np.diff(outages.free_start)[: rows.size] == 0
    return Layout(outages, some.dark, some.corrected & nothing_free)


def _reactive(solver: Solver, layout: Layout, v: ComplexArray, nodes: IntArray) -> FloatArray:
    """Reactive power injected at nodes in every case. [node, case], per unit"""
    state, engine = solver.state, solver.state.engine
    matrix, lit = supplied_admittance(state.arrays)
    by_node = np.empty((lit.size, v.shape[0]), dtype=complex)
    by_node[engine.grid.node] = v.T
    dark = np.isnan(by_node)
    by_node[dark] = 0.0
    place = np.searchsorted(lit, nodes)
    current = matrix[place] @ by_node
    o = layout.outages
    case = np.repeat(np.arange(o.changes.start.size - 1), np.diff(o.changes.start))
    row_of = np.full(engine.n, -1, dtype=np.int64)
    row_of[engine.position[nodes]] = np.arange(nodes.size)
    y = o.changes.y[:, ::2] + 1j * o.changes.y[:, 1::2]
    tail, head = o.changes.tail[o.changes.branch], o.changes.head[o.changes.branch]
    for entry, (i, j) in enumerate(((tail, tail), (tail, head), (head, tail), (head, head))):
        mine = np.flatnonzero(row_of[i] >= 0)
        seen = v[case[mine], j[mine]]
        np.add.at(current, (row_of[i[mine]], case[mine]), y[mine, entry] * np.where(np.isnan(seen), 0.0, seen))
    q = (by_node[place] * np.conj(current)).imag
    q[dark[place]] = np.nan
    return np.asarray(q)
