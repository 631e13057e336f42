"""One open question of a search: what has been decided on the way to it, and its relaxation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gridloop.optimize.commitment.lagrangian import UnitBound
from gridloop.optimize.commitment.model import CommitmentModel
from gridloop.optimize.commitment.program import Program
from gridloop.optimize.commitment.shrink import Shrunk
from gridloop.units import BoolArray, FloatArray


@dataclass(order=True)
class Node:
    """Limits of a part of all plans, and the relaxation within them. Nodes are ordered by their bounds.

    sum_lower, sum_upper  limits of sums, by their places in `Sums`; fixed  whether a unit is on, by unit and hour
    x          [column]  the relaxation's solution; empty where it has none yet
    choice     what every choice of a unit costs at the relaxation's prices
    basis      of the solver, and the relaxation that it is of
    objective  of the small relaxation
    """

    bound: float
    number: int
    sum_lower: dict[int, float] = field(compare=False)
    sum_upper: dict[int, float] = field(compare=False)
    fixed: dict[tuple[int, int], bool] = field(compare=False)
    x: FloatArray = field(compare=False)
    choice: UnitBound = field(compare=False)
    basis: tuple[Any, Shrunk] | None = field(compare=False, default=None)
    objective: float = field(compare=False, default=np.nan)

    @classmethod
    def root(cls, bound: float, x: FloatArray, choice: UnitBound) -> Node:
        """A node in which nothing is decided."""
        return cls(bound, 0, {}, {}, {}, x, choice)

    def child(self, number: int) -> Node:
        """A copy, to decide one more thing in."""
        limits = dict(self.sum_lower), dict(self.sum_upper), dict(self.fixed)
        return Node(self.bound, number, *limits, self.x, self.choice, self.basis)

    def allowed(self, model: CommitmentModel) -> tuple[BoolArray, BoolArray]:
        """Where units may be on and off. [unit, hour]"""
        on, off = model.arrays.may_on.copy(), model.arrays.may_off.copy()
        for (g, t), is_on in self.fixed.items():
            (off if is_on else on)[g, t] = False
        return on, off

    def program(self, model: CommitmentModel) -> Program:
        """The whole program within the limits of this node; its bounds are copies."""
        p, sum_rows = model.program, model.sums.rows
        lower, upper = p.lower.copy(), p.upper.copy()
        for (g, t), is_on in self.fixed.items():
            (lower if is_on else upper)[model.on_off.u[g, t]] = float(is_on)
        row_lower, row_upper = p.row_lower.copy(), p.row_upper.copy()
        for k, least in self.sum_lower.items():
            row_lower[sum_rows[k]] = least
        for k, most in self.sum_upper.items():
            row_upper[sum_rows[k]] = most
        return Program(p.a, p.cost, lower, upper, row_lower, row_upper, p.integer)
