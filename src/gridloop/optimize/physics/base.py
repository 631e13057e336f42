"""What a physics gives to a problem. One file per physics; a problem never asks which one it has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from gridloop.optimize.devices.connection import ConnectionModel
from gridloop.optimize.devices.group import Given, Group, LocalPrices
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.labelled_model import LabelledModel, Members
from gridloop.optimize.linear import add_rows
from gridloop.optimize.solve import Outcome, Session
from gridloop.units import FloatArray, IntArray


class Physics(Protocol):
    """The network side of a problem. It serves one problem at a time: `add_power_balance` starts afresh."""

    def add_power_balance(
        self, model: LabelledModel, horizon: Horizon, groups: Sequence[Group], connection: ConnectionModel
    ) -> None:
        """What is injected, less losses, leaves through the connection."""

    def add_limits(self, session: Session) -> None:
        """Limits and losses as they look before the first solve; `SolveFailed` where that state has no solution."""

    def refine(self, session: Session, outcome: Outcome) -> bool:
        """Check a solution against the physics and add what it breaks. True where nothing was missing.

        Raises `SolveFailed` where the physics has no solution for the plan.
        """

    def local_prices(self, outcome: Outcome) -> LocalPrices:
        """Worth of energy at every bus, from the duals of balance, losses and limits."""

    def binding_limits(self, outcome: Outcome) -> pd.DataFrame:
        """Limits that cost money, the dearest first: `group.LIMIT_COLUMNS`, shadow price in money per unit and hour."""

    def check(self) -> pd.DataFrame:
        """Per interval what the last refinement saw: v_min_pu, v_max_pu, loading_max_pct, losses_mw and where."""

    def limit_names(self, outcome: Outcome) -> dict[str, float]:
        """Limits that gave way in a solution, by readable name, with the excess in their unit."""


@dataclass(frozen=True)
class StackedTerms:
    """All variables that inject, one row per device variable.

    labels [row, step]; bus [row]; p, q [row, step] MW and Mvar per unit of the variable; given: what is not decided
    """

    labels: IntArray
    bus: list[str]
    p: FloatArray
    q: FloatArray
    given: list[Given]

    @classmethod
    def of(cls, groups: Sequence[Group], steps: int) -> StackedTerms:
        """Collect the terms of all groups."""
        terms = [term for group in groups for term in group.terms()]
        nothing = np.zeros((0, steps))
        return cls(
            np.concatenate([nothing.astype(np.int64), *(term.labels for term in terms)]),
            [bus for term in terms for bus in term.bus],
            np.concatenate([nothing, *(np.broadcast_to(term.p, term.labels.shape) for term in terms)]),
            np.concatenate([nothing, *(np.broadcast_to(term.q, term.labels.shape) for term in terms)]),
            [given for group in groups for given in group.given()],
        )

    def given_p(self, steps: int) -> FloatArray:
        """Sum of all injections that are not decided. [step], MW"""
        return np.asarray(sum((g.p_mw.sum(axis=0) for g in self.given), np.zeros(steps)))


def balance_rows(
    model: LabelledModel,
    horizon: Horizon,
    terms: StackedTerms,
    connection: ConnectionModel,
    losses: Members | None,
) -> Members:
    """import − export + Σ injection − losses = 0, one row per interval."""
    active = np.flatnonzero((terms.p != 0).any(axis=1))
    parts = [*connection.net(), (terms.labels[active].T, terms.p[active].T)]
    if losses is not None:
        parts.append((losses.labels.values, -1.0))
    return add_rows(model, "power_balance", [horizon.index], parts, "=", -terms.given_p(len(horizon)))
