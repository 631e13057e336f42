"""Disaggregation: a net load taken apart into load, sun and wind, from its own readings and the weather.

net = load − solar − wind, with load a day's shape for each sort of day, solar a mixture of panels that look east, south
and west, wind a mixture of turbines; every share is found at once by least squares without negative shares. What the
three do not explain is load. Equations in docs/math/forecast-net-load.md.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import numpy as np
import pandas as pd

from gridloop.errors import GapInSeries, MissingColumn, OutOfRange, listed
from gridloop.forecast.features.holidays import DayKinds
from gridloop.forecast.features.renewables import RADIATION, WIND_SPEED, panels, power_curves
from gridloop.forecast.known.local import local_slots
from gridloop.forecast.known.past import known_past, usual_step
from gridloop.units import FloatArray, IntArray

PARTS = ("load", "solar", "wind")
LEAST_DAYS = 14
"""Days of known net load below which shares are guesses."""

HOURS = 24
SORTS = 3


def disaggregate(
    net: pd.Series, weather: pd.DataFrame, *, zone: str = "UTC", holidays: Iterable[dt.date] = ()
) -> pd.DataFrame:
    """Load, solar and wind, each ≥ 0, with load − solar − wind equal to the net load. [MW]

    net      UTC valid_at [MW], consumption positive; NaN is a gap and stays one
    weather  UTC valid_at × column on the same clock: `radiation` [any unit], `wind_speed` [m/s], one of them at least;
             the part of a column that is not there is zero

    Nothing but the net load is looked at: what the shares mean is only as good as the weather tells sun from habit.
    Raises `MissingColumn` without weather of either kind, `GapInSeries` where it does not cover the net load,
    `OutOfRange` where less than 14 days are known or stamps are off the clock.
    """
    kinds = [c for c in (RADIATION, WIND_SPEED) if c in weather.columns]
    if not kinds:
        raise MissingColumn(
            f"weather: neither `{RADIATION}` nor `{WIND_SPEED}` is among {listed(list(map(str, weather.columns)))}. "
            "Without them sun and wind cannot be told from load.",
            missing=[RADIATION, WIND_SPEED],
        )
    step = usual_step(net.index)
    table = net.to_frame("net")
    past = known_past(table, ("net",), net.index.max() + step, step=step)
    slots = past.first + np.arange(len(past.values))
    values = past.values[:, 0]
    known = np.isfinite(values)
    if known.sum() < LEAST_DAYS * past.per_day:
        raise OutOfRange(
            f"net load: {known.sum() / past.per_day:.1f} days are known; {LEAST_DAYS} are needed to tell sun and wind "
            "from habit.",
            needed_days=LEAST_DAYS,
        )
    air = weather[kinds].reindex(past.times(slots)).to_numpy(dtype=float)
    gaps = np.isnan(air).any(axis=1) & known
    if gaps.any():
        raise GapInSeries(
            f"weather: missing for {int(gaps.sum())} of {int(known.sum())} intervals of the net load, first "
            f"{past.times(slots[gaps][:1])[0]}. Fill its gaps by name, or leave these intervals out.",
            count=int(gaps.sum()),
        )
    local = local_slots(past, slots, zone)
    sort = DayKinds(holidays).rest(local, past.per_day)
    angle = 2.0 * np.pi * (local % past.per_day) / past.per_day
    solar, wind = np.zeros((len(slots), 0)), np.zeros((len(slots), 0))
    if RADIATION in kinds:
        sun = air[:, kinds.index(RADIATION)]
        solar = panels(sun / max(float(np.nanmax(sun)), 1e-9), angle)
    if WIND_SPEED in kinds:
        wind = power_curves(air[:, kinds.index(WIND_SPEED)])
    found = _shares(_shape(local, sort, past.per_day), solar, wind, values, known)
    parts = pd.DataFrame(_added_up(values, *found, kinds), index=past.times(slots), columns=list(PARTS))
    return parts[known].rename_axis("valid_at").reindex(pd.DatetimeIndex(net.index, name="valid_at"))


def _shape(local: IntArray, sort: IntArray, per_day: int) -> FloatArray:
    """A column for every hour of every sort of day, linear in between: rows add up to one. [row, hour · sort]"""
    hour = (local % per_day) * (HOURS / per_day)
    low = np.floor(hour).astype(int)
    share = hour - low
    columns = np.zeros((len(local), SORTS, HOURS))
    row = np.arange(len(local))
    columns[row, sort, low] += 1.0 - share
    columns[row, sort, (low + 1) % HOURS] += share
    return columns.reshape(len(local), -1)


def _shares(
    shape: FloatArray, solar: FloatArray, wind: FloatArray, net: FloatArray, known: np.ndarray
) -> tuple[FloatArray, FloatArray]:
    """Solar and wind [row] MW by least squares; no share is negative."""
    from scipy.optimize import nnls

    x = np.hstack([shape, -solar, -wind])[known]
    gram, moment = x.T @ x, x.T @ net[known]
    # the same minimum from the small triangle: ‖Lᵀa − L⁻¹Xᵀy‖ with LLᵀ = XᵀX
    lower = np.linalg.cholesky(gram + 1e-9 * np.trace(gram) * np.eye(len(gram)))
    shares, _ = nnls(lower.T, np.linalg.solve(lower, moment))
    sun, air = shares[shape.shape[1] :][: solar.shape[1]], shares[shape.shape[1] + solar.shape[1] :]
    return solar @ sun, wind @ air


def _added_up(net: FloatArray, solar: FloatArray, wind: FloatArray, kinds: list[str]) -> FloatArray:
    """Load is the rest; where that would be negative, sun and wind gave more, each in proportion. [row, part]

    Where neither gave anything both give half; of one `kinds` of weather alone, that one gives all.
    """
    made = solar + wind
    short = np.maximum(-net - made, 0.0)
    half = 0.5 if len(kinds) == 2 else float(RADIATION in kinds)
    share = np.divide(solar, made, out=np.full(len(net), half), where=made > 0.0)
    solar, wind = solar + share * short, wind + (1.0 - share) * short
    return np.column_stack([np.maximum(net + solar + wind, 0.0), solar, wind])
