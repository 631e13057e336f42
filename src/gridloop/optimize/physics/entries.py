"""Entries: where power may enter a grid, and how the rows of some injections are shared among these places.

In a balanced grid a device enters at one node with all it has. At a three-phase feeder it may stand between several
pairs of terminals and gives each its share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridloop.units import ComplexArray, FloatArray, IntArray


@dataclass(frozen=True)
class Entries:
    """`size` rows, each entering at one or several places with a share of its own; the shares of a row add up to one.

    row, at, share  [part]  row of the injection, place in the grid, and the share that enters there
    """

    size: int
    row: IntArray
    at: IntArray
    share: FloatArray

    @classmethod
    def single(cls, at: IntArray) -> Entries:
        """Every row at one place."""
        return cls(at.size, np.arange(at.size), at, np.ones(at.size))

    @classmethod
    def equal(cls, at: Sequence[Sequence[int]]) -> Entries:
        """Every row at several places, with equal shares."""
        count = np.array([len(some) for some in at], dtype=np.int64)
        flat = np.array([place for some in at for place in some], dtype=np.int64)
        row = np.repeat(np.arange(count.size), count)
        return cls(count.size, row, flat, 1.0 / count[row])

    def take(self, values: FloatArray) -> FloatArray:
        """Of values at the places what every row sees: their mean by its shares. [place, …] → [row, …]"""
        found = np.zeros((self.size, *values.shape[1:]))
        share = self.share.reshape(-1, *(1,) * (values.ndim - 1))
        np.add.at(found, self.row, share * values[self.at])
        return found

    def put(self, total: ComplexArray, powers: ComplexArray | FloatArray) -> None:
        """Add powers [row, step] to what enters at the places [place, step]."""
        np.add.at(total, self.at, self.share[:, None] * powers[self.row])
