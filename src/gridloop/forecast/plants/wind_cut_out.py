"""Cut-out: how likely a storm shuts turbines down, from the wind foreseen and how far it has been off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import ndtr

from gridloop.errors import OutOfRange
from gridloop.forecast.known.leads import BUCKETS, bucket
from gridloop.forecast.plants.wind_curve import CUT_OUT_M_PER_S
from gridloop.units import FloatArray

LEAST_PAIRS = 200
STRONG = 0.5
"""Errors are those of this strongest share of the winds: calm says nothing about storms."""

LEAST_SPREAD_M_PER_S = 0.3


@dataclass(frozen=True)
class CutOut:
    """Normal errors of the wind speed by bucket of leads. A turbine that comes back from a storm late is not seen.

    cut_out       m/s
    bias, spread  [bucket] m/s: mean and standard deviation of what came over what was foreseen
    """

    cut_out: float
    bias: FloatArray
    spread: FloatArray

    @classmethod
    def fit(cls, said: FloatArray, came: FloatArray, lead_h: FloatArray, *, cut_out: float = CUT_OUT_M_PER_S) -> Self:
        """said, came wind speeds [m/s], lead_h [pair]; pairs with a gap are left out.

        said may be a weather forecast, or the wind measured at issue where there is none. A bucket with too few pairs
        takes the errors of all. Raises `OutOfRange` with fewer than `LEAST_PAIRS` pairs.
        """
        use = np.isfinite(said) & np.isfinite(came)
        if use.sum() < LEAST_PAIRS:
            raise OutOfRange(
                f"cut-out: {int(use.sum())} pairs of foreseen and measured wind; {LEAST_PAIRS} are needed.",
                pairs=int(use.sum()),
                needed=LEAST_PAIRS,
            )
        use &= said >= np.quantile(said[use], 1.0 - STRONG)
        error, where = (came - said)[use], bucket(lead_h[use])
        parts = [error[where == b] for b in range(BUCKETS)]
        parts = [part if len(part) >= LEAST_PAIRS // 2 else error for part in parts]
        spread = np.maximum([part.std() for part in parts], LEAST_SPREAD_M_PER_S)
        return cls(cut_out, np.array([part.mean() for part in parts]), spread)

    def probability(self, said: FloatArray, lead_h: FloatArray) -> FloatArray:
        """That the wind is at or above the cut-out, for speeds foreseen [m/s]. Same shape."""
        where = bucket(lead_h)
        above: FloatArray = ndtr((said + self.bias[where] - self.cut_out) / self.spread[where])
        return above
