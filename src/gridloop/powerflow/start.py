"""Where Newton's method starts: at the angles of the DC flow, where impedances instead of powers lead, or flat."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.sparse import csc_array, csr_array, diags_array
from scipy.sparse.csgraph import connected_components

from gridloop.network.arrays import NetworkArrays
from gridloop.network.topology import NO_NODE
from gridloop.powerflow.admittance import supplied_admittance
from gridloop.powerflow.newton import factorize
from gridloop.units import ComplexArray, FloatArray

# A reactance counts as at least this share of the impedance: the DC flow has no answer for a branch without one.
LEAST_REACTANCE = 0.05


def starts(arrays: NetworkArrays, injection: ComplexArray) -> list[Callable[[], ComplexArray]]:
    """Where to start, the most promising first: voltages [node] or [node, scenario] when called.

    injection  [node, scenario], per unit
    """
    at_angles, flat = partial(dc_start, arrays, injection), partial(flat_start, arrays)
    if arrays.regulated.size:
        return [at_angles, flat]
    return [partial(linear_start, arrays, injection), flat, at_angles]


def flat_start(arrays: NetworkArrays) -> ComplexArray:
    """1 pu everywhere, at the angle of the source and turned by the phase shifts on the way from it. [node]

    Without the turn, a vector group of 150° alone would start Newton from the wrong side.
    """
    v = np.ones(arrays.n_nodes, dtype=complex)
    v[arrays.regulated] = arrays.v_set
    v *= np.exp(1j * _angle_of_shifts(arrays))
    v[arrays.source] = arrays.v_source
    return v


def linear_start(arrays: NetworkArrays, injection: ComplexArray) -> ComplexArray:
    """Voltages with an impedance in the place of every injection, the one that takes its power at 1 pu.
    [node, scenario]; flat where there is no such state

    injection  [node, scenario], per unit

    Where nobody but the sources holds a voltage it is close to the state with high voltages, and knows drops along
    feeders and vector groups. A flat start may lead Newton to one with low voltages.
    """
    matrix, lit = supplied_admittance(arrays)
    source = np.isin(lit, arrays.source)
    free = np.flatnonzero(~source)
    flat = flat_start(arrays)
    v = np.repeat(flat[:, None], injection.shape[1], axis=1)
    driven = -(matrix[free] @ np.where(source, flat[lit], 0.0))
    among = matrix[free][:, free]
    for k in range(injection.shape[1]):
        factors = factorize(csc_array(among - diags_array(np.conj(injection[lit[free], k]))))
        if factors is not None:
            v[lit[free], k] = factors.solve(driven)
    return v


def dc_start(arrays: NetworkArrays, injection: ComplexArray) -> ComplexArray:
    """Angles of the DC power flow; the mean of the set-points where nobody holds the voltage. [node, scenario]

    injection  [node, scenario], per unit

    Long transmission grids need it: their angles are too far from those of a flat start.
    Source: Stott, Jardim and Alsac (2009), DC power flow revisited.
    """
    b, n = arrays.branches, arrays.n_nodes
    whole = (b.tail != NO_NODE) & (b.head != NO_NODE)
    t, h, ratio = b.tail[whole], b.head[whole], b.ratio[whole]
    z = -1 / (b.y_th[whole] * np.conj(ratio))
    x = np.where(np.abs(z.imag) > LEAST_REACTANCE * np.abs(z), z.imag, LEAST_REACTANCE * np.abs(z))
    stiffness = 1 / (x * np.abs(ratio))
    driven = np.zeros(n)  # what the phase shifts drive, as if it were injected
    np.add.at(driven, t, stiffness * np.angle(ratio))
    np.add.at(driven, h, -stiffness * np.angle(ratio))
    rows, cols = np.concatenate([t, h, t, h]), np.concatenate([t, h, h, t])
    matrix = csr_array((np.concatenate([stiffness, stiffness, -stiffness, -stiffness]), (rows, cols)), shape=(n, n))
    theta = np.zeros(injection.shape)
    theta[arrays.source] = np.angle(arrays.v_source)[:, None]
    wanted = injection.real - arrays.shunt.real[:, None] + driven[:, None] - matrix @ theta
    free = np.setdiff1d(np.flatnonzero(arrays.topology.supplied), arrays.source)
    factors = factorize(csc_array(matrix[free][:, free]))
    if factors is not None:
        theta[free] = factors.solve(wanted[free])
    held = np.concatenate([arrays.v_set, np.abs(arrays.v_source)])
    v = np.full(n, held.mean() if held.size else 1.0)
    v[arrays.regulated] = arrays.v_set
    v[arrays.source] = np.abs(arrays.v_source)
    return np.asarray(v[:, None] * np.exp(1j * theta))


def _angle_of_shifts(arrays: NetworkArrays) -> FloatArray:
    """Angle of every zone between phase-shifting transformers, walked from the sources. [node]"""
    b, n = arrays.branches, arrays.n_nodes
    whole = (b.tail != NO_NODE) & (b.head != NO_NODE)
    shift = np.angle(b.ratio)
    shifted = whole & (np.abs(shift) > 1e-9)
    plain = whole & ~shifted
    graph = csr_array((np.ones(int(plain.sum())), (b.tail[plain], b.head[plain])), shape=(n, n))
    count, zone = connected_components(graph, directed=False)
    angle = np.full(count, np.nan)
    angle[zone[arrays.source]] = np.angle(arrays.v_source)
    bridges = np.flatnonzero(shifted)
    reached = True
    while reached:
        reached = False
        for row in bridges:
            t, h = zone[b.tail[row]], zone[b.head[row]]
            if np.isnan(angle[t]) == np.isnan(angle[h]):
                continue
            reached = True
            if np.isnan(angle[h]):
                angle[h] = angle[t] - shift[row]
            else:
                angle[t] = angle[h] + shift[row]
    return np.asarray(np.nan_to_num(angle)[zone])
