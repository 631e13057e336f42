"""Reactive limits of many scenarios: in each, machines at the end of their range let their voltage go.

The rule is that of `gridloop.powerflow.reactive_limits`, scenario by scenario. A round solves the scenarios in which
a machine moved, and no other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gridloop.kernel.newton import CONVERGED
from gridloop.powerflow.batch_injections import Injections
from gridloop.powerflow.batch_lanes import Lanes, Solved
from gridloop.powerflow.batch_layout import Layout
from gridloop.powerflow.reactive_limits import BEYOND, next_state
from gridloop.units import BASE_MVA, BoolArray, FloatArray


@dataclass(frozen=True)
class ReactiveLimits:
    """What holds machines within their ranges.

    low, high  [generator]  ends of their ranges, per unit; infinite where there is none
    """

    layout: Layout
    rows: Injections
    low: FloatArray
    high: FloatArray
    beyond: float

    @classmethod
    def of(cls, layout: Layout, tolerance_pu: float) -> ReactiveLimits:
        table = layout.net.generator
        low, high = (table[name].to_numpy(dtype=float) / BASE_MVA for name in ("q_min_mvar", "q_max_mvar"))
        nodes = layout.engine.held_node[: layout.n_regulated]
        return cls(
            layout,
            Injections.of(layout.arrays, nodes),
            np.where(np.isnan(low), -np.inf, low),
            np.where(np.isnan(high), np.inf, high),
            BEYOND * tolerance_pu,
        )

    def hold(self, lanes: Lanes, solved: Solved, solve: Callable[[Lanes], Solved]) -> None:
        """Bring `solved` within the limits, with `solve` for what has to be solved again.

        `lanes.state` tells in the end how every node stands: −1, 0 or 1. [regulated, scenario]
        """
        nodes, count = self.rows.node, lanes.count
        lanes = replace(lanes, given=np.zeros((nodes.size, count)))
        if not nodes.size:
            return
        v_set = self.layout.set_points(lanes.cases)[: nodes.size]
        low, high = self._ranges(lanes)
        others = self.layout.planned_at(lanes.cases, nodes).imag
        dark = lanes.dark_at(nodes)
        returns = np.zeros((nodes.size, count), dtype=np.int64)
        going = np.flatnonzero(solved.status == CONVERGED)
        while going.size:
            v = solved.v[:, going]
            q = self.rows.at(v, lanes.branches.some(going)).imag - others[:, going]
            now, at = lanes.state[:, going], np.ix_(np.arange(nodes.size), going)
            new, back = next_state(now, returns[at], q, np.abs(v[nodes]), v_set[at], low[at], high[at], self.beyond)
            new = np.where(dark[at] | lanes.gone[at], now, new)
            moved = (new != now).any(axis=0)
            going = going[moved]
            if not going.size:
                return
            at = np.ix_(np.arange(nodes.size), going)
            returns[at] += back[:, moved]
            lanes.state[at] = new[:, moved]
            lanes.given[at] = np.select([new[:, moved] == -1, new[:, moved] == 1], [low[at], high[at]], 0.0)
            again = solve(lanes.some(going))
            solved.replace(going, again)
            going = going[again.status == CONVERGED]

    def _ranges(self, lanes: Lanes) -> tuple[FloatArray, FloatArray]:
        """Lowest and highest reactive power of the machines that hold every node. [regulated, scenario], per unit"""
        shape = (self.rows.node.size, lanes.count)
        low, high = np.empty(shape), np.empty(shape)
        for h in range(shape[0]):
            machines = self.layout.machines[h]
            on: BoolArray = self.layout.machines_on(lanes.cases, machines)
            low[h] = np.where(on, self.low[machines][:, None], 0.0).sum(axis=0)
            high[h] = np.where(on, self.high[machines][:, None], 0.0).sum(axis=0)
        return low, high


def at_limit(layout: Layout, state: NDArray[np.int8], on: BoolArray) -> NDArray[np.int8]:
    """How every generator stands: −1 at its lowest reactive power, 1 at its highest, 0 elsewhere. [generator, scenario]

    state  [regulated, scenario] of its node;  on [generator, scenario] whether it is in service
    """
    found = np.zeros((len(layout.net.generator), state.shape[1]), dtype=np.int8)
    for h in range(layout.n_regulated):
        found[layout.machines[h]] = state[h]
    return np.asarray(np.where(on, found, 0), dtype=np.int8)
