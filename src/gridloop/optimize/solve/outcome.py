"""What a solve found: values, prices, and how far from the best it can be at most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from gridloop.optimize.labelled_model import Members
from gridloop.optimize.linear import Sum
from gridloop.units import FloatArray, IntArray

# Slack below this is rounding of the solver (its primal feasibility tolerance is 1e-7), not a limit that gave way.
GAVE_WAY = 1e-6
# Statuses that come with a solution.
WITH_SOLUTION = ("optimal", "incumbent")


@dataclass(frozen=True)
class Outcome:
    """What a solve found.

    status     optimal; incumbent: whole decisions are not proven to be the best, for time was up, or for what was held
               after a first solve, and `gap` says how far from it they can be; infeasible, unbounded, time_limit
               (nothing found); solver_failed where the solver broke, or called optimal what is no solution; else the
               solver's own word
    objective  NaN where there is no solution
    row_dual   change of the objective per unit of an added row's bound; rows added after this solve are not in it
    gave_way   excess by name, only where there is one; gave_way_cost is what all excess costs
    bound      no solution costs less; −inf where nothing is known. Of a linear model it is the objective
    time_up    True where a search of whole decisions was cut short
    """

    status: str
    objective: float
    seconds: float
    iterations: int
    row_dual: Mapping[str, float]
    gave_way: Mapping[str, float]
    gave_way_cost: float
    _x: FloatArray = field(repr=False)
    _reduced_cost: FloatArray = field(repr=False)
    _dual: FloatArray = field(repr=False)
    _column_of: IntArray = field(repr=False)
    _row_of: IntArray = field(repr=False)
    bound: float | None = None
    time_up: bool = False

    @property
    def solved(self) -> bool:
        """True where there is a solution to read."""
        return self.status in WITH_SOLUTION

    @property
    def gap(self) -> float:
        """By which share of its cost the solution could be beaten at most; 0 of a linear model, NaN without one."""
        if not self.solved:
            return float("nan")
        return 0.0 if self.bound is None else relative_gap(self.objective, self.bound)

    def value(self, variable: Members) -> FloatArray:
        """Value of a variable, in its own shape; zero where it is masked."""
        return self.at(variable.labels.values)

    def at(self, labels: IntArray) -> FloatArray:
        """Values by label, in the shape of the labels; zero for the label −1."""
        return _spread(self._x, self._column_of, labels)

    def total(self, part: Sum) -> float:
        """Value of a sum."""
        return float(part.coefficients @ self.at(part.labels))

    def dual(self, constraint: Members) -> FloatArray:
        """Change of the objective per unit of a constraint's right-hand side, in its own shape.

        Whole decisions are held for it: what one more unit costs where they stay as they are.
        """
        return _spread(self._dual, self._row_of, constraint.labels.values)

    def reduced_cost(self, variable: Members) -> FloatArray:
        """Change of the objective per unit of a variable's binding bound, in its own shape; zero between bounds."""
        return _spread(self._reduced_cost, self._column_of, variable.labels.values)


def relative_gap(objective: float, bound: float) -> float:
    """(objective − bound) / |objective|; infinite where no bound is known."""
    if not np.isfinite(bound):
        return float("inf")
    return max(objective - bound, 0.0) / max(abs(objective), 1e-9)


def _spread(values: FloatArray, place: IntArray, labels: IntArray) -> FloatArray:
    """Values by label, in the shape of the labels; zero for the label −1."""
    known = labels >= 0
    result = np.zeros(labels.shape)
    result[known] = values[place[labels[known]]]
    return result
