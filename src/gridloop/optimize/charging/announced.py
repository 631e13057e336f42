"""Announced charging: what the first plan that knew a car meant to do, as its driver was told then.

Plans are made anew all the time; a driver is told of the first, and again where enough has moved since.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from gridloop.optimize.charging.result import Charging
from gridloop.units import FloatArray, IntArray


@dataclass
class Announced:
    """Listens to `replan_charging` (its `watch`), and knows afterwards what was announced."""

    first: dict[int, tuple[int, FloatArray]] = field(default_factory=dict)

    def __call__(self, step: int, rows: IntArray, energy_mwh: FloatArray) -> None:
        """A plan: its first interval, rows of its sessions, energies [car, step ahead]."""
        for row, energy in zip(rows.tolist(), energy_mwh, strict=True):
            if row not in self.first:
                self.first[row] = step, energy.copy()

    def charging(self, done: Charging) -> Charging:
        """What was done before a car was first planned for, and from then on what its first plan meant to do.

        done  of the same `replan_charging`, every session of which came
        """
        power = done.p_mw.to_numpy(dtype=float).copy()
        hours = np.asarray(done.hours, dtype=float)
        for row, (step, energy) in self.first.items():
            last = min(step + len(energy), len(hours))
            power[step:, row] = 0.0
            power[step:last, row] = energy[: last - step] / hours[step:last]
        return replace(done, p_mw=done.p_mw.__class__(power, done.p_mw.index, done.p_mw.columns))
