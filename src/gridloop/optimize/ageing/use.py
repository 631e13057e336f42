"""Use: from a profile of the state of charge to the stress of its cycles and its hours.

A profile stands for a stretch of life that comes again and again: after its last interval follows its first. So it has
no beginning and no end, its cycles all close, and a profile twice as long that says the same twice ages alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridloop.optimize.ageing.chemistry import ZERO_CELSIUS_K, Stress
from gridloop.optimize.ageing.rainflow import cycles_of
from gridloop.units import FloatArray

HOURS_PER_YEAR = 8_766.0  # 365.25 days
# A range below this is rounding of a solver or the last digit of a meter, and no cycle.
SMALLEST_DEPTH = 1e-4


@dataclass(frozen=True)
class Use:
    """One battery's profile, as what ages it.

    stress         of every cycle. [cycle]
    per_year       how often a cycle comes in a year, a half counting half. [cycle]
    soc            state of charge over the profile. [step]
    temperature_k  temperature over the profile. [step]
    hours          length of every step of the profile. [step]
    """

    stress: Stress
    per_year: FloatArray
    soc: FloatArray
    temperature_k: FloatArray
    hours: FloatArray

    @property
    def full_cycles_per_year(self) -> float:
        """Half the way up and down in a year, in capacities."""
        return float((self.stress.depth * self.per_year).sum())


def use_of(soc: FloatArray, hours: FloatArray, temperature_c: FloatArray, within: FloatArray) -> Use:
    """The use that a profile means.

    soc            [step]  at the end of every interval, 0 … 1, no gaps
    hours          [step]  lengths of the intervals
    temperature_c  [step]  of the cell, over the intervals
    within         [step]  depth of the cycle that goes up and back inside the interval and leaves no trace in `soc`
    """
    first = int(np.argmax(soc))
    level, kelvin = np.roll(soc, -first), np.roll(temperature_c, -first) + ZERO_CELSIUS_K
    length = np.roll(hours, -first)
    # Interval i leads from point i − 1 to point i; the one that leads to the first point is the last of the round.
    into = np.append(length[1:], length[0])
    warm = np.append(kelvin[1:], kelvin[0])
    round_ = np.append(level, level[0])
    way = np.abs(np.diff(round_))
    found = cycles_of(round_)
    kept = found.depth >= SMALLEST_DEPTH
    start, end = found.start[kept], found.end[kept]

    def between(values: FloatArray) -> FloatArray:
        up_to = np.append(0.0, np.cumsum(values))
        return np.asarray(up_to[end] - up_to[start])

    hides = within >= SMALLEST_DEPTH
    inside, inside_hours = within[hides], hours[hides]
    stress = Stress(
        depth=np.append(found.depth[kept], inside),
        middle=np.append(found.middle[kept], soc[hides]),
        temperature_k=np.append(between(warm * into) / between(into), temperature_c[hides] + ZERO_CELSIUS_K),
        c_rate=np.append(_speed(way, into)[start], 2.0 * inside / inside_hours),
    )
    years = float(hours.sum()) / HOURS_PER_YEAR
    count = np.append(found.count[kept], np.ones(inside.size))
    return Use(stress, count / years, level, kelvin, length)


def _speed(way: FloatArray, hours: FloatArray) -> FloatArray:
    """Mean speed of the day around every interval while the battery moves, both ways together. [step], 1/h"""
    moving = mean_of_a_day((way > 0.0).astype(float), hours)
    return np.asarray(mean_of_a_day(way / hours, hours) / np.where(moving > 0.0, moving, 1.0))


def mean_of_a_day(rate: FloatArray, hours: FloatArray) -> FloatArray:
    """Mean of a rate over the 24 hours around the middle of every interval of a profile without end. [step]"""
    ends = np.append(0.0, np.cumsum(hours))
    sums = np.append(0.0, np.cumsum(rate * hours))
    middle = (ends[:-1] + ends[1:]) / 2.0

    def up_to(t: FloatArray) -> FloatArray:
        rounds, rest = np.divmod(t, ends[-1])
        return np.asarray(rounds * sums[-1] + np.interp(rest, ends, sums))

    return np.asarray((up_to(middle + 12.0) - up_to(middle - 12.0)) / 24.0)
