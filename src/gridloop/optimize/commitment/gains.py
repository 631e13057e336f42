"""What branching on a sum raises the bound by, per unit: measured where a sum comes up, learnt as the search goes.

Method: Achterberg, Koch and Martin, "Branching rules revisited", Operations Research Letters 33 (2005).
"""

from __future__ import annotations

import numpy as np

from gridloop.optimize.commitment.sums import Sums
from gridloop.units import BoolArray, FloatArray, IntArray

# A half that raises nothing must not hide what the other one does.
_LEAST = 1e-3


class Gains:
    """Mean gains of sums, down [sum, 0] and up [sum, 1]."""

    def __init__(self, sums: Sums) -> None:
        n = sums.rows.size
        self._total = np.zeros((n, 2))
        self._count = np.zeros((n, 2))
        # before anything is known: larger units first, and what is counted over a day before a single hour
        self._prior = sums.size * np.where(sums.kind == 0, 1.0, 3.0)

    def learn(self, k: int, up: int, gain: float) -> None:
        """A half was solved: the bound rose by this much per unit of the sum."""
        self._total[k, up] += max(gain, 0.0)
        self._count[k, up] += 1

    def unseen(self, open_: IntArray, most: int) -> IntArray:
        """Open sums of which nothing is known, at most so many, the most promising first."""
        new: IntArray = open_[self._count[open_].min(axis=1) == 0]
        order = np.argsort(-self._prior[new], kind="stable")
        return np.asarray(new[order[:most]])

    def best(self, open_: IntArray, part: FloatArray) -> int:
        """The open sum whose halves promise most. part [open] is what each is above a whole number."""
        seen: BoolArray = self._count[open_].min(axis=1) > 0
        if not seen.any():
            return int(open_[np.argmax(self._prior[open_])])
        known, part = open_[seen], part[seen]
        mean = self._total[known] / self._count[known]
        score = np.maximum(mean[:, 0] * part, _LEAST) * np.maximum(mean[:, 1] * (1.0 - part), _LEAST)
        return int(known[np.argmax(score)])
