"""Blocks of cases on their way through the kernels: laid out, solved, looked at, forgotten.

Threads take a few blocks at a time into room of their own, small enough to stay in the cache; nothing but the results
is kept.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridloop.kernel.block import Answer, Task
from gridloop.kernel.lanes import LANES
from gridloop.kernel.newton import solve_with_own_matrix
from gridloop.kernel.outage import solve_corrected_outages
from gridloop.kernel.worst import Without, Worst, find_worst
from gridloop.powerflow.contingency.state import State
from gridloop.powerflow.contingency.tasks import Ready, own_task
from gridloop.powerflow.rooms import voltage_room
from gridloop.powerflow.threads import in_threads
from gridloop.units import ComplexArray, FloatArray, IntArray

# Steps with the corrected matrix. A case that needs more is better off with its own.
_CORRECTED_STEPS = 24
# Steps with its own matrix after which a case's mismatch has to shrink in every one. Newton converges in four to six.
_PATIENCE = 6
# Blocks times positions that every thread should have at least, half a millisecond: waking one takes a fifth of it.
_WORTH_WAKING = 1000


@dataclass(frozen=True)
class Solved:
    """What cases came to, as named by its properties.

    status, iterations  [case]     see `gridloop.kernel.block.Answer`
    numbers             [6, case]  of which three are NaN where there is none
    counts              [6, case]  of which three are places, rows of the state's limits, −1 where there is none
    """

    status: NDArray[np.int8]
    iterations: NDArray[np.int32]
    numbers: FloatArray
    counts: IntArray

    @property
    def mismatch(self) -> FloatArray:
        return np.asarray(self.numbers[0])

    @property
    def balance(self) -> FloatArray:
        return np.asarray(self.numbers[1])

    @property
    def worst(self) -> Worst:
        """See there. [case]"""
        return Worst(*self.numbers[2:], *self.counts)

    @classmethod
    def room(cls, count: int) -> Solved:
        """Room for so many cases."""
        numbers, counts = np.zeros((6, count)), np.zeros((6, count), dtype=np.int64)
        numbers[[0, 2, 3, 4]], counts[:3] = np.nan, -1
        return cls(np.zeros(count, np.int8), np.zeros(count, np.int32), numbers, counts)

    def put(self, at: IntArray, other: Solved) -> None:
        """Take over those of another; iterations add up."""
        self.status[at] = other.status
        self.iterations[at] += other.iterations
        self.numbers[:, at], self.counts[:, at] = other.numbers, other.counts

    def some(self, rows: IntArray | slice) -> Solved:
        """Those at these places."""
        return Solved(self.status[rows], self.iterations[rows], self.numbers[:, rows], self.counts[:, rows])

    @staticmethod
    def joined(parts: list[Solved]) -> Solved:
        """Several, one after the other."""
        if len(parts) == 1:
            return parts[0]
        each = [(part.status, part.iterations, part.numbers, part.counts) for part in parts]
        return Solved(*(np.concatenate(column, axis=-1) for column in zip(*each, strict=True)))


@dataclass(frozen=True)
class Job:
    """Cases of one state that are solved the same way.

    own         voltages to start from with matrices of their own [position]; None: with the corrected matrix
    kept        [case, position]  voltages, written where there is room for them
    """

    state: State
    ready: Ready
    own: ComplexArray | None
    found: Solved
    worst: Worst
    kept: ComplexArray | None
    max_iterations: int

    def solve(self, numbers: IntArray) -> None:
        """Solve and reduce these blocks."""
        state, engine, found, blocks = self.state, self.state.engine, self.found, numbers.size
        vr, vi = voltage_room(engine.n, blocks)
        if self.ready.corrected is not None:
            task, correction = self.ready.corrected
            assert state.start.factors is not None and state.paths is not None
            answer = Answer(vr, vi, found.status, found.iterations, found.mismatch, found.balance)
            factors = state.start.factors
            room = engine.shared_room(factors, self.ready.changed)
            solve_corrected_outages(
                engine.grid, factors, state.paths, correction, task, answer, room, numbers, _CORRECTED_STEPS
            )
        else:
            mine = slice(int(numbers[0]) * LANES, (int(numbers[0]) + blocks) * LANES)
            each = (found.status[mine], found.iterations[mine], found.mismatch[mine], found.balance[mine])
            answer = Answer(vr, vi, *each)
            own = self._start(answer, numbers)
            room, jacobian = engine.own_room(own)
            last = self.max_iterations
            solve_with_own_matrix(engine.grid, engine.plan, own, answer, room, jacobian, (0, blocks), last, _PATIENCE)
        outages = self.ready.outages
        without = Without(found.status, outages.dark_start, outages.dark)
        find_worst(state.limits, self.ready.out, without, vr, vi, numbers, self.worst)
        if self.kept is not None:
            kept = self.kept.reshape(-1, LANES, engine.n)
            kept[numbers] = (vr + 1j * vi).transpose(0, 2, 1)

    def _start(self, answer: Answer, numbers: IntArray) -> Task:
        """Put the start with own matrices into the answer, and lay the blocks out for it."""
        state, engine = self.state, self.state.engine
        assert self.own is not None
        answer.vr[:], answer.vi[:] = self.own.real[:, None], self.own.imag[:, None]
        # It may stand at other magnitudes.
        size = (state.magnitude / np.abs(self.own[engine.held]))[:, None]
        answer.vr[:, engine.held] *= size
        answer.vi[:, engine.held] *= size
        return own_task(state, self.ready.outages, int(numbers[0]), numbers.size)


def in_parts(job: Job, blocks: int, size: int, threads: int | None) -> None:
    """Share the blocks of a job out to threads, at most `size` at a time.

    Blocks stand from easy to hard: every thread gets some of each.
    """
    worth = blocks * job.state.engine.n // _WORTH_WAKING
    workers = max(1, min(threads or os.cpu_count() or 1, blocks, worth))
    size = max(1, min(size, -(-blocks // workers)))
    count = -(-blocks // size) if blocks else 0
    if count not in job.ready.parts:
        job.ready.parts[count] = _contiguous(blocks, size) if job.own is not None else _dealt(blocks, count)
    todo = job.ready.parts[count]
    in_threads(((k, k + 1) for k in range(len(todo))), lambda k, _: job.solve(todo[k]), workers)


def _contiguous(blocks: int, size: int) -> list[IntArray]:
    return [np.arange(first, min(first + size, blocks)) for first in range(0, blocks, size)]


def _dealt(blocks: int, parts: int) -> list[IntArray]:
    """Blocks dealt out from the last to the first, there and back again."""
    place = np.arange(blocks)
    turn, at = place // parts, place % parts
    part = np.where(turn % 2 == 0, at, parts - 1 - at)
    return [blocks - 1 - np.flatnonzero(part == k) for k in range(parts)]
