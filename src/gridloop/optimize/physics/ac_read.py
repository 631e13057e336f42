"""The answer of an AC optimal power flow as tables, and a look at it that does not use the model's own rows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.network.topology import NO_NODE
from gridloop.optimize import explain_flow
from gridloop.optimize.case import Moment
from gridloop.optimize.optimal_flow import BRANCH, BUS, OptimalFlow
from gridloop.optimize.physics.ac_model import AcModel
from gridloop.optimize.physics.ac_prices import Prices, split_prices
from gridloop.optimize.physics.ac_start import AcStart
from gridloop.optimize.physics.answer_tables import bus_table, emissions_t, generator_table
from gridloop.optimize.solve.ipopt import NonlinearOutcome
from gridloop.units import BASE_MVA, ComplexArray, FloatArray


def read_answer(model: AcModel, outcome: NonlinearOutcome, build_s: float) -> OptimalFlow:
    """Tables, prices and reasons of an optimum."""
    m, x = model.moment, outcome.x
    theta, v, p, q = x[model.theta], x[model.v], x[model.p], x[model.q]
    voltage = np.asarray(v * np.exp(1j * theta), dtype=complex)
    prices = split_prices(model, outcome)
    branch = branch_table(m, voltage, prices)
    lines = m.arrays.branches.n_lines
    cost = explain_flow.cost_per_h(m, p)
    why = explain_flow.reasons(m, p, prices.lmp[m.gen_node], prices.congestion[m.gen_node])
    taken = branch[["p_tail_mw", "p_head_mw"]].to_numpy(dtype=float)
    shunts = float(m.arrays.shunt.real[m.at] @ v**2) * BASE_MVA
    return OptimalFlow(
        network=m.net,
        physics="ac",
        status="optimal",
        cost=float(cost.sum()),
        generator=generator_table(m, p, q, cost, why),
        bus=_bus_table(m, theta, v, prices),
        line=branch.iloc[:lines],
        transformer=branch.iloc[lines:],
        losses_mw=float(np.nansum(taken)) + shunts,
        emissions_t=emissions_t(m, p),
        build_s=build_s,
        solve_s=outcome.seconds,
        iterations=outcome.iterations,
        violations_max_pu=largest_violation(m, voltage, theta, p, q),
        state={"start": AcStart(theta, v, p, q, m.branch_id.size, known=True, duals=model.duals)},
    )


def largest_violation(m: Moment, v: ComplexArray, theta: FloatArray, p: FloatArray, q: FloatArray) -> float:
    """The worst balance or limit, from the admittance matrix and complex voltages; per unit (angles: rad)."""
    y = m.arrays.admittance()[m.at][:, m.at]
    given = np.bincount(m.gen_node, weights=p, minlength=m.n) + 1j * np.bincount(m.gen_node, weights=q, minlength=m.n)
    gap = given - (m.p_load + 1j * m.q_load) - v * np.conj(y @ v)
    at_tail = np.abs(v[m.tail] * np.conj(m.y_tt * v[m.tail] + m.y_th * v[m.head]))
    at_head = np.abs(v[m.head] * np.conj(m.y_ht * v[m.tail] + m.y_hh * v[m.head]))
    d, size = theta[m.tail] - theta[m.head], np.abs(v)
    excess = [
        np.abs(gap.real), np.abs(gap.imag), at_tail - m.rate, at_head - m.rate, d - m.angle_max, m.angle_min - d,
        size - m.v_max, m.v_min - size, p - m.p_max, m.p_min - p, q - m.q_max, m.q_min - q,
    ]  # fmt: skip
    worst = max(float(np.max(part, initial=0.0)) for part in excess)
    return worst if all(np.isfinite(part).all() for part in (theta, size, p, q)) else float("inf")


def branch_table(m: Moment, v: ComplexArray, prices: Prices) -> pd.DataFrame:
    """All lines, then all transformers. NaN where a branch is out of service or not supplied."""
    b = m.arrays.branches
    full = np.full(m.arrays.n_nodes + 1, complex(np.nan, np.nan))
    full[m.at] = v
    full[-1] = 0.0  # an open end: NO_NODE is −1
    tail, head = full[b.tail], full[b.head]
    s_tail = tail * np.conj(b.y_tt * tail + b.y_th * head) * BASE_MVA
    s_head = head * np.conj(b.y_ht * tail + b.y_hh * head) * BASE_MVA
    dead = (b.tail == NO_NODE) & (b.head == NO_NODE)
    s_tail[dead] = s_head[dead] = complex(np.nan, np.nan)
    size = np.maximum(np.abs(s_tail), np.abs(s_head))
    loading, shadow = np.full(size.size, np.nan), np.full(size.size, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = size[m.branch_row] / BASE_MVA / m.rate
    limited = np.isfinite(m.rate)
    loading[m.branch_row[limited]] = 100 * share[limited]
    shadow[m.branch_row[limited]] = prices.rating[limited]
    values = [s_tail.real, s_tail.imag, s_head.real, s_head.imag, loading, shadow]
    return pd.DataFrame(dict(zip(BRANCH, values, strict=True)), index=b.ids)


def _bus_table(m: Moment, theta: FloatArray, v: FloatArray, prices: Prices) -> pd.DataFrame:
    values = (v, np.rad2deg(theta), prices.lmp, prices.energy, prices.loss, prices.congestion, prices.lmq)
    return bus_table(m, dict(zip(BUS, values, strict=True)))
