"""Pieces: a fleet as a sum of few whole demands, see `gridloop.kernel.charging`, and every car's charge from theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gridloop.errors import OutOfRange
from gridloop.kernel import charging
from gridloop.optimize.charging_fleet.blocks import BLOCK, in_blocks, processors
from gridloop.optimize.charging_fleet.cars import Cars
from gridloop.units import FloatArray, IntArray

# All energy of a fleet is so many units: whole numbers that leave room for sums, and finer than rounding of the input.
UNITS = 2.0**60
# Entries that the table of all possible pieces may have: half a gibibyte, and every thread holds one.
MOST_CELLS = 2**26
# Bytes that a plan may take in all, by `_bytes`.
MOST_BYTES = 3 * 2**30


@dataclass(frozen=True)
class Pieces:
    """What the cars want, all together. [piece]

    first, length, slots  window and how many of its intervals are wanted
    weight  in `unit`s of MWh, the most per interval
    offset  where its values begin in a row of all; [piece + 1]
    row     [cell]  number of a piece by (first, length, slots); −1 where there is none
    """

    first: IntArray
    length: IntArray
    slots: IntArray
    weight: IntArray
    offset: IntArray
    row: IntArray
    depth: int
    unit: float

    def __len__(self) -> int:
        return int(self.first.size)


def pieces_of(cars: Cars, energy_mwh: FloatArray, steps: int, threads: int | None = None) -> Pieces:
    """Pieces of cars that want these energies, which fit into their stays. energy_mwh [session]

    Raises `OutOfRange` where stays are too long for the table of all possible pieces.
    """
    depth = cars.depth
    cells = steps * depth * depth
    if cells > MOST_CELLS:
        raise OutOfRange(
            f"The longest stay touches {depth} of {steps} intervals; steps · stay² may be {MOST_CELLS:,} at most. "
            "Plan longer intervals or a shorter horizon, or cut stays that are longer than they need to be.",
            stay=depth,
            steps=steps,
        )
    kappa = cars.wanting(energy_mwh)

    def count(begin: int, end: int) -> FloatArray:
        table = np.zeros(cells)
        charging.count_pieces(*_arguments(cars, kappa, begin, end), depth, table)
        return table

    table = np.zeros(cells)
    for part in in_blocks(len(cars), count, threads):
        table += part
    found = np.flatnonzero(table)
    _refuse_large(cars, int((found // depth % depth + 1).sum()), found.size, cells, threads)
    row = np.full(cells, -1, dtype=np.int64)
    row[found] = np.arange(found.size)
    first, rest = np.divmod(found, depth * depth)
    length, slots = rest // depth + 1, rest % depth + 1
    unit = max(float(energy_mwh.sum()), 1e-30) / UNITS  # of nothing, something
    weight = np.maximum(np.rint(table[found] / unit), 1.0).astype(np.int64)
    offset = np.concatenate([[0], np.cumsum(length)]).astype(np.int64)
    return Pieces(first, length, slots, weight, offset, row, depth, unit)


def _refuse_large(cars: Cars, in_windows: int, pieces: int, cells: int, threads: int | None) -> None:
    """Refuse what would take more memory than `MOST_BYTES`, with what it comes to.

    in_windows  intervals of the windows of all pieces together

    Eight bytes each: the cars' charge and their table, what the pieces take and who covers an interval (or their
    share), the tables of all possible pieces, and the intervals of windows in order, which two parts hold at a time.
    """
    tables = 3 + min(threads or processors(), max(1, -(-len(cars) // BLOCK)))
    charge = int(cars.place[-1])
    most = 8 * (charge + 20 * len(cars) + 3 * in_windows + 6 * pieces + tables * cells)
    if most > MOST_BYTES:
        raise OutOfRange(
            f"{len(cars):,} sessions that touch {charge:,} intervals in all would take about {most / 2**30:.1f} GiB; "
            f"{MOST_BYTES / 2**30:.0f} are allowed. Plan intervals twice as long (a quarter of the pieces or less), a "
            "shorter horizon, or fewer cars at a time, each with its share of the limit.",
            bytes=most,
            allowed=MOST_BYTES,
        )


def charge_of_cars(
    cars: Cars, energy_mwh: FloatArray, pieces: Pieces, taken: IntArray, scale: float, steps: int, threads: int | None
) -> tuple[FloatArray, FloatArray]:
    """Charge of every car by interval of its stay, [cell] as `cars.place` says, and their sum, [step].

    taken  [cell]  of the pieces; scale  from MWh to the unit that is wanted
    """
    share = taken / np.repeat(pieces.weight, pieces.length)
    kappa = cars.wanting(energy_mwh)
    out = np.zeros(int(cars.place[-1]))

    def give(begin: int, end: int) -> FloatArray:
        total = np.zeros(steps)
        place = cars.place[begin : end + 1]
        charging.share_out(
            *_arguments(cars, kappa, begin, end), pieces.depth,
            pieces.row, pieces.offset, share, place, scale, out, total,
        )  # fmt: skip
        return total

    total = np.zeros(steps)
    for part in in_blocks(len(cars), give, threads):
        total += part
    return out, total


def windows_in_order(order: IntArray, depth: int) -> IntArray:
    """Intervals of every window, [first, length − 1, place], in the given order of all intervals."""
    ordered = np.zeros((order.size, depth, depth), dtype=np.int64)
    charging.order_windows(order, depth, ordered)
    return ordered


def cheapest_cost(
    cars: Cars, energy_mwh: FloatArray, price: FloatArray, order: IntArray, threads: int | None = None
) -> float:
    """Least cost of all cars at prices [money per MWh, step] without a limit, each for itself; `order` sorts them."""
    kappa = cars.wanting(energy_mwh)
    ordered = windows_in_order(order, cars.depth)

    def cost(begin: int, end: int) -> float:
        return float(charging.cheapest_cost(*_arguments(cars, kappa, begin, end), price, ordered))

    return float(sum(in_blocks(len(cars), cost, threads)))


def _arguments(cars: Cars, kappa: FloatArray, begin: int, end: int) -> tuple[Any, ...]:
    """The vehicles' arrays, as the kernels take them."""
    arrays = (cars.first, cars.length, cars.alpha, cars.beta, cars.step_mwh, kappa)
    return tuple(array[begin:end] for array in arrays)
