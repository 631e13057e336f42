"""Schedule for many possible futures: the first decision is one for all, and everything later answers what comes.

Equations and symbols: docs/math/flexibility-robust.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from gridloop.diagnosis import Diagnosis
from gridloop.errors import BadInput, OutOfRange, SolveFailed
from gridloop.network.feeder.model import Feeder
from gridloop.network.model import Network
from gridloop.optimize import diagnose
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.plan import COLUMNS
from gridloop.optimize.robust.measure import Risk, cvar
from gridloop.optimize.robust.plan import RobustPlan, without_solution
from gridloop.optimize.robust.program import Program, Solved
from gridloop.optimize.robust.read import common_table, plans
from gridloop.optimize.robust.scenario import Scenario, mean_scenario, names, shares
from gridloop.optimize.solve import GAVE_WAY
from gridloop.units import FloatArray


def schedule_robust(
    scenarios: Sequence[Scenario],
    *,
    connection: Connection | None = None,
    horizon: Horizon | None = None,
    risk: float = 0.0,
    level: float = 0.9,
    chance: float | None = None,
    common: int = 1,
    network: Network | Feeder | None = None,
    time_limit_s: float = 60.0,
) -> RobustPlan:
    """The plan whose first decisions are the same in every scenario, and best for all of them together.

    scenarios  devices and prices of each possible future, with its weight; the same devices over the same intervals
    risk       0 … 0.99: (1 − risk) · mean + risk · CVaR of the costs is minimized
    level      the tail that CVaR is the mean of: 0.9 is the dearest tenth of the weight
    chance     share of the weight that may exceed the connection's limits, above 0 and below 1. Kept by its CVaR
               approximation, which is conservative: it asks for more than the chance. Where even that is impossible
               it is missed at the connection's `limit_price` over the whole horizon. None: limits as in `schedule`
    common     number of first intervals that are decided now
    network    the grid of the devices' buses: in every scenario its losses and limits are those of its own AC flow,
               limits elastic as in `schedule`; None plans on a copper plate
    time_limit_s  of every solve; there are four: together, apart, the mean, and with what the mean would decide

    In common are the powers that are sent (of batteries, vehicles, loads that move, stores); curtailment, lost load and
    purchases answer in every scenario. Not for whole decisions (`ShiftableRun`).
    The same input gives the same plan, bit for bit.

    Raises what `schedule` raises, `OutOfRange` for weights, risk and chance that are none, and `BadInput` for whole
    decisions.
    """
    measure, weights, called = Risk(risk, level), shares(scenarios), names(scenarios)
    if chance is not None and not 0 < chance < 1:
        raise OutOfRange(f"chance is {chance}; allowed is above 0 and below 1, or None for limits as in schedule.")
    _check_same_time(scenarios, called)
    limits = connection or Connection()

    def program(of: Sequence[Scenario], weights: FloatArray) -> Program:
        return Program(
            of, weights, connection=limits, horizon=horizon, risk=measure, chance=chance, common=common,
            time_limit_s=time_limit_s, network=network,
        )  # fmt: skip

    try:
        everything = program(scenarios, weights)
    except SolveFailed as error:
        when = horizon or Horizon.regular(pd.DatetimeIndex(scenarios[0].prices.index))
        return without_solution(when, pd.DataFrame(columns=COLUMNS), diagnose.no_ac_solution(error, when))
    if not 1 <= common <= len(everything.horizon):
        raise OutOfRange(f"common is {common}; allowed is 1 … {len(everything.horizon)}, the number of intervals.")
    try:
        solved = everything.together()
    except SolveFailed as error:
        solved = diagnose.no_ac_solution(error, everything.horizon)
    if isinstance(solved, Diagnosis):
        return without_solution(everything.horizon, pd.DataFrame(columns=COLUMNS), solved)
    # Read before anything else is solved: a network keeps the state it looked at last.
    table = common_table(everything, solved, common)
    found = plans(everything, solved, table, called)
    knowing = everything.apart()
    apart = np.full(len(called), np.nan) if isinstance(knowing, Diagnosis) else knowing.costs
    within = np.array([_within(plan.wide("import_mw"), plan.wide("export_mw"), limits) for plan in found.values()])
    overview = pd.DataFrame(
        {"weight": weights, "cost": solved.costs, "cost_knowing": apart, "within_limits": within},
        index=pd.Index(called, name="scenario"),
    )
    missed = limits.limit_price * float(everything.horizon.hours.sum())

    def total(of: Solved) -> float:
        return measure.of(of.costs, weights) + missed * of.excess_mw

    return RobustPlan(
        horizon=everything.horizon,
        table=table,
        scenarios=overview,
        mean=float(weights @ solved.costs),
        cvar=cvar(solved.costs, weights, level),
        objective=total(solved),
        knowing=float("nan") if isinstance(knowing, Diagnosis) else total(knowing),
        on_the_mean=_on_the_mean(everything, scenarios, program, total),
        kept_weight=float(weights[within].sum() / weights.sum()),
        plans=found,
        gave_way={f"chance:{limits.id}": solved.excess_mw} if solved.excess_mw > GAVE_WAY else {},
        status="optimal",
        rounds=solved.rounds,
        solver_s=solved.seconds,
        counts=pd.Series(solved.counts, index=overview.index),
    )


def _on_the_mean(
    everything: Program,
    scenarios: Sequence[Scenario],
    program: Callable[[Sequence[Scenario], FloatArray], Program],
    total: Callable[[Solved], float],
) -> float:
    """What it costs to decide by the mean of the scenarios, and to answer every one as well as that allows."""
    try:
        alone = program([mean_scenario(scenarios)], np.ones(1))
    except BadInput:
        return float("nan")
    planned = alone.together()
    if isinstance(planned, Diagnosis):
        return float("nan")
    values = alone.first_values(planned)
    if any(key not in values for key in everything.in_common()):
        return float("nan")
    answered = everything.given(values)
    if isinstance(answered, Diagnosis):
        return float("inf") if answered.status == "infeasible" else float("nan")
    return total(answered)


def _within(bought: pd.DataFrame, sold: pd.DataFrame, limits: Connection) -> bool:
    most_in, most_out = float(bought.to_numpy().max()), float(sold.to_numpy().max())
    return most_in <= limits.import_limit_mw + GAVE_WAY and most_out <= limits.export_limit_mw + GAVE_WAY


def _check_same_time(scenarios: Sequence[Scenario], called: Sequence[str]) -> None:
    first = scenarios[0].prices.index
    for scenario, name in zip(scenarios[1:], called[1:], strict=True):
        if not scenario.prices.index.equals(first):
            raise OutOfRange(f"Scenario {name}: its prices are for other intervals than those of {called[0]}.")
