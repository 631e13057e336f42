"""What nodes inject at given voltages, with the branches that every scenario has: for limits, balances and losses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from gridloop.network.arrays import NetworkArrays
from gridloop.network.topology import NO_NODE
from gridloop.powerflow.admittance import supplied_admittance
from gridloop.powerflow.scenario_changes import BranchChanges
from gridloop.powerflow.threads import in_threads
from gridloop.units import ComplexArray, FloatArray, IntArray


@dataclass(frozen=True)
class Injections:
    """Rows of the admittance matrix of the supplied nodes.

    node  [row]         nodes that the rows belong to
    y     [row, node]   their admittances, per unit; columns of nodes without supply are empty
    """

    arrays: NetworkArrays
    node: IntArray
    y: csr_array

    @classmethod
    def of(cls, arrays: NetworkArrays, node: IntArray) -> Injections:
        matrix, lit = supplied_admittance(arrays)
        place = np.full(arrays.n_nodes, NO_NODE, dtype=np.int64)
        place[lit] = np.arange(lit.size)
        rows = csr_array(matrix[place[node]])
        spread = csr_array((rows.data, lit[rows.indices], rows.indptr), shape=(node.size, arrays.n_nodes))
        return cls(arrays, node, spread)

    def at(self, v: ComplexArray, changes: BranchChanges) -> ComplexArray:
        """Injected powers at voltages v [node, scenario], zero where a node is cut off. [row, scenario], per unit"""
        lit = self.arrays.topology.supplied
        if changes.dark or not lit.all():
            v = np.where(lit[:, None], v, 0.0)
            for k, dark in changes.dark.items():
                v[dark, k] = 0.0
        current = self.y @ v
        b = self.arrays.branches
        if changes.branch.size:
            row_of = np.full(self.arrays.n_nodes + 1, NO_NODE, dtype=np.int64)  # the last one stands for NO_NODE
            row_of[self.node] = np.arange(self.node.size)
            tail, head = b.tail[changes.branch], b.head[changes.branch]
            for end, (to_tail, to_head) in ((tail, (0, 1)), (head, (2, 3))):
                mine = np.flatnonzero(row_of[end] >= 0)
                scenario, y = changes.scenario[mine], changes.y[mine]
                added = _drawn(y[:, to_tail], v, tail[mine], scenario) + _drawn(y[:, to_head], v, head[mine], scenario)
                np.add.at(current, (row_of[end[mine]], scenario), added)
        return np.asarray(v[self.node] * np.conj(current), dtype=complex)


def _drawn(y: ComplexArray, v: ComplexArray, node: IntArray, scenario: IntArray) -> ComplexArray:
    """y · v, zero where the branch is open there. [change]"""
    return np.asarray(np.where(y == 0, 0, y * v[node, scenario]), dtype=complex)


def losses(every: Injections, v: ComplexArray, changes: BranchChanges, chunk: int, threads: int | None) -> FloatArray:
    """Active losses of all branches and shunts at voltages v [node, scenario]: what all nodes inject together.
    [scenario], per unit

    every  the rows of all supplied nodes
    chunk  scenarios that a thread takes at a time
    """
    lost = np.empty(v.shape[1])

    def work(first: int, end: int) -> None:
        lost[first:end] = every.at(v[:, first:end], changes.between(first, end)).real.sum(axis=0)

    with np.errstate(all="ignore"):  # what failed may be any number
        in_threads(((k, min(k + chunk, v.shape[1])) for k in range(0, v.shape[1], chunk)), work, threads)
    return lost
