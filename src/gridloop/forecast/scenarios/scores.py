"""Scores of scenarios: of the whole joint distribution, not of each value alone. Smaller is better."""

from __future__ import annotations

import numpy as np

from gridloop.units import FloatArray


def energy_score(values: FloatArray, came: FloatArray, probability: FloatArray | None = None) -> float:
    """Mean distance to what came, less half the mean distance of two scenarios. In the unit of the values.

    values [variable, scenario], came [variable]. For one variable it is the CRPS; blind to most of the dependence.
    Source: Gneiting, Raftery 2007.
    """
    weight = _weight(values, probability)
    to_came = np.sqrt(((values - came[:, None]) ** 2).sum(axis=0))
    square = (values**2).sum(axis=0)
    apart = np.sqrt(np.maximum(square[:, None] + square[None] - 2.0 * values.T @ values, 0.0))
    return float(weight @ to_came - 0.5 * weight @ apart @ weight)


def variogram_score(
    values: FloatArray, came: FloatArray, probability: FloatArray | None = None, *, power: float = 0.5
) -> float:
    """Squared error of how far apart any two variables are expected to be, over all pairs; sees the dependence.

    values [variable, scenario], came [variable]. Source: Scheuerer, Hamill 2015.
    """
    weight = _weight(values, probability)
    score = 0.0
    for k in range(len(came) - 1):
        seen = np.abs(came[k] - came[k + 1 :]) ** power
        expected = (np.abs(values[k] - values[k + 1 :]) ** power) @ weight
        score += float(((seen - expected) ** 2).sum())
    return 2.0 * score


def _weight(values: FloatArray, probability: FloatArray | None) -> FloatArray:
    count = values.shape[1]
    return np.full(count, 1.0 / count) if probability is None else probability
