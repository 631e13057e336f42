"""Masks: output that says nothing about the sun — held down by a limit, under snow, or off — found and named.

A model that learns from such hours learns that bright days give little. What is found is reported by interval and left
out of the training; nothing is changed in the data. Three signs, each against what physics expects of the weather:

    curtailed  the output stands still for hours, below its rating and well below what is expected
    snow       next to nothing by day, in the cold or with snow lying
    off        next to nothing by day, and warm
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.units import BoolArray, FloatArray

STILL = 0.004
"""Change from interval to interval, as a share of capacity, that still counts as standing still."""

STILL_H = 3.0
AT_RATING = 0.97
"""Share of the highest output ever seen above which a flat top is the inverter's own."""

SHORT_OF = 0.8
"""Curtailed output is below this share of what is expected, on the mean of the run."""

LEAST_OUTPUT = 0.05
NOTHING = 0.005
DAYLIGHT = 0.15
"""Expected output, as a share of capacity, from which there should be some."""

NOTHING_H = 3.0
"""Hours of daylight with nothing before it is called snow or off."""

COLD_C = 1.0
"""Coldest air of the last day for snow, where no snow depth is told."""

COLUMNS = ("start", "end", "kind", "intervals", "missing_mwh")


def find_masks(
    power: pd.Series,
    expected_mw: FloatArray,
    capacity_mw: float,
    *,
    temperature: FloatArray | None = None,
    snow: FloatArray | None = None,
) -> pd.DataFrame:
    """Runs of intervals to be left out of training, in order; columns `COLUMNS`.

    power        UTC start of interval → MW, evenly spaced, NaN is a gap
    expected_mw  [time] what the plant should give by its weather
    temperature  [time] °C; snow [time] depth or fall, anything above zero counts
    """
    index = pd.DatetimeIndex(power.index)
    came = power.to_numpy(dtype=float)
    step_h = (
        float(np.median(np.diff(index.asi8)) / pd.Timedelta("1h").as_unit(index.unit).value) if len(index) > 1 else 1.0
    )
    expected = np.nan_to_num(expected_mw)
    found = []
    for kind, where in (
        ("curtailed", _standing_still(came, expected, capacity_mw, step_h)),
        *_nothing(came, expected, capacity_mw, step_h, temperature, snow).items(),
    ):
        for begin, end in _runs(where):
            missing = float(np.maximum(expected[begin:end] - np.nan_to_num(came[begin:end]), 0.0).sum() * step_h)
            stop = index[end - 1] + pd.Timedelta(hours=step_h)
            found.append((index[begin], stop, kind, end - begin, missing))
    table = pd.DataFrame(found, columns=list(COLUMNS))
    return table.sort_values(["start", "kind"], ignore_index=True)


def masked(index: pd.DatetimeIndex, found: pd.DataFrame) -> BoolArray:
    """Which intervals lie in any of the runs found. [time]"""
    inside = np.zeros(len(index), dtype=bool)
    for start, end in zip(found["start"], found["end"], strict=True):
        inside |= np.asarray((index >= start) & (index < end))
    return inside


def _standing_still(came: FloatArray, expected: FloatArray, capacity: float, step_h: float) -> BoolArray:
    highest = np.nanmax(came, initial=0.0)
    able = (came > LEAST_OUTPUT * capacity) & (came < AT_RATING * highest)
    still = np.r_[False, np.abs(np.diff(came)) <= STILL * capacity] & able
    still[:-1] |= still[1:] & able[:-1]
    result = np.zeros(len(came), dtype=bool)
    for begin, end in _runs(still):
        level = came[begin:end]
        long = (end - begin) * step_h >= STILL_H and end - begin >= 3
        # a slow drift is no limit: all of the run lies within a few steps of its middle
        flat = np.ptp(level) <= 2.0 * STILL * capacity
        result[begin:end] = long and flat and level.mean() < SHORT_OF * expected[begin:end].mean()
    return result


def _nothing(
    came: FloatArray,
    expected: FloatArray,
    capacity: float,
    step_h: float,
    temperature: FloatArray | None,
    snow: FloatArray | None,
) -> dict[str, BoolArray]:
    day = expected > DAYLIGHT * capacity
    none = day & (came <= NOTHING * capacity)
    # nights and gaps do not end a run: only output does
    gives = came > NOTHING * capacity
    result = {"snow": np.zeros(len(came), dtype=bool), "off": np.zeros(len(came), dtype=bool)}
    back = max(1, round(24.0 / step_h))
    for begin, end in _runs(~gives):
        rows = np.flatnonzero(none[begin:end]) + begin
        if len(rows) * step_h < NOTHING_H:
            continue
        for one in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1):
            since = slice(max(0, one[0] - back), one[-1] + 1)
            white = bool(snow is not None and np.nanmax(snow[since], initial=0.0) > 0.0)
            if snow is None and temperature is not None:
                white = bool(np.nanmin(temperature[since], initial=np.inf) <= COLD_C)
            result["snow" if white else "off"][one] = True
    return result


def _runs(where: BoolArray) -> list[tuple[int, int]]:
    """Begin and end (exclusive) of every run of True."""
    edge = np.flatnonzero(np.diff(np.r_[False, where, False].astype(np.int8)))
    return list(zip(edge[::2].tolist(), edge[1::2].tolist(), strict=True))
