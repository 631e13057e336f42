"""A building run for real: five minutes at a time, by thermostats or by a plan, in the weather that comes.

A controller says what heat or cold every zone asks for; the plant gives what it can, split in proportion where that is
too little, by its cheapest machines first. Comfort is judged at the end of every five minutes, not of every hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import OutOfRange
from gridloop.optimize.building.belief import Belief, repeated
from gridloop.optimize.building.control import PER_HOUR, Controller, Following, Thermostat, bands_of, most_of
from gridloop.optimize.devices.building import Building
from gridloop.optimize.devices.building_steps import States, states_of
from gridloop.optimize.horizon import Horizon
from gridloop.units import BoolArray, FloatArray

# A tenth of a kelvin is what a room's sensor resolves: less beyond the band is nobody's discomfort.
FELT_K = 0.1


@dataclass(frozen=True, eq=False)
class Operated:
    """What came of it.

    table      index = starts of the intervals: p_mw (electric), fuel_mw, heat_mw, cold_mw; means
    air_c      interval × zone, at the end of every interval
    outside_k  interval × zone, mean K beyond the band over the interval's five minutes; less than `FELT_K` is none
    occupied   interval × zone
    heat_mw    interval × zone, mean; cold negative
    states     of all zones at the end
    stored_mwh heat in air and masses at the end, above 0 °C
    """

    table: pd.DataFrame
    air_c: pd.DataFrame
    outside_k: pd.DataFrame
    occupied: pd.DataFrame
    heat_mw: pd.DataFrame
    states: FloatArray
    short: pd.DataFrame
    stored_mwh: float

    @property
    def violation_kh(self) -> float:
        """K·h beyond the band in occupied hours, all zones."""
        return float(self.outside_k.where(self.occupied, 0.0).to_numpy().sum()) * self._hours

    @property
    def violation_share(self) -> float:
        """Share of the occupied zone-hours in which the band is left at some time by more than `FELT_K`."""
        there = self.occupied.to_numpy()
        return float(((self.outside_k.to_numpy() > 0) & there).sum() / max(1, there.sum()))

    @property
    def _hours(self) -> float:
        index = pd.DatetimeIndex(self.table.index)
        return float((index[1] - index[0]) / pd.Timedelta(hours=1)) if len(index) > 1 else 1.0

    def over(self, rows: slice) -> Operated:
        """The same, some of its intervals; the end stays the end."""
        return Operated(
            self.table.iloc[rows], self.air_c.iloc[rows], self.outside_k.iloc[rows], self.occupied.iloc[rows],
            self.heat_mw.iloc[rows], self.states, self.short.iloc[rows], self.stored_mwh,
        )  # fmt: skip

    def energy_mwh(self) -> float:
        """Electricity."""
        return float(self.table["p_mw"].sum()) * self._hours

    def cost(self, prices: pd.Series, fuel_eur_per_mwh: float = 0.0) -> float:
        """Money for electricity at the prices, and for fuel."""
        bought = float((self.table["p_mw"] * prices.reindex(self.table.index)).sum())
        return (bought + fuel_eur_per_mwh * float(self.table["fuel_mw"].sum())) * self._hours

    def violations(self) -> pd.DataFrame:
        """Zones that left their band while occupied: hours, K·h, and why."""
        rows = []
        for name in self.outside_k.columns:
            mine = self.outside_k[name].where(self.occupied[name], 0.0)
            if not (mine > 0).any():
                continue
            short = float((self.short[name] & (mine > 0)).sum()) / float((mine > 0).sum())
            why = "its plant had no more to give" if short > 0.5 else "its controller asked too late or too little"
            rows.append((name, int((mine > 0).sum()), float(mine.sum()) * self._hours, why))
        return pd.DataFrame(rows, columns=["zone", "intervals", "kelvin_hours", "reason"]).set_index("zone")


class Running:
    """A real building under way, interval by interval."""

    def __init__(
        self,
        building: Building,
        horizon: Horizon,
        *,
        disturbance: FloatArray | None = None,
        model: Building | None = None,
        gains: Sequence[FloatArray] | None = None,
    ) -> None:
        """disturbance: K added to all states at the end of every interval: what no model knows. [state, step]

        model, gains  what a controller takes the building to be (`Belief`); None: as it is, which a thermostat that
                      switches at its own set-points within the five minutes needs, and a rule that looks ahead must not
        """
        hours = float(horizon.hours[0])
        if not np.allclose(horizon.hours, hours):
            raise OutOfRange("A building is run on intervals of one length.")
        self.parts = max(1, round(PER_HOUR * hours))
        self.building, self.horizon = building, horizon
        self.fine: States = states_of([repeated(building, len(horizon), self.parts)],
                                      np.full(len(horizon) * self.parts, hours / self.parts))  # fmt: skip
        self.state = self.fine.start.copy()
        self.low, self.high = bands_of(building, len(horizon))
        self.plant = _Plant(building, len(horizon))
        self.heat_mw, self.cold_mw = most_of(building, len(horizon))
        self.disturbance = disturbance
        self.belief = None if model is None else Belief(model, horizon, self.parts, gains=gains)
        n, z = len(horizon), len(building.zones)
        self.air, self.outside, self.heat = (np.zeros((n, z)) for _ in range(3))
        self.short = np.zeros((n, z), dtype=bool)
        self.rows = np.zeros((n, 4))

    def run(self, controller: Controller, hours: range) -> None:
        """So many intervals, from where it stands."""
        belief = self.belief
        shape = (self.parts, len(self.building.zones))
        for t in hours:
            asked, given, air_c, drawn = np.empty(shape), np.empty(shape), np.empty(shape), np.empty((self.parts, 2))
            if belief is not None:
                belief.begin()
            for part in range(self.parts):
                k = t * self.parts + part
                air = self.state[self.fine.first]
                if belief is None:
                    alone = self.fine.after(k, self.state, np.zeros(air.size))[self.fine.first]
                    per_mw = self.fine.per_mw[self.fine.first, k]
                else:
                    alone, per_mw = belief.expect(k, air)
                asked[part] = controller.ask(t, part, air, alone, per_mw)
                wish = np.minimum(np.maximum(asked[part], -self.cold_mw[:, t]), self.heat_mw[:, t])
                given[part], *drawn[part] = self.plant.give(wish, t)
                self.state = self.fine.after(k, self.state, given[part])
                if belief is not None:
                    belief.given(k, given[part])
                if self.disturbance is not None and part == self.parts - 1:
                    self.state = self.state + self.disturbance[:, t]
                air_c[part] = self.state[self.fine.first]
            self._write(t, asked, given, air_c, drawn)
            if belief is not None:
                belief.end(t, self.heat[t], self.air[t])

    def _write(self, t: int, asked: FloatArray, given: FloatArray, air_c: FloatArray, drawn: FloatArray) -> None:
        """What happened in an interval, part by part. [part, zone]; drawn: electricity and fuel"""
        self.short[t] = (np.abs(given) < np.abs(asked) - 1e-9).any(axis=0)
        beyond = np.maximum(0.0, np.maximum(self.low[:, t] - air_c, air_c - self.high[:, t]))
        self.outside[t] = np.where(beyond > FELT_K, beyond, 0.0).mean(axis=0)
        self.heat[t] = given.mean(axis=0)
        warm, cold = given.clip(0).sum() / self.parts, (-given).clip(0).sum() / self.parts
        self.rows[t] = [*drawn.mean(axis=0), warm, cold]
        self.air[t] = air_c[-1]

    def result(self, rows: slice = slice(None)) -> Operated:
        """What came of it, over some of the intervals."""
        index = self.horizon.starts[rows]
        names = [zone.id for zone in self.building.zones]
        occupied = np.column_stack(
            [np.broadcast_to(np.asarray(z.occupied, dtype=bool), (len(self.horizon),)) for z in self.building.zones]
        )

        def wide(values: FloatArray | BoolArray) -> pd.DataFrame:
            return pd.DataFrame(values[rows], index=index, columns=names)

        table = pd.DataFrame(self.rows[rows], index=index, columns=["p_mw", "fuel_mw", "heat_mw", "cold_mw"])
        return Operated(table, wide(self.air), wide(self.outside), wide(occupied), wide(self.heat), self.state.copy(),
                        wide(self.short), float(self._capacities() @ self.state))  # fmt: skip

    def _capacities(self) -> FloatArray:
        """MWh per K of every state."""
        models = [zone.model for zone in self.building.zones]
        return np.array([m.values[name] for m in models for name in m.structure.capacities])


class _Plant:
    """Machines by loop, and what they take for what they give."""

    def __init__(self, building: Building, steps: int) -> None:
        self.loops = []
        for key in sorted({(m.cooling, m.loop) for m in building.machines}):
            mine = [m for m in building.machines if (m.cooling, m.loop) == key]
            served = np.array([(z.cooling if key[0] else z.heating) == key[1] for z in building.zones])
            width = np.concatenate([m.pieces(steps)[0] for m in mine])
            slope = np.concatenate([m.pieces(steps)[1] for m in mine])
            electric = np.concatenate([np.full(len(m.pieces(1)[0]) if np.size(m.cop) == 1 else len(m.pieces(steps)[0]),
                                               m.electric) for m in mine])  # fmt: skip
            price = np.array([0.0 if m.electric else float(m.fuel_eur_per_mwh or 0.0) for m in mine])
            # Cheapest first: by energy where all are electric; a fuel counts by its price against 100 a MWh.
            worth = np.concatenate([np.full(len(m.pieces(steps)[0]), 1.0 if m.electric else p / 100.0)
                                    for m, p in zip(mine, price, strict=True)])  # fmt: skip
            order = np.argsort(slope * worth[:, None], axis=0, kind="stable")
            width, slope = np.take_along_axis(width, order, 0), np.take_along_axis(slope, order, 0)
            ends = np.cumsum(width, axis=0)
            self.loops.append((key[0], np.flatnonzero(served), width, ends - width, ends[-1], slope, electric[order]))

    def give(self, asked: FloatArray, t: int) -> tuple[FloatArray, float, float]:
        """What the zones get, and the electricity and fuel it takes. [MW]"""
        given, power, fuel = np.zeros(asked.size), 0.0, 0.0
        for cold, served, width, below, most, slope, electric in self.loops:
            wish = np.maximum(-asked[served] if cold else asked[served], 0.0)
            total = float(wish.sum())
            if total <= 0:
                continue
            made = min(total, float(most[t]))
            given[served] += (-1.0 if cold else 1.0) * wish * (made / total)
            energy = np.minimum(np.maximum(made - below[:, t], 0.0), width[:, t]) * slope[:, t]
            mine = float(energy[electric[:, t]].sum())
            power += mine
            fuel += float(energy.sum()) - mine
        return given, power, fuel


def run_thermostat(
    building: Building, horizon: Horizon, thermostat: Thermostat, *, disturbance: FloatArray | None = None
) -> Operated:
    """The baseline: the building by thermostats with set-back, in its own (true) weather."""
    running = Running(building, horizon, disturbance=disturbance)
    running.run(thermostat.on(building, horizon), range(len(horizon)))
    return running.result()


def run_given(
    building: Building,
    horizon: Horizon,
    heat_mw: pd.DataFrame | None,
    *,
    model: Building | None = None,
    lead_h: float = 0.0,
    disturbance: FloatArray | None = None,
    gains: Sequence[FloatArray] | None = None,
) -> Operated:
    """The plant's own schedule: heat per zone as it is given (interval × zone, cold negative), the band kept beyond.

    heat_mw  None: no plan at all; the real-time rule alone keeps the band, from `lead_h` hours before it tightens
    model    what the rule takes the building to be; None: it is told the truth, which nobody's rule is
    """
    running = Running(building, horizon, disturbance=disturbance, model=model, gains=gains)
    following = Following.on(building, len(horizon), running.parts, lead_h=lead_h, hours=float(horizon.hours[0]))
    if heat_mw is not None:
        following.heat_mw = heat_mw[[zone.id for zone in building.zones]].to_numpy(dtype=float).T.copy()
    running.run(following, range(len(horizon)))
    return running.result()
