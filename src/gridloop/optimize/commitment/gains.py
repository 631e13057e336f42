"""What branching on a sum has raised the bound by, per unit: learnt as the search goes, to choose what to branch on.

Method: Achterberg, Koch and Martin, "Branching rules revisited", Operations Research Letters 33 (2005).
"""

from __future__ import annotations

import numpy as np

from gridloop.optimize.commitment.sums import Sums
from gridloop.units import FloatArray, IntArray

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

    def ranked(self, open_: IntArray, part: FloatArray) -> IntArray:
        """Open sums, the most promising first. part [open] is what each is above a whole number."""
        seen = self._count[open_].min(axis=1) > 0
        mean = self._total[open_] / np.maximum(self._count[open_], 1.0)
        known = self._count.min(axis=1) > 0
        scale = 1.0
        if known.any():
            all_mean = (self._total[known] / self._count[known]).prod(axis=1) ** 0.5
            scale = float(all_mean.mean() / self._prior[known].mean()) if self._prior[known].mean() > 0 else 1.0
        guess = np.repeat((scale * self._prior[open_])[:, None], 2, axis=1)
        per_unit = np.where(seen[:, None], mean, guess)
        score = np.maximum(per_unit[:, 0] * part, _LEAST) * np.maximum(per_unit[:, 1] * (1.0 - part), _LEAST)
        return open_[np.argsort(-score, kind="stable")]
