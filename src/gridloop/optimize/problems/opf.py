"""Optimal power flow: the cheapest dispatch of one moment that the network can carry; equations in docs/math/opf.md."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from gridloop.diagnosis import Diagnosis
from gridloop.errors import BadInput, SolveFailed
from gridloop.network.feeder.model import Feeder
from gridloop.network.model import Network
from gridloop.network.validation import Finding, Findings, validate
from gridloop.optimize.case import Moment
from gridloop.optimize.case_findings import INFEASIBLE
from gridloop.optimize.check import refusal
from gridloop.optimize.optimal_flow import OptimalFlow, without_answer
from gridloop.optimize.physics.opf_base import OpfModel, OpfPhysics, Output, Progress
from gridloop.units import BASE_MVA, FloatArray

if TYPE_CHECKING:
    from gridloop.optimize.physics.lindistflow_feeder_model import FeederLinDistFlow
    from gridloop.optimize.physics.lindistflow_feeder_result import FeederOptimalFlow

# An optimum may break a balance or a limit by no more than this, per unit: 1e-4 MW.
ALLOWED_PU = 1e-6
# An island without a source is nothing wrong here: its generators supply it, and load that has none is a finding of the
# moment. Units that only look wrong do not stop an optimization: limits that never bind are often written absurdly
# large.
_FINE_HERE = ("unsupplied", "no_source", "wrong_unit")


@overload
def optimal_power_flow(
    net: Network,
    *,
    physics: str | OpfPhysics = "ac",
    start: OptimalFlow | None = None,
    time_limit_s: float | None = None,
    progress: Progress | None = None,
    check: Callable[[Network, OptimalFlow], Diagnosis | None] | None = None,
) -> OptimalFlow: ...


@overload
def optimal_power_flow(
    net: Feeder,
    *,
    physics: str | FeederLinDistFlow,
    time_limit_s: float | None = None,
    progress: Progress | None = None,
) -> FeederOptimalFlow: ...


def optimal_power_flow(
    net: Network | Feeder,
    *,
    physics: Any = "ac",
    start: OptimalFlow | None = None,
    time_limit_s: float | None = None,
    progress: Progress | None = None,
    check: Callable[[Network, OptimalFlow], Diagnosis | None] | None = None,
) -> OptimalFlow | FeederOptimalFlow:
    """The cheapest state of a network within all limits, with prices and reasons.

    net           a `Network`; or a three-phase `Feeder`, for which there is "lindistflow"
    physics       "ac", "dc", "lindistflow", or an object of gridloop.optimize.physics
    start         an earlier answer for a similar moment to begin from
    time_limit_s  seconds after which the solver stops with the status "time_limit"
    progress      is told iteration, cost and largest violation (pu); False stops with the status "interrupted"
    check         an independent look at the answer: a diagnosis where it must not stand; `gl.check_solution` otherwise

    A state that does not exist, or is not found, is a status with a diagnosis. "optimal" means a local optimum (AC) or
    the optimum (DC) whose balances and limits hold to `ALLOWED_PU`, recomputed from the network's tables.
    Raises `InvalidNetwork` where the tables are wrong, costs that are no convex curves among it, and `BadInput`.
    """
    if isinstance(net, Feeder):
        from gridloop.optimize.problems.opf_feeder import optimal_feeder_flow

        return optimal_feeder_flow(net, physics=physics, time_limit_s=time_limit_s, progress=progress)
    if start is not None and not isinstance(start, OptimalFlow):
        raise BadInput(f"start is an earlier OptimalFlow, or None; this is {type(start).__name__}.", start=repr(start))
    chosen = _physics(physics, start)
    began = time.perf_counter()
    Findings(tuple(f for f in validate(net).all if _counts(net, f))).raise_errors(net.name)
    moment = Moment.of(net)
    found = moment.findings()
    Findings(tuple(f for f in found.all if f.code not in INFEASIBLE)).raise_errors(net.name)
    if found.errors:
        diagnosis = Diagnosis(
            "infeasible",
            [f.message for f in found.errors],
            "Mend this first: no solver was asked.",
            {f.code: list(f.ids) for f in found.errors},
        )
        return without_answer(net, chosen.name, "infeasible", diagnosis, build_s=time.perf_counter() - began)
    try:
        model = state_problem(moment, chosen)
    except SolveFailed as error:  # reactances that cancel out: there is no model
        diagnosis = Diagnosis("not_converged", [str(error.args[0])], "Mend these branches.", {})
        return without_answer(net, chosen.name, "not_converged", diagnosis, build_s=time.perf_counter() - began)
    built = time.perf_counter() - began
    outcome = model.solve(time_limit_s=time_limit_s, progress=progress)
    flow = chosen.read(model, outcome, built)
    return _checked(replace(flow, warnings=tuple(f.message for f in found.warnings)), check)


def state_problem(moment: Moment, physics: OpfPhysics) -> OpfModel:
    """The page of equations: docs/math/opf.md."""
    model = physics.new_model(moment)
    output = add_output(model, moment, reactive=physics.reactive)
    physics.add_bus_voltage(model)
    physics.add_branch_power(model)
    physics.add_power_balance(model, output)
    physics.add_thermal_limit(model)
    physics.add_angle_limit(model)
    model.minimize(*fuel_cost(moment, output))
    return model


def add_output(model: OpfModel, moment: Moment, *, reactive: bool) -> Output:
    """What generators give, within their limits; the cost of those that have a curve lies above all of its lines."""
    m = moment
    p = model.add_variables("p", m.p_min, m.p_max, _between(m.p_min, m.p_max))
    q = model.add_variables("q", m.q_min, m.q_max, _between(m.q_min, m.q_max)) if reactive else None
    priced = np.array(sorted(m.curves), dtype=np.int64)
    none = np.full(priced.size, np.inf)
    begin = np.array([float(m.curves[g].at(_between(m.p_min, m.p_max)[g] * BASE_MVA)[0]) for g in priced.tolist()])
    curve = model.add_variables("cost", -none, none, begin)
    for column, g in zip(curve, priced.tolist(), strict=True):
        slope, intercept = m.curves[g].slope * BASE_MVA, m.curves[g].intercept
        k = np.arange(slope.size)
        columns = np.concatenate([np.full(k.size, column), np.full(k.size, p[g])])
        values = np.concatenate([np.ones(k.size), -slope])
        model.add_rows(
            f"cost of {m.gen_id[g]}", np.concatenate([k, k]), columns, values, intercept, np.full(k.size, np.inf)
        )
    return Output(p, q, curve)


def fuel_cost(moment: Moment, output: Output) -> tuple[Any, FloatArray, FloatArray, float]:
    """Columns, their linear and quadratic cost per unit, and the constant; money per hour."""
    m = moment
    polynomial = np.ones(output.p.size, dtype=bool)
    polynomial[sorted(m.curves)] = False
    columns = np.concatenate([output.p[polynomial], output.curve])
    linear = np.concatenate([m.cost_linear[polynomial] * BASE_MVA, np.ones(output.curve.size)])
    quadratic = np.concatenate([m.cost_quadratic[polynomial] * BASE_MVA**2, np.zeros(output.curve.size)])
    return columns, linear, quadratic, float(m.cost_fixed[polynomial].sum())


def _between(low: FloatArray, high: FloatArray) -> FloatArray:
    """The middle of two limits; the finite one, or zero, where there are not two."""
    both = np.isfinite(low) & np.isfinite(high)
    one = np.where(np.isfinite(low), low, np.where(np.isfinite(high), high, 0.0))
    with np.errstate(invalid="ignore"):
        return np.where(both, (low + high) / 2, np.where(np.isfinite(low) | np.isfinite(high), one, 0.0))


def _counts(net: Network, finding: Finding) -> bool:
    """True for a finding that concerns this moment: not limits of elements that are out of service, say."""
    if finding.code == "min_above_max" and "in_service" in net.tables[finding.table]:
        return bool(net.tables[finding.table].loc[list(finding.ids), "in_service"].any())
    return finding.code not in _FINE_HERE


def _physics(physics: str | OpfPhysics, start: OptimalFlow | None) -> OpfPhysics:
    if isinstance(physics, type):
        raise BadInput(f"physics is an object: write {physics.__name__}(), not {physics.__name__}.", physics=physics)
    if not isinstance(physics, str):
        if not hasattr(physics, "new_model"):
            raise BadInput(
                f"no physics {physics!r}; there are {', '.join(_KNOWN)}, and objects of gridloop.optimize.physics.",
                physics=physics,
            )
        return physics
    if physics not in _KNOWN:
        raise BadInput(f"no physics {physics!r}; there are {', '.join(_KNOWN)}.", physics=physics)
    return _KNOWN[physics](start)


def _ac(start: OptimalFlow | None) -> OpfPhysics:
    from gridloop.optimize.physics.ac import AcPolar

    return AcPolar(start=start)


def _dc(start: OptimalFlow | None) -> OpfPhysics:
    from gridloop.optimize.physics.dc import Dc

    return Dc()


def _lindistflow(start: OptimalFlow | None) -> OpfPhysics:
    from gridloop.optimize.physics.lindistflow import LinDistFlow

    return LinDistFlow()


# Made where they are asked for: each brings its solver along.
_KNOWN: Mapping[str, Callable[[OptimalFlow | None], OpfPhysics]] = {"ac": _ac, "dc": _dc, "lindistflow": _lindistflow}


def _checked(flow: OptimalFlow, check: Callable[[Network, OptimalFlow], Diagnosis | None] | None) -> OptimalFlow:
    """An optimum that breaks a balance or a limit is none, whoever said so."""
    if not flow.solved:
        return flow
    diagnosis = None
    if not flow.violations_max_pu <= ALLOWED_PU:
        diagnosis = Diagnosis(
            "refused",
            [
                f"The solver called its answer optimal, but a balance or limit is broken by "
                f"{flow.violations_max_pu:.3g} pu; {ALLOWED_PU:g} pu is allowed."
            ],
            "Look for branches of next to no impedance; report the case if there are none.",
            {"violations_max_pu": flow.violations_max_pu},
        )
    else:
        diagnosis = (check or refusal)(flow.network, flow)
    return flow if diagnosis is None else replace(flow, status="refused", diagnosis=diagnosis)
