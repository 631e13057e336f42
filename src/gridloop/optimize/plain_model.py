"""A linear model of plain arrays, with the labels and matrices of a linopy model and none of its coordinates' work.

What is planned again and again has the same names every time, and aligning them takes longer than the solve. Labels,
rows and their order are linopy's, so that the solver is handed the same numbers in the same places: this is for
devices that are written by `optimize.linear` anyhow. `ArrayModel` is for problems that write their rows as triplets,
and read them by column numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
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
class Block:
    """Variables, or rows, of one name over named coordinates."""

    name: str
    coords: tuple[pd.Index[Any], ...]
    labels: Labels


@dataclass
class Blocks:
    """All variables, or all rows, by name."""

    made: dict[str, Block] = field(default_factory=dict)
    used: int = 0

    def new(self, name: str, coords: Sequence[pd.Index[Any]], present: BoolArray) -> Block:
        """A block with the next numbers. Raises `ValueError` for a name that is there already."""
        if name in self.made:
            raise ValueError(f"{name} is in the model already")
        labels = np.where(present, self.used + np.arange(present.size, dtype=np.int64).reshape(present.shape), -1)
        self.used += present.size
        self.made[name] = Block(name, tuple(coords), Labels(labels, tuple(coords)))
        return self.made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.made)

    def __getitem__(self, name: str) -> Block:
        return self.made[name]

    def get_label_position(self, label: int) -> tuple[str, dict[str, object]]:
        """Name of the block that a number belongs to, and its coordinates in it."""
        for block in self.made.values():
            at = np.argwhere(block.labels.values == label)
            if len(at):
                named = zip(block.coords, at[0], strict=True)
                return block.name, {str(index.name): index[int(k)] for index, k in named}
        raise KeyError(label)


@dataclass(frozen=True, eq=False)
class Matrices:
    """A model as a solver takes it; names as of linopy's matrices."""

    vlabels: IntArray
    clabels: IntArray
    vtypes: np.ndarray[Any, Any]
    c: FloatArray
    lb: FloatArray
    ub: FloatArray
    A: csr_array | None
    b: FloatArray
    sense: np.ndarray[Any, Any]


class PlainModel:
    """Takes variables, rows and costs from `optimize.linear` as a linopy model does."""

    def __init__(self) -> None:
        self.variables, self.constraints = Blocks(), Blocks()
        self._bounds: list[tuple[FloatArray, FloatArray, bool]] = []
        self._rows: list[tuple[IntArray, FloatArray, FloatArray, str]] = []
        self._cost: tuple[IntArray, FloatArray] = (np.zeros(0, dtype=np.int64), np.zeros(0))

    def place_variables(
        self, name: str, coords: Sequence[pd.Index[Any]], lower: FloatArray, upper: FloatArray, present: BoolArray,
        whole: bool = False,
    ) -> Block:  # fmt: skip
        """Bounds and presence in the shape of the coordinates."""
        block = self.variables.new(name, coords, present)
        self._bounds.append((lower[present], upper[present], whole))
        return block

    def add_variables(
        self, lower: xr.DataArray | float = -np.inf, upper: xr.DataArray | float = np.inf, *,
        coords: Sequence[pd.Index[Any]] | None = None, name: str, mask: xr.DataArray | None = None,
        integer: bool = False,
    ) -> Block:  # fmt: skip
        """As linopy's own, where every bound has the shape of the coordinates."""
        if coords is None:
            assert isinstance(lower, xr.DataArray), "coordinates come with the lower bound, or by themselves"
            coords = [lower.indexes[dim].rename(dim) for dim in lower.dims]
        shape = tuple(len(index) for index in coords)
        low, high = (np.broadcast_to(np.asarray(v, dtype=float), shape) for v in (lower, upper))
        there = np.ones(shape, dtype=bool) if mask is None else np.broadcast_to(np.asarray(mask, dtype=bool), shape)
        return self.place_variables(name, coords, low, high, there, integer)

    def place_rows(
        self, name: str, coords: Sequence[pd.Index[Any]], labels: IntArray, numbers: FloatArray, sign: str,
        right: FloatArray,
    ) -> Block:  # fmt: skip
        """Terms along the last axis. A row without a variable is there, and never handed on."""
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
