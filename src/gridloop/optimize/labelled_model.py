"""A linear model whose variables and rows have labels: numbers over named coordinates, as in linopy, from plain arrays.

A plan's model is written anew at every tick: aligning coordinates would take longer than the solve. Labels, rows and
their order are those that linopy gives, which the tests hold against it. `ArrayModel` is for problems that write their
rows as triplets and read them by column numbers.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from gridloop.units import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Labels:
    """Numbers of the members of a block, in the shape of its coordinates; −1 where there is none."""

    values: IntArray
    coords: tuple[pd.Index[Any], ...]

    def sel(self, **at: object) -> Labels:
        """Those at one place of some coordinates, by name."""
        values, coords = self.values, list(self.coords)
        for name, where in at.items():
            axis = [index.name for index in coords].index(name)
            place = np.flatnonzero(coords.pop(axis) == where)
            values = np.take(values, place, axis=axis).squeeze(axis)
        return Labels(values, tuple(coords))


@dataclass(frozen=True, eq=False)
class Members:
    """Variables, or rows, of one name over named coordinates."""

    name: str
    coords: tuple[pd.Index[Any], ...]
    labels: Labels


@dataclass
class MembersByName:
    """All variables, or all rows, by name."""

    made: dict[str, Members] = field(default_factory=dict)
    begins: list[int] = field(default_factory=list)
    used: int = 0

    def new(self, name: str, coords: Sequence[pd.Index[Any]], present: BoolArray) -> Members:
        """A block with the next numbers. Raises `ValueError` for a name that is there already."""
        if name in self.made:
            raise ValueError(f"{name} is in the model already")
        self.begins.append(self.used)
        labels = np.where(present, self.used + np.arange(present.size, dtype=np.int64).reshape(present.shape), -1)
        self.used += present.size
        self.made[name] = Members(name, tuple(coords), Labels(labels, tuple(coords)))
        return self.made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.made)

    def __getitem__(self, name: str) -> Members:
        return self.made[name]

    def get_label_position(self, label: int) -> tuple[str, dict[str, object]]:
        """Name of the block that a label belongs to, and its coordinates in it."""
        k = bisect(self.begins, int(label)) - 1
        block = list(self.made.values())[k]
        place = np.unravel_index(int(label) - self.begins[k], block.labels.values.shape)
        named = zip(block.coords, place, strict=True)
        return block.name, {str(index.name): index[int(k)] for index, k in named}


@dataclass(frozen=True, eq=False)
class Matrices:
    """A model as a solver takes it; names as of linopy's matrices.

    vlabels, clabels  labels by column and by row; vtypes "C" or "I" by column; c cost, lb, ub bounds by column
    A, sense, b       rows: A x  (= | < | >)  b
    """

    vlabels: IntArray
    clabels: IntArray
    vtypes: np.ndarray[Any, Any]
    c: FloatArray
    lb: FloatArray
    ub: FloatArray
    A: csr_array | None
    b: FloatArray
    sense: np.ndarray[Any, Any]


class LabelledModel:
    """Variables, rows and costs in the order of adding; `optimize.linear` writes them."""

    def __init__(self) -> None:
        self.variables, self.constraints = MembersByName(), MembersByName()
        self._bounds: list[tuple[FloatArray, FloatArray, bool]] = []
        self._rows: list[tuple[IntArray, FloatArray, FloatArray, str]] = []
        self._cost: tuple[IntArray, FloatArray] = (np.zeros(0, dtype=np.int64), np.zeros(0))

    def add_variables(
        self, name: str, coords: Sequence[pd.Index[Any]], lower: FloatArray, upper: FloatArray, present: BoolArray,
        whole: bool = False,
    ) -> Members:  # fmt: skip
        """New variables. Bounds and presence in the shape of the coordinates; whole: they take whole numbers only."""
        block = self.variables.new(name, coords, present)
        self._bounds.append((lower[present], upper[present], whole))
        return block

    def add_rows(
        self, name: str, coords: Sequence[pd.Index[Any]], labels: IntArray, numbers: FloatArray, sign: str,
        right: FloatArray,
    ) -> Members:  # fmt: skip
        """New rows Σ number · label  (= | <= | >=)  right, with terms along the last axis.

        A row without a variable is there, and never handed on.
        """
        block = self.constraints.new(name, coords, np.ones(right.shape, dtype=bool))
        terms = labels.shape[-1]
        self._rows.append((labels.reshape(-1, terms), numbers.reshape(-1, terms), right.ravel(), sign[0]))
        return block

    def minimize(self, labels: IntArray, numbers: FloatArray) -> None:
        """Cost per unit of variables, each at most once."""
        self._cost = labels, numbers

    @cached_property
    def matrices(self) -> Matrices:
        """Everything; nothing is added after it was asked for."""
        kinds = [found.labels.values for found in self.variables.made.values()]
        columns = np.concatenate([np.zeros(0, dtype=np.int64), *(values[values >= 0] for values in kinds)])
        place = np.full(self.variables.used, -1, dtype=np.int64)
        place[columns] = np.arange(columns.size)
        cost = np.zeros(columns.size)
        cost[place[self._cost[0]]] = self._cost[1]
        lower, upper = (np.concatenate([np.zeros(0), *(pair[k] for pair in self._bounds)]) for k in range(2))
        row, column, value, numbers, right, sense = [], [], [], [], [], []
        count = 0
        blocks = zip(self.constraints.made.values(), self._rows, strict=True)
        for block, (labels, factors, bounds, sign) in blocks:
            there = labels >= 0
            kept = there.any(axis=1)
            place_of = count - 1 + np.cumsum(kept)
            used = there & (factors != 0.0)
            at, _ = np.nonzero(used)
            row.append(place_of[at])
            column.append(place[labels[used]])
            value.append(factors[used])
            numbers.append(block.labels.values.ravel()[kept])
            right.append(bounds[kept])
            sense.append(np.full(int(kept.sum()), sign))
            count += int(kept.sum())
        if not row:
            none = np.zeros(0)
            a, b, signs, names = None, none, np.zeros(0, dtype="U1"), np.zeros(0, dtype=np.int64)
        else:
            entries = (np.concatenate(value), (np.concatenate(row), np.concatenate(column)))
            a = csr_array(entries, shape=(count, columns.size))
            a.sum_duplicates()
            b, signs, names = np.concatenate(right), np.concatenate(sense), np.concatenate(numbers)
        sizes = [pair[0].size for pair in self._bounds]
        kinds_of = np.repeat(["I" if pair[2] else "C" for pair in self._bounds] or np.zeros(0, dtype="U1"), sizes)
        return Matrices(columns, names, kinds_of, cost, lower, upper, a, b, signs)
