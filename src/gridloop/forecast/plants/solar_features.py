"""Solar weather: what a weather forecast, the physics of a plant and its newest output say about an interval ahead."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.forecast.features.lags import Recent, earlier_days, known_mean, ranked, same_time
from gridloop.forecast.known.moments import Moments
from gridloop.forecast.known.past import Past
from gridloop.forecast.known.weather_runs import Runs
from gridloop.forecast.plants.solar_plant import AIR_C, WIND_M_S, Plant, cell_c, output_mw, plane_w_per_m2, sky
from gridloop.units import FloatArray, IntArray

AROUND_H = 6
"""Hours on either side of an interval whose weather is looked at; most of a day's light."""

NEAR_H = (-2, -1, 1, 2)
"""Hours before and after whose weather is a column of its own."""

NEIGHBOURS = ("cloud_cover", "cloud_water", "cloud_ice", "humidity", "rain")
"""Columns of the weather that are also seen at the hours of `NEAR_H`, where they are there."""

LOW_SUN_W_PER_M2 = 20.0
DAYS = 28
BRIGHTEST = 1.5


@dataclass(frozen=True)
class View:
    """One plant's weather at a set of moments.

    weather   [moment, hour around, column]
    power_mw  physics [moment, hour around]; NaN where the irradiance is not known
    plane, clear_plane  W/m² on the modules: forecast, and under a clear sky [moment, hour around]
    clear     W/m² horizontal under a clear sky [moment, hour around]
    zenith_deg, azimuth_deg  [moment]
    """

    columns: tuple[str, ...]
    weather: FloatArray
    power_mw: FloatArray
    plane: FloatArray
    clear_plane: FloatArray
    clear: FloatArray
    zenith_deg: FloatArray
    azimuth_deg: FloatArray

    def of(self, name: str) -> FloatArray:
        """A column of the weather. [moment, hour around]"""
        return self.weather[:, :, self.columns.index(name)]

    @property
    def index(self) -> FloatArray:
        """Forecast irradiance over that of a clear sky. [moment, hour around]"""
        return np.clip(self.of("ghi") / np.maximum(self.clear, LOW_SUN_W_PER_M2), 0.0, BRIGHTEST)


def view(plant: Plant, runs: Runs, past: Past, issue_ns: IntArray, valid: IntArray, *, around_h: int) -> View:
    """What is known at issue_ns [moment] about the intervals around valid [moment]."""
    hour = max(1, past.per_day // 24)
    slots = valid[:, None] + hour * np.arange(-around_h, around_h + 1)
    weather = runs.at(issue_ns, slots)
    unique, inverse = np.unique(slots, return_inverse=True)
    at = sky(plant, past.times(unique), pd.Timedelta(past.step_ns, "ns"))
    inverse = inverse.ravel()
    flat = at[inverse]
    column = {name: weather[:, :, k].ravel() for k, name in enumerate(runs.columns)}
    # night by night and gap by gap there is nothing to split
    ghi = column["ghi"]
    plane = plane_w_per_m2(plant, flat, np.nan_to_num(ghi), dni=column.get("dni"), dhi=column.get("dhi"))
    clear_plane = plane_w_per_m2(plant, at, at.clear_w_per_m2)[inverse]
    air, wind = column.get("temperature"), column.get("wind_speed")
    cell = cell_c(
        plane,
        AIR_C if air is None else np.where(np.isfinite(air), air, AIR_C),
        WIND_M_S if wind is None else np.where(np.isfinite(wind), wind, WIND_M_S),
    )
    gap = ~np.isfinite(ghi)
    shape = slots.shape
    middle = at[inverse.reshape(shape)[:, around_h]]
    return View(
        runs.columns,
        weather,
        np.where(gap, np.nan, output_mw(plant, plane, cell)).reshape(shape),
        np.where(gap, np.nan, plane).reshape(shape),
        clear_plane.reshape(shape),
        flat.clear_w_per_m2.reshape(shape),
        middle.zenith_deg,
        middle.azimuth_deg,
    )


def expected(plant: Plant, runs: Runs, past: Past) -> FloatArray:
    """Physics of every past interval by the newest weather that was known when it began. [time] MW"""
    slots = past.first + np.arange(len(past.values))
    return view(plant, runs, past, slots * past.step_ns, slots, around_h=0).power_mw[:, 0]


def weather_columns(seen: View, capacity_mw: float) -> dict[str, FloatArray]:
    """Columns of the weather ahead and of the physics; power as shares of capacity. Name → [moment]"""
    now = AROUND_H
    index = seen.index
    columns = {
        "physics": seen.power_mw[:, now] / capacity_mw,
        "plane": seen.plane[:, now],
        "clear_plane": seen.clear_plane[:, now],
        "clear": seen.clear[:, now],
        "zenith": seen.zenith_deg,
        "azimuth": seen.azimuth_deg,
        "index": index[:, now],
    }
    columns |= {name: seen.weather[:, now, k] for k, name in enumerate(seen.columns)}
    if {"ghi", "top_net"} <= set(seen.columns):
        columns["through"] = seen.of("ghi")[:, now] / np.maximum(seen.of("top_net")[:, now], LOW_SUN_W_PER_M2)
    for hours in NEAR_H:
        columns[f"index{hours:+d}h"] = index[:, now + hours]
        columns[f"physics{hours:+d}h"] = seen.power_mw[:, now + hours] / capacity_mw
        for name in NEIGHBOURS:
            if name in seen.columns:
                columns[f"{name}{hours:+d}h"] = seen.of(name)[:, now + hours]
    with warnings.catch_warnings():
        # the outermost intervals of a run may have no neighbour at all: NaN is the answer then
        warnings.simplefilter("ignore", RuntimeWarning)
        three = index[:, now - 3 : now + 4]
        columns["index_spread"] = np.nanstd(three, axis=1)
        columns["index_3h"] = np.nanmean(three, axis=1)
        light = np.where(np.isfinite(seen.of("ghi")), seen.clear, np.nan)
        columns["day_index"] = np.nansum(seen.of("ghi"), axis=1) / np.maximum(np.nansum(light, axis=1), 1.0)
        columns["day_physics"] = np.nansum(seen.power_mw, axis=1) / capacity_mw
        for name, of in (("cloud_cover", np.nanmean), ("rain", np.nansum), ("temperature", np.nanmax)):
            if name in seen.columns:
                columns[f"day_{name}"] = of(seen.of(name), axis=1)
        if "humidity" in seen.columns:
            columns["day_humidity"] = np.nanmin(seen.of("humidity"), axis=1)
    return columns


def season_columns(past: Past, valid: IntArray, longitude_deg: float) -> dict[str, FloatArray]:
    """Place in the year and on the solar clock. Name → [moment]"""
    days = (valid + 0.5) / past.per_day
    angle = 2.0 * np.pi * days / 365.2422
    return {"year_sin": np.sin(angle), "year_cos": np.cos(angle), "hour": (24.0 * days + longitude_deg / 15.0) % 24.0}


def newest_columns(past: Past, physics: FloatArray, moments: Moments, unit: FloatArray) -> dict[str, FloatArray]:
    """What each plant gave lately, alone and over its physics. Name → [moment, point]

    physics  [time, point] MW, as `expected` has it
    unit     [point] MW
    """
    day = past.per_day
    hour = max(1, day // 24)
    both = np.isfinite(past.values) & np.isfinite(physics)
    came = Recent(Past(past.points, np.where(both, past.values, np.nan), past.first, past.step_ns))
    should = Recent(Past(past.points, np.where(both, physics, np.nan), past.first, past.step_ns))
    days = same_time(past, moments, earlier_days(past, moments, DAYS))
    ordered = np.sort(days, axis=1)
    columns = {
        "last": Recent(past).last(moments.known) / unit,
        "last_3h": came.mean(moments.known, 3 * hour) / unit,
        "yesterday": days[:, 0] / unit,
        "mean_3d": known_mean(days[:, :3]) / unit,
        "clear_28d": ranked(ordered, 0.9) / unit,
        "middle_28d": ranked(ordered, 0.5) / unit,
    }
    for name, steps, least in (("1h", hour, 0.02), ("3h", 3 * hour, 0.02), ("24h", day, 0.01), ("14d", 14 * day, 0.01)):
        above, below = came.mean(moments.known, steps), should.mean(moments.known, steps)
        columns[f"share_{name}"] = above / np.maximum(below, least * unit)
    return columns


def mean_known(values: FloatArray) -> FloatArray:
    """Mean over the last axis of what is known; NaN where nothing is. [row]"""
    known = np.isfinite(values)
    count = known.sum(axis=-1)
    total = np.where(known, values, 0.0).sum(axis=-1)
    mean: FloatArray = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return mean
