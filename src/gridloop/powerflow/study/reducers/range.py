"""Range: smallest, largest and mean value of every row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.kernel.statistics import summarize
from gridloop.powerflow.study.reducers.base import State, needed
from gridloop.powerflow.study.solver import Chunk, Grid

# What sums are whole multiples of: far below the accuracy of a solver, so coarse that 2^62 of them hold a study.
_QUANTUM = {"v_pu": 2.0**-32, "loading_pct": 2.0**-16, "losses_mw": 2.0**-24}
_MOST_QUANTA = 2**62


@dataclass(frozen=True)
class Range:
    """Smallest, largest and mean value per node (`v_pu`), branch (`loading_pct`) or of all losses (`losses_mw`).

    Over the scenarios that converged. The mean is off by no more than half a quantum: 1.2e-10 pu, 8e-6 %, 3e-8 MW.
    """

    quantity: str = "v_pu"

    @property
    def name(self) -> str:
        return f"range_{self.quantity}"

    @property
    def needs(self) -> frozenset[str]:
        return needed(self.quantity)

    def start(self, grid: Grid) -> State:
        rows = len(grid.rows(self.quantity))
        return {
            "low": np.full(rows, np.inf),
            "high": np.full(rows, -np.inf),
            "quanta": np.zeros(rows, np.int64),
            "count": np.zeros(rows, np.int64),
        }

    def update(self, state: State, chunk: Chunk, first: int) -> None:
        x, quantum = chunk.converged(self.quantity), _QUANTUM[self.quantity]
        if not x.shape[1]:
            return
        new = {name: np.empty_like(value) for name, value in state.items()}
        total = np.empty(x.shape[0])
        summarize(x, quantum, new["low"], new["high"], total, new["count"])
        largest = max(float(new["high"].max(initial=0.0)), -float(new["low"].min(initial=0.0)))
        if not largest * x.shape[1] < 2.0**52 * quantum:
            raise OutOfRange(
                f"A {self.quantity} of {largest:g} in the scenarios {first} … {first + chunk.status.size - 1}: sums "
                f"are exact up to {2.0**52 * quantum / x.shape[1]:g}. The solver called it converged; mend that first.",
                quantity=self.quantity,
                value=largest,
            )
        new["quanta"] = (total / quantum).astype(np.int64)
        state.update(self.merge(state, new))

    def merge(self, a: State, b: State) -> State:
        quanta = a["quanta"] + b["quanta"]
        if (np.abs(quanta) > _MOST_QUANTA).any():
            raise OutOfRange(f"Sums of {self.quantity} exceed what 63 bits hold; split the study into several.")
        return {
            "low": np.minimum(a["low"], b["low"]),
            "high": np.maximum(a["high"], b["high"]),
            "quanta": quanta,
            "count": a["count"] + b["count"],
        }

    def result(self, state: State, grid: Grid) -> pd.DataFrame:
        """Columns min, max, mean and count (scenarios with a value); NaN where nothing was seen."""
        known = state["count"] > 0
        mean = state["quanta"] * _QUANTUM[self.quantity] / np.where(known, state["count"], 1)
        columns = {"min": state["low"], "max": state["high"], "mean": mean}
        table = pd.DataFrame(
            {name: np.where(known, values, np.nan) for name, values in columns.items()},
            index=grid.rows(self.quantity),
        )
        return table.assign(count=state["count"])
