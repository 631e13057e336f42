"""The exchange of a plant: what it trades with the market, and how much of a promise it misses."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.optimize.devices.connection import Connection, ConnectionModel
from gridloop.optimize.devices.group import SMALLEST_SHARE, Words
from gridloop.optimize.solve import GAVE_WAY, Fix, Outcome
from gridloop.units import FloatArray

# The connection has to be limited for its excess, the missed promise, to exist; no plant comes near.
FAR_MW = 1e6


class Exchange(ConnectionModel):
    """A connection whose amount may be promised: then it is held, and what differs from it is paid as missed."""

    def __init__(self, name: str, prices: pd.DataFrame, imbalance_price: float) -> None:
        super().__init__(Connection(FAR_MW, FAR_MW, limit_price=imbalance_price, id=name), prices)
        self.promised_from: int | None = None

    @property
    def limit(self) -> str:
        """What the promise is called where it decides."""
        return f"promise:{self.connection.id}"

    def promise(self, injection_mw: FloatArray, first: int) -> list[Fix]:
        """Hold the exchange at an injection from interval `first` on. [step], MW"""
        self.promised_from = first
        fixes = []
        for variable, amount in ((self.sold, injection_mw), (self.bought, -injection_mw)):
            value = np.clip(amount[first:], 0.0, None)
            fixes.append(Fix(variable.labels.values[first:], value, value))
        return fixes

    def injection_mw(self, outcome: Outcome) -> FloatArray:
        """What goes into the market, net. [step]"""
        return -np.asarray(sum(sign * outcome.at(labels) for labels, sign in self.net()))

    def missing_mw(self, outcome: Outcome) -> FloatArray:
        """By how much the exchange stays below what was promised; negative where it is above. [step]"""
        missing = outcome.value(self.over_import) - outcome.value(self.over_export)
        return np.where(np.abs(missing) > GAVE_WAY, missing, 0.0)

    def limit_effects(self, outcome: Outcome) -> list[tuple[Words, FloatArray]]:
        """What the promise adds to the worth of energy: one more MWh is worth its price and this. [step]"""
        if self.promised_from is None:
            return []
        selling = outcome.value(self.sold) > 0
        by_sale, by_purchase = outcome.reduced_cost(self.sold), -outcome.reduced_cost(self.bought)
        effect = np.where(selling, by_sale, by_purchase) / self.hours
        effect[: self.promised_from] = 0.0
        effect = np.where(np.abs(effect) > SMALLEST_SHARE, effect, 0.0)
        return [(np.where(effect != 0.0, self.limit, "").astype(object), effect)]

    def gave_way(self, outcome: Outcome) -> dict[str, float]:
        """The promise, where it is missed, and by how many MW at most."""
        most = float(np.abs(self.missing_mw(outcome)).max(initial=0.0))
        return {self.limit: most} if most else {}
