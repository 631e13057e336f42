"""Consumption of a feeder's scenarios: what its tables say, and what scenarios set instead, by element."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridloop.kernel.lanes import new_rows
from gridloop.kernel.spread import add_rows, fill_blocks
from gridloop.network.feeder.model import Feeder
from gridloop.powerflow.feeder.arrays import FeederArrays
from gridloop.units import ComplexArray, FloatArray, IntArray

# What scenarios of a feeder may set.
SETTABLE = ("load.p_mw", "load.q_mvar", "generator.p_mw", "generator.q_mvar")


@dataclass(frozen=True)
class Consumption:
    """Elements are those of `LoadBranches`: loads, then generators, which consume what they inject with a minus.

    base  [element]  where no scenario says otherwise, MW and Mvar at rated voltage
    rows  key → element of every row that scenarios set, −1 where it is out of service; and the sign of its values
    """

    base: ComplexArray
    rows: Mapping[str, tuple[IntArray, FloatArray]]

    @classmethod
    def of(cls, feeder: Feeder, arrays: FeederArrays, rows: Mapping[str, IntArray]) -> Consumption:
        """Where scenarios set these rows of the tables that the keys, such as "load.p_mw", name."""
        base, found = arrays.s0.copy(), {}
        first = {"load": 0, "generator": len(feeder.load)}
        for key, some in rows.items():
            table, column = key.split(".")
            on = feeder.tables[table]["in_service"].to_numpy(dtype=bool)[some]
            element = first[table] + some
            found[key] = np.where(on, element, -1), np.full(some.size, 1.0 if table == "load" else -1.0)
            base[element] = 1j * base[element].imag if column == "p_mw" else base[element].real
        return cls(base, found)

    def of_one(self, values: Mapping[str, FloatArray]) -> ComplexArray:
        """Of one scenario with values [row] by key. [element]"""
        s = self.base.copy()
        for key, (element, sign) in self.rows.items():
            on = element >= 0
            np.add.at(s, element[on], (sign * values[key])[on] * (1.0 if key.endswith("p_mw") else 1j))
        return s

    def in_blocks(
        self, values: Mapping[str, FloatArray], first: int, blocks: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Active and reactive, of scenarios from `first` on, with values [row, scenario]. [block, element, LANES]"""
        p, q = (new_rows(blocks, self.base.size, dtype=np.float32) for _ in range(2))
        fill_blocks(p, self.base.real)
        fill_blocks(q, self.base.imag)
        for key, (element, sign) in self.rows.items():
            add_rows(p if key.endswith("p_mw") else q, values[key], element, sign, first)
        return p, q
