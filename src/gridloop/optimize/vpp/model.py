"""A plant's devices in the solver: one exchange with the market, whose prices and whose amount change between solves.

The problem is that of `schedule`: the same groups of devices, the same connection, the same physics. What is different
is that it stays in the solver, so that a curve of fifty prices is one model and fifty warm starts. Equations:
docs/math/flexibility-vpp.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import BadInput
from gridloop.optimize.devices.connection import price_table
from gridloop.optimize.devices.group import Group
from gridloop.optimize.devices.kinds import groups_of
from gridloop.optimize.devices.market import Market
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.linear import NO_VARIABLE
from gridloop.optimize.physics.base import Physics
from gridloop.optimize.physics.copper_plate import CopperPlate
from gridloop.optimize.problems.inputs import check_input
from gridloop.optimize.problems.problem import Problem
from gridloop.optimize.problems.rounds import End, solve_in_rounds
from gridloop.optimize.solve import Fix, Outcome
from gridloop.optimize.solve.repriced import RepricedSession
from gridloop.optimize.vpp.promise import Exchange
from gridloop.units import FloatArray, IntArray

# (kind, number of the term, device) → value of the variable in every interval
Moves = Mapping[tuple[str, int, str], FloatArray]


@dataclass(frozen=True)
class Past:
    """What was done before an interval: no plan can change it.

    steps  number of intervals that are past
    moves  variables that inject, by device, over the whole horizon; what comes later is not read
    """

    steps: int
    moves: Moves


class PlantModel:
    """Devices, one exchange and a physics, in a solver that keeps them."""

    def __init__(
        self,
        devices: Sequence[Any],
        prices: pd.DataFrame | pd.Series,
        *,
        name: str,
        imbalance_price: float,
        physics: Physics | None = None,
    ) -> None:
        """imbalance_price  money per MWh by which the exchange misses a promise"""
        table = price_table(prices)
        self.horizon = Horizon.regular(pd.DatetimeIndex(table.index))
        check_input(devices, table, self.horizon)
        self.exchange = Exchange(name, table, imbalance_price)
        self.physics = physics or CopperPlate()
        self.groups = groups_of(devices, Market(table, self.horizon))
        self.problem = Problem(self.horizon, self.groups, self.exchange, self.physics)
        self.model, self.costs = self.problem.build(None, 0.0)
        for group in self.groups:
            _refuse_shared_rows(group)
        self.session = _Undoing(self.model)
        self.physics.add_limits(self.session)
        bounds = self.model.matrices
        most = int(np.max(bounds.vlabels, initial=-1)) + 1
        self._lower, self._upper = np.zeros(most), np.zeros(most)
        self._lower[bounds.vlabels], self._upper[bounds.vlabels] = bounds.lb, bounds.ub

    # ----- questions ----------------------------------------------------------------------------

    def reprice(self, prices: FloatArray) -> None:
        """One price per interval for buying and selling alike. [step], money per MWh"""
        x, hours = self.exchange, self.horizon.hours
        money, missed = prices * hours, x.connection.limit_price * hours
        labels = [v.labels.values for v in (x.bought, x.sold, x.over_import, x.over_export)]
        self.session.reprice(np.concatenate(labels), np.concatenate([money, -money, money + missed, missed - money]))

    def promise(self, injection_mw: FloatArray, first: int = 0) -> None:
        """Hold the exchange at an injection from interval `first` on; what is missed is paid. [step], MW"""
        self.session.fix(self.exchange.promise(injection_mw, first))

    def hold_past(self, past: Past) -> None:
        """Fix what the devices did in the intervals that are over."""
        for (kind, number, device), every in self._places():
            done = past.moves.get((kind, number, device))
            labels = every[: past.steps]
            known = labels != NO_VARIABLE
            if done is not None and known.any():
                value = done[: past.steps][known]
                self.session.fix([Fix(labels[known], value, value)])

    def solve(self) -> End:
        """Solve in rounds as `schedule` does; decisions it settles are set free again for the next question."""
        self.session.remember = True
        end = solve_in_rounds(self.session, self.groups, self.physics)
        self.session.remember = False
        for labels in self.session.settled:
            self.session.fix([Fix(labels, self._lower[labels], self._upper[labels])])
        self.session.settled.clear()
        return end

    # ----- answers ------------------------------------------------------------------------------

    def injection_mw(self, outcome: Outcome) -> pd.DataFrame:
        """What every device injects, consumption negative. [interval × device]"""
        found: dict[str, FloatArray] = {}
        for group in self.groups:
            total = np.zeros((len(group.ids), len(self.horizon)))
            for term in group.terms():
                total += np.broadcast_to(term.p, total.shape) * outcome.at(term.labels)
            for part in group.given():
                total += part.p_mw
            found.update(zip(group.ids, total, strict=True))
        return pd.DataFrame(found, index=self.horizon.starts)

    def moves(self, outcome: Outcome) -> Moves:
        """Values of all variables that inject, by device."""
        return {key: outcome.at(labels) for key, labels in self._places()}

    def room_mw(self, outcome: Outcome, kinds: Sequence[str]) -> tuple[FloatArray, FloatArray]:
        """How far each device's injection could rise and fall within its bounds of power; −1 for other kinds.

        Both [device, step], the devices in the order of `injection_mw`.
        """
        up, down = [], []
        for group in self.groups:
            none = 0.0 if group.kind in kinds else -1.0
            rise, fall = (np.full((len(group.ids), len(self.horizon)), none) for _ in range(2))
            for term in group.terms() if group.kind in kinds else ():
                factor = np.broadcast_to(term.p, term.labels.shape)
                known = term.labels != NO_VARIABLE
                at, x = np.where(known, term.labels, 0), outcome.at(term.labels)
                more = np.where(known, np.clip(self._upper[at] - x, 0.0, None), 0.0)
                less = np.where(known, np.clip(x - self._lower[at], 0.0, None), 0.0)
                rise += np.where(factor > 0, factor * more, -factor * less)
                fall += np.where(factor > 0, factor * less, -factor * more)
            up.append(rise)
            down.append(fall)
        return np.concatenate(up), np.concatenate(down)

    def _places(self) -> list[tuple[tuple[str, int, str], IntArray]]:
        """Every variable that injects: its key and its labels. [step]"""
        return [
            ((group.kind, number, device), labels)
            for group in self.groups
            for number, term in enumerate(group.terms())
            for device, labels in zip(group.ids, term.labels, strict=True)
        ]


class _Undoing(RepricedSession):
    """Remembers which variables were fixed while it was told to, so that they can be set free."""

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self.remember = False
        self.settled: list[IntArray] = []

    def fix(self, fixes: Sequence[Fix]) -> None:
        super().fix(fixes)
        if self.remember:
            self.settled += [part.labels for part in fixes]


def _refuse_shared_rows(group: Group) -> None:
    """Who injects what is told by rows: one per device in every term."""
    rows = [len(term.labels) for term in group.terms()] + [len(part.p_mw) for part in group.given()]
    if any(count != len(group.ids) for count in rows):
        raise BadInput(f"Devices of kind {group.kind!r} inject together; a plant needs to tell them apart.")
