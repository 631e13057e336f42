"""What a solved dispatch says: tables, reasons, the baseline beside it; or why there is none."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gridloop.diagnosis import Diagnosis
from gridloop.errors import listed
from gridloop.optimize.dispatch_result import Dispatch
from gridloop.optimize.dispatch_units import Units
from gridloop.optimize.losses import Losses
from gridloop.optimize.problems.dispatch_baseline import proportional
from gridloop.optimize.solve.arrays import Answer
from gridloop.units import BoolArray, FloatArray

if TYPE_CHECKING:
    from gridloop.optimize.problems.dispatch import Problem

# Nearer to a limit than this is at it, MW; ten times what the solvers leave at outputs of some thousand MW.
AT_LIMIT_MW = 1e-4
# A multiplier below this decided nothing, money per MWh: rounding of the solver at prices of some hundred.
NO_PRICE = 1e-5
UNIT = [
    "p_mw", "available_mw", "reserve_mw", "cost_per_h", "marginal_per_mwh", "emissions_t_per_h", "baseline_mw",
    "reason", "binding", "shadow_price", "next_best", "next_best_per_mwh",
]  # fmt: skip
STEP = [
    "hours", "demand_mw", "losses_mw", "price_per_mwh", "reserve_mw", "reserve_price_per_mwh", "cost_per_h",
    "baseline_cost_per_h", "savings_per_h", "emissions_t_per_h", "renewable_share", "curtailed_mw",
]  # fmt: skip


def result(
    problem: Problem,
    answer: Answer,
    losses: Losses | None,
    lost: FloatArray,
    spent: tuple[float, float, int],
) -> Dispatch:
    """The answer as tables. spent: seconds to build, to solve, iterations"""
    u, h = problem.units, problem.hours
    p = np.clip(answer.x[problem.p], u.low, u.high)
    reserve = np.zeros(p.shape)
    if problem.r.size:
        reserve[problem.giving] = np.maximum(answer.x[problem.r], 0.0)
    price = answer.row_dual[problem.balance] / h
    kept = answer.row_dual[problem.enough] / h if problem.r.size else np.zeros(problem.steps)
    cost = u.cost(p) + u.reserve_cost[:, None] * reserve
    baseline = _baseline(problem, losses, proportional(u, problem.demand))
    baseline_cost = u.cost(baseline).sum(axis=0)
    emitted = u.emissions[:, None] * p
    reason, binding, shadow = _reasons(problem, answer, p)
    other, dearer = _next_best(u, p)
    available = np.where(np.isfinite(u.high), u.high, np.nan)
    given = p.sum(axis=0)
    columns = (p, available, reserve, cost, u.marginal(p), emitted, baseline, reason, binding, shadow, other, dearer)
    index = pd.MultiIndex.from_product([problem.times, u.id], names=["time", "unit"])
    unit = pd.DataFrame({name: c.T.ravel() for name, c in zip(UNIT, columns, strict=True)}, index=index)
    weather = u.renewable & np.isfinite(u.high).all(axis=1)
    step = pd.DataFrame(
        {
            "hours": np.full(problem.steps, h),
            "demand_mw": problem.demand,
            "losses_mw": lost,
            "price_per_mwh": price,
            "reserve_mw": reserve.sum(axis=0),
            "reserve_price_per_mwh": kept,
            "cost_per_h": cost.sum(axis=0),
            "baseline_cost_per_h": baseline_cost,
            "savings_per_h": baseline_cost - cost.sum(axis=0),
            "emissions_t_per_h": _known_sum(emitted),
            "renewable_share": _share(p[u.renewable].sum(axis=0), given) if u.kinds else np.nan,
            "curtailed_mw": (u.high - p)[weather].sum(axis=0) if weather.any() else np.zeros(problem.steps),
        },
        index=problem.times,
        columns=STEP,
    )
    share = _share(np.array([p[u.renewable].sum()]), np.array([given.sum()])) if u.kinds else np.array([np.nan])
    return Dispatch(
        status="optimal",
        cost=float(cost.sum() * h),
        unit=unit,
        step=step,
        baseline_cost=float(baseline_cost.sum() * h),
        emissions_t=float(step["emissions_t_per_h"].sum(min_count=1) * h),
        renewable_share=float(share[0]),
        build_s=spent[0],
        solve_s=spent[1],
        iterations=spent[2],
    )


def _baseline(problem: Problem, losses: Losses | None, p: FloatArray) -> FloatArray:
    """The proportional outputs, with the losses that they themselves make."""
    if losses is None:
        return p
    for _ in range(50):  # losses are a few percent: each round leaves a few percent of the error of the last
        lost, _slope = losses.at(np.nan_to_num(p), problem.demand)
        again = proportional(problem.units, problem.demand + lost)
        if np.nanmax(np.abs(again - p), initial=0.0) <= 1e-9:
            break
        p = again
    return again


def _known_sum(values: FloatArray) -> FloatArray:
    """Sum over units, of what is known; NaN where nothing is. [step]"""
    return np.where(np.isnan(values).all(axis=0), np.nan, np.nansum(values, axis=0))


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.asarray(np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0))


def _reasons(problem: Problem, answer: Answer, p: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Code, what binds, and what that is worth per MWh. [unit, step]"""
    u, h = problem.units, problem.hours
    reason = np.full(p.shape, "marginal", dtype=object)
    binding = np.full(p.shape, "", dtype=object)
    worth = np.zeros(p.shape)
    names = np.broadcast_to(np.asarray(u.id, dtype=object)[:, None], p.shape)

    def mark(where: BoolArray, code: str, limit: str, value: FloatArray) -> None:
        reason[where] = code
        binding[where] = [f"{limit}:{name}" for name in names[where]]
        worth[where] = np.abs(value[where])

    if problem.headroom.size:
        held, kept = np.zeros(p.shape), problem.giving
        held[kept] = answer.row_dual[problem.headroom].reshape(problem.r.shape) / h
        mark(np.abs(held) > NO_PRICE, "reserve", "reserve", held)
    ramp, later = np.zeros(p.shape), np.zeros(p.shape)
    ramp[problem.first_ramped, 0] = answer.row_dual[problem.first_ramp] / h
    if problem.ramp.size:
        pulled = answer.row_dual[problem.ramp].reshape(problem.ramped.size, problem.steps - 1) / h
        ramp[problem.ramped, 1:] += pulled
        later[problem.ramped, :-1] = pulled
    mark(later < -NO_PRICE, "before_ramp_up", "ramp", later)
    mark(later > NO_PRICE, "before_ramp_down", "ramp", later)
    mark(ramp < -NO_PRICE, "ramp_up", "ramp", ramp)
    mark(ramp > NO_PRICE, "ramp_down", "ramp", ramp)
    own = answer.reduced_cost[problem.p] / h
    renewable = np.broadcast_to(u.renewable[:, None], p.shape)
    at_low, at_high = p <= u.low + AT_LIMIT_MW, p >= u.high - AT_LIMIT_MW
    mark(at_low & ~renewable, "at_p_min", "p_min", own)
    mark(at_low & renewable, "curtail_price", "p_min", own)
    if problem.headroom.size:  # a limit that is also the end of the reserve is worth what it does for both
        own = own + held
    mark(at_high & ~renewable, "at_p_max", "p_max", own)
    mark(at_high & renewable, "available", "forecast", own)
    return reason, binding, worth


def _next_best(u: Units, p: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The unit that would give the next MWh in place of each, and how much dearer that is. [unit, step]

    Of all others with room above, the one whose next MWh costs least; "" where there is none.
    """
    cost = np.where(p < u.high - AT_LIMIT_MW, u.marginal(p), np.inf)
    best = np.full(p.shape, "", dtype=object)
    dearer = np.full(p.shape, np.nan)
    if u.n < 2:
        return best, dearer
    order = np.argsort(cost, axis=0, kind="stable")[:2]
    own, step = u.marginal(np.maximum(p - AT_LIMIT_MW, u.low)), np.arange(p.shape[1])
    for k in range(u.n):
        chosen = np.where(order[0] == k, order[1], order[0])
        there = np.isfinite(cost[chosen, step])
        best[k, there] = np.asarray(u.id, dtype=object)[chosen[there]]
        dearer[k, there] = cost[chosen, step][there] - own[k, there]
    return best, dearer


def no_dispatch(
    problem: Problem, status: str, diagnosis: Diagnosis, build_s: float, solve_s: float, iterations: int
) -> Dispatch:
    """A dispatch that says why there is none."""
    index = pd.MultiIndex.from_product([problem.times, problem.units.id], names=["time", "unit"])
    words = ("reason", "binding", "next_best")
    unit = pd.DataFrame({name: "" if name in words else np.nan for name in UNIT}, index=index)
    step = pd.DataFrame(np.nan, index=problem.times, columns=STEP).assign(hours=problem.hours, demand_mw=problem.demand)
    none = math.nan
    return Dispatch(status, none, unit, step, none, none, none, diagnosis, build_s, solve_s, iterations)


def why_infeasible(problem: Problem) -> Diagnosis:
    """Plain causes first: demand beyond what units can do, or below what they must; reserve; then the conflict."""
    u, d, times = problem.units, problem.demand, problem.times
    causes: list[str] = []
    facts: dict[str, object] = {}
    for name, over, said in (
        ("demand_above_capacity", d - u.high.sum(axis=0), "demand exceeds what all units can give"),
        ("demand_below_minimum", u.low.sum(axis=0) - d, "units have to give more than the demand"),
        ("reserve_above_headroom", _missing_reserve(problem), "demand and reserve exceed what all units can give"),
    ):
        steps = np.flatnonzero(over > 1e-9 * np.maximum(1.0, np.abs(d)))
        if name == "reserve_above_headroom" and causes:
            continue
        if steps.size:
            worst = int(steps[np.argmax(over[steps])])
            at = "" if problem.steps == 1 else f" in {steps.size} steps, most at {times.to_list()[worst]},"
            causes.append(f"The {said}{at} by {over[worst]:.6g} MW.")
            facts[name] = {str(times[k]): float(over[k]) for k in steps.tolist()}
    if causes:
        return Diagnosis("infeasible", causes, "Add units, shed load, or mend the limits.", facts)
    columns, rows = problem.session.conflict()
    parts = [_column(problem, k) for k in columns.tolist()] + [_row(problem, k) for k in rows.tolist()]
    told = listed(parts, 8) if parts else "the solver finds no smaller set"
    return Diagnosis(
        "infeasible",
        [f"{len(parts)} rules of the dispatch cannot hold together: {told}."],
        "Without any one of these rules the others can be met: change one of their numbers.",
        {"conflict": parts},
    )


def _missing_reserve(problem: Problem) -> FloatArray:
    u = problem.units
    if not problem.reserve.any():
        return np.zeros(problem.steps)
    give = u.reserve_max > 0
    most = np.minimum(u.high[give] - u.low[give], u.reserve_max[give][:, None]).sum(axis=0)
    return np.asarray(np.maximum(problem.demand + problem.reserve - u.high.sum(axis=0), problem.reserve - most))


def _column(problem: Problem, k: int) -> str:
    name, place = problem.model.column_name(k)
    unit, step = divmod(place, problem.steps)
    if name == "reserve":
        unit = int(problem.giving[unit])
    who = problem.units.id[unit] if name in ("p", "reserve") else name
    return f"the limits of {who} at {problem.times[step]}"


def _row(problem: Problem, k: int) -> str:
    if k >= problem.model.n_rows:  # a tangent of the losses: one per step and round
        return f"the losses at {problem.times[(k - problem.model.n_rows) % problem.steps]}"
    name, place = problem.model.row_name(k)
    if name in ("balance", "reserve"):
        return f"the {name} at {problem.times[place]}"
    if name == "ramp":
        if k in problem.first_ramp:
            return f"the ramp of {problem.units.id[problem.first_ramped[place]]} into {problem.times[0]}"
        unit, step = divmod(place, problem.steps - 1)
        return f"the ramp of {problem.units.id[problem.ramped[unit]]} into {problem.times[step + 1]}"
    if name == "headroom":
        unit, step = divmod(place, problem.steps)
        return f"the headroom of {problem.units.id[problem.giving[unit]]} at {problem.times[step]}"
    return f"the cost curve at {problem.times[place]}"
