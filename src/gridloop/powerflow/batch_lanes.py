"""Scenarios that are solved together, and what came of them: one lane each, never mixed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridloop.kernel.newton import CONVERGED
from gridloop.powerflow.scenario_changes import BranchChanges
from gridloop.powerflow.scenarios import Scenarios
from gridloop.powerflow.solve import UNKNOWN
from gridloop.units import BoolArray, ComplexArray, FloatArray, IntArray


@dataclass(frozen=True)
class Lanes:
    """Scenarios with all that is particular to each.

    cases     what they set;  branches  what that changes in the grid
    state     [regulated, scenario]  0 where a node holds its voltage, −1 and 1 at its lowest and highest reactive power
    given     [regulated, scenario]  reactive power that its machines then give, per unit; no rows where all hold
    gone      [regulated, scenario]  True where all machines of a node are out of service
    """

    cases: Scenarios
    branches: BranchChanges
    state: NDArray[np.int8]
    given: FloatArray
    gone: BoolArray

    @classmethod
    def of(cls, cases: Scenarios, branches: BranchChanges, gone: BoolArray) -> Lanes:
        return cls(cases, branches, np.zeros(gone.shape, dtype=np.int8), np.zeros((0, cases.count)), gone)

    @property
    def count(self) -> int:
        return self.cases.count

    def some(self, scenarios: IntArray) -> Lanes:
        return Lanes(
            self.cases.some(scenarios),
            self.branches.some(scenarios),
            self.state[:, scenarios],
            self.given[:, scenarios],
            self.gone[:, scenarios],
        )

    @property
    def free(self) -> BoolArray:
        """Nodes that do not hold their voltage. [regulated, scenario]"""
        return np.asarray((self.state != 0) | self.gone)

    def dark_at(self, nodes: IntArray) -> BoolArray:
        """Which of some nodes are cut off. [node, scenario]"""
        found = np.zeros((nodes.size, self.count), dtype=bool)
        for k, dark in self.branches.dark.items():
            found[:, k] = np.isin(nodes, dark)
        return found


@dataclass
class Solved:
    """What came of scenarios.

    v               [node, scenario]  voltages; undefined where a node has no supply
    status, iterations, mismatch, balance  [scenario]  as the kernels tell, per unit
    low, high       [scenario]  lowest and highest voltage, per unit; low_at, high_at the nodes
    bad             [scenario]  True where a value is NaN or infinite
    """

    v: ComplexArray
    status: NDArray[np.int8]
    iterations: IntArray
    mismatch: FloatArray
    balance: FloatArray
    low: FloatArray
    low_at: IntArray
    high: FloatArray
    high_at: IntArray
    bad: BoolArray

    @classmethod
    def room(cls, v: ComplexArray) -> Solved:
        """Room for the results of as many scenarios as v has columns."""
        n = v.shape[1]
        numbers = [np.zeros(n) for _ in range(4)]
        whole = [np.zeros(n, dtype=np.int64) for _ in range(3)]
        return cls(
            v, np.zeros(n, dtype=np.int8), whole[0], numbers[0], numbers[1], numbers[2], whole[1], numbers[3], whole[2],
            np.zeros(n, dtype=bool),
        )  # fmt: skip

    def replace(self, at: IntArray, other: Solved) -> None:
        """Put another solution in place of some; iterations add up."""
        other.iterations += self.iterations[at]
        self._put(at, other, np.arange(at.size))

    def improve(self, at: IntArray, other: Solved) -> None:
        """Put in what another attempt at the same scenarios did better: it converged, or came closer, or found higher
        voltages. Iterations add up."""
        self.iterations[at] += other.iterations
        other.iterations = self.iterations[at]
        ours, theirs = self.status[at] == CONVERGED, other.status == CONVERGED
        closer = ~ours & ~theirs & (other.mismatch < self.mismatch[at])
        better = np.flatnonzero((theirs & ~ours) | closer | (theirs & ours & (other.low > self.low[at])))
        self._put(at[better], other, better)

    def _put(self, at: IntArray, other: Solved, rows: IntArray) -> None:
        self.v[:, at] = other.v[:, rows]
        for name in ("status", "iterations", "mismatch", "balance", "low", "low_at", "high", "high_at", "bad"):
            getattr(self, name)[at] = getattr(other, name)[rows]

    def forget(self, lanes: Lanes) -> None:
        """Drop the voltages of what did not converge, and of nodes that are cut off."""
        lost = np.flatnonzero(self.status != CONVERGED)
        self.v[:, lost] = UNKNOWN
        for name in ("low", "high", "balance"):
            getattr(self, name)[lost] = np.nan
        for k, dark in lanes.branches.dark.items():
            self.v[dark, k] = UNKNOWN
            size = np.abs(self.v[:, k])
            if np.isfinite(size).any():
                self.low_at[k], self.high_at[k] = np.nanargmin(size), np.nanargmax(size)
                self.low[k], self.high[k] = size[self.low_at[k]], size[self.high_at[k]]
