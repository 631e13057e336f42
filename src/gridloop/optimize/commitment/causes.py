"""Why a commitment has no solution: capacity against demand hour by hour, the network, what has to give way least."""

from __future__ import annotations

import numpy as np

from gridloop.diagnosis import Diagnosis
from gridloop.kernel import unit_columns as kernel
from gridloop.network.unit_system import UnitSystem
from gridloop.optimize.commitment.model import CommitmentModel
from gridloop.optimize.commitment.network_causes import network_causes
from gridloop.optimize.commitment.shrink import shrink
from gridloop.units import FloatArray

_LEAST_MW = 1e-4  # less than this is rounding of the solver
_MOST = 5


def why_infeasible(system: UnitSystem, model: CommitmentModel) -> Diagnosis:
    """Plain causes; where there is none, the hours in which balances or reserves have to give way, and by how much."""
    causes, facts = _capacity(system, model)
    if not causes:
        causes, facts = network_causes(model)
    if not causes:
        causes, facts = _least_relaxation(model)
    if not causes:
        causes = ["limits of single units contradict each other: least times, maintenance, must-run or ramps."]
        facts = {"kind": "unit"}
    advice = "Lower the demand or reserve in these hours, or bring units back: maintenance, least times, ramps."
    if facts.get("kind") == "network":
        advice = "Raise these limits, bring branches or units at these buses back, or let load there be curtailed."
    return Diagnosis("infeasible", causes[:_MOST], advice, facts)


def _capacity(system: UnitSystem, model: CommitmentModel) -> tuple[list[str], dict[str, object]]:
    """Hours whose demand and reserve are above all there is, or whose must-run output is above the demand."""
    arrays = model.arrays
    p_max, p_min = arrays.column(kernel.P_MAX)[:, None], arrays.column(kernel.P_MIN)[:, None]
    reserve = system.reserve_mw.to_numpy(dtype=float) + system.regulation_mw.to_numpy(dtype=float)
    most, least = (p_max * arrays.may_on).sum(axis=0), (p_min * ~arrays.may_off).sum(axis=0)
    can_take = np.zeros(arrays.hours)
    if len(system.storage):
        most = most + float(system.storage["discharge_max_mw"].sum())
        can_take += float(system.storage["charge_max_mw"].sum())
    if len(system.flexible):
        most = most + float(system.flexible[["curtail_max_mw", "shift_max_mw"]].to_numpy(dtype=float).sum())
        can_take += float(system.flexible["shift_max_mw"].sum())
    causes: list[str] = []
    facts: dict[str, object] = {}
    for case in model.cases:
        short = case.demand + reserve - most - case.renewable_max.sum(axis=1)
        over = least + case.renewable_min.sum(axis=1) - case.demand - can_take
        for what, by, sentence in (
            ("short_mw", short, "demand and reserve of {need:,.6g} MW are above all capacity by {by:,.6g} MW"),
            ("over_mw", over, "what must run is above the demand of {demand:,.6g} MW by {by:,.6g} MW"),
        ):
            hours = np.flatnonzero(by > _LEAST_MW)
            if hours.size:
                facts.setdefault(what, {int(t): float(by[t]) for t in hours})
            for t in hours[np.argsort(-by[hours], kind="stable")]:
                need = float(case.demand[t] + reserve[t])
                said = sentence.format(need=need, demand=float(case.demand[t]), by=float(by[t]))
                causes.append(f"hour {t}: {said}.")
    return list(dict.fromkeys(causes)), facts


def _least_relaxation(model: CommitmentModel) -> tuple[list[str], dict[str, object]]:
    """The least by which balances and reserves have to give way in the relaxed model. All prices but theirs are 0."""
    p = model.program
    cost, upper = np.zeros(p.cost.size), p.upper.copy()
    cost[model.elastic], upper[model.elastic] = 1.0, np.inf
    part = shrink(type(p)(p.a, cost, p.lower, upper, p.row_lower, p.row_upper, p.integer), np.zeros(p.a.shape[0], bool))
    if part.infeasible:
        return [], {}
    relaxed = part.session(integer=False).relax(time_limit_s=30.0)
    if not relaxed.solved:
        return [], {}
    slack: FloatArray = part.whole(relaxed.x)[model.elastic]
    hours, n = model.arrays.hours, len(model.cases)
    names = ["lack {by:,.6g} MW"] * n + ["have {by:,.6g} MW too much"] * n
    names += ["lack {by:,.6g} MW of reserve"] * sum(1 for rows in model.reserve if rows.size)
    names += ["lack {by:,.6g} MW of regulation"] * sum(1 for rows in model.regulation if rows.size)
    found = [
        (float(slack[k * hours + t]), f"hour {t}: the units {name.format(by=float(slack[k * hours + t]))}.")
        for k, name in enumerate(names)
        for t in range(hours)
        if slack[k * hours + t] > _LEAST_MW
    ]
    found.sort(key=lambda item: -item[0])
    said = [f"{text[:-1]}, whatever is committed: ramps or least times are in the way." for _, text in found]
    return said, {"least_relaxation_mw": float(sum(by for by, _ in found))}
