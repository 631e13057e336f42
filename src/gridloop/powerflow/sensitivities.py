"""DC sensitivities: how flows answer to injections (PTDF), to phase shifts (PSDF) and to outages (LODF).

In the DC flow a branch carries p = s (θ_tail − θ_head − φ), with the stiffness s = 1/(x |t|) and the angle φ of its
ratio t; sources hold their angles. With A the incidence of branches and nodes, B = Aᵀ diag(s) A without the sources'
rows, the flow per unit of injection at a node, and per unit put in at the tail of branch k and taken out at its head:

    PTDF = diag(s) A B⁻¹        H_bk = PTDF_b,tail(k) − PTDF_b,head(k)

A set K of branches that is out acts as if each put in what then no longer flows through it:

    Δp = H_·K (1 − H_KK)⁻¹ p_K        LODF_bk = H_bk / (1 − H_kk) for one

where p_K is what they carried, shifts included, so the same holds for phase shifters. 1 − H_KK is singular exactly
where K cuts nodes off; the answer then is NaN.

Source: Wood, Wollenberg and Sheblé (2013), Power Generation, Operation and Control, ch. 7; Guo, Fu, Li and Shahidehpour
(2009), Direct calculation of line outage distribution factors, for several at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.sparse import csc_array, csr_array
from scipy.sparse.linalg import SuperLU

from gridloop.errors import SolveFailed
from gridloop.network.arrays import NetworkArrays, build_arrays
from gridloop.network.model import Network
from gridloop.network.topology import NO_NODE
from gridloop.powerflow.flow import check
from gridloop.powerflow.newton import factorize
from gridloop.powerflow.start import LEAST_REACTANCE
from gridloop.units import BASE_MVA, BoolArray, ComplexArray, FloatArray, IntArray

# 1 − H_kk of a branch that is a bridge is zero up to rounding; that of any other is a share of stiffness around it.
_SPLITS = 1e-8
# Branches up to which all factors are kept at once: 128 MB.
_ALL_KEPT = 4000


@dataclass(frozen=True)
class DcGrid:
    """The DC model of a grid.

    n_nodes, n_branches  of what it was made from
    whole      branches with both ends in it; others carry nothing
    tail, head [whole]  nodes
    stiffness  [whole]  per unit power per radian
    shift      [whole]  angle of the ratio, radians
    held       nodes whose angle is given, held_angle [held] at what, radians
    free       nodes whose angle is unknown; place [node] where each is among them, −1 for the others
    """

    n_nodes: int
    n_branches: int
    whole: IntArray
    tail: IntArray
    head: IntArray
    stiffness: FloatArray
    shift: FloatArray
    held: IntArray
    held_angle: FloatArray
    free: IntArray
    place: IntArray
    factors: SuperLU | None

    @classmethod
    def of(cls, arrays: NetworkArrays) -> DcGrid:
        """The supplied part of a network; its sources hold their angles. Raises `SolveFailed` where its matrix is
        singular."""
        b = arrays.branches
        joined = (b.tail != NO_NODE) & (b.head != NO_NODE) & (b.y_th != 0)
        whole = np.flatnonzero(joined & arrays.topology.supplied[b.tail])
        ratio = b.ratio[whole]
        s = stiffness(-1 / (b.y_th[whole] * np.conj(ratio)), ratio)
        shape = (arrays.n_nodes, b.tail.size)
        free = np.setdiff1d(np.flatnonzero(arrays.topology.supplied), arrays.source)
        held = (arrays.source, np.angle(arrays.v_source))
        return cls.made(shape, whole, (b.tail[whole], b.head[whole]), s, np.angle(ratio), held, free)

    @classmethod
    def made(
        cls,
        shape: tuple[int, int],
        whole: IntArray,
        ends: tuple[IntArray, IntArray],
        stiffness: FloatArray,
        shift: FloatArray,
        held: tuple[IntArray, FloatArray],
        free: IntArray,
    ) -> DcGrid:
        """A grid from its columns, as in the class's docstring; shape (nodes, branches), held (nodes, angles).

        Raises `SolveFailed` where its matrix is singular.
        """
        n, (tail, head), s = shape[0], ends, stiffness
        place = np.full(n, NO_NODE, dtype=np.int64)
        place[free] = np.arange(free.size)
        row, col = np.concatenate([tail, head, tail, head]), np.concatenate([tail, head, head, tail])
        matrix = csr_array((np.concatenate([s, s, -s, -s]), (row, col)), shape=(n, n))
        factors = factorize(csc_array(matrix[free][:, free])) if free.size else None
        if free.size and factors is None:
            raise SolveFailed("The DC matrix of this network is singular: look for reactances that cancel out.")
        return cls(n, shape[1], whole, tail, head, s, shift, *held, free, place, factors)

    def angles(self, injection: FloatArray) -> FloatArray:
        """Voltage angles from injections [node, …], without shunts; sources at their own. [node, …], radians"""
        shape = (-1, *[1] * (injection.ndim - 1))
        theta = np.zeros(injection.shape)
        theta[self.held] = self.held_angle.reshape(shape)
        driven = (self.stiffness * (self.shift - (theta[self.tail] - theta[self.head]).T)).T
        wanted = injection.copy()
        np.add.at(wanted, self.tail, driven)
        np.add.at(wanted, self.head, -driven)
        if self.factors is not None:
            theta[self.free] = self.factors.solve(wanted[self.free])
        return theta

    def flows(self, injection: FloatArray) -> FloatArray:
        """Active power that enters every branch at its tail, from injections [node, …]. [branch, …], per unit"""
        theta = self.angles(injection)
        return self.flows_at(theta)

    def flows_at(self, theta: FloatArray) -> FloatArray:
        """Active power that enters every branch at its tail, from angles [node, …]. [branch, …], per unit"""
        flow = np.zeros((self.n_branches, *theta.shape[1:]))
        flow[self.whole] = (self.stiffness * ((theta[self.tail] - theta[self.head]).T - self.shift)).T
        return flow

    def answers(self, nodes: IntArray) -> FloatArray:
        """Flow of every branch per unit injected at these nodes and taken by the sources: PTDF. [branch, node]"""
        unit = np.zeros((self.free.size, nodes.size))
        inside = np.flatnonzero(self.place[nodes] >= 0)
        unit[self.place[nodes[inside]], inside] = 1.0
        return self._flows_of(unit)

    def between(self, branch: IntArray) -> FloatArray:
        """Flow of every branch per unit put in at the tail and taken out at the head of each of these: H above.
        [branch, these]"""
        return self._flows_of(self._across(branch))

    def rows(self, branch: IntArray) -> FloatArray:
        """Flow of each of these branches per unit injected at every node and taken by the sources: rows of the PTDF.
        [these, node]; B is symmetric, so that one solve per branch is enough"""
        factor = np.zeros((branch.size, self.n_nodes))
        if self.factors is not None and branch.size:
            factor[:, self.free] = self.factors.solve(self._across(branch)).T
        stiffness = np.zeros(self.n_branches)
        stiffness[self.whole] = self.stiffness
        return np.asarray(factor * stiffness[branch][:, None])

    def weighted(self, weight: FloatArray) -> FloatArray:
        """Σ weight · PTDF over all branches: what a weighted sum of flows gains per unit injected. [branch] → [node]"""
        driven = weight[self.whole] * self.stiffness
        total = np.bincount(self.tail, driven, self.n_nodes) - np.bincount(self.head, driven, self.n_nodes)
        gained = np.zeros(self.n_nodes)
        if self.factors is not None:
            gained[self.free] = self.factors.solve(total[self.free])
        return gained

    def _across(self, branch: IntArray) -> FloatArray:
        """One unit in at the tail and out at the head of each of these; nothing for those with an open end.
        [free, these]"""
        unit = np.zeros((self.free.size, branch.size))
        ends = np.full((self.n_branches, 2), NO_NODE, dtype=np.int64)
        ends[self.whole, 0], ends[self.whole, 1] = self.place[self.tail], self.place[self.head]
        for end, sign in ((0, 1.0), (1, -1.0)):
            at = ends[branch, end]
            some = np.flatnonzero(at >= 0)
            np.add.at(unit, (at[some], some), sign)
        return unit

    @cached_property
    def _every(self) -> FloatArray:
        """`between` of all branches: pairs ask for the same ones again and again."""
        return self.between(np.arange(self.n_branches))

    def _flows_of(self, unit: FloatArray) -> FloatArray:
        theta = np.zeros((self.n_nodes, unit.shape[1]))
        if self.factors is not None and unit.shape[1]:
            theta[self.free] = self.factors.solve(unit)
        flow = np.zeros((self.n_branches, unit.shape[1]))
        flow[self.whole] = self.stiffness[:, None] * (theta[self.tail] - theta[self.head])
        return flow

    def lodf(self, branch: IntArray) -> FloatArray:
        """Share of what each of these carries that every branch takes over; −1 for itself, NaN where it cuts nodes off.
        [branch, these]"""
        h = self.between(branch)
        own = 1.0 - h[branch, np.arange(branch.size)]
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = np.where(np.abs(own) > _SPLITS, h / own, np.nan)
        factor[branch, np.arange(branch.size)] = -1.0
        factor[:, ~np.isin(branch, self.whole)] = 0.0  # an open end carries nothing
        return factor

    def splits(self, branch: IntArray) -> BoolArray:
        """True where the loss of a branch cuts nodes off: all that is put in at one end takes that branch. [these]"""
        h = self.between(branch)
        return np.asarray(np.abs(1.0 - h[branch, np.arange(branch.size)]) <= _SPLITS)

    def changes(self, h: FloatArray, own: FloatArray, carried: FloatArray) -> FloatArray:
        """Change of every flow where sets of branches are out. [branch, case]; NaN where a set cuts nodes off

        h        [branch, case, k]  `between` of the branches of each case; zero beyond its last
        own      [case, k, k]       the rows of those branches in it
        carried  [case, k]          what they carried
        """
        inner = np.eye(own.shape[1]) - own
        split = singular(inner)
        inner[split] = np.eye(own.shape[1])
        put_in = np.linalg.solve(inner, carried[:, :, None])[:, :, 0]
        change = np.einsum("bck,ck->bc", h, put_in)
        change[:, split] = np.nan
        return np.asarray(change)

    def outage_flows(self, injection: FloatArray, outages: list[tuple[int, ...]]) -> FloatArray:
        """Flows with sets of branches out, from injections [node]. [branch, case], per unit

        Zero for those that are out, NaN where a set cuts nodes off.
        """
        base = self.flows(injection)
        k = max((len(rows) for rows in outages), default=1)
        branch = np.array([[*rows, *[-1] * (k - len(rows))] for rows in outages], dtype=np.int64).reshape(-1, k)
        flow = base[:, None] + self.changes_by_case(branch, base[:, None])
        for case, rows in enumerate(outages):
            flow[list(rows), case] = 0.0 * flow[list(rows), case]
        return np.asarray(flow)

    def changes_by_case(self, branch: IntArray, carried: FloatArray) -> FloatArray:
        """The same as `changes` for branches [case, k], −1 beyond the last, that carried what they do in
        carried [branch, case or 1]."""
        there = branch >= 0
        if self.n_branches <= _ALL_KEPT:
            every, place = self._every, np.maximum(branch, 0)
        else:
            used, place = np.unique(np.maximum(branch, 0), return_inverse=True)
            every, place = self.between(used), place.reshape(branch.shape)
        h = every[:, place] * there
        own = every[np.maximum(branch, 0)[:, :, None], place[:, None, :]] * (there[:, :, None] & there[:, None, :])
        row = np.maximum(branch, 0)
        column = np.arange(branch.shape[0])[:, None] if carried.shape[1] > 1 else 0
        return self.changes(h, own, np.where(there, carried[row, column], 0.0))


def stiffness(z: ComplexArray, ratio: ComplexArray) -> FloatArray:
    """1/(x |t|) of branches with series impedance z and ratio t; a reactance counts as at least a share of |z|."""
    x = np.where(np.abs(z.imag) > LEAST_REACTANCE * np.abs(z), z.imag, LEAST_REACTANCE * np.abs(z))
    return np.asarray(1 / (x * np.abs(ratio)))


def singular(matrix: FloatArray) -> BoolArray:
    """Whether matrices [case, k, k] are singular but for rounding. [case]"""
    if matrix.shape[0] == 0:
        return np.zeros(0, dtype=bool)
    smallest = np.linalg.svd(matrix, compute_uv=False)[:, -1]
    return np.asarray(smallest <= _SPLITS)


def ptdf(net: Network) -> pd.DataFrame:
    """Power transfer distribution factors: MW that every branch carries more per MW injected at a bus. [branch, bus]

    The sources take what is injected. Buses without supply answer with NaN.
    Raises `InvalidNetwork` where the network's tables are wrong. Source and equations: this module's head.
    """
    check(net)
    arrays = build_arrays(net)
    dc, node = DcGrid.of(arrays), arrays.topology.node_of
    known = (node != NO_NODE) & arrays.topology.supplied[node]
    factor = np.full((arrays.branches.tail.size, node.size), np.nan)
    factor[:, known] = dc.answers(node[known])
    return pd.DataFrame(factor, index=_branches(arrays), columns=net.bus.index)


def lodf(net: Network) -> pd.DataFrame:
    """Line outage distribution factors: MW that every branch (row) takes over per MW that an outage (column) had
    carried.

    −1 on the diagonal; NaN in the columns of branches that cut buses off. Transformers with phase shift included.
    Raises `InvalidNetwork` where the network's tables are wrong. Source and equations: this module's head.
    """
    check(net)
    arrays = build_arrays(net)
    factor = DcGrid.of(arrays).lodf(np.arange(arrays.branches.tail.size))
    return pd.DataFrame(factor, index=_branches(arrays), columns=_branches(arrays).rename("outage"))


def psdf(net: Network) -> pd.DataFrame:
    """Phase shift distribution factors: MW that every branch carries more per degree that a transformer (column) turns
    further.

    Raises `InvalidNetwork` where the network's tables are wrong. Source and equations: this module's head.
    """
    check(net)
    arrays = build_arrays(net)
    dc, b = DcGrid.of(arrays), arrays.branches
    rows = np.arange(b.n_lines, b.tail.size)
    h = dc.between(rows)
    stiffness = np.zeros(b.tail.size)
    stiffness[dc.whole] = dc.stiffness
    h[rows, np.arange(rows.size)] -= 1.0
    factor = h * stiffness[rows] * np.deg2rad(1.0) * BASE_MVA
    return pd.DataFrame(factor, index=_branches(arrays), columns=_branches(arrays)[rows].rename("transformer"))


def _branches(arrays: NetworkArrays) -> pd.Index:
    return arrays.branches.ids.rename("branch")
