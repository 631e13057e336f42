"""Whole decisions within a session: searched by branch and bound, held where they came out, and let go again.

The search has the session's time but for a share that is kept back: with the decisions held the linear model is solved
once more, so that an answer has prices, and that takes time of its own. Once time is up the decisions stay as they
are; rows that are added later are answered by the rest of the model.
"""

from __future__ import annotations

from typing import Any

import highspy
import numpy as np

from gridloop.optimize.solve.highs import STATUS
from gridloop.optimize.solve.outcome import relative_gap
from gridloop.units import FloatArray, IntArray

# Of the time that is left this share is kept for the solve with the decisions held; that one may take at least
# `HELD_S`, for a plan that comes a little late is worth more than none.
KEPT_BACK = 0.1
HELD_S = 5.0
# What the solve without whole numbers may take of the time, and how far an interior point may be from its optimum.
RELAX_SHARE = 0.25
INTERIOR = 1e-6
# A gap that is larger than the one asked for by less than this is rounding.
_SAME_GAP = 1e-9


class WholeSearch:
    """The whole decisions of one session. columns: their places in the solver

    start   the best solution known, to begin the next search with; None where none is. cost: of it, infinite where it
            has not been solved with the rows there are now
    bound   no solution costs less
    proves  False where decisions are held that a solution may take otherwise: what a search proves then holds for them
            alone, and `bound` stays as it was
    time_up  True where the last search was cut short
    """

    def __init__(self, columns: IntArray, time_limit_s: float, mip_gap: float) -> None:
        self.columns, self.time_limit_s, self.mip_gap = columns.astype(np.int32), time_limit_s, mip_gap
        self.start: FloatArray | None = None
        self.cost = self.bound = float("inf")
        self.proves, self.time_up = True, False
        self.forget()
        self._bounds: tuple[FloatArray, FloatArray] | None = None

    def forget(self) -> None:
        """The costs changed: what was found is no longer known to be good."""
        self.start, self.cost, self.bound, self.spent = None, float("inf"), -float("inf"), False

    def ask_anew(self) -> None:
        """The bounds changed: what was found may be no solution any more, what was proven is of another question."""
        self.cost, self.bound, self.proves = float("inf"), -float("inf"), True

    def settle(self, highs: Any, share: float) -> str:
        """Search with a share of the time that is left, then solve with what was found held; how that ended.

        optimal and incumbent: the solver holds the solution. Else its own status, and nothing is held.
        """
        lp = highs.getLp()
        lower, upper = (np.asarray(v, dtype=float)[self.columns].copy() for v in (lp.col_lower_, lp.col_upper_))
        if bool((lower == upper).all()):
            return self._hold(highs, lower, (lower, upper))
        near = relative_gap(self.cost, self.bound) <= self.mip_gap
        if (self.spent or near) and self.start is not None:
            self.time_up = self.time_up or not near
            return self._ended(self._hold(highs, self.start[self.columns], (lower, upper)), "incumbent")
        left = self.time_limit_s - highs.getRunTime()
        highs.setOptionValue("time_limit", highs.getRunTime() + max(left * share * (1.0 - KEPT_BACK), 0.0))
        if self.start is not None:
            solution = highspy.HighsSolution()
            solution.col_value = np.append(self.start, np.zeros(highs.getNumCol() - self.start.size)).tolist()
            highs.setSolution(solution)
        highs.run()
        status, info = STATUS.get(highs.getModelStatus(), str(highs.getModelStatus())), highs.getInfo()
        values = np.asarray(highs.getSolution().col_value, dtype=float)
        if status == "optimal" and highs.getModelStatus() == highspy.HighsModelStatus.kModelEmpty:
            return status
        self.know(float(info.mip_dual_bound))
        self.time_up = status == "time_limit"
        if info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible and values.size:
            self.start, self.cost = values, float(info.objective_function_value)
        elif status != "time_limit" or self.start is None:
            return status
        if status == "time_limit":
            self.spent, status = highs.getRunTime() > (1.0 - 2 * KEPT_BACK) * self.time_limit_s, "incumbent"
        assert self.start is not None
        return self._ended(self._hold(highs, self.start[self.columns], (lower, upper)), status)

    def relax(self, highs: Any) -> None:
        """A bound, from the model without whole numbers: what a search would begin with, and often near enough."""
        for option, value in (("solve_relaxation", True), ("solver", "ipm"), ("run_crossover", "off")):
            highs.setOptionValue(option, value)
        highs.setOptionValue("time_limit", highs.getRunTime() + RELAX_SHARE * self.time_limit_s)
        highs.run()
        if STATUS.get(highs.getModelStatus()) == "optimal":
            objective = float(highs.getInfo().objective_function_value)
            self.know(objective - INTERIOR * abs(objective))
        for option, value in (("solve_relaxation", False), ("solver", "choose"), ("run_crossover", "on")):
            highs.setOptionValue(option, value)

    def know(self, bound: float) -> None:
        """Somebody has proven that no solution costs less than this."""
        self.bound = max(self.bound, bound) if self.proves and np.isfinite(bound) else self.bound

    def took(self, seconds: float) -> None:
        """Somebody else used time that was meant for this."""
        self.time_limit_s = max(self.time_limit_s - seconds, 0.0)

    def judged(self, status: str, objective: float) -> str:
        """Optimal where the gap is no larger than what was asked for, or the solver says so and may."""
        if status == "optimal" and self.proves:
            return status
        near = relative_gap(objective, self.bound) <= self.mip_gap + _SAME_GAP
        return "optimal" if near else "incumbent"

    @staticmethod
    def _ended(held: str, searched: str) -> str:
        """How a search ended whose decisions were held: they are known to have a solution."""
        return searched if held == "optimal" else held if held == "time_limit" else "solver_failed"

    def _hold(self, highs: Any, x: FloatArray, bounds: tuple[FloatArray, FloatArray]) -> str:
        """Hold decisions and solve for the rest: the solver's status."""
        left = self.time_limit_s - highs.getRunTime()
        highs.setOptionValue("time_limit", highs.getRunTime() + max(left, HELD_S))
        x = np.clip(np.round(x), *bounds)
        self._bounds = bounds
        highs.changeColsBounds(x.size, self.columns, x, x)
        highs.setOptionValue("solve_relaxation", True)
        highs.run()
        if highs.getModelStatus() not in STATUS:  # the simplex may lose its way from an old basis: anew, without one
            highs.clearSolver()
            highs.run()
        return STATUS.get(highs.getModelStatus(), str(highs.getModelStatus()))

    def let_go(self, highs: Any) -> None:
        """Give the decisions their bounds back: what is added to the model may move them."""
        if self._bounds is not None:
            highs.changeColsBounds(self.columns.size, self.columns, *self._bounds)
            highs.setOptionValue("solve_relaxation", False)
            self._bounds = None
