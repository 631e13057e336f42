"""Lasso paths by coordinate descent on second moments: many answers over the same columns.

Minimised for each answer: ½ θᵀ G θ − rᵀ θ + λ Σ |θ|, with G and r the means of xᵀx and xᵀy. One column at a time has
the exact answer θ_j = S(r_j − Σ_{i≠j} G_ji θ_i, λ) / G_jj, where S moves a number towards zero by λ and stops there.
The slope r − Gθ is kept up to date, so a column that stays at zero costs one comparison (Friedman, Hastie, Tibshirani
2010).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gridloop.kernel.compiled import outer


@outer
def lasso_path(gram: Any, right: Any, shares: Any, most: int, sweeps: int, tolerance: float, theta: Any) -> None:
    """Coefficients along a falling penalty; each step starts from the one before.

    gram       [column, column]        mean of xᵀx; a column without variance keeps coefficient zero
    right      [column, answer]        mean of xᵀy
    shares     [step]                  penalty as a share of the least one that leaves nothing; falling
    most       a path stops where more columns than this are in use; its later steps repeat the last one within it
    sweeps     over all columns, at most, per step
    tolerance  the step is done where no coefficient moved by more
    theta      [step, column, answer]  written here
    """
    columns = gram.shape[0]
    here, slope = np.empty(columns), np.empty(columns)
    for k in range(right.shape[1]):
        largest = 0.0
        for j in range(columns):
            here[j] = 0.0
            slope[j] = right[j, k]
            largest = max(largest, abs(slope[j]))
        full = False
        for s in range(shares.size):
            if not full:
                penalty = shares[s] * largest
                for _ in range(sweeps):
                    moved = 0.0
                    for j in range(columns):
                        own = gram[j, j]
                        if own <= 0.0:
                            continue
                        pull = slope[j] + own * here[j]
                        beyond = abs(pull) - penalty
                        new = 0.0
                        if beyond > 0.0:
                            new = beyond / own if pull > 0.0 else -beyond / own
                        step = new - here[j]
                        if step != 0.0:
                            here[j] = new
                            row = gram[j]
                            for i in range(columns):
                                slope[i] -= row[i] * step
                            moved = max(moved, abs(step))
                    if moved <= tolerance:
                        break
                used = 0
                for j in range(columns):
                    used += here[j] != 0.0
                full = used > most and s > 0
            for j in range(columns):
                theta[s, j, k] = theta[s - 1, j, k] if full else here[j]
