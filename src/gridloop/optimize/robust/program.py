"""All scenarios as one linear program, solved apart, together, or with decisions that somebody else took."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from scipy.sparse import block_diag, csr_array, vstack

from gridloop.diagnosis import Diagnosis
from gridloop.network.feeder.model import Feeder
from gridloop.network.model import Network
from gridloop.optimize import diagnose
from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.problems.rounds import MAX_ROUNDS, RELAXED_ROUNDS, SETTLING_ROUNDS
from gridloop.optimize.robust.block import Block, Decision, Key
from gridloop.optimize.robust.measure import Risk
from gridloop.optimize.robust.rows import Extra, add_chance, add_given, add_tail, add_ties, common_keys
from gridloop.optimize.robust.scenario import Scenario
from gridloop.optimize.solve import Conflict, Fix, Outcome, Session
from gridloop.optimize.solve.arrays import Answer, ArraySession, LinearModel
from gridloop.units import FloatArray, IntArray


@dataclass(frozen=True)
class Solved:
    """A solution of all scenarios.

    outcomes  of every scenario, duals per unit of its own money
    counts    how much the money of a scenario counts: its weight, and more where it is in the tail. [scenario]
    excess_mw   by how much the chance is missed
    limit_dual  by limit, summed over the scenarios [step]
    settled     False where a network and its plan differ, or a device runs both ways at once, after the last round
    """

    answer: Answer
    outcomes: list[Outcome]
    counts: FloatArray
    excess_mw: float
    limit_dual: Mapping[str, FloatArray]
    rounds: int
    seconds: float
    settled: bool

    @property
    def costs(self) -> FloatArray:
        """Cost of every scenario. [scenario]"""
        return np.array([outcome.objective for outcome in self.outcomes])


class Program:
    """The scenarios' models side by side."""

    def __init__(
        self,
        scenarios: Sequence[Scenario],
        weights: FloatArray,
        *,
        connection: Connection,
        horizon: Horizon | None,
        risk: Risk,
        chance: float | None,
        common: int,
        time_limit_s: float,
        network: Network | Feeder | None = None,
    ) -> None:
        self.on_network = network is not None
        self.weights, self.risk, self.chance, self.limits = weights, risk, chance, connection
        self.time_limit_s = time_limit_s
        inside = connection
        if chance is not None:
            inside = replace(connection, import_limit_mw=np.inf, export_limit_mw=np.inf)
        self._built = [Block.build(scenario, inside, horizon, chance is None, network) for scenario in scenarios]
        for block in self._built:
            block.problem.physics.add_limits(cast(Session, block.added))
        self._place()
        self.horizon = self.blocks[0].problem.horizon
        self.decisions: list[dict[Key, Decision]] = [block.decisions(common) for block in self.blocks]

    def _place(self) -> None:
        """Put the scenarios side by side, with all that their networks have told so far."""
        self.blocks: list[Block] = []
        column = row = 0
        for built in self._built:
            block = built.grown().at(column, row)
            self.blocks.append(block)
            column, row = column + block.cost.size, row + block.row_lower.size
        self.columns, self.rows = column, row

    def apart(self) -> Solved | Diagnosis:
        """Every scenario for itself, as if it were known which one comes."""
        return self._solve(lambda extra: None)

    def together(self) -> Solved | Diagnosis:
        """The first decisions the same in all scenarios."""
        return self._solve(lambda extra: add_ties(extra, self.blocks, self.decisions))

    def given(self, values: Mapping[Key, FloatArray]) -> Solved | Diagnosis:
        """The first decisions as given. values [step]"""
        return self._solve(lambda extra: add_given(extra, self.blocks, self.decisions, values))

    def first_values(self, solved: Solved) -> dict[Key, FloatArray]:
        """What the first decisions are in the first scenario. [step]"""
        outcome = solved.outcomes[0]
        return {key: outcome.at(d.labels) @ d.factors for key, d in self.decisions[0].items()}

    def in_common(self) -> list[Key]:
        """The decisions in common."""
        return common_keys(self.decisions)

    def _solve(self, tie: Callable[[Extra], None]) -> Solved | Diagnosis:
        """Solve until every network agrees with its scenario and devices have settled. tie: rows that join scenarios"""
        seconds, fixes = 0.0, list[tuple[int, Fix]]()
        for rounds in range(1, MAX_ROUNDS + SETTLING_ROUNDS + 1):
            extra = Extra(self.columns)
            tie(extra)
            ties = len(extra.row_lower)
            tail = add_tail(extra, self.blocks, self.weights, self.risk) if self.risk.share > 0 else None
            excess, limit_rows = None, dict[str, IntArray]()
            if self.chance is not None:
                excess, limit_rows = add_chance(extra, self.blocks, self.weights, self.limits, self.chance)
            model = self._model(extra)
            for s, fix in fixes:
                columns = self.blocks[s].place(fix.labels)
                model.lower[columns], model.upper[columns] = fix.lower, fix.upper
            session = ArraySession(model, time_limit_s=self.time_limit_s)
            answer = session.run()
            seconds += answer.seconds
            if answer.status != "optimal":
                return self._why(session, answer, ties)
            behind = answer.row_dual[self.rows :]
            counts = (1 - self.risk.share) * self.weights + (0.0 if tail is None else np.clip(behind[tail], 0.0, None))
            outcomes = [block.outcome(answer, float(m)) for block, m in zip(self.blocks, counts, strict=True)]
            agreed = [
                block.problem.physics.refine(cast(Session, block.added), outcome)
                for block, outcome in zip(self.blocks, outcomes, strict=True)
            ]
            whole = all(agreed) or rounds > RELAXED_ROUNDS
            new = [
                (s, fix)
                for s, (block, outcome) in enumerate(zip(self.blocks, outcomes, strict=True))
                for fix in (block.fixes(outcome) if whole else [])
            ]
            if (not new and (all(agreed) or rounds >= MAX_ROUNDS)) or rounds == MAX_ROUNDS + SETTLING_ROUNDS:
                break
            fixes += new
            self._place()
        duals = {name: np.asarray(behind[rows].sum(axis=0)) for name, rows in limit_rows.items()}
        missed = 0.0 if excess is None else float(answer.x[excess])
        return Solved(answer, outcomes, counts, missed, duals, rounds, seconds, not new and all(agreed))

    def _model(self, extra: Extra) -> LinearModel:
        """The whole of it: each scenario's cost by its weight and the share of the mean."""
        blocks, further = self.blocks, len(extra.cost)
        own = csr_array(block_diag([block.matrix for block in blocks], format="csr"))
        own = csr_array((own.data, own.indices, own.indptr), shape=(self.rows, self.columns + further))
        mean = (1 - self.risk.share) * self.weights
        costs = [w * block.cost for w, block in zip(mean, blocks, strict=True)]
        return LinearModel(
            np.concatenate([*costs, extra.cost]),
            np.concatenate([*(block.lower for block in blocks), extra.lower]),
            np.concatenate([*(block.upper for block in blocks), np.full(further, np.inf)]),
            csr_array(vstack([own, extra.matrix(self.columns + further)], format="csr")),
            np.concatenate([*(block.row_lower for block in blocks), extra.row_lower]),
            np.concatenate([*(block.row_upper for block in blocks), extra.row_upper]),
        )

    def _why(self, session: ArraySession, answer: Answer, ties: int) -> Diagnosis:
        """What contradicts, told for the first scenario that has a part in it."""
        outcome = self.blocks[0].outcome(answer, 1.0)
        if answer.status != "infeasible":
            return diagnose.no_solution(outcome)
        columns, rows = session.conflict()
        tied = bool(((rows >= self.rows) & (rows < self.rows + ties)).any())
        for block in self.blocks:
            mine = columns - block.first_column
            variables = block.columns[mine[(mine >= 0) & (mine < block.columns.size)]]
            mine = rows - block.first_row
            constraints = block.rows[mine[(mine >= 0) & (mine < block.rows.size)]]
            if variables.size + constraints.size:
                kinds = {device: group.kind for group in block.problem.groups for device in group.ids}
                also = ("first decisions that are the same in all scenarios",) if tied else ()
                return diagnose.conflicting(block.model, Conflict(variables, constraints, also), kinds)
        return diagnose.conflicting(self.blocks[0].model, Conflict(columns[:0], rows[:0], ()), {})
