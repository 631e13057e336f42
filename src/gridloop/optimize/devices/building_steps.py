"""What all zones of many buildings do over a horizon: each zone's own equations exactly, and heat between zones.

Heat that passes between two zones is constant within an interval, its conductance times the mean difference of their
air at the interval's two ends. So nothing is lost on the way, the rows of a plan have few terms, and what differs from
continuous exchange is of second order in the interval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csc_array, diags_array, eye_array
from scipy.sparse.linalg import splu

from gridloop.optimize.building.structure import ALWAYS, HEAT, INPUTS, OUTDOOR, PEOPLE, SUN
from gridloop.optimize.devices.given_numbers import over_steps
from gridloop.units import FloatArray, IntArray

if TYPE_CHECKING:
    from gridloop.optimize.devices.building import Building, Zone

AIR = len(INPUTS)  # one input more: heat that things and neighbours give to the air at once
MOST_STATES = 3


@dataclass(frozen=True, eq=False)
class States:
    """All states of all zones, zone by zone; a zone's first state is its air.

    first    [zone]          its air among all states
    zone     [state]         whose it is
    places   [state, 3]      the states of its zone, −1 where there are fewer
    kept     [state, 3, step]
    per_mw   [state, step]   K per MW of heat
    to_air   [state, step]   K per MW that reaches the zone's air at once: neighbours' heat
    drift    [state, step]   weather, sun, people and given gains
    start    [state]
    links    [link, 2]       zones that exchange heat, link_mw_per_k [link]
    length   [step]          which of the lengths that there are the interval has
    """

    first: IntArray
    zone: IntArray
    places: IntArray
    kept: FloatArray
    per_mw: FloatArray
    to_air: FloatArray
    drift: FloatArray
    start: FloatArray
    links: IntArray
    link_mw_per_k: FloatArray
    length: IntArray
    _solvers: dict[int, Callable[[FloatArray], FloatArray]] = field(default_factory=dict, init=False, repr=False)

    def alone(self, t: int, state: FloatArray) -> FloatArray:
        """States at the end of interval t without heat and neighbours. [state]"""
        # Where there is no state nothing is kept of the one that −1 points at.
        return np.asarray((self.kept[:, :, t] * state[self.places]).sum(axis=1) + self.drift[:, t])

    def answers(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Air of every zone at the end of interval t without heat [zone, t], and K per MW of heat in interval τ, and
        of what reaches the air at once [zone, t, τ]."""
        steps = self.drift.shape[1]
        free = np.empty((self.first.size, steps))
        found = [np.zeros((self.first.size, steps, steps)) for _ in range(2)]
        state, answers = self.start, [np.zeros((self.start.size, steps)) for _ in range(2)]
        there = (self.places >= 0)[..., None]
        for t in range(steps):
            state = self.alone(t, state)
            free[:, t] = state[self.first]
            for k, push in enumerate((self.per_mw, self.to_air)):
                kept = np.where(there, answers[k][self.places], 0.0) * self.kept[:, :, t, None]
                answers[k] = kept.sum(axis=1)
                answers[k][:, t] = push[:, t]
                found[k][:, t] = answers[k][self.first]
        return free, found[0], found[1]

    def after(self, t: int, state: FloatArray, heat_mw: FloatArray) -> FloatArray:
        """States at the end of interval t, from those at its beginning with so much heat. [state], [zone]"""
        x = self.alone(t, state) + self.per_mw[:, t] * heat_mw[self.zone]
        if not self.links.size:
            return x
        a, b = self.links[:, 0], self.links[:, 1]
        both = state[self.first] + x[self.first]
        flow = self._flows(t)(self.link_mw_per_k / 2 * (both[a] - both[b]))
        zones = self.first.size
        given = np.bincount(b, flow, zones) - np.bincount(a, flow, zones)
        return np.asarray(x + self.to_air[:, t] * given[self.zone])

    def _flows(self, t: int) -> Callable[[FloatArray], FloatArray]:
        """Heat on every link from what it would be if it moved no air: it raises one end's and lowers the other's, a
        linear system that only the interval's length changes."""
        if self.length[t] not in self._solvers:
            a, b = self.links[:, 0], self.links[:, 1]
            count = np.arange(len(a))
            ends = csc_array((np.repeat([1.0, -1.0], len(a)), (np.tile(count, 2), np.append(a, b))),
                             shape=(len(a), self.first.size))  # fmt: skip
            moved = ends * self.to_air[self.first, t] @ ends.T
            solver = splu(csc_array(eye_array(len(a)) + diags_array(self.link_mw_per_k / 2) @ moved))
            self._solvers[self.length[t]] = solver.solve
        return self._solvers[self.length[t]]


def zones_of(buildings: Sequence[Building]) -> list[Zone]:
    """All zones, building by building."""
    return [zone for building in buildings for zone in building.zones]


def states_of(buildings: Sequence[Building], hours: FloatArray) -> States:
    """The system over intervals of so many hours."""
    zones = zones_of(buildings)
    orders = np.array([zone.model.structure.order for zone in zones])
    first = np.concatenate([[0], np.cumsum(orders)])
    count, steps = int(first[-1]), hours.size
    outdoor = [over_steps(b.outdoor_c, steps) for b in buildings for _ in b.zones]
    lengths, which = np.unique(hours, return_inverse=True)
    places = np.full((count, MOST_STATES), -1, dtype=np.int64)
    kept = np.zeros((count, MOST_STATES, steps))
    per_mw, to_air, drift = (np.zeros((count, steps)) for _ in range(3))
    known: dict[int, tuple[FloatArray, FloatArray]] = {}
    for k, zone in enumerate(zones):
        rows, n = slice(first[k], first[k + 1]), int(orders[k])
        places[rows, :n] = np.arange(first[k], first[k + 1])
        if id(zone.model) not in known:  # zones of one model share its matrices
            known[id(zone.model)] = _matrices(zone, lengths)
        own, gained = known[id(zone.model)]
        kept[rows, :n] = own[:, :, which]
        u = np.zeros((AIR + 1, steps))
        u[OUTDOOR], u[ALWAYS] = outdoor[k], 1.0
        u[SUN], u[PEOPLE] = over_steps(zone.sun_w_m2, steps), over_steps(zone.occupancy, steps)
        u[AIR] = over_steps(zone.gains_mw, steps)
        here = gained[:, :, which]
        per_mw[rows], to_air[rows] = here[:, HEAT], here[:, AIR]
        drift[rows] = np.einsum("sit,it->st", here, u)
    links, conductance = _links(buildings)
    start = np.concatenate([zone.start for zone in zones])
    whose = np.repeat(np.arange(len(zones)), orders)
    return States(first[:-1], whose, places, kept, per_mw, to_air, drift, start, links, conductance, which)


def _matrices(zone: Zone, lengths: FloatArray) -> tuple[FloatArray, FloatArray]:
    """kept [state, state, length], gained [state, input + 1, length]"""
    found = [zone.model.step_with_air(float(length)) for length in lengths]
    return np.stack([kept for kept, _ in found], axis=-1), np.stack([gained for _, gained in found], axis=-1)


def _links(buildings: Sequence[Building]) -> tuple[IntArray, FloatArray]:
    pairs, conductance, before = [], [], 0
    for building in buildings:
        place = {zone.id: before + k for k, zone in enumerate(building.zones)}
        for one, other, mw_per_k in building.coupling:
            if mw_per_k > 0:
                pairs.append((place[one], place[other]))
                conductance.append(mw_per_k)
        before += len(building.zones)
    return np.array(pairs, dtype=np.int64).reshape(-1, 2), np.array(conductance)
