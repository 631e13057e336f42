"""Cases as the kernels take them: what each changes in the matrix and in the injections, and what it leaves dark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from gridloop.kernel.grid import Changes
from gridloop.kernel.lanes import LANES
from gridloop.network.arrays import NetworkArrays
from gridloop.network.model import Network
from gridloop.network.topology import NO_NODE
from gridloop.powerflow.contingency.cases import NONE, Cases
from gridloop.powerflow.contingency.splits import may_split
from gridloop.powerflow.engine import Engine
from gridloop.powerflow.islands import dark_after
from gridloop.powerflow.scenario_changes import detach, four
from gridloop.units import BASE_MVA, BoolArray, FloatArray, IntArray

# Branches that a corrected case has at most: beyond it, a matrix of its own costs less.
_MOST_BRANCHES = 4


class Outages(NamedTuple):
    """Cases, padded with empty ones to whole blocks.

    changes                       of the admittance matrix: branches that are out, see `Changes`
    dark_start [case + 1], dark   positions that are cut off
    lost_start [case + 1], lost   positions whose injection changes by lost_p, lost_q, per unit
    free_start [case + 1], free   rows of `Engine.held` that no machine is left to hold
    """

    changes: Changes
    dark_start: IntArray
    dark: IntArray
    lost_start: IntArray
    lost: IntArray
    lost_p: FloatArray
    lost_q: FloatArray
    free_start: IntArray
    free: IntArray


@dataclass(frozen=True)
class Layout:
    """Cases laid out for the kernels, padded with empty ones to whole blocks.

    outages    as the kernels take them
    dark       case → nodes that are cut off
    corrected  [case]  True where the base case's matrix can be corrected: nothing lets a voltage go, few branches
    steps      [case]  what each took when it was last solved, in this state or one like it; None where nobody knows
    kept       as it goes to the kernels, once that was found out
    """

    outages: Outages
    dark: Mapping[int, IntArray]
    corrected: BoolArray
    steps: IntArray | None = None
    kept: list[Any] = field(default_factory=list)

    @property
    def blocks(self) -> int:
        return int(self.outages.dark_start.size - 1) // LANES

    def some(self, rows: IntArray) -> Layout:
        """The cases at these places, padded again."""
        o, padded = self.outages, -(-rows.size // LANES) * LANES
        change_start, change = _taken(o.changes.start, rows, padded)
        dark_start, dark = _taken(o.dark_start, rows, padded)
        lost_start, lost = _taken(o.lost_start, rows, padded)
        free_start, free = _taken(o.free_start, rows, padded)
        outages = Outages(
            o.changes._replace(start=change_start, branch=o.changes.branch[change], y=o.changes.y[change]),
            dark_start,
            o.dark[dark],
            lost_start,
            o.lost[lost],
            o.lost_p[lost],
            o.lost_q[lost],
            free_start,
            o.free[free],
        )
        place = {int(k): i for i, k in enumerate(rows)}
        dark_nodes = {place[k]: nodes for k, nodes in self.dark.items() if k in place}
        return Layout(outages, dark_nodes, self.corrected[rows], None if self.steps is None else self.steps[rows])


def find_dark(arrays: NetworkArrays, cases: Cases) -> dict[int, IntArray]:
    """Nodes that cases cut off, for those that cut off any.

    A bridge cuts off what hangs on it, whatever else is out, and is in no other cut that is as small as can be: only
    sets whose other branches may split the grid among themselves are searched.
    """
    branch = cases.branch
    one = dark_after(arrays, ((b,) for b in np.unique(branch[branch != NONE]).tolist()))
    if branch.shape[1] == 1:
        return {k: one[b,] for k, b in enumerate(branch[:, 0].tolist()) if (b,) in one}
    some = np.flatnonzero(may_split(arrays, branch))
    bridges = np.array([b for (b,) in one], dtype=np.int64)
    hard = may_split(arrays, np.where(np.isin(branch[some], bridges), NONE, branch[some]))
    sets = {int(k): tuple(b for b in branch[k].tolist() if b != NONE) for k in some}
    found = dark_after(arrays, (sets[int(k)] for k in some[hard]))
    for k in some[~hard]:
        found[sets[int(k)]] = np.unique(np.concatenate([one[b,] for b in sets[int(k)] if (b,) in one]))
    return {k: found[out] for k, out in sets.items() if out in found}


def lay_out(net: Network, arrays: NetworkArrays, engine: Engine, cases: Cases, dark: Mapping[int, IntArray]) -> Layout:
    """Lay out cases, in their order."""
    count = cases.count
    padded = -(-count // LANES) * LANES
    case, place = np.nonzero(cases.branch != NONE)
    branch = cases.branch[case, place]
    b = arrays.branches
    seen = [np.where(end == NO_NODE, NO_NODE, engine.position[end]) for end in (b.tail, b.head)]
    supplied = (np.maximum(seen[0], seen[1]) >= 0)[branch]  # what is dark already changes nothing
    case, branch = case[supplied], branch[supplied]
    y = -four(b)[branch]
    detach(arrays, branch, case, y, dark)
    changes = engine.changes(branch, case, y, padded)
    if branch.size == 0:
        none = np.zeros(b.tail.size, dtype=np.int64)
        changes = changes._replace(
            start=np.zeros(padded + 1, np.int64), tail=none, head=none, block=np.zeros((none.size, 2), np.int64)
        )
    dark_start, dark_at = _ragged({k: engine.position[nodes] for k, nodes in dark.items()}, padded)
    lost, free = _lost_machines(net, arrays, engine, cases)
    lost_start, lost_row = _ragged({k: np.array(rows) for k, rows in lost.items()}, padded)
    free_start, free_at = _ragged({k: np.array(rows) for k, rows in free.items()}, padded)
    p, q = _planned_output(net, arrays)
    outages = Outages(
        changes,
        dark_start,
        dark_at,
        lost_start,
        engine.position[arrays.element_node["generator"][lost_row]] if lost_row.size else lost_row,
        -p[lost_row],
        -q[lost_row],
        free_start,
        free_at,
    )
    corrected = (np.diff(free_start) == 0) & (np.bincount(case, minlength=padded) <= _MOST_BRANCHES)
    return Layout(outages, dark, corrected[:count])


def _planned_output(net: Network, arrays: NetworkArrays) -> tuple[FloatArray, FloatArray]:
    """What every generator's loss takes from its node, per unit; reactive power that is sought is not planned."""
    p, q = (net.generator[column].to_numpy(dtype=float) / BASE_MVA for column in ("p_mw", "q_mvar"))
    return p, np.where(arrays.holds, 0.0, q)


def _lost_machines(
    net: Network, arrays: NetworkArrays, engine: Engine, cases: Cases
) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    """Rows of generators that are lost where it counts, and rows of `engine.held` that nobody is left to hold."""
    node, holds = arrays.element_node["generator"], arrays.holds
    holders = np.bincount(node[holds], minlength=arrays.n_nodes)
    row_of = {int(n): h for h, n in enumerate(engine.held_node[: engine.held_node.size - arrays.source.size])}
    lost: dict[int, list[int]] = {}
    free: dict[int, list[int]] = {}
    for k, place in zip(*np.nonzero(cases.generator != NONE), strict=True):
        machine = int(cases.generator[k, place])
        if engine.position[node[machine]] < 0:
            continue
        mine = lost.setdefault(int(k), [])
        mine.append(machine)
        if holds[machine]:
            at = int(node[machine])
            if sum(int(node[m]) == at and bool(holds[m]) for m in mine) == holders[at]:
                free.setdefault(int(k), []).append(row_of[at])
    return lost, free


def _ragged(rows: Mapping[int, IntArray], count: int) -> tuple[IntArray, IntArray]:
    """Start of every case [count + 1], and the rows of all, one after the other."""
    size = np.zeros(count + 1, dtype=np.int64)
    for k, values in rows.items():
        size[k + 1] = values.size
    ordered = [rows[k] for k in sorted(rows)]
    return np.cumsum(size), np.concatenate([*ordered, np.empty(0, dtype=np.int64)]).astype(np.int64)


def _taken(start: IntArray, rows: IntArray, padded: int) -> tuple[IntArray, IntArray]:
    """Start of the entries of some cases [padded + 1], and which entries those are."""
    size = start[rows + 1] - start[rows]
    begin = np.concatenate([[0], np.cumsum(size), np.full(padded - rows.size, size.sum())]).astype(np.int64)
    entry = np.repeat(start[rows] - begin[: rows.size], size) + np.arange(int(size.sum()))
    return begin, entry
