"""Errors hours ahead, from every hour on: what a model is worth to a plan, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.units import FloatArray

DAY = 24
DRAWS = 2000


@dataclass(frozen=True, eq=False)
class Ahead:
    """Errors of forecasts from every reading on, the inputs known: reading less forecast. [K]

    errors  index = when it was forecast for, columns = hours ahead; NaN where there is no reading
    """

    errors: pd.DataFrame

    def rmse(self) -> pd.Series:
        """By hours ahead. [K]"""
        return pd.Series(np.sqrt((self.errors**2).mean()), name="rmse_k")

    @property
    def rmse_k(self) -> float:
        """At the longest lead. [K]"""
        return float(self.rmse().iloc[-1])

    @property
    def bias_k(self) -> float:
        """Mean error at the longest lead. [K]"""
        return float(self.errors.iloc[:, -1].mean())

    def interval(self, *, level: float = 0.9, seed: int = 0) -> tuple[float, float]:
        """Interval of `rmse_k` by drawing whole days with replacement: errors of one day go together. [K]"""
        last = self.errors.iloc[:, -1].dropna()
        day = pd.DatetimeIndex(last.index).floor("D")
        grouped = (last**2).groupby(day).agg(["sum", "count"]).to_numpy()
        picks = np.random.default_rng(seed).integers(len(grouped), size=(DRAWS, len(grouped)))
        drawn = grouped[picks].sum(axis=1)
        values = np.sqrt(drawn[:, 0] / drawn[:, 1])
        low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)


def errors_ahead(
    kept: FloatArray, gained: FloatArray, states: FloatArray, u: FloatArray, y: FloatArray, leads: int
) -> FloatArray:
    """Reading less forecast, [lead, origin]: from the state at every origin, with what came to act on it.

    kept, gained  [state, state], [state, input]
    states        [step, state]  given the readings up to the step
    u, y          [step, input], [step]
    """
    steps = y.size
    found = np.full((leads, steps), np.nan)
    x = states.copy()
    for lead in range(1, leads + 1):
        origin = np.arange(steps - lead)
        x = x[: steps - lead] @ kept.T + u[origin + lead - 1] @ gained.T
        found[lead - 1, : steps - lead] = y[lead:] - x[:, 0]
    return found
