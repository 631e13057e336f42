"""Rolling shed: whole circuits are switched off by priority, and equals take turns.

What has to go is taken from the class that is worth least; within a class from whom the power has been away for the
shortest time so far (hours off, by the share of its class that it is), so that over an event the hours without power
differ by no more than a turn. Who is off stays off for `least_h` before its turn may end, and who is on is not taken
again before the others: switching costs contacts and nerves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gridloop.errors import OutOfRange, listed
from gridloop.units import BoolArray, FloatArray, IntArray

ENOUGH_MW = 1e-9
OFF = "shed_turn"
"""The reason of a set-point that a turn gave; its sentence is in `gridloop.optimize.explain`."""


@dataclass(frozen=True)
class Circuit:
    """What can be switched off as a whole.

    rank   class: 0 is kept longest; the highest rank goes first
    """

    id: str
    rank: int = 0


@dataclass(frozen=True)
class Turn:
    """Who is off in an interval [circuit], and what that gives [MW]; missing_mw: by what all together is too little."""

    off: BoolArray
    shed_mw: float
    missing_mw: float


class Rota:
    """Turns of an event. `hours_off` and `since` are its memory; give them back to go on with an older one."""

    def __init__(
        self,
        circuits: Sequence[Circuit],
        *,
        least_h: float = 0.0,
        hours_off: Mapping[str, float] | None = None,
        since: Mapping[str, float] | None = None,
    ) -> None:
        """Raises `OutOfRange` for ids that stand twice, a rank below zero, or a negative time."""
        ids = [c.id for c in circuits]
        twice = sorted({i for i in ids if ids.count(i) > 1})
        if twice:
            raise OutOfRange(f"Every circuit needs its own id; used twice: {listed(twice)}.", ids=twice)
        below = [c.id for c in circuits if c.rank < 0]
        if below or not least_h >= 0:
            raise OutOfRange(
                f"Ranks below zero: {listed(below) or 'none'}; least_h is {least_h}; both are 0 and above."
            )
        self.circuits, self.least_h = tuple(circuits), least_h
        self.rank = np.array([c.rank for c in circuits], dtype=np.int64)
        self.hours_off = np.array([(hours_off or {}).get(i, 0.0) for i in ids])
        self.since = np.array([(since or {}).get(i, 0.0) for i in ids])  # hours that it is off now; 0: it is on

    def memory(self) -> dict[str, dict[str, float]]:
        """What `Rota` needs to go on."""
        ids = [c.id for c in self.circuits]
        return {
            "hours_off": dict(zip(ids, self.hours_off.tolist(), strict=True)),
            "since": dict(zip(ids, self.since.tolist(), strict=True)),
        }

    def turn(self, need_mw: float, load_mw: FloatArray, hours: float) -> Turn:
        """Switch off at least so much, in whole circuits, for an interval.

        load_mw  [circuit]  what each would take

        A class is touched only where the classes before it are off as a whole. Nobody is off without need: at the end
        whoever can come back without falling short of the need does, the most patient first.
        """
        load = np.clip(np.asarray(load_mw, dtype=float), 0.0, None)
        off = np.zeros(load.size, dtype=bool)
        left = need_mw
        for rank in sorted(set(self.rank.tolist()), reverse=True):
            mine = np.flatnonzero(self.rank == rank)
            if left <= ENOUGH_MW:
                break
            whole = float(load[mine].sum())
            if left >= whole - ENOUGH_MW:
                off[mine] = True
                left -= whole
                continue
            for k in self._order(mine):
                if left <= ENOUGH_MW:
                    break
                if load[k] > ENOUGH_MW:
                    off[k] = True
                    left -= float(load[k])
            # Whoever can be served after all, the one longest off first; the last one in brought more than was needed.
            for k in sorted(mine[off[mine]].tolist(), key=lambda i: (-self.hours_off[i], i)):
                if load[k] <= -left + ENOUGH_MW and not 0 < self.since[k] < self.least_h:
                    off[k] = False
                    left += float(load[k])
        self.hours_off = self.hours_off + hours * off
        self.since = np.where(off, self.since + hours, 0.0)
        return Turn(off, float(load[off].sum()), max(0.0, left))

    def _order(self, mine: IntArray) -> list[int]:
        """Those whose turn is not over, then those who have been off for the shortest time."""
        return sorted(
            mine.tolist(),
            key=lambda k: (not 0 < self.since[k] < self.least_h, round(float(self.hours_off[k]), 9), k),
        )
