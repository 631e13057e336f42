"""Renewables: what the sun and the wind allow, curtailed last, with the reactive power of their inverters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.optimize.devices.group import MOVING_MW, Given, LocalPrices, Plain, Quantity, Sent, Term
from gridloop.optimize.explain import brought_below
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.labelled_model import LabelledModel
from gridloop.optimize.linear import Coords, Sum, add_variables
from gridloop.optimize.solve import Outcome
from gridloop.units import FloatArray


@dataclass(frozen=True)
class Renewable:
    """A generator whose power is available or not, and may be curtailed.

    available_mw      [step]  forecast of what it can inject
    curtailment_cost  money per MWh not taken (compensation owed to the owner)
    q_limit_mvar      reactive power the inverter can give or take at any active power; 0 where it cannot
    reactive_cost     money per Mvarh given or taken (losses of the inverter)
    curtailable       False where it cannot be told to give less
    """

    available_mw: FloatArray
    curtailment_cost: float = 0.0
    q_limit_mvar: float = 0.0
    reactive_cost: float = 0.1
    curtailable: bool = True
    id: str = "renewable"
    bus: str = ""

    def __post_init__(self) -> None:
        available = np.asarray(self.available_mw, dtype=float)
        if np.isnan(available).any():
            raise GapInSeries(
                f"Renewable {self.id}: {int(np.isnan(available).sum())} of {available.size} values of available_mw are "
                "missing. Fill them by name with a forecast or persistence.",
                device=self.id,
            )
        if (available < 0).any():
            raise OutOfRange(f"Renewable {self.id}: available_mw falls to {available.min()}; it must not be negative.")
        for name in ("q_limit_mvar", "reactive_cost"):
            if not getattr(self, name) >= 0:
                raise OutOfRange(f"Renewable {self.id}: {name} is {getattr(self, name)}; it must not be negative.")
        if not np.isfinite(self.curtailment_cost):
            raise OutOfRange(
                f"Renewable {self.id}: curtailment_cost is {self.curtailment_cost}; it must be a number. "
                "One that cannot be told to give less has curtailable=False."
            )


class RenewableGroup(Plain):
    """Many renewables in one problem."""

    kind = "renewable"

    def __init__(self, renewables: Sequence[Renewable]) -> None:
        self.ids = [r.id for r in renewables]
        self.bus = [r.bus for r in renewables]
        self.available = np.stack([np.atleast_1d(np.asarray(r.available_mw, dtype=float)) for r in renewables])
        self.curtailable = np.array([r.curtailable for r in renewables])
        self.compensation = np.array([r.curtailment_cost for r in renewables])
        self.q_limit = np.array([r.q_limit_mvar for r in renewables], dtype=float)
        self.reactive_cost = np.array([r.reactive_cost for r in renewables])

    def add(self, model: LabelledModel, horizon: Horizon) -> None:
        """curtailed [MW]; reactive power given and taken [Mvar]; all ≥ 0."""
        coords: Coords = [pd.Index(self.ids, name="renewable"), horizon.index]
        self.hours = horizon.hours
        most = np.where(self.curtailable[:, None], self.available, 0.0)
        self.curtailed = add_variables(model, "renewable_curtailed", coords, 0.0, most, most > 0)
        limit = self.q_limit[:, None]
        self.given_q = add_variables(model, "renewable_q_given", coords, 0.0, limit, limit > 0)
        self.taken_q = add_variables(model, "renewable_q_taken", coords, 0.0, limit, limit > 0)

    def terms(self) -> list[Term]:
        return [
            Term(self.curtailed.labels.values, self.bus, p=-1.0),
            Term(self.given_q.labels.values, self.bus, q=1.0),
            Term(self.taken_q.labels.values, self.bus, q=-1.0),
        ]

    def given(self) -> list[Given]:
        return [Given(self.bus, self.available, np.zeros_like(self.available))]

    def cost(self) -> dict[str, Sum]:
        """Compensation of what is not taken, and the inverters' losses."""
        reactive = self.reactive_cost[:, None] * self.hours
        return {
            "curtailment": Sum.of((self.curtailed, self.compensation[:, None] * self.hours)),
            "reactive_power": Sum.of((self.given_q, reactive), (self.taken_q, reactive)),
        }

    def sent(self) -> list[Sent]:
        labels = np.stack([self.given_q.labels.values[:, 0], self.taken_q.labels.values[:, 0]], axis=1)
        return [Sent("q_mvar", self.ids, labels, (1.0, -1.0))]

    def read(self, outcome: Outcome, prices: LocalPrices) -> list[Quantity]:
        power = self.available - outcome.value(self.curtailed)
        reactive = outcome.value(self.given_q) - outcome.value(self.taken_q)
        at = prices.rows(self.bus)
        active_why = self._explain_active(self.available[:, 0] - power[:, 0], prices)
        reactive_why = self._explain_reactive(reactive[:, 0], prices)
        return [
            Quantity("p_mw", self.ids, self.bus, power, *active_why, prices.p[at, 0]),
            Quantity("q_mvar", self.ids, self.bus, reactive, *reactive_why, prices.q[at, 0]),
        ]

    def _explain_active(self, curtailed: FloatArray, prices: LocalPrices) -> tuple[list[str], list[str]]:
        at = prices.rows(self.bus)
        here, effect, limit = prices.p[at, 0], prices.limit_effect[at, 0], prices.limit[at, 0]
        for_limit = brought_below(here, effect, -self.compensation)
        reason = []
        for k in range(len(self.ids)):
            if curtailed[k] <= MOVING_MW:
                reason.append("available")
            else:
                reason.append("curtail_limit" if for_limit[k] and limit[k] else "curtail_price")
        return reason, [str(name) if code == "curtail_limit" else "" for name, code in zip(limit, reason, strict=True)]

    def _explain_reactive(self, q: FloatArray, prices: LocalPrices) -> tuple[list[str], list[str]]:
        """Reactive power follows a limit where most of its worth comes from limits; the rest of it is losses."""
        at = prices.rows(self.bus)
        worth, effect, limit = prices.q[at, 0], prices.q_limit_effect[at, 0], prices.q_limit[at, 0]
        reason, binding = [], []
        for k in range(len(self.ids)):
            by_limit = bool(limit[k]) and abs(effect[k]) > 0.5 * abs(worth[k])
            if abs(q[k]) <= MOVING_MW:
                code = "hold_unity"
            elif not by_limit:
                code = "lower_losses"
            elif not str(limit[k]).startswith("voltage"):
                code = "relieve_limit"
            else:
                code = "support_voltage" if q[k] > 0 else "lower_voltage"
            reason.append(code)
            binding.append("" if code in ("hold_unity", "lower_losses") else str(limit[k]))
        return reason, binding
