"""One scenario inside the large model: the problem that `schedule` builds, as arrays, and its part of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.sparse import csr_array, vstack

from gridloop.errors import BadInput, listed
from gridloop.network.feeder.model import Feeder
from gridloop.network.model import Network
from gridloop.optimize.devices.connection import Connection, ConnectionModel, price_table
from gridloop.optimize.devices.group import Sent
from gridloop.optimize.devices.kinds import groups_of
from gridloop.optimize.devices.market import Market
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.labelled_model import LabelledModel
from gridloop.optimize.linear import Sum
from gridloop.optimize.physics.ac_tangent import AcTangent
from gridloop.optimize.physics.base import Physics
from gridloop.optimize.physics.copper_plate import CopperPlate
from gridloop.optimize.problems.inputs import check_input
from gridloop.optimize.problems.problem import Problem
from gridloop.optimize.robust.added import Added
from gridloop.optimize.robust.scenario import Scenario
from gridloop.optimize.solve import GAVE_WAY, Fix, Outcome
from gridloop.optimize.solve.arrays import Answer
from gridloop.units import FloatArray, IntArray

Key = tuple[str, str, str]
"""Kind, quantity and device of a decision."""


@dataclass(frozen=True)
class Decision:
    """Σ factor · variable in each of the first intervals.

    labels [step, part], −1 where there is none; factors [part]
    """

    labels: IntArray
    factors: FloatArray


@dataclass(frozen=True)
class Block:
    """A scenario's problem as it was built, and where it stands in the large model.

    cost, lower, upper [column]; matrix [row, column]; row_lower, row_upper [row]
    columns, rows  labels of columns and rows; first_column, first_row  their places in the large model
    added        what the network has told; in the arrays once the block has `grown`
    """

    problem: Problem
    model: LabelledModel
    costs: dict[str, Sum]
    columns: IntArray
    rows: IntArray
    cost: FloatArray
    lower: FloatArray
    upper: FloatArray
    matrix: csr_array
    row_lower: FloatArray
    row_upper: FloatArray
    added: Added
    first_column: int = 0
    first_row: int = 0

    @classmethod
    def build(
        cls,
        scenario: Scenario,
        connection: Connection,
        horizon: Horizon | None,
        calls_fit: bool,
        network: Network | Feeder | None,
    ) -> Block:
        """The model of one scenario, from the same pieces as every schedule.

        calls_fit  False where the connection's limits stand outside of it: nobody then keeps room for calls of services

        Raises what `schedule` raises, and `BadInput` for whole decisions.
        """
        table = price_table(scenario.prices)
        horizon = horizon or Horizon.regular(pd.DatetimeIndex(table.index))
        check_input(scenario.devices, table, horizon)
        groups = groups_of(scenario.devices, Market(table, horizon))
        physics: Physics = CopperPlate() if network is None else AcTangent(network)
        problem = Problem(horizon, groups, ConnectionModel(connection, table), physics)
        model, costs = problem.build(None, 0.0)
        if not calls_fit and any(group.offers() for group in groups):
            raise BadInput("A chance on the connection's limits keeps no room for calls of services; leave one out.")
        m = model.matrices
        whole = np.asarray(m.vtypes) != "C"
        if whole.any():
            kinds = listed(sorted({type(d).__name__ for d in scenario.devices}))
            raise BadInput(
                f"Robust plans take no whole decisions, and these devices ask for {int(whole.sum())} ({kinds}): "
                "give a Shiftable for a ShiftableRun."
            )
        columns, rows = (np.asarray(found, dtype=np.int64) for found in (m.vlabels, m.clabels))
        matrix = csr_array((rows.size, columns.size)) if m.A is None else csr_array(m.A)
        right, sense = np.asarray(m.b, dtype=float), np.asarray(m.sense)
        below, above = np.where(sense == "<", -np.inf, right), np.where(sense == ">", np.inf, right)
        cost, lower, upper = (np.asarray(found, dtype=float) for found in (m.c, m.lb, m.ub))
        added = Added(_inverse(columns), columns.size)
        return cls(problem, model, costs, columns, rows, cost, lower, upper, matrix, below, above, added)

    def grown(self) -> Block:
        """The same with what its network has added so far: further rows, and columns for what they exceed."""
        more = self.added
        if not more.rows and not more.fixes:
            return self
        lower, upper = self.lower.copy(), self.upper.copy()
        for fix in more.fixes:
            at = self.column_of[fix.labels]
            lower[at], upper[at] = fix.lower, fix.upper
        price, (low, high) = more.cost(), more.bounds()
        own = csr_array((self.matrix.data, self.matrix.indices, self.matrix.indptr),
                        shape=(self.rows.size, self.columns.size + price.size))  # fmt: skip
        return replace(
            self,
            cost=np.append(self.cost, price),
            lower=np.append(lower, np.zeros(price.size)),
            upper=np.append(upper, np.full(price.size, np.inf)),
            matrix=csr_array(vstack([own, more.matrix()], format="csr")),
            row_lower=np.append(self.row_lower, low),
            row_upper=np.append(self.row_upper, high),
        )

    def at(self, first_column: int, first_row: int) -> Block:
        """The same with its place in the large model."""
        return replace(self, first_column=first_column, first_row=first_row)

    @cached_property
    def column_of(self) -> IntArray:
        """Own column by label."""
        return _inverse(self.columns)

    @cached_property
    def row_of(self) -> IntArray:
        """Own row by label."""
        return _inverse(self.rows)

    def place(self, labels: IntArray) -> IntArray:
        """Columns of the large model by label; −1 is none of them."""
        return np.asarray(self.first_column + self.column_of[labels])

    def outcome(self, answer: Answer, scale: float) -> Outcome:
        """Its part of an answer, duals divided by how much the scenario counts."""
        mine = slice(self.first_column, self.first_column + self.cost.size)
        x = answer.x[mine]
        behind = self.first_row + self.rows.size
        exceeded = self.added.exceeded(x[self.columns.size :])
        return Outcome(
            status=answer.status,
            objective=float(self.cost @ x),
            seconds=answer.seconds,
            iterations=answer.iterations,
            row_dual=self.added.duals(answer.row_dual[behind : behind + len(self.added.rows)] / scale),
            gave_way={name: amount for name, amount in exceeded.items() if amount > GAVE_WAY},
            gave_way_cost=sum(self.added.prices[name] * amount for name, amount in exceeded.items()),
            _x=x,
            _reduced_cost=answer.reduced_cost[mine] / scale,
            _dual=answer.row_dual[self.first_row : self.first_row + self.rows.size] / scale,
            _column_of=self.column_of,
            _row_of=self.row_of,
        )

    def fixes(self, outcome: Outcome) -> list[Fix]:
        """What the devices settle after a solve."""
        return [fix for group in self.problem.groups for fix in group.settle(outcome)]

    def decisions(self, steps: int) -> dict[Key, Decision]:
        """What is sent in the first intervals.

        Raises `BadInput` where a kind does not tell which variables are sent later than in the first one.
        """
        found: dict[Key, Decision] = {}
        for group in self.problem.groups:
            for sent in group.sent():
                labels = sent.labels[:, None, :]
                if steps > 1:
                    over_time = _over_time(sent, [term.labels for term in group.terms()], group.kind)
                    labels = over_time[:, :steps]
                for row, device in zip(labels, sent.device, strict=True):
                    if (row >= 0).any():
                        key = (group.kind, sent.quantity, device)
                        found[key] = Decision(row, np.asarray(sent.factors, dtype=float))
        return found


def _over_time(sent: Sent, terms: Sequence[IntArray], kind: str) -> IntArray:
    """Labels of what is sent in every interval, found by its first: [device, step, part]."""
    parts, left = [], list(terms)
    for first in sent.labels.T:
        mine = [k for k, labels in enumerate(left) if np.array_equal(labels[:, 0], first)]
        if not mine:
            raise BadInput(f"Devices of kind {kind!r} can be held together in the first interval only: common=1.")
        parts.append(left.pop(mine[0]))
    return np.stack(parts, axis=2)


def _inverse(labels: IntArray) -> IntArray:
    position = np.full(int(labels.max(initial=-1)) + 1, -1, dtype=np.int64)
    position[labels] = np.arange(labels.size)
    return position
