"""Output for a commitment that is decided: a linear model, its costs by part, its prices and reasons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.kernel import unit_columns as kernel
from gridloop.network.unit_system import UnitSystem
from gridloop.optimize.commitment.model import CommitmentModel
from gridloop.optimize.commitment.network_result import grid_tables
from gridloop.optimize.commitment.network_rows import grown
from gridloop.optimize.commitment.result import Outcome
from gridloop.optimize.commitment.shrink import shrink
from gridloop.units import BoolArray, FloatArray, IntArray

# Outputs this close to a limit are at it, MW: ten times the solver's tolerance on rows of this size.
_AT_MW = 1e-5


@dataclass(frozen=True, eq=False)
class Dispatched:
    """The cheapest output of decided units; x and dual in the places of the whole model. Not solved: x is empty.

    missing_mw  [hour]  where loose: what the balance lacks (positive) or cannot get rid of (negative), worst scenario
    """

    objective: float
    x: FloatArray
    dual: FloatArray
    missing_mw: FloatArray

    @property
    def solved(self) -> bool:
        return bool(self.x.size)


def dispatch_units(
    model: CommitmentModel, u: BoolArray, *, time_limit_s: float = np.inf, loose: bool = False
) -> Dispatched:
    """Solve the model with the units on as u [unit, hour] says.

    loose  let balances and requirements give way at a high price, to see by how much they cannot hold
    """
    p, on_off = model.program, model.on_off
    lower, upper, cost = p.lower.copy(), p.upper.copy(), p.cost
    before = np.column_stack([model.arrays.column(kernel.ON_BEFORE) > 0.0, u[:, :-1]])
    for columns, values in ((on_off.u, u), (on_off.v, u & ~before), (on_off.w, ~u & before)):
        lower[columns] = upper[columns] = values
    if loose:
        upper[model.elastic] = np.inf
        cost = cost.copy()
        cost[model.elastic] = 1e5  # beyond any price of a unit, within the solver's range
    keep = model.kept_rows(*model.balance, *model.reserve)
    hours = model.arrays.hours
    part = shrink(type(p)(p.a, cost, lower, upper, p.row_lower, p.row_upper, p.integer), keep)
    if part.infeasible:
        return nothing(model)
    relaxed = part.session(integer=False).relax(time_limit_s=time_limit_s)
    if not relaxed.solved:
        return nothing(model)
    x, dual = part.whole(relaxed.x), np.zeros(p.a.shape[0])
    dual[part.rows] = relaxed.row_dual
    slack = x[model.elastic][: 2 * len(model.cases) * hours].reshape(2, len(model.cases), hours)
    missing = slack[0].max(axis=0) - slack[1].max(axis=0)
    return Dispatched(float(p.cost @ x), x, dual, missing)


def nothing(model: CommitmentModel) -> Dispatched:
    """No output at all."""
    return Dispatched(np.nan, np.zeros(0), np.zeros(0), np.full(model.arrays.hours, np.nan))


def dispatch_on_grid(
    model: CommitmentModel, u: BoolArray, *, time_limit_s: float = np.inf
) -> tuple[CommitmentModel, Dispatched]:
    """The same within all limits of the network, where there is one; returns the model with those that became rows."""
    while True:
        found = dispatch_units(model, u, time_limit_s=time_limit_s)
        more = grown(model, found.x) if found.solved else None
        if more is None:
            return model, found
        model = more


def parts_of(model: CommitmentModel, x: FloatArray) -> pd.Series:
    """Cost by part; their sum is the objective."""
    cost, on_off = model.program.cost, model.on_off

    def paid(columns: IntArray) -> float:
        return float(cost[columns.ravel()] @ x[columns.ravel()])

    parts = {
        "no_load": paid(on_off.u),
        "energy": sum(paid(output.pieces) for output in model.outputs),
        "start": paid(on_off.v) + paid(on_off.x),
        "curtailed": sum(paid(o.columns["curtailed"]) for o in model.others if "curtailed" in o.columns),
    }
    return pd.Series(parts, dtype=float)


def outcomes_of(system: UnitSystem, model: CommitmentModel, found: Dispatched) -> list[Outcome]:
    """Tables of every scenario."""
    hours = pd.RangeIndex(model.arrays.hours, name="hour")
    ids, x = model.arrays.ids, found.x
    u = x[model.on_off.u]
    p_min = model.arrays.column(kernel.P_MIN)[:, None]
    result = []
    for s, (case, output, other) in enumerate(zip(model.cases, model.outputs, model.others, strict=True)):

        def table(values: FloatArray, names: pd.Index) -> pd.DataFrame:
            return pd.DataFrame(values.T, index=hours, columns=names)

        def of(quantity: str, names: pd.Index, other: dict[str, IntArray] = other.columns) -> pd.DataFrame:
            columns = other.get(quantity)
            return pd.DataFrame(index=hours) if columns is None else table(x[columns], names)

        def held(columns: IntArray) -> pd.DataFrame:
            return table(np.where(columns >= 0, x[columns], 0.0), ids)

        dual = found.dual / case.weight
        reserve_price = dual[model.reserve[s]] if model.reserve[s].size else np.zeros(len(hours))
        result.append(
            Outcome(
                weight=case.weight,
                p_mw=table(p_min * u + x[output.p], ids),
                reserve_mw=held(output.r),
                regulation_mw=held(output.regulation),
                renewable_mw=of("renewable", system.renewable_max_mw.columns),
                charge_mw=of("charge", system.storage.index),
                discharge_mw=of("discharge", system.storage.index),
                energy_mwh=of("energy", system.storage.index),
                curtailed_mw=of("curtailed", system.flexible.index),
                left_out_mw=of("left_out", system.flexible.index),
                made_up_mw=of("made_up", system.flexible.index),
                price_per_mwh=pd.Series(dual[model.balance[s]], index=hours),
                reserve_price_per_mw=pd.Series(reserve_price, index=hours),
                **grid_tables(model, x, dual, s),
            )
        )
    return result


def reasons_of(system: UnitSystem, model: CommitmentModel, u: BoolArray, outcome: Outcome) -> pd.DataFrame:
    """Why every unit is where it is. [hour × unit] codes of `result.REASONS`; what decides comes last and wins."""
    arrays = model.arrays
    p, r = outcome.p_mw.to_numpy().T, outcome.reserve_mw.to_numpy().T
    column = {name: arrays.column(k)[:, None] for name, k in _COLUMNS.items()}
    on_before = column["on_before"] > 0.0
    u_before = np.column_stack([on_before[:, 0], u[:, :-1]])
    p_before = np.column_stack([np.where(on_before[:, 0], column["p_before"][:, 0], 0.0), p[:, :-1]])
    u_after = np.column_stack([u[:, 1:], u[:, -1]])
    since = _hours_in_state(u, on_before[:, 0], column["hours_before"][:, 0])
    must = system.unit["must_run"].to_numpy(dtype=bool)[:, None]
    there = np.ones_like(u)
    if len(system.available):
        there = np.asarray(system.available[list(arrays.ids)], dtype=bool).T
    code = np.full(u.shape, "marginal", dtype=object)
    at_min = p <= column["p_min"] + _AT_MW
    rising = u & u_before
    for here, name in (
        (at_min, "at_p_min"),
        (at_min & (since < column["up_min"]), "min_up"),
        (at_min & must, "must_run"),
        (rising & (p + r - p_before >= column["up"] - _AT_MW) & ~at_min, "ramp_up"),
        (rising & (p_before - p >= column["down"] - _AT_MW) & ~at_min, "ramp_down"),
        (p + r >= column["p_max"] - _AT_MW, "reserve"),
        (p >= column["p_max"] - _AT_MW, "at_p_max"),
        (u & ~u_before & (p + r >= column["start_max"] - _AT_MW) & (p < column["p_max"] - _AT_MW), "start_limit"),
        (u & ~u_after & (p >= column["stop_max"] - _AT_MW) & (p < column["p_max"] - _AT_MW), "stop_limit"),
        (~u, "off_costly"),
        (~u & (since < column["down_min"]), "min_down"),
        (~u & ~there, "maintenance"),
    ):
        code[np.broadcast_to(here, u.shape)] = name
    return pd.DataFrame(code.T, index=outcome.p_mw.index, columns=arrays.ids)


_COLUMNS = {
    "p_min": kernel.P_MIN,
    "p_max": kernel.P_MAX,
    "up": kernel.RAMP_UP,
    "down": kernel.RAMP_DOWN,
    "start_max": kernel.START_MAX,
    "stop_max": kernel.STOP_MAX,
    "up_min": kernel.UP_MIN,
    "down_min": kernel.DOWN_MIN,
    "on_before": kernel.ON_BEFORE,
    "hours_before": kernel.HOURS_BEFORE,
    "p_before": kernel.P_BEFORE,
}


def _hours_in_state(u: BoolArray, on_before: BoolArray, hours_before: FloatArray) -> FloatArray:
    """For how many whole hours a unit has been on or off at the beginning of an hour; 0 in the first. [unit, hour]"""
    since = np.zeros(u.shape)
    state, age = on_before.copy(), hours_before.copy()
    for t in range(u.shape[1]):
        age = np.where(u[:, t] == state, age, 0.0)
        since[:, t] = age
        age, state = age + 1.0, u[:, t]
    return since
