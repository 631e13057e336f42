"""A job: all that a worker needs to draw, solve and reduce any chunk of a study, in this process or in another."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from importlib.metadata import version

from gridloop.errors import BadInput
from gridloop.powerflow.study.reducers import Reducer, State
from gridloop.powerflow.study.samplers import Draws
from gridloop.powerflow.study.solver import QUANTITIES, Chunk, Solver

States = dict[str, State]
"""Name of a reducer → its state."""


@dataclass(frozen=True)
class Done:
    """What a group of chunks gave, and the seconds that it took."""

    states: States
    seconds: float


@dataclass(frozen=True)
class Job:
    """Scenarios 0 … n − 1 in chunks of `chunk`, the last one shorter. The grid of chunks never depends on who works."""

    solver: Solver
    draws: Draws
    reducers: Mapping[str, Reducer]
    n: int
    chunk: int

    @property
    def chunks(self) -> int:
        """How many chunks there are."""
        return -(-self.n // self.chunk)

    @cached_property
    def needs(self) -> frozenset[str]:
        """What all reducers need beyond the voltages. Raises `BadInput` for what no solver gives."""
        needs = frozenset().union(*(reducer.needs for reducer in self.reducers.values()))
        unknown = sorted(needs - set(QUANTITIES))
        if unknown:
            raise BadInput(f"Reducers need {', '.join(unknown)}; chunks can bring {', '.join(QUANTITIES)}.")
        return needs

    def start(self) -> States:
        """States that have seen nothing."""
        return {name: reducer.start(self.solver.grid) for name, reducer in self.reducers.items()}

    def run(self, begin: int, end: int) -> Done:
        """States that have seen the chunks begin … end − 1."""
        began = time.perf_counter()
        states = self.start()
        for number in range(begin, end):
            first = number * self.chunk
            chunk = self.solve(first, min(self.chunk, self.n - first))
            for name, reducer in self.reducers.items():
                reducer.update(states[name], chunk, first)
        return Done(states, time.perf_counter() - began)

    def solve(self, first: int, count: int) -> Chunk:
        """Draw and solve scenarios in a row. Raises `BadInput` where a sampler or a solver returns another number."""
        values = self.draws.draw(first, count)
        wrong = [key for key, value in values.items() if value.ndim != 2 or value.shape[1] != count]
        if wrong or not values:
            raise BadInput(
                f"The sampler was asked for {count} scenarios and gave others for {', '.join(wrong) or 'no key'}: "
                "every key needs values [element, scenario]."
            )
        chunk = self.solver.solve(values, self.needs)
        if chunk.status.shape != (count,) or chunk.v_pu.shape != (len(self.solver.grid.nodes), count):
            raise BadInput(
                f"The solver was given {count} scenarios of {len(self.solver.grid.nodes)} nodes and returned voltages "
                f"of the shape {chunk.v_pu.shape} and {chunk.status.size} states."
            )
        return chunk

    def merge(self, a: States, b: States) -> States:
        """What has seen both."""
        return {name: reducer.merge(a[name], b[name]) for name, reducer in self.reducers.items()}


@dataclass(frozen=True)
class Parcel:
    """A job as it travels to other processes: packed once, unpacked once by every process."""

    packed: bytes
    digest: str
    version: str

    @classmethod
    def of(cls, job: Job) -> Parcel:
        """Raises `BadInput` where a part of the job cannot be pickled."""
        try:
            packed = pickle.dumps(job, protocol=pickle.HIGHEST_PROTOCOL)
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            raise BadInput(
                f"The study cannot be sent to another process: {error}. Define samplers and reducers in a module, "
                "without lambdas and open files."
            ) from error
        return cls(packed, sha256(packed).hexdigest(), version("gridloop"))


_KEPT: dict[str, Job] = {}
_KEPT_AT_MOST = 4
_LOCK = threading.Lock()


def run_parcel(parcel: Parcel, begin: int, end: int) -> Done:
    """`Job.run` in the process of a worker, which keeps the jobs that it saw last.

    Raises `BadInput` where the worker has another version of gridloop: its last bits might be others.
    """
    here = version("gridloop")
    if here != parcel.version:
        raise BadInput(f"A worker has gridloop {here}, the study was started with {parcel.version}: install the same.")
    with _LOCK:
        job = _KEPT.get(parcel.digest)
        if job is None:
            job = pickle.loads(parcel.packed)
            while len(_KEPT) >= _KEPT_AT_MOST:
                _KEPT.pop(next(iter(_KEPT)))
            _KEPT[parcel.digest] = job
    return job.run(begin, end)
