"""The seam between a study and what solves its scenarios: the grid's labels, a chunk of solved states, the protocol.

A study hands a solver the values of a few hundred to a few thousand scenarios and gets a `Chunk` back: one thread per
call, many calls at once. Whatever has the methods of `Solver` can be studied; `solver_of` finds one for a grid of
ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridloop.errors import BadInput
from gridloop.network.feeder.model import Feeder
from gridloop.network.model import Network
from gridloop.units import FloatArray, IntArray

StatusArray = NDArray[np.int8]
Values = Mapping[str, FloatArray]
"""Key such as `load.p_mw` → [element, scenario] in the unit of its name."""

CONVERGED = 0
QUANTITIES = ("v_pu", "loading_pct", "losses_mw")
"""What a solver can give: voltages are always there, the others where a reducer needs them."""


@dataclass(frozen=True)
class Grid:
    """Labels and limits of what is solved.

    nodes       [node]  one id per row of `Chunk.v_pu`
    branches    [branch]  one id per row of `Chunk.loading_pct`
    v_min_pu, v_max_pu  [node]  the band of the tables; NaN where there is none
    status      names of the solver's status codes; 0 is `converged`
    """

    nodes: pd.Index
    branches: pd.Index
    v_min_pu: FloatArray
    v_max_pu: FloatArray
    status: Mapping[int, str]

    def rows(self, quantity: str) -> pd.Index:
        """Labels of the rows of a quantity. Raises `BadInput` for one that does not exist."""
        known = {"v_pu": self.nodes, "loading_pct": self.branches, "losses_mw": pd.Index(["total"], name="part")}
        if quantity not in known:
            raise BadInput(f"There is no quantity {quantity!r} to reduce; take one of {', '.join(QUANTITIES)}.")
        return known[quantity]


@dataclass(frozen=True)
class Chunk:
    """Solved scenarios in a row.

    v_pu         [node, scenario]  voltages, float32 or float64; NaN at nodes without supply
    status       [scenario]  int8: 0 converged, others as `Grid.status` names them. What failed may hold anything
    iterations   [scenario]
    loading_pct  [branch, scenario]  None unless asked for
    losses_mw    [scenario]  None unless asked for
    """

    v_pu: NDArray[Any]
    status: StatusArray
    iterations: NDArray[Any]
    loading_pct: NDArray[Any] | None = None
    losses_mw: NDArray[Any] | None = None
    _kept: dict[str, NDArray[Any]] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def lanes(self) -> IntArray:
        """Columns of the scenarios that converged."""
        return np.flatnonzero(self.status == CONVERGED)

    def converged(self, quantity: str) -> NDArray[Any]:
        """A quantity in the scenarios that converged. [row, lane], contiguous; computed once for all reducers"""
        if quantity not in self._kept:
            given = getattr(self, quantity)
            if given is None:
                raise BadInput(f"The solver did not give {quantity}, which a reducer needs.", quantity=quantity)
            rows = given[None, :] if given.ndim == 1 else given
            all_of_them = self.lanes.size == self.status.size
            self._kept[quantity] = np.ascontiguousarray(rows if all_of_them else rows[:, self.lanes])
        return self._kept[quantity]


@runtime_checkable
class Solver(Protocol):
    """Solves chunks of scenarios of one grid. It can be pickled, and `solve` may be called by several threads at once.

    digest  what decides the results: the grid's content and the solver's own settings

    One that also has `around(values)`, with mean values [element] by key, is asked once for a solver that is quick near
    them: the mean of the study's own scenarios.
    """

    @property
    def digest(self) -> str: ...

    @property
    def grid(self) -> Grid: ...

    def elements(self, key: str) -> pd.Index:
        """Ids that a key such as `load.p_mw` speaks of. Raises `BadInput` for a key that cannot vary."""
        ...

    def nominal(self, key: str) -> FloatArray:
        """The tables' own values of a key. [element]"""
        ...

    def solve(self, values: Values, needs: frozenset[str] = frozenset()) -> Chunk:
        """Solve every scenario alone: one that fails has a status, and leaves its neighbours as they are.

        values  [element, scenario], all with as many scenarios; a key left out keeps its nominal values
        needs   quantities beyond the voltages: `loading_pct`, `losses_mw`

        Runs on the calling thread alone, and lets others run meanwhile. The result depends on the values and on where
        in a chunk they stand, on nothing else.
        """
        ...


def solver_of(net: Network | Feeder | Solver) -> Solver:
    """The solver of a grid; a solver is its own. Raises `BadInput` for anything else."""
    if isinstance(net, Feeder):
        from gridloop.powerflow.study.feeder_solver import FeederStudySolver

        return FeederStudySolver(net)
    if isinstance(net, Network):
        from gridloop.powerflow.study.network_solver import NetworkStudySolver

        return NetworkStudySolver(net)
    if isinstance(net, Solver):
        return net
    raise BadInput(
        f"A study needs a network, a feeder or a solver of one, not {type(net).__name__}. Read one with "
        "gl.read_network."
    )
