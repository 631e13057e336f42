"""Plant: what a solar plant gives for a sky, by PVWatts: plane of array, cell temperature, module, inverter.

The chain, with pvlib's parts: sun in the middle of the interval (NREL's algorithm); horizontal irradiance split into
beam and diffuse (Erbs 1982) where the weather does not split it; onto the plane (Hay and Davies 1980); cell
temperature (Faiman 2008); module of the PVWatts manual (Dobos 2014), linear in irradiance and temperature; inverter
with the manual's part-load efficiency, clipped at its rating.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.units import BoolArray, FloatArray, IntArray

GROUND_REFLECTS = 0.2
AIR_C, WIND_M_S = 20.0, 2.0
"""Air temperature and wind where the weather has none."""

LOWEST_SUN_DEG = 0.0

ASLEEP = 1e-6
"""Share of its rating below which an inverter gives nothing; so it does below 0.6 % by PVWatts' own formula."""


@dataclass(frozen=True)
class Plant:
    """A solar plant.

    latitude_deg, longitude_deg  north and east are positive
    capacity_mw         rating of the inverters, the most that it gives
    tilt_deg            of the modules from the horizontal; None: fitted from data
    azimuth_deg         where they face, clockwise from north; None: fitted from data. Of a tracker: its axis
    dc_mw               modules at 1000 W/m² and 25 °C; None: as much as the inverters
    tracking            "fixed", or "single_axis": horizontal axis, with backtracking
    per_kelvin          change of the modules' power per kelvin, negative
    inverter_efficiency of the inverter at rating
    losses              share lost to soiling, wiring, mismatch and the like

    Raises `OutOfRange` where a number is outside what it can be.
    """

    latitude_deg: float
    longitude_deg: float
    capacity_mw: float
    tilt_deg: float | None = None
    azimuth_deg: float | None = None
    dc_mw: float | None = None
    tracking: Literal["fixed", "single_axis"] = "fixed"
    per_kelvin: float = -0.004
    inverter_efficiency: float = 0.96
    losses: float = 0.14

    def __post_init__(self) -> None:
        allowed = {
            "latitude_deg": (-90.0, 90.0),
            "longitude_deg": (-180.0, 180.0),
            "capacity_mw": (1e-9, np.inf),
            "tilt_deg": (0.0, 90.0),
            "azimuth_deg": (0.0, 360.0),
            "dc_mw": (1e-9, np.inf),
            "per_kelvin": (-0.02, 0.0),
            "inverter_efficiency": (0.5, 1.0),
            "losses": (0.0, 0.9),
        }
        for name, (low, high) in allowed.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise OutOfRange(f"plant: {name} is {value:g}; allowed is {low:g} … {high:g}.", name=name, value=value)

    @property
    def known(self) -> bool:
        """Whether tilt and azimuth are."""
        return self.tracking == "single_axis" or (self.tilt_deg is not None and self.azimuth_deg is not None)


@dataclass(frozen=True)
class Sky:
    """Sun and clear sky in the middle of intervals. [time]

    zenith_deg is apparent (with refraction); clear_w_per_m2 is horizontal, by Haurwitz 1945, which needs no table of
    turbidity; outside_w_per_m2 is on a plane towards the sun above the air.
    """

    middle: pd.DatetimeIndex
    zenith_deg: FloatArray
    azimuth_deg: FloatArray
    clear_w_per_m2: FloatArray
    outside_w_per_m2: FloatArray

    def __getitem__(self, rows: IntArray | BoolArray) -> Sky:
        parts = (self.zenith_deg, self.azimuth_deg, self.clear_w_per_m2, self.outside_w_per_m2)
        return Sky(self.middle[rows], *(part[rows] for part in parts))


def sky(plant: Plant, start: pd.DatetimeIndex, step: pd.Timedelta) -> Sky:
    """The sun over a plant in the intervals that begin at `start` (UTC)."""
    from pvlib.clearsky import haurwitz
    from pvlib.irradiance import get_extra_radiation
    from pvlib.solarposition import get_solarposition

    middle = start + step / 2
    place = get_solarposition(middle, plant.latitude_deg, plant.longitude_deg)
    zenith = place["apparent_zenith"]
    return Sky(
        middle,
        zenith.to_numpy(),
        place["azimuth"].to_numpy(),
        haurwitz(zenith)["ghi"].to_numpy(),
        np.asarray(get_extra_radiation(middle), dtype=float),
    )


def plane_w_per_m2(
    plant: Plant, at: Sky, ghi: FloatArray, *, dni: FloatArray | None = None, dhi: FloatArray | None = None
) -> FloatArray:
    """Irradiance on the modules; 0 while the sun is down. [time] W/m²

    ghi, dni, dhi  horizontal, towards the sun, and from the sky [time] W/m²; the latter two are estimated where None
    """
    from pvlib.irradiance import erbs, get_total_irradiance
    from pvlib.tracking import singleaxis

    if not plant.known:
        raise OutOfRange("plant: tilt or azimuth is not known. Give them, or fit them with fit_plane.")
    horizontal = np.maximum(ghi, 0.0)
    if dni is None or dhi is None:
        parts = erbs(horizontal, at.zenith_deg, at.middle)
        dni, dhi = np.asarray(parts["dni"], dtype=float), np.asarray(parts["dhi"], dtype=float)
    tilt: FloatArray | float | None = plant.tilt_deg
    azimuth: FloatArray | float | None = plant.azimuth_deg
    if plant.tracking == "single_axis":
        turned = singleaxis(at.zenith_deg, at.azimuth_deg, axis_azimuth=plant.azimuth_deg or 0.0)
        tilt, azimuth = np.nan_to_num(turned["surface_tilt"]), np.nan_to_num(turned["surface_azimuth"])
    on_plane = get_total_irradiance(
        tilt, azimuth, at.zenith_deg, at.azimuth_deg, dni, horizontal, dhi,
        dni_extra=at.outside_w_per_m2, albedo=GROUND_REFLECTS, model="haydavies",
    )["poa_global"]  # fmt: skip
    up = at.zenith_deg < 90.0 - LOWEST_SUN_DEG
    answer: FloatArray = np.where(up, np.maximum(np.asarray(on_plane, dtype=float), 0.0), 0.0)
    return answer


def cell_c(plane: FloatArray, air_c: FloatArray | float = AIR_C, wind_m_s: FloatArray | float = WIND_M_S) -> FloatArray:
    """Temperature of the cells. Same shape [°C]"""
    from pvlib.temperature import faiman

    return np.asarray(faiman(plane, air_c, wind_m_s), dtype=float)


def output_mw(plant: Plant, plane: FloatArray, cell: FloatArray) -> FloatArray:
    """Power for irradiance on the plane [W/m²] and cell temperature [°C]; at most the rating. Same shape [MW]"""
    from pvlib.inverter import pvwatts
    from pvlib.pvsystem import pvwatts_dc

    modules = plant.capacity_mw if plant.dc_mw is None else plant.dc_mw
    direct = (1.0 - plant.losses) * np.asarray(pvwatts_dc(plane, cell, modules, plant.per_kelvin), dtype=float)
    rating = plant.capacity_mw / plant.inverter_efficiency  # of its input
    awake = np.where(direct <= ASLEEP * rating, 0.0, direct)
    given = pvwatts(awake, rating, eta_inv_nom=plant.inverter_efficiency)
    return np.asarray(np.maximum(given, 0.0), dtype=float)


def power_mw(plant: Plant, weather: pd.DataFrame, step: pd.Timedelta) -> FloatArray:
    """Power for weather over intervals. [time] MW; NaN where the irradiance is.

    weather  UTC start of interval × `ghi` [W/m²], and where there `dni`, `dhi`, `temperature` [°C], `wind_speed` [m/s]
    """
    at = sky(plant, pd.DatetimeIndex(weather.index), step)
    column = {str(c): weather[c].to_numpy(dtype=float) for c in weather.columns}
    plane = plane_w_per_m2(plant, at, column["ghi"], dni=column.get("dni"), dhi=column.get("dhi"))
    cell = cell_c(plane, column.get("temperature", AIR_C), column.get("wind_speed", WIND_M_S))
    return np.where(np.isfinite(column["ghi"]), output_mw(plant, plane, cell), np.nan)
