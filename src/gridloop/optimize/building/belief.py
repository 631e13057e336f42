"""What a real-time rule can know of a building: a model of it, the air as it is read, the weather of the hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gridloop.optimize.devices.building import ZONE_SERIES, Building
from gridloop.optimize.devices.building_steps import States, states_of
from gridloop.optimize.horizon import Horizon
from gridloop.units import FloatArray

# Share of a part's error that is taken to last: half of it is learnt in a quarter of an hour.
LEARNT = 0.2


class Belief:
    """A model's states beside the real ones, corrected by readings of the air.

    Within an interval its air is set to every reading, and what a reading is off by is learnt, so that no lasting error
    stays: neighbours, a loss that the model has wrong. At its end the whole is corrected as `gains` say.
    """

    def __init__(
        self, model: Building, horizon: Horizon, parts: int, *, gains: Sequence[FloatArray] | None = None
    ) -> None:
        """parts: of an interval; gains: [state] of each zone, K per K that its air was off; None: air as it is read"""
        self.coarse: States = states_of([model], horizon.hours)
        hours = float(horizon.hours[0]) / parts
        self.fine: States = states_of([repeated(model, len(horizon), parts)], np.full(len(horizon) * parts, hours))
        self.order = [zone.model.structure.order for zone in model.zones]
        each = [np.eye(n)[0] for n in self.order] if gains is None else list(gains)
        self.correct = np.concatenate(each)
        self.state = self.coarse.start.copy()
        self.now = self.state.copy()
        self.off = np.zeros(len(self.order))
        self.moved = False

    def begin(self) -> None:
        """An interval begins."""
        self.now = self.state.copy()
        self.moved = False

    def expect(self, k: int, air: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Air at the end of part k without heat, and K per MW of it, from the air as it is read. [zone]"""
        if self.moved:
            self.off += LEARNT * (air - self.now[self.fine.first] - self.off)
        self.now[self.fine.first] = air
        left = self.fine.after(k, self.now, np.zeros(air.size))  # neighbours' heat is in it
        return left[self.fine.first] + self.off, self.fine.per_mw[self.fine.first, k]

    def given(self, k: int, heat_mw: FloatArray) -> None:
        """Heat that the zones got in part k."""
        self.now = self.fine.after(k, self.now, heat_mw)
        self.moved = True

    def end(self, t: int, heat_mw: FloatArray, air: FloatArray) -> None:
        """Interval t ends: mean heat that the zones got, and their air as it is read."""
        self.state = self.coarse.after(t, self.state, heat_mw)
        wrong = air - self.state[self.coarse.first]
        self.state = self.state + self.correct * wrong[self.coarse.zone]

    def zones(self) -> list[FloatArray]:
        """States, zone by zone."""
        return np.split(self.state, np.cumsum(self.order)[:-1])


def repeated(building: Building, steps: int, parts: int) -> Building:
    """The same with every interval cut into equal parts."""

    def cut(device: Any, names: tuple[str, ...]) -> dict[str, Any]:
        given = {name: getattr(device, name) for name in names}
        return {name: np.repeat(np.asarray(v), parts) for name, v in given.items() if np.size(v) == steps > 1}

    zones = [replace(z, **cut(z, (*ZONE_SERIES, "occupied"))) for z in building.zones]
    machines = [replace(m, **cut(m, ("capacity_mw", "cop", "cold_c", "hot_c"))) for m in building.machines]
    return replace(building, model=tuple(zones), machines=machines, **cut(building, ("outdoor_c", "carbon_t_per_mwh")))
