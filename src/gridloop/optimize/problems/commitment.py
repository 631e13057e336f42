"""Unit commitment: the cheapest plan for units that start, stop and ramp, and a bound on what any plan must cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from gridloop.diagnosis import Diagnosis
from gridloop.errors import BadInput, GapInSeries
from gridloop.network.model import Network
from gridloop.network.unit_system import UnitSystem
from gridloop.optimize.check import CommitmentCase, refusal
from gridloop.optimize.commitment.causes import why_infeasible
from gridloop.optimize.commitment.dispatch import (
    Dispatched,
    dispatch_on_grid,
    nothing,
    outcomes_of,
    parts_of,
    reasons_of,
)
from gridloop.optimize.commitment.lagrangian import applies
from gridloop.optimize.commitment.model import CommitmentModel, base_case, build
from gridloop.optimize.commitment.network import read_grid
from gridloop.optimize.commitment.network_rows import grown
from gridloop.optimize.commitment.network_search import joined_where_short, plan_on_grid, with_first_limits
from gridloop.optimize.commitment.rest import Case
from gridloop.optimize.commitment.result import Commitment
from gridloop.optimize.commitment.search import LEAST_GAP, Found, Search, Settings
from gridloop.optimize.commitment.walk import walk_prices
from gridloop.optimize.physics.dc import Dc
from gridloop.units import BoolArray

# How often units may join a priority list that the network cannot carry.
_JOINING = 8
# Told while a commitment is searched: seconds, bound, best objective (infinite while there is none).
Told = Callable[[float, float, float], None]


@dataclass(frozen=True)
class CommitmentScenario:
    """A future that the same commitment has to serve: how likely, and its series where they differ from the system's.

    demand_mw [hour], renewable_max_mw [hour × id]; None: as in the system
    """

    probability: float
    demand_mw: pd.Series | None = None
    renewable_max_mw: pd.DataFrame | None = None


def commit_units(
    system: UnitSystem,
    *,
    scenarios: Sequence[CommitmentScenario] = (),
    gap: float = 1e-3,
    time_limit_s: float = 60.0,
    last: Commitment | None = None,
    told: Told | None = None,
    network: Network | None = None,
    physics: Dc | None = None,
) -> Commitment:
    """Decide which units run, and their output, at least cost; equations in docs/math/commitment.md.

    scenarios     futures with probabilities that sum to 1: one commitment for all, output for each (two stages)
    gap           stop where the plan is within this share of the bound
    time_limit_s  for the search; a plan is returned all the same: the best so far, else `last` where it still holds,
                  else one from a priority list of prices
    told          called with seconds, bound and best objective as they change
    network       the DC network that carries it: everything in the system then needs a bus (see `UnitSystem`). Limits
                  of flows are added where a solution breaks them; the bound stays one of the whole problem
    physics       the DC model of the network, with its security after outages; `Dc()` otherwise

    Raises `BadInput` for an impossible gap, limit or scenario; an infeasible system is a result with a diagnosis.
    """
    if not 0.0 <= gap < 1.0:
        raise BadInput(f"gap is {gap:g}; allowed is 0 up to 1, such as 0.001 for 0.1 %.")
    if not time_limit_s > 0.0:
        raise BadInput(f"time_limit_s is {time_limit_s:g}; allowed is more than 0.")
    if physics is not None and network is None:
        raise BadInput("physics says how a network carries flows; give the network too.")
    began = time.perf_counter()
    grid = None if network is None else read_grid(system, network, physics)
    if isinstance(grid, Diagnosis):
        return _without_plan(system, "infeasible", time.perf_counter() - began, 0.0, grid)
    model = build(system, _cases(system, scenarios), grid)
    build_s = time.perf_counter() - began
    history: list[tuple[float, float, float]] = []

    def heard(seconds: float, bound: float, objective: float) -> None:
        history.append((seconds, bound, objective))
        if told is not None:
            told(seconds, bound, objective)

    began = time.perf_counter()
    model = with_first_limits(model, time_limit_s=time_limit_s)
    left_s = max(time_limit_s - (time.perf_counter() - began), 1e-9)
    search = Search(model, Settings(gap=gap, time_limit_s=left_s, told=heard), plan_on_grid, grown)
    found, model = search.run(), search.model
    if found.status == "infeasible":
        return _without_plan(system, "infeasible", build_s, time.perf_counter() - began, why_infeasible(system, model))
    model, plan, solved, source, least = _plan(model, found, last)
    solve_s = time.perf_counter() - began
    if plan is None or not solved.solved:
        status = "no_plan" if found.status == "time_limit" else "solver_failed"
        advice = Diagnosis(
            status,
            ["no plan was found before time was up."],
            "Give more time, or a plan of before as `last`.",
            {"bound": found.bound},
        )
        return _without_plan(system, status, build_s, solve_s, advice)
    outcomes = outcomes_of(system, model, solved)
    hours = outcomes[0].p_mw.index
    before = np.column_stack([system.unit["on_before"].to_numpy(dtype=bool), plan[:, :-1]])
    ids = model.arrays.ids
    bound = min(max(found.bound, least), solved.objective)
    within = solved.objective - bound <= max(gap, LEAST_GAP) * abs(solved.objective) * (1 + 1e-9)  # rounding of sums
    plan_found = Commitment(
        system=system,
        status="optimal" if within else "time_limit",
        source=source,
        objective=solved.objective,
        bound=bound,
        on=pd.DataFrame(plan.T, index=hours, columns=ids),
        start=pd.DataFrame((plan & ~before).T, index=hours, columns=ids),
        stop=pd.DataFrame((~plan & before).T, index=hours, columns=ids),
        outcomes=outcomes,
        parts=parts_of(model, solved.x),
        reasons=reasons_of(system, model, plan, outcomes[0]),
        build_s=build_s,
        solve_s=solve_s,
        nodes=found.nodes,
        history=tuple(history),
    )
    # the last word is the checker's, which shares no code with the model
    refused = refusal(CommitmentCase(system, scenarios, network, physics), plan_found)
    return plan_found if refused is None else replace(plan_found, status="refused", diagnosis=refused)


def _plan(
    model: CommitmentModel, found: Found, last: Commitment | None
) -> tuple[CommitmentModel, BoolArray | None, Dispatched, str, float]:
    """The plan of the search, else the last one where it holds, else one from a priority list: the model with all
    limits that it met, what is on, its output, where it is from, and its own bound."""
    if found.x.size:
        u = found.x[model.on_off.u] > 0.5
        model, solved = dispatch_on_grid(model, u)
        return model, u, solved, "search", -np.inf
    walked = walk_prices(model)
    least = walked.bound if applies(model) else -np.inf
    tried = [("priority_list", u) for u in walked.plans]
    if last is not None and last.solved and last.on.shape == model.on_off.u.T.shape:
        tried = [("last", last.on[list(model.arrays.ids)].to_numpy(dtype=bool).T), *tried]
    for source, u in tried:
        model, solved = dispatch_on_grid(model, u)
        if solved.solved:
            return model, u, solved, source, least
    for _ in range(_JOINING if model.grid is not None else 0):
        model, joined = joined_where_short(model, u)
        if (joined == u).all():
            break
        u = joined
        model, solved = dispatch_on_grid(model, u)
        if solved.solved:
            return model, u, solved, "priority_list", least
    return model, None, nothing(model), "", least


def _cases(system: UnitSystem, scenarios: Sequence[CommitmentScenario]) -> list[Case]:
    base = base_case(system)
    if not scenarios:
        return [base]
    total = sum(scenario.probability for scenario in scenarios)
    if abs(total - 1.0) > 1e-6 or min(scenario.probability for scenario in scenarios) <= 0.0:
        raise BadInput(f"probabilities of scenarios sum to {total:g}; each must be above 0 and their sum 1.")
    cases = []
    for k, scenario in enumerate(scenarios):
        demand, most = base.demand, base.renewable_max
        if scenario.demand_mw is not None:
            demand = scenario.demand_mw.to_numpy(dtype=float)
        if scenario.renewable_max_mw is not None:
            most = scenario.renewable_max_mw[list(system.renewable_max_mw.columns)].to_numpy(dtype=float)
        if demand.shape != base.demand.shape or most.shape != base.renewable_max.shape:
            raise BadInput(f"scenario {k} has other hours or renewables than the system; they must be the same.")
        if not (np.isfinite(demand).all() and np.isfinite(most).all()):
            raise GapInSeries(f"scenario {k} has hours without a finite value. Fill them by name.")
        cases.append(Case(scenario.probability, demand, np.minimum(base.renewable_min, most), most))
    return cases


def _without_plan(
    system: UnitSystem, status: str, build_s: float, solve_s: float, diagnosis: Diagnosis | None
) -> Commitment:
    empty = pd.DataFrame(index=pd.RangeIndex(system.hours, name="hour"))
    nothing = pd.Series(dtype=float)
    return Commitment(
        system, status, "", np.nan, np.nan, empty, empty, empty, (), nothing, empty, build_s, solve_s,
        diagnosis=diagnosis,
    )  # fmt: skip
