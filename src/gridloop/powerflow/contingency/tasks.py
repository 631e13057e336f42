"""Cases in blocks as the kernels take them: where each lane asks for something else than the base case."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gridloop.kernel.block import Task, gather
from gridloop.kernel.lanes import LANES, new_rows
from gridloop.kernel.outage import Correction, OutageTask, correct
from gridloop.kernel.worst import Out
from gridloop.powerflow.contingency.layout import Layout, Outages
from gridloop.powerflow.contingency.state import State
from gridloop.units import IntArray


@dataclass(frozen=True)
class Ready:
    """A layout as it goes to the kernels.

    order      [case]  cases in the order they are solved in, hard ones beside hard ones: a block goes on until its
               slowest lane has ended. None: as they are
    back       [case]  where each stands in it
    corrected  all cases for the corrected matrix of the base case; None where each takes its own
    out        rated branches that are out
    changed    positions where lanes ask for something else, of the block that has most
    parts      blocks for the threads, by their number
    """

    outages: Outages
    order: IntArray | None
    back: IntArray | slice
    corrected: tuple[OutageTask, Correction] | None
    out: Out
    changed: int = 0
    parts: dict[int, list[IntArray]] = field(default_factory=dict)

    @classmethod
    def of(cls, state: State, layout: Layout, corrected: bool) -> Ready:
        count, blocks = layout.corrected.size, layout.blocks
        if not corrected:
            return cls(layout.outages, None, slice(0, count), None, _rated_out(state, layout.outages, blocks))
        assert state.paths is not None
        found = correct(state.paths, layout.outages.changes, state.start.v, state.engine.grid.unknowns, blocks * LANES)
        o = layout.outages
        # The first step tells less of cases that also change injections.
        hard = (np.diff(o.lost_start) + np.diff(o.dark_start))[:count] > 0 if layout.steps is None else layout.steps
        order = np.lexsort((found.moved[:count], hard))
        outages = layout.some(order).outages
        at = np.concatenate([order, np.arange(count, blocks * LANES)])
        correction = Correction(found.end[at], found.inner[at], found.first[at], found.moved[at])
        task = _corrected_task(state, outages, blocks)
        changed = int(np.diff(task.start).max(initial=0))
        return cls(outages, order, np.argsort(order), (task, correction), _rated_out(state, outages, blocks), changed)


def _corrected_task(state: State, outages: Outages, blocks: int) -> OutageTask:
    """All blocks, for the corrected matrix of the base case."""
    o, n = outages, state.engine.n
    numbers = np.arange(blocks)
    ends, lost, dark = (entries(start, numbers) for start in (o.changes.start, o.lost_start, o.dark_start))
    branch = o.changes.branch[ends[2]]
    key = np.concatenate(
        [
            ends[0] * n + o.changes.tail[branch],
            ends[0] * n + o.changes.head[branch],
            lost[0] * n + o.lost[lost[2]],
            dark[0] * n + o.dark[dark[2]],
        ]
    )
    places = np.unique(key)
    more_p, more_q, square = new_rows(places.size), new_rows(places.size), new_rows(n)
    more_p[:], more_q[:], square[:] = 0.0, 0.0, 0.0
    at = np.searchsorted(places, lost[0] * n + o.lost[lost[2]])
    np.add.at(more_p, (at, lost[1]), o.lost_p[lost[2]])
    np.add.at(more_q, (at, lost[1]), o.lost_q[lost[2]])
    position = o.dark[dark[2]]
    at = np.searchsorted(places, dark[0] * n + position)
    more_p[at, dark[1]], more_q[at, dark[1]] = -state.p[position], -state.q[position]
    square[state.engine.held] = 1.0 / state.magnitude[:, None] ** 2
    start = state.start.v
    return OutageTask(
        state.p,
        state.q,
        square,
        np.ascontiguousarray(start.real),
        np.ascontiguousarray(start.imag),
        state.engine.share,
        o.changes,
        np.searchsorted(places, np.arange(blocks + 1) * n),
        places % n,
        more_p,
        more_q,
    )


def own_task(state: State, outages: Outages, first: int, blocks: int) -> Task:
    """Blocks that stand side by side, for matrices of their own."""
    o, engine, numbers = outages, state.engine, np.arange(first, first + blocks)
    p, q = new_rows(blocks, engine.n), new_rows(blocks, engine.n)
    p[:], q[:] = state.p[:, None], state.q[:, None]
    block, lane, at = entries(o.lost_start, numbers)
    np.add.at(p, (block, o.lost[at], lane), o.lost_p[at])
    np.add.at(q, (block, o.lost[at], lane), o.lost_q[at])
    dark = dark_lanes(o, numbers)
    p[dark] = q[dark] = 0.0
    block, lane, at = entries(o.free_start, numbers)
    square = new_rows(blocks if at.size else 1, engine.n)
    square[:] = 0.0
    square[:, engine.held] = 1.0 / state.magnitude[:, None] ** 2
    square[block, engine.held[o.free[at]], lane] = 0.0
    changes = o.changes._replace(start=o.changes.start[first * LANES : (first + blocks) * LANES + 1])
    return Task(p, q, square, gather(engine.grid, changes, blocks), engine.share)


def dark_lanes(outages: Outages, numbers: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Blocks, as they stand in `numbers`, positions and lanes that are cut off."""
    block, lane, at = entries(outages.dark_start, numbers)
    return block, outages.dark[at], lane


def _rated_out(state: State, outages: Outages, blocks: int) -> Out:
    """Branches with a rating that cases have out."""
    block, lane, at = entries(outages.changes.start, np.arange(blocks))
    row = np.searchsorted(state.limits.branch, outages.changes.branch[at])
    rated = np.flatnonzero(np.append(state.limits.branch, -1)[row] == outages.changes.branch[at])
    rated = rated[np.lexsort((row[rated], block[rated]))]
    return Out(np.searchsorted(block[rated], np.arange(blocks + 1)), row[rated], lane[rated])


def entries(start: IntArray, numbers: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Block (as it stands in `numbers`), lane and number of all entries of the cases of some blocks."""
    if start[-1] == 0:
        return _NONE, _NONE, _NONE
    case = (numbers[:, None] * LANES + np.arange(LANES)).ravel()
    size = start[case + 1] - start[case]
    here = np.repeat(np.arange(case.size), size)
    at = np.arange(here.size) - np.repeat(np.cumsum(size) - size, size) + np.repeat(start[case], size)
    return here // LANES, here % LANES, at


_NONE = np.empty(0, dtype=np.int64)
