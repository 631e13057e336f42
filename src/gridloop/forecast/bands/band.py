"""Band: P10 and P90 moved apart or together until they cover what their names say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridloop.forecast.known.leads import BUCKETS
from gridloop.forecast.value import QUANTILES
from gridloop.units import BoolArray, FloatArray, IntArray

LEAST_WIDTH = 0.005
"""Added to every width, in units of the point, so that a band of zero width can still widen."""

NARROWEST, WIDEST = -0.45, 3.0
"""Bounds of a move, in widths: the band never closes."""

LEAST_ROWS = 200


@dataclass(frozen=True)
class Band:
    """How far to move the sides of the band.

    widen  [bucket, 2]: P10 down and P90 up, in widths of the band; negative narrows
    """

    widen: FloatArray

    def adjust(self, values: FloatArray, where: IntArray, unit: FloatArray) -> FloatArray:
        """values [quantile, moment, point] MW, ordered, and stays so. where [moment] buckets, unit [point] MW."""
        low, middle, high = values
        width = high - low + LEAST_WIDTH * unit
        down = low - self.widen[where, 0][:, None] * width
        up = high + self.widen[where, 1][:, None] * width
        return np.stack([np.minimum(down, middle), middle, np.maximum(up, middle)])


def learn_band(
    values: FloatArray,
    actual: FloatArray,
    where: IntArray,
    unit: FloatArray,
    rows: BoolArray,
    *,
    missed: tuple[float, float] | None = None,
) -> Band:
    """The band that covered held-out values as it should, each side on its own.

    Conformalised quantile regression (Romano, Patterson, Candès 2019), with errors measured in widths of the band.
    values [quantile, moment, point]; actual [moment, point]; rows [moment, point]: the ones that count
    missed  shares that may lie below and above; None: what the quantiles are named
    """
    widen = np.zeros((BUCKETS, 2))
    below, above = missed or (min(QUANTILES.values()), 1.0 - max(QUANTILES.values()))
    use = rows & np.isfinite(actual) & np.isfinite(values).all(axis=0)
    for b in range(BUCKETS):
        here = where == b
        ok = use[here]
        if ok.sum() < LEAST_ROWS:
            continue
        low, _, high = values[:, here]
        width = high - low + LEAST_WIDTH * unit
        widen[b, 0] = np.quantile(((low - actual[here]) / width)[ok], 1.0 - below)
        widen[b, 1] = np.quantile(((actual[here] - high) / width)[ok], 1.0 - above)
    return Band(np.clip(widen, NARROWEST, WIDEST))
