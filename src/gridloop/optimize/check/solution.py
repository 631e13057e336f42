"""The door to the checker: it looks at what kind of solution it got and reads the case itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gridloop.diagnosis import Diagnosis
from gridloop.errors import BadInput
from gridloop.optimize.check.checked import COLUMNS, Checked
from gridloop.optimize.check.commitment import check_commitment
from gridloop.optimize.check.dispatch import check_dispatch
from gridloop.optimize.check.flow import check_flow
from gridloop.optimize.check.flow_plan import FlowPlanCase, check_flow_plan
from gridloop.optimize.check.lindistflow import check_lindistflow
from gridloop.optimize.check.plan import ScheduleCase, check_plan

# Statuses that come with values to check; all others say that there is no solution.
WITH_VALUES = ("optimal", "incumbent", "feasible", "time_limit", "fallback", "refused")


def check_solution(case: Any, solution: Any, *, tolerance_pu: float = 1e-6) -> Checked:
    """Whether a solution keeps every rule of its case, recomputed without the model that made it.

    case          what the solution is for: a `Network`, a `UnitSystem` or a table of units. A `DispatchCase` has the
                  demand, reserve and forecasts of a dispatch too (else they are taken as the solution tells them), a
                  `CommitmentCase` the scenarios of a commitment, a `ScheduleCase` what a plan was asked,
                  a `FlowPlanCase` what a plan over time on a network was
    solution      an `OptimalFlow`, `Dispatch`, `Commitment`, `Plan` or `FlowPlan`
    tolerance_pu  largest excess that still counts as kept: power on 100 MVA (in a plan on 1 MVA), voltage per unit,
                  angle in radians, money relative to its sum. The default is ten times the primal tolerance of
                  the solvers (1e-7 per unit).

    Raises `BadInput` for what is no solution of the case's kind.
    """
    kind = type(solution).__name__
    if getattr(solution, "status", "optimal") not in WITH_VALUES:
        return _nothing_to_check(str(solution.status))
    if all(hasattr(solution, part) for part in ("bus", "line", "transformer", "generator", "physics")):
        if solution.physics == "lindistflow":
            return check_lindistflow(case, solution, tolerance_pu)
        return check_flow(case, solution, tolerance_pu)
    if isinstance(case, FlowPlanCase) and hasattr(solution, "flow_mw"):
        return check_flow_plan(case, solution, tolerance_pu)
    if hasattr(solution, "step") and hasattr(solution, "unit"):
        return check_dispatch(case, solution, tolerance_pu)
    if hasattr(solution, "on") and hasattr(solution, "objective"):
        return check_commitment(case, solution, tolerance_pu)
    if hasattr(solution, "table") and isinstance(case, ScheduleCase):
        return check_plan(case, solution, tolerance_pu)
    raise BadInput(
        f"a {kind} is no solution that can be checked for a {type(case).__name__}; give an OptimalFlow, a Dispatch or "
        "a Commitment, or a Plan with its ScheduleCase.",
        kind=kind,
    )


def _nothing_to_check(status: str) -> Checked:
    row = dict(zip(COLUMNS, ("no solution", status, *[np.nan] * 4, "", np.nan), strict=True))
    return Checked(False, float("nan"), float("nan"), pd.DataFrame([row], columns=list(COLUMNS)))


def refusal(case: Any, solution: Any, *, tolerance_pu: float = 1e-6) -> Diagnosis | None:
    """Why a solution that calls itself optimal is none; None where the checker agrees with it."""
    found = check_solution(case, solution, tolerance_pu=tolerance_pu)
    if found.ok:
        return None
    return Diagnosis(
        "refused",
        [f"The answer does not keep the rules of its case: {found.sentences(1)[0]}", *found.sentences(5)[1:]],
        "Do not use it. Look for limits and impedances of very different size; report the case if there are none.",
        {"worst_pu": found.worst_pu, "findings": found.findings.head(20).to_dict("records")},
    )
