"""Sun: where it stands and what a clear sky would give, from pvlib."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.forecast.known.past import Past
from gridloop.units import FloatArray, IntArray


@dataclass(frozen=True)
class Sun:
    """Sun of an interval, same shape as the slots asked for.

    elevation_deg   in the middle of the interval, with refraction
    highest_deg     highest of start, middle and end
    azimuth_deg     clockwise from north
    clear_w_per_m2  global horizontal irradiance under a clear sky (Haurwitz 1945: needs no turbidity table)
    """

    elevation_deg: FloatArray
    highest_deg: FloatArray
    azimuth_deg: FloatArray
    clear_w_per_m2: FloatArray


def sun(past: Past, slots: IntArray, latitude_deg: float, longitude_deg: float) -> Sun:
    """Sun over the intervals of `slots` on the clock of `past`."""
    from pvlib.clearsky import haurwitz
    from pvlib.solarposition import ephemeris

    unique, inverse = np.unique(slots, return_inverse=True)
    start = past.times(unique)
    half = pd.Timedelta(past.step_ns // 2, "ns")
    # one call for start, middle and end: pvlib's cost is in the call, not in the times
    position = ephemeris(start.append([start + half, start + 2 * half]), latitude_deg, longitude_deg)
    elevation = position["apparent_elevation"].to_numpy().reshape(3, -1)
    middle = position.iloc[len(start) : 2 * len(start)]
    clear = haurwitz(middle["apparent_zenith"])["ghi"].to_numpy()

    def shaped(values: FloatArray) -> FloatArray:
        return np.asarray(values, dtype=float)[inverse].reshape(slots.shape)

    return Sun(
        shaped(elevation[1]),
        shaped(elevation.max(axis=0)),
        shaped(middle["azimuth"].to_numpy()),
        shaped(clear),
    )
