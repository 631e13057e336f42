"""WorstK: the k worst scenarios, their values, where they are, and their index to rebuild them by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, OutOfRange
from gridloop.kernel.statistics import worst
from gridloop.powerflow.study.reducers.base import State, needed
from gridloop.powerflow.study.solver import Chunk, Grid

_BY = {
    "lowest_v_pu": ("v_pu", -1.0),
    "highest_v_pu": ("v_pu", 1.0),
    "highest_loading_pct": ("loading_pct", 1.0),
    "highest_losses_mw": ("losses_mw", 1.0),
}


@dataclass(frozen=True)
class WorstK:
    """The k scenarios with the lowest or highest value of any row; of equal ones the one with the lower index.

    by  lowest_v_pu, highest_v_pu, highest_loading_pct or highest_losses_mw
    """

    k: int = 10
    by: str = "lowest_v_pu"

    @property
    def name(self) -> str:
        return f"worst_{self.by}"

    @property
    def needs(self) -> frozenset[str]:
        return needed(self._rule[0])

    @property
    def _rule(self) -> tuple[str, float]:
        if self.by not in _BY:
            raise BadInput(f"Scenarios are ranked by one of {', '.join(_BY)}, not by {self.by!r}.")
        return _BY[self.by]

    def start(self, grid: Grid) -> State:
        if self.k < 1:
            raise OutOfRange(f"The worst {self.k} scenarios are none; ask for 1 or more.")
        _ = self._rule
        return {"score": np.empty(0), "index": np.empty(0, np.int64), "row": np.empty(0, np.int64)}

    def update(self, state: State, chunk: Chunk, first: int) -> None:
        quantity, sign = self._rule
        x = chunk.converged(quantity)
        score, row = np.full(x.shape[1], -np.inf), np.zeros(x.shape[1], np.int64)
        worst(x, sign, score, row)
        # Only what may enter is sorted: mostly nothing.
        bar = state["score"][-1] if state["score"].size == self.k else -np.inf
        enters = np.flatnonzero((score >= bar) & (score > -np.inf))
        if enters.size:
            new = {"score": score[enters], "index": first + chunk.lanes[enters], "row": row[enters]}
            state.update(self.merge(state, new))

    def merge(self, a: State, b: State) -> State:
        both = {name: np.concatenate([a[name], b[name]]) for name in a}
        first = np.lexsort((both["index"], -both["score"]))[: self.k]
        return {name: values[first] for name, values in both.items()}

    def result(self, state: State, grid: Grid) -> pd.DataFrame:
        """One row per scenario, the worst first: index `scenario`, columns `value` and `at` (node, branch)."""
        quantity, sign = self._rule
        return pd.DataFrame(
            {"value": sign * state["score"], "at": grid.rows(quantity).to_numpy(dtype=object)[state["row"]]},
            index=pd.Index(state["index"], name="scenario"),
        )
