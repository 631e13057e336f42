"""Room kept inside a band of comfort for a weather that comes otherwise than foretold.

A room answers an error of the outside temperature linearly. What the errors of past forecasts would have done to it in
the hours until a new plan can answer is its deviation; the room kept is what all but a chance of them stay within.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gridloop.errors import OutOfRange
from gridloop.optimize.building.structure import OUTDOOR
from gridloop.optimize.devices.building import Building
from gridloop.units import FloatArray


def with_margins(
    building: Building, errors_c: FloatArray, hours: float, *, chance: float = 0.05, recourse_h: float = 3.0
) -> Building:
    """The building with its bands tightened.

    errors_c    [path, step]  outside temperature that came less the one expected, of past forecasts
    hours       length of an interval
    chance      share of the paths that may leave the band on each side
    recourse_h  an error older than so many hours has been answered by a new plan

    Raises `OutOfRange`.
    """
    if not 0 < chance < 0.5:
        raise OutOfRange(f"chance is {chance}; allowed is above 0 and below 0.5.")
    errors = np.asarray(errors_c, dtype=float)
    if errors.ndim != 2 or errors.shape[0] < 1 / chance:
        raise OutOfRange(
            f"{errors.shape[0] if errors.ndim == 2 else 0} past forecasts cannot tell a chance of {chance:g}; at least "
            f"{int(np.ceil(1 / chance))} are needed."
        )
    window = max(1, round(recourse_h / hours))
    zones = []
    for zone in building.zones:
        kept, gained = zone.model.step(hours)
        answer, state = [], gained[:, OUTDOOR]
        for _ in range(window):
            answer.append(float(state[0]))
            state = kept @ state
        deviation = np.zeros(errors.shape)
        for age, share in enumerate(answer):
            deviation[:, age:] += share * errors[:, : errors.shape[1] - age]
        low, high = np.quantile(deviation, [chance, 1 - chance], axis=0)
        zones.append(replace(zone, margin_low_k=np.clip(-low, 0, None), margin_high_k=np.clip(high, 0, None)))
    return replace(building, model=tuple(zones))
