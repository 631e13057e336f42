"""Blocks of cases on their way through the kernels: laid out, solved, looked at, forgotten.

Threads take a few blocks at a time into room of their own, small enough to stay in the cache; nothing but the results
is kept.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from itertools import count as counted

import numpy as np

from gridloop.kernel.block import Answer, Task, gather
from gridloop.kernel.lanes import LANES
from gridloop.kernel.newton import CONVERGED, solve_with_own_matrix
from gridloop.kernel.outage import Correction, solve_corrected_outages
from gridloop.kernel.worst import Out, Worst, find_worst
from gridloop.powerflow.contingency.layout import Layout, Outages
from gridloop.powerflow.contingency.state import State
from gridloop.powerflow.engine import in_threads
from gridloop.units import ComplexArray, FloatArray, IntArray

# Steps with the corrected matrix. A case that needs more is better off with its own.
_CORRECTED_STEPS = 24
# Bytes of injections of a whole job that are kept from run to run.
_KEPT_BYTES = 16_000_000


@dataclass(frozen=True)
class Solved:
    """What cases came to, [case] each; places are rows of the state's limits, −1 where there is none.

    status, iterations, mismatch, balance   see `gridloop.kernel.block.Answer`
    v_min … severity                        see `gridloop.kernel.worst.Worst`
    """

    status: IntArray
    iterations: IntArray
    mismatch: FloatArray
    balance: FloatArray
    v_min: FloatArray
    low_at: IntArray
    v_max: FloatArray
    high_at: IntArray
    loading: FloatArray
    loaded_at: IntArray
    v_count: IntArray
    i_count: IntArray
    new: IntArray
    severity: FloatArray

    @classmethod
    def room(cls, count: int) -> Solved:
        """Room for so many cases."""

        def missing() -> FloatArray:
            return np.full(count, np.nan)

        def nowhere() -> IntArray:
            return np.full(count, -1, dtype=np.int64)

        def zero() -> IntArray:
            return np.zeros(count, dtype=np.int64)

        return cls(
            np.zeros(count, np.int8), np.zeros(count, np.int32), missing(), np.zeros(count),
            missing(), nowhere(), missing(), nowhere(), missing(), nowhere(), zero(), zero(), zero(), np.zeros(count),
        )  # fmt: skip

    def worst(self) -> Worst:
        """The part that the kernels write."""
        return Worst(*(getattr(self, f.name) for f in fields(self)[4:]))

    def put(self, at: IntArray, other: Solved, rows: IntArray | slice) -> None:
        """Take over rows of another; iterations add up."""
        before = self.iterations[at]
        for f in fields(self):
            getattr(self, f.name)[at] = getattr(other, f.name)[rows]
        self.iterations[at] += before

    def some(self, rows: IntArray) -> Solved:
        """Those at these places."""
        return Solved(*(getattr(self, f.name)[rows] for f in fields(self)))

    @staticmethod
    def joined(parts: list[Solved]) -> Solved:
        """Several, one after the other."""
        return Solved(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Solved)))


@dataclass(frozen=True)
class Job:
    """Cases of one state that are solved the same way.

    own         voltages to start from with matrices of their own [position]; None: with the corrected matrix
    correction  of all cases; None with own matrices
    kept        [case, position]  voltages, written where there is room for them
    ready       first and end of ranges of blocks → the same laid out before
    """

    state: State
    outages: Outages
    own: ComplexArray | None
    correction: Correction | None
    out: Out
    found: Solved
    worst: Worst
    kept: ComplexArray | None
    max_iterations: int
    ready: dict[tuple[int, int], Ready]

    def solve(self, first: int, end: int, room: Answer) -> None:
        """Solve and reduce the blocks from `first` to `end`."""
        state, engine, blocks = self.state, self.state.engine, end - first
        cases, n = slice(first * LANES, end * LANES), blocks * LANES
        ready = self.ready.get((first, end)) or self._lay_out(first, end)
        answer = Answer(
            room.vr[:blocks],
            room.vi[:blocks],
            room.status[:n],
            room.iterations[:n],
            room.mismatch[:n],
            room.balance[:n],
        )
        start = state.start.v if self.own is None else self.own
        answer.vr[:], answer.vi[:] = start.real[:, None], start.imag[:, None]
        if self.own is not None:  # a start of another kind may stand at other magnitudes
            size = (state.magnitude / np.abs(start[engine.held]))[:, None]
            answer.vr[:, engine.held] *= size
            answer.vi[:, engine.held] *= size
        if self.own is None:
            assert state.start.factors is not None and state.paths is not None and self.correction is not None
            mine = Correction(self.correction.end[cases], self.correction.inner[cases])
            solve_corrected_outages(
                engine.grid, state.start.factors, state.paths, mine, ready.task, answer, (0, blocks), _CORRECTED_STEPS
            )
        else:
            solve_with_own_matrix(engine.grid, engine.plan, ready.task, answer, (0, blocks), self.max_iterations)
        found = self.found
        found.status[cases], found.iterations[cases] = answer.status, answer.iterations
        found.mismatch[cases], found.balance[cases] = answer.mismatch, answer.balance
        failed = np.flatnonzero(answer.status != CONVERGED)
        for part in (answer.vr, answer.vi):
            part[failed // LANES, :, failed % LANES] = np.nan
            part[ready.dark] = np.nan
        find_worst(state.limits, self.out, answer.vr, answer.vi, cases.start, self.worst)
        if self.kept is not None:
            self.kept[cases] = (answer.vr + 1j * answer.vi).transpose(0, 2, 1).reshape(-1, engine.n)

    def _lay_out(self, first: int, end: int) -> Ready:
        """What the kernels are asked for these blocks; kept where the whole job is small."""
        o, state, engine, blocks = self.outages, self.state, self.state.engine, end - first
        cases = slice(first * LANES, end * LANES)
        p, q = np.empty((blocks, engine.n, LANES)), np.empty((blocks, engine.n, LANES))
        p[:], q[:] = state.p[:, None], state.q[:, None]
        block, lane, at = _entries(o.lost_start, cases)
        np.add.at(p, (block, o.lost[at], lane), o.lost_p[at])
        np.add.at(q, (block, o.lost[at], lane), o.lost_q[at])
        block, lane, at = _entries(o.dark_start, cases)
        dark = (block, o.dark[at], lane)
        p[dark] = q[dark] = 0.0
        block, lane, at = _entries(o.free_start, cases)
        square = np.zeros((blocks if at.size else 1, engine.n, LANES))
        square[:, engine.held] = 1.0 / state.magnitude[:, None] ** 2
        square[block, engine.held[o.free[at]], lane] = 0.0
        changes = o.changes._replace(start=o.changes.start[cases.start : cases.stop + 1])
        ready = Ready(Task(p, q, square, gather(engine.grid, changes, blocks), engine.share), dark)
        if o.dark_start.size * engine.n * p.itemsize <= _KEPT_BYTES:
            self.ready[first, end] = ready
        return ready


@dataclass(frozen=True)
class Ready:
    """A range of blocks, ready to solve; dark: blocks, positions and lanes that are cut off."""

    task: Task
    dark: tuple[IntArray, IntArray, IntArray]


def rated_out(state: State, layout: Layout) -> Out:
    """Branches with a rating that cases have out."""
    o = layout.outages
    block, lane, at = _entries(o.changes.start, slice(0, layout.blocks * LANES))
    row = np.searchsorted(state.limits.branch, o.changes.branch[at])
    rated = np.flatnonzero(np.append(state.limits.branch, -1)[row] == o.changes.branch[at])
    rated = rated[np.lexsort((row[rated], block[rated]))]
    return Out(np.searchsorted(block[rated], np.arange(layout.blocks + 1)), row[rated], lane[rated])


def _entries(start: IntArray, cases: slice) -> tuple[IntArray, IntArray, IntArray]:
    """Block (counted from the first of these cases), lane and number of all entries of cases."""
    here = start[cases.start : cases.stop + 1]
    first, end = int(here[0]), int(here[-1])
    case = np.repeat(np.arange(here.size - 1), here[1:] - here[:-1]) if end > first else np.empty(0, dtype=np.int64)
    return case // LANES, case % LANES, np.arange(first, end)


def in_ranges(blocks: int, job: Job, size: int, threads: int | None) -> None:
    """Share the blocks of a job out to threads, at most `size` at a time."""
    workers = min(threads or os.cpu_count() or 1, blocks)
    size = max(1, min(size, -(-blocks // max(workers, 1))))
    turn = counted()  # drawing from it is one step: no two threads get the same number

    def work(*_: int) -> None:
        engine = job.state.engine
        room = engine.new_answer(size)
        while (first := next(turn) * size) < blocks:
            job.solve(first, min(first + size, blocks), room)

    in_threads(((k, k) for k in range(workers)), work, workers)
