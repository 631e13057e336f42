"""A solver of studies that is easy to read and slow: `powerflow.solve` on every chunk. The twin of the compiled
ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from gridloop.errors import BadInput
from gridloop.network.arrays import NetworkArrays, build_arrays
from gridloop.network.model import Network
from gridloop.powerflow.flow import check
from gridloop.powerflow.sensitivity import current_magnitudes
from gridloop.powerflow.solve import solve
from gridloop.powerflow.study.solver import Chunk, Grid, Values
from gridloop.units import BASE_MVA, ComplexArray, FloatArray

STATUS = {0: "converged", 1: "diverged"}
DIRECTION = {"load": -1.0, "storage": -1.0, "generator": 1.0}
_FACTOR = {"p_mw": 1.0, "q_mvar": 1.0j}


@dataclass(frozen=True)
class PlainSolver:
    """Studies of a network by Newton's method on sparse matrices. Keys: `load`, `generator`, `storage` . `p_mw`,
    `q_mvar`.

    Raises `InvalidNetwork` where the tables are wrong; a bus without supply only has no voltage.
    """

    network: Network
    tolerance_pu: float = 1e-8

    def __post_init__(self) -> None:
        check(self.network)

    @property
    def digest(self) -> str:
        return f"plain {self.tolerance_pu!r} {self.network.digest}"

    @cached_property
    def arrays(self) -> NetworkArrays:
        return build_arrays(self.network)

    @cached_property
    def grid(self) -> Grid:
        at = self.arrays.topology.first_bus
        bus = self.network.bus.iloc[at]
        low, high = (bus[name].to_numpy(dtype=float) for name in ("v_min_pu", "v_max_pu"))
        return Grid(bus.index.rename("node"), self.arrays.branches.ids.rename("branch"), low, high, STATUS)

    def elements(self, key: str) -> pd.Index:
        table, _ = _parts(key)
        return self.network.tables[table].index

    def nominal(self, key: str) -> FloatArray:
        table, column = _parts(key)
        return self.network.tables[table][column].to_numpy(dtype=float)

    @cached_property
    def _planned(self) -> ComplexArray:
        """What the tables inject. [node], per unit"""
        return self.arrays.injection(self.network)

    def solve(self, values: Values, needs: frozenset[str] = frozenset()) -> Chunk:
        count = next((v.shape[1] for v in values.values()), 1)
        injection = np.repeat(self._planned[:, None], count, axis=1)
        for key, value in values.items():
            table, column = _parts(key)
            change = value - self.nominal(key)[:, None]
            injection += DIRECTION[table] * _FACTOR[column] * self.arrays.sum_to_nodes(table, change) / BASE_MVA
        solution = solve(self.arrays, injection, tolerance=self.tolerance_pu)
        loading = losses = None
        if "loading_pct" in needs:
            b = self.arrays.branches
            i_ka = current_magnitudes(b, solution.v) * b.base_ka[:, :, None]
            loading = np.fmax.reduce(100.0 * i_ka / b.rating_ka[:, :, None], axis=1)
        if "losses_mw" in needs:
            losses = solution.injected.real[self.arrays.topology.supplied].sum(axis=0) * BASE_MVA
        status = np.where(solution.converged, 0, 1).astype(np.int8)
        return Chunk(np.abs(solution.v), status, solution.iterations, loading, losses)


def _parts(key: str) -> tuple[str, str]:
    table, _, column = key.partition(".")
    if table not in DIRECTION or column not in _FACTOR:
        keys = [f"{table}.{column}" for table in DIRECTION for column in _FACTOR]
        raise BadInput(f"{key!r} cannot vary between scenarios; what can is {', '.join(keys)}.", key=key, allowed=keys)
    return table, column
