"""Memory that each thread keeps for its next block: getting it from the system takes as long as a small batch."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar, cast

import numpy as np

from gridloop.kernel.block import Room, Task, new_room
from gridloop.kernel.elimination import SingleArray
from gridloop.kernel.lanes import new_rows
from gridloop.units import FloatArray

_T = TypeVar("_T")
_KEPT = threading.local()


def voltage_room(n: int, blocks: int) -> tuple[FloatArray, FloatArray]:
    """Real and imaginary parts. [block, position, LANES]"""
    return _kept("voltages", (n, blocks), lambda: (new_rows(blocks, n), new_rows(blocks, n)))


def shared_room(unknowns: int, n: int, changed: int) -> Room:
    """For steps with a matrix that lanes share; changed: positions whose row of the admittance matrix changes."""
    rows = 2 ** int(changed).bit_length()
    return _kept("shared", (unknowns, n, rows), lambda: new_room(unknowns, n, rows))


def own_room(n_unknown: int, n: int, blocks: int, changed: int) -> tuple[Room, SingleArray]:
    """For steps with matrices of their own, and the blocks of the Jacobian."""
    rows = 2 ** int(changed).bit_length()

    def make() -> tuple[Room, SingleArray]:
        return new_room(2 * n_unknown, n, rows), new_rows(4 * blocks, dtype=np.float32)

    return _kept("own", (n_unknown, n, blocks, rows), make)


def feeder_room(rows: int) -> SingleArray:
    """For iterations of a feeder. [3, row, LANES]"""

    def make() -> SingleArray:
        room: SingleArray = new_rows(3, rows, dtype=np.float32)
        return room

    return _kept("feeder", (rows,), make)


def most_changed(task: Task) -> int:
    """Positions with changes, of the block that has most."""
    return int((task.changes.head >= 0).sum(axis=1).max(initial=0))


def _kept(name: str, key: tuple[int, ...], make: Callable[[], _T]) -> _T:
    found = getattr(_KEPT, name, None)
    if found is None or found[0] != key:
        found = key, make()
        setattr(_KEPT, name, found)
    return cast(_T, found[1])
