"""Loads: served as forecast, or shed at the value of lost load when nothing else is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.optimize.devices.given_numbers import without_gaps
from gridloop.optimize.devices.group import MOVING_MW, Given, LocalPrices, Plain, Quantity, Term
from gridloop.optimize.explain import brought_above
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.labelled_model import LabelledModel
from gridloop.optimize.linear import Coords, Sum, add_variables
from gridloop.optimize.solve import Outcome
from gridloop.units import FloatArray


@dataclass(frozen=True)
class Load:
    """A load that takes what it takes.

    p_mw, q_mvar         [step]  forecast of the consumption
    value_of_lost_load   money per MWh not served
    sheddable            share of the load that can be shed, 0 … 1
    """

    p_mw: FloatArray
    q_mvar: FloatArray | float = 0.0
    value_of_lost_load: float = 10_000.0
    sheddable: float = 1.0
    id: str = "load"
    bus: str = ""

    def __post_init__(self) -> None:
        without_gaps("Load", self, ("p_mw", "q_mvar"))
        if not 0 <= self.sheddable <= 1:
            raise OutOfRange(f"Load {self.id}: sheddable is {self.sheddable}; allowed is a share of 0 … 1.")
        if not np.isfinite(self.value_of_lost_load):
            raise OutOfRange(
                f"Load {self.id}: value_of_lost_load is {self.value_of_lost_load}; it must be a number. "
                "A load that is never shed has sheddable=0."
            )


class LoadGroup(Plain):
    """Many loads in one problem."""

    kind = "load"

    def __init__(self, loads: Sequence[Load]) -> None:
        self.ids = [load.id for load in loads]
        self.bus = [load.bus for load in loads]
        self.p = np.stack([np.atleast_1d(np.asarray(load.p_mw, dtype=float)) for load in loads])
        self.q = np.stack([np.broadcast_to(np.asarray(load.q_mvar, dtype=float), self.p.shape[1:]) for load in loads])
        # What is shed takes its reactive power along.
        self.reactive_share = np.divide(self.q, self.p, out=np.zeros_like(self.p), where=self.p > 0)
        self.voll = np.array([load.value_of_lost_load for load in loads])
        self.most = np.clip(self.p, 0, None) * np.array([load.sheddable for load in loads])[:, None]

    def add(self, model: LabelledModel, horizon: Horizon) -> None:
        """unserved [MW]"""
        self.hours = horizon.hours
        coords: Coords = [pd.Index(self.ids, name="load"), horizon.index]
        self.unserved = add_variables(model, "load_unserved", coords, 0.0, self.most, self.most > 0)

    def terms(self) -> list[Term]:
        return [Term(self.unserved.labels.values, self.bus, p=1.0, q=self.reactive_share)]

    def given(self) -> list[Given]:
        return [Given(self.bus, -self.p, -self.q)]

    def cost(self) -> dict[str, Sum]:
        return {"unserved_load": Sum.of((self.unserved, self.voll[:, None] * self.hours))}

    def read(self, outcome: Outcome, prices: LocalPrices) -> list[Quantity]:
        unserved = outcome.value(self.unserved)
        at = prices.rows(self.bus)
        here, limit = prices.p[at, 0], prices.limit[at, 0]
        ratio = self.reactive_share[:, 0]
        relief = here + ratio * prices.q[at, 0]
        by_limits = prices.limit_effect[at, 0] + ratio * prices.q_limit_effect[at, 0]
        for_limit = brought_above(relief, by_limits, self.voll)
        reason, binding = [], []
        for k in range(len(self.ids)):
            if unserved[k, 0] <= MOVING_MW:
                reason.append("serve")
            else:
                reason.append("shed_limit" if for_limit[k] and limit[k] else "shed_price")
            binding.append(str(limit[k]) if reason[-1] == "shed_limit" else "")
        return [Quantity("unserved_mw", self.ids, self.bus, unserved, reason, binding, here)]
