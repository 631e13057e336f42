"""Flow: the cheapest charge of all pieces under a limit, what did not find room, and what room would be worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridloop.kernel import charging_flow
from gridloop.optimize.charging_fleet.pieces import UNITS, Pieces, windows_in_order
from gridloop.units import BoolArray, FloatArray, IntArray

# Share of all energy that may lie above limits and still counts as fitting: rounding of limits and of a common share.
CRUMB = 1e-9


@dataclass(frozen=True)
class Settled:
    """Pieces that have found their intervals.

    taken   [cell]  by piece and interval of its window, in units
    load    [step]  their sum; above the limit where there was no room anywhere
    limit   [step]  in units
    order   [step]  intervals, the cheapest first
    """

    pieces: Pieces
    taken: IntArray
    load: IntArray
    limit: IntArray
    order: IntArray
    covers: tuple[IntArray, IntArray]

    @property
    def beyond_mwh(self) -> float:
        """Energy that found no room."""
        return float(np.clip(self.load - self.limit, 0, None).sum()) * self.pieces.unit

    @property
    def fits(self) -> bool:
        """Whether all energy found room, up to rounding."""
        return self.beyond_mwh <= CRUMB * UNITS * self.pieces.unit

    def worth(self, price: FloatArray, lost: float) -> FloatArray:
        """Worth of energy at every interval, the limit's price included; `lost` where some found no room. [step]"""
        p = self.pieces
        out = np.zeros(len(price))
        arrays = (p.first, p.length, p.weight, p.offset)
        limit = np.maximum(self.limit, self.load) if self.fits else self.limit  # a crumb beyond is none
        charging_flow.worth(self.order, price, arrays, self.covers, self.load, limit, self.taken, lost, out)
        return out

    def pocket(self) -> BoolArray:
        """Intervals that energy without room could go to, all full: with those, less room than must go there. [step]"""
        return np.asarray(np.isinf(self.worth(np.zeros(len(self.load)), np.inf)))


def settle(pieces: Pieces, price: FloatArray, limit_mwh: FloatArray | None) -> Settled:
    """Cheapest charge at prices [step] under limits [MWh per interval, step]; None for no limit.

    Intervals of equal price are filled early first.
    """
    steps = len(price)
    order = np.argsort(price, kind="stable").astype(np.int64)
    taken, load = np.zeros(int(pieces.offset[-1]), dtype=np.int64), np.zeros(steps, dtype=np.int64)
    window = (pieces.first, pieces.length, pieces.slots)
    ordered = windows_in_order(order, pieces.depth)
    charging_flow.take_cheapest(*window, pieces.weight, pieces.offset, ordered, taken, load)
    most = 2.0 * UNITS  # more than all energy
    units = np.full(steps, most) if limit_mwh is None else np.minimum(limit_mwh / pieces.unit, most)
    limit = np.rint(units).astype(np.int64)
    begin = np.zeros(steps + 1, dtype=np.int64)
    if (load <= limit).all():
        return Settled(pieces, taken, load, limit, order, (begin, np.zeros(0, dtype=np.int64)))
    charging_flow.count_covers(*window, begin)
    cover = np.empty(int(begin[-1]), dtype=np.int64)
    charging_flow.list_covers(*window, begin, cover)
    arrays = (pieces.first, pieces.length, pieces.weight, pieces.offset)
    charging_flow.relieve(order, arrays, (begin, cover), limit, taken, load)
    return Settled(pieces, taken, load, limit, order, (begin, cover))
