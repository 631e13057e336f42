"""Synthetic use of compressed air in a factory: lines, shifts, breaks, weekends, stops, blowing, noise; and a station.

No open recording of a compressor station is at hand. Everything here is made up, in the open, from a seed; what is
found with it is to be called synthetic. Where numbers come from:

- three shifts from 6:00 with a break of half an hour each, a Saturday now and then: a car plant of the usual kind;
- leaks of a tenth of the station's flow, machines of 5.9 to 6.6 kW per m³/min at 7 bar, idle and part-load shares: the
  sourcebook named in `machine` and the style of CAGI's data sheets;
- short stops of a line about twice in three shifts, each for a quarter of an hour or so; large users that blow for a
  minute or two: assumptions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.signal import lfilter

from gridloop.optimize.compressors.machine import Compressor
from gridloop.optimize.devices.compressor_station import CompressorStation
from gridloop.units import FloatArray

ZONE = "Europe/Berlin"
STEP_S, INTERVAL_S = 10.0, 900.0
FIRST_MONDAY = pd.Timestamp("2026-01-05", tz=ZONE)
"""Of the synthetic calendar: week k begins 7 k days later."""


@dataclass(frozen=True)
class Line:
    """A production line: m³/min where it runs at full rate, where it is on but makes nothing, and when its break is."""

    name: str
    full_m3_per_min: float
    idle_m3_per_min: float
    break_h: float
    night: float


LINES = (Line("press", 17.0, 3.0, 3.5, 0.5), Line("body", 29.0, 5.0, 4.0, 0.75), Line("paint", 15.0, 4.0, 4.5, 0.9))
ALWAYS_M3_PER_MIN = 3.0


@dataclass(frozen=True, eq=False)
class Week:
    """One synthetic week.

    plan    by quarter of an hour (UTC): rate of each line as planned, 0 … 1; `shift` 0 none, 1 early, 2 late, 3 night;
            `on_break`: share of the interval in which a line has its break
    used    m³/min by steps of `STEP_S`, without leaks; mean: the same by quarters of an hour
    """

    plan: pd.DataFrame
    used: FloatArray
    mean: pd.Series

    @property
    def start(self) -> pd.Timestamp:
        """Its first moment."""
        return pd.Timestamp(self.plan.index[0])


def demo_station(demand: FloatArray | Sequence[float] = (0.0,), **more: object) -> CompressorStation:
    """A made-up station of six machines as it grows over the years: four fixed ones, one that throttles, and one of
    variable speed to trim, which is smaller than the largest; 98.5 m³/min in all. more: fields of `CompressorStation`
    """
    machines = [
        Compressor.fixed_speed("F1", 23.0, 137.0),
        Compressor.fixed_speed("F2", 22.5, 138.0),
        Compressor.fixed_speed("F3", 15.5, 97.0),
        Compressor.fixed_speed("F4", 9.5, 61.0),
        Compressor.modulating("M", 12.5, 82.0),
        Compressor.variable_speed("V", 15.5, 97.0),
    ]
    fields = {"volume_m3": 30.0, "min_bar": 6.2, "max_bar": 7.2, "leak_m3_per_min": 8.0, "start_bar": 6.6} | more
    return CompressorStation(machines, np.asarray(demand, dtype=float), **fields)  # type: ignore[arg-type]


def synthetic_week(seed: int, week: int = 0) -> Week:
    """A week of air in a made-up factory. The same seed and number give the same week."""
    rng = np.random.default_rng([seed, week])
    begin = (FIRST_MONDAY + pd.DateOffset(weeks=week)).tz_convert("UTC")
    end = (FIRST_MONDAY + pd.DateOffset(weeks=week + 1)).tz_convert("UTC")
    steps = round((end - begin) / pd.Timedelta(seconds=STEP_S))
    index = pd.date_range(begin, periods=steps, freq=pd.Timedelta(seconds=STEP_S))
    local = index.tz_convert(ZONE)
    hour = (local.hour + local.minute / 60.0 + local.second / 3600.0).to_numpy(dtype=float)
    # A night shift that began on Sunday evening belongs to Sunday.
    day = (local - pd.Timedelta(hours=6)).dayofweek.to_numpy()
    into = (hour - 6.0) % 24.0
    shift = (into // 8.0).astype(int)
    saturday = rng.random() < 0.4
    works = (day < 5) | ((day == 5) & saturday & (shift == 0))
    table, used = {}, np.full(steps, ALWAYS_M3_PER_MIN)
    rest = np.zeros(steps)
    rate_of = np.round(rng.uniform(0.6, 1.0, (7, 3, len(LINES))), 2)
    left_out = rng.random((7, 3, len(LINES))) < np.array([0.02, 0.05, 0.2])[None, :, None]
    for k, line in enumerate(LINES):
        rate = np.where(works & ~left_out[day, shift, k], rate_of[day, shift, k], 0.0)
        rate = np.where(shift == 2, rate * line.night, rate)
        within = into % 8.0
        pause = (within >= line.break_h) & (within < line.break_h + 0.5) & (rate > 0.0)
        planned = np.where(pause, 0.0, rate)
        rest += pause / len(LINES)
        table[line.name] = planned
        # What the line really does: a slow drift of its rate, and stops.
        real = planned * (1.0 + _drift(rng, steps, 3.0 * 3600.0, 0.06)) * _stops(rng, steps)
        # People and machines do not begin all at once: a minute or so early or late, and up to speed within minutes.
        real = _smooth(np.roll(real, int(rng.integers(-12, 13))), 120.0)
        warm = _smooth((rate > 0.0) * line.idle_m3_per_min, 120.0)
        used += warm + np.clip(real, 0.0, 1.15) * (line.full_m3_per_min - line.idle_m3_per_min)
    used += _blowing(rng, steps) * (works * 0.9 + 0.1)
    used = np.maximum(used * (1.0 + _drift(rng, steps, 90.0, 0.03) + _drift(rng, steps, 86400.0, 0.02)), 0.5)
    fine = pd.DataFrame(
        {**table, "shift": np.where(works, shift + 1, 0), "on_break": rest, "used": used}, index=index
    )  # fmt: skip
    quarter = fine.resample(pd.Timedelta(seconds=INTERVAL_S)).mean().rename_axis("valid_at")
    return Week(quarter.drop(columns="used"), used, quarter["used"].rename("m3_per_min"))


def _drift(rng: np.random.Generator, steps: int, time_s: float, size: float) -> FloatArray:
    """A value that wanders around zero: its memory in seconds, its standard deviation."""
    keep = float(np.exp(-STEP_S / time_s))
    start = rng.standard_normal() * size
    noise = rng.standard_normal(steps) * size * np.sqrt(1.0 - keep**2)
    return np.asarray(lfilter([1.0], [1.0, -keep], noise, zi=[keep * start])[0])


def _smooth(values: NDArray[Any], time_s: float) -> FloatArray:
    """Values that follow with a delay of so many seconds."""
    keep = float(np.exp(-STEP_S / time_s))
    return np.asarray(lfilter([1.0 - keep], [1.0, -keep], values, zi=[keep * values[0]])[0])


def _stops(rng: np.random.Generator, steps: int) -> FloatArray:
    """1 where the line runs, less where it has stopped without being planned to."""
    running = np.ones(steps)
    for _ in range(rng.poisson(steps * STEP_S / 3600.0 / 12.0)):
        begin = int(rng.integers(steps))
        running[begin : begin + int(rng.exponential(900.0) / STEP_S)] = rng.uniform(0.0, 0.4)
    return running


def _blowing(rng: np.random.Generator, steps: int) -> FloatArray:
    """Large users that blow now and then. [m³/min]"""
    found = np.zeros(steps)
    for _ in range(rng.poisson(steps * STEP_S / 3600.0 * 3.0)):
        begin = int(rng.integers(steps))
        found[begin : begin + int(rng.uniform(40.0, 150.0) / STEP_S)] += rng.uniform(1.5, 4.0)
    return found
