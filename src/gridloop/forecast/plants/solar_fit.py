"""Fit of a plane: where the modules face, and how large they are, from power and irradiance.

The absolute error between power and physics is least over tilt, azimuth and size. For each tilt and azimuth the size is
the weighted median of power over physics, which is exact for this error; the two angles are found on a grid, then by a
simplex from the best of it. Absolute errors, because clouds that the weather missed are outliers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.forecast.plants.solar_plant import AIR_C, WIND_M_S, Plant, cell_c, plane_w_per_m2, sky
from gridloop.units import FloatArray

TILTS_DEG = (5.0, 20.0, 35.0, 55.0)
TURNS_DEG = tuple(range(0, 360, 30))
LEAST_ROWS = 150
"""Daylight rows below which the angles would be guesses."""

MOST_ROWS = 4000
HIGHEST_ZENITH_DEG = 82.0
"""Lower suns say more about horizons and the splitting of beam and diffuse than about the plane."""

CLIPPED = 0.98
"""Share of the rating above which the inverter, not the plane, decides."""

LARGEST_DC = 3.0
"""Modules of more than so many times the inverters' rating are not built."""


def fit_plane(plant: Plant, weather: pd.DataFrame, power_mw: FloatArray, step: pd.Timedelta) -> Plant:
    """The plant with tilt, azimuth and module power as the data has them; what is known of the plane stays.

    weather   as `power_mw` takes it; power_mw [time] MW, NaN is a gap
    Of a tracker only the module power is fitted. Raises `OutOfRange` where fewer than `LEAST_ROWS` daylight rows are
    known, or the power does not change.
    """
    at = sky(plant, pd.DatetimeIndex(weather.index), step)
    ghi = weather["ghi"].to_numpy(dtype=float)
    use = (at.zenith_deg < HIGHEST_ZENITH_DEG) & np.isfinite(power_mw) & np.isfinite(ghi)
    use &= power_mw < CLIPPED * plant.capacity_mw
    rows = np.flatnonzero(use)
    if len(rows) < LEAST_ROWS or np.ptp(power_mw[rows]) <= 0.0:
        raise OutOfRange(
            f"plant: {len(rows)} daylight rows with changing power and irradiance are known; {LEAST_ROWS} are needed "
            "to find tilt and azimuth. Give more history, or the two angles.",
            rows=len(rows),
            needed=LEAST_ROWS,
        )
    rows = rows[:: max(1, len(rows) // MOST_ROWS)]
    seen = at[rows]
    column = {str(c): weather[c].to_numpy(dtype=float)[rows] for c in weather.columns}
    came = power_mw[rows]

    def share(tilt: float, azimuth: float) -> FloatArray:
        trial = replace(plant, tilt_deg=tilt, azimuth_deg=azimuth)
        plane = plane_w_per_m2(trial, seen, column["ghi"], dni=column.get("dni"), dhi=column.get("dhi"))
        cell = cell_c(plane, column.get("temperature", AIR_C), column.get("wind_speed", WIND_M_S))
        answer: FloatArray = plane / 1000.0 * (1.0 + plant.per_kelvin * (cell - 25.0))
        return answer

    def loss(tilt: float, azimuth: float) -> float:
        one = share(tilt, azimuth)
        return float(np.abs(came - _size(one, came) * one).mean())

    tilt, azimuth = (0.0, plant.azimuth_deg or 0.0) if plant.tracking == "single_axis" else _angles(plant, loss)
    size = _size(share(tilt, azimuth), came)
    lost = plant.inverter_efficiency * (1.0 - plant.losses)
    modules = float(np.clip(size / lost, 1e-3 * plant.capacity_mw, LARGEST_DC * plant.capacity_mw))
    if plant.tracking == "single_axis":
        return replace(plant, azimuth_deg=azimuth, dc_mw=plant.dc_mw or modules)
    return replace(plant, tilt_deg=tilt, azimuth_deg=azimuth, dc_mw=plant.dc_mw or modules)


def _angles(plant: Plant, loss: Callable[[float, float], float]) -> tuple[float, float]:
    from scipy.optimize import minimize

    tilts = TILTS_DEG if plant.tilt_deg is None else (plant.tilt_deg,)
    turns = TURNS_DEG if plant.azimuth_deg is None else (plant.azimuth_deg,)
    if len(tilts) == len(turns) == 1:
        return float(tilts[0]), float(turns[0])
    best = min(((t, a) for t in tilts for a in turns), key=lambda pair: loss(*pair))

    def angles(x: FloatArray) -> tuple[float, float]:
        tilt = float(np.clip(x[0], 0.0, 90.0)) if plant.tilt_deg is None else plant.tilt_deg
        return tilt, float(x[1] % 360.0) if plant.azimuth_deg is None else plant.azimuth_deg

    tenth = {"xatol": 0.1, "fatol": 1e-7, "maxiter": 80}  # a tenth of a degree is finer than anyone builds
    found = minimize(lambda x: loss(*angles(x)), np.array(best), method="Nelder-Mead", options=tenth)
    return angles(found.x)


def _size(one: FloatArray, came: FloatArray) -> float:
    """The size s that makes the mean of |came − s·one| least: the median of came/one, weighted by one."""
    weight = np.where(one > 1e-3, one, 0.0)
    if not weight.any():
        return 0.0
    ratio = came / np.maximum(one, 1e-3)
    order = np.argsort(ratio, kind="stable")
    below = np.cumsum(weight[order])
    return float(ratio[order][np.searchsorted(below, 0.5 * below[-1])])
