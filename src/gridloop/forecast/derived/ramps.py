"""Ramps: how likely power rises or falls by so much within so many hours.

A ramp needs the joint distribution of two moments, which quantiles of each alone do not have. It is taken from
scenarios where there are some; else they are drawn from the quantiles with ranks that fade over time, as errors do.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.forecast.models.level_boosting import Curve
from gridloop.forecast.value import Forecast
from gridloop.units import FloatArray

DRAWS = 1000
FADES_H = 3.0
"""Hours after which the correlation of two ranks is 1/e, where nobody says otherwise."""

Way = Literal["up", "down"]


def ramp_probability(
    scenarios: FloatArray, valid_at: pd.DatetimeIndex, *, change_mw: float, within: pd.Timedelta | str, way: Way
) -> pd.Series:
    """Probability that a ramp begins in each interval: power changes by `change_mw` or more within the next `within`.

    scenarios  [time, scenario] MW, evenly spaced
    Returns UTC valid_at → 0 … 1; the last intervals have less time ahead and count what there is.
    Raises `OutOfRange` where the change is not positive or the time is shorter than a step.
    """
    if not change_mw > 0.0:
        raise OutOfRange(f"ramp: a change of {change_mw:g} MW; it must be above zero, `way` says up or down.")
    step = valid_at[1] - valid_at[0] if len(valid_at) > 1 else pd.Timedelta(0)
    steps = int(pd.Timedelta(within) // step) if step > pd.Timedelta(0) else 0
    if steps < 1:
        raise OutOfRange(f"ramp: within {within} is shorter than a step of {step}.", within=str(within))
    sign = 1.0 if way == "up" else -1.0
    moved = np.zeros_like(scenarios)
    for ahead in range(1, min(steps, len(scenarios) - 1) + 1):
        moved[:-ahead] = np.maximum(moved[:-ahead], sign * (scenarios[ahead:] - scenarios[:-ahead]))
    return pd.Series((moved >= change_mw).mean(axis=1), index=valid_at, name=f"ramp_{way}")


def draw_paths(
    forecast: Forecast, point: str, rng: np.random.Generator, *, draws: int = DRAWS, fades_h: float = FADES_H
) -> FloatArray:
    """Scenarios of one point: the forecast's own quantiles, ranks that fade exponentially. [time, scenario] MW

    Nothing lies below zero, as power of sun and wind does not: not for net load or prices, which may.
    Raises `OutOfRange` where `fades_h` is not positive.
    """
    from scipy.special import ndtr

    if not fades_h > 0.0:
        raise OutOfRange(f"ramp: ranks that fade over {fades_h:g} h; it must be above zero.")
    table = forecast.at(point)
    valid = pd.DatetimeIndex(table.index)
    gap_h = np.diff(valid.as_unit("ns").asi8) / 3.6e12
    normal = rng.standard_normal((len(valid), draws))
    for k, keep in enumerate(np.exp(-gap_h / fades_h), start=1):
        normal[k] = keep * normal[k - 1] + np.sqrt(1.0 - keep**2) * normal[k]
    curve = Curve.through(forecast.levels, table.to_numpy(dtype=float))
    paths = np.stack(
        [Curve(curve.levels, curve.values[k : k + 1]).at(ndtr(normal[k]))[:, 0] for k in range(len(valid))]
    )
    return np.maximum(paths, 0.0)


def ramp_events(probability: pd.Series, *, least: float = 0.2) -> pd.DataFrame:
    """Runs of intervals in which a ramp is at least so likely: start, end (of the last), highest probability."""
    hot = np.asarray(probability >= least)
    edge = np.flatnonzero(np.diff(np.r_[False, hot, False].astype(np.int8)))
    index = pd.DatetimeIndex(probability.index)
    step = index[1] - index[0] if len(index) > 1 else pd.Timedelta(0)
    rows = [
        (index[a], index[b - 1] + step, float(probability.iloc[a:b].max()))
        for a, b in zip(edge[::2], edge[1::2], strict=True)
    ]
    return pd.DataFrame(rows, columns=["start", "end", "probability"])
