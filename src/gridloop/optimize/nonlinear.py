"""NonlinearModel: variables, linear rows, blocks of smooth rows with their derivatives, and a convex quadratic cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.sparse import csr_array

from gridloop.optimize.solve.ipopt import NonlinearOutcome, Option, Start, solve
from gridloop.units import FloatArray, IntArray


class Block(Protocol):
    """Smooth rows lower ≤ g(x) ≤ upper. Places are rows of the block from 0, and columns of the model.

    Each place may come more than once: entries of one place add up. The Hessian is the lower triangle.
    """

    lower: FloatArray
    upper: FloatArray

    def jacobian_places(self) -> tuple[IntArray, IntArray]:
        """Row and column of every slot."""

    def hessian_places(self) -> tuple[IntArray, IntArray]:
        """Row and column of every slot, row ≥ column."""

    def rows(self, x: FloatArray, out: FloatArray) -> None:
        """g"""

    def jacobian(self, x: FloatArray, out: FloatArray) -> None:
        """∇g"""

    def hessian(self, x: FloatArray, weight: FloatArray, out: FloatArray) -> None:
        """Σ weight ∇²g"""


@dataclass
class _Linear:
    """Linear rows as they were added: entries as triplets."""

    row: list[IntArray]
    col: list[IntArray]
    value: list[FloatArray]
    lower: list[FloatArray]
    upper: list[FloatArray]
    count: int = 0


class NonlinearModel:
    """A model under construction; `solve` hands it to Ipopt as often as wanted, with rows added in between."""

    def __init__(self) -> None:
        self._lower: list[FloatArray] = []
        self._upper: list[FloatArray] = []
        self._start: list[FloatArray] = []
        self._linear = _Linear([], [], [], [], [])
        self._blocks: list[Block] = []
        self._names: dict[str, IntArray] = {}
        self.size = 0
        self._c: FloatArray = np.zeros(0)
        self._q: FloatArray = np.zeros(0)
        self._constant = 0.0

    def add_variables(self, name: str, lower: FloatArray, upper: FloatArray, start: FloatArray) -> IntArray:
        """New columns, by number."""
        columns = np.arange(self.size, self.size + lower.size)
        self._lower.append(lower)
        self._upper.append(upper)
        self._start.append(start)
        self._names[name] = columns
        self.size += lower.size
        return columns

    def columns(self, name: str) -> IntArray:
        """Columns of variables that were added under a name."""
        return self._names[name]

    def add_rows(
        self, name: str, rows: IntArray, columns: IntArray, values: FloatArray, lower: FloatArray, upper: FloatArray
    ) -> IntArray:
        """Linear rows lower ≤ Σ value · column ≤ upper; their numbers among the linear rows."""
        part, first = self._linear, self._linear.count
        part.row.append(np.asarray(rows) + first)
        part.col.append(np.asarray(columns))
        part.value.append(np.asarray(values, dtype=float))
        part.lower.append(lower)
        part.upper.append(upper)
        part.count += lower.size
        return np.arange(first, part.count)

    def add_block(self, block: Block) -> None:
        """Smooth rows; the block may still change until `solve`."""
        self._blocks.append(block)

    def minimize(self, columns: IntArray, linear: FloatArray, quadratic: FloatArray, constant: float) -> None:
        """constant + Σ linear · x + quadratic · x², over columns that each come once."""
        self._c, self._q = np.zeros(self.size), np.zeros(self.size)
        self._c[columns], self._q[columns] = linear, quadratic
        self._constant = constant

    def start(self) -> FloatArray:
        """Where the variables begin. [column]"""
        return np.concatenate(self._start) if self._start else np.zeros(0)

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Lowest and highest value of every column."""
        return np.concatenate(self._lower), np.concatenate(self._upper)

    def program(self) -> AssembledProgram:
        """The model as it stands, as the solver takes it."""
        return AssembledProgram(self)

    def solve(
        self,
        *,
        start: Start | None = None,
        options: Mapping[str, Option] | None = None,
        time_limit_s: float | None = None,
        progress: Callable[[int, float, float], bool] | None = None,
    ) -> NonlinearOutcome:
        """Solve from `start`, or from where the variables begin."""
        begin = start or Start(self.start())
        return solve(self.program(), begin, options=options, time_limit_s=time_limit_s, progress=progress)


class AssembledProgram:
    """A model in one piece: linear rows first, then the blocks in their order. Implements `solve.ipopt.Program`."""

    def __init__(self, model: NonlinearModel) -> None:
        self.lower, self.upper = model.bounds()
        self._c, self._q, self._constant = model._c, model._q, model._constant
        linear, count = model._linear, model._linear.count
        self._value = np.concatenate([np.zeros(0), *linear.value])
        row = np.concatenate([np.zeros(0, dtype=np.int64), *linear.row])
        col = np.concatenate([np.zeros(0, dtype=np.int64), *linear.col])
        self._matrix = csr_array((self._value, (row, col)), shape=(count, model.size))
        self.row_lower = np.concatenate([np.zeros(0), *linear.lower, *(b.lower for b in model._blocks)])
        self.row_upper = np.concatenate([np.zeros(0), *linear.upper, *(b.upper for b in model._blocks)])
        self.n_linear = count
        self._blocks: list[tuple[Block, slice, slice, slice]] = []
        jacobian, hessian = [(row, col)], []
        curved = np.flatnonzero(self._q)
        hessian.append((curved, curved))
        self._curved = 2 * self._q[curved]
        at_row, at_j, at_h = count, row.size, curved.size
        for block in model._blocks:
            j_row, j_col = block.jacobian_places()
            h_row, h_col = block.hessian_places()
            jacobian.append((j_row + at_row, j_col))
            hessian.append((h_row, h_col))
            ends = at_row + block.lower.size, at_j + j_row.size, at_h + h_row.size
            self._blocks.append((block, slice(at_row, ends[0]), slice(at_j, ends[1]), slice(at_h, ends[2])))
            at_row, at_j, at_h = ends
        self.jacobian_row, self.jacobian_col = (_places([p[k] for p in jacobian]) for k in (0, 1))
        self.hessian_row, self.hessian_col = (_places([p[k] for p in hessian]) for k in (0, 1))

    def rows_of(self, block: Block) -> slice:
        """Where the rows of a block stand."""
        return next(rows for b, rows, _, _ in self._blocks if b is block)

    def objective(self, x: FloatArray) -> float:
        return float(self._constant + (self._c + self._q * x) @ x)

    def gradient(self, x: FloatArray, out: FloatArray) -> None:
        out[:] = self._c + 2 * self._q * x

    def rows(self, x: FloatArray, out: FloatArray) -> None:
        out[: self.n_linear] = self._matrix @ x
        for block, rows, _, _ in self._blocks:
            block.rows(x, out[rows])

    def jacobian(self, x: FloatArray, out: FloatArray) -> None:
        out[: self._value.size] = self._value
        for block, _, slots, _ in self._blocks:
            block.jacobian(x, out[slots])

    def hessian(self, x: FloatArray, factor: float, weight: FloatArray, out: FloatArray) -> None:
        out[: self._curved.size] = factor * self._curved
        for block, rows, _, slots in self._blocks:
            block.hessian(x, weight[rows], out[slots])

    def violation(self, x: FloatArray) -> FloatArray:
        """By how much every row is broken. [row]"""
        g = np.empty(self.row_lower.size)
        self.rows(x, g)
        return np.asarray(np.maximum(np.maximum(self.row_lower - g, g - self.row_upper), 0.0))

    def residuals(
        self, x: FloatArray, row_dual: FloatArray, lower_dual: FloatArray, upper_dual: FloatArray
    ) -> tuple[float, float]:
        """How far x is from an optimum: the largest violation of a row, and the largest gradient of the Lagrangian over
        a column, as a share of the largest of its parts."""
        slots, objective = np.empty(self.jacobian_row.size), np.empty(x.size)
        self.jacobian(x, slots)
        self.gradient(x, objective)
        parts = slots * row_dual[self.jacobian_row]
        total = objective + np.bincount(self.jacobian_col, weights=parts, minlength=x.size) - lower_dual + upper_dual
        # A column whose parts all vanish is judged by the largest of all.
        size = np.bincount(self.jacobian_col, weights=np.abs(parts), minlength=x.size) + np.abs(objective)
        total[self.lower == self.upper] = 0.0
        return float(self.violation(x).max(initial=0.0)), float(
            np.max(np.abs(total) / np.maximum(size, 1.0), initial=0.0)
        )


def _places(parts: list[Any]) -> Any:
    return np.ascontiguousarray(np.concatenate(parts), dtype=np.int32)
