"""Reactive limits: machines that reach the end of their range stop holding the voltage.

A machine at its highest reactive power takes the voltage back when its bus rises above the set-point, and the other
way round, so that the result does not depend on the order in which limits were met.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridloop.network.arrays import NetworkArrays
from gridloop.network.model import Network
from gridloop.powerflow.solve import Solution, solve
from gridloop.units import BASE_MVA, BoolArray, ComplexArray, FloatArray, IntArray

# How often a node may take its voltage back. Two nodes near their limits can hand the voltage to each other for ever;
# the one that has had its chances stays at its limit, which is a solution too.
MAX_RETURNS = 2
# A limit is left behind by this many tolerances: what the flow leaves open must not move a machine.
BEYOND = 10.0


def solve_with_reactive_limits(
    net: Network,
    arrays: NetworkArrays,
    injection: ComplexArray,
    *,
    start: ComplexArray | None = None,
    tolerance: float = 1e-8,
    max_iterations: int = 30,
) -> tuple[Solution, IntArray]:
    """The flow with every node that holds its voltage within its reactive range.

    injection  [node], per unit, without the reactive power of the machines that hold the voltage: it is sought here

    Returns the solution, and per generator −1 at its lowest reactive power, 1 at its highest, 0 elsewhere.
    """
    low, high = reactive_ranges(net, arrays)
    nodes, others = arrays.regulated, injection.imag[arrays.regulated]
    state = np.zeros(nodes.size, dtype=np.int64)
    returns = np.zeros(nodes.size, dtype=np.int64)
    beyond = BEYOND * tolerance
    while True:
        held = state == 0
        s = injection.copy()
        s.imag[nodes] += np.select([state == -1, state == 1], [low, high], 0.0)
        free = replace(arrays, regulated=nodes[held], v_set=arrays.v_set[held])
        solution = solve(free, s, start=start, tolerance=tolerance, max_iterations=max_iterations)
        if not solution.converged.all():
            break
        start = solution.v[:, 0]
        q, v = solution.injected[nodes, 0].imag - others, np.abs(start[nodes])
        new, back = next_state(state, returns, q, v, arrays.v_set, low, high, beyond)
        if (new == state).all():
            break
        returns += back
        state = new
    sign_at = np.zeros(arrays.n_nodes, dtype=np.int64)
    sign_at[nodes] = state
    return solution, np.where(arrays.holds, sign_at[arrays.element_node["generator"]], 0)


def next_state(
    state: NDArray[Any],
    returns: IntArray,
    q: FloatArray,
    v: FloatArray,
    v_set: FloatArray,
    low: FloatArray,
    high: FloatArray,
    beyond: float,
) -> tuple[NDArray[Any], BoolArray]:
    """Which nodes hold their voltage next (0), or stand at the lowest (−1) or highest (1) reactive power; and which
    took their voltage back.

    state, returns  how they stand, and how often they have taken their voltage back
    q, v            reactive power that their machines give, and the voltage there; per unit, as v_set, low and high
    beyond          what counts as beyond a limit, per unit

    All arrays have one shape, of nodes or of nodes and scenarios.
    """
    held = state == 0
    back = ((state == 1) & (v > v_set + beyond)) | ((state == -1) & (v < v_set - beyond))
    back &= returns < MAX_RETURNS
    new = np.where(back, 0, state)
    new[held & (q > high + beyond)] = 1
    new[held & (q < low - beyond)] = -1
    return new, back


def reactive_ranges(net: Network, arrays: NetworkArrays) -> tuple[FloatArray, FloatArray]:
    """Lowest and highest reactive power of the machines that hold each regulated node. [regulated], per unit"""
    ranges = []
    for column, free in (("q_min_mvar", -np.inf), ("q_max_mvar", np.inf)):
        bound = net.generator[column].to_numpy(dtype=float)[arrays.holds] / BASE_MVA
        total = np.zeros(arrays.n_nodes)
        np.add.at(total, arrays.element_node["generator"][arrays.holds], np.where(np.isnan(bound), free, bound))
        ranges.append(total[arrays.regulated])
    return ranges[0], ranges[1]


def share_out(q: FloatArray, low: FloatArray, high: FloatArray, on: BoolArray | None = None) -> FloatArray:
    """Shares of q that stand at the same height in every machine's range; equal ones where a range is missing.
    [machine, scenario], as q

    q          [scenario]           what the machines of a node give together
    low, high  [machine]            their ranges
    on         [machine, scenario]  which of them are in service; all where None
    """
    there = np.ones((low.size, q.size), dtype=bool) if on is None else on
    span = high - low
    with np.errstate(invalid="ignore", divide="ignore"):
        known = ~(there & ~np.isfinite(span)[:, None]).any(axis=0)
        spans, lows = np.where(there, span[:, None], 0.0), np.where(there, low[:, None], 0.0)
        total = spans.sum(axis=0)
        by_height = lows + (q - lows.sum(axis=0)) * spans / total
        equal = q / there.sum(axis=0)
    return np.where(there, np.where(known & (total > 0), by_height, equal), 0.0)
