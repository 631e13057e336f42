"""Where an AC optimal power flow begins: angles of a DC flow of a proportional dispatch, or an earlier answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_array, csr_array
from scipy.sparse.linalg import splu

from gridloop.optimize.case import Moment
from gridloop.optimize.optimal_flow import OptimalFlow
from gridloop.units import BASE_MVA, FloatArray

# A reactance counts as at least this share of the impedance, or the DC flow has no answer for a branch without one.
LEAST_REACTANCE = 0.05

# How much a voltage is drawn to the middle of its band; the branches draw it with their admittance, per unit.
TO_THE_MIDDLE = 1.0


@dataclass(frozen=True, eq=False)
class AcStart:
    """Angles and magnitudes [node], generators' p and q [gen], and the flow of every branch as a share of its rating
    [branch]; per unit. known: True where they are those of an earlier answer."""

    theta: FloatArray
    v: FloatArray
    p: FloatArray
    q: FloatArray
    loading: FloatArray
    known: bool = False
    duals: tuple[FloatArray, ...] | None = None  # of balances, limits, lower and upper bounds


def begin(m: Moment, earlier: OptimalFlow | None = None) -> AcStart:
    """A start for a moment; an earlier answer counts where it is one of the same nodes, branches and generators."""
    state = {} if earlier is None or not earlier.solved else earlier.state
    known = state.get("start")
    if isinstance(known, AcStart) and (known.v.size, known.p.size, known.loading.size) == (
        m.n, m.gen_id.size, m.branch_id.size,
    ):  # fmt: skip
        return known
    p = _proportional(m)
    _, flow = _dc_angles(m, p)
    theta, v = _at_rest(m)
    with np.errstate(divide="ignore", invalid="ignore"):
        loading = np.where(np.isfinite(m.rate), np.abs(flow) / m.rate, 0.0)
    return AcStart(theta, v, p, _middle(m.q_min, m.q_max, 0.0), np.nan_to_num(loading))


def _middle(low: FloatArray, high: FloatArray, otherwise: float) -> FloatArray:
    """The middle of two limits; `otherwise` where one is infinite."""
    finite = np.isfinite(low) & np.isfinite(high)
    return np.where(finite, np.where(finite, low, 0.0) / 2 + np.where(finite, high, 0.0) / 2, otherwise)


def _at_rest(m: Moment) -> tuple[FloatArray, FloatArray]:
    """Angles and magnitudes at which next to nothing flows: ratios and phase shifts followed from node to node, strong
    branches first, and magnitudes otherwise in the middle of their band. [node] each

    Interior points take fewer steps from here than from a flow that is not theirs (case118: 24 against 39), but with
    all voltages equal a transformer of small impedance and a ratio of 0.9 would begin at thousands of per unit.
    """
    middle = _middle(m.v_min, m.v_max, 1.0)
    theta = np.zeros(int(m.island.max(initial=-1)) + 1)
    theta[m.island[m.reference]] = m.reference_angle
    theta = theta[m.island]
    theta[m.reference] = m.reference_angle
    y = 1 / np.maximum(np.hypot(m.r, m.x), 1e-9)
    if (m.ratio == 1).all():
        return theta, middle
    rows, cols = np.concatenate([m.tail, m.head, m.tail, m.head]), np.concatenate([m.tail, m.head, m.head, m.tail])
    matrix = csc_array((np.concatenate([y, y, -y, -y]), (rows, cols)), shape=(m.n, m.n))

    def driven(by: FloatArray) -> FloatArray:
        return np.asarray(
            np.bincount(m.tail, weights=y * by, minlength=m.n) - np.bincount(m.head, weights=y * by, minlength=m.n)
        )

    drawn = csc_array((np.full(m.n, TO_THE_MIDDLE), (np.arange(m.n), np.arange(m.n))), shape=(m.n, m.n))
    logs = splu(csc_array(matrix + drawn)).solve(driven(np.log(np.abs(m.ratio))) + TO_THE_MIDDLE * np.log(middle))
    v = np.clip(np.exp(logs), m.v_min, m.v_max)
    turn = np.angle(m.ratio)
    if np.abs(turn).max(initial=0.0) > 0:
        free = np.setdiff1d(np.arange(m.n), m.reference)
        theta[free] = 0.0
        theta[free] = splu(csc_array(matrix[free][:, free])).solve((driven(turn) - matrix @ theta)[free])
    return theta, v


def _proportional(m: Moment) -> FloatArray:
    """Every generator at the same share of its range, so that its island's load is met; without limits, at its
    schedule. [gen]"""
    low = np.where(np.isfinite(m.p_min), m.p_min, np.minimum(m.p_start, np.where(np.isfinite(m.p_max), m.p_max, 0)))
    high = np.where(np.isfinite(m.p_max), m.p_max, np.maximum(m.p_start, low))
    island, count = m.island[m.gen_node], int(m.island.max(initial=-1)) + 1
    load = np.bincount(m.island, weights=m.p_load + m.shunt.real, minlength=count)
    least, most = (np.bincount(island, weights=x, minlength=count) for x in (low, high))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.clip(np.nan_to_num((load - least) / (most - least)), 0.0, 1.0)
    return np.asarray(low + share[island] * (high - low))


def _dc_angles(m: Moment, p: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Angles and branch flows of the DC flow of a dispatch; its references take what is missing."""
    z = np.hypot(m.r, m.x)
    x = np.where(np.abs(m.x) > LEAST_REACTANCE * z, m.x, LEAST_REACTANCE * z)
    stiff = 1 / (x * np.abs(m.ratio))
    turn = np.angle(m.ratio)
    injected = np.bincount(m.gen_node, weights=p, minlength=m.n) - m.p_load - m.shunt.real
    injected += np.bincount(m.tail, weights=stiff * turn, minlength=m.n)
    injected -= np.bincount(m.head, weights=stiff * turn, minlength=m.n)
    rows, cols = np.concatenate([m.tail, m.head, m.tail, m.head]), np.concatenate([m.tail, m.head, m.head, m.tail])
    matrix = csr_array((np.concatenate([stiff, stiff, -stiff, -stiff]), (rows, cols)), shape=(m.n, m.n))
    theta = np.zeros(m.n)
    theta[m.reference] = m.reference_angle
    free = np.setdiff1d(np.arange(m.n), m.reference)
    try:
        factors = splu(csc_array(matrix[free][:, free]))
    except RuntimeError:  # singular: series capacitors that cancel a line; then flat has to do
        return theta, np.zeros(m.tail.size)
    theta[free] = factors.solve((injected - matrix @ theta)[free])
    return theta, stiff * (theta[m.tail] - theta[m.head] - turn)


def proportional_mw(m: Moment) -> FloatArray:
    """The proportional dispatch, for comparison. [gen], MW"""
    return _proportional(m) * BASE_MVA
