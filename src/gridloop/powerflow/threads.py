"""Sharing ranges of work out to threads that are kept: starting one takes as long as a small batch."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterable
from functools import cache
from queue import SimpleQueue


def in_threads(ranges: Iterable[tuple[int, int]], work: Callable[[int, int], None], threads: int | None) -> None:
    """Do the work of every range, in this thread and in helpers beside it; `threads` in all, all cores where None.

    Raises what the work raises, once no thread is at it any more.
    """
    count, todo, turn = threads or os.cpu_count() or 1, list(ranges), itertools.count()

    def take() -> None:
        while (k := next(turn)) < len(todo):  # drawing a number is one step: no two threads get the same
            work(*todo[k])

    helpers = min(count, len(todo)) - 1
    if helpers < 1:
        take()
        return
    calls = _helpers(os.getpid(), count)
    call = _Call(take)
    for _ in range(helpers):
        calls.put(call)
    try:
        take()
    finally:
        error = call.end()
    if error is not None:
        raise error


class _Call:
    """Work that helpers may join until it ends; one that comes later finds nothing left to do."""

    def __init__(self, take: Callable[[], None]) -> None:
        self._take, self._lock, self._ended = take, threading.Lock(), False
        self._joined = 0
        self._left: SimpleQueue[BaseException | None] = SimpleQueue()

    def join(self) -> None:
        """Take part, where that is still possible."""
        with self._lock:
            if self._ended:
                return
            self._joined += 1
        error: BaseException | None = None
        try:
            self._take()
        except BaseException as raised:  # handed to the thread that asked
            error = raised
        self._left.put(error)

    def end(self) -> BaseException | None:
        """Let nobody join any more, and wait for those who did; an error of one of them."""
        with self._lock:
            self._ended = True
        errors = [self._left.get() for _ in range(self._joined)]
        return next((error for error in errors if error is not None), None)


@cache
def _helpers(process: int, count: int) -> SimpleQueue[_Call]:
    """Calls to threads that wait for them. A forked process starts its own."""
    calls: SimpleQueue[_Call] = SimpleQueue()

    def wait() -> None:
        while True:
            calls.get().join()

    for k in range(count - 1):
        threading.Thread(target=wait, name=f"gridloop-{k + 1}", daemon=True).start()
    return calls
