"""Black start as a site carries it out: the source, the plants, then circuits one by one, an AC state at every step.

A dark island stays dark until it is told to start. Then the source holds the voltage alone, plants return after five
healthy minutes (IEEE Std 1547-2018, "enter service"), and a circuit comes back where it is switched on. At the switch
it takes more than it did, since what thermostats missed they all want at once (`ColdLoad`); the excess decays. Between
two switchings lies a stretch: its limits are those at its beginning, where what is on takes the most, its energy is the
mean over it. A circuit that pulls the frequency below the first stage of relays, or that the source cannot carry, is
dropped again by its own relay.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gridloop.network.arrays import NetworkArrays
from gridloop.operate.island_grid import Balance, IslandGrid
from gridloop.operate.island_relays import SAME_MW
from gridloop.operate.island_settings import FIRST_STAGE_HZ, PLANTS_BACK_H, RANKS, SAME_H
from gridloop.operate.island_told import Event, Rows
from gridloop.operate.simulated import values_of
from gridloop.operate.site import Setpoints
from gridloop.operate.stores import Stores
from gridloop.optimize.microgrid.black_start import WARM
from gridloop.units import FloatArray

NEVER = math.inf


@dataclass(frozen=True)
class Stretch:
    """What lies between two switchings.

    begin_h, hours  within the interval
    mean      what it settles at on the mean of the stretch; peak: at its beginning, where cold loads take the most
    base      [load] MW served, without what cold loads take more
    switched  ids of what was switched on at its beginning and stayed on
    hz_low    lowest frequency after the switching
    room      how much more the source could give at its beginning [MW]
    waiting   ids of the circuits that are still off
    """

    begin_h: float
    hours: float
    mean: Balance
    peak: Balance
    base: FloatArray
    switched: tuple[str, ...]
    hz_low: float
    room: float
    waiting: tuple[str, ...]


@dataclass(frozen=True)
class Course:
    """An interval of a black start: its stretches, and what is left of it at its end.

    stored [storage] MWh; black: who is still off; warm_h: for how long the others have been on
    """

    stretches: tuple[Stretch, ...]
    stored: FloatArray
    black: tuple[str, ...]
    warm_h: Mapping[str, float]
    events: tuple[Event, ...]

    @property
    def dark_h(self) -> float:
        """Hours without voltage."""
        return sum(s.hours for s in self.stretches if s.mean.dark)


class RestoringGrid(IslandGrid):
    """An island that can go dark and come back."""

    def _excess(self, warm_h: Mapping[str, float], hours: float) -> FloatArray:
        """What loads take over what they took before it was dark, mean of the hours that follow. [load], a factor"""
        return self.plan.over_warm(np.array([warm_h.get(i, NEVER) for i in self._load_ids]), hours)

    def _restore(
        self, setpoints: Setpoints, at: pd.Timestamp, memory: Mapping[str, Any], arrays: NetworkArrays, hz: float
    ) -> Course:
        """Carry out an interval that begins dark, or with circuits that wait for their turn."""
        k, h = self.state.interval, self.hours
        was_dark = bool(memory["dark"])
        start = setpoints.pick_up.get(self.former.id, NEVER) if was_dark else 0.0
        black = set(self._load_ids) if was_dark else set(memory["black"])
        when = {i: max(start, setpoints.pick_up[i]) for i in self._load_ids if i in black and i in setpoints.pick_up}
        back = start + PLANTS_BACK_H if was_dark else 0.0
        edges = sorted({0.0, *(t for t in (start, back, *when.values()) if 0.0 < t < h - SAME_H)})
        stored, warm = np.asarray(self.state.stored_mwh), dict(memory["warm_h"])
        ev = np.zeros(len(self.sessions)) if was_dark else self._run_vehicles(setpoints, at)[0]
        generators = self.network.generator.index
        most = np.minimum(self._available[k], values_of(setpoints.generator_max_mw, generators, np.inf))
        stretches: list[Stretch] = []
        events: list[Event] = []
        if start < h:
            events += [("black_start", self.former.id, "the source holds the voltage")] if was_dark else []
        for begin, end in zip(edges, [*edges[1:], h], strict=True):
            if begin < start - SAME_H:
                stretches.append(self._nothing(arrays, begin, end - begin))
                continue
            new = [i for i, t in when.items() if abs(t - begin) <= SAME_H and i in black]
            power = most if begin >= back - SAME_H else np.zeros_like(most)
            before = -float(stretches[-1].mean.battery[self._row]) if stretches else float(memory["former_mw"])
            one = self._stretch(
                arrays, setpoints, black, new, warm, power, ev, stored, before, hz, begin, end - begin, begin < back
            )
            events += [("dropped", i, "taken off again at its switch: the source could not carry it")
                       for i in new if i not in one.switched]  # fmt: skip
            if one.mean.dark:
                events.append(("dark", self.former.id, "the island has gone dark again: the source could not hold it"))
                start, black, warm = NEVER, set(self._load_ids), {}
            else:
                stored = self._stored(one.mean.battery, stored, one.hours)
                warm = {i: t + one.hours for i, t in (warm | dict.fromkeys(one.switched, 0.0)).items()}
                # Who was taken off by relays waits like the others: everybody at once would be too much.
                black = set(one.waiting)
                warm = {i: t for i, t in warm.items() if i not in black and t < WARM * self.plan.cold_decay_h}
            stretches.append(one)
        left = tuple(i for i in self._load_ids if i in black)
        return Course(tuple(stretches), stored, left, warm, tuple(events))

    def _stretch(
        self, arrays: NetworkArrays, setpoints: Setpoints, black: set[str], new: list[str], warm: Mapping[str, float],
        power: FloatArray, ev: FloatArray, stored: FloatArray, before: float, hz: float, begin: float, hours: float,
        starting: bool,
    ) -> Stretch:  # fmt: skip
        """One stretch; circuits that cannot be carried at the switch are off again. before: what the source gave."""
        k = self.state.interval
        load, ids = self._load[k], self._load_ids
        ratio = np.divide(self._load_q[k], load, out=np.zeros_like(load), where=np.abs(load) > 1e-12)
        stores = Stores.of(self.network.storage, stored, hours)
        asked = values_of(setpoints.battery_mw, self.network.storage.index, 0.0)
        battery = np.clip(asked, -stores.most_discharge, stores.most_charge) + 0.0
        reactive = values_of(setpoints.generator_q_mvar, self.network.generator.index, 0.0) * (power > 0)
        told_off = values_of(setpoints.unserved_mw, self.network.load.index, 0.0) > 0.999 * np.clip(load, 1e-12, None)
        on = list(new)

        def settled(length: float) -> Balance:
            cold = self._excess({**warm, **dict.fromkeys(on, 0.0)}, length)
            waits = np.array([(i in black and i not in on) for i in ids])
            wanted = load * np.where(load > 0, cold, 1.0)
            off = (waits | told_off) & (load > 0)
            return self._settle(arrays, wanted, ratio * wanted, np.where(off, wanted, 0.0), off, power, reactive,
                                battery, ev, stored, hours, starting)  # fmt: skip

        peak, low = settled(0.0), hz
        while on:
            step = float(sum(peak.load[ids.index(i)] for i in on))
            low = hz + (self.former.machine(before, hz).nadir_hz(step)[0] if step > SAME_MW else 0.0)
            lost = [i for i in on if load[ids.index(i)] > SAME_MW and peak.load[ids.index(i)] <= SAME_MW]
            if not lost and low >= FIRST_STAGE_HZ and not peak.dark:
                break
            on, low = [], hz
            peak = settled(0.0)
        room = -float(peak.battery[self._row]) if peak.dark else float(peak.battery[self._row]) - self._before[0]
        mean = settled(hours)
        excess = self._excess({**warm, **dict.fromkeys(on, 0.0)}, hours)
        off = (mean.load <= SAME_MW) & (load > SAME_MW) & ~told_off
        waiting = tuple(i for i, gone in zip(ids, off, strict=True) if gone or (i in black and i not in on))
        base = mean.load / np.where(load > 0, excess, 1.0)
        return Stretch(begin, hours, mean, peak, base, tuple(on), low, room, waiting)

    def _step_rows(self, course: Course) -> Rows:
        """Every stretch that begins with a switching, and who was switched: rows for the store."""
        rows: list[tuple[str, str, float]] = []
        load, k = self._load[self.state.interval], 0
        for stretch in course.stretches:
            for i in stretch.switched:
                takes = float(stretch.peak.load[self._load_ids.index(i)])
                rows += [(i, "picked_up_h", stretch.begin_h), (i, "picked_up_mw", takes)]
            if stretch.mean.dark:
                continue
            name, k = f"step {k:03d}", k + 1
            waits = np.isin(self._load_ids, stretch.waiting) & (load > SAME_MW)
            view = self._interval(self._island_arrays, stretch.peak.solution, self.times[self.state.interval], {},
                                  stretch.peak.load, stretch.peak.load_q, stretch.peak.power)  # fmt: skip
            rows += [
                (name, "at_h", stretch.begin_h), (name, "switched", float(len(stretch.switched))),
                (name, "hz_min", stretch.hz_low), (name, "room_mw", stretch.room),
                (name, "load_mw", float(stretch.peak.load.sum())), (name, "v_min_pu", float(np.nanmin(view.v_pu))),
                (name, "v_max_pu", float(np.nanmax(view.v_pu))),
                (name, "loading_max_pct", float(np.nanmax(view.loading_pct))),
            ]  # fmt: skip
            for rank, text in enumerate(RANKS):
                mine = waits & (self.rank == rank)
                least = self.plan.cold_factor * float(load[mine].min(initial=np.inf)) if mine.any() else 0.0
                on = float(stretch.peak.load[self.rank == rank].sum())
                rows += [(name, f"{text}_on_mw", on), (name, f"{text}_next_mw", least)]
        return tuple(rows)

    def _nothing(self, arrays: NetworkArrays, begin: float, hours: float) -> Stretch:
        """A stretch without voltage."""
        none = self._dark(arrays)
        return Stretch(begin, hours, none, none, none.load, (), float("nan"), 0.0, tuple(self._load_ids))


def mean_of(course: Course, hours: float) -> tuple[Balance, FloatArray]:
    """What an interval settles at on its mean, and what loads got of it without the excess of cold ones [load]."""
    weights = [s.hours / hours for s in course.stretches]
    parts = {
        name: sum(w * getattr(s.mean, name) for w, s in zip(weights, course.stretches, strict=True))
        for name in ("load", "load_q", "power", "reactive", "battery", "ev")
    }
    dark = all(s.mean.dark for s in course.stretches)
    base = np.asarray(sum(w * s.base for w, s in zip(weights, course.stretches, strict=True)))
    return Balance(**parts, solution=course.stretches[-1].mean.solution, dark=dark), base
