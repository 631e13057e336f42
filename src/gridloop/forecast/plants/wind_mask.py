"""Wind masks: output that says nothing about the wind — curtailed, unavailable, off the power curve — found and named.

What the operator recorded comes first: energy lost to curtailment, and to turbines that were not available. The rest is
found by the power curve: intervals far from what the others gave at the same wind speed, and sensors that stand still.
The data stay as they are; masked intervals become gaps in what a model learns from, and the report says how many.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.forecast.plants.wind_curve import PowerCurve
from gridloop.units import BoolArray, FloatArray

REASONS = ("curtailed", "unavailable", "impossible", "frozen", "stopped", "off the curve")
TOO_MUCH = 1.1
"""Output above this share of capacity, or below minus a twentieth of it, is no reading."""

TOO_LITTLE = -0.05
STILL_H = 2.0
"""A wind speed that does not move for so long, to the last digit, is a frozen sensor."""

FAR, LEAST_FAR = 6.0, 0.08
"""Off the curve: so many robust deviations of its class of speed, and at least this share of capacity."""

ROUNDS = 2
"""The curve is fitted again without what was found."""

STOPPED_FROM = 0.1
"""Nothing where the curve says more than this share: stopped."""

TO_SIGMA = 0.6744897501960817


@dataclass(frozen=True)
class Masked:
    """What was found.

    power   MW, NaN where masked
    reason  one of `REASONS` per masked interval, empty text elsewhere
    curve   the power curve of the sound intervals; None without wind speed
    """

    power: pd.Series
    reason: pd.Series
    curve: PowerCurve | None

    def report(self) -> dict[str, int]:
        """Intervals by reason, those that were found."""
        counts = self.reason[self.reason != ""].value_counts()
        return {name: int(counts[name]) for name in REASONS if name in counts}


def mask_wind(
    power: pd.Series, capacity_mw: float, *,
    speed: pd.Series | None = None, curtailed: pd.Series | None = None, unavailable: pd.Series | None = None,
) -> Masked:  # fmt: skip
    """Masks of one farm or turbine.

    power        UTC start of interval → MW, evenly spaced; NaN is a gap
    speed        wind speed [m/s] at the same intervals
    curtailed, unavailable  energy lost to it in the interval, any unit: above zero is masked

    Raises `OutOfRange` where the capacity is not above zero or an input lies on other intervals.
    """
    if not (np.isfinite(capacity_mw) and capacity_mw > 0.0):
        raise OutOfRange(f"capacity: {capacity_mw:g} MW; give the rated power, above 0.", capacity_mw=capacity_mw)
    for name, given in (("speed", speed), ("curtailed", curtailed), ("unavailable", unavailable)):
        if given is not None and not given.index.equals(power.index):
            raise OutOfRange(f"mask: {name} lies on other intervals than the power. Reindex it first.", name=name)
    share = power.to_numpy(dtype=float) / capacity_mw
    code = np.full(len(share), -1)

    def mark(reason: str, where: BoolArray) -> None:
        code[where & (code < 0) & np.isfinite(share)] = REASONS.index(reason)

    for name, lost in (("curtailed", curtailed), ("unavailable", unavailable)):
        if lost is not None:
            mark(name, np.asarray(lost.to_numpy(dtype=float) > 0.0))
    mark("impossible", (share > TOO_MUCH) | (share < TOO_LITTLE))
    curve = None
    if speed is not None:
        wind = speed.to_numpy(dtype=float)
        mark("frozen", _still(wind, _steps(power, STILL_H)))
        for _ in range(ROUNDS):
            sound = code < 0
            curve = PowerCurve.fit(np.where(sound, wind, np.nan), np.where(sound, share, np.nan))
            expected = curve.at(wind)
            mark("stopped", (share <= 0.0) & (expected > STOPPED_FROM))
            mark("off the curve", _far(wind, share - expected, code < 0))
    names = np.array([*REASONS, ""], dtype=object)
    return Masked(power.where(code < 0), pd.Series(names[code], index=power.index, name="reason"), curve)


def _steps(power: pd.Series, hours: float) -> int:
    index = pd.DatetimeIndex(power.index)
    step = (
        pd.Timedelta(int(np.median(np.diff(index.as_unit("ns").asi8))), "ns") if len(index) > 1 else pd.Timedelta("1h")
    )
    return max(2, int(np.ceil(pd.Timedelta(hours=hours) / step)))


def _still(wind: FloatArray, steps: int) -> BoolArray:
    """Runs of at least so many equal speeds above zero."""
    new = np.r_[True, ~(wind[1:] == wind[:-1])]
    run = np.cumsum(new) - 1
    length = np.bincount(run)[run]
    return np.asarray((length >= steps) & (wind > 0.0))


def _far(wind: FloatArray, off: FloatArray, sound: BoolArray) -> BoolArray:
    """Far from the curve, in deviations of the speed's own class."""
    known = np.isfinite(wind) & np.isfinite(off)
    of = np.where(known, np.nan_to_num(wind), 0.0).astype(np.int64)
    spread = np.full(int(of.max(initial=0)) + 1, np.inf)
    for c in np.unique(of[known & sound]):
        spread[c] = np.median(np.abs(off[known & sound & (of == c)])) / TO_SIGMA
    return known & (np.abs(np.nan_to_num(off)) > np.maximum(FAR * spread[of], LEAST_FAR))
