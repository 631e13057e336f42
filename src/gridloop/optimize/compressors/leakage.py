"""Leakage from idle periods: while nothing uses air, what the machines deliver and the pressure loses is leaks.

    leaks · dt = delivered · dt − volume · (p_end − p_begin),   leaks = c · (p + 1 atm)

Holes in which the flow is choked lose in proportion to the absolute pressure, so that c is the same at all pressures;
it is the median over the intervals, which a few uses of air in the night do not move.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import MissingColumn, OutOfRange
from gridloop.optimize.compressors.machine import ATMOSPHERE_BAR, REFERENCE_BAR

LEAST_INTERVALS = 8
COLUMNS = ("pressure_bar", "flow_m3_per_min", "idle")


@dataclass(frozen=True)
class Leakage:
    """m³/min at a gauge pressure, with the range in which it lies (10th to 90th percentile of the median).

    intervals  how many it was found from
    """

    m3_per_min: float
    low: float
    high: float
    at_bar: float
    intervals: int

    def at(self, bar: float) -> float:
        """What leaks at another pressure."""
        return self.m3_per_min * (bar + ATMOSPHERE_BAR) / (self.at_bar + ATMOSPHERE_BAR)


def estimate_leakage(readings: pd.DataFrame, volume_m3: float, *, at_bar: float = 6.2, seed: int = 0) -> Leakage:
    """Leaks from readings of a station while nothing works.

    readings  UTC valid_at, evenly spaced: pressure_bar (gauge, at the begin of each interval), flow_m3_per_min (mean
              delivered), idle (True where nothing uses air: nights, weekends, breaks); NaN is a gap
    at_bar    gauge pressure that the answer is for

    Raises `MissingColumn`, `OutOfRange` where the volume is not above zero or fewer than eight idle intervals follow
    each other in pairs.
    """
    missing = [name for name in COLUMNS if name not in readings]
    if missing:
        raise MissingColumn(
            f"readings: {', '.join(missing)} missing; {', '.join(COLUMNS)} are needed.", missing=missing
        )
    if not 0 < volume_m3 < np.inf:
        raise OutOfRange(f"volume_m3 is {volume_m3}; give the volume of receiver and network, above zero.")
    index = pd.DatetimeIndex(readings.index)
    gaps = np.diff(index.as_unit("ns").asi8)
    if len(index) < 2 or not (gaps > 0).all():
        raise OutOfRange(f"readings: {len(index)} rows whose times must rise; two or more are needed.")
    # An interval counts where the next row follows it at the usual distance.
    step = int(np.median(gaps))
    minutes = step / 6e10
    bar, flow = (readings[name].to_numpy(dtype=float) for name in COLUMNS[:2])
    idle = readings["idle"].to_numpy(dtype=bool)
    counts = idle[:-1] & (gaps == step) & np.isfinite(bar[:-1]) & np.isfinite(bar[1:]) & np.isfinite(flow[:-1])
    if counts.sum() < LEAST_INTERVALS:
        raise OutOfRange(
            f"readings: {int(counts.sum())} idle intervals with pressure and flow; {LEAST_INTERVALS} are needed. Add a "
            "night or a weekend.",
            intervals=int(counts.sum()),
        )
    lost = flow[:-1] - volume_m3 / REFERENCE_BAR * np.diff(bar) / minutes
    each = (lost / (0.5 * (bar[:-1] + bar[1:]) + ATMOSPHERE_BAR))[counts] * (at_bar + ATMOSPHERE_BAR)
    rng = np.random.default_rng(seed)
    again = np.median(rng.choice(each, (400, each.size)), axis=1)
    low, high = np.quantile(again, [0.1, 0.9])
    return Leakage(max(0.0, float(np.median(each))), max(0.0, float(low)), max(0.0, float(high)), at_bar, each.size)
