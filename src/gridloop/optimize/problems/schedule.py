"""Schedule: any mix of flexible devices against prices, a connection and a network.

Equations and symbols: docs/math/schedule.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import linopy
import pandas as pd

from gridloop.diagnosis import Diagnosis
from gridloop.errors import SolveFailed
from gridloop.network.model import Network
from gridloop.optimize import diagnose
from gridloop.optimize.devices.connection import Connection, ConnectionModel, price_table
from gridloop.optimize.devices.group import Group, Quantity
from gridloop.optimize.devices.kinds import Device, groups_of
from gridloop.optimize.devices.market import Market
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.linear import Sum, minimize
from gridloop.optimize.physics.ac_tangent import AcTangent
from gridloop.optimize.physics.base import Physics
from gridloop.optimize.physics.copper_plate import CopperPlate
from gridloop.optimize.plan import Plan, plan_table
from gridloop.optimize.problems.calm import add_change_cost
from gridloop.optimize.problems.inputs import check_input
from gridloop.optimize.solve import Outcome, Session

MAX_ROUNDS = 16
RELAXED_ROUNDS = 3
# Every round of settling fixes at least one decision, and there are few left to take after the first.
SETTLING_ROUNDS = 6


def schedule(
    devices: Sequence[Device],
    prices: pd.DataFrame | pd.Series,
    *,
    connection: Connection | None = None,
    network: Network | None = None,
    physics: Physics | None = None,
    horizon: Horizon | None = None,
    previous: Plan | pd.DataFrame | None = None,
    change_cost: float = 0.2,
    time_limit_s: float = 60.0,
) -> Plan:
    """Cheapest plan for devices against prices, within the limits of a connection and of a network.

    prices    index = starts of the intervals (UTC); import_eur_per_mwh and export_eur_per_mwh, or one series for both
    network   the grid the devices' buses belong to; None plans on a copper plate
    physics   instead of `network`: a physics of your own making
    horizon   lengths of the intervals where they differ; regular from the prices' index otherwise
    previous  the last plan, or its table: set-points stay at what it had for this moment, matched by device and time,
              unless a change earns `change_cost` (money per MW or Mvar of the first interval's battery and vehicle
              power and reactive power). 0.2 is 0.8 money per MWh over a quarter of an hour: noise of a price, no more

    Network and connection limits are elastic at prices above any curtailment: a plan always comes back, and
    `gave_way` names what had to give. Devices' own limits are hard; where they contradict each other the status is
    "infeasible", where AC has no solution "no_ac_solution", and the diagnosis names who and when.
    The same input gives the same plan, bit for bit.

    Raises `OutOfRange`, `GapInSeries`, `MissingColumn`, `BadInput`, `UnsuppliedBus` for wrong input.
    """
    table = price_table(prices)
    horizon = horizon or Horizon.regular(pd.DatetimeIndex(table.index))
    check_input(devices, table, horizon)
    problem = _Problem(
        horizon,
        groups_of(devices, Market(table, horizon)),
        ConnectionModel(connection or Connection(), table),
        physics or (CopperPlate() if network is None else AcTangent(network)),
    )
    model, costs = problem.build(previous.table if isinstance(previous, Plan) else previous, change_cost)
    session = Session(model, time_limit_s=time_limit_s)
    try:
        problem.physics.add_limits(session)
        end = _solve(session, problem)
    except SolveFailed as error:
        return _without_solution(horizon, "no_ac_solution", diagnose.no_ac_solution(error, horizon))
    if end.outcome.solved:
        return problem.plan(end, costs)
    if end.outcome.status == "infeasible":
        kinds = {device: group.kind for group in problem.groups for device in group.ids}
        why = diagnose.conflicting(model, session.conflict(), kinds)
    else:
        why = diagnose.no_solution(end.outcome)
    return _without_solution(horizon, end.outcome.status, why, end.rounds, end.seconds)


@dataclass(frozen=True)
class _End:
    """How the rounds ended."""

    outcome: Outcome
    rounds: int
    seconds: float
    settled: bool


def _solve(session: Session, problem: _Problem) -> _End:
    """Solve, settle what a linear plan leaves open, and refine until the physics agrees.

    The first rounds stay relaxed, so that whole decisions are taken with the limits already in view. The last thing
    that happens to a plan is that the physics looks at it.
    """
    outcome = session.run()
    seconds = outcome.seconds
    for round_ in range(1, MAX_ROUNDS + SETTLING_ROUNDS + 1):
        if not outcome.solved:
            break
        agreed = problem.physics.refine(session, outcome)
        whole = agreed or round_ > RELAXED_ROUNDS
        fixes = [fix for group in problem.groups for fix in group.settle(outcome)] if whole else []
        if not fixes and (agreed or round_ >= MAX_ROUNDS):
            return _End(outcome, round_, seconds, agreed)
        if round_ < MAX_ROUNDS + SETTLING_ROUNDS:
            session.fix(fixes)
            outcome = session.run()
            seconds += outcome.seconds
    return _End(outcome, round_, seconds, False)


@dataclass(frozen=True)
class _Problem:
    """Devices, connection and physics of one schedule, and how they become a model and a plan."""

    horizon: Horizon
    groups: list[Group]
    connection: ConnectionModel
    physics: Physics

    def build(self, previous: pd.DataFrame | None, change_cost: float) -> tuple[linopy.Model, dict[str, Sum]]:
        """The linear model and its costs by part."""
        model = linopy.Model()
        for group in self.groups:
            group.add(model, self.horizon)
        self.connection.add(model, self.horizon)
        self.physics.add_power_balance(model, self.horizon, self.groups, self.connection)
        costs = dict(self.connection.cost())
        for group in self.groups:
            costs.update(group.cost())
        if previous is not None:
            changes = add_change_cost(model, self.groups, self.horizon, previous, change_cost)
            costs.update({} if changes is None else {"changes": changes})
        minimize(model, costs.values())
        return model, costs

    def plan(self, end: _End, costs: dict[str, Sum]) -> Plan:
        """The plan that a solution means."""
        outcome = end.outcome
        prices = self.physics.local_prices(outcome)
        for name, effect in self.connection.limit_effects(outcome):
            prices = prices.with_common_limit(name, effect)
        quantities: list[tuple[str, Quantity]] = []
        for group in self.groups:
            quantities.extend((group.kind, quantity) for quantity in group.read(outcome, prices))
        quantities.extend((self.connection.kind, quantity) for quantity in self.connection.read(outcome))
        gave_way = {**self.physics.limit_names(outcome), **self.connection.gave_way(outcome)}
        check = self.physics.check()
        limits = [self.physics.binding_limits(outcome), self.connection.binding_limits(outcome, self.horizon.starts)]
        parts = {name: outcome.total(part) for name, part in costs.items()}
        if outcome.gave_way_cost:
            parts["grid_limit"] = outcome.gave_way_cost
        unsettled = None if end.settled else diagnose.not_settled(check, end.rounds)
        return Plan(
            horizon=self.horizon,
            table=plan_table(self.horizon, quantities),
            cost=outcome.objective,
            parts=parts,
            check=check,
            gave_way=gave_way,
            status=outcome.status,
            diagnosis=diagnose.what_gave_way(gave_way) or unsettled,
            rounds=end.rounds,
            solver_s=end.seconds,
            local_price=pd.DataFrame(prices.p.T, index=self.horizon.starts, columns=prices.bus),
            limits=pd.concat([table for table in limits if len(table)] or limits[:1], ignore_index=True),
            settled=end.settled,
        )


def _without_solution(horizon: Horizon, status: str, why: Diagnosis, rounds: int = 0, seconds: float = 0.0) -> Plan:
    return Plan(horizon, plan_table(horizon, []), float("nan"), {}, pd.DataFrame(), {}, status, why, rounds, seconds)
