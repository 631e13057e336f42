"""Solving lanes: first from the common start with its matrix, then with matrices of their own, then afresh.

What a lane goes through depends on the lane alone, so that its numbers are the same in any company.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock

import numpy as np

from gridloop.kernel.extremes import find_extremes
from gridloop.kernel.grid import Changes
from gridloop.kernel.lanes import LANES, new_rows
from gridloop.kernel.newton import CONVERGED
from gridloop.kernel.spread import add_rows, put_rows, take_voltages
from gridloop.powerflow.batch_lanes import Lanes, Solved
from gridloop.powerflow.batch_layout import Layout
from gridloop.powerflow.engine import Engine, Start, Wanted
from gridloop.powerflow.solve import LOW_PU, UNKNOWN
from gridloop.powerflow.start import linear_start
from gridloop.powerflow.threads import in_threads
from gridloop.units import BoolArray, ComplexArray, FloatArray

Progress = Callable[[int, int], None]


class Counter:
    """Scenarios done, told to whoever asked; several threads count."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total, self._progress, self._done, self._lock = total, progress, 0, Lock()

    def add(self, count: int) -> None:
        if self._progress is None:
            return
        with self._lock:
            self._done += count
            self._progress(self._done, self._total)


@dataclass(frozen=True)
class BatchSolver:
    """What solves lanes: an engine, where to start, and how long to try.

    start   the common start with its matrix
    afresh  the start for what fails from there; None: every lane where `linear_start` says, as it is for grids in
            which only sources hold a voltage
    """

    layout: Layout
    engine: Engine
    start: Start
    afresh: Start | None
    max_iterations: int
    threads: int | None

    def solve(
        self, lanes: Lanes, out: tuple[ComplexArray, int] | None = None, counter: Counter | None = None
    ) -> Solved:
        """Solve all lanes.

        out      voltages [node, …] to write into, and the column of the first lane; room of its own where None. What
                 is right of the lanes is overwritten, up to a whole block
        counter  is told how many are done
        """
        free = np.asarray(lanes.free.any(axis=0))
        if free.any() and not free.all():
            return self._by_kind(lanes, free, out, counter)
        own = replace(self.start, factors=None)
        starts = [own, self.afresh] if free.any() or self.start.factors is None else [self.start, own, self.afresh]
        solved = self._attempt(lanes, starts[0], out, counter)
        solved.bad |= self._bad(lanes, solved)
        for start in starts[1:]:
            left = np.flatnonzero((solved.status != CONVERGED) & ~solved.bad)
            if left.size:
                solved.improve(left, self._attempt(lanes.some(left), start))
        low = np.flatnonzero((solved.status == CONVERGED) & (solved.low < LOW_PU))
        if low.size:  # there is likely a better solution
            solved.improve(low, self._attempt(lanes.some(low), self.afresh))
        return solved

    def _bad(self, lanes: Lanes, solved: Solved) -> BoolArray:
        """Scenarios that hold NaN or infinity. [scenario]

        Whatever counts makes its scenario fail; so those that failed are looked at in full, and what does not count
        (elements that are out of service, machines whose node others hold) in all.
        """
        found = np.zeros(lanes.count, dtype=bool)
        for key, rows in self.layout.silent.items():
            found |= ~np.isfinite(lanes.cases.parts[key].values[rows]).all(axis=0)
        doubtful = solved.status != CONVERGED
        doubtful[list(lanes.branches.dark)] = True
        some = np.flatnonzero(doubtful & ~found)
        if some.size:
            found[some] = lanes.cases.some(some).missing()
        return found

    def _by_kind(
        self, lanes: Lanes, free: BoolArray, out: tuple[ComplexArray, int] | None, counter: Counter | None
    ) -> Solved:
        """Lanes in which a node lets its voltage go have no matrix in common with the others."""
        solved = self.room(lanes, out)
        for some in (np.flatnonzero(~free), np.flatnonzero(free)):
            solved.replace(some, self.solve(lanes.some(some), None, counter))
        return solved

    def room(self, lanes: Lanes, out: tuple[ComplexArray, int] | None) -> Solved:
        if out is not None:
            return Solved.room(out[0][:, out[1] : out[1] + lanes.count])
        v = np.empty((self.layout.arrays.n_nodes, lanes.count), dtype=complex)
        v[~self.layout.arrays.topology.supplied] = UNKNOWN
        return Solved.room(v)

    def _attempt(
        self,
        lanes: Lanes,
        start: Start | None,
        out: tuple[ComplexArray, int] | None = None,
        counter: Counter | None = None,
    ) -> Solved:
        """Solve all lanes from one start, or each from its own, chunk by chunk."""
        solved, node = self.room(lanes, out), self.engine.node
        v, column = (solved.v, 0) if out is None else out
        changes = lanes.branches.for_kernel(self.engine, lanes.count)
        free = lanes.free
        free = free if free.any() else free[:0]

        def work(first: int, end: int) -> None:
            blocks = -(-(end - first) // LANES)
            answer = self.engine.new_answer(blocks)
            wanted = self._wanted(lanes, changes, free, first, end, blocks)
            mine = self._own(wanted, end - first) if start is None else start
            self.engine.solve(wanted, mine, answer, self.max_iterations)
            take_voltages(answer.vr, answer.vi, node, column + first, v)
            here, used = slice(first, end), slice(0, end - first)
            for name in ("status", "iterations", "mismatch", "balance"):
                getattr(solved, name)[here] = getattr(answer, name)[used]
            find_extremes(
                answer.vr, answer.vi, solved.low[here], solved.low_at[here], solved.high[here], solved.high_at[here]
            )
            solved.low_at[here], solved.high_at[here] = node[solved.low_at[here]], node[solved.high_at[here]]
            if counter is not None:
                counter.add(end - first)

        step = self.engine.chunk
        in_threads(((k, min(k + step, lanes.count)) for k in range(0, lanes.count, step)), work, self.threads)
        return solved

    def _own(self, wanted: Wanted, count: int) -> Start:
        """Where every lane starts by itself."""
        engine = self.engine
        s = np.zeros((engine.arrays.n_nodes, count), dtype=complex)
        for part, factor in ((wanted.p, 1.0), (wanted.q, 1j)):
            s[engine.node] += factor * part.transpose(1, 0, 2).reshape(engine.n, -1)[:, :count]
        s[~np.isfinite(s)] = 0.0  # such a lane ends as one with bad values wherever it starts
        return Start(linear_start(engine.arrays, s)[engine.node], None)

    def _wanted(self, lanes: Lanes, changes: Changes, free: BoolArray, first: int, end: int, blocks: int) -> Wanted:
        """What the lanes from `first` to `end` ask for, in blocks."""
        engine, n_regulated = self.engine, self.layout.n_regulated
        p, q = new_rows(blocks, engine.n), new_rows(blocks, engine.n)
        self.layout.fill_powers(lanes.cases, first, end, p, q)
        freed = np.zeros((blocks if free.size else 0, engine.held.size, LANES), dtype=np.int8)
        if free.size:
            put_rows(freed, free.astype(np.int8, order="C"), np.arange(n_regulated), first)
            if lanes.given.size:
                add_rows(q, lanes.given, engine.held[:n_regulated], np.ones(n_regulated), first)
        magnitude = self.layout.fill_magnitudes(lanes.cases, first, end, blocks)
        self._darken(lanes, p, q, first)
        return Wanted(p, q, magnitude, freed, _slice(changes, first, blocks))

    def _darken(self, lanes: Lanes, p: FloatArray, q: FloatArray, first: int) -> None:
        """Nodes that are cut off want nothing; they follow the rest without a current (see `find_changes`)."""
        dark = lanes.branches.dark
        if not dark:
            return
        for lane in range(min(p.shape[0] * LANES, lanes.count - first)):
            if first + lane in dark:
                at = self.engine.position[dark[first + lane]]
                p[lane // LANES, at, lane % LANES] = q[lane // LANES, at, lane % LANES] = 0.0


def _slice(changes: Changes, first: int, blocks: int) -> Changes:
    if changes.start.size == 1:
        return changes
    # Lanes beyond the last scenario have no changes.
    return changes._replace(
        start=changes.start[np.minimum(np.arange(first, first + blocks * LANES + 1), changes.start.size - 1)]
    )
