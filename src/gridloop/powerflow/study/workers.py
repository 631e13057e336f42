"""Workers: groups of chunks handed to any executor, few at a time, and their results taken back in order.

The order makes a checkpoint simple (the first so many chunks are done), and the few bound the memory: no more results
wait than are in flight. Groups grow until one takes half a second, so that sending them costs nothing and nobody waits
long for news or for the last one. What comes out does not depend on any of it, as states merge exactly.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Future

from gridloop.errors import GridloopError
from gridloop.powerflow.study.job import Done, States

_GROUP_AT_MOST = 64
_GROUP_S = 0.5

Group = tuple[int, int]
Submit = Callable[[int, int], "Future[Done]"]


def in_order(begin: int, chunks: int, submit: Submit, in_flight: int, retries: int) -> Iterator[tuple[int, States]]:
    """What the chunks begin … chunks − 1 gave, group by group in their order: (chunks done, states).

    A group whose worker was lost is submitted again, up to `retries` times. Raises `GridloopError` where the executor
    is broken or a group was lost more often. Whatever a worker raises itself is raised here, as it is.
    """
    waiting: deque[tuple[Group, Future[Done]]] = deque()
    sent, lost, size, fastest = begin, 0, 1, float("inf")
    group: Group = (begin, begin)
    try:
        while waiting or sent < chunks:
            while sent < chunks and len(waiting) < in_flight:
                # Towards the end groups shrink again: everybody should finish at about the same time.
                end = sent + max(1, min(size, (chunks - sent) // (2 * in_flight)))
                waiting.append(((sent, end), submit(sent, end)))
                sent = end
            group, future = waiting[0]
            try:
                done = future.result()
            except BaseException as error:
                if not _is_loss(error) or lost >= retries:
                    raise
                lost += 1
                waiting[0] = (group, submit(*group))
                continue
            waiting.popleft()
            lost = 0
            # The fastest chunk counts: the first ones of a process wait for compilers.
            fastest = min(fastest, done.seconds / (group[1] - group[0]))
            size = int(min(max(_GROUP_S / max(fastest, 1e-9), 1), _GROUP_AT_MOST))
            yield group[1], done.states
    except BrokenExecutor as error:
        raise GridloopError(
            f"A worker process died and took the executor with it ({error}), often for lack of memory.", broken=True
        ) from error
    except GridloopError:
        raise
    except Exception as error:
        if not _is_loss(error):
            raise
        raise GridloopError(
            f"Chunks {group[0]} … {group[1] - 1} were lost with their workers {retries + 1} times in a row "
            f"({type(error).__name__}: {error}).",
            broken=True,
        ) from error
    finally:
        for _, future in waiting:
            future.cancel()


def _is_loss(error: BaseException) -> bool:
    """Whether a worker went away, as opposed to its work raising something: then another worker may do it."""
    if isinstance(error, BrokenExecutor):
        return False
    of_cluster = type(error).__module__.partition(".")[0] == "distributed"
    return of_cluster or isinstance(error, (CancelledError, ConnectionError))
