"""Readings of a building as arrays: checked, and long enough for what is to be found in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, GapInSeries, MissingColumn, OutOfRange, listed
from gridloop.optimize.building.structure import ALWAYS, HABIT, INPUTS, Structure, habit_waves
from gridloop.units import FloatArray

LEAST_HOURS = 168.0
"""A week: the slow mass of a building answers over days, and a working day is not a weekend."""
PER_PARAMETER = 10
"""Readings per parameter at least."""
LEAST_MOVED_K = 0.5
"""The inside has to have moved by so much; with less it tells nothing about what is stored."""
COLDEST_C, HOTTEST_C = -60.0, 70.0


@dataclass(frozen=True, eq=False)
class Readings:
    """index: starts of the intervals (UTC); hours of each; y [step] indoor, NaN where missing; u [step, input]"""

    index: pd.DatetimeIndex
    hours: float
    y: FloatArray
    u: FloatArray

    def part(self, rows: slice) -> Readings:
        """Some of them, in a row."""
        return Readings(self.index[rows], self.hours, self.y[rows], self.u[rows])


def structure_of(data: pd.DataFrame, states: tuple[str, ...], *, always: bool = False, zone: str = "UTC") -> Structure:
    """What the columns of a table allow: a boiler's temperature where no heat is there, sun and people where given."""
    return Structure(
        states,
        boiler="heat_mw" not in data and "boiler_c" in data,
        sun="sun_w_m2" in data,
        people="occupancy" in data,
        always=always,
        zone=zone,
    )


def readings_of(data: pd.DataFrame, zone: str = "UTC") -> Readings:
    """A table as arrays; zone: of the hours of a day.

    data  index = starts of regular intervals (UTC); indoor_c (at the start; NaN where it is missing), outdoor_c, and
          heat_mw or boiler_c; where there are any: sun_w_m2, occupancy. Means over the interval

    Raises `MissingColumn`, `GapInSeries` (in all but indoor_c), `OutOfRange`.
    """
    missing = [name for name in ("indoor_c", "outdoor_c") if name not in data]
    if "heat_mw" not in data and "boiler_c" not in data:
        missing.append("heat_mw (or boiler_c)")
    if missing:
        raise MissingColumn(
            f"The building's data lacks {listed(missing)}; it has {listed(list(data.columns))}.", missing=missing
        )
    index = data.index
    if not isinstance(index, pd.DatetimeIndex) or index.tz is None:
        raise OutOfRange("The building's data needs times with a zone as its index; inside gridloop that is UTC.")
    steps = np.diff(index.as_unit("ns").asi8)
    if len(index) < 2 or steps[0] <= 0 or (steps != steps[0]).any():
        odd = int(np.argmax(steps != steps[0])) + 1 if len(index) > 1 else 0
        raise OutOfRange(
            f"The building's data is not regular: {int((steps != steps[:1]).sum())} of {len(index)} intervals have "
            f"another length than the first (the first before {index[odd] if len(index) else 'any'}). Put it on "
            "intervals of one length; an indoor_c that is missing may stay NaN."
        )
    u = np.zeros((len(index), len(INPUTS)))
    u[:, ALWAYS] = 1.0
    for column, name in enumerate(INPUTS):
        if name in data and column < HABIT.start:
            u[:, column] = data[name].to_numpy(dtype=float)
            lost = int(np.isnan(u[:, column]).sum())
            if lost:
                raise GapInSeries(
                    f"The building's data: {lost} of {len(index)} values of {name} are missing (first at "
                    f"{index[np.isnan(u[:, column])][0]}). Only indoor_c may have gaps; fill this one by name.",
                    missing=lost,
                )
    y = data["indoor_c"].to_numpy(dtype=float).copy()
    for name, values in (("indoor_c", y), ("outdoor_c", u[:, 0])):
        with np.errstate(invalid="ignore"):
            strange = (values < COLDEST_C) | (values > HOTTEST_C)
        if strange.any():
            raise OutOfRange(
                f"{int(strange.sum())} of {len(index)} values of {name} are outside {COLDEST_C:g} … {HOTTEST_C:g} °C "
                f"(first {values[strange][0]:g} at {index[strange][0]}). Is it in °C?"
            )
    starts = pd.DatetimeIndex(index).tz_convert("UTC").as_unit("ns")
    u[:, HABIT] = habit_waves(starts, zone)
    return Readings(starts, float(steps[0]) / 3.6e12, y, u)


def refuse_too_short(data: Readings, structure: Structure, parameters: int) -> None:
    """Raise `BadInput` where a model cannot be told from so little: says what there is and how much is needed."""
    known = int(np.isfinite(data.y).sum())
    least = max(LEAST_HOURS, PER_PARAMETER * parameters * data.hours)
    have = known * data.hours
    if have < least:
        raise BadInput(
            f"{have:g} h of indoor readings are too short to identify {structure.name} ({parameters} parameters): at "
            f"least {least:g} h are needed, {least - have:g} h more, with heated and unheated hours among them.",
            have_h=have,
            needed_h=least,
        )
    drive = data.u[:, 5] if structure.boiler else data.u[:, 1]
    what = "boiler_c" if structure.boiler else "heat_mw"
    if float(np.ptp(drive)) <= 0:
        raise BadInput(
            f"{what} is {drive[0]:g} in all {len(drive)} intervals: what heat does to the building cannot be told from "
            "that. Data with heated and unheated hours is needed, a night's set-back for a week will do.",
            column=what,
        )
    moved = float(np.nanmax(data.y) - np.nanmin(data.y))
    if moved < LEAST_MOVED_K:
        raise BadInput(
            f"indoor_c moves by {moved:.2g} K in all of the data; at least {LEAST_MOVED_K:g} K are needed to tell what "
            "the building stores. A night's set-back for a week will do.",
            moved_k=moved,
        )
