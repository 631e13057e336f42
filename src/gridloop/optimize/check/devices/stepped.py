"""Reducible and sheddable loads: what is left out, and its cost with the cheapest parts gone first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gridloop.optimize.check.checked import Ledger
from gridloop.optimize.check.devices.base import Found, Kind, Span, Values, served_reactive
from gridloop.optimize.devices.reducible import Reducible
from gridloop.optimize.devices.sheddable import Sheddable
from gridloop.units import FloatArray

# Widths and worths of a load's parts, as its definition has them.
Parts = Callable[[Any], list[tuple[float, float]]]


def _reducible(load: Reducible) -> list[tuple[float, float]]:
    """Equal parts of what can be given up, each at the price that demand has in its middle."""
    width = load.max_reduction / load.blocks
    return [(width, load.reference_price * (1 + (k + 0.5) * width / abs(load.elasticity))) for k in range(load.blocks)]


def _sheddable(load: Sheddable) -> list[tuple[float, float]]:
    return [(share, worth) for _, share, worth in load.classes]


def _rules(
    kind: str, quantity: str, cost: str, parts: Parts
) -> Callable[[Sequence[Any], Values, Span, Ledger, Found], None]:
    def check(loads: Sequence[Any], values: Values, span: Span, ledger: Ledger, found: Found) -> None:
        names, out = [load.id for load in loads], values[kind, quantity]
        wanted = np.array([load.p_mw for load in loads], dtype=float)
        there = np.clip(wanted, 0, None)
        most = np.array([[sum(width for width, _ in parts(load))] for load in loads]) * there
        ledger.at_least(f"{kind} load left out", names, out, 0.0, "MW", span.starts)
        ledger.at_most(f"{kind} load left out", names, out, most, "MW", span.starts)
        reactive = np.array([np.broadcast_to(load.q_mvar, wanted.shape[1:]) for load in loads], dtype=float)
        found.take([load.bus for load in loads], wanted - out, served_reactive(reactive, wanted, out))
        found.cost[cost] = sum(_in_order(parts(load), there[k], out[k], span.hours) for k, load in enumerate(loads))

    return check


def _in_order(parts: list[tuple[float, float]], there: FloatArray, out: FloatArray, hours: FloatArray) -> float:
    """Money for what is left out, from the cheapest part on."""
    money, left = 0.0, out.copy()
    for width, worth in sorted(parts, key=lambda part: part[1]):
        taken = np.minimum(left, width * there)
        money += worth * float(taken @ hours)
        left = left - taken
    return money


REDUCIBLE = Kind(
    Reducible, "reducible", (("reduced_mw", True),), _rules("reducible", "reduced_mw", "reduced_load", _reducible)
)
SHEDDABLE = Kind(
    Sheddable, "sheddable", (("unserved_mw", True),), _rules("sheddable", "unserved_mw", "shed_load", _sheddable)
)
