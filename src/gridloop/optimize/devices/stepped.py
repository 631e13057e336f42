"""Stepped loads: a load of which parts can be left out, each at a worth of its own, the cheapest first.

What is left out costs a convex, piecewise-linear sum: a part with a higher worth is touched only when all cheaper ones
are gone. A linear plan keeps that order by itself, so that none is written down; tests hold it as a law.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pandas as pd

from gridloop.optimize.devices.given_numbers import over_steps
from gridloop.optimize.devices.group import MOVING_MW, Given, LocalPrices, Plain, Quantity, Term
from gridloop.optimize.explain import brought_above
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.labelled_model import LabelledModel
from gridloop.optimize.linear import Coords, Sum, add_variables
from gridloop.optimize.solve import Outcome
from gridloop.units import FloatArray


class SteppedLoad(Protocol):
    """A load with parts: shares of its forecast, and money per MWh of each that is left out, growing."""

    @property
    def id(self) -> str: ...
    @property
    def bus(self) -> str: ...
    @property
    def p_mw(self) -> FloatArray: ...
    @property
    def q_mvar(self) -> FloatArray | float: ...
    def parts(self) -> tuple[FloatArray, FloatArray]:
        """Shares and worths. [part]"""


class SteppedGroup(Plain):
    """Many stepped loads of one kind in one problem.

    kind, quantity, part  names in the plan: of the kind, of what is left out (MW), of its cost
    codes                 reasons of a load that is served, and of one of which the price, or a limit, leaves out a part
    """

    kind = ""
    quantity = ""
    part = ""
    codes: tuple[str, str, str]

    def __init__(self, loads: Sequence[SteppedLoad]) -> None:
        self.ids = [load.id for load in loads]
        self.bus = [load.bus for load in loads]
        self.p = np.stack([np.atleast_1d(np.asarray(load.p_mw, dtype=float)) for load in loads])
        self.q = np.stack([over_steps(load.q_mvar, self.p.shape[1]) for load in loads])
        # What is left out takes its reactive power along.
        self.reactive_share = np.divide(self.q, self.p, out=np.zeros_like(self.p), where=self.p > 0)
        found = [load.parts() for load in loads]
        width = max(len(shares) for shares, _ in found)
        self.share, self.worth = np.zeros((len(found), width)), np.zeros((len(found), width))
        for k, (shares, worths) in enumerate(found):
            self.share[k, : len(shares)], self.worth[k, : len(worths)] = shares, worths
        # A load that injects (net load under the sun) has nothing that could be left out.
        self.most = np.clip(self.p, 0, None)[:, :, None] * self.share[:, None, :]

    def add(self, model: LabelledModel, horizon: Horizon) -> None:
        """left out [MW] of every part"""
        self.hours = horizon.hours
        coords: Coords = [
            pd.Index(self.ids, name=self.kind),
            horizon.index,
            pd.RangeIndex(self.share.shape[1], name=f"{self.kind}_part"),
        ]
        self.out = add_variables(model, f"{self.kind}_out", coords, 0.0, self.most, self.most > 0)

    def terms(self) -> list[Term]:
        labels = self.out.labels.values
        return [Term(labels[:, :, part], self.bus, p=1.0, q=self.reactive_share) for part in range(labels.shape[2])]

    def given(self) -> list[Given]:
        return [Given(self.bus, -self.p, -self.q)]

    def cost(self) -> dict[str, Sum]:
        return {self.part: Sum.of((self.out, self.worth[:, None, :] * self.hours[:, None]))}

    def read(self, outcome: Outcome, prices: LocalPrices) -> list[Quantity]:
        by_part = outcome.value(self.out)
        out = by_part.sum(axis=2)
        at = prices.rows(self.bus)
        here, limit = prices.p[at, 0], prices.limit[at, 0]
        ratio = self.reactive_share[:, 0]
        relief = here + ratio * prices.q[at, 0]
        by_limits = prices.limit_effect[at, 0] + ratio * prices.q_limit_effect[at, 0]
        # The dearest part that is touched decides.
        dearest = np.where(by_part[:, 0] > MOVING_MW, self.worth, 0.0).max(axis=1)
        for_limit = brought_above(relief, by_limits, dearest) & (limit != "")
        reason, binding = [], []
        for mw, by_limit, name in zip(out[:, 0], for_limit, limit, strict=True):
            served, by_price, limited = self.codes
            less = mw > MOVING_MW
            reason.append(served if not less else limited if by_limit else by_price)
            binding.append(str(name) if less and by_limit else "")
        return [Quantity(self.quantity, self.ids, self.bus, out, reason, binding, here)]
