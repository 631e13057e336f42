"""How scenarios ended, number by number: what is kept of each even where its voltages are not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridloop.kernel.newton import CONVERGED, DIVERGED, SLOW
from gridloop.network.topology import NO_NODE
from gridloop.powerflow.batch_injections import Injections
from gridloop.powerflow.batch_lanes import Lanes, Solved
from gridloop.powerflow.batch_layout import Layout
from gridloop.units import FloatArray, IntArray

# What the kernel's status, and bad input, are called.
BAD_VALUES = 3
STATUS = {CONVERGED: "converged", SLOW: "not_converged", DIVERGED: "diverged", BAD_VALUES: "bad_values"}


@dataclass(frozen=True)
class Outcome:
    """Of every scenario [scenario]; per unit.

    status         as `STATUS` names it;  iterations, mismatch, balance as the kernels tell
    low, high      lowest and highest voltage; low_node, high_node where; NaN and −1 where there is none
    worst_node     node of the largest mismatch where the scenario failed; −1 where it did not
    losses         active losses; None where voltages are kept, from which they follow
    state          [regulated, scenario]  how nodes stand to their reactive limits; None where no limits were asked for
    """

    layout: Layout
    status: NDArray[np.int8]
    iterations: IntArray
    mismatch: FloatArray
    balance: FloatArray
    low: FloatArray
    low_node: IntArray
    high: FloatArray
    high_node: IntArray
    worst_node: IntArray
    losses: FloatArray
    state: NDArray[np.int8] | None

    @classmethod
    def room(cls, layout: Layout, count: int, limited: bool) -> Outcome:
        def numbers() -> FloatArray:
            return np.full(count, np.nan)

        def nodes() -> IntArray:
            return np.full(count, NO_NODE, dtype=np.int64)

        state = np.zeros((layout.n_regulated, count), dtype=np.int8) if limited else None
        return cls(
            layout, np.zeros(count, np.int8), np.zeros(count, np.int64), numbers(), numbers(), numbers(), nodes(),
            numbers(), nodes(), nodes(), numbers(), state,
        )  # fmt: skip

    def put(self, first: int, lanes: Lanes, solved: Solved, losses: FloatArray | None) -> None:
        """Take in what came of the scenarios from `first` on; voltages of those that failed are dropped."""
        here = slice(first, first + lanes.count)
        failed = np.flatnonzero((solved.status != CONVERGED) & ~solved.bad)
        if failed.size:
            self.worst_node[first + failed] = _worst(self.layout, lanes.some(failed), solved, failed)
        solved.status[solved.bad] = BAD_VALUES
        solved.forget(lanes)
        found = solved.status == CONVERGED
        self.status[here], self.iterations[here] = solved.status, solved.iterations
        self.mismatch[here] = np.where(solved.bad, np.nan, solved.mismatch)
        self.balance[here], self.low[here], self.high[here] = solved.balance, solved.low, solved.high
        self.low_node[here] = np.where(found, solved.low_at, NO_NODE)
        self.high_node[here] = np.where(found, solved.high_at, NO_NODE)
        if losses is not None:
            self.losses[here] = np.where(found, losses, np.nan)
        if self.state is not None:
            self.state[:, here] = np.where(found, lanes.state, 0)


def _worst(layout: Layout, lanes: Lanes, solved: Solved, scenarios: IntArray) -> IntArray:
    """Node of the largest mismatch of scenarios that failed. [scenario]"""
    nodes = layout.engine.node
    with np.errstate(all="ignore"):  # what diverged may be any number
        missing = Injections.of(layout.arrays, nodes).at(solved.v[:, scenarios], lanes.branches)
        missing -= layout.planned_at(lanes.cases, nodes)
    position = layout.engine.held
    p, q = np.abs(missing.real), np.abs(missing.imag)
    sources = position[layout.n_regulated :]
    p[sources] = q[sources] = 0.0
    regulated = position[: layout.n_regulated]
    q[regulated] = np.where(lanes.free, q[regulated], 0.0)  # the machines there give what it takes
    size = np.where(lanes.dark_at(nodes), 0.0, np.nan_to_num(np.maximum(p, q), nan=np.inf))
    return np.asarray(nodes[size.argmax(axis=0)], dtype=np.int64)
