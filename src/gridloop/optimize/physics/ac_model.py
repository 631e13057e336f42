"""The model of an AC optimal power flow, and how it is solved: angle limits are added where an answer breaks them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gridloop.optimize.case import Moment
from gridloop.optimize.nonlinear import NonlinearModel
from gridloop.optimize.physics.ac_block import AcBlock
from gridloop.optimize.physics.ac_fast import solve_fast
from gridloop.optimize.physics.ac_start import AcStart
from gridloop.optimize.physics.opf_base import Progress
from gridloop.optimize.solve.ipopt import NonlinearOutcome, Option, Start
from gridloop.units import FloatArray, IntArray

# An angle that is beyond its limit by more than this brings the limit into the model; rad.
BROKEN_RAD = 1e-8
# Answers that Ipopt accepts although it hoped for more: how far the balances and limits may be off, per unit, and the
# gradient of the Lagrangian in its own scale, where multipliers are large and a matrix is next to singular.
ACCEPTED_ROWS = 1e-8
ACCEPTED_GRADIENT = 1e-6
# More rounds than this were never seen; each adds limits, so that it ends in any case.
MOST_ROUNDS = 10


class AcModel(NonlinearModel):
    """Columns p, q [gen], theta, v [node]; block `flow`; and the angle limits in force."""

    flow: AcBlock
    p: IntArray
    q: IntArray
    theta: IntArray
    v: IntArray
    angle_limited: Any

    def __init__(self, moment: Moment, begin: AcStart, *, fast: bool = True) -> None:
        super().__init__()
        self.fast = fast
        self.deadline: float | None = None  # of the last solve, by time.perf_counter
        self.duals: tuple[FloatArray, ...] | None = None
        self.moment = moment
        self.begin = begin
        self.angle_rows = np.zeros(0, dtype=np.int64)  # linear rows of the limits in force
        self.angle_branch = np.zeros(0, dtype=np.int64)

    def start(self) -> FloatArray:
        """The start of the variables, with the outputs of an earlier answer where there is one."""
        x = super().start()
        if self.begin.known:
            x[self.p], x[self.q] = self.begin.p, self.begin.q
        return x

    def limit_angles(self, branches: IntArray) -> None:
        """Bring the angle limits of these branches into the model."""
        m, k = self.moment, np.arange(branches.size)
        columns = np.concatenate([self.theta[m.tail[branches]], self.theta[m.head[branches]]])
        values = np.concatenate([np.ones(k.size), -np.ones(k.size)])
        rows = self.add_rows(
            "angle", np.concatenate([k, k]), columns, values, m.angle_min[branches], m.angle_max[branches]
        )
        self.angle_rows = np.concatenate([self.angle_rows, rows])
        self.angle_branch = np.concatenate([self.angle_branch, branches])

    def broken_angles(self, x: FloatArray) -> IntArray:
        """Branches whose angle is beyond a limit that is not in the model yet."""
        m, theta = self.moment, x[self.theta]
        d = theta[m.tail] - theta[m.head]
        broken = self.angle_limited & ((d < m.angle_min - BROKEN_RAD) | (d > m.angle_max + BROKEN_RAD))
        return np.setdiff1d(np.flatnonzero(broken), self.angle_branch)

    def solve(
        self,
        *,
        start: Start | None = None,
        options: Mapping[str, Option] | None = None,
        time_limit_s: float | None = None,
        progress: Progress | None = None,
    ) -> NonlinearOutcome:
        """The interior point made for this problem first; Ipopt where that gives up.

        Ipopt adds the angle limits that are broken, and solves again from there until none is.
        """
        began, iterations, settings = time.perf_counter(), 0, dict(options or {})
        self.deadline = None if time_limit_s is None else began + time_limit_s
        if start is None and options is None and self.fast:
            found = solve_fast(self, time_limit_s=time_limit_s, progress=progress)
            if found is not None and found.status != "not_converged":
                return found
            iterations = 0 if found is None else found.iterations
        outcome = None
        for _ in range(MOST_ROUNDS):
            left = None if time_limit_s is None else time_limit_s - (time.perf_counter() - began)
            if outcome is not None and left is not None and left <= 0:
                return replace(outcome, status="time_limit", said="time is up between two rounds")
            outcome = super().solve(start=start, options=settings, time_limit_s=left, progress=progress)
            iterations += outcome.iterations
            outcome = replace(self._judged(outcome), iterations=iterations, seconds=time.perf_counter() - began)
            broken = self.broken_angles(outcome.x) if outcome.solved else np.zeros(0, dtype=np.int64)
            if not broken.size:
                return outcome
            self.limit_angles(broken)
            start, settings = Start(outcome.x), {**settings, "mu_init": 1e-2}
        assert outcome is not None  # there was a first round
        return replace(outcome, status="not_converged", said="angle limits kept breaking")

    def _judged(self, outcome: NonlinearOutcome) -> NonlinearOutcome:
        """An answer that Ipopt calls acceptable is looked at again: the conditions of an optimum, unscaled rows and a
        gradient relative to its parts."""
        if outcome.said != "Solved_To_Acceptable_Level":
            return outcome
        program = self.program()
        rows, relative = program.residuals(outcome.x, outcome.row_dual, outcome.lower_dual, outcome.upper_dual)
        if rows <= ACCEPTED_ROWS and relative <= ACCEPTED_GRADIENT:
            return replace(outcome, status="optimal")
        return outcome
