"""Ladder: several stand-ins, the best first; interval by interval the first that has a value, then climatology."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from gridloop.units import FloatArray


def climb(steps: Iterable[tuple[str, FloatArray, FloatArray]], climate: FloatArray) -> tuple[FloatArray, list[str]]:
    """Quantiles [quantile, moment, point], NaN only where climatology has none either, and the names used per point.

    steps    name of a persistence, what it says [moment, point] (NaN where it is silent), and its quantiles
    climate  [quantile, moment, point]
    """
    values = np.full_like(climate, np.nan)
    used: list[list[str]] = [[] for _ in range(climate.shape[2])]
    for name, said, quantiles in steps:
        take = np.isnan(values[1]) & np.isfinite(said)
        values = np.where(take, quantiles, values)
        for k in np.flatnonzero(take.any(axis=0)):
            used[k].append(f"persistence:{name}")
    take = np.isnan(values[1])
    values = np.where(take, climate, values)
    for k in np.flatnonzero(take.any(axis=0)):
        used[k].append("climatology")
    return values, ["+".join(names) for names in used]
