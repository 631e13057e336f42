"""Quantiles of every row, from a histogram with fixed edges: the error is bounded by the width of a bin, and stated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from gridloop.errors import BadInput, OutOfRange
from gridloop.kernel.statistics import histogram
from gridloop.powerflow.study.reducers.base import State, needed
from gridloop.powerflow.study.solver import Chunk, Grid
from gridloop.units import FloatArray

# 0.001 pu and 0.5 %.
_EDGES = {"v_pu": (0.8, 1.2), "loading_pct": (0.0, 200.0)}


@dataclass(frozen=True)
class Quantiles:
    """Values that a share of the scenarios stays at or below, per node, branch or of the losses.

    at    the shares, each above 0 and below 1
    low, high, bins   edges of the histogram; 0.8 … 1.2 pu and 0 … 200 % unless given

    The p-quantile is the smallest value with at least p of all values at or below it; it lies in the same bin as what
    is returned. Where it is beyond the edges, its error is larger and says so.
    """

    quantity: str = "v_pu"
    at: Sequence[float] = (0.01, 0.05, 0.5, 0.95, 0.99)
    low: float | None = None
    high: float | None = None
    bins: int = 400

    @property
    def name(self) -> str:
        return f"quantiles_{self.quantity}"

    @property
    def needs(self) -> frozenset[str]:
        return needed(self.quantity)

    @property
    def _edges(self) -> tuple[float, float]:
        low, high = _EDGES.get(self.quantity, (None, None))
        low, high = (low if self.low is None else self.low), (high if self.high is None else self.high)
        if low is None or high is None:
            raise BadInput(f"Quantiles of {self.quantity} need `low` and `high`: the edges of the histogram.")
        if not (np.isfinite([low, high]).all() and low < high and 1 <= self.bins <= 100_000):
            raise OutOfRange(
                f"A histogram of {self.bins} bins from {low} to {high}: take 1 … 100,000 bins, low < high."
            )
        return low, high

    def start(self, grid: Grid) -> State:
        if not self.at or not all(0 < p < 1 for p in self.at):
            raise OutOfRange(f"Quantiles are taken at shares above 0 and below 1, not at {list(self.at)}.")
        _ = self._edges
        rows = len(grid.rows(self.quantity))
        return {
            "count": np.zeros((rows, self.bins + 2), np.int64),
            "low": np.full(rows, np.inf),
            "high": np.full(rows, -np.inf),
        }

    def update(self, state: State, chunk: Chunk, first: int) -> None:
        low, high = self._edges
        x = chunk.converged(self.quantity)
        histogram(x, low, self.bins / (high - low), state["count"], state["low"], state["high"])

    def merge(self, a: State, b: State) -> State:
        return {
            "count": a["count"] + b["count"],
            "low": np.minimum(a["low"], b["low"]),
            "high": np.maximum(a["high"], b["high"]),
        }

    def result(self, state: State, grid: Grid) -> xr.Dataset:
        """`value` and `error` [row, share], `count` [row, bin] with the coordinate `edge` (lower ones)."""
        rows, (low, high) = grid.rows(self.quantity), self._edges
        width = (high - low) / self.bins
        inner = np.asarray(low + width * np.arange(self.bins + 1), dtype=float)
        value, error = self._read(state, inner)
        return xr.Dataset(
            {
                "value": ((rows.name, "share"), value),
                "error": ((rows.name, "share"), error),
                "count": ((rows.name, "bin"), state["count"]),
            },
            coords={
                rows.name: np.asarray(rows, dtype=object),
                "share": list(self.at),
                "edge": ("bin", np.concatenate([[-np.inf], inner])),
            },
            attrs={"quantity": self.quantity, "bin_width": width},
        )

    def _read(self, state: State, inner: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Quantiles and the bounds of their errors. [row, share]"""
        rows = np.arange(state["count"].shape[0])
        running = state["count"].cumsum(axis=1)
        total = running[:, -1]
        value, error = np.empty((rows.size, len(self.at))), np.empty((rows.size, len(self.at)))
        for k, p in enumerate(self.at):
            rank = np.clip(np.ceil(p * total), 1, None)
            b = np.minimum((running < rank[:, None]).sum(axis=1), self.bins + 1)
            here = state["count"][rows, b]
            # Edges of the bin, as far as values were seen: the outer two have no edge of their own.
            left = np.maximum(np.concatenate([[-np.inf], inner])[b], state["low"])
            right = np.maximum(np.minimum(np.concatenate([inner, [np.inf]])[b], state["high"]), left)
            share = (rank - (running[rows, b] - here)) / np.maximum(here, 1)
            with np.errstate(invalid="ignore"):
                value[:, k] = np.where(total > 0, left + share * (right - left), np.nan)
                error[:, k] = np.where(total > 0, right - left, np.nan)
        return value, error
