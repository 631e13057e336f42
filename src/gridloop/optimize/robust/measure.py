"""Mean and tail of costs that come with weights.

The tail is the conditional value at risk of Rockafellar and Uryasev, "Optimization of conditional value-at-risk",
Journal of Risk 2 (2000): with α the level, CVaR_α = min over η of  η + Σ w_s max(C_s − η, 0) / (1 − α), which is the
mean of the dearest 1 − α of the weight.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridloop.errors import OutOfRange
from gridloop.units import FloatArray

MOST_RISK = 0.99
"""More than this would ask next to nothing of the plans for good scenarios."""


@dataclass(frozen=True)
class Risk:
    """What counts: (1 − risk) · mean + risk · CVaR at `level`."""

    share: float
    level: float

    def __post_init__(self) -> None:
        if not 0 <= self.share <= MOST_RISK:
            raise OutOfRange(
                f"risk is {self.share}; allowed is 0 (the mean alone) … {MOST_RISK} (nearly the tail alone)."
            )
        if not 0 <= self.level < 1:
            raise OutOfRange(f"level is {self.level}; allowed is 0 … below 1: 0.9 looks at the dearest tenth.")

    def of(self, costs: FloatArray, weights: FloatArray) -> float:
        """The measure of costs. costs, weights [scenario]; the weights sum to one."""
        return (1 - self.share) * float(weights @ costs) + self.share * cvar(costs, weights, self.level)


def cvar(costs: FloatArray, weights: FloatArray, level: float) -> float:
    """Mean of the dearest 1 − level of the weight. costs, weights [scenario]; the weights sum to one."""
    order = np.argsort(-costs, kind="stable")
    before = np.cumsum(weights[order]) - weights[order]
    share = np.clip((1 - level) - before, 0.0, weights[order])
    return float(share @ costs[order] / share.sum())
