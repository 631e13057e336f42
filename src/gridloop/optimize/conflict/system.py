"""A linear system whose rows and columns know what they speak of, whoever built the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from gridloop.optimize.labelled_model import LabelledModel, MembersByName
from gridloop.optimize.solve.feasibility import Bounds
from gridloop.units import BoolArray, FloatArray


class Rule(NamedTuple):
    """What a row or column is: its kind (see conflict.words), its element, and the hour if there is one."""

    kind: str
    element: str
    hour: str = ""


@dataclass(frozen=True)
class LinearSystem:
    """row_lower ≤ matrix · x ≤ row_upper, lower ≤ x ≤ upper; ±inf where there is no bound.

    matrix   [row, column]
    rows, columns  what every row and column speaks of
    integer  [column] True where only whole numbers are allowed; None where there are none
    power_mw MW of one unit of power in the model: 100 for a model per unit, 1 for one in MW
    """

    matrix: csr_array
    row_lower: FloatArray
    row_upper: FloatArray
    lower: FloatArray
    upper: FloatArray
    rows: Sequence[Rule]
    columns: Sequence[Rule]
    integer: BoolArray | None = None
    power_mw: float = 1.0

    def __post_init__(self) -> None:
        n, m = len(self.rows), len(self.columns)
        sizes = (self.matrix.shape, self.row_lower.size, self.row_upper.size, self.lower.size, self.upper.size)
        if sizes != ((n, m), n, n, m, m):
            raise ValueError(f"a system of {n} rows and {m} columns with arrays of {sizes}")

    @classmethod
    def of_model(cls, model: LabelledModel, *, power_mw: float = 1.0) -> LinearSystem:
        """The system of a model with labels, a plan's or one of linopy: the name of a block is the kind, its first
        coordinate the element, the others the hour."""
        matrices = model.matrices
        matrix = matrices.A
        columns = [_rule(model.variables, label) for label in matrices.vlabels]
        rows = [_rule(model.constraints, label) for label in matrices.clabels]
        lower_only, upper_only = matrices.sense == "<", matrices.sense == ">"
        return cls(
            csr_array((0, len(columns))) if matrix is None else csr_array(matrix),
            np.where(lower_only, -np.inf, np.asarray(matrices.b, dtype=float)),
            np.where(upper_only, np.inf, np.asarray(matrices.b, dtype=float)),
            np.asarray(matrices.lb, dtype=float),
            np.asarray(matrices.ub, dtype=float),
            rows,
            columns,
            np.asarray(matrices.vtypes != "C"),
            power_mw,
        )

    def bounds(self) -> Bounds:
        """The numbers alone."""
        whole = np.zeros(self.lower.size, dtype=bool) if self.integer is None else self.integer
        return Bounds(csr_array(self.matrix), self.row_lower, self.row_upper, self.lower, self.upper, whole)

    def rule(self, side: int) -> tuple[Rule, str, float]:
        """What a side speaks of, which side it is ("lower" or "upper"; "equal" where both are one), and its bound."""
        n, m = len(self.rows), len(self.columns)
        if side < 2 * n:
            where, rules, low, high = side, self.rows, self.row_lower, self.row_upper
            count = n
        else:
            where, rules, low, high = side - 2 * n, self.columns, self.lower, self.upper
            count = m
        place, upper = where % count, where >= count
        bound = float(high[place] if upper else low[place])
        name = "equal" if low[place] == high[place] else ("upper" if upper else "lower")
        return rules[place], name, bound

    def kinds(self) -> Sequence[str]:
        """Kind of every side. [side]"""
        rows, columns = [rule.kind for rule in self.rows], [rule.kind for rule in self.columns]
        return [*rows, *rows, *columns, *columns]


def _rule(among: MembersByName, label: int) -> Rule:
    name, coords = among.get_label_position(int(label))
    values = [str(value) for value in coords.values()]
    return Rule(str(name), values[0] if values else "", ", ".join(values[1:]))
