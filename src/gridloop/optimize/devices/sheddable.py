"""Sheddable loads: classes of customers or circuits that are switched off in order, the least valuable first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from gridloop.optimize.devices.given_numbers import refuse, without_gaps, wrong_lengths
from gridloop.optimize.devices.stepped import SteppedGroup
from gridloop.optimize.horizon import Horizon
from gridloop.units import FloatArray


class ShedClass(NamedTuple):
    """A part of a load: its name, its share of the load, and what a MWh of it is worth [money]."""

    name: str
    share: float
    value_of_lost_load: float


@dataclass(frozen=True)
class Sheddable:
    """A load whose classes are shed in order.

    p_mw, q_mvar  [step]  forecast of the consumption
    classes       in the order in which they are shed, each worth more than the one before; their shares add up to no
                  more than 1, and what is left is never shed. A network or connection limit that costs less to
                  exceed than a class is worth (`Connection.limit_price`, 20 000 per MWh) gives way first
    """

    p_mw: FloatArray
    q_mvar: FloatArray | float = 0.0
    classes: Sequence[ShedClass] = (ShedClass("all", 1.0, 10_000.0),)
    id: str = "sheddable"
    bus: str = ""

    def __post_init__(self) -> None:
        without_gaps("Sheddable", self, ("p_mw", "q_mvar"))
        object.__setattr__(self, "classes", tuple(ShedClass(*given) for given in self.classes))
        problems = [] if self.classes else ["it has no class; give at least one"]
        problems += [
            f"class {name} has the share {share}; allowed is 0 … 1"
            for name, share, _ in self.classes
            if not 0 <= share <= 1
        ]
        problems += [
            f"class {name} is worth {worth}; it must not be negative"
            for name, _, worth in self.classes
            if not 0 <= worth < np.inf
        ]
        total = sum(share for _, share, _ in self.classes)
        if total > 1 + 1e-9:  # rounding of shares such as 0.1 + 0.2 + 0.7
            problems.append(f"the shares of its classes add up to {total:g}; at most 1 is there")
        problems += [
            f"class {after.name} comes after {before.name} and is worth {after.value_of_lost_load:g}, no more "
            f"than {before.value_of_lost_load:g}: the order of shedding would not hold"
            for before, after in pairwise(self.classes)
            if not after.value_of_lost_load > before.value_of_lost_load
        ]
        refuse("Sheddable", self, problems)

    def problems(self, horizon: Horizon) -> list[str]:
        """Series of the wrong length."""
        return wrong_lengths(self, ("p_mw", "q_mvar"), len(horizon))

    def parts(self) -> tuple[FloatArray, FloatArray]:
        """Shares of the forecast, and what a MWh of each is worth. [part]"""
        return (
            np.array([share for _, share, _ in self.classes]),
            np.array([worth for _, _, worth in self.classes]),
        )

    def by_class(self, unserved_mw: FloatArray) -> dict[str, FloatArray]:
        """How much of each class is off where so much of the load is, in MW. unserved_mw and results [step]"""
        load = np.clip(np.asarray(self.p_mw, dtype=float), 0, None)
        gone = np.zeros_like(load)
        found = {}
        for name, share, _ in self.classes:
            found[name] = np.clip(np.asarray(unserved_mw, dtype=float) - gone, 0.0, share * load)
            gone = gone + share * load
        return found


class SheddableGroup(SteppedGroup):
    """Many sheddable loads in one problem."""

    kind, quantity, part = "sheddable", "unserved_mw", "shed_load"
    codes = ("serve", "shed_price", "shed_limit")
