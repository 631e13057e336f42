"""Rank calibration: quantiles asked at other levels, so that on the last weeks each was passed as often as it says.

The rank of what came in its own forecast is uniform where the forecast is right. The distribution of the newest ranks
is drawn towards the uniform one, as if `PRIOR` perfect days had been seen too, and inverted: the quantile at level t is
asked at the level below which a share t of the ranks lay. Nothing is assumed about the shape of the errors; it is
conformal prediction on ranks, over a rolling window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridloop.units import FloatArray

WINDOW_DAYS = 90.0
PRIOR = 400.0
"""Ranks of perfect forecasts that are believed in advance."""

GRID = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True)
class RankCalibration:
    """below [grid]: the level at which a forecast is asked for each level of `GRID`, never falling."""

    below: FloatArray

    @classmethod
    def learned(cls, ranks: FloatArray) -> RankCalibration:
        """ranks [any] of the window, 0 … 1; NaN is left out."""
        known = ranks[np.isfinite(ranks)]
        if not len(known):
            return cls(GRID.copy())
        share = len(known) / (len(known) + PRIOR)
        return cls((1.0 - share) * GRID + share * np.quantile(known, GRID))

    def levels(self, levels: FloatArray) -> FloatArray:
        """The levels to ask at. Same shape."""
        asked: FloatArray = np.interp(levels, GRID, self.below)
        return asked
