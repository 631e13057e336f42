"""The price at every bus, split: energy at the reference, losses on the way, and limits.

At an optimum the columns of θ and v read  Jᵀ λ + c = 0, with J the Jacobian of the balances and c what limits of flows,
angles and voltages add. Where a generator holds the voltage with reactive power to spare, λ_Q is zero: its row of Q and
its column of v drop out, and what remains is square, the Jacobian of a power flow with slack, PV and PQ nodes. Then

    λ = λ_ref e  +  (−A⁻ᵀ a λ_ref − λ_ref e)  +  (−A⁻ᵀ c)
        energy       losses                       congestion

Losses are what is left of the price after the other two, so that the three sum to it to the last bit. Source: the split
of nodal prices by a reference, Schweppe et al. (1988), Spot Pricing of Electricity; derivation in docs/math/ac.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_array, csr_array
from scipy.sparse.linalg import splu

from gridloop.optimize.physics.ac_model import AcModel
from gridloop.optimize.solve.ipopt import NonlinearOutcome
from gridloop.units import BASE_MVA, BoolArray, FloatArray

# A generator this far from both limits of its reactive power has some to spare; per unit.
TO_SPARE = 1e-5


@dataclass(frozen=True)
class Prices:
    """Money per MWh and Mvarh [node]; and per MVA and h of rating [branch], the saving by one more."""

    lmp: FloatArray
    energy: FloatArray
    loss: FloatArray
    congestion: FloatArray
    lmq: FloatArray
    rating: FloatArray


def split_prices(model: AcModel, outcome: NonlinearOutcome) -> Prices:
    """Prices from the multipliers of an optimum."""
    m, block, n = model.moment, model.flow, model.moment.n
    dual = outcome.row_dual[-block.lower.size :]
    lam, limit = dual[: 2 * n], dual[2 * n :]
    lmp, lmq = lam[:n] / BASE_MVA, lam[n:] / BASE_MVA
    first = np.zeros(int(m.island.max(initial=-1)) + 1, dtype=np.int64)
    first[m.island[m.reference[::-1]]] = m.reference[::-1]
    energy = lmp[first[m.island]]
    congestion = _congestion(model, outcome, limit) / BASE_MVA
    rating = np.zeros(m.branch_id.size)
    both = limit[: block.limited.size] + limit[block.limited.size :]
    rating[block.limited] = 2 * m.rate[block.limited] * both / BASE_MVA
    return Prices(lmp, energy, lmp - energy - congestion, congestion, lmq, rating)


def _congestion(model: AcModel, outcome: NonlinearOutcome, limit: FloatArray) -> FloatArray:
    """−A⁻ᵀ c at the rows of P; NaN where A is singular. [node], money per hour and per unit"""
    m, block, n = model.moment, model.flow, model.moment.n
    x = outcome.x
    slots = np.empty(block.jacobian_places()[0].size)
    block.jacobian(x, slots)
    row, col = block.jacobian_places()
    own = 4 * n + 8 * m.tail.size
    j = csr_array((slots[:own], (row[:own], col[:own] - block.first)), shape=(2 * n, 2 * n))
    c = np.zeros(2 * n)
    limits = slice(own, own + 4 * limit.size)
    c += np.bincount(col[limits] - block.first, weights=slots[limits] * np.repeat(limit, 4), minlength=2 * n)
    angle = outcome.row_dual[model.angle_rows]
    c += np.bincount(m.tail[model.angle_branch], weights=angle, minlength=2 * n)
    c -= np.bincount(m.head[model.angle_branch], weights=angle, minlength=2 * n)
    c[n:] += outcome.upper_dual[model.v] - outcome.lower_dual[model.v]
    held = _holds_voltage(model, x)
    rows, cols = np.ones(2 * n, dtype=bool), np.ones(2 * n, dtype=bool)
    rows[m.reference] = cols[m.reference] = False
    rows[n:][held] = cols[n:][held] = False
    y = np.zeros(2 * n)
    try:
        factors = splu(csc_array(j[rows][:, cols].T))
        y[rows] = -factors.solve(c[cols])
    except RuntimeError:
        y[:] = np.nan
    return y[:n]


def _holds_voltage(model: AcModel, x: FloatArray) -> BoolArray:
    """Nodes where a generator has reactive power to spare. [node]"""
    m, q = model.moment, x[model.q]
    spare = (q - m.q_min > TO_SPARE) & (m.q_max - q > TO_SPARE)
    held = np.zeros(m.n, dtype=bool)
    held[m.gen_node[spare]] = True
    return held
