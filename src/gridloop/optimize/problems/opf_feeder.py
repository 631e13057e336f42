"""Optimal power flow of a three-phase feeder: the same problem, stated with the phases of a `Feeder`."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, cast

from gridloop.diagnosis import Diagnosis
from gridloop.errors import BadInput, OutOfRange, SolveFailed
from gridloop.network.feeder.check import check_feeder
from gridloop.network.feeder.model import Feeder
from gridloop.optimize.physics.lindistflow_feeder import FeederMoment
from gridloop.optimize.physics.lindistflow_feeder_model import FeederLinDistFlow
from gridloop.optimize.physics.lindistflow_feeder_read import ac_solution
from gridloop.optimize.physics.lindistflow_feeder_result import FeederOptimalFlow, without_feeder_answer
from gridloop.optimize.physics.opf_base import Progress
from gridloop.optimize.problems.opf import ALLOWED_PU, state_problem
from gridloop.units import IntArray


def optimal_feeder_flow(
    feeder: Feeder,
    *,
    physics: str | FeederLinDistFlow = "lindistflow",
    taps: IntArray | None = None,
    rounds: int = 1,
    time_limit_s: float | None = None,
    progress: Progress | None = None,
) -> FeederOptimalFlow:
    """The cheapest outputs of a feeder's generators within their limits, voltage bands and ratings of conductors.

    physics  "lindistflow", or an object of it
    taps     [control in service] positions of the regulators, such as `FeederFlow.taps`; those of the tables otherwise
    rounds   how often to solve: first around the voltages without load (LinDistFlow as it is known), then around those
             of the AC flow of the answer before, so that limits come to hold there as well
    time_limit_s, progress  as of `optimal_power_flow`

    Raises `InvalidNetwork` where the tables are wrong, and `BadInput`.
    """
    if rounds < 1:
        raise OutOfRange(f"rounds is {rounds}; it has to be 1 or more.", rounds=rounds)
    if isinstance(physics, str):
        if physics != "lindistflow":
            raise BadInput(f"a feeder has no physics {physics!r}; there is lindistflow.", physics=physics)
        physics = FeederLinDistFlow()
    began = time.perf_counter()
    check_feeder(feeder).raise_errors(feeder.name)
    moment = FeederMoment.of(feeder, taps)
    found = moment.findings()
    found.raise_errors(feeder.name)
    flow = _solved(moment, physics, began, time_limit_s, progress)
    for _ in range(rounds - 1):
        if not flow.solved:
            break
        _, solution = ac_solution(moment, flow.generator)
        if not solution.converged:
            break
        flow = _solved(replace(moment, around=solution.v), physics, began, time_limit_s, progress)
    return replace(flow, warnings=tuple(finding.message for finding in found.warnings))


def _solved(
    moment: FeederMoment,
    physics: FeederLinDistFlow,
    began: float,
    time_limit_s: float | None,
    progress: Progress | None,
) -> FeederOptimalFlow:
    """One answer, around the voltages of the moment."""
    feeder = moment.feeder
    try:
        model = cast("Any", state_problem(cast("Any", moment), cast("Any", physics)))
    except SolveFailed as error:
        diagnosis = Diagnosis("not_converged", [str(error.args[0])], "Mend the impedances.", {})
        return without_feeder_answer(feeder, "not_converged", diagnosis, build_s=time.perf_counter() - began)
    built = time.perf_counter() - began
    flow = physics.read(model, model.solve(time_limit_s=time_limit_s, progress=progress), built)
    if not flow.solved or flow.violations_max_pu <= ALLOWED_PU:
        return flow
    said = f"The solver called its answer optimal, but a limit is broken by {flow.violations_max_pu:.3g} pu."
    diagnosis = Diagnosis("refused", [said], "Report the case.", {"violations_max_pu": flow.violations_max_pu})
    return without_feeder_answer(feeder, "refused", diagnosis, build_s=built, solve_s=flow.solve_s)
