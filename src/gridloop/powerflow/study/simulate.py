"""Monte-Carlo studies: draw scenarios, solve them and reduce them in the cache, on threads, processes or a cluster."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import cast

import numpy as np

from gridloop.errors import BadInput, GridloopError, OutOfRange
from gridloop.network.feeder.model import Feeder
from gridloop.network.model import Network
from gridloop.powerflow.study.checkpoint import Checkpoint
from gridloop.powerflow.study.identity import identity
from gridloop.powerflow.study.job import Done, Job, Parcel, States, run_parcel
from gridloop.powerflow.study.reducers import Converged, Reducer
from gridloop.powerflow.study.samplers import Draws, Sampler
from gridloop.powerflow.study.solver import Solver, solver_of
from gridloop.powerflow.study.study import Progress, Study
from gridloop.powerflow.study.workers import in_order

CHUNK = 1024
# Scenarios whose mean a solver is laid out around.
_SAMPLED = 256
_CHUNK_AT_MOST = 65_536
# Groups in flight at executors that do not say how many workers they have.
_IN_FLIGHT = 64


def simulate(
    net: Network | Feeder | Solver,
    sampler: Sampler,
    n: int | None = None,
    reduce: Sequence[Reducer] | Mapping[str, Reducer] = (),
    executor: Executor | None = None,
    *,
    seed: int = 0,
    chunk: int = CHUNK,
    threads: int | None = None,
    checkpoint: Path | str | None = None,
    checkpoint_every_s: float = 10.0,
    in_flight: int | None = None,
    retries: int = 3,
    progress: Callable[[Progress], None] | None = None,
) -> Study:
    """A Monte-Carlo study: n scenarios of a sampler, solved and reduced.

    n           how many scenarios; all that the sampler has where it is left out
    reduce      what to keep: reducers under their own names, or a mapping that names them
    executor    any `concurrent.futures.Executor`, such as a `ProcessPoolExecutor` or `client.get_executor()` of dask;
    None
                takes threads of this process, as many as `threads` or as there are processors
    seed        of all random numbers: the same seed gives the same study
    chunk       scenarios that are solved together; part of the study's identity, unlike everything about workers
    checkpoint  folder that keeps how far the study came; the same call goes on from there
    in_flight   groups of chunks handed out at a time; four per worker unless given
    retries     how often a group is handed out again after its worker was lost
    progress    called in this thread after every group

    The result is the same bit for bit for any executor, any number of threads or workers, and with or without cuts.

    Raises `BadInput` for what does not fit, a checkpoint of another study included, and `GridloopError` where workers
    were lost for good; with a checkpoint, nothing that was done before is lost with them.
    """
    began = time.perf_counter()
    job = _job(net, sampler, n, reduce, seed, chunk)
    kept = Checkpoint.open(checkpoint, identity(job, sampler, seed)) if checkpoint is not None else None
    before = kept.load() if kept is not None else None
    # One name for both, so that a cut never finds a number of chunks beside the states of another.
    so_far = before if before is not None else (0, job.start())
    resumed = min(so_far[0] * job.chunk, job.n)

    pool = executor if executor is not None else ThreadPoolExecutor(threads or _processors(), "study")
    try:
        submit, workers = _submit(job, pool)
        saved_at = time.perf_counter()
        at_a_time = in_flight or (4 * workers if workers else _IN_FLIGHT)
        for done, new in in_order(so_far[0], job.chunks, submit, at_a_time, retries):
            so_far = (done, job.merge(so_far[1], new))
            now = time.perf_counter()
            if kept is not None and (now - saved_at >= checkpoint_every_s or done == job.chunks):
                kept.save(*so_far)
                saved_at = now
            if progress is not None:
                progress(_progress(job, *so_far, resumed, now - began))
    except BaseException as error:
        if kept is not None:
            kept.save(*so_far)
        if isinstance(error, GridloopError) and error.facts.get("broken"):
            raise _with_advice(error, min(so_far[0] * job.chunk, job.n), job.n, checkpoint) from error
        raise
    finally:
        if executor is None:
            pool.shutdown(wait=True, cancel_futures=True)
    grid, states = job.solver.grid, so_far[1]
    return Study(
        results={name: reducer.result(states[name], grid) for name, reducer in job.reducers.items()},
        n=job.n,
        failed=_failed(job, job.n, states),
        resumed=resumed,
        seconds=time.perf_counter() - began,
        job=job,
    )


def _job(
    net: Network | Feeder | Solver,
    sampler: Sampler,
    n: int | None,
    reduce: Sequence[Reducer] | Mapping[str, Reducer],
    seed: int,
    chunk: int,
) -> Job:
    """The job of a study, checked before anything runs."""
    size = sampler.size
    count = size if n is None else n
    if count is None:
        raise BadInput(f"{type(sampler).__name__} has no end: say how many scenarios with n.")
    if count < 1 or (size is not None and count > size):
        raise OutOfRange(f"n is {count}; this sampler has 1 … {size if size is not None else 'any number'}.", n=count)
    if not 1 <= chunk <= _CHUNK_AT_MOST:
        raise OutOfRange(f"chunk is {chunk}; it must be 1 … {_CHUNK_AT_MOST}.", chunk=chunk)
    reducers = dict(reduce) if isinstance(reduce, Mapping) else {}
    if not isinstance(reduce, Mapping):
        for reducer in reduce:
            if reducer.name in reducers:
                raise BadInput(f"Two reducers are named {reducer.name!r}; name them: reduce={{'a': …, 'b': …}}.")
            reducers[reducer.name] = reducer
    if not isinstance(reducers.setdefault("converged", Converged()), Converged):
        raise BadInput("The name 'converged' is kept for the reducer Converged; take another.")
    solver = solver_of(net)
    draws = sampler.bind(solver, seed)
    job = Job(_centred(solver, draws, int(count)), draws, reducers, int(count), int(chunk))
    job.start()
    _ = job.needs
    return job


def _centred(solver: Solver, draws: Draws, n: int) -> Solver:
    """The solver laid out around the mean of scenarios spread over the study, where it has a way to.

    Which ones depends on n alone, so that the study comes out the same wherever and however often it runs.
    """
    around = getattr(solver, "around", None)
    if around is None:
        return solver
    some = [draws.draw(int(i), 1) for i in np.unique(np.linspace(0, n - 1, min(n, _SAMPLED)).astype(np.int64))]
    return cast(Solver, around({key: np.mean([v[key][:, 0] for v in some], axis=0, dtype=float) for key in some[0]}))


def _submit(job: Job, executor: Executor) -> tuple[Callable[[int, int], Future[Done]], int | None]:
    """How groups are handed out, and the number of workers where it is known."""
    workers = getattr(executor, "_max_workers", None)
    if isinstance(executor, ThreadPoolExecutor):
        return lambda begin, end: executor.submit(job.run, begin, end), workers
    parcel = Parcel.of(job)
    return lambda begin, end: executor.submit(run_parcel, parcel, begin, end), workers


def _processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _failed(job: Job, seen: int, states: States) -> int:
    """Scenarios that did not converge, of those that were seen."""
    counts = states["converged"]["count"]
    return seen - int(counts[Converged.code(0)])


def _progress(job: Job, done: int, states: States, resumed: int, seconds: float) -> Progress:
    seen = min(done * job.chunk, job.n)
    rate = (seen - resumed) / seconds if seconds > 0 else 0.0
    left = (job.n - seen) / rate if rate > 0 else float("inf")
    return Progress(seen, job.n, _failed(job, seen, states), seconds, rate, left)


def _with_advice(error: GridloopError, done: int, n: int, checkpoint: Path | str | None) -> GridloopError:
    """What is lost with the workers, and how to go on."""
    kept = (
        f"{done} of {n} scenarios are kept in {str(checkpoint)!r}: make a new executor and call simulate again with "
        "the same arguments to go on from there."
        if checkpoint is not None
        else f"{done} of {n} scenarios were done and are lost; with checkpoint=FOLDER a study goes on where it was."
    )
    return GridloopError(f"{error.args[0]} {kept}", **error.facts, done=done, n=n)
