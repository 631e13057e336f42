"""What an ageing study refuses: gaps, shares in percent, temperatures in kelvin, intervals of unknown length."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.units import FloatArray

# A solver's tolerance on a state of charge.
JUST_OUTSIDE = 1e-6
COLDEST_C, HOTTEST_C = -40.0, 80.0
ONE_HOUR = pd.Timedelta(hours=1)


@dataclass(frozen=True)
class Profile:
    """What is known of the use of some batteries.

    soc            [battery, step]
    hours          [step]
    temperature_c  [step]
    within         [step]  depth of the cycle that each interval hides
    """

    soc: FloatArray
    hours: FloatArray
    temperature_c: FloatArray
    within: FloatArray


def profile_of(
    soc: pd.DataFrame,
    temperature_c: float | pd.Series,
    hours: float | None,
    years: int,
    end_of_life: float,
    replacement_cost: float,
    within: pd.Series | None = None,
) -> Profile:
    """The profile as arrays. Raises `OutOfRange` or `GapInSeries` for the first thing that is wrong."""
    _check_numbers(years, end_of_life, replacement_cost)
    share = np.ascontiguousarray(soc.to_numpy(dtype=float).T)
    if share.shape[1] < 2:
        raise OutOfRange(f"A profile of {share.shape[1]} intervals has no use in it; give at least two.")
    missing = ~np.isfinite(share)
    if missing.any():
        first = soc.index[missing.any(axis=0)][0]
        raise GapInSeries(
            f"{int(missing.sum())} of {share.size} states of charge are missing (first at {first}). Fill them by name.",
            missing=int(missing.sum()),
        )
    low, high = float(share.min()), float(share.max())
    if low < -JUST_OUTSIDE or high > 1.0 + JUST_OUTSIDE:
        raise OutOfRange(
            f"States of charge go from {low:g} to {high:g}; allowed is 0 … 1, a share of the capacity and not percent.",
            lowest=low,
            highest=high,
        )
    return Profile(
        np.clip(share, 0.0, 1.0),
        _lengths(soc.index, hours),
        _temperature(temperature_c, soc.index),
        _hidden(within, soc.index),
    )


def _check_numbers(years: int, end_of_life: float, replacement_cost: float) -> None:
    if years != int(years) or years < 1:
        raise OutOfRange(f"years is {years}; it must be a whole number, 1 or more.")
    if not 0.0 < end_of_life < 1.0:
        raise OutOfRange(f"end_of_life is {end_of_life}; allowed is a share above 0 and below 1, such as 0.8.")
    if not 0.0 <= replacement_cost < np.inf:
        raise OutOfRange(f"replacement_cost is {replacement_cost}; it must not be negative.")


def _lengths(index: pd.Index, hours: float | None) -> FloatArray:
    """Length of every interval. [step], h"""
    if hours is not None:
        if not 0.0 < hours < np.inf:
            raise OutOfRange(f"hours is {hours}; an interval must be longer than nothing.")
        return np.full(len(index), float(hours))
    if not isinstance(index, pd.DatetimeIndex):
        raise OutOfRange("The profile has no times; give `hours`, the length of its intervals.")
    steps = np.diff(index.as_unit("ns").asi8)
    if steps[0] <= 0 or (steps != steps[0]).any():
        raise OutOfRange("The times of the profile are not regular; resample them, or give `hours`.")
    return np.full(len(index), float((index[1] - index[0]) / ONE_HOUR))


def _temperature(given: float | pd.Series, index: pd.Index) -> FloatArray:
    """Temperature of the cells in every interval. [step], °C"""
    if isinstance(given, pd.Series):
        if len(given) != len(index):
            raise OutOfRange(f"{len(given)} temperatures for {len(index)} intervals; give one per interval.")
        value = given.to_numpy(dtype=float)
        missing = int((~np.isfinite(value)).sum())
        if missing:
            raise GapInSeries(
                f"{missing} of {len(index)} temperatures are missing. Fill them by name.", missing=missing
            )
    else:
        value = np.full(len(index), float(given))
    wrong = ~((value >= COLDEST_C) & (value <= HOTTEST_C))
    if wrong.any():
        raise OutOfRange(
            f"{int(wrong.sum())} temperatures are outside {COLDEST_C:.0f} … {HOTTEST_C:.0f} °C "
            f"(first {value[wrong][0]:g}); they are in degrees Celsius.",
            wrong=int(wrong.sum()),
        )
    return value


def _hidden(given: pd.Series | None, index: pd.Index) -> FloatArray:
    """Depth of the cycle within every interval. [step]"""
    if given is None:
        return np.zeros(len(index))
    if len(given) != len(index):
        raise OutOfRange(f"{len(given)} cycles within for {len(index)} intervals; give one per interval.")
    value = given.to_numpy(dtype=float)
    missing = int((~np.isfinite(value)).sum())
    if missing:
        raise GapInSeries(f"{missing} of {len(index)} cycles within are missing. Fill them by name.", missing=missing)
    if (value < -JUST_OUTSIDE).any() or (value > 1.0 + JUST_OUTSIDE).any():
        raise OutOfRange(
            f"Cycles within intervals go from {value.min():g} to {value.max():g}; allowed is 0 … 1, a share of the "
            "capacity."
        )
    return np.asarray(np.clip(value, 0.0, 1.0))
