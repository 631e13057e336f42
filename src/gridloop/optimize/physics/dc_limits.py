"""Flow limits of a DC grid as rows over what is injected, made only for those that a solution breaks.

With PTDF the transfer factors, a column x that injects at node n(x), and f⁰ the flows of what is given (loads, shifts):

    low_b ≤ f⁰_b + Σ PTDF_b,n(x) x ≤ high_b

A limit after the loss of branch k replaces f by f_b + LODF_bk f_k, so its row is PTDF_b + LODF_bk PTDF_k: nothing else
changes. A grid has many limits and few that bind: a round adds the worst that are broken, and solves again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import csr_array

from gridloop.powerflow.sensitivities import DcGrid
from gridloop.units import BoolArray, FloatArray, IntArray

# Broken by more than this counts: the accuracy of the solvers, per unit (1e-5 MW).
BROKEN = 1e-7
# Rows that a round adds at most, times its number.
PER_ROUND = 40
# Outages of one branch that a round adds.
LIKE = 2
# Transfer factors below this move nothing that could be seen: 1e-9 of some thousand MW.
_NOTHING = 1e-10
# Outages that are screened at a time.
_BLOCK = 256
# Branches up to which all outage factors are kept: 70 MB.
_ALL_KEPT = 3000


@dataclass(frozen=True)
class Outages:
    """Which branches may be lost, and what the others may carry then: factor · rating. [outage]; rating [branch]"""

    branch: IntArray
    low: FloatArray
    high: FloatArray


@dataclass
class FlowLimits:
    """All flow limits of one moment, and those that are rows already.

    node        [column] node where each injecting column injects
    given       [node]   injection that is not decided
    low, high   [branch] limits of the flow
    outages     limits after losses; None without
    """

    grid: DcGrid
    node: IntArray
    given: FloatArray
    low: FloatArray
    high: FloatArray
    outages: Outages | None = None
    branch: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    outage: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    rounds: int = 0
    _factors: FloatArray | None = None

    def __post_init__(self) -> None:
        self.base = self.grid.flows(self.given)
        self._known: set[tuple[int, int]] = set(zip(self.branch.tolist(), self.outage.tolist(), strict=True))

    def injection(self, x: FloatArray) -> FloatArray:
        """What is injected in all, from the injecting columns. [node]"""
        return np.asarray(self.given + np.bincount(self.node, x, self.given.size))

    def broken(self, flow: FloatArray) -> tuple[IntArray, IntArray, FloatArray]:
        """Branches, the outage each is broken in (−1: none), and by how much; the worst first, only what is no row."""
        parts = [self._excess(flow, self.low, self.high)]
        outage = [np.full(parts[0][0].size, -1, dtype=np.int64)]
        if self.outages is not None:
            for block, after in self.after(flow):
                over = np.maximum(after - self.outages.high[:, None], self.outages.low[:, None] - after)
                rows, columns = np.nonzero(over > BROKEN)
                parts.append((rows, over[rows, columns]))
                outage.append(block[columns])
        branch, excess = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
        out = np.concatenate(outage)
        new = np.array(
            [pair not in self._known for pair in zip(branch.tolist(), out.tolist(), strict=True)], dtype=bool
        )
        branch, out, excess = branch[new], out[new], excess[new]
        order = np.lexsort((out, branch, -excess))
        return branch[order], out[order], excess[order]

    @staticmethod
    def _excess(flow: FloatArray, low: FloatArray, high: FloatArray) -> tuple[IntArray, FloatArray]:
        over = np.maximum(flow - high, low - flow)
        rows = np.flatnonzero(over > BROKEN)
        return rows, over[rows]

    def after(self, flow: FloatArray) -> list[tuple[IntArray, FloatArray]]:
        """Flows after outages, block by block: (outages, flows [branch, outage]); NaN where an outage splits."""
        assert self.outages is not None
        lost = self.outages.branch
        if self._factors is None and self.grid.n_branches <= _ALL_KEPT:
            self._factors = self.grid.lodf(lost)
        blocks = []
        for first in range(0, lost.size, _BLOCK):
            block = lost[first : first + _BLOCK]
            factor = self.grid.lodf(block) if self._factors is None else self._factors[:, first : first + _BLOCK]
            moved = flow[:, None] + factor * flow[block][None, :]
            moved[block, np.arange(block.size)] = 0.0
            blocks.append((block, moved))
        return blocks

    def add(self, flow: FloatArray) -> tuple[csr_array, FloatArray, FloatArray] | None:
        """Rows over the injecting columns for the worst that is broken at these flows; None where nothing is."""
        branch, outage, excess = self.broken(flow)
        if not branch.size:
            return None
        self.rounds += 1
        chosen = self._chosen(branch, outage, excess)
        branch, outage = branch[chosen], outage[chosen]
        factor, low, high = self.rows(branch, outage)
        self._known.update(zip(branch.tolist(), outage.tolist(), strict=True))
        self.branch, self.outage = np.concatenate([self.branch, branch]), np.concatenate([self.outage, outage])
        matrix = factor[:, self.node]
        matrix[np.abs(matrix) < _NOTHING] = 0.0
        return csr_array(matrix), low, high

    def _chosen(self, branch: IntArray, outage: IntArray, excess: FloatArray) -> BoolArray:
        """The worst ones; of one branch only its worst few outages in a round, for they say much the same."""
        most = PER_ROUND * self.rounds
        if self.outages is not None:
            seen: dict[int, int] = {}
            keep = np.zeros(branch.size, dtype=bool)
            for k, b in enumerate(branch.tolist()):
                seen[b] = seen.get(b, 0) + 1
                keep[k] = seen[b] <= LIKE
            most = int(np.searchsorted(np.cumsum(keep), most, side="right"))
            keep[most:] = False
            return keep
        return np.arange(branch.size) < most

    def keep(self, rows: BoolArray) -> None:
        """Forget the other rows; they come back when they are broken again."""
        self.branch, self.outage = self.branch[rows], self.outage[rows]
        self._known = set(zip(self.branch.tolist(), self.outage.tolist(), strict=True))

    def rows(self, branch: IntArray, outage: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Transfer factors [row, node] of flows, after the outage where there is one, and their bounds less what is
        given."""
        every = np.unique(np.concatenate([branch, outage[outage >= 0]]))
        ptdf = self.grid.rows(every)
        place = np.zeros(self.grid.n_branches, dtype=np.int64)
        place[every] = np.arange(every.size)
        factor, base = ptdf[place[branch]], self.base[branch].copy()
        low, high = self.low[branch].copy(), self.high[branch].copy()
        after = np.flatnonzero(outage >= 0)
        if after.size:
            assert self.outages is not None
            lost = outage[after]
            distinct, which = np.unique(lost, return_inverse=True)
            share = self.grid.lodf(distinct)[branch[after], which]
            factor[after] += share[:, None] * ptdf[place[lost]]
            base[after] += share * self.base[lost]
            low[after], high[after] = self.outages.low[branch[after]], self.outages.high[branch[after]]
        return factor, low - base, high - base

    def weights(self, dual: FloatArray) -> FloatArray:
        """Σ of the rows' multipliers by branch, those after outages spread to the lost branch too. [branch]"""
        total = np.bincount(self.branch, dual, self.grid.n_branches)
        after = np.flatnonzero((self.outage >= 0) & (dual != 0))
        if after.size:
            distinct, which = np.unique(self.outage[after], return_inverse=True)
            share = self.grid.lodf(distinct)[self.branch[after], which]
            np.add.at(total, self.outage[after], share * dual[after])
        return np.asarray(total)
