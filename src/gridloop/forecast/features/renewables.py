"""Renewables: what radiation and wind do to a net load, in columns whose sums draw any panel and any power curve."""

from __future__ import annotations

import numpy as np

from gridloop.units import FloatArray

RADIATION, WIND_SPEED = "radiation", "wind_speed"

CUT_IN_M_PER_S = 3.0
RATED_M_PER_S = (8.0, 10.0, 12.0, 14.0)
"""Wind speeds at which turbines of the basis are at rated power: a fleet is a mixture of them."""

CUT_OUT_M_PER_S = 27.0


def power_curves(wind_m_per_s: FloatArray) -> FloatArray:
    """Shares of rated power of the turbines of the basis: cubic from cut-in to rated speed. [..., curve]"""
    wind = np.asarray(wind_m_per_s, dtype=float)[..., None]
    share = np.clip((wind - CUT_IN_M_PER_S) / (np.array(RATED_M_PER_S) - CUT_IN_M_PER_S), 0.0, 1.0) ** 3
    return np.where(wind > CUT_OUT_M_PER_S, 0.0, share)


def panels(radiation: FloatArray, angle: FloatArray) -> FloatArray:
    """Radiation on panels that look east, south and west, roughly: never negative. [..., panel]

    radiation  any unit; angle  of the time of day, 0 at midnight and 2π at the next, by the sun
    """
    sun = np.maximum(radiation, 0.0)
    return np.stack([sun * (1.0 - np.sin(angle - np.pi)), sun, sun * (1.0 + np.sin(angle - np.pi))], axis=-1)
