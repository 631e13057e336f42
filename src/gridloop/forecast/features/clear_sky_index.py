"""Clear-sky index: what a plant gives as a share of its own best days at the same time; the sky, free of the hour.

The envelope is learned from the plant's own last days instead of from a panel model: tilt, azimuth and
shading are in it, and nobody has to know them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridloop.forecast.features.lags import earlier_days, ranked, same_time
from gridloop.forecast.known.moments import Moments, look
from gridloop.forecast.known.past import Past
from gridloop.units import FloatArray

DAYS = 28
CLEAR_RANK = 0.9
"""The third best of 28 days: the best is often a moment when the sun shone past a cloud's edge."""

UNKNOWN = -1.0
"""Index at night, where there is none."""


def envelope(past: Past, moments: Moments) -> FloatArray:
    """What each point gives at the time of day of `moments` under a clear sky. [moment, point]"""
    days = same_time(past, moments, earlier_days(past, moments, DAYS))
    return ranked(np.sort(days, axis=1), CLEAR_RANK)


@dataclass(frozen=True)
class Index:
    """Sum over the newest intervals: what came, over what a clear sky gives. [moment, point]

    own    of the point; fleet  of all points together [moment, 1]; `UNKNOWN` at night
    """

    own: FloatArray
    fleet: FloatArray


def newest_index(past: Past, moments: Moments, steps: int, least: FloatArray) -> Index:
    """Index over the `steps` intervals before issue.

    least  [point] MW: a mean envelope below it is night
    """
    slots = moments.known[:, None] - steps + np.arange(steps)
    unique, inverse = np.unique(slots, return_inverse=True)
    clear_of = np.nan_to_num(envelope(past, Moments(unique, unique)))
    clear = clear_of[inverse].reshape(*slots.shape, -1)
    came = look(past, slots, moments.known)
    clear = np.where(np.isfinite(came), clear, 0.0)
    came_mw, clear_mw = np.nan_to_num(came).mean(axis=1), clear.mean(axis=1)

    def share(above: FloatArray, below: FloatArray, enough: FloatArray) -> FloatArray:
        day = below > enough
        return np.where(day, above / np.where(day, below, 1.0), UNKNOWN)

    return Index(
        share(came_mw, clear_mw, least),
        share(came_mw.sum(axis=1, keepdims=True), clear_mw.sum(axis=1, keepdims=True), least.sum(keepdims=True)),
    )
