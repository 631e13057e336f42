"""The lowest and the highest voltage of every lane, and where they are; read off solved blocks while they are in
cache."""

from __future__ import annotations

import numpy as np

from gridloop.kernel.compiled import outer
from gridloop.kernel.lanes import LANES


@outer
def find_extremes(vr, vi, low, low_at, high, high_at):
    """Lowest and highest magnitude of every scenario of some blocks; the first position of several that are equal.

    vr, vi           [block, position, LANES]
    low, high        [scenario]  magnitudes; written here. What has NaN says NaN or nothing of use
    low_at, high_at  [scenario]  positions; written here. Lanes beyond the last scenario are left out
    """
    least, most = np.empty(LANES), np.empty(LANES)
    least_at, most_at = np.empty(LANES, np.int64), np.empty(LANES, np.int64)
    for b in range(vr.shape[0]):
        first = b * LANES
        least[:], most[:] = np.inf, -1.0
        least_at[:], most_at[:] = 0, 0
        for i in range(vr.shape[1]):
            for k in range(LANES):
                size = vr[b, i, k] * vr[b, i, k] + vi[b, i, k] * vi[b, i, k]
                below, above = size < least[k], size > most[k]
                least[k] = size if below else least[k]
                least_at[k] = i if below else least_at[k]
                most[k] = size if above else most[k]
                most_at[k] = i if above else most_at[k]
        for k in range(min(LANES, low.size - first)):
            low[first + k], high[first + k] = np.sqrt(least[k]), np.sqrt(most[k])
            low_at[first + k], high_at[first + k] = least_at[k], most_at[k]
