"""Blocks: work on many rows by several threads, cut the same way for any number of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")

# Rows per block: sums over blocks are the same bit for bit whoever makes them, and some milliseconds of work each.
BLOCK = 131_072


def in_blocks(rows: int, work: Callable[[int, int], Result], threads: int | None = None) -> Iterator[Result]:
    """What `work(begin, end)` returns for every block, in order. Kernels let go of the interpreter's lock.

    No more answers wait to be taken than there are threads: each may be a large table.
    """
    cuts = [(begin, min(begin + BLOCK, rows)) for begin in range(0, rows, BLOCK)]
    several = min(threads or processors(), len(cuts))
    if several < 2:
        yield from (work(*cut) for cut in cuts)
        return
    with ThreadPoolExecutor(several) as pool:
        for begin in range(0, len(cuts), several):
            yield from pool.map(lambda cut: work(*cut), cuts[begin : begin + several])


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
