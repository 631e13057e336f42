"""Labels and ends that a group of buildings writes its rows with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gridloop.optimize.devices.building import Building
from gridloop.optimize.devices.given_numbers import over_steps
from gridloop.optimize.linear import NO_VARIABLE
from gridloop.units import BoolArray, FloatArray, IntArray


def until(steps: int) -> BoolArray:
    """Whether an interval [axis 1] is not after another [axis 0]."""
    return np.tri(steps, dtype=bool)


def end_of(
    buildings: Sequence[Building], has_heat: BoolArray, has_cold: BoolArray, steps: int
) -> tuple[FloatArray, FloatArray]:
    """1 for zones that end no colder than `at`, −1 for no warmer, 0 for free ones; and `at`. [zone]

    A zone that is warmed and cooled counts as warmed where it is colder outside than inside on the mean.
    """
    sign, at, k = [], [], 0
    for building in buildings:
        outdoor = float(over_steps(building.outdoor_c, steps).mean())
        for zone in building.zones:
            start = float(zone.start[0])
            warmed = has_heat[k] and (not has_cold[k] or outdoor < start)
            cooled = has_cold[k] and not warmed
            sign.append(float(building.returns) * (1.0 if warmed else -1.0 if cooled else 0.0))
            low, high = zone.band(steps)
            at.append(min(max(start, low[-1]), high[-1]))
            k += 1
    return np.array(sign), np.array(at)


def gathered(
    lists: Sequence[Sequence[int]], labels: IntArray, factors: FloatArray | None
) -> tuple[IntArray, FloatArray]:
    """Labels [row, step, term] of the listed rows of labels [·, step], and their factors."""
    widest = max(1, *(len(found) for found in lists)) if lists else 1
    steps = labels.shape[1]
    gathered = np.full((len(lists), steps, widest), NO_VARIABLE, dtype=np.int64)
    numbers = np.zeros((len(lists), steps, widest))
    for row, found in enumerate(lists):
        if len(found):
            gathered[row, :, : len(found)] = labels[list(found)].T
            numbers[row, :, : len(found)] = 1.0 if factors is None else factors[list(found)].T
    return gathered, numbers
