"""Solving cases of one base case: with its corrected matrix, then with matrices of their own, then from a flat start.

Cases are worked off by threads in blocks; what a case comes to depends on the base case and on what is out, and on
nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridloop.kernel.lanes import LANES
from gridloop.kernel.newton import CONVERGED
from gridloop.kernel.outage import Correction, correct
from gridloop.kernel.worst import Out
from gridloop.powerflow.contingency.blocks import Job, Solved, in_ranges, rated_out
from gridloop.powerflow.contingency.cases import Cases
from gridloop.powerflow.contingency.layout import Layout, find_dark, lay_out
from gridloop.powerflow.contingency.state import State
from gridloop.units import BoolArray, ComplexArray, IntArray

# Steps with own matrices from the base case, where Newton converges in four to six; what takes more is tried from afar.
_NEAR_STEPS = 8


@dataclass(frozen=True)
class Solver:
    """Solves cases of one state. threads: all cores where None"""

    state: State
    max_iterations: int = 30
    threads: int | None = None

    def solve(self, layout: Layout, *, v: ComplexArray | None = None) -> Solved:
        """Solve cases as laid out.

        v  [case, position]  written where given: voltages, NaN where cut off or without a solution
        """
        corrected = layout.corrected if self.state.paths is not None else np.zeros(layout.corrected.size, dtype=bool)
        solved = Solved.room(corrected.size)
        if corrected.all():
            self._run(layout, solved, np.arange(corrected.size), None, v)
        elif corrected.any():
            self._some(layout, corrected, solved, None, v)
        left = np.where(corrected, solved.status != CONVERGED, True)
        for near in (True, False):
            if not left.any():
                break
            start, most = (self.state.start.v, _NEAR_STEPS) if near else (self._flat(), self.max_iterations)
            self._some(layout, left, solved, start, v, min(most, self.max_iterations))
            left &= solved.status != CONVERGED
        return solved

    def _some(
        self,
        layout: Layout,
        which: BoolArray,
        solved: Solved,
        own: ComplexArray | None,
        v: ComplexArray | None,
        most: int = 0,
    ) -> None:
        rows = np.flatnonzero(which)
        self._run(layout.some(rows), solved, rows, own, v, most)

    def _run(
        self,
        layout: Layout,
        solved: Solved,
        rows: IntArray,
        own: ComplexArray | None,
        v: ComplexArray | None,
        most: int = 0,
    ) -> None:
        """Solve all of a layout into the given rows; with own matrices where voltages to start from are given."""
        state, found = self.state, Solved.room(layout.blocks * LANES)
        kept = np.empty((layout.blocks * LANES, state.engine.n), dtype=complex) if v is not None else None
        job = Job(
            state,
            layout.outages,
            own,
            *self._known(layout, own is None),
            found,
            found.worst(),
            kept,
            most,
            layout.ready,
        )
        in_ranges(layout.blocks, job, max(1, state.engine.chunk // LANES), self.threads)
        solved.put(rows, found, slice(0, rows.size))
        if v is not None and kept is not None:
            v[rows] = kept[: rows.size]

    def _known(self, layout: Layout, corrected: bool) -> tuple[Correction | None, Out]:
        """What cases correct, and the rated branches that they have out; kept with the layout."""
        if not layout.kept:
            state, correction = self.state, None
            if corrected:
                assert state.paths is not None
                n, count = state.engine.grid.unknowns, layout.blocks * LANES
                correction = correct(state.paths, layout.outages.changes, state.start.v, n, count)
            layout.kept.append((correction, rated_out(state, layout)))
        return layout.kept[0]

    def _flat(self) -> ComplexArray:
        """Voltages of a flat start. [position]"""
        return self.state.engine.flat(self.state.wanted).v

    def lay_out(self, cases: Cases) -> Layout:
        """Lay out cases of this state."""
        state = self.state
        return lay_out(state.net, state.arrays, state.engine, cases, find_dark(state.arrays, cases))
