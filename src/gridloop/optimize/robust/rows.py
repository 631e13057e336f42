"""Rows that bind the scenarios together: decisions in common, the tail of the costs, and a chance for limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.sparse import csr_array

from gridloop.optimize.devices.connection import Connection
from gridloop.optimize.robust.block import Block, Decision, Key
from gridloop.optimize.robust.measure import Risk
from gridloop.units import FloatArray, IntArray


class Extra:
    """Columns and rows that stand behind those of the scenarios."""

    def __init__(self, first_column: int) -> None:
        self.first_column = first_column
        self.cost: list[float] = []
        self.lower: list[float] = []
        self.row_lower: list[float] = []
        self.row_upper: list[float] = []
        self._row: list[IntArray] = []
        self._column: list[IntArray] = []
        self._value: list[FloatArray] = []

    def column(self, cost: float, lower: float) -> int:
        """A further column without an upper bound; its place."""
        self.cost.append(cost)
        self.lower.append(lower)
        return self.first_column + len(self.cost) - 1

    def row(
        self, columns: Sequence[int] | IntArray, values: Sequence[float] | FloatArray, lower: float, upper: float
    ) -> int:
        """lower ≤ Σ value · column ≤ upper; its number among the extra rows."""
        number = len(self.row_lower)
        self._row.append(np.full(len(columns), number, dtype=np.int64))
        self._column.append(np.asarray(columns, dtype=np.int64))
        self._value.append(np.asarray(values, dtype=float))
        self.row_lower.append(lower)
        self.row_upper.append(upper)
        return number

    def matrix(self, columns: int) -> csr_array:
        """All rows. [row, column]"""
        shape = (len(self.row_lower), columns)
        if not self._row:
            return csr_array(shape)
        entries = (np.concatenate(self._value), (np.concatenate(self._row), np.concatenate(self._column)))
        return csr_array(entries, shape=shape)


def add_tail(extra: Extra, blocks: Sequence[Block], weights: FloatArray, risk: Risk) -> IntArray:
    """share · (η + Σ w_s z_s / (1 − level)) with z_s ≥ C_s − η, z_s ≥ 0.

    The numbers of its rows: their duals say how much more a scenario counts for being in the tail.
    """
    eta = extra.column(risk.share, -np.inf)
    rows = []
    for block, weight in zip(blocks, weights, strict=True):
        over = extra.column(risk.share * weight / (1 - risk.level), 0.0)
        costs = np.flatnonzero(block.cost)
        columns = np.concatenate([[over, eta], block.first_column + costs])
        rows.append(extra.row(columns, np.concatenate([[1.0, 1.0], -block.cost[costs]]), 0.0, np.inf))
    return np.array(rows, dtype=np.int64)


def add_chance(
    extra: Extra, blocks: Sequence[Block], weights: FloatArray, limits: Connection, chance: float
) -> tuple[int, dict[str, IntArray]]:
    """CVaR at level 1 − chance of the worst excess of a scenario ≤ 0, or paid at the connection's `limit_price`.

    With g_s the largest of net_t − limit over the intervals and both ways [MW], negative where there is room:
    τ + Σ w_s v_s / chance ≤ excess, v_s ≥ g_s − τ, v_s ≥ 0.

    The column of the excess, and numbers of rows by limit [scenario, step].
    """
    hours = float(blocks[0].problem.horizon.hours.sum())
    tau, excess = extra.column(0.0, -np.inf), extra.column(limits.limit_price * hours, 0.0)
    over = [extra.column(0.0, 0.0) for _ in blocks]
    rows: dict[str, IntArray] = {}
    for name, sign, limit in (
        ("import_limit", 1.0, limits.import_limit_mw),
        ("export_limit", -1.0, limits.export_limit_mw),
    ):
        if not np.isfinite(limit):
            continue
        numbers = []
        for block, mine in zip(blocks, over, strict=True):
            net = [
                (block.place(labels), sign * np.broadcast_to(factor, labels.shape))
                for labels, factor in block.problem.connection.net()
            ]
            columns = np.stack([place for place, _ in net], axis=1)
            factors = np.stack([factor for _, factor in net], axis=1)
            numbers.append(
                [
                    extra.row([*at, tau, mine], [*factor, -1.0, -1.0], -np.inf, limit)
                    for at, factor in zip(columns, factors, strict=True)
                ]
            )
        rows[name] = np.array(numbers, dtype=np.int64)
    extra.row([tau, excess, *over], [1.0, -1.0, *(weights / chance)], -np.inf, 0.0)
    return excess, rows


def add_ties(extra: Extra, blocks: Sequence[Block], decisions: Sequence[Mapping[Key, Decision]]) -> None:
    """What is sent first is the same in every scenario as in the first one."""
    for key in common_keys(decisions):
        first, others = decisions[0][key], decisions[1:]
        for step in range(first.labels.shape[0]):
            columns, values = _terms(blocks[0], first, step)
            for block, other in zip(blocks[1:], others, strict=True):
                more, factors = _terms(block, other[key], step)
                if columns.size + more.size:
                    extra.row(np.concatenate([columns, more]), np.concatenate([values, -factors]), 0.0, 0.0)


def add_given(
    extra: Extra,
    blocks: Sequence[Block],
    decisions: Sequence[Mapping[Key, Decision]],
    values: Mapping[Key, FloatArray],
) -> None:
    """What is sent first is what somebody else decided. values [step]"""
    for key in common_keys(decisions):
        for block, mine in zip(blocks, decisions, strict=True):
            for step, value in enumerate(values[key]):
                columns, factors = _terms(block, mine[key], step)
                if columns.size:
                    extra.row(columns, factors, float(value), float(value))


def common_keys(decisions: Sequence[Mapping[Key, Decision]]) -> list[Key]:
    """Decisions that every scenario has: a vehicle that comes in some of them only is not here yet."""
    return [key for key in decisions[0] if all(key in other for other in decisions[1:])]


def _terms(block: Block, decision: Decision, step: int) -> tuple[IntArray, FloatArray]:
    labels = decision.labels[step]
    known = labels >= 0
    return block.place(labels[known]), decision.factors[known]
