"""FlowPlan: what a plan over time on a network says, in tables; or why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gridloop.diagnosis import Diagnosis
from gridloop.errors import listed
from gridloop.optimize.dispatch_result import Dispatch
from gridloop.optimize.problems.dispatch_tables import no_dispatch, result
from gridloop.optimize.solve.arrays import Answer
from gridloop.units import BASE_MVA, FloatArray

if TYPE_CHECKING:
    from gridloop.optimize.problems.multi_period import NetworkProblem

# A shadow price below this, money per MWh, is rounding of a solver.
NO_PRICE = 1e-5


@dataclass(frozen=True)
class FlowPlan:
    """A dispatch over time on a network.

    status    that of its dispatch; "feasible" where storage keeps to one direction at a time, but a cheaper choice of
              directions was not ruled out (the diagnosis tells how much cheaper it could be)
    dispatch  units and steps, as of `dispatch`; its price is that at the first reference, its baseline knows no network
    storage   [time, storage] → charge_mw, discharge_mw, soc at the end of the step
    lmp       [time, bus] worth of one more MWh;  flow_mw [time, branch]
    limits    time, branch, outage ("" without), shadow_price_per_mwh: limits that cost money, the dearest first
    """

    dispatch: Dispatch
    storage: pd.DataFrame
    lmp: pd.DataFrame
    flow_mw: pd.DataFrame
    limits: pd.DataFrame

    @property
    def status(self) -> str:
        return self.dispatch.status

    @property
    def cost(self) -> float:
        return self.dispatch.cost


def read_plan(problem: NetworkProblem, answer: Answer, spent: tuple[float, float, int]) -> FlowPlan:
    """The answer as tables. spent: seconds to build, to solve, iterations"""
    m, h = problem.moment, problem.hours
    dispatch = result(problem, answer, None, np.zeros(problem.steps), spent)
    dual = answer.row_dual[problem.model.n_rows :]
    own: list[list[float]] = [[] for _ in problem.limits]
    for (t, _), value in zip(problem.added, dual.tolist(), strict=True):
        own[t].append(value)
    price, flow, rows = np.zeros((m.n, problem.steps)), np.zeros((m.tail.size, problem.steps)), []
    for t, limits in enumerate(problem.limits):
        duals = np.asarray(own[t])
        energy = problem.share.T @ np.array([answer.row_dual[b[t]] for b in problem.balances])
        price[:, t] = (energy + problem.grid.weighted(limits.weights(duals))) / h
        flow[:, t] = problem.grid.flows(limits.injection(problem.sign * answer.x[problem.injecting[:, t]] / BASE_MVA))
        for k in np.flatnonzero(np.abs(duals) / h > NO_PRICE).tolist():
            after = "" if limits.outage[k] < 0 else str(m.branch_id[limits.outage[k]])
            rows.append((problem.times[t], str(m.branch_id[limits.branch[k]]), after, abs(duals[k]) / h))
    limits_table = pd.DataFrame(rows, columns=["time", "branch", "outage", "shadow_price_per_mwh"])
    return FlowPlan(
        dispatch,
        _storage(problem, answer.x),
        _by_bus(problem, price),
        pd.DataFrame(flow.T * BASE_MVA, index=problem.times, columns=m.branch_id.rename("branch")),
        limits_table.sort_values("shadow_price_per_mwh", ascending=False, kind="stable", ignore_index=True),
    )


def _by_bus(problem: NetworkProblem, price: FloatArray) -> pd.DataFrame:
    at = problem.moment.node_of_bus
    values = np.full((at.size, problem.steps), np.nan)
    values[at >= 0] = price[at[at >= 0]]
    return pd.DataFrame(values.T, index=problem.times, columns=problem.moment.net.bus.index)


def _storage(problem: NetworkProblem, x: FloatArray) -> pd.DataFrame:
    index = pd.MultiIndex.from_product([problem.times, problem.storage.index], names=["time", "storage"])
    size = problem.storage["capacity_mwh"].to_numpy(dtype=float)[:, None]
    energy = x[problem.energy]
    soc = np.divide(energy, size, out=np.full(energy.shape, np.nan), where=np.broadcast_to(size > 0, energy.shape))
    columns = {"charge_mw": x[problem.charge], "discharge_mw": x[problem.discharge], "soc": soc}
    return pd.DataFrame({name: values.T.ravel() for name, values in columns.items()}, index=index)


def no_plan(
    problem: NetworkProblem, status: str, spent: tuple[float, float, int], why: Diagnosis | None = None
) -> FlowPlan:
    """Why there is none: `why`, or the conflict of the session, or the status alone."""
    diagnosis = why or Diagnosis(
        status, [f"The plan ended {status!r}."], "Raise `time_limit_s`, or plan fewer steps.", {}
    )
    if status == "infeasible" and why is None:
        columns, rows = problem.session.conflict()
        parts = [_row(problem, k) for k in rows.tolist()] + [_column(problem, k) for k in columns.tolist()]
        told = listed(parts, 8) if parts else "the solver finds no smaller set"
        cause = f"{len(parts)} rules of the plan cannot hold together: {told}."
        advice = "Without any one of these rules the others can be met: change one of their numbers."
        diagnosis = Diagnosis(status, [cause], advice, {"conflict": parts})
    none = np.full((problem.moment.n, problem.steps), np.nan)
    index = pd.MultiIndex.from_product([problem.times, problem.storage.index], names=["time", "storage"])
    branches = pd.DataFrame(np.nan, index=problem.times, columns=problem.moment.branch_id.rename("branch"))
    return FlowPlan(
        no_dispatch(problem, status, diagnosis, *spent),
        pd.DataFrame(np.nan, index=index, columns=["charge_mw", "discharge_mw", "soc"]),
        _by_bus(problem, none),
        branches,
        pd.DataFrame(columns=["time", "branch", "outage", "shadow_price_per_mwh"]),
    )


def _row(problem: NetworkProblem, k: int) -> str:
    if k >= problem.model.n_rows:
        t, row = problem.added[k - problem.model.n_rows]
        return f"the limit of {problem.moment.branch_id[problem.limits[t].branch[row]]} at {problem.times[t]}"
    name, place = problem.model.row_name(k)
    return f"the {name} of step {problem.times[place % problem.steps] if name != 'ramp' else place}"


def _column(problem: NetworkProblem, k: int) -> str:
    name, place = problem.model.column_name(k)
    row, t = divmod(place, problem.steps)
    ids: Sequence[str] = list(problem.units.id) if name == "p" else list(problem.storage.index)
    who = ids[row] if name in ("p", "charge", "discharge", "energy") else name
    return f"the limits of {who} at {problem.times[t]}"
