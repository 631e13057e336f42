"""A linear or quadratic model built from arrays: columns, rows as triplets, a cost; every one knows its name."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import csr_array

from gridloop.optimize.solve.arrays import LinearModel
from gridloop.units import FloatArray, IntArray


@dataclass
class ArrayModel:
    """Columns and rows in the order of adding; `columns_of` and `rows_of` tell which block a number belongs to."""

    lower: list[FloatArray] = field(default_factory=list)
    upper: list[FloatArray] = field(default_factory=list)
    row_lower: list[FloatArray] = field(default_factory=list)
    row_upper: list[FloatArray] = field(default_factory=list)
    entries: list[tuple[IntArray, IntArray, FloatArray]] = field(default_factory=list)
    column_blocks: list[tuple[str, int, int]] = field(default_factory=list)
    row_blocks: list[tuple[str, int, int]] = field(default_factory=list)
    n_columns: int = 0
    n_rows: int = 0
    constant: float = 0.0

    def __post_init__(self) -> None:
        self.linear = np.zeros(0)
        self.quadratic = np.zeros(0)

    def add_variables(
        self, name: str, lower: FloatArray, upper: FloatArray, start: FloatArray | None = None
    ) -> IntArray:
        """New columns; a start is not needed here. Returns their numbers."""
        lower = np.asarray(lower, dtype=float).ravel()
        first, self.n_columns = self.n_columns, self.n_columns + lower.size
        self.lower.append(lower)
        self.upper.append(np.broadcast_to(np.asarray(upper, dtype=float).ravel(), lower.shape))
        self.column_blocks.append((name, first, lower.size))
        return np.arange(first, self.n_columns)

    def add_rows(
        self,
        name: str,
        rows: IntArray,
        columns: IntArray,
        values: FloatArray,
        lower: FloatArray,
        upper: FloatArray,
    ) -> IntArray:
        """lower ≤ Σ value · column ≤ upper, entries as triplets; rows count from 0 here. Returns their numbers."""
        lower = np.asarray(lower, dtype=float).ravel()
        first, self.n_rows = self.n_rows, self.n_rows + lower.size
        values = np.broadcast_to(np.asarray(values, dtype=float), np.shape(columns))
        self.entries.append((first + np.ravel(rows), np.ravel(columns), values.ravel()))
        self.row_lower.append(lower)
        self.row_upper.append(np.broadcast_to(np.asarray(upper, dtype=float).ravel(), lower.shape))
        self.row_blocks.append((name, first, lower.size))
        return np.arange(first, self.n_rows)

    def minimize(self, columns: IntArray, linear: FloatArray, quadratic: FloatArray, constant: float = 0.0) -> None:
        """constant + Σ linear · x + quadratic · x². Calling it again adds."""
        for name, values in (("linear", linear), ("quadratic", quadratic)):
            total = np.zeros(self.n_columns)
            before = getattr(self, name)
            total[: before.size] = before
            np.add.at(total, columns, values)
            setattr(self, name, total)
        self.constant += constant

    def made(self) -> tuple[LinearModel, FloatArray]:
        """The linear part and the quadratic costs [column]."""
        none = np.zeros(0)
        row, column, value = (
            np.concatenate([np.zeros(0, dtype=np.int64 if k < 2 else float), *(e[k] for e in self.entries)])
            for k in range(3)
        )
        matrix = csr_array((value, (row, column)), shape=(self.n_rows, self.n_columns))
        matrix.sum_duplicates()
        padded = []
        for cost in (self.linear, self.quadratic):
            total = np.zeros(self.n_columns)
            total[: cost.size] = cost
            padded.append(total)
        lower, upper, row_lower, row_upper = (
            np.concatenate([none, *part]) for part in (self.lower, self.upper, self.row_lower, self.row_upper)
        )
        return LinearModel(padded[0], lower, upper, matrix, row_lower, row_upper), padded[1]

    def column_name(self, column: int) -> tuple[str, int]:
        """Name of the block of a column, and its place in it."""
        return _named(self.column_blocks, column)

    def row_name(self, row: int) -> tuple[str, int]:
        """Name of the block of a row, and its place in it."""
        return _named(self.row_blocks, row)


def _named(blocks: list[tuple[str, int, int]], number: int) -> tuple[str, int]:
    for name, first, count in blocks:
        if first <= number < first + count:
            return name, number - first
    raise IndexError(number)
