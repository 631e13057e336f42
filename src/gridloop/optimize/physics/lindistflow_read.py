"""A LinDistFlow outcome as tables: voltages, flows at both ends, prices of active and reactive power, reasons."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.diagnosis import Diagnosis
from gridloop.optimize.explain_flow import cost_per_h, reasons
from gridloop.optimize.optimal_flow import BRANCH, OptimalFlow, without_answer
from gridloop.optimize.physics.answer_tables import (
    ADVICE,
    NO_PRICE,
    bus_table,
    by_kind,
    emissions_t,
    generator_table,
)
from gridloop.optimize.physics.lindistflow import LinDistFlow, LinDistFlowModel
from gridloop.optimize.physics.lindistflow_ac import ac_check
from gridloop.optimize.physics.lindistflow_cuts import CutModel, CutOutcome
from gridloop.units import BASE_MVA, FloatArray


def read_flow(physics: LinDistFlow, model: LinDistFlowModel, outcome: CutOutcome, build_s: float) -> OptimalFlow:
    """The answer, or why there is none."""
    m = model.moment
    if outcome.status != "optimal":
        told = {"build_s": build_s, "solve_s": outcome.seconds}
        diagnosis = _no_answer(model, outcome)
        return without_answer(
            m.net, physics.name, outcome.status, diagnosis, iterations=outcome.iterations, **told
        )  # fmt: skip
    x = outcome.x
    p, q = x[model.p], x[model.q]
    cost = cost_per_h(m, p)
    bus = _buses(model, outcome)
    generator = _generators(model, outcome, bus, p, q, cost)
    line, transformer = _branches(model, outcome)
    state = physics.state()
    if physics.compare:
        state["ac_check"] = ac_check(m.net, generator, bus["v_pu"])
    return OptimalFlow(
        network=m.net,
        physics=physics.name,
        status="optimal",
        cost=float(cost.sum()),
        generator=generator,
        bus=bus,
        line=line,
        transformer=transformer,
        losses_mw=float(losses(model, x) * BASE_MVA),
        emissions_t=emissions_t(m, p),
        build_s=build_s,
        solve_s=outcome.seconds,
        iterations=outcome.iterations,
        violations_max_pu=violation(model, x),
        state=state,
    )


def losses(model: LinDistFlowModel, x: FloatArray) -> float:
    """Estimate Σ r (P² + Q²) / w behind the ratio, and what shunts take. Per unit"""
    m, w = model.moment, x[model.w]
    behind = w[m.tail] / model.squared
    series = m.r * (x[model.flow_p] ** 2 + x[model.flow_q] ** 2) / np.where(behind > 0, behind, 1.0)
    shunts = m.shunt.real @ w + model.at_tail.real @ w[m.tail] + model.at_head.real @ w[m.head]
    return float(series.sum() + shunts)


def violation(model: LinDistFlowModel, x: FloatArray) -> float:
    """Largest violation of a balance, law or limit, from the equations rather than the model's rows. Per unit"""
    m, w, theta = model.moment, x[model.w], x[model.theta]
    s = x[model.flow_p] + 1j * x[model.flow_q]
    tail, head = model.ends(x)
    given = np.bincount(m.gen_node, x[model.p], m.n) + 1j * np.bincount(m.gen_node, x[model.q], m.n)
    balance = given - (m.p_load + 1j * m.q_load) - np.conj(m.shunt) * w
    for node, power in ((m.tail, tail), (m.head, head)):
        balance -= np.bincount(node, power.real, m.n) + 1j * np.bincount(node, power.imag, m.n)
    z = m.r + 1j * m.x
    # w'/2 + jθ falls by conj(z) S: both laws at once.
    drop = (w[m.tail] / model.squared - w[m.head]) / 2 - np.real(np.conj(z) * s)
    turn = theta[m.tail] - theta[m.head] - np.angle(m.ratio) - np.imag(z * np.conj(s))
    over = [
        np.abs(balance.real), np.abs(balance.imag), np.abs(drop), np.abs(turn),
        np.abs(tail) - m.rate, np.abs(head) - m.rate, np.sqrt(np.maximum(w, 0.0)) - m.v_max,
        m.v_min - np.sqrt(np.maximum(w, 0.0)), x[model.p] - m.p_max, m.p_min - x[model.p], x[model.q] - m.q_max,
        m.q_min - x[model.q], theta[m.tail] - theta[m.head] - m.angle_max, m.angle_min - theta[m.tail] + theta[m.head],
    ]  # fmt: skip
    worst = max(float(np.max(part, initial=0.0)) for part in over)
    return worst if np.isfinite(x).all() else float("inf")


def no_answer(model: CutModel, outcome: CutOutcome, element: dict[str, pd.Index], plain: list[str]) -> Diagnosis:
    """Why there is none: the conflict where nothing keeps all limits, the solver's own word otherwise."""
    if outcome.status == "infeasible":
        from gridloop.optimize.conflict import conflicting_rules

        laws = ("voltage_drop", "flow_law", "balance", "reactive_balance", "source_balance", "angle")
        return conflicting_rules(model.system(element, BASE_MVA), plain=plain, laws=laws)
    cause = f"The LinDistFlow model ended {outcome.status!r} after {outcome.rounds} rounds."
    return Diagnosis(outcome.status, [cause], ADVICE.get(outcome.status, ""), {"rounds": outcome.rounds})


def _no_answer(model: LinDistFlowModel, outcome: CutOutcome) -> Diagnosis:
    from gridloop.optimize.conflict import plain_causes

    m = model.moment
    limited = np.isfinite(m.angle_min) | np.isfinite(m.angle_max)
    element = {
        "voltage": m.bus, "angle": m.bus, "balance": m.bus, "reactive_balance": m.bus, "flow": m.branch_id,
        "reactive_flow": m.branch_id, "voltage_drop": m.branch_id, "flow_law": m.branch_id, "p": m.gen_id,
        "q": m.gen_id, "angle_limit": m.branch_id[limited], "cost": m.gen_id[sorted(m.curves)],
    }  # fmt: skip
    plain = []
    if outcome.status == "infeasible":
        plain = [f"{cause.sentence[0].upper()}{cause.sentence[1:]}." for cause in plain_causes(m)]
    return no_answer(model, outcome, element, plain)


def _buses(model: LinDistFlowModel, o: CutOutcome) -> pd.DataFrame:
    m = model.moment
    price = o.row_dual[model.balance_p] / BASE_MVA
    first = np.zeros(int(m.island.max(initial=-1)) + 1, dtype=np.int64)
    first[m.island[m.reference[::-1]]] = m.reference[::-1]
    energy = price[first[m.island]]
    columns = {
        "v_pu": np.sqrt(np.maximum(o.x[model.w], 0.0)),
        "angle_deg": np.rad2deg(o.x[model.theta]),
        "lmp_per_mwh": price,
        "energy_per_mwh": energy,
        "loss_per_mwh": np.zeros(m.n),
        "congestion_per_mwh": price - energy,
        "lmq_per_mvarh": o.row_dual[model.balance_q] / BASE_MVA,
    }
    return bus_table(m, columns)


def _branches(model: LinDistFlowModel, o: CutOutcome) -> tuple[pd.DataFrame, pd.DataFrame]:
    m, b = model.moment, model.moment.arrays.branches
    columns = {name: np.full(b.tail.size, np.nan) for name in BRANCH}
    tail, head = model.ends(o.x)
    # A branch open at one end carries what its own shunt takes there: it is part of the node's shunt.
    full = np.zeros(m.arrays.n_nodes + 1)
    full[m.at] = o.x[model.w]
    for end, power, y in (("tail", tail, b.y_tt), ("head", head, b.y_hh)):
        node = b.tail if end == "tail" else b.head
        other = b.head if end == "tail" else b.tail
        served = (node >= 0) & np.isin(node, m.at)
        total = np.where(served, np.conj(y) * full[node], complex(np.nan, np.nan))
        total[~served & (other >= 0) & np.isin(other, m.at)] = 0.0
        total[m.branch_row] = power
        columns[f"p_{end}_mw"], columns[f"q_{end}_mvar"] = total.real * BASE_MVA, total.imag * BASE_MVA
    row, rated = m.branch_row, np.isfinite(m.rate)
    size = np.maximum(np.abs(tail), np.abs(head))
    columns["loading_pct"][row[rated]] = 100 * size[rated] / m.rate[rated]
    shadow = np.zeros(m.tail.size)
    for some, dual in zip(model.circles, model.circle_duals(o.row_dual), strict=True):
        shadow[some.place] += dual / BASE_MVA
    columns["shadow_price_per_mwh"][row[rated]] = shadow[rated]
    return by_kind(m, pd.DataFrame(columns, index=b.ids))


def _generators(
    model: LinDistFlowModel, o: CutOutcome, bus: pd.DataFrame, p: FloatArray, q: FloatArray, cost: FloatArray
) -> pd.DataFrame:
    """Outputs with their reasons, `source:ID` at the end; NaN where out of service."""
    m = model.moment
    price = o.row_dual[model.balance_p] / BASE_MVA
    first = pd.Index(m.bus)
    congestion = bus["congestion_per_mwh"].reindex(first).to_numpy(dtype=float)
    code, binding, shadow = reasons(m, p, price[m.gen_node], congestion[m.gen_node])
    _name_limits(model, o, code, binding)
    return generator_table(m, p, q, cost, (code, binding, shadow))


def _name_limits(model: LinDistFlowModel, o: CutOutcome, code: list[str], binding: list[str]) -> None:
    """Where the network decides, the voltage or rating in the island whose limit is worth most."""
    m = model.moment
    # A band of no width is a voltage that is held, not one that a choice ran into.
    voltage = np.where(m.v_min < m.v_max, o.reduced_cost[model.w], 0.0)
    worth, island = [np.abs(voltage)], [m.island]
    names = [[f"voltage_{_side(voltage, k)}:{m.bus[k]}" for k in range(m.n)]]
    for some, dual in zip(model.circles, model.circle_duals(o.row_dual), strict=True):
        worth.append(dual)
        island.append(m.island[m.tail[some.place]])
        names.append([f"loading:{element}" for element in some.element])
    every, where, said = np.concatenate(worth), np.concatenate(island), [name for part in names for name in part]
    little = NO_PRICE * max(1.0, float(np.abs(o.row_dual).max(initial=0.0)))
    for g, word in enumerate(code):
        here = np.where(where == m.island[m.gen_node[g]], every, 0.0)
        if word.startswith("constrained") and not binding[g] and here.max() > little:
            binding[g] = said[int(np.argmax(here))]


def _side(reduced_cost: FloatArray, k: int) -> str:
    """A lower bound has a positive reduced cost."""
    return "low" if reduced_cost[k] > 0 else "high"
