"""Studies that a pencil can check: a solver with a formula, what every sampler and reducer must keep, and ones that
do not."""

from __future__ import annotations

import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd

from gridloop.powerflow.study.reducers import Quantiles, Range, Violations, WorstK
from gridloop.powerflow.study.samplers import Independent, Normal
from gridloop.powerflow.study.simulate import simulate
from gridloop.powerflow.study.solver import Chunk, Grid
from gridloop.powerflow.study.study import Study

STATUS = {0: "converged", 1: "no solution"}


@dataclass(frozen=True)
class TwoBus:
    """source 1.0 pu ──[ r = 0.1 pu ]── all loads; P in MW on 100 MVA, the reactive power does not matter.

    v (1 − v) = r p has v = (1 + √(1 − 4 r p)) / 2, and no solution above p = 2.5 pu. Exact, and the same wherever in
    a chunk a scenario stands.
    """

    loads: int = 3
    nominal_mw: float = 20.0

    @property
    def digest(self) -> str:
        return f"two bus {self.loads} {self.nominal_mw}"

    @cached_property
    def grid(self) -> Grid:
        nodes, branches = pd.Index(["a", "b"], name="node"), pd.Index(["a-b"], name="branch")
        return Grid(nodes, branches, np.full(2, 0.95), np.full(2, 1.05), STATUS)

    def elements(self, key: str) -> pd.Index:
        return pd.Index([f"load {k}" for k in range(self.loads)], name="id")

    def nominal(self, key: str):
        return np.full(self.loads, self.nominal_mw if key == "load.p_mw" else 0.0)

    def solve(self, values, needs=frozenset()) -> Chunk:
        p = np.zeros(next(iter(values.values())).shape[1])
        for key in ("load.p_mw", "device.p_mw"):
            # Row by row: the order of a sum must not depend on how many scenarios stand beside it.
            for row in values.get(key, ()):
                p += row / 100.0
        under = 1.0 - 0.4 * p
        v = (1.0 + np.sqrt(np.maximum(under, 0.0))) / 2.0
        v = np.where(under < 0.0, np.nan, v)
        current = (1.0 - v) / 0.1
        return Chunk(
            v_pu=np.stack([np.ones(p.size), v]),
            status=(under < 0.0).astype(np.int8),
            iterations=np.full(p.size, 3),
            loading_pct=current[None, :] * 100.0 if "loading_pct" in needs else None,
            losses_mw=0.1 * current**2 * 100.0 if "losses_mw" in needs else None,
        )


@dataclass(frozen=True)
class Deadly(TwoBus):
    """Ends its process at the last, shorter chunk, unless a file says that somebody died already."""

    flag: str = ""

    def solve(self, values, needs=frozenset()) -> Chunk:
        if values["load.p_mw"].shape[1] != 128 and not Path(self.flag).exists():
            Path(self.flag).touch()
            os._exit(9)
        return super().solve(values, needs)


@dataclass(frozen=True)
class Slow(TwoBus):
    """Takes its time for every chunk."""

    pause_s: float = 0.01

    def solve(self, values, needs=frozenset()) -> Chunk:
        time.sleep(self.pause_s)
        return super().solve(values, needs)


def assert_same(a, b) -> None:
    """Two states are equal to the last bit, NaN included."""
    assert a.keys() == b.keys()
    for name in a:
        assert a[name].dtype == b[name].dtype and a[name].tobytes() == b[name].tobytes(), name


def assert_same_results(a, b) -> None:
    """Two studies hand out the same, to the last bit."""
    assert a.results.keys() == b.results.keys()
    for name, result in a.results.items():
        if isinstance(result, pd.DataFrame):
            pd.testing.assert_frame_equal(result, b.results[name], check_exact=True)
        else:
            assert result.identical(b.results[name]), name


def check_draws(draws, last: int) -> None:
    """Any block of a sampler holds what its scenarios are alone, bit for bit; `last` is a scenario to go up to."""
    whole = draws.draw(0, min(last, 300))
    for first, count in ((0, 1), (1, 1), (63, 2), (17, 130), (255, 45)):
        part = draws.draw(first, count)
        assert part.keys() == whole.keys()
        for key in whole:
            assert part[key].shape == (whole[key].shape[0], count)
            assert part[key].tobytes() == whole[key][:, first : first + count].tobytes(), (key, first, count)
            assert np.isfinite(part[key]).all()
    far = draws.draw(last - 70, 70)
    for key in far:
        assert far[key][:, 69:].tobytes() == draws.draw(last - 1, 1)[key].tobytes(), key


def check_reducer(reducer, grid: Grid, chunks: list[tuple[int, Chunk]]) -> None:
    """Merging is exact, whatever the order and the grouping; updating changes nothing but the state."""

    def seen(some):
        state = reducer.start(grid)
        for first, chunk in some:
            reducer.update(state, chunk, first)
        return state

    whole = seen(chunks)
    empty = reducer.start(grid)
    for cut in range(len(chunks) + 1):
        a, b = seen(chunks[:cut]), seen(chunks[cut:])
        before = {name: value.copy() for name, value in a.items()}
        assert_same(reducer.merge(a, b), whole)
        assert_same(reducer.merge(b, a), whole)
        assert_same(a, before)
        assert_same(reducer.merge(a, empty), a)
    assert_same(seen(chunks[::-1]), whole)
    parts = [seen([chunk]) for chunk in chunks]
    left, right = parts[0], parts[-1]
    for part in parts[1:]:
        left = reducer.merge(left, part)
    for part in parts[-2::-1]:
        right = reducer.merge(part, right)
    assert_same(left, whole)
    assert_same(right, whole)
    for seed in range(10):
        shuffled = [parts[k] for k in np.random.default_rng(seed).permutation(len(parts))]
        while len(shuffled) > 1:
            shuffled = [reducer.merge(*shuffled[:2]), *shuffled[2:]] if seed % 2 else [
                *shuffled[2:], reducer.merge(*shuffled[:2])
            ]  # fmt: skip
        assert_same(shuffled[0], whole)
    reducer.result(empty, grid)
    reducer.result(whole, grid)


@dataclass(frozen=True)
class FloatMean:
    """Planted bug: sums of floats, so that the result depends on the order of merging."""

    name: str = "float_mean"
    needs: frozenset[str] = frozenset()

    def start(self, grid):
        return {"sum": np.zeros(len(grid.nodes)), "count": np.zeros(1, np.int64)}

    def update(self, state, chunk, first):
        state["sum"] = state["sum"] + chunk.converged("v_pu").sum(axis=1)
        state["count"] = state["count"] + chunk.lanes.size

    def merge(self, a, b):
        return {name: a[name] + b[name] for name in a}

    def result(self, state, grid):
        return pd.DataFrame({"mean": state["sum"] / max(int(state["count"][0]), 1)}, index=grid.nodes)


@dataclass(frozen=True)
class SeededByBlock:
    """Planted bug: a generator started anew for every block, so that a scenario depends on the block that it is in."""

    loads: int = 3
    size: int | None = None

    def bind(self, solver, seed):
        return self

    def draw(self, first, count):
        return {"load.p_mw": 20.0 * np.random.default_rng(first).random((self.loads, count))}


SOLVER = TwoBus(3, nominal_mw=50.0)
SAMPLER = Independent({"load.p_mw": Normal(0.5)})
REDUCE = [Range(), Range("losses_mw"), Quantiles(), Violations(loading_pct=100), WorstK(7)]
N = 5_000


def study(threads=1, executor=None, **changes) -> Study:
    """The study of all tests: 5,000 scenarios of which some have no solution, in chunks of 128."""
    options = {"net": SOLVER, "sampler": SAMPLER, "n": N, "reduce": REDUCE, "seed": 11, "chunk": 128} | changes
    return simulate(**options, executor=executor, threads=threads)


def processes(workers: int) -> ProcessPoolExecutor:
    """Processes started afresh: a fork beside running threads is refused by newer versions of Python."""
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
