"""Devices, connection and physics of one schedule, and how they become a model and a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from gridloop.optimize import diagnose
from gridloop.optimize.devices.connection import ConnectionModel
from gridloop.optimize.devices.group import Group, LocalPrices, Quantity
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.labelled_model import LabelledModel
from gridloop.optimize.linear import Sum, minimize
from gridloop.optimize.physics.base import Physics
from gridloop.optimize.plan import Plan, plan_table
from gridloop.optimize.problems.calm import add_change_cost
from gridloop.optimize.problems.rounds import End
from gridloop.optimize.problems.weights import weighted
from gridloop.optimize.solve import Outcome


@dataclass(frozen=True)
class Problem:
    """One schedule before and after its solve.

    weights  what counts otherwise than its money (`weights.py`)
    """

    horizon: Horizon
    groups: list[Group]
    connection: ConnectionModel
    physics: Physics
    weights: Mapping[str, float] | None = None

    def build(self, previous: pd.DataFrame | None, change_cost: float) -> tuple[LabelledModel, dict[str, Sum]]:
        """The linear model and its costs by part, in money."""
        model = LabelledModel()
        for group in self.groups:
            group.add(model, self.horizon)
        self.connection.add(model, self.horizon, [offer for group in self.groups for offer in group.offers()])
        self.physics.add_power_balance(model, self.horizon, self.groups, self.connection)
        costs = dict(self.connection.cost())
        for group in self.groups:
            costs.update(group.cost())
        if previous is not None:
            changes = add_change_cost(model, self.groups, self.horizon, previous, change_cost)
            costs.update({} if changes is None else {"changes": changes})
        minimize(model, weighted(costs, self.weights))
        return model, costs

    def local_prices(self, outcome: Outcome) -> LocalPrices:
        """What energy is worth at every bus, the connection's limits named."""
        prices = self.physics.local_prices(outcome)
        for name, effect in self.connection.limit_effects(outcome):
            prices = prices.with_common_limit(name, effect)
        return prices

    def plan(self, end: End, costs: dict[str, Sum]) -> Plan:
        """The plan that a solution means."""
        outcome = end.outcome
        prices = self.local_prices(outcome)
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
        hunting = diagnose.regulators_that_hunt(check)
        unsettled = None if end.settled else diagnose.not_settled(check, end.rounds)
        return Plan(
            horizon=self.horizon,
            table=plan_table(self.horizon, quantities),
            cost=outcome.objective if self.weights is None else sum(parts.values()),
            parts=parts,
            check=check,
            gave_way=gave_way,
            status=outcome.status,
            diagnosis=hunting or diagnose.what_gave_way(gave_way) or unsettled or diagnose.not_proven(outcome),
            gap=outcome.gap,
            rounds=end.rounds,
            solver_s=end.seconds,
            local_price=pd.DataFrame(prices.p.T, index=self.horizon.starts, columns=prices.bus),
            limits=pd.concat([table for table in limits if len(table)] or limits[:1], ignore_index=True),
            settled=end.settled and hunting is None,
        )
