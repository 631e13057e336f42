"""Fade: the capacity that is left after years of the same use, in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from gridloop.optimize.ageing.chemistry import Chemistry, Knee
from gridloop.optimize.ageing.use import HOURS_PER_YEAR, Use, mean_of_a_day
from gridloop.units import FloatArray

DAYS_PER_YEAR = HOURS_PER_YEAR / 24.0
LONGEST_LIFE_YEARS = 1_000.0  # what lasts longer has no end that anybody can speak of
EXACT_YEARS = 1e-9  # a thousandth of a second: the end of life is a root of a smooth law


@dataclass(frozen=True)
class Losses:
    """Shares of the first capacity that are lost; together they are what is gone. [time]

    calendar  by time alone
    cycle     by cycles
    knee      what crumbling electrodes take on top of the two
    """

    calendar: FloatArray
    cycle: FloatArray
    knee: FloatArray

    @property
    def total(self) -> FloatArray:
        """All of them."""
        return np.asarray(self.calendar + self.cycle + self.knee)


@dataclass(frozen=True)
class Fade:
    """How a battery loses capacity under the same use year after year.

    calendar, cycle, knee  what a year adds to z of each law (see `chemistry`)
    """

    chemistry: Chemistry
    calendar: float
    cycle: float
    knee: float

    @classmethod
    def under(cls, chemistry: Chemistry, use: Use) -> Fade:
        """The fade that a use means."""
        # Laws at rest are bent (z goes with the rate to 1/p) and were found with rates of whole days: what a battery
        # does within a day counts by its mean, what seasons do by itself.
        at_rest = mean_of_a_day(chemistry.calendar(use.temperature_k, use.soc), use.hours)
        days = use.hours / use.hours.sum() * DAYS_PER_YEAR
        by_cycle = chemistry.cycling(use.stress)
        full_cycles = use.stress.depth * use.per_year
        return cls(
            chemistry,
            calendar=float((at_rest ** (1.0 / chemistry.calendar_power) * days).sum()),
            cycle=float((by_cycle ** (1.0 / chemistry.cycling_power) * full_cycles).sum()),
            knee=0.0 if chemistry.knee is None else float((full_cycles / chemistry.knee.full_cycles(use.stress)).sum()),
        )

    def losses(self, years: FloatArray | float) -> Losses:
        """Lost after so many years of service. [time]"""
        t = np.asarray(years, dtype=float)
        calendar = (self.calendar * t) ** self.chemistry.calendar_power
        cycle = (self.cycle * t) ** self.chemistry.cycling_power
        knee = np.maximum(self._crumbled(t) - calendar - cycle, 0.0)
        # A cell has no more to lose than it has.
        share = 1.0 / np.maximum(calendar + cycle + knee, 1.0)
        return Losses(*(np.asarray(part * share) for part in (calendar, cycle, knee)))

    def retention(self, years: FloatArray | float) -> FloatArray:
        """Share of the first capacity that is left. [time]"""
        return np.asarray(np.maximum(1.0 - self.losses(years).total, 0.0))

    def mean_retention(self, begin: float, end: float) -> float:
        """Mean share that is left between two moments, in years."""
        # The law is steep at the start only; thirteen points (months of a year) are exact to 2e-4 even there.
        t = np.linspace(begin, end, 13)
        return float(np.trapezoid(self.retention(t), t) / (end - begin)) if end > begin else float(self.retention(end))

    def life(self, end_of_life: float) -> float:
        """Years until no more than `end_of_life` of the capacity is left; infinite beyond a thousand."""
        if float(self.retention(LONGEST_LIFE_YEARS)) > end_of_life:
            return float("inf")
        left = lambda t: float(self.retention(t)) - end_of_life  # noqa: E731 (one line says it)
        return float(brentq(left, 0.0, LONGEST_LIFE_YEARS, xtol=EXACT_YEARS))

    def share_of_use(self, years: float) -> float:
        """Part of the fade at a moment that would stop if the battery stood still from then on."""
        losses = self.losses(years)
        if losses.knee > 0.0:
            return 1.0  # all that crumbles, crumbles by use
        by_time = self.chemistry.calendar_power * float(losses.calendar)
        by_use = self.chemistry.cycling_power * float(losses.cycle)
        return by_use / (by_time + by_use) if by_use > 0.0 else 0.0

    def _crumbled(self, t: FloatArray) -> FloatArray:
        """Share of the capacity that the loss of active material alone would take."""
        knee: Knee | None = self.chemistry.knee
        if knee is None:
            return np.zeros_like(t)
        gone = np.tanh((knee.begun + self.knee * t) ** knee.sharpness / 2.0)
        return np.asarray(np.clip(gone - knee.spare, 0.0, None))
