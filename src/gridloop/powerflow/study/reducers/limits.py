"""Limits that scenarios are held against: the band of the voltages and a largest loading, shared by reducers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridloop.errors import BadInput
from gridloop.kernel.statistics import outside
from gridloop.powerflow.study.reducers.base import State, needed
from gridloop.powerflow.study.solver import Chunk, Grid
from gridloop.powerflow.violations import LOADING_TOLERANCE_PCT, V_TOLERANCE_PU
from gridloop.units import FloatArray

_LIMIT = "limit_"


class Limits:
    """Mixed into reducers: limits are resolved once per state, beside the counts, and are no counts themselves.

    low_pu, high_pu  None for the grid's own band, a number, or a Series by node; NaN for no limit
    loading_pct      None where loadings do not count, else a number or a Series by branch
    """

    low_pu: Any
    high_pu: Any
    loading_pct: Any

    @property
    def needs(self) -> frozenset[str]:
        return needed("loading_pct" if self.loading_pct is not None else None)

    def start_limits(self, grid: Grid) -> State:
        """Limits as arrays, moved outwards by the tolerance of a violation: [node], [node], [branch] or [0]."""
        most = np.empty(0)
        if self.loading_pct is not None:
            none = np.full(len(grid.branches), np.nan)
            most = _rows("loading_pct", self.loading_pct, none, grid.branches, LOADING_TOLERANCE_PCT)
        return {
            f"{_LIMIT}low": _rows("low_pu", self.low_pu, grid.v_min_pu, grid.nodes, -V_TOLERANCE_PU),
            f"{_LIMIT}high": _rows("high_pu", self.high_pu, grid.v_max_pu, grid.nodes, V_TOLERANCE_PU),
            f"{_LIMIT}most": most,
        }

    def merge(self, a: State, b: State) -> State:
        return {name: value if name.startswith(_LIMIT) else value + b[name] for name, value in a.items()}


def start_counts(limits: State) -> State:
    """How often what is outside: `below`, `above` [node], `over` [branch]; nothing yet."""
    nodes, branches = limits[f"{_LIMIT}low"].size, limits[f"{_LIMIT}most"].size
    return {
        "below": np.zeros(nodes, np.int64),
        "above": np.zeros(nodes, np.int64),
        "over": np.zeros(branches, np.int64),
    }


def broken(limits: State, chunk: Chunk, counts: State) -> NDArray[np.uint8]:
    """Add what is outside to the counts; 1 where a scenario that converged breaks any limit. [lane]"""
    flag = np.zeros(chunk.lanes.size, np.uint8)
    low, high, most = (limits[f"{_LIMIT}{name}"] for name in ("low", "high", "most"))
    outside(chunk.converged("v_pu"), low, high, counts["below"], counts["above"], flag)
    if most.size:
        none, under = np.full(most.size, np.nan), np.zeros(most.size, np.int64)
        outside(chunk.converged("loading_pct"), none, most, under, counts["over"], flag)
    return flag


def _rows(what: str, given: Any, fallback: FloatArray, labels: pd.Index, tolerance: float) -> FloatArray:
    """A limit for every row, moved by the tolerance. [row]"""
    if given is None:
        values = fallback
    elif isinstance(given, pd.Series):
        lost = labels.difference(given.index)
        if len(lost):
            raise BadInput(f"{what} has no value for {len(lost)} of {len(labels)} rows, such as {str(lost[0])!r}.")
        values = given.reindex(labels).to_numpy(dtype=float)
    else:
        try:
            values = np.full(len(labels), float(given))
        except (TypeError, ValueError):
            raise BadInput(f"{what} must be a number or a Series by id, not {given!r}.") from None
    return np.asarray(values + tolerance, dtype=float)
