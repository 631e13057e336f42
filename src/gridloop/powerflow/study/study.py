"""What a study hands out: results by name, how it went, and any of its scenarios again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from gridloop.errors import BadInput, OutOfRange
from gridloop.powerflow.study.job import Job
from gridloop.powerflow.study.reducers.base import Result


@dataclass(frozen=True)
class Progress:
    """How far a study is. Scenarios done and in all; seconds and rate of this call; seconds left at that rate."""

    done: int
    total: int
    failed: int
    seconds: float
    rate_per_s: float
    left_s: float


@dataclass(frozen=True)
class Scenario:
    """One scenario again: what was drawn, by key and element, and what came of it.

    loading_pct, losses_mw   None where no reducer of the study needed them
    """

    index: int
    values: Mapping[str, pd.Series]
    status: str
    iterations: int
    v_pu: pd.Series
    loading_pct: pd.Series | None
    losses_mw: float | None


@dataclass(frozen=True)
class Study:
    """Results of a Monte-Carlo study.

    results     name of a reducer → its labelled result; `converged` is always there
    n, failed   scenarios, and how many of them did not converge
    resumed     scenarios that a checkpoint brought
    seconds, rate_per_s   wall time of this call, and scenarios per second in it; never part of a result
    """

    results: Mapping[str, Result]
    n: int
    failed: int
    resumed: int
    seconds: float
    job: Job

    @property
    def rate_per_s(self) -> float:
        """Scenarios per second of this call, without those that a checkpoint brought."""
        return (self.n - self.resumed) / self.seconds if self.seconds > 0 else 0.0

    def __getitem__(self, name: str) -> Result:
        if name not in self.results:
            raise BadInput(f"There is no result {name!r}; this study has {', '.join(self.results)}.", name=name)
        return self.results[name]

    def __repr__(self) -> str:
        return f"<Study of {self.n:,} scenarios, {self.failed:,} failed: {', '.join(self.results)}>"

    def rebuild(self, index: int) -> Scenario:
        """Draw scenario `index` again, bit for bit, and solve it alone. Raises `OutOfRange`.

        Its voltages are those of the study up to the tolerance of the solver, which may start elsewhere in a chunk.
        """
        if not 0 <= index < self.n:
            raise OutOfRange(f"There is no scenario {index}; this study has 0 … {self.n - 1}.", index=index)
        job, grid = self.job, self.job.solver.grid
        chunk = job.solve(index, 1)
        drawn = job.draws.draw(index, 1)
        code = int(chunk.status[0])
        loading, losses = chunk.loading_pct, chunk.losses_mw
        return Scenario(
            index=index,
            values={key: pd.Series(v[:, 0], job.solver.elements(key), name=key) for key, v in drawn.items()},
            status=grid.status.get(code, f"status {code}"),
            iterations=int(chunk.iterations[0]),
            v_pu=pd.Series(chunk.v_pu[:, 0], grid.nodes, name="v_pu"),
            loading_pct=None if loading is None else pd.Series(loading[:, 0], grid.branches, name="loading_pct"),
            losses_mw=None if losses is None else float(losses[0]),
        )
