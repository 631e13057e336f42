"""Solving cases of one base case: with its corrected matrix, then with matrices of their own, then afresh.

Cases are worked off by threads in blocks; what a case comes to depends on the base case and on what is out, and on
nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridloop.kernel.lanes import LANES
from gridloop.kernel.newton import CONVERGED
from gridloop.powerflow.contingency.blocks import Job, Solved, in_parts
from gridloop.powerflow.contingency.cases import Cases
from gridloop.powerflow.contingency.layout import Layout, find_dark, lay_out
from gridloop.powerflow.contingency.state import State
from gridloop.powerflow.contingency.tasks import Ready
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
        if corrected.all():
            solved = self._run(layout, None, v, np.arange(corrected.size))
        else:
            solved = Solved.room(corrected.size)
            if corrected.any():
                self._some(layout, corrected, solved, None, v)
        left = np.where(corrected, solved.status != CONVERGED, True)
        for near in (True, False):
            if not left.any():
                break
            start, most = (self.state.start.v, _NEAR_STEPS) if near else (self.state.afresh, self.max_iterations)
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
        solved.put(rows, self._run(layout.some(rows), own, v, rows, most))

    def _run(
        self,
        layout: Layout,
        own: ComplexArray | None,
        v: ComplexArray | None,
        rows: IntArray,
        most: int = 0,
    ) -> Solved:
        """Solve all of a layout, voltages into the given rows; with own matrices where there is a start for them."""
        state, found = self.state, Solved.room(layout.blocks * LANES)
        kept = np.empty((layout.blocks * LANES, state.engine.n), dtype=complex) if v is not None else None
        if not layout.kept:
            layout.kept.append(Ready.of(state, layout, own is None))
        ready: Ready = layout.kept[0]
        job = Job(state, ready, own, found, found.worst, kept, most)
        in_parts(job, layout.blocks, max(1, state.engine.chunk // LANES), self.threads)
        if v is not None and kept is not None:
            v[rows] = kept[ready.back]
        return found.some(ready.back)

    def lay_out(self, cases: Cases) -> Layout:
        """Lay out cases of this state."""
        state = self.state
        return lay_out(state.net, state.arrays, state.engine, cases, find_dark(state.arrays, cases))
