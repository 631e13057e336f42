"""Nodes: every energised terminal of every bus of a feeder, numbered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, listed
from gridloop.network.feeder.model import Feeder, terminals
from gridloop.units import SQRT3, FloatArray, IntArray

GROUND = -1


@dataclass(frozen=True)
class Nodes:
    """Nodes in the order of the bus table.

    bus_of     [node]  row of the bus table
    phase      [node]  terminal
    v_base_kv  [node]  nominal voltage to ground, the base of per-unit voltages
    """

    feeder: Feeder
    bus_of: IntArray
    phase: IntArray
    v_base_kv: FloatArray

    @classmethod
    def of(cls, feeder: Feeder) -> Nodes:
        """Every terminal in the column `phases` of the bus table; ground (0) is no node."""
        lists = [[t for t in terminals(text) if t] for text in feeder.bus["phases"]]
        bus_of = np.repeat(np.arange(len(lists)), [len(some) for some in lists])
        phase = np.array([t for some in lists for t in some], dtype=np.int64)
        return cls(feeder, bus_of, phase, feeder.bus["v_nom_kv"].to_numpy(dtype=float)[bus_of] / SQRT3)

    @property
    def n(self) -> int:
        return self.phase.size

    @cached_property
    def _number(self) -> dict[tuple[str, int], int]:
        buses = self.feeder.bus.index.to_numpy()[self.bus_of]
        return {(str(b), int(t)): n for n, (b, t) in enumerate(zip(buses, self.phase, strict=True))}

    def find(self, table: str, ids: Sequence[str], buses: Sequence[str], ends: Sequence[Sequence[int]]) -> IntArray:
        """Node of every terminal of some elements that have as many each; −1 for ground. [element, terminal]

        Raises `BadInput` where an element uses a terminal that its bus does not have.
        """
        number = self._number
        found = [
            [GROUND if t == 0 else number.get((b, t), -2) for t in some] for b, some in zip(buses, ends, strict=True)
        ]
        nodes = np.array(found, dtype=np.int64).reshape(len(found), len(ends[0]) if len(ends) else 0)
        wrong = np.flatnonzero((nodes < GROUND).any(axis=1)).tolist()
        if wrong:
            first = wrong[0]
            raise BadInput(
                f"{len(wrong)} rows of table {table!r} use terminals that their bus does not have, such as "
                f"{ids[first]!r} with {'.'.join(map(str, ends[first]))} at bus {buses[first]!r} "
                f"(ids {listed([ids[i] for i in wrong])}). Add the terminals to the bus, or correct the element.",
                table=table,
                ids=[ids[i] for i in wrong],
            )
        return nodes


def active(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table that are in service, and closed where they can be open, with their row as `row`."""
    on = frame["in_service"].to_numpy(dtype=bool)
    if "closed" in frame:
        on = on & frame["closed"].to_numpy(dtype=bool)
    return frame.assign(row=np.arange(len(frame)))[on]


def split_wye(ends: tuple[int, ...]) -> tuple[tuple[int, ...], int]:
    """Terminals of a wye: its phases, and its neutral (0 for ground).

    The last terminal is the neutral where it is 0, or 4 and more; otherwise ground is.
    """
    if len(ends) > 1 and (ends[-1] == 0 or ends[-1] > 3):
        return ends[:-1], ends[-1]
    return ends, 0


def branches_of(connection: str, ends: tuple[int, ...]) -> list[tuple[int, int]]:
    """Pairs of terminals that the coils or units of an element join: phase to neutral, or phase to phase."""
    if connection == "wye":
        phases, neutral = split_wye(ends)
        return [(phase, neutral) for phase in phases]
    if len(ends) == 2:
        return [(ends[0], ends[1])]
    return [(ends[k], ends[(k + 1) % len(ends)]) for k in range(len(ends))]
