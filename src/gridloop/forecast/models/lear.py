"""LEAR: prices of a day, each hour a sparse linear model of earlier days, learned anew from a window of days.

Lago, Marcjasz, De Schutter, Weron 2021, "Forecasting day-ahead electricity prices": every hour of the day has its own
lasso over the same columns. Prices first pass (p − median) / MAD and asinh, which keeps spikes from ruling the rest.
All hours share one matrix of second moments; the penalty of each is the one of least corrected AIC on its path.
Equations in docs/math/forecast-price.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridloop.kernel.lasso import lasso_path
from gridloop.units import FloatArray

SHARES = np.geomspace(1.0, 3e-3, 16)
"""Penalties that are tried, as shares of the one that leaves nothing."""

SWEEPS, TOLERANCE = 40, 1e-3
"""Coefficients are of order one on standardised columns: a thousandth of a deviation is not worth a sweep."""

TO_SIGMA = 0.6744897501960817
"""Median absolute deviation of a normal distribution, in standard deviations."""

BEYOND = 0.5
"""How far an answer may leave the range of the window, on the scale of asinh: half as far again in money, roughly."""


@dataclass(frozen=True)
class Squash:
    """asinh of robustly standardised values, by column; and back.

    middle, spread  [column]
    """

    middle: FloatArray
    spread: FloatArray

    @classmethod
    def of(cls, values: FloatArray) -> Squash:
        """values [row, column] without gaps. A column that hardly moves keeps its own unit."""
        middle = np.median(values, axis=0)
        away = np.abs(values - middle)
        spread = np.median(away, axis=0) / TO_SIGMA
        # more than half of all values are the same, such as zero: take the mean deviation instead
        spread = np.where(spread > 0.0, spread, away.mean(axis=0))
        return cls(middle, np.where(spread > 0.0, spread, 1.0))

    def down(self, values: FloatArray) -> FloatArray:
        """Same shape."""
        squashed: FloatArray = np.arcsinh((values - self.middle) / self.spread)
        return squashed

    def up(self, squashed: FloatArray) -> FloatArray:
        """The inverse of `down`. Same shape."""
        values: FloatArray = self.middle + self.spread * np.sinh(squashed)
        return values


def lear(x: FloatArray, plain: FloatArray, y: FloatArray, x_next: FloatArray, plain_next: FloatArray) -> FloatArray:
    """Answers for one more row, learned from all others. [answer]

    x       [row, column] prices and drivers, to be squashed; plain [row, column] dummies, taken as they are
    y       [row, answer]
    x_next  [column], plain_next [column]: the row to be answered
    """
    columns, answers = Squash.of(x), Squash.of(y)
    whole = np.column_stack([columns.down(x), plain])
    following = np.r_[columns.down(x_next), plain_next]
    middle, spread = whole.mean(axis=0), whole.std(axis=0)
    spread = np.where(spread > 0.0, spread, np.inf)  # a column that never moved says nothing
    whole = (whole - middle) / spread
    squashed = answers.down(y)
    mean = squashed.mean(axis=0)
    theta = sparse(whole, squashed - mean)
    said = ((following - middle) / spread) @ theta + mean
    room = BEYOND
    said = np.clip(said, squashed.min(axis=0) - room, squashed.max(axis=0) + room)
    return answers.up(said)


def sparse(x: FloatArray, y: FloatArray) -> FloatArray:
    """Lasso coefficients of least corrected AIC. [column, answer]

    x [row, column] standardised, y [row, answer] centred
    """
    rows = len(x)
    gram, right = x.T @ x / rows, x.T @ y / rows
    theta = np.empty((len(SHARES), x.shape[1], y.shape[1]))
    lasso_path(gram, right, SHARES, rows // 2, SWEEPS, TOLERANCE, theta)
    used = (theta != 0.0).sum(axis=1)
    rest = (y**2).mean(axis=0) - 2.0 * (theta * right).sum(axis=1) + (theta * (gram @ theta)).sum(axis=1)
    floor = 1e-9 * np.maximum((y**2).mean(axis=0), np.finfo(float).tiny)  # rounding; a constant answer leaves nothing
    # Hurvich, Tsai 1989; beyond that many columns the correction has no meaning
    room = np.maximum(rows - used - 2, 1)
    score = rows * np.log(np.maximum(rest, floor)) + 2.0 * used + 2.0 * (used + 1) * (used + 2) / room
    best = score.argmin(axis=0)
    chosen: FloatArray = theta[best, :, np.arange(y.shape[1])].T
    return chosen
