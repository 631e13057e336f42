"""Learned: what one fit of a direct forecaster learned, and what the weeks that it did not see said of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridloop.forecast.bands.band import Band
from gridloop.forecast.blend.ensemble import Ensemble
from gridloop.forecast.blend.feedback import Memory
from gridloop.forecast.models.boosting import QuantileBoosting
from gridloop.units import BoolArray, FloatArray


@dataclass(frozen=True)
class Learned:
    """What one fit learned."""

    model: QuantileBoosting
    ensemble: Ensemble
    memory: Memory
    band: Band


def held_out_scores(
    final: FloatArray, reference: FloatArray, actual: FloatArray, rows: BoolArray, unit: FloatArray
) -> dict[str, float]:
    """Mean absolute errors of held-out weeks in units of the points, and the coverage.

    final      [quantile, moment, point] MW; reference, actual, rows  [moment, point]; unit  [point] MW
    """
    both = rows & np.isfinite(reference)
    units = np.broadcast_to(unit, actual.shape)[both]
    y, (low, middle, high) = actual[both], final[:, both]
    return {
        "rows": float(both.sum()),
        "mae": float((np.abs(y - middle) / units).mean()),
        "persistence_mae": float((np.abs(y - reference[both]) / units).mean()),
        "coverage": float(((y >= low) & (y <= high)).mean()),
    }
