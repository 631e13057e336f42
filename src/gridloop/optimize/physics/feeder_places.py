"""Places of a three-phase feeder where a device can stand: between a terminal and ground, or between two terminals.

As in an OpenDSS case, a bus is followed by its terminals:

    "671"          all phases of the bus, a third of the power each (a half, or all of it, where it has fewer)
    "671.2"        phase 2 to ground
    "671.1.3"      phases 1 and 3 to ground, half of the power each
    "671.1-2"      between phases 1 and 2, as a load in delta; "671.1-2.2-3.3-1" is a delta of three
    "home.1-4"     phase 1 to a neutral that is not earthed
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, UnsuppliedBus, listed
from gridloop.optimize.physics.entries import Entries
from gridloop.powerflow.feeder.arrays import FeederArrays
from gridloop.powerflow.feeder.nodes import GROUND
from gridloop.units import BoolArray, IntArray

_PHASES = (1, 2, 3)


@dataclass(frozen=True)
class FeederPlaces:
    """Places of a feeder: the nodes of its buses to ground, in their order, then the pairs of some buses.

    tail, head  [place]  nodes; −1 for ground
    lit         [place]  whether both are supplied
    """

    arrays: FeederArrays
    tail: IntArray
    head: IntArray
    lit: BoolArray
    _number: dict[tuple[str, int, int], int]
    _phases: dict[str, list[int]]

    @classmethod
    def of(cls, arrays: FeederArrays, buses: Sequence[str] = ()) -> FeederPlaces:
        """Every node, and where one of these buses of devices names a pair of terminals, the pairs of that bus."""
        there = np.flatnonzero(arrays.bus_of >= 0)
        names = arrays.feeder.bus.index.to_numpy()[arrays.bus_of[there]]
        at: dict[str, dict[int, int]] = {}
        for node, bus, phase in zip(there.tolist(), names, arrays.phase[there].tolist(), strict=True):
            at.setdefault(str(bus), {})[phase] = node
        number = {(bus, phase, 0): node for bus, nodes in at.items() for phase, node in nodes.items()}
        tail, head = there.tolist(), [GROUND] * there.size
        paired = {text.partition(".")[0] for text in buses if "-" in text and text not in at}
        for bus, nodes in at.items():
            for a, b in combinations(sorted(nodes), 2) if bus in paired else ():
                number[bus, a, b] = number[bus, b, a] = len(tail)
                tail.append(nodes[a])
                head.append(nodes[b])
        ends = np.array(tail, dtype=np.int64), np.array(head, dtype=np.int64)
        lit = arrays.supplied[ends[0]] & ((ends[1] == GROUND) | arrays.supplied[ends[1]])
        return cls(arrays, *ends, lit, number, {bus: list(nodes) for bus, nodes in at.items()})

    def entries_of(self, buses: Sequence[str]) -> Entries:
        """Places of devices at these buses, with equal shares.

        Raises `BadInput` for a bus or terminal the feeder does not have, `UnsuppliedBus` for one without supply.
        """
        asked = {text: self._places(text) for text in dict.fromkeys(buses)}
        unknown = sorted(text for text, found in asked.items() if not found)
        if unknown:
            known = [bus for bus in (self._split(text)[0] for text in unknown) if bus in self._phases]
            hint = "".join(f" (bus {k!r} has the terminals {'.'.join(map(str, self._phases[k]))})" for k in known[:1])
            raise BadInput(
                f"{len(unknown)} buses of devices are not in the feeder ({listed(unknown)}){hint}. Give "
                "every device a bus of it, with terminals as in OpenDSS where it is not on all phases: "
                "'bus.2', 'bus.1.3', or 'bus.1-2' between two of them.",
                buses=unknown,
            )
        dark = sorted(text for text, found in asked.items() if not self.lit[found].all())
        if dark:
            raise UnsuppliedBus(
                f"{len(dark)} buses carry devices but have no path to a source ({listed(dark)}). "
                "Close a switch towards them, or leave their devices out.",
                buses=dark,
            )
        return Entries.equal([asked[text] for text in buses])

    def _split(self, text: str) -> tuple[str, list[str]]:
        if text in self._phases:
            return text, []
        bus, *terminals = text.split(".")
        return bus, terminals

    def _places(self, text: str) -> list[int]:
        """Places that a bus with its terminals names; none where it is wrong."""
        bus, terminals = self._split(text)
        if bus not in self._phases:
            return []
        if not terminals:
            return [self._number[bus, phase, 0] for phase in self._phases[bus] if phase in _PHASES]
        found = []
        for part in terminals:
            a, _, b = part.partition("-")
            place = self._number.get((bus, int(a), int(b or 0))) if a.isdigit() and (b or "0").isdigit() else None
            if place is None or place in found:
                return []
            found.append(place)
        return found

    def priced(self, buses: Sequence[str]) -> tuple[pd.Index, Entries, BoolArray]:
        """Every node of a bus, "671.2", and these buses of devices as they are named; where they are, who is dark."""
        names = self.arrays.node_names
        more = [text for text in dict.fromkeys(buses) if text not in names]
        at = [*([k] for k in range(len(names))), *(self._places(text) for text in more)]
        entry = Entries.equal(at)
        dark = np.zeros(entry.size, dtype=bool)
        np.logical_or.at(dark, entry.row, ~self.lit[entry.at])
        return pd.Index([*names, *more]), entry, dark
