"""The baseline of a dispatch: every unit in proportion to its capacity, which needs no optimization."""

from __future__ import annotations

import numpy as np

from gridloop.optimize.dispatch_units import Units
from gridloop.units import FloatArray


def proportional(units: Units, needed: FloatArray) -> FloatArray:
    """Every unit in proportion to its capacity, within its limits: what needs no optimization. [unit, step], MW

    p = clip(share · capacity, low, high) with one share per step so that the sum is what is needed; NaN in steps where
    no share does that. Source: the proportional dispatch of the reference text.
    """
    p = np.full((units.n, needed.size), np.nan)
    for t in range(needed.size):
        low, high = units.low[:, t], units.high[:, t]
        size = np.where(np.isfinite(units.capacity), units.capacity, 0.0)
        if not low.sum() - 1e-9 <= needed[t] <= high.sum() + 1e-9:
            continue
        down, up = 0.0, 1.0
        while np.clip(up * size, low, high).sum() < needed[t] and up < 1e12:
            up *= 2
        if low.min(initial=0.0) < 0 and np.clip(0.0 * size, low, high).sum() > needed[t]:
            down = -1.0
            while np.clip(down * size, low, high).sum() > needed[t] and down > -1e12:
                down *= 2
        for _ in range(200):  # halving: 200 leave nothing of any interval
            middle = 0.5 * (down + up)
            if np.clip(middle * size, low, high).sum() < needed[t]:
                down = middle
            else:
                up = middle
        p[:, t] = np.clip(up * size, low, high)
        if abs(p[:, t].sum() - needed[t]) > 1e-6 * max(1.0, abs(needed[t])):
            p[:, t] = np.nan
    return p
