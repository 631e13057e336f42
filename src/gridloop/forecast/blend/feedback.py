"""Feedback: the newest error corrects the forecast, less and less the further ahead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.forecast.known.past import usual_step
from gridloop.forecast.value import Forecast
from gridloop.units import BoolArray, FloatArray

GAINS = np.linspace(0.0, 1.2, 25)
HALF_LIVES_H = np.array([0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0])
LEAST_ROWS = 200

LONGEST_H = 6.0
"""Leads beyond this do not judge the memory: there an error of now is one among many causes."""


@dataclass(frozen=True)
class Memory:
    """How much of an error remains: `gain · 2^(−lead / half_life_h)`; lead 0 is the interval after the error's."""

    gain: float = 0.0
    half_life_h: float = 1.0

    def remains(self, lead_h: FloatArray) -> FloatArray:
        """Share of the newest error to expect after `lead_h` hours. Same shape."""
        share: FloatArray = self.gain * np.exp2(-np.maximum(lead_h, 0.0) / self.half_life_h)
        return share


def learn_memory(error: FloatArray, later: FloatArray, lead_h: FloatArray, unit: FloatArray) -> Memory:
    """The memory that leaves the least mean absolute error on held-out forecasts; gain 0 where errors do not help.

    error   [moment, point] MW: what came minus P50 at the interval just over, as forecast one step before
    later   [moment, point] MW: what came minus P50 of the forecast issued then
    lead_h  [moment]
    unit    [point] MW
    """
    near = lead_h <= LONGEST_H
    e, r, lead = error[near] / unit, later[near] / unit, lead_h[near]
    ok = np.isfinite(e) & np.isfinite(r)
    if ok.sum() < LEAST_ROWS:
        return Memory()
    e, r, lead = e[ok], r[ok], np.broadcast_to(lead[:, None], ok.shape)[ok]
    best, least = Memory(), float(np.abs(r).mean())
    for half_life in HALF_LIVES_H:
        faded = np.exp2(-lead / half_life) * e
        for gain in GAINS[1:]:
            loss = float(np.abs(r - gain * faded).mean())
            if loss < least:
                best, least = Memory(float(gain), float(half_life)), loss
    return best


def newest_errors(previous: Forecast, history: pd.DataFrame, issued_at: pd.Timestamp) -> pd.Series:
    """What came minus P50 of an earlier forecast, at the newest interval of each point that is over at issue. [MW]

    history  UTC valid_at × point [MW]
    Returns one value per point of `previous`; NaN where nothing that it forecast is known yet.
    """
    median = previous.p50()
    came = history.reindex(index=median.index, columns=median.columns)
    errors = (came - median)[_over(previous, issued_at)]
    newest = errors.ffill().iloc[-1] if len(errors) else pd.Series(np.nan, index=median.columns)
    return newest.rename("error_mw")


def correct(
    forecast: Forecast,
    errors: pd.Series,
    memories: Mapping[str, Memory],
    capacities: Mapping[str, float] | None = None,
) -> Forecast:
    """The forecast, moved by what remains of the newest errors.

    errors      per point: what came minus what had been forecast [MW], as `newest_errors` gives it; NaN moves nothing
    memories    per point; a point without one is not moved
    capacities  per point: upper bound [MW]

    All three quantiles of a point move together and stay within 0 … capacity. An interval whose P90 is zero
    stays zero: the sun is down. Models and issue time stay.
    """
    values = forecast.arrays().copy()
    lead_h = np.asarray((forecast.valid_at - forecast.issued_at) / pd.Timedelta(hours=1), dtype=float)
    for k, point in enumerate(forecast.points):
        error, memory = float(errors.get(point, np.nan)), memories.get(point)
        if memory is None or not np.isfinite(error):
            continue
        top = np.inf if capacities is None else capacities.get(point, np.inf)
        moved = np.clip(values[:, :, k] + error * memory.remains(lead_h), 0.0, top)
        values[:, :, k] = np.where(values[2, :, k] > 0.0, moved, values[:, :, k])
    models = {str(p): str(m) for p, m in forecast.model.items()}
    return Forecast.from_arrays(forecast.issued_at, forecast.points, forecast.valid_at, values, models)


def _over(forecast: Forecast, at: pd.Timestamp) -> BoolArray:
    """Which intervals are over at a moment. [time]"""
    starts = forecast.valid_at
    step = usual_step(starts) if len(starts) > 1 else at - forecast.issued_at
    return np.asarray(starts <= at - step)
