"""Metrics: how far forecasts were off, in numbers that people who dispatch compare."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.units import FloatArray


def mae(actual: pd.DataFrame | FloatArray, forecast: pd.DataFrame | FloatArray) -> FloatArray:
    """Mean absolute error per point, over the rows where both are known; NaN where none is. [MW]

    actual, forecast  [time, point], aligned
    """
    return _column_mean(np.abs(np.asarray(actual, dtype=float) - np.asarray(forecast, dtype=float)))


def nmae_pct(actual: FloatArray, forecast: FloatArray, norm_mw: FloatArray) -> float:
    """Sum of the points' mean absolute errors, as a share of the sum of their norms. [%]

    actual, forecast  [time, point]; a row where either is NaN is left out
    norm_mw           [point]: capacity for solar and wind, mean load for load. Nights count for solar.

    NaN where no row is known. Raises `OutOfRange` where the norms do not add up to more than zero.
    """
    error, norm = mae(actual, forecast), np.asarray(norm_mw, dtype=float)
    known = np.isfinite(error) & np.isfinite(norm)
    if not known.any():
        return float("nan")
    total = norm[known].sum()
    if total <= 0.0:
        raise OutOfRange(f"nmae: the norms add up to {total:g} MW; they must be positive.", total_mw=float(total))
    return float(100.0 * error[known].sum() / total)


def mape_pct(actual: FloatArray, forecast: FloatArray) -> float:
    """Mean of |error| / |actual| over the known values. [%] Values of zero are left out: there it has no meaning."""
    y = np.asarray(actual, dtype=float)
    y = np.where(y == 0.0, np.nan, y)
    return 100.0 * _mean(np.abs((np.asarray(forecast, dtype=float) - y) / y))


def rmse(actual: FloatArray, forecast: FloatArray) -> float:
    """Root of the mean squared error over the known values. [MW]"""
    return float(np.sqrt(_mean((np.asarray(forecast, dtype=float) - np.asarray(actual, dtype=float)) ** 2)))


def r2(actual: FloatArray, forecast: FloatArray) -> float:
    """1 − sum of squared errors / sum of squares around the mean; 1 perfect, 0 as good as the mean; NaN if constant."""
    y = np.asarray(actual, dtype=float)
    f = np.asarray(forecast, dtype=float)
    y = np.where(np.isfinite(f), y, np.nan)
    around = _mean((y - _mean(y)) ** 2)
    return float("nan") if not around > 0.0 else 1.0 - _mean((f - y) ** 2) / around


def pinball(actual: FloatArray, forecast: FloatArray, level: float) -> float:
    """Mean pinball loss of a quantile, over all known values. [MW]

    level  probability of the quantile, 0 … 1. An error of 1 MW costs `level` where the actual is above the
    forecast and `1 − level` where it is below.
    """
    short = np.asarray(actual, dtype=float) - np.asarray(forecast, dtype=float)
    return _mean(np.maximum(level * short, (level - 1.0) * short))


def pinball_of(actual: FloatArray, quantiles: FloatArray, levels: FloatArray) -> float:
    """Mean pinball loss over all quantiles and known values: half of the CRPS where the quantiles are many. [MW]

    actual [time, point], quantiles [quantile, time, point], levels [quantile] probabilities
    """
    return float(np.mean([pinball(actual, q, level) for q, level in zip(quantiles, levels, strict=True)]))


def coverage(actual: FloatArray, low: FloatArray, high: FloatArray) -> float:
    """Share of the known values within low … high, both ends included. 0.8 is right for P10 … P90."""
    y = np.asarray(actual, dtype=float)
    inside = (y >= np.asarray(low, dtype=float)) & (y <= np.asarray(high, dtype=float))
    return _mean(np.where(np.isfinite(y), inside.astype(float), np.nan))


def skill(error: float, reference_error: float) -> float:
    """1 − error / reference error: 0 as good as the reference, 1 perfect, below 0 worse; NaN where that was perfect."""
    return float("nan") if reference_error == 0.0 else 1.0 - error / reference_error


def _mean(values: FloatArray) -> float:
    known = np.isfinite(values)
    return float(values[known].mean()) if known.any() else float("nan")


def _column_mean(values: FloatArray) -> FloatArray:
    known = np.isfinite(values)
    count = known.sum(axis=0)
    mean: FloatArray = np.divide(
        np.where(known, values, 0.0).sum(axis=0), count, out=np.full(values.shape[1], np.nan), where=count > 0
    )
    return mean
