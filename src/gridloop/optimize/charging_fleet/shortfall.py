"""Shortfall: who leaves without what, where a limit cannot serve all, and the least limit that could.

Energies that can be served are a polymatroid: whatever the order, the greatest total is the same, so that fairness
costs nobody anything. Cars of a greater priority are served first; within a priority the shares left without are
equalized as far as they can be: the largest one is as small as possible, then the next, and so on (leximin; on a
polymatroid that is the lexicographically optimal base, Fujishige 1980).

The largest share ρ is found by cuts. Where the cars want E and there is no room for all, a *pocket* R of full intervals
has been asked for more than its room: what a car must take in R is E less what fits outside. From

    Σ max(0, (1 − ρ) E − outside) = room of R

follows the least ρ for this pocket; with it one looks again, until all fits. Cars that the last pocket presses keep
that share. The pocket is full of them: the others can have what fits outside of it, and start again at nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridloop.optimize.charging_fleet.cars import Cars
from gridloop.optimize.charging_fleet.flow import CRUMB, Settled, settle
from gridloop.optimize.charging_fleet.pieces import pieces_of
from gridloop.units import BoolArray, FloatArray

# A common share is taken to be found where a cut moves it by less: what rounding of the energies makes of it.
SAME_SHARE = 1e-12


@dataclass(frozen=True)
class _Room:
    """Limits of a horizon, and how to ask whether energies fit."""

    cars: Cars
    limit_mwh: FloatArray
    threads: int | None

    def pocket(self, energy_mwh: FloatArray) -> BoolArray | None:
        """Intervals that are asked for more than their room, or None where all fits. [step]"""
        steps = len(self.limit_mwh)
        found = settle(pieces_of(self.cars, energy_mwh, steps, self.threads), np.zeros(steps), self.limit_mwh)
        return None if found.fits else found.pocket()


def fair_energy(cars: Cars, limit_mwh: FloatArray, threads: int | None = None) -> FloatArray:
    """Energy that every car is served, MWh. [session]

    limit_mwh  most of all cars together per interval, [step]
    """
    room = _Room(cars, limit_mwh, threads)
    if room.pocket(cars.fits_mwh) is None:
        return cars.fits_mwh.copy()
    served = np.zeros(len(cars))
    for priority in np.unique(cars.priority)[::-1]:
        served = _fair_within(cars.priority == priority, served, room)
    return served


def _fair_within(mine: BoolArray, served: FloatArray, room: _Room) -> FloatArray:
    """Served energies with those of one priority added; the others' stay as they are. [session]"""
    need = room.cars.fits_mwh
    free = mine & (need > 0.0)
    most = np.where(mine, need, served)
    want = most.copy()
    while (pocket := room.pocket(want)) is not None and free.any():
        share = 0.0
        while pocket is not None:
            outside = room.cars.most_in((~pocket).astype(float))
            left = float(room.limit_mwh[pocket].sum()) - float(np.clip(want - outside, 0.0, None)[~free].sum())
            new = _share(need[free], most[free], outside[free], max(left, 0.0))
            pressed = free & (need - outside >= (new - SAME_SHARE) * need)
            if new <= share + SAME_SHARE:
                break
            share = new
            want[free] = np.minimum((1.0 - share) * need, most)[free]
            pocket = room.pocket(want)
        if not pressed.any():
            break
        most[pressed] = want[pressed]
        free &= ~pressed
        # the pocket is full of the others: who is left can have what fits outside
        most[free] = np.minimum(most, outside)[free]
        want[free] = most[free]
    return want


def _share(need: FloatArray, most: FloatArray, outside: FloatArray, room: float) -> float:
    """Least ρ for Σ max(0, min((1 − ρ) need, most) − outside) ≤ room. All [car]"""

    def asked(share: float) -> float:
        return float(np.clip(np.minimum((1.0 - share) * need, most) - outside, 0.0, None).sum())

    corners = np.unique(np.clip(np.concatenate([[0.0, 1.0], 1.0 - most / need, 1.0 - outside / need]), 0.0, 1.0))
    low, high = 0, corners.size - 1  # asked falls with the share, in straight lines between corners
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if asked(float(corners[middle])) <= room else (middle + 1, high)
    if low == 0:
        return 0.0
    before, after = asked(float(corners[low - 1])), asked(float(corners[low]))
    part = (before - room) / (before - after)
    return float(corners[low - 1] + part * (corners[low] - corners[low - 1]))


def least_limit_mw(
    settled: Settled, base_mw: FloatArray, limit_mw: FloatArray, hours: float, price: FloatArray
) -> float:
    """How many MW more, in every interval, would serve all. The pieces are those of `settled`, which had no room."""
    more = 0.0
    for _ in range(len(base_mw)):
        pocket = settled.pocket()
        forced = float(settled.load[pocket].sum()) * settled.pieces.unit / hours
        more = (forced + float((base_mw - limit_mw)[pocket].sum())) / int(pocket.sum())
        settled = settle(settled.pieces, price, np.clip(limit_mw + more - base_mw, 0.0, None) * hours)
        if settled.fits:
            break
    return more * (1.0 + CRUMB)
