"""Rows that a network adds to one scenario's part of the large model: limits, losses, and what they may exceed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import csr_array

from gridloop.optimize.solve import Fix, Row
from gridloop.units import FloatArray, IntArray


@dataclass
class Added:
    """What a physics told a scenario so far; to it this is the session of a solver.

    column_of  own column by label
    columns    how many the scenario has without what rows exceed, which comes behind them
    """

    column_of: IntArray
    columns: int
    rows: dict[str, Row] = field(default_factory=dict)
    prices: dict[str, float] = field(default_factory=dict)
    released: set[str] = field(default_factory=set)
    fixes: list[Fix] = field(default_factory=list)

    def add_rows(self, rows: Sequence[Row]) -> None:
        """Further rows; a name that is there already is refused."""
        for row in rows:
            if row.name in self.rows:
                raise ValueError(f"row {row.name} is in the model already")
            self.rows[row.name] = row
            if row.excess is not None:
                self.prices.setdefault(row.excess.name, row.excess.price)

    def relax(self, name: str) -> None:
        """Take a row out of force; it keeps its place."""
        self.released.add(name)

    def fix(self, fixes: Sequence[Fix]) -> None:
        """New bounds of variables."""
        self.fixes.extend(fixes)

    def cost(self) -> FloatArray:
        """Prices of what rows exceed. [excess]"""
        return np.array(list(self.prices.values()), dtype=float)

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Of the rows; none of those that are out of force. [row]"""
        low = [-np.inf if name in self.released else row.lower for name, row in self.rows.items()]
        high = [np.inf if name in self.released else row.upper for name, row in self.rows.items()]
        return np.array(low, dtype=float), np.array(high, dtype=float)

    def matrix(self) -> csr_array:
        """The rows over the scenario's columns and what is exceeded. [row, column]"""
        place = {name: self.columns + k for k, name in enumerate(self.prices)}
        numbers, columns, values = [], [], []
        for k, row in enumerate(self.rows.values()):
            kept = row.coefficients != 0.0
            at, value = self.column_of[row.labels[kept]], row.coefficients[kept]
            if row.excess is not None:  # it lowers the sum at an upper bound and raises it at a lower one
                at = np.append(at, place[row.excess.name])
                value = np.append(value, -1.0 if np.isfinite(row.upper) else 1.0)
            numbers.append(np.full(at.size, k))
            columns.append(at)
            values.append(value)
        shape = (len(self.rows), self.columns + len(self.prices))
        if not self.rows:
            return csr_array(shape)
        entries = (np.concatenate(values), (np.concatenate(numbers), np.concatenate(columns)))
        return csr_array(entries, shape=shape)

    def duals(self, dual: FloatArray) -> Mapping[str, float]:
        """By name. dual [row]"""
        return {name: float(value) for name, value in zip(self.rows, dual, strict=True)}

    def exceeded(self, x: FloatArray) -> Mapping[str, float]:
        """By name. x [excess]"""
        return {name: float(value) for name, value in zip(self.prices, x, strict=True)}
