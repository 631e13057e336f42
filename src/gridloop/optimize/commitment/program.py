"""A mixed-integer program written straight into arrays: columns, rows, and the sparse matrix between them.

A commitment of a thousand units has a quarter of a million rows; writing them family by family as arrays takes a
second, where a modelling language takes a minute.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from gridloop.optimize.commitment.least_times import Term
from gridloop.units import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Program:
    """Minimize cost · x over lower ≤ x ≤ upper, row_lower ≤ A x ≤ row_upper, x whole where `integer`."""

    a: sp.csr_matrix
    cost: FloatArray
    lower: FloatArray
    upper: FloatArray
    row_lower: FloatArray
    row_upper: FloatArray
    integer: BoolArray

    def within(self, lower: FloatArray, upper: FloatArray) -> Program:
        """The same with other bounds of the columns."""
        return Program(self.a, self.cost, lower, upper, self.row_lower, self.row_upper, self.integer)


class Writer:
    """Collects columns and rows; `program` puts them together."""

    def __init__(self) -> None:
        self.columns = 0
        self.rows = 0
        self._column: list[tuple[FloatArray, FloatArray, FloatArray, BoolArray]] = []
        self._row: list[tuple[FloatArray, FloatArray]] = []
        self._entry: list[tuple[IntArray, IntArray, FloatArray]] = []

    def add_columns(
        self,
        n: int,
        *,
        cost: float | FloatArray = 0.0,
        lower: float | FloatArray = 0.0,
        upper: float | FloatArray = np.inf,
        integer: bool = False,
    ) -> IntArray:
        """n new columns; returns their places."""
        spread = [np.broadcast_to(np.asarray(v, dtype=float), n) for v in (cost, lower, upper)]
        self._column.append((spread[0], spread[1], spread[2], np.full(n, integer)))
        self.columns += n
        return np.arange(self.columns - n, self.columns)

    def add_rows(
        self, terms: Iterable[Term], *, lower: float | FloatArray = -np.inf, upper: float | FloatArray = np.inf, n: int
    ) -> IntArray:
        """n new rows, the k-th with entry k of every term; returns their places."""
        rows = np.arange(self.rows, self.rows + n)
        self.rows += n
        for columns, coefficients in terms:
            values = np.broadcast_to(np.asarray(coefficients, dtype=float), n)
            kept = (columns >= 0) & (values != 0.0)
            self._entry.append((rows[kept], columns[kept], values[kept]))
        self._row.append(
            (np.broadcast_to(np.asarray(lower, dtype=float), n), np.broadcast_to(np.asarray(upper, dtype=float), n))
        )
        return rows

    def add_entries(self, rows: IntArray, columns: IntArray, values: float | FloatArray) -> None:
        """Further entries of rows that are there; entries of one place add up."""
        self._entry.append((rows, columns, np.broadcast_to(np.asarray(values, dtype=float), rows.size)))

    def program(self) -> Program:
        """Everything collected so far."""
        cost, lower, upper, integer = (np.concatenate(part) for part in zip(*self._column, strict=True))
        row_lower, row_upper = (np.concatenate(part) for part in zip(*self._row, strict=True))
        rows, columns, values = (np.concatenate(part) for part in zip(*self._entry, strict=True))
        a = sp.csr_matrix((values, (rows, columns)), shape=(self.rows, self.columns))
        return Program(a, cost, lower.copy(), upper.copy(), row_lower.copy(), row_upper.copy(), integer)
