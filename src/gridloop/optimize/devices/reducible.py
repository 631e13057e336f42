"""Reducible loads: use that falls as its price rises, along a line of demand with a given elasticity.

At the reference price π₀ the load takes its forecast p. Its demand is the line through that point with the elasticity
ε < 0 there: a share s of p is given up at the price π₀ (1 + s / |ε|). The surplus lost with it is the area under that
line, which is quadratic; here it is cut into parts of equal width, each at the worth in its middle, so that the sum is
exact wherever a part ends, and never wrong by more than p π₀ w² / (8 |ε|) per hour for parts of width w.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridloop.optimize.devices.given_numbers import not_negative, positive, refuse, without_gaps, wrong_lengths
from gridloop.optimize.devices.stepped import SteppedGroup
from gridloop.optimize.horizon import Horizon
from gridloop.units import FloatArray


@dataclass(frozen=True)
class Reducible:
    """A load that uses less where energy is dear.

    p_mw, q_mvar       [step]  forecast of what it takes at the reference price
    elasticity         relative change of use per relative change of the price, at the reference price; below zero
    reference_price    money per MWh at which it takes its forecast
    max_reduction      share of the forecast that can be given up, 0 … 1
    blocks             parts that the line of demand is cut into
    """

    p_mw: FloatArray
    q_mvar: FloatArray | float = 0.0
    elasticity: float = -0.2
    reference_price: float = 100.0
    max_reduction: float = 0.3
    blocks: int = 10
    id: str = "reducible"
    bus: str = ""

    def __post_init__(self) -> None:
        without_gaps("Reducible", self, ("p_mw", "q_mvar"))
        problems = positive(self, ("reference_price",))
        if not -np.inf < self.elasticity < 0:
            problems.append(f"elasticity is {self.elasticity}; it must be below zero: use falls as the price rises")
        if not 0 <= self.max_reduction <= 1:
            problems.append(f"max_reduction is {self.max_reduction}; allowed is a share of 0 … 1")
        problems += not_negative(self, ("blocks",))
        if self.blocks < 1:
            problems.append(f"blocks is {self.blocks}; at least one is needed")
        refuse("Reducible", self, problems)

    def problems(self, horizon: Horizon) -> list[str]:
        """Series of the wrong length."""
        return wrong_lengths(self, ("p_mw", "q_mvar"), len(horizon))

    def parts(self) -> tuple[FloatArray, FloatArray]:
        """Shares of the forecast, and what a MWh of each is worth. [part]"""
        width = self.max_reduction / self.blocks
        middle = (np.arange(self.blocks) + 0.5) * width
        worth = self.reference_price * (1.0 + middle / -self.elasticity)
        return np.full(self.blocks, width), np.asarray(worth, dtype=float)


class ReducibleGroup(SteppedGroup):
    """Many reducible loads in one problem."""

    kind, quantity, part = "reducible", "reduced_mw", "reduced_load"
    codes = ("serve", "reduce_price", "reduce_limit")
