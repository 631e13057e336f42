"""The contract of reducers."""

from __future__ import annotations

from typing import Any, Protocol

import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from gridloop.powerflow.study.solver import Chunk, Grid

State = dict[str, NDArray[Any]]
Result = pd.DataFrame | xr.Dataset


class Reducer(Protocol):
    """What a study keeps. A frozen description, like a sampler: what it has seen is in the state alone.

    name   of the result, where the study was not given another
    needs  quantities beyond the voltages that chunks must bring

    For all states: merge(a, b) equals merge(b, a), merge(a, merge(b, c)) equals merge(merge(a, b), c), and merging
    what two parts of the scenarios gave equals what they give together; all bit for bit.
    """

    @property
    def name(self) -> str: ...

    @property
    def needs(self) -> frozenset[str]: ...

    def start(self, grid: Grid) -> State:
        """The state that has seen nothing. Raises `BadInput` where the reducer does not fit the grid."""
        ...

    def update(self, state: State, chunk: Chunk, first: int) -> None:
        """Add the scenarios first, first + 1 … of a chunk to a state, in place."""
        ...

    def merge(self, a: State, b: State) -> State:
        """What has seen both; neither is changed."""
        ...

    def result(self, state: State, grid: Grid) -> Result:
        """What the study hands out, labelled."""
        ...


def needed(*quantities: str | None) -> frozenset[str]:
    """Those of the quantities that solvers compute only on demand."""
    return frozenset(q for q in quantities if q is not None and q != "v_pu")
