"""Reduction: a few scenarios, with probabilities, that stand for many; fast forward selection.

Heitsch, Römisch 2003: the one is taken that leaves the least probability-weighted distance of all to the nearest taken,
again and again; each scenario then gives its probability to the one that stands for it.
"""

from __future__ import annotations

import numpy as np

from gridloop.errors import OutOfRange
from gridloop.units import FloatArray, IntArray


def forward_selection(points: FloatArray, probability: FloatArray, count: int) -> tuple[IntArray, FloatArray]:
    """Which scenarios stay, in rising order, and their probabilities.

    points  [scenario, coordinate], in one unit; probability [scenario]
    Ties go to the earlier one. Raises `OutOfRange` where `count` is not within 1 … scenarios.
    """
    many = len(points)
    if not 1 <= count <= many:
        raise OutOfRange(f"scenarios: {count} of {many} cannot be kept; between 1 and all.", count=count, there=many)
    square = (points**2).sum(axis=1)
    distance = np.sqrt(np.maximum(square[:, None] + square[None] - 2.0 * points @ points.T, 0.0))
    np.fill_diagonal(distance, 0.0)
    nearest = np.full(many, np.inf)
    taken: list[int] = []
    for _ in range(count):
        left = np.minimum(nearest[:, None], distance)  # [scenario, candidate]
        cost = probability @ left
        cost[taken] = np.inf
        best = int(cost.argmin())
        taken.append(best)
        nearest = left[:, best]
    kept = np.array(sorted(taken), dtype=np.int64)
    stands = distance[:, kept].argmin(axis=1)
    stands[kept] = np.arange(len(kept))
    return kept, np.asarray(np.bincount(stands, weights=probability, minlength=len(kept)), dtype=float)
