"""Weights: what counts more or less in a plan than its money, and what that means exactly.

What is minimized is Σ weight · money of a part; only the ratios of the weights count, so that parts without a word of
their own count as `arbitrage` does: energy bought and sold, wear, the worth of what stays stored, limits, lost load.
{"arbitrage": 0.6, "regulation": 0.4} plans as if regulation were paid two thirds of its price; equal weights, or none,
plan the most money. What a plan reports, its cost and its parts, is money as it is.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gridloop.errors import OutOfRange, listed
from gridloop.optimize.linear import Sum

MEASURE = "arbitrage"
"""The word of all parts that have no word of their own: the others count relative to it."""

PARTS_OF: Mapping[str, tuple[str, ...]] = {
    "regulation": ("regulation_up", "regulation_down"),
    "reserve": ("reserve",),
    "peak": ("peak",),
}


def check_weights(weights: Mapping[str, float] | None) -> None:
    """Raise `OutOfRange` for words nobody knows, and weights that are no weights."""
    if weights is None:
        return
    unknown = [str(word) for word in weights if word not in (MEASURE, *PARTS_OF)]
    if unknown:
        raise OutOfRange(
            f"weights: {listed(unknown)} is no part of a plan's money; there are {listed([MEASURE, *PARTS_OF], 9)}.",
            unknown=unknown,
        )
    wrong = [f"{word} {weight}" for word, weight in weights.items() if not 0 <= weight < np.inf]
    if wrong:
        raise OutOfRange(f"weights: {listed(wrong)}; a weight must not be negative.")
    if weights.get(MEASURE, 1.0) == 0:
        raise OutOfRange(
            f"weights: {MEASURE} is 0; energy that costs nothing has no plan. Give it a small weight instead."
        )


def weighted(costs: Mapping[str, Sum], weights: Mapping[str, float] | None) -> list[Sum]:
    """The parts as they count in what is minimized."""
    if weights is None:
        return list(costs.values())
    measure = weights.get(MEASURE, 1.0)
    factor = {part: weights[word] / measure for word, parts in PARTS_OF.items() if word in weights for part in parts}
    return [Sum(cost.labels, cost.coefficients * factor.get(name, 1.0)) for name, cost in costs.items()]
