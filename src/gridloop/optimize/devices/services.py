"""Services: what a device promises where it sells capacity held ready."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridloop.errors import OutOfRange
from gridloop.optimize.devices.market import SERVICES

PRICE = dict(zip(("regulation_up", "regulation_down", "reserve"), SERVICES, strict=True))
"""Column of the prices that pays a service. [money per MW and hour]"""


@dataclass(frozen=True)
class Regulation:
    """Capacity up and down that follows the operator's signal.

    energy_h  hours for which the whole offer can be held, up or down: 1 in CAISO's day-ahead market
    called_up, called_down  mean share of the offer that is called: measure it on the signal of your market
    """

    energy_h: float = 1.0
    called_up: float = 0.1
    called_down: float = 0.1

    def __post_init__(self) -> None:
        _not_negative("Regulation", self, ("energy_h", "called_up", "called_down"))
        if self.called_up + self.called_down > 1.0:
            raise OutOfRange(
                f"Regulation: called_up {self.called_up} and called_down {self.called_down} are shares of one time; "
                "allowed is at most 1 together."
            )


@dataclass(frozen=True)
class Reserve:
    """Capacity up that is called after the loss of a unit: too rarely to plan energy for.

    energy_h  hours for which the whole offer can be held
    """

    energy_h: float = 0.5

    def __post_init__(self) -> None:
        _not_negative("Reserve", self, ("energy_h",))


def _not_negative(what: str, value: Any, names: Sequence[str]) -> None:
    for name in names:
        if not 0 <= getattr(value, name) < np.inf:
            raise OutOfRange(f"{what}: {name} is {getattr(value, name)}; it must not be negative.")
