"""What every kind of device gives to a problem: variables, how they inject, what they cost, and why.

One file per kind of device holds a frozen dataclass for the user (`Battery`) and a group that models many of them
at once (`BatteryGroup`). A problem sees groups only through the methods below, so that a new device is a new file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridloop.optimize.horizon import Horizon
from gridloop.optimize.labelled_model import LabelledModel
from gridloop.optimize.linear import Sum
from gridloop.optimize.solve import Fix, Outcome
from gridloop.units import FloatArray, IntArray

# A set-point below this, in MW or Mvar, is rounding of the solver (its feasibility tolerance is 1e-7), not a decision.
MOVING_MW = 1e-6

# A limit's share in a price, in money per MWh, below which it is rounding and not named.
SMALLEST_SHARE = 1e-6

# A table of limits that cost money: name, interval, money saved per unit of room more and hour, and which unit that is.
LIMIT_COLUMNS = ["limit", "valid_at", "shadow_price", "unit"]

Words = NDArray[np.object_]


@dataclass(frozen=True)
class Term:
    """Variables that inject power at buses.

    labels  [device, step]  −1 where there is no variable
    bus     [device]        bus ids
    p, q    MW and Mvar injected per unit of the variable: one number, [device, 1] or [device, step]
    """

    labels: IntArray
    bus: Sequence[str]
    p: FloatArray | float = 0.0
    q: FloatArray | float = 0.0


@dataclass(frozen=True)
class TapTerm:
    """Variables that are tap positions: labels [changer, step], and the transformers each one moves."""

    labels: IntArray
    transformers: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Given:
    """Injections that are not decided. bus [device]; p_mw, q_mvar [device, step]"""

    bus: Sequence[str]
    p_mw: FloatArray
    q_mvar: FloatArray


@dataclass(frozen=True)
class Offer:
    """Capacity held ready, which may be called as a whole or not at all.

    labels  [device, step]  −1 where there is no variable
    up      True where a call injects, False where it takes
    called  mean share of it that is called, and is in the `Term`s of the same variables: one number or [device, 1]
    """

    labels: IntArray
    up: bool
    called: FloatArray | float


@dataclass(frozen=True)
class Sent:
    """A quantity whose first interval is sent, as Σ factor · variable: what a re-plan should not change for nothing.

    labels [device, part] of the first interval; factors [part]
    """

    quantity: str
    device: Sequence[str]
    labels: IntArray
    factors: Sequence[float]


@dataclass(frozen=True)
class LocalPrices:
    """What one more MWh (or Mvarh) injected at a bus is worth, and the share that limits have in it.

    Positive where energy is worth money. Of the optimum: changes of the cost per MWh, for the first small part of it.

    energy    [step]        worth at the connection
    p, q      [bus, step]   worth at the bus, losses and limits included; NaN where the bus is not supplied
    limit     [bus, step]   name of the limit with the largest share in p; "" where none has one
    limit_share  [bus, step]  that share
    limit_effect [bus, step]  the share of all limits in p: without them energy would be worth p − limit_effect
    q_limit, q_limit_effect   as limit and limit_effect, for q
    taps      transformer → the limit that the plan would break were its tap left where it is
    """

    bus: pd.Index[str]
    energy: FloatArray
    p: FloatArray
    q: FloatArray
    limit: Words
    limit_share: FloatArray
    limit_effect: FloatArray
    q_limit: Words
    q_limit_effect: FloatArray
    taps: Mapping[str, str] = field(default_factory=dict)

    def rows(self, buses: Sequence[str]) -> IntArray:
        """Rows of the given buses."""
        return np.asarray(self.bus.get_indexer(pd.Index(buses)), dtype=np.int64)

    def with_common_limit(self, name: Words, effect: FloatArray) -> LocalPrices:
        """The same with one more limit that every bus feels alike. name, effect [step]

        The worth at the buses has it in already; what changes is its share and, where it is the largest, the name.
        """
        wins = np.abs(effect)[None, :] > np.maximum(np.abs(self.limit_share), SMALLEST_SHARE)
        return replace(
            self,
            limit=np.where(wins, name[None, :], self.limit),
            limit_share=np.where(wins, effect[None, :], self.limit_share),
            limit_effect=self.limit_effect + effect[None, :],
        )


@dataclass(frozen=True)
class Quantity:
    """One quantity of a group's plan: value [device, step], and for the set-points that are sent why.

    reason   [device]  code of `gridloop.optimize.explain`, for the first interval; "" where it is no set-point
    binding  [device]  name of the limit that decided, or ""
    shadow   [device]  worth of one more MWh (Mvarh) at the device's bus, or NaN
    """

    name: str
    device: Sequence[str]
    bus: Sequence[str]
    value: FloatArray
    reason: Sequence[str] | None = None
    binding: Sequence[str] | None = None
    shadow: FloatArray | None = None


class Group(Protocol):
    """Many devices of one kind inside one problem."""

    kind: str
    ids: list[str]
    bus: list[str]

    def add(self, model: LabelledModel, horizon: Horizon) -> None:
        """Add variables and constraints of the devices alone."""

    def terms(self) -> list[Term]:
        """How the variables inject."""

    def taps(self) -> list[TapTerm]:
        """Which variables are tap positions."""

    def given(self) -> list[Given]:
        """Injections that are not decided."""

    def offers(self) -> list[Offer]:
        """Capacity that is held ready for calls."""

    def cost(self) -> dict[str, Sum]:
        """Cost by part, in money over the horizon."""

    def sent(self) -> list[Sent]:
        """Quantities that a re-plan keeps steady."""

    def settle(self, outcome: Outcome) -> list[Fix]:
        """Decisions a linear program leaves open (whole taps, one direction at a time), fixed after a solve."""

    def read(self, outcome: Outcome, prices: LocalPrices) -> list[Quantity]:
        """The plan of every device with the reason of its first interval."""


class Plain:
    """Defaults of a group that decides nothing special."""

    def terms(self) -> list[Term]:
        return []

    def taps(self) -> list[TapTerm]:
        return []

    def given(self) -> list[Given]:
        return []

    def offers(self) -> list[Offer]:
        return []

    def sent(self) -> list[Sent]:
        return []

    def settle(self, outcome: Outcome) -> list[Fix]:
        return []
