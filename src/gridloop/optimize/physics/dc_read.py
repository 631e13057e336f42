"""A DC outcome as tables: prices split into energy and congestion, reasons of generators, congestion by branch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gridloop.diagnosis import Diagnosis
from gridloop.errors import BadInput
from gridloop.optimize.case import Moment
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
from gridloop.optimize.physics.dc_model import DcModel, DcOutcome, consumption
from gridloop.units import BASE_MVA, FloatArray, IntArray

if TYPE_CHECKING:
    from gridloop.optimize.physics.dc import Dc

# Nearer to a limit than this is at it, per unit: ten times the solvers' tolerance.
AT_LIMIT = 1e-6


def read_flow(physics: Dc, model: DcModel, outcome: DcOutcome, build_s: float) -> OptimalFlow:
    """The answer, or why there is none."""
    m = model.moment
    if outcome.status != "optimal":
        diagnosis = _no_answer(physics, model, outcome)
        return without_answer(
            m.net, physics.name, outcome.status, diagnosis,
            build_s=build_s, solve_s=outcome.seconds, iterations=outcome.iterations,
        )  # fmt: skip
    cost = cost_per_h(m, outcome.p)
    line, transformer = _branches(model, outcome)
    state = physics.state() | {
        "grid": model.grid,
        "moment": m,
        "outcome": outcome,
    }
    return OptimalFlow(
        network=m.net,
        physics=physics.name,
        status="optimal",
        cost=float(cost.sum()),
        generator=generator_table(m, outcome.p, np.full(outcome.p.size, np.nan), cost, _reasons(model, outcome)),
        bus=_buses(m, outcome),
        line=line,
        transformer=transformer,
        losses_mw=float((consumption(m) - m.p_load).sum() * BASE_MVA),
        emissions_t=emissions_t(m, outcome.p),
        build_s=build_s,
        solve_s=outcome.seconds,
        iterations=outcome.iterations,
        violations_max_pu=violation(model, outcome),
        state=state,
    )


def _no_answer(physics: Dc, model: DcModel, outcome: DcOutcome) -> Diagnosis:
    """Why there is none: the conflict where nothing keeps all limits, the solver's own word otherwise."""
    if outcome.status == "infeasible":
        from gridloop.optimize.conflict.dc import dc_conflict  # it states this very problem again, in angles

        return dc_conflict(model.moment, physics.rule, model=model if model.failed is model else None)
    cause = f"The DC model ended {outcome.status!r} after {outcome.rounds} rounds."
    return Diagnosis(outcome.status, [cause], ADVICE.get(outcome.status, ""), {"rounds": outcome.rounds})


def violation(model: DcModel, outcome: DcOutcome) -> float:
    """Largest violation of a balance or limit, from angles and outputs alone. Per unit"""
    m, g = model.moment, model.grid
    flow = g.stiffness * (outcome.theta[g.tail] - outcome.theta[g.head] - g.shift)
    balance = np.bincount(m.gen_node, outcome.p, m.n) - consumption(m)
    balance -= np.bincount(g.tail, flow, m.n) - np.bincount(g.head, flow, m.n)
    over = [
        np.abs(balance),
        flow - model.high,
        model.low - flow,
        outcome.p - m.p_max,
        m.p_min - outcome.p,
    ]
    return float(max(max(part.max(initial=0.0) for part in over), 0.0))


def _buses(m: Moment, o: DcOutcome) -> pd.DataFrame:
    columns = {
        "v_pu": np.ones(m.n),
        "angle_deg": np.rad2deg(o.theta),
        "lmp_per_mwh": o.price / BASE_MVA,
        "energy_per_mwh": o.energy / BASE_MVA,
        "loss_per_mwh": np.zeros(m.n),
        "congestion_per_mwh": (o.price - o.energy) / BASE_MVA,
        "lmq_per_mvarh": np.full(m.n, np.nan),
    }
    return bus_table(m, columns)


def _branches(model: DcModel, o: DcOutcome) -> tuple[pd.DataFrame, pd.DataFrame]:
    m = model.moment
    n = m.arrays.branches.tail.size
    columns = {name: np.full(n, np.nan) for name in BRANCH}
    served = np.zeros(n, dtype=bool)
    ends = m.arrays.branches
    for end in (ends.tail, ends.head):  # open at the other end, it is there and carries nothing
        served |= (end >= 0) & np.isin(end, m.at)
    columns["p_tail_mw"][served] = columns["p_head_mw"][served] = 0.0
    row = m.branch_row
    columns["p_tail_mw"][row], columns["p_head_mw"][row] = o.flow * BASE_MVA, -o.flow * BASE_MVA
    rated = np.isfinite(m.rate)
    loading = np.full(row.size, np.nan)
    loading[rated] = 100 * np.abs(o.flow[rated]) / m.rate[rated]
    columns["loading_pct"][row] = loading
    columns["shadow_price_per_mwh"][row] = _of_rating(model, o) / BASE_MVA
    return by_kind(m, pd.DataFrame(columns, index=ends.ids))


def _of_rating(model: DcModel, o: DcOutcome) -> FloatArray:
    """What one more MW of a branch's rating saves; zero where its angle limit is the one that binds. [branch]"""
    m = model.moment
    own = o.outage < 0
    total = np.bincount(o.branch[own], -np.abs(o.dual[own]), m.tail.size)
    if model.failed.form == "angles":
        total = -np.abs(o.weight)
    by_angle = np.abs(o.flow) + 10 * AT_LIMIT * np.maximum(1.0, np.abs(o.flow)) < m.rate
    total = np.where(by_angle, 0.0, total)
    after = ~own
    if after.any():  # limits after outages are limits of the rating too
        total = total + np.bincount(o.branch[after], -np.abs(o.dual[after]), m.tail.size)
    return np.abs(total)


def _reasons(model: DcModel, o: DcOutcome) -> tuple[list[str], list[str], FloatArray]:
    """Code, binding limit and shadow price of every generator; where the network decides, the branch that weighs most
    in the price at its bus. [gen]"""
    m = model.moment
    congestion = (o.price - o.energy)[m.gen_node] / BASE_MVA
    code, binding, shadow = reasons(m, o.p, o.price[m.gen_node] / BASE_MVA, congestion)
    moved = [g for g, word in enumerate(code) if word.startswith("constrained") and not binding[g]]
    if moved and binding_branches(o).size:
        for g, branch in zip(moved, _heaviest(model, o, m.gen_node[moved]).tolist(), strict=True):
            binding[g] = f"loading:{m.branch_id[branch]}"
    return code, binding, shadow


def _heaviest(model: DcModel, o: DcOutcome, nodes: IntArray) -> IntArray:
    """The branch whose limit contributes most to the price of each of these nodes."""
    branch = binding_branches(o)
    part = model.grid.rows(branch)[:, nodes] * o.weight[branch][:, None]
    return np.asarray(branch[np.abs(part).argmax(axis=0)])


def binding_branches(o: DcOutcome) -> IntArray:
    """Branches whose multipliers are no rounding."""
    size = NO_PRICE * max(1.0, float(np.abs(o.weight).max(initial=0.0)))
    return np.flatnonzero(np.abs(o.weight) > size)


def congestion_by_branch(flow: OptimalFlow) -> pd.DataFrame:
    """What every binding branch adds to the price at every bus. [bus, branch], money per MWh

    Each row sums to the bus's congestion_per_mwh but for multipliers that are rounding of the solver. Limits after
    outages count for both branches that they involve.
    Raises `BadInput` for a flow that is no DC optimum.
    """
    if flow.physics != "dc" or not flow.solved:
        raise BadInput(f"prices are split by branch for a DC optimum; this one is {flow.physics} and {flow.status}.")
    m, o, grid = flow.state["moment"], flow.state["outcome"], flow.state["grid"]
    branch = binding_branches(o)
    part = (grid.rows(branch) * o.weight[branch][:, None]).T / BASE_MVA
    at = m.node_of_bus
    values = np.full((at.size, branch.size), np.nan)
    values[at >= 0] = part[at[at >= 0]]
    return pd.DataFrame(values, index=flow.bus.index, columns=m.branch_id[branch].rename("branch"))


def binding_contingencies(flow: OptimalFlow) -> pd.DataFrame:
    """Limits after outages that cost money, the dearest first: outage, branch, its flow then, limit, price per MWh."""
    columns = ["outage", "branch", "flow_mw", "limit_mw", "shadow_price_per_mwh"]
    if flow.physics != "dc" or not flow.solved or flow.state.get("outages_high") is None:
        return pd.DataFrame(columns=columns)
    m, o, grid = flow.state["moment"], flow.state["outcome"], flow.state["grid"]
    limit = flow.state["outages_high"]
    size = NO_PRICE * max(1.0, float(np.abs(o.dual).max(initial=0.0)))
    chosen = np.flatnonzero((o.outage >= 0) & (np.abs(o.dual) > size))
    lost, which = np.unique(o.outage[chosen], return_inverse=True)
    branch = o.branch[chosen]
    share = grid.lodf(lost)[branch, which] if lost.size else np.zeros(0)
    after = o.flow[branch] + share * o.flow[o.outage[chosen]]
    table = pd.DataFrame(
        {
            "outage": m.branch_id[o.outage[chosen]],
            "branch": m.branch_id[branch],
            "flow_mw": after * BASE_MVA,
            "limit_mw": limit[branch] * BASE_MVA,
            "shadow_price_per_mwh": np.abs(o.dual[chosen]) / BASE_MVA,
        },
        columns=columns,
    )
    return table.sort_values(
        ["shadow_price_per_mwh", "outage", "branch"], ascending=[False, True, True], ignore_index=True
    )
