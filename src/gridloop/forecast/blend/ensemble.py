"""Ensemble: the average of a model's quantiles with those of persistence, by lead."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridloop.forecast.known.leads import BUCKETS
from gridloop.forecast.value import QUANTILES
from gridloop.units import BoolArray, FloatArray, IntArray

SHARES = np.linspace(0.0, 0.6, 13)
"""Shares of persistence that are tried: the model keeps at least 0.4."""

TIE = 0.01
"""Losses closer than this share count as equal, and then persistence gets more: it cannot overfit."""

LEAST_ROWS = 200
"""A bucket with fewer held-out rows learns nothing."""


@dataclass(frozen=True)
class Ensemble:
    """How model and persistence become one forecast.

    share  [bucket]: of persistence in the average of the quantiles
    error  [bucket, quantile]: what came minus persistence, in units of the point
    """

    share: FloatArray
    error: FloatArray

    def combine(self, model: FloatArray, reference: FloatArray, where: IntArray, unit: FloatArray) -> FloatArray:
        """Quantiles [quantile, moment, point] in MW, ordered.

        model      [quantile, moment, point] MW
        reference  [moment, point] MW, persistence; NaN leaves the model alone
        where      [moment] buckets
        unit       [point] MW
        """
        return _mixed(np.sort(model, axis=0), reference, self.share[where], self.error[where], unit)


def learn_ensemble(
    model: FloatArray, reference: FloatArray, actual: FloatArray, where: IntArray, unit: FloatArray, rows: BoolArray
) -> Ensemble:
    """The ensemble with the least mean absolute error of P50 on held-out forecasts.

    model  [quantile, moment, point] MW, by models that had not seen these weeks; NaN where there is none
    actual [moment, point] MW; rows [moment, point]: the ones that count; the rest as in `combine`
    """
    ensemble = Ensemble(np.zeros(BUCKETS), np.zeros((BUCKETS, len(QUANTILES))))
    model = np.sort(model, axis=0)
    use = rows & np.isfinite(actual) & np.isfinite(model).all(axis=0)
    for b in range(BUCKETS):
        here = where == b
        ok, y = use[here], actual[here]
        if ok.sum() < LEAST_ROWS:
            continue
        ensemble.error[b] = error_quantiles(y, reference[here], unit, ok)
        error = np.broadcast_to(ensemble.error[b], (len(y), len(QUANTILES)))
        loss = np.empty(len(SHARES))
        for k, share in enumerate(SHARES):
            mixed = _mixed(model[:, here], reference[here], np.full(len(y), share), error, unit)
            loss[k] = np.abs(y - mixed[1])[ok].mean()
        ensemble.share[b] = SHARES[np.flatnonzero(loss <= (1.0 + TIE) * loss.min())[-1]]
    return ensemble


def error_quantiles(actual: FloatArray, reference: FloatArray, unit: FloatArray, rows: BoolArray) -> FloatArray:
    """P10, P50, P90 of (actual − reference) / unit over the rows; P50 is held at 0: persistence is what it is."""
    error = ((actual - reference) / unit)[rows]
    error = error[np.isfinite(error)]
    if not len(error):
        return np.zeros(len(QUANTILES))
    low, high = np.quantile(error, [QUANTILES["p10"], QUANTILES["p90"]])
    return np.array([min(low, 0.0), 0.0, max(high, 0.0)])


def _mixed(
    model: FloatArray, reference: FloatArray, share: FloatArray, error: FloatArray, unit: FloatArray
) -> FloatArray:
    """share [moment], error [moment, quantile]."""
    persistence = reference[None] + error.T[:, :, None] * unit
    part = np.where(np.isfinite(reference), share[:, None], 0.0)
    mixed: FloatArray = (1.0 - part) * model + part * np.nan_to_num(persistence)
    return mixed


def errors_by_lead(
    actual: FloatArray, said: FloatArray, where: IntArray, unit: FloatArray, seen: BoolArray
) -> FloatArray:
    """`error_quantiles` of every bucket of leads: [bucket, quantile].

    actual, said, seen  [moment, point]; where  bucket of each moment [moment]; unit  [point] MW
    """
    here = [where == b for b in range(BUCKETS)]
    return np.stack([error_quantiles(actual[h], said[h], unit, seen[h]) for h in here])
