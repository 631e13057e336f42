"""Where an AC optimal power flow begins: voltages at which next to nothing flows, or an earlier answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_array
from scipy.sparse.linalg import splu

from gridloop.optimize.case import Moment
from gridloop.optimize.optimal_flow import OptimalFlow
from gridloop.units import FloatArray

# How much a voltage is drawn to the middle of its band; the branches draw it with their admittance, per unit.
TO_THE_MIDDLE = 1.0


@dataclass(frozen=True, eq=False)
class AcStart:
    """Angles and magnitudes [node], and of an earlier answer the generators' p and q [gen], per unit.

    branches: how many there are. known: True where it is an earlier answer."""

    theta: FloatArray
    v: FloatArray
    p: FloatArray
    q: FloatArray
    branches: int
    known: bool = False
    duals: tuple[FloatArray, ...] | None = None  # of balances, limits, lower and upper bounds


def begin(m: Moment, earlier: OptimalFlow | None = None) -> AcStart:
    """A start for a moment; an earlier answer counts where it is one of the same nodes, branches and generators."""
    state = {} if earlier is None or not earlier.solved else earlier.state
    known = state.get("start")
    if isinstance(known, AcStart) and (known.v.size, known.p.size, known.branches) == (
        m.n, m.gen_id.size, m.branch_id.size,
    ):  # fmt: skip
        return known
    theta, v = _at_rest(m)
    none = np.full(m.gen_id.size, np.nan)
    return AcStart(theta, v, none, none, m.branch_id.size)


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
