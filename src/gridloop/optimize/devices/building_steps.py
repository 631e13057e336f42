"""What all zones of many buildings do over a horizon: each zone's own equations exactly, and heat between zones.

Heat that passes between two zones is constant within an interval, its conductance times the mean difference of their
air at the interval's two ends. So nothing is lost on the way, the rows of a plan have few terms, and what differs from
continuous exchange is of second order in the interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gridloop.optimize.building.discrete import step_of
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

    def alone(self, t: int, state: FloatArray) -> FloatArray:
        """States at the end of interval t without heat and neighbours. [state]"""
        mine = np.where(self.places >= 0, state[self.places], 0.0)
        return np.asarray((self.kept[:, :, t] * mine).sum(axis=1) + self.drift[:, t])

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
        # The flow of every link raises the air of one end and lowers the other's: a linear system of the flows.
        air = self.to_air[self.first, t]
        half = self.link_mw_per_k / 2
        per_flow = np.zeros((a.size, a.size))
        for k in range(a.size):
            for sign, zone in ((-1.0, a[k]), (1.0, b[k])):  # what flow k does to the air of both its ends
                per_flow[:, k] += half * ((a == zone).astype(float) - (b == zone)) * sign * air[zone]
        begin, end = state[self.first], x[self.first]
        free = half * (begin[a] + end[a] - begin[b] - end[b])
        flow = np.linalg.solve(np.eye(a.size) - per_flow, free)
        given = np.zeros(self.first.size)
        np.add.at(given, a, -flow)
        np.add.at(given, b, flow)
        return np.asarray(x + self.to_air[:, t] * given[self.zone])


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
    return States(first[:-1], whose, places, kept, per_mw, to_air, drift, start, links, conductance)


def _matrices(zone: Zone, lengths: FloatArray) -> tuple[FloatArray, FloatArray]:
    """kept [state, state, length], gained [state, input + 1, length]"""
    a, b = zone.model.equations()
    air = np.zeros((len(a), 1))
    air[0] = 1.0 / zone.model.values[zone.model.structure.capacities[0]]
    found = [step_of(a, np.hstack([b, air]), float(length)) for length in lengths]
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
