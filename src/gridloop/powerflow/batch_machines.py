"""What generators and sources give in every scenario, once the voltages are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridloop.powerflow.batch_injections import Injections
from gridloop.powerflow.batch_lanes import Lanes
from gridloop.powerflow.batch_layout import Layout
from gridloop.powerflow.batch_shares import Shares
from gridloop.powerflow.reactive_limits import share_out
from gridloop.units import BASE_MVA, BoolArray, ComplexArray, FloatArray


@dataclass(frozen=True)
class Machines:
    """Generators and sources of solved scenarios.

    v        [node, scenario]  voltages, NaN where there is none
    balance  [scenario]        what those with a share give beyond their plan, together, per unit; None without shares
    """

    layout: Layout
    lanes: Lanes
    shares: Shares | None
    v: ComplexArray
    balance: FloatArray

    @property
    def generators_on(self) -> BoolArray:
        """Generators in service and supplied, in scenarios that converged. [generator, scenario]"""
        layout, node = self.layout, self.layout.arrays.element_node["generator"]
        at = np.where(node >= 0, node, 0)
        on = layout.machines_on(self.lanes.cases, np.arange(node.size))
        there = on & (node >= 0)[:, None] & layout.arrays.topology.supplied[at][:, None]
        return np.asarray(there & np.isfinite(self.v[at].real))

    def generators(self) -> ComplexArray:
        """Injected by generators. [generator, scenario], MVA; NaN where they are not on"""
        layout, cases = self.layout, self.lanes.cases
        every, on = np.arange(len(layout.net.generator)), self.generators_on
        p = layout.machine_values(cases, "p_mw", every) + self._extra("generator", every.size) * BASE_MVA
        q = layout.machine_values(cases, "q_mvar", every)
        nodes = layout.engine.held_node[: layout.n_regulated]
        if nodes.size:
            missing = (self._injected(nodes) - layout.planned_at(cases, nodes)).imag * BASE_MVA
            low, high = (layout.net.generator[name].to_numpy(dtype=float) for name in ("q_min_mvar", "q_max_mvar"))
            for h in range(nodes.size):
                mine = layout.machines[h]
                q[mine] = share_out(missing[h], low[mine], high[mine], on[mine])
        power = np.empty(p.shape, dtype=complex)
        power.real, power.imag = np.where(on, p, np.nan), np.where(on, q, np.nan)
        return power

    def sources(self) -> ComplexArray:
        """Injected by sources, which share what is missing at their node equally. [source, scenario], MVA; NaN where
        they are out of service"""
        arrays = self.layout.arrays
        on, node = arrays.element_on["source"], arrays.element_node["source"]
        missing = self._injected(arrays.source) - self.layout.planned_at(self.lanes.cases, arrays.source)
        if self.shares is not None:
            at = arrays.element_node["generator"]
            extra = self._extra("generator", at.size)
            for k, n in enumerate(arrays.source):
                missing[k] -= extra[at == n].sum(axis=0)
        found = np.full((node.size, self.lanes.count), complex(np.nan, np.nan))
        for k, n in enumerate(arrays.source):
            mine = on & (node == n)
            found[mine] = missing[k] / mine.sum() * BASE_MVA
        return found

    def _extra(self, table: str, size: int) -> FloatArray:
        """What elements of a table give for the balance. [element, scenario], per unit"""
        extra = np.zeros((size, self.lanes.count))
        if self.shares is not None:
            rows = self.shares.generator if table == "generator" else self.shares.source
            mine = rows >= 0
            weights = self.shares.weights(self.shares.there(self.lanes, self.layout))
            extra[rows[mine]] = weights[mine] * self.balance
        return extra

    def _injected(self, nodes: np.ndarray) -> ComplexArray:
        return Injections.of(self.layout.arrays, nodes).at(self.v, self.lanes.branches)
