"""Scores: a day of forecasts against what came, beside the persistence anyone could have had.

The references, at the same issue times and leads, from the same data, and known at issue:

    load   the same local time on the newest known day of the same weekday (weekly persistence: better on this
           kind of load than yesterday's, which mistakes a Sunday for a Monday)
    solar  the same time on the newest known day
    wind   the last value
    other  the same time on the newest known day
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.forecast.known.moments import Moments, look
from gridloop.forecast.known.past import Past, known_past, slots_of, usual_step
from gridloop.forecast.models import persistence
from gridloop.forecast.tested import metrics
from gridloop.forecast.value import QUANTILES, Forecast
from gridloop.units import FloatArray, IntArray

LONGEST_H = 24.0


@dataclass(frozen=True)
class Scores:
    """How good the forecasts were.

    summary  for each kind K of the points: K_nmae_pct, persistence_K_nmae_pct, K_skill, K_coverage, K_pinball_mw;
             over all leads up to 24 h at all issue times. Coverage of P10 … P90, right at 0.8, leaves out what is
             zero for sure (the night). NaN where nothing is known.
    by_lead  index (kind, lead_h); columns nmae_pct, persistence_nmae_pct, coverage, pinball_mw
    """

    summary: dict[str, float]
    by_lead: pd.DataFrame


def score(
    forecasts: Iterable[Forecast],
    actual: pd.DataFrame,
    kinds: Mapping[str, str],
    capacities: Mapping[str, float],
    *,
    zone: str = "UTC",
) -> Scores:
    """Scores of forecasts of the same points.

    actual      UTC valid_at × point [MW]: from 8 days before the first issue, for the references, to the last
                interval that is to be scored; NaN and intervals beyond its end are left out
    kinds       per point: load, solar, wind, other
    capacities  per point [MW]: the norm of solar, wind and other. Load is normed by its mean over what is scored.

    Raises `OutOfRange` where there is no forecast or none of its points is known.
    """
    made = list(forecasts)
    if not made:
        raise OutOfRange("scores: no forecast to score.")
    points = tuple(p for p in made[0].points if p in kinds and p in actual.columns)
    if not points:
        raise OutOfRange("scores: none of the forecast points has a kind and actual values.")
    step = usual_step(actual.index)
    stop = actual.index.max() + step
    past = known_past(actual, points, stop, step=step)
    moments, values = _stacked(made, points, past)
    came = look(past, moments.valid, moments.valid + 1)
    lead_h = moments.lead * (24.0 / past.per_day)

    summary: dict[str, float] = {}
    tables = []
    for kind in dict.fromkeys(kinds[p] for p in points):
        column = np.array([k for k, p in enumerate(points) if kinds[p] == kind])
        reference = _reference(kind, past, moments, zone)[:, column]
        y, q = came[:, column], values[:, :, column]
        norm = np.array([capacities.get(points[k], np.nan) for k in column]) if kind != "load" else _mean_load(y)
        row = _row(y, q, reference, norm)
        summary |= {
            f"{kind}_nmae_pct": row["nmae_pct"],
            f"persistence_{kind}_nmae_pct": row["persistence_nmae_pct"],
            f"{kind}_skill": metrics.skill(row["nmae_pct"], row["persistence_nmae_pct"]),
            f"{kind}_coverage": row["coverage"],
            f"{kind}_pinball_mw": row["pinball_mw"],
        }
        leads, of = np.unique(lead_h, return_inverse=True)
        for k, lead in enumerate(leads):
            here = of == k
            tables.append({"kind": kind, "lead_h": lead, **_row(y[here], q[:, here], reference[here], norm)})
    return Scores(summary, pd.DataFrame(tables).set_index(["kind", "lead_h"]))


def _stacked(made: list[Forecast], points: tuple[str, ...], past: Past) -> tuple[Moments, FloatArray]:
    """All forecasts as one: moments with leads up to 24 h, and [quantile, moment, point]."""
    known: list[IntArray] = []
    valid: list[IntArray] = []
    values: list[FloatArray] = []
    for forecast in made:
        slots = slots_of(forecast.valid_at, past.step_ns)
        issue = forecast.issued_at.as_unit("ns").value // past.step_ns
        near = (slots - issue) * (24.0 / past.per_day) < LONGEST_H
        columns = [forecast.points.index(p) for p in points]
        values.append(forecast.arrays()[:, near][:, :, columns])
        valid.append(slots[near])
        known.append(np.full(int(near.sum()), issue))
    return Moments(np.concatenate(known), np.concatenate(valid)), np.concatenate(values, axis=1)


def _reference(kind: str, past: Past, moments: Moments, zone: str) -> FloatArray:
    if kind == "load":
        return persistence.week(past, moments, zone)
    if kind == "wind":
        return persistence.last_of_day(past, moments)
    return persistence.day(past, moments)


def _mean_load(y: FloatArray) -> FloatArray:
    known = np.isfinite(y)
    mean: FloatArray = np.where(known, y, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return mean


def _row(y: FloatArray, q: FloatArray, reference: FloatArray, norm: FloatArray) -> dict[str, float]:
    """Model and reference are compared where both have a value. The night covers itself and does not count there."""
    y = np.where(np.isfinite(reference), y, np.nan)
    awake = np.where((q[2] > 0.0) | (y > 0.0), y, np.nan)
    loss = [metrics.pinball(y, q[k], level) for k, level in enumerate(QUANTILES.values())]
    return {
        "nmae_pct": metrics.nmae_pct(y, q[1], norm),
        "persistence_nmae_pct": metrics.nmae_pct(y, reference, norm),
        "coverage": metrics.coverage(awake, q[0], q[2]),
        "pinball_mw": float(np.mean(loss)),
    }
