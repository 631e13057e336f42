"""The base case that outages are taken from: solved, factorized, and with its own violations on record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from gridloop.errors import SolveFailed
from gridloop.kernel.outage import Paths, find_paths
from gridloop.kernel.worst import Limits
from gridloop.network.arrays import NetworkArrays
from gridloop.network.model import Network
from gridloop.network.topology import NO_NODE
from gridloop.powerflow.contingency.pickup import shares
from gridloop.powerflow.engine import Engine, Start
from gridloop.powerflow.reactive_limits import solve_with_reactive_limits
from gridloop.powerflow.scenario_changes import four
from gridloop.powerflow.solve import Solution, branch_currents, solve
from gridloop.powerflow.violations import LOADING_TOLERANCE_PCT, V_TOLERANCE_PU
from gridloop.units import ComplexArray, FloatArray, IntArray

# The base case is solved to this share of the outages' tolerance, so that what it leaves open moves none of them.
_SHARPER = 1e-2


@dataclass(frozen=True)
class State:
    """A solved base case.

    net, arrays  of it
    wanted       [node]  planned injections, per unit
    v            [node]  its voltages
    at_limit     [generator]  −1, 0, 1: machines that its reactive limits keep from holding their voltage
    p, q         [position]  injections;  magnitude [held] of the nodes that hold one
    start, paths  voltages and factors to start from; no paths where its matrix is singular
    limits       of buses and branches
    bus_rows     [limit]  rows of `net.bus` that `limits.bus` stands for
    """

    net: Network
    arrays: NetworkArrays
    engine: Engine
    wanted: ComplexArray
    v: ComplexArray
    at_limit: IntArray
    p: FloatArray
    q: FloatArray
    magnitude: FloatArray
    start: Start
    paths: Paths | None
    limits: Limits
    bus_rows: IntArray

    @cached_property
    def broken(self) -> int:
        """Limits that do not hold."""
        return int(self.limits.v_broken.sum() + self.limits.i_broken.sum())

    @cached_property
    def afresh(self) -> ComplexArray:
        """Voltages to start from where those of the base case lead nowhere. [position]"""
        return self.engine.afresh(self.wanted).v

    @classmethod
    def of(
        cls,
        net: Network,
        arrays: NetworkArrays,
        wanted: ComplexArray,
        tolerance: float,
        *,
        engine: Engine | None = None,
        participation: Mapping[str, float] | None = None,
        reactive_limits: bool = False,
        start: ComplexArray | None = None,
    ) -> State:
        """Solve a base case and get it ready.

        engine  of the same grid, where there is one already
        start   voltages [node] to start from, where some are near

        Raises `SolveFailed` where it has no solution: there is nothing to take out of.
        """
        solution, at_limit = _solved(net, arrays, wanted, tolerance * _SHARPER, reactive_limits, start)
        v = solution.v[:, 0]
        if engine is None:
            engine = Engine.build(arrays, tolerance, shares(net, arrays, participation))
        at = engine.start_from(v)
        return cls._ready(net, arrays, engine, wanted, v, solution.injected[:, 0], at_limit, at)

    @classmethod
    def _ready(
        cls,
        net: Network,
        arrays: NetworkArrays,
        engine: Engine,
        wanted: ComplexArray,
        v: ComplexArray,
        injected: ComplexArray,
        at_limit: IntArray,
        start: Start,
    ) -> State:
        p, q = wanted.real[engine.node].copy(), wanted.imag[engine.node].copy()
        if engine.share.size:  # what the source gives in the base case is its plan; the rest is shared out
            p[engine.grid.unknowns :] = injected.real[engine.node[engine.grid.unknowns :]]
        held = np.concatenate([arrays.v_set[np.isin(arrays.regulated, engine.held_node)], np.abs(arrays.v_source)])
        paths = None if start.factors is None else find_paths(engine.plan, start.factors)
        limits, bus_rows = _limits(net, arrays, engine, v)
        return cls(net, arrays, engine, wanted, v, at_limit, p, q, held, start, paths, limits, bus_rows)

    def with_share(self, share: FloatArray) -> State:
        """The same state with other shares in the balance. [node]"""
        return replace(self, engine=replace(self.engine, share=share[self.engine.node]))


def _solved(
    net: Network,
    arrays: NetworkArrays,
    wanted: ComplexArray,
    tolerance: float,
    reactive_limits: bool,
    start: ComplexArray | None,
) -> tuple[Solution, IntArray]:
    at_limit = np.zeros(len(net.generator), dtype=np.int64)
    for v0 in (start, None) if start is not None else (None,):
        # Rounding may keep a large grid from the sharper tolerance; the plain one is then all there is.
        for goal in (tolerance, tolerance / _SHARPER):
            if reactive_limits:
                solution, at_limit = solve_with_reactive_limits(net, arrays, wanted, start=v0, tolerance=goal)
            else:
                solution = solve(arrays, wanted, start=v0, tolerance=goal)
            if solution.converged.all():
                return solution, at_limit
    raise SolveFailed(
        f"The base case of {net.name or 'this network'} has no power flow to take elements out of: "
        f"{float(solution.mismatch.max()):.1e} pu are left at a node. `gl.power_flow` says why.",
        mismatch_pu=float(solution.mismatch.max()),
    )


def _limits(net: Network, arrays: NetworkArrays, engine: Engine, v: ComplexArray) -> tuple[Limits, IntArray]:
    """Limits of what is supplied, and what the base case at voltages v [node] breaks."""
    node = arrays.topology.node_of
    position = np.where(node == NO_NODE, NO_NODE, engine.position[node])
    rows = np.flatnonzero(position >= 0)
    low, high = (net.bus[column].to_numpy(dtype=float)[rows] for column in ("v_min_pu", "v_max_pu"))
    half = np.where(np.isfinite(high - low) & (high > low), (high - low) / 2, np.inf)
    middle = np.where(np.isfinite(half), (high + low) / 2, 0.0)
    least = np.where(np.isfinite(low), np.square(np.maximum(low - V_TOLERANCE_PU, 0.0)), -1.0)
    most = np.where(np.isfinite(high), np.square(high + V_TOLERANCE_PU), np.inf)
    size = np.square(np.abs(v[node[rows]]))
    b = arrays.branches
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = 1.0 / np.square(b.rating_pu)
    scale = np.where(np.isfinite(scale), scale, 0.0)
    ends = [np.where(end == NO_NODE, NO_NODE, engine.position[end]) for end in (b.tail, b.head)]
    y = four(b)
    rated = np.flatnonzero((scale > 0).any(axis=1) & (y != 0).any(axis=1) & (np.maximum(*ends) >= 0))
    tail, head = branch_currents(b, v[:, None])
    loading = np.fmax(*(np.square(np.abs(i[:, 0])) * scale[:, k] for k, i in enumerate((tail, head))))[rated]
    allowed = float(np.square(1.0 + LOADING_TOLERANCE_PCT / 100))
    limits = Limits(
        position[rows],
        least,
        most,
        middle,
        half,
        (size < least) | (size > most),
        ends[0][rated],
        ends[1][rated],
        rated,
        np.ascontiguousarray(np.stack([y.real, y.imag], axis=2).reshape(-1, 8)[rated]),
        np.ascontiguousarray(scale[rated]),
        allowed,
        loading > allowed,
    )
    return limits, rows
