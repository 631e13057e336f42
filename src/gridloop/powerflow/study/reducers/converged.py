"""Converged: how many scenarios ended in which status, and the first of those that failed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from gridloop.errors import OutOfRange
from gridloop.powerflow.study.reducers.base import State
from gridloop.powerflow.study.solver import CONVERGED, Chunk, Grid

# Status codes are int8: −128 … 127, counted at code + 128.
_OFFSET = 128


@dataclass(frozen=True)
class Converged:
    """Counts per status, iterations, and the indices of failures: those with the lowest indices, up to a limit."""

    limit: int = 1000

    @property
    def name(self) -> str:
        return "converged"

    @property
    def needs(self) -> frozenset[str]:
        return frozenset()

    @staticmethod
    def code(status: int) -> int:
        """Where in `count` of the state a status code is counted."""
        return status + _OFFSET

    def start(self, grid: Grid) -> State:
        if self.limit < 0:
            raise OutOfRange(f"No {self.limit} failures can be kept; the limit is 0 or more.")
        return {
            "count": np.zeros(256, np.int64),
            "iterations": np.zeros(1, np.int64),
            "most_iterations": np.zeros(1, np.int64),
            "index": np.empty(0, np.int64),
            "status": np.empty(0, np.int8),
        }

    def update(self, state: State, chunk: Chunk, first: int) -> None:
        state["count"] += np.bincount(chunk.status.astype(np.int64) + _OFFSET, minlength=256)
        iterations = chunk.iterations[chunk.lanes]
        state["iterations"][0] += int(iterations.sum())
        state["most_iterations"][0] = max(int(state["most_iterations"][0]), int(iterations.max(initial=0)))
        if chunk.lanes.size < chunk.status.size:
            lost = np.flatnonzero(chunk.status != CONVERGED)
            new: State = {"index": first + lost, "status": chunk.status[lost]}
            state.update(self._first(state, new))

    def _first(self, a: State, b: State) -> State:
        index = np.concatenate([a["index"], b["index"]])
        order = np.argsort(index)[: self.limit]
        return {"index": index[order], "status": np.concatenate([a["status"], b["status"]])[order]}

    def merge(self, a: State, b: State) -> State:
        return {
            "count": a["count"] + b["count"],
            "iterations": a["iterations"] + b["iterations"],
            "most_iterations": np.maximum(a["most_iterations"], b["most_iterations"]),
            **self._first(a, b),
        }

    def result(self, state: State, grid: Grid) -> xr.Dataset:
        """`count` by status, `failed_status` of the failures kept, `iterations_mean`, `iterations_max`."""
        seen = [code for code in range(-_OFFSET, _OFFSET) if state["count"][code + _OFFSET] or code in grid.status]
        done = int(state["count"][CONVERGED + _OFFSET])
        names = np.array([_name(grid, int(s)) for s in state["status"]], dtype=object)
        return xr.Dataset(
            {
                "count": (("status",), state["count"][np.array(seen, dtype=np.int64) + _OFFSET]),
                "failed_status": (("scenario",), names),
                "iterations_mean": int(state["iterations"][0]) / done if done else np.nan,
                "iterations_max": int(state["most_iterations"][0]),
            },
            coords={"status": [_name(grid, code) for code in seen], "scenario": state["index"]},
        )


def _name(grid: Grid, code: int) -> str:
    return grid.status.get(code, f"status {code}")
